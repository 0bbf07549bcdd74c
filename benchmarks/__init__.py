"""What revc is measured by; every script prints a table, or with --json an array."""
