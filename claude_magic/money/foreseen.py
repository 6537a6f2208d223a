"""What will one question of a notebook take, as far as it can be known before it is asked?

A conversation grows: the low figures count its questions, the high ones its longest answers too. Where the
answers before are recorded they are known, and so is whether this one will be played.
"""

from __future__ import annotations

import copy
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import settings
from claude_magic.cassette.tape import Cassette
from claude_magic.errors import InputError, ReplayError
from claude_magic.grammar.words import short
from claude_magic.money import dryrun
from claude_magic.prompts import prompt, typenames
from claude_magic.prompts.references import SPAN, lookup
from claude_magic.protocol import catalog
from claude_magic.talk import compose, current, question, replaying
from claude_magic.talk.counting import Count, Counting
from claude_magic.talk.thread import Thread
from claude_magic.tools.named import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from claude_magic.api.client import Client
    from claude_magic.grammar.cell import Ask
    from claude_magic.money.dryrun import Cost
    from claude_magic.talk.question import Question

SAID = ("max_tokens", "effort", "think", "system", "skills", "choices", "cache", "params", "max_steps")
"""Fields of a cell that are taken as they are; others name what the notebook has, or say how it is asked."""
WINDOW = 1_000_000  # tokens, of a model that is not known
_FIRST = re.compile(r"[^\W\d]\w*")


class Said(NamedTuple):
    """A conversation so far: its turns as far as they are known, and how many tokens there may be besides."""

    known: Thread | None
    low: int = 0
    high: int = 0


class Foreseen:
    """What is known while a notebook is read: its values, its conversations, its recorded answers."""

    def __init__(self, notebook: Path, names: Mapping[str, Any], client: Client | None) -> None:
        self.notebook, self.names, self.client = notebook, names, client
        self.counting = Counting(client)
        self.made: set[str] = set()  # names that earlier cells give values
        self.answers: dict[str, int] = {}  # the most tokens of answers that have a name
        self.said: dict[str, Said] = {}
        self._tapes: dict[Path, Cassette] = {}

    def costs(self, asked: Ask, told: list[str]) -> list[Cost]:
        """Return what a question takes for each of its models; what is not known goes into `told`."""
        key = asked.thread or str(settings.option("thread").value)
        before = Said(Thread()) if asked.new or asked.no_history else self.said.get(key, Said(Thread()))
        blocks, given = self._blocks(asked, told), self._keywords(asked, told)
        models: list[str | None] = [*asked.compare]
        found = [self._cost(asked, blocks, given, name, before, told) for name in models or [asked.model]]
        if not (asked.no_history or asked.compare):
            self.said[key] = found[0][1]
        costs = [cost for cost, _ in found]
        if asked.out:
            self.made.add(asked.out)
            self.answers[asked.out] = max(cost.max_tokens for cost in costs)
        return costs

    def _cost(
        self, asked: Ask, blocks: Any, given: dict[str, Any], name: str | None, before: Said, told: list[str]
    ) -> tuple[Cost, Said]:
        """Return what one model takes, and the conversation after it."""
        thread = copy.copy(before.known or Thread())
        thread.turns = list(thread.turns)
        ready = question.prepare(blocks, thread, self._asking, model=name, **given)
        body, calls = dryrun.unsent(ready, talks=not asked.no_history)
        model = str(body["model"])
        mode = settings.option("replay", asked.replay).value
        tries = before.known is not None and mode in ("auto", "only")
        played = tries and self._played(mode, body, ready, thread, told)
        if played or mode == "only":  # else it fails
            counted = dryrun.RECORDED if played else dryrun.MISSED
            cost = dryrun.played(body, model, Count(compose.estimate(body), counted), counted)
            return cost, Said(thread if played else None)
        if calls:
            told.append(f"tools: up to {ready.max_steps} calls, the first is priced")
        own, inside = self.counting.count(body), self._most_of_answers(asked)
        found = catalog.find(model)
        window = (found and found.context_window) or WINDOW
        low, high = min(own.tokens + before.low, window), min(own.tokens + before.high + inside, window)
        cost = dryrun.cost(body, model, own._replace(tokens=low), high - low)
        return cost, Said(None, low, high + cost.max_tokens)

    def _played(
        self, mode: str, body: dict[str, Any], ready: Question, thread: Thread, told: list[str]
    ) -> bool:
        """Say whether a recorded answer is played to a body, and keep it in the thread."""
        player = replaying.certain(self._player(mode), body)
        if player is None:
            return False
        try:
            message = player.messages.create(**body)
        except ReplayError:
            told.append("not recorded, so it fails")
            return False
        thread.add(ready.user, message, message.stop_reason)
        return True

    def _player(self, mode: str) -> Client:
        """Return a client that plays from the notebook's cassette, from its beginning."""
        path = replaying.place(settings.option("cassette").value or self.notebook).value
        tape = self._tapes.setdefault(path, Cassette(path, secret=os.environ.get(replaying.SEAL)))
        return replaying.through(self.client or current.client(mode), tape, mode)

    def _asking(self) -> Client:
        return self.client or current.client("off")

    # ---- the parts of a question ---------------------------------------------------------------------------

    def _blocks(self, asked: Ask, told: list[str]) -> list[dict[str, Any]]:
        """Return the question with the values that are known."""
        missing = [
            ref for ref in _references(asked) if _name(ref) not in self.names and _name(ref) in self.made
        ]
        inputs = [asked.inp] if asked.inp in self.names else []
        if asked.inp and not inputs:
            missing.append(asked.inp)
        told += [f"{{{name}}}" for name in missing]
        attached = [one for one in asked.attach if self._is_there(one, told)]
        return prompt.render(
            asked.prompt or "Attached",
            self.names,
            raw=asked.raw,
            attach=[self._beside(one) for one in attached],
            inputs=[name for name in inputs if name],
            code=bool(asked.skills),
        ).blocks

    def _is_there(self, entry: str, told: list[str]) -> bool:
        """Say whether a file or value can be attached now; an earlier cell may make it."""
        try:
            prompt.render("", self.names, attach=[self._beside(entry)])
        except InputError as error:
            told.append(error.message)
            return False
        return True

    def _beside(self, entry: str) -> str:
        found = self.notebook.parent / entry
        return str(found) if found.exists() else entry

    def _most_of_answers(self, asked: Ask) -> int:
        """Return the most tokens of answers to earlier cells that a question holds."""
        names = {*map(_name, _references(asked)), asked.inp or ""} - set(self.names)
        return sum(most for name, most in self.answers.items() if name in names)

    def _keywords(self, asked: Ask, told: list[str]) -> dict[str, Any]:
        """Return what is said of the call, with the functions and types that are known."""
        given = {name: value for name in SAID if (value := getattr(asked, name)) not in (None, [], {})}
        for one in asked.tools:
            try:
                given["tools"] = [*given.get("tools", ()), *resolve([one], self.names)]
            except InputError:
                told.append(f"--tool {short(one)}")
        if asked.skills:
            given["skills"] = [one for skill in asked.skills for one in self._skill(skill, told)]
        try:
            given |= {"returns": typenames.named(asked.returns, self.names)} if asked.returns else {}
        except InputError:
            told.append(f"--schema {short(str(asked.returns))}")
        return given

    def _skill(self, word: str, told: list[str]) -> Iterator[Any]:
        """Yield a skill that is known; {s} may be a value that an earlier cell makes."""
        try:
            yield lookup(word, self.names)
        except InputError:
            told.append(f"--skill {short(word)}")


def _references(asked: Ask) -> Iterator[str]:
    return (found["ref"] for found in SPAN.finditer("" if asked.raw else asked.prompt) if found["ref"])


def _name(ref: str) -> str:
    found = _FIRST.match(ref)
    return found[0] if found else ref
