"""What does the value of a flag mean?

One row a kind of flag, see `flags.Flag`: what turns the text into a value, and words for what is expected.
"""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from claude_magic.errors import InputError
from claude_magic.grammar.words import short

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal


def _count(text: str) -> int:
    found = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?)([kK]?)", text)
    number = float(found[1].replace("_", "")) * (1000 if found[2] else 1) if found else 0
    if not 1 <= number < 1e8 or number != int(number):
        raise ValueError(text)
    return int(number)


def _usd(text: str) -> Decimal:
    from decimal import Decimal

    if not re.fullmatch(r"\$?(?:[0-9][0-9_]{0,12})?(?:\.[0-9]{1,9})?(?<=[0-9])", text):
        raise ValueError(text)
    return Decimal(text.removeprefix("$").replace("_", ""))


def _matching(pattern: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return convert


def _name(text: str) -> str:
    if not text.isidentifier() or iskeyword(text):
        raise ValueError(text)
    return text


def _pair(text: str) -> tuple[list[str], Any]:
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*){0,9}", key):
        raise ValueError(text)
    from claude_magic import wire

    try:
        return key.split("."), wire.plain(wire.decode_plain(value))
    except ValueError:
        if value[:1] in ("{", "[", '"'):
            hint = "Check its brackets and quotes; in a cell, put single quotes around the whole K=V."
            raise InputError(f"The value of {key} is not JSON: {short(value)}", hint=hint) from None
        return key.split("."), value


def _several(text: str) -> list[str]:
    """Return two words or more, with commas between them."""
    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(found) < 2:
        raise ValueError(text)
    return found


KINDS: dict[str, tuple[Callable[[str], Any], str]] = {
    # kind: (convert, what is expected)
    "on": (lambda _: True, "no value"),
    "off": (lambda _: False, "no value"),
    "text": (str, "a text"),
    "word": (_matching(r"\S+"), "a model id, alias or short word"),
    "path": (_matching(r"(?s).+"), "a path"),
    "skill": (_matching(r"\{[^{}]+\}|[\w.-]+(?: [\w.-]+)*(?:@[\w.-]+)?"), "the name or id of a skill"),
    "choice": (str, "one of its choices"),
    "name": (_name, "the name of a variable"),
    "thread": (_matching(r"[\w.-]{1,64}"), "a name of letters, digits, - and _, without spaces"),
    "count": (_count, "a whole number from 1 to 99_999_999, such as 500, 4k or 1_000"),
    "usd": (_usd, "an amount in USD such as 0.05"),
    "pair": (_pair, "K=V"),
    "tool": (_matching(r"\$?[\w.-]+(?:,\s*\$?[\w.-]+)*"), "the name of a function or of a tool"),
    "type": (_matching(r"(?s).*\S.*"), "the name of a type"),
    "labels": (_several, "two labels or more, with commas between them"),
    "models": (_several, "two models or more, with commas between them"),
}
