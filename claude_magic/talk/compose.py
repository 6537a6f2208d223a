"""How do a question and the settings become the parameters of a call?

One place makes the body of every call. What a model cannot do is refused here with the words to type instead;
what the catalogue does not know is sent as it is. Rules:
https://docs.claude.com/en/docs/build-with-claude/effort and
https://docs.claude.com/en/docs/build-with-claude/extended-thinking
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from claude_magic import settings, wire
from claude_magic.errors import InputError
from claude_magic.prompts import sizes
from claude_magic.protocol import catalog
from claude_magic.talk import fitting, history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from claude_magic.grammar.keywords import Attached
    from claude_magic.protocol.catalog import Model
    from claude_magic.settings import Setting
    from claude_magic.talk.thread import Thread

Prompt = str | list[dict[str, Any]]

MESSAGE = 4  # tokens around a message
TOOL_PROMPT = 400  # tokens, where the catalogue knows no figure
LEAST_BUDGET = 1024  # thinking tokens, the least that older models take
NOT_COUNTED = frozenset(
    {"max_tokens", "stream", "metadata", "stop_sequences", "service_tier", "inference_geo", "container"}
)


def blocks(
    prompt: Prompt,
    attach: Attached = (),
    *,
    code: bool = False,
    citations: bool = False,
    tier: str | None = None,
) -> list[dict[str, Any]]:
    """Return the content blocks of a question, files first; raises InputError where there is no question.

    A file is a path, an id, or what the service says of a file; `code` says that code can read any. For
    `citations` and `tier` see `prompt.render`.
    """
    made = _blocks(prompt)
    if attach := attached(attach):
        from claude_magic.prompts.prompt import render

        text = prompt if isinstance(prompt, str) else ""
        shown = render(text, {}, raw=True, attach=attach, code=code, citations=citations, tier=tier).blocks
        made = shown if text else [*shown, *made]
    if not any(b.get("type") != "text" or str(b.get("text", "")).strip() for b in made):
        raise InputError("There is no question", hint="Write it under %%claude, or after %claude.")
    return made


def attached(given: Attached) -> Sequence[Any]:
    """Return what is attached as a list, also where it is one thing: a path, a picture, a frame."""
    if isinstance(given, list | tuple):
        return given
    if isinstance(given, set | frozenset | Iterator):
        return list(given)
    return [] if given is None or (isinstance(given, str) and not given) else [given]


_ASKED = ("A question is a text, or a list of content blocks", "In a list each content block is a dict")


def _blocks(prompt: Any) -> list[dict[str, Any]]:
    if isinstance(prompt, str):
        return [{"type": "text", "text": prompt}]
    given = prompt if isinstance(prompt, list | tuple) else [prompt]
    if wrong := [one for one in given if not isinstance(one, dict)]:
        raise InputError(
            f"{_ASKED[given is prompt]}, and not of type {type(wrong[0]).__name__}",
            hint="Give a text; files, pictures and frames go along with attach=[…].",
        )
    return list(given)


def request(
    thread: Thread,
    user: dict[str, Any] | None,
    *,
    system: str | None = None,
    history_tokens: int | None = None,
    compact: bool | None = None,
    count: Callable[[Mapping[str, Any]], int | None] | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Return the body that asks `user` in a thread; `given` is as for `compose`.

    Of a long history the oldest turns are left out, see `history.fit`; `count` counts a body's tokens.
    """
    settings.load_prices()
    messages = [*thread.messages, *([user] if user else [])]
    body = compose(messages, system=thread.system if system is None else system, **given)
    if body["messages"] is not messages:
        return body  # they are the reader's own, from the `params`
    how: dict[str, Any] = {"history_tokens": history_tokens, "compact": compact, "count": count}
    return history.fit(thread, user, body, estimate, **how)


def compose(
    messages: list[dict[str, Any]],
    *,
    model: str | None = None,
    max_tokens: int | None = None,
    system: str | None = None,
    effort: str | None = None,
    think: bool | None = None,
    params: Mapping[str, Any] | None = None,
    room: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the parameters of `messages.create`; what is None comes from the settings, `params` goes on top.

    `room` is what skills need, see `making.room`; tools among the `params` are added to its own.

    Raises InputError for what the model cannot do, ConfigError for an unusable setting.
    """
    more = {k: v for k, v in _flat(params or {}).items() if k != "stream"}
    fitting.check_fields(more)
    name = settings.model(more.pop("model", None) or model).value
    found = catalog.find(name)
    limit = more.pop("max_tokens", None)
    if limit is not None and type(limit) is not int:
        raise InputError("max_tokens must be a whole number", hint="Give -n 1000, for example.")
    body: dict[str, Any] = {
        "model": name,
        "max_tokens": _max_tokens(found, settings.option("max_tokens", max_tokens))
        if limit is None
        else limit,
        "messages": messages,
    }
    said = settings.option("system").value if system is None else system
    if said:
        body["system"] = said
    level = _effort(found, settings.option("effort", effort))
    if level:
        body["output_config"] = {"effort": level}
    thinking = _thinking(found, settings.option("think", think).value, level, body["max_tokens"])
    if thinking:
        body["thinking"] = thinking
    if isinstance(own := more.get("thinking"), dict) and "type" not in own:  # -p thinking.display=updates
        more["thinking"] = {"type": "adaptive", **(thinking or {}), **own}
    if room:
        more = _in_room(room, more)
    config = {**body.get("output_config", {}), **_mapping(more.get("output_config"))}
    return {**body, **more, **({"output_config": config} if config else {})}


def _flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with those of `extra_body` among them, for a budget must see what is sent."""
    more = params.get("extra_body")
    return (
        {**{k: v for k, v in params.items() if k != "extra_body"}, **more}
        if isinstance(more, dict)
        else {**params}
    )


def _in_room(room: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with what skills need; what the parameters say themselves stays."""
    tools = params.get("tools")
    if isinstance(tools, list | None):
        kinds = [str(tool.get("type")) for tool in tools or () if isinstance(tool, dict)]
        runs = any(kind.startswith("code_execution") for kind in kinds)
        tools = [*([] if runs else room["tools"]), *(tools or ())]
    return {"container": room["container"], **params, "tools": tools}


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _max_tokens(model: Model | None, wanted: Setting) -> int:
    most = model.max_output_tokens if model else None
    if wanted.value < 1:
        raise InputError("max_tokens must be at least 1", hint="Give -n 1000, for example.")
    if model and most and wanted.value > most:
        if wanted.source != "argument":
            return most  # a setting holds for every model, as far as the model goes
        raise InputError(f"{model.id} answers at most {most} tokens", hint=f"Give -n {most} or less.")
    return int(wanted.value)


def _effort(model: Model | None, wanted: Setting) -> str | None:
    level: str | None = wanted.value
    if not level or model is None:
        return level
    levels = model.effort_levels
    if levels is None and model.default_effort is None and model.thinking:  # else it is not known
        if wanted.source != "argument":
            return None  # a setting holds for the models that know efforts
        raise InputError(
            f"{model.id} has no effort to set", hint="Leave out --effort, or use a newer model: -m opus."
        )
    if levels is not None and level not in levels:
        raise InputError(
            f"{model.id} does not know effort {level}", hint=f"Give --effort {' or '.join(levels)}."
        )
    return level


def _thinking(
    model: Model | None, think: bool | None, effort: str | None, most: int
) -> dict[str, Any] | None:
    if think is None:
        return None
    if think:
        return _thinking_on(model, most)
    if model is None or model.thinking is None or model.allows_thinking("disabled", effort):
        return {"type": "disabled"}
    if model.allows_thinking("between_tools", effort):
        return {"type": "between_tools"}
    raise _always_thinks(model)


def _thinking_on(model: Model | None, most: int) -> dict[str, Any]:
    if model is None or model.allows_thinking("adaptive") is not False:
        return {"type": "adaptive", "display": "summarized"}  # asked for, so there should be something to see
    if not model.allows_thinking("enabled"):
        raise InputError(
            f"{model.id} does not think", hint="Leave out --think, or use a newer model: -m opus."
        )
    if most <= LEAST_BUDGET:
        raise InputError(
            f"{model.id} needs more than {LEAST_BUDGET} tokens to think and answer",
            hint="Give -n 4000 or more.",
        )
    return {"type": "enabled", "budget_tokens": max(LEAST_BUDGET, most // 2)}


def _always_thinks(model: Model) -> InputError:
    if any(model.allows_thinking(kind, "high") for kind in ("disabled", "between_tools")):
        return InputError(
            f"{model.id} thinks at efforts above high", hint="Give --effort high or lower with --no-think."
        )
    return InputError(
        f"{model.id} always thinks", hint="Leave out --no-think; --effort low makes it think less."
    )


def notes(body: Mapping[str, Any]) -> list[str]:
    """Return what a reader should know about the model before a call is sent."""
    name = str(body["model"])
    model = catalog.find(name)
    if model is None:
        near = catalog.nearest(name)
        return [
            f"{name} is not in the catalogue; it is sent as it is"
            + (f". Did you mean {near}?" if near else ".")
        ]
    if model.status == "deprecated":
        return [
            f"{name} is deprecated" + (f" and retires on {model.retires_at}." if model.retires_at else ".")
        ]
    return [f"{name} is retired; calls may fail."] if model.status == "retired" else []


def countable(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a body that `messages.count_tokens` takes."""
    return {k: v for k, v in body.items() if k not in NOT_COUNTED}


def estimate(body: Mapping[str, Any], model: str | None = None) -> int:
    """Estimate input tokens: text by `catalog.estimate_tokens`, images by their size, PDFs by their pages."""
    name = model or str(body["model"])
    found = catalog.find(name)
    words = " ".join(
        _text(body[part]) for part in ("system", "messages", "tools", "output_config") if part in body
    )
    total = catalog.estimate_tokens(words, name) + MESSAGE * len(body["messages"]) + _tool_prompt(body, found)
    return total + sum(_attachment(block, found) for block in _sources(body))


def _tool_prompt(body: Mapping[str, Any], model: Model | None) -> int:
    """Return the tokens of what the service says to a model about tools, where there are any."""
    if not body.get("tools"):
        return 0
    chosen = body.get("tool_choice")
    forced = isinstance(chosen, dict) and chosen.get("type") in ("any", "tool")
    known = (model and model.tool_prompt_tokens) or {}
    return known.get("any" if forced else "auto") or TOOL_PROMPT


def _text(value: Any) -> str:
    """Return the words of a JSON value: of messages and texts the content, else names of fields too."""
    if isinstance(value, dict):
        if (value.get("type") == "text" and "data" not in value) or "role" in value:
            return _text(value.get("text") or value.get("content") or "")
        binary = "data" if value.get("type") == "base64" else None
        return " ".join(f"{k} {_text(v)}" for k, v in value.items() if k != binary)
    if isinstance(value, list | tuple):
        return " ".join(_text(v) for v in value)
    return value if isinstance(value, str) else wire.encode(value).decode()


def _sources(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the blocks, however deep, whose source is not text that is there to read."""
    if isinstance(value, dict):
        source = value.get("source")
        if isinstance(source, dict) and source.get("type") in ("base64", "url", "file"):
            yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _sources(item)


def _attachment(block: Mapping[str, Any], model: Model | None) -> int:
    import base64

    try:
        data = base64.b64decode(block["source"].get("data", ""))
    except (ValueError, TypeError):  # the service will say what is wrong with it
        data = b""
    if block.get("type") == "document" and data:
        return sizes.pages(data) * sizes.PDF_PAGE_TOKENS
    return sizes.tokens(sizes.size(data), model.image_tier if model else None)
