"""The good job of `kill_workers.py` and `confine.py`.

See common/src/scenarios/kill_workers/work.rs.
"""

from __future__ import annotations

from input import Input

#: Iterations, and the bits of the sum.
TURNS, MASK = 40_000, (1 << 64) - 1


def good_work(seed: int, number: int) -> int:
    """A little work, whose result depends on all of it."""
    below, bound = Input(seed, number).below, (1 << 32) - 1
    total = below(bound)
    for _ in range(TURNS):
        total = ((total << 7 | total >> 57) & MASK) ^ below(bound)
    return total
