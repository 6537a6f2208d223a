"""Does the official SDK, unmodified, take the practice organization for a real one?"""

from __future__ import annotations

import anthropic
import pytest

from tests.administering import COURSE, OUTSIDER


@pytest.fixture
def sdk(api):
    with api.sdk() as client:
        yield client


def names(items):
    return [
        getattr(item, "id", None) or getattr(item, "rate_limit_id", None) or item.user_id for item in items
    ]


@pytest.mark.parametrize(
    ("kind", "size", "options"),
    [
        ("users", 5, {}),
        ("invites", 2, {}),
        ("workspaces", 2, {"include_default": True}),
        ("api_keys", 2, {}),
        ("workspaces.members", 2, {"workspace_id": COURSE}),
    ],
)
def test_the_sdk_goes_through_three_pages_forwards_and_backwards(sdk, kind, size, options):
    if kind == "invites":
        sdk.organization.invites.create(email="paula@example.org", role="user")
    if kind == "workspaces":
        sdk.organization.workspaces.create(name="Practice fifth")
    resource = sdk.organization
    for part in kind.split("."):
        resource = getattr(resource, part)
    whole = names(resource.list(limit=1000, **options))
    pages = list(resource.list(limit=size, **options).iter_pages())
    assert (3, whole) == (len(pages), [id for page in pages for id in names(page.data)])
    assert [True, True, False] == [page.has_more for page in pages]
    assert [page.first_id for page in pages] == [names(page.data)[0] for page in pages]

    back = list(resource.list(limit=size, before_id=whole[-1], **options).iter_pages())
    assert whole[:-1] == [id for page in reversed(back) for id in names(page.data)]
    assert 2 <= len(back)


@pytest.mark.parametrize("own", [False, True], ids=["organization", "workspace"])
def test_the_sdk_goes_through_three_pages_of_rate_limits(sdk, own):
    resource, options = sdk.organization.rate_limits, {}
    if own:
        resource = sdk.organization.workspaces.rate_limits
        options = {"workspace_id": COURSE, "include_inherited": True}
    whole = names(resource.list(**options))
    pages = list(resource.list(limit=4, **options).iter_pages())
    assert (3, whole) == (len(pages), [id for page in pages for id in names(page.data)])
    assert None is pages[-1].next_page


def test_the_sdk_takes_users_and_invites_through_their_life(sdk):
    org = sdk.organization
    assert "Practice organization" == org.retrieve().name
    [found] = org.users.list(email="dana@example.org", roles=["developer"])
    assert "user" == org.users.update(found.id, role="user").role
    assert found.email == org.users.retrieve(found.id).email
    assert found.id == sdk.beta.organization.users.sign_out(found.id).id
    assert "user_deleted" == org.users.remove(found.id).type
    with pytest.raises(anthropic.NotFoundError):
        org.users.retrieve(found.id)
    invite = org.invites.create(email="dana@example.org", role="developer")
    assert 21 == (invite.expires_at - invite.invited_at).days
    assert [invite.id] == names(org.invites.list(email=invite.email, statuses=["pending"]))
    with pytest.raises(anthropic.BadRequestError) as caught:
        org.invites.create(email="dana@example.org", role="developer")
    assert "invite_already_exists" == caught.value.error_code
    assert "invite_deleted" == org.invites.delete(invite.id).type
    assert "deleted" == org.invites.retrieve(invite.id).status


def test_the_sdk_takes_a_workspace_its_members_and_its_limits_through_their_life(sdk):
    org = sdk.organization
    made = org.workspaces.create(name="Practice life", tags={"a": "b"})
    assert made == org.workspaces.retrieve(made.id)
    changed = org.workspaces.update(made.id, display_color="#000000", tags={"a": None})
    assert ("#000000", {}) == (changed.display_color, changed.tags)

    members = org.workspaces.members
    added = members.add(made.id, user_id=OUTSIDER, workspace_role="workspace_user")
    assert added == members.retrieve(OUTSIDER, workspace_id=made.id)
    raised = members.update(OUTSIDER, workspace_id=made.id, workspace_role="workspace_admin")
    assert "workspace_admin" == raised.workspace_role
    assert OUTSIDER in names(members.list(made.id))
    assert made.id == members.remove(OUTSIDER, workspace_id=made.id).workspace_id

    [limit] = org.rate_limits.list(model="claude-haiku-5-5")
    lower = [{"type": "requests_per_minute", "value": 3}]
    entry = org.workspaces.rate_limits.update(limit.id, workspace_id=made.id, limits=lower)
    assert ("workspace", 3) == (entry.limits[0].source.type, entry.limits[0].value)
    assert [entry] == list(org.workspaces.rate_limits.list(made.id))

    assert org.workspaces.archive(made.id).archived_at is not None
    assert made.id not in names(org.workspaces.list())
    assert [made.id] == names(org.workspaces.list(ids=[made.id], include_archived=True))


def test_the_sdk_takes_keys_through_their_life(sdk):
    keys = sdk.organization.api_keys
    [key] = keys.list(workspace_id=COURSE, status="active")
    assert key == keys.retrieve(key.id)
    assert ("Practice off", "inactive") == (
        (off := keys.update(key.id, name="Practice off", status="inactive")).name,
        off.status,
    )
    keys.update(key.id, status="archived")
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        keys.update(key.id, status="active")
