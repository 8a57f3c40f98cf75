"""Message passing: what does a message cost.

Here: CPython's queues and pipes; among threads a message is moved, not copied.
There: examples-threads/ipc and examples-processes/ipc, in src/main.rs
Watch: the same two queues, which cost processes a pickle and a pipe.
Run: python3 scripts/cpython/ipc.py --model processes --quick

Every end sleeps while there is nothing for it, so there is one way of
waiting, `block`: among threads an end that spins would hold the GIL, which
the other end needs in order to send.
"""

from __future__ import annotations

import argparse
import resource
import time
from array import array
from dataclasses import dataclass, replace
from multiprocessing.sharedctypes import RawArray
from typing import Any, NoReturn, Optional

import contract
from contract import Failure, Laps, Metric, Outcome
from crew import Crew, Parent
from digest import Digest
from ipc_message import Message, Transcript, reference
from latency import Quantiles
from models import Model

EXAMPLES = """\
  ipc.py                                    the whole ladder
  ipc.py --variant queue --size 64          one mechanism, one size
  ipc.py --model processes --variant pipe   what only processes have"""

#: By mechanism, which of the models has it, if not both have.
MECHANISMS: dict[str, Optional[str]] = {
    "queue": None,
    "simple-queue": None,
    "pipe": "processes",
    "shared-memory": "processes",
}

#: A number, a word, a page, and what no cache of the first level holds.
SIZES = [8, 64, 4096, 1 << 20]

LONGEST = 16 << 20

#: The sizes whose figures stand in the comparison; all others are details.
SHORT, LONG = 64, 1 << 20

#: Bytes on their way in a stream, where messages are short.
STREAM_BYTES = 1 << 18

ROUND_TRIP, STREAM = "round-trip", "stream"

TASKS = [ROUND_TRIP, STREAM]

#: The words of a message, each of eight bytes.
Parcel = Any


def main() -> NoReturn:
    """Flags in, outcome out."""
    parser = contract.flags("What does a message cost?", EXAMPLES)
    contract.add_variants(parser, list(MECHANISMS))
    parser.add_argument(
        "--size",
        type=size,
        action="append",
        metavar="BYTES",
        help="of a message, a multiple of eight (repeatable)",
    )
    parser.add_argument(
        "--waiting",
        choices=["block"],
        metavar="KIND",
        help="block: there is no other here",
    )
    parser.add_argument(
        "--messages",
        type=contract.positive,
        metavar="N",
        help="of each measurement [default: for about 50 ms]",
    )
    contract.main(parser, run, list(MECHANISMS), has)


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """Every measurement that is asked for, one after the other."""
    finished = [run_plan(model, one) for one in plans(model, arguments)]
    return outcome(model, finished)


def run_plan(model: Model, plan: Plan) -> Finished:
    """One measurement, from the start of the far end to its end."""
    laps = Laps()
    near, far = spawn_and_join(model, plan, laps)
    laps.stopped()
    return Finished(plan, near, far, laps)


def worker(parent: Parent, plan: Plan, end: End) -> Report:
    """The far end: it is given its part of the work, ready to start."""
    parent.wait()
    try:
        return (
            answer(plan, end) if plan.task == ROUND_TRIP else drain(plan, end)
        )
    except BaseException:
        end.hang_up()
        raise


def spawn_and_join(
    model: Model, plan: Plan, laps: Laps
) -> tuple[Report, Report]:
    """Starts the far end, releases it, and plays the near one."""
    end, other = ends(model, plan)
    with Crew(model) as crew:
        crew.spawn(worker, plan, other)
        crew.wait_for_all()
        laps.started()
        crew.open_gate()
        near = ask(plan, end) if plan.task == ROUND_TRIP else pour(plan, end)
        (far,) = crew.answers()
        laps.worked(crew.ids())
    return near, far


# What the two ends do, whichever the mechanism


def ask(plan: Plan, end: End) -> Report:
    """Sends one message after the other, each when the last was answered.

    The clock runs from the send until the answer is here; that it is whole
    is checked after that.
    """
    outgoing, spare = plan.parcels()
    transcript, trips = Transcript(), []
    before = Used.so_far(end)
    for sequence in range(1, plan.messages + 1):
        plan.message(sequence).write_ends(outgoing)
        start = time.perf_counter()
        end.send(outgoing)
        incoming = end.receive(spare)
        trips.append(time.perf_counter() - start)
        transcript.add(incoming)
        outgoing, spare = incoming, outgoing
    used = Used.so_far(end) - before
    return Report(transcript.digest, used, trips=Quantiles.of(trips))


def answer(plan: Plan, end: End) -> Report:
    """Answers each message, and then checks that it is whole."""
    outgoing, spare = plan.parcels()
    transcript = Transcript()
    before = Used.so_far(end)
    for sequence in range(1, plan.messages + 1):
        plan.message(sequence).write_ends(outgoing)
        incoming = end.receive(spare)
        end.send(outgoing)
        transcript.add(incoming)
        outgoing, spare = incoming, outgoing
    return Report(transcript.digest, Used.so_far(end) - before)


def pour(plan: Plan, end: End) -> Report:
    """Writes and sends one message after the other, and is then thanked."""
    transcript = Transcript()
    before, start = Used.so_far(end), time.perf_counter()
    for sequence in range(1, plan.messages + 1):
        end.send(plan.message(sequence).written())
    thanks = end.receive(plan.parcel())
    seconds = time.perf_counter() - start
    transcript.add(thanks)
    used = Used.so_far(end) - before
    return Report(transcript.digest, used, stream=seconds)


def drain(plan: Plan, end: End) -> Report:
    """Reads each message, whole, and gives thanks at the end."""
    parcel, transcript = plan.parcel(), Transcript()
    before = Used.so_far(end)
    for _ in range(plan.messages):
        parcel = end.receive(parcel)
        transcript.add(parcel)
    end.send(plan.message(1).written())
    return Report(transcript.digest, Used.so_far(end) - before)


# The mechanisms


class End:
    """One end of a way there and a way back.

    A parcel that was sent belongs to the other end; `receive` may use the one
    that it is given, or returns another.
    """

    #: Whether the end is a process of its own.
    is_process = False

    def send(self, parcel: Parcel) -> None:
        """Sends a parcel."""
        raise NotImplementedError

    def receive(self, parcel: Parcel) -> Parcel:
        """The next parcel."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Says that nothing more will come, so that nobody waits for it."""
        raise NotImplementedError


class QueueEnd(End):
    """Of two queues, whose interface is the same for threads and processes."""

    def __init__(self, there: Any, back: Any, is_process: bool) -> None:
        self._there = there
        self._back = back
        self.is_process = is_process

    def send(self, parcel: Parcel) -> None:
        """Threads: moved. Processes: pickled, and written to a pipe."""
        self._there.put(parcel)

    def receive(self, parcel: Parcel) -> Parcel:
        """What the other end has put there."""
        received = self._back.get()
        if received is None:
            raise Failure("the other end has hung up")
        return received

    def hang_up(self) -> None:
        """A word that is no parcel."""
        self._there.put(None)


class PipeEnd(End):
    """Of two pipes of the kernel: bytes, without a pickle."""

    is_process = True

    def __init__(self, there: Any, back: Any) -> None:
        self._there = there
        self._back = back

    def send(self, parcel: Parcel) -> None:
        """Copied into the kernel."""
        self._there.send_bytes(parcel)

    def receive(self, parcel: Parcel) -> Parcel:
        """Copied out of it."""
        received = self._back.recv_bytes_into(parcel)
        expected = len(parcel) * parcel.itemsize
        if received != expected:
            raise Failure(
                f"a message of {received} bytes came, and {expected} were "
                "expected"
            )
        return parcel

    def hang_up(self) -> None:
        """A message that is too short to be one."""
        self._there.send_bytes(b"")


class SharedMemoryEnd(End):
    """Of memory that both map, and semaphores to sleep at."""

    is_process = True

    def __init__(self, there: Slots, back: Slots) -> None:
        self._there = there
        self._back = back

    def send(self, parcel: Parcel) -> None:
        """Copied into the next slot that is free."""
        self._there.free.acquire()
        self._there.next()[:] = memoryview(parcel)
        self._there.filled.release()

    def receive(self, parcel: Parcel) -> Parcel:
        """Copied out of the next slot that is filled."""
        self._back.filled.acquire()
        memoryview(parcel)[:] = self._back.next()
        self._back.free.release()
        return parcel

    def hang_up(self) -> None:
        """What is in the next slot is not the next message."""
        self._there.filled.release()


class Slots:
    """A ring of slots, for one who sends and one who receives."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self.free = model.Semaphore(plan.room)
        self.filled = model.Semaphore(0)
        self._words = plan.words
        self._room = plan.room
        # It has no name that could be left behind, as `SharedMemory` has.
        self._memory = RawArray("Q", plan.words * plan.room)
        self._sequence = 0

    def next(self) -> memoryview:
        """The next slot, which is this end's own for now."""
        start = self._sequence % self._room * self._words
        self._sequence += 1
        memory = memoryview(self._memory).cast("B").cast("Q")
        return memory[start : start + self._words]


def ends(model: Model, plan: Plan) -> tuple[End, End]:
    """The near end and the far one."""
    if plan.mechanism == "pipe":
        far_receives, near_sends = model.Pipe(False)
        near_receives, far_sends = model.Pipe(False)
        return (
            PipeEnd(near_sends, near_receives),
            PipeEnd(far_sends, far_receives),
        )
    if plan.mechanism == "shared-memory":
        there, back = Slots(model, plan), Slots(model, plan)
        return SharedMemoryEnd(there, back), SharedMemoryEnd(back, there)
    one, two = queue(model, plan), queue(model, plan)
    is_process = model.start_method is not None
    return QueueEnd(one, two, is_process), QueueEnd(two, one, is_process)


def queue(model: Model, plan: Plan) -> Any:
    """One way. A simple queue has no bound, but that of its pipe, if any."""
    if plan.mechanism == "simple-queue":
        return model.SimpleQueue()
    made = model.Queue(plan.room)
    if model.start_method is not None:
        # Nobody leaves before all has arrived, but by a failure: and then
        # the thread that sends would wait for ever, and this process for it.
        made.cancel_join_thread()
    return made


# The measurements


@dataclass(frozen=True)
class Plan:
    """One measurement."""

    task: str
    size: int
    mechanism: str
    messages: int
    seed: int

    @property
    def words(self) -> int:
        """In a message."""
        return self.size // 8

    @property
    def room(self) -> int:
        """Messages that fit between the ends."""
        if self.task == ROUND_TRIP:
            return 1
        return min(max(STREAM_BYTES // self.size, 4), 4096)

    @property
    def variant(self) -> str:
        """As the figures name it: `queue, block`."""
        return f"{self.mechanism}, block"

    def message(self, sequence: int) -> Message:
        """That with this number. In a stream the words of each are its own."""
        number = sequence if self.task == STREAM else 0
        return Message(sequence, self.words, self.seed, number)

    def parcels(self) -> tuple[Parcel, Parcel]:
        """One to send, which is filled, and one to receive into."""
        return self.message(1).written(), self.parcel()

    def parcel(self) -> Parcel:
        """One to receive into."""
        return array("Q", bytes(self.size))

    def reference(self, messages: int) -> int:
        """What must come out if so many are received."""
        numbers = range(1, messages + 1)
        return reference(self.message(number) for number in numbers)


def plans(model: Model, arguments: argparse.Namespace) -> list[Plan]:
    """The measurements of one model, one after the other."""
    asked = arguments.variants or list(MECHANISMS)
    chosen = [
        mechanism
        for mechanism in MECHANISMS
        if mechanism in asked and has(model, mechanism)
    ]
    return [
        Plan(
            task,
            size,
            mechanism,
            arguments.messages or usual_messages(size, arguments.quick),
            arguments.seed,
        )
        for task in TASKS
        for size in arguments.size or SIZES
        for mechanism in chosen
    ]


def has(model: Model, mechanism: str) -> bool:
    """Whether there is such a mechanism for the model."""
    return MECHANISMS[mechanism] in (None, model.name)


def usual_messages(size: int, quick: bool) -> int:
    """As many as take about 50 ms, writing and reading them included."""
    budget = 0.025 if quick else 0.05
    return max(20, int(budget / (4e-5 + 1.5e-8 * size)))


def size(text: str) -> int:
    """Bytes of a message: whole words."""
    number = contract.natural(text)
    if not 8 <= number <= LONGEST or number % 8:
        raise argparse.ArgumentTypeError(
            f"{text} is no multiple of eight from 8 to {LONGEST}"
        )
    return number


# What came out


@dataclass(frozen=True)
class Used:
    """What an end has taken of the machine."""

    cpu: float
    switches: int

    @classmethod
    def so_far(cls, end: End) -> Used:
        """By a thread; or by a process, all threads of it.

        The queue of processes has a thread of its own, which sends: what it
        takes is part of what a message costs.
        """
        who = resource.RUSAGE_SELF if end.is_process else resource.RUSAGE_THREAD
        clock = time.process_time if end.is_process else time.thread_time
        used = resource.getrusage(who)
        return cls(clock(), used.ru_nvcsw + used.ru_nivcsw)

    def __sub__(self, before: Used) -> Used:
        """What was used since then."""
        return Used(self.cpu - before.cpu, self.switches - before.switches)


@dataclass(frozen=True)
class Report:
    """What one end has to tell."""

    #: Of the messages that it received.
    digest: int
    used: Used
    #: How long round trips took, if it started them.
    trips: Optional[Quantiles] = None
    #: Seconds until the last message was thanked for, if it sent a stream.
    stream: Optional[float] = None


@dataclass
class Finished:
    """One measurement, done."""

    plan: Plan
    near: Report
    far: Report
    laps: Laps

    def check(self) -> None:
        """That none is missing, and that they are the right ones."""
        plan = self.plan
        back = plan.messages if plan.task == ROUND_TRIP else 1
        for end, report, messages in [
            ("near", self.near, back),
            ("far", self.far, plan.messages),
        ]:
            if report.digest != plan.reference(messages):
                raise Failure(
                    f"{binary(plan.size)}, {plan.variant}: the {end} end "
                    "received other messages than were sent"
                )

    def metrics(self) -> list[Metric]:
        """As the Rust siblings name them."""
        figures = (
            self.stream_metrics(self.near.stream)
            if self.near.trips is None
            else self.trip_metrics(self.near.trips)
        )
        mechanism = self.plan.mechanism
        key, only = f"{mechanism}.block", MECHANISMS[mechanism]
        return [
            replace(metric.of(key, self.plan.variant), only=only)
            for metric in figures
        ]

    def trip_metrics(self, trips: Quantiles) -> list[Metric]:
        """There and back."""
        key = f"trip-{self.plan.size}"
        label = f"{binary(self.plan.size)} trip"
        metrics = trips.metrics(key, label)
        for metric in metrics:
            metric.detail |= self.plan.size != SHORT
        return [*metrics, *self.expenses(key, label)]

    def stream_metrics(self, seconds: Optional[float]) -> list[Metric]:
        """One way."""
        plan = self.plan
        rate = plan.messages / (seconds or float("nan"))
        size, name = plan.size, binary(plan.size)
        return [
            Metric(
                f"rate-{size}",
                f"{name} rate",
                "/s",
                "higher",
                rate,
                detail=size != SHORT,
            ),
            Metric(
                f"flow-{size}",
                f"{name} flow",
                "B/s",
                "higher",
                rate * plan.size,
                detail=plan.size != LONG,
            ),
            *self.expenses(f"stream-{size}", f"{name} stream"),
        ]

    def expenses(self, key: str, label: str) -> list[Metric]:
        """What a message took of both ends. A round trip is two."""
        trips = 2 if self.plan.task == ROUND_TRIP else 1
        messages = trips * self.plan.messages
        near, far = self.near.used, self.far.used
        cpu = (near.cpu + far.cpu) / messages
        switches = (near.switches + far.switches) / messages
        return [
            Metric(
                f"{key}-{suffix}",
                f"{label} {name}",
                unit,
                "lower",
                value,
                detail=True,
            )
            for suffix, name, unit, value in [
                ("cpu", "CPU", "s", cpu),
                ("switches", "switches", "1", switches),
            ]
        ]


def outcome(model: Model, finished: list[Finished]) -> Outcome:
    """Checks what every end received and tells what came out."""
    laps = Laps()
    for one in finished:
        one.check()
        laps.add(one.laps)
    return Outcome(
        scenario="ipc",
        parameters={"seed": finished[0].plan.seed},
        answer=carried(finished),
        result=[row(one) for one in finished],
        laps=laps,
        metrics=[metric for one in finished for metric in one.metrics()],
        story=[
            "A message goes to the other end and back, and then many go one "
            f"way, among {model.name}."
        ],
        meaning=f"Among {model.name}, every message came whole and in its "
        "order.",
    )


def carried(finished: list[Finished]) -> str:
    """Which messages were carried: the same by each mechanism."""
    rows = {
        (TASKS.index(plan.task), plan.size, plan.messages, far.digest)
        for plan, far in ((one.plan, one.far) for one in finished)
    }
    answer = Digest()
    for task, size, messages, digest in sorted(rows):
        answer.count(task).count(size).text("block")
        answer.count(messages).count(digest)
    return answer.hex()


def row(finished: Finished) -> dict[str, Any]:
    """What a person would want to look at."""
    plan = finished.plan
    return {
        "task": plan.task,
        "mechanism": plan.mechanism,
        "waiting": "block",
        "size": plan.size,
        "messages": plan.messages,
        "digest": f"{finished.far.digest:016x}",
    }


def binary(size: int) -> str:
    """`64 B`, `4 KiB`, `1 MiB`."""
    for shift, unit in [(20, "MiB"), (10, "KiB")]:
        if size % (1 << shift) == 0:
            return f"{size >> shift} {unit}"
    return f"{size} B"


if __name__ == "__main__":
    main()
