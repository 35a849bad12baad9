# cython: boundscheck=False, wraparound=False
"""The longest common subsequence of two byte strings, by dynamic programming.

The whole table is kept, because the way back through it finds the subsequence and the ranges where it stands. Of
several longest ones the reference's is found: the way back shortens the first string where that loses less.
"""

from array import array

import cython

CELL_BYTES = 4

Range = tuple[int, int]


def table_bytes(first: bytes, second: bytes) -> int:
    """Bytes that the table of two strings takes."""
    return (len(first) + 1) * (len(second) + 1) * CELL_BYTES


class CommonSubsequence:
    """The longest common subsequence of two strings.

    Attributes:
        length: its length.
    """

    def __init__(self, first: bytes, second: bytes) -> None:
        """Takes time in proportion to the product of the lengths, and `table_bytes` of memory."""
        self.first = first
        self.second = second
        self.width = len(second) + 1
        self.cells = array("I", [0]) * ((len(first) + 1) * self.width)
        self.fill()
        self.length = self.cells[len(first) * self.width + len(second)]

    def fill(self) -> None:
        """Compute the length for every pair of prefixes."""
        first: cython.const[cython.uchar][::1] = self.first  # type: ignore[valid-type]
        second: cython.const[cython.uchar][::1] = self.second  # type: ignore[valid-type]
        cells: cython.uint[::1] = self.cells
        rows: cython.Py_ssize_t = len(self.first)
        columns: cython.Py_ssize_t = len(self.second)
        at: cython.Py_ssize_t = self.width
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        above: cython.uint
        before: cython.uint
        for i in range(rows):
            at += 1
            for j in range(columns):
                if first[i] == second[j]:
                    cells[at] = cells[at - columns - 2] + 1
                else:
                    above = cells[at - columns - 1]
                    before = cells[at - 1]
                    cells[at] = above if above > before else before
                at += 1

    def steps(self) -> list[Range]:
        """The positions in both strings of each common byte, the last one first."""
        found = []
        i, j = len(self.first), len(self.second)
        while i > 0 and j > 0:
            if self.first[i - 1] == self.second[j - 1]:
                i -= 1
                j -= 1
                found.append((i, j))
            elif self.cells[(i - 1) * self.width + j] > self.cells[i * self.width + j - 1]:
                i -= 1
            else:
                j -= 1
        return found

    def text(self) -> bytes:
        """The subsequence."""
        found = bytearray([self.first[i] for i, _ in self.steps()])
        found.reverse()
        return bytes(found)

    def ranges(self, least: int) -> list[tuple[Range, Range, int]]:
        """The runs of common bytes, the last one first: the range in each string, ends included, and the length.

        Args:
            least: shorter runs are left out.
        """
        runs: list[list[int]] = []
        run: list[int] = []
        for i, j in self.steps():
            if run and run[0] == i + 1 and run[1] == j + 1:
                run[:] = [i, j, run[2] + 1]
            else:
                run = [i, j, 1]
                runs.append(run)
        return [((i, i + size - 1), (j, j + size - 1), size) for i, j, size in runs if size >= least]
