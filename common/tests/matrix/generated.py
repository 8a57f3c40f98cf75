# Compares databases with what `database` yields, which stands above this.
import sqlite3
import sys
from math import floor


class Input:
    def __init__(self, seed, stream):
        self.words = pcg32(seed, stream)

    def below(self, bound):
        return next(self.words) * bound >> 32

    def uniform(self):
        high, low = next(self.words), next(self.words)
        return (high << 21 | low >> 11) / 2**53


for index, path in enumerate(sys.argv[1:]):
    found = sqlite3.connect(path).execute("SELECT * FROM measurements")
    expected = list(database(1, index, 150, 7))
    assert [list(row) for row in found] == expected, path
    assert any(None in row for row in expected), path
