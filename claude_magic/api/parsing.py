"""How does `messages.parse` give an answer as a type?

For programs written for the official SDK; `claude_magic.ask(…, returns=TYPE)` asks once more where an answer
does not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import schema
from claude_magic.errors import AnswerError
from claude_magic.wire import Message

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping


class ParsedMessage(Message):
    """An answer whose text is a value of a type: `.parsed_output`."""

    __slots__ = ("_parsed",)
    _parsed: Any

    @property
    def parsed_output(self) -> Any:
        """The answer as the type that was asked for; None in a copy."""
        return getattr(self, "_parsed", None)


def parsed(messages: Any, wanted: Any, params: Mapping[str, Any]) -> Generator[Any, Any, ParsedMessage]:
    """Ask for an answer of a type, and read it; raises AnswerError where it does not fit."""
    shape = schema.shape(wanted)
    config = {**(params.get("output_config") or {}), "format": schema.output_format(shape)}
    message = yield messages.create(**{**params, "output_config": config})
    found = ParsedMessage(message).answered(message.response)
    try:
        found._parsed = schema.read(shape, message.text)  # noqa: SLF001 - a field of the wire's would be a key
    except ValueError as error:
        raise AnswerError(
            f"The answer is no {shape.name}: {error}",
            hint="claude_magic.ask(prompt, returns=TYPE) asks once more where an answer does not fit.",
            text=message.text,
            schema=shape.schema,
            partial=message,
        ) from None
    return found
