"""Message passing: what does a message cost.

Here: CPython's queues and pipes; threads move a message without a copy.
There: examples-threads/ipc and examples-processes/ipc, in src/main.rs
Watch: the same two queues, which for processes need a pickle and a pipe.
Run: python3 scripts/cpython/ipc.py --model processes --quick

Each end sleeps while no message is there, so the only way of waiting is
`block`: between threads, an end that spins would hold the GIL, which the
other end needs in order to send.
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
  ipc.py                                    every measurement
  ipc.py --variant queue --size 64          one mechanism, one size
  ipc.py --model processes --variant pipe   only processes have this"""

#: For each mechanism, the only model that has it, or None if both do.
MECHANISMS: dict[str, Optional[str]] = {
    "queue": None,
    "simple-queue": None,
    "pipe": "processes",
    "shared-memory": "processes",
}

#: A number, a cache line, a page, and more than any first-level cache has room
#: for.
SIZES = [8, 64, 4096, 1 << 20]

LONGEST = 16 << 20

#: The sizes whose figures go into the comparison; all others are details.
SHORT, LONG = 64, 1 << 20

#: Bytes in flight in a stream, for short messages.
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
        help="bytes per message, a multiple of eight (repeatable)",
    )
    parser.add_argument(
        "--waiting",
        choices=["block"],
        metavar="KIND",
        help="block: the only way of waiting here",
    )
    parser.add_argument(
        "--messages",
        type=contract.positive,
        metavar="N",
        help="messages per measurement [default: for about 50 ms]",
    )
    contract.main(parser, run, list(MECHANISMS), has)


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """Every requested measurement, one after another."""
    finished = [run_plan(model, one) for one in plans(model, arguments)]
    return outcome(model, finished)


def run_plan(model: Model, plan: Plan) -> Finished:
    """One measurement, from the start of the far end to its end."""
    laps = Laps()
    near, far = spawn_and_join(model, plan, laps)
    laps.stopped()
    return Finished(plan, near, far, laps)


def worker(parent: Parent, plan: Plan, end: End) -> Report:
    """The far end: it gets its part of the mechanism, ready to use."""
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
    """Starts the far end, releases it, and plays the near end."""
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


# What the two ends do, whatever the mechanism


def ask(plan: Plan, end: End) -> Report:
    """Sends each message after the previous one was answered.

    The clock runs from the send until the answer arrives; whether it is whole
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
    """Writes and sends messages, and waits until they are acknowledged."""
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
    """Reads each message completely, and acknowledges all at the end."""
    parcel, transcript = plan.parcel(), Transcript()
    before = Used.so_far(end)
    for _ in range(plan.messages):
        parcel = end.receive(parcel)
        transcript.add(parcel)
    end.send(plan.message(1).written())
    return Report(transcript.digest, Used.so_far(end) - before)


# The mechanisms


class End:
    """One end of a two-way connection.

    A parcel that was sent belongs to the other end; `receive` may use the one
    that it is given, or return another.
    """

    #: Whether the end is a separate process.
    is_process = False

    def send(self, parcel: Parcel) -> None:
        """Sends a parcel."""
        raise NotImplementedError

    def receive(self, parcel: Parcel) -> Parcel:
        """Returns the next parcel."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Signals that nothing more will come, so that nobody waits for it."""
        raise NotImplementedError


class QueueEnd(End):
    """Two queues, whose interface is the same for threads and processes."""

    def __init__(self, there: Any, back: Any, is_process: bool) -> None:
        self._there = there
        self._back = back
        self.is_process = is_process

    def send(self, parcel: Parcel) -> None:
        """Threads: moved. Processes: pickled, and written to a pipe."""
        self._there.put(parcel)

    def receive(self, parcel: Parcel) -> Parcel:
        """Takes what the other end has sent."""
        received = self._back.get()
        if received is None:
            raise Failure("the other end hung up")
        return received

    def hang_up(self) -> None:
        """Sends something that is not a parcel."""
        self._there.put(None)


class PipeEnd(End):
    """Two kernel pipes: bytes, without a pickle."""

    is_process = True

    def __init__(self, there: Any, back: Any) -> None:
        self._there = there
        self._back = back

    def send(self, parcel: Parcel) -> None:
        """Copied into the kernel."""
        self._there.send_bytes(parcel)

    def receive(self, parcel: Parcel) -> Parcel:
        """Copied out of the kernel."""
        received = self._back.recv_bytes_into(parcel)
        expected = len(parcel) * parcel.itemsize
        if received != expected:
            raise Failure(
                f"got a message of {received} bytes, expected {expected}"
            )
        return parcel

    def hang_up(self) -> None:
        """Sends a message that is too short."""
        self._there.send_bytes(b"")


class SharedMemoryEnd(End):
    """Memory that both ends map, and semaphores to sleep on."""

    is_process = True

    def __init__(self, there: Slots, back: Slots) -> None:
        self._there = there
        self._back = back

    def send(self, parcel: Parcel) -> None:
        """Copied into the next free slot."""
        self._there.free.acquire()
        self._there.next()[:] = memoryview(parcel)
        self._there.filled.release()

    def receive(self, parcel: Parcel) -> Parcel:
        """Copied out of the next filled slot."""
        self._back.filled.acquire()
        memoryview(parcel)[:] = self._back.next()
        self._back.free.release()
        return parcel

    def hang_up(self) -> None:
        """Announces a slot whose contents are not the next message."""
        self._there.filled.release()


class Slots:
    """A ring of slots, for one sender and one receiver."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self.free = model.Semaphore(plan.room)
        self.filled = model.Semaphore(0)
        self._words = plan.words
        self._room = plan.room
        # It has no name that could be left behind, unlike `SharedMemory`.
        self._memory = RawArray("Q", plan.words * plan.room)
        self._sequence = 0

    def next(self) -> memoryview:
        """The next slot, which belongs to this end for now."""
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
    """One direction. A simple queue has no bound except that of its pipe."""
    if plan.mechanism == "simple-queue":
        return model.SimpleQueue()
    made = model.Queue(plan.room)
    if model.start_method is not None:
        # Nobody exits before all has arrived, except after a failure: then the
        # sending thread would wait forever, and this process for it.
        made.cancel_join_thread()
    return made


# The measurements


@dataclass(frozen=True)
class Plan:
    """A measurement."""

    task: str
    size: int
    mechanism: str
    messages: int
    seed: int

    @property
    def words(self) -> int:
        """Words per message."""
        return self.size // 8

    @property
    def room(self) -> int:
        """Messages that fit between the ends."""
        if self.task == ROUND_TRIP:
            return 1
        return min(max(STREAM_BYTES // self.size, 4), 4096)

    @property
    def variant(self) -> str:
        """The name with the figures: `queue, both ends sleep`."""
        return f"{self.mechanism}, both ends sleep"

    def message(self, sequence: int) -> Message:
        """The message with this number. In a stream each has its own words."""
        number = sequence if self.task == STREAM else 0
        return Message(sequence, self.words, self.seed, number)

    def parcels(self) -> tuple[Parcel, Parcel]:
        """A filled one to send, and one to receive into."""
        return self.message(1).written(), self.parcel()

    def parcel(self) -> Parcel:
        """One to receive into."""
        return array("Q", bytes(self.size))

    def reference(self, messages: int) -> int:
        """The expected digest if this many messages are received."""
        numbers = range(1, messages + 1)
        return reference(self.message(number) for number in numbers)


def plans(model: Model, arguments: argparse.Namespace) -> list[Plan]:
    """The measurements of one model, in order."""
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
    """Whether the model has this mechanism."""
    return MECHANISMS[mechanism] in (None, model.name)


def usual_messages(size: int, quick: bool) -> int:
    """As many as take about 50 ms, including writing and reading them."""
    budget = 0.025 if quick else 0.05
    return max(20, int(budget / (4e-5 + 1.5e-8 * size)))


def size(text: str) -> int:
    """Bytes per message: whole words."""
    number = contract.natural(text)
    if not 8 <= number <= LONGEST or number % 8:
        raise argparse.ArgumentTypeError(
            f"must be a multiple of eight bytes, from 8 to {LONGEST}"
        )
    return number


# The outcome


@dataclass(frozen=True)
class Used:
    """The resources that an end has used."""

    cpu: float
    switches: int

    @classmethod
    def so_far(cls, end: End) -> Used:
        """Of a thread; or of a process with all its threads.

        The queue of processes has its own thread for sending: what that uses
        is part of the cost of a message.
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
    """The report of one end."""

    #: The digest of the messages it received.
    digest: int
    used: Used
    #: How long round trips took, if it started them.
    trips: Optional[Quantiles] = None
    #: Seconds until the last message was acknowledged, if it sent a stream.
    stream: Optional[float] = None


@dataclass
class Finished:
    """A finished measurement."""

    plan: Plan
    near: Report
    far: Report
    laps: Laps

    def check(self) -> None:
        """Checks that no message is missing, and that all are right."""
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
        """Named as in the Rust siblings."""
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
        """Round trips."""
        key = f"trip-{self.plan.size}"
        label = f"round trip of {binary(self.plan.size)}"
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
                f"messages of {name}",
                "/s",
                "higher",
                rate,
                detail=size != SHORT,
            ),
            Metric(
                f"flow-{size}",
                f"data in messages of {name}",
                "B/s",
                "higher",
                rate * plan.size,
                detail=plan.size != LONG,
            ),
            *self.expenses(f"stream-{size}", f"stream of {name}"),
        ]

    def expenses(self, key: str, label: str) -> list[Metric]:
        """What each message cost both ends. A round trip is two messages."""
        trips = 2 if self.plan.task == ROUND_TRIP else 1
        messages = trips * self.plan.messages
        near, far = self.near.used, self.far.used
        cpu = (near.cpu + far.cpu) / messages
        switches = (near.switches + far.switches) / messages
        return [
            Metric(
                f"{key}-{suffix}",
                f"{label}, {name}",
                unit,
                "lower",
                value,
                detail=True,
            )
            for suffix, name, unit, value in [
                ("cpu", "CPU per message", "s", cpu),
                ("switches", "switches per message", "1", switches),
            ]
        ]


def outcome(model: Model, finished: list[Finished]) -> Outcome:
    """Checks what each end received and builds the outcome."""
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
            f"With {model.name}, messages go to the other end and back, and "
            "then many go one way."
        ],
        meaning=f"With {model.name}, every message arrived whole and in order.",
    )


def carried(finished: list[Finished]) -> str:
    """Which messages were carried: the same for every mechanism."""
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
    """A row of the result for a person."""
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
