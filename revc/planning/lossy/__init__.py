"""Activations kept in fewer bits than they have: gradients become approximate."""
