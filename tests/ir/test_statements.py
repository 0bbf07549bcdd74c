"""Every kind of instruction is lowered, forwards and backwards."""

from typing import get_args

from revc.codegen.statements.table import STATEMENTS
from revc.ir.instructions import Instruction


def test_the_table_of_statements_is_complete() -> None:
    assert set(STATEMENTS) == set(get_args(Instruction))
