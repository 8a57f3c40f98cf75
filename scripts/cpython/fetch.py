"""Fetch: many slow replies at once; how long, and at what cost.

Here: threads or processes, chosen by `--model`; each fetches with `urllib`.
There: examples-threads/fetch, examples-processes/fetch.
Watch: waiting needs no GIL, so it takes many workers before the GIL matters.
Run: python3 scripts/cpython/fetch.py --model processes
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import json
import multiprocessing
import os
import queue
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, Optional

import contract
import databases
import units
from contract import Failure, Laps, Metric, Outcome
from digest import Digest
from input import Input
from models import Model

EXAMPLES = """\
  fetch.py                          from one worker to 64, threads
  fetch.py --model processes --workers 200
  fetch.py --delay 5ms --size 1000000
  fetch.py --quick --json

The server is the one of the Rust programs:
  cargo build --release -p fetch-threads"""

#: From one worker to many more than there are cores.
CREWS = (1, 4, 16, 64)

#: The crews of a first look.
FEW_CREWS = (1, 64)

#: Where all workers start at once, their first replies come late: it takes
#: more replies to reach a steady state.
MANY = 32

#: A worker that has not reached the gate after this many seconds never will.
PATIENCE = 60.0


def main() -> NoReturn:
    """Flags in, outcome out."""
    parser = contract.flags("Fetch many slow replies at once.", EXAMPLES)
    parser.add_argument(
        "--requests",
        type=contract.positive,
        metavar="N",
        help="replies per measurement, rounded up to a multiple of the "
        "workers [default: 4 per worker; 12 with 32 workers or more]",
    )
    parser.add_argument(
        "--delay",
        type=units.time,
        default="50ms",
        metavar="TIME",
        help="how long the server waits before each reply [default: 50ms]",
    )
    parser.add_argument(
        "--size",
        type=contract.natural,
        default=10_000,
        metavar="BYTES",
        help="bytes per reply [default: 10000]",
    )
    parser.add_argument(
        "--faults",
        type=contract.natural,
        choices=[0],
        default=0,
        metavar="0",
        help="always 0: only the Rust programs have faults",
    )
    parser.add_argument(
        "--timeout",
        type=units.time,
        default="10s",
        metavar="TIME",
        help="time limit of each step [default: 10s]",
    )
    parser.add_argument(
        "--workers",
        type=contract.positive,
        metavar="N",
        help="number of workers [default: 1, 4, 16 and 64 in turn]",
    )
    parser.add_argument(
        "--server",
        type=Path,
        default=databases.target() / "release" / "fetch-threads",
        metavar="PROGRAM",
        help="the server, started with --serve [default: %(default)s]",
    )
    contract.main(parser, run)


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """The measurements in order."""
    usual = FEW_CREWS if arguments.quick else CREWS
    crews = usual if arguments.workers is None else (arguments.workers,)
    plans = [Plan.of(crew, arguments) for crew in crews]
    return outcome([run_plan(model, plan, arguments.server) for plan in plans])


def run_plan(model: Model, plan: Plan, program: Path) -> Finished:
    """The server is reaped last: its resources are not the workers'."""
    with Server.beside(program) as server:
        before = contract.anonymous_memory([os.getpid()])
        laps = Laps()
        reports = spawn_and_join(model, plan, server.address, laps)
        laps.stopped()
        served = server.end()
    return Finished(plan, reports, served, before, laps)


@dataclass(frozen=True)
class Plan:
    """A measurement."""

    workers: int
    timeout: float
    requests: int
    delay: float
    size: int
    seed: int

    @classmethod
    def of(cls, workers: int, arguments: argparse.Namespace) -> Plan:
        """The same number of replies for every worker."""
        each = 4 if workers < MANY else 12
        if arguments.quick:
            each = 2 if workers < MANY else 4
        requests = arguments.requests or each * workers
        return cls(
            workers,
            arguments.timeout,
            -(-requests // workers) * workers,
            arguments.delay,
            arguments.size,
            arguments.seed,
        )

    def path(self, place: int) -> str:
        """The path to request: everything the server needs is in the query."""
        nanoseconds = round(self.delay * 1e9)
        delay = f"delay={nanoseconds}ns&" if nanoseconds else ""
        return f"/?{delay}size={self.size}&seed={self.seed}&page={place}"

    def name(self) -> str:
        """The name with the figures: `64 workers`."""
        return "1 worker" if self.workers == 1 else f"{self.workers} workers"


@dataclass(frozen=True)
class Page:
    """A fetched page. The body is not stored."""

    place: int
    length: int
    digest: str


@dataclass
class Report:
    """What one worker fetched."""

    pages: list[Page] = field(default_factory=list)
    #: CPU seconds of its thread since the gate opened.
    used: float = 0.0
    failure: Optional[str] = None


@dataclass(frozen=True)
class Job:
    """What all workers share."""

    plan: Plan
    address: str
    #: The number of the next address, protected by the lock.
    next: Any
    lock: Any
    gate: Any
    exit: Any
    reports: Any

    def take(self) -> int:
        """Takes the next number."""
        with self.lock:
            place = int(self.next.value)
            self.next.value += 1
            return place


def worker(job: Job) -> None:
    """Fetches one address after another, whichever is next."""
    # A proxy set in the environment would be used even for our own server.
    no_proxy = urllib.request.ProxyHandler({})
    opener = urllib.request.build_opener(no_proxy)
    job.gate.wait(PATIENCE)
    report = Report()
    begun = time.thread_time()
    try:
        while (place := job.take()) < job.plan.requests:
            report.pages.append(fetch(opener, job, place))
    except OSError as error:
        report.failure = f"{job.plan.path(place)}: {error}"
    report.used = time.thread_time() - begun
    job.reports.put(report)
    job.exit.wait()  # parked, so that its memory counts


def fetch(opener: urllib.request.OpenerDirector, job: Job, place: int) -> Page:
    """Fetches one address, once."""
    url = job.address + job.plan.path(place)
    digest, length = hashlib.sha256(), 0
    with opener.open(url, timeout=job.plan.timeout) as reply:
        while piece := reply.read(1 << 14):
            digest.update(piece)
            length += len(piece)
    return Page(place, length, digest.hexdigest())


def spawn_and_join(
    model: Model, plan: Plan, address: str, laps: Laps
) -> list[Report]:
    """Starts the workers, releases them all at once, collects the results."""
    gate = model.Barrier(plan.workers + 1)
    job = Job(
        plan=plan,
        address=address,
        next=counter(model),
        lock=model.Lock(),
        gate=gate,
        exit=model.Event(),
        reports=model.Queue(),
    )
    workers = [contract.spawn(model, worker, job) for _ in range(plan.workers)]
    try:
        gate.wait(PATIENCE)
    except threading.BrokenBarrierError:
        raise Failure("not every worker reached the gate") from None
    laps.started()
    reports = [next_report(job, workers) for _ in workers]
    laps.worked(getattr(worker, "pid", None) for worker in workers)
    job.exit.set()
    for one in workers:
        one.join()
    return reports


def counter(model: Model) -> Any:
    """A number that all workers see: only processes need shared memory."""
    if model.name == "threads":
        return ctypes.c_int64(0)
    return multiprocessing.RawValue(ctypes.c_int64, 0)


def next_report(job: Job, workers: list[Any]) -> Report:
    """Waits for the next report, unless a worker has died."""
    while True:
        try:
            report: Report = job.reports.get(timeout=1)
        except queue.Empty:
            if not all(worker.is_alive() for worker in workers):
                raise Failure("a worker exited without an answer") from None
        else:
            return report


# The server


class Server:
    """The Rust programs' own server, which runs until its stdin is closed."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._process = process
        self.address = address

    @classmethod
    @contextlib.contextmanager
    def beside(cls, program: Path) -> Iterator[Server]:
        """A server that is gone afterwards, whatever happens."""
        try:
            process = subprocess.Popen(
                [program, "--serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise Failure(
                f"cannot start the server {program}: {error.strerror}; "
                "build it: "
                "cargo build --release -p fetch-threads"
            ) from None
        with process:
            try:
                assert process.stdout is not None
                address = process.stdout.readline().strip()
                if not address:
                    raise Failure(f"{program} --serve reports no address")
                yield cls(process, address)
            finally:
                process.kill()

    def end(self) -> dict[str, int]:
        """Stops the server, and returns what it served."""
        said, _ = self._process.communicate(timeout=PATIENCE)
        if self._process.returncode != 0:
            raise Failure(f"the server failed: {self._process.returncode}")
        served: dict[str, int] = json.loads(said)
        return served


# The outcome


@dataclass(frozen=True)
class Finished:
    """A finished measurement."""

    plan: Plan
    reports: list[Report]
    served: dict[str, int]
    #: The anonymous memory of this program before any worker was started.
    before: Optional[float]
    laps: Laps

    def pages(self) -> list[Page]:
        """The page of each address, exactly once, in order, checked."""
        for report in self.reports:
            if report.failure is not None:
                raise Failure(f"{self.plan.name()}: {report.failure}")
        pages = [page for report in self.reports for page in report.pages]
        pages.sort(key=lambda page: page.place)
        places = [page.place for page in pages]
        if places != list(range(self.plan.requests)):
            raise Failure(f"not every address exactly once: {places}")
        for page in pages:
            if page != expected(self.plan, page.place):
                raise Failure(f"{self.plan.path(page.place)}: got {page}")
        if self.served["requests"] != self.plan.requests:
            raise Failure(f"wrong number of requests: {self.served}")
        return pages

    def share(self) -> float:
        """The delay alone, as a share of the real time."""
        rounds = self.plan.requests / self.plan.workers
        return rounds * self.plan.delay / self.laps.seconds["work"]

    def memory(self) -> Optional[float]:
        """How much the anonymous memory of all processes grew, per worker."""
        after = self.laps.anonymous_memory
        if after is None or self.before is None:
            return None
        return max(after - self.before, 0) / self.plan.workers

    def cpu(self) -> float:
        """CPU seconds of the workers since the gate opened, per reply."""
        used = sum(report.used for report in self.reports)
        return used / self.plan.requests


def expected(plan: Plan, place: int) -> Page:
    """Known without trusting any server."""
    body = Input(plan.seed, place).bytes(plan.size)
    return Page(place, plan.size, hashlib.sha256(body).hexdigest())


def outcome(finished: list[Finished]) -> Outcome:
    """Checks the result of every address, and builds the outcome."""
    answer, laps = Digest(), Laps()
    for one in finished:
        laps.add(one.laps)
        answer.count(one.plan.workers).count(one.plan.requests)
        for page in one.pages():
            answer.count(page.length).text(page.digest)
    most = max(finished, key=lambda one: one.plan.workers)
    each = most.memory()
    held = "" if each is None else f", for\n{contract.human(each, 'B')} each"
    return Outcome(
        scenario="fetch",
        parameters=[parameters(one.plan) for one in finished],
        answer=answer.hex(),
        result=[result(one) for one in finished],
        laps=laps,
        metrics=[
            metric if one is most or metric.unit == "share" else of_few(metric)
            for one in finished
            for metric in metrics(one)
        ],
        meaning=(
            f"Waiting uses no core: {most.plan.name()} reached "
            f"{most.share():.1%} of the ideal{held}."
        ),
    )


def of_few(metric: Metric) -> Metric:
    """The figures of the largest crew are compared; the others are details."""
    return replace(metric, detail=True)


def parameters(plan: Plan) -> dict[str, Any]:
    """The same as in Rust."""
    return {
        "workers": plan.workers,
        "timeout": plan.timeout,
        "requests": plan.requests,
        "delay": plan.delay,
        "size": plan.size,
        "seed": plan.seed,
        "one_fault_in": 0,
    }


def result(one: Finished) -> dict[str, Any]:
    """The same as in Rust, where nothing fails."""
    return {
        "workers": one.plan.workers,
        "replies": one.plan.requests,
        "bytes": one.plan.requests * one.plan.size,
        "time": one.laps.seconds["work"],
        "share_of_the_ideal": one.share(),
        "connections": one.served["connections"],
        "requests_served": one.served["requests"],
        "memory_each": one.memory(),
        "cpu_each": one.cpu(),
        "counted": {},
        "failures": [],
    }


def metrics(one: Finished) -> Iterator[Metric]:
    """The same as in Rust."""
    work, opened = one.laps.seconds["work"], one.served["connections"]
    crew = f"workers-{one.plan.workers}"
    for key, label, unit, better, value, is_detail in [
        ("time", "total time", "s", "lower", work, True),
        ("memory", "memory per worker", "B", "lower", one.memory(), False),
        ("cpu", "CPU time per reply", "s", "lower", one.cpu(), False),
        (
            "share-of-ideal",
            "share of the ideal time",
            "share",
            "higher",
            one.share(),
            False,
        ),
        ("connections", "connections", "1", "neither", opened, True),
        ("failures", "failures", "1", "neither", 0, True),
    ]:
        metric = Metric(key, label, unit, better, value, detail=is_detail)
        yield metric.of(crew, one.plan.name())


if __name__ == "__main__":
    main()
