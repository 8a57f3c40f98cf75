"""Responsive UI: does the screen keep up while a database is busy?

Here: a database worker, a thread or a process, chosen by `--model`.
There: examples-threads/responsive-ui, examples-processes/responsive-ui.
Watch: SQLite releases the GIL while it works; pure Python does not.
Run: python3 scripts/cpython/responsive_ui.py --model processes
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, Optional, Union

import contract
import databases
from contract import Failure, Laps, Metric, Outcome
from databases import Shape
from digest import Digest
from input import Input
from latency import Quantiles
from models import Model

EXAMPLES = """\
  responsive_ui.py                         on threads
  responsive_ui.py --model processes       on processes
  responsive_ui.py --steps 300000 --cancels 0 --json
"""

#: Most screens refresh 60 times a second.
FRAME = 0.016_667

#: How long to wait for a key while news may arrive.
NAP = 0.002

#: How long news may delay keys, however many arrive.
LONGEST_READ = 0.004


def main() -> NoReturn:
    """Flags in, outcome out."""
    parser = contract.flags(
        "Does the screen keep up while a database is busy?", EXAMPLES
    )
    parser.add_argument(
        "--headless",
        action="store_true",
        help="let a script press the keys: always the case here",
    )
    parser.add_argument(
        "--no-worker",
        action="store_true",
        help="run the query on the thread that draws the screen",
    )
    parser.add_argument(
        "--cancels",
        type=contract.natural,
        metavar="N",
        help="number of queries that the script cancels [default: 20; "
        "--quick: 15]",
    )
    parser.add_argument(
        "--steps",
        type=contract.positive,
        metavar="N",
        help="number of steps in the script's query [default: 2000000; "
        "--quick: 1000000]",
    )
    contract.main(parser, run)


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """Lets a script use the program."""
    plan = Plan.of(arguments)
    laps = Laps()
    record = spawn_and_join(model, plan, laps)
    laps.stopped()
    return outcome(plan, record, laps)


@dataclass(frozen=True)
class Walk:
    """A query that keeps a core busy and yields rows all along.

    It walks from row to row of the table, with the minimal standard generator
    (Park and Miller, 1993): see responsive_ui/walk.rs of the crate `common`.
    """

    seed: int
    steps: int
    rows: int

    def sql(self) -> str:
        """The walk in SQL."""
        return (
            "WITH RECURSIVE walk(step, place) AS "
            f"(VALUES (0, {self.first()}) "
            "UNION ALL SELECT step + 1, place * 48271 % 2147483647 "
            f"FROM walk WHERE step < {self.steps}) "
            "SELECT step, station, m2 FROM walk CROSS JOIN measurements "
            f"ON measurements.rowid = 1 + place % {self.rows} "
            "WHERE place % 256 = 0"
        )

    def on_foot(self, connection: sqlite3.Connection) -> Iterator[Row]:
        """The same in pure Python, which holds the GIL all the way."""
        told = connection.execute("SELECT station, m2 FROM measurements")
        table = told.fetchall()
        place, rows = self.first(), self.rows
        for step in range(self.steps + 1):
            if place % 256 == 0:
                yield (step, *table[place % rows])
            place = place * 48271 % 2147483647

    def first(self) -> int:
        """Where it starts."""
        return 1 + self.seed % 2_147_483_646


#: A query in SQL, or a walk in Python.
Work = Union[str, Walk]


@dataclass(frozen=True)
class Plan:
    """The work of a run."""

    no_worker: bool
    cancels: int
    walk: Walk
    database: Path

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Plan:
        """The flags, and the defaults."""
        usual, cancels = (1_000_000, 15) if arguments.quick else (2_000_000, 20)
        if arguments.cancels is not None:
            cancels = arguments.cancels
        shape = Shape.usual(arguments.seed, arguments.quick)
        walk = Walk(arguments.seed, arguments.steps or usual, shape.rows)
        database = databases.generated(shape, 0)
        return cls(arguments.no_worker, cancels, walk, database)


# What goes between the screen and a database

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Query:
    """A message from the screen: a query in SQL, or a walk."""

    #: Unique: so a late answer is not taken for one to a later query.
    number: int
    database: Path
    work: Work


@dataclass(frozen=True)
class Event:
    """A message to the screen: more rows, or how the query ended."""

    number: int
    rows: Sequence[Row] = ()
    ending: Optional[str] = None


#: No two queries of the program have the same number.
NUMBERS = itertools.count(1)

#: The message of a worker before its first query.
READY = Event(0)


# The worker's part


def worker(queries: Any, events: Any, interrupt: Optional[Interrupt]) -> None:
    """Answers queries until there are no more."""
    events.put(READY)
    for query in iter(queries.get, None):
        serve(query, events.put, interrupt)


def serve(
    query: Query,
    give: Callable[[Event], None],
    interrupt: Optional[Interrupt] = None,
) -> None:
    """Runs a query to its end. Each has its own connection."""
    desk = Desk(query.number, give)
    try:
        with (
            contextlib.closing(databases.opened(query.database)) as connection,
            watched(interrupt, query, connection) as is_wanted,
        ):
            found = rows(query, connection)
            desk.take_all(itertools.takewhile(is_wanted, found))
            ending = "done" if is_wanted() else "cancelled"
    except sqlite3.Error as error:
        is_cancelled = str(error) == "interrupted"
        ending = "cancelled" if is_cancelled else f"failed: {error}"
    desk.close(ending)


def rows(query: Query, connection: sqlite3.Connection) -> Iterator[Row]:
    """The rows of the query."""
    if isinstance(query.work, Walk):
        return query.work.on_foot(connection)
    return iter(connection.execute(query.work))


class Desk:
    """The rows waiting to be handed over: each hand-over has its price."""

    MOST_ROWS = 256
    #: No row waits longer than this for others. It is less than a frame.
    LONGEST_WAIT = 0.010

    def __init__(self, number: int, give: Callable[[Event], None]) -> None:
        self._number = number
        self._give = give
        self._rows: list[Row] = []
        self._since = 0.0

    def take_all(self, rows: Iterator[Row]) -> None:
        """Hands over rows as they come."""
        for row in rows:
            self._rows.append(row)
            is_late = time.monotonic() - self._since >= self.LONGEST_WAIT
            if is_late or len(self._rows) >= self.MOST_ROWS:
                self._flush()

    def close(self, ending: str) -> None:
        """Hands over the rest, and how the query ended."""
        self._flush()
        self._give(Event(self._number, ending=ending))

    def _flush(self) -> None:
        if self._rows:
            self._give(Event(self._number, self._rows))
        self._rows, self._since = [], time.monotonic()


class Interrupt:
    """The screen's way to interrupt a query in a thread.

    The connection is stored with its query under a lock, so it is never used
    for another query. An interrupt before the first step of a query is lost
    (see the documentation of `sqlite3_interrupt`), so there is also a flag
    that the worker checks with every row.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Optional[tuple[int, sqlite3.Connection]] = None
        self._cancelled = 0

    @contextlib.contextmanager
    def of(
        self, number: int, connection: sqlite3.Connection
    ) -> Iterator[Callable[..., bool]]:
        """Announces a running query: it can ask whether it is still wanted."""
        with self._lock:
            self._running = number, connection
        try:
            yield lambda _row=None: self._cancelled != number
        finally:
            with self._lock:
                self._running = None

    def cancel(self, number: int) -> None:
        """Cancels a query if it is still running."""
        self._cancelled = number
        with self._lock:
            if self._running is not None and self._running[0] == number:
                self._running[1].interrupt()


def watched(
    interrupt: Optional[Interrupt], query: Query, connection: sqlite3.Connection
) -> contextlib.AbstractContextManager[Callable[..., bool]]:
    """Tells whether a query is still wanted."""
    if interrupt is None:
        return contextlib.nullcontext(lambda _row=None: True)
    return interrupt.of(query.number, connection)


# The screen's side


class NoWorker:
    """The query runs on the calling thread; its rows appear at the end."""

    def __init__(self) -> None:
        self._came: deque[Event] = deque()

    def ask(self, query: Query) -> None:
        """Returns when all is done."""
        serve(query, self._came.append)

    def cancel(self, _number: int) -> None:
        """The calling thread runs the query, so nobody can cancel it."""

    def next(self) -> Optional[Event]:
        """The next event, if there is one."""
        return self._came.popleft() if self._came else None


class DatabaseWorker:
    """A worker and the connection to it. None of the calls waits."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._given_up: deque[Event] = deque()
        self._start()

    def _start(self) -> None:
        # A `Queue` would have a thread in between, and only threads make fork
        # dangerous.
        self._queries = self._model.SimpleQueue()
        self._events = self._model.SimpleQueue()
        self._interrupt = interrupt(self._model)
        self._worker = contract.spawn(
            self._model, worker, self._queries, self._events, self._interrupt
        )

    @property
    def pid(self) -> Optional[int]:
        """The process id; None for a thread."""
        return getattr(self._worker, "pid", None)

    def wait_until_ready(self) -> None:
        """Waits until the worker is ready for its first query."""
        while self._events.empty():
            self._check()
            time.sleep(0.0002)
        self._events.get()

    def ask(self, query: Query) -> None:
        """Starts a query. There is only one at a time."""
        self._queries.put(query)

    def cancel(self, number: int) -> None:
        """Interrupts a thread; kills a process and starts another.

        The kill ends whatever the process does, and leaves nothing of it.
        """
        if self._interrupt is not None:
            self._interrupt.cancel(number)
            return
        self._worker.kill()
        self._worker.join()
        self._start()
        self._given_up.append(Event(number, ending="cancelled"))

    def next(self) -> Optional[Event]:
        """The next event, if there is one."""
        if self._given_up:
            return self._given_up.popleft()
        if not self._events.empty():
            event: Event = self._events.get()
            return event
        self._check()
        return None

    def stop(self) -> None:
        """Joins the worker, which has nothing left to do."""
        self._queries.put(None)
        self._worker.join()

    def _check(self) -> None:
        if not self._worker.is_alive() and self._events.empty():
            raise Failure("the database worker exited unexpectedly")


def interrupt(model: Model) -> Optional[Interrupt]:
    """A connection can only be reached within its own process."""
    return Interrupt() if model.name == "threads" else None


Database = Union[NoWorker, DatabaseWorker]


@dataclass
class Run:
    """A query and its result."""

    number: int
    begun: float
    ended: float = 0.0
    ending: Optional[str] = None
    rows: list[Row] = field(default_factory=list)

    def took(self) -> float:
        """From the start to the end."""
        return self.ended - self.begun

    def size(self) -> int:
        """Its contents in bytes, without the overhead of memory."""
        return sum(
            len(value.encode()) if isinstance(value, str) else 8
            for row in self.rows
            for value in row
            if value is not None
        )

    def answer(self) -> str:
        """The digest of all rows, as in Rust's `Session::answer`."""
        digest = Digest()
        for row in self.rows:
            digest.count(len(row))
            for value in row:
                add(digest, value)
        whole = Digest().count(len(self.rows)).text(digest.hex())
        return whole.hex()


def add(digest: Digest, value: Any) -> None:
    """Adds a value, preceded by its type."""
    if value is None:
        digest.text("null")
    elif isinstance(value, int):
        digest.text("i").integers([value])
    elif isinstance(value, float):
        digest.text("r").floats([value])
    else:
        digest.text("t").text(value)


class Screen:
    """Everything on the screen, 80 columns by 24 rows."""

    WIDTH = 80
    SHOWN_ROWS = 14
    BARS = " ▁▂▃▄▅▆▇█"

    def __init__(self, title: str, database: Path) -> None:
        self.title = title
        self.line = ""
        self.run: Optional[Run] = None
        self.gaps: deque[float] = deque(maxlen=self.WIDTH)
        self.frame = ""
        self._database = database
        self._begun = time.monotonic()

    def is_running(self) -> bool:
        """Whether a query is running."""
        return self.run is not None and self.run.ending is None

    def ask(self, work: Work) -> Query:
        """Runs the query in the line."""
        self.line = work if isinstance(work, str) else work.sql()
        query = Query(next(NUMBERS), self._database, work)
        self.run = Run(query.number, time.monotonic())
        return query

    def take_over(self, event: Event) -> None:
        """Handles news. News about an earlier query is ignored."""
        run = self.run
        if run is None or run.number != event.number:
            return
        run.rows.extend(event.rows)
        if event.ending is not None:
            run.ended, run.ending = time.monotonic(), event.ending

    def draw(self) -> None:
        """Composes a frame, down to the last character."""
        found = self.run.rows if self.run else []
        status = f"{len(found)} rows, {self.run.ending if self.run else ''}"
        bars = (
            self.BARS[min(int(gap / FRAME * 2), len(self.BARS) - 1)]
            for gap in self.gaps
        )
        lines = [
            f"{self.title}, {time.monotonic() - self._begun:.1f} s",
            *(
                self.line[-3 * self.WIDTH :][at : at + self.WIDTH]
                for at in range(0, 3 * self.WIDTH, self.WIDTH)
            ),
            *(
                "  ".join(f"{value!s:>20}" for value in row)
                for row in found[: self.SHOWN_ROWS]
            ),
            "".join(bars),
            status,
        ]
        self.frame = "\n".join(
            f"{line:{self.WIDTH}.{self.WIDTH}}" for line in lines
        )


@dataclass(frozen=True)
class Key:
    """An input and the time it was due.

    It counts from then, whether or not anybody had time for it.
    """

    due: float
    #: `ask`, `cancel`, `leave`, or a letter.
    what: str
    work: Work = ""


class Typist:
    """Starts the query, types until it is done, and leaves.

    The clock is open-loop: each key is due at its time, whether or not the
    previous one was served.
    """

    BETWEEN_KEYS = 0.010

    def __init__(self, work: Work) -> None:
        self._work = work
        self._begun = time.monotonic()
        self._pressed = 0
        self._letters = itertools.cycle(" -- are you still there?")

    def next(self, screen: Screen, patience: float) -> Optional[Key]:
        """The next input, if there is one within `patience`."""
        due = self._begun + self._pressed * self.BETWEEN_KEYS
        left = due - time.monotonic()
        if left > 0:
            time.sleep(min(left, patience))
        if time.monotonic() < due:
            return None
        self._pressed += 1
        if self._pressed == 1:
            return Key(due, "ask", self._work)
        if left > 0 and not screen.is_running():
            return Key(due, "leave")
        return Key(due, next(self._letters))


class Canceller:
    """Cancels queries one after another, each at a different moment.

    It asks something else right away, which must be answered.
    """

    #: If the end of a cancelled query takes longer than this, it never comes.
    PATIENCE = 20.0

    def __init__(self, count: int, walk: Walk) -> None:
        self._left = count
        self._endless = replace(walk, steps=(1 << 63) - 1).sql()
        self._moments = Input(walk.seed, 0)
        self._stage, self._since = "idle", 0.0
        self.to_usable: list[float] = []
        self.cancelled = 0

    def next(self, screen: Screen, patience: float) -> Optional[Key]:
        """The next input, if there is one within `patience`."""
        now = time.monotonic()
        if self._stage == "idle":
            if self._left == 0:
                return Key(now, "leave")
            work, wait = self._query()
            self._stage, self._since = "moment", now + wait
            return Key(now, "ask", work)
        if self._stage == "moment" and self._since <= now:
            self._stage, self._since = "gone", now
            return Key(now, "cancel")
        if self._stage == "gone" and not screen.is_running():
            self._note(screen)
            self._stage = "probe"
            return Key(now, "ask", probe(self._left))
        if self._stage == "probe" and not screen.is_running():
            self._check(screen)
            self.to_usable.append(time.monotonic() - self._since)
            self._left -= 1
            self._stage = "idle"
            return None
        if now - self._since > self.PATIENCE:
            raise Failure(f"nothing came in stage {self._stage}: {screen.run}")
        until = self._since - now if self._stage == "moment" else patience
        time.sleep(min(until, patience))
        return None

    def _query(self) -> tuple[str, float]:
        """The query to run, and how long to wait before it is cancelled.

        A third is cancelled before its first step, a third is a short query
        that may be over already, and a third is cancelled halfway.
        """
        if self._left % 3 == 0:
            return self._endless, 0.0
        if self._left % 3 == 1:
            return probe(-1), 0.0
        return self._endless, 0.005 * self._moments.uniform()

    def _note(self, screen: Screen) -> None:
        """The query was cancelled, unless it was over before."""
        ending = screen.run.ending if screen.run else None
        if ending == "cancelled":
            self.cancelled += 1
        elif ending != "done" or self._left % 3 != 1:
            raise Failure(f"a cancelled query ended with {ending}")

    def _check(self, screen: Screen) -> None:
        run = screen.run
        if run is None or run.ending != "done" or run.rows != [(self._left,)]:
            raise Failure(f"the query after a cancel went wrong: {run}")


def probe(number: int) -> str:
    """A query that ends at once, with a row that identifies it."""
    return f"SELECT {number} AS probe"


#: The users of the screen.
Inputs = Union[Typist, Canceller]


# The loop of the screen


@dataclass
class Felt:
    """The delays that a person would have felt."""

    input_to_frame: list[float] = field(default_factory=list)
    #: The times between frames.
    gaps: list[float] = field(default_factory=list)
    frames: int = 0
    #: The time the screen spent on taking over news from databases.
    taking: float = 0.0


def session(screen: Screen, inputs: Inputs, database: Database) -> Felt:
    """The loop: keys in, news in, a frame out, until the user leaves."""
    felt, last, served = Felt(), time.monotonic(), list[float]()
    while True:
        patience = max(FRAME - (time.monotonic() - last), 0.0)
        if screen.is_running():
            patience = min(patience, NAP)
        while key := inputs.next(screen, patience):
            served.append(key.due)
            patience = 0.0
            if key.what == "leave":
                return felt
            press(screen, key, database)
        ended = take(screen, database, felt)
        if ended or served or time.monotonic() - last >= FRAME:
            screen.draw()
            now = time.monotonic()
            felt.input_to_frame += [now - due for due in served]
            felt.gaps.append(now - last)
            felt.frames += 1
            screen.gaps.append(now - last)
            served, last = [], now


def press(screen: Screen, key: Key, database: Database) -> None:
    """Handles a key."""
    if key.what == "ask":
        database.ask(screen.ask(key.work))
    elif key.what != "cancel":
        screen.line += key.what
    elif screen.run is not None and screen.is_running():
        database.cancel(screen.run.number)


def take(screen: Screen, database: Database, felt: Felt) -> bool:
    """Takes over the available news, but never so long that keys wait.

    Returns whether that ended a query, which deserves a frame at once.
    """
    was_running = screen.is_running()
    begun = time.monotonic()
    while (before := time.monotonic()) - begun < LONGEST_READ:
        event = database.next()
        felt.taking += time.monotonic() - before
        if event is None:
            break
        screen.take_over(event)
    return was_running and not screen.is_running()


# The sessions of one run


@dataclass
class Session:
    """The result of one session."""

    felt: Felt
    run: Run

    def spent(self, amount: int) -> float:
        """The time the screen spent on taking over, per item."""
        return self.felt.taking / max(amount, 1)


@dataclass
class Record:
    """The results of all sessions, by name."""

    sessions: dict[str, Session] = field(default_factory=dict)
    cancels: Optional[Quantiles] = None
    cancelled: int = 0


def spawn_and_join(model: Model, plan: Plan, laps: Laps) -> Record:
    """Starts the worker, runs the sessions, and joins it."""
    database = DatabaseWorker(model)
    database.wait_until_ready()
    laps.started()
    record = perform(model, plan, database)
    laps.worked([database.pid])
    database.stop()
    return record


def perform(model: Model, plan: Plan, database: DatabaseWorker) -> Record:
    """Without a worker; with one that releases the GIL, or holds it."""
    record, sql = Record(), plan.walk.sql()
    record.sessions["no worker"] = typing(plan, "no worker", sql, NoWorker())
    if plan.no_worker:
        return record
    works: dict[str, Work] = {"worker": sql, "worker, pure Python": plan.walk}
    for name, work in works.items():
        title = f"{model.name}, {name}"
        record.sessions[name] = typing(plan, title, work, database)
    if plan.cancels > 0:
        canceller = Canceller(plan.cancels, plan.walk)
        session(Screen("cancels", plan.database), canceller, database)
        record.cancels = Quantiles.of(canceller.to_usable)
        record.cancelled = canceller.cancelled
    return record


def typing(plan: Plan, title: str, work: Work, database: Database) -> Session:
    """The script's query, with keys all along."""
    screen = Screen(title, plan.database)
    felt = session(screen, Typist(work), database)
    if screen.run is None or screen.run.ending != "done":
        raise Failure(f"{title}: the script's query failed: {screen.run}")
    return Session(felt, screen.run)


# The outcome


def outcome(plan: Plan, record: Record, laps: Laps) -> Outcome:
    """Checks that the rows are the same with and without a worker."""
    answers = {
        name: session.run.answer() for name, session in record.sessions.items()
    }
    if len(set(answers.values())) != 1:
        raise Failure(f"not the same rows as without a worker: {answers}")
    return Outcome(
        scenario="responsive-ui",
        parameters={
            "seed": plan.walk.seed,
            "steps": plan.walk.steps,
            "queries": 1,
            "cancels": plan.cancels,
            "no_worker": plan.no_worker,
        },
        answer=answers["no worker"],
        result={
            "sessions": {
                name: {
                    "rows": len(session.run.rows),
                    "bytes": session.run.size(),
                    "frames": session.felt.frames,
                    "inputs": len(session.felt.input_to_frame),
                }
                for name, session in record.sessions.items()
            },
            "cancelled": record.cancelled,
        },
        laps=laps,
        metrics=list(metrics(record)),
        meaning=meaning(record),
    )


#: The keys of the sessions, by name.
KEYS = {
    "no worker": "no-worker",
    "worker": "worker",
    "worker, pure Python": "worker-pure-python",
}


def metrics(record: Record) -> Iterator[Metric]:
    """The same as in Rust, and those of the worker that holds the GIL."""
    for name, one in record.sessions.items():
        latency = Quantiles.of(one.felt.input_to_frame)
        gaps = Quantiles.of(one.felt.gaps)
        figures = [
            *quantiles("input-to-frame", "key to frame", latency),
            lower("frame-gap-p99", "gap between frames p99", gaps.p99),
            # A single hiccup of the machine determines it: shown, but not
            # judged.
            Metric(
                "longest-frame-gap",
                "longest gap between frames",
                "s",
                "neither",
                gaps.max,
            ),
        ]
        for figure in figures:
            yield figure.of(KEYS[name], name)
    if record.cancels is not None:
        answers = quantiles(
            "cancel-to-answer", "cancel to next answer", record.cancels
        )
        for figure in answers:
            if not figure.id.endswith("p90"):
                yield figure
    worker = record.sessions.get("worker")
    if worker is not None:
        spent = worker.spent(len(worker.run.rows))
        yield lower("hand-over-row", "hand-over per row", spent)
        spent = worker.spent(worker.run.size())
        yield lower("hand-over-mb", "hand-over per MB", 1e6 * spent)
    for name, one in record.sessions.items():
        yield lower("query", "query time", one.run.took()).of(KEYS[name], name)


def quantiles(key: str, label: str, of: Quantiles) -> list[Metric]:
    """The median and the 99th percentile are compared; others are details."""
    return [
        replace(
            lower(f"{key}-{suffix}", f"{label} {suffix}", value), detail=detail
        )
        for suffix, value, detail in [
            ("p50", of.p50, False),
            ("p90", of.p90, True),
            ("p99", of.p99, False),
            ("max", of.max, True),
        ]
    ]


def lower(key: str, label: str, value: float) -> Metric:
    """A time: the shorter, the better."""
    return Metric(key, label, "s", "lower", value)


def meaning(record: Record) -> str:
    """One sentence."""
    gaps = ", ".join(
        f"{name}: {contract.human(max(session.felt.gaps, default=0.0), 's')}"
        for name, session in record.sessions.items()
    )
    return (
        f"The screen froze for at most: {gaps}. One frame is "
        f"{contract.human(FRAME, 's')}."
    )


if __name__ == "__main__":
    main()
