"""What does a Python program hold?

`Client` and `AsyncClient`: settings, a caller, and a namespace for each part of the API. Names, nesting and
keyword arguments follow the official SDK, so that its documentation's examples run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from claude_magic import keys, pool, settings, transport
from claude_magic.api import spaces
from claude_magic.api.caller import DEFAULT_TIMEOUT, DEFAULT_VERSION, AsyncCaller, Options, SyncCaller, a_dict
from claude_magic.errors import InputError
from claude_magic.keys import PRACTICE_URL, Secret, hide
from claude_magic.protocol.endpoints import MB

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from claude_magic.api.resources import Files, Messages, Skills


class _Base(spaces.Space):
    """What `Client` and `AsyncClient` share: see `Client`."""

    _http_kind: ClassVar[Any]
    _caller_kind: ClassVar[Any]

    def __init__(
        self,
        api_key: str | Secret | None = None,
        auth_token: str | Secret | None = None,
        base_url: str | None = None,
        timeout: Any = DEFAULT_TIMEOUT,
        max_retries: int = 2,
        anthropic_version: str = DEFAULT_VERSION,
        default_headers: Mapping[str, str] | None = None,
        http_client: Any = None,
        *,
        admin_key: str | Secret | None = None,
        total_timeout: float | None = None,
        retry_unknown: bool = False,
        max_bytes: int = 64 * MB,
        on_wait: Callable[[float, str], None] | None = None,
    ) -> None:
        if http_client is not None and not isinstance(http_client, self._http_kind):
            wanted = f"httpx2.{self._http_kind.__name__}"
            raise InputError(f"http_client must be an {wanted}", hint=f"Pass http_client={wanted}(…).")
        settings.load_prices()
        headers = keys.custom_headers()
        given = a_dict("default_headers", default_headers)
        headers.update({name: hide(name, value) for name, value in given.items()})
        options = Options(
            timeout, total_timeout, max_retries, retry_unknown, anthropic_version, headers, max_bytes, on_wait
        )
        url = settings.base_url(base_url).value
        found = None if url == PRACTICE_URL else settings.credential(api_key, auth_token)
        route = _route(url, found.value if found else None, keys.admin_key(admin_key), headers)
        super().__init__(self._caller_kind(route, options, http_client))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), "beta"]

    def request(self, verb: str, path: str, fields: Mapping[str, Any] | None = None, **params: Any) -> Any:
        """Make a call by verb and path, such as `request("GET", "/v1/models", limit=5)`.

        What is to be sent can be a dict too: `request("POST", "/v1/messages", {"model": …})`. Reaches what
        the table has no row for; what it has behaves as its own method does.
        """
        return spaces.request(self._caller, verb, path, {**a_dict("fields", fields), **params})

    @property
    def base_url(self) -> str:
        """The address in use; "practice:" is the practice server in this process."""
        return str(self._caller.route.base_url)

    def with_options(self, *, default_headers: Mapping[str, str] | None = None, **changes: Any) -> Self:
        """Return a client that differs in what is given: whatever a client takes; headers are added."""
        route, options = self._caller.route, vars(self._caller.options)
        kept = {"base_url": route.base_url, "admin_key": route.admin, "http_client": self._caller.http}
        given = {name: value for name, value in changes.items() if value is not None or name in options}
        if not {"api_key", "auth_token"} & given.keys():
            kept["api_key"] = route.credential
        headers = {**options["default_headers"], **a_dict("default_headers", default_headers)}
        return type(self)(**{**options, **kept, **given, "default_headers": headers})

    copy = with_options  # under the official SDK's other name

    @transport.followed
    def close(self) -> Generator[Any, Any, None]:
        """Close an `http_client` that was given; the shared pool stays."""
        if self._caller.http is not None:
            yield self._way.close(self._caller.http)

    def __repr__(self) -> str:
        key = self._caller.route.credential
        return f"<{type(self).__name__} {self.base_url} {key or 'no key'}>"


class Client(_Base, transport.Held):
    """The API, called from this thread: `client.messages`, `client.files`, `client.organization` and so on.

    Every call of the endpoint table is there, under the official SDK's names.

    `timeout` is the longest silence and `total_timeout` the longest call (seconds, waits included);
    `max_bytes` bounds an answer; `on_wait(seconds, why)` is told of waits before a retry. Without `api_key`
    or `auth_token` the settings decide (ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN, keyring, key file).
    `admin_key` (ANTHROPIC_ADMIN_KEY) is for the organization's calls, and goes to them alone.
    The address "practice:" is the practice server in this process. Raises ConfigError for an unusable address
    or key.
    """

    _http_kind, _caller_kind = pool.HTTP, SyncCaller
    messages: Messages
    files: Files
    skills: Skills


class AsyncClient(_Base, transport.AsyncHeld):
    """The API, awaited on an event loop; parameters and names as for `Client`."""

    _http_kind, _caller_kind = pool.ASYNC_HTTP, AsyncCaller


def _route(url: str, key: Secret | None, admin: Secret | None, headers: Mapping[str, Any]) -> transport.Route:
    if url == PRACTICE_URL:
        return transport.Route(url, Secret("practice"), Secret("practice-admin"))
    hidden = tuple(s for s in (key, admin, *headers.values()) if isinstance(s, Secret) and keys.is_private(s))
    return transport.Route(url, key, admin, hidden)
