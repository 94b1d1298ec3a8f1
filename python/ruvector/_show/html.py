"""HTML for notebooks: one compact table without script or colour of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_TABLE = '<table style="border-collapse:collapse;font-size:90%;color-scheme:light dark">'


_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), "�")


def facts(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """Return a two-column table of facts under `title`."""
    body = "".join(
        f'<tr><th style="text-align:left;padding:1px 8px">{escape(name)}</th>'
        f'<td style="text-align:left;padding:1px 8px">{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"{_TABLE}{_caption(title)}<tbody>{body}</tbody></table>"


def grid(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with one header line under `title`."""
    head = "".join(f'<th style="padding:1px 8px">{escape(name)}</th>' for name in header)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="padding:1px 8px">{escape(str(cell))}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"{_TABLE}{_caption(title)}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def size(count: int) -> str:
    """Return a number of bytes as people read it, for example ``153.6 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def escape(text: str) -> str:
    """Return text with the characters that mean something in HTML written as entities.

    Control characters, which no page can hold, are shown as U+FFFD.
    """
    text = text.translate(_CONTROL)
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(plain, entity)
    return text


def _caption(title: str) -> str:
    return f'<caption style="text-align:left;font-weight:bold">{escape(title)}</caption>'
