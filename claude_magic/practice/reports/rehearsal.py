"""What would the usage reports show, had the practice organization been at work for weeks?

All of it is made up, for lessons on usage and cost: nothing was asked, answered or paid. It is always the
same for the same days. https://platform.claude.com/docs/en/manage-claude/usage-cost-analytics-api
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.practice.moments import HOUR, day_of, midnight
from claude_magic.practice.organization import WORKSPACE
from claude_magic.practice.stored.shelves import objects
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice import Practice, Used

MOST_DAYS = 365
WEEK = (1.0, 1.1, 1.15, 1.1, 0.9, 0.15, 0.1)
"""How busy a day is, from Monday on."""
FEWER = 0.75
"""How much of a caller's calls the next one makes."""


class Habit(NamedTuple):
    """What is asked for again and again: how often on a day, and its usual tokens."""

    product: str
    line: str
    calls: int
    fresh: int
    output: int
    written: int = 0
    read: int = 0
    tier: str = "standard"
    geo: str = "global"
    search_in: int = 0
    """One call in so many searches the web; 0: none does."""


HABITS = {
    "course": (
        Habit("messages_api", "haiku", 60, fresh=900, output=250),
        Habit("messages_api", "sonnet", 25, fresh=1200, output=600, written=300, read=4000, search_in=5),
        Habit("messages_api", "opus", 5, fresh=2500, output=1500, geo="us"),
        Habit("message_batches_api", "haiku", 80, fresh=1500, output=300, tier="batch"),
    ),
    "person": (
        Habit("claude_code", "opus", 40, fresh=300, output=900, written=2500, read=45_000),
        Habit("claude_code", "haiku", 20, fresh=700, output=150),
    ),
    "console": (Habit("claude_console", "sonnet", 6, fresh=500, output=700),),
}


class Rehearsed:
    """How many of a server's uses were made up: they are the first of the list."""

    count = 0


def rehearse(practice: Practice, days: int = 60) -> str:
    """Make up what the organization used until now, from so many days ago, and say so.

    What was made up before is replaced; what was really asked of the server stays. Raises InputError.
    """
    if not isinstance(days, int) or not 1 <= days <= MOST_DAYS:
        raise InputError(
            f"Cannot rehearse {days!r} days", hint=f"Give from 1 to {MOST_DAYS}, such as days=60."
        )
    now = practice.clock()
    today = day_of(now)
    kept = practice.of(Rehearsed)
    made = [
        used
        for back in range(days, -1, -1)
        for used in sorted(_day(practice, today - timedelta(days=back)), key=lambda used: used.at)
        if used.at < now
    ]
    practice.used[: kept.count] = made
    kept.count = len(made)
    return f"[practice] {len(made):,} answers over {days} days were made up for the usage and cost reports."


def _day(practice: Practice, day: date) -> Iterator[Used]:
    """Yield what a UTC day saw, in no order."""
    chance = Random(f"practice {day}")  # noqa: S311 - it is to be foreseen
    for number, (who, key, workspace) in enumerate(_callers(practice)):
        busy = WEEK[day.weekday()] * FEWER**number
        for habit in HABITS[who]:
            if model := _model(habit.line, day):
                calls = round(habit.calls * busy * chance.uniform(0.8, 1.2))
                yield from (_used(habit, model, day, key, workspace, chance) for _ in range(calls))


def _callers(practice: Practice) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield who asks: the kind of caller, its key (None in the Console), its workspace (None: default)."""
    for key in objects(practice, "organization.api_keys").values():
        if key["status"] == "active":
            place = key["scope"].get("workspace_id")
            home = None if place == WORKSPACE else place
            yield "person" if key["principal"] else "course", key["id"], home
    yield "console", None, None


def _model(line: str, day: date) -> catalog.Model | None:
    """Return the newest model of a line on a day."""
    known = (m for m in catalog.all_models() if m.line == line and m.released)
    return next((m for m in known if str(m.released) <= day.isoformat()), None)


def _used(
    habit: Habit, model: catalog.Model, day: date, key: str | None, workspace: str | None, chance: Random
) -> Used:
    from claude_magic.practice import Used

    start = midnight(day)
    hour = chance.uniform(2, 3) if habit.tier == "batch" else chance.triangular(7, 21, 14)
    searched = bool(habit.search_in) and chance.randrange(habit.search_in) == 0
    fresh, output, written, read = (
        round(size * chance.lognormvariate(0, 0.5))
        for size in (habit.fresh, habit.output, habit.written, habit.read)
    )
    usage: dict[str, Any] = {
        "input_tokens": fresh,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "server_tool_use": {"web_search_requests": 1} if searched else None,
        "service_tier": habit.tier,
        "inference_geo": habit.geo if model.inference_geo_us_multiplier else None,
    }
    return Used(start + int(hour * HOUR), model.id, usage, habit.product, key, workspace)
