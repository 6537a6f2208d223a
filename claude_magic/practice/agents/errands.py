"""What happens to an agent's work: deployments and their runs, a queue for one's own sandboxes, dreams?

https://platform.claude.com/docs/en/managed-agents/overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.practice.agents.sessions import begin, pinned
from claude_magic.practice.kinds import number
from claude_magic.practice.messages import rules
from claude_magic.practice.moments import seconds
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from claude_magic.practice.stored.shelves import Asked

LEASE, RECLAIM = "60", "5000"  # seconds, milliseconds
MOST = 10**9 - 1
DREAMING = 10.0  # seconds that a dream takes
COPIED = ("agent", "environment_id", "initial_events", "budget", "metadata", "resources", "vault_ids")


def deploy(asked: Asked) -> dict[str, Any]:
    """Make or change a deployment, its agent pinned; raises Refusal."""
    given = dict(asked.body)
    if given.get("agent"):
        agent = pinned(asked, given["agent"])
        given["agent"] = {"id": agent["id"], "version": agent["version"]}
    return asked.change(asked.own(), given) if asked.names else asked.put("deployments", given, {}).value


def pause(asked: Asked) -> dict[str, Any]:
    """Stop a deployment's schedule until it goes on; raises Refusal."""
    return asked.change(asked.own(), {"status": "paused", "paused_reason": {"type": "manual"}})


def unpause(asked: Asked) -> dict[str, Any]:
    """Let a deployment's schedule go on; raises Refusal."""
    return asked.change(asked.own(), {"status": "active", "paused_reason": None})


def run(asked: Asked) -> dict[str, Any]:
    """Start a session from a deployment now; a run that cannot start says why. Raises Refusal."""
    plan = asked.own().value
    if plan["archived_at"]:
        refuse("", f"{plan['id']} is archived")
    given: dict[str, Any] = {"deployment_id": plan["id"], "agent": plan["agent"]}
    if asked.other("environment_id", plan["environment_id"])["archived_at"]:
        message = f"{plan['environment_id']} is archived"
        given["error"] = {"type": "environment_archived_error", "message": message}
    else:
        session = begin(asked, {**{name: plan[name] for name in COPIED}, "deployment_id": plan["id"]})
        given["session_id"] = session.value["id"]
    return asked.put("deployment_runs", given, {}).value


def runs(asked: Asked) -> dict[str, Any]:
    """Return a page of runs, the newest first; raises Refusal."""
    wanted = asked.exchange.one("has_error")
    return asked.listed([i for i in asked.items() if wanted in (None, str(bool(i.value["error"])).lower())])


def update_environment(asked: Asked) -> dict[str, Any]:
    """Change an environment, but not from the cloud to one's own machines or back; raises Refusal."""
    item, config = asked.own(), asked.body.get("config")
    if isinstance(config, dict) and config.get("type") != item.value["config"]["type"]:
        refuse("config.type", "cannot be changed", error_code="invalid_config_type_change")
    return asked.change(item, asked.body)


def poll(asked: Asked) -> dict[str, Any] | None:
    """Return the oldest work that no worker has, with its secret; None where there is none."""
    patience, now = _whole(asked, "reclaim_older_than_ms", RECLAIM) / 1000, asked.exchange.now
    for item in asked.found():
        if item.value["state"] == "queued" and (item.kept is None or now - item.kept > patience):
            item.kept = now  # when a worker took it
            return {**item.value, "secret": f"practice-{item.value['id']}"}
    return None


def work_stats(asked: Asked) -> dict[str, Any]:
    """Return how much work waits for a worker."""
    queued = [item for item in asked.found() if item.value["state"] == "queued"]
    pending = sum(item.kept is not None for item in queued)
    oldest = queued[0].value["created_at"] if queued else None
    told = {
        "depth": len(queued) - pending,
        "pending": pending,
        "oldest_queued_at": oldest,
        "workers_polling": None,
    }
    return {"type": "work_queue_stats", **told}


def ack(asked: Asked) -> dict[str, Any]:
    """Take work off the queue; raises Refusal."""
    value = asked.own().value
    if value["state"] != "queued":
        refuse("", f"{value['id']} is {value['state']}, not queued")
    value |= {"state": "starting", "acknowledged_at": asked.maker.now}
    return value


def heartbeat(asked: Asked) -> dict[str, Any]:
    """Extend a worker's lease where nobody else holds it; raises Refusal."""
    value, wanted = asked.own().value, asked.exchange.one("expected_last_heartbeat")
    lease = _whole(asked, "desired_ttl_seconds", LEASE)
    alive = value["state"] not in ("stopping", "stopped")
    if alive and wanted not in (None, value["latest_heartbeat_at"] or "NO_HEARTBEAT"):
        code = "heartbeat_precondition_failed"
        message = f"the last heartbeat is {value['latest_heartbeat_at']}, not {wanted}"
        raise Refusal(412, message, kind="invalid_request_error", error_code=code)
    value |= {"latest_heartbeat_at": asked.maker.now}
    if alive:
        value |= {"state": "active", "started_at": value["started_at"] or asked.maker.now}
    told = {"last_heartbeat": asked.maker.now, "lease_extended": alive, "state": value["state"]}
    return {"type": "work_heartbeat", "ttl_seconds": lease, **told}


def stop(asked: Asked) -> dict[str, Any]:
    """Ask a worker to stop, or stop it at once; raises Refusal."""
    value, force = asked.own().value, asked.body.get("force")
    if value["state"] != "stopped":
        value |= {"state": "stopped" if force else "stopping", "stop_requested_at": asked.maker.now}
        value |= {"stopped_at": asked.maker.now} if force else {}
    return value


def _whole(asked: Asked, name: str, usual: str) -> int:
    return number(asked.exchange.one(name) or usual, 0, MOST, name)


def create_dream(asked: Asked) -> dict[str, Any]:
    """Begin a dream over one memory store and some sessions; raises Refusal."""
    made = asked.put("dreams", asked.body, {}).value
    rules.served(made["model"]["id"])
    if sorted(one["type"] for one in made["inputs"]) != ["memory_store", "sessions"]:
        refuse("inputs", "should be one memory_store and one sessions entry")
    for one in (*made["inputs"], made["output_behavior"]):
        if "memory_store_id" in one:
            asked.other("memory_store_id", one["memory_store_id"])
        for session in one.get("session_ids", ()):
            asked.other("session_id", str(session))
    return made


def _settle(asked: Asked) -> None:
    """Let the dreams that are over end: what they write is an empty store that says it is practice."""
    for item in asked.items("dreams"):
        value = item.value
        age = asked.exchange.now - seconds(value["created_at"], "created_at")
        if value["status"] == "pending" and age >= DREAMING:
            store = value["output_behavior"].get("memory_store_id")
            if store is None:
                store = asked.put("memory_stores", {"name": "practice dream"}, {}).value["id"]
            outputs = [{"type": "memory_store", "memory_store_id": store}]
            value |= {"status": "completed", "ended_at": asked.maker.now, "outputs": outputs}
    asked.store.settle()


def dreams(asked: Asked) -> dict[str, Any]:
    """Return a page of dreams; raises Refusal."""
    _settle(asked)
    return asked.listed(asked.items())


def _dream(asked: Asked) -> dict[str, Any]:
    """Return a dream as it stands now; raises Refusal."""
    _settle(asked)
    return asked.own().value


def cancel_dream(asked: Asked) -> dict[str, Any]:
    """Stop a dream that is not over; raises Refusal."""
    value = _dream(asked)
    if value["status"] != "pending":
        refuse("", f"{value['id']} is {value['status']}: only a pending or running dream can be canceled")
    value |= {"status": "canceled", "ended_at": asked.maker.now}
    return value


def archive_dream(asked: Asked) -> dict[str, Any]:
    """Hide a dream that is over; raises Refusal."""
    value = _dream(asked)
    if value["status"] == "pending":
        refuse("", f"{value['id']} is pending: cancel it first")
    value["archived_at"] = value["archived_at"] or asked.maker.now
    return value


RULES = {
    "deployments.create": deploy,
    "deployments.update": deploy,
    "deployments.pause": pause,
    "deployments.unpause": unpause,
    "deployments.run": run,
    "deployment_runs.list": runs,
    "dreams.create": create_dream,
    "dreams.list": dreams,
    "dreams.retrieve": _dream,
    "dreams.cancel": cancel_dream,
    "dreams.archive": archive_dream,
    "environments.update": update_environment,
    "environments.work.poll": poll,
    "environments.work.stats": work_stats,
    "environments.work.ack": ack,
    "environments.work.heartbeat": heartbeat,
    "environments.work.stop": stop,
}
