"""Seeded random input: the same numbers as common/src/input.rs.

The generator is PCG-XSH-RR 64/32 ("pcg32") by M. E. O'Neill
(https://www.pcg-random.org).
"""

from __future__ import annotations

MULTIPLIER = 6364136223846793005
MASK = (1 << 64) - 1


class Input:
    """A stream of random numbers; each worker draws from one of its own."""

    def __init__(self, seed: int, stream: int) -> None:
        self._increment = (stream << 1 | 1) & MASK
        self._state = (
            (seed + self._increment) * MULTIPLIER + self._increment
        ) & MASK

    def word(self) -> int:
        """The next 32 bits."""
        old = self._state
        self._state = (old * MULTIPLIER + self._increment) & MASK
        word, turn = ((old >> 18 ^ old) >> 27) & 0xFFFFFFFF, old >> 59
        return (word >> turn | word << (-turn & 31)) & 0xFFFFFFFF

    def below(self, bound: int) -> int:
        """A whole number below the bound."""
        return self.word() * bound >> 32

    def uniform(self) -> float:
        """A number in 0 <= x < 1."""
        high = self.word()
        return (high << 21 | self.word() >> 11) / (1 << 53)

    def bytes(self, length: int) -> bytes:
        """Random bytes, word by word, little-endian."""
        words = (self.word() for _ in range(-(-length // 4)))
        return b"".join(word.to_bytes(4, "little") for word in words)[:length]
