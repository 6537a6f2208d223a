"""How many tokens does a body take: as the service counts them, or as we estimate?

The service counts free of charge, so it is asked while it answers. Without a key or a network, for more than
`MOST` bytes, and for what a model would refuse, the rule of `compose.estimate` counts: one token for 4 ASCII
characters or 2.5 bytes of others, 1.3 times as many from Claude 4.7 on, images by size, PDFs by pages.
https://docs.claude.com/en/docs/build-with-claude/token-counting
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.errors import (
    APIConnectionError,
    APIStatusError,
    ConfigError,
    InternalServerError,
    RateLimitError,
    ReplayError,
)
from claude_magic.talk import compose, current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_magic.api.client import Client

COUNTED = {
    "live": "counted by the service",
    "practice": "counted by the practice server",
    "replay": "counted when it was recorded",
}
ESTIMATE = "estimated by length"
SCALED = "estimated from that count"
MOST = 4 * 2**20  # bytes that are sent only to be counted
TEXTS = ("system", "messages", "tools")  # what every model counts
_AWAY = (ConfigError, ReplayError, APIConnectionError, RateLimitError, InternalServerError)


class Count(NamedTuple):
    """Input tokens, and who counted them: a text of `COUNTED`, `SCALED` or `ESTIMATE`."""

    tokens: int
    counted: str

    @property
    def exact(self) -> bool:
        """Whether the service counted."""
        return self.counted in COUNTED.values()


class Counting:
    """Counts bodies; after the first time that the service is away, it estimates."""

    def __init__(self, client: Client | None = None) -> None:
        self._client, self._away = client, False

    def count(self, body: Mapping[str, Any]) -> Count:
        """Return the tokens of a body for its model; raises what the service refuses."""
        guess = Count(compose.estimate(body), ESTIMATE)
        if self._away or len(wire.encode(body)) > MOST:
            return guess
        try:
            client = self._client = self._client or current.client("off")  # a count is not to be recorded
            found = client.messages.count_tokens(**compose.countable(body))
        except _AWAY:
            self._away = True
            return guess
        return Count(int(found["input_tokens"]), COUNTED[current.source_of(client, found)])

    def count_for(self, body: Mapping[str, Any], name: str, known: Count, *, ask: bool) -> Count:
        """Return the tokens of a body for another model, from those `known` where it is not asked for.

        Models with one tokenizer count alike; a picture may still take more tokens in one of them.
        """
        if ask:
            plain = {k: body[k] for k in TEXTS if k in body}
            try:
                return self.count({**plain, "model": name})
            except APIStatusError:  # a model this key may not use: it has a price all the same
                pass
        guess = compose.estimate(body, name) * known.tokens / max(compose.estimate(body), 1)
        return Count(round(guess), SCALED if known.exact else ESTIMATE)
