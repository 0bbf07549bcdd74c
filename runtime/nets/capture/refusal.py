"""Why a module is not captured; it is then called as it is."""


class Refusal(Exception):
    """A module cannot be traced into a graph that does what it does; says why.

    `draws` says that it is known to draw random numbers.
    """

    def __init__(self, why: str, draws: bool = False) -> None:
        super().__init__(why)
        self.draws = draws
