"""The house keeps its shape: no circle of packages, and the script that tells of it sees one."""

import ast
import runpy
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[1]
FIGURES = SimpleNamespace(**runpy.run_path(str(ROOT / "tools" / "figures.py")))


def test_no_packages_stand_in_a_circle() -> None:
    graph = FIGURES.package_imports(ROOT)
    assert {"studio.app", "pipelines.domain", "pipelines.session", "pipelines.queue"} <= graph.keys()
    assert "pipelines.domain" in graph["pipelines.storage"]
    assert FIGURES.circles(graph) == []


def test_a_circle_is_seen_however_long_it_is_and_wherever_the_import_stands(tmp_path: Path) -> None:
    for name, text in {
        "pipelines/a/one.py": "from pipelines.b import two",
        "pipelines/b/two.py": "def late():\n    import pipelines.c.three",
        "pipelines/c/three.py": "from pipelines.a.one import x",
        "pipelines/d/four.py": "from pipelines.a.one import x",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / "__init__.py").write_text("")
    assert FIGURES.circles(FIGURES.package_imports(tmp_path)) == [["pipelines.a", "pipelines.b", "pipelines.c"]]


def test_lines_and_parameters_are_counted_as_a_reader_would() -> None:
    tree = ast.parse("class A:\n    def f(self, a, *, b=1):\n        x = 1\n        return x\n")
    (function,) = FIGURES.functions(tree)
    assert (FIGURES.lines_of(function), FIGURES.parameters_of(function)) == (3, 2)
    script = "export function f(a) {\n  if (a) {\n    g();\n  }\n  return () => {\n    h();\n  };\n}\n"
    assert sorted(FIGURES.javascript_functions(script)) == [3, 8]
