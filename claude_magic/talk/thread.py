"""What has been said so far?

A `Thread` is a list of finished turns, so its history is valid at every moment: a question enters it together
with its answer, and with the calls of tools and their results in between. What was stopped or broke off is
kept as the text that arrived; what was refused is not kept.
Rules of a valid history: https://docs.claude.com/en/api/messages.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.wire import plain, returned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from claude_magic.talk.answer import Answer
    from claude_magic.wire import Message

GO_ON = "Go on exactly where you stopped. Do not repeat what you have already written."
UNFINISHED = frozenset({"max_tokens", "stopped", "error", "pause_turn", "max_steps", "max_seconds"})
NOT_RUN = "This tool was not run."


class Turn(NamedTuple):
    """A question and all that was said for it: `messages` from the question to the last answer.

    Between them may be calls of tools and their results. There is no question where the service went on
    after a pause. `body` is what it was asked with, but for the messages, and `form` the name of the type
    that the answer was to have.
    """

    messages: tuple[dict[str, Any], ...]
    stop_reason: str | None
    model: str
    body: Mapping[str, Any] = MappingProxyType({})
    form: str = ""

    @property
    def user(self) -> dict[str, Any] | None:
        """The message that asks, or None."""
        return self.messages[0] if self.messages[0]["role"] == "user" else None

    @property
    def assistant(self) -> dict[str, Any]:
        """The last answer's message."""
        return self.messages[-1]

    @property
    def question(self) -> str:
        """The text of the question."""
        return _text(self.user)

    @property
    def answer(self) -> str:
        """The text of the answer; where an answer had to be mended, of the last one."""
        mended = (n for n, m in enumerate(self.messages) if m["role"] == "user" and n and _text(m))
        said = self.messages[max(mended, default=0) :]
        return "\n".join(text for m in said if m["role"] == "assistant" and (text := _text(m)))


class Kit(NamedTuple):
    """The tools of a question as they were given, with the limits they are used under."""

    tools: tuple[Any, ...]
    approve: Any = None
    max_steps: int | None = None


class Thread:
    """A conversation: `turns`, a `system` prompt of its own or None, and `last`, the newest Answer.

    `skills` are those its turns have used, so that they are there for the next, and `container` (`id`,
    `expires_at`) is where their code ran. `kit` are the tools of the newest question, for it to be gone on
    with, and `results` those of the newest answer's calls.
    """

    def __init__(self, name: str = "", *, system: str | None = None) -> None:
        self.name, self.system = name, system
        self.turns: list[Turn] = []
        self.last: Answer | None = None
        self.skills: list[dict[str, str]] = []
        self.results: list[dict[str, Any]] = []
        self.kit: Kit | None = None
        self.container: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.turns)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<Thread {self.name or 'unnamed'}: {len(self)} turn{'' if len(self) == 1 else 's'}>"

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The history as a list of messages that can be sent as it is; changing it changes nothing here."""
        return [plain(m) for turn in self.turns for m in turn.messages]

    @property
    def unfinished(self) -> bool:
        """Whether the newest answer was stopped, broke off or was cut short."""
        return bool(self.turns) and self.turns[-1].stop_reason in UNFINISHED

    def ask(self, blocks: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the user message for content blocks, after results for tool calls that are still open."""
        return {"role": "user", "content": [*self._results(), *plain(list(blocks))]}

    def go_on(self) -> dict[str, Any] | None:
        """Return the user message that asks to go on, None after a pause; raises InputError if all is said.

        A new message, since models from Claude 4.6 on refuse a history that ends with their own words.
        """
        if not self.unfinished:
            raise InputError(
                f"There is no unfinished answer to go on with{f' in {self.name}' if self.name else ''}",
                hint="Ask a question with %%claude, or name another conversation: %claude continue NAME",
            )
        paused = self.turns[-1].stop_reason == "pause_turn"
        return None if paused else self.ask([{"type": "text", "text": GO_ON}])

    def add(self, user: dict[str, Any] | None, message: Message, stop_reason: str | None) -> None:
        """Keep a question with what was answered; a refusal, and what has no words yet, is not kept."""
        self.keep(len(self), [user] if user else [], message, stop_reason)

    def keep(
        self,
        at: int,
        before: Sequence[dict[str, Any]],
        message: Message,
        stop_reason: str | None,
        *,
        body: Mapping[str, Any] | None = None,
        form: str = "",
    ) -> None:
        """Keep an answer, with all its turn has `before` it, as the turn that has `at` turns before it."""
        del self.turns[at:]
        if stop_reason == "refusal":
            return
        cut = stop_reason in ("stopped", "error")
        content = _words(message.get("content")) if cut else _whole(message)
        before = list(before)
        if cut and content and before[-1:] and before[-1]["role"] == "assistant":  # the service had paused
            content = _words([*before.pop()["content"], *content])
        messages = [*before, {"role": "assistant", "content": content}] if content else before
        self.results = _left_over(messages)
        while messages and messages[-1]["role"] == "user":
            messages.pop()  # it has no answer
        if messages:
            asked = {name: value for name, value in (body or {}).items() if name != "messages"}
            model = str(message.get("model", ""))
            self.turns.append(Turn(tuple(_joined(messages)), stop_reason, model, asked, form))

    def end(self, messages: Sequence[dict[str, Any]], stop_reason: str | None) -> None:
        """Say how the newest turn ended, and in which messages; those may end with results of its calls."""
        self.turns[-1] = self.turns[-1]._replace(stop_reason=stop_reason)
        self.results = _left_over(messages)

    def undo(self) -> Turn:
        """Take back the newest turn and return it; raises InputError where there is none."""
        if not self.turns:
            where = f"the conversation {self.name}" if self.name else "this conversation"
            raise InputError(
                f"There is no turn to take back in {where}", hint="Ask something with %%claude first."
            )
        self.last, self.kit, self.results = None, None, []
        return self.turns.pop()

    def reset(self) -> None:
        """Forget every turn and the skills they used; the system prompt stays."""
        self.turns.clear()
        self.last, self.skills, self.results, self.container, self.kit = None, [], [], None, None

    def export(self, form: str = "python") -> str:
        """Return the conversation as "python", "notebook", "curl" or "jsonl"; raises InputError."""
        from claude_magic import exporting

        return exporting.text(self, form)

    def _results(self) -> list[dict[str, Any]]:
        content = self.turns[-1].assistant["content"] if self.turns else []
        asked = [b["id"] for b in content if b.get("type") == "tool_use"]
        if asked and asked == [r["tool_use_id"] for r in self.results]:
            return plain(self.results)  # type: ignore[no-any-return]
        return [
            {"type": "tool_result", "tool_use_id": b["id"], "content": NOT_RUN, "is_error": True}
            | ({"toolset_name": b["toolset_name"]} if b.get("toolset_name") else {})
            for b in content
            if b.get("type") == "tool_use"
        ]


class Threads:
    """Every conversation of this process by name, and the one `asked` last."""

    def __init__(self) -> None:
        self._all: dict[str, Thread] = {}
        self.asked: Thread | None = None

    def get(self, name: str | None = None) -> Thread:
        """Return the thread of a name, made where it is new; without a name the current one."""
        name = name or _default_name()
        return self._all.setdefault(name, Thread(name))

    def to_go_on(self) -> Thread:
        """Return the thread asked last where its answer is unfinished, else the current one."""
        asked = self.asked
        return asked if asked and asked in list(self) and asked.unfinished else self.get()

    def continue_words(self, thread: Thread) -> str:
        """Return what to type to go on in a thread; "" for one that nothing can name."""
        if thread.name not in self or self._all[thread.name] is not thread:
            return ""
        return "%claude continue" + ("" if thread is self.get() else f" {thread.name}")

    def forget(self, name: str) -> None:
        """Drop a thread with all its turns."""
        self._all.pop(name, None)

    def __iter__(self) -> Iterator[Thread]:
        return iter(list(self._all.values()))

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def __len__(self) -> int:
        return len(self._all)


threads = Threads()


def _default_name() -> str:
    from claude_magic import settings

    return str(settings.option("thread").value)


def settled(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an answer's blocks without blank texts, and without thinking that leads to nothing."""
    kept = [b for b in blocks if b.get("type") != "text" or str(b.get("text") or "").strip()]
    while kept and kept[-1].get("type") in ("thinking", "redacted_thinking"):
        kept.pop()  # the words it would have led to are missing
    return kept


def _left_over(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the results that stand at the end of messages, with no answer yet."""
    last = messages[-1] if messages else {}
    content = last.get("content") if last.get("role") == "user" else None
    results = [b for b in content if b.get("type") == "tool_result"] if isinstance(content, list) else []
    return results if content and len(results) == len(content) else []


def _joined(messages: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield messages with answers that follow each other, after a pause, as one."""
    for role, group in groupby(messages, key=itemgetter("role")):
        if role == "assistant":
            yield {"role": role, "content": [block for message in group for block in message["content"]]}
        else:
            yield from group


def _whole(message: Message) -> list[dict[str, Any]]:
    """Return a finished message's blocks unchanged, signatures too, but for those no history may hold."""
    blocks: list[dict[str, Any]] = plain(message.get("content") or [])
    cut = message.get("stop_reason") == "max_tokens"
    answered = [b.get("tool_use_id") for b in blocks]
    return returned(settled([b for b in blocks if not (cut and _open(b, answered))]))


def _open(block: dict[str, Any], answered: list[Any]) -> bool:
    if block.get("type") == "server_tool_use":
        return block.get("id") not in answered
    return block.get("type") == "tool_use" and not isinstance(block.get("input"), dict)


def _words(content: Any) -> list[dict[str, Any]]:
    """Return what an unfinished message said, as one text: thinking and tool blocks do not survive a cut."""
    texts = [b.get("text") for b in content or () if isinstance(b, dict) and b.get("type") == "text"]
    text = "".join(text for text in texts if isinstance(text, str)).rstrip()
    return [{"type": "text", "text": text}] if text else []


def _text(message: dict[str, Any] | None) -> str:
    blocks = message["content"] if message else []
    return "\n".join(b["text"] for b in blocks if b.get("type") == "text")
