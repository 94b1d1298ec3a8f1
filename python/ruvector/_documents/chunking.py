"""`rv.chunk`: texts cut into passages that fit an embedder, with their exact places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from .._arguments import limit, whole
from .._errors import EmbedError, InvalidArgument
from .._habits import told
from .._input.text_columns import TextColumn
from .._input.values import values_of
from .._native import PackedTexts, chunks
from .._native.task import aside
from .._progress import Progress
from .._settings import current
from .._text.embedder import Embedder, resolve

Ints = npt.NDArray[np.int64]
Kind = Literal["text", "markdown", "rst", "docstring", "code"]

DEFAULT_BUDGET: Final = 256
MOST_BUDGET: Final = 2**30
SEPARATOR: Final = " > "
_TITLE: Final = 200  # characters of a heading that a path keeps
_SPECIAL: Final = 2  # tokens that a model with a limit puts around a text
_LINES: Final = 4  # line ends by which is found what one counts
_COUNTED: Final = 4096  # texts whose tokens are counted in one call


@dataclass(frozen=True, eq=False)
class Chunks:
    """Passages of texts, by place: ``texts[text[i]][start[i]:end[i]]`` is passage i.

    Attributes
    ----------
    text : ndarray of int64, shape (n,)
        Which of the texts.
    start, end : ndarray of int64, shape (n,)
        Where in it, in characters as Python counts them.
    byte_start, byte_end : ndarray of int64, shape (n,)
        The same in bytes of UTF-8.
    heading : list of str, n
        The headings that it stands under, from the top, joined by ``" > "``; ``""`` for none. Of
        a long title the first 200 characters.
    tokens : ndarray of int64, shape (n,)
        Its size in the unit of the budget, an estimate unless the embedder counts; of a piece of
        another's splitter its tokens, -1 where no embedder counts them.
    """

    text: Ints
    start: Ints
    end: Ints
    byte_start: Ints
    byte_end: Ints
    heading: list[str]
    tokens: Ints

    def __len__(self) -> int:
        return len(self.text)

    def pieces(self, texts: str | Sequence[str]) -> list[str]:
        """Return the passages as strings, given the texts that were cut."""
        given = [texts] if isinstance(texts, str) else list(texts)
        places = zip(self.text.tolist(), self.start.tolist(), self.end.tolist(), strict=True)
        return [given[text][start:end] for text, start, end in places]

    def __repr__(self) -> str:
        return f"Chunks({len(self)} of {len(np.unique(self.text))} texts)"


@told
def chunk(
    texts: str | Sequence[str | None],
    *,
    kind: Kind = "text",
    budget: int | None = None,
    overlap: int = 0,
    unit: Literal["tokens", "characters"] = "tokens",
    embedder: Any = None,
    splitter: Any = None,
    headings: Any = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> Chunks:
    """Cut texts into passages, each an exact place of its text.

    Sections are cut at headings, then between paragraphs, list items, code blocks and tables,
    which stay whole where they fit; then between sentences, lines, words, and at last between the
    characters that a reader sees (an emoji sequence is never cut). Small parts go together up to
    the budget, never across a heading. A heading without a text of its own stays with the heading
    below it. Nothing but white space is left out.

    Parameters
    ----------
    texts : str or sequence of n str
        Null has no passages.
    kind : {"text", "markdown", "rst", "docstring", "code"}
        How its structure is written.
    budget : int, optional
        The most tokens of a passage: of the embedder's own tokenizer where it can count, which
        every passage is checked with; else estimated (see `unit`). Default: what the embedder
        reads of a text, at most 256. Only a single character that a reader sees may be over it.
    overlap : int
        How much of the passage before it a passage may repeat, under the same heading; below
        `budget`.
    unit : {"tokens", "characters"}
        What `budget` and `overlap` count; characters as Python does. An estimated token is five
        letters begun in a word, two digits, a sign, or a character of Chinese or Japanese.
    embedder : Embedder, or what `Embedder.from_pretrained` takes, optional
        Counts the tokens. None estimates, and loads nothing.
    splitter : callable or object, optional
        Cuts instead: a function from text to pieces, or an object of langchain_text_splitters,
        semchunk or chonkie. Its pieces are looked for in the text, in order; white space may
        differ. `budget`, `overlap` and `kind` are then its own business.
    headings : sequence of (start, end, level), or one such for each text, optional
        Where headings are, in characters, in order; level 1 is the highest, 64 the lowest. At
        level 0 a passage ends, though nothing is a heading (the next page, the next cell).
    threads : int
        0 for all cores.
    progress : bool, callable or None

    Returns
    -------
    Chunks

    Raises
    ------
    InvalidArgument
        A budget, overlap or heading that cannot be; a text with a lone surrogate, naming text and
        byte; a piece of a splitter that is not in its text.
    EmbedError
        A text is not text; names its row. The embedder's count fails.

    Examples
    --------
    >>> import ruvector as rv
    >>> notes = "# Keys\\n\\nRotate them.\\n\\n## How\\n\\nAsk twice."
    >>> found = rv.chunk(notes, kind="markdown")
    >>> found.pieces(notes)
    ['# Keys\\n\\nRotate them.', '## How\\n\\nAsk twice.']
    >>> found.heading
    ['Keys', 'Keys > How']
    """
    single = isinstance(texts, str)
    cells: list[Any] = [texts] if isinstance(texts, str) else _listed(texts)
    if kind not in chunks.KINDS:
        raise InvalidArgument(f"kind={kind!r}; use one of {', '.join(map(repr, chunks.KINDS))}")
    if unit not in ("tokens", "characters"):
        raise InvalidArgument(f"unit={unit!r}; use 'tokens' or 'characters'")
    marks = _marks(headings, len(cells), single)
    packed = TextColumn.of_list(cells).source
    assert isinstance(packed, PackedTexts)  # of a list
    shown = current.progress if progress is None else progress
    maker = None if embedder is None or unit == "characters" else resolve(embedder)
    if splitter is not None:
        count = None if maker is None else maker._model.count_tokens
        found = _split(splitter, cells, count, chunks.cut(
            packed, chunks.KINDS.index(kind), chunks.Sizes("characters", MOST_BUDGET, 0), marks,
            threads=limit(threads),
        ))  # fmt: skip
        return _answer(found, cells)
    sizes, count = _sizes(budget, overlap, unit, maker)
    found = chunks.cut(
        packed, chunks.KINDS.index(kind), sizes, marks, threads=limit(threads), progress=shown,
        count=None if count is None else _counter(count, cells),
    )  # fmt: skip
    return _answer(found, cells)


def _listed(texts: Any) -> list[Any]:
    cells: list[Any] = list(texts) if isinstance(texts, list | tuple) else values_of(texts).tolist()
    return cells


def _marks(headings: Any, texts: int, single: bool) -> Ints:
    """Return headings as rows of text, start, end and level."""
    if headings is None:
        return np.empty((0, 4), np.int64)
    each = [headings] if single else list(headings)
    if len(each) != texts:
        raise InvalidArgument(f"headings= is for {len(each)} texts of {texts}; None is for no one")
    rows: list[tuple[int, int, int, int]] = []
    for text, found in enumerate(each):
        for one in () if found is None else found:
            try:
                start, end, level = (whole("headings", number) for number in one)
            except (TypeError, ValueError):
                raise InvalidArgument(
                    f"headings= of text {text} has {one!r:.40}, not (start, end, level)", row=text
                ) from None
            if max(abs(start), abs(end), abs(level)) >= 2**62:
                raise InvalidArgument(f"headings= of text {text} has {one!r:.60}", row=text)
            rows.append((text, start, end, level))
    return np.array(rows, np.int64).reshape(-1, 4)


CountTexts = Callable[[list[str]], Any]


def _sizes(
    budget: Any, overlap: Any, unit: str, maker: Embedder | None
) -> tuple[chunks.Sizes, CountTexts | None]:
    """Return how texts are cut, and what counts their tokens."""
    count = None if maker is None else maker._model.count_tokens
    most = MOST_BUDGET
    if maker is not None and maker._model.max_tokens is not None:
        most = maker._model.max_tokens - _SPECIAL
        if count is not None and maker._model.document_prefix:
            most -= int(count([maker._model.document_prefix])[0])
        most = max(1, most)
    size = min(DEFAULT_BUDGET, most) if budget is None else whole("budget", budget)
    repeated = whole("overlap", overlap)
    if size < 1 or size > MOST_BUDGET:
        raise InvalidArgument(f"budget={size} must be 1 or more, and at most {MOST_BUDGET}")
    if size > most:
        assert maker is not None
        raise InvalidArgument(
            f"budget={size}, and {maker.id} reads {most} tokens of a text: the rest would not be "
            f"found; use budget={most} or less, or embedder=None for estimated tokens"
        )
    if not 0 <= repeated < size:
        raise InvalidArgument(
            f"overlap={repeated} of budget={size}; use 0 or more, and less than the budget"
        )
    if unit == "characters":
        return chunks.Sizes("characters", size, repeated), None
    if count is None:
        return chunks.Sizes("estimated", size, repeated), None
    base, one, lines = (int(n) for n in count(["", "a", f"a{_LINES * chr(10)}a"]))
    line_break = max(0, -(-(lines - 2 * one + base) // _LINES))
    return chunks.Sizes("counted", size, repeated, base, min(line_break, _LINES)), count


def _counter(count: CountTexts, texts: list[Any]) -> chunks.Count:
    """Return what counts the tokens of spans; Ctrl-C is seen meanwhile."""

    def spans(rows: Ints) -> Ints:
        def work(waiter: Any) -> Ints:
            tokens = np.empty(len(rows), np.int64)
            for at in range(0, len(rows), _COUNTED):
                if waiter.gone:
                    break
                part = rows[at : at + _COUNTED]
                places = zip(*(part[:, column].tolist() for column in (0, 3, 4)), strict=True)
                counted = np.asarray(count([texts[t][start:end] for t, start, end in places]))
                if counted.shape != (len(part),) or counted.dtype.kind not in "iu":
                    raise EmbedError(
                        f"the embedder counted the tokens of {len(part)} texts, and gave "
                        f"{counted.dtype} of shape {counted.shape}"
                    )
                tokens[at : at + len(part)] = counted
            return tokens

        return aside(work)

    return spans


def _split(
    splitter: Any, texts: list[Any], count: CountTexts | None, sections: chunks.Cuts
) -> chunks.Cuts:
    """Return the pieces of a splitter as chunks, each under the heading where it begins."""
    from .splitters import split_with  # here, since few bring one

    spans = [
        (row, start, end)
        for row, text in enumerate(texts)
        if isinstance(text, str) and text and not text.isspace()
        for start, end in split_with(splitter, text, row)
    ]
    rows = np.full((len(spans), 7), -1, np.int64)
    if spans:
        rows[:, (0, 3, 4)] = spans
    for row in np.unique(rows[:, 0]).tolist():
        mine = slice(*np.searchsorted(rows[:, 0], (row, row + 1)).tolist())
        places = rows[mine, 3:5]
        rows[mine, 1:3] = places if texts[row].isascii() else _in_bytes(texts[row], places)
        first, last = np.searchsorted(sections.chunks[:, 0], (row, row + 1))
        at = np.searchsorted(sections.chunks[first:last, 3], places[:, 0], "right") - 1
        rows[mine, 5] = sections.chunks[first + np.maximum(at, 0), 5]
    if count is not None and spans:
        rows[:, 6] = _counter(count, texts)(rows)
    return chunks.Cuts(rows, sections.headings)


def _in_bytes(text: str, places: Ints) -> Ints:
    """Return places of characters as places of bytes."""
    letters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    sizes = 1 + (letters > 0x7F) + (letters > 0x7FF) + (letters > 0xFFFF)
    ends: Ints = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return ends[places]


def _answer(found: chunks.Cuts, texts: list[Any]) -> Chunks:
    rows = np.ascontiguousarray(found.chunks.T)
    paths = list(_paths(found.headings, texts))
    return Chunks(
        text=rows[0], byte_start=rows[1], byte_end=rows[2], start=rows[3], end=rows[4],
        heading=[paths[at] if at >= 0 else "" for at in rows[5].tolist()], tokens=rows[6],
    )  # fmt: skip


def _paths(headings: Ints, texts: list[Any]) -> Iterator[str]:
    """Yield the path of each heading; those above stand before it."""
    made: list[str] = []
    for text, _, _, start, end, _, above in headings.tolist():
        title = " ".join(texts[text][start : min(end, start + 4 * _TITLE)].split())
        title = title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
        made.append(title if above < 0 else made[above] + SEPARATOR + title)
        yield made[-1]
