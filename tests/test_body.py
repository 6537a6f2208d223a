"""Does whatever is uploaded arrive byte for byte, as often as it is sent, and is bad input stopped before?"""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from claude_magic.errors import InputError, InternalServerError, RequestTooLargeError
from claude_magic.protocol import body
from tests.doors import Asked, Door, error, json
from tests.ways import Field, both, fields, go

TEXT = "Größe;1\r\n--x\r\n"
DATA = TEXT.encode()
MB = 2**20


class Pipe(io.RawIOBase):
    """A stream that cannot go back."""

    def __init__(self, data: bytes) -> None:
        self.held = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.held.readinto(buffer)


def opened(data: bytes, at: int = 0) -> io.BytesIO:
    file = io.BytesIO(data)
    file.seek(at)
    return file


FORMS: dict[str, tuple[Any, tuple[str, str, bytes]]] = {
    "bytes": (DATA, ("upload", body.ANY_TYPE, DATA)),
    "a bytearray": (bytearray(DATA), ("upload", body.ANY_TYPE, DATA)),
    "a view of wide items": (memoryview(DATA[:8]).cast("i"), ("upload", body.ANY_TYPE, DATA[:8])),
    "an open file": (opened(DATA), ("upload", body.ANY_TYPE, DATA)),
    "an open file at an offset": (opened(DATA, 5), ("upload", body.ANY_TYPE, DATA[5:])),
    "an open file at its end": (opened(DATA, 99), ("upload", body.ANY_TYPE, b"")),
    "a text file": (io.StringIO(TEXT, newline=""), ("upload", body.ANY_TYPE, DATA)),
    "a stream that cannot go back": (Pipe(DATA), ("upload", body.ANY_TYPE, DATA)),
    "a name and bytes": (('ü "1".csv', DATA), ("ü %221%22.csv", "text/csv", DATA)),
    "a name and a file": (("a.png", opened(DATA)), ("a.png", "image/png", DATA)),
    "no name": ((None, DATA), ("upload", body.ANY_TYPE, DATA)),
    "a name, bytes and a type": (
        ("a.bin", DATA, 'text/plain; charset="utf-8"'),
        ("a.bin", 'text/plain; charset="utf-8"', DATA),
    ),
    "all four": (("a.bin", DATA, "text/plain", {"X-Part": "1"}), ("a.bin", "text/plain", DATA)),
    "a frame": (pd.DataFrame({"größe": [1, 2]}), ("data.csv", "text/csv", "größe\n1\n2\n".encode())),
    "a frame with an index": (pd.DataFrame({"n": [1]}, index=["a"]), ("data.csv", "text/csv", b",n\na,1\n")),
    "a series": (pd.Series([1, 2], name="n"), ("data.csv", "text/csv", b"n\n1\n2\n")),
}


def sent(asked: Asked, n: int = -1) -> list[Field]:
    request = asked.requests[n]
    assert int(request.headers["content-length"]) == len(request.body)
    return fields(request.headers["content-type"], request.body)


@pytest.mark.parametrize(("given", "wanted"), FORMS.values(), ids=FORMS)
def test_what_is_given_is_what_arrives_each_time_it_is_sent(given, wanted):
    name, kind, data = wanted
    made = body.form({}, [("file", body.part(given))])
    first, again = b"".join(made), b"".join(made)
    assert first == again
    assert len(first) == len(made)
    assert [Field("file", name, kind, data)] == fields(made.kind, first)


def test_a_path_arrives_under_its_name_whether_text_or_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "zwei ü.csv").write_bytes(DATA)
    for given in (tmp_path / "zwei ü.csv", str(tmp_path / "zwei ü.csv"), "~/zwei ü.csv"):
        made = body.form({}, [("file", body.part(given))])
        assert [Field("file", "zwei ü.csv", "text/csv", DATA)] == fields(made.kind, b"".join(made))


def test_a_temporary_text_file_arrives_as_its_bytes():
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8", newline="") as file:
        file.write(TEXT)
        file.seek(0)
        found = body.part(file).content
    assert DATA == b"".join(found.pieces())


def test_a_frame_becomes_parquet_where_the_name_says_so():
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"größe": [1, 2]})
    found = body.part(frame, filename="a.parquet")
    assert "a.parquet" == found.filename
    assert frame.equals(pd.read_parquet(io.BytesIO(b"".join(found.content.pieces()))))


def test_a_frame_that_cannot_be_written_is_one_clear_error():
    class Odd:
        def to_parquet(self, _: Any) -> None:
            raise ImportError("no engine")

    with pytest.raises(InputError, match=r"cannot be written as a\.parquet: no engine"):
        body.part(Odd(), filename="a.parquet")


def _closed() -> Any:
    file = io.BytesIO(DATA)
    file.close()
    return file


REFUSED: dict[str, tuple[Any, str]] = {
    "a file that is not there": ("/nowhere/at all.csv", "does not exist"),
    "a folder": ("/", "is no file"),
    "a device": ("/dev/null", "is no file"),
    "a name with NUL": ("a\0b", "does not exist|cannot be read"),
    "no such user's home": ("~nobody-of-this-name/a", "does not exist|cannot be read"),
    "a number": (5, "An object of type int cannot be uploaded"),
    "None": (None, "type NoneType cannot be uploaded"),
    "an empty tuple": ((), "type tuple cannot be uploaded"),
    "a closed file": (_closed(), "cannot be read: I/O operation on closed file"),
    "a type of nonsense": (("a", b"", "text/plain\r\nX-Evil: 1"), "is not a MIME type"),
}


@pytest.mark.parametrize(("given", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_uploaded_is_one_clear_error(given, told):
    with pytest.raises(InputError, match=told) as caught:
        body.part(given)
    assert caught.value.hint


def test_a_file_open_for_writing_is_one_clear_error(tmp_path):
    with (tmp_path / "a").open("wb") as file, pytest.raises(InputError, match=r"a cannot be read"):
        body.part(file)


def test_a_name_cannot_break_out_of_its_line():
    made = b"".join(body.form({'a"\r\nb': "1"}, [("file", body.part(('x"\r\nX-Evil: 1\r\n\r\n', b"2")))]))
    assert b'name="a%22%0D%0Ab"\r\n\r\n1' in made
    assert b'filename="x%22%0D%0AX-Evil: 1%0D%0A%0D%0A"' in made


def test_a_field_keeps_its_type_and_none_is_left_out():
    made = body.form({"a": "x", "b": 3, "c": True, "d": None, "e": "\ud800"}, [])
    wanted = [("a", b"x"), ("b", b"3"), ("c", b"true"), ("e", b"?")]
    assert wanted == [(part.name, part.data) for part in fields(made.kind, b"".join(made))]


@both
def test_a_resend_after_a_failure_of_the_service_sends_the_same_bytes_again(door: type[Door], tmp_path):
    (tmp_path / "a.csv").write_bytes(DATA * 40_000)
    with (tmp_path / "a.csv").open("rb") as file:
        for given in (tmp_path / "a.csv", file, Pipe(DATA * 40_000), pd.DataFrame({"n": [1]})):
            asked = Asked(error(503, retry_after="0.001"), json({"id": "file_1"}))
            found = go(door(asked), lambda c, given=given: c.files.upload(given, expires_in_seconds=3600))
            assert "file_1" == found.id
            assert 2 == len(asked.requests)
            assert asked.requests[0].body == asked.requests[1].body
            assert Field("expires_in_seconds", None, "None", b"3600") == sent(asked)[0]
            assert sent(asked)[1].data in (DATA * 40_000, b"n\n1\n")


@both
def test_a_file_that_shrinks_or_goes_while_it_is_sent_is_one_clear_error(door: type[Door], tmp_path):
    path = tmp_path / "a.bin"
    for change, told in (
        (lambda: os.truncate(path, 5), "became shorter"),
        (path.unlink, "a.bin cannot be read"),
    ):
        path.write_bytes(DATA)
        asked = Asked(json({}))
        given = body.part(path)
        change()
        with pytest.raises(InputError, match=told):
            go(door(asked), lambda c, given=given: c.files.upload(given))
        assert [] == asked.requests


@both
def test_a_file_that_grows_while_it_is_sent_is_sent_as_it_was(door: type[Door], tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    given, asked = body.part(path), Asked(json({"id": "file_1"}))
    path.write_bytes(DATA * 2)
    go(door(asked), lambda c: c.files.upload(given))
    assert DATA == sent(asked)[0].data


LIMITS = {
    "500 MB of a file": (lambda c, file: c.files.upload(file), 500),
    "32 MB of a bundle": (lambda c, file: c.organization.plugins.create(files=[file]), 32),
    "32 MB of an archive": (
        lambda c, file: c.organization.plugin_marketplaces.validate_archive(archive=file),
        32,
    ),
}


@both
@pytest.mark.parametrize(("ask", "most"), LIMITS.values(), ids=LIMITS)
def test_a_file_over_the_limit_is_not_sent_and_one_at_the_limit_is(door: type[Door], ask, most, tmp_path):
    path = tmp_path / "a.bin"
    path.touch()
    os.truncate(path, most * MB + 1)
    asked = Asked(error(400))
    with pytest.raises(RequestTooLargeError, match=f"takes {most} MB. Nothing was sent"):
        go(door(asked), lambda c: ask(c, path))
    assert [] == asked.requests
    os.truncate(path, most * MB)
    made = body.form({}, [("file", body.part(path))])
    assert most * MB == made.held < len(made)


def test_a_stream_longer_than_any_call_takes_is_stopped_while_it_is_copied(monkeypatch):
    monkeypatch.setattr(body, "LONGEST", 100)
    with pytest.raises(InputError, match="more to send than any call takes"):
        body.part(Pipe(b"x" * 101))


def test_a_full_disk_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(body, "IN_MEMORY", 1)
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_, **__: full)
        with pytest.raises(InputError, match="no room for what is to be sent: No space left on device"):
            body.spooled([b"xx", b"yy"])


def test_json_with_a_long_list_is_json_each_time():
    for values in ([], [b"1"], [b"1", b'{"a":[]}']):
        made = body.json_object({"a": "ü", "list": body.json_list(iter(values)), "z": None})
        assert (
            '{"a":"ü","list":[%s],"z":null}'.encode() % b",".join(values) == b"".join(made) == b"".join(made)
        )


@both
def test_a_failure_after_all_sends_names_the_last_status(door: type[Door]):
    asked = Asked(error(503, retry_after="0.001"))
    with pytest.raises(InternalServerError) as caught:
        go(door(asked), lambda c: c.files.upload(DATA))
    assert [False] * 3 == [attempt.possibly_billed for attempt in caught.value.attempts]
    assert 3 == len(asked.requests)
