"""Shared state: many workers update one ledger; nothing may be lost.

Here: CPython's threads, which see one list, or processes, which map an array.
There: examples-threads/shared-state and examples-processes/shared-state
Watch: what each variant shares, and that the GIL does not make updates atomic.
Run: python3 scripts/cpython/shared_state.py --model threads --quick

There is no variant `atomic`: Python has no atomic integers.
"""

from __future__ import annotations

import argparse
import queue
from collections.abc import Iterable, Iterator, MutableSequence
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing.sharedctypes import RawArray
from typing import Any, NoReturn, Optional

import contract
from contract import Failure, Laps, Metric, Outcome
from crew import PATIENCE, Crew, Parent
from digest import Digest
from input import Input
from models import Model

EXAMPLES = """\
  shared_state.py                              every variant, with figures
  shared_state.py --variant lock --workers 8   one lock, eight workers
  shared_state.py --model processes --accounts 2   the most contention"""

#: What each of two workers does in about a sixth of a second.
USUAL = {
    "racy": 200_000,
    "forced": 100,
    "lock": 100_000,
    "lock-per-account": 100_000,
    "owner": 200_000,
    "partition": 500_000,
}

VARIANTS = list(USUAL)

#: The variants that may lose updates. They count updates next to the balances,
#: and lose counts the same way.
LOSING = ("racy", "forced")

#: All workers wait for each other at every update, so few must do.
MOST_FORCED = 100

#: The opening balance of every account.
OPENING = 100_000

#: Each worker repeats these transfers, drawn before the clock starts.
DRAWN = 1024

#: Transfers per batch, and batches in flight: as in the Rust siblings.
BATCH, ROOM = 341, 16

#: Source account, target account, amount.
Transfer = tuple[int, int, int]

#: The plain global of claim C01: a worker writes to it; who sees that?
is_global_written = False


def main() -> NoReturn:
    """Flags in, outcome out."""
    parser = contract.flags("Many workers update one ledger.", EXAMPLES)
    contract.add_workers(parser)
    contract.add_variants(parser, VARIANTS)
    parser.add_argument(
        "--accounts",
        type=accounts,
        default=1024,
        metavar="N",
        help="accounts in the ledger [default: 1024]",
    )
    parser.add_argument(
        "--transfers",
        type=contract.positive,
        metavar="N",
        help="transfers per worker [default: for about a sixth of a second]",
    )
    contract.main(parser, run, VARIANTS)


def run(model: Model, arguments: argparse.Namespace) -> Outcome:
    """Every requested variant, one after another."""
    finished = [
        run_variant(model, Plan.of(arguments, variant))
        for variant in VARIANTS
        if variant in (arguments.variants or VARIANTS)
    ]
    return outcome(model, finished)


def run_variant(model: Model, plan: Plan) -> Finished:
    """One variant, from the start of its workers to their end."""
    laps = Laps()
    shared = Shared.of(model, plan)
    found = spawn_and_join(model, plan, shared, laps)
    balances, updates = totals(plan, shared, found)
    laps.stopped()
    return Finished(plan, balances, updates, laps)


def worker(parent: Parent, plan: Plan, shared: Shared) -> Any:
    """What every worker does: the work of the variant."""
    write_global()
    transfers = plan.transfers(parent.index)
    ledger = view(shared.ledger)
    parent.wait()
    if plan.variant == "racy":
        return racy(transfers, ledger)
    if plan.variant == "forced":
        return forced(transfers, ledger, shared.meeting)
    if plan.variant == "lock":
        return lock(transfers, ledger, shared.locks[0])
    if plan.variant == "lock-per-account":
        return lock_per_account(transfers, ledger, shared.locks)
    if plan.variant == "owner":
        return owner(transfers, shared.batches)
    return partition(transfers, plan.accounts)


def spawn_and_join(
    model: Model, plan: Plan, shared: Shared, laps: Laps
) -> list[Any]:
    """Starts the workers, releases them all at once, and joins them."""
    with Crew(model) as crew:
        for _ in range(plan.workers):
            crew.spawn(worker, plan, shared)
        crew.wait_for_all()
        laps.started()
        crew.open_gate()
        if plan.variant == "owner":
            own(plan, shared, crew)
        answers = crew.answers()
        laps.worked(crew.ids())
    return answers


# What workers share


@dataclass
class Shared:
    """What a variant shares, and what protects it."""

    ledger: Any
    locks: list[Any]
    batches: Any
    meeting: Any

    @classmethod
    def of(cls, model: Model, plan: Plan) -> Shared:
        """Only what the variant needs."""
        columns = 2 if plan.variant in LOSING else 1
        updates = [0] * (columns - 1) * plan.accounts
        locks = {"lock": 1, "lock-per-account": plan.accounts}
        return cls(
            share(model, [OPENING] * plan.accounts + updates),
            [model.Lock() for _ in range(locks.get(plan.variant, 0))],
            model.Queue(ROOM) if plan.variant == "owner" else None,
            model.Barrier(plan.workers) if plan.variant == "forced" else None,
        )


def share(model: Model, integers: list[int]) -> Any:
    """Integers that all workers see.

    Threads see any list. For processes it is memory that all of them map. It
    has no name that could be left behind, unlike `SharedMemory`: it is passed
    on by fork, or through its descriptor.
    """
    if model.start_method is None:
        return integers
    return RawArray("q", integers)


def view(shared: Any) -> MutableSequence[int]:
    """The integers, as a worker reads and writes them."""
    if isinstance(shared, list):
        return shared
    # Twice as fast as through the array's own type.
    integers: Any = memoryview(shared).cast("B").cast("q")
    return integers  # type: ignore[no-any-return]


def write_global() -> None:
    """Writes to the global; every worker calls it."""
    global is_global_written
    is_global_written = True


# The variants


def racy(transfers: Iterable[Transfer], ledger: MutableSequence[int]) -> None:
    """Read and write are separate: what was written in between is lost.

    The GIL makes each of the two atomic, but not both together: it may be
    released when a function is called, among other places.
    """
    accounts = len(ledger) // 2
    for source, target, amount in transfers:
        update(ledger, source, -amount)
        update(ledger, accounts + source, 1)
        update(ledger, target, amount)
        update(ledger, accounts + target, 1)


def update(ledger: MutableSequence[int], place: int, amount: int) -> None:
    """Reads, calls, and writes."""
    ledger[place] = added(ledger[place], amount)


def added(number: int, amount: int) -> int:
    """A function call, as a real program might have here."""
    return number + amount


def forced(
    transfers: Iterable[Transfer], ledger: MutableSequence[int], meeting: Any
) -> None:
    """The same, but all read before any write: each time an update is lost.

    That no update was lost in `racy` may just be luck. This shows that it can
    happen: every worker has read before any of them writes.
    """
    accounts = len(ledger) // 2
    for source, target, amount in transfers:
        for place, change in ((source, -amount), (target, amount)):
            held, made = ledger[place], ledger[accounts + place]
            meeting.wait()
            ledger[place], ledger[accounts + place] = held + change, made + 1
            meeting.wait()


def lock(
    transfers: Iterable[Transfer], ledger: MutableSequence[int], guard: Any
) -> None:
    """One lock around the whole ledger."""
    for source, target, amount in transfers:
        with guard:
            ledger[source] -= amount
            ledger[target] += amount


def lock_per_account(
    transfers: Iterable[Transfer],
    ledger: MutableSequence[int],
    guards: list[Any],
) -> None:
    """A lock for each account; the lower one first, to avoid deadlock."""
    for source, target, amount in transfers:
        low, high = (source, target) if source < target else (target, source)
        with guards[low], guards[high]:
            ledger[source] -= amount
            ledger[target] += amount


def owner(transfers: Iterator[Transfer], batches: Any) -> None:
    """No sharing: one owner has the ledger, workers send it transfers."""
    try:
        while batch := list(islice(transfers, BATCH)):
            batches.put(batch)
    finally:
        batches.put(None)  # The end mark, even after a failure.


def own(plan: Plan, shared: Shared, crew: Crew) -> None:
    """Makes every transfer that arrives, until all senders have finished."""
    senders, ledger = plan.workers, view(shared.ledger)
    while senders:
        try:
            batch = shared.batches.get(timeout=PATIENCE)
        except queue.Empty:
            crew.check()
            continue
        if batch is None:
            senders -= 1
            continue
        for source, target, amount in batch:
            ledger[source] -= amount
            ledger[target] += amount


def partition(transfers: Iterable[Transfer], accounts: int) -> list[int]:
    """No sharing: each worker keeps its own sums, merged at the end."""
    sums = [0] * accounts
    for source, target, amount in transfers:
        sums[source] -= amount
        sums[target] += amount
    return sums


def totals(
    plan: Plan, shared: Shared, found: list[Any]
) -> tuple[list[int], Optional[int]]:
    """The final balances, and the counted updates if some may be lost."""
    numbers = list(view(shared.ledger))
    balances, counts = numbers[: plan.accounts], numbers[plan.accounts :]
    if plan.variant == "partition":
        balances = [sum(column) for column in zip(balances, *found)]
    return balances, sum(counts) if plan.variant in LOSING else None


# The work and its check: see common/src/scenarios/shared_state/


@dataclass(frozen=True)
class Plan:
    """The work of one variant."""

    variant: str
    accounts: int
    made: int
    workers: int
    seed: int

    @classmethod
    def of(cls, arguments: argparse.Namespace, variant: str) -> Plan:
        """The work of one variant."""
        usual = USUAL[variant] // (3 if arguments.quick else 1)
        made = arguments.transfers or usual
        is_forced = variant == "forced"
        return cls(
            variant,
            2 if is_forced else arguments.accounts,
            min(made, MOST_FORCED) if is_forced else made,
            arguments.workers,
            arguments.seed,
        )

    def transfers(self, index: int) -> Iterator[Transfer]:
        """The transfers of one worker, which depend on no other worker."""
        return islice(cycle(self.drawn(index)), self.made)

    def drawn(self, index: int) -> list[Transfer]:
        """The transfers that are repeated."""
        draw = Input(self.seed, index)
        drawn = [transfer(draw, self.accounts) for _ in range(DRAWN)]
        if self.variant == "forced":
            # All of them hit the same account at the same time.
            return [(0, 1, amount) for _, _, amount in drawn]
        return drawn

    def reference(self) -> list[int]:
        """The expected balances.

        Each drawn transfer is applied once, multiplied by how often it
        occurs.
        """
        balances = [OPENING] * self.accounts
        rounds, rest = divmod(self.made, DRAWN)
        for index in range(self.workers):
            for place, (source, target, amount) in enumerate(self.drawn(index)):
                times = rounds + (place < rest)
                balances[source] -= amount * times
                balances[target] += amount * times
        return balances

    @property
    def all_made(self) -> int:
        """Transfers of all workers."""
        return self.made * self.workers

    @property
    def updates(self) -> int:
        """Each transfer updates two balances."""
        return 2 * self.all_made


def transfer(draw: Input, accounts: int) -> Transfer:
    """Draws the next transfer, between two different accounts."""
    source = draw.below(accounts)
    target = (source + 1 + draw.below(accounts - 1)) % accounts
    return source, target, 1 + draw.below(100)


def accounts(text: str) -> int:
    """The number of accounts in a ledger: at least two."""
    number = contract.natural(text)
    if not 2 <= number <= 1 << 20:
        raise argparse.ArgumentTypeError(f"{text} is not in 2..={1 << 20}")
    return number


@dataclass
class Finished:
    """The ledger as one variant left it, and what the run took."""

    plan: Plan
    balances: list[int]
    updates: Optional[int]
    laps: Laps

    @property
    def lost(self) -> int:
        """Updates that are not in the balances."""
        made = self.plan.updates
        return made - (made if self.updates is None else self.updates)

    def check(self) -> None:
        """Some may lose updates, but not with one worker, nor gain any."""
        plan = self.plan
        if self.lost < 0:
            raise Failure(
                f"{plan.variant}: {self.updates} updates counted, but only "
                f"{plan.updates} made"
            )
        if plan.variant in LOSING and plan.workers > 1:
            return
        expected = plan.reference()
        wrong = sum(map(int.__ne__, self.balances, expected))
        if wrong or self.lost or len(self.balances) != len(expected):
            raise Failure(
                f"{plan.variant}: {wrong} of {len(expected)} balances are "
                f"wrong, {self.lost} updates lost"
            )

    def add_to(self, answer: Digest) -> None:
        """Balances that may be wrong differ from run to run."""
        plan = self.plan
        answer.text(plan.variant).count(plan.accounts).count(plan.updates)
        if plan.variant not in LOSING:
            answer.integers(self.balances)

    def metrics(self) -> list[Metric]:
        """The rate, and the share of lost updates if some may be lost.

        The speed of `forced` is not a rate of transfers.
        """
        plan = self.plan
        rate = plan.all_made / self.laps.seconds["work"]
        transfers = Metric("transfers", "transfers", "op/s", "higher", rate)
        metrics = [transfers.of(plan.variant)]
        if plan.variant == "forced":
            metrics = []
        if self.updates is not None:
            share = self.lost / plan.updates
            lost = Metric(
                "lost-updates", "lost updates", "share", "neither", share
            )
            metrics.append(lost.of(plan.variant))
        return metrics


def outcome(model: Model, finished: list[Finished]) -> Outcome:
    """Checks every ledger and builds the outcome."""
    laps, answer = Laps(), Digest()
    for one in finished:
        one.check()
        one.add_to(answer)
        laps.add(one.laps)
    return Outcome(
        scenario="shared-state",
        parameters=parameters(finished),
        answer=answer.hex(),
        result=result(finished),
        laps=laps,
        metrics=[metric for one in finished for metric in one.metrics()],
        story=story(model, finished),
        meaning=meaning(model, finished),
    )


def parameters(finished: list[Finished]) -> dict[str, Any]:
    """Everything that affects the work."""
    plan = finished[0].plan
    return {
        "workers": plan.workers,
        "seed": plan.seed,
        "accounts": plan.accounts,
        "transfers": {one.plan.variant: one.plan.made for one in finished},
    }


def result(finished: list[Finished]) -> dict[str, Any]:
    """The result for a person."""
    return {
        "transfers": sum(one.plan.all_made for one in finished),
        "ledgers": [
            {
                "variant": one.plan.variant,
                "transfers": one.plan.all_made,
                "total": sum(one.balances),
                "lost_updates": one.lost,
            }
            for one in finished
        ],
        "global_write_visible": is_global_written,
    }


def story(model: Model, finished: list[Finished]) -> list[str]:
    """What happened."""
    seen = "sees" if is_global_written else "never sees"
    plan = finished[0].plan
    return [
        "A worker wrote to a plain global; the process that started it "
        f"{seen} that.",
        f"{plan.workers} {model.name} move money between {plan.accounts} "
        "accounts; each transfer is two updates.",
    ]


def meaning(model: Model, finished: list[Finished]) -> str:
    """Which of the variants that lose nothing was the fastest."""
    kept = [one for one in finished if one.plan.variant not in LOSING]
    if not kept:
        return (
            "A read and a write are two steps, and another worker can run "
            "between them."
        )
    fastest = max(kept, key=lambda one: one.metrics()[0].value)
    return (
        f"With {model.name}, every balance matches the serial reference in "
        f"{len(kept)} of {len(finished)} variants;\n"
        f"the fastest of them was `{fastest.plan.variant}`."
    )


if __name__ == "__main__":
    main()
