"""ONNX in, a clean static ONNX graph out."""

from edgesite.frontend.graph import OutputInfo, Source, StaticGraph, StaticNode, ValueInfo
from edgesite.frontend.model import import_model

__all__ = [
    "OutputInfo",
    "Source",
    "StaticGraph",
    "StaticNode",
    "ValueInfo",
    "import_model",
]
