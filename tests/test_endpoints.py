"""Is the table of endpoints whole, and does it say what it means?"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from claude_magic.protocol import endpoints, signatures
from claude_magic.protocol.endpoints import ENDPOINTS, KINDS, MB, PAGING, Endpoint, Param, match
from claude_magic.protocol.signatures import TYPES, annotation
from tests.sdkcalls import calls

TABLE = (Path(endpoints.__file__).parents[1] / "data" / "endpoints.txt").read_text("utf-8")
ROWS = sorted(ENDPOINTS.values(), key=lambda row: row.name)
NOT_IN_THE_SDK = re.compile(
    r"/v1/(compliance/.*|complete|oauth/token|chat/completions|organizations/(me|cost_report|usage_report/.*))"
)


def read(text: str) -> list[Endpoint]:
    return [*endpoints._read(text)]


def own(row: Endpoint) -> str:
    """The row's path, its parameters filled."""
    return re.sub(r"\{(\w+)\}", r"the-\1", row.path)


def test_every_line_of_the_table_is_a_row_of_its_own():
    lines = re.findall(r"^  \w+ +(?:GET|POST|DELETE) ", TABLE, re.MULTILINE)
    assert 313 == len(lines) == len(ENDPOINTS)
    assert 313 == len({(row.method, row.path) for row in ROWS})


def test_the_calls_of_the_official_sdk_are_all_in_the_table():
    ours = {(row.method, row.path) for row in ROWS}
    assert 271 == len(calls())
    assert set() == set(calls()) - ours


def test_what_the_official_sdk_does_not_call_is_known_by_name():
    more = {row.path for row in ROWS if (row.method, row.path) not in calls()}
    assert [] == sorted(path for path in more if not NOT_IN_THE_SDK.fullmatch(path))


def test_a_row_is_found_by_its_own_path():
    for row in ROWS:
        found = match(row.method, own(row))
        assert (row, {name: f"the-{name}" for name in row.names}) == found
        assert found == match(row.method, own(row) + "/")


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/environments/env_1/work/poll", "environments.work.poll"),
        ("GET", "/v1/environments/env_1/work/work_1", "environments.work.retrieve"),
        ("GET", "/v1/organizations/spend_limits/effective", "organization.spend_limits.effective.list"),
        (
            "POST",
            "/v1/organizations/plugin_marketplaces/validate_archive",
            "organization.plugin_marketplaces.validate_archive",
        ),
        ("GET", "/v1/compliance/apps/sessions/remote", "compliance.apps.sessions.remote.list"),
    ],
)
def test_a_literal_segment_goes_before_a_parameter(method, path, name):
    row, _ = match(method, path) or pytest.fail(path)
    assert name == row.name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/models"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1/models//x"),
        ("GET", ""),
        ("DELETE", "/v1/models/x/y"),
    ],
)
def test_no_row_is_none(method, path):
    assert match(method, path) is None


def test_a_signature_takes_the_path_by_place_and_the_needed_first():
    for row in ROWS:
        found = [*signatures.of(row).parameters.values()]
        assert [*row.names] == [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert inspect.Parameter.VAR_KEYWORD is found[-1].kind
        needed = [p.default is p.empty for p in found if p.kind is p.KEYWORD_ONLY]
        assert sorted(needed, reverse=True) == needed
        compile(f"def call{signatures.of(row)}: ...", row.name, "exec")
        assert set(row.params) | set(row.names) | {"options"} == {p.name for p in found}


def test_a_row_says_what_the_head_of_the_table_explains():
    for row in ROWS:
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", row.name)
        assert row.method in ("GET", "POST", "DELETE")
        assert row.path.startswith("/v1/") and not row.path.endswith("/")
        assert row.kind in ("json", *KINDS)
        assert row.paging in (None, *PAGING)
        assert (row.paging is not None) >= (row.usual is not None or row.most_items is not None)
        assert row.beta >= bool(row.betas)
        assert row.doc.startswith("https://platform.claude.com/docs/en/")
        assert [] == [p for p in row.params.values() if not p.query and row.method != "POST"]


def test_a_parameter_is_annotated_by_its_type_or_by_the_words_it_takes():
    plain = {*TYPES.values(), "bool", "float", "int", "str", "dict", "range"}
    kinds = {annotation(param) for row in ROWS for param in row.params.values()}
    inner = {re.sub(r"^list\[(.*)\]$", r"\1", kind) for kind in kinds}
    assert [] == sorted(kind for kind in inner - plain if not re.fullmatch(r"Literal\['.*'\]", kind))


def test_only_what_makes_or_spends_is_marked_so():
    assert [] == [row.name for row in ROWS if (row.paid or row.once) and row.method != "POST"]
    making = [
        r
        for r in ROWS
        if r.method == "POST" and r.name.endswith((".create", ".add", ".upload", ".run", ".send"))
    ]
    assert [] == [row.name for row in making if not (row.paid or row.once)]


def test_sizes_are_32_mb_but_for_batches_and_files():
    larger = {row.name: row.most // MB for row in ROWS if row.most != 32 * MB}
    assert {"messages.batches.create": 256, "files.upload": 500} == larger


def test_the_calls_that_cost_money_when_repeated():
    paid = {row.name for row in ROWS if row.paid}
    assert {
        "messages.create",
        "messages.batches.create",
        "completions.create",
        "chat.completions.create",
        "deployments.create",
        "deployments.run",
        "dreams.create",
        "sessions.create",
        "sessions.events.send",
    } == paid


def test_the_calls_of_the_organization_take_an_admin_key():
    assert {"organization", "compliance"} == {row.name.split(".")[0] for row in ROWS if row.admin}
    assert [] == [row.name for row in ROWS if row.name.startswith(("organization", "compliance")) > row.admin]


def test_a_row_reads_as_it_is_written():
    text = (
        "space.of /v1/things [beta=some-beta, legacy]\n"
        "  make POST /{a}/of/{b} [id 5/50, once, sse, 7MB] -> Thing:\n"
        "      name! n:int kind:x|y tags[] more{} ?where:bool *all{} at:range\n"
    )
    row = read(text)[0]
    assert ("space.of.make", "/v1/things/{a}/of/{b}", "Thing", ("a", "b")) == (
        row.name,
        row.path,
        row.answer,
        row.names,
    )
    assert ("id", 5, 50, "sse", True, 7 * MB, True, ("some-beta",), True) == (
        row.paging, row.usual, row.most_items, row.kind, row.once, row.most, row.beta, row.betas, row.legacy,
    )  # fmt: skip
    assert {"limit", "after_id", "before_id"} == {p.name for p in row.params.values() if p.query} - {"where"}
    assert Param("name", needed=True) == row.params["name"]
    assert Param("all", "dict", whole=True) == row.params["all"]
    assert ("int", "Literal['x', 'y']", "list[Any]", "dict", "bool") == tuple(
        annotation(row.params[name]) for name in ("n", "kind", "tags", "more", "where")
    )


@pytest.mark.parametrize(
    "line",
    [
        "  make SEND",
        "  make POST . -> Thing: name?",
        "  make POST . [costly] -> Thing",
        "  make POST . Thing",
    ],
)
def test_a_line_that_cannot_be_read_is_an_error(line):
    with pytest.raises((ValueError, TypeError)):
        [row.params for row in read(f"space /v1/things\n{line}\n")]
