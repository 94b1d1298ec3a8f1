"""`rv.prompt`: what was found, as the sources that a language model answers from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from .._arguments import positive
from .._errors import InvalidArgument
from .._habits import told
from .._show import html
from .prompting.counting import counter_of
from .prompting.hits import Hit, read_hits
from .prompting.lines import Citation, clean, laid_out, sentence_ends, word_ends
from .prompting.merging import merged

_SHOWN: Final = 80  # letters of a text in a table


class Prompt(str):
    """A prompt: text with the citations that it contains. Made by `prompt`; a `str`.

    Attributes
    ----------
    citations : list of Citation
        What ``[1]``, ``[2]``, ... stand for: see there.
    tokens : int
        Of the whole text.
    counted_by : str
        What counted them: the id of an embedder, the name of the function that was given, or the
        rule of an estimate.
    """

    citations: list[Citation]
    tokens: int
    counted_by: str

    def __new__(
        cls, text: str, citations: Sequence[Citation] = (), tokens: int = 0, counted_by: str = ""
    ) -> Prompt:
        """Make a prompt of its text and what is known of it."""
        self = super().__new__(cls, text)
        self.citations, self.tokens, self.counted_by = list(citations), tokens, counted_by
        return self

    def _repr_html_(self) -> str:
        rows = [
            (
                f"[{one.number}]", clean(one.path or f"row {one.rows[0]}"),
                "" if one.start is None or one.end is None else f"{one.start}-{one.end}",
                "" if one.page is None else one.page, clean(one.heading or ""),
                clean(one.text[:_SHOWN]) + ("…" if len(one.text) > _SHOWN or one.cut else ""),
            )
            for one in self.citations
        ]  # fmt: skip
        title = f"Prompt: {self.tokens:,} tokens ({self.counted_by})"
        head = ["", "source", "characters", "page", "heading", "text"]
        text = f'<pre style="white-space:pre-wrap">{html.escape(self)}</pre>'
        return f"{html.grid(title, head, rows)}<details><summary>text</summary>{text}</details>"


@told
def prompt(
    question: str,
    hits: Any,
    *,
    text: Any = "text",
    source: Any = "path",
    budget: int = 2000,
    count_tokens: Any = None,
) -> Prompt:
    """Write a question and the texts found for it as a prompt that asks for citations.

    Sources are numbered from the best on, with path, span, page and headings. Hits of equal text
    are one source, and so are spans of one file that overlap. Sources are taken while they fit;
    the first that does not is cut at the end of a sentence, and ends the list.

    Parameters
    ----------
    question : str
    hits : frame, or list of dicts
        An answer of `search` or `hybrid` to one query, or ``result.rows(frame)``. Put in order by
        its ``rerank_score``, else ``fused_score``, else the score of a metric, else as it is.
        Columns ``start``, ``end``, ``page`` and ``heading`` are used where they are there. Rows
        without text are left out.
    text : column label
        The texts.
    source : column label or None
        Where they come from. None cites rows by their number.
    budget : int
        Tokens of the whole prompt, the question and what is around the sources included. It is
        never longer.
    count_tokens : callable or Embedder, optional
        A function of a text that returns how many tokens it has, for example of the model that
        will answer. When not given: the tokenizer of the embedder that made a column of vectors of
        the hits, else of the configured or default embedder, else an estimate of one token for
        every three bytes of UTF-8. ``counted_by`` of the answer says which.

    Returns
    -------
    Prompt
        A str with ``citations``, ``tokens`` and ``counted_by``. It can be written as UTF-8: what
        has no place in a text (control characters, halves of surrogate pairs) is U+FFFD there, not
        in the citations. Only lines that begin with a number in brackets begin a source, whatever
        texts, paths and question contain: lines of sources begin with ``>``.

    Raises
    ------
    InvalidArgument
        The question is blank or does not fit into the budget; hits of several queries, or without
        texts, such as a `SearchResult`.
    ColumnError
        A column is missing, or not of text; names what is there, or the row.

    See Also
    --------
    search, hybrid : find the texts.

    Notes
    -----
    Thread-safe. Where no source fits whole or cut at a sentence, the best is cut at a word.

    Examples
    --------
    >>> import ruvector as rv
    >>> hits = [{"text": "Keys rotate each night.", "path": "keys.md", "start": 0, "end": 23}]
    >>> asked = rv.prompt("When do keys rotate?", hits, count_tokens=len)
    >>> print(asked.splitlines()[2])
    [1] keys.md (characters 0-23)
    >>> asked.citations[0].path
    'keys.md'
    """
    if not isinstance(question, str) or not question.strip():
        raise InvalidArgument(f"question={question!r:.60} must be text that is not blank")
    most = positive("budget", budget)
    read = read_hits(hits, text, source)
    count, name = counter_of(count_tokens, read.frame)
    alone = count(laid_out(question, ()))
    if alone > most:
        raise InvalidArgument(
            f"budget={most}: the question and the lines around the sources have {alone} tokens "
            f"alone ({name}); raise it, or shorten the question"
        )

    def fits(citations: list[Citation]) -> bool:
        return count(laid_out(question, citations)) <= most

    chosen = _chosen(merged(read.hits), fits)
    whole = laid_out(question, chosen)
    return Prompt(whole, chosen, count(whole), name)


def _chosen(hits: list[Hit], fits: Callable[[list[Citation]], bool]) -> list[Citation]:
    """Return as many hits as fit, the last cut; one that does not fit even so is left out."""
    chosen: list[Citation] = []
    for hit in hits:
        whole = _citation(len(chosen) + 1, hit, len(hit.text))
        if fits([*chosen, whole]):
            chosen.append(whole)
            continue
        short = _cut(hit, sentence_ends(hit.text), chosen, fits)
        if short is not None:
            return [*chosen, short]
    if not chosen and hits:
        short = _cut(hits[0], word_ends(hits[0].text), chosen, fits)
        return [] if short is None else [short]
    return chosen


def _cut(
    hit: Hit, ends: Sequence[int], chosen: list[Citation], fits: Callable[[list[Citation]], bool]
) -> Citation | None:
    """Return the most of a hit that fits and stops at one of some ends, None for nothing.

    Ends are tried from the first on in steps that double, so that little of a long text is counted.
    """
    most: Citation | None = None
    low, high, step = 0, len(ends), 1  # what ends before `low` fits, from `high` on not
    while low < high:
        middle = min(low + step, high) - 1 if high == len(ends) else (low + high) // 2
        tried = _citation(len(chosen) + 1, hit, ends[middle])
        if fits([*chosen, tried]):
            most, low, step = tried, middle + 1, step * 2
        else:
            high = middle
    return most


def _citation(number: int, hit: Hit, length: int) -> Citation:
    cut = length < len(hit.text)
    end = hit.end
    if cut and hit.start is not None and end is not None:
        end = min(end, hit.start + length)
    return Citation(
        number, hit.path, hit.start, end, hit.page, hit.heading, hit.text[:length], hit.score,
        hit.rows, cut,
    )  # fmt: skip
