"""Texts cut into passages: exact places, budgets, headings; what cannot be is refused by name."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import ruvector as rv
from ruvector._documents.chunking import Chunks, chunk
from ruvector._text.model import Model

KINDS = ("text", "markdown", "rst", "docstring", "code")
NOTES = """# Keys

Rotate them. Dr. Who said so, e.g. in v1.2.

## How

Ask twice.

```sh
# no heading

rotate --all
```

# Other

- one
- two
"""


def covered(text: str, found: Chunks) -> None:
    """Everything but white space lies in a passage, in order."""
    at = 0
    for start, end in zip(found.start.tolist(), found.end.tolist(), strict=True):
        assert 0 <= start < end <= len(text)
        assert text[at:start].strip() == "", (at, start)
        assert not text[start].isspace() and not text[end - 1].isspace()
        at = end
    assert text[at:].strip() == ""


def test_passages_are_places_under_headings() -> None:
    found = rv.chunk(NOTES, kind="markdown")
    assert found.pieces(NOTES) == [
        "# Keys\n\nRotate them. Dr. Who said so, e.g. in v1.2.",
        "## How\n\nAsk twice.\n\n```sh\n# no heading\n\nrotate --all\n```",
        "# Other\n\n- one\n- two",
    ]
    assert found.heading == ["Keys", "Keys > How", "Other"]
    assert found.text.tolist() == [0, 0, 0]
    covered(NOTES, found)
    assert len(found) == 3 and repr(found) == "Chunks(3 of 1 texts)"


def test_places_are_of_characters_and_of_bytes() -> None:
    texts = ["ascii only. Twice.", None, "", " \n", "é東京。🙂👍🏽 ok. " * 40, "x"]
    found = chunk(texts, budget=20)
    assert set(found.text.tolist()) == {0, 4, 5}
    for text, start, end, first, last in zip(
        found.text, found.start, found.end, found.byte_start, found.byte_end, strict=True
    ):
        whole = texts[text] or ""
        assert whole.encode()[first:last].decode() == whole[start:end]
    long = texts[4] or ""
    own = [
        p for p, t in zip(found.pieces([t or "" for t in texts]), found.text, strict=True) if t == 4
    ]
    assert "".join("".join(own).split()) == "".join(long.split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_budget_of_characters_is_exact(kind: Any) -> None:
    draw = random.Random(5)
    parts = [
        "Word. ",
        "\n\n",
        "# T\n",
        "- it\n",
        "long" * 9 + " ",
        "東京。",
        "🙂",
        "e\u0301",
        "\r\n",
        "    x = 1\n",
    ]
    for _ in range(60):
        text = "".join(draw.choices(parts, k=draw.randrange(60)))
        budget = draw.choice((2, 7, 20, 100))
        found = chunk(text, kind=kind, budget=budget, unit="characters")
        covered(text, found)
        assert ((found.end - found.start) <= budget).all() or budget < 3
        assert (found.tokens == found.end - found.start).all()


def test_passages_overlap_only_where_asked_and_within_the_budget() -> None:
    text = " ".join(f"Sentence number {i} is here." for i in range(60))
    found = chunk(text, budget=100, overlap=40, unit="characters")
    assert (found.end - found.start <= 100).all()
    overlaps = found.end[:-1] - found.start[1:]
    assert (overlaps > 0).all() and (overlaps <= 40).all()
    assert all(piece.startswith("Sentence") for piece in found.pieces(text))


class Words:
    """Counts words; notes how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, texts: list[str]) -> Any:
        return np.ones((len(texts), 3), np.float32)


def test_the_embedders_own_tokenizer_counts() -> None:
    embedder = rv.Embedder.from_pretrained("default")
    text = NOTES * 20 + "unbroken" * 400 + " 東京都は日本の首都。" * 50 + "👨‍👩‍👧" * 30
    for budget, overlap in ((20, 0), (64, 16), (256, 50)):
        found = chunk(text, kind="markdown", budget=budget, overlap=overlap, embedder=embedder)
        counts = embedder.count_tokens(found.pieces(text))
        assert (counts == found.tokens).all()
        assert (counts <= budget).all(), counts.max()
        kept = np.zeros(len(text), bool)
        for start, end in zip(found.start, found.end, strict=True):
            kept[start:end] = True
        assert all(kept[i] or text[i].isspace() for i in range(len(text)))


def test_what_cannot_count_is_estimated_for() -> None:
    text = "Some words here. " * 300
    plain = chunk(text, budget=64)
    assert chunk(text, budget=64, embedder=Words()).start.tolist() == plain.start.tolist()
    assert plain.tokens.max() <= 64
    assert chunk(text).tokens.max() <= 256


def test_headings_from_outside_are_kept_to() -> None:
    text = "Top\nIntro text. Deep\nMore text. Page two"
    found = chunk(text, headings=[(0, 3, 1), (16, 20, 2), (32, 32, 0)])
    assert found.pieces(text) == ["Top\nIntro text.", "Deep\nMore text.", "Page two"]
    assert found.heading == ["Top", "Top > Deep", "Top > Deep"]
    both = chunk(["é a", text], headings=[None, [(0, 3, 1)]])
    assert both.heading == ["", "Top"]
    long = "T" * 500
    assert chunk(long + "\nx", headings=[(0, 500, 1)]).heading == ["T" * 199 + "…"]


@pytest.mark.parametrize(
    "arguments, says",
    [
        ({"budget": 0}, "budget=0"),
        ({"budget": -3}, "budget=-3"),
        ({"budget": 2**40}, "at most"),
        ({"budget": "x"}, "whole number"),
        ({"budget": 10, "overlap": 10}, "overlap=10 of budget=10"),
        ({"overlap": -1}, "overlap=-1"),
        ({"kind": "html"}, "kind='html'"),
        ({"unit": "bytes"}, "unit='bytes'"),
        ({"threads": -1}, "threads=-1"),
        ({"headings": [(5, 3, 1)]}, r"\[5, 3\)"),
        ({"headings": [(0, 1, 65)]}, "level 65"),
        ({"headings": [(0, 1, -1)]}, "level -1"),
        ({"headings": [(0, 2**63, 1)]}, "headings= of text 0"),
        ({"headings": [(0, 99, 1)]}, "character 99 of 8"),
        ({"headings": [(2, 4, 1), (3, 5, 1)]}, "before the one before it ends"),
        ({"headings": [(1, 2)]}, r"not \(start, end, level\)"),
        ({"headings": [("a", 2, 3)]}, "headings"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says):
        chunk("One two.", **arguments)


def test_texts_that_are_none_are_refused_by_name() -> None:
    with pytest.raises(rv.EmbedError, match="row 1 is 3"):
        chunk(["a", 3])  # type: ignore[list-item]
    with pytest.raises(rv.InvalidArgument, match=r"text 1 is not UTF-8 at byte 5 \(character 3\)"):
        chunk(["a", "aéé\ud800x"])
    with pytest.raises(rv.InvalidArgument, match="is for 1 texts of 2"):
        chunk(["a", "b"], headings=[None])


def counting(count: Any, max_tokens: int | None = None, prefix: str = "") -> rv.Embedder:
    """An embedder of one dimension with a tokenizer of ours."""

    def encode(texts: list[str], told: Any, query: bool) -> Any:
        return np.ones((len(texts), 1), np.float32), np.ones(len(texts), np.bool_)

    model = Model(
        id="ours", encode=encode, key="ours", max_tokens=max_tokens, count_tokens=count,
        document_prefix=prefix,
    )  # fmt: skip
    return rv.Embedder._of(model)


def words(texts: list[str]) -> Any:
    return np.array([len(text.split()) for text in texts], np.int64)


def test_a_budget_is_what_the_embedder_reads_of_a_text() -> None:
    text = "word " * 1000
    assert chunk(text, embedder=counting(words)).tokens.max() == 256
    assert chunk(text, embedder=counting(words, 130)).tokens.max() == 128
    prefixed = counting(words, 130, "passage of mine: ")
    assert chunk(text, embedder=prefixed).tokens.max() == 125
    assert chunk(text, embedder=prefixed, budget=100).tokens.max() == 100
    with pytest.raises(rv.InvalidArgument, match="budget=126, and ours reads 125 tokens"):
        chunk(text, embedder=prefixed, budget=126)
    assert len(chunk(text, embedder=prefixed, budget=126, unit="characters")) > 1


def test_every_text_is_counted_in_few_calls() -> None:
    calls: list[int] = []

    def count(texts: list[str]) -> Any:
        calls.append(len(texts))
        return words(texts)

    texts = ["Some words here. " * 90, "short", "", "x" * 5000] * 50
    found = chunk(texts, budget=64, embedder=counting(count))
    assert found.tokens.max() <= 64
    assert len(calls) < 15, calls


def test_counts_that_grow_when_parts_are_put_together_keep_to_the_budget() -> None:
    def square(texts: list[str]) -> Any:  # two parts have more than their sum
        return words(texts) ** 2

    text = "One two. Three four five.\n\nSix seven.\n\n" * 40
    for overlap in (0, 30):
        found = chunk(text, budget=50, overlap=overlap, embedder=counting(square))
        assert (square(found.pieces(text)) <= 50).all()
        assert "".join(found.pieces(text)).count("seven") >= 40


@pytest.mark.parametrize(
    "count, kind, says",
    [
        (lambda texts: np.ones(3, np.int64), rv.EmbedError, "of 2 texts, and gave int64 of"),
        (lambda texts: [1.5] * len(texts), rv.EmbedError, "gave float64"),
        (lambda texts: None, rv.EmbedError, "gave object"),
        (lambda texts: [-1] * len(texts), rv.InvalidArgument, "span 0 has -1 tokens"),
    ],
)
def test_counts_that_are_none_are_refused(count: Any, kind: Any, says: str) -> None:
    base = [0, 1, 2]

    def after_the_empty_text(texts: list[str]) -> Any:
        return base if texts[0] == "" else count(texts)

    with pytest.raises(kind, match=says):
        chunk("One.\n\nTwo.", embedder=counting(after_the_empty_text))


HOSTILE = {
    "one word": "a" * 1_000_000,
    "zeros": "\0" * 10_000,
    "right to left": "שלום עולם. \u202eabc\u202c " * 1000,
    "emoji": "👨‍👩‍👧‍👦🏳️‍🌈👍🏽" * 2000,
    "marks": "a" + "\u0301" * 20_000,
    "returns": "One.\r\rTwo.\r\n\r\nThree.\u2028\u2028Four. " * 1000,
    "nested": "\n".join(">" * (i % 500) + " - " * (i % 50) + "x" for i in range(2000)),
    "fence": "```\n" + "code\n\n" * 5000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_cut_by_the_tokenizer(name: str) -> None:
    text, embedder = HOSTILE[name], rv.Embedder.from_pretrained("default")
    found = chunk(text, kind="markdown", budget=64, embedder=embedder)
    covered(text, found)
    assert (embedder.count_tokens(found.pieces(text)) <= 64).all()
