"""Entry point of ``flenwheel``: without a step it opens the studio, with one it does that step on the command line."""

import argparse
import logging
import sys
from collections.abc import Sequence

from studio.cli import main as command_line
from studio.cli.answers import REFUSALS, workspace_of


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 when something was refused or failed."""
    options = command_line.parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    return command_line.run(options) if options.command else _serve(options)


def _serve(options: argparse.Namespace) -> int:
    """Serve the studio until it is stopped. Gradio is imported here: two seconds that no step needs."""
    from studio.app import Opening, serve
    from studio.server.place import allowed_name, root_path

    try:
        names = tuple(dict.fromkeys(allowed_name(name) for name in options.allow_host))
        opening = Opening(options.host, options.port, names, root_path(options.root_path), _password(options.password))
        serve(workspace_of(options), opening, open_browser=not options.no_browser)
    except (*REFUSALS, OSError, ValueError) as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 - told on the terminal
        return 1
    return 0


def _password(given: str | None) -> str:
    """What was given as ``--password``; "" when nothing was. Raises ValueError in words."""
    if given is not None and not given.strip():
        raise ValueError("A password of nothing keeps nobody out. Leave --password away to have one made.")
    return given or ""


if __name__ == "__main__":
    sys.exit(main())
