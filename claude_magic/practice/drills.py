"""Which faults does the practice server act out on request?

A prompt (the last user text) that contains `practice:NAME` in the asker's own words gets the fault of that
name; `practice:429x2` gets it twice, then an answer; `practice:429@5` says to wait 5 seconds. `HELP` lists
them, and a prompt that begins with a name that is none is answered with it. In a batch a drill that refuses
gives an errored result, `silence` makes a request so much later, and `slow` lets it expire after a day.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.practice.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

QUICK_MS = "50"  # milliseconds until a retry of a drill, so that a lesson and a test stay short
MOST_FIGURE = 100_000.0  # seconds, tokens a second, or words


class Drill(NamedTuple):
    """What happens: a refusal with a status, or a way in which the answer goes wrong."""

    help: str
    status: int = 0
    message: str = ""
    details: Mapping[str, Any] = MappingProxyType({})
    way: str = ""


DRILLS = {
    "400": Drill("refused: the request is wrong", 400, "Invalid request"),
    "401": Drill("refused: the key is wrong", 401, "invalid x-api-key"),
    "402": Drill("refused: a payment problem", 402, "There is a problem with the payment"),
    "403": Drill("refused: the key may not do that", 403, "Permission denied"),
    "404": Drill("refused: not found", 404, "Not found"),
    "409": Drill("refused: the state changed; worth another try", 409, "Conflict"),
    "413": Drill("refused: too large", 413, "Request exceeds the maximum size"),
    "429": Drill("refused: too many requests; worth another try", 429, "Rate limit"),
    "500": Drill("the service fails; worth another try", 500, "Internal server error"),
    "504": Drill("the service takes too long; worth another try", 504, "Timeout"),
    "529": Drill("the service is overloaded; worth another try", 529, "Overloaded"),
    "spend-limit": Drill(
        "refused: the month's spend limit is reached",
        429,
        "The monthly spend limit is reached",
        {"error_code": "enforced_spend_limit_reached"},
    ),
    "cut": Drill("the connection breaks in the middle", way="cut"),
    "error-mid-stream": Drill("an error event in the middle of a stream", way="error"),
    "silence": Drill("nothing comes for a while in the middle (60 s, or @SECONDS)", way="silence"),
    "slow": Drill("a slow stream (8 tokens a second, or @TOKENS)", way="slow"),
    "refuse": Drill("the model declines in the middle: stop_reason refusal", way="refuse"),
    "echo": Drill("answers with the rest of the prompt, letter by letter", way="echo"),
    "long": Drill("a long answer (2,000 words, or @WORDS), numbered word by word", way="long"),
}
REQUEST = re.compile(
    rf"practice:({'|'.join(sorted(DRILLS, key=len, reverse=True))})"
    r"(?:x(\d{1,4}))?(?:@(\d+(?:\.\d+)?))?(?![\w@])"
)
BEGINS = re.compile(r"\s*(practice:\w\S{0,39})")
HELD = re.compile(
    r"\n?<(?P<tag>[A-Za-z][\w-]{0,40})(?: [\w-]+=\"(?P<name>[^\"\n]*)\")?[^<>\n]*>\n"
    r"(?P<inside>.*?)\n</(?P=tag)>\n?",
    re.DOTALL,
)
"""A text between tags on lines of their own, such as a notebook's value; its first attribute is its name."""
SPLICED = re.compile(r"<value of=[^<>\n]*>.*?</value>", re.DOTALL)
HELP = "\n".join(f"practice:{name:<18}{drill.help}" for name, drill in DRILLS.items())


class Order(NamedTuple):
    """A drill as ordered: how often, with which figure, and what of the prompt comes after the order."""

    drill: Drill
    times: int | None
    figure: float | None
    rest: str
    name: str


def _own(prompt: str) -> str:
    """Return a prompt with blanks, as many as it takes, in place of all that is not the asker's own words."""
    for pattern in (HELD, SPLICED):
        prompt = pattern.sub(lambda m: " " * len(m.group()), prompt)
    return prompt


def ordered(prompt: str) -> Order | None:
    """Return the drill a prompt orders, or None."""
    own = _own(prompt)
    m = REQUEST.search(own)
    if not m:
        unknown = BEGINS.match(own)
        return Order(Drill("", way="help"), None, None, "", unknown[1]) if unknown else None
    name, times, figure = m.groups()
    amount = min(float(figure), MOST_FIGURE) if figure else None
    after = prompt[m.end() :]
    rest = after[1:] if after[:1] in (" ", "\n") else after
    return Order(DRILLS[name], int(times) if times else None, amount, rest, name)


def plain(prompt: str) -> str:
    """Return a prompt without its order."""
    m = REQUEST.search(_own(prompt))
    return prompt[: m.start()] + prompt[m.end() :] if m else prompt


class Drills:
    """How often each ordered drill has been acted out."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}

    def due(self, prompt: str) -> Order | None:
        """Return the drill to act out now, or None; times that are over start anew."""
        order = ordered(prompt)
        if order is None or order.times is None:
            return order
        done = self._done.get(prompt, 0)
        if done >= order.times:
            self._done.pop(prompt, None)
            return None
        self._done[prompt] = done + 1
        return order


def refusal(order: Order) -> Refusal:
    """Return the refusal a drill is about."""
    headers = {}
    if order.drill.status in (409, 429, 500, 504, 529) and not order.drill.details:
        headers["retry-after-ms"] = QUICK_MS if order.figure is None else f"{order.figure * 1000:g}"
        if order.drill.status == 429:
            headers["retry-after"] = f"{max(1, round(order.figure or 0))}"
    message = f"practice drill, as practice:{order.name} asked: {order.drill.message}"
    return Refusal(order.drill.status, message, headers=headers, **order.drill.details)
