"""Put the tables of a run into the README, in place of the same tables of an earlier run."""

from __future__ import annotations

import re
from typing import Any

import report

TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
MACHINE = re.compile(r"One run of `make bench` \(.*?\)", re.DOTALL)


def refresh(readme: str, results: str, machine: dict[str, Any]) -> str:
    """Return the README with every table whose first line the results have too replaced by it."""
    recorded = {table.split("\n", 1)[0]: table for table in TABLE.findall(results)}
    said = f"One run of `make bench` ({machine['cpu']}, {machine['cores']} cores, "
    said += f"{machine['backend']}, {machine['date']};\nother processes used "
    said += f"{report.busy(machine['cores_used_by_others'])} meanwhile)"
    readme = MACHINE.sub(lambda _: said, readme)
    return TABLE.sub(lambda old: recorded.get(old[0].split("\n", 1)[0], old[0]), readme)
