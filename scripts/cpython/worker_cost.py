"""Worker cost: what does a worker cost to start and to keep?
Here: threads and processes of CPython, by --model.
There: examples-{threads,processes}/worker-cost/src/main.rs
Watch: what each way to start one takes, and what a worker holds that waits.
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

#: The ways to have something done by a worker, or to keep workers that do
#: nothing; and the numbers of the streams from which their tokens come. Rust
#: has three more, which are not Python's to choose.
WAYS = {"anew": 0, "borrowed": 1, "served": 3, "pool": 4, "idle": 7}

#: What the ways differ in, where workers are processes.
START_METHODS = {"anew": "spawn", "borrowed": "fork", "served": "forkserver"}

MASK = (1 << 64) - 1

#: That a worker ran, and when: by the clock that all processes read alike,
#: and what it made of its token.
Stamp = tuple[int, int]


def main() -> None:
    """The flags are those of the Rust siblings, with fewer starts."""
    parser = contract.flags(
        "What does a worker cost to start and to keep?",
        "  worker_cost.py                           threads, in every way\n"
        "  worker_cost.py --model processes --quick processes\n"
        "  worker_cost.py --variant idle --crew 64  the memory of idle ones",
    )
    add = parser.add_argument
    add("--starts", type=contract.positive, metavar="N", help="of each way")
    add(
        "--parent-memory",
        type=units.size,
        metavar="SIZE",
        help="of a second, larger parent [default: 1GiB, with --quick none]",
    )
    add("--crew", type=contract.positive, metavar="N", help="idle workers")
    add(
        "--table",
        type=units.size,
        metavar="SIZE",
        help="what a crew reads and copies; 0 for none [default: 4MiB]",
    )
    contract.add_variants(parser, list(WAYS))
    contract.main(parser, run, list(WAYS))


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """One measurement after the other: a parent never becomes small again."""
    finished: list[Finished] = []
    ballast: Optional[mmap.mmap] = None
    for plan in plans(arguments):
        if plan.parent_memory and ballast is None:
            ballast = grow(plan.parent_memory)
        finished.append(run_plan(model, plan))
    return outcome(model, finished)


def run_plan(model: Model, plan: Plan) -> Finished:
    """Here it is chosen how a worker is started."""
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
    """All that an empty worker does. Its first act is to see the time."""
    began = time.monotonic_ns()
    return began, answer(token)


def worker(token: int, answers: Any) -> None:
    """A worker that is there for one token."""
    answers.put(act(token))


def server(tokens: Any, answers: Any) -> None:
    """A worker that is there until it is let go."""
    while (token := tokens.get()) is not None:
        answers.put(act(token))


def answer(token: int) -> int:
    """The whole work of a worker."""
    return (token << 32 | token >> 32) & MASK ^ MASK


# The ways to start one

#: A token in, a stamp out; and the worker gone, if it was for this only.
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
    """What it needs, it is given. A process starts an interpreter first, and
    imports this file.
    """
    return join(contract.spawn(model, worker, token, answers), answers)


def borrowed(model: Model, answers: Any, token: int) -> Stamp:
    """It sees what its parent has: a closure does not cross to a process
    that is started in any other way than by fork.
    """
    started = contract.spawn(model, lambda: worker(token, answers))
    return join(started, answers)


def join(started: Any, answers: Any) -> Stamp:
    """Waits for its end. A thread that fails leaves nothing behind."""
    started.join()
    status = getattr(started, "exitcode", 0)
    if status or answers.empty():
        raise Failure(f"a worker ended badly: {status}")
    stamp: Stamp = answers.get()
    return stamp


#: What a server has imported before, each child has for nothing. It would
#: prepare the program itself, if Python did not look for that under a wrong
#: name (https://github.com/python/cpython/issues/126631).
PREPARED = ["argparse", "concurrent.futures.process", "hashlib", "platform"]


def served(model: Model, plan: Plan, finished: Finished) -> None:
    """Somebody is there already: a thread that does it, behind a queue, or a
    process that is small and forks for us, and never grows with us.
    """
    if model.start_method is not None:
        # The first start begins the server.
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
    """A warm pool of one worker, of the standard library."""
    with executor(model) as workers:
        begin = workers.submit(os.getpid)
        process = begin.result()
        finished.laps.started()
        finished.measure(lambda token: workers.submit(act, token).result())
        finished.laps.worked({process} - {os.getpid()})


def executor(model: Model) -> Executor:
    """The two have one interface; only processes need to be told that they
    do not outlive us.
    """
    if model.start_method is None:
        return ThreadPoolExecutor(1)
    context: Any = multiprocessing.get_context(model.start_method)
    return ProcessPoolExecutor(1, context, initializer=contract.hold_parent)


# Crews that wait

#: For how long anybody waits for a crew, in seconds.
PATIENCE = 60

#: What a thread is given usually, and what each worker of a crew adds:
#: because a thread that ends leaves its stack to the next one (glibc), which
#: would seem to cost nothing. A larger crew has larger stacks.
USUAL_STACK, MORE = 8 << 20, 64 << 10


def idle(model: Model, plan: Plan, finished: Finished) -> None:
    """Starts a crew, and looks what it holds while it waits."""
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
    """Reads the table and makes a copy, and waits, with that in its hands."""
    gate.wait(PATIENCE)
    own = array("Q")
    own.frombytes(memoryview(table).cast("B"))
    gate.wait(PATIENCE)
    gate.wait(PATIENCE)
    sums.put(sum(own) & MASK)


def pass_through(gate: Any) -> None:
    """Together with the whole crew."""
    try:
        gate.wait(PATIENCE)
    except threading.BrokenBarrierError:
        raise Failure(f"a crew is not there after {PATIENCE} s") from None


def lent(model: Model, plan: Plan) -> Any:
    """The table as all can read it: threads as it is, processes by mapping
    the same memory.
    """
    table = common_table(plan)
    if model.start_method is None or not table:
        return table
    context: Any = multiprocessing.get_context(model.start_method)
    return context.RawArray("Q", table)


def common_table(plan: Plan) -> array[int]:
    """What all workers of a crew read."""
    first = Input(plan.seed, plan.count).below((1 << 32) - 1)
    words = range(first, first + plan.table // 8)
    return array("Q", (word * word & MASK for word in words))


@contextmanager
def stack_size(size: int) -> Iterator[None]:
    """Of the threads that are started meanwhile."""
    before = threading.stack_size(size)
    try:
        yield
    finally:
        threading.stack_size(before)


@dataclass(frozen=True)
class Footprint:
    """Bytes that workers hold: pages that nobody else maps, these and a part
    of those that several share, and the kernel's tables of all of them. None
    for what the kernel does not tell.
    """

    private: Optional[float]
    proportional: Optional[float]
    page_tables: Optional[float]

    def minus(self, other: Footprint) -> Footprint:
        """What came since."""
        return Footprint(
            difference(self.private, other.private),
            difference(self.proportional, other.proportional),
            difference(self.page_tables, other.page_tables),
        )


def difference(
    last: Optional[float], first: Optional[float]
) -> Optional[float]:
    """Of two figures that are known. Others that share pages come and go: what
    seems to be less than nothing is not known.
    """
    if last is None or first is None or last < first:
        return None
    return last - first


def footprint(process: int) -> Footprint:
    """Of one process. Linux only.

    Private is what is of no file: see worker_cost/memory.rs of `common`.
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
    """Of the whole machine: it tells little of a small crew."""
    return kibibytes("/proc/meminfo", "KernelStack")


def kibibytes(path: str, name: str) -> Optional[int]:
    """A line of /proc, in bytes. None where there is none."""
    try:
        with open(path) as lines:
            found = [line.split() for line in lines if line.startswith(name)]
    except OSError:
        return None
    return int(found[0][1]) * 1024 if found else None


# The plans


@dataclass(frozen=True)
class Plan:
    """One measurement: how often something is started, or how many wait."""

    way: str
    parent_memory: int
    count: int
    table: int
    seed: int

    def key(self) -> str:
        """As ids name it."""
        if self.way == "idle":
            with_tables = ".with-tables" if self.table else ""
            return f"idle-{self.count}{with_tables}"
        if self.parent_memory:
            return f"{self.way}.beside-{self.parent_memory}"
        return self.way

    def name(self) -> str:
        """As the figures and the answer name it."""
        if self.way == "idle":
            with_tables = ", with tables" if self.table else ""
            return f"idle, {self.count}{with_tables}"
        if self.parent_memory:
            return f"{self.way}, beside {units.binary(self.parent_memory)}"
        return self.way

    def tokens(self) -> Iterator[int]:
        """What the workers are given."""
        below, bound = Input(self.seed, WAYS[self.way]).below, (1 << 32) - 1
        for _ in range(self.count):
            high = below(bound)
            yield high << 32 | below(bound)

    def reference(self) -> int:
        """The sum of the right answers."""
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
    """How many take about a second, by the slower model."""
    usual = {"anew": 20, "borrowed": 100, "served": 50, "pool": 2000}[way]
    if is_large and way == "borrowed":
        usual = 10
    return max(usual // 5 if is_quick else usual, 2)


def crews(arguments: argparse.Namespace) -> list[Plan]:
    """One after the other; and one with tables."""
    usual = [1, 8] if arguments.quick else [1, 8, 64]
    sizes = [arguments.crew] if arguments.crew else usual
    table = 4 << 20 if arguments.table is None else arguments.table
    crews = [Plan("idle", 0, size, 0, arguments.seed) for size in sizes]
    if table >= 8:
        size = arguments.crew or 8
        crews.append(Plan("idle", 0, size, table, arguments.seed))
    return crews


def grow(length: int) -> mmap.mmap:
    """Memory of the parent that is there, page by page, and never used: a
    fork has to copy the page tables all the same. In small pages: of large
    ones there would be 512 times fewer to copy.
    """
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    try:
        ballast = mmap.mmap(-1, length, flags=private)
    except OSError as error:
        raise Failure(
            f"a parent of {units.binary(length)} cannot be had ({error}): "
            "try --parent-memory 0"
        ) from None
    ballast.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, length, mmap.PAGESIZE):
        ballast[page] = 1
    return ballast


# The outcome


@dataclass
class Finished:
    """One measurement, done."""

    plan: Plan
    laps: Laps
    before: dict[str, float]
    first_act: list[float] = field(default_factory=list)
    finish: list[float] = field(default_factory=list)
    sum: int = 0
    cpu: float = 0.0
    #: Of each worker that waited.
    held: Footprint = field(default_factory=lambda: Footprint(0, 0, 0))
    kernel_stack: Optional[float] = None

    def measure(self, start: Start) -> None:
        """Has a worker do each of the plan's tokens, one after the other."""
        self.before = contract.usage()
        for token in self.plan.tokens():
            called = time.monotonic_ns()
            began, found = start(token)
            done = time.monotonic_ns()
            if found != answer(token):
                raise Failure(
                    f"a worker was given {token:#x}, and answered {found:#x}"
                )
            if not called <= began <= done:
                raise Failure(
                    f"a worker says that it began at {began} ns, and it was "
                    f"called at {called} and done at {done}"
                )
            self.first_act.append((began - called) / 1e9)
            self.finish.append((done - called) / 1e9)
            self.sum = (self.sum + found) & MASK

    def note_cpu(self) -> None:
        """Of one start, ours and that of the workers, which are reaped."""
        after = contract.usage()
        used = sum(
            after[kind] - self.before[kind]
            for kind in ("cpu_user", "cpu_system")
        )
        self.cpu = used / self.plan.count

    def note_crew(
        self, held: Sequence[Footprint], stacks: Optional[float]
    ) -> None:
        """On average over the crew."""

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
                f"{self.plan.name()}: the workers found {self.sum:#x}, and "
                f"the serial reference is {expected:#x}"
            )

    def metrics(self) -> list[Metric]:
        """As the Rust siblings name them."""
        is_idle = self.plan.way == "idle"
        metrics = self._of_crew() if is_idle else self._of_starts()
        key, name = self.plan.key(), self.plan.name()
        return [metric.of(key, name) for metric in metrics]

    def _of_starts(self) -> list[Metric]:
        """What is judged is how long it takes in all."""
        first_act = Quantiles.of(self.first_act).metrics(
            "first-act", "first act"
        )
        cpu = Metric("cpu", "CPU", "s", "lower", self.cpu)
        details = [
            dataclasses.replace(metric, detail=True)
            for metric in [*first_act, cpu]
        ]
        return [
            *Quantiles.of(self.finish).metrics("finish", "finish"),
            *details,
        ]

    def _of_crew(self) -> list[Metric]:
        """What threads hold in common is private to their process. So where
        they share a table, only their part in everything can be compared.
        """
        shares = self.plan.table > 0
        held, stack = self.held, self.kernel_stack
        return [
            Metric(
                "private",
                "private bytes",
                "B",
                "lower",
                held.private,
                detail=shares,
            ),
            Metric("pss", "PSS", "B", "lower", held.proportional),
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
    """Checks that every worker did its work, and tells what they cost."""
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
    """Those that were taken."""
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
        return "Every worker did what it was given, and once."
    return (
        "Adopt the pool: a worker that is there already does a job in "
        f"{medians['pool']}, and\nstarting one for it takes "
        f"{medians['anew']}."
    )


if __name__ == "__main__":
    main()
