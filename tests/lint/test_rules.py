"""The rules' pages: both examples hold, and every rule has all that it needs."""

from pathlib import Path

import pytest

from revc.audit.probe import Prober
from revc.cli.explain import contents, markdown
from revc.grammar.diagnostics import Diagnostic, SpecError
from revc.passes import rules
from revc.passes.lint import Selection, lint
from revc.passes.rules.registry import MODULES, rule
from revc.passes.sources import DISK
from revc.passes.spec import build
from revc.planning.least import least_of

DOCS = Path(__file__).parents[2] / "docs" / "lint.md"
BROUGHT = Path(__file__).parent / "brought"


@pytest.fixture(autouse=True)
def odd_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let specs name what is in the folder of odd layers."""
    monkeypatch.syspath_prepend(str(BROUGHT))


def findings(code: str, spec: str) -> list[Diagnostic]:
    """Return what the rule's own way of running says of a spec."""
    when = rule(code).page.when
    if when == "compile":
        try:
            build(spec)
        except SpecError as error:
            return list(error.diagnostics)
        return []
    deny = ("unknown",) if when == "deny unknown" else ()
    run = (Prober(), least_of(None)) if when == "probe" else (None, None)
    found = lint(spec, Selection(deny=deny), {}, DISK, *run).findings
    return list(found)


@pytest.mark.parametrize("code", MODULES)
def test_the_bad_example_gives_the_code_and_nothing_else(code: str) -> None:
    found = findings(code, rule(code).page.bad)
    assert {d.code for d in found} == {code}
    assert all(d.level == rule(code).level for d in found)


@pytest.mark.parametrize("code", MODULES)
def test_the_good_example_is_clean(code: str) -> None:
    assert findings(code, rule(code).page.good) == []


@pytest.mark.parametrize("code", MODULES)
def test_the_rule_is_whole(code: str) -> None:
    found = rule(code)
    assert found.code == code
    assert MODULES[code] == f"{code.lower()}_{found.name.replace('-', '_')}"
    assert all((found.page.what, found.page.why, found.page.source))


def test_every_file_is_registered() -> None:
    folder = Path(rules.__path__[0])
    files = {path.stem for path in folder.glob("[a-z][0-9]*.py")}
    assert files == set(MODULES.values())


def test_the_documentation_lists_every_rule() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for code in MODULES:
        assert f"| {code} | {rule(code).name} | {rule(code).level} |" in text


PAGES = DOCS.parent / "rules"


def test_the_pages_in_the_documentation_are_the_rules(request: pytest.FixtureRequest) -> None:
    """Those of docs/rules, which ``pytest --update-golden`` writes."""
    wanted = {f"{code}.md": markdown(rule(code)) for code in MODULES} | {"README.md": contents()}
    if request.config.getoption("--update-golden"):
        PAGES.mkdir(exist_ok=True)
        for old in PAGES.glob("*.md"):
            old.unlink()
        for name, text in wanted.items():
            (PAGES / name).write_text(text, encoding="utf-8")
    assert {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")} == wanted


def test_compiling_refuses_what_lint_denies() -> None:
    for code in MODULES:
        page = rule(code).page
        if rule(code).level == "deny" and page.when == "lint" and "model" in page.bad:
            with pytest.raises(SpecError) as caught:
                build(page.bad)
            assert code in {d.code for d in caught.value.diagnostics}
