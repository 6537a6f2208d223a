"""Are the prices and models a user wrote down sound?

A row has `model` and any of the fields of the table below: prices in USD per million tokens, the days and the
tier they hold for, and facts of a new or changed model.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from claude_magic.errors import InputError
from claude_magic.protocol.catalog import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def checked(rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return the rows with exact values; raises InputError that names the row and the field."""
    return tuple(_row(row, n) for n, row in enumerate(rows, 1))


def _row(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    if not isinstance(row, dict) or "model" not in row:
        raise _bad(number, 'there is no "model"')
    made: dict[str, Any] = {}
    for name, value in row.items():
        if name not in FIELDS:
            raise _bad(number, f"unknown field {name!r}")
        read, wanted = FIELDS[name]
        made[name] = None if value is None else read(value)
        if made[name] is None and (value is not None or name == "model"):
            raise _bad(number, f"{name} must be {wanted}, not {value!r}")
    return made


def _bad(number: int, what: str) -> InputError:
    return InputError(
        f"Price row {number}: {what}",
        hint='Write it as {"model": "claude-haiku-5-5", "input": 0.1, "output": 0.5} in prices.json.',
    )


def _amount(value: Any) -> Decimal | None:
    try:
        made = Decimal(str(value))
    except ArithmeticError:
        return None
    return made if made.is_finite() and made >= 0 else None


def _day(value: Any) -> str | None:
    from datetime import date

    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        return None


def _size(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _words(value: Any) -> tuple[str, ...] | None:
    return tuple(value) if isinstance(value, list | tuple) and all(map(_word, value)) else None


def _speed(value: Any) -> str | None:
    return value if value in ("standard", "fast") else None


FIELDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    **dict.fromkeys(KINDS, (_amount, "USD per million tokens, 0 or more")),
    **dict.fromkeys(
        ("from", "until", "released", "deprecated_at", "retires_at"), (_day, "a day: 2026-11-30")
    ),
    **dict.fromkeys(
        ("model", "display_name", "line", "status", "tokenizer", "notes", "source"), (_word, "a text")
    ),
    **dict.fromkeys(
        ("max_prompt_tokens", "context_window", "max_output_tokens"), (_size, "a number of tokens")
    ),
    "aliases": (_words, "a list of names"),
    "inference_geo_us_multiplier": (_amount, "a factor such as 1.1"),
    "speed": (_speed, "standard or fast"),
}
"""Field -> (reader that gives None for what it cannot use, what it wants)."""
