"""Passes: a graph in, a better graph out, one module per idea."""

from edgesite.passes.fuse import fold_output_views, fuse_epilogues, inline_maps, inline_scalars

PIPELINE = (inline_scalars, inline_maps, fold_output_views, fuse_epilogues)
"""In this order; each is explained where it is defined."""
