"""The generated databases: the same as common/src/databases/generate.rs.

They are stored where the Rust programs look for theirs, so whichever program
runs first creates them for all.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from input import Input

FORMAT = 1
FACTORS = 24
STATIONS = ("north", "east", "south", "west")


@dataclass(frozen=True)
class Shape:
    """The shape of the generated databases."""

    seed: int
    rows: int
    columns: int

    @classmethod
    def usual(cls, seed: int, quick: bool) -> Shape:
        """The usual shape, for a first look or for a longer run."""
        rows, columns = (3_200, 320) if quick else (4_800, 600)
        return cls(seed, rows, columns)

    def folder(self) -> Path:
        """Databases of other shapes are stored next to these."""
        name = f"{self.rows}-by-{self.columns}-seed-{self.seed}"
        return target() / "matrix" / f"{name}-format-{FORMAT}"


def target() -> Path:
    """Cargo's target folder, which `cargo clean` removes."""
    usual = Path(__file__).resolve().parents[2] / "target"
    return Path(os.environ.get("CARGO_TARGET_DIR", usual)).absolute()


def generated(shape: Shape, index: int) -> Path:
    """One of the databases, which is created now if it does not exist."""
    path = shape.folder() / f"database-{index + 1}.sqlite"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        home = path.parents[1]
        with only_one_at_a_time(home):
            if not path.exists():
                write(shape, index, home / "unfinished", path)
    return path


@contextlib.contextmanager
def only_one_at_a_time(home: Path) -> Iterator[None]:
    """The kernel releases the lock if its holder dies."""
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write(shape: Shape, index: int, unfinished: Path, path: Path) -> None:
    """The file gets its name when it is complete, and on the disk.

    An unfinished file is removed: it may be what has filled the disk.
    """
    unfinished.unlink(missing_ok=True)
    try:
        fill(shape, index, unfinished)
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def fill(shape: Shape, index: int, unfinished: Path) -> None:
    """Writes the table, and makes sure that it is on the disk."""
    with contextlib.closing(sqlite3.connect(unfinished)) as database:
        database.execute("PRAGMA page_size = 65536")
        # A writer that is killed halfway leaves nothing that is used.
        database.execute("PRAGMA journal_mode = OFF")
        columns = (
            f"m{column} {'INTEGER' if is_integer(column) else 'REAL'}"
            for column in range(shape.columns)
        )
        declared = ", ".join(["station TEXT", *columns])
        database.execute(f"CREATE TABLE measurements ({declared})")
        marks = ", ".join("?" * (shape.columns + 1))
        insert = f"INSERT INTO measurements VALUES ({marks})"
        database.executemany(insert, rows(shape, index))
        database.commit()
    with open(unfinished, "rb") as written:
        os.fsync(written.fileno())


def rows(shape: Shape, index: int) -> Iterator[list[object]]:
    """The formulas in the text of the Rust module."""
    draw = Input(shape.seed, index)
    mixing = [
        [
            (draw.uniform() - 0.5) * 8.0 / (8 + factor)
            for _ in range(shape.columns)
        ]
        for factor in range(FACTORS)
    ]
    for _ in range(shape.rows):
        station = STATIONS[draw.below(len(STATIONS))]
        factors = [draw.uniform() - 0.5 for _ in range(FACTORS)]
        sums = [0.22 * (draw.uniform() - 0.5) for _ in range(shape.columns)]
        for factor, strengths in zip(factors, mixing):
            sums = [
                x + factor * strength for x, strength in zip(sums, strengths)
            ]
        numbers: list[object] = [
            number(column, x) for column, x in enumerate(sums)
        ]
        if index % 2 == 1:
            numbers[-1] = 1
        if draw.below(64) == 0:
            numbers[draw.below(shape.columns)] = None
        yield [station, *numbers]


def number(column: int, x: float) -> float:
    """With its unit; every third column contains integers."""
    x = 10 * (column % 5) + (1 + column % 7) * x
    return math.floor(100 * x) if is_integer(column) else x


def is_integer(column: int) -> bool:
    """Whether this column contains integers."""
    return column % 3 == 2


def opened(path: Path) -> sqlite3.Connection:
    """Opens a database for reading. Another thread may interrupt a query."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, check_same_thread=False)
