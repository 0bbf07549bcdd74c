"""Programs run backwards, from a result of theirs or from any values of the right shapes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from revc.errors import BindError, ReconstructionError
from revc.runtime.findings import Findings
from revc.runtime.metered.session import Options, Session
from revc.runtime.nets.keys import Keys
from revc.runtime.run import guard
from revc.runtime.run.descent import Descent, reading_bits
from revc.runtime.run.held import encoded
from revc.runtime.run.holder import Holder, origin_of
from revc.runtime.run.intake import Intake
from revc.runtime.run.modes import RunMode, mode_of, restored
from revc.runtime.run.opening import open_bits
from revc.runtime.run.result import holder_of
from revc.runtime.run.run import Run

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel


def invert(model: "ReversibleModel", out: Any, values: Mapping[str, Tensor]) -> Any:
    """Return the inputs that give `out`, or the results `values`; see `ReversibleModel.inverse`.

    Raises:
        BindError: the program forgets; the result came from compiled code, lost its bits or was
            changed beside them; or a result or a given is missing or does not fit.
        NonFiniteError: an allocated register does not come back to its value.
        ReconstructionError: the inverse does not come back to the inputs of the run.
    """
    at = model.interface
    at.check_reversible("inverse")
    _check_names(model, values)
    if out is None:
        return single(_invert_values(model, dict(values)))
    holder, shown = _opened(model, out)
    shown |= values
    if holder is None:
        return single(_invert_values(model, shown))
    ran = holder.ran
    if ran.mode is None:
        raise BindError(
            "this result comes from torch.compile, whose nets round differently than the "
            f"inverse's: run {at.name} in eager mode to invert it bit for bit"
        )
    edited = {n: v for n, v in shown.items() if n in values or _is_edited(n, v, holder)}
    if edited and at.plan:
        raise BindError(
            f"{', '.join(edited)} changed since the run, and the bits that {at.name} left do not "
            "fit that: pass all results by name, and what the tape held is drawn afresh"
        )
    if at.plan and ran.session is None:
        raise BindError(
            f"this result of {at.name} was copied without its bits: invert the one that the "
            "forward pass returned"
        )
    slots = [slot for slot in (*at.gives, *at.givens) if slot.name in edited]
    at.bound(slots, edited, dict(zip(at.sizes, ran.mode.sizes, strict=True)))
    names = [slot.name for slot in at.givens]
    givens = dict(zip(names, ran.givens, strict=True)) | {n: shown[n] for n in names if n in shown}
    changed = [slot for slot in (*at.gives, *at.givens) if slot.name in edited]
    if changed:
        sizes = dict(zip(at.sizes, ran.mode.sizes, strict=True))
        Intake(at.name, changed, shown, sizes, strict=True).admit().settle()
    raw = [
        encoded(slot, edited[slot.name]) if slot.name in edited else value
        for slot, value in zip(at.gives, ran.raw, strict=True)
    ]
    check = None if edited or set(values) else ran.check
    return single(go_back(model, ran.mode, raw, givens, ran.session, check, ran.keys))


def _check_names(model: "ReversibleModel", values: Mapping[str, Tensor]) -> None:
    """Refuse names that the program does not have, and values that are no tensors."""
    at = model.interface
    names = [slot.name for slot in (*at.gives, *at.givens)]
    for name, value in values.items():
        if name not in names:
            raise BindError(f"{at.name} gives {', '.join(names)}; {name!r} does not fit")
        if not isinstance(value, Tensor):
            raise BindError(f"{name} is a {type(value).__name__}, not a tensor")


def _opened(model: "ReversibleModel", out: Any) -> tuple[Holder | None, dict[str, Tensor]]:
    """Return what holds the run of a result, and its values by name."""
    at = model.interface
    if model.plain and isinstance(out, Tensor):
        origin = origin_of(out)
        holder = None if origin is None else origin.holder
        return holder, {at.gives[0].name: out}
    if not isinstance(out, model._result):
        raise BindError(f"inverse takes what {at.name} returned, not a {type(out).__name__}")
    found: Any = out
    shown = {n: v for n, v in found._asdict().items() if n not in at.emits}
    return holder_of(found), shown


def _is_edited(name: str, value: Tensor, holder: Holder) -> bool:
    """Say whether a value is another than the one that the run gave under its name."""
    if not guard.readable(value):
        return False
    origin = origin_of(value)
    if origin is None or origin.holder is not holder:
        return True
    return origin.field != name or not origin.is_untouched(value)


def _invert_values(model: "ReversibleModel", values: dict[str, Tensor]) -> list[Tensor]:
    """Go back from values of the results; a program with bits draws what its tape would hold."""
    at = model.interface
    slots = (*at.gives, *at.givens)
    names = [slot.name for slot in slots]
    if missing := [name for name in names if name not in values]:
        raise BindError(f"inverse of {at.name} needs {', '.join(missing)}")
    sizes = at.fit(slots, values)
    Intake(at.name, slots, values, sizes, strict=True).admit().settle()
    options = Options(sampling=bool(at.plan))
    found, examples = [values[name] for name in names], at.examples(sizes, values)
    mode = mode_of(model, sizes, at.sizes, found, examples, options)
    session = open_bits(model, mode, found) if at.plan else None
    raw = [encoded(slot, values[slot.name]) for slot in at.gives]
    givens = {slot.name: values[slot.name] for slot in at.givens}
    return go_back(model, mode, raw, givens, session, None, undo=False)


def go_back(
    model: "ReversibleModel", mode: RunMode, raw: Sequence[Tensor], givens: Mapping[str, Tensor],
    session: Session | None, check: Tensor | None,
    keys: Keys | None = None, undo: bool = True,
) -> list[Tensor]:  # fmt: skip
    """Take a run back from its raw results; return the inputs, which have checksums `check`.

    `undo` says that `session` is a run's own, which is turned around for the time; else the inverse
    is a run itself. `keys` are those that the nets of that run drew.

    Raises:
        NonFiniteError: an allocated register does not come back to its value.
        ReconstructionError: the inputs are not those of the run.
    """
    at = model.interface
    run = Run(model, mode, dict(zip(at.sizes, mode.sizes, strict=True)), session)
    run.keys = run.keys if keys is None else keys
    run.final = {slot.name: value for slot, value in zip(at.gives, raw, strict=True)}
    if check is not None:
        run.marks.allow(run.final, check)
    with restored(mode), reading_bits():
        run.give(givens)
        descent = Descent(run, recorded=False, undo=undo)
        done = False
        try:
            descent.reach(0)
            views = [run.seen(slot, descent.state[slot.name]) for slot in at.takes]
            done = True
        finally:
            descent.arrive(_findings(run, descent, check)) if done else descent.leave()
    return views


def _findings(run: Run, descent: Descent, check: Tensor | None) -> Findings:
    """Return what the way down has found, and whether it led to inputs of checksums `check`."""
    found, name = Findings(), run.interface.name
    if not guard.readable(descent.health):
        return found

    def health(values: Sequence[float]) -> None:
        guard.settle_now([(values[0], values[1])], ["segment inverse"], name)

    def start(values: Sequence[float]) -> None:
        if values[0]:
            raise ReconstructionError(
                f"{name}: the inverse does not come back to the inputs of the run. Its parameters, "
                "or the result itself, have changed since"
            )

    found.add(descent.health[:2], health)
    row = descent.row
    if check is not None and row is not None:
        found.add(run.marks.differing(row, check.to(row.device)), start)
    return found


def single(views: Sequence[Tensor]) -> Any:
    """Return inputs as the caller gets them: a tensor, or a tuple of several."""
    return views[0] if len(views) == 1 else tuple(views)
