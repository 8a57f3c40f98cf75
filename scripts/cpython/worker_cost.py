"""Worker cost: what does a worker cost to start and to keep?
Here: threads and processes of CPython, by --model.
There: examples-{threads,processes}/worker-cost/src/main.rs
Watch: what each start method takes, and what a waiting worker holds.
Run: python3 scripts/cpython/worker_cost.py --model processes --quick
"""

from __future__ import annotations

import argparse
import dataclasses
import mmap
import multiprocessing
import os
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Optional

import contract
import models
import units
from contract import Failure, Laps, Metric, Outcome
from digest import Digest
from input import Input
from latency import Quantiles
from models import Model

#: The ways to get a job done by a worker, or to keep idle workers; with the
#: numbers of the streams for their tokens. Rust has three more, which Python
#: does not offer.
WAYS = {"anew": 0, "borrowed": 1, "served": 3, "pool": 4, "idle": 7}

#: How processes are started, where the ways differ in that.
START_METHODS = {"anew": "spawn", "borrowed": "fork", "served": "forkserver"}

MASK = (1 << 64) - 1

#: Proof that a worker ran, and when: the time on the clock that all processes
#: share, and what it computed from its token.
Stamp = tuple[int, int]


def main() -> None:
    """The flags are those of the Rust siblings, with fewer starts."""
    parser = contract.flags(
        "What does a worker cost to start and to keep?",
        "  worker_cost.py                           threads, every way\n"
        "  worker_cost.py --model processes --quick processes\n"
        "  worker_cost.py --variant idle --crew 64  the memory of idle ones",
    )
    add = parser.add_argument
    add(
        "--starts",
        type=contract.positive,
        metavar="N",
        help="starts to measure per method",
    )
    add(
        "--parent-memory",
        type=units.size,
        metavar="SIZE",
        help="memory of a second, larger parent; 0 for none [default: 1GiB; "
        "--quick: none]",
    )
    add(
        "--crew",
        type=contract.positive,
        metavar="N",
        help="number of idle workers [default: several crews in turn]",
    )
    add(
        "--table",
        type=units.size,
        metavar="SIZE",
        help="size of a table that the crew reads and each worker copies; "
        "0 for none [default: 4MiB]",
    )
    contract.add_variants(parser, list(WAYS))
    contract.main(parser, run, list(WAYS))


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """The measurements in order: a parent never becomes small again."""
    finished: list[Finished] = []
    ballast: Optional[mmap.mmap] = None
    for plan in plans(arguments):
        if plan.parent_memory and ballast is None:
            ballast = grow(plan.parent_memory)
        finished.append(run_plan(model, plan))
    return outcome(model, finished)


def run_plan(model: Model, plan: Plan) -> Finished:
    """Chooses how workers are started."""
    if model.start_method is not None and plan.way in START_METHODS:
        model = models.processes(START_METHODS[plan.way])
    finished = Finished(plan, Laps(), contract.usage())
    if plan.way == "idle":
        idle(model, plan, finished)
    elif plan.way == "pool":
        pool(model, plan, finished)
    elif plan.way == "served":
        served(model, plan, finished)
    elif plan.way == "borrowed":
        for_each(borrowed, model, plan, finished)
    else:
        for_each(anew, model, plan, finished)
    finished.laps.stopped()
    finished.note_cpu()
    return finished


# A worker's side


def act(token: int) -> Stamp:
    """The work of an empty worker. Its first action is to read the clock."""
    began = time.monotonic_ns()
    return began, answer(token)


def worker(token: int, answers: Any) -> None:
    """A worker that exists for one token."""
    answers.put(act(token))


def server(tokens: Any, answers: Any) -> None:
    """A worker that exists until it is released."""
    while (token := tokens.get()) is not None:
        answers.put(act(token))


def answer(token: int) -> int:
    """The whole work of a worker."""
    return (token << 32 | token >> 32) & MASK ^ MASK


# The ways to start one

#: A token in, a stamp out; and the worker gone, if it was started for this.
Start = Callable[[int], Stamp]


def for_each(
    start: Callable[[Model, Any, int], Stamp],
    model: Model,
    plan: Plan,
    finished: Finished,
) -> None:
    """A new worker for each token."""
    answers = model.SimpleQueue()
    finished.laps.started()
    finished.measure(lambda token: start(model, answers, token))
    finished.laps.worked()


def anew(model: Model, answers: Any, token: int) -> Stamp:
    """It gets only what it needs. A process starts an interpreter first, and
    imports this file.
    """
    return join(contract.spawn(model, worker, token, answers), answers)


def borrowed(model: Model, answers: Any, token: int) -> Stamp:
    """It sees its parent's data: a closure can only be passed to a process
    that is started by fork.
    """
    started = contract.spawn(model, lambda: worker(token, answers))
    return join(started, answers)


def join(started: Any, answers: Any) -> Stamp:
    """Waits until it is gone. A thread that fails leaves no stamp."""
    started.join()
    status = getattr(started, "exitcode", 0)
    if status or answers.empty():
        raise Failure(f"a worker failed: {status}")
    stamp: Stamp = answers.get()
    return stamp


#: What a server has imported before, each child gets for free. It would
#: prepare the program itself, if Python did not look it up by a wrong name
#: (https://github.com/python/cpython/issues/126631).
PREPARED = ["argparse", "concurrent.futures.process", "hashlib", "platform"]


def served(model: Model, plan: Plan, finished: Finished) -> None:
    """A worker that already runs: a thread that does the job, behind a queue,
    or a small process that forks for us, and never grows with us.
    """
    if model.start_method is not None:
        # The first start also starts the server.
        context: Any = multiprocessing.get_context(model.start_method)
        context.set_forkserver_preload(PREPARED)
        anew(model, model.SimpleQueue(), 0)
        for_each(anew, model, plan, finished)
        return
    tokens, answers = model.SimpleQueue(), model.SimpleQueue()
    started = contract.spawn(model, server, tokens, answers)
    finished.laps.started()

    def ask(token: int) -> Stamp:
        tokens.put(token)
        stamp: Stamp = answers.get()
        return stamp

    finished.measure(ask)
    finished.laps.worked()
    tokens.put(None)
    started.join()


def pool(model: Model, plan: Plan, finished: Finished) -> None:
    """A warm pool of one worker, from the standard library."""
    with executor(model) as workers:
        begin = workers.submit(os.getpid)
        process = begin.result()
        finished.laps.started()
        finished.measure(lambda token: workers.submit(act, token).result())
        finished.laps.worked({process} - {os.getpid()})


def executor(model: Model) -> Executor:
    """The two have one interface; only processes must be told not to outlive
    us.
    """
    if model.start_method is None:
        return ThreadPoolExecutor(1)
    context: Any = multiprocessing.get_context(model.start_method)
    return ProcessPoolExecutor(1, context, initializer=contract.hold_parent)


# Idle crews

#: How long to wait for a crew, in seconds.
PATIENCE = 60

#: The usual stack size of a thread, and what each worker of a crew adds to it:
#: a thread that exits leaves its stack to the next one (glibc), which would
#: then seem to cost nothing. So a larger crew gets larger stacks.
USUAL_STACK, MORE = 8 << 20, 64 << 10


def idle(model: Model, plan: Plan, finished: Finished) -> None:
    """Starts a crew, and measures what it holds while it waits."""
    before, stacks = footprint(os.getpid()), kernel_stacks()
    table = lent(model, plan)
    gate, sums = model.Barrier(plan.count + 1), model.SimpleQueue()
    with stack_size(USUAL_STACK + plan.count * MORE):
        crew = [
            contract.spawn(model, wait, table, gate, sums)
            for _ in range(plan.count)
        ]
    pass_through(gate)
    finished.laps.started()
    pass_through(gate)
    processes = [one.pid for one in crew if hasattr(one, "pid")]
    held = [footprint(process) for process in processes]
    if not held:
        held = [footprint(os.getpid()).minus(before)]
    finished.note_crew(held, difference(kernel_stacks(), stacks))
    finished.laps.worked(processes)
    pass_through(gate)
    for one in crew:
        one.join()
        finished.sum = (finished.sum + sums.get()) & MASK


def wait(table: Any, gate: Any, sums: Any) -> None:
    """Reads the table and makes a copy, which it holds while it waits."""
    gate.wait(PATIENCE)
    own = array("Q")
    own.frombytes(memoryview(table).cast("B"))
    gate.wait(PATIENCE)
    gate.wait(PATIENCE)
    sums.put(sum(own) & MASK)


def pass_through(gate: Any) -> None:
    """Passes the gate together with the whole crew."""
    try:
        gate.wait(PATIENCE)
    except threading.BrokenBarrierError:
        raise Failure(f"a crew is not ready after {PATIENCE} s") from None


def lent(model: Model, plan: Plan) -> Any:
    """The table in readable form for all: threads share it as it is,
    processes map the same memory.
    """
    table = common_table(plan)
    if model.start_method is None or not table:
        return table
    context: Any = multiprocessing.get_context(model.start_method)
    return context.RawArray("Q", table)


def common_table(plan: Plan) -> array[int]:
    """The table that all workers of a crew read."""
    first = Input(plan.seed, plan.count).below((1 << 32) - 1)
    words = range(first, first + plan.table // 8)
    return array("Q", (word * word & MASK for word in words))


@contextmanager
def stack_size(size: int) -> Iterator[None]:
    """Sets the stack size of threads started in this block."""
    before = threading.stack_size(size)
    try:
        yield
    finally:
        threading.stack_size(before)


@dataclass(frozen=True)
class Footprint:
    """Bytes that workers hold: pages that nobody else maps; these plus a
    share of shared pages; and the kernel's page tables. None for what the
    kernel does not report.
    """

    private: Optional[float]
    proportional: Optional[float]
    page_tables: Optional[float]

    def minus(self, other: Footprint) -> Footprint:
        """The growth since then."""
        return Footprint(
            difference(self.private, other.private),
            difference(self.proportional, other.proportional),
            difference(self.page_tables, other.page_tables),
        )


def difference(
    last: Optional[float], first: Optional[float]
) -> Optional[float]:
    """The difference of two known figures. Other programs that share pages
    come and go: what seems to be less than nothing is unknown.
    """
    if last is None or first is None or last < first:
        return None
    return last - first


def footprint(process: int) -> Footprint:
    """The footprint of one process. Linux only.

    Private memory is anonymous: see worker_cost/memory.rs of `common`.
    """
    dirty, of_no_file, proportional = (
        contract.memory(process, kind)
        for kind in ("Private_Dirty", "Anonymous", "Pss")
    )
    is_known = dirty is not None and of_no_file is not None
    private = min(dirty, of_no_file) if is_known else None
    tables = kibibytes(f"/proc/{process}/status", "VmPTE")
    return Footprint(private, proportional, tables)


def kernel_stacks() -> Optional[int]:
    """For the whole machine: it says little about a small crew."""
    return kibibytes("/proc/meminfo", "KernelStack")


def kibibytes(path: str, name: str) -> Optional[int]:
    """A line of /proc, in bytes. None if it does not exist."""
    try:
        with open(path) as lines:
            found = [line.split() for line in lines if line.startswith(name)]
    except OSError:
        return None
    return int(found[0][1]) * 1024 if found else None


# The plans


@dataclass(frozen=True)
class Plan:
    """A measurement: the number of starts, or of idle workers."""

    way: str
    parent_memory: int
    count: int
    table: int
    seed: int

    def key(self) -> str:
        """The name in ids."""
        if self.way == "idle":
            with_tables = ".with-tables" if self.table else ""
            return f"idle-{self.count}{with_tables}"
        if self.parent_memory:
            return f"{self.way}.beside-{self.parent_memory}"
        return self.way

    def name(self) -> str:
        """The name with the figures and in the answer."""
        if self.way == "idle":
            with_tables = ", with tables" if self.table else ""
            return f"idle, {self.count}{with_tables}"
        if self.parent_memory:
            return f"{self.way}, beside {units.binary(self.parent_memory)}"
        return self.way

    def tokens(self) -> Iterator[int]:
        """The workers' tokens."""
        below, bound = Input(self.seed, WAYS[self.way]).below, (1 << 32) - 1
        for _ in range(self.count):
            high = below(bound)
            yield high << 32 | below(bound)

    def reference(self) -> int:
        """The sum of the correct answers."""
        if self.way == "idle":
            return sum(common_table(self)) * self.count & MASK
        return sum(map(answer, self.tokens())) & MASK


def plans(arguments: argparse.Namespace) -> list[Plan]:
    """In the order of the Rust siblings."""
    asked = arguments.variants or WAYS
    usual = 0 if arguments.quick else 1 << 30
    large = arguments.parent_memory
    plans: list[Plan] = []
    for parent in dict.fromkeys([0, usual if large is None else large]):
        for way in WAYS:
            if way in asked and way != "idle":
                count = arguments.starts or usual_starts(
                    way, arguments.quick, parent > 0
                )
                plans.append(Plan(way, parent, count, 0, arguments.seed))
        if "idle" in asked and parent == 0:
            plans.extend(crews(arguments))
    return plans


def usual_starts(way: str, is_quick: bool, is_large: bool) -> int:
    """As many as take about a second with the slower model."""
    usual = {"anew": 20, "borrowed": 100, "served": 50, "pool": 2000}[way]
    if is_large and way == "borrowed":
        usual = 10
    return max(usual // 5 if is_quick else usual, 2)


def crews(arguments: argparse.Namespace) -> list[Plan]:
    """The crews in turn, and one with tables."""
    usual = [1, 8] if arguments.quick else [1, 8, 64]
    sizes = [arguments.crew] if arguments.crew else usual
    table = 4 << 20 if arguments.table is None else arguments.table
    crews = [Plan("idle", 0, size, 0, arguments.seed) for size in sizes]
    if table >= 8:
        size = arguments.crew or 8
        crews.append(Plan("idle", 0, size, table, arguments.seed))
    return crews


def grow(length: int) -> mmap.mmap:
    """Memory of the parent that exists page by page and is never used: a fork
    has to copy its page tables all the same. In small pages: with large ones
    there would be 512 times fewer to copy.
    """
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    try:
        ballast = mmap.mmap(-1, length, flags=private)
    except OSError as error:
        raise Failure(
            f"cannot allocate a parent of {units.binary(length)} ({error}): "
            "try --parent-memory 0"
        ) from None
    ballast.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, length, mmap.PAGESIZE):
        ballast[page] = 1
    return ballast


# The outcome


@dataclass
class Finished:
    """A finished measurement."""

    plan: Plan
    laps: Laps
    before: dict[str, float]
    first_act: list[float] = field(default_factory=list)
    finish: list[float] = field(default_factory=list)
    sum: int = 0
    cpu: float = 0.0
    #: Per waiting worker.
    held: Footprint = field(default_factory=lambda: Footprint(0, 0, 0))
    kernel_stack: Optional[float] = None

    def measure(self, start: Start) -> None:
        """Gives each of the plan's tokens to a worker, one after another."""
        self.before = contract.usage()
        for token in self.plan.tokens():
            called = time.monotonic_ns()
            began, found = start(token)
            done = time.monotonic_ns()
            if found != answer(token):
                raise Failure(
                    f"wrong answer to {token:#x}: a worker answered {found:#x}"
                )
            if not called <= began <= done:
                raise Failure(
                    f"impossible time: a worker says that it began at {began} "
                    f"ns, but it was called at {called} and done at {done}"
                )
            self.first_act.append((began - called) / 1e9)
            self.finish.append((done - called) / 1e9)
            self.sum = (self.sum + found) & MASK

    def note_cpu(self) -> None:
        """Per start: this process and the workers, which are reaped."""
        after = contract.usage()
        used = sum(
            after[kind] - self.before[kind]
            for kind in ("cpu_user", "cpu_system")
        )
        self.cpu = used / self.plan.count

    def note_crew(
        self, held: Sequence[Footprint], stacks: Optional[float]
    ) -> None:
        """Averages over the crew."""

        def average(of: Iterable[Optional[float]]) -> Optional[float]:
            total = contract.total(of)
            return None if total is None else total / self.plan.count

        self.held = Footprint(
            average(one.private for one in held),
            average(one.proportional for one in held),
            average(one.page_tables for one in held),
        )
        self.kernel_stack = average([stacks])

    def check(self) -> None:
        """Every worker did its work, and did it right."""
        expected = self.plan.reference()
        if self.sum != expected:
            raise Failure(
                f"{self.plan.name()}: wrong sum of answers: "
                f"got {self.sum:#x}, expected {expected:#x}"
            )

    def metrics(self) -> list[Metric]:
        """Named as in the Rust siblings."""
        is_idle = self.plan.way == "idle"
        metrics = self._of_crew() if is_idle else self._of_starts()
        key, name = self.plan.key(), self.plan.name()
        return [metric.of(key, name) for metric in metrics]

    def _of_starts(self) -> list[Metric]:
        """The total time is judged."""
        first_act = Quantiles.of(self.first_act).metrics(
            "first-act", "first action"
        )
        cpu = Metric("cpu", "CPU time", "s", "lower", self.cpu)
        details = [
            dataclasses.replace(metric, detail=True)
            for metric in [*first_act, cpu]
        ]
        return [
            *Quantiles.of(self.finish).metrics("finish", "done and gone"),
            *details,
        ]

    def _of_crew(self) -> list[Metric]:
        """What threads share is private to their process. So where workers
        share a table, only their proportional memory can be compared.
        """
        shares = self.plan.table > 0
        held, stack = self.held, self.kernel_stack
        return [
            Metric(
                "private",
                "private memory",
                "B",
                "lower",
                held.private,
                detail=shares,
            ),
            Metric(
                "pss",
                "memory with shared pages (PSS)",
                "B",
                "lower",
                held.proportional,
            ),
            Metric(
                "page-tables",
                "page tables",
                "B",
                "lower",
                held.page_tables,
                detail=True,
            ),
            Metric(
                "kernel-stack",
                "kernel stack",
                "B",
                "neither",
                stack,
                detail=True,
            ),
        ]


def outcome(model: Model, finished: Sequence[Finished]) -> Outcome:
    """Checks that every worker did its work, and builds the outcome."""
    laps, answer = Laps(), Digest()
    for one in finished:
        one.check()
        laps.add(one.laps)
        plan = one.plan
        answer.text(plan.name()).count(plan.count).count(one.sum)
    return Outcome(
        scenario="worker-cost",
        parameters={
            "seed": finished[0].plan.seed,
            "measured": [
                {
                    "way": one.plan.way,
                    "parent_memory": one.plan.parent_memory,
                    "count": one.plan.count,
                    "table": one.plan.table,
                }
                for one in finished
            ],
        },
        answer=answer.hex(),
        result=[
            {"measured": one.plan.name(), "means": words(model, one.plan.way)}
            for one in finished
        ],
        laps=laps,
        metrics=[metric for one in finished for metric in one.metrics()],
        story=[f" {way:10} {words(model, way)}" for way in ways(finished)],
        meaning=meaning(finished),
    )


def ways(finished: Sequence[Finished]) -> list[str]:
    """The ways that were measured."""
    return list(dict.fromkeys(one.plan.way for one in finished))


def words(model: Model, way: str) -> str:
    """What is measured."""
    thread, process = {
        "anew": ("Thread, join", "Process by spawn"),
        "borrowed": ("Thread with a closure", "Process by fork, a closure"),
        "served": ("behind a queue", "Process by forkserver"),
        "pool": ("ThreadPoolExecutor", "ProcessPoolExecutor"),
        "idle": ("at a gate", f"at a gate, by {model.start_method}"),
    }[way]
    return thread if model.start_method is None else process


def meaning(finished: Sequence[Finished]) -> str:
    """One sentence."""
    medians = {
        one.plan.way: contract.human(Quantiles.of(one.finish).p50, "s")
        for one in finished
    }
    if not {"anew", "pool"} <= medians.keys():
        return "Every worker did its job, exactly once."
    return (
        "Use a pool: a worker that already runs does a job in "
        f"{medians['pool']}, while starting\none for it takes "
        f"{medians['anew']}."
    )


if __name__ == "__main__":
    main()
