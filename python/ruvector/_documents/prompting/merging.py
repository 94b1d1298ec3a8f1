"""Hits that say the same become one."""

from __future__ import annotations

from .hits import Hit


def merged(hits: list[Hit]) -> list[Hit]:
    """Return hits without repetition, each where the best of those that it is made of was.

    Spans of one file that overlap become one span with the joined text, if the texts agree where
    they overlap. Of equal texts the best hit stays.
    """
    spans: dict[str, list[tuple[int, Hit]]] = {}
    ranked: list[tuple[int, Hit]] = []
    for rank, hit in enumerate(hits):
        if hit.path is not None and _is_exact(hit):
            spans.setdefault(hit.path, []).append((rank, hit))
        else:
            ranked.append((rank, hit))
    for of_file in spans.values():
        ranked += _joined(of_file)
    kept: dict[str, Hit] = {}
    for _, hit in sorted(ranked, key=lambda one: one[0]):
        text = hit.text.strip()
        first = kept.setdefault(text, hit)
        if first is not hit:
            kept[text] = first._replace(rows=(*first.rows, *hit.rows))
    return list(kept.values())


def _is_exact(hit: Hit) -> bool:
    """Return whether the span is that of the text, letter by letter."""
    if hit.start is None or hit.end is None:
        return False
    return hit.start >= 0 and hit.end - hit.start == len(hit.text)


def _joined(hits: list[tuple[int, Hit]]) -> list[tuple[int, Hit]]:
    """Join spans of one file that overlap."""
    out: list[tuple[int, Hit]] = []
    for rank, hit in sorted(hits, key=lambda one: (_start(one[1]), -len(one[1].text))):
        if out:
            best, last = out[-1]
            inside = _start(last) + len(last.text) - _start(hit)  # letters that both have
            shared = min(inside, len(hit.text))
            at = _start(hit) - _start(last)
            if inside > 0 and last.text[at : at + shared] == hit.text[:shared]:
                out[-1] = min(best, rank), _join(last, hit, inside, best < rank)
                continue
        out.append((rank, hit))
    return out


def _join(first: Hit, second: Hit, shared: int, first_is_better: bool) -> Hit:
    better, other = (first, second) if first_is_better else (second, first)
    text = first.text + second.text[shared:]
    return first._replace(
        text=text,
        end=_start(first) + len(text),
        score=better.score,
        rows=(*better.rows, *other.rows),
    )


def _start(hit: Hit) -> int:
    return hit.start or 0
