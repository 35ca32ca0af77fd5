"""Examples for a user's presets: one of ours of each kind, whole and commented out, so that a newcomer sees what can be
set."""

from pathlib import Path

import tomli_w

from pipelines.storage.atomic import write_durably
from pipelines.storage.preset_files import KINDS, Kind, Table
from pipelines.storage.presets import FOLDER, our_entries

PROSE = """\
## Presets of your own. This {noun} is one of ours, commented out: nothing of it is read as it stands.
## Take the "# " away in front of what you want to say. A name that FLENwheel knows changes the fields that you give
## (the others stay); another name adds one. Mistakes are told in Settings, Your presets, and by: flenwheel presets

"""
SHOWN = 2
"""So many of an entry's own list are enough to see how it goes on."""


def write_examples(root: Path) -> list[str]:
    """Make ``presets/`` in the workspace at ``root`` with an example of each kind. Files that are there are left as
    they are; the names of those that were written, relative to it. Raises OSError."""
    written = []
    for kind in KINDS:
        file = kind.files.replace("*", "example")
        path = root / FOLDER / file
        if not path.exists():
            write_durably(path, example(kind).encode())
            written.append(file)
    return written


def example(kind: Kind) -> str:
    """The example of a kind, every line a comment."""
    tables = list(our_entries()[kind.name].tables.values())
    table = next((t for t in tables if t.get("weights", {}).get("hub")), tables[0])  # a model that others have, too
    shown = {key: value[:SHOWN] if key in kind.lists else value for key, value in table.items()}
    return PROSE.format(noun=kind.noun) + "".join(f"# {line}\n" if line else "#\n" for line in _lines(kind, shown))


def _lines(kind: Kind, table: Table) -> list[str]:
    if not kind.table:
        return tomli_w.dumps(table).splitlines()
    text = tomli_w.dumps({kind.table: [table]})
    if not text.startswith("[["):  # what is short is written in one line, which shows nobody how to go on
        text = f"[[{kind.table}]]\n{tomli_w.dumps(table)}"
    return text.splitlines()
