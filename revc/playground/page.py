"""The playground's page: the HTML shell of reports around an editor, with its own script."""

import json
from functools import cache
from html import escape
from pathlib import Path

import revc.specs
from revc.grammar.highlight import TYPES, keywords
from revc.grammar.table import table
from revc.report import html

HERE = Path(__file__).parent
TITLE = "revc playground"
LEAD = (
    "A spec is checked as you type: what is wrong with it, what is proved of it, how it is drawn, "
    "and the spec that undoes it. Nothing leaves this machine."
)


def page(text: str, nonce: str) -> str:
    """Return the page, which begins with `text`; its scripts run by their `nonce`."""
    return html.page(TITLE, [_style(), _body(text), _script(nonce)], LEAD)


def policy(nonce: str) -> str:
    """Return what a browser lets the page do: run its own script, and ask its own server."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _body(text: str) -> str:
    options = "".join(f"<option>{escape(name)}</option>" for name in examples())
    return f"""
<main>
<section class="left" aria-label="Spec">
<div class="bar"><label>Example
<select id="examples"><option value="">mine</option>{options}</select></label>
<button id="format" type="button">Format</button><span id="state" role="status"></span></div>
<div class="editor"><pre id="numbers" aria-hidden="true"></pre>
<div class="sheet"><pre id="shown" aria-hidden="true"></pre>
<textarea id="text" spellcheck="false" autocapitalize="off" autocomplete="off" wrap="off"
 aria-label="The spec">
{escape(text)}</textarea></div></div>
<ol id="findings" aria-label="Findings"></ol>
</section>
<section class="right" aria-label="What is known of it">
<div class="bar" role="tablist">
<button type="button" role="tab" data-tab="picture" aria-selected="true">Drawing</button>
<button type="button" role="tab" data-tab="verdicts" aria-selected="false">Verdicts</button>
<button type="button" role="tab" data-tab="inverse" aria-selected="false">Inverse</button></div>
<div id="picture" class="pane"></div>
<div id="verdicts" class="pane" hidden></div>
<div id="inverse" class="pane" hidden></div>
</section>
</main>
"""


def _style() -> str:
    return f"<style>{_file('playground.css')}</style>"


def _script(nonce: str) -> str:
    known = {
        "keywords": sorted(keywords()),
        "types": sorted(word for word, kind in table().words.items() if kind in TYPES),
        "examples": examples(),
    }
    data = json.dumps(known).replace("<", "\\u003c")
    script = _file("playground.js")
    return (
        f'<script nonce="{nonce}" type="application/json" id="known">{data}</script>\n'
        f'<script nonce="{nonce}">{script}</script>'
    )


@cache
def examples() -> dict[str, str]:
    """Return the specs that ship by name."""
    folder = Path(revc.specs.__file__).parent
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.rev"))}


@cache
def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
