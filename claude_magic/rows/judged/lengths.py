"""How many input tokens do the requests of a plan have together?

The lengths of all prompts are known. How many tokens that makes is counted, free of charge, for some of them:
a few out of each fifth of the requests by length, the same each time. Where the service cannot be asked the
rule of `compose.estimate` stands alone. https://docs.claude.com/en/docs/build-with-claude/token-counting
"""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from claude_magic.errors import APIStatusError
from claude_magic.protocol import catalog
from claude_magic.talk import compose
from claude_magic.talk.counting import ESTIMATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_magic.rows.asked.plan import Plan
    from claude_magic.talk.counting import Count, Counting

COUNTS = 20  # requests that are counted
STRATA = 5
PROBES = 5  # requests that are looked at whole, to see what they have in common
AT_ONCE = 4
NEAR = 2  # tokens by which the rule may round
SEED = 5


class Group(NamedTuple):
    """Requests of about one length, and all their input tokens together."""

    requests: int
    tokens: int


class Input(NamedTuple):
    """The groups, how many requests were counted, and who counted them: see `counting.Count`.

    `shared` are the tokens that each request has as all others do, 0 where they are not alike.
    """

    groups: list[Group]
    counted: int
    by: str
    shared: int = 0

    @property
    def exact(self) -> bool:
        """Whether every request was counted by the service."""
        return self.by != ESTIMATE and self.counted == sum(group.requests for group in self.groups)

    @property
    def words(self) -> str:
        """Who counted how many of the requests, to read."""
        requests = sum(group.requests for group in self.groups)
        return self.by if not self.counted or self.exact else f"{self.by}: {self.counted:,} of {requests:,}"

    @property
    def tokens(self) -> int:
        """The input tokens of all requests."""
        return sum(group.tokens for group in self.groups)


def measure(plan: Plan, rows: Sequence[int], counting: Counting) -> Input:
    """Return the input of the requests that these rows ask; raises ClaudeError where none is taken."""
    shared, made = _sizes(plan, rows)
    sizes = dict(zip(rows, made, strict=True))
    strata = _strata(sorted(rows, key=sizes.__getitem__))
    rng = random.Random(SEED)  # noqa: S311 # a choice of rows is no secret
    few = len(rows) <= COUNTS
    samples = [part if few else sorted(rng.sample(part, min(len(part), COUNTS // STRATA))) for part in strata]
    known = _counted(plan, [row for part in samples for row in part], counting)
    groups = [_group(part, sizes, known) for part in strata]
    by = {count.counted for count in known.values()}
    asked = [count for count in known.values() if count.exact]
    scale = sum(count.tokens for count in known.values()) / max(sum(sizes[row] for row in known), 1)
    return Input(groups, len(asked), min(by - {ESTIMATE}, default=ESTIMATE), round(scale * shared))


def _group(part: Sequence[int], sizes: dict[int, int], known: dict[int, Count]) -> Group:
    """Return the tokens of some requests, those that were counted as they were."""
    counted = [row for row in part if row in known] or list(known)
    scale = sum(known[row].tokens for row in counted) / max(sum(sizes[row] for row in counted), 1)
    sure = sum(known[row].tokens for row in part if row in known)
    return Group(len(part), sure + round(scale * sum(sizes[row] for row in part if row not in known)))


def _strata(ordered: Sequence[int]) -> list[Sequence[int]]:
    ends = [round(len(ordered) * n / STRATA) for n in range(STRATA + 1)]
    return [ordered[a:b] for a, b in itertools.pairwise(ends) if a < b]


def _counted(plan: Plan, rows: Sequence[int], counting: Counting) -> dict[int, Count]:
    """Return the counts of some requests; those that the service refuses are left out, unless it is all."""
    refused: list[APIStatusError] = []

    def count(row: int) -> Count | None:
        try:
            return counting.count(plan.body(row))
        except APIStatusError as error:
            refused.append(error)
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(rows, pool.map(count, rows), strict=True))
    known = {row: made for row, made in found.items() if made is not None}
    if refused and not known:
        raise refused[0]
    return known


def _sizes(plan: Plan, rows: Sequence[int]) -> tuple[int, list[int]]:
    """Return the tokens of each request by the rule, after those that all of them share."""
    spread = [rows[n * (len(rows) - 1) // (PROBES - 1)] for n in range(PROBES)] if rows else []
    rests = [compose.estimate(plan.body(row)) - _tokens(plan, row) for row in spread]
    if not rests or max(rests) - min(rests) > NEAR:  # pictures, or parameters of their own
        return 0, [compose.estimate(plan.body(row)) for row in rows]
    return min(rests), [min(rests) + _tokens(plan, row) for row in rows]


def _tokens(plan: Plan, row: int) -> int:
    return catalog.estimate_tokens(plan.prompt(row), plan.model)
