"""How do the rows of a map go out from the workers of a Dask cluster?

This process decides and keeps books, as it does for a map of its own: its gate is the one rate of the whole
cluster, its purse the one budget, its journal has each answer before the next request takes its place. Only
the sending is done by the workers, which take what may be sent now from the exchange.
"""

from __future__ import annotations

import pickle
import time
import uuid
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import distributed

from claude_magic import settings
from claude_magic.api.client import Client
from claude_magic.errors import APIConnectionError, Attempt, ClaudeError, ConfigError, InputError
from claude_magic.looks import watched
from claude_magic.rows.cluster import remote
from claude_magic.rows.cluster.exchange import NAME, Exchange
from claude_magic.rows.columns.reading import fits
from claude_magic.rows.going import Going
from claude_magic.rows.pace import gate
from claude_magic.rows.pace.crew import Crew, Done, Job
from claude_magic.rows.pace.engine import carry
from claude_magic.rows.pace.gate import Gate, Seen
from claude_magic.rows.pace.purse import Purse
from claude_magic.talk import current
from claude_magic.talk.replaying import NO_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.kept.journal import Journal
    from claude_magic.rows.outcome import Ask, Outcome

MOST = 512  # requests under way in the whole cluster, where nobody says how many
INSTALL = "Install claude-magic, in the same version, on the scheduler and on all workers."
LOST = "The worker that sent it was lost, and the answer with it"
LOGIN = "Set ANTHROPIC_API_KEY where the workers start, or type `claude-magic login` on their machines."


class Far(Going):
    """A plan under way, sent by a cluster."""

    def __init__(self, made: Plan, journal: Journal, how: Mapping[str, Any], **given: Any) -> None:
        check(how)
        super().__init__(made, journal, how, **given)

    def _carried(self, keys: Iterable[str], total: int, watch: Any) -> Iterator[Outcome]:
        how, dask = self.how, self.how["engine"]
        url, version = settings.base_url().value, settings.option("anthropic_version").value
        order = remote.Order(uuid.uuid4().hex, url, version, ",".join(self.plan.betas), fits(self.plan.shape))
        workers = len(dask.scheduler_info(n_workers=-1)["workers"])
        return carry(
            self._asks(keys),
            _here(url),
            journal=self.journal,
            run=self.run.name,
            gate=Gate(how["concurrency"] or min(MOST, gate.MOST * max(1, workers))),
            purse=Purse(source=self.source, max_cost=self.allowed, cell=watched.cell()),
            max_attempts=how["max_attempts"],
            watch=watch,
            control=how["control"],
            total=total,
            cached=len(self.before),
            crew=FarCrew(dask, order),
        )

    def _asks(self, keys: Iterable[str]) -> Iterator[Ask]:
        return self.plan.asks(keys)


def check(how: Mapping[str, Any], data: Any = None) -> None:
    """Raise InputError for an engine that is none, and what a cluster cannot do."""
    dask = how["engine"]
    if not isinstance(dask, distributed.Client) or dask.asynchronous:
        hint = "Give engine=dask.distributed.Client(…)."
        what = f"A {type(data).__name__} of Dask" if dask is None else f"engine={dask!r}"
        raise InputError(f"{what} needs a cluster", hint=hint)
    if how["mode"] == "batch":
        hint = 'Leave engine out: with mode="batch" the service itself works through the rows.'
        raise InputError("A batch is not sent by a cluster", hint=hint)
    if how["client"] is not None:
        raise InputError("A client stays in this process, as its key does", hint=LOGIN)
    if (replay := settings.option("replay").value) != "off":
        hint = "Type %claude replay off, or leave engine out."
        raise InputError(f"A cluster neither plays nor records answers (replay is {replay})", hint=hint)
    if dask.status != "running" or not dask.scheduler_info(n_workers=-1)["workers"]:
        hint = "Type client.wait_for_workers(1), and see client.status."
        raise InputError("The cluster has no workers", hint=hint)


def _here(url: str) -> Client:
    """Return a client that says whom the workers ask; it needs no key, as it sends nothing."""
    try:
        return current.client()
    except ConfigError:
        return Client(api_key=NO_KEY, base_url=url)


class FarCrew(Crew):
    """Senders in all workers of a cluster, in the place of threads."""

    def __init__(self, dask: distributed.Client, order: remote.Order) -> None:
        self.dask, self.order, self.is_cut = dask, order, False
        self.failure: ClaudeError | None = None  # nothing is sent any more
        self._new: list[Job] = []
        self._out: dict[int, Job] = {}
        self._staffed: dict[str, tuple[str, Any]] = {}  # worker -> the name of its sender, and its task
        self._ended: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        try:
            dask.register_plugin(Exchange(), name=NAME)
        except Exception as error:
            raise ConfigError(f"The scheduler cannot load claude_magic: {error}", hint=INSTALL) from error

    def grow(self, number: int, most: int | None = None) -> None:
        """Do nothing: each worker has as many threads as it needs."""

    def send(self, job: Job) -> None:
        """Send a job with the next `take`."""
        self._new.append(job)

    def take(self, seconds: float, linger: float = 0.0) -> list[Done]:
        """Return what became of jobs, waiting for the first, and `linger` seconds for those that follow."""
        new, self._new = self._new, []
        self._out |= {job.number: job for job in new}
        gone = self._gone()
        try:
            told = self._ask(
                "swap",
                client=self.dask.id,
                jobs=[(job.number, _packed(job)) for job in new],
                gone=gone,
                recall=self.failure is not None,
                cut=self.is_cut,
                seconds=seconds,
                linger=linger,
            )
        except Exception as error:  # whatever the way to the scheduler raises
            self.failure = _unreachable(error)
            out, self._out = self._out, {}
            return [Done(job, None, _unreachable(error), Seen(0)) for job in out.values()]
        self._staff(told["workers"])
        return self._found(told)

    def wake(self) -> None:
        """Do nothing: `take` never waits for long."""

    def cut(self) -> None:
        """Stop all that is under way, and send nothing more."""
        self.is_cut = True

    def end(self) -> None:
        """Have all senders end."""
        try:
            self._ask("close")
        except Exception:  # then they are gone
            self.is_cut = True
        self._staffed.clear()

    def _found(self, told: dict[str, Any]) -> list[Done]:
        found = []
        for data in told["done"]:
            for number, outcome, error, seen in pickle.loads(data):  # noqa: S301 - from our own workers
                if job := self._out.pop(number, None):
                    found.append(Done(job, outcome, error, seen))
        lost = [(number, APIConnectionError(LOST)) for number in told["lost"]]
        back = [(number, self.failure or KeyboardInterrupt()) for number in told["back"]]
        for number, error in (*lost, *back):
            if job := self._out.pop(number, None):
                found.append(Done(job, None, error, Seen(0)))
        return found

    def _staff(self, workers: list[str]) -> None:
        """Have a sender in each worker, and none in those that are gone."""
        for worker in {*self._staffed} - {*workers}:
            self._staffed.pop(worker)[1].release()
        if self.failure is not None or self.is_cut:
            return
        for worker in workers:
            if worker not in self._staffed:
                name = f"claude-magic-{uuid.uuid4().hex}"
                task = self.dask.submit(remote.send, self.order, name, workers=[worker], key=name, pure=False)
                self._staffed[worker] = name, task
                task.add_done_callback(lambda task, name=name: self._ended.put((name, task)))

    def _gone(self) -> list[str]:
        """Return the names of senders that ended though nobody told them to; remember why."""
        gone = []
        try:
            while True:
                name, task = self._ended.get_nowait()
                gone.append(name)
                self._staffed = {at: one for at, one in self._staffed.items() if one[0] != name}
                if task.status == "error":
                    self.failure = self.failure or _failure(task.exception())
        except Empty:
            return gone

    def _ask(self, what: str, **given: Any) -> Any:
        handler = getattr(self.dask.scheduler, NAME)
        return self.dask.sync(handler, what=what, room=self.order.room, given=given)


def _packed(job: Job) -> bytes:
    seconds = time.monotonic() - job.began
    return pickle.dumps((job.number, job.ask.key, job.ask.body, job.attempts, seconds))


def _unreachable(error: Exception) -> ClaudeError:
    """Return why nothing more can be told of a request, which may be on the bill."""
    made = ConfigError(f"The cluster cannot be reached: {error}", hint="Start it again.")
    made.attempts, made.__cause__ = (Attempt(1, "lost", True),), error
    return made


def _failure(error: BaseException) -> ClaudeError:
    """Return why a worker cannot send, as an error that ends the map."""
    if not isinstance(error, ClaudeError):
        text = f"A worker of the cluster cannot send ({type(error).__name__}): {error}"
        return ConfigError(text, hint=INSTALL)
    if "no API key" in error.message:
        return ConfigError("A worker of the cluster has no API key", hint=LOGIN)
    return error
