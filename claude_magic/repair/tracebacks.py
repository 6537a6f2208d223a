"""How is an error told in few words, without this machine's paths?

A chain of errors, a group or a thousand frames become a text of bounded length: what happened last is whole,
what led to it is cut. Paths begin at a package, the working folder or the home folder.
"""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import printable
from claude_magic.prompts.private import without_addresses, without_secrets
from claude_magic.prompts.tables import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    CellOf = Callable[[str], int | None]
    Called = Callable[[int], str]

MOST = 6_000  # characters of it all
MOST_MESSAGE = 1_200
MOST_LINE = 200
FIRST, LAST = 4, 8  # frames of the last error that are kept
BEFORE = 3  # frames of each error before it
CHAIN, GROUP = 4, 3  # errors of a chain, and of a group
CAUSE = "The error above led to this one:"
CONTEXT = "While the error above was handled, another one came:"


class Place(NamedTuple):
    """Where a frame of a traceback stands; `cell` is the number of a notebook's cell, or None."""

    cell: int | None
    path: str
    line: int
    function: str
    frame: FrameType

    def told(self, called: Called) -> str:
        """Return it as a line or two."""
        where = called(self.cell) if self.cell else shortened(self.path)
        inside = "" if self.function == "<module>" else f", in {self.function}"
        source = linecache.getline(self.path, self.line, self.frame.f_globals).strip()
        source = "" if source.startswith("get_ipython().run_") else source  # what IPython makes of a magic
        return f"  {where}, line {self.line}{inside}" + (
            f"\n    {_clipped(source, MOST_LINE)}" if source else ""
        )


def told(error: BaseException, cell_of: CellOf, called: Called = "In[{}]".format) -> str:
    """Return an error with what led to it; `cell_of` knows the cell of a file, `called` a cell's name."""
    parts: list[str] = []
    for n, (one, link) in enumerate(_chain(error)):
        kept = _kept(places(one, cell_of), called, *((FIRST, LAST) if n == 0 else (0, BEFORE)))
        parts.insert(0, "\n".join([*kept, *_end(one, cell_of, called), *([link] if link else [])]))
    while len(parts) > 1 and sum(map(len, parts)) > MOST:
        parts.pop(0)
    return cut(printable(_homeless("\n".join(parts))), 2 * MOST)


def kind(error: BaseException) -> str:
    """Return the name of an error's class, with its package where that is not Python's own."""
    of = type(error)
    package = of.__module__.partition(".")[0]
    return of.__qualname__ if package in ("builtins", "__main__") else f"{package}.{of.__qualname__}"


def message(error: BaseException) -> str:
    """Return what an error says, and its notes, up to a length."""
    try:
        said = str(error)
    except Exception:  # an error of the reader's may fail in telling itself
        said = "(its message cannot be shown)"
    notes = [str(note) for note in getattr(error, "__notes__", ())[:3]]
    return printable(_homeless(_clipped("\n".join([said, *notes]), MOST_MESSAGE)))


def places(error: BaseException, cell_of: CellOf) -> list[Place]:
    """Return the frames of an error, without those of IPython and of this package between them."""
    walked = traceback.walk_tb(error.__traceback__)
    found = [
        Place(cell_of(f.f_code.co_filename), f.f_code.co_filename, n or 1, f.f_code.co_name, f)
        for f, n in walked
    ]
    return [p for p in found if p.cell or not _within(p.path)]


def shortened(path: str) -> str:
    """Return a path from its package, the working folder or the home folder on; else its last part."""
    plain = path.replace("\\", "/")
    for mark in ("/site-packages/", "/dist-packages/"):
        if mark in plain:
            return plain.rpartition(mark)[2]
    if plain.startswith("<") or not os.path.isabs(path):  # noqa: PTH117
        return plain
    folders = (os.path.dirname(os.__file__), _folder(), os.path.expanduser("~"))  # noqa: PTH111, PTH120 # any text
    for folder, sign in zip(folders, ("", "", "~/"), strict=True):
        start = folder.replace("\\", "/").rstrip("/") + "/"
        if len(start) > 2 and plain.startswith(start):
            return sign + plain.removeprefix(start)
    return plain.rpartition("/")[2]


def _clipped(text: str, most: int) -> str:
    """Return a text without secrets and addresses, cut to a length; what is cut would not be known as one."""
    return cut(without_secrets(without_addresses(text)), most)


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 # any text
    except OSError:
        return ""


def _homeless(text: str) -> str:
    """Return a text without the names of this machine's folders."""
    folders = {_folder(): ".", os.path.expanduser("~"): "~", sys.prefix: "…"}  # noqa: PTH111
    for folder, sign in sorted(folders.items(), key=lambda pair: -len(pair[0])):
        if len(folder) > 2:
            text = text.replace(folder, sign)
    return text


def _within(path: str) -> bool:
    plain = path.replace("\\", "/")
    here = os.path.dirname(os.path.dirname(__file__)).replace("\\", "/")  # noqa: PTH120
    return any(f"/{package}/" in plain for package in ("IPython", "ipykernel")) or (
        plain.startswith(f"{here}/")
    )


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield an error, then what led to it, each with the words that lead on to the one before."""
    one: BaseException | None = error
    link, seen = "", set[int]()
    while one is not None and id(one) not in seen and len(seen) < CHAIN:
        seen.add(id(one))
        yield one, link
        link = CAUSE if one.__cause__ is not None else CONTEXT
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _kept(found: list[Place], called: Called, first: int, last: int) -> list[str]:
    """Return the lines of the first and the last of many frames, those that repeat told once."""
    runs: list[tuple[Place, int]] = []
    for place in found:
        if runs and runs[-1][0][:4] == place[:4]:
            runs[-1] = (place, runs[-1][1] + 1)
        else:
            runs.append((place, 1))
    left = len(runs) - first - last
    kept = runs if left <= 1 else [*runs[:first], *runs[-last:]]
    lines = [place.told(called) + (f"\n    [{times:,} times]" if times > 1 else "") for place, times in kept]
    return lines if left <= 1 else [*lines[:first], f"  [… {left:,} frames left out]", *lines[first:]]


def _end(error: BaseException, cell_of: CellOf, called: Called, depth: int = 0) -> Iterator[str]:
    """Yield the lines that say what an error is; those within a group are indented."""
    indent = "  " * depth
    if isinstance(error, SyntaxError) and error.lineno:
        yield from _syntax(error, cell_of, called)
        yield f"{indent}{kind(error)}: {_clipped(error.msg or '', MOST_MESSAGE)}"
        return
    yield f"{indent}{kind(error)}: {message(error)}"
    if isinstance(error, BaseExceptionGroup) and depth < 2:
        for one in error.exceptions[:GROUP]:
            for place in places(one, cell_of)[-1:]:
                yield f"{indent}- {place.told(called).strip()}"
            yield from _end(one, cell_of, called, depth + 1)
        if len(error.exceptions) > GROUP:
            yield f"{indent}[… {len(error.exceptions) - GROUP:,} errors more]"


def _syntax(error: SyntaxError, cell_of: CellOf, called: Called) -> Iterator[str]:
    name = error.filename or ""
    number = cell_of(name)
    yield f"  {called(number) if number else shortened(name)}, line {error.lineno}"
    text = (error.text or "").rstrip("\n")
    if text.strip():
        yield f"    {_clipped(text, MOST_LINE)}"
        if error.offset and error.offset <= MOST_LINE:
            yield f"    {' ' * (error.offset - 1)}^"


def files(error: BaseException, depth: int = 0) -> Iterator[str]:
    """Yield the names of the files that an error's traceback is in."""
    for one, _ in _chain(error):
        yield from (frame.f_code.co_filename for frame, _ in traceback.walk_tb(one.__traceback__))
        if isinstance(one, SyntaxError):
            yield one.filename or ""
        if isinstance(one, BaseExceptionGroup) and depth < 2:
            for inner in one.exceptions[:GROUP]:
                yield from files(inner, depth + 1)


def cells_of(shell: Any) -> CellOf:
    """Return what knows the number of the cell that a file's name stands for."""

    def cell_of(name: str) -> int | None:
        found = shell.compile.format_code_name(name)
        number = found[1][3:-1] if found and found[1].startswith("In[") else ""
        return int(number) if number.isdecimal() else None

    return cell_of
