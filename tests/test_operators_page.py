"""docs/operators.md is made from the code: `python -m tests.test_operators_page` makes it anew."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from onnx import FunctionProto, TensorProto, defs, helper

from edgesite import ops
from edgesite.frontend.control import CONTROL
from edgesite.frontend.opsets import OLDEST
from edgesite.ir import DType

PAGE = Path(__file__).parents[1] / "docs" / "operators.md"

HEAD = f"""\
# Operators

Made from the code by `.venv/bin/python -m tests.test_operators_page`; a test says when it is old.

A model is taken as a whole or not at all: `edgesite check MODEL.onnx` lists every node that
stands in the way, with the reason and what to do. Opsets from {OLDEST} on mean what the standard
says; older files are put in terms of opset {OLDEST} first. Whatever follows from constants alone is
computed when the model is compiled, by onnx's reference evaluator, for every operator that it has.

- **Since** is the oldest version of the operator that is understood.
- **Types** are those of the first operand. Floats have 16, 32 or 64 bits, integers 8 to 64, with
  or without a sign; small ones have fewer. float16, bfloat16 and what is smaller are stored as
  such and computed in float32.
- **Known when compiled** are operands that must be constants, or be fixed with `constants=`.
- **Refused** is what the standard allows and edgesite does not.
"""

TITLES = {"": "ONNX", "ai.onnx.ml": "ai.onnx.ml", "com.microsoft": "com.microsoft"}
BODIES = """\
## Through their bodies

The standard says what these are made of, and that is what is compiled:

"""
IMPORTED = """\
## While the model is read

`Constant` is a constant and `ZipMap` its input. An `If` whose condition is known is one of its
branches. Functions in the file are put in place of their calls.
"""
MISSING = """\
## Not supported

"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for domain in sorted({domain for domain, _ in ops.names()}):
        rows = [row(domain, name) for owner, name in ops.names() if owner == domain]
        head = f"## {TITLES.get(domain, domain)}\n\n{len(rows)} operators\n"
        table = [
            "| operator | since | types | known when compiled | refused |",
            "|---|---|---|---|---|",
        ]
        parts.append("\n".join([head, *table, *rows]) + "\n")
    standard = sorted(name for domain, name in latest() if domain == "")
    own = {name for domain, name in ops.names() if domain == ""}
    bodies = [name for name in standard if name not in own and through_body(name)]
    parts += [BODIES + ", ".join(f"`{name}`" for name in bodies) + "\n", IMPORTED]
    done = {*own, *bodies, "Constant"}
    rest = [f"`{n}`" for n in standard if n not in done and not latest()["", n].deprecated]
    return "\n".join([*parts, MISSING + ", ".join(rest) + "\n"])


@cache
def latest() -> Mapping[tuple[str, str], defs.OpSchema]:
    """The newest definition of every operator."""
    return {(schema.domain, schema.name): schema for schema in defs.get_all_schemas()}


def row(domain: str, name: str) -> str:
    functions = [ops.find(domain, name, since) for since in ops.versions(domain, name)]
    found = list(dict.fromkeys(said for f in functions if f for said in limits(f)))
    known = [text for kind, text in found if kind == "known"]
    refused = [text for kind, text in found if kind == "refused"]
    cells = (
        f"`{name}`",
        since_of(domain, name),
        types_of(domain, name),
        *map(listed, (known, refused)),
    )
    return "| " + " | ".join(cells) + " |"


def listed(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts)).replace("|", "\\|")


def since_of(domain: str, name: str) -> str:
    """The opset of the oldest version that is understood."""
    return str(max(min(ops.versions(domain, name)), OLDEST if domain == "" else 1))


def types_of(domain: str, name: str) -> str:
    """The element types that both the standard and edgesite have for the first operand."""
    schema = latest().get((domain, name))
    if schema is None or not schema.inputs:
        return ""
    allowed = {item.type_param_str: item.allowed_type_strs for item in schema.type_constraints}
    kind = schema.inputs[0].type_str
    names = re.findall(r"^tensor\((\w+)\)$", "\n".join(allowed.get(kind, [kind])), re.M)
    here = {SPELLED[name] for name in names if name in SPELLED}
    return grouped({dtype for dtype in DType if dtype.value in here})


SPELLED = {
    name.lower(): helper.tensor_dtype_to_np_dtype(code).name
    for name, code in TensorProto.DataType.items()
    if name != "UNDEFINED"
}
"""Element types as onnx's definitions write them."""


GROUPS: dict[str, Callable[[DType], bool]] = {
    "floats": lambda dtype: dtype.is_float,
    "integers": lambda dtype: dtype.is_integer,
    "small integers": lambda dtype: dtype.is_coded and "int" in dtype.value,
    "small floats": lambda dtype: dtype.is_coded and "float" in dtype.value,
    "floats of a byte": lambda dtype: "float8_e" in dtype.value and "e8m0" not in dtype.value,
}


def grouped(dtypes: set[DType]) -> str:
    words = []
    for word, belongs in GROUPS.items():
        group = {dtype for dtype in DType if belongs(dtype)}
        if group and group <= dtypes:
            words.append(word)
            dtypes = dtypes - group
    words += [dtype.value for dtype in DType if dtype in dtypes]
    return ", ".join(words)


Said = tuple[str, str]


def limits(function: Callable[..., Any], seen: frozenset[str] = frozenset()) -> Iterator[Said]:
    """What a function, and those of its package that it calls, refuse or want to know."""
    module = sys.modules[function.__module__]
    for node in ast.walk(tree_of(function)):
        match node:
            case ast.Call(func=ast.Attribute(attr="known"), args=[text, *_]):
                yield "known", plain(text)
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=[text, *_])) if (
                name.startswith("Unsupported")
            ):
                yield "refused", plain(text).split(";")[0]
            case ast.Name(id=name) if name not in seen:
                called = getattr(module, name, None)
                if inspect.isfunction(called) and is_meaning(called.__module__):
                    seen |= {name}
                    yield from limits(called, seen)


def is_meaning(module: str) -> bool:
    """Whether a module says what operators mean."""
    return module.startswith("edgesite.ops.") and module != "edgesite.ops.registry"


@cache
def tree_of(function: Callable[..., Any]) -> ast.AST:
    return ast.parse(inspect.cleandoc("\n" + inspect.getsource(function)))


def plain(text: ast.expr) -> str:
    """A message of the source, with dots where values go."""
    match text:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(plain(value) for value in values)
    return "…"


def through_body(name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether the standard makes an operator of ones that are supported."""
    schema: Any = latest()["", name]
    if schema.deprecated or name in {*seen, *CONTROL, "Bernoulli"}:
        return False
    if not schema.has_function:
        return bool(schema.has_context_dependent_function)
    body = FunctionProto.FromString(
        schema.get_function_with_opset_version(max(schema.function_opset_versions))
    )
    return all(
        node.op_type == "Constant"
        or ops.is_supported(node.domain, node.op_type)
        or through_body(node.op_type, seen | {name})
        for node in body.node
    )


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run .venv/bin/python -m tests.test_operators_page"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Reshape", "the shape of Reshape"),
        ("Relu", "| `Relu` | 7 | floats,"),
    ],
)
def test_limits_are_found_in_the_code(name: str, sentence: str) -> None:
    assert sentence in row("", name)


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE}: {len(ops.names())} operators")
