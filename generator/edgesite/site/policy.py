"""What the Content-Security-Policy of a page lets it load and run: what is the site's own."""

from __future__ import annotations

POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self'",
    "style-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}

WITH_LINKS = {"connect-src": "'self' https: http:"}
"""What a page needs in addition that fetches the pictures whose addresses it is given."""


def policy(changes: dict[str, str]) -> str:
    """Write the policy as its meta element has it."""
    return "; ".join(f"{name} {sources}" for name, sources in (POLICY | changes).items())
