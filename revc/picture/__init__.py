"""Pictures of specs: blocks as lanes that run down, drawn without torch."""
