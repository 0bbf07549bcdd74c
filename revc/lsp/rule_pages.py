"""The pages of rules as files, for findings to link to.

They are written when the server starts to link to them and go with it, so that a link always leads
to the page of the version that spoke.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from revc.passes.rules.base import Rule
from revc.passes.rules.registry import MODULES, rule


class RulePages:
    """A folder with a page for each rule that was asked for."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="revc-rules-")
        self._made: dict[str, Path] = {}

    def path(self, code: str) -> Path | None:
        """Return the file with the page of a rule; None if there is no such rule.

        Raises:
            OSError: it cannot be written.
        """
        if code not in MODULES:
            return None
        if code not in self._made:
            path = Path(self._folder.name) / f"{code}.md"
            path.write_text(markdown(rule(code)), encoding="utf-8")
            self._made[code] = path
        return self._made[code]

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()


def markdown(found: Rule) -> str:
    """Return a rule's page as Markdown."""
    text = found.page
    return "\n".join(
        [
            f"# {found.code} {found.name} ({found.level})",
            "",
            text.what,
            "",
            "## Why",
            "",
            text.why,
            "",
            "## Bad",
            "",
            f"```rev\n{text.bad.strip()}\n```",
            "",
            "## Good",
            "",
            f"```rev\n{text.good.strip()}\n```",
            "",
            "## Source",
            "",
            text.source,
            "",
        ]
    )
