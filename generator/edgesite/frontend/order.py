"""The order in which nodes can run. Files need not be sorted, though most are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from onnx import AttributeProto, GraphProto, NodeProto

from edgesite.errors import ModelError


def ordered(nodes: Sequence[NodeProto], where: str) -> list[NodeProto]:
    """The nodes, each after those it reads, otherwise as they come.

    Raises ModelError where nodes wait for each other.
    """
    producers = {name: at for at, node in enumerate(nodes) for name in node.output if name}
    waiting = [_before(node, producers) for node in nodes]
    if all(at > max(before, default=-1) for at, before in enumerate(waiting)):
        return list(nodes)
    done: list[int] = []
    placed = [False] * len(nodes)
    for start in range(len(nodes)):
        _place(start, waiting, placed, done)
    position = {at: i for i, at in enumerate(done)}
    stuck = [
        at for at in range(len(nodes)) if any(position[b] >= position[at] for b in waiting[at])
    ]
    if stuck:
        names = ", ".join(nodes[at].name or nodes[at].op_type for at in stuck[:5])
        raise ModelError(f"{where}: nodes wait for each other in a circle ({names}); export again")
    return [nodes[at] for at in done]


def _before(node: NodeProto, producers: dict[str, int]) -> set[int]:
    """The nodes that must run before a node."""
    return {producers[name] for name in reads(node) if name in producers}


def _place(start: int, waiting: list[set[int]], placed: list[bool], done: list[int]) -> None:
    """Append a node after all it waits for, depth first; nodes in a circle end up misplaced."""
    stack = [(start, iter(sorted(waiting[start])))] if not placed[start] else []
    placed[start] = True
    while stack:
        at, before = stack[-1]
        following = next((other for other in before if not placed[other]), None)
        if following is None:
            done.append(at)
            stack.pop()
        else:
            placed[following] = True
            stack.append((following, iter(sorted(waiting[following]))))


def reads(node: NodeProto) -> Iterator[str]:
    """The values a node reads, directly or in its subgraphs."""
    yield from filter(None, node.input)
    for graph in graphs_of(node).values():
        yield from free_names(graph)


def graphs_of(node: NodeProto) -> dict[str, GraphProto]:
    """The subgraphs of a node by attribute name."""
    return {
        attribute.name: attribute.g
        for attribute in node.attribute
        if attribute.type == AttributeProto.GRAPH and attribute.HasField("g")
    }


def free_names(graph: GraphProto) -> Iterable[str]:
    """The values a graph reads and does not make itself."""
    own = {value.name for value in graph.input}
    own.update(tensor.name for tensor in graph.initializer)
    own.update(tensor.values.name for tensor in graph.sparse_initializer)
    own.update(name for node in graph.node for name in node.output)
    wanted = dict.fromkeys(name for node in graph.node for name in reads(node))
    wanted.update(dict.fromkeys(value.name for value in graph.output))
    return [name for name in wanted if name not in own]
