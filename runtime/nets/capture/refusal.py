"""Why a module is not captured; it is then called as it is."""


class Refusal(Exception):
    """A module cannot be traced into a graph that does what it does; says why."""
