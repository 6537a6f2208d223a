"""How is one question asked, paid for and remembered?

`ask` is the one place where a turn happens: settings, body, reservation, stream, tools, ledger, thread and
Answer. `question.py` says what is sent, `sending.py` how it is carried out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, cast

from claude_magic.grammar.keywords import KeywordError, Keywords, checked, unknown
from claude_magic.talk import fitting, question
from claude_magic.talk.compare import table
from claude_magic.talk.sending import How, Sending
from claude_magic.talk.thread import Thread, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from claude_magic.api.client import Client
    from claude_magic.grammar.keywords import Attached, Choices
    from claude_magic.talk.answer import Answer
    from claude_magic.talk.call import Watch
    from claude_magic.talk.compose import Prompt

OF_A_QUESTION = ("attach", "skills", "tools", "max_steps", "approve", "returns", "choices", "compare")
"""Keywords of `ask` that `go_on` has from the question itself, or cannot have."""


@checked
def ask(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    thread: Thread | str | None = None,
    max_tokens: int | None = None,
    effort: str | None = None,
    think: bool | None = None,
    attach: Attached = (),
    citations: bool = False,
    skills: Sequence[str | Mapping[str, Any]] | str = (),
    tools: Sequence[Any] = (),
    max_steps: int | None = None,
    approve: Callable[[str, dict[str, Any]], bool | str] | bool | None = None,
    returns: Any = None,
    choices: Choices = None,
    history_tokens: int | None = None,
    compact: bool | None = None,
    cache: str | None = None,
    replay: str | None = None,
    params: Mapping[str, Any] | None = None,
    stream: bool = True,
    max_cost: Decimal | float | str | None = None,
    watch: Watch | None = None,
    client: Client | None = None,
    cell: str | None = None,
    compare: Sequence[str] | str | None = None,
) -> Answer:
    """Ask Claude and return the Answer; without a `thread` the question stands alone.

    `tools` are functions that Claude may call, tools of the service ("web_search"), `mcp(…)` or a Toolbox;
    it takes `max_steps` sends at most. `approve` is True to be asked before each call, or a function
    of name and arguments that returns True, False or why not. `returns` is a type or a JSON schema, `choices`
    are labels: the answer's `.value` is of that type, or one of them.

    `skills` are names such as "xlsx", ids or names of your own; what they make is in the answer's `.files`.
    `attach` takes paths, ids or metadata of uploaded files, pictures and frames; with `citations` the answer
    says which passages of them it rests on, see `.citations`. `history_tokens` is the most of earlier turns
    that is sent along, and `compact` has the service sum up the rest. `cache` is "auto", "5m", "1h" or "off",
    `replay` "auto", "only", "refresh" or "off". `max_cost` is in USD, for all sends of the question together.

    `compare` names models, which are asked all at once: the result is a DataFrame with a row for each, no
    conversation keeps the answers, and `max_cost` is for all of them together.

    Raises ClaudeError, or Stopped when interrupted; the `.answer` of either has what arrived until then. A
    budget that the call could exceed is a BudgetError, and nothing is sent. An answer that is not what
    `returns` asked for, even when asked for once more, is an AnswerError with its `.text`.
    """
    given = {name: value for name, value in locals().items() if name != "prompt"}
    fitting.check(given)
    if given.pop("compare") and compare:
        return cast("Answer", table(ask, prompt, compare, **given))
    talk = threads.get(thread) if isinstance(thread, str) else thread or Thread()
    how = How(stream, max_cost, watch, client, cell, replay, talks=thread is not None)
    what = {name: value for name, value in given.items() if name not in ("thread", *How._fields)}
    return Sending(talk, question.prepare(prompt, talk, how.client_or_current, **what), how).run()


def go_on(
    thread: Thread | str | None = None,
    *,
    stream: bool = True,
    max_cost: Decimal | float | str | None = None,
    replay: str | None = None,
    watch: Watch | None = None,
    client: Client | None = None,
    cell: str | None = None,
    **given: Any,
) -> Answer:
    """Ask for the rest of an unfinished answer, by default of the same model; `given` is as for `ask`.

    It has the tools of the question. Raises as `ask` does, and InputError where nothing is unfinished.
    """
    talk = thread if isinstance(thread, Thread) else threads.get(thread)
    how = How(stream, max_cost, watch, client, cell, replay, talks=True)
    return Sending(talk, question.rest(talk, **given), how).run()


class Chat:
    """A conversation: what is given here holds for every question, as a keyword of `ask`.

    >>> chat = Chat(system="Answer in French.", model="haiku")
    >>> chat("What is an index?")

    `thread` is where it is kept; a name makes it that of `%claude -t NAME` too.
    """

    def __init__(
        self, thread: Thread | str | None = None, *, client: Client | None = None, **given: Unpack[Keywords]
    ) -> None:
        if wrong := unknown("Chat", given, Keywords.__annotations__):
            raise wrong
        fitting.check({"thread": thread, "client": client, **given})
        self.thread = threads.get(thread) if isinstance(thread, str) else thread or Thread()
        self.client, self.given = client, dict[str, Any](given)

    def __call__(self, prompt: Prompt, **given: Unpack[Keywords]) -> Answer:
        """Ask the next question and return the Answer; `given` goes before what the Chat was made with."""
        if own := [name for name in ("thread", "client") if name in given]:
            hint = f"Make another: Chat({own[0]}=…)"
            raise KeywordError(f"{own[0]} is the Chat's, and the same for all its questions", hint=hint)
        return ask(prompt, thread=self.thread, client=self.client, **{**self.given, **given})

    def go_on(self) -> Answer:
        """Return the rest of an unfinished answer; raises InputError where there is none."""
        given = {name: value for name, value in self.given.items() if name not in OF_A_QUESTION}
        return go_on(self.thread, client=self.client, **given)

    def undo(self) -> None:
        """Take back the last question and its answer."""
        self.thread.undo()

    @property
    def last(self) -> Answer | None:
        """The newest Answer."""
        return self.thread.last

    def __len__(self) -> int:
        return len(self.thread)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<Chat: {len(self)} turn{'' if len(self) == 1 else 's'}>"
