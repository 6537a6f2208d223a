"""Does a call over a line of its own end as any other call does, whatever the server sends?"""

from __future__ import annotations

import contextlib
import ssl
import threading
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from claude_magic import Client, direct, wire
from claude_magic.errors import APIConnectionError, APIResponseError, APITimeoutError, ClaudeError
from claude_magic.rows.pace.sender import Sender
from tests.doors import ASK, KEY, answer
from tests.loopback import request_of, serving

BODY = wire.encode(answer())
GZIP = zlib.compressobj(wbits=31)
PACKED = GZIP.compress(BODY) + GZIP.flush()
OK = b"HTTP/1.1 200 OK\r\n"


def sized(body=BODY, status=b"200 OK", more=b""):
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(body), more, body)


def chunked(*pieces, more=b"", trailer=b""):
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), more, piece) for piece in pieces)
    return OK + b"transfer-encoding: chunked\r\n\r\n" + body + b"0\r\n" + trailer + b"\r\n"


SENT = {
    "sized": sized(),
    "chunked": chunked(BODY[:10], BODY[10:]),
    "chunked with extensions and a trailer": chunked(BODY, more=b";a=b", trailer=b"x: y\r\n"),
    "to the end": OK + b"connection: close\r\n\r\n" + BODY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "after a 100": b"HTTP/1.1 100 Continue\r\n\r\n" + sized(),
    "packed": sized(PACKED, more=b"content-encoding: gzip\r\n"),
    "headers in capitals": sized(more=b"Request-ID: req_7\r\nX-Empty:\r\n"),
    "a status without words": b"HTTP/1.1 200\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "a redirect": sized(b"", b"302 Found", b"location: https://elsewhere.example/\r\n"),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "400": sized(b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}', b"400 Bad"),
    "529": sized(b'{"type":"error","error":{"type":"overloaded_error","message":"no"}}', b"529 Busy"),
    "504": sized(b"too late", b"504 Gateway Timeout"),
    "not JSON": sized(b"<html>"),
    "not a message": sized(b"[1]"),
    "not HTTP": b"220 smtp.example ready\r\n\r\n",
    "cut in the head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "cut in the body": sized()[:-5],
    "cut in a chunk": chunked(BODY)[:-20],
    "nothing": b"",
    "a header without a colon": OK + b"nonsense\r\n\r\n",
    "a length that is none": OK + b"content-length: ten\r\n\r\n",
    "a chunk without a length": OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "packed in another way": sized(b"garbage", more=b"content-encoding: gzip\r\n"),
}


@contextlib.contextmanager
def sender_of(url, **options):
    client = Client(api_key=KEY, base_url=url, max_retries=0, **options)
    with Sender(client, over_line=True) as made:
        yield made, client


def outcome(ask):
    """Return what came of a call, so that two of them can be compared."""
    try:
        made = ask()
    except ClaudeError as error:
        sends = [(send.outcome, send.possibly_billed) for send in error.attempts]
        return type(error), error.message, error.hint, error.status, error.type, error.request_id, sends
    return made, made.request_id, made.response.status


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_it_ends_as_any_other_call_does(sent):
    def handle(connection):
        request_of(connection)
        connection.sendall(sent)

    with serving(handle) as url, sender_of(url) as (sender, client):
        assert outcome(lambda: client.messages.create(**ASK)) == outcome(lambda: sender.create(ASK))


def test_what_is_sent_is_what_any_other_call_sends():
    seen = []

    def handle(connection):
        while data := request_of(connection):
            seen.append(data)
            connection.sendall(sized())

    with (
        serving(handle) as url,
        sender_of(f"{url}/prefix", default_headers={"x-extra": "1"}) as (sender, client),
    ):
        client.messages.create(**ASK)
        sender.create(ASK)
        sender.create({**ASK, "max_tokens": 7})

    def parts(data):
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        return first, {n.lower(): v for n, _, v in (one.partition(b": ") for one in lines)}, body

    assert parts(seen[0]) == parts(seen[1])
    assert b"POST /prefix/v1/messages HTTP/1.1" == parts(seen[2])[0]
    assert 7 == wire.decode(parts(seen[2])[2])["max_tokens"]


def test_a_connection_is_kept_and_made_anew_when_the_server_has_closed_it():
    connections, closed = [], threading.Event()

    def handle(connection):
        connections.append(connection)
        for _ in range(2):
            request_of(connection)
            connection.sendall(sized())
        connection.close()
        closed.set()

    with serving(handle) as url, sender_of(url) as (sender, _):
        sender.create(ASK)
        sender.create(ASK)
        assert closed.wait(60)
        sender.create(ASK)
    assert 2 == len(connections)


def test_two_answers_that_come_in_one_read_are_told_apart():
    left = [sized(wire.encode(answer("One"))), sized(wire.encode(answer("Two")))]

    def handle(connection):
        while request_of(connection):
            for n in range(0, len(left[0]), 7):
                connection.sendall(left[0][n : n + 7])
            del left[0]

    with serving(handle) as url, sender_of(url) as (sender, _):
        assert ["One", "Two"] == [sender.create(ASK).text, sender.create(ASK).text]


def test_silence_ends_it():
    over = threading.Event()
    with (
        serving(lambda c: (request_of(c), over.wait(60))) as url,
        sender_of(url, timeout=0.05) as (sender, _),
    ):
        with pytest.raises(APITimeoutError, match=r"was silent for 0\.05 s"):
            sender.create(ASK)
        over.set()


def test_nobody_there_is_certainly_not_billed():
    with serving(lambda _: None) as url:
        pass
    with sender_of(url) as (sender, _), pytest.raises(APIConnectionError) as caught:
        sender.create(ASK)
    assert [False] == [send.possibly_billed for send in caught.value.attempts]


def test_s7_an_answer_that_is_too_large_is_not_taken():
    with (
        serving(lambda c: (request_of(c), c.sendall(sized()))) as url,
        sender_of(url, max_bytes=50) as (sender, _),
        pytest.raises(APIResponseError, match="larger than"),
    ):
        sender.create(ASK)


def test_k2_a_key_that_the_server_sends_back_is_not_shown():
    said = sized(wire.encode(answer(f"Your key is {KEY}")), more=f"x-key: {KEY}\r\n".encode())
    with serving(lambda c: (request_of(c), c.sendall(said))) as url, sender_of(url) as (sender, _):
        made = sender.create(ASK)
    assert KEY not in made.text + str(made.response.headers)


def test_m8_a_call_that_is_cut_ends_at_once_and_none_follows():
    begun, over, seen = threading.Event(), threading.Event(), []

    def handle(connection):
        seen.append(request_of(connection))
        begun.set()
        over.wait(60)

    with serving(handle) as url, sender_of(url) as (sender, _):
        cutting = threading.Thread(target=lambda: (begun.wait(60), sender.cut()))
        cutting.start()
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                sender.create(ASK)
        cutting.join()
        over.set()
    assert 1 == len(seen)


@pytest.mark.parametrize(
    ("proxies", "address", "straight"),
    [
        ({}, "https://api.example", True),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "https://api.example", False),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "http://127.0.0.1:8484", True),
        ({"ALL_PROXY": "http://proxy.example:3128"}, "https://api.example", False),
        (
            {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "api.example"},
            "https://api.example",
            True,
        ),
    ],
)
def test_r3_where_a_proxy_is_set_no_line_is_used(proxies, address, straight, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in proxies.items():
        monkeypatch.setenv(name, value)
    assert straight == direct.leads_to(address)


@pytest.mark.parametrize("days", [1, -1], ids=["valid", "expired"])
def test_r3_a_certificate_is_checked_as_for_any_other_call(days, tmp_path, monkeypatch):
    file = tmp_path / "certificate.pem"
    file.write_bytes(_certificate(datetime.now(UTC) + timedelta(days=days)))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def handle(connection):
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            request_of(secure)
            secure.sendall(sized(more=b"connection: close\r\n"))

    with (
        serving(handle) as url,
        sender_of(url.replace("http://127.0.0.1", "https://localhost")) as (sender, client),
    ):
        ways = (lambda: client.messages.create(**ASK), lambda: sender.create(ASK), lambda: sender.create(ASK))
        plain, *lines = map(outcome, ways)
    assert [plain, plain] == lines
    assert isinstance(plain[0], dict) == (days > 0)


def _certificate(until):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(until - timedelta(days=30))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM)
