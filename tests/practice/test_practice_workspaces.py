"""Does the practice organization keep the rules of workspaces, their members and their limits?"""

from __future__ import annotations

import json

import pytest

from claude_magic.practice import Limits
from claude_magic.protocol import catalog
from tests.administering import (
    ADMIN,
    BILLING,
    COURSE,
    DEFAULT,
    DEVELOPER,
    HAIKU,
    NEW,
    OLD,
    OUTSIDER,
    RESEARCH,
    Admin,
)


@pytest.fixture
def admin(api):
    return Admin(api)


def test_a_new_workspace_has_the_defaults_of_the_api(admin):
    made = admin.post("workspaces", name="Practice new")
    assert "1970-01-12T13:46:40Z" == made["created_at"]
    residency = {
        "workspace_geo": "us",
        "default_inference_geo": "global",
        "allowed_inference_geos": "unrestricted",
    }
    assert (residency, {}, None) == (made["data_residency"], made["tags"], made["archived_at"])
    assert made == admin.get(f"workspaces/{made['id']}")
    assert made["id"] == admin.ids("workspaces")[0]
    assert [ADMIN] == [m["user_id"] for m in admin.get(f"workspaces/{made['id']}/members")["data"]][-1:]


def profile(admin):
    made = admin.api.send("POST", "/v1/user_profiles", {}, anthropic_beta="user-profiles-2026-08-18")
    return json.loads(made.body)["id"]


def test_a_workspace_is_made_with_all_it_can_have(admin):
    given = {
        "name": "n" * 255,
        "display_color": "#abcDEF",
        "tags": {"team": "blue"},
        "user_profile_id": profile(admin),
        "data_residency": {"allowed_inference_geos": ["us"], "default_inference_geo": "us"},
    }
    made = admin.post("workspaces", **given)
    assert given | {"data_residency": {"workspace_geo": "us", **given["data_residency"]}} == {
        name: made[name] for name in given
    }


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "n" * 256}, "name"),
        ({"name": None}, "name"),
        ({"name": "n", "display_color": "red"}, "display_color"),
        ({"name": "n", "tags": {"anthropic-x": "1"}}, "tags.anthropic-x"),
        ({"name": "n", "tags": {"x": None}}, "tags.x"),
        ({"name": "n", "external_key_id": "ekey_1"}, "external key ekey_1 not found"),
        ({"name": "n", "user_profile_id": "uprof_1"}, "user profile uprof_1 not found"),
        ({"name": "n", "data_residency": {"workspace_geo": "eu"}}, "data_residency.workspace_geo"),
        (
            {"name": "n", "data_residency": {"allowed_inference_geos": []}},
            "data_residency.allowed_inference_geos",
        ),
        (
            {"name": "n", "data_residency": {"allowed_inference_geos": ["us"]}},
            "data_residency.default_inference_geo",
        ),
        ({"name": "n", "colour": "#000000"}, "colour"),
    ],
)
def test_a_workspace_that_is_not_right_is_not_made(admin, body, where):
    before = admin.get("workspaces")
    status, told, _ = admin.refused("POST", "workspaces", body)
    assert (404 if "not found" in where else 400, where) == (status, told.partition(":")[0])
    assert before == admin.get("workspaces")


def test_an_organization_has_a_hundred_workspaces_the_archived_ones_apart(admin):
    made = [admin.post("workspaces", name=f"Practice {n}")["id"] for n in range(97)]
    assert 100 == len(admin.ids("workspaces", limit=1000))
    told = "The organization has 100 workspaces already; archive one first"
    assert (400, told, None) == admin.refused("POST", "workspaces", {"name": "One more"})
    admin.post(f"workspaces/{made[0]}/archive")
    admin.post("workspaces", name="One more")


def test_a_workspace_is_changed_where_a_body_says_so(admin):
    admin.post(f"workspaces/{COURSE}", tags={"team": "blue", "term": "spring"})
    changed = admin.post(
        f"workspaces/{COURSE}",
        name="Practice renamed",
        tags={"term": None, "room": "4"},
        data_residency={"default_inference_geo": "us"},
    )
    assert ("Practice renamed", {"team": "blue", "room": "4"}) == (changed["name"], changed["tags"])
    assert ("us", "unrestricted") == (
        changed["data_residency"]["default_inference_geo"],
        changed["data_residency"]["allowed_inference_geos"],
    )
    assert changed == admin.get(f"workspaces/{COURSE}")


def test_where_a_workspace_computes_is_restricted_and_freed_again(admin):
    only = {"allowed_inference_geos": ["us"], "default_inference_geo": "us"}
    told = "data_residency.default_inference_geo: Input should be one of allowed_inference_geos"
    admin.post(f"workspaces/{COURSE}", data_residency=only)
    wrong = {"data_residency": {"default_inference_geo": "global"}}
    assert told == admin.refused("POST", f"workspaces/{COURSE}", wrong)[1]
    free = {"allowed_inference_geos": "unrestricted", "default_inference_geo": None}
    freed = admin.post(f"workspaces/{COURSE}", data_residency=free)["data_residency"]
    assert ("unrestricted", "us") == (freed["allowed_inference_geos"], freed["default_inference_geo"])


def test_where_a_workspaces_data_lie_is_never_changed(admin):
    body = {"data_residency": {"workspace_geo": "us"}}
    told = "data_residency.workspace_geo: Extra inputs are not permitted"
    assert told == admin.refused("POST", f"workspaces/{COURSE}", body)[1]


def test_a_user_profile_once_attached_stays(admin):
    first, other = profile(admin), profile(admin)
    admin.post(f"workspaces/{COURSE}", user_profile_id=first)
    admin.post(f"workspaces/{COURSE}", user_profile_id=first)
    told = admin.refused("POST", f"workspaces/{COURSE}", {"user_profile_id": other})[1]
    assert told.startswith("user_profile_id: A user profile cannot be replaced")


def test_archiving_is_final_and_revokes_the_keys_of_the_workspace_alone(admin):
    before = {key["id"]: key["status"] for key in admin.get("api_keys")["data"]}
    inside = admin.ids("api_keys", workspace_id=COURSE)
    assert "1970-01-12T13:46:40Z" == admin.post(f"workspaces/{COURSE}/archive")["archived_at"]
    after = {key["id"]: key["status"] for key in admin.get("api_keys")["data"]}
    assert before | dict.fromkeys(inside, "archived") == after
    told = f"The workspace {COURSE} is archived, and stays so"
    for path, body in (
        ("", {"name": "Back"}),
        ("/archive", None),
        ("/members", {"user_id": OUTSIDER, "workspace_role": "workspace_user"}),
        (f"/rate_limits/{HAIKU}", {"limits": [{"type": "requests_per_minute", "value": 1}]}),
    ):
        assert (400, told, None) == admin.refused("POST", f"workspaces/{COURSE}{path}", body)


def test_the_default_workspace_is_neither_renamed_nor_archived(admin):
    assert 400 == admin.refused("POST", f"workspaces/{DEFAULT}", {"name": "Mine"})[0]
    assert 400 == admin.refused("POST", f"workspaces/{DEFAULT}", {"user_profile_id": profile(admin)})[0]
    assert 400 == admin.refused("POST", f"workspaces/{DEFAULT}/archive")[0]
    assert {"a": "b"} == admin.post(f"workspaces/{DEFAULT}", name="Default", tags={"a": "b"})["tags"]


def test_the_default_and_the_archived_workspaces_are_listed_when_asked_for(admin):
    admin.post(f"workspaces/{RESEARCH}/archive")
    courses = ["wrkspc_practice_000002", COURSE]
    assert courses == admin.ids("workspaces")
    assert [*courses, DEFAULT] == admin.ids("workspaces", include_default="true")
    assert [RESEARCH, *courses] == admin.ids("workspaces", include_archived="true")
    assert courses == admin.ids("workspaces", include_default="false")
    assert DEFAULT == admin.get(f"workspaces/{DEFAULT}")["id"]


def test_workspaces_are_found_by_their_ids(admin):
    assert [COURSE] == admin.ids("workspaces", ids=[COURSE, DEFAULT, "wrkspc_nowhere"])
    assert [COURSE, DEFAULT] == admin.ids("workspaces", ids=[COURSE, DEFAULT], include_default="true")
    told = "ids: List should have at most 100 items"
    assert told == admin.refused("GET", "workspaces", ids=[f"w{n}" for n in range(101)])[1]


def member(user_id, role, workspace=COURSE):
    return {
        "type": "workspace_member",
        "workspace_id": workspace,
        "user_id": user_id,
        "workspace_role": role,
    }


def test_admins_and_billing_members_are_in_every_workspace(admin):
    roles = {m["user_id"]: m["workspace_role"] for m in admin.get(f"workspaces/{COURSE}/members")["data"]}
    expected = {
        "user_practice_000009": "workspace_user",
        DEVELOPER: "workspace_admin",
        BILLING: "workspace_billing",
        "user_practice_000002": "workspace_admin",
        ADMIN: "workspace_admin",
    }
    assert list(expected.items()) == list(roles.items())
    admin.post(f"users/{BILLING}", role="user")
    assert 404 == admin.ask("GET", f"workspaces/{COURSE}/members/{BILLING}")[0]


def test_a_member_is_not_added_twice_nor_with_a_role_that_is_inherited(admin):
    path = f"workspaces/{COURSE}/members"
    told = f"user_id: {ADMIN} is a member of {COURSE} already"
    role = {"workspace_role": "workspace_user"}
    assert (400, told, None) == admin.refused("POST", path, {"user_id": ADMIN, **role})
    assert 404 == admin.refused("POST", path, {"user_id": "user_x", **role})[0]
    billing = {"user_id": OUTSIDER, "workspace_role": "workspace_billing"}
    assert admin.refused("POST", path, billing)[1].startswith("workspace_role: Input should be")


def test_an_inherited_role_is_changed_only_from_billing_to_admin_and_back(admin):
    path = f"workspaces/{COURSE}/members"
    assert 400 == admin.refused("POST", f"{path}/{ADMIN}", {"workspace_role": "workspace_user"})[0]
    assert 400 == admin.refused("POST", f"{path}/{BILLING}", {"workspace_role": "workspace_user"})[0]
    told = "workspace_role: workspace_billing can only be inherited"
    body = {"workspace_role": "workspace_billing"}
    assert told == admin.refused("POST", f"{path}/{DEVELOPER}", body)[1]
    raised = admin.post(f"{path}/{BILLING}", workspace_role="workspace_admin")
    assert member(BILLING, "workspace_admin") == raised
    assert member(BILLING, "workspace_billing") == admin.post(f"{path}/{BILLING}", **body)
    assert [400, 400] == [admin.refused("DELETE", f"{path}/{id}")[0] for id in (ADMIN, BILLING)]
    admin.post(f"users/{BILLING}", role="user")
    assert 404 == admin.ask("GET", f"{path}/{BILLING}")[0]


def test_the_default_workspace_has_no_members_of_its_own(admin):
    status, told, _ = admin.refused("GET", f"workspaces/{DEFAULT}/members")
    assert (400, True) == (status, told.startswith("The default workspace has no members of its own"))


def limits(entry):
    return {limit["type"]: limit["value"] for limit in entry["limits"]}


def test_the_limits_are_those_that_the_server_holds_a_request_to(make_api):
    admin = Admin(make_api(limits=Limits(requests=7, input_tokens=8_000, output_tokens=9, queued=10)))
    entries = {e["group"]["id"].removeprefix("rlg_practice_"): e for e in admin.get("rate_limits")["data"]}
    expected = {
        "requests_per_minute": 7,
        "input_tokens_per_minute_cache_aware": 8_000,
        "output_tokens_per_minute": 9,
    }
    assert expected == limits(entries["haiku"])
    assert {"requests_per_minute": 7} == limits(entries["files"])
    assert {"requests_per_minute": 7, "enqueued_batch_requests": 10} == limits(entries["batch"])
    assert 1 == len({json.dumps(limits(entries[kind])) for kind in ("files", "skills", "token_count")})


def test_every_model_that_is_served_is_in_one_group(admin):
    groups = admin.get("rate_limits", group_type="model_group")["data"]
    named = sorted(name for entry in groups for name in entry["models"])
    served = [m for m in catalog.all_models() if m.status != "retired"]
    assert sorted(name for m in served for name in (m.id, *m.aliases)) == named
    for name in ("claude-haiku-4-5", "claude-haiku-4-5-20251001"):
        assert [HAIKU] == admin.ids("rate_limits", model=name)
    assert 404 == admin.refused("GET", "rate_limits", model="claude-nothing")[0]


def test_limits_without_a_page_size_are_one_page(admin):
    page = admin.get("rate_limits")
    assert None is page["next_page"]
    kinds = {entry["group"]["type"] for entry in page["data"]}
    assert {"model_group", "batch", "token_count", "files", "skills", "web_search"} == kinds
    assert ["rl_practice_batch"] == admin.ids("rate_limits", group_type="batch")
    assert 400 == admin.refused("GET", "rate_limits", group_type="tea")[0]


def test_a_workspace_has_only_its_own_limits_until_the_inherited_ones_are_asked_for(admin):
    path = f"workspaces/{COURSE}/rate_limits"
    assert [] == admin.get(path)["data"]
    every = admin.get(path, include_inherited="true")["data"]
    assert admin.ids("rate_limits") == [entry["rate_limit_id"] for entry in every]
    values = [limit for entry in every for limit in entry["limits"]]
    assert all(v["value"] == v["org_limit"] and v["source"] == {"type": "organization"} for v in values)


def test_a_limit_of_a_workspace_is_set_and_null_takes_it_away(admin):
    path = f"workspaces/{COURSE}/rate_limits"
    requests = {"type": "requests_per_minute", "value": 5}
    entry = admin.post(f"{path}/{HAIKU}", limits=[requests, {"type": "tokens_per_day", "value": 0}])
    own = {"type": "workspace"}
    assert [
        {**requests, "org_limit": 1000, "source": own},
        {"type": "tokens_per_day", "value": 0, "org_limit": None, "source": own},
    ] == entry["limits"]
    assert [entry] == admin.get(path)["data"]
    [haiku] = [e for e in admin.get(path, include_inherited="true")["data"] if e["rate_limit_id"] == HAIKU]
    sources = {limit["type"]: limit["source"]["type"] for limit in haiku["limits"]}
    assert ("workspace", "organization") == (
        sources["requests_per_minute"],
        sources["output_tokens_per_minute"],
    )
    cleared = [{"type": "requests_per_minute", "value": None}]
    assert ["tokens_per_day"] == list(limits(admin.post(f"{path}/{HAIKU}", limits=cleared)))
    assert [] == admin.get(f"workspaces/{RESEARCH}/rate_limits")["data"]


def test_a_value_above_the_organizations_is_kept_as_the_api_does(admin):
    body = [{"type": "requests_per_minute", "value": 10**9}]
    entry = admin.post(f"workspaces/{COURSE}/rate_limits/{HAIKU}", limits=body)
    assert (10**9, 1000) == (entry["limits"][0]["value"], entry["limits"][0]["org_limit"])


def test_clearing_what_was_never_set_changes_nothing(admin):
    body = [{"type": "requests_per_minute", "value": None}]
    assert [] == admin.post(f"workspaces/{COURSE}/rate_limits/{HAIKU}", limits=body)["limits"]


@pytest.mark.parametrize(
    "limit",
    [
        {"type": "enqueued_batch_requests", "value": 1},
        {"type": "requests_per_minute", "value": -1},
        {"type": "requests_per_minute", "value": 2**53},
        {"type": "requests_per_minute", "value": "5"},
        {"type": "requests_per_minute", "value": True},
        {"type": "requests_per_minute"},
    ],
)
def test_a_limit_that_is_not_right_is_refused(admin, limit):
    path = f"workspaces/{COURSE}/rate_limits/{HAIKU}"
    assert (400, "limits.0.") == (lambda s, m, _: (s, m[:9]))(
        *admin.refused("POST", path, {"limits": [limit]})
    )


def test_one_to_sixteen_limits_are_set_at_once_and_not_in_the_default_workspace(admin):
    limit = {"type": "requests_per_minute", "value": 5}
    path = f"workspaces/{COURSE}/rate_limits/{HAIKU}"
    for many in (0, 17):
        told = (400, "limits: List should have 1 to 16 items", None)
        assert told == admin.refused("POST", path, {"limits": [limit] * many})
    assert 404 == admin.refused("POST", f"workspaces/{COURSE}/rate_limits/rl_x", {"limits": [limit]})[0]
    assert 400 == admin.refused("POST", path.replace(COURSE, DEFAULT), {"limits": [limit]})[0]


def test_a_keys_scope_was_once_a_workspace_id_that_is_null_for_the_default_workspace(admin):
    new = admin.get("api_keys")["data"]
    old = admin.get("api_keys", version=OLD)["data"]
    assert all("workspace_id" not in key and key["scope"] for key in new)
    assert not any("scope" in key for key in old)
    homes = {key["id"][-1]: key["workspace_id"] for key in old}
    assert {"1": None, "2": None, "3": COURSE, "6": RESEARCH} == {n: homes[n] for n in "1236"}
    assert {key["id"]: key["name"] for key in new} == {key["id"]: key["name"] for key in old}
    one = admin.get("api_keys/apikey_practice_000003", version=OLD)
    assert COURSE == one["workspace_id"]


def test_a_rate_limits_group_was_once_its_type_alone(admin):
    admin.post(f"workspaces/{COURSE}/rate_limits/{HAIKU}", limits=[{"type": "tokens_per_day", "value": 9}])
    for path in ("rate_limits", f"workspaces/{COURSE}/rate_limits"):
        new, old = (admin.get(path, version=version)["data"] for version in (NEW, OLD))
        assert [e["group"]["type"] for e in new] == [e["group_type"] for e in old]
        assert not any("group_type" in e for e in new)
        assert not any("group" in e for e in old)


@pytest.mark.parametrize("path", ["users", "invites", "workspaces", f"workspaces/{COURSE}/members"])
def test_what_was_not_renamed_is_the_same_in_both_versions(admin, path):
    assert admin.get(path) == admin.get(path, version=OLD)
