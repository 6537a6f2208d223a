"""What is a plugin, and which version of it is served?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.app import Response
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.storage import bundle, parts

if TYPE_CHECKING:
    from claude_magic.practice.stored.shelves import Asked

MANIFEST = ".claude-plugin/plugin.json"
MARKETPLACES, PLUGINS = "organization.plugin_marketplaces", "organization.plugins"
VERSIONS = "organization.plugins.versions"


def create(asked: Asked) -> dict[str, Any]:
    """Make a plugin of its files, or add a version to one; raises Refusal."""
    sent = parts.read(asked.exchange.request)
    files = {part.filename or "": bytes(part.data) for part in sent if part.name == "files[]"}
    manifest = _manifest(files)
    market = parts.text(sent, "marketplace_id") or asked.items(MARKETPLACES)[0].value["id"]
    asked.other("marketplace_id", market)
    if asked.space == PLUGINS:
        if manifest["name"] in [item.value["name"] for item in asked.items()]:
            raise Refusal(409, f"{manifest['name']!r} is there already", error_code="plugin_name_taken")
        unknown = {"latest_version_id": "", "served_version_id": ""}
        item = asked.put(PLUGINS, {**manifest, "marketplace_id": market, **unknown}, {})
    else:
        item = asked.found(PLUGINS)[0]
    given = {**manifest, "release_notes": parts.text(sent, "release_notes")}
    version = asked.put(VERSIONS, given, {"plugin_id": item.value["id"]})
    version.kept = bundle.archive(files)
    item.value |= {"latest_version_id": version.value["id"], "updated_at": asked.maker.now}
    if not item.value["served_version_pinned"]:
        item.value["served_version_id"] = version.value["id"]
    return item.value if asked.space == PLUGINS else version.value


def _manifest(files: dict[str, bytes]) -> dict[str, Any]:
    path = next((name for name in files if name.endswith(MANIFEST)), "")
    try:
        found = wire.decode_plain(files.get(path, b""))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        refuse("files", f"should hold {MANIFEST}, a JSON object with a name, file by file")
    told = {"name": found["name"], "description": found.get("description")}
    return {**told, "manifest_version": found.get("version")}


def serve(asked: Asked) -> dict[str, Any]:
    """Serve one version of a plugin from now on; raises Refusal."""
    wanted = asked.body["served_version_id"]
    if wanted not in [item.value["id"] for item in asked.found(VERSIONS)]:
        raise Refusal(404, f"version {wanted} not found")
    return asked.change(asked.own(), {"served_version_id": wanted, "served_version_pinned": True})


def download(asked: Asked) -> Response:
    """Return a version's files as a zip; raises Refusal."""
    return Response(200, {"content-type": "application/zip"}, asked.own().kept)


def install(asked: Asked) -> dict[str, Any]:
    """Set how a plugin is installed for the organization or for a group; raises Refusal."""
    target, found = asked.names["target"], asked.found()
    aim = {"type": "organization"}
    if target != "organization":
        aim = {"type": "rbac_group", "rbac_group_id": asked.other("rbac_group_id", target)["id"]}
    given = {**asked.body, "target": aim}
    return asked.change(found[0], given) if found else asked.put(asked.space, given, dict(asked.names)).value


RULES = {
    f"{PLUGINS}.create": create,
    f"{PLUGINS}.update": serve,
    f"{VERSIONS}.create": create,
    f"{VERSIONS}.download": download,
    f"{PLUGINS}.installation_settings.set": install,
}
