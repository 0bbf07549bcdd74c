"""The grammar has no conflicts, and its table comes from a cache that can do no harm."""

import os
import subprocess
import sys

import pytest
from lark.common import ParserConf
from lark.parsers.lalr_analysis import LALR_Analyzer

from revc.grammar import table as tables
from tests.grammar.automaton import lark

SHOW = (
    "from revc.grammar.table import _to_json, table; import json, sys;"
    "print(json.dumps(_to_json(table())), 'lark' in sys.modules)"
)


def fresh(cache: str, seed: str = "0") -> tuple[str, bool]:
    """Return the table of a new process, and whether it had to be built."""
    env = os.environ | {"XDG_CACHE_HOME": cache, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=env, capture_output=True, text=True, check=True
    )
    text, built = done.stdout.rsplit(" ", 1)
    return text, built.strip() == "True"


def test_the_grammar_has_no_conflicts():
    LALR_Analyzer(ParserConf(lark().rules, {}, ["start"]), strict=True).compute_lalr()


def test_reserved_words_are_those_that_start_something():
    reserved = tables.table().reserved
    assert {"use", "block", "let", "uncall", "true"} <= reserved
    assert reserved.isdisjoint({"by", "as", "given", "torch", "label", "share"})


def test_the_table_does_not_depend_on_hashing_and_is_read_back_without_lark(tmp_path):
    one, built = fresh(str(tmp_path / "one"), seed="1")
    assert built
    two, built = fresh(str(tmp_path / "two"), seed="2")
    assert built
    again, built = fresh(str(tmp_path / "one"), seed="3")
    assert not built
    assert one == two == again


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"rules": 3}', "\x00"])
def test_a_broken_cache_is_made_anew(tmp_path, text):
    whole, _ = fresh(str(tmp_path))
    (path,) = (tmp_path / "revc").iterdir()
    path.write_text(text)
    assert fresh(str(tmp_path)) == (whole, True)
    assert fresh(str(tmp_path)) == (whole, False)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    _, built = fresh(str(file))
    assert built


def test_reading_a_spec_imports_no_more_than_it_needs(tmp_path):
    fresh(str(tmp_path))
    script = (
        "import sys; from revc.grammar.parser import parse;"
        "from revc.grammar.signatures import builtin_signatures;"
        "from revc.grammar.format import format_source;"
        "builtin_signatures(); format_source('dim   B');"
        "print(sorted({'torch', 'lark', 'networkx', 'rich', 'typer', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
