"""Which requests are the same?

Two are where they ask the same thing of the service, however they were written down and whoever sent them.
Method, path, query, body, API version and betas count; address, credentials, user agent and retries do not.
"""

from __future__ import annotations

import hashlib
import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from claude_magic import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.app import Request

KEY_LENGTH = 32  # hexadecimal digits of a key: 128 bits
LARGEST = 32 * 2**20  # bytes of a body that is read as JSON; a larger one counts byte by byte
WHOLE = 1e15  # below it a number with a fraction of 0 is the whole number


class Asked(NamedTuple):
    """A request without what cannot change its answer.

    `body` is JSON; {"sha256", "bytes"} where it is none; for a form, a list of its parts, files by digest.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    version: str = ""
    betas: tuple[str, ...] = ()
    body: Any = None

    @property
    def key(self) -> str:
        """The canonical hash: 32 hexadecimal digits, the same in every process and on every machine."""
        return hashlib.sha256(_encoder.encode(self)).hexdigest()[:KEY_LENGTH]


def asked(request: Request) -> Asked:
    """Return what a request asks for; header names are in lower case.

    `stream` of a message does not count: its whole answer and its stream say the same.
    """
    headers, path = request.headers, _path(request.path)
    body = _body(request.body, headers.get("content-type", ""))
    if path == "/v1/messages" and request.method == "POST" and type(body) is dict:
        body.pop("stream", None)
    betas = headers.get("anthropic-beta")
    return Asked(
        request.method,
        path,
        # by name alone: the order within a list may be meant
        tuple(sorted(request.query, key=itemgetter(0))) if request.query else (),
        headers.get("anthropic-version", ""),
        tuple(sorted({b.strip() for b in betas.split(",")} - {""})) if betas else (),
        body,
    )


def spellings(asked: Asked) -> Iterator[Asked]:
    """Yield a request as it is, then with each message's text as a list of one block, then as a text alone.

    They ask the same, and were recorded under keys of their own.
    """
    yield asked
    messages = asked.body.get("messages") if isinstance(asked.body, dict) else None
    if not isinstance(messages, list):
        return
    for spelled in (_listed, _alone):
        yield asked._replace(body={**asked.body, "messages": [spelled(message) for message in messages]})


def _listed(message: Any) -> Any:
    text = message.get("content") if isinstance(message, dict) else None
    return {**message, "content": [{"type": "text", "text": text}]} if isinstance(text, str) else message


def _alone(message: Any) -> Any:
    blocks = message.get("content") if isinstance(message, dict) else None
    block = blocks[0] if isinstance(blocks, list) and len(blocks) == 1 else None
    if not isinstance(block, dict) or block.keys() != {"type", "text"}:
        return message
    return {**message, "content": block["text"]}


def sorted_json(value: Any) -> bytes:
    """Write JSON compactly with the keys of every object in order."""
    return _encoder.encode(value)


def digest(data: bytes) -> dict[str, Any]:
    """Return what stands for bytes that are too many to show: their SHA-256 and their number."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _path(path: str) -> str:
    """Return a path from /v1/ on: what comes before it belongs to the address."""
    return path[max(path.find("/v1/"), 0) :].rstrip("/")


def _body(data: bytes, kind: str) -> Any:
    if not data:
        return None
    if kind.startswith("multipart/form-data"):
        return _parts(data, kind) or digest(data)
    if len(data) > LARGEST:
        return digest(data)
    try:
        return _decoder.decode(data)
    except RecursionError:
        return digest(data)
    except ValueError:
        return _unusual(data)


def _unusual(data: bytes) -> Any:
    """Read JSON that spells halves of characters, and bytes that are no JSON."""
    try:
        return wire.decode_plain(data)
    except ValueError:
        return digest(data)


def _number(text: str) -> Any:
    value = float(text)
    if value.is_integer() and abs(value) < WHOLE:
        return int(value)
    return value if abs(value) < float("inf") else text


_decoder = msgspec.json.Decoder(float_hook=_number)
_encoder = msgspec.json.Encoder(order="sorted")
_boundary = re.compile(r'boundary="?([^";]+)')
_names = re.compile(r';\s*(\w+)="?([^";]*)"?')


def _parts(data: bytes, kind: str) -> list[dict[str, Any]]:
    """Return the parts of a form, whatever its boundary is: https://www.rfc-editor.org/rfc/rfc7578."""
    found = _boundary.search(kind)
    if not found:
        return []
    between = b"\r\n--" + found[1].encode()
    return [_part(piece) for piece in (b"\r\n" + data).split(between)[1:-1]]


def _part(piece: bytes) -> dict[str, Any]:
    head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    part: dict[str, Any] = dict(_names.findall(headers.get("content-disposition", "")))
    if "filename" not in part:
        return {**part, "value": content.decode("utf-8", "replace")}
    return {**part, "type": headers.get("content-type", ""), **digest(content)}
