"""What do ten million rows take? `python docs/scale.py` works it out and writes ten-million-rows.md anew.

Times come from the Gate that every map sends through, on a clock that takes no time, against a service with
the limits of each tier; costs from the price table; sizes from a journal with some thousand answers in it.
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)] * (str(ROOT) not in sys.path)

from claude_magic.protocol import catalog  # noqa: E402 - found from a checkout too
from claude_magic.rows import outcome  # noqa: E402
from claude_magic.rows.columns import reading  # noqa: E402
from claude_magic.rows.kept import keylist  # noqa: E402
from claude_magic.rows.kept.journal import Journal, Run  # noqa: E402
from claude_magic.rows.pace.gate import MOST, Gate  # noqa: E402
from tests.rows.simulated import Service, run  # noqa: E402

PAGE = Path(__file__).with_name("ten-million-rows.md")
ROWS = 10_000_000
INPUT, OUTPUT, SECONDS = 250, 40, 1.5  # tokens of a row, and how long its answer takes
MODELS = ("claude-haiku-5-5", "claude-haiku-4-5-20251001", "claude-sonnet-5", "claude-opus-5")
PER_BATCH = 100_000  # requests: https://docs.claude.com/en/docs/build-with-claude/batch-processing
MINUTES, START, SPARE = 2, 0.98, 1.3
"""So many are simulated, without so much of the first; so much more than is needed may be under way."""
SAMPLE = 2_000  # answers that are written and weighed
WORDS = "the quick brown fox jumps over lazy dogs while readers write short plain notes on kettles"


class Tier(NamedTuple):
    """What a tier allows: https://docs.claude.com/en/api/rate-limits."""

    name: str
    month: int  # USD
    requests: int  # a minute, as the next two
    input_tokens: int
    output_tokens: int
    queue: int  # requests in batches that have not been worked through

    @property
    def rows(self) -> float:
        """How many of our rows a minute allows."""
        return min(self.requests, self.input_tokens / INPUT, self.output_tokens / OUTPUT)


TIERS = (
    Tier("Start", 500, 1_000, 2_000_000, 400_000, 200_000),
    Tier("Build", 1_000, 5_000, 5_000_000, 1_000_000, 300_000),
    Tier("Scale", 200_000, 10_000, 10_000_000, 2_000_000, 500_000),
)


TEXT = """# Ten million rows

*Written by `python docs/scale.py`: costs from the price table, times from the gate that every map sends
through, against a service with each tier's limits, sizes from a journal that it writes.*

A row here has {input} tokens of input and {output} of output, and is answered in {seconds} s. Try a
hundred of your own first: `claude_magic.preview(df, prompt)` and `claude_magic.estimate(df, prompt)` say
what **your** rows take.

**In short.** If it can wait, use batches: half the price, and nothing of yours has to run meanwhile. If
it cannot, one machine with a higher `concurrency` sends as fast as any tier allows. A Dask cluster is for
rows that are in Dask already or do not fit into memory; it is not faster than the tier's limit.

## What it costs

| model | live | batch | the batch fits into a month of |
|---|---|---|---|
{prices}

An answer that repeats what it was given costs more than its input; `output=` with short fields, or
`choices=`, is the largest saving. `max_cost=` ends the map before it costs more.

## In batches

| tier | may wait at once | turns | at 1 hour a turn | at 24 hours, the most | spend limit a month |
|---|---|---|---|---|---|
{queues}

Most batches end within an hour. A batch has at most {per_batch} requests or 256 MB, so these are
{batches} batches; `mode="batch"` splits by itself. Send no more at a time than may wait:

```python
for start in range(0, len(df), 200_000):
    claude_magic.batch(df.iloc[start : start + 200_000], prompt).wait()
```

After a restart run the same loop again: what was answered is not asked again.

## Live, on one machine

| tier | rows a minute | under way | with {most} under way | with as many as that takes | refused |
|---|---|---|---|---|---|
{tiers}

These are the limits of Claude 4 and 5 models, for each class of model; 5.5 models have their own. The
gate learns yours from the answers. {most} are under way at most unless you say otherwise:
`concurrency=300`.

- **Memory**: a map of a pandas frame holds about {memory} a row besides the frame, {memory_all} for all:
  take a million rows at a time, or a Dask frame.
- **Disk**: the journal takes about {journal} a row for answers of this length, {journal_all} for all.
- **An interruption**, by you, the machine or the network, costs what was under way; the same call goes
  on.

## On a Dask cluster

```python
from dask.distributed import Client
import dask.dataframe as dd

with Client("tcp://scheduler:8786") as cluster:
    df = dd.read_parquet("reviews/")
    answers = claude_magic.map(df, "Sum up {{text}}", engine=cluster)
    answers.to_parquet("answers/")
```

`pip install 'claude-magic[dask]'` here, on the scheduler and on all workers. A pandas frame goes out in
the same way, and comes back as one.

- **One rate, one budget, one journal.** The process that calls `map` lets each request through its gate
  and its budget; workers send what was let through, {most} under way for each of them and 512 in
  all, unless `concurrency=` says how many. Adding workers never breaks a limit.
- **Paid for once.** Each answer is in the journal of the process that calls `map` before the next request
  takes its place. When a worker is killed, what it had under way is asked again, and nothing else. When
  your kernel is killed, the workers stop; the same call goes on.
- **When it happens.** `map` asks all rows before it returns. The frame that it returns has the
  partitions, index and divisions of yours, and typed columns; computing it, once or again, never sends a
  request. The rows are persisted in the cluster, and the answers beside them. Rows that come out
  otherwise when a lost partition is read again get no answer of others: that is an error. Write such a
  frame to files first.
- **Keys.** A key never leaves its machine, and is in no task, graph or log. Each worker has its own: set
  `ANTHROPIC_API_KEY` where workers start, or type `claude-magic login` there. A worker that would ask
  another address than this notebook ends the map. Where the notebook is in practice mode all workers
  practise.
- **What passes through your process**: one partition at a time, and all answers. It holds {key} a row for
  the run, {key_all} for all. Partitions of 10,000 to 100,000 rows are good ones.
"""


def simulated(tier: Tier, most: int) -> tuple[float, float]:
    """Return the rows a minute that go through a gate, and the share of its sends that is refused.

    What a tier allows at once at the start is taken away: of ten million rows it is nothing.
    """
    service = Service(*tier[2:5], latency=lambda *_: SECONDS)
    for bucket in service.buckets:
        bucket.take(START * bucket.limit, 0.0)
    rows = round(MINUTES * min(tier.rows, most * 60 / SECONDS))
    got = run(service, Gate(most), rows, inputs=lambda _: INPUT, outputs=lambda _: OUTPUT)
    return min(tier.rows, got.good / got.seconds * 60), got.refused / got.sends


def answered(number: int, chance: random.Random) -> outcome.Outcome:
    """Return an answer of 30 words or 40 tokens, such as a row gets."""
    message = {
        "id": f"msg_{number:024}",
        "type": "message",
        "role": "assistant",
        "model": MODELS[0],
        "content": [{"type": "text", "text": " ".join(chance.choices(WORDS.split(), k=30))}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": INPUT, "output_tokens": OUTPUT, "service_tier": "standard"},
    }
    key, request = f"{chance.getrandbits(128):032x}", f"req_{number:024}"
    return outcome.answered(key, message, source="live", latency_s=SECONDS, request_id=request)


class Sizes(NamedTuple):
    """Bytes a row: in the journal, in the memory of a map, as a key in that of a map of a Dask frame."""

    journal: float
    memory: float
    key: float


def weighed() -> Sizes:
    """Write answers to a journal and hold them as a map does, and return what that takes."""
    chance = random.Random(1)  # noqa: S311 - no secret
    found = [answered(n, chance) for n in range(SAMPLE)]
    keys = [one.key for one in found]
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "rows.sqlite")
        name = journal.begin(Run(model=MODELS[0], template="Sum up {text}"), keys).name
        for start in range(0, SAMPLE, 50):
            journal.write(found[start : start + 50], name)
        journal.disk.close()
        size = journal.path.stat().st_size
    tracemalloc.start()
    held = []
    for n in range(SAMPLE):
        one = answered(n, chance)
        held.append((one._replace(message=None), reading.spoken(one.message or b"")))
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return Sizes(size / SAMPLE, memory / len(held), len(keylist.pack(keys)[1]) / SAMPLE)


def page() -> str:
    """Return the page."""
    sizes = weighed()
    tiers, prices, queues = [*map(_tier, TIERS)], [*map(_price, MODELS)], [*map(_queue, TIERS)]
    facts = {
        "rows": f"{ROWS:,}",
        "input": INPUT,
        "output": OUTPUT,
        "seconds": SECONDS,
        "most": MOST,
        "tiers": "\n".join(tiers),
        "prices": "\n".join(prices),
        "queues": "\n".join(queues),
        "batches": f"{ROWS // PER_BATCH:,}",
        "per_batch": f"{PER_BATCH:,}",
        "journal": f"{sizes.journal / 1000:.1f} KB",
        "journal_all": f"{ROWS * sizes.journal / 1e9:.0f} GB",
        "memory": f"{sizes.memory / 1000:.0f} KB",
        "memory_all": f"{ROWS * round(sizes.memory / 1000) / 1e6:.0f} GB",
        "key": f"{sizes.key:.0f} bytes",
        "key_all": f"{ROWS * sizes.key / 1e9:.1f} GB",
    }
    return TEXT.format(**facts)


def _tier(tier: Tier) -> str:
    needed = math.ceil(tier.rows / 60 * SECONDS)
    few, _ = simulated(tier, MOST)
    many, refused = simulated(tier, math.ceil(needed * SPARE))
    return (
        f"| {tier.name} | {tier.rows:,.0f} | {needed:,} | {_time(ROWS / few)} | {_time(ROWS / many)} |"
        f" {'under 1%' if refused < 0.01 else f'{refused:.0%}'} |"
    )


def _price(model: str) -> str:
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT}
    live, batch = (ROWS * (catalog.cost(usage, model, batch=half) or 0) for half in (False, True))
    fits = next((tier.name for tier in TIERS if batch <= tier.month), "")
    return f"| `{model}` | ${live:,.0f} | ${batch:,.0f} | {fits} |"


def _queue(tier: Tier) -> str:
    turns = math.ceil(ROWS / tier.queue)
    hours = [_time(60 * hours * turns) for hours in (1, 24)]
    return f"| {tier.name} | {tier.queue:,} | {turns:,} | {hours[0]} | {hours[1]} | ${tier.month:,} |"


def _time(minutes: float) -> str:
    hours = minutes / 60
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.1f} days"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
