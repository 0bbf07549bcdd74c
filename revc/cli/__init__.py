"""The `revc` command."""


def main() -> None:
    """Run the command line; exits with 0, 1 on findings, 2 on wrong use, 3 on a bug of ours."""
    from revc.cli.start import start

    start()


__all__ = ["main"]
