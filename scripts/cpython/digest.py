"""The digest of an answer: the same bytes as in common/src/digest.rs."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence


class Digest:
    """A SHA-256 under construction. Each method returns the digest itself."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def count(self, count: int) -> Digest:
        """A count."""
        return self.bytes(struct.pack("<Q", count))

    def text(self, text: str) -> Digest:
        """A text, preceded by the length of its UTF-8."""
        encoded = text.encode()
        return self.count(len(encoded)).bytes(encoded)

    def bytes(self, piece: bytes) -> Digest:
        """Bytes, unchanged."""
        self._hash.update(piece)
        return self

    def integers(self, integers: Sequence[int]) -> Digest:
        """Integers, preceded by their number."""
        packed = struct.pack(f"<{len(integers)}q", *integers)
        return self.count(len(integers)).bytes(packed)

    def floats(self, floats: Sequence[float]) -> Digest:
        """Floats to the bit, preceded by their number; -0 counts as 0."""
        packed = struct.pack(
            f"<{len(floats)}d", *(number + 0.0 for number in floats)
        )
        return self.count(len(floats)).bytes(packed)

    def hex(self) -> str:
        """The digest of everything added so far."""
        return self._hash.hexdigest()
