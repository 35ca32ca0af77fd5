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
    from studio.app import serve

    try:
        serve(workspace_of(options), options.host, options.port, open_browser=not options.no_browser)
    except (*REFUSALS, OSError) as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 - told on the terminal
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
