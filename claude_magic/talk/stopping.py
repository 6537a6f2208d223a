"""How does one thread stop the calls of another?

A `cut.Cutter` shuts connections down; here a client gets connections that it knows.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from claude_magic import cassette
from claude_magic.cut import Cutter
from claude_magic.keys import PRACTICE_URL
from claude_magic.talk import replaying

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.api.client import Client


@contextlib.contextmanager
def stoppable(client: Client) -> Iterator[tuple[Client, Cutter]]:
    """Give a client like this one, and what stops its calls; at the end it stops what is left of them."""
    with Cutter(_address(client)) as cutter:
        yield _own(client, cutter), cutter


def _address(client: Client) -> str | None:
    """Return the address to have connections of one's own with; None where others carry the calls."""
    caller = client._caller  # noqa: SLF001 - what a client is, in this package
    taped = cassette.of(caller.http)
    to = getattr(taped.inner, "to", None) if taped else caller.http or client.base_url
    return to if isinstance(to, str) and to != PRACTICE_URL else None


def _own(client: Client, cutter: Cutter) -> Client:
    """Return a client whose connections the cutter knows."""
    if cutter.http is None:
        return client
    taped = cassette.of(client._caller.http)  # noqa: SLF001
    made = client.with_options(http_client=cutter.http)
    return replaying.through(made, taped.cassette, taped.mode) if taped else made
