"""How are many requests cut into batches that the service takes?"""

from __future__ import annotations

import hashlib
import random
import tracemalloc
from decimal import Decimal

import pytest

from claude_magic import limits
from claude_magic.errors import InputError
from claude_magic.rows.batch.parts import BATCH_PRICE, MOST_BYTES, cut, request, requests
from claude_magic.rows.outcome import Ask
from claude_magic.wire import encode
from tests.doors import Asked, Door, json

MODEL = "claude-haiku-5-5"


def ask(n: int, text: str = "What is a pilot?", **fields) -> Ask:
    body = {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": f"{text} {n}"}]}
    return Ask(f"{n:032x}", body | fields)


def asks(number: int, text: str = "What is a pilot?") -> list[Ask]:
    return [ask(n, text) for n in range(number)]


def body(part_of: list[Ask]) -> bytes:
    """The body of the call that makes a batch of these requests."""
    return encode({"requests": [request(one) for one in part_of]})


def test_no_requests_make_no_part():
    assert [] == list(cut([]))


def test_a_part_ends_where_a_batch_takes_no_more_requests():
    assert [3, 3, 1] == [len(part.keys) for part in cut(asks(7), most_requests=3)]


def test_a_part_ends_where_a_batch_takes_no_more_bytes():
    whole = asks(3)
    room = len(body(whole[:2]))
    assert [2, 1] == [len(part.keys) for part in cut(whole, most_bytes=room)]
    assert [1, 1, 1] == [len(part.keys) for part in cut(whole, most_bytes=room - 1)]


def test_whatever_is_cut_every_part_has_room_and_no_request_is_lost_or_moved():
    chance = random.Random(5)
    for _ in range(50):
        whole = [ask(n, "x" * chance.randrange(300)) for n in range(chance.randrange(1, 40))]
        most = chance.randrange(600, 2_000)
        parts = list(cut(whole, most_bytes=most, most_requests=chance.randrange(1, 9)))
        assert [one.key for one in whole] == [key for part in parts for key in part.keys]
        assert most >= max(part.size for part in parts)


def test_the_same_requests_fall_into_the_same_parts():
    assert list(cut(asks(20), most_requests=6)) == list(cut(iter(asks(20)), most_requests=6))


def test_size_and_digest_are_those_of_the_body_that_is_sent():
    asked, whole = Asked(json({"id": "msgbatch_1"})), asks(4)
    (part,) = cut(whole)
    Door(asked).client.messages.batches.create(requests=requests(whole, part))
    sent = asked.requests[0].body
    assert (len(sent), hashlib.sha256(sent).hexdigest()) == (part.size, part.sha256)


def test_requests_that_changed_since_they_were_counted_are_not_sent():
    asked, whole = Asked(json({"id": "msgbatch_1"})), asks(2)
    (part,) = cut(whole)
    whole[1].body["max_tokens"] = 51
    with pytest.raises(InputError, match="have changed"):
        Door(asked).client.messages.batches.create(requests=requests(whole, part))
    assert [] == asked.requests


def test_the_most_a_part_can_cost_is_half_of_what_its_requests_can_cost_alone():
    (part,) = cut(asks(3))
    assert sum(limits.worst_case_of(one.body) for one in asks(3)) / 2 == part.most_usd
    assert Decimal("0.5") == BATCH_PRICE


def test_the_most_a_part_can_cost_is_not_known_where_that_of_one_request_is_not():
    parts = list(cut([ask(0), ask(1, model="claude-of-tomorrow"), ask(2)], most_requests=2))
    assert (None, limits.worst_case_of(ask(2).body) / 2) == tuple(part.most_usd for part in parts)


def test_m11_a_key_that_is_there_twice_is_named():
    with pytest.raises(InputError, match=f"{7:032x}"):
        list(cut([ask(7), ask(8), ask(7)]))


def test_a_request_that_no_batch_has_room_for_is_refused():
    with pytest.raises(InputError, match=r"A request is 0\.0 MB, and a batch takes 0 MB"):
        list(cut(asks(1), most_bytes=100))


def test_a_batch_takes_256_megabytes():
    assert 256 * 2**20 == MOST_BYTES


def test_cutting_keeps_no_request():
    tracemalloc.start()
    parts = list(cut((ask(n, "x" * 20_000) for n in range(1_000)), most_requests=400))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [400, 400, 200] == [len(part.keys) for part in parts]
    assert most < 2 * 2**20  # of 20 MB
