"""How does a notebook's value become text or a content block?

By type, without importing what defines the type: a value's class says where it comes from.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import media, private, tables
from claude_magic.tables import cut

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_TEXT = 400_000  # characters of a text, about 100,000 tokens
MOST_JSON = 20_000
MOST_REPR = 4_000
MOST_ITEMS = 500
MOST_DEPTH = 12
INLINE = 200  # characters up to which a list or an object's repr stays in the sentence


class Shown(NamedTuple):
    """A value as it is sent: `text`, or a `block`; `what` names its kind; `apart` wants lines of its own.

    `partly` says that something of it is left out; `what` says what then.
    """

    text: str
    what: str
    block: dict[str, Any] | None = None
    apart: bool = False
    partly: bool = False


def show(value: Any, name: str, spec: str = "") -> Shown | None:
    """Return how a value is sent, or None when `spec` does not suit it.

    Raises InputError for a file, picture or secret that cannot be sent.
    """
    if private.is_environment(value):
        raise private.refusal(name, "is the environment")
    for is_kind, shown in _KINDS:
        if is_kind(value):
            return shown(value, name, spec)
    return _other(value, name, spec)


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
    return _table(value, f"{type(value).__name__} {tables.shape(value)}", spec)


def _series(value: Any, _: str, spec: str) -> Shown | None:
    return _table(value.to_frame(), f"{type(value).__name__} of {len(value):,}", spec)


def _table(df: Any, what: str, spec: str) -> Shown | None:
    made = tables.frame_text(df, spec)
    if made is None:
        return None
    return Shown(made.text, ", ".join([what, *made.partly]), apart=True, partly=bool(made.partly))


def _array(value: Any, _: str, spec: str) -> Shown | None:
    if spec:
        return None
    what = f"array {'×'.join(map(str, value.shape))} {value.dtype}"
    facts = ""
    if value.size and value.dtype.kind in "iuf":
        facts = f"; min {value.min():.6g}, mean {value.mean():.6g}, max {value.max():.6g}"
    text = str(value)  # numpy leaves out the middle of a large one, and shows that with dots
    if value.size <= 20 and len(text) <= INLINE and "\n" not in text:
        return Shown(text, what)
    if "..." in text:
        return Shown(
            f"{what}{facts}\n{cut(text, MOST_REPR)}", f"{what}, its ends sent", apart=True, partly=True
        )
    return _bounded(f"{what}{facts}\n{text}", what, MOST_REPR, apart=True)


def file(place: str | os.PathLike[str]) -> Shown:
    """Return how a file is sent; raises InputError for what is missing, unreadable, too large or unknown."""
    return _part(media.from_path(place))


def _path(value: Any, _: str, spec: str) -> Shown | None:
    return None if spec else file(value)


def _bytes(value: Any, name: str, spec: str) -> Shown | None:
    part = None if spec else media.from_bytes(bytes(value), name)
    return _part(part) if part else _other(value, name, spec)


def _figure(value: Any, name: str, spec: str) -> Shown | None:
    figure = value.get_figure() if hasattr(value, "get_figure") else value
    return None if spec or figure is None else _part(media.from_figure(figure, name))


def _picture(value: Any, name: str, spec: str) -> Shown | None:
    return None if spec else _part(media.from_picture(value, name))


def _displayed(value: Any, name: str, spec: str) -> Shown | None:
    data = getattr(value, "data", None)
    return _bytes(data, name, spec) if isinstance(data, bytes) else _other(value, name, spec)


def _part(part: media.Part) -> Shown:
    if part.block["type"] == "text":
        return Shown(part.block["text"], part.what, apart=True)
    return Shown(f"[{part.what}]", part.what, block=part.block)


def _json(value: Any, name: str, spec: str) -> Shown | None:
    if spec:
        return None
    left: list[str] = []
    try:
        plain = _plain(value, MOST_DEPTH, left)
        text = json.dumps(plain, ensure_ascii=False)
        if len(text) > INLINE:
            text = json.dumps(plain, ensure_ascii=False, indent=1)
    except (TypeError, ValueError, RecursionError):
        return _other(value, name, spec)
    what = ", ".join([f"{type(value).__name__} of {len(value):,}", *dict.fromkeys(left)])
    made = _bounded(text, what, MOST_JSON, apart=len(text) > INLINE)
    return made._replace(partly=made.partly or bool(left))


def _plain(value: Any, depth: int, left: list[str]) -> Any:
    """Return a copy that JSON can hold, bounded, without secrets; `left` gets words on what is not in it."""
    if isinstance(value, str | int | float | bool | None):
        return value if not isinstance(value, str) else cut(value, MOST_JSON)
    if private.is_environment(value):
        left.append("the environment held back")
        return "[left out: the environment]"
    beyond = len(value) - MOST_ITEMS if isinstance(value, dict | list | tuple | set | frozenset) else 0
    if beyond > 0:
        left.append(
            f"first {MOST_ITEMS:,} items of a longer one sent"
            if depth < MOST_DEPTH
            else f"first {MOST_ITEMS:,} sent"
        )
    if depth and isinstance(value, dict):
        items = list(value.items())[:MOST_ITEMS]
        made = {str(k): _secret(str(k), v, left) or _plain(v, depth - 1, left) for k, v in items}
        return made | ({"…": f"{beyond:,} more left out"} if beyond > 0 else {})
    if depth and isinstance(value, list | tuple | set | frozenset):
        made_list = [_plain(v, depth - 1, left) for v in list(value)[:MOST_ITEMS]]
        return made_list + [f"[… {beyond:,} more left out]"] * (beyond > 0)
    if _is_number(value):
        return value.item()
    return str(value) if _is_scalar(value) or isinstance(value, os.PathLike) else cut(_repr(value), MOST_REPR)


def _secret(name: str, value: Any, left: list[str]) -> str:
    if not private.is_secret(name, value):
        return ""
    left.append(f"{name} held back as named like a secret")
    return "[left out: named like a secret]"


def _source(value: Any, name: str, spec: str) -> Shown | None:
    import inspect

    try:
        text = inspect.getsource(value)
    except (OSError, TypeError):
        return _other(value, name, spec)
    what = "class" if isinstance(value, type) else "function"
    return None if spec else _bounded(text.rstrip(), f"source of a {what}", MOST_JSON, apart=True)


def _other(value: Any, _: str, spec: str) -> Shown | None:
    if spec:
        return _formatted(value, spec)
    text = _repr(value)
    return _bounded(text, type(value).__name__, MOST_REPR, apart="\n" in text or len(text) > INLINE)


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # a reader's own __repr__ may raise anything
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


_is_number = _is("numpy", "number", "bool")
_SCALARS: tuple[Callable[[Any], bool], ...] = (
    lambda v: v is None or isinstance(v, int | float | complex),
    _is("numpy", "generic"),
    _is("datetime", "date", "time", "timedelta"),
    _is("decimal", "Decimal"),
    _is("fractions", "Fraction"),
    _is("uuid", "UUID"),
)


def _is_scalar(value: Any) -> bool:
    return any(is_kind(value) for is_kind in _SCALARS)


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any, str, str], Shown | None]], ...] = (
    (lambda v: isinstance(v, str), _text),
    (_is_scalar, _scalar),
    (lambda v: isinstance(v, os.PathLike), _path),
    (lambda v: isinstance(v, bytes | bytearray), _bytes),
    (_is("pandas", "DataFrame"), _frame),
    (_is("pandas", "Series", "Index"), _series),
    (_is("numpy", "ndarray"), _array),
    (_is("matplotlib", "Figure", "Axes"), _figure),
    (_is("PIL", "Image"), _picture),
    (_is("IPython", "Image"), _displayed),
    (lambda v: isinstance(v, dict | list | tuple | set | frozenset), _json),
    (lambda v: isinstance(v, type) or type(v).__name__ == "function", _source),
)
