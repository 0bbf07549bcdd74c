"""Texts to ask an editor's questions of: every spec of the repository, and every bad example."""

from pathlib import Path

from revc.passes.rules.registry import MODULES, rule
from tests.grammar.corpus import FILES
from tests.lint.findings import FINDINGS, HEAD

ROOT = Path(__file__).resolve().parents[2]
GOOD = {str(path.relative_to(ROOT / "revc")): path.read_text() for path in FILES}
BAD = {
    **{f"{code} bad": rule(code).page.bad for code in MODULES},
    **{name: f"{HEAD}{body.replace('@@', '')}\n}}\n" for name, (body, _) in FINDINGS.items()},
}
BROKEN = {
    "nothing": "",
    "an open head": "model M(a: [B",
    "a stray mark": "dim B $\nblock A(a: [B]) {\n  negate a\n}\n",
    "an open string": 'net F = torch "a\n',
    "a missing brace": "dim B\nblock A(a: [B]) {\n  repeat 2 {\n  negate a\n}\n",
    "deep brackets": f"dim B\nblock A(a, b: [B]) {{\n  a += {'tanh(' * 190}b{')' * 190}\n}}\n",
    "deep nets": f"net F(x: [4]) -> [4] = {'tanh(' * 190}x{')' * 190}\nblock A(a: [4]) {{\n}}\n",
    "deep sums": f"dim B\nblock A(a, b: [B]) {{\n  a += b{' + b' * 190}\n}}\n",
    "words where none are": "by as to along\nlet let let\nblock by(as: [to]) {\n  to += as by\n}\n",
}
TEXTS = {**GOOD, **BAD, **BROKEN}
