"""Plans of recomputation under a memory budget, for chains of segments; knows no model."""
