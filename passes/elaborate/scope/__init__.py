"""What a body sees: registers, names, types and places."""
