"""What is in a notebook's file, and what do its cells ask of Claude?

The file is JSON and is read as such, whatever version or program wrote it; nothing of it is run. Cells are
read as IPython reads them, so that a line in a string is no question, and one in a loop is known as such.
https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import ast
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.grammar import questions
from claude_magic.grammar.cell import parse_cell, parse_line

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from claude_magic.grammar.cell import Ask, CommandCall, OverRows

PAID = ("messages.create", "messages.stream", "messages.parse", "batches.create", "completions.create")
"""How the calls of a client end that cost; those of claude_magic are found by name."""
OVER_ROWS = ("map", "classify", "extract", "score", "preview", "retry", "grade", "batch")
"""What `claude_magic` and `df.claude` have that asks for each row."""
LOOPS = (ast.For, ast.While, ast.AsyncFor, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
BRANCHES = (ast.If, ast.Try, ast.IfExp, ast.Match)
TIMERS = ("time", "timeit", "capture", "prun")  # magics that run what is beside or below them as Python
HOW = "Give the path of an .ipynb file."


class Cell(NamedTuple):
    """A code cell: the number that running all cells gives it, its source and its saved outputs."""

    number: int
    source: str
    outputs: list[dict[str, Any]]


class Magic(NamedTuple):
    """A line or cell magic with its `name`; `where` says what it stands in, such as "in a loop", or ""."""

    name: str
    line: str
    body: str | None
    where: str


class Code(NamedTuple):
    """What a cell does, as far as it can be seen: its magics, the names it gives values, its paid calls."""

    magics: list[Magic]
    names: set[str]
    calls: list[str]


def read(path: str | os.PathLike[str]) -> list[Cell]:
    """Return the code cells of a notebook; raises InputError for what is no notebook."""
    file = Path(path).expanduser()
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint=HOW) from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not {"cells", "worksheets"} & {*found}:
        raise InputError(f"{path} is not a notebook", hint=HOW)
    return [Cell(n, *cell) for n, cell in enumerate(_code_cells(found), 1)]


def _code_cells(found: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    sheets = [found, *_dicts(found.get("worksheets"))]  # these were in notebooks before 2015
    for cell in (cell for sheet in sheets for cell in _dicts(sheet.get("cells"))):
        source = cell.get("source", cell.get("input"))
        text = "".join(map(str, source)) if isinstance(source, list) else source
        if cell.get("cell_type") == "code" and isinstance(text, str) and text.strip():
            yield text, list(_dicts(cell.get("outputs")))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def code(source: str) -> Code | None:
    """Return what a cell does; None where it is not Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    manager = TransformerManager()  # type: ignore[no-untyped-call] # IPython's own types
    manager.cleanup_transforms.insert(1, questions.rewrite)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as SyntaxWarning: it is their code
            tree = ast.parse(manager.transform_cell(source))
    except (SyntaxError, ValueError, RecursionError):
        return None
    seen = Code([], set(), [])
    _walk(tree, "", seen)
    for magic in [each for each in seen.magics if each.name in TIMERS]:
        inner = code(magic.body or magic.line)
        if inner is not None:
            seen.magics.extend(inner.magics)
            seen.names.update(inner.names)
            seen.calls.extend(inner.calls)
    return seen


def _walk(node: ast.AST, where: str, seen: Code) -> None:
    if isinstance(node, ast.Call):
        _called(node, where, seen)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        seen.names.add(node.id)
    elif isinstance(node, ast.alias):
        seen.names.add((node.asname or node.name).split(".")[0])
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        seen.names.add(node.name)
    for child in ast.iter_child_nodes(node):
        _walk(child, _place(node) or where, seen)


def _place(node: ast.AST) -> str:
    for kinds, words in ((LOOPS, "in a loop"), (FUNCTIONS, "in a function"), (BRANCHES, "on a condition")):
        if isinstance(node, kinds):
            return words
    return ""


def _called(node: ast.Call, where: str, seen: Code) -> None:
    name = _dotted(node.func)
    values = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
    if name.endswith((".run_line_magic", ".run_cell_magic")) and len(values) > 1:
        kind, line, *body = (value if isinstance(value, str) else "" for value in values)
        seen.magics.append(Magic(kind, line, body[0] if body else None, where))
    elif name.endswith(PAID) or name.removeprefix("claude_magic.") in ("ask", "Chat") or is_over_rows(name):
        seen.calls.append(name)


def is_over_rows(name: str) -> bool:
    """Say whether a call by this name asks for each row of a frame."""
    of, _, verb = name.rpartition(".")
    return verb in OVER_ROWS and (of == "claude_magic" or of.endswith(".claude"))


def asked(magic: Magic, aliases: Mapping[str, str]) -> Ask | OverRows | CommandCall:
    """Return what a `claude` magic asks; raises InputError."""
    line, body = magic.line, magic.body
    return parse_line(line, aliases) if body is None else parse_cell(line, body, aliases)


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "()"
