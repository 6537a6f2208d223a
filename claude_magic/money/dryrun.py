"""What would a call take and cost?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import limits
from claude_magic.errors import ConfigError
from claude_magic.grammar.keywords import Keywords, unknown
from claude_magic.looks import views
from claude_magic.protocol import catalog
from claude_magic.talk import caching, compose, current, fitting, question, replaying, uploads
from claude_magic.talk.compare import models_of
from claude_magic.talk.counting import COUNTED, ESTIMATE, Count, Counting
from claude_magic.talk.thread import Thread, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from claude_magic.api.client import Client

__all__ = ["COUNTED", "ESTIMATE", "Cost", "DryRun", "cost", "dry_run"]

RECORDED = "recorded: played, free of charge"
MISSED = "not recorded: it fails"
UPLOAD = "played or it fails: files that are uploaded are not looked up"
NOT_SENT = ("cell", "max_cost", "stream", "watch")
"""Keywords of `ask` that say how it is asked, and change nothing of what is sent."""


class Cost(NamedTuple):
    """What one model would take, for an answer of no tokens and of `max_tokens`; money in USD, None: unknown.

    `counted` says who counted the input; `context_share` is its part of the context window.
    """

    model: str
    input_tokens: int
    counted: str
    max_tokens: int
    low: Decimal | None
    high: Decimal | None
    context_share: float | None


class DryRun(NamedTuple):
    """A call that was not sent: its `body`, and what it would cost; the `asked` models come first.

    With tools, or where an answer has to fit a type, a question may take up to `sends` calls; the costs are
    those of the first.
    """

    body: dict[str, Any]
    input_tokens: int
    counted: str
    costs: tuple[Cost, ...]
    asked: int = 1
    sends: int = 1

    def to_frame(self) -> pd.DataFrame:
        """Return the costs as a DataFrame indexed by model, money in USD; `.attrs` has the rest."""
        import pandas as pd

        frame = pd.DataFrame(self.costs, columns=Cost._fields).set_index("model")
        frame = frame.astype(dict.fromkeys(("low", "high", "context_share"), "float64"))
        frame.attrs |= {name: value for name, value in self._asdict().items() if name != "costs"}
        return views.shown(frame, _columns, repr(self))

    def refused(self, max_cost: Decimal | None) -> list[str]:
        """Return a line where the call would be refused, as it may cost more than `max_cost` USD."""
        high = catalog.added(c.high for c in self.costs[: self.asked])
        if max_cost is None or high is None or high <= max_cost:
            return []
        return [f"It would be refused: it may cost {limits.usd(high)}, more than {limits.usd(max_cost)}."]

    def __repr__(self) -> str:
        chosen = self.costs[0]
        share = f", {_percent(chosen.context_share)} of the context window" if chosen.context_share else ""
        size = f"{self.input_tokens} tokens in ({self.counted}){share}"
        names = chosen.model if self.asked == 1 else f"{self.asked} models together"
        more = f"; up to {self.sends} calls, this is the first" if self.sends > 1 else ""
        return f"{size}; {names}: {self._money()}{more}. Nothing was asked."

    def _money(self) -> str:
        asked = self.costs[: self.asked]
        low, high = (catalog.added(getattr(c, end) for c in asked) for end in ("low", "high"))
        known = [limits.usd(usd) for usd in (low, high) if usd is not None]
        return " to ".join(dict.fromkeys(known)) or "price unknown"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text(repr(self.to_frame()))

    def _repr_html_(self) -> str:
        return str(self.to_frame()._repr_html_())  # type: ignore[operator] # pandas' stubs lack it


def dry_run(
    prompt: compose.Prompt,
    *,
    thread: Thread | str | None = None,
    model: str | None = None,
    compare: Sequence[str] | str = (),
    replay: str | None = None,
    client: Client | None = None,
    **given: Any,
) -> DryRun:
    """Return what `ask` with the same arguments would take and cost, without asking.

    The models are the one asked or those of `compare`, then the newest haiku, sonnet, opus and so on. Tokens
    are counted by the service, free of charge, where a client can reach it; else they are estimated, and each
    row says which. Nothing is uploaded: a file that would be stands in the body with its content, or a word
    for it. Raises what the service refuses.
    """
    if wrong := unknown("dry_run", given, dict.fromkeys((*Keywords.__annotations__, *NOT_SENT))):
        raise wrong
    fitting.check({"thread": thread, "compare": compare, "client": client, **given})
    talk = threads.get(thread) if isinstance(thread, str) else thread or Thread()
    names = models_of(compare) if compare else [model]
    given = {k: v for k, v in given.items() if k not in NOT_SENT}
    ready = question.prepare(prompt, talk, lambda: client or current.client(replay), model=names[0], **given)
    body, calls = unsent(ready, talks=thread is not None)
    counting = Counting(client)
    known = counting.count(body)
    asked = [str(body["model"]), *names[1:]]
    others = [m.id for word in catalog.SHORT if (m := catalog.find(word)) and m.id not in asked]
    counts = [known, *(counting.count_for(body, n, known, ask=n in asked) for n in (*asked[1:], *others))]
    waits = uploads.unsent(ready.body["messages"]) != ready.body["messages"]
    costs = [
        played(body, name, count, RECORDED if held else UPLOAD if waits else MISSED)
        if (held := plays({**body, "model": name}, replay, client)) is not None
        else cost(body, name, count)
        for name, count in zip((*asked, *others), counts, strict=True)
    ]
    sends = ready.max_steps if calls else 2 if ready.form else 1
    return DryRun(body, known.tokens, known.counted, tuple(costs), len(asked), sends)


def unsent(ready: question.Question, *, talks: bool) -> tuple[dict[str, Any], bool]:
    """Return a question's first body, with nothing uploaded for it, and whether it may call functions."""
    body = {**ready.body, "messages": uploads.unsent(ready.body["messages"])}
    calls = bool(ready.toolbox and ready.toolbox.names)
    return caching.marked(body, ready.cache, compose.estimate, talks=talks, calls=calls), calls


def cost(body: Mapping[str, Any], name: str, count: Count, earlier: int = 0) -> Cost:
    """Return what a model takes for a body whose input is counted; `earlier` tokens may come on top of it."""
    model = catalog.find(name)
    most = min(body["max_tokens"], (model and model.max_output_tokens) or body["max_tokens"])
    prices = catalog.price(name)
    known = prices is None or None not in (prices.cache_read, prices.cache_write_5m)
    kept = limits.cached_for(body) if known else None  # then input may be read from the cache, or written
    low = _price(body, name, _least(body, count.tokens, kept))
    whole = count.tokens + earlier
    high = _price(
        body,
        name,
        {
            "output_tokens": most,
            "cache_creation_input_tokens" if kept else "input_tokens": whole,
            "cache_creation": {f"ephemeral_{kept}_input_tokens": whole} if kept else None,
        },
    )
    window = model.context_window if model else None
    share = count.tokens / window if window else None
    return Cost(name, count.tokens, count.counted, most, low, high, share)


def _least(body: Mapping[str, Any], tokens: int, kept: str | None) -> dict[str, Any]:
    """Return the input as it costs least: what came before is read from the cache, a new question is not."""
    if kept is None:
        return {"input_tokens": tokens}
    *before, last = body["messages"]
    if not before:  # the same question may have been asked before
        return {"cache_read_input_tokens": tokens}
    old = compose.estimate({**body, "messages": before}) / max(compose.estimate(body), 1)
    read = min(round(tokens * old), tokens)
    new = tokens - read
    written = next(limits.cache_marks({"messages": [last]}), None) or body.get("cache_control")
    if not written:
        return {"cache_read_input_tokens": read, "input_tokens": new}
    return {
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": new,
        "cache_creation": {f"ephemeral_{kept}_input_tokens": new},
    }


def plays(body: Mapping[str, Any], replay: str | None, client: Client | None = None) -> bool | None:
    """Say whether a recorded answer would be played to this body, False where it fails; None: it costs."""
    try:
        return replaying.is_recorded(client or current.client(replay), body)
    except ConfigError:  # there is nobody to ask
        return None


def played(body: Mapping[str, Any], name: str, count: Count, counted: str = RECORDED) -> Cost:
    """Return what a model takes that is not asked, as its answer is recorded or has to be."""
    return cost(body, name, count)._replace(counted=counted, low=Decimal(0), high=Decimal(0))


def _price(body: Mapping[str, Any], name: str, usage: Mapping[str, Any]) -> Decimal | None:
    told = {"speed": body.get("speed"), "inference_geo": body.get("inference_geo")}
    return catalog.cost({"input_tokens": 0, "output_tokens": 0, **told, **usage}, name)


def _columns(frame: pd.DataFrame) -> list[views.Column]:
    """Return the columns of a frame of costs as texts to read."""
    index = views.column("model", frame.index.to_series())
    return [index, *(views.Column(n, [*map(form, frame[n])], right=True) for n, form in SHOWN.items())]


def _percent(share: float | None) -> str:
    return "" if share is None or share != share else "<0.1%" if share < 0.001 else f"{share:.1%}"  # NaN


def money(amount: Decimal | float | None) -> str:
    """Return an amount in USD to read."""
    return "unknown" if amount is None or amount != amount else limits.usd(Decimal(str(amount)))  # NaN


SHOWN: dict[str, Callable[[Any], str]] = {
    "input_tokens": "{:,}".format,
    "max_tokens": "{:,}".format,
    "low": money,
    "high": money,
    "context_share": _percent,
    "counted": str,
}
