"""What all scenarios share: flags, laps, the outcome, and how a run ends.

It starts no workers: the mechanism is in the scenarios, and `models` decides
which one it is.
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import json
import multiprocessing
import os
import platform
import re
import resource
import select
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Optional

import models
from models import Model

SCHEMA = 2


class Failure(Exception):
    """The work failed, or its answer is wrong: one line, exit status 1."""


class Misuse(Exception):
    """Flags that do not go together: an error with usage, exit status 2."""


# Flags


class Flags(argparse.ArgumentParser):
    """The flags of a command line, and then of one slice after another."""

    #: Whether a wrong flag is an error of a slice instead of the program's
    #: end.
    in_slices = False

    def error(self, message: str) -> NoReturn:
        """Reports what is wrong."""
        if self.in_slices:
            raise Misuse(message)
        super().error(message)

    def print_help(self, file: Any = None) -> None:
        """The help; a slice has no line to spare for it."""
        if self.in_slices:
            raise Misuse(NO_RUN)
        super().print_help(file)


NO_RUN = "a slice must be a run, but these flags do something else"


def flags(description: str, examples: str) -> Flags:
    """The flags that every scenario understands."""
    parser = Flags(
        description=description,
        epilog=f"Examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model",
        choices=["threads", "processes"],
        default="threads",
        help="the kind of workers [default: threads]",
    )
    parser.add_argument(
        "--start-method",
        choices=["fork", "spawn", "forkserver"],
        help="how a process starts [default: this Python's default]",
    )
    parser.add_argument(
        "--seed",
        type=natural,
        default=1,
        metavar="N",
        help="seed for the input [default: 1]",
    )
    parser.add_argument(
        "--quick", action="store_true", help="use a smaller workload"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document on stdout"
    )
    parser.add_argument(
        "--lifeline", action="store_true", help="exit when stdin is closed"
    )
    parser.add_argument(
        "--slices",
        action="store_true",
        help="keep running and do one run per line of stdin, a JSON array of "
        "flags",
    )
    parser.add_argument(
        "--expect",
        metavar="ANSWER",
        help="expected answer, from an earlier run that was verified; skips "
        "the slow check",
    )
    return parser


def add_workers(parser: Flags) -> None:
    """The number of workers."""
    parser.add_argument(
        "--workers",
        type=positive,
        default=cores(),
        metavar="N",
        help="number of workers [default: one per core]",
    )


def add_variants(parser: Flags, variants: Sequence[str]) -> None:
    """The selected variants; the flag can be repeated."""
    parser.add_argument(
        "--variant",
        dest="variants",
        action="append",
        choices=variants,
        metavar="NAME",
        help=f"run only this variant: {', '.join(variants)} (repeatable)",
    )
    parser.add_argument(
        "--list-variants",
        action="store_true",
        help="print the names of the variants and exit",
    )


def natural(text: str) -> int:
    """A non-negative integer."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def positive(text: str) -> int:
    """A positive integer."""
    number = natural(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


# Laps and resources


class Laps:
    """Start, work, stop: measured at the same points as in Rust."""

    def __init__(self) -> None:
        self.seconds = {"start": 0.0, "work": 0.0, "stop": 0.0}
        #: None where the kernel does not report it, as below.
        self.memory: Optional[float] = None
        #: Anonymous memory: stacks, heaps, and data that was written to.
        #: Shared pages are divided among their users, because a fork shares
        #: them until they are written to.
        self.anonymous_memory: Optional[float] = None
        self._before = usage()
        self._used: dict[str, float] = {}
        self._since = time.monotonic()

    def started(self) -> None:
        """Every worker is at the gate, which opens right after this."""
        self.seconds["start"] = self._lap()

    def worked(self, workers: Iterable[Optional[int]] = ()) -> None:
        """The last answer is in; `workers` are the other processes.

        Their memory is measured off the clock, while they still exist.
        """
        self.seconds["work"] = self._lap()
        others = [pid for pid in workers if pid is not None]
        everybody = [os.getpid(), *others]
        self.memory = proportional_memory(everybody)
        self.anonymous_memory = anonymous_memory(everybody)
        self._since = time.monotonic()

    def stopped(self) -> None:
        """Every worker is joined, and what they shared is gone."""
        self.seconds["stop"] = self._lap()
        after = usage()
        self._used = {
            name: after[name] - before for name, before in self._before.items()
        }

    def add(self, other: Laps) -> None:
        """Adds the laps of another variant."""
        for name, seconds in other.seconds.items():
            self.seconds[name] += seconds
        for name, used in other._used.items():
            self._used[name] = self._used.get(name, 0) + used
        known = [it for it in (self.memory, other.memory) if it is not None]
        self.memory = max(known, default=None)

    def resources(self) -> dict[str, float]:
        """The resources used, including those of the workers."""
        nothing = dict.fromkeys(self._before, 0)
        memory = known({"peak_proportional_memory": self.memory})
        return {**nothing, **self._used, **memory}

    def _lap(self) -> float:
        now = time.monotonic()
        lap, self._since = now - self._since, now
        return lap


def usage() -> dict[str, float]:
    """Used so far by this process and by the children it has reaped."""
    own, theirs = (
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "cpu_user": own.ru_utime + theirs.ru_utime,
        "cpu_system": own.ru_stime + theirs.ru_stime,
        "voluntary_switches": own.ru_nvcsw + theirs.ru_nvcsw,
        "involuntary_switches": own.ru_nivcsw + theirs.ru_nivcsw,
        "minor_faults": own.ru_minflt + theirs.ru_minflt,
    }


def proportional_memory(processes: Iterable[int]) -> Optional[float]:
    """Bytes of these processes; shared pages are divided. Linux only."""
    return total(memory(process, "Pss") for process in processes)


def anonymous_memory(processes: Iterable[int]) -> Optional[float]:
    """Anonymous bytes of these processes; shared pages are divided."""
    return total(memory(process, "Pss_Anon") for process in processes)


def memory(process: int, kind: str) -> Optional[int]:
    """Bytes of one kind, see proc_pid_smaps_rollup(5).

    Zero if the process is gone, and None where the kernel does not report it.
    """
    try:
        with open(f"/proc/{process}/smaps_rollup") as rollup:
            lines = [line.split() for line in rollup]
    except ProcessLookupError:
        return 0
    except FileNotFoundError:
        return None if os.path.exists(f"/proc/{process}") else 0
    except OSError:
        return None
    sizes = (int(line[1]) for line in lines if line[0] == f"{kind}:")
    return next((size * 1024 for size in sizes), None)


def total(figures: Iterable[Optional[float]]) -> Optional[float]:
    """The sum, if all figures are known."""
    sum_of_all: float = 0
    for figure in figures:
        if figure is None:
            return None
        sum_of_all += figure
    return sum_of_all


def known(members: dict[str, Any]) -> dict[str, Any]:
    """Leaves out unknown values, which a document does not contain."""
    return {name: it for name, it in members.items() if it is not None}


# The outcome


@dataclass
class Metric:
    """One figure of a run, in SI base units: see common/src/outcome.rs."""

    #: Its key, unique among the figures.
    id: str
    #: What was measured, for a person.
    label: str
    unit: str
    better: str
    #: None where the kernel does not report it.
    value: Optional[float]
    #: For a person; the id contains its key.
    variant: Optional[str] = None
    only: Optional[str] = None
    detail: bool = False

    def of(self, key: str, label: Optional[str] = None) -> Metric:
        """The metric of the variant with this key, which may be its label."""
        return dataclasses.replace(
            self,
            id=f"{self.id}.{key}",
            variant=key if label is None else label,
        )

    def document(self) -> dict[str, Any]:
        """Leaves out default values."""
        members = dataclasses.asdict(self).items()
        return {
            name: value
            for name, value in members
            if value is not None and value is not False
        }


@dataclass
class Outcome:
    """The outcome of a run whose answer was checked."""

    scenario: str
    parameters: Any
    answer: str
    result: Any
    laps: Laps
    metrics: list[Metric]
    story: list[str] = field(default_factory=list)
    meaning: str = ""
    #: `{answer, figures}`: see `Portable` in common/src/outcome.rs.
    portable: Optional[dict[str, Any]] = None

    def document(self, model: Model) -> dict[str, Any]:
        """The document that `--json` prints."""
        portable = {"portable": self.portable} if self.portable else {}
        return {
            "schema": SCHEMA,
            "scenario": self.scenario,
            "model": model.name,
            "parameters": self.parameters,
            "answer": self.answer,
            **portable,
            "result": self.result,
            "laps": self.laps.seconds,
            "metrics": [metric.document() for metric in self.metrics],
            "resources": self.laps.resources(),
            "machine": machine(model),
        }

    def human(self, model: Model) -> str:
        """The same for a person."""
        rows = [
            f" {metric.label:30} {metric.variant or '':25} "
            f"{human(metric.value, metric.unit):>12}"
            for metric in self.metrics
            if not metric.detail
        ]
        laps = ", ".join(
            f"{name} {human(seconds, 's')}"
            for name, seconds in self.laps.seconds.items()
        )
        paragraphs = [
            f"{self.scenario}, {model.name}, {interpreter(model)}",
            "\n".join(self.story),
            "\n".join(rows),
            laps,
            f"answer {self.answer}",
            self.meaning,
        ]
        return "\n\n".join(filter(None, paragraphs))


def human(value: Optional[float], unit: str) -> str:
    """A figure as people write it: `1.50 ms`."""
    if value is None:
        return "not known here"
    if unit in ("1", "share", "×"):
        return f"{value:.4g}"
    prefixes = [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")]
    small = [(1e-3, "m"), (1e-6, "µ"), (1e-9, "n")]
    for scale, prefix in prefixes + small:
        if abs(value) >= scale:
            return f"{value / scale:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def machine(model: Model) -> dict[str, Any]:
    """The machine that it was measured on."""
    return known(
        {
            "cpu": cpu(),
            "cores": cores(),
            "kernel": f"{platform.system()} {platform.release()}",
            "interpreter": interpreter(model),
            "profile": "release",
        }
    )


def has_gil() -> bool:
    """Whether threads share a global lock."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def interpreter(model: Model) -> str:
    """`CPython 3.13.1, GIL, fork`."""
    parts = [
        f"{platform.python_implementation()} {platform.python_version()}",
        "GIL" if has_gil() else "no GIL",
        model.start_method,
    ]
    return ", ".join(part for part in parts if part)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def cpu() -> Optional[str]:
    """The processor's name, where the kernel reports it."""
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return None


# The frame of every `main`


def main(
    parser: Flags,
    run: Callable[[Model, argparse.Namespace], Outcome],
    variants: Sequence[str] = (),
    has: Callable[[Model, str], bool] = lambda model, variant: True,
) -> NoReturn:
    """Flags in, outcome out; the exit status is 0, 1, 2 or 130.

    Variants that the model does not have are left out.
    """
    put_in_order()
    arguments = parser.parse_args()
    model = choose(arguments)
    offered = [variant for variant in variants if has(model, variant)]
    if getattr(arguments, "list_variants", False):
        print("\n".join(offered))
        sys.exit(0)
    asked = getattr(arguments, "variants", None)
    if asked and not set(asked) & set(offered):
        parser.error(f"{model.name} have only {', '.join(offered)}")
    if arguments.slices:
        serve(parser, model, arguments, offered, run)
    if arguments.lifeline:
        hold(0, signal.SIGTERM)
    try:
        outcome = run(model, arguments)
        check(outcome, arguments.expect)
    except Misuse as misuse:
        parser.error(str(misuse))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if Interrupt.came:
            sys.exit(130)
        if not isinstance(error, Failure):
            raise
        print(f"error: {escaped(str(error))}", file=sys.stderr)
        sys.exit(1)
    end_helpers()
    print_outcome(outcome, model, arguments.json)
    sys.exit(0)


# Slices: see common/src/slices.rs


def serve(
    parser: Flags,
    model: Model,
    usual: argparse.Namespace,
    offered: Sequence[str],
    run: Callable[[Model, argparse.Namespace], Outcome],
) -> NoReturn:
    """Serves each request on stdin until stdin ends.

    The flags of this program are the defaults of each slice, except the model,
    which a slice may not change.
    """
    kind = os.fstat(0).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        parser.error("--slices needs a pipe or a socket as stdin")
    if usual.lifeline:
        parser.error("--slices and --lifeline do not go together")
    parser.in_slices = True
    parser.set_defaults(**{**vars(usual), "slices": False})
    cores_allowed = os.sched_getaffinity(0)
    let_go(0)
    print(json.dumps({"ready": 1}), flush=True)
    try:
        while request := sys.stdin.buffer.readline():
            hold_if_cut(0)
            answer = slice_of(parser, model, request, offered, run)
            os.sched_setaffinity(0, cores_allowed)
            let_go(0)
            print(json.dumps(answer, allow_nan=False), flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
    end_helpers()
    sys.exit(0)


def slice_of(
    parser: Flags,
    model: Model,
    request: bytes,
    offered: Sequence[str],
    run: Callable[[Model, argparse.Namespace], Outcome],
) -> dict[str, Any]:
    """Does what `main` does with the same flags, or reports the error."""
    try:
        arguments = understood(parser, model, request, offered)
        outcome = run(model, arguments)
        check(outcome, arguments.expect)
    except (Misuse, Failure) as error:
        return {"error": str(error)}
    return {"outcome": outcome.document(model)}


def understood(
    parser: Flags, model: Model, request: bytes, offered: Sequence[str]
) -> argparse.Namespace:
    """The flags of a slice."""
    try:
        words = json.loads(request)
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(
        isinstance(word, str) for word in words
    ):
        raise Misuse(f"a request must be a JSON array of strings: {request!r}")
    arguments = parser.parse_args(words)
    if arguments.slices or arguments.lifeline:
        raise Misuse("a slice cannot have slices or a lifeline of its own")
    if getattr(arguments, "list_variants", False):
        raise Misuse(NO_RUN)
    asked = getattr(arguments, "variants", None)
    if asked and not set(asked) & set(offered):
        raise Misuse(f"{model.name} have only {', '.join(offered)}")
    if choose(arguments) != model:
        raise Misuse(f"this program only runs {model.name}")
    return arguments


class Interrupt:
    """Ctrl-C, which reaches all programs of a terminal.

    Whatever this program waits for may exit because of it, and fail first; or
    the exception is raised where Python drops it, as in a hook of `fork`.
    """

    came = False

    @classmethod
    def take(cls, number: int, frame: Any) -> None:
        """The handler."""
        cls.came = True
        signal.default_int_handler(number, frame)


def put_in_order() -> None:
    """Sets signals, limits and files up as this program needs them.

    The inherited ones may be different: see common/src/inherited.rs. Python
    itself ignores SIGPIPE and SIGXFSZ.
    """
    for number in (signal.SIGCHLD, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, Interrupt.take)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    speak_before_the_time_is_up()
    os.umask(os.umask(0) & ~stat.S_IRWXU)
    for standard in range(3):
        try:
            os.fstat(standard)
        except OSError:
            # The lowest free number is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def speak_before_the_time_is_up() -> None:
    """The kernel warns at the soft limit, and kills at the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft == resource.RLIM_INFINITY:
        return
    if soft == hard and soft > 1:
        resource.setrlimit(resource.RLIMIT_CPU, (soft - 1, hard))

    def say_and_end(*_: Any) -> NoReturn:
        words = (
            f"error: out of CPU time: the limit is {soft} s; use `ulimit -t` "
            "to raise it\n"
        )
        os.write(2, words.encode())
        os._exit(1)

    signal.signal(signal.SIGXCPU, say_and_end)


def check(outcome: Outcome, expected: Optional[str]) -> None:
    """Compares the answer with that of a run that was checked, if it is known.

    So a slow check is not repeated to find the same answer again.
    """
    if expected not in (None, outcome.answer):
        raise Failure(
            f"wrong answer: got {outcome.answer}, expected {expected}"
        )


def end_helpers() -> None:
    """Stops the helpers that `multiprocessing` started, and waits for them.

    The fork server and the resource tracker exit when they notice that their
    parent is gone: a moment after it. There is no public way to stop them
    earlier.
    """
    for module, name in (
        ("multiprocessing.forkserver", "_forkserver"),
        ("multiprocessing.resource_tracker", "_resource_tracker"),
    ):
        helper = getattr(sys.modules.get(module), name, None)
        stop = getattr(helper, "_stop", None)
        if stop is not None:
            stop()


def choose(arguments: argparse.Namespace) -> Model:
    """The only place that decides what workers are."""
    if arguments.model == "threads":
        return models.threads()
    return models.processes(arguments.start_method)


def print_outcome(outcome: Outcome, model: Model, as_json: bool) -> None:
    """For a script, or for a person."""
    if as_json:
        print(json.dumps(outcome.document(model), allow_nan=False))
    else:
        print("\n".join(map(escaped, outcome.human(model).split("\n"))))


#: Characters that a terminal would act on instead of showing them; and those
#: that stand for bytes that are not UTF-8.
OBEYED = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff]"
)

SHORT = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def escaped(text: str) -> str:
    """Text from outside in a safe form: see common/src/escaped.rs."""

    def written_out(match: re.Match[str]) -> str:
        letter = match[0]
        if 0xDC80 <= ord(letter) <= 0xDCFF:
            return f"\\x{ord(letter) - 0xDC00:02x}"
        return SHORT.get(letter, f"\\u{{{ord(letter):x}}}")

    return OBEYED.sub(written_out, text)


#: The signal that `O_ASYNC` sends: fcntl(2), "Managing signals".
F_SETSIG = 10


def hold(pipe: int, signal_number: int) -> None:
    """Has this process receive a signal when the pipe's other end is closed.

    So no program outlives its parent, and no worker either, however the parent
    ends: see common/src/lifeline.rs.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, F_SETSIG, signal_number)
    status = fcntl.fcntl(pipe, fcntl.F_GETFL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, status | os.O_ASYNC)
    if is_cut(pipe):
        os.kill(os.getpid(), signal_number)


def hold_if_cut(pipe: int) -> None:
    """The same with SIGTERM, for a pipe that also carries input.

    Input alone sends nothing, even if the kernel reports it later: see
    common/src/lifeline.rs.
    """

    def end_if_cut(*_: Any) -> None:
        if is_cut(pipe):
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGIO, end_if_cut)
    hold(pipe, signal.SIGIO)


def is_cut(pipe: int) -> bool:
    """Whether the other end of a pipe or socket is closed."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def let_go(pipe: int) -> None:
    """Stops sending signals, whatever happens at the other end."""
    status = fcntl.fcntl(pipe, fcntl.F_GETFL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, status & ~os.O_ASYNC)


# Workers


def spawn(model: Model, target: Callable[..., None], *arguments: Any) -> Any:
    """Starts a worker that exits with this process, however that ends."""
    if model.start_method is not None:
        target, arguments = live, (target, *arguments)
    worker = model.Worker(target=target, args=arguments, daemon=True)
    worker.start()
    return worker


def live(target: Callable[..., None], *arguments: Any) -> None:
    """The main function of a worker process."""
    put_in_order()
    hold_parent()
    target(*arguments)


def hold_parent() -> None:
    """Has this process exit with its parent, and not on Ctrl-C before that.

    `daemon=True` alone does not survive SIGKILL. `multiprocessing` gives each
    child the end of a pipe whose other end its parent holds. Siblings that
    were forked later hold that end too, but then the youngest exits first,
    and so on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent: Any = multiprocessing.parent_process()
    hold(parent.sentinel, signal.SIGKILL)


def in_words(status: Optional[int]) -> Optional[str]:
    """As Rust's std writes how a process ended."""
    if status is None:
        return None
    if status < 0:
        return f"signal: {-status} ({signal.Signals(-status).name})"
    return f"exit status: {status}"
