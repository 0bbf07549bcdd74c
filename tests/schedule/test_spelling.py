"""How schedules are said, checked, printed, and written into packages."""

from pathlib import Path

import pytest
import torch

import revc
from revc.artifact.package import package
from revc.cli.emit import Stage, emit
from revc.errors import BindError
from revc.ir.schedule import Action as Node
from revc.ir.schedule import schedule_text
from revc.runtime.schedule import INVERT, KEEP, OFFLOAD, SAVE, Action
from tests.artifact.compare import TOKENS, assert_same, everything
from tests.artifact.conftest import Write, write
from tests.conftest import Golden
from tests.model import specs
from tests.model.made import make, pair
from tests.schedule.schedules import MIXED, inputs_of

__all__ = ["write"]

SOME = ["save", "invert", "save"]


def test_one_action_holds_everywhere() -> None:
    model = make()
    assert model.schedule == (INVERT,)
    model.schedule = "save"
    assert model.schedule == (SAVE,)
    model.schedule = ["save", INVERT, SAVE]
    assert model.schedule == (SAVE, INVERT, SAVE)
    model.schedule = ["keep", KEEP, " keep: out + qkv+out "]
    assert model.schedule == (KEEP, KEEP, Action("keep", ("out", "qkv")))
    assert str(model.schedule[2]) == "keep:out+qkv"


def test_names_of_values_stand_for_all_that_end_with_them() -> None:
    plan = make().segments[0].plan
    names = ["attention_0.qkv", "attention_0.attended", "attention_0.out", "mlp_0.hidden"]
    assert plan.values == tuple(f"Layer_0.{name}" for name in [*names, "mlp_0.out"])
    assert KEEP.chosen(plan) == (0, 1, 2, 3, 4)
    assert Action("keep", ("out",)).chosen(plan) == (2, 4)
    assert Action("keep", ("mlp_0.out", "qkv")).chosen(plan) == (0, 4)
    assert Action("keep", ("ut",)).chosen(plan) == SAVE.chosen(plan) == ()


def test_a_model_starts_with_the_schedule_that_it_is_compiled_with() -> None:
    assert revc.compile(specs.LAYERS, schedule=SOME).schedule == (SAVE, INVERT, SAVE)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("hold", "'hold' is no action; there are invert, keep, save, offload"),
        ("offload:out", "'offload:out' is no action"),
        ("keep:", "'keep:' is no action"),
        ("keep:out+", r"'keep:out\+' is no action"),
        ("save:out", "'save:out' is no action"),
        ("keep:norm_0.out", r"keeps 'norm_0.out', which no segment has; there are Layer_0.*"),
        (["keep:ut", "save", "save"], "segment repeat_0: keep:ut keeps 'ut', which it has not"),
        (["save", 3], "3 is no action"),
        (["save"] * 2, "has 2 actions, and a run passes 3 segments"),
        ([], "schedule is empty"),
        (None, "want an action, or a list"),
    ],
)
def test_what_is_no_schedule_is_refused(wish: object, words: str) -> None:
    model = make()
    with pytest.raises(BindError, match=words):
        model.schedule = wish
    assert model.schedule == (INVERT,)
    with pytest.raises(BindError, match=words):
        revc.compile(specs.LAYERS, schedule=wish)


def test_segments_that_exchange_bits_invert() -> None:
    model = revc.compile("specs/rnn.rev")
    with pytest.raises(BindError, match=r"exchanges bits.*its action is invert or keep, not save"):
        model.schedule = "save"


def test_where_sizes_say_how_many_segments_there_are_a_run_checks() -> None:
    source = specs.HEAD + (
        "model Net(a: [B, d], given xs: float32[B, T, d]) -> (a: [B, d]) {\n"
        "  repeat T as t share { a += linear(xs[:, t]) }\n}"
    )
    model = make(source)
    a, xs = torch.randn(2, 8, requires_grad=True), torch.randn(2, 3, 8, requires_grad=True)
    wanted = torch.autograd.grad(model(a, xs).a.square().sum(), [a, xs])
    for schedule in ("save", ["save"] * 3, ["save", "invert", "save"]):
        model.schedule = schedule
        found = torch.autograd.grad(model(a, xs).a.square().sum(), [a, xs])
        assert all(torch.equal(x, y) for x, y in zip(found, wanted, strict=True))
    model.schedule = ["save"] * 2
    with pytest.raises(BindError, match="has 2 actions, and a run passes 3 segments"):
        model(a, xs)


def test_segments_that_are_compiled_alone_keep_no_values() -> None:
    model = make()
    model.segments[0].compile(backend="eager")
    model.schedule = ["keep", "save", "save"]
    with pytest.raises(BindError, match="turn 0: a segment that is compiled on its own"):
        model(*pair())
    model.schedule = ["invert", "save", "save"]
    model(*pair()).a.sum().backward()


def test_compiled_code_cannot_hand_on_what_a_brought_net_keeps() -> None:
    model = revc.compile(specs.HOLE, nets={"F": lambda: torch.nn.Linear(8, 8)}, schedule="save")
    for segment in model.segments:
        segment.compile(backend="eager")
    with pytest.raises(BindError, match=r"F runs as a module, whose autograd graph"):
        model(torch.randn(2, 3, 8), torch.randn(2, 3, 8))


# --- text ----------------------------------------------------------------------------------------


def test_a_schedule_is_printed_by_runs() -> None:
    actions = [Node(kind=kind) for kind in ("save", "save", "invert", "keep", "keep")]
    actions[4] = Node(kind="keep", values=("mlp_0.out", "qkv"))
    text = "save x 2, invert x 1, keep x 1, keep:mlp_0.out+qkv x 1"
    assert schedule_text(tuple(actions)) == text
    assert schedule_text(tuple(actions[:1])) == "save"
    assert "schedule offload x 2, save x 1" in emit(
        Stage.ir, specs.LAYERS, schedule=["offload", "offload", "save"]
    )


@pytest.mark.parametrize("stage", [Stage.ir, Stage.fx])
def test_golden(golden: Golden, stage: Stage) -> None:
    golden(f"emit/saved.{stage}.txt", emit(stage, specs.LAYERS, schedule=SOME))


@pytest.mark.parametrize("stage", [Stage.ir, Stage.fx])
def test_golden_of_values(golden: Golden, stage: Stage) -> None:
    schedule = ["invert", "keep:mlp_0.out+attended", "keep:mlp_0.out+attended"]
    golden(f"emit/kept.{stage}.txt", emit(stage, specs.LAYERS, schedule=schedule))


def test_a_schedule_that_does_not_fit_is_not_printed() -> None:
    with pytest.raises(BindError, match="has 2 actions"):
        emit(Stage.ir, specs.LAYERS, schedule=["save"] * 2)


# --- packages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", [specs.LAYERS, MIXED, specs.LANGUAGE], ids=["layers", "mixed", "lm"]
)
def test_a_package_has_the_graphs_that_its_schedule_needs(source: str, write: Write) -> None:
    torch.manual_seed(0)
    loaded = write(source, schedule="offload").load()
    torch.manual_seed(0)
    model = revc.compile(source)
    inputs = TOKENS if source is specs.LANGUAGE else inputs_of(model)
    wanted = everything(model, inputs)
    assert loaded.schedule == (OFFLOAD,)
    for schedule in ("offload", "save", "invert"):
        loaded.schedule = schedule
        assert_same(everything(loaded, inputs), wanted)


@pytest.mark.parametrize("schedule", ["keep", "keep:out"])
@pytest.mark.parametrize("source", [specs.LAYERS, MIXED], ids=["layers", "mixed"])
def test_a_package_keeps_the_values_of_its_schedule(
    source: str, schedule: str, write: Write
) -> None:
    torch.manual_seed(0)
    loaded = write(source, schedule=schedule).load()
    torch.manual_seed(0)
    model = revc.compile(source)
    inputs = inputs_of(model)
    assert_same(everything(loaded, inputs), everything(model, inputs))
    model.schedule = schedule
    assert loaded.kept_bytes(**inputs) == model.kept_bytes(**inputs)
    assert sum(one.total for one in loaded.kept_bytes(**inputs)) > 0
    loaded.schedule = "keep:hidden"
    with pytest.raises(BindError, match="keep values for the segments alone"):
        loaded(**inputs)


def test_a_package_that_saves_nothing_has_no_graphs_for_it(tmp_path: Path, write: Write) -> None:
    loaded = write(specs.LAYERS).load()
    loaded.schedule = "save"
    with pytest.raises(BindError, match="compile the spec with another schedule"):
        loaded(*pair())
    package(specs.LAYERS, tmp_path / "small")
    assert not (tmp_path / "small" / "keep.py").exists()


def test_a_package_keeps_its_schedule(write: Write) -> None:
    assert write(specs.LAYERS, schedule=SOME).load().schedule == (SAVE, INVERT, SAVE)
    with pytest.raises(BindError, match="has 2 actions"):
        write(specs.LAYERS, schedule=["save"] * 2)
