"""An assembler: modules, functions and typed expressions; it knows nothing of tensors."""

from edgesite.wasm.body import Label
from edgesite.wasm.build import Module
from edgesite.wasm.expression import Constant, Local, Operand, Value, constant, instruction
from edgesite.wasm.function import Function, Global
from edgesite.wasm.types import (
    F32,
    F32X4,
    F64,
    F64X2,
    I8X16,
    I16X8,
    I32,
    I32X4,
    I64,
    I64X2,
    V128,
    Type,
)

__all__ = [
    "F32",
    "F32X4",
    "F64",
    "F64X2",
    "I8X16",
    "I16X8",
    "I32",
    "I32X4",
    "I64",
    "I64X2",
    "V128",
    "Constant",
    "Function",
    "Global",
    "Label",
    "Local",
    "Module",
    "Operand",
    "Type",
    "Value",
    "constant",
    "instruction",
]
