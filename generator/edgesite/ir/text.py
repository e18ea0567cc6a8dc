"""The printed form of a program: what golden tests compare and EDGESITE_EXPLAIN shows."""

from __future__ import annotations

from edgesite.ir.expr import Axis, Binary, Cast, Const, Expr, Load, Result, Select, Unary, Value
from edgesite.ir.graph import Graph, Map, Node, Reduce, Region, Scan, Scatter

_SYMBOLS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "floordiv": "//",
    "mod": "%",
    "and": "&",
    "or": "|",
    "xor": "^",
    "shl": "<<",
    "shr": ">>",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
_AXES = "ijklmnpqrstuvwxyz"


def axis_name(number: int) -> str:
    """A letter for an axis, or a letter with a number when letters run out."""
    return _AXES[number] if number < len(_AXES) else f"i{number}"


def format_expr(expr: Expr) -> str:
    """An expression in one line."""
    match expr:
        case Const():
            return f"{expr.value:g}" if expr.dtype.is_float else str(expr.value)
        case Axis():
            return axis_name(expr.number)
        case Load():
            return f"{expr.value.name}[{', '.join(map(format_expr, expr.index))}]"
        case Unary():
            return f"{expr.op}({format_expr(expr.x)})"
        case Binary() if expr.op in _SYMBOLS:
            return f"({format_expr(expr.a)} {_SYMBOLS[expr.op]} {format_expr(expr.b)})"
        case Binary():
            return f"{expr.op}({format_expr(expr.a)}, {format_expr(expr.b)})"
        case Select():
            a, b = format_expr(expr.a), format_expr(expr.b)
            return f"({format_expr(expr.condition)} ? {a} : {b})"
        case Cast():
            return f"{expr.dtype}({format_expr(expr.x)})"
        case Result():
            return "result"
    return repr(expr)


def format_value(value: Value) -> str:
    """A value with its type."""
    return f"{value.name}: {value.dtype}{list(value.shape)}"


def format_node(node: Node) -> str:
    """A node in one line."""
    body = format_expr(node.body)
    match node:
        case Map():
            text = f"map {body}"
        case Reduce():
            first = len(node.iteration)
            axes = ", ".join(
                f"{axis_name(first + k)} < {extent}" for k, extent in enumerate(node.extent)
            )
            text = f"{node.combine} over {axes}: {body}"
            if node.finish is not None:
                text += f"; then {format_expr(node.finish)}"
            if node.store is not None:
                text += (
                    f"; at [{', '.join(map(format_expr, node.store))}] of {list(node.iteration)}"
                )
        case Scan():
            flags = " exclusive" * node.exclusive + " reverse" * node.reverse
            text = f"scan {node.combine}{flags} along {axis_name(node.axis)}: {body}"
        case Scatter():
            base = "" if node.base is None else format_expr(node.base)
            where = ", ".join(map(format_expr, node.where))
            text = (
                f"scatter {node.combine} into {base} over {list(node.extent)} at [{where}]: {body}"
            )
        case Region():
            return _format_region(node)
        case _:
            text = body
    origin = f"  # {node.origin}" if node.origin else ""
    return f"{format_value(node.output)} = {text}{origin}"


def _format_region(node: Region) -> str:
    """A region: its rounds, what enters and leaves each, and its own program indented."""
    lines = [f"region {format_expr(node.body)} times, {node.counter.name} counting:"]
    for state in node.states:
        start = "" if state.start is None else f" from {state.start.name}"
        lines.append(
            f"  state {format_value(state.result)}: {state.before.name} = {state.after.name}{start}"
        )
    for word, slices in (("read", node.read), ("write", node.written)):
        for s in slices:
            turned = " from the end" if s.reverse else ""
            lines.append(f"  {word} {s.part.name} of {format_value(s.whole)}{turned}")
    if node.going is not None:
        lines.append(f"  while {node.going.name}")
    nodes = "\n".join(map(format_node, node.graph.nodes)).splitlines()
    return "\n".join([*lines, *(f"  {line}" for line in nodes)])


def format_graph(graph: Graph) -> str:
    """A program, a line per value."""
    lines = [f"input {format_value(value)}" for value in graph.inputs]
    lines += [f"constant {format_value(value)}" for value in graph.constants]
    lines += [format_node(node) for node in graph.nodes]
    lines += [f"output {value.name}" for value in graph.outputs]
    return "\n".join(lines) + "\n"
