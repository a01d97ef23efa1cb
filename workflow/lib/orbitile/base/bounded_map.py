"""Work on many items by several threads, in order and in bounded memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")


class BoundedMap:
    """A map over items by `threads` threads, in bounded memory.

    Items are handed out as long as no more than `limit` of them, by weight, are in work or ready but not yet fetched.
    The context `waiting` is entered while a result is awaited.
    """

    def __init__(self, threads: int, limit: float, waiting: Callable[[], AbstractContextManager]) -> None:
        self._threads, self._limit, self._in_use, self._waiting = threads, limit, 0.0, waiting
        self._pending: deque[tuple[Future, float]] = deque()

    @property
    def depth(self) -> int:
        """The number of results that are ready."""
        return sum(future.done() for future, _ in tuple(self._pending))

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], weight: Callable[[Item], float] = lambda item: 1
    ) -> Generator[Result, None, None]:
        """The results of `work` for each item, in order; a single item may exceed the limit."""
        pool = ThreadPoolExecutor(self._threads)
        try:
            for item in items:
                item_weight = weight(item)
                while self._pending and self._in_use + item_weight > self._limit:
                    yield cast(Result, self._take())
                self._pending.append((pool.submit(work, item), item_weight))
                self._in_use += item_weight
            while self._pending:
                yield cast(Result, self._take())
        finally:
            pool.shutdown(cancel_futures=True)

    def _take(self) -> object:
        future, weight = self._pending.popleft()
        self._in_use -= weight
        with self._waiting():
            return future.result()
