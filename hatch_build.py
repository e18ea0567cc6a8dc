"""What a wheel holds beside the package: the theme, and the bundles made from it beforehand.

An editable install takes both from the checkout, and needs neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ThemeHook(BuildHookInterface):  # type: ignore[type-arg]
    """Put theme/ into the package, where `theme_folder()` of site/assets.py looks for it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the theme to a wheel; refuse to build one without bundles."""
        if version == "editable":
            return
        bundles = Path(self.root, "generator", "edgesite", "bundles")
        if not (bundles / "worker.js").is_file():
            self.app.abort(
                f"{bundles}: the bundles are missing, and a wheel must not need Node; "
                "run npm ci && npm run bundle first, or make wheel, which does both"
            )
        build_data["force_include"]["theme"] = "edgesite/theme"
