"""An index as a notebook shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _native
from .._show import html
from .method import method

if TYPE_CHECKING:
    from .index import Index


def by(index: Index) -> str:
    """Return what made the vectors of an index, for its repr; "" where that is not known."""
    made = index._made()
    if made is None:
        return ""
    from .._text.provenance import Provenance, shown  # no part of a start

    return f", embedder {shown(made.embedder if isinstance(made, Provenance) else made.id)}"


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
        ("embedder", by(self).removeprefix(", embedder ") or "not known"),
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
