"""What is in an answer, and how does it become data?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from claude_magic import making
from claude_magic.errors import InputError, printable
from claude_magic.wire import Message, Usage, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from decimal import Decimal

    import pandas as pd

    from claude_magic.making import MadeFile
    from claude_magic.wire import Record

GAP = "\n\n"  # between texts that something else stood between
HINTS = {
    # what a reader can do about a stop: https://docs.claude.com/en/api/handling-stop-reasons
    "max_tokens": "The answer is cut at max_tokens; type {go_on}, or ask again with a larger -n.",
    "model_context_window_exceeded": "The context window is full; start afresh with %%claude --new.",
    "pause_turn": "The service paused; type {go_on}.",
    "refusal": "Claude declined; this question is not kept in the conversation. Ask in another way.",
    "stopped": "Stopped; type {go_on} to go on.",
    "error": "The answer broke off; type {go_on} to go on.",
}
ALONE = {  # the same where the answer is in no conversation
    "max_tokens": "The answer is cut at max_tokens; ask again with a larger -n.",
    "pause_turn": "The service paused; ask again without --no-history.",
    "stopped": "Stopped; ask again to have the whole answer.",
    "error": "The answer broke off; ask again.",
}


class Answer(str):
    """An answer: its text, a plain `str`, with everything else known about it as attributes.

    Attributes: `message` (the whole Message), `cost` (USD, or None where a price is not known; estimated for
    an unfinished answer), `source` ("live" or "practice"), `seconds` and `ttft` (until the end and until the
    first piece), `turn` (its number in the conversation), `stop_reason` (the API's, "stopped" or "error"),
    `go_on` (what to type for the rest of an unfinished answer, or ""), `files` (those that its code made at
    the service; each has `.file_id` and `.download(to)`).
    """

    show: ClassVar[Callable[[Answer], dict[str, Any]] | None] = (
        None  # layer 4 gives the notebook's bundle here
    )
    message: Message
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
        cost: Decimal | None = None,
        source: str = "live",
        seconds: float | None = None,
        ttft: float | None = None,
        turn: int = 1,
        stop_reason: str | None = None,
        request_id: str | None = None,
        go_on: str = "%claude continue",
    ) -> Self:
        made = super().__new__(cls, said(message.get("content") or ()))
        made.message, made.cost, made.source = message, cost, source
        made.seconds, made.ttft, made.turn, made.shown_in = seconds, ttft, turn, None
        made.go_on = go_on
        made.stop_reason = stop_reason or message.get("stop_reason")
        made.request_id = request_id or message.request_id
        made.files = making.files(message)
        return made

    def and_then(self, more: Answer) -> Answer:
        """Return one answer out of this one and what came after a pause of the service."""
        content = [*self.message.get("content", ()), *more.message.get("content", ())]
        message = Message({**more.message, "content": content, "usage": self.usage + more.usage})
        if not message.get("container"):
            message["container"] = self.message.get("container")
        if more.message.response:
            message.answered(more.message.response)
        return type(self)(
            message,
            cost=None if self.cost is None or more.cost is None else self.cost + more.cost,
            source=more.source,
            seconds=(self.seconds or 0) + (more.seconds or 0),
            ttft=self.ttft if self.ttft is not None else more.ttft,
            turn=self.turn,
            stop_reason=more.stop_reason,
            request_id=more.request_id,
            go_on=more.go_on,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {k: v for k, v in self.__dict__.items() if k not in ("message", "shown_in")}
        return (_revive, (self.message.to_dict(), facts))

    @property
    def text(self) -> str:
        """The text as a plain `str`."""
        return str(self)

    @property
    def thinking(self) -> str:
        """What the model thought, where it was asked to show it."""
        return self.message.thinking

    @property
    def citations(self) -> list[Record]:
        """Every citation of the text, in order."""
        return self.message.citations

    @property
    def usage(self) -> Usage:
        """Tokens of each kind, as the service counted them."""
        found = self.message.get("usage")
        return found if isinstance(found, Usage) else Usage(found or {})

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
        """The fenced code blocks of one language, joined: Python's if there are any, else the first one's."""
        found = [b for b in _fences(str(self)) if b.text.strip()]
        python = [b for b in found if b.language in ("python", "py", "python3", "ipython")]
        wanted = python or [b for b in found if b.language == found[0].language]
        return "\n\n".join(b.text.strip("\n") for b in wanted)

    def json(self) -> Any:
        """Return the JSON that the answer, or the first fenced block of JSON, holds; raises InputError."""
        import json

        blocks = sorted(_fences(str(self)), key=lambda b: not b.language.startswith("json"))
        for text in (str(self), *(b.text for b in blocks)):
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                continue
        raise self._without("JSON", "Ask for JSON in the prompt; the text is the answer itself.")

    def df(self) -> pd.DataFrame:
        """Return the rows of the answer's JSON, Markdown table or CSV as a DataFrame; raises InputError."""
        import pandas as pd

        for read in (self._json_rows, self._table, self._csv):
            rows = read()
            if isinstance(rows, str):
                try:
                    return _typed(rows)
                except (ValueError, pd.errors.ParserError):
                    continue
            if rows is not None:
                try:
                    return pd.DataFrame(rows)
                except (ValueError, TypeError, AttributeError):  # such as rows that are no rows
                    continue
        raise self._without("table", "Ask for a table, CSV or a JSON list; the text is the answer itself.")

    def _json_rows(self) -> Any:
        try:
            value = self.json()
        except InputError:
            return None
        if isinstance(value, dict):
            lists = [v for v in value.values() if isinstance(v, list)]
            if len(lists) == 1 and len(value) == 1:
                return _rows(lists[0])
            even = len(lists) == len(value) > 0 and len({len(v) for v in lists}) == 1
            return value if even else [value]
        return _rows(value) if isinstance(value, list) else None

    def _table(self) -> str | None:
        rows: list[list[str]] = []
        for line in str(self).splitlines():
            cells = _cells(line) if "|" in line else []
            if len(rows) > 1 and not cells:
                break
            if len(rows) == 1 and not all(re.fullmatch(r":?-+:?", c) for c in cells or [""]):
                rows = []  # what looked like a header was none
            if cells:
                rows.append(cells)
        return _as_csv([rows[0], *rows[2:]]) if len(rows) > 1 else None

    def _csv(self) -> str | None:
        labelled = [b.text for b in _fences(str(self)) if b.language in ("csv", "tsv")]
        plain = [b.text for b in _fences(str(self)) if not b.language]
        texts = [(t, True) for t in labelled] + [(t, False) for t in (*plain, str(self))]
        return next((rows for text, sure in texts if (rows := _csv_rows(text, sure=sure))), None)

    def _without(self, what: str, hint: str) -> InputError:
        cut = " (it is cut short)" if self.stop_reason in ("max_tokens", "stopped", "error") else ""
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


class Fence(NamedTuple):
    """A fenced code block: the language in lower case, and the text."""

    language: str
    text: str


def _fences(text: str) -> Iterator[Fence]:
    # https://spec.commonmark.org/0.31.2/#fenced-code-blocks; one that is not closed goes on to the end
    mark, language = "", ""
    lines: list[str] = []
    for line in text.splitlines():
        found = re.match(r" {0,3}(`{3,}|~{3,})\s*([^\s`]*)[^`]*$", line)
        if not mark and found:
            mark, language, lines = found[1], found[2].lower(), []
        elif mark and found and not found[2] and found[1].startswith(mark):
            yield Fence(language, "\n".join(lines))
            mark = ""
        elif mark:
            lines.append(line)
    if mark:
        yield Fence(language, "\n".join(lines))


def _cells(line: str) -> list[str]:
    text = line.strip().removeprefix("|")
    text = text[:-1] if text.endswith("|") and not text.endswith("\\|") else text
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", text)]


def _csv_rows(text: str, *, sure: bool) -> str | None:
    import csv

    lines = text.strip().splitlines()
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=sure) if row]
    except csv.Error:
        return None
    even = len(rows) > 1 and len({len(r) for r in rows}) == 1 and len(rows[0]) > 1
    # prose has commas too, but with a space after them
    return _as_csv(rows) if even and (sure or not any(c[:1] == " " for r in rows for c in r)) else None


def _rows(values: list[Any]) -> Any:
    return values if any(isinstance(v, dict | list) for v in values) else {"value": values}


def _as_csv(rows: list[list[str]]) -> str:
    import csv
    import io

    width, out = len(rows[0]), io.StringIO()
    csv.writer(out).writerows([*row, *[""] * width][:width] for row in rows)
    return out.getvalue()


def _typed(text: str) -> pd.DataFrame:
    import io

    import pandas as pd

    # only an empty cell is missing: "NA" may be Namibia
    return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""], skipinitialspace=True)


def _execution_count() -> int | None:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell.execution_count if shell else None


def _revive(message: dict[str, Any], facts: dict[str, Any]) -> Answer:
    made = Answer(record(message))
    made.__dict__.update(facts)
    return made
