"""What did the requests of a batch come to, and where are its results kept?

Results are read once from the service, into a file of this user's alone that is there only when it is whole.
The service drops them 29 days after the batch was made; the file stays.
https://platform.claude.com/docs/en/build-with-claude/batch-processing
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from claude_magic import keys
from claude_magic.errors import APIConnectionError, InputError, StreamError
from claude_magic.protocol.body import PIECE
from claude_magic.protocol.saving import Unfinished
from claude_magic.rows.columns.lines import fetched, outcomes
from claude_magic.rows.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from claude_magic.api.client import Client
    from claude_magic.rows.kept.registry import Part

UNTOLD = "The results of its batch do not name this row"
MOST_NAMED = 3


class Strange(NamedTuple):
    """What results do not say, say twice, or say of what was never asked: `custom_id`s (M11)."""

    missing: list[str]
    twice: list[str]
    unknown: list[str]

    def __str__(self) -> str:
        found = zip(self._fields, self, strict=True)
        return "; ".join(f"{len(ids):,} {word}: {named(ids)}" for word, ids in found if ids)


def named(ids: list[str]) -> str:
    """Return the first of some names."""
    return ", ".join(ids[:MOST_NAMED]) + (", …" if len(ids) > MOST_NAMED else "")


def place(batch_id: str) -> Path:
    """Return the path of the file for the results of a batch."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in batch_id)
    return keys.data_dir() / "batches" / f"{name}.jsonl"


def fetch(client: Client, batch_id: str) -> Path:
    """Write the results of a batch that has ended to their place, mode 0600, and return it.

    Raises ClaudeError where they cannot be had, and InputError where there is no room for them.
    """
    path = place(batch_id)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        text = f"{path.parent} cannot be made: {error.strerror}"
        raise InputError(text, hint="Set CLAUDE_MAGIC_DATA_DIR to a folder you can write to.") from None
    try:
        with Unfinished(path) as file:
            file.beside.chmod(0o600)
            for piece in fetched(client, batch_id):
                file.write(piece)
    except StreamError as error:  # in the middle: it can be had again
        raise APIConnectionError(error.message, hint=error.hint, request_id=error.request_id) from None
    return path


def kept(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file of results."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def stored(parts: Iterable[Part]) -> Iterator[bytes]:
    """Yield the result lines of all parts whose file is there."""
    for part in parts:
        if part.results and (path := Path(part.results)).is_file():
            yield from kept(path)
            yield b"\n"


def read(
    chunks: Iterable[bytes],
    wanted: Iterable[str],
    strange: Strange,
    *,
    source: str,
    fits: Callable[[str], str] | None = None,
) -> Iterator[Outcome]:
    """Yield an outcome for each key that was asked, and take down what is strange (M11).

    What results say first of a key counts; `fits` is as for `outcome.answered`. Raises StreamError for a line
    that is no result.
    """
    left, done = dict.fromkeys(wanted), set[str]()
    for one in outcomes(chunks, source=source, fits=fits):
        if one.key in left:
            del left[one.key]
            done.add(one.key)
            yield one
        else:
            (strange.twice if one.key in done else strange.unknown).append(one.key)
    strange.missing.extend(left)
    yield from (Outcome(key, "missing", error=UNTOLD, attempts=1, source=source) for key in left)
