"""Is a large file uploaded once, found again, uploaded anew when it is gone, and never by a dry run?"""

from __future__ import annotations

import io
import json
import os
import time
from dataclasses import replace
from decimal import Decimal

import httpx2
import pytest
from PIL import Image

from claude_magic import keys, limits
from claude_magic.api.client import Client
from claude_magic.errors import BudgetError, InputError
from claude_magic.money.dryrun import dry_run
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice
from claude_magic.prompts import media
from claude_magic.talk import chat, compose, uploads
from claude_magic.talk.thread import Thread
from tests.shells import KEY
from tests.test_media import picture

LONG = "Cats sleep. " * 90_000
PDF = b"%PDF-1.4\n" + b"x" * media.LARGE


class Service:
    """A practice server whose ids could be the service's own, and what it was sent."""

    def __init__(self):
        self.now = time.time()
        self.practice, self.sent = Practice(clock=lambda: self.now), []

    def __call__(self, request):
        self.sent.append(request)
        path = request.path.replace("file_real_", "file_practice_")
        told = request.body.replace(b"file_real_", b"file_practice_")
        answer = self.practice(replace(request, path=path, body=told))
        body = b"".join(piece for piece in answer.parts() if isinstance(piece, bytes))
        answer.body = body.replace(b"file_practice_", b"file_real_")
        answer.headers.pop("content-length", None)
        return answer

    def client(self):
        http = httpx2.Client(transport=AppTransport(self))
        return Client(base_url="http://localhost:1", api_key="practice-key", max_retries=0, http_client=http)

    @property
    def uploaded(self):
        return sum((r.method, r.path) == ("POST", "/v1/files") for r in self.sent)

    def blocks(self):
        """The blocks of the newest question."""
        asked = [r for r in self.sent if r.path == "/v1/messages"]
        return json.loads(asked[-1].body)["messages"][-1]["content"]


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def long(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text(LONG)
    return path


# ---- what is uploaded --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "kind", "mime_type"),
    [
        ("paper.pdf", PDF, "document", "application/pdf"),
        ("long.txt", LONG.encode(), "document", "text/plain"),
        ("noise.png", None, "image", "image/png"),
    ],
)
def test_a_large_file_goes_up_and_its_id_stands_in_the_question(
    name, data, kind, mime_type, service, tmp_path
):
    (tmp_path / name).write_bytes(data or _noise())
    client = service.client()
    user = Thread().ask(compose.blocks("What is it?", [tmp_path / name]))
    (made, lines) = uploads.sent([user], client)
    block = made[0]["content"][0]
    assert (kind, "file") == (block["type"], block["source"]["type"])
    assert mime_type == client.files.retrieve_metadata(block["source"]["file_id"])["mime_type"]
    assert f"as {block['source']['file_id']}, kept for 30 days" in lines[0]
    assert None is media.waiting(block)


def _noise() -> bytes:
    drawn = io.BytesIO()
    Image.frombytes("RGB", (900, 700), os.urandom(900 * 700 * 3)).save(drawn, "PNG")
    return drawn.getvalue()


def test_a_small_file_is_sent_with_the_question(service, tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 ...")
    (tmp_path / "a.png").write_bytes(picture())
    for name in ("a.pdf", "a.png"):
        assert "base64" == media.from_path(tmp_path / name).block["source"]["type"]


@pytest.mark.parametrize("name", ["data.csv", "book.xlsx", "notes.md", "unknown"])
def test_with_code_what_is_no_document_goes_into_the_container_whatever_its_size(name, service, tmp_path):
    (tmp_path / name).write_bytes(b"a,b\n1,2\n")
    chat.ask("Sum up", attach=[tmp_path / name], skills="xlsx", client=service.client())
    assert ["container_upload", "text"] == [block["type"] for block in service.blocks()]


def test_with_code_a_document_is_still_a_document(tmp_path):
    (tmp_path / "a.txt").write_text("Cats sleep.")
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 ...")
    assert ["text", "document"] == [
        media.from_path(tmp_path / name, code=True).block["type"] for name in ("a.txt", "a.pdf")
    ]


def test_a_file_beyond_500_mb_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(media.MOST_FILE + 1)
    with pytest.raises(InputError, match=r"524\.3 MB can be sent"):
        media.from_path(tmp_path / "a.csv", code=True)


@pytest.mark.parametrize("code", [True, False])
def test_o3_a_key_in_a_file_stops_the_upload_wherever_it_is(code, tmp_path):
    path = tmp_path / ("data.csv" if code else "long.txt")
    path.write_text(("a,b\n" * 400_000)[: 2**20 * 1 + 13] + KEY + "\n")
    with pytest.raises(InputError, match="shaped like a key"):
        media.from_path(path, code=code)


# ---- once --------------------------------------------------------------------------------------------------


def test_a_file_is_uploaded_once_and_its_id_used_again(service, long):
    client = service.client()
    for _ in range(3):
        chat.ask("Who sleeps?", attach=[long], client=client, max_tokens=20)
    assert 1 == service.uploaded


def test_another_session_looks_for_the_file_and_uses_it(service, long):
    for _ in range(2):  # a client of its own: a session that knows only what was kept
        chat.ask("Who sleeps?", attach=[long], client=service.client(), max_tokens=20)
    assert 1 == service.uploaded
    asked = [request.path for request in service.sent if request.method == "GET"]
    assert ["/v1/files/file_real_000001"] == asked


@pytest.mark.parametrize("how", ["deleted", "expired", "changed"])
def test_a_file_that_is_gone_expired_or_another_is_uploaded_again(how, service, long):
    if how == "expired":
        service.now -= uploads.DAYS * 86_400 - 60
    chat.ask("Who sleeps?", attach=[long], client=service.client(), max_tokens=20)
    if how == "deleted":
        service.client().files.delete("file_real_000001")
    elif how == "changed":
        long.write_text(LONG + "Dogs bark.")
    chat.ask("Who sleeps?", attach=[long], client=service.client(), max_tokens=20)
    assert 2 == service.uploaded


def test_code_sees_a_file_under_its_own_name(service, tmp_path):
    client = service.client()
    for name in ("one.csv", "two.csv", "one.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
        chat.ask("Sum up", attach=[tmp_path / name], skills="xlsx", client=client)
    assert 2 == service.uploaded


def test_k5_what_is_kept_of_uploads_is_private_and_says_neither_path_nor_text(service, long):
    chat.ask("Who sleeps?", attach=[long], client=service.client(), max_tokens=20)
    kept = keys.data_dir() / "uploads.json"
    assert os.name != "posix" or 0o600 == kept.stat().st_mode & 0o777
    ((key, file_id),) = json.loads(kept.read_text()).items()
    assert "file_real_000001" == file_id
    assert ["http://localhost:1", "text/plain"] == key.split()[:2]
    assert not {"long", "Cats", "sleeps"} & set(kept.read_text().replace("/", " ").split())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 5}', "[" * 100_000])
def test_a_registry_that_cannot_be_read_only_costs_an_upload(text, service, long):
    keys.data_dir().mkdir(parents=True, exist_ok=True)
    (keys.data_dir() / "uploads.json").write_text(text)
    chat.ask("Who sleeps?", attach=[long], client=service.client(), max_tokens=20)
    assert 1 == service.uploaded


def test_r2_a_folder_that_cannot_be_written_only_costs_an_upload(service, long, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", "/proc/nowhere")
    _, lines = uploads.sent([Thread().ask([media.from_path(long).block])], service.client())
    assert 1 == len(lines)


def test_what_is_deleted_is_forgotten(service, long):
    client = service.client()
    message = Thread().ask([media.from_path(long).block])
    uploads.sent([message], client)
    uploads.forget(["file_real_000001"])
    uploads.sent([message], client)
    assert 2 == service.uploaded


def test_files_of_a_practice_server_are_not_kept_for_another_day(long):
    http = httpx2.Client(transport=AppTransport(Practice()))
    with Client(base_url="http://localhost:1", api_key="practice-key", http_client=http) as client:
        uploads.sent([Thread().ask([media.from_path(long).block])], client)
    assert not (keys.data_dir() / "uploads.json").exists()


# ---- not at all --------------------------------------------------------------------------------------------


def test_a_dry_run_counts_a_large_file_and_uploads_nothing(service, long, tmp_path):
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    found = dry_run(
        "Who sleeps?", attach=[long, tmp_path / "data.csv"], skills="xlsx", client=service.client()
    )
    assert (0, True) == (service.uploaded, found.input_tokens > 200_000)
    assert "data.csv: a file, not counted" in found.body["messages"][0]["content"][-2]["text"]


def test_m7_a_budget_refuses_before_a_file_goes_up_and_counts_it_where_that_helps(service, long):
    ask = {"attach": [long], "client": service.client(), "max_tokens": 20}
    with pytest.raises(BudgetError):
        chat.ask("Who sleeps?", max_cost="0.001", **ask)
    assert 0 == service.uploaded
    assert limits.worst_case("claude-haiku-5-5", 1_000_000, 20) > Decimal("0.25")  # what a file could be
    assert chat.ask("Who sleeps?", max_cost="0.25", **ask)


# ---- by id -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["id", "metadata"])
def test_a_file_of_the_service_is_attached_as_what_it_is(given, service):
    client = service.client()
    for name, data, kind in (("a.txt", b"Cats sleep.", "document"), ("a.png", picture(), "image")):
        made = client.files.upload(data, filename=name)
        chat.ask("What is it?", attach=[made.id if given == "id" else made], client=client)
        assert kind == service.blocks()[0]["type"]
    assert 2 == service.uploaded


def test_a_file_that_only_code_reads_needs_a_skill(service):
    client = service.client()
    made = client.files.upload(b"a,b\n1,2\n", filename="data.csv")
    with pytest.raises(InputError, match=r"data\.csv is text/csv, which only code can read"):
        chat.ask("Sum up", attach=[made.id], client=client)
    chat.ask("Sum up", attach=[made.id], skills="xlsx", client=client)
    assert {"type": "container_upload", "file_id": made.id} == service.blocks()[0]


def test_a_file_that_vanishes_after_it_was_read_is_an_error_of_ours(service, long):
    message = Thread().ask([media.from_path(long).block])
    long.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        uploads.sent([message], service.client())
