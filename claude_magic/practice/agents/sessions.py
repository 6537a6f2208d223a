"""What is said and done in an agent's session?

No tool runs: what a session says is the practice server's answer to the last message, labelled as such.
https://platform.claude.com/docs/en/managed-agents/overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.app import Response
from claude_magic.practice import organization
from claude_magic.practice.messages import rules, stream
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice.stored.shelves import Asked, Item

SAID = ("user.message", "user.define_outcome", "user.tool_result", "user.custom_tool_result")
SENT = (*SAID, "user.interrupt", "user.tool_confirmation", "system.message")
OVERRIDES = ("model", "system", "tools", "mcp_servers", "skills")
SELF = "self"  # an agent that is not made yet, in its own list
MOST_TOKENS = 1024
WAIT, PATIENCE = 0.05, 2.0  # seconds between two looks for an event, and all together


def create_agent(asked: Asked) -> dict[str, Any]:
    """Keep an agent and its first version; raises Refusal."""
    item = asked.put("agents", _roster(asked, asked.body, None), {})
    rules.served(item.value["model"]["id"])
    for one in (item.value["multiagent"] or {}).get("agents", ()):
        if one.get("id") == SELF:
            one["id"] = item.value["id"]
    item.kept = [item.value]  # its versions
    return item.value


def update_agent(asked: Asked) -> dict[str, Any]:
    """Change an agent where it is at the version that the caller knows; raises Refusal."""
    item = asked.own()
    old, wanted = item.value, asked.body.pop("version", None)
    if wanted not in (None, old["version"]):
        raise Refusal(409, f"{old['id']} is at version {old['version']}, not {wanted}")
    new = asked.change(item, _roster(asked, asked.body, old))
    if new != old:
        new["version"] += 1
        item.kept.append(new)
    return new


def retrieve_agent(asked: Asked) -> dict[str, Any]:
    """Return an agent as it is, or as a version was; raises Refusal."""
    agent, wanted = asked.own().value, asked.exchange.one("version")
    return _version(asked, agent, wanted) if wanted else agent


def agent_versions(asked: Asked) -> dict[str, Any]:
    """Return a page of an agent's versions, the newest first; raises Refusal."""
    return asked.paged(asked.found("agents")[0].kept[::-1])


def pinned(asked: Asked, given: Any) -> dict[str, Any]:
    """Return the agent that a text or an object names, with its version and overrides; raises Refusal."""
    given = {"id": given} if isinstance(given, str) else given
    if not isinstance(given, dict) or not isinstance(given.get("id"), str):
        refuse("agent", "Input should be an agent's id or an object with id and version")
    agent = asked.other("agent_id", given["id"])
    if agent["archived_at"]:
        refuse("agent", f"{given['id']} is archived")
    if given.get("version") is not None:
        agent = _version(asked, agent, str(given["version"]))
    if given.get("type") == "agent_with_overrides":
        agent = {**agent, **{name: given[name] for name in OVERRIDES if name in given}}
    return agent


def _version(asked: Asked, agent: dict[str, Any], wanted: str) -> dict[str, Any]:
    versions: list[dict[str, Any]] = asked.found("agents", agent_id=agent["id"])[0].kept
    for value in versions:
        if str(value["version"]) == wanted:
            return value
    raise Refusal(404, f"agent {agent['id']} has no version {wanted}")


def _roster(asked: Asked, body: dict[str, Any], own: dict[str, Any] | None) -> dict[str, Any]:
    """Return an agent's body with the agents that it may call named with their versions."""
    team = body.get("multiagent")
    if not isinstance(team, dict) or not isinstance(team.get("agents"), list):
        return body
    me = own or {"id": SELF, "version": 1}
    named: list[Any] = []
    for one in team["agents"]:
        kind = one.get("type") if isinstance(one, dict) else "agent"
        agent = me if kind == "self" else pinned(asked, one) if kind == "agent" else None
        named.append({"type": "agent", "id": agent["id"], "version": agent["version"]} if agent else one)
    return {**body, "multiagent": {**team, "agents": named}}


def create_session(asked: Asked) -> dict[str, Any]:
    """Begin a session; raises Refusal."""
    return begin(asked, asked.body).value


def begin(asked: Asked, given: dict[str, Any]) -> Item:
    """Begin a session, its thread, its resources and its first turn; raises Refusal."""
    agent = pinned(asked, given["agent"])
    session = asked.put("sessions", {**given, "agent": agent, "resources": []}, {})
    place = {"session_id": session.value["id"]}
    asked.put("sessions.threads", {"agent": agent}, place)
    for resource in given.get("resources") or ():
        _mount(asked, resource, place)
    if asked.other("environment_id", given["environment_id"])["config"]["type"] == "self_hosted":
        work = {"data": {"id": session.value["id"], "type": "session"}}
        asked.put("environments.work", work, {"environment_id": given["environment_id"]})
    _hold(asked, session)
    turn(asked, session, given.get("initial_events") or [])
    return session


def update_session(asked: Asked) -> dict[str, Any]:
    """Change a session's title, metadata, budget or tools; raises Refusal."""
    item, given = asked.own(), dict(asked.body)
    if "vault_ids" in given:
        refuse("vault_ids", "cannot be changed yet")
    if given.get("budget") and not item.value["budget"]:
        refuse(
            "budget", "cannot be added to a session that was created without one", reason="budget_create_only"
        )
    if isinstance(agent := given.get("agent"), dict):
        given["agent"] = {
            **item.value["agent"],
            **{k: agent[k] for k in ("tools", "mcp_servers") if k in agent},
        }
    return asked.change(item, given)


def send(asked: Asked) -> dict[str, Any]:
    """Take a caller's events, and what the agent says to them; raises Refusal."""
    session = asked.found("sessions")[0]
    if session.value["archived_at"]:
        refuse("", f"{session.value['id']} is archived")
    return {"data": turn(asked, session, asked.body["events"])}


def turn(asked: Asked, session: Item, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add a caller's events to a session, then the agent's answer; return the caller's. Raises Refusal."""
    for n, event in enumerate(events):
        if not isinstance(event, dict) or event.get("type") not in SENT:
            refuse(f"events.{n}", f"Input should have a type of {', '.join(map(repr, SENT))}")
    answer = _say(asked, session, events) if any(e["type"] in SAID for e in events) else []
    place = {"session_id": session.value["id"]}
    told = [asked.put("sessions.events", event, place).value for event in events]
    for event in answer:
        asked.put("sessions.events", event, place)
    return told


def _say(asked: Asked, session: Item, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    agent, total = session.value["agent"], session.value["usage"]
    contents = [event["content"] for event in events if event.get("content")]
    turns = [{"role": "user", "content": contents[-1] if contents else "Go on."}]
    body = {"model": agent["model"]["id"], "max_tokens": MOST_TOKENS, "messages": turns}
    call = rules.read(body, version=rules.NEW_VERSION, betas=frozenset())
    said, _ = asked.practice.say(call, asked.exchange)
    usage = said["usage"]
    owner = organization.owner(asked.practice, asked.exchange)
    asked.practice.charge(said, asked.exchange.now, owner, "managed_agents_api")
    counted = ("input_tokens", "output_tokens", "cache_read_input_tokens")
    added = {name: total[name] + usage[name] for name in counted}
    session.value |= {"usage": {**total, **added}, "updated_at": asked.maker.now}
    content = [{"type": "text", "text": b["text"]} for b in said["content"] if b["type"] == "text"]
    message = {"type": "agent.message", "content": content}
    return [{"type": "session.status_running"}, message, {"type": "session.status_idle"}]


def events(asked: Asked) -> dict[str, Any]:
    """Return a page of a session's events, the oldest first; raises Refusal."""
    return asked.listed(_events(asked), newest=False)


def follow(asked: Asked) -> Response:
    """Return a stream of the events that no stream has told yet, to the end of the turn."""
    return Response(200, {**stream.EVENTS}, _follow(asked, asked.exchange.many("event_deltas")))


def _events(asked: Asked) -> list[Item]:
    return asked.found("sessions.events", session_id=asked.names["session_id"])


def _follow(asked: Asked, deltas: list[str]) -> Iterator[bytes | float | Exception]:
    session, waited = asked.found("sessions", session_id=asked.names["session_id"])[0], 0.0
    told = session.kept or 0  # how many events streams gave
    while len(_events(asked)) <= told and waited < PATIENCE:
        yield WAIT
        waited += WAIT
    for item in _events(asked)[told:]:
        session.kept = told = told + 1
        event = item.value
        if event["type"] in deltas and event.get("content"):
            yield stream.frame({"type": "event_start", "event": {"type": event["type"], "id": event["id"]}})
            for n, block in enumerate(event["content"]):
                delta = {"type": "content_delta", "index": n, "content": block}
                yield stream.frame({"type": "event_delta", "event_id": event["id"], "delta": delta})
        yield stream.frame(event)


def _hold(asked: Asked, session: Item) -> None:
    held = asked.found("sessions.resources", **session.place)
    session.value = {**session.value, "resources": [item.value for item in held]}


def _mount(asked: Asked, given: Any, place: dict[str, str]) -> dict[str, Any]:
    for name in ("file_id", "memory_store_id"):
        if isinstance(given, dict) and isinstance(given.get(name), str):
            asked.other(name, given[name])
    item = asked.put("sessions.resources", given, place)
    if item.value["type"] == "file":
        item.value["mount_path"] = item.value["mount_path"] or f"/mnt/session/uploads/{item.value['file_id']}"
    return item.value


def add_resource(asked: Asked) -> dict[str, Any]:
    """Mount a file into a session; raises Refusal."""
    if asked.body["type"] != "file":
        refuse("type", "Input should be 'file'")
    made = _mount(asked, asked.body, dict(asked.names))
    _hold(asked, asked.found("sessions")[0])
    return made


def update_resource(asked: Asked) -> dict[str, Any]:
    """Take a new token for a repository, which is told to nobody; raises Refusal."""
    value = asked.own().value
    if value["type"] != "github_repository":
        refuse("", f"{value['id']} is a {value['type']}: only a github_repository has a token")
    value["updated_at"] = asked.maker.now
    return value


def delete_resource(asked: Asked) -> dict[str, Any]:
    """Take a resource out of a session; raises Refusal."""
    item = asked.own()
    asked.remove(item)
    _hold(asked, asked.found("sessions", session_id=asked.names["session_id"])[0])
    return asked.answer(item)


RULES = {
    "agents.create": create_agent,
    "agents.update": update_agent,
    "agents.retrieve": retrieve_agent,
    "agents.versions.list": agent_versions,
    "sessions.create": create_session,
    "sessions.update": update_session,
    "sessions.events.list": events,
    "sessions.events.send": send,
    "sessions.events.stream": follow,
    "sessions.threads.events.list": events,
    "sessions.threads.events.stream": follow,
    "sessions.resources.add": add_resource,
    "sessions.resources.update": update_resource,
    "sessions.resources.delete": delete_resource,
}
