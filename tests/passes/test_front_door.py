"""One front door: what lints clean compiles, and what compiles lints clean; disk or buffers."""

from pathlib import Path

import pytest

from revc.errors import BindError
from revc.grammar.diagnostics import SpecError, UnsupportedError
from revc.passes import rules
from revc.passes.lint import lint
from revc.passes.rules.registry import CHECKS, MODULES, checks, rule
from revc.passes.sources import Sources
from revc.passes.spec import Spec, build
from tests.lint.findings import FINDINGS, HEAD
from tests.lint.mutants import mutant
from tests.passes.specs import SPECS
from tests.passes.test_laws import EXTRA

LATER = {"C901"}  # compiling refuses only the models that reach it
TEXTS = {path.stem: path.read_text() for path in SPECS} | EXTRA
EXAMPLES = {code: rule(code).page for code in MODULES}


def refused(text: str, model: str) -> set[str] | None:
    """Return the codes for which a model is refused, None if it compiles."""
    try:
        build(text, model=model, nets=None)
    except SpecError as error:
        return {d.code for d in error.diagnostics}
    return None


def agree(text: str) -> None:
    """Assert that linting and compiling agree on every model; only compiling says S008."""
    all_denied = {d.code for d in lint(text).findings if d.level == "deny"}
    denied = all_denied - LATER
    for model in Spec(text).models:
        codes = refused(text, model.name)
        if codes == LATER:
            assert all_denied >= LATER or denied
        else:
            assert codes == (denied or None) or (not denied and codes == {"S008"})


@pytest.mark.parametrize("name", TEXTS)
def test_specs(name: str) -> None:
    agree(TEXTS[name])


@pytest.mark.parametrize("code", MODULES)
def test_examples_of_the_rules(code: str) -> None:
    agree(EXAMPLES[code].bad)
    agree(EXAMPLES[code].good)


def test_findings() -> None:
    for body, _ in FINDINGS.values():
        agree(HEAD + body.replace("@@", "") + "\n}\n")


@pytest.mark.parametrize("first", range(1000, 1120, 40))
def test_mutants(first: int) -> None:
    texts = list(TEXTS.values())
    for seed in range(first, first + 40):
        agree(mutant(texts[seed % len(texts)], seed))


def test_what_is_wrong_beside_the_model_refuses_it_too() -> None:
    text = (
        f"{HEAD}a += b\n}}\nblock Wrong(a: [B, T, c]) {{ a += a }}\nmodel N(a: [B]) {{ a += a }}\n"
    )
    agree(text)
    assert refused(text, "M") == {"B201"}


def test_a_statement_without_a_runtime_refuses_the_models_that_reach_it() -> None:
    text = f"{HEAD}residual a by norm\n}}\nmodel N(a: [B]) {{ negate a }}\n"
    with pytest.raises(UnsupportedError):
        build(text, model="M")
    assert build(text, model="N").model.name == "N"


def test_a_caller_of_a_refused_block_is_not_proved() -> None:
    text = f"{HEAD}Bad(a, b)\n}}\nblock Bad(a, b: [B, T, c]) {{ a += mlp(b, widh = 8) }}\n"
    proofs = {proof.subject: proof.verdict for proof in lint(text).proofs}
    assert (proofs["M"], proofs["Bad"], proofs["Layer"]) == ("UNKNOWN", "UNKNOWN", "PROVED")


def test_a_program_does_not_depend_on_what_was_asked_before() -> None:
    text = f"""{HEAD}Takes<norm>(a, b)\n}}
model N(a, b: [B, T, c]) {{
  net F = norm()
  Takes<F>(a, b)
  Takes<F, h = 2>(b, a)
}}
"""
    text = text.replace("Takes<norm>", "net F = linear()\nTakes<F>")
    alone = {name: build(text, model=name) for name in "MN"}
    spec = Spec(text)
    assert [d.code for d in spec.findings] == []
    assert {name: spec.program(name) for name in "NM"} == alone


# --- the registry --------------------------------------------------------------------------------


def test_every_check_is_registered_once() -> None:
    folder = Path(rules.__path__[0])
    listed = [code for codes in CHECKS.values() for code in codes]
    have = [
        code
        for code, name in MODULES.items()
        if "\ndef check(" in (folder / f"{name}.py").read_text(encoding="utf-8")
    ]
    assert sorted(listed) == sorted(have)
    assert all(callable(one) for subject in CHECKS for one in checks(subject))


# --- where texts come from -----------------------------------------------------------------------

PART = "use std.nets: norm\ndim B\nblock Part(a, b: [B, 4]) { a += norm(b) }\n"
MAIN = "use part: Part\ndim B\nmodel M(a, b: [B, 4]) { Part(a, b) }\n"


def test_buffers_come_before_the_disk(tmp_path: Path) -> None:
    (tmp_path / "part.rev").write_text(PART)
    main = tmp_path / "main.rev"
    main.write_text(MAIN)
    assert lint(main).findings == ()
    unsaved = Sources({tmp_path / "part.rev": PART.replace("+= norm(b)", "+= norm(a)")})
    (finding,) = lint(main, sources=unsaved).findings
    assert (finding.code, finding.span.file) == ("B201", str((tmp_path / "part.rev").resolve()))
    assert lint(main, sources=Sources({str(main): MAIN})).findings == ()


def test_buffers_need_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    held = Sources({"main.rev": MAIN, "part.rev": PART})
    spec = Spec("main.rev", sources=held)
    assert spec.program().model.name == "M"
    assert set(spec.texts.values()) == {MAIN, PART}
    (finding,) = lint("main.rev", sources=Sources({"main.rev": MAIN, "parts.rev": PART})).findings
    assert finding.message == "no module `part`; did you mean `parts`?"


def test_a_spec_that_is_not_there() -> None:
    with pytest.raises(SpecError, match="cannot read the file"):
        Spec("nowhere.rev", sources=Sources({"main.rev": MAIN}))
    assert [d.code for d in lint("nowhere.rev").findings] == ["S001"]


def test_dims_are_checked_as_a_spec_is_opened() -> None:
    with pytest.raises(BindError, match="no dim `q`"):
        Spec(PART, {"q": 1})
    with pytest.raises(BindError, match="cannot be -1"):
        Spec(PART, {"B": -1})


def test_the_tree_of_what_does_not_parse() -> None:
    with pytest.raises(SpecError, match="S001"):
        _ = Spec("model M(a: [B] { }\n").tree
    assert Spec(PART).tree.items[0].kind == "use"
