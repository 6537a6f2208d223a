"""What does a failure of the network mean, in our own words?

Whatever httpx2 raises is told again as a ClaudeError and never chained to it: its frames and messages may
hold headers.
"""

from __future__ import annotations

import socket
import ssl
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2

from claude_magic.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    ClaudeError,
    ConfigError,
    InputError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Told(NamedTuple):
    """The error to raise; whether the request certainly did not arrive; whether a repeat cannot help."""

    error: ClaudeError
    unsent: bool = False
    final: bool = False


def explain(error: Exception, host: str, silence: Any) -> Told:
    """Return the ClaudeError for an exception; `silence` is the time that was allowed (seconds)."""
    if isinstance(error, ClaudeError):
        return Told(error, not isinstance(error, APIError), not isinstance(error, APIConnectionError))
    if isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return Told(timed_out(f"Could not reach {host} in time"), unsent=True)
    if isinstance(error, httpx2.TimeoutException):
        return Told(timed_out(f"{host} was silent for {_seconds(silence)}"))
    if isinstance(error, httpx2.ConnectError):
        return _unreachable(error, host)
    for fault, kind, text, hint in _FAULTS:
        if isinstance(error, fault):
            return explain(kind(text.format(host=host), hint=hint), host, silence)
    return Told(APIConnectionError(f"The exchange with {host} failed ({type(error).__name__})", hint=_RETRY))


def _unreachable(error: Exception, host: str) -> Told:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = f"The certificate of {host} was not accepted: {cause.verify_message}"
            return Told(APIConnectionError(text, hint=_CERTIFICATE), unsent=True, final=True)
        for kind, text, hint in _REASONS:
            if isinstance(cause, kind):
                return Told(APIConnectionError(text.format(host=host), hint=hint), unsent=True)
    return Told(APIConnectionError(f"Could not reach {host}", hint=_ADDRESS), unsent=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


_RETRY = "Run the cell again; %claude status shows the address in use."
_ADDRESS = "Check the network and the address; %claude status shows the one in use (ANTHROPIC_BASE_URL)."
_CERTIFICATE = (
    "Check the address and this machine's clock; for a company's own CA set SSL_CERT_FILE to its file."
)
_PROXY, _HEADERS = "Check HTTPS_PROXY and NO_PROXY.", "Check default_headers and extra_headers."
_REASONS: tuple[tuple[type[BaseException], str, str], ...] = (
    (socket.gaierror, "No host is named {host}", _ADDRESS),
    (ConnectionRefusedError, "{host} refused the connection", _ADDRESS),
    (ssl.SSLError, "No TLS connection to {host} could be made", _CERTIFICATE),
)
_FAULTS: tuple[tuple[type[Exception], type[ClaudeError], str, str], ...] = (
    (httpx2.ProxyError, APIConnectionError, "The proxy on the way to {host} refused", _PROXY),
    (zlib.error, APIResponseError, "The answer of {host} could not be unpacked", _RETRY),
    (httpx2.LocalProtocolError, InputError, "The request has a header that HTTP does not allow", _HEADERS),
    (httpx2.RemoteProtocolError, APIConnectionError, "{host} broke off, or did not answer in HTTP", _RETRY),
    (httpx2.UnsupportedProtocol, ConfigError, "The address of {host} is not http or https", _ADDRESS),
    (httpx2.NetworkError, APIConnectionError, "The connection to {host} broke", _RETRY),
)


def timed_out(text: str) -> APITimeoutError:
    """Return the error for time that ran out."""
    return APITimeoutError(text, hint="Run the cell again, or allow longer with timeout=… (seconds).")


def _seconds(timeout: Any) -> str:
    return f"{timeout:g} s" if isinstance(timeout, int | float) else "too long"
