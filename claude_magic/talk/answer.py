"""What is in an answer, and how does it become data?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

from claude_magic.errors import InputError, printable
from claude_magic.prompts import fences, texts
from claude_magic.talk import caching, making
from claude_magic.wire import Message, Usage, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pandas as pd

    from claude_magic.talk.forms import Read
    from claude_magic.talk.making import MadeFile
    from claude_magic.tools.toolbox import Ran
    from claude_magic.wire import Record

CUT = frozenset(("max_tokens", "stopped", "error"))
"""Where an answer stops before its end."""
GAP = "\n\n"  # between texts that something else stood between
HINTS = {
    # what a reader can do about a stop: https://docs.claude.com/en/api/handling-stop-reasons
    "max_tokens": "The answer is cut at max_tokens; type {go_on}, or ask again with a larger -n.",
    "model_context_window_exceeded": "The context window is full; start afresh with %%claude --new.",
    "pause_turn": "The service paused; type {go_on}.",
    "max_steps": "The limit of steps is reached; type {go_on}, or ask again with a larger --max-steps.",
    "max_seconds": "The time for calls of tools is over; type {go_on}.",
    "refusal": "Claude declined; this question is not kept in the conversation. Ask in another way.",
    "stopped": "Stopped; type {go_on} to go on.",
    "error": "The answer broke off; type {go_on} to go on.",
}
ALONE = {  # the same where the answer is in no conversation
    "max_tokens": "The answer is cut at max_tokens; ask again with a larger -n.",
    "pause_turn": "The service paused; ask again without --no-history.",
    "max_steps": "The limit of steps is reached; ask again with a larger --max-steps.",
    "max_seconds": "The time for calls of tools is over; ask again for less at once.",
    "stopped": "Stopped; ask again to have the whole answer.",
    "error": "The answer broke off; ask again.",
}


class Answer(str):
    """An answer: its text, a plain `str`, with everything else known about it as attributes.

    Attributes: `message` (the last Message) and `steps` (that of each send, more than one where tools were
    called), `calls` (each call of a tool here: `.name`, `.input`, `.content`, `.is_error`, `.seconds`),
    `value` (what `returns` or `choices` asked for, else the text), `cost` (USD, or None where a price is not
    known; estimated for an unfinished answer), `source` ("live", "practice" or "replay"), `seconds` and
    `ttft` (until the end and until the first piece), `turn` (its number in the conversation), `stop_reason`
    (the API's, "stopped", "error", "max_steps" or "max_seconds"), `go_on` (what to type for the rest of an
    unfinished answer, or ""), `files` (those that its code made at the service; each has `.file_id` and
    `.download(to)`).
    """

    show: ClassVar[Callable[[Answer], dict[str, Any]] | None] = (
        None  # layer 4 gives the notebook's bundle here
    )
    message: Message
    steps: tuple[Message, ...]
    calls: list[Ran]
    read: Read | None  # what was asked for by a type, as it was read
    cost: Decimal | None
    source: str
    seconds: float | None
    ttft: float | None
    turn: int
    stop_reason: str | None
    request_id: str | None
    go_on: str
    files: list[MadeFile]
    shown_in: int | None  # the execution count of the cell whose output shows it already

    def __new__(  # noqa: D102 - the class says it
        cls,
        message: Message,
        *,
        before: Sequence[Message] = (),
        text: str | None = None,
        cost: Decimal | None = None,
        source: str = "live",
        seconds: float | None = None,
        ttft: float | None = None,
        turn: int = 1,
        stop_reason: str | None = None,
        request_id: str | None = None,
        go_on: str = "%claude continue",
    ) -> Self:
        steps = (*before, message)
        made = super().__new__(cls, said(_content(steps)) if text is None else text)
        made.message, made.steps, made.cost, made.source = message, steps, cost, source
        made.seconds, made.ttft, made.turn, made.shown_in = seconds, ttft, turn, None
        made.go_on, made.calls, made.read = go_on, [], None
        made.stop_reason = stop_reason or message.get("stop_reason")
        made.request_id = request_id or message.request_id
        made.files = making.files(made.whole)
        return made

    def and_then(self, more: Answer, *, text: str | None = None) -> Answer:
        """Return one answer out of this one and what came after it; `text` takes the place of the texts.

        What came after a pause of the service belongs to the same message. Where only a part was played,
        source and cost are those of the part that was asked.
        """
        asked = [part for part in (self, more) if part.source != "replay"] or [self, more]
        costs = [part.cost for part in asked]
        message, before = more.message, self.steps
        if self.message.get("stop_reason") == "pause_turn":
            message, before = _joined(self.message, message), self.steps[:-1]
        made = type(self)(
            message,
            before=before,
            text=text,
            cost=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
            source=asked[-1].source,
            seconds=(self.seconds or 0) + (more.seconds or 0),
            ttft=self.ttft if self.ttft is not None else more.ttft,
            turn=self.turn,
            stop_reason=more.stop_reason,
            request_id=more.request_id,
            go_on=more.go_on,
        )
        made.calls = [*self.calls, *more.calls]
        return made

    def as_read(self, read: Read) -> Answer:
        """Return the same answer as what it was read as."""
        made = str.__new__(type(self), read.text)
        made.__dict__.update(self.__dict__, read=read)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {k: v for k, v in self.__dict__.items() if k not in ("message", "steps", "shown_in")}
        return (_revive, (str(self), [step.to_dict() for step in self.steps], kept))

    @property
    def value(self) -> Any:
        """What was asked for with `returns` or `choices`; the text where nothing was."""
        return self.read.value if self.read else str(self)

    @property
    def whole(self) -> Message:
        """The blocks of every step as one Message."""
        if len(self.steps) == 1:
            return self.message
        return Message({**self.message, "content": [b for b in _content(self.steps) if b]})

    @property
    def cache_saved(self) -> Decimal | None:
        """USD that the prompt cache has saved, below 0 where more was written than read; None: not known."""
        saved = [caching.saved(step.get("usage") or {}, str(step.get("model"))) for step in self.steps]
        return sum((usd for usd in saved if usd is not None), Decimal(0)) if None not in saved else None

    @property
    def text(self) -> str:
        """The text as a plain `str`."""
        return str(self)

    @property
    def thinking(self) -> str:
        """What the model thought, where it was asked to show it."""
        return self.whole.thinking

    @property
    def citations(self) -> list[Record]:
        """Every citation of the text, in order."""
        return self.whole.citations

    @property
    def usage(self) -> Usage:
        """Tokens of each kind, as the service counted them, of all steps together."""
        first, *more = (Usage(step.get("usage") or {}) for step in self.steps)
        return sum(more, first)

    @property
    def model(self) -> str:
        """The model that answered."""
        return str(self.message.get("model", ""))

    @property
    def hint(self) -> str:
        """What to type next when the answer did not end by itself, else an empty text."""
        if self.stop_reason == "max_tokens" and not self.strip():
            return "All of max_tokens went into thinking; ask again with a larger -n."
        reason = self.stop_reason or ""
        if not self.go_on and reason in ALONE:
            return ALONE[reason]
        return HINTS.get(reason, "").format(go_on=self.go_on)

    @property
    def code(self) -> str:
        """The code in it: its Python if there is any, else what there is of the first language."""
        return fences.code(str(self), cut=self.stop_reason in CUT).text

    def json(self) -> Any:
        """Return the JSON that the answer, or the first fenced block of JSON, holds; raises InputError."""
        if self.read:
            return self.read.json
        try:
            return texts.json_value(str(self))
        except ValueError:
            raise self._without(
                "JSON", "Ask for JSON in the prompt; the text is the answer itself."
            ) from None

    def df(self) -> pd.DataFrame:
        """Return the rows of the answer's JSON, Markdown table or CSV as a DataFrame; raises InputError.

        What was asked for by a type has the dtypes that follow from it.
        """
        found = self.read.df() if self.read else texts.frame(str(self))
        if found is None:
            hint = "Ask for a table, CSV or a JSON list; the text is the answer itself."
            raise self._without("table", hint)
        return found

    def _without(self, what: str, hint: str) -> InputError:
        cut = " (it is cut short)" if self.stop_reason in CUT else ""
        text = str(self)
        return InputError(
            f"There is no {what} in this answer{cut}", hint=hint, body=text, partial=self.message
        )

    def _ipython_display_(self) -> None:
        """Show nothing in the cell whose output shows the answer already."""
        if self.shown_in is not None and self.shown_in == _execution_count():
            return
        raise NotImplementedError

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        alone = len(printer.stack) < 2
        printer.text(printable(str(self)) if alone else repr(str(self)))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        show = type(self).show
        return show(self) if show else {"text/plain": printable(str(self))}


def said(content: Iterable[Any]) -> str:
    """Return the text of content blocks; what code or thinking stood between two texts is a blank line."""
    text, gap = "", False
    for block in content:
        piece = block.get("text") if isinstance(block, dict) and block.get("type") == "text" else None
        if isinstance(piece, str):
            text, gap = text + GAP * gap + piece, False
        else:
            gap = bool(text)
    return text


def _content(steps: Iterable[Message]) -> Iterator[Any]:
    """Yield the blocks of messages, and None between two messages."""
    for n, step in enumerate(steps):
        if n:
            yield None
        yield from step.get("content") or ()


def _joined(paused: Message, rest: Message) -> Message:
    """Return one message out of what came before and after a pause of the service."""
    content = [*(paused.get("content") or ()), *(rest.get("content") or ())]
    usage = Usage(paused.get("usage") or {}) + (rest.get("usage") or {})
    message = Message({**rest, "content": content, "usage": usage})
    if not message.get("container"):
        message["container"] = paused.get("container")
    return message.answered(rest.response) if rest.response else message


def _execution_count() -> int | None:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell.execution_count if shell else None


def _revive(text: str, steps: list[dict[str, Any]], facts: dict[str, Any]) -> Answer:
    *before, message = map(record, steps)
    made = Answer(message, before=before, text=text)
    made.__dict__.update(facts)
    return made
