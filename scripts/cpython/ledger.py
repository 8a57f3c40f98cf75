"""A ledger that can be made whole, wherever in a transfer a worker died.

See common/src/scenarios/crash/ledger.rs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from input import Input

#: No more than a reader looks over, and what each holds at first.
ACCOUNTS, OPENING = 16, 100_000

#: From, to, amount.
Transfer = tuple[int, int, int]


def transfers(seed: int, worker: int, count: int) -> Iterator[Transfer]:
    """Those of one worker, which depend on no other worker's."""
    below = Input(seed, worker).below
    for _ in range(count):
        source = below(ACCOUNTS)
        target = (source + 1 + below(ACCOUNTS - 1)) % ACCOUNTS
        yield source, target, 1 + below(100)


@dataclass(frozen=True)
class Report:
    """A ledger at the end."""

    balances: tuple[int, ...] = ()
    made: int = 0
    #: How often a transfer that was half made was taken back.
    repairs: int = 0
    #: Whether it is not the one that there was before the death.
    is_anew: bool = False
    #: When the first transfer after the death was made, in nanoseconds.
    resumed: int = 0


# Where each thing is: the balances come first, and what each worker has made
# comes last.
OPEN, WORKER, MADE_BEFORE, SOURCE, TARGET, AT_SOURCE, AT_TARGET = range(16, 23)
REPAIRS, IS_ANEW, IS_AWAITED, RESUMED, HOLDER = range(23, 28)
MADE = 28


class Ledger:
    """The balances, and a journal that is written *ahead* of each change.

    So databases do it: it says what will be changed, and what was there. If a
    worker died before its transfer was finished, the journal is open, and
    `repair` puts back what was there; as that can be done again and again,
    whoever repairs may die of it too.

    It is plain numbers, so that it can be in memory that processes share: a
    list, or an array of them. Python makes each change when it comes to it.
    """

    def __init__(self, cells: Any, workers: int) -> None:
        self._cells, self._workers = cells, workers

    @staticmethod
    def opening(workers: int, is_anew: bool) -> list[int]:
        """Before the first transfer; or where all is begun anew after a
        death.
        """
        cells = [OPENING] * ACCOUNTS + [0] * (MADE - ACCOUNTS + workers)
        cells[IS_ANEW] = cells[IS_AWAITED] = int(is_anew)
        return cells

    def made(self, worker: int) -> int:
        """Transfers that a worker, or whoever had its place, has made."""
        made: int = self._cells[MADE + worker]
        return made

    def begin(self, worker: int, transfer: Transfer) -> None:
        """Writes ahead what the transfer will change."""
        cells, (source, target, _) = self._cells, transfer
        cells[WORKER], cells[MADE_BEFORE] = worker, cells[MADE + worker]
        cells[SOURCE], cells[AT_SOURCE] = source, cells[source]
        cells[TARGET], cells[AT_TARGET] = target, cells[target]
        cells[OPEN] = 1

    def debit(self, transfer: Transfer) -> None:
        """The first step: now the money is nowhere."""
        source, _, amount = transfer
        self._cells[source] -= amount

    def credit(self, transfer: Transfer) -> None:
        """The second step."""
        _, target, amount = transfer
        self._cells[target] += amount

    def finish(self) -> None:
        """Counts the transfer, and closes the journal: only now it is made."""
        cells = self._cells
        cells[MADE + cells[WORKER]] += 1
        cells[OPEN] = 0
        if cells[IS_AWAITED]:
            cells[IS_AWAITED] = 0
            cells[RESUMED] = time.monotonic_ns()

    def repair(self) -> None:
        """Takes back a transfer that was not finished."""
        cells = self._cells
        if not cells[OPEN]:
            return
        cells[cells[SOURCE]] = cells[AT_SOURCE]
        cells[cells[TARGET]] = cells[AT_TARGET]
        cells[MADE + cells[WORKER]] = cells[MADE_BEFORE]
        cells[REPAIRS] += 1
        cells[OPEN] = 0

    def last_words(self) -> tuple[int, int]:
        """What a worker says that sees this, and dies: when, and how many
        transfers there were.
        """
        self.await_next()
        return time.monotonic_ns(), sum(self._all_made())

    def await_next(self) -> None:
        """From now on the victim is dead. It is for the clock."""
        self._cells[IS_AWAITED] = 1

    def make(self, worker: int, number: int, transfer: Transfer) -> None:
        """Makes a transfer that was sent, if it is the worker's next one.
        Otherwise it was made before, and sent again by an heir.
        """
        if self.made(worker) == number:
            self.begin(worker, transfer)
            self.debit(transfer)
            self.credit(transfer)
            self.finish()

    def is_complete(self, transfers: int) -> bool:
        """Whether every worker has made so many."""
        return all(made == transfers for made in self._all_made())

    def hold(self, worker: int) -> None:
        """Says who has the lock, which can not say it itself."""
        self._cells[HOLDER] = 1 + worker

    def let_go(self) -> None:
        """Says that nobody has it."""
        self._cells[HOLDER] = 0

    def is_held_by(self, worker: int) -> bool:
        """Whether this one had the lock last, and has not given it back."""
        return bool(self._cells[HOLDER] == 1 + worker)

    def report(self) -> Report:
        """What a supervisor wants to know of it."""
        cells = self._cells
        return Report(
            balances=tuple(cells[:ACCOUNTS]),
            made=sum(self._all_made()),
            repairs=cells[REPAIRS],
            is_anew=bool(cells[IS_ANEW]),
            resumed=cells[RESUMED],
        )

    def _all_made(self) -> list[int]:
        return list(self._cells[MADE : MADE + self._workers])
