"""What do the requests of all rows have in common, and which key does each have?

The common part is made and written as JSON once. A row whose question is only text costs no more than that
text: its key is the hash of what comes before it, of itself, and of what comes after.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.api.parameters import note_unknown
from claude_magic.api.resources import CREATE
from claude_magic.app import Request
from claude_magic.protocol import canonical, catalog
from claude_magic.rows.asked.examples import listed
from claude_magic.rows.asked.template import Unfit
from claude_magic.talk import caching, compose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from claude_magic.talk.forms import Form

HERE = "\x00the row\x00"  # stands for the text of a row
BYTES = 4  # of a character in UTF-8, at most: a token is a byte at least
SURE = 1.5  # times a model's context window: an estimate beyond that is right
JSON = {"content-type": "application/json"}


class Requests:
    """The requests of rows that have the same parameters."""

    def __init__(
        self,
        given: Mapping[str, Any],
        turns: Sequence[dict[str, Any]],
        form: Form | None,
        *,
        cache: str,
        version: str,
        betas: Sequence[str] = (),
    ) -> None:
        question: dict[str, Any] = {"role": "user", "content": []}
        body = compose.compose([*turns, question], **given)
        body = form.into(body, question) if form else body
        self._after = list(question["content"])  # what a model has to be told in words
        several = bool(turns)
        self._body = caching.marked(
            {**body, "messages": body["messages"][:-1]}, cache, compose.estimate, talks=several, calls=several
        )
        for name in self._body.keys() - CREATE.params.keys():
            note_unknown(CREATE, name, version)
        self._headers = {**JSON, "anthropic-version": version, "anthropic-beta": ",".join(betas)}
        self._before, self._behind = self._halves()
        model = catalog.find(self.model)
        self.window = (model and model.context_window) or 0
        self._own = compose.estimate(self.body("")) if self.window else 0

    @property
    def model(self) -> str:
        """The model's id."""
        return str(self._body["model"])

    def body(self, content: str | list[dict[str, Any]]) -> dict[str, Any]:
        """Return the body that asks this."""
        question = {"role": "user", "content": [*listed(content), *self._after]}
        return {**self._body, "messages": [*self._body["messages"], question]}

    def key(self, content: str | list[dict[str, Any]]) -> str:
        """Return the canonical hash of the request that asks this."""
        if not isinstance(content, str):
            return self._asked(content).key
        made = self._before.copy()
        made.update(wire.encode(content))
        made.update(self._behind)
        return str(made.hexdigest()[: canonical.KEY_LENGTH])

    def check_length(self, text: str) -> None:
        """Raise Unfit for a text that surely is more than the model reads."""
        if not self.window or len(text) * BYTES < self.window - self._own:
            return
        tokens = catalog.estimate_tokens(text, self.model) + self._own
        if tokens > SURE * self.window:
            why = f"The prompt has about {tokens:,} tokens, and {self.model} takes {self.window:,}"
            raise Unfit("prompt_too_long", why)

    def _asked(self, content: str | list[dict[str, Any]]) -> canonical.Asked:
        data = wire.encode(self.body(content))
        return canonical.asked(Request("POST", "/v1/messages", (), self._headers, data))

    def _halves(self) -> tuple[Any, bytes]:
        """Return the hash of what comes before a row's text, and what comes after it."""
        whole = canonical.sorted_json(self._asked(HERE))
        before, behind = whole.rsplit(wire.encode(HERE), 1)
        return hashlib.sha256(before), behind
