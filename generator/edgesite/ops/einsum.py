"""Einstein summation: the labels of an equation decide what is multiplied and summed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce

from edgesite.errors import ModelError
from edgesite.ir import Expr, Tensor
from edgesite.ops.registry import operator

Labels = tuple[str, ...]
Term = tuple[Tensor, Labels]

ELLIPSIS = "..."


@operator("Einsum")
def einsum(*operands: Tensor, equation: str) -> Tensor:
    """Products of elements with equal labels, summed over the labels the result lacks.

    Operands are multiplied two at a time, from the left.
    """
    labels, result = parse(equation, [operand.rank for operand in operands])
    terms = list(zip(operands, labels, strict=True))
    alone = [sum_alone(term, terms[:k] + terms[k + 1 :], result) for k, term in enumerate(terms)]
    while len(alone) > 2:
        later = [*result, *(label for _, rest in alone[2:] for label in rest)]
        kept = tuple(dict.fromkeys(x for _, own in alone[:2] for x in own if x in later))
        alone = [(contract(alone[:2], kept), kept), *alone[2:]]
    return contract(alone, result)


def sum_alone(term: Term, others: Sequence[Term], result: Labels) -> Term:
    """A term without the labels that nothing else has, and with each of the others once."""
    labels = term[1]
    elsewhere = {*result, *(label for _, rest in others for label in rest)}
    kept = tuple(dict.fromkeys(label for label in labels if label in elsewhere))
    return term if kept == labels else (contract([term], kept), kept)


def contract(terms: Sequence[Term], result: Labels) -> Tensor:
    """The product of the terms, summed over all labels that are not in the result."""
    extents = extents_of(terms)
    inner = tuple(label for label in extents if label not in result)

    def product(*axes: Expr) -> Expr:
        at = dict(zip((*result, *inner), axes, strict=True))
        factors = [
            tensor.broadcast_at(*(at[label] for label in labels)) for tensor, labels in terms
        ]
        return reduce(lambda a, b: a * b, factors)

    shape = [extents[label] for label in result]
    first = terms[0][0]
    if not inner:
        return first if [(first, result)] == list(terms) else first.compute(shape, product)
    return first.reduce(shape, [extents[label] for label in inner], product)


def extents_of(terms: Sequence[Term]) -> dict[str, int]:
    """The size of every label; an axis of size 1 fits any.

    Raises ModelError when a label stands for two sizes.
    """
    extents: dict[str, int] = {}
    for tensor, labels in terms:
        for label, extent in zip(labels, tensor.shape, strict=True):
            known = extents.get(label, 1)
            if 1 not in (known, extent) and known != extent:
                raise ModelError(f'label "{label}" is {known} and {extent}; it must be one size')
            extents[label] = extent if known == 1 else known
    return extents


def parse(equation: str, ranks: Sequence[int]) -> tuple[list[Labels], Labels]:
    """The labels of every operand and of the result.

    Raises ModelError when the equation does not fit the operands.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    written = left.split(",")
    if len(written) != len(ranks):
        raise ModelError(
            f'equation "{equation}" has {len(written)} terms for {len(ranks)} operands'
        )
    terms = [labels_of(term, rank) for term, rank in zip(written, ranks, strict=True)]
    broadcast = max((own for own in map(unnamed, terms)), key=len, default=())
    if arrow:
        result = expand(right, broadcast)
        if not {*result} <= {label for term in terms for label in term}:
            raise ModelError(f'equation "{equation}": the result has labels that no operand has')
        return terms, result
    counts = Counter("".join(written).replace(".", ""))
    return terms, (*broadcast, *sorted(label for label, count in counts.items() if count == 1))


def labels_of(term: str, rank: int) -> Labels:
    """One label per axis; those under an ellipsis are numbered from the last to the first."""
    hidden = rank - len(term.replace(ELLIPSIS, ""))
    if hidden < 0 or (hidden and ELLIPSIS not in term):
        raise ModelError(f'einsum term "{term}" for an operand of rank {rank}; they must agree')
    return expand(term, tuple(f"{ELLIPSIS}{k}" for k in reversed(range(hidden))))


def expand(term: str, hidden: Labels) -> Labels:
    """The labels of a term, with an ellipsis replaced by labels."""
    before, dots, after = term.partition(ELLIPSIS)
    return (*before, *(hidden if dots else ()), *after)


def unnamed(labels: Labels) -> Labels:
    """The labels that stand under an ellipsis."""
    return tuple(label for label in labels if label.startswith(ELLIPSIS))
