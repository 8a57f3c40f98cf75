"""The supervised pool: each job is delivered until it is done.

An attempt that overruns its deadline is stopped, with stronger and stronger
ways; a lost worker is replaced. See common/src/supervision/ for the rules and
the two kits for the Rust versions.
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

#: The ways to stop a worker, the gentlest first. To ask sets a flag that the
#: worker may check. To interrupt closes what a thread waits for, and sends
#: SIGTERM to a process. To force sends SIGKILL to a process; there is nothing
#: like it for threads, which are abandoned.
WAYS = ("ask", "interrupt", "force")


@dataclass(frozen=True)
class Rules:
    """How the workers are supervised. All times in seconds."""

    workers: int
    grace: float
    #: How often workers may be replaced: without a limit, a pool whose workers
    #: die at once would do nothing but start workers.
    restarts: int
    attempts: int = 3


@dataclass(frozen=True)
class Ending:
    """How an attempt was stopped: the first and last way tried, and how long
    the last one took. None if it never stopped, and was abandoned.
    """

    first: str
    by: str
    after: Optional[float]

    def ways(self) -> tuple[str, ...]:
        """All ways that were tried."""
        return WAYS[WAYS.index(self.first) : WAYS.index(self.by) + 1]


@dataclass
class Job:
    """A job of some kind, and its failed attempts."""

    kind: str
    number: int
    #: Time limit of an attempt, in seconds.
    deadline: float
    endings: list[Ending] = field(default_factory=list)
    result: Optional[int] = None


class Turn:
    """A worker's turn at a job, and how it learns that it should stop."""

    def __init__(self, flag: Any) -> None:
        self._flag = flag
        self._interrupts: list[Callable[[], None]] = []

    def is_cancelled(self) -> bool:
        """Whether the job should stop. It may then raise any exception."""
        return bool(self._flag.value)

    def on_interrupt(self, interrupt: Callable[[], None]) -> None:
        """Registers how to interrupt what the job is about to wait for.

        The supervisor's thread calls it. A process need not register
        anything: it receives a signal.
        """
        self._interrupts.append(interrupt)

    def begin(self) -> None:
        """Called by the supervisor when it hands out the next job."""
        self._interrupts.clear()
        self._flag.value = False

    def cancel(self) -> None:
        """Asks the job to stop."""
        self._flag.value = True

    def interrupt(self) -> None:
        """Calls what the job has registered."""
        self.cancel()
        while self._interrupts:
            self._interrupts.pop()()


class Watch:
    """When to stop an attempt, in which way, and until when."""

    def __init__(self, deadline: float, grace: float, first: str) -> None:
        self._grace = grace
        self._first = first
        self._by: Optional[str] = None
        self._since = 0.0
        self.due: Optional[float] = time.monotonic() + deadline

    def escalate(self) -> Optional[str]:
        """The way to try now, if it is time for one."""
        now = time.monotonic()
        if self.due is None or now < self.due:
            return None
        self._by = self._first if self._by is None else following(self._by)
        is_last = self._by == WAYS[-1]
        self._since, self.due = now, None if is_last else now + self._grace
        return self._by

    def stopped(self) -> Optional[Ending]:
        """The ending of an attempt that stopped now, if it was asked to."""
        if self._by is None:
            return None
        return Ending(self._first, self._by, time.monotonic() - self._since)

    def abandoned(self) -> Ending:
        """The ending of an attempt that nothing could stop."""
        return Ending(WAYS[0], WAYS[-1], None)


def following(way: str) -> str:
    """The next way up."""
    return WAYS[WAYS.index(way) + 1]


class Worker:
    """A worker, its job, and the connection to it.

    It has its own pipe: a shared queue has a lock, and a worker that is killed
    while it holds that lock takes all others with it.
    """

    def __init__(self, model: Model, serve: Callable[..., None]) -> None:
        self._is_thread = model.start_method is None
        self.turn = Turn(flag(model))
        self.pipe, theirs = multiprocessing.Pipe()
        self.body = contract.spawn(model, serve, theirs, self.turn)
        if not self._is_thread:
            theirs.close()  # so that the pipe closes when the worker exits
        self.is_ready = False
        self.job: Optional[Job] = None
        self.watch: Optional[Watch] = None

    def deliver(self, job: Job, grace: float) -> None:
        """Hands out a job. Each attempt starts with the next stronger way to
        stop it; but abandoning a thread does not stop it.
        """
        attempt = len(job.endings)
        most = 1 if self._is_thread else 2
        self.turn.begin()
        first = WAYS[min(attempt, most)]
        self.job, self.watch = job, Watch(job.deadline, grace, first)
        self.pipe.send((job.kind, job.number, attempt))

    def stop(self, way: str) -> bool:
        """Tries one way. False if it does not exist: abandon the worker."""
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
        """Its result, or the reason why there is none. None if it died."""
        try:
            said: tuple[Optional[int], str] = self.pipe.recv()
        except (EOFError, OSError):
            self.body.join()
            return None
        return said

    def release(self) -> None:
        """Releases an idle worker, and joins or reaps it."""
        self.pipe.send(None)
        self.body.join()


def flag(model: Model) -> Any:
    """The flag that a worker checks. Not an `Event`: that has a lock, which a
    worker that is killed while it checks would take with it.
    """
    if model.start_method is None:
        return ctypes.c_bool(False)
    context = multiprocessing.get_context(model.start_method)
    return context.RawValue(ctypes.c_bool, False)


class Pool:
    """Workers that `serve`, supervised by the caller of `join_next`."""

    def __init__(
        self, model: Model, rules: Rules, serve: Callable[..., None]
    ) -> None:
        self._model, self._rules, self._serve = model, rules, serve
        self._waiting: deque[Job] = deque()
        self._finished: deque[Job] = deque()
        self.restarts = 0
        self._workers = [Worker(model, serve) for _ in range(rules.workers)]

    def wait_for_all(self) -> None:
        """Waits until every worker is ready for a job."""
        while not all(worker.is_ready for worker in self._workers):
            self._supervise()

    def ids(self) -> list[Optional[int]]:
        """The process ids; None for threads."""
        bodies = [worker.body for worker in self._workers]
        return [getattr(body, "pid", None) for body in bodies]

    def submit(self, job: Job) -> None:
        """Adds a job. An idle worker gets it at once."""
        self._waiting.append(job)
        self._deliver()

    def join_next(self) -> Optional[Job]:
        """A finished job: done, or tried often enough. None if there are no
        more.
        """
        while not self._finished:
            if not self._waiting and not any(
                worker.job for worker in self._workers
            ):
                return None
            self._supervise()
        return self._finished.popleft()

    def join(self) -> None:
        """Releases and joins the workers, except abandoned ones."""
        for worker in self._workers:
            worker.release()

    def _supervise(self) -> None:
        """Waits until a worker reports something, or must be stopped."""
        spoken = wait([worker.pipe for worker in self._workers], self._left())
        for place, worker in enumerate(self._workers):
            if worker.pipe in spoken:
                self._settle(place, worker)
            self._stop_if_due(place, self._workers[place])
        self._deliver()

    def _left(self) -> Optional[float]:
        """Seconds until a worker must be stopped."""
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
        """The job waits for its next attempt, unless that would cost another
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
    """The main function of a worker: serves jobs until it is released."""
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
    """An abandoned worker may report too late, when nobody listens."""
    with contextlib.suppress(OSError):
        pipe.send((result, why))
