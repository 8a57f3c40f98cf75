"""Threads or processes: the only place where that is decided.

`threading` and `multiprocessing` have the same interface, so a scenario is
written once, against a `Model`.
"""

from __future__ import annotations

import functools
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any


@dataclass(frozen=True)
class Model:
    """The classes for a scenario's workers and what they share."""

    name: str
    #: How a process starts: `fork`, `spawn`, or `forkserver`. None for
    #: threads.
    start_method: str | None
    Worker: Callable[..., Any]
    Lock: Callable[..., Any]
    Event: Callable[..., Any]
    Barrier: Callable[..., Any]
    Queue: Callable[..., Any]
    SimpleQueue: Callable[..., Any]
    Semaphore: Callable[..., Any]
    #: Meant for two processes; threads of one process can use it too.
    Pipe: Callable[..., Any]


def threads() -> Model:
    """Workers are threads of this process."""
    return Model(
        name="threads",
        start_method=None,
        Worker=threading.Thread,
        Lock=threading.Lock,
        Event=threading.Event,
        Barrier=threading.Barrier,
        Queue=queue.Queue,
        SimpleQueue=queue.SimpleQueue,
        Semaphore=threading.Semaphore,
        Pipe=multiprocessing.Pipe,
    )


@functools.cache
def processes(start_method: str | None = None) -> Model:
    """Workers are processes, with this start method or the default one.

    Cached, because slices are compared by the identity of their model.
    """
    # The contents of a context depend on its start method: no type shows that.
    context: Any = multiprocessing.get_context(start_method)
    method = context.get_start_method()
    return Model(
        name="processes",
        start_method=method,
        Worker=context.Process,
        Lock=undivided(context.Lock, method),
        Event=undivided(context.Event, method),
        Barrier=undivided(context.Barrier, method),
        Queue=undivided(context.Queue, method),
        SimpleQueue=undivided(context.SimpleQueue, method),
        Semaphore=undivided(context.Semaphore, method),
        Pipe=context.Pipe,
    )


def undivided(
    make: Callable[..., Any], start_method: str
) -> Callable[..., Any]:
    """Wraps `make` so that signals are blocked until its object exists.

    A semaphore gets a name and, under `fork`, loses it at once; otherwise a
    tracker is told to remove it. A program that exited in between would leave
    the name in /dev/shm.
    """

    def made(*arguments: Any) -> Any:
        if start_method != "fork":
            # Before blocking, because starting it unblocks the signals.
            resource_tracker.ensure_running()
        ends = {signal.SIGINT, signal.SIGTERM}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        try:
            return make(*arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    return made
