"""The built-in nets as lint knows them."""

import doctest

import pytest

from revc.errors import InternalError
from revc.grammar import ast, signatures
from revc.grammar.parser import parse_or_raise
from revc.grammar.signatures import Default, builtin_signatures, signature
from tests.fitting import misfits

NETS = ["attention", "conv", "cross_entropy", "dropout", "embedding", "gate"]
NETS += ["group_norm", "householder", "linear", "lu", "mean", "mlp", "norm", "orthogonal"]
NETS += ["parameter", "pool"]


def declared(text: str) -> signatures.Signature:
    (item,) = parse_or_raise(text).items
    assert isinstance(item, ast.SignatureDecl)
    return signature(item)


def test_the_example_of_the_docstring():
    assert doctest.testmod(signatures).failed == 0


def test_all_built_in_nets_are_there():
    assert sorted(builtin_signatures()) == NETS


@pytest.mark.parametrize("name", NETS)
def test_a_signature_is_valid_and_consistent(name):
    found = builtin_signatures()[name]
    assert misfits(found) == []
    options = {option.name: option for option in found.options}
    assert set(found.leading) <= {name for name, option in options.items() if option.required}
    known = {*options, ".."}.union(*(given.shape for given in found.inputs))
    for entry in found.result:
        name, _, option = entry.replace(" - ", "/").partition("/")
        assert name in known
        assert not option or options[option].kind == ("axes" if name == ".." else "int")
    assert found.random is None or options[found.random].kind == "number"
    assert found.torch.startswith("revc.runtime.nets:")


def test_what_lint_asks_of_attention():
    found = builtin_signatures()["attention"]
    assert [given.name for given in found.inputs] == ["x"]
    assert found.option("causal") is not None
    assert found.option("cuasal") is None
    assert [o.name for o in found.options if o.required] == ["heads"]
    assert (found.separable, found.random) == (("batch",), "dropout")


@pytest.mark.parametrize(
    ("name", "axis"), [("linear", -1), ("conv", -3), ("norm", -1), ("parameter", -1), ("mlp", -1)]
)
def test_the_axis_that_inputs_join_on(name, axis):
    assert builtin_signatures()[name].axis == axis


def test_what_an_option_is_when_it_is_not_given():
    options = declared(
        "signature F(x..: [.., n], a: int, b: int = a, c: number = 0.5, d: bool = true, "
        'e: on | off = off, f: int = target, g: net = none) -> [.., n] = torch "m:C"'
    ).options
    assert [option.default for option in options] == [
        None,
        Default(kind="option", value="a"),
        Default(kind="value", value=0.5),
        Default(kind="value", value=True),
        Default(kind="value", value="off"),
        Default(kind="target"),
        Default(kind="none"),
    ]
    assert [option.kind for option in options][3:5] == ["bool", "choice"]
    assert options[4].choices == ("on", "off")


def test_options_go_by_position_only_before_the_inputs():
    found = declared('signature F(a: int, b: int = 1, i: label[..], c: int) -> [a] = torch "m:C"')
    assert found.leading == ("a",)
    assert found.inputs[0].label
    assert not found.inputs[0].many


def test_a_wrong_default_is_our_own_mistake():
    with pytest.raises(InternalError, match="no default"):
        declared('signature F(a: int = nothing) -> [] = torch "m:C"')
