"""The grammar has no conflicts, and the table that ships is the one that it gives."""

import os
import subprocess
import sys

import pytest
from lark.common import ParserConf
from lark.parsers.lalr_analysis import LALR_Analyzer

from revc.grammar.table import FILE, table
from revc.grammar.table_build import GRAMMAR, as_text, build
from tests.grammar.automaton import lark

BUILD = (
    "from revc.grammar.table_build import GRAMMAR, as_text, build; import sys;"
    "sys.stdout.buffer.write(as_text(build(GRAMMAR.read_text(encoding='utf-8'))).encode())"
)


def test_the_grammar_has_no_conflicts():
    LALR_Analyzer(ParserConf(lark().rules, {}, ["start"]), strict=True).compute_lalr()


def test_reserved_words_are_those_that_start_something():
    reserved = table().reserved
    assert {"use", "block", "let", "uncall", "true"} <= reserved
    assert reserved.isdisjoint({"by", "as", "given", "torch", "label", "share"})


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_table_is_that_of_the_grammar_whatever_the_hashes(seed):
    env = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", BUILD], env=env, capture_output=True, check=True)
    stale = "rev.lark has another table: python -m revc.grammar.table_build"
    assert done.stdout == FILE.read_bytes(), stale


def test_what_is_written_is_what_is_read():
    assert build(GRAMMAR.read_text(encoding="utf-8")) == table()


def test_another_grammar_has_another_text():
    grammar = GRAMMAR.read_text(encoding="utf-8")
    changed = build(grammar.replace('negate: "negate" place', 'negate: "negated" place'))
    assert as_text(changed) != FILE.read_text(encoding="utf-8")


def test_reading_a_spec_imports_no_more_than_it_needs():
    script = (
        "import sys; from revc.grammar.parser import parse;"
        "from revc.grammar.signatures import builtin_signatures;"
        "from revc.grammar.format import format_source;"
        "builtin_signatures(); format_source('dim   B');"
        "print(sorted({'torch', 'lark', 'networkx', 'rich', 'typer', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
