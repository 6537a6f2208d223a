"""What has been said so far?

A `Thread` is a list of finished turns, so its history is valid at every moment: a question enters it together
with its answer. What was stopped or broke off is kept as the text that arrived; what was refused is not kept.
Rules of a valid history: https://docs.claude.com/en/api/messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from claude_magic.answer import Answer
    from claude_magic.wire import Message

GO_ON = "Go on exactly where you stopped. Do not repeat what you have already written."
UNFINISHED = frozenset({"max_tokens", "stopped", "error", "pause_turn"})
NOT_RUN = "This tool was not run."


class Turn(NamedTuple):
    """A question and its answer, as messages; `user` is None where the service went on after a pause."""

    user: dict[str, Any] | None
    assistant: dict[str, Any]
    stop_reason: str | None
    model: str

    @property
    def question(self) -> str:
        """The text of the question."""
        return _text(self.user)

    @property
    def answer(self) -> str:
        """The text of the answer."""
        return _text(self.assistant)


class Thread:
    """A conversation: `turns`, a `system` prompt of its own or None, and `last`, the newest Answer.

    `skills` are those its turns have used, so that they are there for the next, and `container` (`id`,
    `expires_at`) is where their code ran.
    """

    def __init__(self, name: str = "", *, system: str | None = None) -> None:
        self.name, self.system = name, system
        self.turns: list[Turn] = []
        self.last: Answer | None = None
        self.skills: list[dict[str, str]] = []
        self.results: list[dict[str, Any]] = []  # of the newest answer's tool calls, where they were run
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
        return [plain(m) for turn in self.turns for m in (turn.user, turn.assistant) if m is not None]

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
        whole = stop_reason not in ("stopped", "error")
        content = _whole(message) if whole else _words(message)
        if content and stop_reason != "refusal":
            answer = {"role": "assistant", "content": content}
            self.turns.append(Turn(user, answer, stop_reason, str(message.get("model", ""))))

    def grow(self, message: Message, stop_reason: str | None) -> None:
        """Put more of the newest turn's answer in its place, as `add` keeps it."""
        self.add(self.turns.pop().user, message, stop_reason)

    def undo(self) -> Turn:
        """Take back the newest turn and return it; raises InputError where there is none."""
        if not self.turns:
            where = f"the conversation {self.name}" if self.name else "this conversation"
            raise InputError(
                f"There is no turn to take back in {where}", hint="Ask something with %%claude first."
            )
        self.last = None
        return self.turns.pop()

    def reset(self) -> None:
        """Forget every turn and the skills they used; the system prompt stays."""
        self.turns.clear()
        self.last, self.skills, self.results, self.container = None, [], [], None

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


def _whole(message: Message) -> list[dict[str, Any]]:
    """Return a finished message's blocks unchanged, signatures too, but for those no history may hold."""
    blocks: list[dict[str, Any]] = plain(message.get("content") or [])
    cut = message.get("stop_reason") == "max_tokens"
    answered = {b.get("tool_use_id") for b in blocks}
    kept = [b for b in blocks if not (_blank(b) or (cut and _open(b, answered)))]
    while kept and kept[-1].get("type") in ("thinking", "redacted_thinking"):
        kept.pop()  # the words it would have led to are missing
    return kept


def _blank(block: dict[str, Any]) -> bool:
    return block.get("type") == "text" and not str(block.get("text") or "").strip()


def _open(block: dict[str, Any], answered: set[Any]) -> bool:
    if block.get("type") == "server_tool_use":
        return block.get("id") not in answered
    return block.get("type") == "tool_use" and not isinstance(block.get("input"), dict)


def _words(message: Message) -> list[dict[str, Any]]:
    """Return what an unfinished message said, as one text: thinking and tool blocks do not survive a cut."""
    text = message.text.rstrip()
    return [{"type": "text", "text": text}] if text else []


def _text(message: dict[str, Any] | None) -> str:
    blocks = message["content"] if message else []
    return "\n".join(b["text"] for b in blocks if b.get("type") == "text")
