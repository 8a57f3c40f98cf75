"""Confine: code that you do not trust: what can it harm?
Here: threads and processes of CPython, by --model.
There: examples-{threads,processes}/confine/src/main.rs
Watch: what a worker of each kind can do to its host, and what holds it back.
Run: python3 scripts/cpython/confine.py --model processes --only acts

The standard library can confine a process only in part: by resource limits, an
environment without secrets, a start by `spawn`, which inherits no memory and no
descriptor, shared memory that is sealed, and a new worker for the next job. It
has nothing against files, connections, signals, other system calls, or a look
into another process: those need Landlock and seccomp. Nor against a fork bomb:
RLIMIT_NPROC counts all processes of a user, and does not hold root. And root
can raise its limits again, which no act here does.

It cannot confine a thread at all: limits, environment and descriptors belong to
the process. So `confined` threads are threads as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import mmap
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import reduction, resource_tracker, util
from multiprocessing.connection import Connection
from typing import Any, Optional

import confine_acts
import contract
import models
import units
from confine_acts import ACTS, Loot, Target
from confine_stake import Bait, Inside, Traces, secret
from contract import Failure, Laps, Metric, Outcome
from digest import Digest
from good_work import good_work
from models import Model

VARIANTS = ("bare", "confined")


def main() -> None:
    """The flags are those of the Rust siblings, with fewer starts. There are
    too few means here to do without one of them.
    """
    parser = contract.flags(
        "Code that you do not trust: what can it harm?",
        "  confine.py                              every act, and the costs\n"
        "  confine.py --act signal --act peek      two of the acts\n"
        "  confine.py --model processes --only costs",
    )
    add = parser.add_argument
    add(
        "--act",
        dest="acts",
        action="append",
        choices=list(ACTS),
        metavar="NAME",
        help=f"commit only this act: {', '.join(ACTS)} (repeatable)",
    )
    add(
        "--only",
        choices=["acts", "costs"],
        help="do only one half: the hostile acts, or the costs",
    )
    add(
        "--starts",
        type=contract.positive,
        metavar="N",
        help="workers to start for each cost [default: 16; --quick: 4]",
    )
    contract.add_variants(parser, VARIANTS)
    contract.main(parser, run, VARIANTS)


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """The judge is this process. It starts no worker, only hosts."""
    prepare(model)
    tried = [commit(model, attempt) for attempt in attempts(arguments)]
    costs = [measure(model, bill) for bill in bills(arguments)]
    return outcome(model, arguments, tried, costs)


def worker(pipe: Connection, jobs: Optional[int]) -> None:
    """What every worker does: hostile jobs, good ones, and system calls. It
    is confined if it knows how many jobs there will be.
    """
    if jobs is not None:
        limit(jobs)
    say(pipe, "ready")
    while (task := take(pipe)) is not None:
        kind, *arguments = task
        say(pipe, TASKS[kind](pipe, *arguments))
    pipe.close()


# The worker's tasks


def hostile(pipe: Connection, act: str, target: Target) -> dict[str, Any]:
    """Commits an act with the descriptor that comes after the task."""
    lent = reduction.recv_handle(pipe)
    try:
        return dataclasses.asdict(confine_acts.commit(act, target, lent))
    except Exception as error:
        return {"error": in_short(error)}
    finally:
        os.close(lent)


def in_short(error: Exception) -> str:
    """The cause, without numbers and names."""
    words = getattr(error, "strerror", None) or str(error)
    return words or type(error).__name__


def good(_pipe: Connection, seed: int, number: int) -> dict[str, Any]:
    """A good job, and a look at what the last one left."""
    answer = good_work(seed, number)
    return {"answer": answer, "dirt": confine_acts.dirt()}


def calls(_pipe: Connection, count: int) -> float:
    """Seconds for a call that does next to nothing in the kernel."""
    begun = time.monotonic()
    for _ in range(count):
        os.getppid()
    return (time.monotonic() - begun) / count


TASKS: dict[str, Callable[..., Any]] = {
    "hostile": hostile,
    "good": good,
    "calls": calls,
}


# Confinement


def limit(jobs: int) -> None:
    """Limits this process, which cannot raise the limits again unless it is
    root's. The kernel counts whole seconds of CPU time, and the import of this
    file is a part of them.
    """
    used = time.process_time()
    seconds = max(round(used + 0.9 * confine_acts.SECONDS * jobs), 1)
    with open("/proc/self/statm") as sizes:
        mapped = int(sizes.read().split()[0]) * mmap.PAGESIZE
    lower(resource.RLIMIT_AS, mapped + confine_acts.MEMORY)
    # With equal limits it is killed, and dumps no core.
    lower(resource.RLIMIT_CPU, seconds)
    lower(resource.RLIMIT_NOFILE, confine_acts.DESCRIPTORS)
    lower(resource.RLIMIT_FSIZE, confine_acts.FILE_SIZE)


def lower(kind: int, most: int) -> None:
    """Lowers both limits, unless they are lower already."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(kind, (most, most))


@contextlib.contextmanager
def no_secrets() -> Iterator[None]:
    """What is started in this block inherits only what Python needs."""
    before = dict(os.environ)
    for name in before:
        is_needed = name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
        if not is_needed and not name.startswith("PYTHON"):
            del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(before)


# What processes say to each other

#: Seconds. Many times as long as a job takes.
PATIENCE = 120.0

#: Bytes. More than any message has.
LONGEST = 1 << 16


def say(pipe: Connection, words: Any) -> None:
    """As JSON: unpickling what a hostile worker sends would mean to run
    whatever code it likes. The one at the other end may be dead.
    """
    with contextlib.suppress(OSError):
        pipe.send_bytes(json.dumps(words).encode())


def hear(pipe: Connection) -> Any:
    """Raises EOFError or ConnectionError if there is nobody any more."""
    if not pipe.poll(PATIENCE):
        raise Failure(f"no answer within {PATIENCE:g} s")
    return json.loads(pipe.recv_bytes(LONGEST))


def take(pipe: Connection) -> Any:
    """The next task. None ends the worker; so does the end of its host."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


# The host


def host(
    model: Model,
    attempt: Attempt,
    bait: Optional[Bait],
    ours: Connection,
    pipe: Connection,
) -> None:
    """A host has one worker do the hostile job, if there is one, and then a
    good job. Only processes get a new worker in between.
    """
    become_host(ours)
    inside = Inside(attempt.seed, bait) if bait else None
    member = Worker(model, attempt.variant)
    stand_at_gate(pipe)
    seen: dict[str, Any] = {}
    if inside:
        seen["tried"] = member.commit(attempt.act, inside)
        if member.is_confined or member.is_dead:
            member.end()
            member = Worker(model, attempt.variant)
    seen["next"] = member.do("good", attempt.seed, attempt.number())
    if inside:
        seen["is_full"] = inside.is_full()
        seen["is_scribbled"] = inside.is_scribbled()
    say_last_words(model, pipe, seen, member)


def accountant(
    model: Model, bill: Bill, ours: Connection, pipe: Connection
) -> None:
    """Another host, which measures what workers cost."""
    become_host(ours)
    count, job = bill.starts, ("good", bill.seed, 0)
    member = bill.worker(model, 2 * count)
    stand_at_gate(pipe)
    start = [timed(lambda: bill.worker(model).end()) for _ in range(count)]
    answers: list[int] = []

    def warm() -> None:
        answers.append(member.do(*job)["answer"])

    def fresh() -> None:
        own = bill.worker(model)
        answers.append(own.do(*job)["answer"])
        own.end()

    medians = {
        "start": statistics.median_high(start),
        "call": statistics.median_high(
            member.do("calls", 1000) for _ in range(count)
        ),
        "warm": statistics.median_high(timed(warm) for _ in range(count)),
        "fresh": statistics.median_high(timed(fresh) for _ in range(count)),
    }
    if len(set(answers)) > 1:
        raise Failure("the same job has two answers")
    seen = {"medians": medians, "answer": answers[0]}
    say_last_words(model, pipe, seen, member)


def timed(what: Callable[[], None]) -> float:
    """The seconds that it takes."""
    begun = time.monotonic()
    what()
    return time.monotonic() - begun


def become_host(ours: Connection) -> None:
    """A host exits with the judge, as every worker does, but it has a worker
    of its own. `multiprocessing` would refuse to start that.
    """
    multiprocessing.current_process().daemon = False
    ours.close()


def stand_at_gate(pipe: Connection) -> None:
    """Every worker is ready."""
    say(pipe, {})
    hear(pipe)


def say_last_words(
    model: Model, pipe: Connection, seen: dict[str, Any], worker: Worker
) -> None:
    """A host stays until the judge has measured its memory."""
    say(pipe, {**seen, "worker": worker.process})
    hear(pipe)
    worker.end()
    if model.start_method == "forkserver":
        # Its own server; the tracker is the judge's, which waits for it.
        with contextlib.suppress(ChildProcessError):
            contract.end_helpers()


class Worker:
    """A worker, as its host sees it."""

    def __init__(self, model: Model, variant: str, jobs: int = 1) -> None:
        self.is_confined = is_confined(model, variant)
        self.is_dead = False
        self._pipe, theirs = multiprocessing.Pipe()
        if self.is_confined:
            anew = models.processes("spawn")
            with no_secrets():
                self._body = contract.spawn(anew, worker, theirs, jobs)
        else:
            self._body = contract.spawn(model, worker, theirs, None)
        if model.start_method is not None:
            theirs.close()
        #: None if it is a thread.
        self.process: Optional[int] = getattr(self._body, "pid", None)
        if self._answer() != "ready":
            raise Failure("a worker did not start")

    def do(self, *task: Any) -> Any:
        """Has it do a good task."""
        self._pipe.send(task)
        answer = self._answer()
        if self.is_dead:
            raise Failure(f"a good job failed: {answer['error']}")
        return answer

    def commit(self, act: str, inside: Inside) -> Any:
        """Has it do a hostile one, and says what it got or how it failed."""
        self._pipe.send(("hostile", act, inside.target))
        lent = inside.lend(act, self.is_confined)
        reduction.send_handle(self._pipe, lent, self.process)
        return self._answer()

    def end(self) -> None:
        """Releases it, and joins or reaps it."""
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._body.join()
        self._pipe.close()

    def _answer(self) -> Any:
        """If it died, how."""
        try:
            return hear(self._pipe)
        except (EOFError, ConnectionError):
            self._body.join()
            self.is_dead = True
            how = contract.in_words(self._body.exitcode)
            return {"error": f"only its worker died: {how}"}


def is_confined(model: Model, variant: str) -> bool:
    """Nothing confines a thread."""
    return variant == "confined" and model.start_method is not None


# The judge


def prepare(model: Model) -> None:
    """All hosts use the judge's helper and folder: one that is killed could
    not put away its own.
    """
    if model.start_method is not None:
        resource_tracker.ensure_running()
    if model.start_method == "forkserver":
        util.get_temp_dir()


def commit(model: Model, attempt: Attempt) -> Tried:
    """Has an act committed, and judges what became of it. If its host died,
    another one does the good job.
    """
    laps = Laps()
    with contextlib.closing(Bait(attempt.seed)) as bait:
        with Host(host, model, attempt, bait) as first:
            bait.lent.close()
            seen = first.watch(laps)
        if seen is None:
            cell = Cell("dead", contract.in_words(first.status()) or "?")
        else:
            tried = seen["tried"]
            traces = bait.traces(attempt.children(tried))
            cell = judge(attempt, seen, traces)
    if seen is None:
        with Host(host, model, attempt, None) as second:
            seen = second.watch(laps)
    laps.stopped()
    if seen is None:
        raise Failure(f"{attempt.name()}: a second host died of a good job")
    return Tried(attempt, cell, seen["next"]["answer"], laps)


def measure(model: Model, bill: Bill) -> Costs:
    """The costs of one variant."""
    laps = Laps()
    with Host(accountant, model, bill) as only:
        seen = only.watch(laps)
    laps.stopped()
    if seen is None:
        how = contract.in_words(only.status())
        raise Failure(f"costs, {bill.variant}: the host died: {how}")
    return Costs(bill, seen["medians"], seen["answer"], laps)


class Host:
    """A process that may die, as the judge sees it. A `with` block leaves
    nothing of it behind.

    It is started by `fork`, however its worker is started: that is quick, and
    safe as long as the judge has no threads.
    """

    def __init__(self, role: Callable[..., None], *arguments: Any) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._body = contract.spawn(
            models.processes("fork"),
            honest,
            role,
            *arguments,
            self._pipe,
            theirs,
        )
        theirs.close()

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: Any) -> None:
        """If it still runs, something failed, or Ctrl-C came."""
        self._body.kill()
        self._body.join()
        self._pipe.close()

    def watch(self, laps: Laps) -> Optional[dict[str, Any]]:
        """What it saw. None if it died."""
        try:
            self._hear()
            laps.started()
            say(self._pipe, "go")
            seen = self._hear()
            laps.worked([self._body.pid, seen["worker"]])
            say(self._pipe, "done")
        except (EOFError, ConnectionError):
            seen = None
        self._body.join()
        return seen

    def status(self) -> Optional[int]:
        """How it ended."""
        status: Optional[int] = self._body.exitcode
        return status

    def _hear(self) -> Any:
        words = hear(self._pipe)
        if "failure" in words:
            raise Failure(words["failure"])
        return words


def honest(role: Callable[..., None], *arguments: Any) -> None:
    """A host that cannot do its work says so: it did not die of an act."""
    try:
        role(*arguments)
    except (Failure, OSError) as error:
        say(arguments[-1], {"failure": str(error)})


@dataclass(frozen=True)
class Cell:
    """What became of an act: contained, harmed or dead, and how."""

    kind: str
    how: str


def judge(attempt: Attempt, seen: dict[str, Any], traces: Traces) -> Cell:
    """Traces count more than what a job says."""
    tried, dirt = seen["tried"], seen["next"]["dirt"]
    loot = Loot(tried.get("amount", 0), tried.get("found", ""))
    knows = secret(attempt.seed) in loot.found
    is_harm, how = {
        "memory": (
            loot.amount > confine_acts.MEMORY,
            f"took {units.binary(loot.amount)}",
        ),
        "spin": (
            loot.amount > 1000 * confine_acts.SECONDS,
            f"took {loot.amount / 1000:.1f} s of CPU time",
        ),
        "fork": (traces.processes > 0, f"{traces.processes} live on"),
        "disk": (seen["is_full"], f"wrote {units.binary(loot.amount)}"),
        "read": (knows, "knows the file"),
        "write": (traces.is_overwritten, "overwrote it"),
        "connect": (traces.is_connected, "is connected"),
        "signal": (False, ""),
        "peek": (knows, "knows the memory"),
        "scribble": (seen["is_scribbled"], "changed it"),
        "dirt": (bool(dirt), f"{len(dirt)} things changed"),
        "descriptors": (
            loot.amount > confine_acts.DESCRIPTORS,
            f"opened {loot.amount}",
        ),
        "call": (traces.is_open_to_all, "changed its mode"),
        "variable": (knows, "knows the variable"),
        "leftover": (knows, "knows the file"),
    }[attempt.act]
    if is_harm:
        return Cell("harmed", how)
    if "error" in tried:
        return Cell("contained", tried["error"])
    if attempt.act == "dirt":
        return Cell("contained", "the next worker is clean")
    raise Failure(f"{attempt.name()}: it succeeded, and left no trace")


# The plans


@dataclass(frozen=True)
class Attempt:
    """An act by a worker that is kept like this."""

    variant: str
    act: str
    seed: int

    def name(self) -> str:
        """The name for people."""
        return f"{self.act}, {self.variant}"

    def number(self) -> int:
        """The number of the good job that comes next."""
        return list(ACTS).index(self.act)

    def children(self, tried: dict[str, Any]) -> int:
        """How many processes the act has left, as it says."""
        is_fork = self.act == "fork"
        return int(tried.get("amount", 0)) if is_fork else 0


@dataclass(frozen=True)
class Bill:
    """Costs to be measured."""

    variant: str
    starts: int
    seed: int

    def worker(self, model: Model, jobs: int = 1) -> Worker:
        """A worker for so many jobs."""
        return Worker(model, self.variant, jobs)


def attempts(arguments: argparse.Namespace) -> list[Attempt]:
    """In the order of the Rust siblings."""
    asked = arguments.acts or ACTS
    return [
        Attempt(variant, act, arguments.seed)
        for variant in chosen(arguments)
        for act in ACTS
        if act in asked and arguments.only != "costs"
    ]


def bills(arguments: argparse.Namespace) -> list[Bill]:
    """The same."""
    if arguments.only == "acts":
        return []
    count = starts(arguments)
    return [
        Bill(variant, count, arguments.seed) for variant in chosen(arguments)
    ]


def chosen(arguments: argparse.Namespace) -> list[str]:
    """The variants."""
    asked = arguments.variants or VARIANTS
    return [variant for variant in VARIANTS if variant in asked]


def starts(arguments: argparse.Namespace) -> int:
    """As many as take some seconds with confined processes."""
    count: Optional[int] = arguments.starts
    return count or (4 if arguments.quick else 16)


# The outcome


@dataclass(frozen=True)
class Tried:
    """An act, what became of it, and the good job that came next."""

    attempt: Attempt
    cell: Cell
    answer: int
    laps: Laps

    def document(self) -> dict[str, Any]:
        """A row of the result. Nothing holds a thread, so that it need not
        ask another one.
        """
        return {
            "variant": self.attempt.variant,
            "act": self.attempt.act,
            "cell": self.cell.kind,
            "how": self.cell.how,
            "alone": None,
            "lacking": [],
        }


@dataclass(frozen=True)
class Costs:
    """The medians of one variant, and the answer of all its jobs."""

    bill: Bill
    medians: dict[str, float]
    answer: int
    laps: Laps


def outcome(
    model: Model,
    arguments: argparse.Namespace,
    tried: Sequence[Tried],
    costs: Sequence[Costs],
) -> Outcome:
    """Checks every good job, and builds the outcome."""
    laps, answer = Laps(), Digest()
    for act in tried:
        attempt = act.attempt
        check(attempt.name(), act.answer, attempt.seed, attempt.number())
        answer.text(attempt.variant).text(attempt.act).count(act.answer)
        laps.add(act.laps)
    for cost in costs:
        bill = cost.bill
        check(f"costs, {bill.variant}", cost.answer, bill.seed, 0)
        answer.text(bill.variant).text("costs").count(cost.answer)
        laps.add(cost.laps)
    return Outcome(
        scenario="confine",
        parameters={
            "seed": arguments.seed,
            "starts": starts(arguments) if costs else None,
            "acts": [act.attempt.name() for act in tried],
        },
        answer=answer.hex(),
        result=[act.document() for act in tried],
        laps=laps,
        metrics=metrics(model, tried, costs),
        story=story(model, tried),
        meaning=meaning(model, tried),
    )


def check(name: str, found: int, seed: int, number: int) -> None:
    """A good job is one whatever the last one was."""
    expected = good_work(seed, number)
    if found != expected:
        raise Failure(
            f"{name}: wrong result of the good job: got {found}, "
            f"expected {expected}"
        )


def metrics(
    model: Model, tried: Sequence[Tried], costs: Sequence[Costs]
) -> list[Metric]:
    """Named as in the Rust siblings."""
    metrics: list[Metric] = []
    for variant in VARIANTS:
        acts = [act for act in tried if act.attempt.variant == variant]
        if acts:
            metrics.extend(of_acts(model, variant, acts))
        for cost in costs:
            if cost.bill.variant == variant:
                metrics.extend(of_costs(cost))
    return metrics


def of_acts(model: Model, variant: str, tried: Sequence[Tried]) -> list[Metric]:
    """How many there were is a detail."""
    contained = sum(act.cell.kind == "contained" for act in tried)
    metrics = [
        Metric("harm-contained", "acts contained", "1", "neither", contained),
        Metric(
            "harm-tried", "acts tried", "1", "neither", len(tried), detail=True
        ),
    ]
    if model.start_method is None and variant == "confined":
        label = "acts held until it asks a sibling"
        held = Metric("harm-held", label, "1", "neither", contained)
        metrics.append(dataclasses.replace(held, only="threads"))
    return [metric.of(variant) for metric in metrics]


def of_costs(costs: Costs) -> list[Metric]:
    """The medians."""
    labels = {
        "start": ("start", "start of a worker, and its end"),
        "call": ("call", "system call"),
        "warm": ("job-warm", "job of a worker that is there"),
        "fresh": ("job-fresh", "job with a worker of its own"),
    }
    return [
        Metric(key, label, "s", "lower", costs.medians[name]).of(
            costs.bill.variant
        )
        for name, (key, label) in labels.items()
    ]


def story(model: Model, tried: Sequence[Tried]) -> list[str]:
    """A line for each act: what became of it, in a column for each variant."""
    if not tried:
        return []
    cells = {(act.attempt.act, act.attempt.variant): act for act in tried}
    titles = {"bare": "a process", "confined": "confined"}
    if model.start_method is None:
        titles = {"bare": "a thread", "confined": "nothing confines it"}
    lines = [f"{'it tries':15}{titles['bare']:32}{titles['confined']}"]
    for act in ACTS:
        row = [cells.get((act, variant)) for variant in VARIANTS]
        if any(row):
            bare, confined = (short(cell) for cell in row)
            lines.append(f"  {act:13}{bare:32}{confined}".rstrip())
    return lines


def short(tried: Optional[Tried]) -> str:
    """As much as there is room for."""
    if tried is None:
        return ""
    word = {"contained": "held", "harmed": "HARM", "dead": "DEAD"}
    how = tried.cell.how.rsplit(": ", maxsplit=1)[-1]
    return f"{word[tried.cell.kind]}: {how}"[:31]


def meaning(model: Model, tried: Sequence[Tried]) -> str:
    """One sentence."""
    if model.start_method is None:
        return (
            "A thread shares everything with its siblings: memory, files, "
            "limits. Nothing in\nPython's standard library confines it alone."
        )
    if not tried:
        return (
            "A confined process starts by spawn, and does one job: that is "
            "what it costs."
        )
    return (
        "A process has memory of its own, and can still do all that its user "
        "may.\nPython's standard library limits what it uses up and what it "
        "inherits. Files,\nconnections, signals and other calls need Landlock "
        "and seccomp."
    )


if __name__ == "__main__":
    main()
