"""Which HTTP calls exist?

One row per call, named as the official SDK nests it. From a row come the method, its page style, the size
check before sending and whether a repeat is free. Source: https://docs.claude.com/en/api/overview.
"""

from __future__ import annotations

from typing import NamedTuple

MB = 2**20


class Endpoint(NamedTuple):
    """One call: verb, path, the most bytes it takes, whether asking again costs nothing, and its page."""

    name: str
    method: str
    path: str
    most: int = 32 * MB
    free: bool = True
    paging: str | None = None
    doc: str = ""


_DOCS = "https://docs.claude.com/en/api/"
ROWS = (
    Endpoint("messages.create", "POST", "/v1/messages", free=False, doc=_DOCS + "messages"),
    Endpoint(
        "messages.count_tokens", "POST", "/v1/messages/count_tokens", doc=_DOCS + "messages-count-tokens"
    ),
    Endpoint("models.list", "GET", "/v1/models", paging="id", doc=_DOCS + "models-list"),
    Endpoint("models.retrieve", "GET", "/v1/models/{model_id}", doc=_DOCS + "models"),
)
ENDPOINTS = {row.name: row for row in ROWS}
