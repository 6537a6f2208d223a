"""Does every call go out as the official SDK sends it?

The same arguments are given to both, each over a transport that records the request and answers something
short. Paths, queries and JSON bodies are compared byte for byte, forms part by part.
"""

from __future__ import annotations

import email.policy
import inspect
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import anthropic
import httpx2
import pytest

from claude_magic import Client
from claude_magic.api.caller import SHORT_HEADERS
from claude_magic.protocol.endpoints import ENDPOINTS, Endpoint, Param
from tests.doors import KEY

URL = "https://api.example"
MOMENT = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
TEXT = "a b/ü+&=%?"
OPTIONS = {"extra_headers", "extra_query", "extra_body", "timeout", "betas"}
RANGE = ("gt", "gte", "lt", "lte")
ON_PURPOSE = {
    # what the official SDK has and we leave out: why
    "output_format": "a Python type; `output_config` takes its schema",
    "token-counting-2024-11-01": "deprecated: counting needs no beta header any more",
    "user-profiles-2026-08-18": "user profiles need none; with it the service takes older fields: betas=[…]",
}
OWN = ("host", "connection", "accept-encoding", "user-agent", "content-length", "x-stainless-")


class Sent(NamedTuple):
    """A request as it went out; forms as their parts, without the boundary."""

    method: str
    target: bytes
    body: Any
    headers: dict[str, str]


class Recorder:
    """A transport's handler that keeps the last request and answers what fits it."""

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.sent = _sent(request)
        if request.url.path.endswith("/stream"):
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"")
        results = f"{request.url}/results"  # which the SDK asks for before it asks there
        return httpx2.Response(
            200, json={"id": "x", "type": "message", "role": "assistant", "data": [], "results_url": results}
        )


def _sent(request: httpx2.Request) -> Sent:
    headers = {k: v for k, v in request.headers.items() if not k.startswith(OWN)}
    body: Any = request.content
    if headers.get("content-type", "").startswith("multipart"):
        body = sorted(_parts(headers["content-type"], body))
        headers["content-type"] = "multipart/form-data"
    return Sent(request.method, request.url.raw_path, body, headers)


def _parts(kind: str, body: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    for part in email.message_from_bytes(head + body, policy=email.policy.HTTP).iter_parts():
        named = str(part["content-disposition"])
        content = part.get_payload(decode=True)
        yield named, str(part.get_filename()), str(part["content-type"]), content


def _value(param: Param) -> Any:
    one = {
        "int": 2,
        "bool": True,
        "float": 0.5,
        "time": MOMENT,
        "any": {"type": "x", "näme": [1, 2.5, None]},
        "dict": {"key": 'a "quoted" ü'},
        "file": ("folder/näme x.txt", b"one\r\n--two", "text/x-test"),
    }.get(param.type, TEXT)
    if "|" in param.type:
        one = param.type.split("|")[0]
    if param.name == "requests":
        return [{"custom_id": f"row-{n}", "params": {"model": TEXT, "max_tokens": n}} for n in (1, 2)]
    return [one, "zwei ü" if one is TEXT else one] if param.many else one


def _named(row: Endpoint) -> dict[str, str]:
    return {name: f"{name}-1:ü @b" for name in row.names}


def _arguments(row: Endpoint, method: Callable[..., Any]) -> dict[str, Any]:
    """Return an argument for every parameter that an SDK method has, in its order."""
    given: dict[str, Any] = {}
    for name in inspect.signature(method).parameters:
        stem, _, bound = name.rpartition("_")
        if name in row.names:
            given[name] = f"{name}-1:ü @b"
        elif name in row.params:
            given[name] = False if name == "stream" else _value(row.params[name])
        elif bound in RANGE and stem in row.params:
            given[name] = MOMENT
        elif name in SHORT_HEADERS:
            given[name] = "header-1"
        elif name == "betas":
            given[name] = ["one-2026-01-01", "two-2026-01-01"]
    return given


def _found(root: Any, name: str) -> Callable[..., Any] | None:
    for word in name.split("."):
        root = getattr(root, word, None)
    return root


THEIRS, OURS = Recorder(), Recorder()
SDK = anthropic.Anthropic(
    api_key=KEY,
    base_url=URL,
    http_client=httpx2.Client(transport=httpx2.MockTransport(THEIRS)),
    max_retries=0,
)
ROWS = [row for row in ENDPOINTS.values() if _found(SDK, row.name) or _found(SDK.beta, row.name)]
PROFILE_URL = "beta.user_profiles.create_enrollment_url"  # is in beta itself
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def _ways(row: Endpoint) -> list[str]:
    """Return how the SDK calls a row: in its own part, in the beta part, or in both."""
    return [way for way in (row.name, f"beta.{row.name}") if _found(SDK, way)]


@pytest.fixture
def client() -> Iterator[Client]:
    with httpx2.Client(transport=httpx2.MockTransport(OURS)) as http:
        yield Client(api_key=KEY, base_url=URL, http_client=http, max_retries=0)


def _asked(client: Client, way: str, *args: Any, **params: Any) -> tuple[Sent, Sent]:
    """Return what the SDK and we sent for the same arguments."""
    _found(SDK, way)(*args, **params)
    _found(client, way)(*args, **params)
    if betas := THEIRS.sent.headers.pop("anthropic-beta", ""):
        kept = [name for name in betas.split(",") if name not in ON_PURPOSE or way == PROFILE_URL]
        THEIRS.sent.headers.update({"anthropic-beta": ",".join(kept)} if kept else {})
    return THEIRS.sent, OURS.sent


@every_row
def test_a_call_with_every_parameter_goes_out_as_the_official_sdk_sends_it(client, row):
    for way in _ways(row):
        theirs, ours = _asked(client, way, **_arguments(row, _found(SDK, way)))
        assert theirs == ours


@every_row
def test_a_call_with_its_path_parameters_by_place_goes_out_as_the_official_sdk_sends_it(client, row):
    for way in _ways(row):
        method = _found(SDK, way)
        needed = {*row.names, *(param.name for param in row.params.values() if param.needed)}
        given = {name: value for name, value in _arguments(row, method).items() if name in needed}
        kinds = inspect.signature(method).parameters.values()
        place = [given.pop(param.name) for param in kinds if param.kind == param.POSITIONAL_OR_KEYWORD]
        theirs, ours = _asked(client, way, *place, **given)
        assert theirs == ours


def test_the_table_has_every_call_of_the_official_sdk():
    assert 271 == len(ROWS)


def test_a_row_knows_the_parameters_of_the_official_sdk_and_no_other():
    for row in ROWS:
        theirs = {p for way in _ways(row) for p in inspect.signature(_found(SDK, way)).parameters}
        stems = {p.rpartition("_")[0] if p.rpartition("_")[2] in RANGE else p for p in theirs}
        headers = set(SHORT_HEADERS) - {*row.names, *row.params}
        assert {*row.params, *row.names} == stems - OPTIONS - headers - set(ON_PURPOSE), row.name


def test_odd_text_in_a_message_is_the_same_bytes(client):
    ask = {
        "max_tokens": 10,
        "messages": [{"role": "user", "content": 'ü "quoted" \u2028 \x01 </script> 😀'}],
        "model": "claude-haiku-5-5",
        "metadata": {"user_id": "u"},
    }
    theirs, ours = _asked(client, "messages.create", **ask)
    assert json.loads(theirs.body) == ask
    assert theirs == ours
