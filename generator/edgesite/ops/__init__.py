"""What ONNX operators mean, in primitives: one short function each, one module per family."""

from edgesite.ops import elementwise as elementwise
from edgesite.ops.registry import call, find, is_supported, names, operator

__all__ = ["call", "find", "is_supported", "names", "operator"]
