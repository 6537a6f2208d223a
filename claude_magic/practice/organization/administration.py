"""What else do the calls of an organization and of its secrets do?

Whatever the server would have to reach (a key service, a collector, a repository) it does not: it says so.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from claude_magic.practice.kinds import check
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.stored.shelves import put_or_refuse

if TYPE_CHECKING:
    from claude_magic.practice.stored.shelves import Asked, Item

PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----")
LIMITS, REQUESTS = "organization.spend_limits", "organization.spend_limits.increase_requests"
RULE, SINK = "organization.federation.rules", "organization.telemetry_destinations"
GRANTS = {
    "urn:ietf:params:oauth:grant-type:jwt-bearer": ("assertion", "federation_rule_id", "organization_id"),
    "refresh_token": ("refresh_token", "client_id"),
}
"""What a token is given for, and what must come with it."""


def token(asked: Asked) -> dict[str, Any]:
    """Return a token that is plainly none; raises Refusal."""
    needed = GRANTS.get(asked.body["grant_type"])
    if needed is None:
        refuse("grant_type", f"Input should be {' or '.join(map(repr, GRANTS))}")
    for name in needed:
        if not asked.body.get(name):
            refuse(name, "Field required")
    return asked.maker.make("OAuthToken", {})


def tunnel_token(asked: Asked) -> dict[str, Any]:
    """Return a tunnel's token, the same each time until a new one is asked for; raises Refusal."""
    item = asked.own()
    if asked.exchange.row.name.endswith("rotate_token"):
        item.kept = None
    told = asked.answer(item, tunnel_token=item.kept)
    item.kept = told["tunnel_token"]
    return told


def certificate(asked: Asked) -> dict[str, Any]:
    """Keep the fingerprint of one certificate; raises Refusal."""
    pem = asked.body["ca_certificate_pem"].strip()
    if not PEM.fullmatch(pem):
        refuse("ca_certificate_pem", "should be exactly one certificate in PEM and no key")
    given = {"fingerprint": hashlib.sha256(pem.encode()).hexdigest()}
    return asked.put(asked.space, given, dict(asked.names)).value


def configure(asked: Asked) -> dict[str, Any]:
    """Change how Claude Code's settings are chosen, at the version that the caller knows; raises Refusal."""
    item, given = asked.own(), dict(asked.body)
    old, wanted = item.value, given.pop("rbac_group_order_version", None)
    if wanted not in (None, old["rbac_group_order_version"]):
        raise Refusal(409, f"rbac_group_order is at version {old['rbac_group_order_version']}, not {wanted}")
    new = asked.change(item, given)
    if new["rbac_group_order"] != old["rbac_group_order"]:
        new["rbac_group_order_version"] = str(int(old["rbac_group_order_version"]) + 1)
    return new


def member(asked: Asked) -> dict[str, Any]:
    """Put a user into a group; raises Refusal."""
    asked.body["email"] = asked.other("user_id", asked.body["user_id"])["email"]
    return put_or_refuse(asked).value


def set_limit(asked: Asked, **given: Any) -> dict[str, Any]:
    """Set the limit of a scope and a period, in the place of one that is there; raises Refusal."""
    given = {**asked.body, **given}
    amount = given["amount"]
    if amount is not None and not (isinstance(amount, str) and amount.isdecimal()):
        refuse("amount", "Input should be a whole number of cents as a string, or null")
    new = asked.put(LIMITS, given, {})
    for item in asked.items(LIMITS)[:-1]:
        if all(item.value[name] == new.value[name] for name in ("scope", "period")):
            asked.remove(new)
            item.value |= {"amount": amount, "updated_at": asked.maker.now}
            return item.value
    return new.value


def effective(asked: Asked) -> dict[str, Any]:
    """Return a page of the limits that hold for single users; users of the practice server spend nothing."""
    users, periods = asked.exchange.many("user_ids"), asked.exchange.many("period")
    limits = [item.value for item in asked.items(LIMITS) if item.value["scope"].get("user_id")]
    return asked.paged(
        [
            {
                **{name: limit[name] for name in ("amount", "currency", "period", "scope")},
                "actor": {**NOBODY, "user_id": limit["scope"]["user_id"]},
                "source": limit["scope"],
                "period_to_date_spend": "0",
                "spend_limit_id": limit["id"],
            }
            for limit in limits
            if limit["scope"]["user_id"] in (users or [limit["scope"]["user_id"]])
            and limit["period"] in (periods or [limit["period"]])
        ]
    )


NOBODY = {"type": "user_actor", "name": None, "email_address": None, "deleted": False}


def resolve(asked: Asked) -> dict[str, Any]:
    """Approve or deny a request for a higher limit; raises Refusal."""
    item, approves = asked.own(), asked.exchange.row.name.endswith("approve")
    if item.value["status"] != "pending":
        raise Refusal(409, f"{item.value['id']} is {item.value['status']} already")
    more = {}
    if approves:
        scope = {"type": "user", "user_id": item.value["actor"]["user_id"]}
        period = asked.body.get("period") or item.value["period"]
        more["spend_limit"] = set_limit(asked, scope=scope, period=period)
    item.value |= {"status": "approved" if approves else "denied", "resolved_at": asked.maker.now}
    return asked.answer(item, **more)


def validate_credential(asked: Asked) -> dict[str, Any]:
    """Say that a credential was not tried; raises Refusal."""
    item = asked.own()
    return asked.answer(item, has_refresh_token=bool(item.value["auth"].get("refresh")))


def update_issuer(asked: Asked) -> dict[str, Any]:
    """Change an issuer, and whether its keys are still fetched; raises Refusal."""
    given = dict(asked.body)
    if "jwks_polling_disabled" in given:
        off = given.pop("jwks_polling_disabled")
        given["jwks_polling_disabled_at"] = asked.maker.now if off else None
    return asked.change(asked.own(), given)


def create_rule(asked: Asked) -> dict[str, Any]:
    """Make a rule by which an issuer's tokens become ours; raises Refusal."""
    issuer = asked.other("issuer_id", asked.body["issuer_id"])
    item = asked.put(RULE, {**asked.body, "issuer_name": issuer["name"]}, {})
    if asked.body.get("workspace_id"):
        asked.put(f"{RULE}.workspaces", asked.body, item.place)
    return _covered(asked, item)


def rule_workspace(asked: Asked) -> dict[str, Any]:
    """Let a rule hold in a workspace, or no longer; raises Refusal."""
    adds = asked.exchange.row.method == "POST"
    item = put_or_refuse(asked) if adds else asked.own()
    if not adds:
        asked.remove(item)
    _covered(asked, asked.found(RULE, federation_rule_id=asked.names["federation_rule_id"])[0])
    return asked.answer(item)


def _covered(asked: Asked, rule: Item) -> dict[str, Any]:
    held = asked.found(f"{RULE}.workspaces", **rule.place)
    rule.value["workspace_ids"] = [item.value["workspace_id"] for item in held]
    return rule.value


def destination(asked: Asked) -> dict[str, Any]:
    """Make or change a destination of traces, whose headers' values are told to nobody; raises Refusal."""
    given = {**asked.body, "header_names": sorted(asked.body.get("headers") or ())}
    if asked.names:
        item = asked.own()
        asked.change(item, given if "headers" in given else asked.body)
    else:
        item = asked.put(SINK, given, {})
    if "workspace_ids" in (scope := asked.body.get("workspaces") or {}):
        check(scope["workspace_ids"] or [], ["text"], "workspaces.workspace_ids")
        for listed in asked.found(f"{SINK}.workspaces", **item.place):
            asked.remove(listed)
        for workspace in dict.fromkeys(scope["workspace_ids"] or ()):
            asked.other("workspace_id", workspace)
            asked.put(f"{SINK}.workspaces", {"workspace_id": workspace}, item.place)
    return item.value


def destinations(asked: Asked) -> dict[str, Any]:
    """Return a page of the destinations that get the traces of these workspaces; raises Refusal."""
    wanted = {*asked.exchange.many("workspace_ids")}

    def covers(item: Item) -> bool:
        named = {i.value["workspace_id"] for i in asked.found(f"{SINK}.workspaces", **item.place)}
        reached = {"include": wanted & named, "exclude": wanted - named}
        return bool(reached.get(item.value["workspaces"]["type"], wanted))

    return asked.listed([item for item in asked.items() if not wanted or covers(item)])


RULES = {
    "oauth.token": token,
    "tunnels.reveal_token": tunnel_token,
    "tunnels.rotate_token": tunnel_token,
    "tunnels.certificates.create": certificate,
    "organization.claude_code.managed_settings.configuration.update": configure,
    "organization.rbac_groups.members.add": member,
    f"{LIMITS}.set": set_limit,
    f"{LIMITS}.effective.list": effective,
    f"{REQUESTS}.approve": resolve,
    f"{REQUESTS}.deny": resolve,
    f"{RULE}.create": create_rule,
    f"{RULE}.workspaces.add": rule_workspace,
    f"{RULE}.workspaces.remove": rule_workspace,
    "organization.federation.issuers.update": update_issuer,
    f"{SINK}.list": destinations,
    f"{SINK}.create": destination,
    f"{SINK}.update": destination,
    "vaults.credentials.mcp_oauth_validate": validate_credential,
}
