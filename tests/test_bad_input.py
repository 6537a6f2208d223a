"""Does a cell that cannot be answered fail in two lines that name what to type next?"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from claude_magic import errors, settings
from claude_magic.talk import chat, current
from tests.loopback import serving
from tests.shells import KEY, rows


def test_without_a_key_nothing_is_simulated_and_one_line_says_what_to_do(bare):
    error = bare.error("%claude hello")
    assert isinstance(error, errors.ConfigError)
    assert "%claude login" in error.hint
    assert "%claude practice on" in error.hint
    assert [] == rows()


@pytest.mark.parametrize(
    ("cell", "what", "next"),
    [
        ("%%claude --modle opus\nhi", "--modle", "--model"),
        ("%%claude -n many\nhi", "'many'", "-n 4k"),
        ('%%claude -p stop_sequences=["END"\nhi', "not JSON", "brackets"),
        ("%%claude --attach nowhere.pdf\nhi", "nowhere.pdf", ""),
        ("%%claude --effort loww\nhi", "'loww'", "low"),
        ("%%claude opusx\nhi", "opusx", "opus"),
        ("%claude budget of mine", "budget", "%claude -- budget"),
    ],
)
def test_what_cannot_be_read_names_the_nearest_and_sends_nothing(shell, cell, what, next):
    error = shell.error(cell)
    assert what in error.message
    assert next in error.hint
    assert [] == rows()


def test_an_unreadable_attachment_sends_nothing(shell, tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"\x00\x01\x02")
    assert "broken.pdf" in shell.error(f"%%claude --attach {tmp_path}/broken.pdf\nhi").message
    assert [] == rows()


def test_an_oversized_request_sends_nothing(bare, monkeypatch, tmp_path):
    for n in range(26):  # none so large that it would be uploaded
        (tmp_path / f"{n}.pdf").write_bytes(b"%PDF-1.4\n" + b"0" * 990_000)
    files = " ".join(f"--attach {path}" for path in tmp_path.glob("*.pdf"))
    asked: list[bytes] = []
    with serving(lambda c: asked.append(c.recv(1))) as url:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        error = bare.error(f"%%claude {files}\nwhat is it?")
    assert [] == asked
    assert "MB" in error.message
    assert "smaller" in error.hint


def test_a_wrong_key_says_how_to_enter_another(bare, monkeypatch):
    refusal = b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}'
    with _refusing(401, refusal) as url:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        error = bare.error("%claude hello")
    assert 401 == error.status
    assert "%claude login" in error.hint
    assert ["error"] == [r.outcome for r in rows()]


def test_an_unknown_model_is_named_with_where_to_look(shell):
    error = shell.error("%%claude -m claude-nonesuch-1\nhello")
    assert 404 == error.status
    assert "claude-nonesuch-1" in error.message
    assert "%claude models" in error.hint


def test_an_unreachable_host_is_one_clear_error(bare, monkeypatch):
    with serving(lambda _: None) as url:
        pass  # nobody listens there any more
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    settings.use("max_retries", 0)
    error = bare.error("%claude hello")
    assert isinstance(error, errors.APIConnectionError)
    assert "127.0.0.1" in str(error)


def test_an_expired_certificate_is_named(bare, monkeypatch, tmp_path):
    with _expired_tls(tmp_path) as (url, authority):
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        error = bare.error("%claude hello")
    assert isinstance(error, errors.APIConnectionError)
    assert "certificate" in str(error)
    assert 1 == len(error.attempts)  # a second try would see the same


def test_m7_a_budget_refuses_before_sending(shell):
    shell.run("%claude budget call 0.000001")
    error = shell.error("%claude hello")
    assert isinstance(error, errors.BudgetError)
    assert "--max-cost" in error.hint
    assert [] == rows()


def test_max_cost_refuses_one_call(shell):
    assert isinstance(shell.error("%%claude --max-cost 0.000001\nhello"), errors.BudgetError)
    assert shell.run("%%claude --max-cost 5\nhello").success


def test_a_broken_stream_keeps_what_arrived(shell):
    result = shell.run("%%claude -o x\npractice:cut Tell me about cats and dogs and birds.")
    error, partial = result.error_in_exec, shell["_claude"]
    assert isinstance(error, errors.StreamError)
    assert partial
    assert "error" == partial.stop_reason
    assert str(partial) in result.outputs[0].data["text/plain"]
    assert "x" not in shell
    assert ["error"] == [r.outcome for r in rows()]
    assert 1 == len(chat.threads.get())


def test_continue_goes_on_after_a_broken_stream(shell):
    shell.run("%%claude\npractice:cut Tell me about cats and dogs and birds.")
    result = shell.run("%claude continue")
    assert result.success
    assert 2 == len(chat.threads.get())
    assert result.result is shell["_claude"]


def test_an_interrupt_becomes_one_line_and_is_a_keyboard_interrupt(shell, monkeypatch):
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(current, "client", interrupted)
    result = shell.run("%claude hello")
    assert isinstance(result.error_in_exec, errors.Stopped)
    assert "Stopped" == result.stdout.strip()


def test_a_bug_of_ours_keeps_its_traceback_and_tells_no_key(shell, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    settings.use("practice", False)
    shell.run("%xmode Verbose")

    def buggy(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("claude_magic.api.resources.Messages.stream", buggy)
    result = shell.run("%claude hello")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert "Traceback" in result.stdout
    assert "asking.py" in result.stdout
    assert KEY not in result.seen
    assert ["error"] == [r.outcome for r in rows()]
    shell.run("%xmode Context")


def _refusing(status: int, body: bytes) -> Any:
    from tests.loopback import request_of

    def handle(connection: Any) -> None:
        request_of(connection)
        head = (
            f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)

    return serving(handle)


@contextlib.contextmanager
def _expired_tls(folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve TLS with a certificate that was valid until yesterday; yields the address and the certificate."""
    certificate = folder / "expired.pem"
    certificate.write_bytes(_expired_certificate())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1)

    with serving(handle) as url:
        yield url.replace("http://127.0.0.1", "https://localhost"), certificate


def _expired_certificate() -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    yesterday = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(yesterday - timedelta(days=30))
        .not_valid_after(yesterday)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)
