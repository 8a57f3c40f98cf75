# Makes databases in the folder that is given, and prints what numpy finds.
import json
import random
import sqlite3
import sys

import numpy as np

random.seed(20261122)


def column(kind, rows):
    """The values of a column, and whether it is numeric."""
    if kind == "text":
        return [random.choice(["x", "12", ""]) for _ in range(rows)], False
    if kind == "null":
        return [None] * rows, False
    if kind == "mixed":
        return [1.5] * (rows - 1) + ["n/a"], False
    if kind == "constant":
        return [0.1] * rows, True
    if kind == "integer":
        return [random.randrange(-(10**6), 10**6) for _ in range(rows)], True
    if kind == "time":
        return [1.7e15 + random.randrange(10**9) for _ in range(rows)], True
    if kind == "tiny":
        return [random.gauss(0, 1e-60) for _ in range(rows)], True
    return [random.gauss(5, 3) for _ in range(rows)], True


def database(number):
    rows = random.choice([2, 3, 10, 200, 1500])
    kinds = random.choices(
        ["real", "integer", "time", "tiny", "constant"]
        + ["text", "null", "mixed"],
        [12, 4, 1, 1, 1, 1, 1, 1],
        k=random.choice([2, 5, 30, 80]),
    ) + ["real"]
    columns = [column(kind, rows) for kind in kinds]
    numeric = [i for i, (_, is_numeric) in enumerate(columns) if is_numeric]
    # Correlate some of them.
    for i, j in zip(numeric, numeric[1:]):
        if kinds[i] == kinds[j] == "real":
            columns[j] = (
                [a + 0.3 * b for a, b in zip(columns[i][0], columns[j][0])],
                True,
            )
    table = [list(row) for row in zip(*(values for values, _ in columns))]
    for row in table[2:]:
        if random.random() < 0.1:
            row[random.choice(numeric)] = None
    names = [f'{kind} "{i}" é' for i, kind in enumerate(kinds)]
    name = f'the "table" {number}'
    path = f"{sys.argv[1]}/{number}.sqlite"
    store(path, name, names, table)
    used = [
        row for row in table if all(row[column] is not None for column in numeric)
    ]
    values = np.array([[row[column] for column in numeric] for row in used], float)
    eigenvalues = spectrum(values)
    share = np.cumsum(eigenvalues) < 0.95 * eigenvalues.sum()
    return {
        "source": {"path": path, "table": name},
        "rows_used": len(used),
        "rows_left_out": rows - len(used),
        "columns_used": [names[column] for column in numeric],
        "columns_left_out": [
            name for i, name in enumerate(names) if i not in numeric
        ],
        "eigenvalues": eigenvalues.tolist(),
        "components_kept": int(share.sum()) + 1,
    }


def store(path, name, names, table):
    def quoted(text):
        return '"' + text.replace('"', '""') + '"'

    with sqlite3.connect(path) as connection:
        columns = ", ".join(map(quoted, names))
        connection.execute(f"CREATE TABLE {quoted(name)} ({columns})")
        marks = ", ".join("?" * len(names))
        insert = f"INSERT INTO {quoted(name)} VALUES ({marks})"
        connection.executemany(insert, table)
    connection.close()


def spectrum(values):
    """The eigenvalues of the correlation, descending."""
    values = values - values[0]
    values = values - values.mean(0)
    deviation = values.std(0, ddof=1)
    varies = (values != values[0]).any(0)
    standard = values[:, varies] / deviation[varies]
    found = np.linalg.eigvalsh(standard.T @ standard / (len(values) - 1))
    zeros = np.zeros(values.shape[1] - len(found))
    return np.sort(np.concatenate([found, zeros]))[::-1]


print(json.dumps([database(number) for number in range(25)]))
