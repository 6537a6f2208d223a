"""How does a worker of a cluster send what it is given?

A task of Dask's takes requests from the exchange and has a Crew send them, many at once. Each is a lease: the
process that runs the map has let it through its gate and holds its worst case. The key is the worker's own,
from its settings; it is in no task, graph or answer.
"""

from __future__ import annotations

import asyncio
import pickle
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from distributed import get_worker, secede

from claude_magic.api.client import Client
from claude_magic.app import Response
from claude_magic.errors import ClaudeError, ConfigError
from claude_magic.keys import PRACTICE_URL
from claude_magic.rows.cluster.exchange import NAME
from claude_magic.rows.outcome import Ask
from claude_magic.rows.pace.crew import Crew, Job
from claude_magic.talk import current

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from claude_magic.rows.pace.crew import Done

LOOK_S = 1.0  # seconds between looks for what no queue tells
SAID = "x-should-retry"  # the header of an error that the process which decides needs


class Order(NamedTuple):
    """What a worker is to do: for which room, and as the process that runs the map would ask itself."""

    room: str
    base_url: str
    version: str
    betas: str = ""
    fits: Callable[[str], str] | None = None


def send(order: Order, name: str) -> int:
    """Send what comes into a room until it is closed, and return how much that was.

    Raises ConfigError where this worker has no key, or would ask another address.
    """
    worker, client = get_worker(), own_client(order)
    secede()  # it hardly computes: other tasks shall have its place
    return _Remote(worker, order, name, Crew(client, order.fits)).run()


def own_client(order: Order) -> Client:
    """Return this worker's own client; raises ConfigError."""
    practice = order.base_url == PRACTICE_URL
    client = Client(base_url=PRACTICE_URL) if practice else current.client(replay="off")
    if client.base_url != order.base_url:
        raise ConfigError(
            f"A worker of the cluster asks {client.base_url}, and this notebook {order.base_url}",
            hint="Set ANTHROPIC_BASE_URL, or practice mode, alike where the workers start.",
        )
    headers = {"anthropic-beta": order.betas} if order.betas else None
    return client.with_options(anthropic_version=order.version, default_headers=headers)


class _Remote:
    """What a worker has under way, in the thread of its task."""

    def __init__(self, worker: Any, order: Order, name: str, crew: Crew) -> None:
        self.worker, self.order, self.name, self.crew = worker, order, name, crew
        self.out = self.sent = 0

    def run(self) -> int:
        pull: Future[Any] | None = self._pull()
        try:
            while pull is not None or self.out:
                self._give(self.crew.take(LOOK_S))
                if pull is None or not pull.done():
                    continue
                told = pull.result()
                for data in told["jobs"]:
                    self._take(data)
                if told["cut"]:
                    self.crew.cut()
                if told["over"]:
                    break
                pull = None if told["cut"] else self._pull()
        finally:
            self.crew.cut()
            self.crew.end()
        return self.sent

    def _take(self, data: bytes) -> None:
        number, key, body, attempts, seconds = pickle.loads(data)  # noqa: S301 - from the process that asks
        began = time.monotonic() - seconds
        self.out, self.sent = self.out + 1, self.sent + 1
        self.crew.grow(self.out)
        self.crew.send(Job(number, Ask(key, body), None, 0.0, began=began, attempts=attempts))

    def _give(self, done: Sequence[Done]) -> None:
        if done:
            self.out -= len(done)
            data = pickle.dumps([(one.job.number, one.outcome, _light(one.error), one.seen) for one in done])
            numbers = [one.job.number for one in done]
            self._ask("give", sender=self.name, numbers=numbers, done=data).result()

    def _pull(self) -> Future[Any]:
        pull = self._ask("pull", sender=self.name, worker=self.worker.address)
        pull.add_done_callback(lambda _: self.crew.wake())
        return pull

    def _ask(self, what: str, **given: Any) -> Future[Any]:
        handler = getattr(self.worker.scheduler, NAME)
        asked = handler(what=what, room=self.order.room, given=given)
        return asyncio.run_coroutine_threadsafe(asked, self.worker.loop.asyncio_loop)


def _light(error: BaseException | None) -> BaseException | None:
    """Return an error as it can travel: without what it has of a connection."""
    if error is None or isinstance(error, KeyboardInterrupt):
        return error and KeyboardInterrupt()
    if not isinstance(error, ClaudeError):
        return RuntimeError(f"{type(error).__name__}: {error}")
    said = error.response.headers.get(SAID) if error.response else None
    error.response = Response(error.status or 0, {SAID: said}) if said else None
    error.partial = None
    return error
