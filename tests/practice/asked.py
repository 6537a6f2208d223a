"""How do the tests of the reports write usage, and read what is reported of it?"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from claude_magic.practice import Used
from claude_magic.practice.stored import shelves
from claude_magic.protocol import catalog
from tests.practice.conftest import Api, pairs, read

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
BETA = "analytics-usage-cost-2026-08-24"
FAST = "fast-mode-2026-02-01"
HAIKU, OPUS = "claude-haiku-5-5", "claude-opus-5-5"
USAGE, COST = "analytics/usage", "analytics/cost"
DANA, COURSE = "user_practice_000004", "wrkspc_practice_000001"


def usage(fresh=1000, output=200, **more):
    return {"input_tokens": fresh, "output_tokens": output, "service_tier": "standard", **more}


def written(five=0, hour=0, read=0):
    return {
        "cache_creation_input_tokens": five + hour,
        "cache_creation": {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour},
        "cache_read_input_tokens": read,
    }


def at(day=18, hour=9, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp()


class Asked(Api):
    """A server whose usage a test writes itself, and the shortest way to its reports."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW.timestamp()

    def used(self, when=None, model=HAIKU, use=None, product="messages_api", key=None, workspace=None):
        when = at() if when is None else when
        self.app.used.append(Used(when, model, use or usage(), product, key, workspace))
        return self

    def report(self, path, *, beta=BETA, **params):
        query = pairs({"starting_at": "2026-11-01T00:00:00Z", **params})
        response = self.send("GET", f"/v1/organizations/{path}", query=query, anthropic_beta=beta)
        return read(response) | {"status": response.status}

    def rows(self, path, **params):
        found = self.report(path, **params)
        assert 200 == found["status"], found
        return found["data"]

    def why(self, path, **params):
        found = self.report(path, **params)
        assert 400 == found["status"], found
        return found["error"]["message"]

    def key(self, name, user=None):
        """The id of a new API key, which acts as a user or as nobody."""
        id, principal = f"apikey_practice_{name}", user and {"type": "user_actor", "user_id": user}
        keys = shelves.store(self.app).items["APIKey"]
        place = {"type": "workspace", "workspace_id": COURSE}
        key = {"id": id, "name": name, "status": "active", "principal": principal, "scope": place}
        keys.append(shelves.Item({"api_key_id": id}, {**keys[0].value, **key}))
        return id


def cents(rows):
    return sum((Decimal(row["cost"]["amount"]) for row in rows), Decimal(0))


def total(used):
    return (
        sum(catalog.cost(u.usage, u.model, at=datetime.fromtimestamp(u.at, UTC).date()) for u in used) * 100
    )
