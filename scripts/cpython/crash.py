"""Crash: a worker crashes, perhaps holding a lock: what survives?
Here: threads and processes of CPython, by --model.
There: examples-{threads,processes}/crash/src/main.rs
Watch: who is told of a death, what is lost with it, and who takes over.
Run: python3 scripts/cpython/crash.py --model processes --quick
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import dataclasses
import mmap
import multiprocessing
import os
import queue
import resource
import statistics
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn, Optional

import contract
import models
from contract import Failure, Laps, Metric, Outcome
from digest import Digest
from input import Input
from ledger import ACCOUNTS, OPENING, Ledger, Report, Transfer, transfers
from models import Model

#: How a worker dies by itself.
WAYS = (
    "panic",
    "exit",
    "abort",
    "segfault",
    "stack-overflow",
    "memory-limit",
)

#: The causes that are exceptions in Python, and only end the thread. In Rust
#: the last two end the process.
EXCEPTIONS = ("panic", "stack-overflow", "memory-limit")

#: What it holds, as in JSON and as in tables.
HOLDS = {
    "nothing": "free",
    "lock": "lock",
    "plain-lock": "plain lock",
    "message": "message",
}

#: What the victim was doing when it died, as part of a label.
CIRCUMSTANCES = {
    "nothing": "no lock held",
    "lock": "lock held",
    "plain-lock": "plain lock held",
    "message": "about to send",
}


def main() -> None:
    """The flags are those of the Rust siblings."""
    parser = contract.flags(
        "A worker crashes, perhaps holding a lock: what survives?",
        "  crash.py                          every way to die, four places\n"
        "  crash.py --variant abort          one of them\n"
        "  crash.py --model processes --json for a script",
    )
    add = parser.add_argument
    add(
        "--transfers",
        type=contract.positive,
        default=500,
        metavar="N",
        help="transfers per worker [default: 500]",
    )
    add(
        "--deaths",
        type=contract.positive,
        metavar="N",
        help="repetitions of each kind of death, at different moments "
        "[default: 2; --quick: 1]",
    )
    contract.add_workers(parser)
    contract.add_variants(parser, WAYS)
    contract.main(parser, run, WAYS)


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """Each way to die, in each place, with all repetitions."""
    finished = [run_plan(model, plan) for plan in plans(arguments)]
    return outcome(model, finished)


def run_plan(model: Model, plan: Plan) -> Finished:
    """One death, and all the work done in spite of it."""
    laps = Laps()
    seen = supervise(model, plan, laps)
    laps.stopped()
    return Finished(plan, seen, laps)


# What a process does


def worker(job: Job, pipe: Connection, gate: Any) -> None:
    """The work of one worker, or of threads whose death may be its own."""

    def stand_at_gate() -> None:
        pipe.send(None)
        gate.wait()

    pipe.send(job.perform(stand_at_gate))
    with contextlib.suppress(EOFError):
        pipe.recv()  # It stays until it is released.


@dataclass
class Job:
    """The task of one worker. An heir continues where another died."""

    plan: Plan
    index: int
    is_heir: bool
    shared: Shared
    last_words: Optional[Connection] = None

    def heir(self) -> Job:
        """An heir has no last words."""
        return dataclasses.replace(self, is_heir=True, last_words=None)

    def perform(self, stand_at_gate: Callable[[], None]) -> Answer:
        """As a process. The one that is not a worker owns the ledger."""
        stand_at_gate()
        if self.index == self.plan.workers:
            own(self.plan, self.shared)
            return Answer(0, self.shared.ledger.report())
        self.work()
        return Answer(int(not self.is_heir), None)

    def work(self) -> None:
        """As a thread or a process."""
        makers = {"message": send_all, "plain-lock": make_all_plainly}
        makers.get(self.plan.hold, make_all)(self)

    def die_at(
        self, number: int, hold: str, last_words: Callable[[], tuple[int, int]]
    ) -> None:
        """Dies, if the plan says so: at the worker's transfer with this
        number, while it holds `hold`.
        """
        if self.last_words is None or self.plan.hold != hold:
            return
        if self.plan.doom() == (self.index, number):
            self.last_words.send_bytes(WORDS.pack(*last_words()))
            die(self.plan.way)


@dataclass
class Sacrifice:
    """A process that threads may take down with them, and their ledger."""

    plan: Plan
    is_heir: bool
    last_words: Optional[Connection] = None

    def heir(self) -> Sacrifice:
        """Starts over: what the dead process had is gone, with all threads."""
        return Sacrifice(self.plan, True)

    def perform(self, stand_at_gate: Callable[[], None]) -> Answer:
        """Starts the threads and waits until they are done. A thread that dies
        of an exception gets an heir. Counts the survivors.
        """
        threading.excepthook = say_what_was_not_planned
        shared = share(models.threads(), self.plan, self.is_heir)
        words = None if self.is_heir else self.last_words
        threads = [
            Thread(Job(self.plan, index, False, shared, words))
            for index in range(self.plan.workers)
        ]
        if self.plan.hold == "message":
            start(own, self.plan, shared)
        stand_at_gate()
        for thread in threads:
            thread.begin()
        survivors = sum(thread.join() for thread in threads)
        if self.plan.hold == "message":
            shared.is_owned.wait()
        return Answer(0 if self.is_heir else survivors, shared.ledger.report())


class Thread:
    """A thread, which may die before it is done."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._gate = threading.Event()
        self._is_done = False
        self._thread = start(self._work)

    def begin(self) -> None:
        """Opens its gate."""
        self._gate.set()

    def join(self) -> bool:
        """Whether it survived. If not, its heir is done when this returns."""
        self._thread.join()
        if self._is_done:
            return True
        heir = Thread(self._job.heir())
        heir.begin()
        if not heir.join():
            raise Failure("an heir died")
        return False

    def _work(self) -> None:
        self._gate.wait()
        self._job.work()
        self._is_done = True


def start(target: Callable[..., None], *arguments: Any) -> threading.Thread:
    """A thread that does not keep the process alive."""
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def say_what_was_not_planned(death: threading.ExceptHookArgs) -> None:
    """A traceback of a planned death would only hide the others."""
    if not issubclass(death.exc_type, (Planned, RecursionError, MemoryError)):
        threading.__excepthook__(death)


# A lock that tells its next holder


def make_all(job: Job) -> None:
    """Makes the remaining transfers. After each, it yields the CPU: so all
    are at work when one dies, however few cores there are.
    """
    ledger = job.shared.ledger
    with held(job):
        made = ledger.made(job.index)
    for number, transfer in job.plan.transfers(job.index, made):
        job.die_at(number, "nothing", lambda: words_of(job))
        with held(job):
            ledger.begin(job.index, transfer)
            ledger.debit(transfer)
            job.die_at(number, "lock", ledger.last_words)
            ledger.credit(transfer)
            ledger.finish()
        time.sleep(0)


@contextlib.contextmanager
def held(job: Job) -> Iterator[None]:
    """Holds the lock, with a ledger that is whole.

    An exception releases the lock, and nobody is told: the open journal
    reveals that the holder died. A worker that dies any other way never
    releases it. So each holder records who it is, and the supervisor releases
    the lock in its place. If a worker is killed between the two steps, the
    supervisor notices when its patience runs out.
    """
    ledger = job.shared.ledger
    with job.shared.lock:
        ledger.hold(job.index)
        try:
            ledger.repair()
            yield
        finally:
            ledger.let_go()


def words_of(job: Job) -> tuple[int, int]:
    """The last words of a worker that holds no lock when it dies."""
    with held(job):
        return job.shared.ledger.last_words()


# A lock that tells nobody


def make_all_plainly(job: Job) -> None:
    """The lock is released by hand, as in C: a worker that dies does not get
    to that, and the next one waits forever.
    """
    ledger, lock = job.shared.ledger, job.shared.lock
    with lock:
        made = ledger.made(job.index)
    for number, transfer in job.plan.transfers(job.index, made):
        lock.acquire()
        ledger.begin(job.index, transfer)
        ledger.debit(transfer)
        job.die_at(number, "plain-lock", ledger.last_words)
        ledger.credit(transfer)
        ledger.finish()
        lock.release()
        time.sleep(0)


# No lock: one owner has the ledger, workers send it their transfers

#: A worker, the number of its transfer, and the transfer.
ORDER = struct.Struct("<5I")

#: In place of a number: from now on the victim is dead.
FAREWELL = (1 << 32) - 1

#: Orders in flight. Few, so that they do not hide how soon the next one is
#: made.
QUEUE = 204


def send_all(job: Job) -> None:
    """An heir does not know what has arrived, and sends everything again."""
    send = job.shared.send
    for number, transfer in job.plan.transfers(job.index, 0):
        job.die_at(number, "message", lambda: farewell(job))
        send(ORDER.pack(job.index, number, *transfer))
        job.shared.sent += 1
        time.sleep(0)


def farewell(job: Job) -> tuple[int, int]:
    """A victim's last order and last words. A process only knows what it has
    sent itself, a thread what all threads have sent.
    """
    words = time.monotonic_ns(), job.shared.sent
    job.shared.send(ORDER.pack(job.index, FAREWELL, 0, 0, 0))
    return words


def own(plan: Plan, shared: Shared) -> None:
    """Makes every transfer that arrives, until all are made."""
    ledger = shared.ledger
    while not ledger.is_complete(plan.count):
        index, number, *transfer = ORDER.unpack(shared.receive())
        if number == FAREWELL:
            ledger.await_next()
        else:
            source, target, amount = transfer
            ledger.make(index, number, (source, target, amount))
    shared.is_owned.set()


# What workers share


@dataclass
class Shared:
    """The ledger, its lock, and the channel to its owner."""

    ledger: Ledger
    lock: Any
    send: Callable[[bytes], None]
    receive: Callable[[], bytes]
    is_owned: Any
    #: Orders sent so far: by all threads, or by this process.
    sent: int = 0


def share(model: Model, plan: Plan, is_anew: bool) -> Shared:
    """In memory that all workers share.

    Processes send through a pipe: anything smaller than a page is written
    completely or not at all (PIPE_BUF, pipe(7)). The queues of
    `multiprocessing` have a lock, and a sender may die while it holds it.
    """
    cells: Any = Ledger.opening(plan.workers, is_anew)
    if model.start_method is None:
        orders: queue.Queue[bytes] = queue.Queue(QUEUE)
        send, receive = orders.put, orders.get
    else:
        context: Any = multiprocessing.get_context(model.start_method)
        cells = context.RawArray("q", cells)
        reader, writer = context.Pipe(duplex=False)
        send, receive = writer.send_bytes, reader.recv_bytes
    ledger = Ledger(cells, plan.workers)
    return Shared(ledger, model.Lock(), send, receive, model.Event())


def jobs(model: Model, plan: Plan, is_heir: bool) -> list[Any]:
    """One job per process: one process with all threads, or one per worker
    and one for the owner of the ledger, if it has one.
    """
    if model.start_method is None:
        return [Sacrifice(plan, is_heir)]
    shared = share(model, plan, is_heir)
    count = plan.workers + (plan.hold == "message")
    return [Job(plan, index, is_heir, shared) for index in range(count)]


# The supervisor

#: Seconds. Many times as long as dying and being replaced takes.
HANG, PATIENCE = 0.03, 30.0

#: The time, in nanoseconds of the clock that all processes share, and how many
#: transfers all workers had made by then.
WORDS = struct.Struct("<2Q")


def supervise(model: Model, plan: Plan, laps: Laps) -> Seen:
    """Starts the processes, releases them all at once, and makes sure that
    the work gets done.
    """
    bodies = model if model.start_method else models.processes("fork")
    gate = bodies.Event()
    last_words, theirs = multiprocessing.Pipe(duplex=False)
    first = jobs(model, plan, False)
    for job in first:
        job.last_words = theirs
    crew = Crew(bodies, gate)
    try:
        crew.start(first)
        theirs.close()
        crew.wait_until_ready()
        laps.started()
        gate.set()
        seen = Seen(hear(last_words))
        done = replace(model, plan, crew, seen)
        laps.worked(member.body.pid for member in done)
        for member in done:
            member.let_go()
    finally:
        crew.kill()
    return seen


def replace(model: Model, plan: Plan, crew: Crew, seen: Seen) -> list[Member]:
    """Waits until all have answered. A process that dies gets an heir. If the
    others hang, they are killed, and all start over.
    """
    done: list[Member] = []
    while crew.running:
        member = crew.next(seen.patience(model, plan))
        if member is None:
            seen.hangs()
            crew.kill()
            done.clear()
            crew.start(jobs(model, plan, True))
            continue
        answer = member.hear()
        if answer is not None:
            seen.answered(answer)
            done.append(member)
        elif (status := member.status()) is not None:
            seen.died(status)
            relieve(member.job)
            crew.start([member.job.heir()])
        else:
            crew.running.append(member)  # It has only reached the gate.
    if model.start_method and plan.hold != "message":
        seen.report = done[0].job.shared.ledger.report()
    return done


def relieve(job: Any) -> None:
    """Releases the lock of a process that died, as any process may."""
    if isinstance(job, Job) and job.shared.ledger.is_held_by(job.index):
        job.shared.ledger.let_go()
        job.shared.lock.release()


def hear(last_words: Connection) -> tuple[int, int]:
    """What the victim says."""
    if not last_words.poll(PATIENCE):
        raise Failure("the victim is still alive")
    try:
        at, made = WORDS.unpack(last_words.recv_bytes())
    except EOFError:
        raise Failure("the victim exited without a word") from None
    return at, made


class Crew:
    """The running processes."""

    def __init__(self, bodies: Model, gate: Any) -> None:
        self._bodies, self._gate = bodies, gate
        self.running: list[Member] = []

    def start(self, jobs: Sequence[Any]) -> None:
        """Starts more of them."""
        for job in jobs:
            self.running.append(Member(self._bodies, job, self._gate))

    def wait_until_ready(self) -> None:
        """Waits until all are at the gate."""
        for member in self.running:
            if not member.pipe.poll(PATIENCE) or member.hear() is not None:
                raise Failure("a worker did not reach the gate")

    def next(self, patience: float) -> Optional[Member]:
        """A member that has news; None if that takes too long."""
        spoken = wait([member.pipe for member in self.running], patience)
        for place, member in enumerate(self.running):
            if member.pipe in spoken:
                return self.running.pop(place)
        return None

    def kill(self) -> None:
        """Kills all that are left."""
        for member in self.running:
            member.body.kill()
            member.body.join()
        self.running.clear()


class Member:
    """A process, and the task for its heir."""

    def __init__(self, bodies: Model, job: Any, gate: Any) -> None:
        self.job = job
        self.pipe, theirs = multiprocessing.Pipe()
        self.body = contract.spawn(bodies, worker, job, theirs, gate)
        theirs.close()

    def hear(self) -> Optional[Answer]:
        """Its answer. None if it has only reached the gate, or is dead."""
        try:
            answer: Optional[Answer] = self.pipe.recv()
        except (EOFError, OSError):
            self.body.join()
            return None
        return answer

    def status(self) -> Optional[int]:
        """Its exit status, if it has exited."""
        status: Optional[int] = self.body.exitcode
        return status

    def let_go(self) -> None:
        """Releases the parked process, and joins it."""
        self.pipe.send(None)
        self.body.join()


@dataclass(frozen=True)
class Answer:
    """The answer of a process when its part is done: how many of its workers
    were started before the death and survived, and the ledger if it has it.
    """

    survivors: int
    report: Optional[Report]


class Seen:
    """What the supervisor saw."""

    def __init__(self, last_words: tuple[int, int]) -> None:
        self.spoken, self.made = last_words
        self.death: Optional[int] = None
        self.hung = False
        self.survivors = 0
        self.report = Report()

    def patience(self, model: Model, plan: Plan) -> float:
        """How long to wait for news before it declares that all hang. A lost
        plain lock does not come back by waiting longer; otherwise nobody
        hangs, however busy the machine is.
        """
        is_lost = self.death is not None
        if model.start_method is None:
            is_lost = plan.way in EXCEPTIONS
        hangs = plan.hold == "plain-lock" and is_lost and not self.hung
        return HANG if hangs else PATIENCE

    def answered(self, answer: Answer) -> None:
        """Records the answer of a process."""
        self.survivors += answer.survivors
        self.report = answer.report or self.report

    def died(self, status: int) -> None:
        """Records how a process died; only one death is planned."""
        if self.death is not None:
            raise Failure(f"another process died: {status}")
        self.death = status

    def hangs(self) -> None:
        """Records that no worker answers or dies any more."""
        if self.hung:
            raise Failure("all workers started over, and hang again")
        self.hung = True


# Death


class Planned(Exception):
    """An exception that nobody catches."""


#: The exit status of `exit`, which nothing else uses.
STATUS = 42

#: How much `memory-limit` leaves free, in bytes.
LEFT = 64 << 20


def die(way: str) -> NoReturn:
    """Without a message from Python: the death is expected."""
    if threading.current_thread() is threading.main_thread():
        fall_silent()
    leave_no_core()
    {
        "panic": panic,
        "exit": leave,
        "abort": os.abort,
        "segfault": read_no_memory,
        "stack-overflow": overflow_the_stack,
        "memory-limit": reach_the_memory_limit,
    }[way]()
    # It is still alive. An exception would look like a death.
    os._exit(STATUS + 1)


def fall_silent() -> None:
    """Otherwise a process would print a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def leave_no_core() -> None:
    """A limit on the core size does not apply when cores are piped to a
    program (core(5)): PR_SET_DUMPABLE, prctl(2).
    """
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)


def panic() -> NoReturn:
    """Like any error that nobody thought of."""
    raise Planned("as was planned")


def leave() -> NoReturn:
    """`sys.exit` would be an exception, and only end the thread."""
    os._exit(STATUS)


def read_no_memory() -> None:
    """A real fault: the page exists, but nobody may read it."""
    mmap.mmap(-1, mmap.PAGESIZE, prot=0)[0]


def overflow_the_stack() -> None:
    """Python limits its recursion, and raises an exception."""
    overflow_the_stack()


def reach_the_memory_limit() -> None:
    """An exception as well; it frees what was allocated."""
    with open("/proc/self/statm") as sizes:
        pages = int(sizes.read().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * mmap.PAGESIZE + LEFT
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    # What a thread's heap has reserved already counts too (glibc).
    hoard: list[bytes] = []
    while len(hoard) <= 4 * LEFT >> 20:
        hoard.append(bytes(1 << 20))


def is_the_cause(way: str, status: int) -> bool:
    """Whether a process with this status died of this cause."""
    causes = {"exit": STATUS, "abort": -6, "segfault": -11}
    return status == causes.get(way, 1)


# The plans


@dataclass(frozen=True)
class Plan:
    """The work, and who dies during it."""

    way: str
    hold: str
    death: int
    #: Transfers per worker.
    count: int
    workers: int
    seed: int

    def transfers(
        self, worker: int, made: int
    ) -> Iterator[tuple[int, Transfer]]:
        """The transfers of one worker, without the first `made`."""
        drawn = transfers(self.seed, worker, self.count)
        return (one for one in enumerate(drawn) if one[0] >= made)

    def doom(self) -> tuple[int, int]:
        """Who dies, and during which transfer. Each death has its own moment,
        an early one, because the others might be done before.
        """
        place = 4 * WAYS.index(self.way) + list(HOLDS).index(self.hold)
        stream = (1 << 64) - 1 - (self.death << 8 | place)
        below = Input(self.seed, stream).below
        number = self.count // 8 + below(-(-self.count // 4))
        return below(self.workers), number

    def reference(self) -> tuple[int, ...]:
        """The balances after every transfer of every worker, serially."""
        balances = [OPENING] * ACCOUNTS
        for worker in range(self.workers):
            for source, target, amount in transfers(
                self.seed, worker, self.count
            ):
                balances[source] -= amount
                balances[target] += amount
        return tuple(balances)


def plans(arguments: argparse.Namespace) -> list[Plan]:
    """In the order of the Rust siblings."""
    asked = arguments.variants or WAYS
    deaths = arguments.deaths or (1 if arguments.quick else 2)
    count, workers = arguments.transfers, arguments.workers
    return [
        Plan(way, hold, death, count, workers, arguments.seed)
        for way in WAYS
        if way in asked
        for hold in HOLDS
        for death in range(deaths)
    ]


# The outcome


@dataclass(frozen=True)
class Finished:
    """One death, and all the work done in spite of it."""

    plan: Plan
    seen: Seen
    laps: Laps

    def check(self, model: Model) -> None:
        """Every transfer was made once, and the death was the planned one."""
        plan, seen, report = self.plan, self.seen, self.seen.report
        name = f"{plan.way}, {HOLDS[plan.hold]}"
        total = plan.count * plan.workers
        if (report.balances, report.made) != (plan.reference(), total):
            raise Failure(
                f"{name}: the ledger has {report.made} transfers of {total}, "
                "or not the right ones"
            )
        # A thread's exception does not kill its process. Survivors hang behind
        # a plain lock, and nowhere else.
        are_processes = model.start_method is not None
        is_mortal = are_processes or plan.way not in EXCEPTIONS
        is_spared = are_processes or plan.way in EXCEPTIONS
        if seen.hung != (is_spared and plan.hold == "plain-lock"):
            raise Failure(f"{name}: whether all hung: {seen.hung}")
        if (seen.death is not None) != is_mortal:
            raise Failure(f"{name}: a process ended with {seen.death}")
        if seen.death is not None and not is_the_cause(plan.way, seen.death):
            raise Failure(f"{name}: a process ended with {seen.death}")

    def resumed(self) -> float:
        """From the victim's last words to the first transfer after them."""
        return max(self.seen.report.resumed - self.seen.spoken, 0) / 1e9

    def lost(self) -> int:
        """Transfers that were made before the death and again after it: all
        of them if the ledger was lost, or the one that was half made.
        """
        is_half_made = self.plan.hold in ("lock", "plain-lock")
        if self.seen.report.is_anew:
            return self.seen.made + is_half_made
        return self.seen.report.repairs

    def document(self) -> dict[str, Any]:
        """A row of the result."""
        return {
            "way": self.plan.way,
            "hold": self.plan.hold,
            "death": contract.in_words(self.seen.death),
            "hung": self.seen.hung,
            "survivors": self.seen.survivors,
            "lost": self.lost(),
            "repairs": self.seen.report.repairs,
            "transfers": self.seen.report.made,
            "total": sum(self.seen.report.balances),
        }


def outcome(model: Model, finished: Sequence[Finished]) -> Outcome:
    """Checks every ledger and every death, and builds the outcome."""
    laps, answer = Laps(), Digest()
    for one in finished:
        one.check(model)
        report = one.seen.report
        answer.text(one.plan.way).text(HOLDS[one.plan.hold])
        answer.count(report.made).integers(report.balances)
        laps.add(one.laps)
    plan = finished[0].plan
    cases = cases_of(finished)
    return Outcome(
        scenario="crash",
        parameters={
            "workers": plan.workers,
            "seed": plan.seed,
            "transfers": plan.count,
            "deaths": max(len(case) for case in cases),
        },
        answer=answer.hex(),
        result=[one.document() for one in finished],
        laps=laps,
        metrics=[metric for case in cases for metric in metrics(case)],
        story=story(model, cases),
        meaning=meaning(model),
    )


#: All deaths of one cause in one place; the tables show their median.
Case = list[Finished]


def cases_of(finished: Sequence[Finished]) -> list[Case]:
    """In the order of the plans."""
    cases: dict[tuple[str, str], Case] = {}
    for one in finished:
        cases.setdefault((one.plan.way, one.plan.hold), []).append(one)
    return list(cases.values())


def metrics(case: Case) -> list[Metric]:
    """Most readers' questions go into the comparison; the rest are details."""
    hold, way = case[0].plan.hold, case[0].plan.way
    resumed, survivors, lost = medians(case)
    words = CIRCUMSTANCES[hold]
    key = HOLDS[hold].replace(" ", "-")
    figures = [
        Metric(f"{what}-{key}", f"{what}, {words}", unit, better, value)
        for what, unit, better, value in [
            ("resumed", "s", "lower", resumed),
            ("survivors", "1", "neither", survivors),
            ("lost", "1", "neither", lost),
        ]
    ]
    shown = {"lock": 3, "nothing": 1}.get(hold, 0)
    return [
        dataclasses.replace(figure.of(way), detail=place >= shown)
        for place, figure in enumerate(figures)
    ]


def medians(case: Case) -> tuple[float, int, int]:
    """The upper median, so that a count stays a whole number."""
    return (
        statistics.median_high(one.resumed() for one in case),
        statistics.median_high(one.seen.survivors for one in case),
        statistics.median_high(one.lost() for one in case),
    )


def story(model: Model, cases: Sequence[Case]) -> list[str]:
    """Who survives, and what is lost."""
    plan = cases[0][0].plan
    lines = [
        f"{plan.workers} {model.name} make {plan.count} transfers each. One "
        "of them dies.",
        "",
        f" {'it dies by':16}{'with':12}{'survive':>9}{'lost':>7}{'after':>12}",
    ]
    for case in cases:
        resumed, survivors, lost = medians(case)
        after = contract.human(resumed, "s")
        if any(one.seen.hung for one in case):
            after = "all hang"
        one = case[0].plan
        lines.append(
            f" {one.way:16}{HOLDS[one.hold]:12}{survivors:>4} of "
            f"{one.workers - 1}{lost:>7}{after:>12}"
        )
    return lines


def meaning(model: Model) -> str:
    """One sentence."""
    if model.start_method is None:
        return (
            "With threads, an exception can be survived, and it releases the "
            "lock; a journal shows what\nto repair. Every other death kills "
            "the whole process, with all it had in memory."
        )
    return (
        "With processes, only the victim dies, whatever the cause. No Python "
        "lock reports that:\na supervisor must release the dead one's lock, "
        "or all survivors hang."
    )


if __name__ == "__main__":
    main()
