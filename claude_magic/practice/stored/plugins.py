"""What is a plugin, and what does a marketplace say of it?

Repositories are not read: a report on one says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.app import Response
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.storage import bundle, parts

if TYPE_CHECKING:
    from claude_magic.practice.stored.shelves import Asked, Item

MANIFEST = ".claude-plugin/plugin.json"
UNREAD = "practice server: a marketplace is not read"
MARKETPLACES, PLUGINS = "organization.plugin_marketplaces", "organization.plugins"


def create_plugin(asked: Asked) -> dict[str, Any]:
    """Make a plugin of its files; raises Refusal."""
    files, sent = _files(asked)
    manifest = _manifest(files)
    market = parts.text(sent, "marketplace_id") or asked.items(MARKETPLACES)[0].value["id"]
    asked.other("marketplace_id", market)
    if any(
        i.value["name"] == manifest["name"] and i.value["marketplace_id"] == market for i in asked.items()
    ):
        raise Refusal(409, f"there is a plugin {manifest['name']!r} already", error_code="plugin_name_taken")
    told = {
        "name": manifest["name"],
        "marketplace_id": market,
        "latest_version_id": "",
        "served_version_id": "",
    }
    item = asked.put(PLUGINS, {**_described(manifest), **told}, {})
    return _serve(asked, item, files, sent)


def create_version(asked: Asked) -> dict[str, Any]:
    """Add a version to a plugin; raises Refusal."""
    files, sent = _files(asked)
    item = asked.found(PLUGINS)[0]
    if _manifest(files)["name"] != item.value["name"]:
        refuse("files", f"the manifest's name should be {item.value['name']!r}")
    _serve(asked, item, files, sent)
    return asked.items()[-1].value


def _serve(asked: Asked, item: Item, files: dict[str, bytes], sent: list[parts.Part]) -> dict[str, Any]:
    given = {**_described(_manifest(files)), "release_notes": parts.text(sent, "release_notes")}
    version = asked.put(f"{PLUGINS}.versions", given, {"plugin_id": item.value["id"]})
    version.content = bundle.archive(files)
    new = version.value["id"]
    served = item.value["served_version_id"] if item.value["served_version_pinned"] else new
    item.value = {
        **item.value,
        "latest_version_id": new,
        "served_version_id": served,
        "updated_at": asked.maker.now,
    }
    return item.value


def _files(asked: Asked) -> tuple[dict[str, bytes], list[parts.Part]]:
    sent = parts.read(asked.exchange.request)
    files = {p.filename or "": bytes(p.data) for p in sent if p.name == "files[]"}
    if not files:
        refuse("files", "Field required")
    return files, sent


def _manifest(files: dict[str, bytes]) -> dict[str, Any]:
    path = next((name for name in files if name.endswith(MANIFEST)), None)
    try:
        found = wire.decode_plain(files[path]) if path else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        refuse("files", f"should hold {MANIFEST}, a JSON object with a name, file by file")
    return found


def _described(manifest: dict[str, Any]) -> dict[str, Any]:
    found = {"description": manifest.get("description"), "manifest_version": manifest.get("version")}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def serve_version(asked: Asked) -> dict[str, Any]:
    """Serve one version of a plugin from now on; raises Refusal."""
    item, wanted = asked.own(), asked.body["served_version_id"]
    if not any(
        i.value["id"] == wanted for i in asked.found(f"{PLUGINS}.versions", plugin_id=item.value["id"])
    ):
        raise Refusal(404, f"version {wanted} not found")
    return asked.change(item, {"served_version_id": wanted, "served_version_pinned": True})


def download_version(asked: Asked) -> Response:
    """Return a version's files as a zip; raises Refusal."""
    return Response(200, {"content-type": "application/zip"}, asked.own().content)


def install(asked: Asked) -> dict[str, Any]:
    """Set how a plugin is installed for the organization or for a group; raises Refusal."""
    target, found = asked.names["target"], asked.found()
    whole = target == "organization"
    aim = {"type": "organization"} if whole else {"type": "rbac_group", "rbac_group_id": target}
    if not whole:
        asked.other("rbac_group_id", target)
    given = {**asked.body, "target": aim}
    return asked.change(found[0], given) if found else asked.put(asked.space, given, dict(asked.names)).value


def unread(asked: Asked) -> dict[str, Any]:
    """Say that a marketplace was not read; raises Refusal for what is none."""
    if asked.exchange.row.kind == "multipart":
        if not any(p.name == "archive" and p.filename for p in parts.read(asked.exchange.request)):
            refuse("archive", "Field required")
    elif not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/?", asked.body["repository_url"]):
        refuse("repository_url", "should be https://github.com/owner/repository")
    return asked.maker.make(
        "PluginMarketplaceValidationReport", {"manifest_error": UNREAD, "ref": asked.body.get("ref")}
    )


RULES = {
    f"{MARKETPLACES}.validate_archive": unread,
    f"{MARKETPLACES}.validate_repository": unread,
    f"{PLUGINS}.create": create_plugin,
    f"{PLUGINS}.update": serve_version,
    f"{PLUGINS}.versions.create": create_version,
    f"{PLUGINS}.versions.download": download_version,
    f"{PLUGINS}.installation_settings.set": install,
}
