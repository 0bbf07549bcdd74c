"""revc: a declarative compiler from a model spec to an exactly reversible PyTorch graph."""
