"""An instruction says what is inside it, and a block walks: each distinct block once."""

from revc.ir.instructions import Add, BlockCall, Repeat
from revc.passes.spec import build
from tests.ir.specs import NESTED


def test_a_walk_meets_each_distinct_block_once_outer_ones_first() -> None:
    model = build(NESTED).model
    blocks = list(model.walk())
    assert len({id(block) for block in blocks}) == len(blocks)
    names = [block.name for block in blocks]
    assert names[0] == "M"
    assert [names.count(name) for name in ("Outer", "Inner", "Wider", "Same")] == [1, 1, 1, 1]
    assert names.index("Outer") < names.index("Inner")


def test_inner_first_meets_the_same_blocks_after_all_that_are_in_them() -> None:
    model = build(NESTED).model
    seen: set[int] = set()
    for block in model.inner_first():
        assert all(id(inner) in seen for step in block.body for inner in step.inner())
        seen.add(id(block))
    assert seen == {id(block) for block in model.walk()}


def test_instructions_come_in_program_order_those_of_a_block_once() -> None:
    model = build(NESTED).model
    steps = list(model.instructions())
    assert len(steps) == sum(len(block.body) for block in model.walk())
    kinds = [type(step) for step in steps]
    # Outer: Inner: its increment, the repeat in Outer, which calls Inner again.
    assert kinds[:5] == [BlockCall, BlockCall, Add, Repeat, BlockCall]


def test_a_blocks_own_instructions_are_those_that_no_call_leads_to() -> None:
    for block in build(NESTED).model.walk():
        own = [id(step) for step in block.own()]
        inner = [one for step in block.body for one in step.inner() if not step.called()]
        assert own[0] == id(block.body[0])
        assert set(own) == {id(step) for step in block.body}.union(
            *({id(step) for step in one.own()} for one in inner)
        )


def test_inner_blocks_are_called_or_a_repeats_own() -> None:
    for step in build(NESTED).model.instructions():
        assert bool(step.called()) == isinstance(step, BlockCall)
        assert step.called() in ((), step.inner())
        assert len(step.prefixes()) == len(step.rows())


def test_what_is_inside_can_be_put_back() -> None:
    model = build(NESTED).model
    for step in model.instructions():
        assert step.with_inner(step.inner()) == step


def test_mapping_inner_blocks_to_themselves_changes_nothing() -> None:
    model = build(NESTED).model
    assert model.map_inner(lambda block: block) is model
    named = model.map_inner(lambda block: block.replace(name="x"))
    assert {inner.name for step in named.body for inner in step.inner()} == {"x"}
