"""How does a row's request go out?

Over a line of its own, where the address can be reached directly and the answer is short; else as any other
call of the client.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from claude_magic import direct, wire
from claude_magic.api.caller import check_size, whole
from claude_magic.api.resources import CREATE
from claude_magic.keys import PRACTICE_URL
from claude_magic.protocol.body import encoded
from claude_magic.talk import stopping
from claude_magic.wire import Message

if TYPE_CHECKING:
    from types import TracebackType

    from claude_magic.api.client import Client
    from claude_magic.cut import Cutter
    from claude_magic.policy import Call

PLAIN = frozenset(name for name, known in CREATE.params.items() if not known.query) - {"stream", "betas"}
"""Fields of a body that nothing but the body depends on."""


class Sender:
    """Asks for one thread, and can be cut off by another; use it in a `with` block."""

    def __init__(self, client: Client, *, over_line: bool) -> None:
        self._client, self._caller = client, client._caller  # noqa: SLF001 - what a client is, in this package
        self._line = direct.Line(client.base_url) if over_line else None
        self._other: tuple[Client, Cutter] | None = None
        self._open = contextlib.ExitStack()
        self._call: Call | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: object, ___: TracebackType | None) -> None:
        self.cut()
        self._open.close()
        if self._line is not None:
            self._line.close()

    def create(self, body: dict[str, Any]) -> Message:
        """Ask once, as `client.messages.create` does."""
        if self._line is None or not body.keys() <= PLAIN or self._caller.slow(body):
            if self._other is None:
                self._other = self._open.enter_context(stopping.stoppable(self._client))
            self._other[1].check()
            return self._other[0].messages.create(**body)
        return _message(direct.carry(self._line, self._made(body), self._caller.route))

    def cut(self) -> None:
        """End what is under way; nothing is sent after."""
        if self._line is not None:
            self._line.cut()
        if self._other is not None:
            self._other[1].cut()

    def _made(self, body: dict[str, Any]) -> Call:
        """Return the call of a body; what does not depend on it is made once."""
        if self._call is None:
            self._call = self._caller.call(CREATE, body)
            return self._call
        data = encoded(body)
        check_size(CREATE, len(data))
        return replace(self._call, request=replace(self._call.request, body=data))


def is_direct(client: Client) -> bool:
    """Say whether a client's calls go to an address, through nothing that was put in between."""
    caller = client._caller  # noqa: SLF001
    timed = isinstance(caller.options.timeout, int | float) and caller.options.total_timeout is None
    there = caller.http is None and client.base_url != PRACTICE_URL
    return there and timed and direct.leads_to(client.base_url)


def _message(reply: Any) -> Message:
    found = whole(reply)
    if not isinstance(found, Message) or not wire.is_message(found):
        raise reply.unusable("The server's answer is not a message")
    return found
