"""The intermediate form: reversible instructions over linear registers."""
