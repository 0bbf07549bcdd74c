"""The Triton back end; importing this package does not import Triton."""

__all__: list[str] = []
