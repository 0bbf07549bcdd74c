"""What a compiled model runs on: the module, its passes, its nets, and the entropy coder."""
