"""Splitters of others: their pieces are found in the text, or refused by name."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import chonkie
import langchain_text_splitters as langchain
import numpy as np
import pytest
import semchunk

import ruvector as rv
from ruvector._documents.splitters import split_with

TEXT = (
    "# Keys\n\nRotate them, twice.   Then again.\r\n\r\nThe same line.\nThe same line.\n\n"
    "## How\n\n" + "Ask the owner 🙂 é. " * 30 + "\n\nThe same line.\nThe same line.\n"
)


def words(text: str) -> int:
    return len(text.split())


def made_by(splitter: Any) -> list[str]:
    cut = getattr(splitter, "split_text", splitter)
    return [getattr(p, "page_content", getattr(p, "text", p)) for p in cut(TEXT)]


RECURSIVE = langchain.RecursiveCharacterTextSplitter(chunk_size=60, chunk_overlap=0)
OVERLAPPING = langchain.RecursiveCharacterTextSplitter(chunk_size=60, chunk_overlap=25)


@pytest.mark.parametrize(
    "splitter",
    [
        RECURSIVE,
        OVERLAPPING,
        langchain.CharacterTextSplitter(separator="\n", chunk_size=50, chunk_overlap=20),
        langchain.MarkdownTextSplitter(chunk_size=80, chunk_overlap=0),
        semchunk.chunkerify(words, 12),
        chonkie.RecursiveChunker(chunk_size=64),
        chonkie.SentenceChunker(chunk_size=64, chunk_overlap=16),
        chonkie.TokenChunker(chunk_size=50, chunk_overlap=10),
    ],
    ids=lambda splitter: type(splitter).__name__,
)
def test_pieces_of_real_splitters_are_exact_places(splitter: Any) -> None:
    found = rv.chunk(TEXT, splitter=splitter)
    expected = [piece for piece in made_by(splitter) if piece.strip()]
    if isinstance(splitter, langchain.CharacterTextSplitter):  # which rewrites line ends
        assert [p.split() for p in found.pieces(TEXT)] == [p.split() for p in expected]
    else:
        assert found.pieces(TEXT) == expected
    assert (np.diff(found.start) > 0).all()
    reached = np.maximum.accumulate(found.end)
    for start, before in zip(found.start[1:], reached[:-1], strict=True):
        assert TEXT[before:start].strip() == "", "the reading leaves nothing out"
    assert found.tokens.tolist() == [-1] * len(found)


def test_white_space_that_a_splitter_rewrites_is_looked_past() -> None:
    splitter = langchain.MarkdownHeaderTextSplitter([("#", "h1"), ("##", "h2")])
    found = rv.chunk(TEXT, kind="markdown", splitter=splitter)
    pieces = found.pieces(TEXT)
    assert [p.split() for p in pieces] == [p.split() for p in made_by(splitter)]
    assert pieces[0].startswith("Rotate them") and pieces[0].endswith("The same line.")
    assert found.heading == ["Keys", "Keys > How"]


def test_the_headings_and_bytes_of_pieces() -> None:
    texts = ["é intro\n# Öl\nbody é\n", None, "", "plain"]
    found = rv.chunk(texts, kind="markdown", splitter=lambda text: text.splitlines())
    assert found.text.tolist() == [0, 0, 0, 3]
    assert found.heading == ["", "Öl", "Öl", ""]
    for text, first, last, piece in zip(
        found.text, found.byte_start, found.byte_end,
        ["é intro", "# Öl", "body é", "plain"], strict=True,
    ):  # fmt: skip
        assert (texts[text] or "").encode()[first:last].decode() == piece


def test_the_embedder_counts_the_pieces() -> None:
    embedder = rv.Embedder.from_pretrained("default")
    found = rv.chunk(TEXT, splitter=RECURSIVE, embedder=embedder)
    assert found.tokens.tolist() == embedder.count_tokens(found.pieces(TEXT)).tolist()


@pytest.mark.parametrize(
    "pieces",
    [
        ["One.", "Two."],
        [(0, 4), (5, 9)],
        [{"text": "One."}, {"page_content": "Two."}],
        [SimpleNamespace(text="One."), SimpleNamespace(page_content="Two.")],
        [SimpleNamespace(text="One.", start_index=0, end_index=4), " ", "Two."],
        [SimpleNamespace(text="One.", start_index=3, end_index=5), "", "Two."],
        iter(["One.", "Two."]),
    ],
)
def test_every_form_of_pieces_is_taken(pieces: Any) -> None:
    found = rv.chunk("One. Two.", splitter=lambda _: pieces)
    assert found.pieces("One. Two.") == ["One.", "Two."]


@pytest.mark.parametrize(
    "splitter, says",
    [
        (7, "neither a function"),
        (str, "neither a function"),
        (SimpleNamespace, "neither a function"),
        (lambda _: "One.", "returned str for text 0"),
        (lambda _: None, "returned NoneType"),
        (lambda _: ["One.", 3], "piece 1 of text 0 3, which is no text"),
        (lambda _: [{"body": "One."}], "piece 0"),
        (lambda _: [(0, 99)], r"piece 0 of text 0 \(0, 99\), of 9 characters"),
        (lambda _: [(5, 2)], r"\(5, 2\)"),
        (lambda _: ["One.", "Three."], r"'Three.' \(piece 1\) of text 0"),
        (lambda _: ["Two.", "One."], r"'Two.' \(piece 0\) of text 0"),
        (lambda _: ["one."], r"'one.' \(piece 0\)"),
    ],
)
def test_what_is_no_splitter_is_refused_by_name(splitter: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says):
        rv.chunk("One. Two.", splitter=splitter)


def test_errors_of_a_splitter_come_back_as_they_are() -> None:
    def broken(text: str) -> list[str]:
        raise ZeroDivisionError(text)

    with pytest.raises(ZeroDivisionError, match="One"):
        rv.chunk("One.", splitter=broken)


def test_repeated_texts_are_taken_from_left_to_right() -> None:
    assert split_with(lambda _: ["aa", "aa"], "aaaa", 0) == [(0, 2), (2, 4)]
    assert split_with(lambda _: ["ab ab", "ab"], "ab ab ab ab", 0) == [(0, 5), (6, 8)]
    assert split_with(lambda _: ["b", "ab", "b"], "b ab b ab", 0) == [(0, 1), (2, 4), (5, 6)]
    assert split_with(lambda _: ["ab"] * 3, "ababab", 0) == [(0, 2), (2, 4), (4, 6)]
    # What overlaps is as far on as lets the rest have its place.
    assert split_with(lambda _: ["aaa"] * 3, "aaaaaa", 0) == [(0, 3), (2, 5), (3, 6)]
    draw = random.Random(3)
    for _ in range(200):
        text = "".join(draw.choices("ab ", k=30))
        cuts = sorted(draw.sample(range(1, 30), 4))
        spans = list(zip([0, *cuts], [*cuts, 30], strict=True))
        kept = [(start, end) for start, end in spans if text[start:end].strip()]
        found = split_with(lambda _, t=text, s=kept: [t[a:b] for a, b in s], text, 0)
        assert [text[a:b] for a, b in found] == [text[a:b] for a, b in kept]
        assert found == sorted(found)
