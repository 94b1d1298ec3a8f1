"""The instruments of benchmarks/embedders.py: questions, scores, tables, the page."""

from __future__ import annotations

import math
import pathlib
import sys
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))

from retrieval import docstrings, documents, measure, page, rag_page, scores, tables, wordnet
from retrieval.peers import Peer, unit
from retrieval.tasks import Task

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Lines as wndb(5WN) has them: two header lines, three nouns, one verb.
NOUNS = """  1 This software and database is being provided to you
  2 by Princeton
00000010 05 n 02 bird 0 feathered_friend 1 002 ~ 00000020 n 0000 ! 00000030 n 0101 | a warm-\
blooded animal with wings; "birds sing"
00000020 05 n 01 ostrich 0 001 @ 00000010 n 0000 | a large bird that cannot fly
00000030 05 n 01 bird 2 001 @i 00000010 n 0000 | a badminton shuttle (with feathers)
"""
VERBS = """00000040 30 v 01 hatch 0 001 @ 00000041 v 0000 01 + 08 00 | come out of an egg
00000041 30 v 01 go 0 000 01 + 08 00 | change location, move; "go there"; "go fast"; or travel
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "data.noun").write_text(NOUNS)
    (tmp_path / "data.verb").write_text(VERBS)
    return tmp_path


def test_ndcg_is_that_of_the_formula_by_hand() -> None:
    relevant = {7: 3.0, 2: 1.0}
    ideal = 3 + 1 / math.log2(3)
    assert scores.ndcg([7, 2, 5], relevant) == pytest.approx(1)
    assert scores.ndcg([2, 5, 7], relevant) == pytest.approx((1 + 3 / math.log2(4)) / ideal)
    assert scores.ndcg([5, 4], relevant) == 0
    assert scores.ndcg([5] * 10 + [7], relevant) == 0


def test_recall_counts_answers_that_have_room() -> None:
    assert scores.recall([1, 2, 3], {1: 1.0, 9: 1.0}) == 0.5
    assert scores.recall(list(range(10)), dict.fromkeys(range(25), 1.0)) == 1
    assert scores.recall([], {1: 1.0}) == 0


def test_an_interval_holds_its_mean_and_is_the_same_every_time() -> None:
    values = np.random.default_rng(1).random(300)
    told = scores.interval(values)
    assert told.low < told.mean < told.high and told == scores.interval(values)
    assert told.high - told.low == pytest.approx(2 * 1.96 * values.std() / 300**0.5, rel=0.1)
    same = scores.difference(values, values)
    assert same == (0, 0, 0)


def test_the_nearest_rows_are_those_of_a_full_sort_with_lower_rows_first() -> None:
    rng = np.random.default_rng(2)
    rows = rng.integers(-2, 3, (80, 6)).astype(np.float32)  # many ties
    queries = rng.integers(-2, 3, (300, 6)).astype(np.float32)
    right = np.argsort(-(queries @ rows.T), axis=1, kind="stable")[:, :10]
    assert scores.nearest(rows, queries) == right.tolist()


def test_wordnet_files_are_read_as_their_manual_says(folder: pathlib.Path) -> None:
    found = {one.key: one for one in wordnet.synsets(folder)}
    assert list(found) == ["n00000010", "n00000020", "n00000030", "v00000040", "v00000041"]
    bird = found["n00000010"]
    assert bird.words == ("bird", "feathered friend")
    assert bird.gloss == "a warm-blooded animal with wings"
    assert (bird.wider, bird.narrower) == ((), ("n00000020",))
    assert found["n00000030"].wider == ("n00000010",)
    assert found["v00000041"].gloss == "change location, move; or travel"
    assert found["v00000040"].wider == ("v00000041",)


def test_relations_of_wordnet_are_what_answers(folder: pathlib.Path) -> None:
    to_gloss, to_word = wordnet.tasks(folder, rows=5, queries=3, seed=1)
    asked = dict(zip(to_gloss.queries, to_gloss.relevant, strict=True))
    told = {
        query: {to_gloss.documents[row][:12]: gain for row, gain in found.items()}
        for query, found in asked.items()
    }
    assert told == {
        "ostrich": {"a large bird": 3, "a warm-blood": 1},
        "bird": {"a badminton ": 3, "a warm-blood": 3},
        "hatch": {"come out of ": 3, "change locat": 1},
    }
    row = to_word.queries.index("a large bird that cannot fly")
    words = {to_word.documents[i]: gain for i, gain in to_word.relevant[row].items()}
    assert words == {"ostrich": 3, "bird, feathered friend": 1}
    assert to_gloss.checked().digest != to_word.checked().digest
    assert to_gloss.digest == wordnet.tasks(folder, rows=5, queries=3, seed=1)[0].digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"relevant": [{}]}, "asks for nothing"),
        ({"queries": [" "]}, "asks for nothing"),
        ({"relevant": [{4: 1.0}]}, "rows that are not there"),
        ({"relevant": [{0: 0.0}]}, "without gain"),
        ({"documents": [""]}, "a document is empty"),
        ({"queries": ["a", "b"]}, "2 queries, 1 told"),
    ],
)
def test_a_task_that_cannot_be_asked_is_refused(change: dict[str, Any], said: str) -> None:
    task = Task("t", "", ["one"], ["what"], [{0: 1.0}])
    assert task.checked() is task
    with pytest.raises(ValueError, match=said):
        task._replace(**change).checked()


def test_names_are_taken_out_of_their_docstrings() -> None:
    assert docstrings.words_of("get_HTTPHeader2") == ["get", "http", "header", "2"]
    assert docstrings.words_of("DataFrame") == ["data", "frame"]
    told = "read_csv(path, sep=',') -> frame\n\nLike read csv, not read_csv_all. Read-CSV is."
    assert docstrings.document_of("read_csv", told) == "Like , not read_csv_all. is."
    assert docstrings._told(3) == "" and docstrings._told(len)


def test_questions_to_the_documents_know_their_paragraphs(tmp_path: pathlib.Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(
        "# Top\n\nOne two three four.\n\n- an item of a list\n- another of the same list\n"
        "## Below\n\n```python\n# no heading\n\nx = 1 + 2\n```\nshort\n\nthe end of the page\n"
    )
    found = documents.paragraphs(tmp_path)
    assert [text.split()[-1] for _, text in found] == ["four.", "list", "list", "short", "page"]
    assert found[0] == ("README.md > Top", "# Top\n\nOne two three four.")
    assert found[3][0] == "README.md > Top > Below" and "# no heading\n\nx = 1" in found[3][1]
    with pytest.raises(ValueError, match="no longer answer 'Can I use this"):
        documents.task(tmp_path)


def test_weights_follow_zipf_and_moves_do_what_they_are_called() -> None:
    weights = tables.zipf(1000)
    assert (np.diff(weights) > 0).all() and weights[-1] < 1
    shares = 1 / np.arange(2, 1002)
    assert weights[0] == pytest.approx(1e-3 / (1e-3 + 0.5 / shares.sum()))
    rows = np.random.default_rng(3).standard_normal((50, 8)).astype(np.float32) + 2
    table = tables.Table(rows, lambda texts: [[int(word) for word in t.split()] for t in texts])
    np.testing.assert_allclose(tables.weighted(table, "mean").rows.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_array_equal(tables.weighted(table, "").rows, rows)
    left = tables.weighted(table, "pc").rows
    assert np.linalg.matrix_rank(left, tol=1e-3) == 7
    with pytest.raises(ValueError, match="no such step"):
        tables.weighted(table, "magic")
    two, none = table(["3 4", ""])
    np.testing.assert_allclose(two, unit(rows[3:4] + rows[4:5])[0], rtol=1e-5)
    assert not none.any()


def test_a_peer_is_measured_once_and_its_page_is_written(tmp_path: pathlib.Path) -> None:
    texts = ["red apples grow", "green pears grow", "blue sky above", "white snow below", "sea"]
    task = Task("name to docstring", "5 texts", texts * 3, ["apples", "snow"], [{0: 1.0}, {3: 1}])
    task = task._replace(documents=[f"{text} {i}" for i, text in enumerate(task.documents)])
    calls: list[int] = []

    def encode(texts: list[str]) -> Any:
        calls.append(len(texts))
        letters = [[text.count(letter) for letter in "aeiouprs"] for text in texts]
        return unit(np.array(letters, np.float32) + 0.01)

    peer = Peer("letters", "static", "none", "MIT", 1000, encode, encode)
    rows = measure.everything([peer], [task] * 4, tmp_path)
    assert [row.name for row in rows] == ["words alone (BM25)", "letters"]
    assert rows[0].alone[0].ndcg.tolist() == [pytest.approx(1 / 1, abs=1)] * 2
    assert rows[1].dim == 8 and len(rows[1].hybrid) == 4
    before = len(calls)
    measure.everything([peer], [task] * 4, tmp_path)
    assert len(calls) - before == 4  # the speed; vectors were kept
    text = page.written(rows, [task] * 4, 0.0)
    assert "| letters | `none` | MIT | 8 | 0.0 |" in text
    assert max(len(line) for line in text.splitlines() if "|" not in line) <= 100


def test_vectors_that_are_not_numbers_are_not_measured(tmp_path: pathlib.Path) -> None:
    def encode(texts: list[str]) -> Any:
        return np.full((len(texts), 2), np.nan, np.float32)

    peer = Peer("broken", "static", "none", "MIT", 0, encode, encode)
    with pytest.raises(ValueError, match="broken gave"):
        measure.vectors(peer, "documents", ["a"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_page_of_gate_g1_shows_what_was_measured() -> None:
    times = {"p50": 1.0, "p99": 2.5, "others": 0.1}
    vectors = {"rows": 10, "dim": 4, "kind": "ivf", "build": 1.0, "recall": 0.97}
    vectors |= {"before": {"recall": 0.44, "search": times}, "calibration": 1.25}
    vectors |= dict.fromkeys(("embedding", "search", "rows found", "prompt", "of frame"), times)
    stages = dict.fromkeys(("model", "read", "embed", "first", "prompt", "second"), 1.5)
    manual = {"pages": 3, "chunks": 9, "stages": stages, "places": [1, *[None] * 9], "others": 0.2}
    text = rag_page.written(
        {"date": "2026-11-30", "vectors": {"best": vectors}, "documents": {"best": manual}}
    )
    assert "| 0.440 | 1.00 / 2.50 | 1.2 | 0.970 |" in text
    assert "| 1.00 / 2.50 |" in text and "**6.0**" in text and "| `sql-reindex.html` | 1 |" in text
    assert "Not measured" in rag_page.written({"date": "2026-11-30"})
