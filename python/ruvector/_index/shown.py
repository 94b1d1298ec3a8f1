"""An index as a notebook shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _native
from .._show import html
from .method import method

if TYPE_CHECKING:
    from .index import Index


@method
def _repr_html_(self: Index) -> str:
    if not self._handle.value:
        return html.facts("ruvector.Index", [("closed", "build or load it again")])
    info = _native.info(self._handle)
    rows: list[tuple[str, object]] = [
        ("rows", f"{info['rows']:,}"),
        ("dimensions", info["dim"]),
        ("metric", self.metric),
        ("kind", info["kind"]),
        ("bits", info["bits"] or "none"),
        ("null rows", f"{info['nulls']:,}"),
        ("ids", info["id_kind"]),
        ("index memory", html.size(info["index_bytes"])),
        ("borrowed memory", html.size(info["borrowed_bytes"])),
        ("vectors", info["where"] or info["keep"] if info["vectors"] else "codes only"),
    ]
    if info["changed"]:
        rows.append(("added", f"{info['added']:,}"))
        rows.append(("deleted, not compacted", f"{info['deleted']:,}"))
    if info["advice"]:
        rows.append(("advice", info["advice"]))
    if info["kind"] == "ivf":
        rows.append(("cells", f"{info['cells']:,}"))
        rows.append(("bits scanned", info["plane"]))
        rows += [
            (
                f"recall target {point['target']:g}",
                f"{point['probes']:,} cells at most, {point['recall']:.3f} measured",
            )
            for point in info["calibration"] or ()
            if point["vectors"] == info["vectors"]
        ]
    return html.facts("ruvector.Index", rows)
