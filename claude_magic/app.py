"""What do the two sides of an HTTP exchange look like, with no socket between them?

An App is a callable from `Request` to `Response`. The practice server answers one, a cassette plays one, a
gateway wraps one; a transport runs any of them in this process, a server runs any of them on a port.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, frozen=True)
class Request:
    """What a caller asks: header names in lower case, `query` as pairs in order, `body` as bytes."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Response:
    """What an App answers.

    In an iterable body a bytes item is sent, a float pauses (seconds), an exception breaks the connection.
    """

    status: int
    headers: dict[str, str]
    body: bytes | Iterable[bytes | float | Exception] = b""

    @property
    def status_code(self) -> int:
        """Return the status, under the official SDK's name."""
        return self.status

    def parts(self) -> Generator[bytes | float | Exception]:
        """Yield the body's items, whichever way it is given."""
        if not isinstance(self.body, bytes):
            yield from self.body
        elif self.body:
            yield self.body


App = Callable[[Request], Response]
