"""Does the practice organization keep the rules of the Admin API, for people and keys?"""

from __future__ import annotations

import json
import re

import pytest

from claude_magic.app import Request
from claude_magic.practice import organization
from claude_magic.practice.organization import people
from claude_magic.practice.refusal import Refusal
from tests.administering import ADMIN, BILLING, COURSE, DAY, DEFAULT, DEVELOPER, LAST, NEW, OUTSIDER, Admin


@pytest.fixture
def admin(api):
    return Admin(api)


@pytest.mark.parametrize("key", ["practice", "practice-key", "sk-ant-oat01-x"])
def test_a_practice_key_and_an_oauth_token_reach_everything(api, admin, key):
    assert 200 == admin.ask("GET", "me", key=key)[0]
    assert 200 == api.post(headers={"authorization": f"Bearer {key}"}).status


@pytest.mark.parametrize("key", ["sk-ant-admin01-x", "sk-ant-api01-x"])
def test_an_admin_key_reaches_the_organization_and_nothing_else(api, admin, key):
    assert 200 == admin.ask("GET", "me", key=key)[0]
    status, message = api.refused(headers={"authorization": None, "x_api_key": key})
    assert (401, True) == (status, message.startswith("invalid x-api-key: an admin key reaches the organ"))


def test_a_plain_workspace_key_is_refused_by_the_organization_and_told_what_to_use(admin):
    status, body = admin.ask("GET", "users", key="sk-ant-api03-x")
    told = (
        "Invalid bearer token: this call takes an admin key, which begins with sk-ant-admin, or here "
        "with practice"
    )
    assert (401, "authentication_error", told) == (status, body["error"]["type"], body["error"]["message"])


@pytest.mark.parametrize("path", ["service_accounts", "federation_issuers", "federation_rules/fdrl_1"])
def test_an_admin_key_does_not_reach_what_takes_an_oauth_token(admin, path):
    status, body = admin.ask("GET", path, key="sk-ant-admin01-x")
    assert (403, "permission_error") == (status, body["error"]["type"])
    assert 401 != admin.ask("GET", path, key="sk-ant-oat01-x")[0]


def test_the_organizations_id_is_the_one_in_the_headers_and_no_workspace_is_named(api):
    response = api.send("GET", "/v1/organizations/me")
    me = json.loads(response.body)
    assert ("organization", "Practice organization") == (me["type"], me["name"])
    assert me["id"] == response.headers["anthropic-organization-id"]
    assert "anthropic-workspace-id" not in response.headers


def owner(api, workspace=None):
    headers = {"anthropic-version": NEW} | ({"anthropic-workspace-id": workspace} if workspace else {})
    exchange = type("Asked", (), {"request": Request("POST", "/v1/messages", (), headers)})
    return organization.owner(api.app, exchange)


def test_a_request_counts_for_the_practice_key_and_the_workspace_it_names(api):
    assert (organization.KEY, None) == owner(api) == owner(api, DEFAULT)
    assert (organization.KEY, COURSE) == owner(api, COURSE)


def test_a_request_that_names_an_unknown_or_archived_workspace_is_refused(api, admin):
    admin.post(f"workspaces/{COURSE}/archive")
    for workspace, status in (("wrkspc_nowhere", 404), (COURSE, 403)):
        with pytest.raises(Refusal) as caught:
            owner(api, workspace)
        assert status == caught.value.status


LISTS = (
    "users",
    "invites",
    "workspaces",
    "api_keys",
    "rate_limits",
    f"workspaces/{COURSE}/members",
    f"workspaces/{COURSE}/rate_limits",
)


def test_two_servers_have_the_same_organization(make_api):
    first, second = (Admin(make_api()) for _ in range(2))
    assert [first.get(path) for path in LISTS] == [second.get(path) for path in LISTS]


def test_nothing_in_it_could_be_taken_for_somebodys(admin):
    text = json.dumps([admin.get(path) for path in LISTS])
    assert {"example.org"} == set(re.findall(r"@([\w.]+)", text))
    assert "sk-ant" not in text
    assert all(user["name"].startswith("Practice ") for user in admin.get("users")["data"])
    hints = [key["partial_key_hint"] for key in admin.get("api_keys")["data"]]
    assert all(re.fullmatch(r"practice\.\.\.\d", hint) for hint in hints)


@pytest.mark.parametrize(
    "path",
    [
        "users/user_x",
        "invites/invite_x",
        "workspaces/wrkspc_x",
        "workspaces/wrkspc_x/members",
        "workspaces/wrkspc_x/rate_limits",
        f"workspaces/{COURSE}/members/{OUTSIDER}",
        f"workspaces/{COURSE}/members/user_x",
        "api_keys/apikey_x",
    ],
)
def test_an_unknown_id_is_not_found(admin, path):
    status, body = admin.ask("GET", path)
    assert (404, "not_found_error") == (status, body["error"]["type"])


def test_users_are_listed_newest_first_and_found_by_role(admin):
    assert [LAST, OUTSIDER] == admin.ids("users", limit=2)
    assert [BILLING, "user_practice_000002", ADMIN] == admin.ids("users", roles=["admin", "billing"])
    assert "roles.0: Input should be" in admin.refused("GET", "users", roles=["chef"])[1]


@pytest.mark.parametrize("email", ["dana@example.org", "DANA@example.org", "dana+work@example.org"])
def test_an_email_finds_its_user_whatever_its_case_or_tag(admin, email):
    assert [DEVELOPER] == admin.ids("users", email=email)


@pytest.mark.parametrize("role", ["admin", "managed", "owner", "chef", None, 3])
def test_only_the_settable_roles_of_a_console_organization_can_be_given(admin, role):
    status, told, _ = admin.refused("POST", f"users/{DEVELOPER}", {"role": role})
    assert (400, "role:") == (status, told[:5])


def test_a_role_is_required_and_nothing_else_is_taken(admin):
    assert "role: Field required" == admin.refused("POST", f"users/{DEVELOPER}", {})[1]
    told = admin.refused("POST", f"users/{DEVELOPER}", {"role": "user", "name": "New"})[1]
    assert "name: Extra inputs are not permitted" == told


def test_admins_are_neither_changed_nor_removed_nor_signed_out(admin):
    for method, body in (("POST", {"role": "user"}), ("DELETE", None)):
        status, told, _ = admin.refused(method, f"users/{ADMIN}", body)
        assert (400, True) == (status, told.startswith("A member with the role admin cannot be"))
    refused = admin.refused("POST", f"users/{ADMIN}/sign_out")
    assert (403, "cannot_sign_out_privileged_member") == refused[::2]
    assert DEVELOPER == admin.post(f"users/{DEVELOPER}/sign_out")["id"]


def test_a_removed_user_is_gone_from_the_workspaces_and_the_keys_stay(admin):
    keys = admin.get("api_keys")
    assert (200, {"id": DEVELOPER, "type": "user_deleted"}) == admin.ask("DELETE", f"users/{DEVELOPER}")
    assert 404 == admin.ask("GET", f"users/{DEVELOPER}")[0]
    assert 404 == admin.ask("GET", f"workspaces/{COURSE}/members/{DEVELOPER}")[0]
    assert keys == admin.get("api_keys")


def test_an_invite_is_open_for_21_days_and_then_expired(api, admin):
    made = admin.post("invites", email="Paula@example.org", role="developer", rbac_group_ids=[])
    assert ("pending", "Paula@example.org", []) == (made["status"], made["email"], made["rbac_group_ids"])
    assert ("1970-01-12T13:46:40Z", "1970-02-02T13:46:40Z") == (made["invited_at"], made["expires_at"])
    api.now += 21 * DAY - 1
    assert "pending" == admin.get(f"invites/{made['id']}")["status"]
    api.now += 1
    assert "expired" == admin.get(f"invites/{made['id']}")["status"]


def test_invites_are_listed_newest_first_and_found_by_status_role_and_email(admin):
    made = admin.post("invites", email="paula@example.com", role="billing")["id"]
    assert made == admin.ids("invites")[0]
    states = {i["id"]: i["status"] for i in admin.get("invites")["data"]}
    assert ["pending"] * 3 + ["accepted", "expired"] == list(states.values())
    for status in ("pending", "accepted", "expired"):
        wanted = [id for id, state in states.items() if state == status]
        assert wanted == admin.ids("invites", statuses=[status])
    assert list(states) == admin.ids("invites", statuses=["pending", "accepted", "expired"])
    assert [made] == admin.ids("invites", roles=["billing"])
    assert [made] == admin.ids("invites", email="PAULA+x@example.com")
    assert 400 == admin.refused("GET", "invites", statuses=["deleted"])[0]


def test_a_member_is_not_invited_again_and_is_named(admin):
    told = (400, f"email: dana@example.org is a member already: {DEVELOPER}", "already_member")
    assert told == admin.refused("POST", "invites", {"email": "Dana+2@example.org", "role": "user"})


def test_an_address_is_invited_once_until_the_invite_is_over(api, admin):
    invite = {"email": "paula@example.org", "role": "user"}
    admin.post("invites", **invite)
    assert "invite_already_exists" == admin.refused("POST", "invites", invite)[2]
    api.now += 22 * DAY
    assert "pending" == admin.post("invites", **invite)["status"]


def test_a_practice_invite_goes_to_nobodys_address_only(admin):
    refused = admin.refused("POST", "invites", {"email": "paula@claude.ai", "role": "user"})
    assert (400, "email_domain_not_allowed") == refused[::2]
    for n, domain in enumerate(people.DOMAINS):
        admin.post("invites", email=f"p{n}@{domain}", role="user")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"role": "user"}, "email: Field required"),
        ({"email": "paula", "role": "user"}, "email: Input should be a valid email address"),
        ({"email": 7, "role": "user"}, "email: Input should be a valid string"),
        (
            {"email": "a@" + "." * 10**6 + " x", "role": "user"},
            "email: Input should be a valid email address",
        ),
        ({"email": "p@example.org", "role": "admin"}, "role: Input should be "),
        ({"email": "p@example.org"}, "role: Field required"),
    ],
)
def test_an_invite_that_is_not_right_is_refused(admin, body, message):
    assert admin.refused("POST", "invites", body)[1].startswith(message)


def test_only_a_pending_invite_is_withdrawn_and_then_not_listed(admin):
    made = admin.post("invites", email="paula@example.org", role="user")["id"]
    assert (200, {"id": made, "type": "invite_deleted"}) == admin.ask("DELETE", f"invites/{made}")
    assert made not in admin.ids("invites")
    assert "deleted" == admin.get(f"invites/{made}")["status"]
    for status in ("accepted", "expired"):
        [over] = admin.ids("invites", statuses=[status])
        told = f"Only a pending invite can be withdrawn; {over} is {status}"
        assert (400, told, None) == admin.refused("DELETE", f"invites/{over}")
    assert 400 == admin.ask("DELETE", f"invites/{made}")[0]


def test_keys_are_found_by_status_workspace_and_maker(admin):
    every = admin.get("api_keys")["data"]
    for status in ("active", "inactive", "archived", "expired"):
        wanted = [key["id"] for key in every if key["status"] == status]
        assert wanted == admin.ids("api_keys", status=status) != []
    assert ["apikey_practice_000002"] == admin.ids("api_keys", workspace_id=DEFAULT)
    assert len(every) == len(admin.ids("api_keys", created_by_user_id=ADMIN))
    assert [] == admin.ids("api_keys", created_by_user_id=OUTSIDER)
    assert admin.refused("GET", "api_keys", status="lost")[1].startswith("status: Input should be")


def test_the_key_of_a_request_acts_as_an_admin_and_has_no_workspace(admin):
    key = admin.get(f"api_keys/{organization.KEY}")
    assert {"type": "user_actor", "user_id": ADMIN} == key["principal"]
    assert ({"type": "organization"}, "active") == (key["scope"], key["status"])


def test_a_key_is_renamed_and_switched(admin):
    path = "api_keys/apikey_practice_000003"
    assert "inactive" == admin.post(path, status="inactive", name=None)["status"]
    changed = admin.post(path, name="Practice renamed", status="active")
    assert ("Practice renamed", "active") == (changed["name"], changed["status"])
    assert changed == admin.get(path)


@pytest.mark.parametrize(
    "body", [{"status": "expired"}, {"name": ""}, {"name": "n" * 501}, {"name": 5}, {"workspace_id": COURSE}]
)
def test_a_change_of_a_key_that_is_not_right_is_refused(admin, body):
    before = admin.get("api_keys/apikey_practice_000003")
    assert 400 == admin.refused("POST", "api_keys/apikey_practice_000003", body)[0]
    assert before == admin.get("api_keys/apikey_practice_000003")


def test_an_archived_key_is_final_and_an_expired_one_is_only_archived(admin):
    path = "api_keys/apikey_practice_000003"
    admin.post(path, status="archived")
    for body in ({"status": "active"}, {"name": "Back"}):
        told = (400, "An archived API key cannot be changed", None)
        assert told == admin.refused("POST", path, body)
    [expired] = admin.ids("api_keys", status="expired")
    assert 400 == admin.refused("POST", f"api_keys/{expired}", {"status": "active"})[0]
    assert "archived" == admin.post(f"api_keys/{expired}", status="archived")["status"]
