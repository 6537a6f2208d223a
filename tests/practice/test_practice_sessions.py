"""Do agents, sessions, deployments, dreams and memories behave as their documentation says?"""

from __future__ import annotations

import hashlib

import pytest

from claude_magic.protocol.endpoints import ENDPOINTS
from tests.practice.conftest import parse, read, whole
from tests.practice.world import MODEL, SAY, World


@pytest.fixture
def world() -> World:
    return World()


def test_an_agent_has_versions_and_is_changed_at_the_one_that_is_known(world):
    agent = world.told("agents.create", {"name": "a", "model": {"id": MODEL, "effort": "high"}})
    assert {"id": MODEL, "effort": {"type": "high"}, "inference_geo": None, "speed": "standard"} == agent[
        "model"
    ]
    same = world.told("agents.update", {"name": "a"}, agent_id=agent["id"])
    assert 1 == same["version"]
    changed = world.told("agents.update", {"system": "Be short.", "version": 1}, agent_id=agent["id"])
    assert 2 == changed["version"]
    assert 409 == world.call("agents.update", {"name": "b", "version": 1}, agent_id=agent["id"]).status
    assert [2, 1] == [v["version"] for v in world.told("agents.versions.list", agent_id=agent["id"])["data"]]
    old = world.told("agents.retrieve", query={"version": "1"}, agent_id=agent["id"])
    assert (None, "Be short.") == (old["system"], changed["system"])
    assert 404 == world.call("agents.retrieve", query={"version": "9"}, agent_id=agent["id"]).status
    team = {"type": "coordinator", "agents": [agent["id"], {"type": "self"}]}
    lead = world.told("agents.update", {"multiagent": team}, agent_id=agent["id"])
    assert [2, 2] == [a["version"] for a in lead["multiagent"]["agents"]]
    alone = world.told(
        "agents.create", {"name": "b", "model": MODEL, "multiagent": {**team, "agents": [{"type": "self"}]}}
    )
    assert [alone["id"]] == [a["id"] for a in alone["multiagent"]["agents"]]


def test_a_session_answers_from_the_message_and_is_charged_for(world):
    session = world.told("sessions.create")
    told = world.told("sessions.events.send", session_id=session["id"])["data"]
    assert ["user.message"] == [event["type"] for event in told]
    events = world.told("sessions.events.list", session_id=session["id"])["data"]
    assert ["user.message", "session.status_running", "agent.message", "session.status_idle"] == [
        e["type"] for e in events
    ]
    assert "[practice] The pilot costs 40 euros." in events[2]["content"][0]["text"]
    after = world.told("sessions.retrieve", session_id=session["id"])
    used = world.api.app.used[-1]
    assert ("managed_agents_api", after["usage"]["output_tokens"]) == (
        used.product,
        used.usage["output_tokens"],
    )
    only = world.told("sessions.events.list", query={"types": ["agent.message"]}, session_id=session["id"])[
        "data"
    ]
    assert [events[2]] == only
    newest = world.told("sessions.events.list", query={"order": "desc"}, session_id=session["id"])["data"]
    assert events == newest[::-1]


def test_a_stream_tells_what_no_stream_has_told_and_ends(world):
    session = world.told("sessions.create")["id"]
    early = world.call("sessions.threads.events.stream", session_id=session)
    world.told("sessions.events.send", session_id=session)
    types = [event["type"] for event in parse(whole(early))]
    assert ["user.message", "session.status_idle"] == [types[0], types[-1]]
    stream = world.api.send(
        "GET", f"/v1/sessions/{session}/events/stream", anthropic_beta="managed-agents-2026-04-01"
    )
    waits = [*stream.parts()]
    assert pytest.approx(2) == sum(waits)


def test_a_stream_tells_pieces_of_a_message_to_who_asks_for_them(world):
    world.told("sessions.events.send")
    query = {"event_deltas[]": "agent.message"}
    told = parse(whole(world.call("sessions.events.stream", query=query)))
    whole_one = {event["type"]: event for event in told}
    assert (
        whole_one["event_start"]["event"]["id"]
        == whole_one["event_delta"]["event_id"]
        == whole_one["agent.message"]["id"]
    )
    assert whole_one["event_delta"]["delta"]["content"] == whole_one["agent.message"]["content"][0]


def test_a_session_keeps_its_resources_and_lets_a_budget_be_changed_only(world):
    session = world.told("sessions.create")["id"]
    added = world.told("sessions.resources.add", session_id=session)
    assert [added] == world.told("sessions.retrieve", session_id=session)["resources"]
    world.told("sessions.resources.delete", session_id=session, resource_id=added["id"])
    assert [] == world.told("sessions.retrieve", session_id=session)["resources"]
    budget = {"budget": {"max_list_cost": {"amount": "5"}}}
    assert 400 == world.call("sessions.update", budget, session_id=session).status
    assert 400 == world.call("sessions.update", {"vault_ids": []}, session_id=session).status
    world.told("sessions.archive", session_id=session)
    assert (400, f"{session} is archived") == world.refusal("sessions.events.send", session_id=session)


def test_a_deployment_runs_now_pauses_and_says_why_it_cannot(world):
    plan = world.told("deployments.create")
    assert ("paused", {"type": "manual"}) == tuple(
        world.told("deployments.pause")[k] for k in ("status", "paused_reason")
    )
    assert ("active", None) == tuple(
        world.told("deployments.unpause")[k] for k in ("status", "paused_reason")
    )
    run = world.told("deployments.run")
    session = world.told("sessions.retrieve", session_id=run["session_id"])
    assert world.id("deployment_id") == session["deployment_id"]
    assert [run] == world.told("deployment_runs.list", query={"has_error": "false"})["data"]
    world.told("environments.archive")
    failed = world.told("deployments.run", deployment_id=plan["id"])
    assert (None, "environment_archived_error") == (failed["session_id"], failed["error"]["type"])
    assert [failed] == world.told("deployment_runs.list", query={"has_error": "true"})["data"]


def test_a_worker_takes_work_once_and_holds_it_by_heartbeats(world):
    world.ready(ENDPOINTS["environments.work.poll"])
    work = world.told("environments.work.poll")
    assert work["secret"].startswith("practice-")
    assert {"depth": 0, "pending": 1} == {
        k: world.told("environments.work.stats")[k] for k in ("depth", "pending")
    }
    assert "starting" == world.told("environments.work.ack")["state"]
    assert 400 == world.call("environments.work.ack").status
    beat = world.told("environments.work.heartbeat", query={"expected_last_heartbeat": "NO_HEARTBEAT"})
    assert ("active", True) == (beat["state"], beat["lease_extended"])
    late = world.call("environments.work.heartbeat", query={"expected_last_heartbeat": "NO_HEARTBEAT"})
    assert (412, "heartbeat_precondition_failed") == (
        late.status,
        read(late)["error"]["details"]["error_code"],
    )
    world.told("environments.work.heartbeat", query={"expected_last_heartbeat": beat["last_heartbeat"]})
    assert ["stopping", "stopped"] == [
        world.told("environments.work.stop", {"force": f})["state"] for f in (False, True)
    ]
    assert world.told("environments.work.poll") is None


def test_a_dream_takes_a_while_and_can_be_called_off(world):
    dream = world.told("dreams.create")["id"]
    done = world.told("dreams.retrieve", dream_id=dream)
    assert "completed" == done["status"]
    store = world.told("memory_stores.retrieve", memory_store_id=done["outputs"][0]["memory_store_id"])
    assert "practice dream" == store["name"]
    late = world.told("dreams.create")["id"]
    world.api.now += 60
    assert 400 == world.call("dreams.cancel", dream_id=late).status
    (told,) = world.told("dreams.retrieve", dream_id=late)["outputs"]
    assert told["memory_store_id"] == world.told("memory_stores.list")["data"][0]["id"]
    other = world.told("dreams.create")["id"]
    assert "canceled" == world.told("dreams.cancel", dream_id=other)["status"]


def test_a_memory_is_hashed_versioned_and_changed_only_as_it_is_known(world):
    memory = world.told("memory_stores.memories.create", {"path": "/a/b.md", "content": "high"})
    assert (hashlib.sha256(b"high").hexdigest(), 4, None) == tuple(
        memory[k] for k in ("content_sha256", "content_size_bytes", "content")
    )
    assert "high" == world.told("memory_stores.memories.retrieve", memory_id=memory["id"])["content"]
    wrong = {"content": "low", "precondition": {"type": "content_sha256", "content_sha256": "0" * 64}}
    refused = world.call("memory_stores.memories.update", wrong, memory_id=memory["id"])
    assert (409, "memory_precondition_failed_error") == (refused.status, read(refused)["error"]["type"])
    right = {
        "content": "low",
        "precondition": {"type": "content_sha256", "content_sha256": memory["content_sha256"]},
    }
    assert (
        memory["memory_version_id"]
        != world.told("memory_stores.memories.update", right, memory_id=memory["id"])["memory_version_id"]
    )
    taken = world.call("memory_stores.memories.create", {"path": "/a/b.md", "content": ""})
    assert (409, "memory_path_conflict_error") == (taken.status, read(taken)["error"]["type"])
    query = {"expected_content_sha256": memory["content_sha256"]}
    assert 409 == world.call("memory_stores.memories.delete", query=query, memory_id=memory["id"]).status
    world.told("memory_stores.memories.delete", memory_id=memory["id"])
    versions = world.told(
        "memory_stores.memory_versions.list", query={"memory_id": memory["id"], "view": "full"}
    )["data"]
    assert [("deleted", None), ("modified", "low"), ("created", "high")] == [
        (v["operation"], v["content"]) for v in versions
    ]
    gone = world.told("memory_stores.memory_versions.redact", memory_version_id=versions[2]["id"])
    assert (None, None, None) == (gone["content"], gone["path"], gone["content_sha256"]) and gone[
        "redacted_at"
    ]


def test_memories_are_listed_by_folder(world):
    for path in ("/a/b/c.md", "/a/d.md", "/e.md"):
        world.told("memory_stores.memories.create", {"path": path, "content": ""})
    for query, wanted in [
        ({}, ["/a/b/c.md", "/a/d.md", "/e.md"]),
        ({"depth": "1"}, ["/a/", "/e.md"]),
        ({"path_prefix": "/a/", "depth": "1"}, ["/a/b/", "/a/d.md"]),
    ]:
        assert wanted == [m["path"] for m in world.told("memory_stores.memories.list", query=query)["data"]]
    for bad in ("a.md", "/", "/a//b", "/../b", "/a\u200b", "/e\u0301"):
        assert 400 == world.call("memory_stores.memories.create", {"path": bad, "content": ""}).status


def test_the_official_sdk_follows_a_session_live(world):
    with world.api.sdk() as sdk:
        agent = sdk.beta.agents.create(name="a", model=MODEL, tools=[{"type": "agent_toolset_20260401"}])
        environment = sdk.beta.environments.create(name="mine")
        session = sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id)
        with sdk.beta.sessions.events.stream(session.id) as stream:
            sdk.beta.sessions.events.send(session.id, events=[SAY])
            said = [event for event in stream if event.type == "agent.message"]
        assert "[practice]" in said[0].content[0].text
        ids = [sdk.beta.vaults.create(display_name=f"v{n}").id for n in range(5)]
        assert ids[::-1] == [vault.id for vault in sdk.beta.vaults.list(limit=2)]
