"""What do the books of a test say, also while several threads ask at once?"""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

from claude_magic import ledger
from claude_magic.errors import BudgetError
from claude_magic.talk import chat

RACERS = 8


def held() -> Any:
    """Return how many calls are recorded, and how many reservations are open."""
    count = "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM reservations)"
    return ledger.shared().query(count)[1][0]


def raced(times: int, **given: Any) -> tuple[int, Decimal]:
    """Ask so many times in each thread; return how many were refused, and the most that was spent."""
    start, refused, spent = threading.Barrier(RACERS), [], []

    def race() -> None:
        start.wait()
        for _ in range(times):
            try:
                chat.ask("practice:long@100", max_tokens=200, **given)
            except BudgetError as error:
                refused.append(error)
            spent.append(ledger.shared().spent(source="practice"))

    racers = [threading.Thread(target=race) for _ in range(RACERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    return len(refused), max(spent)
