"""What a module is captured with: its attributes, and what lies in those, are followed."""

import enum
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import revc
from revc.runtime.nets.capture import cache
from tests.capture.guarded import traces

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

SPEC = """
dim B, d
state lattice(Q12.20)
model M(a, b: [B, d]) -> (a, b: [B, d]) {
  net F(x: [B, d]) -> [B, d]
  a += F(b)
}
"""


@dataclass
class Config:
    factor: float = 1.0
    inner: Any = None


class Slotted:
    __slots__ = ("factor",)

    def __init__(self, factor: float) -> None:
        self.factor = factor


class Kind(enum.Enum):
    PLAIN = 1.0


class Scaled(nn.Module):
    """A net that multiplies by what a function finds in an attribute."""

    def __init__(self, held: Any, read: Callable[[Any], float]) -> None:
        super().__init__()
        self.held, self.read = held, read

    def forward(self, x: Tensor) -> Tensor:
        """Return the product."""
        return x * float(self.read(self.held))


def setting(name: str) -> Callable[[Any, float], None]:
    return lambda held, value: setattr(held, name, value)


CASES: dict[str, tuple[Any, Callable[[Any], float], Callable[[Any, float], Any]]] = {
    "list": ([1.0], lambda h: h[0], lambda h, v: h.__setitem__(0, v)),
    "deque": (deque([1.0]), lambda h: h[0], lambda h, v: h.__setitem__(0, v)),
    "dict": ({"a": 1.0}, lambda h: h["a"], lambda h, v: h.update(a=v)),
    "ordered": (OrderedDict(a=1.0), lambda h: h["a"], lambda h, v: h.update(a=v)),
    "nested": ({"a": [(1.0, [1.0])]}, lambda h: h["a"][0][1][0],
               lambda h, v: h["a"][0][1].__setitem__(0, v)),
    "dataclass": (Config(), lambda h: h.factor, setting("factor")),
    "namespace": (SimpleNamespace(factor=1.0), lambda h: h.factor, setting("factor")),
    "slots": (Slotted(1.0), lambda h: h.factor, setting("factor")),
    "within": (Config(inner=[SimpleNamespace(factor=1.0)]), lambda h: h.inner[0].factor,
               lambda h, v: setattr(h.inner[0], "factor", v)),
    "array": (np.ones(2), lambda h: h[1], lambda h, v: h.__setitem__(1, v)),
    "module in a list": ([nn.Dropout(1.0)], lambda h: h[0].p, lambda h, v: setattr(h[0], "p", v)),
}  # fmt: skip


def increment(model: Any) -> float:
    with torch.no_grad():
        out = model(a=torch.zeros(1, 2), b=torch.ones(1, 2))
    return float(out.a[0, 1])


@pytest.mark.parametrize("name", CASES)
def test_what_changes_in_an_attribute_is_followed(name: str) -> None:
    held, read, change = CASES[name]
    model = revc.compile(SPEC, nets={"F": Scaled(held, read)}, capture="require")
    for value in (0.25, -3.0, 0.25):
        change(held, value)
        assert increment(model) == value


def test_numbers_of_numpy_are_followed() -> None:
    net = Scaled(np.float16(1), float)
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    for value in (0.5, 2.0, -0.5, 4.0):
        net.held = np.float16(value)
        assert increment(model) == value


STEADY = [
    math.nan, [math.nan], Config(math.nan), Kind.PLAIN, Slotted(1.0), np.float32("nan"),
    {math.nan, 1.0}, complex(0, math.nan),
]  # fmt: skip


@pytest.mark.parametrize("held", STEADY)
def test_what_does_not_change_is_captured_once(held: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    traced, trace = [], cache.trace
    monkeypatch.setattr(cache, "trace", lambda *given: traced.append(1) or trace(*given))
    model = revc.compile(SPEC, nets={"F": Scaled(held, lambda _: 2.0)}, capture="require")
    assert [increment(model) for _ in range(3)] == [2.0] * 3
    assert len(traced) == 1


def test_zeros_of_both_signs_are_two_settings() -> None:
    net = Scaled(0.0, lambda h: math.copysign(1.0, h))
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    assert increment(model) == 1
    net.held = -0.0
    assert increment(model) == -1


@pytest.fixture
def doubles() -> Iterator[Callable[[], None]]:
    kind = torch.get_default_dtype()
    yield lambda: torch.set_default_dtype(torch.float64)
    torch.set_default_dtype(kind)


def test_the_dtype_of_numbers_is_followed(doubles: Callable[[], None]) -> None:
    net = Scaled(None, lambda _: float(torch.zeros(1).dtype == torch.float32))
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    assert increment(model) == 1
    doubles()
    assert increment(model) == 0


def test_what_refers_to_itself_is_captured() -> None:
    around = Config()
    around.inner = [around, {"again": around}]
    model = revc.compile(SPEC, nets={"F": Scaled(around, lambda h: h.factor)}, capture="require")
    assert increment(model) == 1
    around.factor = 0.5
    assert increment(model) == 0.5


def test_a_module_that_holds_a_data_set_is_called() -> None:
    held = [[number] for number in range(5000)]
    model = revc.compile(SPEC, nets={"F": Scaled(held, lambda h: h[1][0])})
    assert increment(model) == 1
    (report,) = model.nets_report()
    assert (report.how, report.why) == ("called", "its attributes hold more than 4000 objects")
    held[1][0] = 4
    assert increment(model) == 4


GUARDED = ("list", "deque", "dict", "ordered", "dataclass", "namespace", "slots", "within",
           "module in a list")  # fmt: skip


@pytest.mark.parametrize("name", GUARDED)
def test_what_changes_in_an_attribute_is_traced_anew(name: str) -> None:
    held, read, change = CASES[name]
    change(held, 1.0)
    traced = traces(Scaled(held, read))
    assert (traced(), traced()) == (1, 1)
    change(held, 0.25)
    assert traced() == 2


def test_nan_in_an_attribute_compiles() -> None:
    torch._dynamo.reset()
    model = revc.compile(SPEC, nets={"F": Scaled(math.nan, lambda _: 2.0)}, capture="require")
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend="aot_eager")
    assert increment(compiled) == 2


def test_what_never_rests_is_called() -> None:
    net = Scaled(0.0, float)
    model = revc.compile(SPEC, nets={"F": net})
    for step in range(70):
        net.held = step / 128
        assert increment(model) == step / 128
    (report,) = model.nets_report()
    assert report.how == "called"
    assert "has changed 64 times" in report.why


TALLY = 0


class Tallies(nn.Module):
    """A net that counts its calls where its code finds the count by name."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the input."""
        global TALLY
        TALLY += 1
        return x


def test_a_net_that_changes_what_it_reads_by_name_is_called() -> None:
    model = revc.compile(SPEC, nets={"F": Tallies()})
    assert [increment(model) for _ in range(2)] == [1.0] * 2
    (report,) = model.nets_report()
    assert (report.how, report.why) == (
        "called", "it changes `TALLY`, which its code finds by name",
    )  # fmt: skip
