"""What a message contains, and how a receiver knows that it is whole.

The same words as in common/src/scenarios/ipc/message.rs, which explains them:
they count up from a seeded base; the first one is the stamp, made of the
sequence number and a checksum; the number is also added to the last one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

from contract import Failure

MASK = (1 << 64) - 1

#: The step from one word to the next: an odd number, from the golden ratio
#: (Knuth).
STEP = 0x9E37_79B9_7F4A_7C15


class Message:
    """The message with that sequence number, the first being 1."""

    def __init__(
        self, sequence: int, words: int, seed: int, number: int
    ) -> None:
        self._sequence = sequence
        self._words = words
        self._base = mixed(seed ^ mixed(number))

    def stamp(self) -> int:
        """Sums of arithmetic series have a formula."""
        count = self._words
        total = (count - 1) * self._base + count * (count - 1) // 2 * STEP
        if count > 1:
            total += self._sequence
        return stamp(self._sequence, total & MASK)

    def written(self) -> array[int]:
        """All words, in a new parcel."""
        end = self._base + self._words * STEP
        values = range(self._base, end, STEP)
        parcel = array("Q", [value & MASK for value in values])
        self.write_ends(parcel)
        return parcel

    def write_ends(self, parcel: Any) -> None:
        """Writes only the first and last word, into a filled parcel."""
        last = self._base + (self._words - 1) * STEP + self._sequence
        parcel[-1] = last & MASK
        parcel[0] = self.stamp()


class Transcript:
    """What one end has received, message after message."""

    def __init__(self) -> None:
        self._received = 0
        self.digest = 0

    def add(self, parcel: Any) -> None:
        """Adds the next message: it must be the right one, and whole."""
        found = parcel[0]
        sequence, expected = found & 0xFFFF_FFFF, self._received + 1
        if sequence != expected:
            raise Failure(
                f"message {sequence} came in place of message {expected}"
            )
        if found != stamp(sequence, sum(parcel) - found & MASK):
            raise Failure(f"message {sequence} is torn")
        self._received = expected
        self.digest = joined(self.digest, found)


def reference(messages: Iterable[Message]) -> int:
    """The expected digest, without any mechanism in between."""
    digest = 0
    for message in messages:
        digest = joined(digest, message.stamp())
    return digest


def joined(digest: int, stamp: int) -> int:
    """The digest after one more message."""
    turned = (digest << 5 | digest >> 59) & MASK
    return (turned ^ stamp) * STEP & MASK


def stamp(sequence: int, total: int) -> int:
    """The sequence number below, a checksum of the other words above."""
    checksum = mixed(total ^ sequence) >> 32
    return sequence | checksum << 32


def mixed(value: int) -> int:
    """The finisher of SplitMix64: each bit depends on all others."""
    value = (value ^ value >> 30) * 0xBF58_476D_1CE4_E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D0_49BB_1331_11EB & MASK
    return value ^ value >> 31
