"""Leave out what no output depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edgesite.frontend.graph import StaticGraph, StaticNode


def prune(graph: StaticGraph) -> StaticGraph:
    """The graph without nodes, constants and values that its outputs do not depend on.

    An output of a node that nobody reads loses its name and keeps its place: the number
    of outputs has a meaning in some operators, Split for one. Inputs stay: they are the
    model's interface.
    """
    nodes, read = _live(graph)
    graph = replace(graph, nodes=nodes)
    read.update(value.name for value in graph.inputs)
    made = {name for node in graph.walk() for name in node.outputs}
    inner = {v.name for node in graph.walk() for g in node.subgraphs for v in g.inputs}
    return replace(
        graph,
        constants={name: array for name, array in graph.constants.items() if name in read},
        values={n: v for n, v in graph.values.items() if n in read or n in made or n in inner},
    )


def _live(graph: StaticGraph) -> tuple[tuple[StaticNode, ...], set[str]]:
    """The nodes that matter, and every value read by them and by the outputs."""
    read = {value.name for value in graph.outputs}
    kept: list[StaticNode] = []
    for node in reversed(graph.nodes):
        if read.isdisjoint(node.outputs):
            continue
        subgraphs = {}
        for name, value in node.attributes.items():
            if isinstance(value, StaticGraph):
                nodes, inner = _live(value)
                subgraphs[name] = replace(value, nodes=nodes)
                read |= inner
        outputs = _blanked(node.outputs, read)
        read.update(filter(None, node.inputs))
        kept.append(replace(node, outputs=outputs, attributes={**node.attributes, **subgraphs}))
    return tuple(reversed(kept)), read


def _blanked(outputs: Iterable[str], read: set[str]) -> tuple[str, ...]:
    return tuple(name if name in read else "" for name in outputs)
