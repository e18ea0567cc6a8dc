"""What a build tells of what it does and of what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgesite.site.demo import Proof

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DONE = "done"


@dataclass(frozen=True)
class Step:
    """What a build is about to do, or has done."""

    stage: str
    """compile, verify or render a demo, DONE when it is made; write the site."""

    slug: str | None
    """The demo it is about; None for what is about the whole site."""

    done: int
    total: int
    """Demos finished and demos in all."""


Progress = Callable[[Step], None]


@dataclass(frozen=True)
class PageReport:
    """What became of a demo."""

    slug: str
    title: str
    code_bytes: int
    """The larger of the two modules."""

    code_gzip_bytes: int
    weights_bytes: int
    examples: int
    proof: Proof
    cached: bool
    """Whether the model was compiled by an earlier build."""

    elapsed_ms: float = 0.0

    def plain(self) -> dict[str, Any]:
        """As JSON has it, without what is true of one build alone."""
        return {k: v for k, v in asdict(self).items() if k not in ("cached", "elapsed_ms")}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> PageReport:
        """From its plain form, as one from the cache."""
        proof = plain["proof"]
        whole = Proof(**{**proof, "targets": tuple(proof["targets"])})
        return cls(**{**plain, "proof": whole}, cached=True)


@dataclass(frozen=True)
class Report:
    """What a build wrote."""

    out: Path
    pages: tuple[PageReport, ...]
    warnings: tuple[str, ...]
    files: int
    size_bytes: int
    elapsed_ms: float


def silent(step: Step) -> None:
    """Tell nobody."""
