"""Which names has what can be said of a question?

The same in `ask()`, in `Chat` and, as far as they are about one call, in the flags of a cell.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar

from claude_magic.errors import InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from decimal import Decimal
    from enum import Enum
    from pathlib import Path

    Attached = Sequence[str | Path | Mapping[str, Any]] | str | Path | Mapping[str, Any]
    Choices = Iterable[str] | type[Enum] | None

P = ParamSpec("P")
R = TypeVar("R")
MEANT = {
    # what a reader may type -> the keywords that may be meant; the first that there is
    "schema": "returns output", "type": "returns output", "output": "returns", "returns": "output",
    "labels": "choices", "tool": "tools",
    "functions": "tools", "skill": "skills", "param": "params", "extra_body": "params", "no_think": "think",
    "thinking": "think", "files": "attach", "file": "attach", "attachments": "attach", "models": "compare",
    "temperature": "params", "stop_sequences": "params", "budget": "max_cost", "steps": "max_steps",
    "name": "thread", "no_stream": "stream",
    "workers": "concurrency", "max_workers": "concurrency", "threads": "concurrency", "limit": "sample",
    "n": "sample", "rows": "sample", "retries": "max_attempts", "max_retries": "max_attempts",
    "verbose": "progress", "suffix": "prefix", "image": "images", "errors": "on_error", "cached": "resume",
}  # fmt: skip
OF_A_CELL = {
    # a field of a cell that `ask` has not -> what it does without
    "no_history": "without thread= a question stands alone.",
    "new": "without thread= a question stands alone; Chat() begins a conversation.",
    "raw": "braces mean nothing in Python's texts.",
    "out": "give the answer a name, as in answer = ask(…).",
    "quiet": "nothing is shown but the value of a cell.",
    "dry_run": "type claude_magic.dry_run(…) with the same arguments.",
}


class Keywords(TypedDict, total=False):
    """The keyword arguments of `ask`; what is left out comes from the settings."""

    model: str | None
    max_tokens: int | None
    effort: str | None
    think: bool | None
    params: Mapping[str, Any] | None
    system: str | None
    attach: Attached
    citations: bool
    skills: Sequence[str | Mapping[str, Any]] | str
    tools: Sequence[Any]
    max_steps: int | None
    approve: Callable[[str, dict[str, Any]], bool | str] | bool | None
    returns: Any
    choices: Choices
    history_tokens: int | None
    compact: bool | None
    cache: str | None
    replay: str | None
    compare: Sequence[str] | str | None
    max_cost: Decimal | float | str | None
    stream: bool


class KeywordError(InputError, TypeError):
    """A function was called with keywords or arguments that it does not take, as Python says of its own."""


def unknown(of: str, given: Iterable[str], known: Iterable[str]) -> KeywordError | None:
    """Return the error for the first of some keywords that is not known; None where all are."""
    names = list(known)
    for name in given:
        if name not in names:
            meant = (one for one in MEANT.get(name, "").split() if one in names)
            near = next(meant, None) or nearest(name, names)
            hint = f"Did you mean {near}=?" if near in names else f"There are {', '.join(names)}."
            if of in ("ask", "Chat") and name in OF_A_CELL:
                hint = f"Leave it out: {OF_A_CELL[name]}"
            return KeywordError(f"{of}() got an unexpected keyword argument {name!r}", hint=hint)
    return None


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Have a function say what was meant where it is called with what it does not take."""
    signature, of = inspect.signature(function), function.__name__
    known = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    positional = [name for name in signature.parameters if name not in known]

    @functools.wraps(function)
    def call(*args: P.args, **given: P.kwargs) -> R:
        if wrong := unknown(of, (name for name in given if name not in positional), known):
            raise wrong
        try:
            signature.bind(*args, **given)
        except TypeError as error:
            hint = f"Type {of}({', '.join(positional)}), and name what follows: {known[0]}=…"
            raise KeywordError(f"{of}(): {error}", hint=hint) from None
        return function(*args, **given)

    return call
