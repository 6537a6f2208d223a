"""Does each module know only what is below it, and say which question it answers?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import claude_magic

PACKAGE = Path(claude_magic.__file__).parent

LAYERS = {
    "pure": "errors wire app protocol schema prompts grammar",
    "rules": "policy limits ledger keys settings",
    "edge": "faults pool cut transport direct platforms cassette practice",
    "caller": "api admin tools bridge talk money exporting frames looks rows",
    "notebook": "show repair cells ui",
    "applications": "quickstart cli classroom",
}
LAYER = {name: n for n, names in enumerate(LAYERS.values()) for name in names.split()}
EDGE = list(LAYERS).index("edge")
MOST_LINES = 400

MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")
every_module = pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _room(dotted: str) -> str | None:
    """Return which room of claude_magic a dotted import leads to, or None for another package's."""
    parts = dotted.split(".")
    if parts[0] != "claude_magic" or parts[1:] == ["__version__"]:
        return None
    room = parts[1] if len(parts) > 1 else ""
    assert room in LAYER, f"{dotted}: import from the module that defines it, not from the package"
    return room


@every_module
def test_a_module_imports_only_from_its_own_layer_or_lower_ones(path):
    own = _name(path).split(".")[0]
    assert own in LAYER, f"{own} has no layer: add it to LAYERS"
    above = [f"{path.name}:{n} {d}" for n, d in _imports(path) if (r := _room(d)) and LAYER[r] > LAYER[own]]
    assert above == []


@every_module
def test_only_the_edge_imports_httpx2(path):
    found = [n for n, dotted in _imports(path) if dotted.split(".")[0] == "httpx2"]
    assert found == [] or LAYER[_name(path).split(".")[0]] == EDGE, f"{path.name}: lines {found}"


@every_module
def test_a_module_opens_with_the_question_it_answers(path):
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert doc.splitlines()[:1] and doc.splitlines()[0].endswith("?"), f"{path.name}: {doc[:80]!r}"


@every_module
def test_a_module_is_short_enough_to_read(path):
    assert MOST_LINES >= len(path.read_text().splitlines())


def test_modules_import_each_other_in_no_circle():
    at_import = {_name(p): {_known(d) for d in _top_level(p)} - {None, _name(p)} for p in MODULES}
    done: set[str] = set()
    while ready := {m for m, needs in at_import.items() if m not in done and needs <= done}:
        done |= ready
    assert set(at_import) - done == set()


def _known(dotted: str) -> str | None:
    parts = dotted.removeprefix("claude_magic.").split(".")
    return next((n for i in (len(parts), len(parts) - 1) if (n := ".".join(parts[:i])) in NAMES), None)


NAMES = {_name(path) for path in MODULES}


def _top_level(path: Path) -> Iterator[str]:
    """Yield what importing the file imports: not in functions, not for type checkers."""

    def walk(nodes):
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from walk(node.orelse)
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from walk(ast.iter_child_nodes(node))

    yield from (d for d in walk(ast.parse(path.read_text()).body) if d.startswith("claude_magic."))
