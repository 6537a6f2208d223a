"""What else do the calls of an organization and of its secrets do?

Whatever the server would have to reach (a key service, a collector, a repository) it does not: it says so.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.stored.objects import KEPT, check
from claude_magic.practice.stored.shelves import put_or_refuse

if TYPE_CHECKING:
    from claude_magic.practice.stored.shelves import Asked, Item

GRANTS = {
    "urn:ietf:params:oauth:grant-type:jwt-bearer": ("assertion", "federation_rule_id", "organization_id"),
    "refresh_token": ("refresh_token", "client_id"),
}
"""What a token is given for, and what must come with it."""
PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----\s*")
MOST_PEM = 8192  # bytes
LIMITS, REQUESTS = "organization.spend_limits", "organization.spend_limits.increase_requests"
RULE, RULE_WORKSPACES = "organization.federation.rules", "organization.federation.rules.workspaces"
SINK, SINK_WORKSPACES = (
    "organization.telemetry_destinations",
    "organization.telemetry_destinations.workspaces",
)


def token(asked: Asked) -> dict[str, Any]:
    """Return a token that is plainly none; raises Refusal."""
    needed = GRANTS.get(asked.body["grant_type"])
    if needed is None:
        refuse("grant_type", f"Input should be {' or '.join(map(repr, GRANTS))}")
    for name in needed:
        if not asked.body.get(name):
            refuse(name, "Field required")
    return asked.maker.make("OAuthToken", {})


def sign_out(asked: Asked) -> dict[str, Any]:
    """Return the user whose sessions end; raises Refusal."""
    return asked.other("user_id", asked.names["user_id"])


def action_url(asked: Asked) -> dict[str, Any]:
    """Return an address that leads nowhere."""
    return asked.maker.make("UserProfileActionURL", {})


def reveal(asked: Asked) -> dict[str, Any]:
    """Return a tunnel's token, the same each time; raises Refusal."""
    item = asked.own()
    return _token(asked, item) if item.secret is None else asked.answer(item, tunnel_token=item.secret)


def rotate(asked: Asked) -> dict[str, Any]:
    """Return a new token for a tunnel; raises Refusal."""
    item = asked.own()
    if item.value["archived_at"]:
        refuse("", f"{item.value['id']} is archived")
    return _token(asked, item)


def _token(asked: Asked, item: Item) -> dict[str, Any]:
    told = asked.answer(item)
    item.secret = told["tunnel_token"]
    return told


def certificate(asked: Asked) -> dict[str, Any]:
    """Keep the fingerprint of one certificate; raises Refusal."""
    pem = asked.body["ca_certificate_pem"]
    if len(pem) > MOST_PEM or not PEM.fullmatch(pem.strip()):
        refuse("ca_certificate_pem", "should be exactly one certificate in PEM and no key")
    given = {"fingerprint": hashlib.sha256(pem.strip().encode()).hexdigest()}
    return asked.put(asked.space, given, dict(asked.names)).value


def validate_credential(asked: Asked) -> dict[str, Any]:
    """Say that a credential was not tried; raises Refusal."""
    item = asked.own()
    auth = item.value["auth"]
    if auth["type"] != "mcp_oauth":
        refuse("", f"{item.value['id']} is {auth['type']}: only an mcp_oauth credential can be validated")
    return asked.maker.make(
        "CredentialValidation", {**item.place, "has_refresh_token": auth["refresh"] is not None}
    )


def configure(asked: Asked) -> dict[str, Any]:
    """Change how Claude Code's settings are chosen, at the version that the caller knows; raises Refusal."""
    item, given = asked.own(), dict(asked.body)
    old, wanted = item.value, given.pop("rbac_group_order_version", None)
    if wanted not in (None, old["rbac_group_order_version"]):
        raise Refusal(409, f"rbac_group_order is at version {old['rbac_group_order_version']}, not {wanted}")
    new = asked.change(item, given)
    if new["rbac_group_order"] != old["rbac_group_order"]:
        new["rbac_group_order_version"] = str(int(old["rbac_group_order_version"]) + 1)
    if new["mode"] != old["mode"]:
        new["mode_updated_at"] = asked.maker.now
    return new


def channel(asked: Asked) -> dict[str, Any]:
    """Make or change Claude's settings in a channel or a workspace of Slack, and say where each is from."""
    item = asked.own() if asked.names else asked.put(asked.space, asked.body, {})
    value = asked.change(item, asked.body) if asked.names else item.value
    kind = value["type"]
    source = {"type": kind, f"{kind}_id": value["slack"][f"{kind.removeprefix('slack_')}_id"]}
    said = {name: source for name, setting in value["settings"].items() if setting is not None}
    if "instructions" in said:
        said["instructions"] = [source]  # type: ignore[assignment]
    value["sources"] = {**asked.maker.make("TagSources", {}), **said}
    return value


def update_issuer(asked: Asked) -> dict[str, Any]:
    """Change an issuer, and whether its keys are still fetched; raises Refusal."""
    given = dict(asked.body)
    off = given.pop("jwks_polling_disabled", None)
    if off is not None:
        given["jwks_polling_disabled_at"] = asked.maker.now if off else None
    return asked.change(asked.own(), given)


def create_rule(asked: Asked) -> dict[str, Any]:
    """Make a rule by which an issuer's tokens become ours; raises Refusal."""
    given = {**asked.body, "issuer_name": asked.other("issuer_id", asked.body["issuer_id"])["name"]}
    item = asked.put(RULE, given, {})
    asked.other("service_account_id", item.value["target"]["service_account_id"])
    if given.get("workspace_id"):
        asked.put(RULE_WORKSPACES, {"workspace_id": given["workspace_id"]}, item.place)
    _covered(asked, item)
    return item.value


def rule_workspace(asked: Asked) -> dict[str, Any]:
    """Let a rule hold in a workspace, or no longer; raises Refusal."""
    if asked.exchange.row.method == "POST":
        told = asked.answer(put_or_refuse(asked))
    else:
        item = asked.own()
        told = asked.answer(item)
        asked.remove(item)
    _covered(asked, asked.found(RULE, federation_rule_id=asked.names["federation_rule_id"])[0])
    return told


def _covered(asked: Asked, rule: Item) -> None:
    rule.value["workspace_ids"] = [
        i.value["workspace_id"] for i in asked.found(RULE_WORKSPACES, **rule.place)
    ]


def member(asked: Asked) -> dict[str, Any]:
    """Put a user into a group; raises Refusal."""
    asked.body["email"] = asked.other("user_id", asked.body["user_id"])["email"]
    return put_or_refuse(asked).value


def service_account(asked: Asked) -> dict[str, Any]:
    """Make a service account whose name is not taken; raises Refusal."""
    if any(i.value["name"] == asked.body["name"] for i in asked.items()):
        raise Refusal(409, f"there is a service account {asked.body['name']!r} already")
    return asked.put(asked.space, asked.body, {}).value


def set_limit(asked: Asked) -> dict[str, Any]:
    """Set the limit of a scope and a period, in the place of one that is there; raises Refusal."""
    return _limit(asked, asked.body)


def _limit(asked: Asked, given: dict[str, Any]) -> dict[str, Any]:
    amount = given["amount"]
    if amount is not None and not (isinstance(amount, str) and amount.isdecimal()):
        refuse("amount", "Input should be a whole number of cents as a string, or null")
    new = asked.put(LIMITS, given, {})
    same = ("scope", "period")
    for item in asked.items(LIMITS)[:-1]:
        if all(item.value[name] == new.value[name] for name in same):
            kept = {"id": item.value["id"], "created_at": item.value["created_at"]}
            item.value = {**new.value, **kept}
            asked.store.items[KEPT[LIMITS].shape].remove(new)
            return item.value
    return new.value


def effective(asked: Asked) -> dict[str, Any]:
    """Return a page of the limits that hold for single users; users of the practice server spend nothing."""
    users, periods = asked.exchange.many("user_ids"), asked.exchange.many("period")
    rows: list[dict[str, Any]] = []
    for item in asked.items(LIMITS):
        limit = item.value
        user = limit["scope"].get("user_id")
        if user and (not users or user in users) and (not periods or limit["period"] in periods):
            rows.append(_summary(limit))
    return asked.paged(rows)


def _summary(limit: dict[str, Any]) -> dict[str, Any]:
    who = {"user_id": limit["scope"]["user_id"], "name": None, "email_address": None}
    actor = {"type": "user_actor", **who, "deleted": False}
    copied = {name: limit[name] for name in ("amount", "currency", "period", "scope")}
    return {
        **copied,
        "actor": actor,
        "source": limit["scope"],
        "period_to_date_spend": "0",
        "spend_limit_id": limit["id"],
    }


def resolve(asked: Asked) -> dict[str, Any]:
    """Approve or deny a request for a higher limit; raises Refusal."""
    item = asked.own()
    verb = asked.exchange.row.name.rpartition(".")[2]
    if item.value["status"] != "pending":
        raise Refusal(409, f"{item.value['id']} is {item.value['status']} already")
    limit = None
    if verb == "approve":
        scope = {"type": "user", "user_id": item.value["actor"]["user_id"]}
        period = asked.body.get("period") or item.value["period"]
        limit = _limit(asked, {"amount": asked.body["amount"], "scope": scope, "period": period})
    item.value |= {"status": {"approve": "approved", "deny": "denied"}[verb], "resolved_at": asked.maker.now}
    return asked.answer(item, **({"spend_limit": limit} if limit else {}))


def destination(asked: Asked) -> dict[str, Any]:
    """Make or change a destination of traces; its headers are told to nobody. Raises Refusal."""
    given = dict(asked.body)
    if "headers" in given:
        given["header_names"] = sorted(given.pop("headers") or ())
    item = asked.own() if asked.names else asked.put(SINK, given, {})
    old = item.value["workspaces"]
    value = asked.change(item, given) if asked.names else item.value
    scope = given.get("workspaces")
    if isinstance(scope, dict) and ("workspace_ids" in scope or value["workspaces"] != old):
        for entry in asked.found(SINK_WORKSPACES, **item.place):
            asked.remove(entry)
        named = scope.get("workspace_ids") or []
        check("str", True, named, "workspaces.workspace_ids")
        for workspace in dict.fromkeys(named):
            asked.other("workspace_id", workspace)
            _listed(asked, item.place["destination_id"], workspace)
    return value


def destinations(asked: Asked) -> dict[str, Any]:
    """Return a page of the destinations that get the traces of these workspaces; raises Refusal."""
    wanted = asked.exchange.many("workspace_ids")

    def covers(item: Item) -> bool:
        scope = item.value["workspaces"]["type"]
        named = {i.value["workspace_id"] for i in asked.found(SINK_WORKSPACES, **item.place)}
        return scope == "all" or any((one in named) == (scope == "include") for one in wanted)

    return asked.listed([item for item in asked.items() if not wanted or covers(item)])


def destination_workspace(asked: Asked) -> dict[str, Any]:
    """Put a workspace on a destination's list; raises Refusal."""
    found = asked.found()
    names = asked.names
    return found[0].value if found else _listed(asked, names["destination_id"], names["workspace_id"])


def _listed(asked: Asked, sink: str, workspace: str) -> dict[str, Any]:
    given = {"telemetry_destination_id": sink, "workspace_id": workspace}
    return asked.put(SINK_WORKSPACES, given, {"destination_id": sink, "workspace_id": workspace}).value


RULES = {
    "oauth.token": token,
    "user_profiles.action_urls.create": action_url,
    "tunnels.reveal_token": reveal,
    "tunnels.rotate_token": rotate,
    "tunnels.certificates.create": certificate,
    "vaults.credentials.mcp_oauth_validate": validate_credential,
    "organization.users.sign_out": sign_out,
    "organization.claude_code.managed_settings.configuration.update": configure,
    "organization.claude_tag.slack_channels.create": channel,
    "organization.claude_tag.slack_channels.update": channel,
    "organization.claude_tag.slack_workspaces.update": channel,
    "organization.federation.issuers.update": update_issuer,
    f"{RULE}.create": create_rule,
    f"{RULE_WORKSPACES}.add": rule_workspace,
    f"{RULE_WORKSPACES}.remove": rule_workspace,
    "organization.rbac_groups.members.add": member,
    "organization.service_accounts.create": service_account,
    f"{LIMITS}.set": set_limit,
    f"{LIMITS}.effective.list": effective,
    f"{REQUESTS}.approve": resolve,
    f"{REQUESTS}.deny": resolve,
    f"{SINK}.list": destinations,
    f"{SINK}.create": destination,
    f"{SINK}.update": destination,
    f"{SINK_WORKSPACES}.add": destination_workspace,
}
