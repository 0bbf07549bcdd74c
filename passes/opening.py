"""Open a spec: read it and the files that it uses."""

from collections.abc import Mapping
from pathlib import Path

from revc.errors import BindError
from revc.grammar.source import read
from revc.passes.elaborate.blocks import Blocks
from revc.passes.modules import Loader
from revc.passes.report import Findings
from revc.passes.rules.base import hint


def open_spec(
    source: str | Path, findings: Findings, dims: Mapping[str, int] = {}
) -> tuple[Blocks, Loader]:
    """Parse a spec and the files that it uses, ready to elaborate its blocks.

    A dim of a used file goes by ``file.dim``.

    Raises:
        SpecError: the file cannot be read.
        BindError: `dims` has a dim that the file does not declare.
    """
    text, file, beside = _text(source)
    loader = Loader(findings, beside)
    blocks = Blocks(findings, loader.load(text, file), dict(dims))
    known = [module.prefix + name for module in loader.modules for name in blocks.names(module)]
    for name, size in dims.items():
        if name not in known and not findings.denied:
            raise BindError(f"no dim `{name}`{hint(name, known)}")
        if size < 0:
            raise BindError(f"dim `{name}` cannot be {size}")
    return blocks, loader


def _text(source: str | Path) -> tuple[str, str, Path | None]:
    """Return the text, the name for messages, and the folder that `use` looks in."""
    if isinstance(source, str) and ("\n" in source or "{" in source):
        return source, "<string>", None
    path = Path(source)
    return read(path), str(source), path.parent
