"""Functions of numbers for WebAssembly, which has none of them built in."""

from edgesite.targets.wasm import half
from edgesite.targets.wasm.mathematics import exponential
from edgesite.targets.wasm.mathematics.kernel import Mathematics

__all__ = ["Mathematics", "exponential", "half"]
