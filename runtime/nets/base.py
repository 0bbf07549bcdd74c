"""What the built-in nets have in common."""

from torch import nn


class Net(nn.Module):
    """A built-in net: compiled graphs take its parameters, in order, and never call it."""
