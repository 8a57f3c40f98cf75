"""Kill workers: a worker hangs; can it be stopped?
Here: threads and processes of CPython, by --model.
There: examples-{threads,processes}/kill-workers/src/main.rs
Watch: what stops each kind of stuck job, and what is left behind.
Run: python3 scripts/cpython/kill_workers.py --model processes
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import functools
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Optional

import contract
import supervision
import units
from contract import Failure, Laps, Metric, Outcome
from digest import Digest
from good_work import good_work
from latency import Quantiles
from models import Model
from supervision import WAYS, Ending, Job, Pool, Rules, Turn

#: The ways to get stuck. Those that nothing but a kill can stop come last,
#: because threads never come back from them.
KINDS = ("loop", "read", "query", "sleep", "lock", "native")

#: The kinds that only processes can be stopped in.
ENDLESS = ("sleep", "lock", "native")

GOOD = "good"

#: The time limit of a good job in seconds: it ends by itself.
ENOUGH = 60.0


def main() -> None:
    """The flags are those of the Rust siblings. But a good job takes a hundred
    times as long here, so there are fewer, with a longer deadline.
    """
    parser = contract.flags(
        "A worker hangs: can it be stopped?",
        "  kill_workers.py                          every way to get stuck\n"
        "  kill_workers.py --variant query          one of them\n"
        "  kill_workers.py --model processes --json for a script",
    )
    add = parser.add_argument
    add(
        "--jobs",
        type=contract.positive,
        metavar="N",
        help="number of good jobs [default: 50; --quick: 20]",
    )
    add(
        "--stuck",
        type=contract.natural,
        default=1,
        metavar="N",
        help="stuck jobs of each kind [default: 1]",
    )
    add(
        "--deadline",
        type=units.time,
        default="400ms",
        metavar="TIME",
        help="time limit of a stuck job [default: 400ms]",
    )
    add(
        "--grace",
        type=units.time,
        default="50ms",
        metavar="TIME",
        help="grace period before the next, stronger way to stop it "
        "[default: 50ms]",
    )
    contract.add_workers(parser)
    contract.add_variants(parser, KINDS)
    contract.main(parser, run, KINDS)


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """The first lock is never released."""
    plan = Plan.of(arguments)
    locks = [model.Lock() for _ in range(plan.locks())]
    locks[0].acquire()
    laps = Laps()
    record = spawn_and_join(model, plan, locks, laps)
    laps.stopped()
    return outcome(model, plan, record, Aftermath(locks), laps)


def worker(
    pipe: Connection, turn: Turn, *, seed: int, locks: Sequence[Any]
) -> None:
    """What every worker does."""
    perform = functools.partial(work, seed=seed, locks=locks)
    supervision.serve(pipe, turn, perform)


def work(
    kind: str,
    number: int,
    attempt: int,
    turn: Turn,
    *,
    seed: int,
    locks: Sequence[Any],
) -> int:
    """Does a good job, or takes a lock and gets stuck with it."""
    if kind == GOOD:
        return good_work(seed, number)
    with locks[lock_of(number, attempt)]:
        HANG[kind](turn, locks[0])
    raise Failure("stopped")


def spawn_and_join(
    model: Model, plan: Plan, locks: Sequence[Any], laps: Laps
) -> Record:
    """Starts the workers, feeds them jobs, and joins them."""
    serve = functools.partial(worker, seed=plan.seed, locks=locks)
    pool = Pool(model, plan.rules, serve)
    pool.wait_for_all()
    laps.started()
    record = Record(plan)
    for job in record.first():
        pool.submit(job)
    while (finished := pool.join_next()) is not None:
        following = record.note(finished)
        if following is not None:
            pool.submit(following)
    laps.worked(pool.ids())
    record.restarts = pool.restarts
    pool.join()
    return record


# The jobs


def tight_loop(turn: Turn, _lost: Any) -> None:
    """Python code that checks the flag."""
    while not turn.is_cancelled():
        pass


def blocked_read(turn: Turn, _lost: Any) -> None:
    """A read from a pipe that nobody writes to, until the pipe is closed."""
    reader, writer = os.pipe()
    turn.on_interrupt(lambda: os.close(writer))
    os.read(reader, 1)
    os.close(reader)


#: It counts forever.
ENDLESS_QUERY = """
    WITH RECURSIVE numbers(number) AS (
        VALUES (1) UNION ALL SELECT number + 1 FROM numbers
    ) SELECT count(*) FROM numbers"""


def endless_query(turn: Turn, _lost: Any) -> None:
    """SQLite checks between its steps whether it was interrupted."""
    database = sqlite3.connect(":memory:", check_same_thread=False)
    turn.on_interrupt(database.interrupt)
    database.execute(ENDLESS_QUERY).fetchone()


def long_sleep(_turn: Turn, _lost: Any) -> None:
    """As long as this Python can sleep in one go: longer than a lifetime."""
    time.sleep(3600 * 24 * 365 * 100)


def lost_lock(_turn: Turn, lost: Any) -> None:
    """A wait for a lock that is never released."""
    with lost:
        pass


#: Patterns with alternatives, as in shells: fnmatch(3), a GNU extension.
FNM_EXTMATCH = 1 << 5


def native_call(_turn: Turn, _lost: Any) -> None:
    """A C library call that does not return in anybody's lifetime.

    `CDLL` releases the GIL during the call. A call that keeps the GIL would
    hang the whole program, including its supervisor.
    """
    library = ctypes.CDLL(None)
    library.fnmatch(b"*(*(a|aa))b", b"a" * 62, FNM_EXTMATCH)


#: How each kind gets stuck, until something stops it.
HANG: dict[str, Callable[[Turn, Any], None]] = {
    "loop": tight_loop,
    "read": blocked_read,
    "query": endless_query,
    "sleep": long_sleep,
    "lock": lost_lock,
    "native": native_call,
}


# The plan, and the record


@dataclass(frozen=True)
class Plan:
    """The work of a run."""

    rules: Rules
    #: Time limit of a stuck job, in seconds.
    deadline: float
    kinds: Sequence[str]
    good: int
    stuck: int
    seed: int

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Plan:
        """Each attempt at a stuck job may cost one worker, and no other job."""
        asked = arguments.variants or KINDS
        kinds = [kind for kind in KINDS if kind in asked]
        rules = Rules(
            workers=arguments.workers,
            grace=arguments.grace,
            restarts=len(kinds) * arguments.stuck * Rules.attempts,
        )
        good = arguments.jobs or (20 if arguments.quick else 50)
        deadline = arguments.deadline
        return cls(
            rules, deadline, kinds, good, arguments.stuck, arguments.seed
        )

    def locks(self) -> int:
        """One that is never released, and one per attempt at a stuck job."""
        return 1 + len(self.kinds) * self.stuck * self.rules.attempts

    def stuck_job(self, place: int) -> Optional[Job]:
        """Jobs of one kind follow one another."""
        if place >= len(self.kinds) * self.stuck:
            return None
        return Job(self.kinds[place // self.stuck], place, self.deadline)

    def good_job(self, number: int) -> Job:
        """It does little work, but a busy machine may need long for it."""
        return Job(GOOD, number, max(self.deadline, ENOUGH))


def lock_of(place: int, attempt: int) -> int:
    """The lock of this attempt at a stuck job."""
    return 1 + place * Rules.attempts + attempt


class Record:
    """Which job comes next, and what became of the previous ones.

    Only one job is stuck at a time, so that its time to stop is not affected
    by another. Good jobs run in parallel.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._begun = time.monotonic()
        self._next_good = self._next_stuck = 0
        self.results: dict[int, int] = {}
        self.stuck: list[Job] = []
        self.good_after = 0.0
        self.restarts = 0

    def first(self) -> list[Job]:
        """The initial jobs: no worker has to wait for its next one."""
        ahead = 2 * self._plan.rules.workers
        jobs = [self._stuck_job(), *(self._good_job() for _ in range(ahead))]
        return [job for job in jobs if job is not None]

    def note(self, job: Job) -> Optional[Job]:
        """Records a finished job; returns the one to submit in its place."""
        if job.kind == GOOD:
            self._note_good(job)
            return self._good_job()
        self._note_stuck(job)
        return self._stuck_job()

    def verified(self) -> list[int]:
        """The good jobs' results, compared with the same work done here."""
        for number in range(self._plan.good):
            found = self.results.get(number)
            expected = good_work(self._plan.seed, number)
            if found != expected:
                raise Failure(
                    f"wrong result of good job {number}: got {found}, "
                    f"expected {expected}"
                )
        return [self.results[number] for number in range(self._plan.good)]

    def _note_good(self, job: Job) -> None:
        if job.result is None:
            raise Failure(
                f"good job {job.number} was not done within {job.deadline:g} s"
            )
        if job.number in self.results:
            raise Failure(f"good job {job.number} was done twice")
        self.results[job.number] = job.result
        self.good_after = time.monotonic() - self._begun

    def _note_stuck(self, job: Job) -> None:
        if job.result is not None:
            raise Failure(f"a stuck job ({job.kind}) has an answer")
        # One job of a kind that cannot be stopped is enough.
        if any(ending.after is None for ending in job.endings):
            kind = self._plan.kinds.index(job.kind)
            self._next_stuck = (kind + 1) * self._plan.stuck
        self.stuck.append(job)

    def _good_job(self) -> Optional[Job]:
        if self._next_good == self._plan.good:
            return None
        self._next_good += 1
        return self._plan.good_job(self._next_good - 1)

    def _stuck_job(self) -> Optional[Job]:
        self._next_stuck += 1
        return self._plan.stuck_job(self._next_stuck - 1)


class Aftermath:
    """What still runs when everything is done.

    This process has nothing left to do, so whatever it still uses is used by
    abandoned threads. If there are none, there is nothing to watch.
    """

    def __init__(self, locks: Sequence[Any]) -> None:
        self.threads, self.cores = threads(), 0.0
        if self.threads:
            before, start = time.process_time(), time.monotonic()
            time.sleep(0.1)
            used = time.process_time() - before
            self.cores = used / (time.monotonic() - start)
            self.threads = threads()
        # No Python lock reports that its holder died: it stays held.
        self.held = [not lock.acquire(False) for lock in locks]


def threads() -> int:
    """The threads of this process besides the calling one."""
    return len(os.listdir("/proc/self/task")) - 1


# The outcome


class Cell:
    """How well one way to stop a job worked for one kind."""

    def __init__(self) -> None:
        self.tried = self.abandoned = self.held = 0
        self.after: list[float] = []

    def note(self, ending: Ending, is_held: bool) -> None:
        """Records an attempt that this way ended, or failed to end."""
        self.held += is_held
        if ending.after is None:
            self.abandoned += 1
        else:
            self.after.append(ending.after)

    def document(self) -> dict[str, Any]:
        """The same as in the Rust siblings."""
        quantiles = Quantiles.of(self.after)
        return {
            "tried": self.tried,
            "stopped": len(self.after),
            "abandoned": self.abandoned,
            "p50": quantiles.p50,
            "p99": quantiles.p99,
            "locks_poisoned": 0,
            "locks_held": self.held,
        }


Cells = dict[str, dict[str, Cell]]


def outcome(
    model: Model,
    plan: Plan,
    record: Record,
    aftermath: Aftermath,
    laps: Laps,
) -> Outcome:
    """Checks every job's result and builds the outcome."""
    results = record.verified()
    cells = cells_of(record, aftermath)
    check(model, cells)
    answer = Digest().count(len(results))
    for result in results:
        answer.count(result)
    return Outcome(
        scenario="kill-workers",
        parameters=parameters(plan),
        answer=answer.hex(),
        result={
            "good_jobs": len(results),
            "restarts": record.restarts,
            "kinds": {
                kind: {way: cell.document() for way, cell in ways.items()}
                for kind, ways in cells.items()
            },
            "threads_left": aftermath.threads,
            "cores_lost": aftermath.cores,
        },
        laps=laps,
        metrics=metrics(record, cells, aftermath),
        story=story(model, plan, record, cells, aftermath),
        meaning=meaning(cells),
    )


def cells_of(record: Record, aftermath: Aftermath) -> Cells:
    """All ways up to the one that worked were tried."""
    cells: Cells = {}
    for job in record.stuck:
        ways = cells.setdefault(job.kind, {})
        for attempt, ending in enumerate(job.endings):
            for way in ending.ways():
                ways.setdefault(way, Cell()).tried += 1
            is_held = aftermath.held[lock_of(job.number, attempt)]
            ways[ending.by].note(ending, is_held)
    return cells


def check(model: Model, cells: Cells) -> None:
    """What can be stopped depends on the model, not on luck."""
    for kind, ways in cells.items():
        can = model.name == "processes" or kind not in ENDLESS
        abandoned = any(cell.abandoned for cell in ways.values())
        if can == abandoned or can != (gentlest(ways) is not None):
            raise Failure(
                f"{model.name} that are stuck ({kind}) could "
                f"{'not ' if can else ''}be stopped: if the machine is busy, "
                "allow more time for each way with --grace"
            )


def gentlest(ways: dict[str, Cell]) -> Optional[Quantiles]:
    """The times of the gentlest way that worked."""
    times = [ways[way].after for way in WAYS if way in ways]
    found = next(filter(None, times), None)
    return Quantiles.of(found) if found else None


def parameters(plan: Plan) -> dict[str, Any]:
    """Everything that affects the work."""
    return {
        "workers": plan.rules.workers,
        "seed": plan.seed,
        "jobs": plan.good,
        "stuck": plan.stuck,
        "kinds": plan.kinds,
        "deadline": plan.deadline,
        "grace": plan.rules.grace,
        "attempts": plan.rules.attempts,
    }


def metrics(record: Record, cells: Cells, aftermath: Aftermath) -> list[Metric]:
    """The gentlest way is judged; the times of each way are details."""
    rate = len(record.results) / record.good_after
    # When all stuck jobs are of one kind, the figures of the whole run are
    # reported for that kind.
    kind_of_all = next(iter(cells)) if len(cells) == 1 else None

    def of_all(metric: Metric) -> Metric:
        return metric.of(kind_of_all) if kind_of_all else metric

    good = Metric("good-jobs", "good jobs", "op/s", "higher", rate)
    metrics = [of_all(good)]
    for kind, ways in cells.items():
        only = "processes" if kind in ENDLESS else None
        if quantiles := gentlest(ways):
            after = Metric(
                "stopped-after", "stopped after", "s", "lower", quantiles.p50
            )
            metrics.append(dataclasses.replace(after.of(kind), only=only))
    for key, label, value in [
        ("threads-left", "threads left over", aftermath.threads),
        ("cores-lost", "cores lost", aftermath.cores),
    ]:
        metrics.append(of_all(Metric(key, label, "1", "neither", value)))
    for kind, ways in cells.items():
        for way, cell in ways.items():
            metrics.extend(details(kind, way, cell))
    return metrics


def details(kind: str, way: str, cell: Cell) -> list[Metric]:
    """For jobs stopped this way. Threads have only two ways."""
    if not cell.after:
        return []
    is_only = kind in ENDLESS or way == "force"
    only = "processes" if is_only else None
    return [
        dataclasses.replace(metric.of(kind), only=only, detail=True)
        for metric in Quantiles.of(cell.after).metrics(way, way)
    ]


def story(
    model: Model,
    plan: Plan,
    record: Record,
    cells: Cells,
    aftermath: Aftermath,
) -> list[str]:
    """What happened, kind by kind."""
    rules = plan.rules
    lines = [
        f"{rules.workers} {model.name} do {plan.good} good jobs. Meanwhile "
        "there are stuck jobs, one at a time.",
        f"Each is stopped after {plan.deadline:g} s: by a flag; by closing "
        "what it waits for, or SIGTERM;",
        "and by SIGKILL. Each way gets a grace period before the next.",
        "",
    ]
    for kind, ways in cells.items():
        cell = ", ".join(f"{way}: {text(ways[way])}" for way in ways)
        held = sum(cell.held for cell in ways.values())
        lines.append(f" {kind:8} {cell}; locks left: {held}")
    return [
        *lines,
        "",
        f"Workers replaced: {record.restarts}. Threads still running: "
        f"{aftermath.threads}. Cores they keep busy: {aftermath.cores:.1f}.",
    ]


def text(cell: Cell) -> str:
    """How fast it was, or how often it failed."""
    if cell.abandoned:
        return "abandoned"
    if not cell.after:
        return f"0 of {cell.tried}"
    median = contract.human(Quantiles.of(cell.after).p50, "s")
    return f"{len(cell.after)} of {cell.tried} in {median}"


def meaning(cells: Cells) -> str:
    """One sentence."""
    stopped = sum(gentlest(ways) is not None for ways in cells.values())
    held = sum(cell.held for ways in cells.values() for cell in ways.values())
    return (
        "Every good job was done, and recorded exactly once.\nKinds that "
        f"could be stopped: {stopped} of {len(cells)}. Locks never released: "
        f"{held}.\nNo Python lock reports that its holder died."
    )


if __name__ == "__main__":
    main()
