"""What was a verb of %claude given, and may it be done?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from claude_magic.api import called
from claude_magic.errors import ClaudeError, InputError, printable
from claude_magic.show.listings import seen
from claude_magic.talk.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from claude_magic.api.client import Client
    from claude_magic.grammar.verbs import Asked


class Said(str):
    """A text that a cell shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return printable(str(self))


@dataclass
class Job:
    """A verb with its words, values of the notebook in place of {names}, and the client to ask.

    `names` has the notebook's variables.
    """

    command: str
    asked: Asked
    values: list[Any]
    client: Client
    options: dict[str, list[str]]
    names: Mapping[str, Any]

    @property
    def first(self) -> str:
        """The first word: mostly an id."""
        return ids_of(self.values[:1])[0]

    @property
    def all(self) -> list[str]:
        """All words: one for each of a list of the notebook's."""
        return ids_of(self.values)

    def option(self, name: str) -> str | None:
        """Return the value of an option, or None."""
        return next(iter(self.options.get(name, ())), None)


def ids_of(values: Iterable[Any]) -> list[str]:
    """Return values as words: of what the API gave its id, of a list each; raises InputError."""
    found: list[str] = []
    for value in values:
        if isinstance(value, dict):
            found.append(str(value.get("id") or value.get("file_id") or value))
        elif isinstance(value, Answer):
            if not value.files:
                raise InputError("No files were made for this answer", hint="%claude files shows the others.")
            found += ids_of(value.files)
        elif hasattr(value, "columns"):
            raise InputError("A frame is no id", hint="Give its ids: {frame.index}")
        elif hasattr(value, "__iter__") and not isinstance(value, str | bytes):
            found += ids_of(value)
        else:
            found.append(str(value))
    if not found:
        raise InputError("There is nothing in what was given", hint="Give at least one id.")
    return found


def confirmed(job: Job, ids: Sequence[str], kind: str) -> bool:
    """Ask before what cannot be undone, unless --yes is given; raises InputError where nobody is there."""
    if "--yes" in job.options:
        return True
    known = seen.get(kind, {})
    told = called.told([f"{known[one]} ({one})" if known.get(one) else one for one in ids])
    typed = f"%claude {job.command} {job.asked.verb.name}"
    return agreed(f"{job.asked.verb.does} {told}", typed, " ".join(ids[: called.MOST_TOLD]))


def agreed(question: str, typed: str, words: str) -> bool:
    """Ask and say whether it may be done; raises InputError where nobody is there, with `typed` and --yes."""
    from IPython.core.error import StdinNotImplementedError

    try:
        said = input(printable(f"{question}? [y/N] "))
    except (StdinNotImplementedError, EOFError, OSError):
        raise InputError(
            f"{typed} asks first, and nobody can answer in a notebook that runs by itself; nothing was done",
            hint=f"Add --yes: {typed} {words} --yes",
        ) from None
    return said.strip().lower() in ("y", "yes")


def each(job: Job, kind: str, do: Callable[[str], Any], ids: list[str] | None = None) -> Said:
    """Do something to each of the ids given, after a question; raises ClaudeError, with what is done."""
    ids = job.all if ids is None else ids
    if not confirmed(job, ids, kind):
        return Said("Nothing was done")
    done: list[str] = []
    for one in ids:
        try:
            do(one)
        except ClaudeError as error:
            error.hint += f" Done before that: {', '.join(done)}." if done else ""
            raise
        done.append(one)
        seen.get(kind, {}).pop(one, None)
    return Said(f"{job.asked.verb.done}: {', '.join(done)}")
