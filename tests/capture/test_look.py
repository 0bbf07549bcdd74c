"""A look at a module is a new one wherever anything that counts was set, and the same elsewhere."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.runtime.nets.capture.look import Look
from tests.capture.constants import Asking
from tests.capture.test_asked import ALL, as_it_was  # noqa: F401 - a fixture
from tests.capture.test_settings import SPEC, Config

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


class Holder(nn.Module):
    """A net with parts, and attributes of many sorts."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Identity(), nn.Dropout(0.5))
        self.second = nn.Sequential(nn.Tanh())
        self.one, self.other = [1.0, 2.0], [3.0]
        self.config = Config(1, Config(1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Return the input, times what was set."""
        return self.second(self.first(x)) * self.one[0]


def moved_part(net: Any) -> None:
    net.second = nn.Sequential(net.first[1], net.second[0])
    del net.first[1]


def moved_item(net: Any) -> None:
    net.other.insert(0, net.one.pop())


def renamed(net: Any) -> None:
    net.renamed = net.__dict__.pop("config")


def another_class(net: Any) -> None:
    net.second[0].__class__ = nn.Sigmoid


CHANGES: dict[str, Callable[[Any], Any]] = {
    "a part replaced": lambda net: setattr(net, "second", nn.Sequential(nn.ReLU())),
    "a part within a part": lambda net: net.first.__setitem__(0, nn.ReLU()),
    "a part more": lambda net: net.first.append(nn.ReLU()),
    "a part less": lambda net: net.first.__delitem__(1),
    "a part moved": moved_part,
    "an item moved": moved_item,
    "an attribute renamed": renamed,
    "a class": another_class,
    "an int for a float": lambda net: setattr(net.config, "factor", 1.0),
    "a flag for an int": lambda net: setattr(net.config, "factor", True),
    "other attributes": lambda net: setattr(net.config, "__dict__", {"factor": 1, "inner": None}),
    "what an object holds": lambda net: setattr(net.config.inner, "factor", 2.0),
    "a number of a part": lambda net: setattr(net.first[1], "p", 0.25),
    "a hook of a part": lambda net: net.first[0].register_forward_pre_hook(lambda *_: None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name: str) -> None:
    net, look = Holder(), Look()
    before = look.settings(net)
    CHANGES[name](net)
    assert look.settings(net) != before
    assert look.settings(net) == Look().settings(net)


@pytest.mark.parametrize("name", ALL)
def test_a_change_that_counts_in_a_call_is_seen(name: str) -> None:
    net, look = Asking(), Look()
    before = look.settings(net)
    hook = ALL[name](net)
    assert look.settings(net) != before
    if hasattr(hook, "remove"):
        hook.remove()
        assert look.settings(net) == before


def test_what_is_equal_again_is_the_same_setting() -> None:
    net, look = Holder(), Look()
    before = look.settings(net)
    net.one = [1.0, 2.0]
    assert look.settings(net) is not before
    assert look.settings(net) == before


def test_where_nothing_is_set_nothing_is_marked_anew() -> None:
    for net in (Holder(), Asking(), nn.TransformerEncoderLayer(8, 2)):
        look = Look()
        before = look.settings(net)
        net.eval()
        net.train()
        net(torch.ones(1, 3, 8))
        assert look.settings(net) is before


def test_another_module_has_a_look_of_its_own() -> None:
    net, other, look = Holder(), Asking(), Look()
    look.settings(net)
    assert look.settings(other) == Look().settings(other) != Look().settings(net)


def test_a_model_that_goes_leaves_no_module_behind() -> None:
    net = Holder()
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    model(a=torch.zeros(1, 2), b=torch.ones(1, 2))
    alive = weakref.ref(net)
    del net, model
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_looks_at_its_own_modules(copied: Callable[[Any], Any]) -> None:
    model = revc.compile(SPEC, nets={"F": Holder()}, capture="require").eval()
    given = {"a": torch.zeros(1, 2), "b": torch.ones(1, 2)}
    wanted = model(**given).a
    other = copied(model)
    other.nets.F.one[0] = 0.5
    assert torch.equal(model(**given).a, wanted)
    assert torch.allclose(other(**given).a, wanted / 2, atol=1e-5)
