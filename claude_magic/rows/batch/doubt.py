"""Which of the service's batches is the one whose making was not answered?

The service does not say what a batch was made of until it has ended: then its results name the `custom_id`s.
Until then a batch can be ours that is newer than what was there before, is not known to be another, and has
as many requests. "Before" is a batch of the service's own list, so no clock of this machine matters (R4).
https://platform.claude.com/docs/en/api/messages/batches
"""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import APIResponseError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection

    from claude_magic.api.client import Client
    from claude_magic.wire import Record

PAGE = 100  # batches asked for at a time


class Before(NamedTuple):
    """The newest batch that there was: its id and when it was made, "" where there was none.

    `where` is whose batches these are: those of another workspace say nothing of this one's.
    """

    id: str = ""
    created_at: str = ""
    where: str = ""


class Verdict(NamedTuple):
    """What is known of a batch whose making was not answered.

    `ours` is the batch, where its results prove it. `perhaps` has the ids of those that can still be it, and
    `untold` of those whose results are gone, so that it will never be known. `elsewhere`: the key in use is
    of another workspace. Nothing at all: there is none.
    """

    ours: Record | None = None
    perhaps: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    elsewhere: bool = False


def newest(client: Client) -> Before:
    """Return the newest batch of the workspace; raises ClaudeError."""
    page = listed(client, 1)
    found = page.data[0] if page.data else {}
    return Before(found.get("id", ""), found.get("created_at", ""), _whose(page))


def listed(client: Client, limit: int = PAGE) -> Any:
    """Return the newest batches of the workspace; raises ClaudeError, also for an answer that is no list."""
    page = client.messages.batches.list(limit=limit)
    if not isinstance(page.get("data"), list):
        raise APIResponseError("The server's answer is no list of batches", request_id=page.request_id)
    return page


def _whose(page: Record) -> str:
    headers = page.response.headers if page.response else {}
    return " ".join(headers.get(f"anthropic-{name}-id", "") for name in ("organization", "workspace")).strip()


def judge(client: Client, before: Before, keys: Collection[str], known: Collection[str]) -> Verdict:
    """Say which batch asks for these keys, leaving out those with `known` ids; raises ClaudeError."""
    page = listed(client)
    if before.where and _whose(page) != before.where:
        return Verdict(elsewhere=True)
    oldest = moment(before.created_at)

    def is_later(batch: Record) -> bool:
        return batch["id"] != before.id and (oldest is None or moment(batch["created_at"]) >= oldest)

    perhaps, untold, ours = [], [], []
    for batch in takewhile(is_later, page):
        if batch["id"] in known or sum(batch["request_counts"].values()) != len(keys):
            continue
        if batch["processing_status"] != "ended":
            perhaps.append(batch["id"])
            continue
        first = _first(client, batch)
        if first is None:
            untold.append(batch["id"])
        elif first in keys:
            ours.append(batch)
    if len(ours) == 1:
        return Verdict(ours[0])
    return Verdict(None, tuple(perhaps), (*untold, *(batch["id"] for batch in ours)))


def _first(client: Client, batch: Record) -> str | None:
    """Return a `custom_id` of a batch that has ended, None where its results are gone.

    Keys are digests of whole requests: one of them is proof enough.
    """
    if batch.get("results_url") is None:
        return None
    try:
        with client.messages.batches.results(batch["id"]) as lines:
            return next((str(line["custom_id"]) for line in lines), None)
    except NotFoundError:
        return None


def moment(text: str | None) -> Any:
    """Return a moment of the service, None for none."""
    return datetime.fromisoformat(text) if text else None
