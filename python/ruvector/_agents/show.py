"""What a notebook shows of agents: their cards, tasks, and how far a stream is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .._show import html

if TYPE_CHECKING:
    from .artifacts import Artifact
    from .card import AgentCard, CardTrust
    from .message import Part
    from .task import Task

_MOST_ROWS: Final = 20
_MOST_TEXT: Final = 200  # letters of a cell
_TRUSTED: Final = {
    "verified": "verified: signed with a key that is trusted",
    "self_certified": "not verified: signed with its own key, which nobody named",
    "signed_unknown_key": "not verified: signed with a key that nobody named",
    "unsigned": "not verified: the card is not signed",
    "insecure": "not verified: nothing was looked at",
    "unknown": "not known",
}


def cut(text: str, most: int = _MOST_TEXT) -> str:
    """Return a text of an agent for a cell: in one line, its controls escaped, and cut.

    Signs that change the direction of writing are controls here: they could make one cell look
    like another.
    """
    line = " ".join(text[: 4 * most].split())
    plain = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line[:most])
    return plain if len(line) <= most and len(text) <= 4 * most else plain + "..."


def card(of: AgentCard, trust: CardTrust | None = None) -> str:
    """Return a card as HTML, with what is known of who wrote it."""
    rows: list[tuple[str, object]] = [("description", cut(of.description))]
    if of.provider is not None:
        rows.append(("provider", cut(of.provider.organization)))
    if trust is not None:
        rows.append(("trust", _TRUSTED[trust.level]))
        if trust.warning is not None:
            rows.append(("warning", cut(trust.warning)))
    elif of.agent_id is None:
        rows.append(("trust", "no signature proves its agent_id"))
    if of.agent_id is not None:
        rows.append(("agent_id, proved", cut(of.agent_id)))
    rows += [
        (cut(f"{one.binding} {one.version}", 40), cut(one.url))
        for one in of.interfaces[:_MOST_ROWS]
    ]
    can = [
        name
        for name, has in (
            ("streaming", of.capabilities.streaming),
            ("push notifications", of.capabilities.push_notifications),
            ("extended card", of.capabilities.extended_card),
        )
        if has
    ]
    rows.append(("can", ", ".join(can) or "answer"))
    rows += [
        ("extension" + (", required" if one.required else ""), cut(one.uri))
        for one in of.capabilities.extensions[:_MOST_ROWS]
    ]
    schemes = [cut(f"{one.name} ({one.scheme or one.kind})", 60) for one in of.schemes[:_MOST_ROWS]]
    if schemes:
        rows.append(("takes", ", ".join(schemes)))
    table = html.facts(f"Agent {cut(of.name, 60)} {cut(of.version, 20)}", rows)
    if not of.skills:
        return table
    head = ("skill", "name", "what it says", "tags")
    listed = [
        (cut(one.id, 40), cut(one.name, 60), cut(one.description), cut(", ".join(one.tags), 60))
        for one in of.skills[:_MOST_ROWS]
    ]
    return table + html.grid(_counted("Skills", len(of.skills)), head, listed)


def task(of: Task) -> str:
    """Return a task as HTML, with what it made."""
    title = "Direct answer" if of.id is None else f"Task {cut(of.id, 60)}"
    return html.facts(title, _state(of)) + _artifacts(of)


def progress(of: Task, updates: int, ended: bool) -> str:
    """Return how far a stream is as HTML: its task as known so far, and what came."""
    rows: list[tuple[str, object]] = [
        ("stream", f"{updates:,} updates, {'ended' if ended else 'goes on'}"),
        *_state(of),
    ]
    title = "Stream" if of.id is None else f"Stream of task {cut(of.id, 60)}"
    return html.facts(title, rows) + _artifacts(of)


def _state(of: Task) -> list[tuple[str, object]]:
    waits = {"input-required": "waits for an answer", "auth-required": "waits for credentials"}
    state = cut(of.state.value, 40)
    rows: list[tuple[str, object]] = [
        ("state", f"{state}: {waits[state]}" if state in waits else state)
    ]
    if of.status.timestamp is not None:
        rows.append(("since", f"{of.status.timestamp:%Y-%m-%d %H:%M:%S} UTC"))
    if of.context_id is not None:
        rows.append(("context", cut(of.context_id, 60)))
    said = of.direct_message or of.status.message
    if said is not None:
        rows.append(("says", cut(said.text) or _kinds(said.parts)))
    if of.usage is not None:
        used = [
            f"{value:,} {name}"
            for name, value in (
                ("tokens in", of.usage.input_tokens),
                ("tokens out", of.usage.output_tokens),
            )
            if value is not None
        ]
        if of.usage.cost_usd is not None:
            used.append(f"{of.usage.cost_usd:.4g} USD")
        rows.append(("reports to have used", ", ".join(used) or "nothing that can be read"))
    if of.gap:
        rows.append(("gap", "updates may be missing: a stream was interrupted"))
    return rows


def _artifacts(of: Task) -> str:
    if not of.artifacts:
        return ""
    head = ("artifact", "parts", "content")
    listed = [
        (cut(one.name or one.artifact_id, 60), _kinds(one.parts), _content(one))
        for one in of.artifacts[:_MOST_ROWS]
    ]
    return html.grid(_counted("Artifacts", len(of.artifacts)), head, listed)


def _counted(what: str, count: int) -> str:
    more = f", the first {_MOST_ROWS} of them" if count > _MOST_ROWS else ""
    return f"{what} ({count:,}{more})"


def _kinds(parts: Sequence[Part]) -> str:
    """Return how many parts of what kind there are: ``3 text, 1 data``."""
    found: dict[str, int] = {}
    for part in parts:
        found[part.kind] = found.get(part.kind, 0) + 1
    return ", ".join(f"{count:,} {kind}" for kind, count in found.items()) or "none"


def _content(artifact: Artifact) -> str:
    """Return what a cell shows: the text, else what the first part is."""
    said = artifact.text
    if said or not artifact.parts:
        return cut(said)
    first = artifact.parts[0]
    named = f"{cut(first.filename, 60)}, " if first.filename else ""
    if first.kind == "raw":
        size = html.size(len(first.base64 or "") * 3 // 4)
        return f"{named}{cut(first.media_type or 'bytes', 60)}, about {size}"
    if first.kind == "data":
        return cut(repr(first.data)) if _short(first.data) else "JSON, long"
    return named + cut(first.url or first.kind)


def _short(value: object, most: int = 50) -> bool:
    """Return whether a value has few parts, none of them long, so that its repr is cheap."""
    ahead, seen = [value], 0
    while ahead:
        one = ahead.pop()
        seen += 1
        inner = list(one.values()) if isinstance(one, dict) else one
        if isinstance(inner, list):
            ahead += inner[: most + 1]
        long = len(inner) > 1000 if isinstance(inner, str) else False
        if long or (isinstance(inner, int) and abs(inner) >= 2**128):
            return False
        if seen > most:
            return False
    return True
