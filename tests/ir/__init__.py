"""The intermediate form: regions, structural keys."""
