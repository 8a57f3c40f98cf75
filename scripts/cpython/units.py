"""Times and sizes, as people write them on a command line."""

from __future__ import annotations

import argparse
import re

TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}

SIZES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def time(text: str) -> float:
    """Parses a time such as `25ms` into seconds."""
    number, unit = split(text)
    if unit not in TIMES:
        raise argparse.ArgumentTypeError(f"{text} is not a time such as 25ms")
    return number * TIMES[unit]


def size(text: str) -> int:
    """Parses a size such as `64MiB` into bytes."""
    number, unit = split(text)
    if unit not in SIZES:
        raise argparse.ArgumentTypeError(f"{text} is not a size such as 64MiB")
    return number * SIZES[unit]


def split(text: str) -> tuple[int, str]:
    """The digits, and the unit after them."""
    parts = re.fullmatch(r"(\d+) *([A-Za-z]*)", text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"{text} has no number or no unit")
    return int(parts[1]), parts[2]


def binary(size: int) -> str:
    """`1 GiB`, as in common/src/units.rs, because it is part of answers."""
    for unit, factor in reversed(SIZES.items()):
        if size and unit and size % factor == 0:
            return f"{size // factor} {unit}"
    return "0 B"
