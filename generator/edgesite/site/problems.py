"""Problems gathered along the way, so that an author sees all of them in one go."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgesite.errors import EdgesiteError, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Problems:
    """A list that fills while work goes on, and is raised once."""

    def __init__(self) -> None:
        self._by_text: dict[str, EdgesiteError] = {}

    def __len__(self) -> int:
        return len(self._by_text)

    def add(self, error: EdgesiteError) -> None:
        """Note a problem, or every problem that it lists; the same words count once."""
        for problem in error.problems if isinstance(error, ProblemsError) else (error,):
            self._by_text.setdefault(str(problem), problem)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Note what the block raises, and go on after it."""
        try:
            yield
        except EdgesiteError as error:
            self.add(error)

    def raise_any(self) -> None:
        """Raise the only problem as it is, or ProblemsError with all of them."""
        problems = list(self._by_text.values())
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise ProblemsError(problems)
