"""The page's modules as one script and its styles as one sheet: a browser has six connections to the studio, and a
hundred small files would keep those of Gradio waiting.

What is written in ``studio/web`` stays as it is; only how a module names what it takes and gives changes. The rules
that make this safe are those the modules are written by: imports stand alone at the top and take names, exports stand
before their declaration, nothing goes round in a circle. What does not keep to them is refused by its name.
"""

import re
from collections.abc import Iterator
from pathlib import Path

IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.[^"]+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.MULTILINE)
STYLES = re.compile(r'^@import url\("(\./[^"]+\.css)"\);\n', re.MULTILINE)
FOREIGN = re.compile(r"^(import|export|@import)\b.*$", re.MULTILINE)


def script(first: Path) -> str:
    """``first`` and all that it imports, each module once and after those that it needs. Raises ValueError."""
    order: list[Path] = []
    _sort(first.resolve(), order, ())
    names = {path: f"m{n}" for n, path in enumerate(order)}
    *inner, last = order
    return "".join([*(_enclosed(path, names) for path in inner), _body(last, names)])


def styles(first: Path) -> str:
    """A sheet that does nothing but import others, with those in its place. Raises ValueError."""
    text = STYLES.sub(lambda found: (first.parent / found[1]).read_text("utf-8"), first.read_text("utf-8"))
    return _checked(first, text)


def files(first: Path) -> list[Path]:
    """All that ``script`` or ``styles`` join."""
    order: list[Path] = []
    _sort(first.resolve(), order, ())
    return order


def _sort(path: Path, order: list[Path], above: tuple[Path, ...]) -> None:
    if path in above:
        raise ValueError(f"{path.name} needs itself, by way of {above[-1].name}.")
    if path not in order:
        for needed in _needed(path):
            _sort(needed, order, (*above, path))
        order.append(path)


def _needed(path: Path) -> Iterator[Path]:
    text = path.read_text("utf-8")
    found = STYLES.findall(text) if path.suffix == ".css" else [name for _, name in IMPORT.findall(text)]
    return ((path.parent / name).resolve() for name in found)


def _enclosed(path: Path, names: dict[Path, str]) -> str:
    """A module as a function that gives what it exports."""
    given = ", ".join(name for _, name in EXPORT.findall(path.read_text("utf-8")))
    return f"const {names[path]} = (() => {{\n{_body(path, names)}\nreturn {{ {given} }};\n}})();\n"


def _body(path: Path, names: dict[Path, str]) -> str:
    def taken(found: re.Match[str]) -> str:
        what, source = found[1], names[(path.parent / found[2]).resolve()]
        return f"const {{{what.replace(' as ', ': ')}}} = {source};\n" if what else ""

    text = EXPORT.sub(r"\1 \2", IMPORT.sub(taken, path.read_text("utf-8")))
    return f"// {path.parent.name}/{path.name}\n{_checked(path, text)}"


def _checked(path: Path, text: str) -> str:
    if foreign := FOREIGN.search(text):
        raise ValueError(f"{path.name} cannot be joined with the others: {foreign[0]}")
    return text
