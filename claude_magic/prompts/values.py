"""How does a notebook's value become text or a content block?

By type, without importing what defines the type: a value's class says where it comes from.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import ClaudeError, InputError
from claude_magic.prompts import figures, grids, media, private, structures, tables
from claude_magic.prompts.tables import cut

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_TEXT = 400_000  # characters of a text, about 100,000 tokens
MOST_JSON = 20_000
MOST_REPR = 4_000
INLINE = structures.INLINE  # characters up to which a list or an object's repr stays in the sentence


class Shown(NamedTuple):
    """A value as it is sent: `text`, or a `block`; `what` names its kind; `apart` wants lines of its own.

    `partly` says that something of it is left out; `what` says what then. `sample` says how many rows of a
    frame are sent as an example, as in "10 of 344 rows".
    """

    text: str
    what: str
    block: dict[str, Any] | None = None
    apart: bool = False
    partly: bool = False
    sample: str = ""


def show(value: Any, name: str, spec: str = "") -> Shown | None:
    """Return how a value is sent, or None when `spec` does not suit it.

    Raises InputError for a secret, and for a file, a picture, a query or a drawing that fails.
    """
    if private.is_environment(value):
        raise private.refusal(name, "is the environment")
    found = next((shown for is_kind, shown in _KINDS if is_kind(value)), _other)
    try:
        return found(value, name, spec)
    except ClaudeError:
        raise
    except Exception as error:  # a query, a figure or a class of the reader's may raise anything
        raise InputError(
            f"{{{name}}} cannot be shown: {type(error).__name__}: {error}",
            hint=f"Look at {name} in a cell of its own.",
        ) from error


def _is(package: str, *names: str) -> Callable[[Any], bool]:
    """Return a test for instances of a package's classes, which need not be imported for it."""

    def test(value: Any) -> bool:
        kinds = type(value).__mro__
        return any(k.__name__ in names and k.__module__.partition(".")[0] == package for k in kinds)

    return test


def _text(value: Any, _: str, spec: str) -> Shown | None:
    text = str(value)
    if spec:
        return _formatted(text, spec)
    whole = len(text) <= MOST_TEXT
    return _bounded(text, f"text, {len(text):,} characters" if whole else "text", MOST_TEXT)


def _bounded(text: str, what: str, most: int, *, apart: bool = False) -> Shown:
    """Return a text up to `most` characters; where it is cut, the label says so."""
    if len(text) <= most:
        return Shown(text, what, apart=apart)
    label = f"{what}, first {most:,} of {len(text):,} characters sent"
    return Shown(cut(text, most), label, apart=apart, partly=True)


def _scalar(value: Any, _: str, spec: str) -> Shown | None:
    return _formatted(value, spec) if spec else Shown(str(value), type(value).__name__)


def _formatted(value: Any, spec: str) -> Shown | None:
    if re.search(r"\d{5}", spec):
        return None  # a width beyond all pages
    try:
        return _bounded(format(value, spec), type(value).__name__, MOST_TEXT)
    except (ValueError, TypeError, OverflowError, MemoryError):
        return None


def _frame(value: Any, _: str, spec: str) -> Shown | None:
    grid = grids.of(value)
    library = type(value).__module__.partition(".")[0].strip("_")
    size = f" of {len(value):,}" if grid.names == [getattr(value, "name", "")] else f" {tables.shape(grid)}"
    of = "" if library in ("pandas", "geopandas") else f"{library} "
    return _table(grid, f"{of}{type(value).__name__}{size}", spec)


def _series(value: Any, _: str, spec: str) -> Shown | None:
    is_index = hasattr(value, "to_series")
    frame = value.to_frame(index=False) if is_index else value.to_frame()
    return _table(grids.of(frame), f"{type(value).__name__} of {len(value):,}", spec)


def _styled(value: Any, name: str, spec: str) -> Shown | None:
    return _frame(value.data, name, spec)


def _table(grid: tables.Grid, what: str, spec: str) -> Shown | None:
    made = tables.frame_text(grid, spec)
    if made is None:
        return None
    some = made.sample is not None and grid.rows is not None and made.sample < grid.rows
    sample = f"{made.sample} of {grid.rows:,} rows" if some else ""
    label = ", ".join([what, *made.partly])
    return Shown(made.text, label, apart=True, partly=bool(made.partly), sample=sample)


def _array(value: Any, name: str, spec: str) -> Shown | None:
    if value.dtype.kind == "O" and value.size and is_drawing(value.flat[0]):
        return show(value.flat[0], name, spec)  # df.hist() returns the axes of one figure
    if spec:
        return None
    what = f"array {'×'.join(map(str, value.shape))} {value.dtype}"
    text = str(value)  # numpy leaves out the middle of a large one, and shows that with dots
    text = private.without_addresses(text)
    if value.size <= 20 and len(text) <= INLINE and "\n" not in text:
        return Shown(text, what)
    head = f"{what}{_facts(value)}\n"
    if "..." in text:
        return Shown(f"{head}{cut(text, MOST_REPR)}", f"{what}, its ends sent", apart=True, partly=True)
    return _bounded(f"{head}{text}", what, MOST_REPR, apart=True)


def _facts(array: Any) -> str:
    """Return the range of an array of numbers, and how many are none."""
    if not array.size or array.dtype.kind not in "iuf":
        return ""
    known = array[array == array] if array.dtype.kind == "f" else array  # NaN differs from itself
    missing = f"; {array.size - known.size:,} NaN" if known.size < array.size else ""
    if not known.size:
        return missing
    return f"{missing}; min {known.min():.6g}, mean {known.mean():.6g}, max {known.max():.6g}"


def _path(value: Any, _: str, spec: str) -> Shown | None:
    return None if spec else of_part(media.from_path(value))


def _bytes(value: Any, name: str, spec: str) -> Shown | None:
    part = None if spec else media.from_bytes(bytes(value), name)
    return of_part(part) if part else _other(value, name, spec)


def _figure(value: Any, name: str, spec: str) -> Shown | None:
    figure = value
    while figure is not None and not hasattr(figure, "savefig"):
        figure = figure.get_figure()  # of axes, or of a part of a figure
    return None if spec or figure is None else _picture_of(figures.matplotlib(figure), name)


def _picture_of(data: bytes, name: str) -> Shown | None:
    part = media.from_bytes(data, name)
    return part and of_part(part)


def _drawn(draw: Callable[[Any], figures.Drawn]) -> Callable[[Any, str, str], Shown | None]:
    def shown(value: Any, name: str, spec: str) -> Shown | None:
        if spec:
            return None
        made = draw(value)
        if made.picture:
            return _picture_of(made.picture, name)
        return Shown(made.text, made.what, apart=True, partly=made.partly)

    return shown


def _picture(value: Any, name: str, spec: str) -> Shown | None:
    return None if spec else of_part(media.from_picture(value, name))


def _displayed(value: Any, name: str, spec: str) -> Shown | None:
    data = getattr(value, "data", None)
    return _bytes(data, name, spec) if isinstance(data, bytes) else _other(value, name, spec)


def of_part(part: media.Part) -> Shown:
    """Return how a file or a picture is sent."""
    if part.block["type"] == "text":
        return Shown(part.block["text"], part.what, apart=True)
    return Shown(f"[{part.what}]", part.what, block=part.block)


def _json(value: Any, name: str, spec: str) -> Shown | None:
    if spec:
        return None
    left: list[str] = []
    try:
        text = structures.text(value, left)
    except (TypeError, ValueError):
        return _other(value, name, spec)
    what = ", ".join([f"{type(value).__name__} of {structures.size(value):,}", *dict.fromkeys(left)])
    made = _bounded(text, what, MOST_JSON, apart=len(text) > INLINE)
    return made._replace(partly=made.partly or bool(left))


def _source(value: Any, name: str, spec: str) -> Shown | None:
    import inspect

    try:
        text = inspect.getsource(value)
    except (OSError, TypeError):
        return _other(value, name, spec)
    what = "class" if isinstance(value, type) else "function"
    return None if spec else _bounded(text.rstrip(), f"source of a {what}", MOST_JSON, apart=True)


def _failure(value: Any, _: str, spec: str) -> Shown | None:
    text = private.without_secrets(cut(repr(value), MOST_JSON))
    return None if spec else Shown(text, value.type, apart=True)


def _error(value: BaseException, _: str, spec: str) -> Shown | None:
    """Return an exception with the end of its traceback, where it says most."""
    import traceback

    text = _PROCESS.sub("", private.without_addresses("".join(traceback.format_exception(value)).rstrip()))
    beyond = len(text) - MOST_REPR
    what = f"{type(value).__name__} with its traceback"
    if spec or beyond <= 0:
        return None if spec else Shown(text, what, apart=True)
    label = f"{what}, last {MOST_REPR:,} of {len(text):,} characters sent"
    return Shown(f"[… {beyond:,} characters left out]{text[beyond:]}", label, apart=True, partly=True)


_PROCESS = re.compile(r"(?<=File \")[^\"\n]*[/\\\\]ipykernel_\d+[/\\\\]")
"""The folder of a cell's file, which has the number of the kernel's process in it."""


def is_drawing(value: Any) -> bool:
    """Return whether a value is sent as a picture, or would be were there something to draw it."""
    return any(is_kind(value) for is_kind, _ in _DRAWINGS)


def is_frame(value: Any) -> bool:
    """Return whether a value is a frame of one of the libraries that are known."""
    return any(is_kind(value) for is_kind, shown in _KINDS if shown is _frame)


def _other(value: Any, _: str, spec: str) -> Shown | None:
    if spec:
        return _formatted(value, spec)
    text = structures.represented(value)
    return _bounded(text, type(value).__name__, MOST_REPR, apart="\n" in text or len(text) > INLINE)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, int | float | complex) or structures.is_simple(value)


_Kind = tuple["Callable[[Any], bool]", "Callable[[Any, str, str], Shown | None]"]
_DRAWINGS: tuple[_Kind, ...] = (
    (_is("matplotlib", "Artist"), _figure),
    (_is("seaborn", "_BaseGrid"), _figure),
    (_is("plotly", "BaseFigure"), _drawn(figures.plotly)),
    (_is("altair", "TopLevelMixin"), _drawn(figures.altair)),
    (_is("PIL", "Image"), _picture),
    (_is("IPython", "Image"), _displayed),
)
_KINDS: tuple[_Kind, ...] = (
    (lambda v: isinstance(v, str), _text),
    (_is_scalar, _scalar),
    (lambda v: isinstance(v, os.PathLike), _path),
    (lambda v: isinstance(v, bytes | bytearray), _bytes),
    (_is("pandas", "DataFrame"), _frame),
    (_is("pandas", "Series", "Index"), _series),
    (_is("pandas", "Styler"), _styled),
    (_is("polars", "DataFrame", "LazyFrame", "Series"), _frame),
    (_is("pyarrow", "Table", "RecordBatch", "Array", "ChunkedArray"), _frame),
    (_is("duckdb", "DuckDBPyRelation"), _frame),
    (_is("_duckdb", "DuckDBPyRelation"), _frame),
    (_is("numpy", "ndarray"), _array),
    *_DRAWINGS,
    (lambda v: isinstance(v, BaseException), _error),
    (_is("claude_magic", "Failure"), _failure),
    (structures.is_structure, _json),
    (lambda v: isinstance(v, type) or type(v).__name__ == "function", _source),
)
