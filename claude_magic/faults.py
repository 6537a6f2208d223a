"""What does a failure of the network mean, in our own words?

Whatever httpx2 raises is told again as a ClaudeError and never chained to it: its frames and messages may
hold headers.
"""

from __future__ import annotations

import socket
import ssl
import zlib
from typing import TYPE_CHECKING, Any

import httpx2

from claude_magic import errors
from claude_magic.policy import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

_AGAIN = "Run the cell again; %claude status shows the address in use."
_ADDRESS = "Check the network and the address; %claude status shows the one in use (ANTHROPIC_BASE_URL)."
_CERTIFICATE = "Check the address and this machine's clock; a company's own CA goes into SSL_CERT_FILE."
LATE = "Run the cell again, or allow longer with timeout=… (seconds)."
_PROXY, _HEADER = "Check HTTPS_PROXY and NO_PROXY.", "Check default_headers and extra_headers."
_UNSENT = httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout
_LOST, _TIMEOUT = errors.APIConnectionError, errors.APITimeoutError
_FAULTS: tuple[tuple[type[BaseException], type[errors.ClaudeError], str, str], ...] = (
    # why no connection was made
    (ssl.SSLCertVerificationError, _LOST, "The certificate of {host} was not accepted: {why}", _CERTIFICATE),
    (ssl.SSLError, _LOST, "No TLS connection to {host} could be made", _CERTIFICATE),
    (socket.gaierror, _LOST, "No host is named {host}", _ADDRESS),
    (ConnectionRefusedError, _LOST, "{host} refused the connection", _ADDRESS),
    (httpx2.ConnectError, _LOST, "Could not reach {host}", _ADDRESS),
    (httpx2.ConnectTimeout, _TIMEOUT, "Could not reach {host} in time", LATE),
    (httpx2.PoolTimeout, _TIMEOUT, "Could not reach {host} in time", LATE),
    # why one broke
    (httpx2.TimeoutException, _TIMEOUT, "{host} was silent for {silence}", LATE),
    (httpx2.ProxyError, _LOST, "The proxy on the way to {host} refused", _PROXY),
    (zlib.error, errors.APIResponseError, "The answer of {host} could not be unpacked", _AGAIN),
    (httpx2.LocalProtocolError, errors.InputError, "A header of the request is not allowed in HTTP", _HEADER),
    (httpx2.RemoteProtocolError, _LOST, "{host} broke off, or did not answer in HTTP", _AGAIN),
    (httpx2.UnsupportedProtocol, errors.ConfigError, "The address of {host} is not http or https", _ADDRESS),
    (httpx2.NetworkError, _LOST, "The connection to {host} broke", _AGAIN),
    (Exception, _LOST, "The exchange with {host} failed ({name})", _AGAIN),
)


def explain(error: Exception, host: str, silence: Any) -> Fault:
    """Return an exception as a Fault; `silence` is the time that was allowed (seconds)."""
    causes = list(_causes(error)) if isinstance(error, httpx2.ConnectError) else [error]
    untrusted = next((c.verify_message for c in causes if isinstance(c, ssl.SSLCertVerificationError)), "")
    if isinstance(error, errors.ClaudeError):
        told = error
    else:
        kind, text, hint = next(row[1:] for row in _FAULTS if any(isinstance(c, row[0]) for c in causes))
        silent = f"{silence:g} s" if isinstance(silence, int | float) else "too long"
        facts = {"host": host, "why": untrusted, "silence": silent, "name": type(error).__name__}
        told = kind(text.format_map(facts), hint=hint)
    unsent = isinstance(error, _UNSENT) or not isinstance(told, errors.APIError)
    return Fault(told, unsent, final=bool(untrusted) or not isinstance(told, errors.APIConnectionError))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
