"""What `revc lint` is asked for, and the short way to read it from a command line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from revc.cli.files import STDIN
from revc.cli.render import Format
from revc.passes.lint import EVERYTHING, Selection


@dataclass(frozen=True)
class Request:
    """Which files are linted, and how.

    `dims` must be dims of every file; `defaults` bind those that a file has. `exclude` are patterns
    of files that a folder or pattern does not mean. With `probe`, which imports torch and the nets
    of the specs, torch nets are run, with `allowed` only those from these modules, or from below;
    and budgets of memory are checked. `weights` is a file of parameters that bound nets.
    """

    specs: tuple[str, ...]
    style: Format = Format.full
    selection: Selection = EVERYTHING
    dims: Mapping[str, int] = field(default_factory=dict)
    defaults: Mapping[str, int] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    proof: bool = False
    probe: bool = False
    allowed: Sequence[str] | None = None
    weights: Path | None = None


_LISTS = {"--select": "select", "--ignore": "ignore", "--deny": "deny"}


def quick(args: Sequence[str]) -> Request | None:
    """Return what a command line behind ``lint`` asks for, None where typer has to read it.

    An editor or a commit hook runs lint at every turn, and typer with its adapters takes a third
    of the time that linting does. So files and the options that only choose what is shown are read
    here; typer has all others, and everything that may be wrong.
    """
    specs, lists, style, proof = list[str](), dict[str, tuple[str, ...]](), "full", False
    for name, value in _options(args):
        if name is None:
            specs.append(value)
        elif name in _LISTS and value:
            lists[_LISTS[name]] = (*lists.get(_LISTS[name], ()), *codes([value]))
        elif name == "--output-format" and value in Format.__members__:
            style = value
        elif name == "--proof" and not value:
            proof = True
        else:
            return None
    chosen = Selection(**lists)
    if not specs or chosen.unknown() is not None:
        return None
    return Request(tuple(specs), Format(style), chosen, proof=proof)


def _options(args: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    """Yield the options of a command line with their values; files have no name."""
    rest = iter(args)
    for arg in rest:
        if not arg.startswith("-") or arg == STDIN:
            yield None, arg
        elif "=" in arg:
            name, _, value = arg.partition("=")
            yield name, value
        else:
            yield arg, "" if arg == "--proof" else next(rest, "")


def codes(given: Sequence[str] | None) -> tuple[str, ...]:
    """Return selectors given one by one or with commas between them."""
    return tuple(code.strip() for entry in given or () for code in entry.split(","))


def _has_table(folder: Path) -> bool:
    """Say whether a folder's project file speaks of revc's table; most projects have none."""
    try:
        return b"tool.revc" in (folder / "pyproject.toml").read_bytes()
    except OSError:
        return False


def with_settings(request: Request) -> Request:
    """Return a request with what the project's `pyproject.toml` says where it says nothing itself.

    Raises:
        SettingsError: the file says something that it cannot.
    """
    if not any(map(_has_table, (Path.cwd(), *Path.cwd().parents))):
        return request
    from revc.cli.settings import found

    known = found()
    if known is None:
        return request
    own = request.selection
    chosen = Selection(
        own.select or known.select, own.ignore or known.ignore, own.deny or known.deny
    )
    return replace(request, selection=chosen, defaults=known.dims, exclude=known.exclude)
