"""Does the practice server keep files as the Files API does?"""

from __future__ import annotations

import gc
import os

import anthropic
import pytest

from claude_magic.app import Request
from claude_magic.practice.storage import files, parts
from claude_magic.practice.storage.files import Disk, keep
from tests.practice.conftest import whole
from tests.uploads import CODE, PNG, Service, part

DAY = 86_400


@pytest.fixture
def service():
    return Service()


def document(file_id, **more):
    return {"type": "document", "source": {"type": "file", "file_id": file_id}, **more}


def image(file_id):
    return {"type": "image", "source": {"type": "file", "file_id": file_id}}


def text(said):
    return {"type": "text", "text": said}


def made(service):
    """A file that code made, which can therefore be fetched."""
    return keep(service.app, "made.csv", b"a,b\n" * 50_000, now=service.now, downloadable=True).value["id"]


def test_an_upload_is_told_of_as_file_metadata(service):
    assert {
        "id": "file_practice_000001",
        "type": "file",
        "filename": "notes.txt",
        "mime_type": "text/plain",
        "size_bytes": 5,
        "created_at": "1970-01-12T13:46:40Z",
        "downloadable": False,
        "expires_at": None,
    } == service.upload("notes.txt")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a/b/c.txt", "c.txt"),
        ("../../etc/passwd", "passwd"),
        ("", "unnamed.csv"),
        ("folder/", "unnamed.csv"),
        ("Übersicht 1.csv", "Übersicht 1.csv"),
        ("x" * 255, "x" * 255),
    ],
)
def test_only_the_last_part_of_a_name_is_kept_and_no_name_becomes_unnamed(service, sent, kept):
    assert kept == service.upload(sent, "1,2", "text/csv")["filename"]


@pytest.mark.parametrize(
    "name", ["a<b", "a>b", "a:b", "a|b", "a?b", "a*b", "a\\\\b", 'a\\"b', "a\tb", "x" * 256]
)
def test_a_name_with_a_forbidden_character_or_too_many_is_refused(service, name):
    status, _, message = service.upload(name)
    assert 400 == status
    assert "file name" in message


def test_the_mime_type_is_the_parts_own_or_that_of_the_names_ending(service):
    assert "application/x-mine" == service.upload("a.csv", kind="application/x-mine")["mime_type"]
    assert "text/plain" == service.upload("a", kind="text/plain; charset=utf-8")["mime_type"]
    assert "text/csv" == service.upload("A.CSV")["mime_type"]
    assert "application/octet-stream" == service.upload("a.qqq")["mime_type"]


def test_a_form_without_one_file_is_refused(service):
    assert (400, None, "file: Field required") == service.form("/v1/files", part("other", "x", "a.txt"))
    twice = service.form("/v1/files", part("file", "x", "a.txt"), part("file", "y", "b.txt"))
    assert (400, None, "file: One file at a time, not 2") == twice


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"--edge--", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=edge"),
        (b"--edge\r\n", "multipart/form-data; boundary=edge"),
        (b"--edge\r\nno head", "multipart/form-data; boundary=edge"),
        (b"--edge\r\nA: b\r\n\r\nno name\r\n--edge--", "multipart/form-data; boundary=edge"),
        (b"--edge\r\n" + part("file", b"no end", "a"), "multipart/form-data; boundary=edge"),
        (b"--edge\r\nContent-Disposition: \xff\r\n\r\nx\r\n--edge--", "multipart/form-data; boundary=edge"),
        (b"--edge\r\nA: " + b"b" * 20_000 + b"\r\n\r\nx\r\n--edge--", "multipart/form-data; boundary=edge"),
    ],
)
def test_a_body_that_is_no_form_is_refused(service, body, kind):
    assert 400 == service.send("POST", "/v1/files", body, content_type=kind).status


def test_a_form_cut_anywhere_is_refused_or_read_whole(service):
    body = b"--edge\r\n" + part("file", b"\r\n--edg", "a.bin", "image/png") + b"\r\n--edge--"
    for end in range(len(body)):
        kind = "multipart/form-data; boundary=edge"
        assert 400 == service.send("POST", "/v1/files", body[:end], content_type=kind).status
    response = service.send("POST", "/v1/files", body, content_type='multipart/form-data; boundary="edge"')
    assert b'"size_bytes":7' in whole(response)


def test_a_form_may_have_a_preamble_an_empty_part_and_any_bytes():
    every = bytes(range(256)) * 3
    sent = [part("file", every, "a.bin"), part("empty", b""), part("text", "é")]
    body = b"before\r\n" + b"".join(b"--e\r\n" + p + b"\r\n" for p in sent) + b"--e--after"
    kind = {"content-type": "multipart/form-data; boundary=e"}
    found = parts.read(Request("POST", "/v1/files", (), kind, body))
    assert [every, b"", "é".encode()] == [bytes(p.data) for p in found]
    assert "é" == parts.text(found, "text")


@pytest.mark.parametrize("seconds", ["3599", "7776001", "-1", "1e4", "", "nine", "9" * 5000])
def test_a_life_must_be_an_hour_to_ninety_days(service, seconds):
    status, _, message = service.upload(expires_in_seconds=seconds)
    assert 400 == status
    assert "expires_in_seconds: Input should be a whole number from 3600 to 7776000" == message


def test_an_expired_file_is_listed_for_thirty_days_but_has_no_content(service):
    file = service.upload(expires_in_seconds=3600)
    assert "1970-01-12T14:46:40Z" == file["expires_at"]
    service.now += 3599
    assert "[practice]" in service.say(document(file["id"]), text("What is said?"))["content"][0]["text"]
    service.now += 1
    path = f"/v1/files/{file['id']}"
    assert (404, "file_expired") == service.get(f"{path}/content")[:2]
    assert (404, "file_expired") == service.say(document(file["id"]), text("What is said?"))[:2]
    assert [] == [*service.app.of(Disk).folder.iterdir()]
    service.now += 30 * DAY - 1
    assert file == service.get(path)
    assert [file] == service.get("/v1/files")["data"]
    service.now += 1
    assert (404, None, f"File not found: {file['id']}") == service.get(path)
    assert [] == service.get("/v1/files")["data"]


def test_files_are_listed_newest_first_in_pages(service):
    ids = [service.upload(f"{n}.txt")["id"] for n in range(5)]
    first = service.get("/v1/files", ("limit", "2"))
    second = service.get("/v1/files", ("limit", "2"), ("page", first["next_page"]))
    third = service.get("/v1/files", ("limit", "2"), ("page", second["next_page"]))
    assert ids[::-1] == [f["id"] for page in (first, second, third) for f in page["data"]]
    assert third["next_page"] is None
    assert 400 == service.get("/v1/files", ("limit", "1001"))[0]


def test_ids_give_one_page_without_what_is_not_there(service):
    ids = [service.upload(f"{n}.txt")["id"] for n in range(30)]
    asked = [("ids[]", ids[3]), ("ids[]", "file_nothing"), ("ids[]", ids[25]), ("ids[]", ids[3])]
    found = service.get("/v1/files", *asked)
    assert ([ids[25], ids[3]], None) == ([f["id"] for f in found["data"]], found["next_page"])
    assert 400 == service.get("/v1/files", *asked, ("limit", "5"))[0]
    assert 400 == service.get("/v1/files", *(("ids[]", f"file_{n}") for n in range(101)))[0]


def test_an_upload_cannot_be_downloaded(service):
    file = service.upload()
    assert (400, "file_not_downloadable") == service.get(f"/v1/files/{file['id']}/content")[:2]


def test_a_made_file_is_downloaded_in_pieces(service):
    file = made(service)
    response = service.send("GET", f"/v1/files/{file}/content")
    pieces = [*response.parts()]
    assert b"a,b\n" * 50_000 == b"".join(pieces)
    assert 4 == len(pieces)
    assert ("text/csv", "200000") == (response.headers["content-type"], response.headers["content-length"])
    assert 'attachment; filename="made.csv"' == response.headers["content-disposition"]


def test_a_file_deleted_before_it_is_read_breaks_the_download(service):
    file = made(service)
    response = service.send("GET", f"/v1/files/{file}/content")
    service.send("DELETE", f"/v1/files/{file}")
    assert [ConnectionResetError] == [type(piece) for piece in response.parts()]


def test_a_deleted_file_is_gone_at_once(service):
    file = service.upload()
    deleted = whole(service.send("DELETE", f"/v1/files/{file['id']}"))
    assert b'{"id":"file_practice_000001","type":"file_deleted"}' == deleted
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        assert 404 == service.send(method, f"/v1/files/{file['id']}{path}").status


def test_a_full_storage_is_refused(service):
    service.app.of(Disk).most = 10
    first = service.upload(data="123456")
    assert (400, "storage_quota_exceeded") == service.upload(data="12345")[:2]
    service.send("DELETE", f"/v1/files/{first['id']}")
    assert 5 == service.upload(data="12345")["size_bytes"]


def test_file_calls_have_rate_limits_of_their_own(service):
    service.upload()
    left = service.send("GET", "/v1/files").headers["anthropic-ratelimit-requests-remaining"]
    assert "998" == left
    assert "999" == service.send("GET", "/v1/models").headers["anthropic-ratelimit-requests-remaining"]


def test_the_folder_goes_with_the_server(service):
    service.upload()
    folder = service.app.of(Disk).folder
    assert folder.is_dir()
    del service.app
    gc.collect()
    assert not folder.exists()


def test_r1_a_fork_that_ends_leaves_the_folder_to_its_parent(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    files._remove(folder, os.getpid() + 1)
    assert folder.is_dir()
    files._remove(folder, os.getpid())
    assert not folder.exists()


def test_the_old_beta_has_pages_by_id_and_no_expiry(service):
    old = {"anthropic_beta": "files-api-2025-04-14"}
    sent = [part("file", "x", f"{n}.txt") for n in range(3)]
    ids = [service.form("/v1/files", each, part("expires_in_seconds", "1"), **old)["id"] for each in sent]
    found = service.get("/v1/files", ("limit", "2"), ("ids[]", ids[0]), **old)
    assert [ids[2], ids[1]] == [file["id"] for file in found["data"]]
    assert (True, ids[2], ids[1]) == (found["has_more"], found["first_id"], found["last_id"])
    assert "expires_at" not in found["data"][0]
    last = service.get("/v1/files", ("after_id", ids[1]), **old)
    assert ([ids[0]], False) == ([file["id"] for file in last["data"]], last["has_more"])
    assert "expires_at" not in service.get(f"/v1/files/{ids[0]}", **old)


def test_a_session_scope_has_no_files(service):
    service.upload()
    assert [] == service.get("/v1/files", ("scope_id", "sesn_practice_000001"))["data"]


def test_a_text_file_in_a_message_is_read_and_counted_like_the_text_itself(service):
    said = "The pilot costs 40 euros. Boats over 12 metres need a pilot."
    file = service.upload("pilot.txt", said)
    inline = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": said}}
    by_id, direct = (
        service.say(d, text("What does the pilot cost?")) for d in (document(file["id"]), inline)
    )
    assert direct["content"] == by_id["content"]
    assert "40 euros" in by_id["content"][0]["text"]
    assert direct["usage"] == by_id["usage"]


def test_a_citation_of_a_file_names_the_file(service):
    file = service.upload("pilot.txt", "The pilot costs 40 euros.")
    asked = document(file["id"], citations={"enabled": True}, title="Pilots")
    citation = service.say(asked, text("What does the pilot cost?"))["content"][1]["citations"][0]
    assert (file["id"], "Pilots") == (citation["file_id"], citation["document_title"])


def test_pictures_and_pdfs_are_counted_by_their_size(service):
    with service.sdk() as sdk:
        ids = [
            sdk.files.upload(file=(name, data, kind)).id
            for name, data, kind in (
                ("a.png", PNG, "image/png"),
                ("a.pdf", b"%PDF-1.4 /Type /Page /Type /Page", "application/pdf"),
            )
        ]

        def counted(*content):
            turn = {"role": "user", "content": [*content, text("What is it?")]}
            return sdk.messages.count_tokens(model="claude-haiku-5-5", messages=[turn]).input_tokens

        alone = counted()
        assert 16 == counted(image(ids[0])) - alone
        assert 2 * 2300 == counted(document(ids[1])) - alone
    said = service.say(image(ids[0]), text("What is it?"))["content"][0]["text"]
    assert "PNG of 100 by 100 pixels" in said


def test_a_file_in_a_tool_result_is_read_too(service):
    file = service.upload("pilot.txt", "The pilot costs 40 euros.")
    use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [document(file["id"])]}
    turns = [
        {"role": "user", "content": "What does the pilot cost?"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    assert "40 euros" in service.say(messages=turns)["content"][0]["text"]


@pytest.mark.parametrize("block", [document, image, lambda f: {"type": "container_upload", "file_id": f}])
def test_an_unknown_file_in_a_message_is_not_found(service, block):
    assert (404, None, "File not found: file_nothing") == service.say(block("file_nothing"), tools=[CODE])


def test_a_file_of_another_kind_than_its_block_is_refused(service):
    table, picture = service.upload("a.csv")["id"], service.upload("a.png", PNG)["id"]
    for block in (document(table), document(picture), image(table)):
        status, _, message = service.say(block, text("What is it?"))
        assert 400 == status
        assert message.startswith("messages.0.content.0.source.file_id: The file file_practice_")


def test_a_picture_by_file_has_the_limits_of_any_picture(service):
    large = PNG[:16] + b"\0\0\xff\0\0\0\xff\0"
    assert (400, "image_dimensions_too_large") == service.say(image(service.upload("a.png", large)["id"]))[:2]
    assert 400 == service.say(image(service.upload("b.png", b"no picture")["id"]))[0]


def test_the_official_sdk_uploads_lists_and_deletes(service):
    with service.sdk() as sdk:
        uploaded = [sdk.files.upload(file=(f"{n}.csv", b"a,b", "text/csv")) for n in range(5)]
        uploaded.append(sdk.files.upload(file=("gone.txt", b"x"), expires_in_seconds=3600))
        pages = [*sdk.files.list(limit=2).iter_pages()]
        assert (3, uploaded[::-1]) == (len(pages), [file for page in pages for file in page.data])
        assert uploaded[2] == sdk.files.retrieve_metadata(uploaded[2].id)
        assert 3600 == (uploaded[-1].expires_at - uploaded[-1].created_at).total_seconds()
        assert [uploaded[4], uploaded[1]] == sdk.files.list(ids=[uploaded[1].id, uploaded[4].id]).data
        assert "file_deleted" == sdk.files.delete(uploaded[0].id).type
        with pytest.raises(anthropic.NotFoundError):
            sdk.files.retrieve_metadata(uploaded[0].id)
        with pytest.raises(anthropic.BadRequestError, match="not downloadable"):
            sdk.files.download(uploaded[1].id)
        assert b"a,b\n" * 50_000 == sdk.files.download(made(service)).read()
        assert 1 == len(sdk.beta.files.list(limit=1, betas=["files-api-2025-04-14"]).data)
