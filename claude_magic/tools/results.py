"""How does what a function returns, or raises, become the content of a tool result?"""

from __future__ import annotations

import itertools
import json
import linecache
import os
import re
from pathlib import Path
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from claude_magic.errors import ClaudeError
from claude_magic.prompts import private, structures, values
from claude_magic.prompts.tables import cut

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

MOST = 40_000  # characters of a result, about 10,000 tokens
MOST_OF_AN_ERROR = 2_000
MOST_ITEMS = 500  # of what a generator yields
DONE = "done"  # what stands for None
BLOCKS: dict[str, tuple[str, type]] = {
    # types of blocks a function may return itself -> the field that shows it is one
    "text": ("text", str),
    "image": ("source", dict),
    "document": ("source", dict),
    "search_result": ("content", list),
}
PICTURED = 20  # items up to which a list is looked through for pictures
Content = str | list[dict[str, Any]]


def content(value: Any, name: str) -> Content:
    """Return a value as a tool result's content; raises InputError for a secret, or a picture too large."""
    if value is None:
        return DONE
    if isinstance(value, GeneratorType):
        value = list(itertools.islice(value, MOST_ITEMS))
    blocks = value if isinstance(value, list) else [value]
    if blocks and all(map(_is_block, blocks)):
        return [_kept(block, name) for block in blocks]
    parts = value if isinstance(value, list | tuple) and len(value) <= PICTURED else [value]
    shown = [_shown(part, name) for part in parts]
    if not any(one.block for one in shown):
        return _text(value, name)
    return [one.block or {"type": "text", "text": _checked(one.text, name)} for one in shown]


def failure(error: BaseException, function: Callable[..., Any] | None) -> str:
    """Return an exception as a text: type, message, its notes, and the line of the function that failed."""
    where = _line(error.__traceback__, function)
    notes = (
        () if isinstance(error, ClaudeError) else getattr(error, "__notes__", ())
    )  # hints are the reader's
    said = ". ".join(text for text in (_message(error), *map(str, notes)) if text)
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    told = _without_places(private.without_addresses(text + where))
    return private.check("the error", cut(told, MOST_OF_AN_ERROR))


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error of the reader's may fail in telling itself
        return "its message cannot be shown"


def _is_block(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("type") not in BLOCKS:
        return False
    field, kind = BLOCKS[value["type"]]
    return isinstance(value.get(field), kind)


def _kept(block: Any, name: str) -> Any:
    """Return a block of the function's own with its texts checked and cut, data as it is."""
    if isinstance(block, str):
        return private.check(name, cut(block, MOST))
    if isinstance(block, list):
        return [_kept(one, name) for one in block]
    if not isinstance(block, dict):
        return block
    data = block.get("type") == "base64"
    return {k: v if data and k == "data" else _kept(v, name) for k, v in block.items()}


def _shown(value: Any, name: str) -> values.Shown:
    if isinstance(value, str | os.PathLike):  # the name of a file is not the file
        return values.Shown(str(value), "text")
    return values.show(value, name) or values.Shown(structures.represented(value), "text")


def _text(value: Any, name: str) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return _checked(_shown(_plain(value), name).text, name)


def _checked(text: str, name: str) -> str:
    return private.check(name, cut(text, MOST)) or "(an empty text)"


def _plain(value: Any) -> Any:
    """Return what a dataclass, Struct, Enum or pydantic model holds; anything else as it is."""
    import msgspec

    if callable(dump := getattr(value, "model_dump", None)) and not isinstance(value, type):
        return dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    kind = type(value)
    if not (hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__struct_fields__") or _is_enum(kind)):
        return value
    try:
        return msgspec.to_builtins(value, enc_hook=structures.represented)
    except (TypeError, ValueError, RecursionError):
        return value


def _is_enum(kind: type) -> bool:
    return hasattr(kind, "__members__")


def _line(trace: TracebackType | None, function: Callable[..., Any] | None) -> str:
    """Return the line of the function's own file that raised, without saying where that file lies."""
    code = getattr(function, "__code__", None)
    found = ""
    while trace is not None and code is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename == code.co_filename:
            line = linecache.getline(code.co_filename, trace.tb_lineno).strip()
            found = f" (in {frame.f_code.co_name}, line {trace.tb_lineno}{f': {line}' if line else ''})"
        trace = trace.tb_next
    return found


def _without_places(text: str) -> str:
    """Return a text without the folders of this machine; names of files stay."""
    for folder, short in ((str(Path.cwd()), "."), (str(Path.home()), "~")):
        if len(folder) > 1:
            text = text.replace(folder, short)
    return re.sub(r"(?<![\w.~:/])/(?:[\w.@+-]+/)+(?=[\w.-])", "", text)
