"""What is known of a batch that was made elsewhere, with the SDK or on another machine?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from claude_magic.errors import StreamError
from claude_magic.frames.results import natural
from claude_magic.rows.batch import results
from claude_magic.rows.batch.batches import stranger
from claude_magic.rows.batch.jobview import COUNTS, KINDS, UNSEEN, Status
from claude_magic.rows.batch.waiting import Waiting
from claude_magic.rows.columns.lines import Reader, read
from claude_magic.rows.columns.table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from claude_magic.rows.batch.desk import Desk
    from claude_magic.rows.outcome import Outcome


class Stranger(Waiting):
    """A batch that is of no job of this machine: `.status()`, `.wait()`, `.frame()`, `.cancel()`.

    Its results are stored as soon as it is seen to have ended. What it cost is in nobody's books here.
    """

    def __init__(self, desk: Desk, batch_id: str, *, prefix: str = "claude_", details: bool = False) -> None:
        self._desk, self._id, self._prefix, self._details = desk, batch_id, prefix, details
        self._seen: Status | None = None

    @property
    def name(self) -> str:
        """What `claude_magic.attach` finds it by: its id."""
        return self._id

    def status(self) -> Status:
        """Ask the service how far it is, and store its results when it has ended; raises ClaudeError."""
        if results.place(self._id).is_file():
            return self._known()
        batch = self._desk.client.messages.batches.retrieve(self._id)
        self._seen = stranger(batch, self._desk.bucket)
        if self._seen.state == "ended":
            results.fetch(self._desk.client, self._id)
        return self._seen

    def _known(self) -> Status:
        if self._seen is None and results.place(self._id).is_file():
            seen = Counter(KINDS.get(one.status, one.status) for one, _ in self._read())
            counts: dict[str, Any] = {name: seen[name] for name in COUNTS}
            self._seen = Status(self._id, "ended", seen.total(), **counts, ids=(self._id,))
        return self._seen or Status(self._id, UNSEEN, 0, ids=(self._id,))

    def frame(self, partial: bool = False) -> pd.DataFrame:
        """Return its results by `custom_id`, "row-2" before "row-10"; raises InputError before its end."""
        import pandas as pd

        self._ended(partial=partial)
        found = sorted(self._read(), key=lambda pair: natural(pair[0].key))
        outcomes, texts = [one for one, _ in found], [text for _, text in found]
        keys = [one.key for one in outcomes]
        columns = table(None, outcomes, prefix=self._prefix, details=self._details, keys=keys, texts=texts)
        made = {column.name: pd.Series(column.values, dtype=column.dtype) for column in columns}
        return pd.DataFrame(made).set_axis(pd.Index(keys, name="custom_id", dtype="string"))

    def _read(self) -> Iterator[tuple[Outcome, str]]:
        """Yield the outcomes and texts of its results, as far as they are stored; raises StreamError."""
        path = results.place(self._id)
        try:
            yield from read(results.kept(path) if path.is_file() else (), Reader(keep=False))
        except StreamError:  # it can be had again
            path.unlink(missing_ok=True)
            raise

    def cancel(self) -> Status:
        """Stop it: what has ended keeps its result. Raises ClaudeError."""
        self._desk.client.messages.batches.cancel(self._id)
        return self.status()
