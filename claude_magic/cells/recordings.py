"""What does %claude replay do?

One function for each of its rows in `verbs.VERBS`, found in `DO`. Nothing here asks a service.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from claude_magic import settings
from claude_magic.cells.jobs import Job, Said, confirmed, ids_of
from claude_magic.errors import InputError
from claude_magic.protocol import catalog
from claude_magic.show import showing
from claude_magic.show.listings import seen
from claude_magic.talk import replaying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from claude_magic.cassette.lines import Taped
    from claude_magic.cassette.tape import Cassette

COLUMNS = "line prompt model input_tokens output_tokens cost_usd recorded"


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Say after a command that what it shows was recorded, where it was (O6)."""
    before = replaying.plays()
    yield
    for path, plays in replaying.plays().items():
        if plays > before.get(path, 0):
            showing.note(f"replay: answered from {replaying.shown(path)}")


def _tape(*, anew: bool = False) -> Cassette:
    return replaying.opened(replaying.place().value, anew=anew)


def _status(_: Job) -> Any:
    tape, mode = _tape(), settings.option("replay")
    found = tape.exchanges()
    seen["LINE"] = _names({taped.line: taped for taped in found}, replaying.shown(tape.path))
    showing.note(_state(mode, len(found)))
    if edited := tape.verify():
        showing.note(f"{_lines(len(edited))} not as recorded: %claude replay check")
    return frame(found) if found else None


def _state(mode: settings.Setting, recorded: int) -> str:
    place = replaying.place()
    where = f"{replaying.shown(place.value)} ({place.source})"
    held = f"{recorded} exchange{'s' * (recorded != 1)} recorded"
    if mode.value == "off":
        return f"Replay is off ({mode.source}); %claude replay auto would use {where}, {held}"
    return f"Replay is {mode.value} ({mode.source}): {where}, {held}"


def _use(job: Job) -> Said:
    mode = job.asked.verb.name
    if job.values:
        settings.use("cassette", str(replaying.place(ids_of(job.values)[0]).value))
    settings.use("replay", mode)
    tape = _tape(anew=True)  # a notebook run again from its top hears the answers from the first
    state = _state(settings.option("replay"), len(tape))
    missing = mode == "only" and not tape.path.exists()
    return Said(f"{state}; there is no such file, so nothing can be played" if missing else state)


def _off(_: Job) -> Said:
    settings.use("replay", "off")
    return Said("Replay is off (this session)")


def _forget(job: Job) -> Said:
    tape, words = _tape(), job.all
    known = {taped.line: taped for taped in tape.exchanges()} | {e.line: None for e in tape.verify()}
    everything = words == ["all"]
    chosen = [*known] if everything else [n for word in words for n in _chosen(word, known)]
    if not chosen:
        return Said("Nothing is recorded")
    seen["LINE"] = _names(known, replaying.shown(tape.path))
    if not confirmed(job, words, "LINE"):
        return Said("Nothing was done")
    done = tape.forget(None if everything else chosen)
    return Said(f"Forgotten: {_lines(done)} of {replaying.shown(tape.path)}")


def _chosen(word: str, known: dict[int, Any]) -> list[int]:
    """Return the lines that a word stands for: 3, or 1-2; raises InputError."""
    first, dash, last = word.partition("-")
    if first.isdecimal() and (last.isdecimal() or not dash):
        low, high = int(first), int(last or first)
        if found := [n for n in sorted(known) if low <= n <= high]:
            return found
    raise InputError(f"There is no line {word!r}", hint="%claude replay shows the lines; all stands for all.")


def _names(known: dict[int, Taped | None], file: str) -> dict[str, str]:
    """Return the lines by their numbers, for the question before they are gone and for completion."""
    found = {str(n): f"“{taped.prompt}”" if taped and taped.prompt else "line" for n, taped in known.items()}
    return {**found, "all": f"{_lines(len(known))} of {file}"}


def _lines(count: int) -> str:
    return f"{count} line{'s' * (count != 1)}"


def _check(_: Job) -> Any:
    tape = _tape()
    edited = tape.verify()
    if edited:
        import pandas as pd

        return pd.DataFrame([(e.line, e.why) for e in edited], columns=["line", "why"]).set_index("line")
    return Said(f"{replaying.shown(tape.path)}: {_lines(len(tape))} as recorded")


def frame(found: list[Taped]) -> pd.DataFrame:
    """Return recorded exchanges as a DataFrame, a row each; the cost is that of then, in USD."""
    import pandas as pd

    rows = [
        (
            t.line,
            t.prompt or f"{t.method} {t.path}",
            t.model,
            t.input_tokens,
            t.output_tokens,
            _cost(t),
            t.recorded,
        )
        for t in found
    ]
    made = pd.DataFrame(rows, columns=COLUMNS.split()).set_index("line")
    return made.astype({"input_tokens": "Int64", "output_tokens": "Int64"})


def _cost(taped: Taped) -> float | None:
    if taped.usage is None or taped.model is None:
        return None
    cost = catalog.cost(taped.usage, taped.model, at=replaying.day(taped.recorded))
    return None if cost is None else float(cost)


DO: dict[str, Callable[[Job], Any]] = {
    "replay status": _status,
    "replay auto": _use,
    "replay only": _use,
    "replay refresh": _use,
    "replay off": _off,
    "replay forget": _forget,
    "replay check": _check,
}
