"""Is every stream of bytes read as the specification says, however it is cut?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic.errors import StreamError
from claude_magic.protocol import sse
from claude_magic.protocol.sse import BOM, Decoder

FRAME = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0}\n\n'
EVENT = ("content_block_delta", b'{"type":"content_block_delta","index":0}')

CASES = {
    "one frame": (FRAME, [EVENT]),
    "many frames": (FRAME * 3, [EVENT] * 3),
    "byte order mark": (BOM + FRAME, [EVENT]),
    "a second byte order mark is no field": (BOM + BOM + b"data: x\n\n" + FRAME, [EVENT]),
    "comments": (b": hello\n\n:\n" + FRAME.replace(b"data:", b": between\ndata:"), [EVENT]),
    "id and retry": (b"id: 7\nretry: 10\n" + FRAME, [EVENT]),
    "data of several lines": (b"event: ping\ndata: a\ndata:\ndata: b\n\n", [("ping", b"a\n\nb")]),
    "data before the name": (b"data: {}\nevent: ping\n\n", [("ping", b"{}")]),
    "no name": (b"data: {}\n\n", [("", b"{}")]),
    "the last name counts": (b"event: a\nevent: b\ndata: 1\n\n", [("b", b"1")]),
    "no space after the colon": (b"event:ping\ndata:{}\n\n", [("ping", b"{}")]),
    "one space is taken, not two": (b"event: ping\ndata:  x\n\n", [("ping", b" x")]),
    "empty data": (b"event: ping\ndata\n\n", [("ping", b"")]),
    "no data is no event": (b"event: ping\n\ndata: x\n\n", [("", b"x")]),
    "an unknown field": (b"colour: red\n" + FRAME, [EVENT]),
    "an unknown name": (b"event: r\xc3\xa9sum\xc3\xa9\ndata: 1\n\n", [("résumé", b"1")]),
    "blank lines between": (b"\n\n\n" + FRAME + b"\n\n\n" + FRAME, [EVENT, EVENT]),
    "a line that only looks like a frame": (b"xevent: ping\ndata: 1\n\n", [("", b"1")]),
    "not ASCII": ("event: ping\ndata: π≈3\n\n".encode(), [("ping", "π≈3".encode())]),
    "an unfinished frame": (FRAME + b"event: ping\ndata: {}\n", [EVENT]),
    "nothing": (b"", []),
}
every_case = pytest.mark.parametrize(("data", "events"), CASES.values(), ids=CASES.keys())
LINE_ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}
every_line_end = pytest.mark.parametrize("line_end", LINE_ENDS.values(), ids=LINE_ENDS.keys())


def read(pieces, **options):
    decoder, bare = Decoder(**options), Decoder(**options)
    events, data = [], []
    for piece in pieces:
        events += decoder.feed(piece)
        data += bare.feed_data(piece)
    assert [text for _, text in events] == data
    return events + decoder.feed(b"")


def by_the_book(data):
    """Read a whole stream line by line, in the words of the specification."""
    text = data.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, name, lines = [], "", []
    for line in text.split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if line == b"":
            if lines:
                events.append((name, b"\n".join(lines).decode("utf-8", "replace").encode()))
            name, lines = "", []
        elif field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return events


@every_case
@every_line_end
def test_s2_a_stream_cut_at_any_byte_gives_the_same_events(data, events, line_end):
    data = data.replace(b"\n", line_end)
    assert all(events == read([data[:i], data[i:]]) for i in range(len(data) + 1))


@every_case
@every_line_end
def test_s2_a_stream_that_comes_byte_by_byte_gives_the_same_events(data, events, line_end):
    data = data.replace(b"\n", line_end)
    assert events == read([data[i : i + 1] for i in range(len(data))])


words = st.sampled_from(
    [b"\n", b"\r", b"event: ping", b"data: {}", b"data", b":", b" ", b"x", b"\xc3", b"\xa9", BOM, FRAME]
)


@given(st.lists(words, max_size=30).map(b"".join), st.lists(st.integers(0, 200), max_size=12))
def test_s2_any_bytes_cut_anywhere_are_read_by_the_book(data, cuts):
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert by_the_book(data) == read(pieces)


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_s7_whatever_arrives_data_is_valid_unicode(pieces):
    assert all(isinstance(data.decode(), str) for _, data in read([b"data: ", *pieces, b"\n\n"]))


def test_s7_bytes_that_are_not_utf8_are_replaced():
    frame = b'event: ping\ndata: "a\xffb"\n\n'
    assert [("ping", '"a\ufffdb"'.encode())] * 2 == read([frame, b"id: 1\n" + frame])


def test_an_event_is_handed_out_as_soon_as_its_blank_line_is_there():
    decoder = Decoder()
    assert [EVENT] == decoder.feed(FRAME.replace(b"\n", b"\r"))
    assert [] == decoder.feed(b"\n")
    assert [] == decoder.feed(FRAME[:-1])
    assert [EVENT] == decoder.feed(b"\n")


def test_an_event_of_the_limit_is_read_and_one_byte_more_is_an_error_wherever_it_is_cut():
    fits = b"data: " + b"x" * 14
    for cut in range(len(fits) + 3):
        whole = fits + b"\n\n"
        assert [("", b"x" * 14)] == read([whole[:cut], whole[cut:]], limit=20)
        whole = fits + b"x\n\n"
        with pytest.raises(StreamError):
            read([whole[:cut], whole[cut:]], limit=20)


def test_an_event_over_the_limit_is_one_error_that_says_what_to_do():
    decoder = Decoder(limit=100)
    with pytest.raises(StreamError) as caught:
        decoder.feed(b"data: " + b"x" * 200)
    with pytest.raises(StreamError):
        decoder.feed(FRAME)
    assert ("One event of the stream is larger than 100 bytes", True) == (
        caught.value.message,
        bool(caught.value.hint),
    )


@pytest.mark.parametrize("size", [1, 50, 1000])
def test_s2_events_before_one_over_the_limit_are_handed_out_first(size):
    data, decoder, events = FRAME + FRAME + b"data: " + b"x" * 500 + b"\n\n" + FRAME, Decoder(limit=100), []
    try:
        for i in range(0, len(data), size):
            events += decoder.feed(data[i : i + size])
    except StreamError:
        pass
    with pytest.raises(StreamError):
        decoder.feed(b"")
    assert [EVENT, EVENT] == events


def test_many_frames_in_one_read_are_not_one_large_event():
    assert [EVENT] * 10 == read([FRAME * 10], limit=100)


class Counted(bytearray):
    """A buffer that counts how many of its bytes are looked at or copied out."""

    work = 0

    def __bytes__(self):
        Counted.work += len(self)
        return bytes(memoryview(self))

    def __getitem__(self, key):
        found = super().__getitem__(key)
        Counted.work += len(found) if isinstance(key, slice) else 1
        return found


def _counting(name):
    def method(self, *arguments):
        Counted.work += len(self)
        return getattr(bytearray, name)(self, *arguments)

    return method


for _name in ("__contains__", "__add__", "find", "rfind", "index", "split", "replace", "count", "endswith"):
    setattr(Counted, _name, _counting(_name))


def test_a_giant_event_in_small_pieces_costs_work_in_proportion_to_its_size(monkeypatch):
    monkeypatch.setattr(sse, "bytearray", Counted, raising=False)
    monkeypatch.setattr(Counted, "work", 0)
    giant = b"event: ping\ndata: " + b"x\ny" * 50_000 + b"\n\n"
    assert [("ping", b"x")] == read([giant[i : i + 7] for i in range(0, len(giant), 7)])
    assert len(giant) <= Counted.work <= 5 * len(giant)
