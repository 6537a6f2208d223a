"""What would a call take and cost?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import catalog, compose, current, limits, making, uploads
from claude_magic.errors import APIConnectionError, ConfigError
from claude_magic.thread import Thread, threads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    import pandas as pd

    from claude_magic.client import Client

COUNTED = {"live": "counted by the service", "practice": "counted by the practice server"}
ESTIMATE = "estimated by length"


class Cost(NamedTuple):
    """What one model would take: USD without an answer and for the longest, share of the context window."""

    model: str
    input_tokens: int
    low: Decimal | None
    high: Decimal | None
    context_share: float | None


class DryRun(NamedTuple):
    """A call that was not sent: its `body`, and what it would cost; the model chosen comes first."""

    body: dict[str, Any]
    input_tokens: int
    counted: str
    costs: tuple[Cost, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the costs as a DataFrame indexed by model; money in USD."""
        import pandas as pd

        return pd.DataFrame(self.costs).set_index("model")

    def __repr__(self) -> str:
        chosen = self.costs[0]
        money = " to ".join(limits.usd(usd) for usd in (chosen.low, chosen.high) if usd is not None)
        share = "" if chosen.context_share is None else f", {chosen.context_share:.1%} of the context window"
        size = f"{self.input_tokens} tokens in ({self.counted}){share}"
        return f"{size}; {chosen.model}: {money or 'price unknown'}. Nothing was asked."


def dry_run(
    prompt: compose.Prompt,
    *,
    thread: Thread | str | None = None,
    attach: Sequence[str | Path | Mapping[str, Any]] = (),
    skills: Sequence[str] | str = (),
    system: str | None = None,
    client: Client | None = None,
    **given: Any,
) -> DryRun:
    """Return what `ask` with the same arguments would take and cost, without asking.

    Tokens are counted by the service, free of charge, where a client can reach it; else they are estimated.
    Nothing is uploaded: a file that would be stands in the body with its content, or a word for it.
    """
    talk = threads.get(thread) if isinstance(thread, str) else thread or Thread()
    wanted = making.skills(skills, lambda: client or current.client(), talk.skills)
    user = talk.ask(compose.blocks(prompt, attach, code=bool(wanted)))
    body = compose.request(talk, user, system=system, room=making.room(wanted, talk.container), **given)
    body["messages"] = uploads.unsent(body["messages"])
    guess = compose.estimate(body)
    tokens, how = _counted(body, client) or (guess, ESTIMATE)
    scale = tokens / max(guess, 1)
    others = [m.id for word in catalog.SHORT if (m := catalog.find(word)) and m.id != body["model"]]
    costs = [_cost(body, str(body["model"]), tokens)]
    costs += [_cost(body, name, round(compose.estimate(body, name) * scale)) for name in others]
    return DryRun(body, tokens, how, tuple(costs))


def _counted(body: Mapping[str, Any], client: Client | None) -> tuple[int, str] | None:
    try:
        client = client or current.client()
        found = client.messages.count_tokens(**compose.countable(body))
    except (ConfigError, APIConnectionError):  # no key or no network: nothing to count with
        return None
    return int(found["input_tokens"]), COUNTED[current.source_of(client, found)]


def _cost(body: Mapping[str, Any], name: str, tokens: int) -> Cost:
    model = catalog.find(name)
    most = min(body["max_tokens"], (model and model.max_output_tokens) or body["max_tokens"])
    usage = {"input_tokens": tokens, "speed": body.get("speed"), "inference_geo": body.get("inference_geo")}
    low, high = (catalog.cost({**usage, "output_tokens": n}, name) for n in (0, most))
    window = model.context_window if model else None
    return Cost(name, tokens, low, high, tokens / window if window else None)
