"""Which parameters of a call differ from row to row?

A value "{column}" is the row's own, as it is: {"max_tokens": "{limit}"}. Rows with the same parameters share
what is made of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.api.caller import PER_CALL
from claude_magic.errors import ConfigError, InputError
from claude_magic.prompts import private
from claude_magic.rows.asked.template import Field, Unfit, check_name, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from claude_magic.rows.asked.inputs import Rows
    from claude_magic.rows.asked.requests import Requests

NO_PART = frozenset((*PER_CALL, "extra_headers", "extra_query", "messages", "stream"))
MOST_KEPT = 1_000  # kinds of requests
OF_THE_CLIENT = "Give it to the client: claude_magic.Client(timeout=60, default_headers={…})."


class Varied:
    """What makes the requests of rows, by their parameters; `usual` are those of rows without their own."""

    def __init__(
        self, params: Mapping[str, Any], rows: Rows, made: Callable[[Mapping[str, Any]], Requests]
    ) -> None:
        self._params, self._rows, self._made = {k: _read(v, rows) for k, v in params.items()}, rows, made
        self._varies = [name for name, value in self._params.items() if any(_fields(value))]
        self.columns = list(dict.fromkeys(f.column for f in _fields(self._params)))
        for name in self.columns:
            check_name(name, rows.column(name))
        if wrong := next((name for name in params if name in NO_PART), None):
            raise _no_part(wrong)
        self.usual = made({k: v for k, v in self._params.items() if k not in self._varies})
        private.check("What goes with every row", wire.encode(self.usual.body("")).decode())
        self._kept: dict[bytes, Requests] = {}

    def requests(self, row: int, own: Mapping[str, Any]) -> Requests:
        """Return what makes a row's request, where `own` are more parameters of it; raises Unfit."""
        if not self._varies and not own:
            return self.usual
        try:
            if wrong := next((name for name in own if name in NO_PART or name == "betas"), None):
                raise _no_part(wrong)
            filled = {**{k: self._filled(v, row) for k, v in self._params.items()}, **own}
            name = wire.encode(filled)
            if name not in self._kept:
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[name] = self._made(filled)
            return self._kept[name]
        except (InputError, ConfigError, TypeError) as error:
            raise Unfit("invalid_params", getattr(error, "message", str(error))) from None

    def _filled(self, value: Any, row: int) -> Any:
        if isinstance(value, Field):
            found = value.part(self._rows.column(value.column)[row])
            if found is None:
                raise Unfit("missing_value", f"{value.column} is missing")
            return int(found) if isinstance(found, float) and found.is_integer() else found
        if isinstance(value, dict):
            return {name: self._filled(inner, row) for name, inner in value.items()}
        return [self._filled(inner, row) for inner in value] if isinstance(value, list) else value


def _no_part(name: str) -> InputError:
    hint = "The prompt makes the messages." if name in ("messages", "stream") else OF_THE_CLIENT
    return InputError(f"{name} is no parameter of a row", hint=hint)


def _read(value: Any, rows: Rows) -> Any:
    """Return parameters with a Field in the place of each "{column}"; raises InputError for what is none."""
    if isinstance(value, str):
        return (
            field(value[1:-1], rows.names, rows.levels) if value[:1] + value[-1:] == "{}" else None
        ) or value
    if isinstance(value, dict):
        return {name: _read(inner, rows) for name, inner in value.items()}
    return [_read(inner, rows) for inner in value] if isinstance(value, list | tuple) else value


def _fields(value: Any) -> Iterator[Field]:
    if isinstance(value, Field):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _fields(inner)
