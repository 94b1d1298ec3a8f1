"""What one case draws, from a seed that is two numbers, and what it says of itself."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


class Mismatch(AssertionError):
    """The library did not answer as the model does; `check` names the rule that was broken."""

    def __init__(self, check: str, detail: str = "") -> None:
        super().__init__(f"{check}: {detail}" if detail else check)
        self.check = check


class Case:
    """The random choices of one case; `notes` is what a reader of a failure needs."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.np = np.random.default_rng(self.random.getrandbits(64))
        self.notes: list[str] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def note(self, *words: object) -> None:
        """Add to the description of the case."""
        self.notes.append(" ".join(str(word) for word in words))

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of `choices`, all as likely."""
        return self.random.choice(choices)

    def weigh(self, choices: dict[T, float]) -> T:
        """Return one key of `choices`, as likely as its weight."""
        return self.random.choices(list(choices), list(choices.values()))[0]

    def chance(self, share: float) -> bool:
        """Return True in `share` of the cases."""
        return self.random.random() < share

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return self.random.randint(low, high)

    def some(self, items: Sequence[T], most: int) -> list[T]:
        """Return up to `most` different ones of `items`, in random order."""
        return self.random.sample(list(items), min(len(items), self.whole(0, most)))

    def path(self, name: str) -> Path:
        """Return a path in a folder that goes away with the case."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="ruvector-differential-")
        return Path(self._folder.name) / name

    def close(self) -> None:
        """Remove the files of the case."""
        if self._folder is not None:
            self._folder.cleanup()

    def story(self) -> str:
        """Return what was drawn, in order."""
        return " | ".join(self.notes)


def require(holds: Any, check: str, detail: str = "") -> None:
    """Raise Mismatch unless `holds`."""
    if not holds:
        raise Mismatch(check, detail)
