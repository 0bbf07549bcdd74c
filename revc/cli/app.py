"""The command line: one file a command, imported when the command is called.

A command is a module with a function `run`, whose parameters are its arguments and options. Those
of `lint`, `fmt`, `explain`, `invert`, `new`, `plan`, `lsp` and `playground` never import torch.
"""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

COMMANDS = {
    "lint": "revc.cli.lint",
    "fmt": "revc.cli.fmt",
    "explain": "revc.cli.explain",
    "invert": "revc.cli.invert",
    "new": "revc.cli.new",
    "compile": "revc.cli.compile",
    "audit": "revc.cli.audit",
    "show": "revc.cli.show",
    "plan": "revc.cli.plan",
    "retrofit": "revc.cli.retrofit",
    "lsp": "revc.cli.lsp",
    "playground": "revc.cli.playground",
}

_HELP = {"help_option_names": ["--help", "-h"]}


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`, each imported on its first use."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands' names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command `cmd_name`, or None."""
        if cmd_name not in COMMANDS:
            return None
        single = typer.Typer(
            add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
        )
        single.command(cmd_name, context_settings=_HELP)(import_module(COMMANDS[cmd_name]).run)
        return typer.main.get_command(single)


app = typer.Typer(
    cls=LazyGroup,
    name="revc",
    no_args_is_help=True,
    context_settings=_HELP,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        import revc

        typer.echo(f"revc {revc.__version__}")
        raise typer.Exit


@app.callback()
def root(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Compile a model spec (.rev) to an exactly reversible PyTorch graph."""
