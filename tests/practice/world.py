"""What is a valid call of each row of the table, and what must be there before it?"""

from __future__ import annotations

import json
import re
from typing import Any

from claude_magic.practice.stored.objects import KEPT
from claude_magic.practice.stored.shelves import owners
from claude_magic.protocol.endpoints import ENDPOINTS, Endpoint, Param
from tests.practice.conftest import Api, pairs, read, refused
from tests.uploads import form, part

ROWS = sorted(ENDPOINTS.values(), key=lambda row: row.name)
MODEL, TEXT = "claude-haiku-5-5", "What does the pilot cost?\n\nThe pilot costs 40 euros."
ASK = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": TEXT}]}
SAY = {"type": "user.message", "content": [{"type": "text", "text": TEXT}]}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
OAUTH = {"type": "mcp_oauth", "mcp_server_url": "https://mcp.example/", "access_token": "hush"}
BATCH = {"custom_id": "a", "params": ASK}
PLUGIN = [
    (".claude-plugin/plugin.json", b'{"name": "tide", "version": "1", "description": "Tells the tide"}')
]
SKILL = [("tide/SKILL.md", b"---\nname: tide\ndescription: Tells the tide\n---\n")]
DAY, MOMENT = "2026-02-03", "2026-02-03T00:00:00Z"

BODIES: dict[str, dict[str, Any]] = {
    "agents.create": {"model": MODEL},
    "chat.completions.create": ASK,
    "completions.create": {"model": MODEL, "prompt": "\n\nHuman: Hello\n\nAssistant:"},
    "deployments.create": {"initial_events": [SAY]},
    "dreams.create": {"model": MODEL},
    "environments.work.update": {"metadata": {"a": "b"}},
    "messages.batches.create": {"requests": [BATCH]},
    "messages.count_tokens": {"model": MODEL, "messages": ASK["messages"]},
    "messages.create": ASK,
    "memory_stores.memories.create": {"path": "/notes/tide.md"},
    "oauth.token": {
        "grant_type": "refresh_token",
        "refresh_token": "practice-refresh",
        "client_id": "practice",
    },
    "organization.claude_tag.bundles.targets.create": {"type": "slack_channel", "slack_channel_id": "C1"},
    "organization.claude_tag.slack_channels.create": {"slack": {"channel_id": "C1", "workspace_id": "T1"}},
    "organization.compliance_settings.update": {"state": {"type": "enabled"}},
    "organization.external_keys.create": {"provider_config": {"type": "aws", "kms_arn": "practice"}},
    "organization.federation.issuers.create": {"issuer_url": "https://issuer.example"},
    "organization.invites.create": {"email": "new@example.com", "role": "user"},
    "organization.plugin_marketplaces.validate_repository": {"repository_url": "https://github.com/o/r"},
    "organization.service_accounts.workspaces.add": {"workspace_role": "workspace_user"},
    "organization.spend_limits.set": {"amount": "1000", "scope": {"type": "organization"}},
    "organization.spend_limits.increase_requests.approve": {"amount": "1000"},
    "organization.telemetry_destinations.create": {"workspaces": {"type": "all"}},
    "organization.webhooks.create": {"enabled_events": ["external_key.failed"]},
    "organization.workspaces.members.add": {"workspace_role": "workspace_user"},
    "organization.workspaces.members.update": {"workspace_role": "workspace_developer"},
    "organization.workspaces.rate_limits.update": {"limits": [{"type": "requests_per_minute", "value": 1}]},
    "organization.workspaces.service_accounts.add": {"workspace_role": "workspace_user"},
    "organization.workspaces.service_accounts.update": {"workspace_role": "workspace_user"},
    "sessions.events.send": {"events": [SAY]},
    "sessions.resources.add": {"type": "file"},
    "tunnels.certificates.create": {"ca_certificate_pem": PEM},
    "user_profiles.action_urls.create": {"action": {"type": "verify"}},
    "vaults.credentials.create": {"auth": OAUTH},
}
"""What a call needs besides what its parameters' types tell."""
QUERIES = {
    "organization.claude_tag.slack_channels.list": {"slack_workspace_id": "T1"},
    "organization.usage_report.claude_code": {"starting_at": DAY},
    "organization.api_keys.list": {"status": "active"},
    "organization.analytics.summaries.list": {"starting_date": DAY},
    **{
        row.name: {"date": DAY}
        for row in ROWS
        if row.name.startswith("organization.analytics") and {"date"} & set(row.params)
    },
}
FILES = {
    "files.upload": [("tide.txt", b"high")],
    "skills.create": SKILL,
    "skills.versions.create": SKILL,
    "organization.plugins.create": PLUGIN,
    "organization.plugins.versions.create": PLUGIN,
    "organization.plugin_marketplaces.validate_archive": [("market.zip", b"PK")],
}
STEPS = {".cancel": 0, "batches.results": 90_000, "batches.delete": 90_000}
"""Seconds that pass before a call, where a minute is too long or too short."""
OTHER_NAMES = {"issuer_id": "federation_issuer_id", "agent": "agent_id", "served_version_id": "version"}
"""Parameters that name an object by another word than its path does."""
SAMPLES: dict[str, Any] = {
    "str": "practice",
    "int": 1,
    "bool": True,
    "float": 1.0,
    "time": MOMENT,
    "dict": {},
    "any": "practice",
}


class World:
    """A practice server, and what a valid call of each row is."""

    def __init__(self) -> None:
        self.api = Api()
        self.api.now = 1_780_000_000.0
        self.made: dict[str, str] = {}

    def call(self, name: str, body: Any = ..., query: dict[str, Any] | None = None, **names: str) -> Any:
        row = ENDPOINTS[name]
        names = {n: names.get(n) or self.id(n, row) for n in reversed(row.names)}
        self.api.now += next((seconds for end, seconds in STEPS.items() if name.endswith(end)), 60)
        path = re.sub(r"\{(\w+)\}", lambda found: names[found[1]], row.path)
        headers = {"anthropic-beta": ",".join(row.betas) or None}
        wanted = {**QUERIES.get(name, {}), **(query or {})}
        for param in row.params.values():
            if param.query and param.needed:
                wanted.setdefault(param.name, self.sample(param))
        if row.kind == "multipart":
            field = next(p.name + "[]" * p.many for p in row.params.values() if p.type == "file")
            data, headers["content-type"] = form(*(part(field, data, path) for path, data in FILES[name]))
        elif row.method == "POST":
            data = json.dumps(self.body(row) if body is ... else body).encode()
        else:
            data = None
        return self.api.send(row.method, path, data, query=pairs(wanted), **headers)

    def ready(self, row: Endpoint) -> None:
        """Make what the call of a row is about, where that is not an id in its path alone."""
        space, _, verb = row.name.rpartition(".")
        first = next((f"{space}.{v}" for v in ("add", "set") if f"{space}.{v}" in ENDPOINTS), None)
        if space == "environments.work" and "work" not in self.made:
            self.made["work"] = ""
            config = {"name": "mine", "config": {"type": "self_hosted"}}
            self.made["environments environment_id"] = self.told("environments.create", config)["id"]
            self.told("sessions.create")
        if space == "memory_stores.memory_versions" and verb == "list":
            self.id("memory_id")
        if space.endswith(("sessions.events", "threads.events")) and verb != "send":
            self.told("sessions.events.send")
        many = next((n for v in ("create", "upload") if (n := f"{space}.{v}") in ENDPOINTS), first)
        if verb == "list" and space in KEPT and many and "listed" not in self.made:
            self.made |= {"listed": "", **({first: ""} if many == first else {})}
            self.told(many)
        if space == "deployment_runs" and verb == "list":
            self.id("deployment_run_id")
        if (
            first
            and KEPT.get(space, KEPT["organization.plugins.shares"]).prefix == "-"
            and verb in ("retrieve", "update", "delete", "remove")
            and first not in self.made
        ):
            self.made[first] = ""
            self.told(first)

    def told(self, name: str, body: Any = ..., query: dict[str, Any] | None = None, **names: str) -> Any:
        """What a call is answered; a refusal is a failed test."""
        response = self.call(name, body, query, **names)
        found = read(response)
        assert response.status == 200, (name, found)
        return found

    def refusal(
        self, name: str, body: Any = ..., query: dict[str, Any] | None = None, **names: str
    ) -> tuple[int, str]:
        return refused(self.call(name, body, query, **names))

    def body(self, row: Endpoint) -> dict[str, Any]:
        given = dict(BODIES.get(row.name, {}))
        for param in row.params.values():
            if param.needed and not (param.query or param.whole or param.name in given):
                given[param.name] = self.sample(param)
        if row.name == "dreams.create":
            stores, sessions = self.id("memory_store_id"), self.id("session_id")
            given["inputs"] = [
                {"type": "memory_store", "memory_store_id": stores},
                {"type": "sessions", "session_ids": [sessions]},
            ]
        if row.name == "organization.federation.rules.create":
            given |= {
                "match": {"subject_prefix": "practice"},
                "target": {"service_account_id": self.id("service_account_id")},
            }
        return given

    def sample(self, param: Param) -> Any:
        name = OTHER_NAMES.get(param.name, param.name)
        if name in owners() or name == "version":
            return self.id(name)
        if param.many:
            return []
        return param.type.split("|")[0] if "|" in param.type else SAMPLES[param.type]

    def id(self, name: str, row: Endpoint | None = None) -> str:
        """The id of an object that a path parameter names, made on first need."""
        if name in ("model_id", "org_uuid") or (row and row.name.startswith("compliance.")):
            return MODEL
        if name == "target":
            return "organization"
        own = row.name.rpartition(".")[0] if row and name in ("id", "version") else None
        space = own or owners().get(name, "organization.plugins.versions")
        key = f"{space} {name}"
        if key not in self.made:
            self.made[key] = self._id(space, row)
        return self.made[key]

    def _id(self, space: str, row: Endpoint | None) -> str:
        if space == "memory_stores.memory_versions":
            self.told("memory_stores.memories.update", {"content": "low"})
            return self.told(f"{space}.list")["data"][1]["id"]
        if space == "sessions.resources":
            repo = {
                "type": "github_repository",
                "url": "https://github.com/o/r",
                "authorization_token": "hush",
            }
            self.made["sessions session_id"] = self.told(
                "sessions.create", {**self.body(ENDPOINTS["sessions.create"]), "resources": [repo]}
            )["id"]
        verb = next((v for v in ("create", "upload", "set") if f"{space}.{v}" in ENDPOINTS), "list")
        if space == "deployment_runs":
            return self.told("deployments.run")["id"]
        if space == "organization.workspaces.rate_limits":
            space = "organization.rate_limits"
        found = self.told(f"{space}.{verb}")
        return (found["data"][-1 if space == "sessions.resources" else 0] if verb == "list" else found)["id"]
