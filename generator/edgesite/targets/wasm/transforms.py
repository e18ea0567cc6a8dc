"""The transforms of Winograd's minimal filtering: their matrices, and how vectors go through.

A tile of m x m results of a 3x3 filter is results * ((filters w filters') . (inputs x inputs'))
* results', with matrices that follow from interpolation points by the Cook-Toom construction.
In whole numbers rows of the filters' matrix are scaled so that they have no fractions, and
what comes out is a known multiple of the result. It may wrap around at 32 bits on the way:
sums and products do not mind, so the result is exact as long as the power of two in that
multiple leaves it room (the odd part is divided out by its inverse modulo 2**32).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm, prod

from edgesite.targets.wasm.scalars import Scalars
from edgesite.wasm import F32X4, I16X8, I32X4, Function, Type
from edgesite.wasm import Value as Wasm

Row = tuple[Fraction, ...]
Matrix = tuple[Row, ...]


def cook_toom(points: Sequence[Fraction], m: int) -> tuple[Matrix, Matrix, Matrix]:
    """The transforms of inputs (n x n), filters (n x 3) and results (m x n).

    Beside 0 and infinity they are of each of the points with both signs.
    """
    finite = [Fraction(0)]
    for point in points:
        finite += [point, -point]
    back = [[point**power for point in finite] + [Fraction(power == m - 1)] for power in range(m)]
    filters, inputs = [], []
    for k, point in enumerate(finite):
        others = [other for j, other in enumerate(finite) if j != k]
        scale = prod((point - other for other in others), start=Fraction(1))
        filters.append([point**power / scale for power in range(3)])
        inputs.append([*_with_roots(others), Fraction(0)])
    filters.append([Fraction(0), Fraction(0), Fraction(1)])
    inputs.append(_with_roots(finite))
    return _matrix(inputs), _matrix(filters), _matrix(back)


def _with_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients of the polynomial with these roots, the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        scaled = [*(-root * c for c in coefficients), Fraction(0)]
        coefficients = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


def _matrix(rows: Sequence[Sequence[Fraction]]) -> Matrix:
    return tuple(tuple(row) for row in rows)


@dataclass(frozen=True)
class Arithmetic:
    """What tiles of m x m results are computed in: the points, and the lanes of numbers."""

    m: int
    points: tuple[Fraction, ...]
    lanes: Type
    """Of inputs and filters, transformed ones too."""
    sums: Type
    """Of their products and the results."""

    @property
    def name(self) -> str:
        """What its kernels are called in listings."""
        return f"winograd{self.m}" if self.lanes.is_float else f"winograd{self.m}int8"

    @property
    def n(self) -> int:
        """The size of an input tile."""
        return self.m + 2

    @property
    def item_bytes(self) -> int:
        """The size of an input, and of a transformed filter."""
        return self.lanes.lane_bits // 8

    @cached_property
    def matrices(self) -> tuple[Matrix, Matrix, Matrix]:
        """The transforms of inputs, filters and results, the latter two together `multiple`."""
        inputs, filters, results = cook_toom(self.points, self.m)
        if self.lanes.is_float:
            return inputs, filters, results
        # What a row is short of is made good behind the products if a shift can do it, and in
        # the filters otherwise.
        missing = [self._whole // _denominator(row) for row in filters]
        shifts = [
            (rest & -rest) * (1 if row[0] >= 0 else -1)
            for rest, row in zip(missing, filters, strict=True)
        ]
        scaled = [
            tuple(entry * self._whole / shift for entry in row)
            for row, shift in zip(filters, shifts, strict=True)
        ]
        back = [tuple(a * shift for a, shift in zip(row, shifts, strict=True)) for row in results]
        return inputs, _matrix(scaled), _matrix(back)

    @cached_property
    def _whole(self) -> int:
        """The factor along one axis that leaves no fractions in the filters' matrix."""
        _, filters, _ = cook_toom(self.points, self.m)
        return lcm(*map(_denominator, filters))

    @property
    def multiple(self) -> int:
        """How many times the result comes out."""
        return 1 if self.lanes.is_float else self._whole**2

    @property
    def headroom(self) -> int:
        """The power of two in `multiple`: results must have so much room in 32 bits."""
        return self.multiple & -self.multiple

    def fits(self, largest_input: int, largest_filter: int, largest_result: int) -> bool:
        """Whether whole numbers up to these sizes, whatever their signs, give exact results."""
        inputs, filters, _ = self.matrices
        return (
            _growth(inputs) * largest_input < 1 << 15
            and _growth(filters) * largest_filter < 1 << 15
            and self.headroom * largest_result < 1 << 31
        )

    def once(self, value: Wasm) -> Wasm:
        """The result, of what comes out."""
        odd = self.multiple // self.headroom
        if odd != 1:
            value = value * pow(odd, -1, 1 << 32)
        return value >> (self.headroom.bit_length() - 1) if self.headroom > 1 else value


def _denominator(row: Row) -> int:
    return lcm(*(entry.denominator for entry in row))


def _growth(matrix: Matrix) -> int:
    """How many times as large as its input a square can become."""
    return int(max(sum(map(abs, row)) for row in matrix)) ** 2


FLOATS = {
    4: Arithmetic(4, (Fraction(11, 16), Fraction(3, 2)), F32X4, F32X4),
    2: Arithmetic(2, (Fraction(1),), F32X4, F32X4),
}
WHOLE = {
    4: Arithmetic(4, (Fraction(1), Fraction(2)), I16X8, I32X4),
    2: Arithmetic(2, (Fraction(1),), I16X8, I32X4),
}


def transformed(
    scalars: Scalars, matrix: Matrix, vectors: Sequence[Wasm], *, relaxed: bool
) -> list[Wasm]:
    """A matrix times a column of vectors.

    Two rows that differ in the signs of some entries share what they have in common.
    """
    f = scalars.f
    matrix, vectors = _paired(f, matrix, vectors)
    results: list[Wasm | None] = [None] * len(matrix)
    for k, row in enumerate(matrix):
        if results[k] is not None:
            continue
        twin = next((j for j in range(k + 1, len(matrix)) if _is_twin(row, matrix[j])), None)
        if twin is None:
            results[k] = f.let(_sum(scalars, row, vectors, relaxed=relaxed))
            continue
        same = tuple(a if a == b else Fraction(0) for a, b in zip(row, matrix[twin], strict=True))
        odd = tuple(a if a != b else Fraction(0) for a, b in zip(row, matrix[twin], strict=True))
        scale = odd[max(i for i, entry in enumerate(odd) if entry)]
        even = f.let(_sum(scalars, same, vectors, relaxed=relaxed))
        part = tuple(entry / scale for entry in odd)
        rest = f.let(_sum(scalars, part, vectors, relaxed=relaxed))
        results[k] = f.let(_added(even, rest, scale, relaxed=relaxed))
        results[twin] = f.let(_added(even, rest, -scale, relaxed=relaxed))
    return [result for result in results if result is not None]


def _paired(f: Function, matrix: Matrix, vectors: Sequence[Wasm]) -> tuple[Matrix, Sequence[Wasm]]:
    """The same product with sums and differences of vectors that all rows treat alike."""
    columns = list(zip(*matrix, strict=True))
    made: list[tuple[Row, Wasm]] = []
    k = 0
    while k < len(columns):
        a, b = columns[k], columns[k + 1] if k + 1 < len(columns) else columns[k]
        if a == b or any(abs(x) != abs(y) for x, y in zip(a, b, strict=True)):
            made.append((a, vectors[k]))
            k += 1
            continue
        even = tuple(x if x == y else Fraction(0) for x, y in zip(a, b, strict=True))
        odd = tuple(x if x != y else Fraction(0) for x, y in zip(a, b, strict=True))
        made.append((even, f.let(vectors[k] + vectors[k + 1])))
        made.append((odd, f.let(vectors[k] - vectors[k + 1])))
        k += 2
    rows = zip(*(column for column, _ in made), strict=True)
    return _matrix(list(rows)), [vector for _, vector in made]


def _is_twin(a: Sequence[Fraction], b: Sequence[Fraction]) -> bool:
    differs = [x != y for x, y in zip(a, b, strict=True)]
    return (
        all(abs(x) == abs(y) for x, y in zip(a, b, strict=True))
        and any(differs)
        and not all(d or not x for d, x in zip(differs, a, strict=True))
    )


def _sum(
    scalars: Scalars, row: Sequence[Fraction], vectors: Sequence[Wasm], *, relaxed: bool
) -> Wasm:
    """A weighted sum of vectors; entries of one first, so that fewer are multiplied or negated."""
    terms = [(entry, v) for entry, v in zip(row, vectors, strict=True) if entry]
    terms.sort(key=lambda term: (term[0] != 1, abs(term[0]) != 1, term[0] < 0))
    entry, first = terms[0]
    total = first if entry == 1 else _times(first, entry)
    for entry, vector in terms[1:]:
        total = _added(total, vector, entry, relaxed=relaxed)
    return scalars.f.let(total) if total is first else total


def _added(total: Wasm, vector: Wasm, entry: Fraction, *, relaxed: bool) -> Wasm:
    if entry == 1:
        return total + vector
    if entry == -1:
        return total - vector
    if not vector.type.is_float:
        return total + _times(vector, entry) if entry > 0 else total - _times(vector, -entry)
    if relaxed:
        factor = float(abs(entry))
        multiply_add = vector.relaxed_madd if entry > 0 else vector.relaxed_nmadd
        return multiply_add(factor, total)
    return total + vector * float(entry)


def _times(vector: Wasm, entry: Fraction) -> Wasm:
    """A multiple of a vector; of whole numbers by a shift, where the factor allows."""
    if vector.type.is_float:
        return vector * float(entry)
    factor = int(entry)
    is_power = factor > 0 and factor & (factor - 1) == 0
    return vector << (factor.bit_length() - 1) if is_power else vector * factor


def transformed_square(
    scalars: Scalars,
    matrix: Matrix,
    square: Sequence[Sequence[Wasm]],
    *,
    relaxed: bool,
) -> Iterator[Wasm]:
    """Matrix * square * matrix transposed, row after row; a square is a list of its columns.

    Rows are finished before the next are begun, for they are too many for the registers.
    """
    for rows in _together(matrix):
        columns = [transformed(scalars, rows, column, relaxed=relaxed) for column in square]
        for row in zip(*columns, strict=True):
            yield from transformed(scalars, matrix, row, relaxed=relaxed)


def _together(matrix: Matrix) -> Iterator[Matrix]:
    """The rows of a matrix in their order, neighbours that are twins together."""
    rest = list(matrix)
    while rest:
        count = 2 if len(rest) > 1 and _is_twin(rest[0], rest[1]) else 1
        yield tuple(rest[:count])
        del rest[:count]
