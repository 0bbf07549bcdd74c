"""Random expressions of a wanted shape, kept to moderate values."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.programs.kinds import Kind, Shape, Size, shape_text
from tests.programs.scope import NetRule, Scope

FUNCTIONS = (
    "tanh({})", "sin({})", "cos({})", "sigmoid({})", "softplus(tanh({}))", "relu({})", "gelu({})",
    "silu({})", "softsign({})", "sqrt(1 + abs({}))", "log(2 + abs({}))", "exp(tanh({}))",
    "tan(tanh({}) / 2)", "-{}",
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Target:
    """A place that a statement changes: its text, its register, its shape, and what part it is.

    `rest` are slices of the same register, by their text and shape, that do not meet the place.
    """

    text: str
    name: str
    shape: Shape
    rest: tuple[tuple[str, Shape], ...] = ()


class Writer:
    """Writes expressions that may stand in one statement of a scope; notes what they read."""

    def __init__(
        self, scope: Scope, target: Target | None = None, masks: bool = False, sliced: bool = True
    ) -> None:
        self.scope, self.spec, self.rng = scope, scope.spec, scope.spec.rng
        self.target, self.masks, self.sliced = target, masks, sliced
        self.read: set[str] = set()
        hidden = {target.name} if target is not None else set()
        self.known = {
            name: kind
            for name, kind in scope.readable().items()
            if not scope.sources(frozenset({name})) & hidden
        }

    # --- reads -------------------------------------------------------------------------------

    def reads(self, fits: Callable[[Shape], bool], label: bool = False) -> list[tuple[str, Shape]]:
        """Return the texts and shapes of the reads whose shape fits."""
        found = []
        for name, kind in self.known.items():
            if bool(kind.label) == label:
                found += [(text, shape) for text, shape in self._parts(name, kind) if fits(shape)]
        if self.target is not None and not label:
            found += [(text, shape) for text, shape in self.target.rest if fits(shape)]
        return found

    def _parts(self, name: str, kind: Kind) -> list[tuple[str, Shape]]:
        shape = kind.shape
        parts = [(name, shape)]
        if not self.sliced:
            return parts
        last = shape[-1]
        if len(shape) > 1 and last.bound and last.coefficient > 2:
            k = self.rng.randint(1, last.coefficient - 1)
            parts.append((f"{name}[.., :{k}]", (*shape[:-1], Size(k))))
            parts.append((f"{name}[.., {k}:]", (*shape[:-1], Size(last.coefficient - k))))
        if len(shape) > 2 and shape[1].bound:
            at = self.rng.randrange(shape[1].coefficient)
            parts.append((f"{name}[:, {at}]", (shape[0], *shape[2:])))
        for turn, count in self.scope.turns:
            if len(shape) > 2 and _within(count, shape[1]):
                texts = positions(turn, count, shape[1])
                parts += [(f"{name}[:, {at}]", (shape[0], *shape[2:])) for at in texts]
        return parts

    def pick(self, found: list[tuple[str, Shape]]) -> tuple[str, Shape]:
        text, shape = self.rng.choice(found)
        self.read.add(text.split("[")[0])
        return text, shape

    # --- expressions -------------------------------------------------------------------------

    def value(self, shape: Shape, depth: int = 2, nets: bool = True) -> str | None:
        """Return an expression of `shape`, None where nothing of the kind can be read."""
        makers = [self._leaf] if depth == 0 else [self._leaf, self._sum, self._function]
        if nets and shape[-1].bound and len(shape) > 1:
            makers += [self._net] * 4
        self.rng.shuffle(makers)
        for maker in makers:
            found = maker(shape, depth, nets)
            if found is not None:
                return found
        return None

    def _leaf(self, shape: Shape, _depth: int, nets: bool) -> str | None:
        found = self.reads(lambda s: s == shape)
        if nets and shape[-1].bound and self.spec.chance(0.12):
            own = shape_text(shape[1:] if self._all_bound(shape[1:]) else shape[-1:])
            return f"parameter({own}, init = 0.5)"
        if not found:
            return None
        text = self.pick(found)[0]
        if self.spec.chance(0.2):
            return f"{self._number()} * {text}"
        return text

    def _all_bound(self, shape: Shape) -> bool:
        return len(shape) > 0 and all(size.bound for size in shape)

    def _number(self) -> str:
        texts = ["0.5", "0.25", "1/3", "-0.5", *self.scope.numbers]
        texts += [f"({turn} + 1) / 4" for turn, _ in self.scope.turns]
        return self.rng.choice(texts)

    def _sum(self, shape: Shape, depth: int, nets: bool) -> str | None:
        left, right = self.value(shape, depth - 1, nets), self.value(shape, depth - 1, nets)
        if left is None or right is None:
            return None
        form = self.rng.choice(
            ("{} + {}", "{} - ({})", "tanh({}) * ({})", "({}) / (2 + abs({}))", "{} + 0.5 * ({})",
             "{} + 1/4 - ({})")
        )  # fmt: skip
        return form.format(left, right)

    def _function(self, shape: Shape, depth: int, nets: bool) -> str | None:
        inner = self.value(shape, depth - 1, nets)
        if inner is None:
            return None
        form = self.rng.choice(FUNCTIONS)
        return form.format(f"({inner})" if form == "-{}" else inner)

    # --- nets --------------------------------------------------------------------------------

    def argument(self, lead: Shape, width: Size | None = None) -> tuple[str, Shape] | None:
        """Return something that a net reads: leading axes `lead`, a bound last axis."""
        found = self.reads(
            lambda s: len(s) == len(lead) + 1 and s[:-1] == lead and s[-1].bound
            and width in (None, s[-1])
        )  # fmt: skip
        if not found:
            return None
        text, shape = self.pick(found)
        form = self.rng.choice(("{}", "{}", "norm({})", "norm({}, kind = rms)", "tanh({})"))
        return form.format(text), shape

    def _net(self, shape: Shape, _depth: int, _nets: bool) -> str | None:
        makers = [self._linear, self._mlp, self._gate, self._norm, self._declared, self._embedding]
        makers.append(self._mean)
        if len(shape) == 3:
            makers.append(self._attention)
        if len(shape) == 4:
            makers += [self._conv] * 3 + [self._window]
        if self.masks and self.spec.bits and "dropout" not in self.spec.left_out:
            makers.append(self._dropout)
        self.rng.shuffle(makers)
        for maker in makers:
            found = maker(shape)
            if found is not None:
                return found
        return None

    def arguments(self, shape: Shape) -> str | None:
        """Return one or two arguments for a net that answers with `shape`."""
        first = self.argument(shape[:-1])
        if first is None:
            return None
        second = self.argument(shape[:-1]) if self.spec.chance(0.25) else None
        return first[0] if second is None else f"{first[0]}, {second[0]}"

    def _linear(self, shape: Shape) -> str | None:
        args = self.arguments(shape)
        bias = ", bias = false" if self.spec.chance(0.2) else ""
        return None if args is None else f"linear({args}, out = {shape[-1]}{bias})"

    def _mlp(self, shape: Shape) -> str | None:
        args = self.arguments(shape)
        act = self.rng.choice(("", ", act = gelu", ", act = silu", ", act = swiglu"))
        width = self.rng.randint(2, 6)
        return None if args is None else f"mlp({args}, width = {width}{act}, out = {shape[-1]})"

    def _gate(self, shape: Shape) -> str | None:
        args = self.arguments(shape)
        return None if args is None else f"sigmoid(gate({args}, out = {shape[-1]}))"

    def _norm(self, shape: Shape) -> str | None:
        found = self.reads(lambda s: s == shape)
        if not found:
            return None
        kind = self.rng.choice(("", ", kind = rms", ", kind = layer", ", eps = 0.01"))
        return f"norm({self.pick(found)[0]}{kind})"

    def _embedding(self, shape: Shape) -> str | None:
        found = self.reads(lambda s: s == shape[:-1], label=True)
        if not found:
            return None
        text = self.pick(found)[0]
        labels = self.known[text.split("[")[0]].label
        return f"embedding({labels}, {text}, out = {shape[-1]})"

    def _attention(self, shape: Shape) -> str | None:
        arg = self.argument(shape[:-1], shape[-1])
        if arg is None:
            return None
        width = shape[-1].coefficient
        heads = self.rng.choice([h for h in (1, 2, 4) if width % h == 0])
        options = f"heads = {heads}"
        if heads > 1 and self.spec.chance(0.3):
            options += f", kv_heads = {heads // 2}"
        if (width // heads) % 2 == 0 and self.spec.chance(0.4):
            options += ", rotary = true"
        options += self.rng.choice(
            ("", ", causal = true", ", window = 2", ", causal = true, window = 2")
        )
        return f"attention({arg[0]}, {options})"

    def _conv(self, shape: Shape) -> str | None:
        found = self.reads(
            lambda s: len(s) == 4 and s[0] == shape[0] and s[2:] == shape[2:] and s[1].bound
        )
        if not found or not shape[1].bound:
            return None
        options = self.rng.choice(
            ("", ", layers = 1", ", act = silu", ", kernel = 1", ", kernel = 3, layers = 3")
        )
        text = self.pick(found)[0]
        return f"conv({text}, width = {self.rng.randint(2, 4)}, out = {shape[1]}{options})"

    def _window(self, shape: Shape) -> str | None:
        found = self.reads(lambda s: s == shape and s[1].bound)
        if not found:
            return None
        options = ("stride = 1, kernel = 3", "stride = 1, kernel = 3, kind = max")
        net = self.rng.choice((*(f"pool({{}}, {one})" for one in options), "group_norm({})"))
        return net.format(self.pick(found)[0])

    def _mean(self, shape: Shape) -> str | None:
        found = [
            (text, (*kind[:axis], *kind[axis + 1 :]), axis)
            for text, kind in self.reads(lambda s: len(s) == len(shape) + 1)
            for axis in range(1, len(kind))
        ]
        fitting = [
            (f"mean({text}, along = {axis})", kind) for text, kind, axis in found if kind == shape
        ]
        if not fitting:
            return None
        text = self.rng.choice(fitting)[0]
        self.read.add(text.removeprefix("mean(").split("[")[0].split(",")[0])
        return text

    def _dropout(self, shape: Shape) -> str | None:
        writer = Writer(self.scope, self.target)
        inner = writer.value(shape, 1)
        self.read |= writer.read
        # What reads nothing has no example's axis to mask; `read` has what was only tried, too.
        if inner is None or not writer.read.intersection(_WORD.findall(inner)):
            return None
        return f"dropout({inner}, p = {self.rng.choice(('0.25', '0.5', '1/4', '0'))})"

    def _declared(self, shape: Shape) -> str | None:
        nets = {**self.spec.nets, **self.scope.nets}
        names = [name for name, rule in nets.items() if rule.gives == shape]
        self.rng.shuffle(names)
        for name in names:
            args = self._of(nets[name])
            if args is not None:
                return f"{name}({args})"
        return None

    def _of(self, rule: NetRule) -> str | None:
        texts = []
        for wanted in rule.takes:
            found = self.reads(lambda s, wanted=wanted: s == wanted)
            if not found:
                return None
            texts.append(self.pick(found)[0])
        return ", ".join(texts)


def positions(turn: str, count: Size, axis: Size) -> list[str]:
    """Return positions on an axis that a turn reaches: the last one from both ends."""
    found = [turn, f"{axis} - 1 - {turn}"]
    if count.bound and axis.bound and count.coefficient < axis.coefficient:
        found.append(f"{turn} + {axis.coefficient - count.coefficient}")
    return found


def _within(count: Size, axis: Size) -> bool:
    return count == axis or (count.bound and axis.bound and count.coefficient <= axis.coefficient)
