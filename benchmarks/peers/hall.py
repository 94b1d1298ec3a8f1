"""The processes of a data set: started when they are needed, their variants built in them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from .houses import House, houses
from .pipes import Gone, Servant
from .variants import Variant

Start = Callable[[House, pathlib.Path], Servant]


class Hall:
    """Asks variants wherever they live. A house that died is started again for the others."""

    def __init__(self, start: Start, folder: pathlib.Path, threads: int, limit: float) -> None:
        self._start, self._folder, self._threads, self._limit = start, folder, threads, limit
        self._servants: dict[House, Servant] = {}
        self._opened: dict[House, set[str]] = {}
        self._known: dict[str, Variant] = {}

    def __enter__(self) -> Hall:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for servant in self._servants.values():
            servant.end()

    def open(self, variant: Variant) -> list[dict[str, Any]]:
        """Build a variant where it lives, unless it is there; the records of its builds."""
        self._known[variant.name] = variant
        found = [self._open(house, variant.name) for house, _ in houses(variant, self._threads)]
        return [record for record in found if record is not None]

    def _open(self, house: House, name: str) -> dict[str, Any] | None:
        servant = self._servant(house)
        if name in self._opened[house]:
            return None
        record: dict[str, Any] = servant.ask({"do": "open", "name": name}, self._limit)
        self._opened[house].add(name)
        return record

    def _servant(self, house: House) -> Servant:
        servant = self._servants.get(house)
        if servant is None or not servant.alive:
            self._opened[house] = set()
            log = self._folder / f"{house.name.replace('+', '_')}.log"
            servant = self._servants[house] = self._start(house, log)
        return servant

    def sweep(self, variant: Variant, thin: bool) -> list[dict[str, Any]]:
        """The coarse records of a variant that is open."""
        records = []
        for house, parts in houses(variant, self._threads):
            request = {"do": "sweep", "name": variant.name, "parts": parts, "thin": thin}
            records += self._servant(house).ask(request, self._limit)
        return records

    def ask(self, name: str, way: str, request: dict[str, Any]) -> Any:
        """Send a request to a variant, in the process that is asked that way."""
        house = next(h for h, parts in houses(self._known[name], self._threads) if way in parts)
        self._open(house, name)
        return self._servants[house].ask({**request, "name": name}, self._limit)

    def keep(self, names: Iterable[str]) -> None:
        """Let all other variants go, and with its last variant a process."""
        kept = set(names)
        for house, opened in self._opened.items():
            servant = self._servants[house]
            for name in sorted(opened - kept):
                opened.discard(name)
                if not opened:
                    servant.end()
                elif servant.alive:
                    try:
                        servant.ask({"do": "drop", "name": name}, self._limit)
                    except Gone:
                        servant.end()

    def pids(self) -> list[int]:
        """The processes that live."""
        return [servant.pid for servant in self._servants.values() if servant.alive]
