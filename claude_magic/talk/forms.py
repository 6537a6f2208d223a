"""Which form is an answer to have, and what does it say in that form?

A model that can is held to the schema by the service; another is told of it. Either answer is checked, for
what the service does not compile, such as a smallest number, is only said in words.
https://platform.claude.com/docs/en/build-with-claude/structured-outputs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import schema, wire
from claude_magic.errors import AnswerError, InputError
from claude_magic.prompts import texts
from claude_magic.protocol import catalog
from claude_magic.schema import columns, sent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from claude_magic.grammar.keywords import Choices
    from claude_magic.talk.answer import Answer

UNCHECKED = {
    # stop reasons of an answer that is not what was asked for, and that asking again would not mend
    "max_tokens": ("is cut short", "Ask again with a larger -n."),
    "model_context_window_exceeded": ("is cut short", "Ask again with less before the question."),
    "refusal": ("was declined", "Ask in another way."),
    "pause_turn": ("is not at its end", "Ask again, or without tools of the service."),
    "tool_use": ("is a call of a tool", "Name the function with --tool or tools=, so that it can be run."),
    "max_steps": ("is not there within the steps allowed", "Ask again with a larger --max-steps."),
    "max_seconds": ("is not there within the time allowed", "Ask for less at once."),
}


class Read(NamedTuple):
    """An answer as what it was asked for: the `value`, its `json`, and the `text` that says it best."""

    value: Any
    json: Any
    text: str
    shape: schema.Shape

    def df(self) -> pd.DataFrame:
        """Return the value's rows with the dtypes that follow from its type."""
        return columns.frame(self.shape, columns.rows(self.shape, self.json))

    @property
    def is_table(self) -> bool:
        """Whether the value is a list of objects, which a frame shows best."""
        return isinstance(self.json, list) and any(isinstance(one, dict) for one in self.json)


class Form(NamedTuple):
    """The shape that an answer is to have, and whether the service holds the model to it."""

    shape: schema.Shape
    held: bool = True

    @property
    def weight(self) -> sent.Weight:
        """What it takes of a request's totals."""
        return sent.weight(self.shape.schema) if self.held else sent.Weight()

    def into(self, body: Mapping[str, Any], user: dict[str, Any] | None) -> dict[str, Any]:
        """Return a body that asks for this form; what has to be said in words is added to `user`."""
        if not self.held:
            if user is not None:
                user["content"].append({"type": "text", "text": _words(self.shape)})
            return dict(body)
        config = {**body.get("output_config", {}), "format": schema.output_format(self.shape)}
        return {**body, "output_config": config, "messages": [_uncited(m) for m in body["messages"]]}

    def notes(self, model: str) -> list[str]:
        """Return what a reader should know before the answer comes."""
        if self.held:
            return []
        return [f"{model} cannot be held to a schema: it is told of it, and the answer is checked."]

    def read(self, answer: Answer) -> Read:
        """Return an answer as what was asked for; raises ValueError, which says where it does not fit."""
        text = next(filter(_is_json, _places(answer, held=self.held)), answer.message.text)
        found = schema.value(self.shape, text)
        shape = self.shape._replace(load=_as_it_is)  # what is kept of it can be pickled
        return Read(self.shape.load(found), found, _said(self.shape, found, text), shape)

    def unfit(self, answer: Answer, error: ValueError | None = None) -> AnswerError:
        """Return the error for an answer that is not what was asked for; it has the `answer`."""
        why, hint = UNCHECKED.get(answer.stop_reason or "", ("", "Ask again, or a larger model: -m opus."))
        if error is not None:
            why = f"does not fit: {(str(error).strip().splitlines() or [type(error).__name__])[0]}"
        made = AnswerError(
            f"The answer is no {self.shape.name}, it {why}",
            hint=hint,
            text=answer.message.text,
            schema=self.shape.schema,
            partial=answer.message,
            request_id=answer.request_id,
        )
        made.answer = answer
        return made


def form(returns: Any, choices: Choices, model: str) -> Form | None:
    """Return the form that `returns` or `choices` ask for, None where neither does; raises InputError."""
    if isinstance(choices, type) and returns is None:  # an Enum
        returns, choices = choices, None
    if returns is not None and choices is not None:
        raise InputError("An answer has a type or is one of several labels, not both", hint="Leave one out.")
    if returns is None and choices is None:
        return None
    labels = [one.strip() for one in choices.split(",")] if isinstance(choices, str) else choices
    found = catalog.find(model)
    held = found is None or found.structured_outputs is not False
    return Form(schema.shape(returns) if labels is None else schema.choices(labels), held)


def _places(answer: Answer, *, held: bool) -> Iterator[str]:
    """Yield where the JSON may be in the last message: all of its text, the last block, a fenced block."""
    yield answer.message.text
    blocks = [b.get("text") for b in answer.message.get("content") or () if b.get("type") == "text"]
    yield from (text for text in blocks[-1:] if isinstance(text, str))
    if not held:
        yield from texts.json_texts(answer.message.text)


def _as_it_is(found: Any) -> Any:
    return found


def _is_json(text: str) -> bool:
    try:
        wire.decode_plain(text)
    except ValueError:
        return False
    return True


def _said(shape: schema.Shape, found: Any, text: str) -> str:
    """Return the text of a value: a label itself, else its JSON without what it travelled in."""
    if not shape.bare:
        return text.strip()
    return found if isinstance(found, str) else wire.encode(found).decode()


def _words(shape: schema.Shape) -> str:
    return f"Answer with JSON only, of this JSON schema: {wire.encode(shape.schema).decode()}"


def _uncited(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message whose documents are not to be cited: citations and a schema do not go together."""
    content = message.get("content")
    if not isinstance(content, list) or not any(_cited(block) for block in content):
        return message
    kept = [{k: v for k, v in b.items() if k != "citations"} if _cited(b) else b for b in content]
    return {**message, "content": kept}


def _cited(block: Any) -> bool:
    return (
        isinstance(block, dict)
        and block.get("type") in ("document", "search_result")
        and "citations" in block
    )
