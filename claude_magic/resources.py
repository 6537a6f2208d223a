"""How do endpoint rows become callable namespaces and pages?

Each method makes a call and hands it to the caller's `run`, which returns the result (Client) or an awaitable
of it (AsyncClient): one set of methods serves both. Names and keyword arguments follow the official SDK.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from claude_magic.caller import whole
from claude_magic.stream import AsyncMessageStream, MessageStream
from claude_magic.wire import Message, Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping

    from claude_magic.caller import SyncCaller
    from claude_magic.policy import Call, Reply


class Messages:
    """`client.messages`: https://docs.claude.com/en/api/messages."""

    _stream: Any = MessageStream

    def __init__(self, caller: Any) -> None:
        self._caller: SyncCaller = caller  # or an AsyncCaller, whose run gives awaitables

    def create(self, **params: Any) -> Message:
        """Ask, and return the whole Message; `stream=True` returns an iterator of wire events instead.

        Parameters are the API's; `extra_headers`, `extra_query`, `extra_body`, `betas`, `timeout` (seconds of
        silence), `total_timeout` (seconds), `max_retries` and `retry_unknown` are per call. A request that
        could take longer than ten minutes is streamed underneath. Raises ClaudeError.
        """
        if params.get("stream"):
            made = self._stream(self._caller, self._streaming(params), derived=False)
            return cast("Message", made.open())
        if self._caller.slow(params):
            return self.stream(**params).get_final_message()
        return self._caller.run(self._caller.call("messages.create", params), _message)

    def stream(self, **params: Any) -> MessageStream:
        """Ask, and return a stream to use in a `with` block: iterate it, or its `.text_stream`."""
        return self._stream(self._caller, self._streaming(params))  # type: ignore[no-any-return]

    def count_tokens(self, **params: Any) -> Record:
        """Return how many `input_tokens` a request would take; free of charge."""
        return self._caller.run(self._caller.call("messages.count_tokens", params), whole)

    def _streaming(self, params: Mapping[str, Any]) -> Call:
        return self._caller.call("messages.create", {**params, "stream": True}, stream=True)


class AsyncMessages(Messages):
    """`client.messages` of an AsyncClient: `create` and `count_tokens` return awaitables."""

    _stream = AsyncMessageStream

    def stream(self, **params: Any) -> AsyncMessageStream:  # type: ignore[override]
        """Ask, and return a stream to use in an `async with` block."""
        return self._stream(self._caller, self._streaming(params))

    if TYPE_CHECKING:  # what the same methods return here

        def create(self, **params: Any) -> Awaitable[Message]:  # type: ignore[override]
            """Return an awaitable of the whole Message, or of an iterator of wire events."""

        def count_tokens(self, **params: Any) -> Awaitable[Record]:  # type: ignore[override]
            """Return an awaitable of the count."""


class Models:
    """`client.models`: https://docs.claude.com/en/api/models-list."""

    def __init__(self, caller: Any) -> None:
        self._caller: SyncCaller = caller  # or an AsyncCaller, whose run gives awaitables

    def retrieve(self, model_id: str, **options: Any) -> Record:
        """Return one model by id or alias; raises NotFoundError."""
        call = self._caller.call("models.retrieve", options, model_id=model_id)
        return self._caller.run(call, whole)

    def list(self, **query: Any) -> Page:
        """Return a page of models, newest first; iterating over it fetches further pages as they are reached.

        `limit` is the size of a page (1 to 1000), `lifecycle` a list such as `["active", "retired"]`.
        """
        return cast(Page, self._fetch(query, {}))

    def _fetch(self, query: Mapping[str, Any], cursor: Mapping[str, Any]) -> Any:
        return self._caller.run(
            self._caller.call("models.list", {**query, **cursor}), partial(_page, partial(self._fetch, query))
        )


class AsyncModels(Models):
    """`client.models` of an AsyncClient: await `retrieve`; await `list`, or `async for` over it."""

    def list(self, **query: Any) -> AsyncPages:  # type: ignore[override]
        """Return a list to await (its first page) or to go through with `async for`."""
        return AsyncPages(partial(self._fetch, query))

    if TYPE_CHECKING:

        def retrieve(self, model_id: str, **options: Any) -> Awaitable[Record]:  # type: ignore[override]
            """Return an awaitable of the model."""


class Page(Record):
    """One page of a list: `.data`, `.has_more`; iterating goes on through the pages that follow."""

    __slots__ = ("_more",)
    _more: Callable[[Mapping[str, Any]], Any] | None

    def __init__(
        self, items: Mapping[str, Any], more: Callable[[Mapping[str, Any]], Any] | None = None
    ) -> None:
        super().__init__(items)
        self._more = more

    def next_query(self) -> dict[str, Any] | None:
        """Return what asks for the page that follows, or None at the end."""
        if not self.get("has_more") or not self.get("data"):
            return None
        return {"after_id": self.get("last_id") or self.data[-1].id}

    def __iter__(self) -> Iterator[Record]:  # type: ignore[override]
        page = self
        while True:
            yield from page.data
            cursor = page.next_query()
            if cursor is None or self._more is None:
                return
            page = self._more(cursor)


class AsyncPages:
    """A list on its way: `await` it for the first page, or `async for` over all its items."""

    def __init__(self, fetch: Callable[[Mapping[str, Any]], Awaitable[Page]]) -> None:
        self._fetch = fetch

    def __await__(self) -> Generator[Any, None, Page]:
        return self._fetch({}).__await__()

    async def __aiter__(self) -> AsyncIterator[Record]:
        cursor: dict[str, Any] | None = {}
        while cursor is not None:
            page = await self._fetch(cursor)
            for item in page.data:
                yield item
            cursor = page.next_query()


def _message(reply: Reply) -> Message:
    found = whole(reply)
    if not isinstance(found, Message):
        raise reply.unusable("The server's answer is not a message")
    return found


def _page(more: Callable[[Mapping[str, Any]], Any], reply: Reply) -> Page:
    answer = whole(reply)
    page = Page(answer, more)
    return page.answered(answer.response) if answer.response else page
