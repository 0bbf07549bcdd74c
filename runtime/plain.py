"""What JSON gives back, as the immutable data that it was written from."""

from typing import Any


def frozen(value: Any) -> Any:
    """Return a value with every list in it as a tuple: JSON knows no other sequence."""
    if isinstance(value, list):
        return tuple(frozen(item) for item in value)
    if isinstance(value, dict):
        return {name: frozen(item) for name, item in value.items()}
    return value
