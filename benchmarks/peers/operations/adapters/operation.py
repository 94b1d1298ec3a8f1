"""What the three measurements need of an index beyond searching."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...adapters.peer import Peer
from ...truth import Ids, Matrix

Mask: TypeAlias = npt.NDArray[np.bool_]
GRAPH_K = 15


class NotOffered(Exception):
    """The library, or the version of it that runs, lacks an operation; the text says which."""


class Filtered(Peer):
    """An index that is asked for the best rows among those of a mask."""

    def know(self, masks: dict[str, Mask]) -> None:
        """Masks that will be used many times, before `build`: a column in a database."""
        self._known = masks

    @abstractmethod
    def choose(self, mask: Mask) -> None:
        """Search among the rows of `mask` from now on; not timed for a mask that is kept."""

    def fresh(self, asked: tuple[Any, Mask]) -> Any:
        """One query with a mask that was never seen before: the call that is timed."""
        query, mask = asked
        self.choose(mask)
        return self.one(query)


class Changing(Peer):
    """An index that is changed after it was built. Ids are positions, counted on by appends."""

    def know(self, rows: Matrix) -> None:
        """All rows, later ones included, after `build`: where a caller's rescoring reads them."""

    @abstractmethod
    def append(self, rows: Matrix) -> None:
        """Add rows; their ids follow the last one's."""

    @abstractmethod
    def delete(self, ids: Ids) -> None:
        """Remove rows, in one call where there is one."""

    def upsert(self, ids: Ids, rows: Matrix) -> None:
        """Replace the vectors of known ids."""
        raise NotOffered("no replacement of a row under its id")

    def compact(self) -> None:
        """Give the room of deleted rows back."""
        raise NotOffered("no compaction")

    def held(self) -> int | None:
        """Bytes in memory as the library tells them."""
        return None


class Graph(Peer):
    """An index that gives the 15 nearest other rows of each of its rows."""

    rows_at_once = True

    def warm(self, rows: Matrix) -> None:
        """Compile what is compiled on first use; not timed."""

    @abstractmethod
    def graph(self) -> Ids:
        """Ids of shape (n, 15 or more), under the settings of `tune`; itself may be among them."""
