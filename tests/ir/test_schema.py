"""The intermediate form as pydantic and dataclasses see it."""

import dataclasses
import json

import pytest
from pydantic import ValidationError

from revc.ir.program import Program
from revc.ir.schema import adapter
from revc.ir.types import Lattice, RegType
from revc.passes.spec import Spec

SOURCE = """dim B, d = 4
state lattice(Q12.20)
model Net(a, b: [B, d]) {
  net F(x: [B, d]) -> [B, d]
  repeat 3 { a += F(b) }
}
"""


def program() -> Program:
    return Spec(SOURCE).program(nets=None)


def test_a_program_is_valid_and_dumped_as_data() -> None:
    made = program()
    whole = adapter()
    assert whole.validate_python(made, strict=True) == made
    (body,) = json.loads(whole.dump_json(made))["model"]["body"]
    (add,) = body["body"]["body"] if "body" in body["body"] else body["body"]
    assert add["target"]["name"] == "a"


def test_a_wrong_value_is_told_with_its_place() -> None:
    kind = adapter(RegType)
    held = RegType(numerics=Lattice(integer_bits=12, fraction_bits=20), shape=())
    wrong = held.replace(numerics=Lattice(integer_bits="12", fraction_bits=20))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="integer_bits"):
        kind.validate_python(wrong, strict=True)
    with pytest.raises(ValidationError, match="kind"):
        adapter(Lattice).validate_python({"integer_bits": 1, "fraction_bits": 1, "kinds": 1})


def test_records_are_dataclasses_to_those_who_ask() -> None:
    held = Lattice(integer_bits=12, fraction_bits=20)
    assert dataclasses.is_dataclass(held)
    assert dataclasses.asdict(held) == held.__dict__
    assert dataclasses.replace(held, integer_bits=8) == held.replace(integer_bits=8)
