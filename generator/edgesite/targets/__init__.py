"""Targets: how primitives become code, and the form in which code ships."""
