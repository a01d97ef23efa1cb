"""Work on many items by several threads, in order and in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Flow:
    """Items handed to `threads` as long as no more than `limit` of them, by weight, are at work or wait to be taken.

    `waiting` is entered while a result is waited for.
    """

    def __init__(self, threads: int, limit: float, waiting: Callable[[], AbstractContextManager]) -> None:
        self._threads, self._limit, self._held, self._waiting = threads, limit, 0.0, waiting
        self._pending: deque[tuple[Future, float]] = deque()

    @property
    def depth(self) -> int:
        """How many results are there already."""
        return sum(future.done() for future, _ in tuple(self._pending))

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], weight: Callable[[Item], float] = lambda item: 1
    ) -> Iterator[Result]:
        """The results of `work` for each item, in order; a single item may exceed the limit."""
        pool = ThreadPoolExecutor(self._threads)
        try:
            for item in items:
                own = weight(item)
                while self._pending and self._held + own > self._limit:
                    yield self._take()
                self._pending.append((pool.submit(work, item), own))
                self._held += own
            while self._pending:
                yield self._take()
        finally:
            pool.shutdown(cancel_futures=True)

    def _take(self) -> object:
        future, weight = self._pending.popleft()
        self._held -= weight
        with self._waiting():
            return future.result()
