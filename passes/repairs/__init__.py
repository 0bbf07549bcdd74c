"""Repairs that are worked out on the tree: one file a sort, one line each in `table`."""
