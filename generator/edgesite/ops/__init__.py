"""What ONNX operators mean, in primitives: one short function each, one module per family."""

from edgesite.ops import activation as activation
from edgesite.ops import arithmetic as arithmetic
from edgesite.ops import casting as casting
from edgesite.ops import control as control
from edgesite.ops import conv as conv
from edgesite.ops import dynamic as dynamic
from edgesite.ops import einsum as einsum
from edgesite.ops import features as features
from edgesite.ops import fill as fill
from edgesite.ops import fourier as fourier
from edgesite.ops import fused as fused
from edgesite.ops import gather as gather
from edgesite.ops import heads as heads
from edgesite.ops import integer as integer
from edgesite.ops import layout as layout
from edgesite.ops import linear as linear
from edgesite.ops import logic as logic
from edgesite.ops import mathematics as mathematics
from edgesite.ops import matmul as matmul
from edgesite.ops import matrix as matrix
from edgesite.ops import normalize as normalize
from edgesite.ops import pool as pool
from edgesite.ops import quantize as quantize
from edgesite.ops import quantized as quantized
from edgesite.ops import recurrent as recurrent
from edgesite.ops import reduce as reduce
from edgesite.ops import regions as regions
from edgesite.ops import resize as resize
from edgesite.ops import sample as sample
from edgesite.ops import sequences as sequences
from edgesite.ops import slices as slices
from edgesite.ops import sort as sort
from edgesite.ops import strings as strings
from edgesite.ops import text as text
from edgesite.ops import trees as trees
from edgesite.ops.dynamic import packed
from edgesite.ops.registry import call, find, is_supported, names, operator, versions
from edgesite.ops.sequences import TensorList

__all__ = ["TensorList", "call", "find", "is_supported", "names", "operator", "packed", "versions"]
