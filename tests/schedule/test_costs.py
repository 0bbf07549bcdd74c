"""What a schedule costs: no operations more than autograd's where all is saved, and exact bytes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.arms import build
from benchmarks.flops import FlopCounter
from benchmarks.nets import Size
from revc.runtime.model import ReversibleModel
from tests.model import specs
from tests.model.made import make
from tests.schedule.schedules import MIXED, flops, inputs_of, pulled, schedules

SIZE = Size(4, batch=4, time=16, width=16, heads=2)
ARMS = [
    "revc lattice", "revc float", "revc lattice, torch nets", "revc float, torch nets",
    "revc lattice, chunks=4",
]  # fmt: skip


def work(name: str, schedule: Any = "invert", grad: bool = True) -> int:
    arm = build(name, SIZE)
    for leaf in arm.leaves:
        leaf.requires_grad_(grad)
    if isinstance(arm.module, ReversibleModel):
        arm.module.schedule = schedule
    return flops(arm.module, dict(zip("ab", arm.leaves, strict=True)))


@pytest.mark.parametrize("name", ARMS)
def test_what_is_saved_costs_what_plain_autograd_does(name: str) -> None:
    assert work(name, "save") == work("plain")


def test_inputs_without_gradients_cost_nothing_either() -> None:
    assert work("revc lattice", "save", grad=False) == work("plain", grad=False)


def test_each_segment_that_inverts_costs_its_evaluation_more() -> None:
    plain, one = work("plain"), work("revc lattice", ["invert", *["save"] * 3]) - work("plain")
    assert one > 0
    assert work("revc lattice", "invert") == plain + 4 * one
    for schedule in (["save", "invert", "save", "invert"], ["invert", "invert", "save", "save"]):
        assert work("revc lattice", schedule) == plain + 2 * one


def test_lets_and_calls_and_loops_evaluate_nothing_again() -> None:
    model = make(MIXED)
    values = inputs_of(model)
    with torch.no_grad():
        forward = flops_of(lambda: model(**values))
    model.schedule = "save"
    both = flops_of(lambda: pulled(model, values))
    # A linear map's two gradients cost what it does, each; attention there is none.
    assert both == 3 * forward


def flops_of(run: Callable[[], object]) -> int:
    with FlopCounter() as counter:
        run()
    return counter.total


def test_what_is_kept_is_not_computed_again() -> None:
    tokens, d = 4 * 16, 16
    maps = {"qkv": 3 * d * d, "attention_0.out": d * d, "hidden": 4 * d * d, "mlp_0.out": 4 * d * d}
    each = {name: 2 * tokens * size for name, size in maps.items()}
    each["attended"] = 2 * 2 * 4 * 16 * 16 * d  # of [T, T] scores, and of their sums, in 4 examples
    inverting = work("revc lattice")
    for name, less in each.items():
        assert work("revc lattice", f"keep:{name}") == inverting - 4 * less
    assert work("revc lattice", "keep") == work("plain") == inverting - 4 * sum(each.values())
    pairs = ["keep:hidden+mlp_0.out", "invert", "keep:qkv", "save"]
    some = work("revc lattice", [*pairs])
    saved = each["hidden"] + each["mlp_0.out"] + each["qkv"] + sum(each.values())
    assert some == inverting - saved


# --- bytes ---------------------------------------------------------------------------------------


class Alive(TorchDispatchMode):
    """Knows the storages that operators gave, and which of them are still held."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, Tensor) and value.device.type != "meta":
                storage = value.untyped_storage()
                known = StorageWeakRef(storage)
                self.held[known.cdata] = known, storage.nbytes()
        return out

    @property
    def total(self) -> int:
        return sum(size for known, size in self.held.values() if not known.expired())


def alive(model: nn.Module, values: dict[str, Tensor]) -> int:
    """Return the bytes that a forward pass leaves, its results and their graph being held."""
    with Alive() as found:
        out = model(**values)
    total = found.total
    del out
    return total


def check_bytes(model: ReversibleModel, values: dict[str, Tensor], count: int = 6) -> None:
    model.schedule = "invert"
    model(**values)  # tables that are made once are no run's
    nothing = alive(model, values)
    assert all(kept.total == 0 for kept in model.kept_bytes(**values))
    for schedule in schedules(model, values, count):
        model.schedule = schedule
        kept = sum(one.total for one in model.kept_bytes(**values))
        assert kept == alive(model, values) - nothing, schedule


@pytest.mark.parametrize("name", ARMS)
def test_bytes_are_exact(name: str) -> None:
    arm = build(name, SIZE)
    check_bytes(arm.module, dict(zip("ab", arm.leaves, strict=True)))


def test_bytes_of_a_mixture_are_exact() -> None:
    model = make(MIXED)
    check_bytes(model, inputs_of(model), 12)


def test_bytes_of_a_language_model_are_exact() -> None:
    model = make(specs.LANGUAGE)
    tokens, targets = torch.randint(11, (2, 2, 5)).unbind()
    check_bytes(model, {"tokens": tokens, "targets": targets})


def test_a_snapshot_is_of_what_the_segments_above_change_alone() -> None:
    source = specs.HEAD + (
        "model Net(a, b, c: [B, T, d]) -> (a, b, c: [B, T, d]) {\n"
        "  repeat 1 { a += linear(b)\n b += linear(a)\n c += linear(a) }\n"
        "  repeat 1 { a += linear(b) }\n"
        "  repeat 1 { a += linear(c) }\n}"
    )
    model = make(source)
    values = inputs_of(model)
    model.schedule = ["invert", "save", "save"]
    stream = 4 * values["a"].numel()
    assert [kept.snapshot for kept in model.kept_bytes(**values)] == [0, stream, 0]
    model.schedule = ["save", "save", "save"]
    assert [kept.snapshot for kept in model.kept_bytes(**values)] == [0, 0, 0]
