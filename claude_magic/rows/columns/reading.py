"""What does an answer say, as a text and as what was asked for?

It is read from the message's bytes, and no more of them than the text blocks. An answer that should be JSON
may still stand in a fence, or after a sentence: a model that cannot be held to a schema does that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from claude_magic import schema, wire
from claude_magic.prompts import texts
from claude_magic.talk.answer import GAP, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Block(msgspec.Struct, gc=False):
    """A content block, of which only text is read."""

    type: str
    text: str | None = None


class _Content(msgspec.Struct, gc=False):
    content: list[Block] | None = None


_decoder = msgspec.json.Decoder(_Content)


def spoken(message: bytes) -> str:
    """Return the text of a message, as an answer in a cell has it; raises ValueError where it is no JSON."""
    try:
        return text(_decoder.decode(message).content or ())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return said(wire.decode(message).get("content") or ())


def text(blocks: Sequence[Block]) -> str:
    """Return the text of blocks; what code or thinking stood between two texts is a blank line."""
    if len(blocks) == 1 and blocks[0].type == "text":
        return blocks[0].text or ""
    made, gap = "", False
    for block in blocks:
        if block.type == "text" and block.text is not None:
            made, gap = made + GAP * gap + block.text, False
        else:
            gap = bool(made)
    return made


def fields(shape: schema.Shape, answer: str) -> dict[str, Any]:
    """Return the fields of an answer; one whose type is no object has `value`. Raises ValueError."""
    found = next(_json(answer), None)
    if not isinstance(found, dict):
        raise ValueError("it is empty" if not answer.strip() else "it is no JSON object")  # noqa: TRY004 # one kind of error here
    if shape.bare and schema.VALUE not in found:
        raise ValueError(f"there is no {schema.VALUE!r}")
    return found


def fits(shape: schema.Shape | None) -> Callable[[str], str] | None:
    """Return what says why a text is not what was asked for, "" where it is; None where all texts are."""
    if shape is None:
        return None

    def why(answer: str) -> str:
        try:
            found = fields(shape, answer)
            shape.load(found[schema.VALUE] if shape.bare else found)
        except ValueError as error:
            return unfit(shape, error)
        return ""

    return why


def unfit(shape: schema.Shape, error: ValueError) -> str:
    """Return the reason why an answer is not what was asked for, in a line."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"The answer is no {shape.name}: {first}"


def _json(answer: str) -> Iterator[Any]:
    """Yield the JSON of an answer: all of it, a fenced block, what begins the last line that has a brace."""
    try:
        yield wire.decode_plain(answer)
    except ValueError:
        after = answer[answer.rfind("\n{") + 1 :]
        for one in (*texts.json_texts(answer)[1:], after):
            if wire.is_json(one):
                yield wire.decode_plain(one)
