"""Do requests that ask the same have the same key, and others another?"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic.api.client import Client
from claude_magic.app import Request
from claude_magic.pool import AppTransport
from claude_magic.protocol import body, canonical
from claude_magic.protocol.endpoints import ENDPOINTS
from tests.doors import ASK, KEY, answer
from tests.doors import json as told

VERSION = {"anthropic-version": "2026-10-21"}
TEXT = b'{"model":"claude-haiku-5-5","max_tokens":100,"messages":[{"role":"user","content":"caf\xc3\xa9"}]}'


def key(request: Request) -> str:
    return canonical.asked(request).key


def post(data: bytes, path: str = "/v1/messages", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", path, (), {**VERSION, **named}, data)


def get(*query: tuple[str, str], path: str = "/v1/files") -> Request:
    return Request("GET", path, query, VERSION)


SAME = {
    "as it is": post(TEXT),
    "spaces and lines": post(json.dumps(json.loads(TEXT), indent=3).encode()),
    "another order": post(json.dumps(json.loads(TEXT), sort_keys=True).encode()),
    "escapes": post(TEXT.replace(b"\xc3\xa9", b"\\u00e9")),
    "a whole number with a fraction": post(TEXT.replace(b"100", b"100.0")),
    "a whole number with an exponent": post(TEXT.replace(b"100", b"1e2")),
    "as a stream": post(TEXT.replace(b"{", b'{"stream":true,', 1)),
    "expressly no stream": post(TEXT.replace(b"{", b'{"stream":false,', 1)),
    "another key": post(TEXT, authorization="Bearer " + KEY, x_api_key=KEY),
    "another sender": post(TEXT, user_agent="x/1", host="example", x_stainless_retry_count="2"),
    "behind a prefix": post(TEXT, path="/gateway/class/v1/messages"),
    "no beta": post(TEXT, anthropic_beta=" , "),
}
OTHER = {
    "another text": post(TEXT.replace(b"caf", b"Caf")),
    "another number": post(TEXT.replace(b"100", b"100.5")),
    "a number as text": post(TEXT.replace(b"100", b'"100"')),
    "a null field": post(TEXT.replace(b"{", b'{"system":null,', 1)),
    "another version": post(TEXT, anthropic_version="2023-06-01"),
    "a beta": post(TEXT, anthropic_beta="one"),
    "another path": post(TEXT, path="/v1/messages/count_tokens"),
    "another verb": Request("PUT", "/v1/messages", (), VERSION, TEXT),
    "no body": post(b""),
    "not JSON": post(TEXT[:-1]),
    "nothing of a form": post(TEXT, content_type="multipart/form-data"),
}


@pytest.mark.parametrize("name", SAME)
def test_a_request_has_one_key_however_it_is_written_and_whoever_sends_it(name: str) -> None:
    assert key(post(TEXT)) == key(SAME[name])


def test_requests_that_ask_something_else_have_other_keys() -> None:
    keys = {name: key(request) for name, request in {"the first": post(TEXT), **OTHER}.items()}
    assert len(keys) == len(set(keys.values())), keys


def test_the_order_of_query_names_and_betas_does_not_count_but_that_of_a_list_does() -> None:
    one, two = get(("limit", "2"), ("page", "p")), get(("page", "p"), ("limit", "2"))
    assert key(one) == key(two)
    one, two = get(("ids[]", "a"), ("ids[]", "b")), get(("ids[]", "b"), ("ids[]", "a"))
    assert key(one) != key(two)
    assert key(post(TEXT, anthropic_beta="a,b")) == key(post(TEXT, anthropic_beta="b, a,a"))


def test_stream_counts_where_a_stream_and_a_whole_answer_are_not_known_to_say_the_same() -> None:
    chat = "/v1/chat/completions"
    assert key(post(b'{"stream":true}', path=chat)) != key(post(b"{}", path=chat))


def test_keys_are_the_same_in_every_process_and_version() -> None:
    # journals and cassettes hold these: a change makes every recorded answer unknown
    frozen = {
        "message": (post(TEXT), "c72e304353b23cc94175347969dd02b1"),
        "query": (get(("limit", "2"), ("ids[]", "é")), "ce49975bce8deb1db980b80d26a63dbc"),
        "numbers": (
            post(b"[1, 1.0, 0.1, 1e22, 1e400, 12345678901234567890, -0.0]", path="/v1/x"),
            "f22e4d971ace95301dace83757b18ba0",
        ),
        "form": (post(form(b"abc"), path="/v1/files", content_type=KIND), "605507a0475ed7309314e56b7386d6a9"),
    }
    assert {k: v for k, (_, v) in frozen.items()} == {k: key(r) for k, (r, _) in frozen.items()}
    plain = json.dumps(json.loads(TEXT), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    listed = f'["POST","/v1/messages",[],"2026-10-21",[],{plain}]'
    assert key(post(TEXT)) == hashlib.sha256(listed.encode()).hexdigest()[:32]
    made = f"Request('POST', '/v1/messages', (), {VERSION!r}, {TEXT!r})"
    imports = "from claude_magic import app; from claude_magic.protocol import canonical"
    code = f"{imports}; print(canonical.asked(app.{made}).key)"
    for seed in "01":
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
        )
        assert key(post(TEXT)) == done.stdout.strip()


KIND = "multipart/form-data; boundary=mark"


def form(content: bytes, mark: str = "mark", filename: str = "a.csv") -> bytes:
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
    field = f'--{mark}\r\nContent-Disposition: form-data; name="expires_in_seconds"\r\n\r\n3600\r\n'
    return f"{field}{head}Content-Type: text/csv\r\n\r\n".encode() + content + f"\r\n--{mark}--\r\n".encode()


def test_the_boundary_of_a_form_does_not_count_but_its_parts_do() -> None:
    def keyed(data: bytes, kind: str = KIND) -> str:
        return key(post(data, path="/v1/files", content_type=kind))

    first = keyed(form(b"a,b\r\n1,2"))
    assert first == keyed(form(b"a,b\r\n1,2", "other"), 'multipart/form-data; boundary="other"')
    assert 3 == len({first, keyed(form(b"a,b\r\n1,3")), keyed(form(b"a,b\r\n1,2", filename="b.csv"))})


def test_a_form_is_told_by_its_parts_and_holds_no_content_of_files() -> None:
    made = body.form({"expires_in_seconds": 3600}, [("file", body.part(b"\x00\r\n--x", "a.bin"))])
    found = canonical.asked(post(b"".join(made), path="/v1/files", content_type=made.kind))
    kind = "application/octet-stream"
    assert [
        {"name": "expires_in_seconds", "value": "3600"},
        {"name": "file", "filename": "a.bin", "type": kind, **canonical.digest(b"\x00\r\n--x")},
    ] == found.body


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b'{"a": "\\ud800"}', b"[" * 100_000, b"1e999", b'"' + b"a" * 100, b"NaN"]
)
def test_a_body_that_is_hard_to_read_has_a_key_too(data: bytes) -> None:
    assert canonical.KEY_LENGTH == len(key(post(data)))


def test_a_body_too_large_to_read_counts_byte_by_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "LARGEST", len(TEXT) - 1)
    assert canonical.digest(TEXT) == canonical.asked(post(TEXT)).body


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_any_json_has_one_key_in_every_order_and_spacing(value: dict[str, object]) -> None:
    turned = dict(reversed(value.items()))
    one, two = json.dumps(value), json.dumps(turned, indent=1, ensure_ascii=False)
    assert key(post(one.encode("utf-8", "replace"), path="/v1/x")) == key(
        post(two.encode("utf-8", "replace"), path="/v1/x")
    )


def test_what_a_client_compiles_has_the_key_of_what_arrives() -> None:
    arrived: list[Request] = []

    def app(request: Request):
        arrived.append(request)
        return told(answer())

    http = httpx2.Client(transport=AppTransport(app))
    with Client(api_key=KEY, base_url="https://api.example/class", http_client=http) as client:
        call = client._caller.call(ENDPOINTS["messages.create"], {**ASK, "betas": ["b", "a"]})
        client.messages.create(**ASK, betas=["b", "a"])
        assert key(call.request) == key(arrived[0])
