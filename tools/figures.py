"""The house in figures: ``python tools/figures.py [ROOT]``. Functions and files (lines), parameters, ``Any``, circles.

A function's lines are those from its ``def`` (or, in JavaScript, the line that opens it) to its end. JavaScript is
counted as Prettier leaves it: format a tree that is not formatted first. A circle is a strongly connected component of
more than one package; a package is a folder with Python modules in it.
"""

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TOPS = ("studio", "pipelines")
VENDORED = "vendor"
SHARES = {"median": 0.5, "p90": 0.9, "p99": 0.99}
_OPENS = re.compile(r"(\bfunction\b[^{]*\{|=>\s*\{|^\s*(async\s+|static\s+|get\s+|set\s+|\*)*[\w$#]+\([^;]*\)\s*\{)$")
_NOT_A_FUNCTION = re.compile(r"^\s*(\}\s*)?(if|for|while|switch|catch|else|with|do|try)\b")


def python_files(root: Path) -> list[Path]:
    """The product's modules, sorted; not those of ``labs`` and the tests, nor of ``pipelines/mini/train`` before it
    became ``labs``."""
    found = (path for top in TOPS for path in (root / top).rglob("*.py"))
    return sorted(path for path in found if "mini/train" not in path.as_posix())


def javascript_files(root: Path) -> list[Path]:
    """The page's own scripts, sorted; not what is vendored."""
    return sorted(
        p for p in (root / "studio").rglob("*.js") if VENDORED not in p.parts and "node_modules" not in p.parts
    )


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def parameters_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many parameters a caller sees: without ``self`` and ``cls``."""
    arguments = node.args
    named = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")])


def javascript_functions(text: str) -> list[int]:
    """Lines of each function of a formatted script: from the line that opens it to the line of the same indent that
    closes it."""
    lines = text.split("\n")
    found = []
    for start, line in enumerate(lines):
        if not _OPENS.search(line) or _NOT_A_FUNCTION.match(line):
            continue
        indent = len(line) - len(line.lstrip())
        closing = (n for n in range(start + 1, len(lines)) if lines[n][: indent + 1] == " " * indent + "}")
        end = next(closing, None)
        if end is not None:
            found.append(end - start + 1)
    return found


def package_imports(root: Path) -> dict[str, set[str]]:
    """Which packages each package imports, within the product; imports inside functions count too."""
    modules = {module_name(root, path): path for path in python_files(root)}
    graph: dict[str, set[str]] = defaultdict(set)
    for name, path in modules.items():
        own = package_of(name, path)
        graph[own] |= {
            package_of(target, modules[target]) for target in _imported(ast.parse(path.read_text("utf-8")), modules)
        } - {own}
    return graph


def module_name(root: Path, path: Path) -> str:
    """``pipelines.domain.shots``."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def package_of(name: str, path: Path) -> str:
    """The package that a module lies in: itself, when it is one. A module that lies beside packages stands for
    itself, as a package of one (``pipelines.session``, ``studio.app``)."""
    parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return name if parent in TOPS else parent


def _imported(tree: ast.AST, modules: dict[str, Path]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = names & modules.keys()
            found |= inner or {node.module}
    return found & modules.keys()


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one package (Tarjan's algorithm), largest first."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            component = [stack.pop()]
            while component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return sorted(found, key=len, reverse=True)


def spread(values: list[int]) -> dict[str, int]:
    """Count, median, 90th and 99th percentile (nearest rank) and the largest."""
    ranked = sorted(values)
    if not ranked:
        return {"count": 0}
    at = {name: ranked[min(len(ranked) - 1, int(share * len(ranked)))] for name, share in SHARES.items()}
    return {"count": len(ranked), **at, "max": ranked[-1]}


def figures(root: Path) -> dict[str, object]:
    """All figures of a tree, ready for JSON."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in python_files(root)}
    every = [node for tree in trees.values() for node in functions(tree)]
    names = [node.id for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.Name)]
    scripts = {path: path.read_text("utf-8") for path in javascript_files(root)}
    return {
        "python": {
            "functions": spread([lines_of(node) for node in every]),
            "parameters": spread([parameters_of(node) for node in every]),
            "files": spread([path.read_text("utf-8").count("\n") for path in trees]),
            "Any": names.count("Any"),
            "circles": circles(package_imports(root)),
        },
        "javascript": {
            "functions": spread([n for text in scripts.values() for n in javascript_functions(text)]),
            "files": spread([text.count("\n") for text in scripts.values()]),
        },
    }


if __name__ == "__main__":
    print(json.dumps(figures(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()), indent=1))
