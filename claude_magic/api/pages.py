"""How is a list read that comes in pages?

A page says itself how the next one is asked for, whichever of the API's five ways it follows: `next_page`
(and `prev_page`), or `has_more` with the id of its last item.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from claude_magic.api.parameters import CURSORS
from claude_magic.errors import APIResponseError, InputError
from claude_magic.wire import Record, record

if TYPE_CHECKING:
    import pandas as pd


Query = Mapping[str, Any]
More = Callable[[Query], Any]
Trail = dict[tuple[Any, ...], int]


class _Page(Record):
    """What both kinds of page know: what asks for the page that follows.

    `trail` has the places of the pages of a list in the order in which they were first asked for.
    """

    def __init__(
        self, items: Query, more: More | None = None, query: Query | None = None, trail: Trail | None = None
    ) -> None:
        super().__init__(items)
        if not isinstance(self.get("data"), list | None):
            raise ValueError("the data of a page is no list")  # noqa: TRY004 - it is what the server sent
        self._more, self._query, self._trail = more, query or {}, {} if trail is None else trail
        self._trail.setdefault(_place(self._query), len(self._trail))

    def next_query(self) -> dict[str, Any] | None:
        """Return what asks for the page that follows, or None at the end.

        Raises APIResponseError where that would be this page or one before it again.
        """
        found = self._cursor()
        if found is not None:
            here, then = _place(self._query), _place({**self._query, **found})
            if self._trail.get(then, len(self._trail)) <= self._trail[here]:
                text = "The list has no end: after this page the server names one that was there before"
                raise APIResponseError(text, hint="Ask for the list once more.", request_id=self.request_id)
        return found

    def _cursor(self) -> dict[str, Any] | None:
        data, more = self.get("data"), self.get("has_more")
        if more is not False and (cursor := self.get("next_page")):
            return {"page": cursor}
        if not more or not data:
            return None
        if self._query.get("before_id") is not None:
            return {"before_id": self.get("first_id") or _id(data[0])}
        return {"after_id": self.get("last_id") or _id(data[-1])}

    def has_next_page(self) -> bool:
        """Say whether a page follows."""
        return self.next_query() is not None

    def get_next_page(self) -> Any:
        """Return the page that follows (of an AsyncClient: an awaitable of it), or None at the end."""
        cursor = self.next_query()
        if cursor is None:
            return None
        if self._more is None:
            raise InputError("A copy of a page cannot ask for the next one", hint="Ask for the list again.")
        return self._more(cursor)

    def __bool__(self) -> bool:
        return True  # as json asks, which takes what is false for an empty object

    def __len__(self) -> int:
        raise TypeError("len(page.data) counts this page of a list, len(list(page)) all of them")

    def __missing__(self, key: Any) -> Any:
        if isinstance(key, int | slice):
            raise InputError("A page has its items in .data", hint="Write page.data[0] or list(page)[0].")
        raise KeyError(key)

    def __repr__(self) -> str:
        from claude_magic.protocol import sheets

        return sheets.text(self, more=self._cursor() is not None)

    def _repr_html_(self) -> str:
        from claude_magic.protocol import sheets

        return sheets.view(self, more=self._cursor() is not None)

    def records(self) -> Iterator[Record]:
        """Yield the items of this page alone, with the answer they came in."""
        response = self.response
        for item in map(record, self.get("data") or ()):
            yield item.answered(response) if isinstance(item, Record) else item


class Page(_Page):
    """One page of a list: `.data`, `.has_more`; iterating goes on through the pages that follow."""

    def iter_pages(self) -> Iterator[Page]:
        """Yield this page and those that follow, each asked for when it is reached."""
        page: Page | None = self
        while page is not None:
            yield page
            page = page.get_next_page()

    def __iter__(self) -> Iterator[Record]:  # type: ignore[override]
        for page in self.iter_pages():
            yield from page.records()

    def to_frame(self) -> pd.DataFrame:
        """Return every item, of this page and those that follow, as a DataFrame with one row each.

        An object within an item becomes columns such as `scope.id`; moments become UTC timestamps.
        """
        from claude_magic.frames.records import frame

        return frame(item for page in self.iter_pages() for item in page.get("data") or ())


class _AsyncItems:
    """What can be gone through with `async for`, page after page."""

    _first: Callable[[], Awaitable[AsyncPage]]  # gives the page to begin with

    async def iter_pages(self) -> AsyncIterator[AsyncPage]:
        """Yield the first page and those that follow, each asked for when it is reached."""
        page: AsyncPage | None = await self._first()
        while page is not None:
            yield page
            following = page.get_next_page()
            page = None if following is None else await following

    def __aiter__(self) -> AsyncIterator[Record]:
        return (item async for page in self.iter_pages() for item in page.records())

    def __iter__(self) -> Iterator[Any]:
        raise InputError("This list is read with async for", hint="async for item in page: …")

    async def to_frame(self) -> pd.DataFrame:
        """Return every item as a DataFrame with one row each; see `Page.to_frame`."""
        from claude_magic.frames.records import frame

        return frame([item async for page in self.iter_pages() for item in page.get("data") or ()])


class AsyncPage(_AsyncItems, _Page):
    """One page of a list: `.data`, `.has_more`; `async for` goes on through the pages that follow."""

    async def _first(self) -> AsyncPage:
        return self


class AsyncPages(_AsyncItems):
    """A list on its way: `await` it for the first page, or `async for` over all its items."""

    def __init__(self, fetch: Callable[[Query], Awaitable[AsyncPage]]) -> None:
        self._first = partial(fetch, {})

    def __await__(self) -> Generator[Any, None, AsyncPage]:
        return self._first().__await__()


def _place(query: Query) -> tuple[Any, ...]:
    return tuple(str(query.get(name)) for name in CURSORS)


def _id(item: Any) -> Any:
    return item.get("id") if isinstance(item, dict) else None
