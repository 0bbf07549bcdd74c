"""Plans for lists of modules that are not reversible: what is kept, and what runs again."""
