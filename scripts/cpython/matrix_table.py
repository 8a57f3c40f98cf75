"""Databases, and how to read a table of one into numbers.

The same as in common/src/scenarios/matrix/{find,table}.rs and
common/src/databases: the same columns and rows are left out.
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
from typing import Any, Optional
from urllib.parse import quote

from contract import Failure

#: The table in the generated databases.
TABLE = "measurements"

DATABASES = 6

#: `FORMAT` in common/src/databases/generate.rs, which makes them.
FORMAT = 1

INTERRUPTED = (
    "a write to it was interrupted and must be rolled back first: open it "
    "once where it is writable, with its own program or `sqlite3 FILE "
    ".tables`; to read a copy, copy FILE-journal along with it and do the same "
    "there"
)

IN_WAL_MODE = (
    "it is in WAL mode and can only be read where FILE-shm can be created "
    "next to it: copy FILE, and FILE-wal if it exists, into one writable "
    "folder, and read the copy"
)


@dataclass(frozen=True)
class Source:
    """A table in a database: the job of a worker."""

    path: str
    table: str

    @property
    def name(self) -> str:
        """The name of the database: its file name without extension."""
        return text(os.fsencode(Path(self.path).stem))


@dataclass
class Table:
    """The numbers of a table: its numeric columns, its complete rows."""

    name: str
    #: The version of the database, before it was read.
    version: list[Any]
    columns: list[str]
    columns_left_out: list[str]
    #: Those of `columns` that are constant only as floats.
    columns_made_constant: list[str]
    rows_left_out: int
    #: Row by row, for the kernel in Python.
    rows: list[list[float]]
    #: The same in one piece, for the native kernel.
    packed: array[float]


def home() -> Path:
    """Where the Rust siblings keep what they generate."""
    repository = Path(__file__).resolve().parents[2]
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return repository / target / "matrix"


def generated(folder: Path, rows: int, columns: int, seed: int) -> list[Source]:
    """The databases that the Rust siblings generated from these flags."""
    shape = f"{rows}-by-{columns}-seed-{seed}-format-{FORMAT}"
    files = [
        folder / shape / f"database-{number}.sqlite"
        for number in range(1, DATABASES + 1)
    ]
    for file in files:
        if not file.is_file():
            raise Failure(
                f"no database {file}: run the Rust sibling first to generate "
                f"it, as in: cargo run --release -p matrix-threads -- "
                f"--rows {rows} --columns {columns} --seed {seed}"
            )
    return [Source(str(file), TABLE) for file in files]


def given(paths: list[str], wanted: Optional[str]) -> list[Source]:
    """The user's databases, each with the requested table."""
    return [Source(path, find(path, wanted)) for path in paths]


def find(path: str, wanted: Optional[str]) -> str:
    """`wanted`, case-insensitively; or the only table; or the usual one."""
    with closing(connect(path)) as connection:
        try:
            found: list[tuple[bytes, bytes]] = connection.execute(
                "SELECT name, type FROM sqlite_master "
                "WHERE type IN ('table', 'view') "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            ).fetchall()
        except sqlite3.Error as error:
            raise Failure(f"database {path}: {why(path, error)}") from error
    entries = [
        (name.decode(errors="surrogateescape"), text(kind))
        for name, kind in found
    ]
    tables = [name for name, kind in entries if kind == "table"]
    if wanted is None and len(tables) == 1:
        return askable(path, tables[0])
    name = wanted or TABLE
    for entry, _ in entries:
        if entry.lower() == name.lower():
            return askable(path, entry)
    there_are = ", ".join(entry for entry, _ in entries) or "none"
    raise Failure(f"database {path}: no table {name!r}, only {there_are}")


def askable(path: str, table: str) -> str:
    """Only a name that is valid UTF-8 can be part of a query."""
    try:
        table.encode()
    except UnicodeEncodeError as error:
        raise Failure(
            f'database {path}: the name of its table "{table}" is not UTF-8, '
            "so no query can contain it: rename the table"
        ) from error
    return table


def connect(path: str) -> sqlite3.Connection:
    """Opens it read-only. The connection stays with the worker that opened it.

    Texts come as bytes, because they need not be UTF-8, and nobody reads them.
    """
    if not os.path.isfile(path):
        raise Failure(f"database {path}: there is no such file")
    if not os.access(path, os.R_OK):
        raise Failure(f"database {path}: permission denied")
    uri = f"file:{quote(os.fsencode(path))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True)
    connection.text_factory = bytes
    return connection


def why(path: str, error: Exception) -> str:
    """Why an intact database cannot be read as it is, and what to do."""
    said = str(error)
    is_missing = "unable to open" in said
    if is_missing and not os.access(Path(path).absolute().parent, os.W_OK):
        return IN_WAL_MODE
    if "readonly" in said:
        is_hot = os.path.exists(f"{path}-journal")
        return INTERRUPTED if is_hot else IN_WAL_MODE
    return said


def text(name: bytes) -> str:
    """The same as `String::from_utf8_lossy`."""
    return name.decode(errors="replace")


def version(path: str) -> list[Any]:
    """Shows whether it was written to, like `Version` in Rust."""
    stamps: list[Any] = []
    for file in (path, f"{path}-wal"):
        try:
            found = os.stat(file)
        except OSError:
            stamps.append(None)
            continue
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
        stamps.append(stamp if found.st_size else None)
    return stamps


def load(source: Source) -> Table:
    """Reads a table.

    A column is numeric if it has a value and all its values are stored as
    numbers. A row in which one of these is missing is left out.
    """
    try:
        return read(source)
    except (sqlite3.Error, ValueError) as error:
        reason = why(source.path, error)
        raise Failure(f"database {source.path}: {reason}") from error


def read(source: Source) -> Table:
    """The table, or what is wrong with it."""
    before = version(source.path)
    quoted = source.table.replace('"', '""')
    with closing(connect(source.path)) as connection:
        # `cursor.description` fails on names that are not UTF-8.
        found: list[tuple[bytes]] = connection.execute(
            "SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden <> 1",
            [source.table],
        ).fetchall()
        names = [text(name) for (name,) in found]
        numbered = ", ".join(f"c{index}" for index in range(len(names)))
        raw: list[tuple[object, ...]] = connection.execute(
            f'WITH t({numbered}) AS (SELECT * FROM main."{quoted}") '
            "SELECT * FROM t"
        ).fetchall()
    columns = list(zip(*raw))
    used = [index for index, column in enumerate(columns) if is_numeric(column)]
    if not used:
        raise ValueError(f"table {source.table!r} has no numeric column")
    chosen = ([row[index] for index in used] for row in raw)
    rows = [
        [float(value) for value in row]  # type: ignore[arg-type]
        for row in chosen
        if None not in row
    ]
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} complete rows, but 2 are needed")
    packed = array("d", chain.from_iterable(rows))
    if not all(map(math.isfinite, packed)):
        raise ValueError(f"table {source.table!r} has an infinite number")
    return Table(
        name=source.name,
        version=before,
        columns=[names[index] for index in used],
        columns_left_out=[
            name for index, name in enumerate(names) if index not in used
        ],
        columns_made_constant=[
            names[index] for index in used if is_made_constant(columns[index])
        ],
        rows_left_out=len(raw) - len(rows),
        rows=rows,
        packed=packed,
    )


def is_made_constant(column: tuple[Any, ...]) -> bool:
    """Whether its integers only differ in digits that a float cannot hold."""
    numbers = {value for value in column if value is not None}
    return len(numbers) > 1 and len(set(map(float, numbers))) == 1


def is_numeric(column: tuple[object, ...]) -> bool:
    """Its declared type proves nothing; its values do."""
    kinds = set(map(type, column)) - {type(None)}
    return bool(kinds) and kinds <= {int, float}
