"""Entry point of ``flenwheel``: without a step it opens the studio, with one it does that step on the command line."""

import logging
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress

from studio.cli.answers import workspace_of
from studio.cli.main import parser
from studio.cli.outermost import DONE, Formatter, guarded


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code (``studio.cli.outermost.EXIT_CODES``); raises SystemExit after ``--help`` only."""
    return guarded(sys.argv[1:] if argv is None else argv, _run)


def _run(argv: Sequence[str]) -> int:
    options = parser().parse_args(argv)
    told = logging.StreamHandler()
    told.setFormatter(Formatter(options.debug))
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, handlers=[told])
    return options.run(options) if options.command else _serve(options)


def _serve(options: Namespace) -> int:
    """Serve the studio until it is stopped. Gradio is imported when what was asked for can be: two seconds that no step
    needs, and no refusal."""
    from studio.server.place import Opening, allowed_name, listen, root_path

    with suppress(KeyboardInterrupt):  # how a studio ends
        names = tuple(dict.fromkeys(allowed_name(name) for name in options.allow_host))
        opening = Opening(options.host, options.port, names, root_path(options.root_path), _password(options.password))
        with listen(opening.host, opening.port) as door:
            from studio.app import serve

            serve(workspace_of(options), opening, door, open_browser=not options.no_browser)
    return DONE


def _password(given: str | None) -> str:
    """What was given as ``--password``; "" when nothing was. Raises ValueError in words."""
    if given is not None and not given.strip():
        raise ValueError("A password of nothing keeps nobody out. Leave --password away to have one made.")
    return given or ""


if __name__ == "__main__":
    sys.exit(main())
