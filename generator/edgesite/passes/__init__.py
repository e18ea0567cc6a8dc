"""Passes: a graph in, a better graph out, one module per idea."""

from edgesite.passes.fuse import fold_output_views, fuse_epilogues, inline_maps, inline_scalars
from edgesite.passes.quantize import compute_in_integers
from edgesite.passes.widen import widen_bytes

PIPELINE = (
    inline_scalars,
    compute_in_integers,
    widen_bytes,
    inline_maps,
    fold_output_views,
    fuse_epilogues,
)
"""In this order; each is explained where it is defined."""
