"""Tree ensembles as tables: one row per node, which `trees` walks.

A row says which feature a node looks at, what it compares it with, and where it goes then;
leaves come first and go to themselves, so that walking on does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgesite.errors import ModelError, UnsupportedOperatorError

Array = np.ndarray[Any, np.dtype[Any]]

COMPARISONS = ("le", "lt", "ge", "gt", "eq", "ne")
"""What nodes ask of a feature, in the order in which ONNX numbers the modes of a node."""

_MODES = {
    "BRANCH_LEQ": 0,
    "BRANCH_LT": 1,
    "BRANCH_GTE": 2,
    "BRANCH_GT": 3,
    "BRANCH_EQ": 4,
    "BRANCH_NEQ": 5,
}
_MEMBER = 6


@dataclass(frozen=True)
class Forest:
    """All trees of an ensemble. Every table has a row per node, of which the leaves are first."""

    roots: Array
    """The row at which each tree begins."""
    feature: Array
    threshold: Array
    mode: Array
    """Which of COMPARISONS, by number."""
    yes: Array
    """The row to go to where the comparison holds; a leaf's is its own."""
    no: Array
    missing: Array
    """Whether a feature that is NaN counts as a comparison that holds."""
    leaves: int
    depth: int
    """The most steps from a root to a leaf."""


@dataclass(frozen=True)
class Nodes:
    """Nodes as a model lists them; those whose `yes` and `no` are themselves are leaves."""

    feature: Array
    threshold: Array
    mode: Array
    yes: Array
    no: Array
    missing: Array

    def arranged(self, roots: Array) -> tuple[Forest, Array]:
        """The forest, and for every node the row it has there.

        Raises ModelError where a branch leads nowhere or back to where it came from.
        """
        count = len(self.yes)
        own = np.arange(count)
        targets = np.concatenate([self.yes, self.no, roots])
        if not count or targets.min() < 0 or targets.max() >= count:
            raise ModelError("a branch of a tree leads to a node that is not there; export again")
        is_leaf = (self.yes == own) & (self.no == own)
        order = np.argsort(~is_leaf, kind="stable")
        row = np.empty(count, np.int32)
        row[order] = own
        forest = Forest(
            roots=row[roots],
            feature=self.feature[order].astype(np.int32),
            threshold=self.threshold[order],
            mode=self.mode[order].astype(np.int32),
            yes=row[self.yes][order],
            no=row[self.no][order],
            missing=self.missing[order].astype(bool),
            leaves=int(is_leaf.sum()),
            depth=_depth(self, roots, is_leaf),
        )
        return forest, row


def _depth(nodes: Nodes, roots: Array, is_leaf: Array) -> int:
    level, depth = np.unique(roots), 0
    while not is_leaf[level].all():
        inner = level[~is_leaf[level]]
        level = np.unique(np.concatenate([nodes.yes[inner], nodes.no[inner]]))
        depth += 1
        if depth > len(is_leaf):
            raise ModelError("a branch of a tree leads back to where it came from; export again")
    return depth


@dataclass(frozen=True)
class Scores:
    """What leaves say: `weights[leaf, k]` for the class or target `targets[leaf, k]`, or -1."""

    targets: Array
    weights: Array

    def dense(self, count: int, absent: float) -> Array:
        """A weight per leaf and target, with `absent` where a leaf says nothing."""
        table = np.full((len(self.targets), count), absent, self.weights.dtype)
        leaf, place = np.nonzero(self.targets >= 0)
        table[leaf, self.targets[leaf, place]] = self.weights[leaf, place]
        return table


def scores_of(leaf: Array, targets: Array, weights: Array, leaves: int, count: int) -> Scores:
    """What leaves say, from a list of (leaf, target, weight); those of one place add up."""
    if not len(leaf) or leaf.min() < 0 or leaf.max() >= leaves:
        raise ModelError("a tree has weights at a node that is no leaf; export the model again")
    if targets.min() < 0 or targets.max() >= count:
        raise ModelError(
            f"a tree has weights for {targets.max()} of {count} classes or targets, numbered "
            "from 0; export the model again"
        )
    places, at = np.unique(np.stack([leaf, targets]), axis=1, return_inverse=True)
    sums = np.zeros(places.shape[1], weights.dtype)
    np.add.at(sums, at.ravel(), weights)
    each = np.bincount(places[0], minlength=leaves)
    column = np.arange(places.shape[1]) - (np.cumsum(each) - each)[places[0]]
    width = int(each.max())
    table = np.full((leaves, width), -1, np.int32)
    said = np.zeros((leaves, width), weights.dtype)
    table[places[0], column], said[places[0], column] = places[1], sums
    return Scores(table, said)


def values_of(attributes: Mapping[str, Any], name: str) -> Array:
    """A list of floats, which may be given as a tensor of doubles as well."""
    tensor = attributes.get(f"{name}_as_tensor")
    if tensor is not None:
        return np.asarray(tensor).ravel()
    return np.asarray(attributes.get(name) or (), np.float32)


def forest_of(attributes: Mapping[str, Any], kind: str) -> tuple[Forest, Array, Array, Array]:
    """The forest of a classifier or regressor, and the (leaf, target, weight) lists of it.

    `kind` is "class" or "target", with which the attributes of the leaves begin.
    """
    trees, ids = (np.asarray(attributes[f"nodes_{name}"]) for name in ("treeids", "nodeids"))
    place = {key: k for k, key in enumerate(zip(trees.tolist(), ids.tolist(), strict=True))}
    own = np.arange(len(trees))
    modes = attributes["nodes_modes"]
    unknown = sorted(set(modes) - {*_MODES, "LEAF"})
    if unknown:
        raise UnsupportedOperatorError(f"mode {unknown[0]} of a tree's nodes is not supported")
    is_leaf = np.array([mode == "LEAF" for mode in modes])

    def child(name: str) -> Array:
        ends = zip(trees.tolist(), attributes[name], strict=True)
        return np.where(is_leaf, own, [place.get(key, -1) for key in ends])

    thresholds = values_of(attributes, "nodes_values")
    nodes = Nodes(
        feature=np.asarray(attributes["nodes_featureids"]),
        threshold=thresholds,
        mode=np.array([_MODES.get(mode, 0) for mode in modes]),
        yes=child("nodes_truenodeids"),
        no=child("nodes_falsenodeids"),
        missing=_flags(attributes, len(own)),
    )
    _check_lengths(nodes, len(own))
    inner = own[~is_leaf]
    has_parent = np.zeros(len(own), bool)
    ends = np.concatenate([nodes.yes[inner], nodes.no[inner]])
    has_parent[ends[ends >= 0]] = True
    forest, row = nodes.arranged(own[~has_parent])
    pairs = zip(attributes[f"{kind}_treeids"], attributes[f"{kind}_nodeids"], strict=True)
    places = np.array([place.get(key, -1) for key in pairs])
    leaf = np.where(places >= 0, row[places], -1)
    weights = values_of(attributes, f"{kind}_weights")
    return forest, leaf, np.asarray(attributes[f"{kind}_ids"]), weights


def _flags(attributes: Mapping[str, Any], count: int) -> Array:
    given = attributes.get("nodes_missing_value_tracks_true")
    return np.asarray(given, bool) if given else np.zeros(count, bool)


def _check_lengths(nodes: Nodes, count: int) -> None:
    for name in ("feature", "threshold", "mode", "missing"):
        found = len(getattr(nodes, name))
        if found != count:
            raise ModelError(f"{count} nodes with {found} values of {name}; export the model again")


def forest_of_ensemble(attributes: Mapping[str, Any]) -> tuple[Forest, Array, Array, Array]:
    """The forest of a TreeEnsemble, and the (leaf, target, weight) lists of it.

    Nodes that ask for one of several values become chains of nodes that ask for one each.
    """
    splits = np.asarray(attributes["nodes_splits"])
    modes = np.asarray(attributes["nodes_modes"]).tolist()
    inner, weights = len(modes), np.asarray(attributes["leaf_weights"])
    missing = _flags(attributes, inner)
    values = iter(_members(attributes.get("membership_values")))
    pairs = zip(modes, splits.tolist(), strict=True)
    sets = [next(values, ()) if mode == _MEMBER else (split,) for mode, split in pairs]
    starts = np.cumsum([0, *(max(len(members), 1) for members in sets)])

    def child(name: str, leafs: str) -> list[int]:
        pairs = zip(attributes[name], attributes[leafs], strict=True)
        return [
            int(starts[-1]) + end if leaf else int(starts[end]) if 0 <= end < inner else -1
            for end, leaf in pairs
        ]

    yes = child("nodes_truenodeids", "nodes_trueleafs")
    no = child("nodes_falsenodeids", "nodes_falseleafs")
    rows: list[tuple[int, float, int, int, int, bool]] = []
    for k, members in enumerate(sets):
        mode = 4 if modes[k] == _MEMBER else modes[k]
        feature = attributes["nodes_featureids"][k]
        for number, value in enumerate(members or (np.nan,)):
            is_last = number + 1 >= len(members)
            otherwise = no[k] if is_last else len(rows) + 1
            rows.append((feature, value, mode, yes[k], otherwise, bool(missing[k])))
    if any(mode not in range(len(COMPARISONS)) for _, _, mode, *_ in rows):
        raise ModelError("a node of a tree has an unknown mode; export the model again")
    first = len(rows)
    rows += [(0, 0.0, 0, first + k, first + k, False) for k in range(len(weights))]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    nodes = Nodes(columns[0], columns[1].astype(splits.dtype), *columns[2:])
    roots = np.asarray(attributes["tree_roots"])
    if roots.min(initial=0) < 0 or roots.max(initial=0) >= inner:
        raise ModelError("a tree begins at a node that is not there; export the model again")
    forest, row = nodes.arranged(starts[:-1][roots] if inner else roots)
    return forest, row[first:], np.asarray(attributes["leaf_targetids"]), weights


def _members(values: Array | None) -> Sequence[Sequence[float]]:
    """The sets of a list in which a NaN ends each."""
    if values is None:
        return []
    flat = np.asarray(values).ravel()
    ends = np.flatnonzero(np.isnan(flat))
    return [part[~np.isnan(part)].tolist() for part in np.split(flat, ends + 1)]
