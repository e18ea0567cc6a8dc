"""temporary"""
from typing import Any
class Mathematics:
    def __init__(self, module: Any, relaxed: bool = False) -> None: ...
    def has_vector(self, op: str) -> bool: return False
    def call(self, f: Any, op: str, *a: Any) -> Any: raise NotImplementedError(op)
    def call_vector(self, f: Any, op: str, *a: Any) -> Any: raise NotImplementedError(op)
