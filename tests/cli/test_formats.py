"""SARIF logs have the structure that the standard asks for, and GitHub's commands say all."""

import json
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from typer.testing import CliRunner

import revc
from revc.cli.app import app
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.registry import MODULES, rule

# What SARIF 2.1.0 names of each object that a log has, the required ones first; other names than
# the standard's are errors there.
PARTS = ("shortDescription", "fullDescription", "help")
OBJECTS = {
    "log": ({"version", "runs"}, {"$schema"}),
    "run": ({"tool"}, {"results", "columnKind"}),
    "driver": ({"name"}, {"semanticVersion", "rules"}),
    "rule": ({"id"}, {"name", *PARTS, "defaultConfiguration"}),
    "result": ({"message"}, {"ruleId", "ruleIndex", "level", "locations", "properties"}),
    "location": ({"physicalLocation"}, set()),
    "physical": ({"artifactLocation", "region"}, set()),
    "region": ({"startLine"}, {"startColumn", "endLine", "endColumn"}),
}  # fmt: skip
LEVELS = {"none", "note", "warning", "error"}


def is_object(value: dict[str, object], what: str) -> None:
    required, optional = OBJECTS[what]
    assert required <= set(value) <= required | optional


def is_text(value: object) -> None:
    assert isinstance(value, dict)
    assert list(value) == ["text"]
    assert isinstance(value["text"], str)
    assert value["text"]


def lint(path: Path, *options: str) -> str:
    return CliRunner().invoke(app, ["lint", str(path), *options]).stdout


def is_log(text: str) -> list[dict[str, object]]:
    """Check that a text is a log of one run, and return its results."""
    log = json.loads(text)
    is_object(log, "log")
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    is_object(run, "run")
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    driver = run["tool"]["driver"]
    is_object(driver, "driver")
    assert driver["semanticVersion"] == revc.__version__
    for one in driver["rules"]:
        is_object(one, "rule")
        assert one["id"] in MODULES
        assert one["defaultConfiguration"]["level"] in LEVELS
        for part in PARTS:
            is_text(one[part])
    for result in run["results"]:
        is_result(result, driver["rules"])
    return run["results"]  # type: ignore[no-any-return]


def is_result(result: dict[str, object], rules: list[dict[str, object]]) -> None:
    is_object(result, "result")
    is_text(result["message"])
    assert result["level"] in LEVELS
    assert isinstance(result["ruleIndex"], int)
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert isinstance(result["locations"], list)
    (location,) = result["locations"]
    is_object(location, "location")
    physical = location["physicalLocation"]
    is_object(physical, "physical")
    is_object(physical["region"], "region")
    assert all(isinstance(at, int) and at >= 1 for at in physical["region"].values())


@pytest.mark.parametrize("code", MODULES)
def test_every_bad_example_makes_a_log(tmp_path: Path, code: str) -> None:
    spec = tmp_path / "bad.rev"
    spec.write_text(rule(code).page.bad)
    found = json.loads(lint(spec, "--output-format", "json"))["findings"]
    results = is_log(lint(spec, "--output-format", "sarif"))
    assert [one["ruleId"] for one in results] == [one["code"] for one in found]


def test_a_place_and_a_witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = Path("my spec.rev")
    spec.write_text(rule("B203").page.bad.lstrip())
    (result,) = is_log(lint(spec, "--output-format", "sarif"))
    assert isinstance(result["locations"], list)
    place = result["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "my%20spec.rev"},
        "region": {"startLine": 4, "startColumn": 3, "endLine": 4, "endColumn": 49},
    }
    assert result["level"] == "error"
    assert isinstance(result["properties"], dict)
    assert "both go to" in result["properties"]["witness"]
    (absolute,) = is_log(lint(spec.resolve(), "--output-format", "sarif"))
    assert isinstance(absolute["locations"], list)
    uri = urlparse(absolute["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
    assert (uri.scheme, unquote(uri.path)) == ("file", str(spec.resolve()))


def test_a_clean_spec_has_an_empty_log(tmp_path: Path) -> None:
    spec = tmp_path / "good.rev"
    spec.write_text(rule("B203").page.good)
    assert is_log(lint(spec, "--output-format", "sarif")) == []
    assert lint(spec, "--output-format", "github") == ""


def test_github_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = Path("a,b.rev")
    spec.write_text("dim B\nmodel M(a: [B]) { t += a }\n")
    assert lint(spec, "--output-format", "github") == (
        "::error file=a%2Cb.rev,line=2,col=19,endLine=2,endColumn=20,title=S002 unknown-name::"
        "no register `t`%0Ahelp: a statement changes state that there is: make it first, "
        "`alloc t: [..] = 0`\n"
    )
    spec.write_text(rule("M501").page.bad)
    assert lint(spec, "--output-format", "github").startswith("::warning file=")


def test_a_command_ends_where_its_line_does() -> None:
    from revc.cli.as_github import commands

    found = Diagnostic("S001", "syntax", "deny", "100 %\r\nof: it", Span("a:b", 1, 1, 1, 2))
    assert commands([found]) == (
        "::error file=a%3Ab,line=1,col=1,endLine=1,endColumn=2,title=S001 syntax::"
        "100 %25%0D%0Aof: it"
    )
