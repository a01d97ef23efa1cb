"""Calls in processes of their own, so that none can stop, kill or hold up another.

A process answers one call at a time. One that ends or takes too long is the fault of its call alone, and is replaced.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, Literal

from orbitile.base.errors import OrbitileError
from orbitile.base.unforeseen import unforeseen_reason

END_S = 2.0
"""Seconds that an idle process has to end by itself."""


class LostProcessError(Exception):
    """A process ended before it answered."""


class WorkerProcess:
    """A process that makes one call at a time; by "fork" it starts at once, by "spawn" it imports everything anew."""

    def __init__(self, start_method: Literal["fork", "spawn"]) -> None:
        context = multiprocessing.get_context(start_method)
        self._pipe, far_end = context.Pipe()
        make = context.Process  # type: ignore[attr-defined]
        self._process = make(target=_serve, args=(far_end, self._pipe), daemon=True)
        self._process.start()
        far_end.close()

    def call(self, limit_s: float, function: Callable, *arguments: object) -> object:
        """Its result; OrbitileError for any error of the function and after `limit_s` seconds.

        LostProcessError if the process ends meanwhile.
        """
        try:
            self._pipe.send((function, arguments))
            if not self._pipe.poll(limit_s):
                self.end(0)
                raise OrbitileError(f"it took longer than {limit_s:g} s and was given up; is its disk or network slow?")
            result, reason = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self.end(END_S)
            raise LostProcessError(_describe_exit(self._process.exitcode)) from error
        if reason is not None:
            raise OrbitileError(reason)
        return result

    @property
    def is_usable(self) -> bool:
        """Whether it can be called again."""
        return not self._pipe.closed

    def end(self, grace_s: float = END_S) -> None:
        """End it, after some seconds by force; several times is once."""
        self._pipe.close()
        self._process.join(grace_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class WorkerPool:
    """As many processes as may work at once. Those that are lost are replaced when the next call needs one.

    To be made where no other thread computes: processes fork. Their replacements do not.
    """

    def __init__(self, count: int, limit_s: float) -> None:
        self._limit_s = limit_s
        self._workers = [WorkerProcess("fork") for _ in range(count)]
        self._idle: SimpleQueue[WorkerProcess] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def call(self, function: Callable, *arguments: object) -> Any:  # noqa: ANN401 (what the function returns)
        """Call a function with arguments, all of them picklable, from any thread, and return its result.

        OrbitileError for any error of the function, with class and place where it is another one; for a call that
        takes too long; and for one whose process ended twice: once may have been for want of memory.
        """
        try:
            return self._attempt(function, *arguments)
        except LostProcessError:
            try:
                return self._attempt(function, *arguments)
            except LostProcessError as error:
                raise OrbitileError(f"the process that read it ended unexpectedly, twice ({error})") from error

    def _attempt(self, function: Callable, *arguments: object) -> object:
        worker = self._idle.get()
        try:
            if not worker.is_usable:
                worker = WorkerProcess("spawn")  # a fork of a process with threads may never end
                self._workers.append(worker)
            return worker.call(self._limit_s, function, *arguments)
        finally:
            self._idle.put(worker)

    def end(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.end()


@contextmanager
def worker_pool(count: int, limit_s: float) -> Iterator[WorkerPool]:
    """A WorkerPool of `count` processes, which are ended afterwards; a call may take `limit_s` seconds."""
    pool = WorkerPool(count, limit_s)
    try:
        yield pool
    finally:
        pool.end()


def _serve(pipe: Connection, far_end: Connection) -> None:
    """Answer calls until the process that makes them closes the pipe, or ends."""
    far_end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one handles Ctrl-C
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        while True:
            pipe.send(_answer(*pipe.recv()))
    except (EOFError, ConnectionError):
        return


def _answer(function: Callable, arguments: tuple) -> tuple[object, str | None]:
    """The result of a call, and the reason of its failure in one line."""
    try:
        return function(*arguments), None
    except Exception as error:
        return None, unforeseen_reason(error)


def _describe_exit(code: int | None) -> str:
    """How a process ended."""
    if code is None or code >= 0:
        return f"exit status {code}"
    return f"killed by {signal.Signals(-code).name}"
