"""Do completion and `?` say what a call takes and gives?"""

from __future__ import annotations

import inspect
from typing import Any

import jedi
import pytest

from claude_magic.api.client import AsyncClient, Client
from claude_magic.api.pages import AsyncPages, Page
from claude_magic.protocol.endpoints import ENDPOINTS
from claude_magic.protocol.signatures import gives

PRACTICE = {"base_url": "practice:"}


def offered(code: str, kind: Any = Client) -> set[str]:
    """Return what a notebook's Tab offers of an object that is there."""
    return {found.name for found in jedi.Interpreter(code, [{"client": kind(**PRACTICE)}]).complete()}


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("client.messages.create(", {"model=", "max_tokens=", "messages=", "system="}),
        ("client.messages.stream(mod", {"model="}),
        ("client.messages.parse(", {"output_format=", "model="}),
        ("client.files.upload(", {"file=", "filename=", "mime_type=", "expires_in_seconds="}),
        ("client.skills.create(", {"files=", "display_name="}),
        ("client.organization.workspaces.members.update(", {"workspace_id=", "user_id=", "workspace_role="}),
        ("client.models.list().", {"to_frame", "iter_pages", "has_next_page"}),
        ("client.organization.users.list().to_f", {"to_frame"}),
        ("client.messages.batches.results('b').", {"to_frame", "open", "write_to_file"}),
        ("client.messages.", {"batches", "create", "count_tokens", "parse", "stream"}),
    ],
)
def test_tab_offers_what_a_call_takes_and_what_its_answer_has(code, wanted):
    assert wanted <= offered(code)


def test_tab_offers_what_an_async_list_has():
    assert {"to_frame", "iter_pages"} <= offered("client.models.list().", AsyncClient)
    assert AsyncPages is AsyncClient(**PRACTICE).models.list.__annotations__["return"]
    assert "Any" == AsyncClient(**PRACTICE).models.retrieve.__annotations__["return"]


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("files.list", "Page[FileMetadata]"),
        ("files.upload", "FileMetadata"),
        ("files.download", "Feed[bytes]"),
        ("messages.batches.results", "Feed[MessageBatchIndividualResponse]"),
        ("chat.completions.create", "ChatCompletion"),
    ],
)
def test_a_signature_says_what_comes_back(row, wanted):
    assert wanted == gives(ENDPOINTS[row])


def test_the_methods_with_more_than_a_row_have_its_parameters_too():
    client = Client(**PRACTICE)
    for method in (client.messages.create, client.messages.stream, client.messages.parse):
        taken = inspect.signature(method).parameters
        assert set(ENDPOINTS["messages.create"].params) <= set(taken)
        assert "self" not in taken
    assert "ParsedMessage" == inspect.signature(client.messages.parse).return_annotation
    assert "Record" == inspect.signature(client.messages.batches.create).return_annotation


def test_a_list_says_that_it_can_become_a_frame():
    assert "`.to_frame()`" in inspect.getdoc(Client(**PRACTICE).files.list)
    assert "`.to_frame()`" not in inspect.getdoc(Client(**PRACTICE).files.delete)
    assert Page is Client(**PRACTICE).files.list.__annotations__["return"]
