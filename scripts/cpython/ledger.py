"""A ledger that can be repaired wherever in a transfer a worker died.

See common/src/scenarios/crash/ledger.rs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from input import Input

#: Few enough to read, and the opening balance of each.
ACCOUNTS, OPENING = 16, 100_000

#: From, to, amount.
Transfer = tuple[int, int, int]


def transfers(seed: int, worker: int, count: int) -> Iterator[Transfer]:
    """The transfers of one worker, which depend on no other worker."""
    below = Input(seed, worker).below
    for _ in range(count):
        source = below(ACCOUNTS)
        target = (source + 1 + below(ACCOUNTS - 1)) % ACCOUNTS
        yield source, target, 1 + below(100)


@dataclass(frozen=True)
class Report:
    """The final state of a ledger."""

    balances: tuple[int, ...] = ()
    made: int = 0
    #: How many half-made transfers were undone.
    repairs: int = 0
    #: Whether the workers started over with it after the death.
    is_anew: bool = False
    #: When the first transfer after the death was made, in nanoseconds.
    resumed: int = 0


# The positions of the fields: the balances come first, and the counts of
# transfers per worker come last.
OPEN, WORKER, MADE_BEFORE, SOURCE, TARGET, AT_SOURCE, AT_TARGET = range(16, 23)
REPAIRS, IS_ANEW, IS_AWAITED, RESUMED, HOLDER = range(23, 28)
MADE = 28


class Ledger:
    """The balances, and a write-ahead journal.

    As in databases, it records what will change, and the old values. If a
    worker died before its transfer was finished, the journal is open, and
    `repair` restores the old values; as that can be repeated any number of
    times, the repairing worker may die of it too.

    It consists of plain numbers, so that processes can share it in memory: a
    list, or an array of them. Python makes each change in program order.
    """

    def __init__(self, cells: Any, workers: int) -> None:
        self._cells, self._workers = cells, workers

    @staticmethod
    def opening(workers: int, is_anew: bool) -> list[int]:
        """The ledger before the first transfer; or for workers that start
        over after a death.
        """
        cells = [OPENING] * ACCOUNTS + [0] * (MADE - ACCOUNTS + workers)
        cells[IS_ANEW] = cells[IS_AWAITED] = int(is_anew)
        return cells

    def made(self, worker: int) -> int:
        """How many transfers a worker and its predecessor have made."""
        made: int = self._cells[MADE + worker]
        return made

    def begin(self, worker: int, transfer: Transfer) -> None:
        """Records in the journal what the transfer will change."""
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
        """Counts the transfer and closes the journal: only now is it made."""
        cells = self._cells
        cells[MADE + cells[WORKER]] += 1
        cells[OPEN] = 0
        if cells[IS_AWAITED]:
            cells[IS_AWAITED] = 0
            cells[RESUMED] = time.monotonic_ns()

    def repair(self) -> None:
        """Undoes an unfinished transfer."""
        cells = self._cells
        if not cells[OPEN]:
            return
        cells[cells[SOURCE]] = cells[AT_SOURCE]
        cells[cells[TARGET]] = cells[AT_TARGET]
        cells[MADE + cells[WORKER]] = cells[MADE_BEFORE]
        cells[REPAIRS] += 1
        cells[OPEN] = 0

    def last_words(self) -> tuple[int, int]:
        """The last words of a worker that dies right after this: the time,
        and how many transfers were made.
        """
        self.await_next()
        return time.monotonic_ns(), sum(self._all_made())

    def await_next(self) -> None:
        """From now on the victim is dead. Only the clock needs this."""
        self._cells[IS_AWAITED] = 1

    def make(self, worker: int, number: int, transfer: Transfer) -> None:
        """Makes a transfer from a message, if it is the worker's next one.
        Otherwise it was made before, and an heir sent it again.
        """
        if self.made(worker) == number:
            self.begin(worker, transfer)
            self.debit(transfer)
            self.credit(transfer)
            self.finish()

    def is_complete(self, transfers: int) -> bool:
        """Whether every worker has made this many."""
        return all(made == transfers for made in self._all_made())

    def hold(self, worker: int) -> None:
        """Records who holds the lock, because the lock does not."""
        self._cells[HOLDER] = 1 + worker

    def let_go(self) -> None:
        """Records that nobody holds it."""
        self._cells[HOLDER] = 0

    def is_held_by(self, worker: int) -> bool:
        """Whether this worker had the lock last, and never released it."""
        return bool(self._cells[HOLDER] == 1 + worker)

    def report(self) -> Report:
        """What a supervisor wants to know about it."""
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
