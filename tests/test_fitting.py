"""Is what a question cannot use refused in one sentence, before anything is sent?"""

from __future__ import annotations

from typing import Any

import pytest

from claude_magic import AsyncClient
from claude_magic.errors import InputError
from claude_magic.talk import chat, fitting
from tests.shells import rows


@pytest.mark.parametrize("name", fitting.KINDS)
def test_a_keyword_of_another_kind_says_what_it_must_be(name):
    given: dict[str, Any] = {name: 5}
    with pytest.raises(InputError, match=f"^{name} must be .*, not 5\n→ Give {name}="):
        chat.ask("Hi", **given)
    with pytest.raises(InputError, match=f"^{name} must be "):
        chat.Chat(**given)
    assert [] == rows()


def test_a_client_that_is_awaited_is_not_asked():
    with pytest.raises(InputError, match="a Client, which is not awaited, not <AsyncClient practice:"):
        chat.ask("Hi", client=AsyncClient(base_url="practice:"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"messages": []}, "messages must be a list of turns, not []"),
        ({"messages": ["Hi"]}, "messages must be a list of turns, not ['Hi']"),
        ({"messages": None}, "messages must be a list of turns, not None"),
        ({"tools": 5}, "tools must be a list, not 5"),
        ({"output_config": 5}, "output_config must be a dict, not 5"),
        ({"extra_body": {"tools": 5}}, "tools must be a list, not 5"),
        ({5: 5}, "A field of a request has a name, not 5"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"tools": ["web_search"]}, {"returns": int}], ids=["", "tools", "type"])
def test_a_field_that_cannot_be_in_a_request_is_refused(client, params, message, more):
    with pytest.raises(InputError) as caught:
        chat.ask("Hi", client=client, params=params, **more)
    assert message in caught.value.message
    assert caught.value.hint
    assert [] == rows()


def test_every_keyword_may_be_none():
    fitting.check(dict.fromkeys(fitting.KINDS))
