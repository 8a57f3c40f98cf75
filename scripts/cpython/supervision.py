"""The supervised pool: each job is delivered until it is done.

An attempt that overruns its deadline is stopped, by one way after the other;
a worker that is lost is replaced. See common/src/supervision/ for the rules
and the two kits for what Rust makes of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Optional

import contract
from contract import Failure
from models import Model

#: The ways to stop a worker, in rising order. Asked, it looks at a flag when
#: it likes. Interrupted, a thread has what it waits for closed, and a process
#: is sent SIGTERM. Forced, a process is sent SIGKILL; for threads there is
#: nothing, and they are abandoned.
WAYS = ("ask", "interrupt", "force")


@dataclass(frozen=True)
class Rules:
    """By which the workers are kept going. All times in seconds."""

    workers: int
    grace: float
    #: How often workers may be replaced: without a bound, a pool whose
    #: workers die at once does nothing but start workers.
    restarts: int
    attempts: int = 3


@dataclass(frozen=True)
class Ending:
    """How an attempt came to nothing: by which ways, and how long the last
    one took. It was abandoned if it took for ever.
    """

    first: str
    by: str
    after: Optional[float]

    def ways(self) -> tuple[str, ...]:
        """All that were tried."""
        return WAYS[WAYS.index(self.first) : WAYS.index(self.by) + 1]


@dataclass
class Job:
    """A job of some kind, and the attempts at it that came to nothing."""

    kind: str
    number: int
    #: How long an attempt may take, in seconds.
    deadline: float
    endings: list[Ending] = field(default_factory=list)
    result: Optional[int] = None


class Turn:
    """A worker's turn at a job, and how it learns that it should stop."""

    def __init__(self, flag: Any) -> None:
        self._flag = flag
        self._interrupts: list[Callable[[], None]] = []

    def is_cancelled(self) -> bool:
        """Whether the job should stop. It may then raise, whatever it says."""
        return bool(self._flag.value)

    def on_interrupt(self, interrupt: Callable[[], None]) -> None:
        """Says how to end what the job is about to wait for.

        It is done on the supervisor's thread. A process need not say it: it
        is sent a signal.
        """
        self._interrupts.append(interrupt)

    def begin(self) -> None:
        """The supervisor hands out the next job."""
        self._interrupts.clear()
        self._flag.value = False

    def cancel(self) -> None:
        """Asks."""
        self._flag.value = True

    def interrupt(self) -> None:
        """Does what the job has said."""
        self.cancel()
        while self._interrupts:
            self._interrupts.pop()()


class Watch:
    """When an attempt must be stopped, by which way, and until when."""

    def __init__(self, deadline: float, grace: float, first: str) -> None:
        self._grace = grace
        self._first = first
        self._by: Optional[str] = None
        self._since = 0.0
        self.due: Optional[float] = time.monotonic() + deadline

    def escalate(self) -> Optional[str]:
        """The way to try, if it is time for one."""
        now = time.monotonic()
        if self.due is None or now < self.due:
            return None
        self._by = self._first if self._by is None else following(self._by)
        is_last = self._by == WAYS[-1]
        self._since, self.due = now, None if is_last else now + self._grace
        return self._by

    def stopped(self) -> Optional[Ending]:
        """That it has stopped now, if it was to."""
        if self._by is None:
            return None
        return Ending(self._first, self._by, time.monotonic() - self._since)

    def abandoned(self) -> Ending:
        """That nothing could stop it."""
        return Ending(WAYS[0], WAYS[-1], None)


def following(way: str) -> str:
    """The next way up."""
    return WAYS[WAYS.index(way) + 1]


class Worker:
    """A worker, what it is at, and how to reach it.

    It has a pipe of its own: a queue that all share has a lock, and a worker
    that is killed with that in its hands takes all others with it.
    """

    def __init__(self, model: Model, serve: Callable[..., None]) -> None:
        self._is_thread = model.start_method is None
        self.turn = Turn(flag(model))
        self.pipe, theirs = multiprocessing.Pipe()
        self.body = contract.spawn(model, serve, theirs, self.turn)
        if not self._is_thread:
            theirs.close()  # so that its end is the end of the pipe
        self.is_ready = False
        self.job: Optional[Job] = None
        self.watch: Optional[Watch] = None

    def deliver(self, job: Job, grace: float) -> None:
        """Hands out a job. With each attempt the first way to stop it is one
        further up; but to abandon a thread is no way to stop it.
        """
        attempt = len(job.endings)
        most = 1 if self._is_thread else 2
        self.turn.begin()
        first = WAYS[min(attempt, most)]
        self.job, self.watch = job, Watch(job.deadline, grace, first)
        self.pipe.send((job.kind, job.number, attempt))

    def stop(self, way: str) -> bool:
        """Tries one way. False if there is none: it must be abandoned."""
        if way == "ask":
            self.turn.cancel()
        elif way == "interrupt" and self._is_thread:
            self.turn.interrupt()
        elif way == "interrupt":
            self.body.terminate()
        elif self._is_thread:
            return False
        else:
            self.body.kill()
        return True

    def hear(self) -> Optional[tuple[Optional[int], str]]:
        """What it says: a result, or why there is none. Nothing if it died."""
        try:
            said: tuple[Optional[int], str] = self.pipe.recv()
        except (EOFError, OSError):
            self.body.join()
            return None
        return said

    def release(self) -> None:
        """Lets an idle worker go, and joins or reaps it."""
        self.pipe.send(None)
        self.body.join()


def flag(model: Model) -> Any:
    """What a worker looks at. No `Event`: that has a lock, which a worker
    that is killed while it looks would take with it.
    """
    if model.start_method is None:
        return ctypes.c_bool(False)
    context = multiprocessing.get_context(model.start_method)
    return context.RawValue(ctypes.c_bool, False)


class Pool:
    """Workers that `serve`, supervised by whoever calls `join_next`."""

    def __init__(
        self, model: Model, rules: Rules, serve: Callable[..., None]
    ) -> None:
        self._model, self._rules, self._serve = model, rules, serve
        self._waiting: deque[Job] = deque()
        self._finished: deque[Job] = deque()
        self.restarts = 0
        self._workers = [Worker(model, serve) for _ in range(rules.workers)]

    def wait_for_all(self) -> None:
        """Until every worker is ready for a job."""
        while not all(worker.is_ready for worker in self._workers):
            self._supervise()

    def ids(self) -> list[Optional[int]]:
        """Of the workers that are processes."""
        bodies = [worker.body for worker in self._workers]
        return [getattr(body, "pid", None) for body in bodies]

    def submit(self, job: Job) -> None:
        """One more job. An idle worker gets it at once."""
        self._waiting.append(job)
        self._deliver()

    def join_next(self) -> Optional[Job]:
        """A job that is done with: done, or tried often enough. Nothing if
        there is no more.
        """
        while not self._finished:
            if not self._waiting and not any(
                worker.job for worker in self._workers
            ):
                return None
            self._supervise()
        return self._finished.popleft()

    def join(self) -> None:
        """Lets the workers go, but for those that were abandoned."""
        for worker in self._workers:
            worker.release()

    def _supervise(self) -> None:
        """Waits until a worker says something, or it is time to stop one."""
        spoken = wait([worker.pipe for worker in self._workers], self._left())
        for place, worker in enumerate(self._workers):
            if worker.pipe in spoken:
                self._settle(place, worker)
            self._stop_if_due(place, self._workers[place])
        self._deliver()

    def _left(self) -> Optional[float]:
        """Seconds until somebody must be stopped."""
        watches = [worker.watch for worker in self._workers]
        times = [watch.due for watch in watches if watch and watch.due]
        return max(min(times) - time.monotonic(), 0) if times else None

    def _settle(self, place: int, worker: Worker) -> None:
        said = worker.hear()
        job, watch = worker.job, worker.watch
        worker.is_ready, worker.job, worker.watch = True, None, None
        ending = watch.stopped() if watch else None
        if said is None:
            self._replace(place)
        if job is None:
            return
        if said is not None and said[0] is not None:
            job.result = said[0]
            self._finished.append(job)
        elif ending is not None:
            self._fail(job, ending)
        else:
            why = said[1] if said else "its worker died"
            raise Failure(f"{job.kind} job {job.number}: {why}")

    def _stop_if_due(self, place: int, worker: Worker) -> None:
        way = worker.watch.escalate() if worker.watch else None
        if way is None or worker.stop(way):
            return
        job, watch = worker.job, worker.watch
        self._replace(place)
        if job and watch:
            self._fail(job, watch.abandoned())

    def _fail(self, job: Job, ending: Ending) -> None:
        """It waits for its next attempt, unless that would cost one more
        worker for good.
        """
        job.endings.append(ending)
        is_over = len(job.endings) == self._rules.attempts
        if is_over or ending.after is None:
            self._finished.append(job)
        else:
            self._waiting.append(job)

    def _replace(self, place: int) -> None:
        self.restarts += 1
        if self.restarts > self._rules.restarts:
            raise Failure(
                f"{self.restarts} workers had to be replaced, but "
                f"at most {self._rules.restarts} are allowed: if the machine "
                "is busy, give each job more time with --deadline"
            )
        self._workers[place] = Worker(self._model, self._serve)

    def _deliver(self) -> None:
        for worker in self._workers:
            if worker.is_ready and worker.job is None and self._waiting:
                worker.deliver(self._waiting.popleft(), self._rules.grace)


def serve(
    pipe: Connection,
    turn: Turn,
    perform: Callable[[str, int, int, Turn], int],
) -> None:
    """What a worker does: one job after the other, until it is let go."""
    say(pipe, None, "ready")
    while (task := take(pipe)) is not None:
        kind, number, attempt = task
        try:
            result = perform(kind, number, attempt, turn)
        except Exception as error:
            say(pipe, None, str(error))
        else:
            say(pipe, result, "")


def take(pipe: Connection) -> Any:
    """The next task. None ends the worker; so does a pool that gave up."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


def say(pipe: Connection, result: Optional[int], why: str) -> None:
    """Who was abandoned may say it too late: nobody listens any more."""
    with contextlib.suppress(OSError):
        pipe.send((result, why))
