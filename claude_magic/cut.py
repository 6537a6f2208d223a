"""How are calls in other threads stopped at once?

A thread that waits for bytes hears of nothing, and a socket that is closed under it does not wake it; one
that is shut down does. So calls that may have to stop together get connections of their own, whose sockets
are known, and the thread that is woken stops as at an interrupt: what arrived is kept, nothing is sent again.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

from claude_magic import pool

if TYPE_CHECKING:
    from types import TracebackType

    import httpx2


class Cutter:
    """Connections that `cut` ends at once, in whatever thread they are used; use it in a `with` block.

    Leaving the block cuts too, so that a thread left behind sends nothing more. Without an address there is
    no `http`, and only `check` stops.
    """

    def __init__(self, base_url: str | None) -> None:
        self.is_cut = threading.Event()
        self._sockets: list[socket.socket] = []
        self.http = pool.private(base_url) if base_url else None
        if self.http is not None:
            self.http.event_hooks = {"request": [self._begin]}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: object, ___: TracebackType | None) -> None:
        self.cut()
        if self.http is not None:
            self.http.close()

    def cut(self) -> None:
        """Stop every call under way; a further one stops before it is sent."""
        self.is_cut.set()
        for each in list(self._sockets):
            with contextlib.suppress(OSError):  # it was closed already
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # an SSLSocket's own would forget its TLS

    def check(self) -> None:
        """Raise KeyboardInterrupt in a thread whose calls are cut."""
        if self.is_cut.is_set():
            raise KeyboardInterrupt

    def _begin(self, request: httpx2.Request) -> None:
        self.check()
        request.extensions = {**request.extensions, "trace": self._trace}

    def _trace(self, name: str, facts: dict[str, Any]) -> None:
        # https://www.encode.io/httpcore/extensions/#trace
        if name.endswith((".connect_tcp.complete", ".start_tls.complete", ".connect_unix_socket.complete")):
            found = facts["return_value"].get_extra_info("socket")
            if found is not None:
                self._sockets.append(found)
        if not name.startswith(("http11.response_closed", "http2.response_closed")):
            self.check()
