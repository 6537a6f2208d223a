"""What became of a batch whose making was not answered?

It is looked for at the service (`doubt.py`) whenever somebody looks at the job. Until it is found, or surely
was not made, its requests are asked in no other batch.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from claude_magic.errors import APIConnectionError, APIError, APIResponseError, APIStatusError, ConfigError
from claude_magic.ledger import place
from claude_magic.policy import REFUSED
from claude_magic.rows.batch import doubt
from claude_magic.talk import holding

if TYPE_CHECKING:
    from claude_magic.errors import ClaudeError
    from claude_magic.rows.batch.desk import Desk
    from claude_magic.rows.kept.registry import Part
    from claude_magic.wire import Record

ELSEWHERE = "It was sent with a key of another workspace: with one of that it can be told whether it was made"
OVER = "It was made in another kernel, and a practice batch ends with the server that made it"
UNTOLD = "it cannot be told any more"
PATIENCE = 15 * 60 * 1_000_000
"""Microseconds after which a batch that the service does not list was not made: no call takes that long."""
LONG = 60 * 60 * 1_000_000
"""Microseconds after which a process that cannot be asked after is no longer sending a part."""
sending: list[str] = []
"""The jobs whose batches this process is making."""


def in_doubt(error: ClaudeError) -> bool:
    """Say whether a batch may have been made although the call that makes it failed so."""
    if isinstance(error, APIStatusError):
        return (error.status or 0) >= 500 and error.status not in REFUSED
    if isinstance(error, APIConnectionError):
        return not error.attempts or error.attempts[-1].possibly_billed
    return isinstance(error, APIError) and not 300 <= (error.status or 0) < 400


def give_up(desk: Desk, part: Part, why: str) -> None:
    """Write down that no batch came of a part: its requests may be asked again."""
    with holding.to_the_end() as late:
        if desk.batches.change(part, state="failed", error=why) and (reservation := desk.held(part)):
            desk.books.release(reservation)
    if late:
        raise KeyboardInterrupt


def is_doubtful(desk: Desk, part: Part) -> bool:
    """Say whether it is not known if a part became a batch, and nobody is sending it any more."""
    return part.state == "sent" and (_is_left(part) or desk.now() - (part.created_at or 0) > LONG)


def _is_left(part: Part) -> bool:
    """Say whether whoever changed a part last is known to do nothing more with it."""
    if part.owner == place.mark():
        return part.job not in sending
    return place.is_gone(part.owner)


def is_untold(part: Part) -> bool:
    """Say whether it will never be known if a doubtful part became a batch."""
    return (part.error or "").endswith(UNTOLD)


def revisit(desk: Desk, part: Part) -> Part:
    """Settle a part that its kernel left behind, as far as the service can be asked; return it as it is."""
    if part.state == "intended" and _is_left(part):
        give_up(desk, part, "It was broken off before it was sent")
        return again(desk, part)
    if part.state in ("made", "ended") and _is_over(desk, part):
        give_up(desk, part, OVER)
        return again(desk, part)
    if is_doubtful(desk, part) and _is_known_there(desk, part):
        with contextlib.suppress(APIError, ConfigError):
            return settle(desk, part)
    return part


def _is_known_there(desk: Desk, part: Part) -> bool:
    """Say whether a desk asks whom a part was sent to: practice or the service."""
    job = desk.batches.job(part.job)
    return job is None or job.bucket == desk.bucket


def _is_over(desk: Desk, part: Part) -> bool:
    """Say whether a batch ended with its kernel, as those of the practice server in it do."""
    return part.owner != place.mark() and desk.about(part).get("source") == "practice" and desk.is_in_here


def settle(desk: Desk, part: Part) -> Part:
    """Look which of the service's batches a doubtful part is, if any; raises ClaudeError."""
    keys, before = {*desk.batches.custom_ids(part)}, doubt.Before(*desk.about(part).get("before") or ())
    known = {one.batch_id for one in desk.batches.all_parts() if one.batch_id}
    found = doubt.judge(desk.client, before, keys, known)
    if found.elsewhere:
        return _changed(desk, part, error=ELSEWHERE)
    if found.ours:
        return _changed(desk, part, state="made", error=None, **facts(found.ours))
    if found.perhaps:
        it = " or ".join(found.perhaps)
        return _changed(desk, part, error=f"It may be {it}: known when that has ended")
    if found.untold:
        return _changed(desk, part, error=f"It may be {' or '.join(found.untold)}: {UNTOLD}")
    if desk.now() - (part.created_at or 0) > PATIENCE:
        give_up(desk, part, "No batch of these rows came to the service")
        return again(desk, part)
    return part


def _changed(desk: Desk, part: Part, **new: Any) -> Part:
    if all(getattr(part, name) == value for name, value in new.items()):
        return part
    return desk.batches.change(part, **new) or again(desk, part)


def again(desk: Desk, part: Part) -> Part:
    """Return a part as it now is: another kernel may have taken it further."""
    return desk.batches.parts(part.job)[part.number]


def facts(batch: Record) -> dict[str, Any]:
    """Return what the service says of a batch, as it is written down; raises APIResponseError."""
    if not isinstance(batch.get("id"), str) or not isinstance(batch.get("request_counts"), dict):
        raise APIResponseError("The server's answer is not a batch", request_id=batch.request_id)
    times = {name: micros(batch.get(name)) for name in ("created_at", "expires_at", "ended_at")}
    return {"batch_id": batch["id"], "counts": dict(batch["request_counts"]), **times}


def micros(text: str | None) -> int | None:
    """Return a moment of the service in microseconds since 1970."""
    when = doubt.moment(text)
    return None if when is None else int(when.timestamp() * 1_000_000)
