"""How each statement is lowered: its forward emission beside its pull, one file a statement."""
