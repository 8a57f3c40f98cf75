"""Databases, and reading a table of one into numbers.

As common/src/scenarios/matrix/{find,table}.rs and common/src/databases have
it: the same columns, and the same rows, are left out.
"""

from __future__ import annotations

import math
import os
import sqlite3
from array import array
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Optional
from urllib.parse import quote

from contract import Failure

#: The table in the generated databases.
TABLE = "measurements"

DATABASES = 6

#: `FORMAT` in common/src/databases/generate.rs, which makes them.
FORMAT = 1


@dataclass(frozen=True)
class Source:
    """A table in a database: the job of a worker."""

    path: str
    table: str

    @property
    def name(self) -> str:
        """What the database is called: its file, without the ending."""
        return Path(self.path).stem


@dataclass
class Table:
    """The numbers of a table: its numeric columns, its complete rows."""

    name: str
    columns: list[str]
    columns_left_out: list[str]
    rows_left_out: int
    #: Row by row: for the kernel in Python.
    rows: list[list[float]]
    #: The same in one piece: for the kernel that is native.
    packed: array[float]


def home() -> Path:
    """Where the Rust siblings keep what they generate."""
    repository = Path(__file__).resolve().parents[2]
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return repository / target / "matrix"


def generated(folder: Path, rows: int, columns: int, seed: int) -> list[Source]:
    """The databases that the Rust siblings have made from these flags."""
    shape = f"{rows}-by-{columns}-seed-{seed}-format-{FORMAT}"
    files = [
        folder / shape / f"database-{number}.sqlite"
        for number in range(1, DATABASES + 1)
    ]
    for file in files:
        if not file.is_file():
            raise Failure(
                f"no database {file}: run the Rust sibling first, which makes "
                f"it, as in: cargo run --release -p matrix-threads -- "
                f"--rows {rows} --columns {columns} --seed {seed}"
            )
    return [Source(str(file), TABLE) for file in files]


def given(paths: list[str], wanted: Optional[str]) -> list[Source]:
    """The databases of a person, each with the table that is meant."""
    return [Source(path, find(path, wanted)) for path in paths]


def find(path: str, wanted: Optional[str]) -> str:
    """`wanted`, in whatever case; or the only one; or the usual one."""
    with closing(connect(path)) as connection:
        try:
            entries: list[tuple[str, str]] = connection.execute(
                "SELECT name, type FROM sqlite_master "
                "WHERE type IN ('table', 'view') "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            ).fetchall()
        except sqlite3.Error as error:
            raise Failure(f"database {path}: {error}") from error
    tables = [name for name, kind in entries if kind == "table"]
    if wanted is None and len(tables) == 1:
        return tables[0]
    name = wanted or TABLE
    for entry, _ in entries:
        if entry.lower() == name.lower():
            return entry
    there_are = ", ".join(entry for entry, _ in entries) or "none"
    raise Failure(f"database {path}: no table {name!r}, there is {there_are}")


def connect(path: str) -> sqlite3.Connection:
    """To read only. A connection stays with the worker that opened it."""
    if not os.path.isfile(path):
        raise Failure(f"database {path}: there is no such file")
    return sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)


def load(source: Source) -> Table:
    """Reads a table.

    A column is numeric if it has a value, and all its values are stored as
    numbers. A row that lacks one of those is left out.
    """
    try:
        return read(source)
    except (sqlite3.Error, ValueError) as error:
        raise Failure(f"database {source.path}: {error}") from error


def read(source: Source) -> Table:
    """The table, or what is wrong with it."""
    quoted = source.table.replace('"', '""')
    with closing(connect(source.path)) as connection:
        cursor = connection.execute(f'SELECT * FROM main."{quoted}"')
        names = [description[0] for description in cursor.description]
        raw: list[tuple[object, ...]] = cursor.fetchall()
    used = [
        index for index, column in enumerate(zip(*raw)) if is_numeric(column)
    ]
    if not used:
        raise ValueError(f"table {source.table!r} has no numeric column")
    chosen = ([row[index] for index in used] for row in raw)
    rows = [
        [float(value) for value in row]  # type: ignore[arg-type]
        for row in chosen
        if None not in row
    ]
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} complete rows, and 2 are needed")
    packed = array("d", chain.from_iterable(rows))
    if not all(map(math.isfinite, packed)):
        raise ValueError(f"table {source.table!r} has an infinite number")
    return Table(
        name=source.name,
        columns=[names[index] for index in used],
        columns_left_out=[
            name for index, name in enumerate(names) if index not in used
        ],
        rows_left_out=len(raw) - len(rows),
        rows=rows,
        packed=packed,
    )


def is_numeric(column: tuple[object, ...]) -> bool:
    """What a column was declared as is no proof: its values are."""
    kinds = set(map(type, column)) - {type(None)}
    return bool(kinds) and kinds <= {int, float}
