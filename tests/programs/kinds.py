"""Types of registers as the generator knows them: a numerics and sizes, free ones by name."""

from dataclasses import dataclass

LATTICES = {
    # text: integer bits, fraction bits
    "lattice(Q12.20)": (12, 20),
    "lattice(Q16.16)": (16, 16),
    "lattice(Q8.24)": (8, 24),
    "lattice(Q8.8)": (8, 8),
    "lattice(Q24.40)": (24, 40),
    "lattice(Q32.32)": (32, 32),
}


@dataclass(frozen=True)
class Size:
    """``coefficient`` times free dims; a size without free dims is bound."""

    coefficient: int
    free: tuple[str, ...] = ()

    @property
    def bound(self) -> bool:
        return not self.free

    def __mul__(self, other: "Size | int") -> "Size":
        other = Size(other) if isinstance(other, int) else other
        free = tuple(sorted(self.free + other.free))
        return Size(self.coefficient * other.coefficient, free)

    def over(self, parts: int) -> "Size":
        assert self.coefficient % parts == 0
        return Size(self.coefficient // parts, self.free)

    def divides_by(self, parts: int) -> bool:
        return self.coefficient % parts == 0

    def value(self, sizes: dict[str, int]) -> int:
        total = self.coefficient
        for name in self.free:
            total *= sizes[name]
        return total

    def __str__(self) -> str:
        if self.bound:
            return str(self.coefficient)
        names = "*".join(self.free)
        return names if self.coefficient == 1 else f"{self.coefficient}*{names}"


Shape = tuple[Size, ...]


@dataclass(frozen=True)
class Kind:
    """The type of a register, given or read; `numerics` as a spec writes it."""

    numerics: str
    shape: Shape

    @property
    def label(self) -> int:
        """The number of labels, 0 for anything else."""
        return int(self.numerics[6:-1]) if self.numerics.startswith("label") else 0

    @property
    def lattice(self) -> bool:
        return self.numerics.startswith("lattice")

    @property
    def width(self) -> int:
        return sum(LATTICES[self.numerics]) if self.lattice else 0

    @property
    def coarse(self) -> bool:
        return self.lattice and LATTICES[self.numerics][1] < 16

    def shaped(self, shape: Shape) -> "Kind":
        return Kind(self.numerics, shape)


def shape_text(shape: Shape) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"
