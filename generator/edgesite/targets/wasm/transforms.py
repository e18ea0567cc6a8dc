"""The transforms of Winograd's minimal filtering: their matrices, and how vectors go through.

A tile of m x m results of a filter is results * ((filters w filters') . (inputs x inputs'))
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


def cook_toom(points: Sequence[Fraction], m: int, taps: int) -> tuple[Matrix, Matrix, Matrix]:
    """The transforms of inputs (n x n), filters (n x taps) and results (m x n).

    There are n = m + taps - 1 points; where one is missing, infinity is the last.
    """
    infinite = len(points) == m + taps - 2
    back = [
        [point**power for point in points] + [Fraction(power == m - 1)] * infinite
        for power in range(m)
    ]
    filters, inputs = [], []
    for k, point in enumerate(points):
        others = [other for j, other in enumerate(points) if j != k]
        scale = prod((point - other for other in others), start=Fraction(1))
        filters.append([point**power / scale for power in range(taps)])
        inputs.append([*_with_roots(others), *[Fraction(0)] * infinite])
    if infinite:
        filters.append([Fraction(power == taps - 1) for power in range(taps)])
        inputs.append(_with_roots(points))
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
    """All but infinity, which is always one of them."""
    lanes: Type
    """Of inputs and filters, transformed ones too."""
    sums: Type
    """Of their products and the results."""
    taps: int = 3
    """Of a filter, along each axis."""
    stride: int = 1

    @property
    def name(self) -> str:
        """What its kernels are called in listings."""
        taps = f"x{self.taps}" if self.taps != 3 else ""
        stride = f"s{self.stride}" if self.stride > 1 else ""
        return f"winograd{self.m}{taps}{stride}{'' if self.lanes.is_float else 'int8'}"

    @property
    def span(self) -> int:
        """Inputs of a tile along an axis, and as many products."""
        return self.stride * self.m + self.taps - self.stride

    @property
    def advance(self) -> int:
        """Inputs from one tile to the next."""
        return self.stride * self.m

    @property
    def overlap(self) -> int:
        """Inputs that a tile has in common with the next."""
        return self.span - self.advance

    @property
    def n(self) -> int:
        """Points along an axis."""
        return len(self.points) + 1

    @cached_property
    def phases(self) -> tuple[int, ...]:
        """At how many points each phase has products: the last has fewer taps, and so fewer."""
        return tuple(self.m + len(range(k, self.taps, self.stride)) - 1 for k in range(self.stride))

    def phases_at(self, point: int) -> int:
        """How many phases have products at a point along an axis; they are summed there."""
        return sum(point < count for count in self.phases)

    @cached_property
    def summed(self) -> tuple[int, ...]:
        """The same for the points of a square, row by row."""
        along = [self.phases_at(point) for point in range(self.n)]
        return tuple(y * x for y in along for x in along)

    @property
    def item_bytes(self) -> int:
        """The size of an input, and of a transformed filter."""
        return self.lanes.lane_bits // 8

    @cached_property
    def matrices(self) -> tuple[Matrix, Matrix, Matrix]:
        """The transforms of inputs, filters and results, the latter two together `multiple`."""
        inputs, filters, results = self._fractions
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
    def _fractions(self) -> tuple[Matrix, Matrix, Matrix]:
        """The transforms of inputs, filters and results: of inputs and filters phase by phase."""
        inputs, filters = [], []
        for k, count in enumerate(self.phases):
            own_inputs, own_filters, _ = cook_toom(self.points[:count], self.m, count - self.m + 1)
            inputs += [_spread(row, k, self.stride, self.span) for row in own_inputs]
            filters += [_spread(row, k, self.stride, self.taps) for row in own_filters]
        _, _, results = cook_toom(self.points, self.m, self.n - self.m + 1)
        return _matrix(inputs), _matrix(filters), results

    @cached_property
    def _whole(self) -> int:
        """The factor along one axis that leaves no fractions in the filters' matrix."""
        _, filters, _ = self._fractions
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


def _spread(row: Row, first: int, step: int, size: int) -> Row:
    """The entries of a row, so far from one another, with zeros between."""
    entries = [Fraction(0)] * size
    entries[first::step] = row
    return tuple(entries)


def _denominator(row: Row) -> int:
    return lcm(*(entry.denominator for entry in row))


def _growth(matrix: Matrix) -> int:
    """How many times as large as its input a square can become."""
    return int(max(sum(map(abs, row)) for row in matrix)) ** 2


def _both(*points: Fraction) -> tuple[Fraction, ...]:
    """Each with both signs."""
    return tuple(signed for point in points for signed in (point, -point))


ZERO, ONE, TWO = Fraction(0), Fraction(1), Fraction(2)

SIX = (ZERO, *_both(Fraction(11, 16), Fraction(3, 2)))
"""With infinity; these round least."""

FLOATS = {
    4: Arithmetic(4, SIX, F32X4, F32X4),
    2: Arithmetic(2, (ZERO, *_both(ONE)), F32X4, F32X4),
}
OF_FOUR_TAPS = {
    # With m = 4 a ResNet-50, whose first layer this is, was 1.6 times as far from its answer.
    3: Arithmetic(3, SIX, F32X4, F32X4, taps=4),
}
OF_FIVE_TAPS = {
    4: Arithmetic(4, (ZERO, *_both(Fraction(1, 2), ONE, TWO)), F32X4, F32X4, taps=5),
}
STRIDED = {
    4: Arithmetic(4, _both(Fraction(1, 2), Fraction(4, 3)), F32X4, F32X4, stride=2),
    2: Arithmetic(2, _both(ONE), F32X4, F32X4, stride=2),
}
WHOLE = {
    4: Arithmetic(4, (ZERO, *_both(ONE, TWO)), I16X8, I32X4),
    2: Arithmetic(2, (ZERO, *_both(ONE)), I16X8, I32X4),
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
