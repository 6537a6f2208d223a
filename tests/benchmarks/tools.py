"""How does each tool ask a prompt of many rows? Run in a process of its own, which does only that.

`python -m tests.benchmarks.tools TOOL TASK SETTING RESULT` carries out a task and writes a report to a file.
Nothing of ours is imported for another tool.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks.samples import KEY, MODEL
from tests.benchmarks.service import ANSWER, PROMPT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

MOST = 64  # tokens of an answer
FAST = 10**7  # requests a minute: a tool that wants a number is not to wait
WARM = range(10**6, 10**6 + 8)  # towns that are asked for first, so that imports are done
Answers = list[Any]
"""The text of each row, in order; None or an exception where there is none."""


class Setting(NamedTuple):
    """What a tool is told: where to ask for which towns, and its own folder.

    `patient`: carry on after failures, as its documentation says how. `per_minute`: the limit of the service.
    `budget` is in USD.
    """

    url: str
    folder: str
    towns: Sequence[int]
    at_once: int = 64
    warm: bool = False
    patient: bool = False
    per_minute: int = 0
    budget: float | None = None

    @property
    def prompts(self) -> list[str]:
        """The prompt of each row."""
        return [PROMPT.format(town=town) for town in self.towns]


class LackingError(Exception):
    """The tool has nothing for this; the text says what."""


def ours(s: Setting) -> Answers:
    """Ask by `claude_magic.map`, with its journal and ledger."""
    import pandas as pd

    import claude_magic

    how = {"concurrency": s.at_once, "max_cost": s.budget, "max_tokens": MOST, "model": MODEL}
    with claude_magic.Client(api_key=KEY, base_url=s.url) as client:
        frame = claude_magic.map(pd.DataFrame({"town": s.towns}), PROMPT, client=client, **how)
    return [None if pd.isna(text) else text for text in frame["claude_text"]]


def ours_batch(s: Setting) -> None:
    """Make a batch, and look how it is."""
    import pandas as pd

    import claude_magic

    with claude_magic.Client(api_key=KEY, base_url=s.url) as client:
        frame = pd.DataFrame({"town": s.towns})
        claude_magic.batch(frame, PROMPT, client=client, model=MODEL, max_tokens=MOST).status()


def sdk(s: Setting) -> Answers:
    """Ask by the official SDK in as many threads."""
    import anthropic

    client = anthropic.Anthropic(api_key=KEY, base_url=s.url)

    def one(prompt: str) -> str:
        return client.messages.create(**_body(prompt)).content[0].text

    _no_budget(s)
    with ThreadPoolExecutor(s.at_once) as pool:
        return list(pool.map(_kept(one) if s.patient else one, s.prompts))


def sdk_async(s: Setting) -> Answers:
    """Ask by the official SDK's asynchronous client."""
    import anthropic

    async def asked() -> Answers:
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=s.url) as client:

            async def one(prompt: str) -> str:
                return (await client.messages.create(**_body(prompt))).content[0].text

            return await _gathered(one, s)

    _no_budget(s)
    return asyncio.run(asked())


def sdk_batch(s: Setting) -> None:
    """Make a batch by the official SDK."""
    import anthropic

    client = anthropic.Anthropic(api_key=KEY, base_url=s.url)
    asked = [{"custom_id": f"row-{n}", "params": _body(prompt)} for n, prompt in enumerate(s.prompts)]
    client.messages.batches.create(requests=asked)


def sdk_async_batch(s: Setting) -> None:
    """Make a batch by the official SDK's asynchronous client."""
    import anthropic

    async def asked() -> None:
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=s.url) as client:
            asked = [{"custom_id": f"row-{n}", "params": _body(text)} for n, text in enumerate(s.prompts)]
            await client.messages.batches.create(requests=asked)

    asyncio.run(asked())


def chatlas(s: Setting) -> Answers:
    """Ask by chatlas's parallel_chat_text."""
    import chatlas as tool

    _no_budget(s)
    how = {"on_error": "continue"} if s.patient else {}
    rpm = s.per_minute or FAST
    return list(
        asyncio.run(tool.parallel_chat_text(_chat(s), s.prompts, max_active=s.at_once, rpm=rpm, **how))
    )


def chatlas_batch(s: Setting) -> None:
    """Make a batch by chatlas's batch_chat."""
    import chatlas as tool

    tool.batch_chat(_chat(s), s.prompts, f"{s.folder}/batch.json", wait=False)


def curator(s: Setting) -> Answers:
    """Ask by curator's LLM, with its cache."""
    _no_budget(s)
    how: dict[str, Any] = {"max_concurrent_requests": s.at_once}
    if s.patient:
        how["require_all_responses"] = False
    if not s.per_minute:
        how |= dict.fromkeys(("max_input_tokens_per_minute", "max_output_tokens_per_minute"), 10**9)
        how["max_requests_per_minute"] = FAST
    return _curated(s, how)


def curator_batch(s: Setting) -> None:
    """Make a batch by curator's LLM."""
    _curated(s, {"batch_check_interval": 1}, batch=True)


def litellm(s: Setting) -> Answers:
    """Ask by litellm's batch_completion, in as many threads."""
    import litellm as tool

    _prepared(tool, s)
    messages = [[{"role": "user", "content": prompt}] for prompt in s.prompts]
    found = tool.batch_completion(messages=messages, max_workers=s.at_once, **_routed(s))
    return [one if isinstance(one, Exception) else one.choices[0].message.content for one in found]


def litellm_async(s: Setting) -> Answers:
    """Ask by litellm's acompletion."""
    import litellm as tool

    async def one(prompt: str) -> str:
        messages = [{"role": "user", "content": prompt}]
        return (await tool.acompletion(messages=messages, **_routed(s))).choices[0].message.content

    _prepared(tool, s)
    return asyncio.run(_gathered(one, s))


def litellm_batch(_: Setting) -> None:
    """Say why there is none."""
    raise LackingError("makes none")  # create_batch takes other providers only


TOOLS: dict[str, tuple[Callable[[Setting], Answers], Callable[[Setting], None]]] = {
    "ours": (ours, ours_batch),
    "sdk": (sdk, sdk_batch),
    "sdk_async": (sdk_async, sdk_async_batch),
    "chatlas": (chatlas, chatlas_batch),
    "curator": (curator, curator_batch),
    "litellm": (litellm, litellm_batch),
    "litellm_async": (litellm_async, litellm_batch),
}


# ---- what the ways share -----------------------------------------------------------------------------------


def _body(prompt: str) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": MOST, "messages": [{"role": "user", "content": prompt}]}


def _chat(s: Setting) -> Any:
    import chatlas as tool

    return tool.ChatAnthropic(model=MODEL, max_tokens=MOST, api_key=KEY, kwargs={"base_url": s.url})


def _curated(s: Setting, how: dict[str, Any], *, batch: bool = False) -> Answers:
    import litellm.litellm_core_utils.default_encoding  # noqa: F401 - else its tokenizer comes from the net
    from bespokelabs import curator as tool

    class Towns(tool.LLM):  # type: ignore[misc, name-defined]
        def prompt(self, input: dict[str, Any]) -> str:
            return f"How many people live in town {input['town']}?"

        def parse(self, input: dict[str, Any], response: str) -> dict[str, Any]:
            return {"town": input["town"], "text": response}

    base = s.url if batch else f"{s.url}/v1"
    told = {"base_url": base, **how}
    kept = {"max_tokens": MOST}
    model = "claude-haiku-4-5" if batch else MODEL  # for a batch it has to know the model
    llm = Towns(model, batch=batch, backend="anthropic", generation_params=kept, backend_params=told)
    found = llm([{"town": town} for town in s.towns], working_dir=f"{s.folder}/curator")
    return list(getattr(found, "dataset", found)["text"])


def _prepared(tool: Any, s: Setting) -> None:
    tool.suppress_debug_info = True
    if s.budget is not None:
        tool.max_budget = s.budget


def _routed(s: Setting) -> dict[str, Any]:
    again = {"num_retries": 2} if s.patient else {}  # as many as the official SDK has
    return {"model": f"anthropic/{MODEL}", "api_key": KEY, "api_base": s.url, "max_tokens": MOST, **again}


def _no_budget(s: Setting) -> None:
    if s.budget is not None:
        raise LackingError("has no budget")


def _kept(one: Callable[[str], str]) -> Callable[[str], Any]:
    def tried(prompt: str) -> Any:
        try:
            return one(prompt)
        except Exception as error:
            return error

    return tried


async def _gathered(one: Callable[[str], Awaitable[str]], s: Setting) -> Answers:
    room = asyncio.Semaphore(s.at_once)

    async def roomy(prompt: str) -> str:
        async with room:
            return await one(prompt)

    return await asyncio.gather(*(roomy(text) for text in s.prompts), return_exceptions=s.patient)


# ---- the process -------------------------------------------------------------------------------------------


def report(tool: str, task: str, s: Setting) -> dict[str, Any]:
    """Carry out a task; return what it took, and how many rows have which answer."""
    ask, batch = TOOLS[tool]
    if s.warm:
        ask(s._replace(towns=WARM))
    cpu, begun = time.process_time(), time.perf_counter()
    found: Answers = []
    raised = lacking = ""
    try:
        found = (batch(s) or []) if task == "batch" else ask(s)
    except LackingError as why:
        lacking = str(why)
    except Exception as error:
        raised = type(error).__name__
    took = {"cpu": time.process_time() - cpu, "seconds": time.perf_counter() - begun, "mb": _highest()}
    return {**took, "raised": raised, "lacking": lacking, **_counted(found, s)}


def _counted(found: Answers, s: Setting) -> dict[str, Any]:
    """Count the rows that have their own answer, and those that have another's."""
    texts = [one if isinstance(one, str) else None for one in found]
    pairs = list(zip(texts, s.towns, strict=False))
    right = sum(text == ANSWER.format(town=town) for text, town in pairs)
    failures = [repr(one) for one in found if isinstance(one, Exception)]
    wrong = sum(text is not None for text, _ in pairs) - right
    return {"right": right, "wrong": wrong, "failure": failures[0] if failures else ""}


def _highest() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    _tool, _task, _setting, _result = sys.argv[1:]
    _told = json.dumps(report(_tool, _task, Setting(**json.loads(_setting))))
    Path(_result).write_text(_told)
    sys.stdout.flush()
    os._exit(0)  # threads that a tool leaves behind are not waited for
