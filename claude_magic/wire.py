"""What do the API's JSON objects look like in Python?

Every object is a `Record`: the dict exactly as it was received, with attribute access. Fields and block types
that are not known today survive a round trip. `Message` and `Usage` are the two with behaviour.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from claude_magic.app import Response

MOST_VALUES = 2_000_000  # brackets and commas of one JSON text: as Python objects they take up to 200 MB
SURELY_FEW = 2**20  # bytes that are not counted
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder()


class Record(dict[str, Any]):
    """A JSON object: a dict whose keys are attributes too.

    `.response` has the HTTP answer it came in (status and headers), or None.
    """

    __slots__ = ("_response",)
    _response: Response | None

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            raise AttributeError(f"no field {name!r}; there are {', '.join(self.keys()) or 'none'}") from None
        if type(value) in _PLAIN:
            value = self[name] = record(value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:
            self[name] = value

    def __delattr__(self, name: str) -> None:
        self.pop(name, None)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(k for k in self.keys() if k.isidentifier())})

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (dict(self),))

    @property
    def response(self) -> Response | None:
        """The HTTP answer this came in: `.status` and `.headers`; None for a part of an answer."""
        return getattr(self, "_response", None)

    def answered(self, response: Response | None) -> Self:
        """Say which HTTP answer this came in."""
        object.__setattr__(self, "_response", response)  # past our own, which looks at the name
        return self

    @property
    def request_id(self) -> str | None:
        """The `request-id` of the answer, to name when asking for help."""
        return self.response.headers.get("request-id") if self.response else dict.get(self, "request_id")

    _request_id = request_id

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts and lists, all the way down."""
        return plain(self)  # type: ignore[no-any-return]

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return JSON text; `indent=None` for one line."""
        text = encode(self.to_dict())
        return (msgspec.json.format(text, indent=indent) if indent is not None else text).decode()

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """Return plain dicts and lists, under the official SDK's name."""
        return self.to_dict()

    def model_dump_json(self, *, indent: int | None = None, **_: Any) -> str:
        """Return JSON text, under the official SDK's name."""
        return self.to_json(indent=indent)

    def _repr_html_(self) -> str:
        from claude_magic.protocol import sheets

        return sheets.view(self)


class Usage(Record):
    """What a call used, in tokens of each kind; `usage + usage` adds every number.

    Fields: https://docs.claude.com/en/api/messages (usage). The three input counts do not overlap.
    """

    __slots__ = ()

    @property
    def total_input_tokens(self) -> int:
        """All input: uncached, written to the cache and read from it."""
        return sum(_count(self.get(f"{how}input_tokens")) for how in ("", "cache_creation_", "cache_read_"))

    @property
    def cache_writes(self) -> tuple[int, int]:
        """Tokens written to the 5-minute and to the 1-hour cache."""
        split = self.get("cache_creation")
        if not isinstance(split, dict):
            return _count(self.get("cache_creation_input_tokens")), 0
        return _count(split.get("ephemeral_5m_input_tokens")), _count(split.get("ephemeral_1h_input_tokens"))

    def __add__(self, other: Mapping[str, Any]) -> Usage:
        return Usage(_sum(self, other))

    def __radd__(self, other: Any) -> Usage:
        return self if other == 0 else Usage(_sum(other, self))

    def cost(self, model: str) -> Decimal | None:
        """Return USD at the catalogue's prices for `model`, or None when a price is not known."""
        from claude_magic.protocol import catalog

        return catalog.cost(self, model)


class Message(Record):
    """An answer of the Messages API: https://docs.claude.com/en/api/messages."""

    __slots__ = ()

    def _blocks(self, kind: str) -> Iterator[Record]:
        return (b for b in self.get("content") or () if isinstance(b, Record) and b.get("type") == kind)

    @property
    def text(self) -> str:
        """The text blocks, joined."""
        return "".join(_text(b.get("text")) for b in self._blocks("text"))

    @property
    def thinking(self) -> str:
        """The thinking blocks' text, joined by blank lines; often empty (see `thinking.display`)."""
        return "\n\n".join(t for b in self._blocks("thinking") if (t := _text(b.get("thinking"))))

    @property
    def tool_calls(self) -> list[Record]:
        """The `tool_use` blocks: each has `.id`, `.name` and `.input`."""
        return list(self._blocks("tool_use"))

    @property
    def citations(self) -> list[Record]:
        """Every citation of every text block, in order."""
        return [c for b in self._blocks("text") for c in b.get("citations") or ()]

    @property
    def cost(self) -> Decimal | None:
        """USD at the catalogue's prices, or None when a price is not known."""
        from claude_magic.protocol import catalog

        return catalog.message_cost(self)

    def _repr_html_(self) -> str:
        from claude_magic.protocol import sheets

        return sheets.message(self.text, self)


_PLAIN = frozenset((dict, list))
# types of blocks that call a tool: each has an `id`, a `name`, and an object as its `input`
CALLS = frozenset(("tool_use", "server_tool_use", "mcp_tool_use"))
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
NO_OBJECT = "INVALID_JSON"


def record(value: Any) -> Any:
    """Return JSON values with every dict a `Record` (a `Message` or `Usage` where it is one)."""
    kind = type(value)
    if kind is list:
        return [record(v) if type(v) in _PLAIN else v for v in value]
    if kind is not dict:
        return value
    made = (Message if value.get("type") == "message" and "role" in value else Record)()
    for key, v in value.items():
        if type(v) in _PLAIN:
            v = record(v)
            if key == "usage" and type(v) is Record:
                v = Usage(v)
        made[key] = v
    return made


def plain(value: Any) -> Any:
    """Return the same JSON values as plain dicts and lists."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def is_message(value: Any) -> bool:
    """Say whether a JSON value can be a message, whatever else is in it."""
    if not isinstance(value, dict):
        return False
    content, usage, reason = (value.get(name) for name in ("content", "usage", "stop_reason"))
    blocks = isinstance(content, list | None) and all(map(is_block, content or ()))
    return blocks and isinstance(usage, dict | None) and isinstance(reason, str | None)


def is_block(value: Any) -> bool:
    """Say whether a JSON value can be a content block, of a type that is known or not."""
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return False
    given = [value.get(name, "") for name in ("text", "thinking") if name == value["type"]]
    given += [value.get(name) for name in ("id", "name") if value["type"] in CALLS]
    return all(isinstance(one, str) for one in given)


def returned(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return blocks as they can be sent back: what came as the arguments of a call is in an object."""
    return [
        {**block, "input": {NO_OBJECT: block.get("input")}}
        if block.get("type") in CALLS and not isinstance(block.get("input"), dict)
        else block
        for block in blocks
    ]


def decode(data: bytes | str) -> Any:
    """Read JSON into Records; raises ValueError (msgspec.DecodeError) where it is none."""
    try:
        return record(decode_plain(data))
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def decode_plain(data: bytes | str) -> Any:
    """Read JSON into plain dicts and lists; raises ValueError where it is none, too deep or too much (S7)."""
    if len(data) > SURELY_FEW:
        counts = map(data.count, "[{,") if isinstance(data, str) else map(data.count, b"[{,")
        if sum(counts) > MOST_VALUES:
            raise ValueError("JSON has too many values")
    try:
        try:
            return _decoder.decode(data)
        except msgspec.DecodeError:
            text = data if isinstance(data, str) else data.decode("utf-8", "replace")
            if "\\ud" not in text.lower():
                raise
        # Its escapes spell halves of characters, each of which becomes U+FFFD; NaN is refused as above.
        return mended(json.loads(text, parse_constant=_decoder.decode))
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def is_json(text: str) -> bool:
    """Say whether a text is JSON that can be read."""
    try:
        decode_plain(text)
    except ValueError:
        return False
    return True


def encode(value: Any) -> bytes:
    """Write JSON, compact, keys in the order given; raises TypeError for what JSON cannot hold.

    Halves of characters, which Python's texts may hold and JSON may not, become U+FFFD.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(mended(value))


def mended(value: Any) -> Any:
    """Return a value with every half of a character replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {mended(k): mended(v) for k, v in value.items()}
    return [mended(v) for v in value] if isinstance(value, list | tuple) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _sum(a: Any, b: Any) -> Any:
    if isinstance(a, dict) or isinstance(b, dict):
        a, b = a or {}, b or {}
        return Record({k: _sum(a.get(k), b.get(k)) for k in {**a, **b}})
    numbers = [n for n in (a, b) if isinstance(n, int | float) and not isinstance(n, bool)]
    return sum(numbers) if numbers else (b if b is not None else a)
