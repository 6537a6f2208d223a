"""Which parts does a multipart body have?

Written out because Tornado's parser stops at 100 parts (a skill may have more files), drops the content type
of a part whose file name is empty, and copies each part twice. https://www.rfc-editor.org/rfc/rfc7578
"""

from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING, NamedTuple

from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.app import Request

MOST_HEAD = 16_384  # bytes
BROKEN = "The multipart body is broken: {}"


class Part(NamedTuple):
    """A part: `data` is a view into the request's body, `kind` its content type without parameters."""

    name: str
    data: memoryview
    filename: str | None = None
    kind: str | None = None

    @property
    def text(self) -> str:
        """Return the part as text; raises Refusal."""
        try:
            return str(self.data, "utf-8")
        except UnicodeDecodeError:
            refuse(self.name, "Input should be text in UTF-8")


def read(request: Request) -> list[Part]:
    """Return the parts of a multipart/form-data body in order; raises Refusal."""
    head = _head(f"content-type: {request.headers.get('content-type', '')}")
    boundary = head.get_boundary()
    if head.get_content_type() != "multipart/form-data" or not boundary:
        refuse("", "The content-type should be multipart/form-data with a boundary")
    return [*_parts(request.body, b"--" + boundary.encode("utf-8", "replace"))]


def text(parts: list[Part], name: str) -> str | None:
    """Return the text of the last part of a name, or None; raises Refusal."""
    found = [part for part in parts if part.name == name]
    return found[-1].text if found else None


def _parts(body: bytes, mark: bytes) -> Iterator[Part]:
    view, at = memoryview(body), body.find(mark)
    if at != 0 and body[at - 2 : at] != b"\r\n":
        refuse("", BROKEN.format("no boundary"))
    at += len(mark)
    while body[at : at + 2] != b"--":
        begin = body.find(b"\r\n\r\n", at, at + MOST_HEAD)
        end = body.find(b"\r\n" + mark, begin + 2)
        if body[at : at + 2] != b"\r\n" or begin < 0 or end < 0:
            refuse("", BROKEN.format("a part has no head or no end"))
        yield _part(body[at + 2 : begin], view[begin + 4 : max(begin + 4, end)])
        at = end + 2 + len(mark)


def _part(head: bytes, data: memoryview) -> Part:
    try:
        found = _head(head.decode())
    except UnicodeDecodeError:
        refuse("", BROKEN.format("the head of a part is not UTF-8"))
    name = found.get_param("name", None, "content-disposition")
    if found.get_content_disposition() != "form-data" or not name:
        refuse("", BROKEN.format("a part has no name"))
    kind = found.get_content_type() if found["content-type"] else None
    return Part(str(name), data, found.get_filename(), kind)


def _head(lines: str) -> Message:
    message = Message()
    for line in lines.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip():
            message[name.strip()] = value.strip()
    return message
