"""How do requests get to the processes of a cluster, and what became of them back?

By a plugin on Dask's scheduler, which each of them can reach. A map has a Room there: its process puts in
requests that may be sent now and are paid for, and takes out what became of them; a sender in each worker
takes requests and gives answers. What is in a room are bytes: it reads neither prompts nor answers, keeps
none, and has never seen a key. What a worker had when it was lost is told as lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from distributed import SchedulerPlugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    Sent = tuple[int, bytes]

NAME = "claude_magic_rows"
"""What the plugin, and the scheduler's handler for it, are called."""
PULL_S = 10.0  # seconds that a sender waits for a request before it asks again


class Sender:
    """What sends in one worker: the requests for it, and those that it has."""

    def __init__(self, worker: str) -> None:
        self.worker, self.news = worker, asyncio.Event()
        self.inbox: deque[Sent] = deque()
        self.out: set[int] = set()

    def __len__(self) -> int:
        return len(self.inbox) + len(self.out)


class Room:
    """The requests of one map on their way, and back."""

    def __init__(self, client: str) -> None:
        self.client, self.news = client, asyncio.Event()
        self.senders: dict[str, Sender] = {}
        self.waiting: deque[Sent] = deque()  # there is nobody to send them
        self.done: list[bytes] = []
        self.lost: list[int] = []
        self.is_cut = False

    def put(self, jobs: Iterable[Sent]) -> None:
        """Give requests to the senders that have the fewest."""
        self.waiting.extend(jobs)
        while self.waiting and self.senders:
            least = min(self.senders.values(), key=len)
            least.inbox.append(self.waiting.popleft())
            least.news.set()

    def join(self, name: str, worker: str) -> Sender:
        """Return a sender, which is known from now on."""
        if name not in self.senders:
            self.senders[name] = Sender(worker)
            self.put(())
        return self.senders[name]

    def leave(self, name: str) -> None:
        """Give up a sender: what it has not taken goes to others, what it has is lost."""
        if gone := self.senders.pop(name, None):
            self.lost += sorted(gone.out)
            self.put(gone.inbox)
            gone.news.set()
            self.news.set()

    def recall(self) -> list[int]:
        """Take back what nobody has taken yet."""
        back = [number for number, _ in self.waiting]
        self.waiting.clear()
        for one in self.senders.values():
            back += [number for number, _ in one.inbox]
            one.inbox.clear()
        return back

    def end(self) -> None:
        """Have all senders stop what they do."""
        self.is_cut = True
        for one in self.senders.values():
            one.news.set()


class Exchange(SchedulerPlugin):  # type: ignore[misc] # dask may not be there
    """The rooms of all maps that use this cluster."""

    idempotent = True

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.scheduler: Any = None

    async def start(self, scheduler: Any) -> None:
        """Answer what this process and the workers ask the scheduler for."""
        self.scheduler = scheduler
        scheduler.handlers[NAME] = self.handle

    async def handle(self, what: str, room: str, given: dict[str, Any]) -> Any:
        """Do one of `swap`, `pull`, `give` and `close` in a room."""
        actions: dict[str, Callable[..., Awaitable[Any]]] = {
            "swap": self._swap,
            "pull": self._pull,
            "give": self._give,
            "close": self._close,
        }
        return await actions[what](room, **given)

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:  # noqa: ARG002 # as it is called
        """Give up what a worker had that is no more."""
        for room in self.rooms.values():
            for name in [name for name, one in room.senders.items() if one.worker == worker]:
                room.leave(name)

    def remove_client(self, scheduler: Any, client: str) -> None:  # noqa: ARG002 # as it is called
        """Stop the maps of a process that is no more: nobody would write down what is answered."""
        for name in [name for name, room in self.rooms.items() if room.client == client]:
            self.rooms.pop(name).end()

    async def _swap(
        self,
        name: str,
        client: str,
        jobs: Sequence[Sent],
        gone: Sequence[str],
        recall: bool,
        cut: bool,
        seconds: float,
        linger: float,
    ) -> dict[str, Any]:
        """Put requests in and take out what came back, waiting some seconds for the first."""
        room = self.rooms.setdefault(name, Room(client))
        for one in gone:
            room.leave(one)
        room.put(jobs)
        back = room.recall() if recall or cut else []
        if cut:
            room.end()
        if not back:
            await _heard(room.news, seconds)
            if room.news.is_set() and linger:
                await asyncio.sleep(linger)
        room.news.clear()
        done, room.done, lost, room.lost = room.done, [], room.lost, []
        return {"done": done, "lost": lost, "back": back, "workers": [*self.scheduler.workers]}

    async def _pull(self, name: str, sender: str, worker: str) -> dict[str, Any]:
        """Give a sender the requests that there are for it, waiting some seconds for the first."""
        if name not in self.rooms:
            return {"jobs": [], "over": True, "cut": True}
        room = self.rooms[name]
        me = room.join(sender, worker)
        if not room.is_cut:
            await _heard(me.news, PULL_S)
        me.news.clear()
        if room.senders.get(sender) is not me or self.rooms.get(name) is not room:
            return {"jobs": [], "over": True, "cut": True}
        jobs = [*me.inbox]
        me.inbox.clear()
        me.out.update(number for number, _ in jobs)
        return {"jobs": [data for _, data in jobs], "over": False, "cut": room.is_cut}

    async def _give(self, name: str, sender: str, numbers: Sequence[int], done: bytes) -> None:
        """Take what became of requests that a sender had."""
        if room := self.rooms.get(name):
            if sender in room.senders:
                room.senders[sender].out.difference_update(numbers)
            room.done.append(done)
            room.news.set()

    async def _close(self, name: str) -> None:
        """End a room."""
        if room := self.rooms.pop(name, None):
            room.end()


async def _heard(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), max(0.0, seconds))
