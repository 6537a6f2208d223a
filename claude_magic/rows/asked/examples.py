"""How do examples of questions and answers go before the question of each row?

As turns that were already had, in the very form of a row's: https://docs.claude.com/en/docs/build-with-claude/
prompt-engineering/multishot-prompting. An answer is checked like one of Claude's before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from claude_magic import schema, wire
from claude_magic.errors import InputError
from claude_magic.rows.asked import inputs
from claude_magic.rows.asked.prompts import Prompt, prompts
from claude_magic.rows.asked.template import Unfit
from claude_magic.rows.columns.table import fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from claude_magic.rows.asked.inputs import Rows

OUTPUT = "output"
PAIRS = 'Give pairs: examples=[("a great film", "positive"), …], or a frame with a column "output".'


def turns(
    examples: Any, prompt: Prompt, columns: Sequence[str], shape: schema.Shape | None, prefix: str
) -> list[dict[str, Any]]:
    """Return examples as messages; `columns` are those that the prompt reads.

    Each is a pair of input and output, where the input is a dict of columns, or the value of the only one. Of
    a frame, the answers are in "output", or in columns named like those of a result. Raises InputError.
    """
    pairs = isinstance(examples, list | tuple) and not any(isinstance(one, Mapping) for one in examples)
    found = examples if pairs else _of_frame(inputs.rows(examples), columns, shape, prefix)
    messages = []
    for n, pair in enumerate(found, 1):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise InputError(f"Example {n} is no pair of input and output", hint=PAIRS)
        try:
            content = _question(prompt, pair[0], columns)
        except Unfit as reason:
            raise InputError(f"Example {n} cannot be asked: {reason.why}", hint=PAIRS) from None
        try:
            answer = _text(pair[1], shape)
        except (ValueError, TypeError) as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"The output of example {n} does not fit: {why}", hint=PAIRS) from None
        messages += [
            {"role": "user", "content": listed(content)},
            {"role": "assistant", "content": listed(answer)},
        ]
    return messages


def _of_frame(
    found: Rows, columns: Sequence[str], shape: schema.Shape | None, prefix: str
) -> Iterator[tuple[Any, Any]]:
    """Yield the rows of a frame as pairs."""
    named = list(fields(shape))
    plain = [] if set(named) & set(columns) else named
    ways = ([prefix + name for name in named], [OUTPUT], plain)
    names = next((names for names in ways if names and set(names) <= set(found.names)), None)
    if names is None:
        raise InputError(f"The examples have no column {OUTPUT}", hint=PAIRS)
    alone = names == [OUTPUT] or shape is None or shape.bare
    for n in range(len(found)):
        values = [found.column(name)[n] for name in names]
        yield found.row(n), values[0] if alone else dict(zip(named, values, strict=True))


def _question(prompt: Prompt, given: Any, columns: Sequence[str]) -> str | list[dict[str, Any]]:
    """Return an example's input as a row would ask it; one that no column makes is the prompt itself."""
    if isinstance(prompt, str) and not isinstance(given, Mapping):
        if len(columns) != 1:
            said = ", ".join(f"'{name}': …" for name in columns)
            raise InputError("An example's input must be a dict of columns", hint=f"Give {{{said}}}.")
        given = {columns[0]: given}
    if isinstance(given, Mapping):
        return prompts(prompt, inputs.rows([dict(given)])).ask(0).content()
    return prompts([given], inputs.rows([given])).ask(0).content()


def _text(answer: Any, shape: schema.Shape | None) -> str:
    """Return an answer as Claude would have written it; raises ValueError where it does not fit."""
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        raise ValueError("it is empty")
    if shape is None:
        return answer if isinstance(answer, str) else wire.encode(_builtin(answer)).decode()
    text = wire.encode(_wrapped(_builtin(answer), shape)).decode()
    schema.read(shape, text)
    return text


def _wrapped(answer: Any, shape: schema.Shape) -> Any:
    """Return an answer as the object that it travels in: of one field, where it is that field's value."""
    if shape.bare:
        return {schema.VALUE: answer}
    if isinstance(answer, str) and answer.lstrip().startswith("{") and wire.is_json(answer):
        return wire.decode_plain(answer)
    names = list(shape.schema["properties"])
    return {names[0]: answer} if len(names) == 1 and not isinstance(answer, Mapping) else answer


def _builtin(answer: Any) -> Any:
    if hasattr(answer, "model_dump"):
        return answer.model_dump(mode="json")
    return msgspec.to_builtins(answer, enc_hook=str)


def listed(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return content as blocks, as a question in a cell has it."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
