"""Workers that start together, answer, and leave nothing behind.

The counterpart of `std::thread::scope` with a gate for the Rust threads, and
of `process_kit::scope` for the processes: here one implementation for both.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Optional

from contract import Failure, spawn
from models import Model

#: Seconds between two checks whether a worker has died silently.
PATIENCE = 0.2

STANDING, ANSWER, FAILURE = "standing", "answer", "failure"


class Parent:
    """A worker's connection to its parent."""

    def __init__(
        self, index: int, gates: Sequence[Any], released: Any, words: Any
    ) -> None:
        self.index = index
        self._gates = list(gates)
        self._released = released
        self._words = words

    def wait(self) -> None:
        """Waits at the next gate until it opens."""
        self._say(STANDING)
        self._gates.pop(0).wait()

    def serve(self, worker: Callable[..., Any], *arguments: Any) -> None:
        """Does the work, answers, and stays until it is released.

        So its memory can be measured while it still exists.
        """
        try:
            answer = worker(self, *arguments)
        except Exception as error:
            kind = "" if isinstance(error, Failure) else type(error).__name__
            self._say(FAILURE, ": ".join(filter(None, [kind, str(error)])))
        else:
            self._say(ANSWER, answer)
        self._released.wait()

    def _say(self, kind: str, value: Any = None) -> None:
        self._words.put((kind, self.index, time.monotonic(), value))


class Crew:
    """Workers of one kind. A `with` block leaves none of them behind.

    Their gates are `Event`s. The rejected alternative is a `Barrier`: if one
    worker cannot be started, or dies, the others wait at it forever.
    """

    def __init__(self, model: Model, gates: int = 1) -> None:
        self._model = model
        self._gates = [model.Event() for _ in range(gates)]
        self._closed = list(self._gates)
        self._released = model.Event()
        self._words = model.Queue()
        self._workers: list[Any] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Releases and joins the workers; after a failure it kills them.

        Only processes can be killed. They are not even released, because an
        event of theirs waits for each sleeper to wake up, even for one that
        has died. Threads are daemons, and nobody waits for them.
        """
        if kind is None:
            self._released.set()
            for worker in self._workers:
                worker.join()
        elif self._model.start_method is not None:
            for worker in self._workers:
                worker.kill()
                worker.join()
        else:
            for event in [*self._gates, self._released]:
                event.set()

    def spawn(self, worker: Callable[..., Any], *arguments: Any) -> None:
        """Starts another worker with its `Parent` and the arguments."""
        parent = Parent(
            len(self._workers), self._gates, self._released, self._words
        )
        self._workers.append(
            spawn(self._model, parent.serve, worker, *arguments)
        )

    def wait_for_all(self) -> float:
        """Waits until all are at the next gate; returns when the last came."""
        return max(self._next(STANDING)[1] for _ in self._workers)

    def open_gate(self) -> float:
        """Releases all of them at once, and returns the time."""
        now = time.monotonic()
        self._closed.pop(0).set()
        return now

    def answers(self) -> list[Any]:
        """The answers, in the order of the workers."""
        found = [self._next(ANSWER) for _ in self._workers]
        return [answer for _, _, answer in sorted(found, key=first)]

    def ids(self) -> list[Optional[int]]:
        """The process ids; None for threads."""
        return [getattr(worker, "pid", None) for worker in self._workers]

    def check(self) -> None:
        """Fails if a worker exited without being released."""
        for index, worker in enumerate(self._workers):
            if not worker.is_alive():
                raise Failure(f"worker {index} died: {how(worker)}")

    def _next(self, expected: str) -> tuple[int, float, Any]:
        while True:
            try:
                kind, index, moment, value = self._words.get(timeout=PATIENCE)
            except queue.Empty:
                self.check()
                continue
            if kind == FAILURE:
                raise Failure(f"worker {index}: {value}")
            if kind != expected:
                raise Failure(
                    f"worker {index}: got {kind}, expected {expected}"
                )
            return index, moment, value


def first(found: tuple[int, float, Any]) -> int:
    """The number of the worker."""
    return found[0]


def how(worker: Any) -> str:
    """How a worker exited; a thread does not report it."""
    status = getattr(worker, "exitcode", None)
    return "no exit status" if status is None else f"status {status}"
