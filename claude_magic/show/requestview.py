"""What exactly is sent, and what does each part of it take?

Long texts and files are cut, and what is named or shaped like a secret is held back: this is to be looked at.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import limits
from claude_magic.errors import printable
from claude_magic.looks import markup
from claude_magic.looks import parts as looks
from claude_magic.prompts import media, private
from claude_magic.prompts.prompt import tagged
from claude_magic.protocol import catalog
from claude_magic.show.display import mode
from claude_magic.talk import compose

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from claude_magic.prompts.prompt import Rendered

MOST_TEXT = 300  # characters of a text
MOST_FOLDED = 20_000  # of one in a fold
MOST_ITEMS = 40  # of a list; of a longer one both ends are shown
LONG = ("system", "tools", "messages")  # what is folded by itself
HELD_BACK = "[held back: a secret]"
CELL = "padding:1px 12px 1px 0;text-align:left"
NUMBER = "padding:1px 12px 1px 0;text-align:right;font-variant-numeric:tabular-nums"


class Part(NamedTuple):
    """One part of a request: what it is, its tokens, what they cost in USD, and its share of all."""

    what: str
    tokens: int
    usd: Decimal | None
    share: float


class Viewer:
    """Shows each request of a question; of those that follow the first only what is new in them."""

    def __init__(self, rendered: Rendered) -> None:
        self.rendered, self.seen = rendered, 0

    def __call__(self, body: Mapping[str, Any]) -> None:
        """Show a request, in a notebook folded."""
        new, self.seen = self.seen, len(body["messages"])
        if mode() == "terminal":
            print(text(body, self.rendered, new))  # noqa: T201 # a terminal's reader asked for it
            return
        bundle = {
            "text/plain": text(body, self.rendered, new),
            "text/html": as_html(body, self.rendered, new),
        }
        looks.display(bundle, {})


def parts(body: Mapping[str, Any], rendered: Rendered) -> list[Part]:
    """Return what a request is made of, with tokens estimated as for a dry run without a network."""
    model = str(body["model"])
    counted = [(what, tokens) for what, tokens in _counted(body, rendered, model) if tokens > 0]
    total = sum(tokens for _, tokens in counted) or 1
    price = catalog.price(model, total_input_tokens=total, fast=body.get("speed") == "fast")
    each = price.input / 1_000_000 if price and price.input is not None else None
    return [
        Part(private.without_secrets(what), tokens, None if each is None else each * tokens, tokens / total)
        for what, tokens in counted
    ]


def text(body: Mapping[str, Any], rendered: Rendered, seen: int = 0) -> str:
    """Return a request as lines of text, without the messages that were seen."""
    found = parts(body, rendered)
    width = max((len(part.what) for part in found), default=0)
    rows = [
        f"  {part.what:{width}}  {part.tokens:>9,} tokens  {_usd(part.usd):>10}  {part.share:>4.0%}"
        for part in found
    ]
    return printable("\n".join([_title(body, found), *rows, _json(_new(body, seen))]))


def as_html(body: Mapping[str, Any], rendered: Rendered, seen: int = 0) -> str:
    """Return a request as HTML: a table of its parts, and its JSON folded."""
    found, shown = parts(body, rendered), _new(body, seen, MOST_FOLDED)
    rows = "".join(_row(part) for part in found)
    rest = {k: v for k, v in shown.items() if k not in LONG}
    folds = [(_counted_name(name, body), shown[name]) for name in LONG if name in shown]
    folds = [("settings", rest), *folds] if rest else folds
    inside = "".join(looks.fold(name, markup.highlighted(_json(value), "json")) for name, value in folds)
    title = html.escape(printable(_title(body, found)))
    table = f'<table style="border-collapse:collapse;margin:4px 0;{looks.QUIET}">{rows}</table>'
    return f'{looks.BOX}><div style="{looks.LINE}">{title}</div>{table}{inside}</div>'


def shortened(value: Any, name: str = "", most: int = MOST_TEXT) -> Any:
    """Return a JSON value with long texts and files cut, without secrets."""
    if isinstance(value, dict):
        if value.get("type") == "base64" and isinstance(value.get("data"), str):
            size = media.shown_size(len(value["data"]) * 3 // 4)
            return {**value, "data": f"[{size}]"}
        return {private.without_secrets(str(k)): shortened(v, str(k), most) for k, v in value.items()}
    if isinstance(value, list | tuple):
        items = [shortened(v, most=most) for v in value]
        beyond = len(items) - MOST_ITEMS
        ends = (items[: MOST_ITEMS // 2], items[-MOST_ITEMS // 2 :])
        return items if beyond <= 0 else [*ends[0], f"[… {beyond:,} more]", *ends[1]]
    if not isinstance(value, str):
        return value
    if private.is_secret(name, value):
        return HELD_BACK
    safe = private.without_secrets(value)
    left = len(safe) - most
    return safe if left <= 0 else f"{safe[:most]}[… {left:,} characters]"


def _new(body: Mapping[str, Any], seen: int, most: int = MOST_TEXT) -> Any:
    """Return a request to be looked at; of one that follows another only its new messages."""
    if not seen:
        return shortened(body, most=most)
    return {"messages": [f"[… {seen:,} as before]", *shortened(body["messages"][seen:], most=most)]}


def _counted(body: Mapping[str, Any], rendered: Rendered, model: str) -> Iterator[tuple[str, int]]:
    """Yield each part and its tokens; what is left of the last message is the question itself."""
    for name, what in (("system", "system prompt"), ("tools", _counted_name("tools", body))):
        if body.get(name):
            yield what, _tokens({name: body[name]}, model)
    if (body.get("output_config") or {}).get("format"):
        yield "form of the answer", _tokens({"output_config": body["output_config"]}, model)
    messages = list(body["messages"])
    if len(messages) > 1:
        many = f"{len(messages) - 1:,} earlier message{'s' if len(messages) > 2 else ''}"
        yield many, _tokens({"messages": messages[:-1]}, model)
    left = _tokens({"messages": messages[-1:]}, model)
    if _results(messages[-1]):
        yield "results of tools", left
        return
    for name, shown in rendered.shown.items():
        text = tagged(name, shown) if shown.apart else shown.text
        block = shown.block or {"type": "text", "text": text}
        tokens = min(_tokens_of(block, model), left)
        left -= tokens
        yield f"{name}: {shown.what}", tokens
    yield "the question itself", left


def _results(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and all(block.get("type") == "tool_result" for block in content)


def _tokens_of(block: Mapping[str, Any], model: str) -> int:
    message = {"role": "user", "content": [block]}
    return _tokens({"messages": [message]}, model) - compose.MESSAGE


def _tokens(part: Mapping[str, Any], model: str) -> int:
    return compose.estimate({"messages": [], **part}, model)


def _title(body: Mapping[str, Any], found: list[Part]) -> str:
    total, costs = sum(part.tokens for part in found), [part.usd for part in found]
    known = [usd for usd in costs if usd is not None]
    usd = sum(known[1:], known[0]) if known and len(known) == len(costs) else None
    facts = [f"about {total:,} tokens in", _usd(usd), f"at most {body.get('max_tokens', 0):,} out"]
    marks = _marks(body)
    return f"Request to {body['model']}: {', '.join(facts)}{f'; cached up to {marks}' if marks else ''}"


def _marks(body: Mapping[str, Any]) -> str:
    """Return where the marks of the prompt cache are."""
    places = [name for name in ("tools", "system") if _marked(body.get(name))]
    places += [f"message {n:,}" for n, m in enumerate(body["messages"], 1) if _marked(m.get("content"))]
    return ", ".join([*places, *(["the last message"] if body.get("cache_control") else [])])


def _marked(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value.get("cache_control")) or any(map(_marked, value.values()))
    return isinstance(value, list) and any(map(_marked, value))


def _counted_name(name: str, body: Mapping[str, Any]) -> str:
    value = body.get(name)
    if name == "system" or not isinstance(value, list):
        return name
    return f"{len(value):,} {name}" if len(value) != 1 else f"1 {name.removesuffix('s')}"


def _row(part: Part) -> str:
    what = html.escape(printable(part.what))
    cells = (f"{part.tokens:,} tokens", _usd(part.usd), f"{part.share:.0%}")
    numbers = "".join(f'<td style="{NUMBER}">{html.escape(cell)}</td>' for cell in cells)
    return f'<tr style="background:none"><td style="{CELL}">{what}</td>{numbers}</tr>'


def _usd(usd: Decimal | None) -> str:
    return "price unknown" if usd is None else limits.usd(usd)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=repr)
