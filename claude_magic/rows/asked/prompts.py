"""Which question does each row ask?

A template, a function of the row, a column of prompts, or a list of them; pictures go before the text. A text
that is a column's name is that column, for as a template it would ask the same of every row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import ClaudeError, InputError
from claude_magic.grammar.words import short
from claude_magic.prompts import media, private, values
from claude_magic.rows.asked import inputs
from claude_magic.rows.asked.template import Piece, Template, Unfit, check_name, unwaiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.rows.asked.inputs import Rows

Prompt = str | Callable[[Mapping[str, Any]], Any] | Sequence[Any]
USABLE = "A prompt is a text, a list of content blocks, or a dict of 'prompt' and parameters of the call."
TEMPLATE = 'Give a text such as "Sum up {review}", a function of a row, or the name of a column of prompts.'
ADDRESS = ("http://", "https://")


class Asked(NamedTuple):
    """What one row asks: pieces of text and content blocks, and parameters of its own."""

    pieces: list[Piece]
    params: Mapping[str, Any] = {}

    def content(self) -> str | list[dict[str, Any]]:
        """Return the content: a text, or blocks where there is more; raises Unfit where there is nothing."""
        try:
            text = "".join(self.pieces)  # type: ignore[arg-type] # most often there is only text
        except TypeError:
            return list(_blocks(self.pieces))
        if not text.strip():
            raise Unfit("empty_prompt", "The prompt is empty")
        return text


class Prompts(NamedTuple):
    """What makes the question of a row, as it is `written`, and the `columns` that it reads.

    `ask` raises Unfit where a row has no question. What is not `steady` may make another one the next time.
    """

    ask: Callable[[int], Asked]
    written: str
    columns: Sequence[str] = ()
    steady: bool = True


def prompts(prompt: Prompt, rows: Rows, na: str | None = None) -> Prompts:
    """Return what makes each row's question; `na` stands for missing values.

    Raises InputError for a column that is not there, and for what is no prompt.
    """
    if isinstance(prompt, str):
        return _of_column(prompt, rows, na) if prompt in rows.names else _of_template(prompt, rows, na)
    if callable(prompt):
        return _of_function(prompt, rows)
    if prompt is None or isinstance(prompt, int | float | Mapping):
        raise InputError(f"A prompt cannot be of type {type(prompt).__name__}", hint=TEMPLATE)
    return _of_values(_each(prompt, rows, "prompts"), "a list of prompts", na)


def _of_template(text: str, rows: Rows, na: str | None) -> Prompts:
    private.check("The prompt", text)
    template = Template(text, rows, na)
    return Prompts(lambda n: Asked(template.pieces(n)), text, template.columns)


def _of_column(name: str, rows: Rows, na: str | None) -> Prompts:
    check_name(name, rows.column(name))
    return _of_values(rows.column(name), name, na)._replace(columns=[name])


def _of_values(given: Sequence[Any], written: str, na: str | None) -> Prompts:
    def ask(n: int) -> Asked:
        if given[n] is None and na is None:
            raise Unfit("missing_value", "The prompt is missing")
        return _asked(na if given[n] is None else given[n])

    return Prompts(ask, written)


def _of_function(function: Callable[[Mapping[str, Any]], Any], rows: Rows) -> Prompts:
    def ask(n: int) -> Asked:
        try:
            made = function(rows.row(n))
        except inputs.NoColumnError as error:
            raise InputError(error.message, hint=error.hint) from None
        except ClaudeError:
            raise
        except Exception as error:  # a function of the reader's may raise anything
            raise Unfit("prompt_error", f"{type(error).__name__}: {error}") from error
        return _asked(made)

    return Prompts(ask, getattr(function, "__name__", "a function"), steady=False)


def _asked(made: Any) -> Asked:
    """Return a question as a function or a column gives it; raises Unfit for what is none."""
    if isinstance(made, str):
        return Asked([made])
    if isinstance(made, Mapping) and "type" not in made and "prompt" in made:
        rest = {name: value for name, value in made.items() if name != "prompt"}
        return _asked(made["prompt"])._replace(params=rest)
    parts = made if isinstance(made, list | tuple) else [made]
    return Asked([_piece(part) for part in parts])


def _piece(part: Any) -> Piece:
    if isinstance(part, str) or (isinstance(part, dict) and isinstance(part.get("type"), str)):
        return part
    if isinstance(part, os.PathLike | bytes) or values.is_drawing(part):
        return picture(part, None)
    raise Unfit("unusable_prompt", f"The prompt is of type {type(part).__name__}. {USABLE}")


def with_pictures(
    made: Prompts, images: Any, rows: Rows, *, tier: str | None = None, na: str | None = None
) -> Prompts:
    """Return prompts with the pictures of columns before the text, no larger than a model of that tier sees.

    `images` is a column, several, or a picture for each row: a path, an address, a file's id, bytes, what
    Pillow or matplotlib draws, or a list of these. A row without one asks nothing, unless `na` is given.
    """
    columns, names = _image_columns(images, rows)

    def ask(n: int) -> Asked:
        found = [picture(one, tier) for column in columns for one in _several(column[n])]
        if not found and na is None:
            raise Unfit("missing_value", f"{names[0] if names else 'The image'} is missing")
        asked = made.ask(n)
        return asked._replace(pieces=[*found, *asked.pieces])

    return Prompts(ask, made.written, [*made.columns, *names], steady=False)


def _image_columns(images: Any, rows: Rows) -> tuple[list[Sequence[Any]], list[str]]:
    if isinstance(images, str):
        return [rows.column(images)], [images]
    texts = isinstance(images, list | tuple) and all(isinstance(one, str) for one in images)
    if texts and (len(images) != len(rows) or all(one in rows.names for one in images)):
        return [rows.column(one) for one in images], list(images)
    return [_each(images, rows, "images")], []


def _each(given: Any, rows: Rows, what: str) -> list[Any]:
    """Return a value for each row, by place; raises InputError where it is not known which is whose."""
    if rows.kind in ("pandas", "series") and hasattr(given, "index") and hasattr(given, "tolist"):
        frame = getattr(rows, "frame")  # noqa: B009 # only these have one
        if not given.index.equals(frame.index):
            hint = f"Give them as a column of it, or by place: {what}=….tolist()."
            raise InputError(f"The {what} have another index than the rows", hint=hint)
    if not isinstance(given, list | tuple):
        found = inputs.rows(given)
        given = found.column(found.names[0]) if len(found.names) == 1 else []
    if len(given) != len(rows):
        text = f"There are {len(rows):,} rows, and the {what} are {len(given):,}"
        raise InputError(text, hint="Give one for each row, or the name of a column.")
    return [inputs.known(value) for value in given]


def _several(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def picture(value: Any, tier: str | None) -> dict[str, Any]:
    """Return a picture or a document as a content block; raises Unfit where it cannot be read."""
    try:
        block = _picture(value)
    except InputError as error:
        raise Unfit("unreadable_image", error.message) from None
    if block is None:
        raise Unfit("unreadable_image", f"A value of type {type(value).__name__} is no image")
    block = unwaiting(block)
    return media.fitted(block, tier)[0] if block["type"] == "image" else block


def _picture(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return _of_facts(value) if "id" in value else value if "type" in value else None
    if isinstance(value, str) and value.lower().startswith(ADDRESS):
        return {"type": "image", "source": {"type": "url", "url": value}}
    if isinstance(value, str) and media.FILE_ID.fullmatch(value) and not os.path.exists(value):  # noqa: PTH110
        return {"type": "image", "source": {"type": "file", "file_id": value}}
    if isinstance(value, str | os.PathLike):
        return media.from_path(value).block
    if isinstance(value, bytes | bytearray):
        part = media.from_bytes(bytes(value), "the image")
        return part.block if part else None
    shown = values.show(value, "the image") if values.is_drawing(value) else None
    return shown.block if shown else None


def _of_facts(file: Mapping[str, Any]) -> dict[str, Any]:
    """Return the block of an uploaded file, by what the service says of it."""
    kind = "image" if str(file.get("mime_type", "image/")).startswith("image/") else "document"
    return {"type": kind, "source": {"type": "file", "file_id": str(file["id"])}}


def _blocks(pieces: Sequence[Piece]) -> Iterator[dict[str, Any]]:
    """Yield blocks in order, text joined; the API refuses a text block of white space."""
    for kind, group in groupby(pieces, key=type):
        if kind is not str:
            yield from group  # type: ignore[misc] # blocks, then
        elif (text := "".join(group)).strip():  # type: ignore[arg-type]
            yield {"type": "text", "text": text}


def check_differ(template: str, made: Prompts, rows: Rows) -> None:
    """Raise InputError for a template without a column, by which all rows would ask the same."""
    if made.columns:
        return
    plain = template.replace(" ", "")
    doubled = next((name for name in rows.names if f"{{{{{name}}}}}" in plain), "")
    name = doubled or next(iter(rows.names), "column")
    hint = f"Write {{{name}}}, in single braces." if doubled else f"Name one in braces: {{{name}}}."
    text = f"The prompt {short(template)!r} names no column, so that all rows would ask the same"
    raise InputError(text, hint=hint)
