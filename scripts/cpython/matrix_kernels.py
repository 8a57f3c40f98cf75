"""Principal components, twice: in pure Python, and in native code.

`pure` holds the GIL from start to end. `native` releases it in each of its
products: it is numpy where that can be imported, and otherwise a checksum of
the same bytes by hashlib, which releases the GIL too, but does not compute
eigenvalues.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any, Union

from contract import Failure
from matrix_table import Table

# Unless it is told not to before it is loaded, numpy's linear algebra library
# starts its own threads: then one worker uses all cores, and there is nothing
# to compare.
for name in ("OPENBLAS", "OMP", "MKL", "BLIS"):
    os.environ[f"{name}_NUM_THREADS"] = "1"

try:
    numpy: Any = importlib.import_module("numpy")
except ImportError:
    numpy = None

#: The minimum share of the variance that the kept components carry.
SHARE = 0.95

#: Far more than any matrix needs: the sweeps converge quadratically.
MOST_SWEEPS = 60

#: Copies of a table are transformed as one tall table with this many rows. For
#: a small table, each product takes less time than getting the GIL back: then
#: two threads are 1.6 times as fast as one, instead of twice.
TALL = 24_000

Vector = list[float]


@dataclass(frozen=True)
class Components:
    """The result. Two of them are equal if they are equal to the bit."""

    #: One per column, the largest first.
    eigenvalues: tuple[float, ...]
    #: How many columns the projection has.
    kept: int
    #: The rows, seen along the kept components, column by column.
    projection: bytes


#: A kernel that cannot compute components returns a checksum.
Found = Union[Components, str]


def pure(table: Table) -> Found:
    """All in Python: its loops, its floats, and so under its lock."""
    columns = standardised(table)
    varying = [column for column in columns if any(column)]
    values, vectors = eigen(correlation(varying))
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    constant = [0.0] * (len(columns) - len(varying))
    eigenvalues = sorted(values + constant, reverse=True)
    kept = min(leading(eigenvalues), len(varying))
    basis = [upright(vectors[index]) for index in order[:kept]]
    rows = list(zip(*varying))
    projection = [sum(map(mul, row, axis)) for axis in basis for row in rows]
    return Components(
        tuple(eigenvalues),
        kept,
        struct.pack(f"<{len(projection)}d", *projection),
    )


def standardised(table: Table) -> list[Vector]:
    """Column by column (value - mean) / deviation; a constant one is zero.

    The first row is subtracted from each column, for the reason given in
    common/src/scenarios/matrix/transform.rs.
    """
    return [
        in_deviations(name, [value - column[0] for value in column])
        for name, column in zip(table.columns, zip(*table.rows))
    ]


def in_deviations(name: str, column: Vector) -> Vector:
    """A column in units of its standard deviation, with n - 1."""
    mean = sum(column) / len(column)
    centred = [value - mean for value in column]
    variance = sum(map(mul, centred, centred)) / (len(column) - 1)
    if not math.isfinite(variance):
        raise Failure(f"the numbers of column {name!r} are too far apart")
    if variance < sys.float_info.min:
        return [0.0] * len(column)
    deviation = math.sqrt(variance)
    return [value / deviation for value in centred]


def correlation(columns: Sequence[Vector]) -> list[Vector]:
    """The covariance of the standardised columns."""
    size = len(columns)
    matrix = [[0.0] * size for _ in columns]
    for index, column in enumerate(columns):
        degrees_of_freedom = len(column) - 1
        for other in range(index + 1):
            product = sum(map(mul, column, columns[other]))
            matrix[index][other] = product / degrees_of_freedom
            matrix[other][index] = matrix[index][other]
    return matrix


def eigen(matrix: list[Vector]) -> tuple[Vector, list[Vector]]:
    """The eigenvalues and eigenvectors of a symmetric matrix.

    Jacobi's method: rotations make the places off the diagonal zero, one after
    another, sweep after sweep, until a sweep finds nothing more to rotate.
    """
    size = len(matrix)
    vectors = [[float(i == j) for j in range(size)] for i in range(size)]
    for _ in range(MOST_SWEEPS):
        turned = [
            turn(matrix, vectors, one, other)
            for one in range(size)
            for other in range(one + 1, size)
        ]
        if not any(turned):
            return [matrix[index][index] for index in range(size)], vectors
    raise Failure("the eigenvalues do not converge")


def turn(matrix: list[Vector], vectors: list[Vector], p: int, q: int) -> bool:
    """Rotates one place to zero; returns False if it is zero already."""
    place = matrix[p][q]
    if abs(place) < sys.float_info.epsilon:
        return False
    theta = (matrix[q][q] - matrix[p][p]) / (2 * place)
    tangent = math.copysign(1, theta) / (abs(theta) + math.hypot(theta, 1))
    cosine = 1 / math.hypot(tangent, 1)
    sine = tangent * cosine
    for rows in (matrix, vectors):
        upper, lower = rows[p], rows[q]
        rows[p] = [cosine * x - sine * y for x, y in zip(upper, lower)]
        rows[q] = [sine * x + cosine * y for x, y in zip(upper, lower)]
    for row in matrix:
        x, y = row[p], row[q]
        row[p], row[q] = cosine * x - sine * y, sine * x + cosine * y
    return True


def leading(eigenvalues: Sequence[float]) -> int:
    """The smallest number of leading ones that reach `SHARE` of the sum."""
    enough, total = SHARE * sum(eigenvalues), 0.0
    for count, value in enumerate(eigenvalues, 1):
        total += value
        if total >= enough:
            return count
    return len(eigenvalues)


def upright(vector: Vector) -> Vector:
    """It may point either way: here its largest component is positive."""
    return vector if max(vector, key=abs) > 0 else [-x for x in vector]


def native(table: Table, copies: int = 1) -> Found:
    """The same with products that release the GIL, or the next best thing.

    It stacks this many copies of the table: their components are the table's
    own.
    """
    if numpy is None:
        return checksum(table, copies)
    matrix = numpy.frombuffer(table.packed).reshape(-1, len(table.columns))
    rows = len(matrix)
    matrix = numpy.tile(matrix - matrix[0], (copies, 1))
    matrix -= matrix.mean(axis=0)
    degrees_of_freedom = copies * (rows - 1)
    variances = (matrix * matrix).sum(axis=0) / degrees_of_freedom
    if not numpy.isfinite(variances).all():
        raise Failure("the numbers of a column are too far apart")
    varying = variances >= sys.float_info.min
    matrix = matrix[:, varying] / numpy.sqrt(variances[varying])
    values, vectors = numpy.linalg.eigh(matrix.T @ matrix / degrees_of_freedom)
    constant = [0.0] * int((~varying).sum())
    eigenvalues = sorted(values.tolist() + constant, reverse=True)
    kept = min(leading(eigenvalues), len(values))
    basis = vectors[:, ::-1][:, :kept]
    largest = abs(basis).argmax(axis=0)
    basis = basis * numpy.sign(basis[largest, range(kept)])
    projection = (matrix @ basis)[:rows].T.tobytes()
    return Components(tuple(eigenvalues), kept, projection)


def checksum(table: Table, copies: int) -> str:
    """Replaces a transformation where there is no numpy."""
    for _ in range(copies):
        digest = hashlib.sha256(memoryview(table.packed))
    return digest.hexdigest()


def native_library() -> str:
    """What `native` is here."""
    if numpy is None:
        return "hashlib's sha256, because numpy is not importable"
    return f"numpy {numpy.__version__}"


def pure_rounds(table: Table, rounds: int) -> Found:
    """One after another."""
    for _ in range(rounds):
        found = pure(table)
    return found


def native_rounds(table: Table, rounds: int) -> Found:
    """In stacks, see `TALL`."""
    for copies in stacks(table, rounds):
        found = native(table, copies)
    return found


def stacks(table: Table, rounds: int) -> list[int]:
    """The number of copies in each stack; the last one has the rest."""
    rows = len(table.packed) // max(1, len(table.columns))
    most = max(1, TALL // max(1, rows))
    return [min(most, rounds - done) for done in range(0, rounds, most)]


def again(kernel: str, table: Table, rounds: int) -> Found:
    """The result of this many rounds, which is that of the last stack."""
    return KERNELS[kernel](table, stacks(table, rounds)[-1])


#: Each transforms a table this many times.
KERNELS = {"pure": pure_rounds, "native": native_rounds}
