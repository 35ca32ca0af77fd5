"""Reports as pages that need nothing else: style inside, readable in light and dark. All text is escaped here or by the
caller, who then says so by handing in markup. Words of a human in Markdown and in tables for other programs, too.
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

STYLE = Path(__file__).with_suffix(".css")


def document(title: str, body: str, style: str = "") -> str:
    """The whole page around ``body`` (markup); ``style`` is added to the house's own."""
    css = STYLE.read_text("utf-8") + style
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{css}</style><main>{body}</main></html>\n"
    )


def table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts, escaped; all columns but the first are numbers when there is a head."""
    top = "".join(f"<th{_side(n)}>{escape(name)}</th>" for n, name in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f"<td{_side(n if top else 0)}>{escape(cell)}</td>" for n, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{body}</table>"


def _side(column: int) -> str:
    return ' class="n"' if column else ""


def in_csv(cell: object) -> object:
    """A cell of a table that a spreadsheet opens: a text that would be taken for a formula stays a text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
