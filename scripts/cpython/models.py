"""Threads or processes: the one place where that is chosen.

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
    """What a scenario starts its workers with, and what they share."""

    name: str
    #: How a process starts: `fork`, `spawn`, or `forkserver`. Threads have
    #: no such choice.
    start_method: str | None
    Worker: Callable[..., Any]
    Lock: Callable[..., Any]
    Event: Callable[..., Any]
    Barrier: Callable[..., Any]
    Queue: Callable[..., Any]
    SimpleQueue: Callable[..., Any]
    Semaphore: Callable[..., Any]
    #: Its ends are for two processes; threads of one can use it too.
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
    """Workers are processes, started in this way, or in the usual one.

    The same one each time, by which a slice is told from another model's.
    """
    # What a context has depends on its start method: no type says that.
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
    """The same, with signals held back until it is made.

    A semaphore is given a name and, under `fork`, loses it at once; otherwise
    a tracker is told to take it away. A program that ended in between would
    leave the name in /dev/shm.
    """

    def made(*arguments: Any) -> Any:
        if start_method != "fork":
            # Before, because its start lets the signals through again.
            resource_tracker.ensure_running()
        ends = {signal.SIGINT, signal.SIGTERM}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        try:
            return make(*arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    return made
