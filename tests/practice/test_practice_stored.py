"""Does the practice server answer every row of the table, and as the official SDK expects?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic._models import validate_type

from claude_magic.app import Request
from claude_magic.practice import ANSWERS, Practice
from claude_magic.practice.stored.objects import KEPT
from claude_magic.protocol.endpoints import ENDPOINTS
from tests.practice.conftest import parse, read, whole
from tests.practice.world import MODEL, ROWS, World
from tests.sdkcalls import calls

REFUSED: dict[str, tuple[int, str]] = {
    "files.download": (400, "an uploaded file is not to be had back"),
    **{
        row.name: (404, "nothing is kept of what the Compliance API tells of")
        for row in ROWS
        if row.name.startswith("compliance.") and row.paging is None
    },
}
"""Rows that even a valid call does not get an answer from, and why."""
EMPTY = ("organization.plugins.shares.list",)
"""Lists that no call puts anything into."""


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_valid_call_of_every_row_is_answered_as_the_official_sdk_expects(world, row):
    world.ready(row)
    response = world.call(row.name)
    if row.name in REFUSED:
        status, why = REFUSED[row.name]
        assert (status, True) == (response.status, bool(why)), read(response)
        return
    body = whole(response)
    assert response.status == 200, body
    call = calls().get((row.method, row.path))
    if call is None or row.kind == "binary":
        return
    told = (
        [json.loads(line) for line in body.splitlines()]
        if row.kind == "jsonl"
        else parse(body)
        if body.startswith(b"event")
        else json.loads(body)
    )
    items = told["data"] if row.paging else told if isinstance(told, list) else [told]
    assert items or row.name.rpartition(".")[0] not in KEPT or row.name in EMPTY
    for item in items:
        made = validate_type(type_=call.type, value=item)
        assert row.name in ANSWERS or {*item} == {f.alias or n for n, f in type(made).model_fields.items()}


@pytest.mark.parametrize("odd", [None, 5, "x", [], [5, {}], {"type": 5}, {"type": "x"}, True], ids=repr)
def test_no_value_of_any_field_makes_the_server_raise(odd):
    for row in ROWS:
        if row.method == "POST" and row.kind != "multipart":
            world = World()
            world.ready(row)
            body = world.body(row)
            sent = [world.call(row.name, {**body, name: odd}).status for name in {**row.params, **body}]
            assert {200, 400, 403, 404, 409, 412} >= {*sent}, row.name


def made(world: World, name: str = "vaults.create", **body: Any) -> Any:
    return world.told(name, {"display_name": "mine", **body})


def test_a_beta_endpoint_asks_for_its_beta(world):
    response = world.api.send("GET", "/v1/vaults")
    assert 400 == response.status
    assert "'managed-agents-2026-04-01'" in read(response)["error"]["message"]
    both = "agent-memory-2026-07-22,managed-agents-2026-04-01"
    sent = [
        world.api.send("GET", "/v1/memory_stores", anthropic_beta=b).status for b in (both, *both.split(","))
    ]
    assert [400, 200, 200] == sent


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("vaults.create", {}, "display_name: Field required"),
        ("vaults.create", {"display_name": None}, "display_name: Field required"),
        ("vaults.create", {"display_name": 7}, "display_name: Input should be a valid string"),
        ("vaults.create", {"display_name": "a", "color": "red"}, "color: Extra inputs are not permitted"),
        ("vaults.create", {"display_name": "a", "id": "vlt_1"}, "id: Extra inputs are not permitted"),
        (
            "vaults.create",
            {"display_name": "a", "metadata": {"n": 1}},
            "metadata.n: Input should be a valid string",
        ),
        (
            "vaults.credentials.create",
            {"auth": {"type": "magic"}},
            "auth: Input should have a type of 'mcp_oauth'",
        ),
        ("vaults.credentials.create", {"auth": {"type": "mcp_oauth"}}, "auth.mcp_server_url: Field required"),
        ("agents.create", {"name": "a", "model": {"speed": "fast"}}, "model.id: Field required"),
        (
            "agents.create",
            {"name": "a", "model": MODEL, "tools": [{"type": "custom", "name": "b"}]},
            "tools.0.description",
        ),
        ("agents.create", {"name": "a", "model": "claude-nothing"}, "claude-nothing"),
        (
            "environments.create",
            {"name": "a", "scope": "moon"},
            "scope: Input should be 'organization' or 'account'",
        ),
        (
            "organization.webhooks.create",
            {"url": "https://a.example", "enabled_events": ["tea"]},
            "enabled_events.0",
        ),
        (
            "tunnels.certificates.create",
            {"ca_certificate_pem": "-----BEGIN PRIVATE KEY-----"},
            "ca_certificate_pem",
        ),
        ("oauth.token", {"grant_type": "password"}, "grant_type: Input should be"),
        ("oauth.token", {"grant_type": "refresh_token"}, "refresh_token: Field required"),
        (
            "sessions.events.send",
            {"events": [{"type": "agent.message"}]},
            "events.0: Input should have a type of",
        ),
        ("dreams.create", {"model": MODEL, "inputs": []}, "inputs: should be one memory_store"),
    ],
)
def test_a_body_is_checked_field_by_field(world, name, body, message):
    status, found = world.refusal(name, body)
    assert (True, found) == (status in (400, 404), found)
    assert message in found


def test_an_object_that_is_not_there_is_not_found(world):
    assert (404, "vault vlt_1 not found") == world.refusal("vaults.retrieve", vault_id="vlt_1")
    assert (404, "vault vlt_1 not found") == world.refusal("vaults.credentials.list", vault_id="vlt_1")
    agent = {"agent": world.id("agent_id"), "environment_id": "env_1"}
    assert (404, "environment env_1 not found") == world.refusal("sessions.create", agent)


def test_an_object_belongs_to_its_parent(world):
    first, second = made(world)["id"], made(world)["id"]
    kept = world.told("vaults.credentials.create", vault_id=first)["id"]
    assert [kept] == [c["id"] for c in world.told("vaults.credentials.list", vault_id=first)["data"]]
    assert [] == world.told("vaults.credentials.list", vault_id=second)["data"]
    assert 404 == world.call("vaults.credentials.retrieve", vault_id=second, credential_id=kept).status


def test_an_object_lives_until_it_is_deleted(world):
    vault = made(world, metadata={"a": "1", "b": "2"})
    assert vault == world.told("vaults.retrieve", vault_id=vault["id"])
    patch = {"display_name": "ours", "metadata": {"a": None, "c": "3"}}
    changed = world.told("vaults.update", patch, vault_id=vault["id"])
    assert ("ours", {"b": "2", "c": "3"}) == (changed["display_name"], changed["metadata"])
    assert vault["updated_at"] < changed["updated_at"] and vault["created_at"] == changed["created_at"]
    assert {"id": vault["id"], "type": "vault_deleted"} == world.told("vaults.delete", vault_id=vault["id"])
    assert 404 == world.call("vaults.retrieve", vault_id=vault["id"]).status


def test_what_is_archived_is_final_and_hidden(world):
    vault = made(world)["id"]
    first = world.told("vaults.archive", vault_id=vault)
    assert first == world.told("vaults.archive", vault_id=vault)
    assert (400, f"{vault} is archived") == world.refusal(
        "vaults.update", {"display_name": "x"}, vault_id=vault
    )
    assert [] == world.told("vaults.list")["data"]
    assert [vault] == [v["id"] for v in world.told("vaults.list", query={"include_archived": "true"})["data"]]
    session = {**world.body(ENDPOINTS["sessions.create"]), "vault_ids": [vault]}
    assert (400, f"vault_ids: {vault} is archived") == world.refusal("sessions.create", session)


def test_a_list_is_paged_newest_first_and_filtered(world):
    ids = [world.told("agents.create", {"name": f"a{n}", "model": MODEL})["id"] for n in range(5)]
    seen, query = [], {"limit": "2"}
    for _ in range(3):
        page = world.told("agents.list", query=query)
        seen += [agent["id"] for agent in page["data"]]
        query["page"] = page["next_page"]
    assert (ids[::-1], None) == (seen, page["next_page"])
    middle = world.told("agents.retrieve", agent_id=ids[2])["created_at"]
    for sign, wanted in {"gte": ids[2:], "gt": ids[3:], "lte": ids[:3], "lt": ids[:2]}.items():
        page = world.told("agents.list", query={f"created_at[{sign}]": middle})
        assert wanted == [agent["id"] for agent in page["data"]][::-1]
    assert 400 == world.call("agents.list", query={"created_at[gte]": "noon"}).status


def test_a_secret_is_told_once_and_is_plainly_none(world):
    hook = world.told("organization.webhooks.create")
    assert hook["signing_secret"].startswith("practice-")
    assert "signing_secret" not in world.told(
        "organization.webhooks.retrieve", webhook_endpoint_id=hook["id"]
    )
    fresh = world.told("organization.webhooks.regenerate_signing_secret", webhook_endpoint_id=hook["id"])
    assert fresh["signing_secret"] not in ("", hook["signing_secret"])
    first, again = (world.told("tunnels.reveal_token")["tunnel_token"] for _ in "ab")
    assert first == again != world.told("tunnels.rotate_token")["tunnel_token"]
    assert "hush" not in json.dumps(
        [made(world), world.told("vaults.credentials.create"), world.told("vaults.credentials.list")]
    )
    assert world.told("oauth.token")["access_token"].startswith("practice-")


def test_a_raise_of_a_limit_is_decided_once(world):
    wanted = world.told("organization.spend_limits.increase_requests.list")["data"][0]
    given = world.told("organization.spend_limits.increase_requests.approve", {"amount": "500"})
    assert ("pending", "approved", "500") == (
        wanted["status"],
        given["status"],
        given["spend_limit"]["amount"],
    )
    assert 409 == world.call("organization.spend_limits.increase_requests.deny").status
    effective = world.told("organization.spend_limits.effective.list")["data"]
    assert [(given["spend_limit"]["id"], "0")] == [
        (s["spend_limit_id"], s["period_to_date_spend"]) for s in effective
    ]
    again = world.told(
        "organization.spend_limits.set", {"amount": "900", "scope": given["spend_limit"]["scope"]}
    )
    assert (given["spend_limit"]["id"], "900") == (again["id"], again["amount"])


def test_a_member_of_a_group_is_a_user_of_the_organization(world):
    member = world.told("organization.rbac_groups.members.add")
    user = world.told("organization.users.retrieve", user_id=member["user_id"])
    assert user["email"] == member["email"]
    assert 409 == world.call("organization.rbac_groups.members.add").status
    assert 404 == world.call("organization.rbac_groups.members.add", {"user_id": "user_1"}).status


def test_a_service_account_is_seen_from_both_sides(world):
    account = world.told("organization.service_accounts.create", {"name": "robot"})["id"]
    world.made["organization.service_accounts service_account_id"] = account
    world.told("organization.service_accounts.workspaces.add")
    seen = world.told("organization.workspaces.service_accounts.retrieve")
    assert (account, "workspace_user") == (seen["service_account_id"], seen["workspace_role"])


def test_a_federation_rule_knows_its_workspaces(world):
    home = world.id("workspace_id")
    rule = world.body(ENDPOINTS["organization.federation.rules.create"]) | {"workspace_id": home}
    made = world.told("organization.federation.rules.create", rule)
    named = {"federation_rule_id": made["id"]}
    assert [home] == made["workspace_ids"]
    world.told("organization.federation.rules.workspaces.remove", **named)
    assert [] == world.told("organization.federation.rules.retrieve", **named)["workspace_ids"]


def test_a_telemetry_destination_names_headers_and_workspaces_but_tells_no_values(world):
    home, space = world.id("workspace_id"), "organization.telemetry_destinations"
    scope = {"type": "include", "workspace_ids": [home]}
    body = {"endpoint_url": "https://a.example", "headers": {"authorization": "hush"}, "workspaces": scope}
    sink = world.told(f"{space}.create", body)
    assert (["authorization"], {"type": "include"}) == (sink["header_names"], sink["workspaces"])
    unknown = {"display_name": "x", "workspaces": {**scope, "workspace_ids": ["wrkspc_other"]}}
    assert 404 == world.call(f"{space}.update", unknown, destination_id=sink["id"]).status
    assert sink == world.told(f"{space}.retrieve", destination_id=sink["id"])
    for wanted, query in (([sink["id"]], home), ([], "wrkspc_other")):
        found = world.told(f"{space}.list", query={"workspace_ids": [query]})["data"]
        assert wanted == [one["id"] for one in found]
    changed = {"headers": {"b": "hush", "a": "hush"}}
    sink = world.told(f"{space}.update", changed, destination_id=sink["id"])
    assert (["a", "b"], False) == (sink["header_names"], "hush" in json.dumps(sink))
    tested = world.told(f"{space}.test", destination_id=sink["id"])
    assert "practice server" in tested["result"]["error"]


def test_a_plugin_is_its_files_and_serves_a_version(world):
    plugin = world.told("organization.plugins.create")
    assert ("tide", "Tells the tide") == (plugin["name"], plugin["description"])
    newer = world.told("organization.plugins.versions.create", plugin_id=plugin["id"])["id"]
    assert newer == world.told("organization.plugins.retrieve", plugin_id=plugin["id"])["served_version_id"]
    pinned = {"served_version_id": plugin["latest_version_id"]}
    assert world.told("organization.plugins.update", pinned, plugin_id=plugin["id"])["served_version_pinned"]
    names = {"plugin_id": plugin["id"], "version": newer}
    packed = world.call("organization.plugins.versions.download", **names)
    assert b".claude-plugin/plugin.json" in whole(packed)
    assert 409 == world.call("organization.plugins.create").status


def test_claude_codes_settings_are_changed_at_the_version_that_is_known(world):
    space = "organization.claude_code.managed_settings"
    group = world.id("rbac_group_id")
    new = world.told(
        f"{space}.configuration.update", {"rbac_group_order": [group], "rbac_group_order_version": "1"}
    )
    assert "2" == new["rbac_group_order_version"]
    assert 409 == world.call(f"{space}.configuration.update", {"rbac_group_order_version": "1"}).status
    for settings in ({"a": 1}, {"b": 2}):
        world.told(f"{space}.rbac_groups.set", {"settings": settings}, rbac_group_id=group)
    assert {"b": 2} == world.told(f"{space}.rbac_groups.retrieve", rbac_group_id=group)["settings"]
    assert (
        404 == world.call(f"{space}.rbac_groups.set", {"settings": {}}, rbac_group_id="rbac_group_1").status
    )


def test_an_old_version_of_the_api_calls_a_role_by_its_old_field(world):
    role = read(world.api.send("GET", "/v1/organizations/rbac_roles", anthropic_version="2023-06-01"))[
        "data"
    ][0]
    assert "Practice member" == role["name"] and "display_name" not in role


def test_the_same_calls_give_the_same_bytes_and_servers_share_nothing(world):
    def run(world: World) -> list[bytes]:
        names = (
            "sessions.events.send",
            "sessions.events.list",
            "tunnels.rotate_token",
            "organization.plugins.create",
        )
        return [whole(world.call(name)) for name in names]

    assert run(world) == run(World())


@pytest.mark.parametrize("row", [r for r in ENDPOINTS.values() if r.names], ids=lambda row: row.name)
def test_a_call_that_names_nothing_there_is_answered_and_not_broken_by(row):
    sent = {"authorization": "Bearer practice", "anthropic-version": "2026-10-21"}
    sent |= {"anthropic-beta": ",".join(row.betas)} if row.betas else {}
    path = row.path.format_map(dict.fromkeys(row.names, "nope"))
    body = b"{}" if row.method == "POST" else b""
    assert 500 > Practice()(Request(row.method, path, (), sent, body)).status
