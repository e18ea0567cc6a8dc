"""Functions of numbers for WebAssembly, which has none of them built in."""

from edgesite.targets.wasm.mathematics import circular, exponential, half, power, vector
from edgesite.targets.wasm.mathematics.kernel import Mathematics

__all__ = ["Mathematics", "circular", "exponential", "half", "power", "vector"]
