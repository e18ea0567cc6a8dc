"""Demos and a theme in, a folder of pages out."""
