"""How do the tests ask the Admin API of a practice server, with no client in between?"""

from __future__ import annotations

import json

from tests.practice.conftest import pairs

OLD, NEW = "2023-06-01", "2026-10-21"
ADMIN, BILLING, DEVELOPER = (f"user_practice_{n:06}" for n in (1, 3, 4))
OUTSIDER, LAST = (f"user_practice_{n:06}" for n in (11, 12))
COURSE, RESEARCH = "wrkspc_practice_000001", "wrkspc_practice_000003"
DEFAULT = "wrkspc_practice"
DAY = 86_400
SIGN_OUT = "admin-user-sign-out-2026-10-08"
HAIKU = "rl_practice_haiku"


class Admin:
    """An organization's API without a client: each call gives status and body."""

    def __init__(self, api):
        self.api = api

    def ask(self, method, path, body=None, *, version=NEW, key="practice", **query):
        headers = {"anthropic_version": version, "authorization": f"Bearer {key}", "anthropic_beta": SIGN_OUT}
        response = self.api.send(method, f"/v1/organizations/{path}", body, query=pairs(query), **headers)
        return response.status, json.loads(response.body)

    def get(self, path, **query):
        status, body = self.ask("GET", path, **query)
        assert 200 == status, body
        return body

    def post(self, path, **body):
        status, found = self.ask("POST", path, body)
        assert 200 == status, found
        return found

    def ids(self, path, **query):
        return [item["id"] for item in self.get(path, **query)["data"]]

    def refused(self, method, path, body=None, **query):
        """The status, what is wrong, and the error code of a refusal."""
        status, found = self.ask(method, path, body, **query)
        assert 400 <= status, found
        error = found["error"]
        return status, error["message"], error.get("details", {}).get("error_code")
