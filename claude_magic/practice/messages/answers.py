"""What does the practice server say?

`draft` decides on content blocks, from the top: a drill or lesson, tool calls, JSON by a schema, quotations
of documents, text in the form asked for. Nothing is random and nothing is known but the prompt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.practice import drills
from claude_magic.practice.messages import fill, fixes, forms, words
from claude_magic.practice.messages.reading import LABEL, Reading, Source, read, wording
from claude_magic.practice.storage import containers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice.drills import Order
    from claude_magic.practice.messages.rules import Call
    from claude_magic.practice.script import Line

USUAL_WORDS = 2_000
GOES_ON = re.compile(r"\s*Go on exactly where you stopped\b")
"""What a notebook asks after an answer that was cut."""
WENT_ON = f"{LABEL} …"
WHOLE, ENOUGH = 1_000, 2  # points of a tool that is named whole, and of one that fits


@dataclass(slots=True)
class Draft:
    """An answer before it is cut to its limits: blocks as in a Message, ids still to come."""

    blocks: list[dict[str, Any]]
    thinking: str | None = None
    stop_reason: str = "end_turn"
    stop_details: dict[str, Any] | None = None
    delay: float = 0.0
    way: str = ""
    figure: float | None = None


def draft(call: Call, reading: Reading, order: Order | None, spoken: Line | None) -> Draft:
    """Decide what to answer."""
    ran, told = list[dict[str, Any]](), ""
    if call.room and not (order or spoken or call.choice["type"] == "none"):
        ran, told = containers.work(call.room, reading)
    made = Draft([*ran, *_blocks(call, reading, order, spoken, told)])
    if any(block["type"] == "tool_use" for block in made.blocks):
        made.stop_reason = "tool_use"
    if _thinks(call, reading):
        made.thinking = _thoughts(reading)
    if spoken:
        made.delay = spoken.delay
    if order:
        made.way, made.figure = order.drill.way, order.figure
    if made.way == "refuse":
        why = "practice drill: the answer was stopped here"
        made.stop_reason = "refusal"
        made.stop_details = {"type": "refusal", "category": "general_harms", "explanation": why}
        made.blocks[-1:] = [_half(made.blocks[-1])]
    return made


def _blocks(
    call: Call, reading: Reading, order: Order | None, spoken: Line | None, told: str
) -> list[dict[str, Any]]:
    if order and order.drill.way == "echo":
        return [_text(f"{LABEL}\n\n{order.rest}")]
    if order and order.drill.way == "long":
        numbered = (f"word {n}," for n in range(1, int(order.figure or USUAL_WORDS) // 2 + 1))
        return [_text(f"{LABEL} {' '.join(numbered)}")]
    if order and order.drill.way == "help":
        said = f"{order.name} is no drill. These are:" if order.name != "practice:help" else "The drills are:"
        return [_text(f"{LABEL} {said}\n\n```text\n{drills.HELP}\n```")]
    if spoken:
        return [_tool_use(spoken.tool, spoken.input)] if spoken.tool else [_text(f"{LABEL} {spoken.say}")]
    if calls := list(_tool_calls(call, reading)):
        return calls
    if call.schema is not None:
        text = reading.marked or reading.material or reading.prompt
        return [_text(wire.encode(fill.fill(call.schema, text)).decode())]
    if cited := _cited(reading):
        return cited
    if told:
        return [_text(f"{LABEL} {told}")]
    if GOES_ON.match(reading.prompt):
        return [_text(_rest(call) or f"{LABEL} There is no more: that was all of the answer.")]
    if corrected := fixes.say(reading.prompt):
        return [_text(f"{LABEL} {corrected}")]
    said, alone = forms.say(reading)
    return [_text(said if alone else f"{LABEL} {_led(said)}")]


def _rest(call: Call) -> str:
    """Return what an answer that was cut had still to say; nothing where it was whole."""
    turns, said = call.body["messages"], ""
    while len(turns) > 2 and GOES_ON.match(wording(turns[-1]["content"])):
        said = wording(turns[-2]["content"]).removeprefix(WENT_ON) + said
        turns = turns[:-2]
    first = replace(call, body={**call.body, "messages": turns})
    found = read(first)
    if GOES_ON.match(found.prompt):
        return ""
    order = drills.ordered(found.prompt)
    blocks = _blocks(first, found, order, None, "")
    whole = wording([block for block in blocks if block["type"] == "text"])
    return f"{WENT_ON}{whole[len(said) :]}" if whole.startswith(said) and len(whole) > len(said) else ""


def _led(said: str) -> str:
    """Give a list or a code fence its own paragraph after the label."""
    return f"From the prompt:\n\n{said}" if said.startswith(("- ", "```")) else said


def _text(said: str, citations: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": said, "citations": citations}


def _tool_calls(call: Call, reading: Reading) -> Iterator[dict[str, Any]]:
    """Yield the tool calls an answer makes: forced, or those the prompt speaks of."""
    tools = [t for t in call.body.get("tools") or () if t.get("name") and not t.get("defer_loading")]
    match call.choice["type"]:
        case "none":
            return
        case "tool":
            chosen = [t for t in tools if t["name"] == call.choice["name"]]
        case "any":
            chosen = _fitting(tools, reading) or tools
        case _:
            chosen = [] if reading.results else _fitting(tools, reading)
    single = call.forced or call.choice.get("disable_parallel_tool_use")
    for tool in chosen[:1] if single else chosen:
        yield _tool_use(tool["name"], _arguments(tool, reading))


def _fitting(tools: list[dict[str, Any]], reading: Reading) -> list[dict[str, Any]]:
    """Return the tools the prompt names whole, else the one that shares most words; no server tool."""
    asked, scored = words.name_stems(reading.prompt), []
    for tool in tools:
        if tool.get("type", "custom") == "custom":
            name, described = words.name_stems(tool["name"]), words.name_stems(tool.get("description", ""))
            if name and name <= asked:
                scored.append((WHOLE, tool))
            else:
                scored.append((2 * len(name & asked) + len(described & asked), tool))
    if whole := [tool for score, tool in scored if score == WHOLE]:
        return whole
    best = max(scored, key=itemgetter(0), default=(0, {}))
    return [best[1]] if best[0] >= ENOUGH else []


def _arguments(tool: dict[str, Any], reading: Reading) -> dict[str, Any]:
    made = fill.fill(tool.get("input_schema", {"type": "object"}), reading.prompt)
    return made if isinstance(made, dict) else {}


def _tool_use(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": "", "name": name, "input": arguments, "caller": {"type": "direct"}}


def _cited(reading: Reading) -> list[dict[str, Any]]:
    """Quote the nearest sentences of the documents that are to be cited, each with its citation."""
    sources = [s for s in reading.sources if s.cited and s.text]
    pairs = [(source, n, sentence) for source in sources for n, sentence in _sentences(source)]
    picked = words.best([p[2] for p in pairs], reading.topic, forms.wanted(reading.instructions, 2))
    if not picked:
        return []
    blocks = [_text(f"{LABEL} The documents say: ")]
    for i in picked:
        source, n, sentence = pairs[i]
        blocks.append(_text(f"{sentence.text} ", [_citation(source, n, sentence)]))
    return blocks


def _sentences(source: Source) -> Iterator[tuple[int, words.Sentence]]:
    for n, block in enumerate(source.blocks or (source.text,)):
        for sentence in words.sentences(block):
            yield n, sentence


def _citation(source: Source, n: int, sentence: words.Sentence) -> dict[str, Any]:
    about = {"document_index": source.place, "document_title": source.title, "file_id": source.file_id}
    if source.kind == "document":
        span = {"start_char_index": sentence.start, "end_char_index": sentence.end}
        return {"type": "char_location", "cited_text": sentence.text, **about, **span}
    kind = "content_block_location"
    if source.kind == "search_result":
        kind = "search_result_location"
        about = {"search_result_index": source.place, "source": source.title, "title": source.title}
    span = {"start_block_index": n, "end_block_index": n + 1}
    return {"type": kind, "cited_text": source.blocks[n], **about, **span}


def _thinks(call: Call, reading: Reading) -> bool:
    """Say whether to think: when asked to; adaptive thinking nobody asked for skips prompts this easy."""
    if call.thinking == "between_tools":
        return bool(reading.results)
    return "thinking" in call.body and call.thinking in ("adaptive", "enabled")


def _thoughts(reading: Reading) -> str:
    about = ", ".join(dict.fromkeys(words.stems(reading.topic))) or "nothing in particular"
    places = len(words.sentences(reading.material))
    return (
        f"{LABEL} The question is about: {forms.quote(about)}. There are {places} sentences to look in. "
        "The nearest ones by shared words make the answer."
    )


def _half(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] != "text":
        return _text(f"{LABEL} ")
    return {**block, "text": block["text"][: max(len(LABEL), len(block["text"]) // 2)]}
