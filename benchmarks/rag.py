"""Questions to a million passages, and to a manual: python benchmarks/rag.py [--part P].

Writes rag.md. `--part vectors` is a million vectors that are there already: each question is
embedded, searched and its passages put into a prompt. `--part documents` is the PostgreSQL manual
as Debian ships it, from files to prompt. Both with the embedders "default" and "best". A part that
is not asked for keeps its figures of last time (build/rag/figures.json).
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import embedders
import numpy as np
from neighbours import Neighbours
from retrieval import wordnet
from retrieval.manual import QUESTIONS, pages_of

import ruvector as rv

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "rag"
ROWS = 1_000_000
ASKED = 500
ROUNDS = 2
SEED = 20


def base_texts() -> tuple[list[str], list[str]]:
    """Return passages, the glosses of WordNet, and questions, the words of other meanings."""
    every = [one for one in wordnet.synsets(embedders.wordnet_files()) if one.gloss]
    order = np.random.default_rng(SEED).permutation(len(every))
    passages = [every[i].gloss for i in order[ASKED : ASKED + 5_000]]
    questions = [f"what is {' or '.join(every[i].words)}?" for i in order[:ASKED]]
    return passages, questions


def a_million(embedder: Any, rows: int) -> tuple[list[str], Any]:
    """Return texts and vectors, float32 (rows, dim).

    The vectors of 5,000 real passages, then sums of two of them in unequal parts with a little
    noise: as many neighbours, at such distances, as a corpus on the same subjects would have.
    """
    texts, _ = base_texts()
    real = embedder.embed_batch(texts)
    rng = np.random.default_rng(SEED)
    vectors = np.empty((rows, real.shape[1]), np.float32)
    first, second = rng.integers(0, len(real), (2, rows))
    for start in range(0, rows, 50_000):
        part = slice(start, min(start + 50_000, rows))
        noise = rng.standard_normal((part.stop - start, real.shape[1]), dtype=np.float32)
        share = rng.uniform(0.1, 0.6, (part.stop - start, 1)).astype(np.float32)
        made = real[first[part]] + share * real[second[part]]
        made += noise * (0.25 / np.sqrt(real.shape[1]))
        vectors[part] = made / np.linalg.norm(made, axis=1, keepdims=True)
    vectors[: len(real)] = real
    pairs = zip(first[len(texts) :].tolist(), second[len(texts) :].tolist(), strict=True)
    return texts + [f"{texts[i]}; {texts[j]}" for i, j in pairs], vectors


def spent(work: Callable[[str], Any], asked: list[str]) -> dict[str, float]:
    """Return p50 and p99 in milliseconds over questions asked one at a time.

    The round of those in which other processes took least stands; ``others`` is their cores.
    """
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        times = np.empty(len(asked))
        with Neighbours() as others:
            for i, question in enumerate(asked):
                begin = time.perf_counter()
                work(question)
                times[i] = time.perf_counter() - begin
        p50, p99 = np.quantile(times, [0.5, 0.99]) * 1e3
        found = {"p50": float(p50), "p99": float(p99), "others": others.cores or 0.0}
        if not best or found["others"] < best["others"]:
            best = found
    return best


def search_of(index: Any, queries: Any) -> Callable[[str], Any]:
    """Return a search of an index with one of the queries after the other."""
    turns = itertools.cycle(queries)
    return lambda question: index.search(next(turns), k=5)


def vectors_part(name: str, rows: int) -> dict[str, Any]:
    """Measure questions to vectors that are there already."""
    import polars as pl

    embedder = rv.Embedder.from_pretrained(name)
    _, asked = base_texts()
    texts, vectors = a_million(embedder, rows)
    kb = pl.DataFrame({"text": texts, "embedding": vectors})
    begin = time.perf_counter()
    index = rv.Index.build(kb["embedding"])
    build = time.perf_counter() - begin

    def find(question: str) -> Any:
        found = index.search(rv.Embedder.from_pretrained(name).embed_query(question), k=5)
        return found.rows(kb.select("text"))

    def answer(question: str) -> str:
        return str(rv.prompt(question, find(question), source=None))

    def of_frame(question: str) -> Any:
        return kb.ruvector.search(question, on="embedding", index=index, embedder=embedder, k=5)

    answer(asked[0])
    queries = np.stack([embedder.embed_query(text) for text in asked])
    unseen, given = queries[:200], queries[200:]
    right = np.argsort(-(unseen @ vectors.T), axis=1, kind="stable")[:, :10]

    def recall() -> float:
        found = np.asarray(index.search(unseen, k=10).ids)
        return float(
            np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, right, strict=True)])
        )

    before = {"recall": recall(), "search": spent(search_of(index, unseen), asked[:200])}
    begin = time.perf_counter()
    index.calibrate(given)
    calibration = time.perf_counter() - begin
    return {
        "dim": vectors.shape[1], "rows": rows, "build": build, "kind": index.kind,
        "before": before, "calibration": calibration, "given": len(given), "recall": recall(),
        "embedding": spent(embedder.embed_query, asked),
        "search": spent(search_of(index, unseen), asked[:200]),
        "rows found": spent(find, asked),
        "prompt": spent(answer, asked),
        "of frame": spent(of_frame, asked[:20]),
    }  # fmt: skip


def documents_part(name: str) -> dict[str, Any]:
    """Measure the manual from its files to a prompt, in a process of its own, its second run.

    The first run of a process loads the model and the library; that is counted apart.
    """
    command = [sys.executable, __file__, "--manual", name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def manual(name: str) -> dict[str, Any]:
    """Do what a person does, timed; the pages were read by the system before (warm)."""
    folder = pages_of(BUILD)
    for page in folder.glob("*.html"):
        page.read_bytes()
    begin = time.perf_counter()
    embedder = rv.Embedder.from_pretrained(name)
    embedder.embed_batch(["warm"])
    stages = {"model": time.perf_counter() - begin}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        made = work()
        stages[stage] = time.perf_counter() - begin
        return made

    with Neighbours() as others:
        kb = timed("read", lambda: rv.read(folder / "*.html", embedder=embedder, frame="pandas"))
        kb = timed("embed", lambda: kb.ruvector.embed("text", embedder=embedder))
        hits = timed("first", lambda: kb.ruvector.hybrid(QUESTIONS[0][0], text="text", k=8))
        prompt = timed("prompt", lambda: rv.prompt(QUESTIONS[0][0], hits))
    places = []
    for question, page in QUESTIONS:
        hits = kb.ruvector.hybrid(question, text="text", k=10)
        names = [pathlib.Path(path).name for path in hits["path"]]
        places.append(names.index(page) + 1 if page in names else None)
    again = timed("second", lambda: kb.ruvector.hybrid(QUESTIONS[1][0], text="text", k=8))
    return {
        "pages": len(list(folder.glob("*.html"))), "chunks": len(kb), "dim": embedder.dim,
        "stages": stages, "places": places, "others": others.cores or 0.0,
        "prompt": len(str(prompt)), "hits": len(again),
    }  # fmt: skip


def main() -> int:
    """Measure what is asked for, and write the page."""
    from retrieval import rag_page

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("vectors", "documents"))
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--manual", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    rv.config(progress=False)
    if asked.manual:
        print(json.dumps(manual(asked.manual)))
        return 0
    BUILD.mkdir(parents=True, exist_ok=True)
    kept = BUILD / "figures.json"
    figures = json.loads(kept.read_text()) if kept.exists() else {}
    for part, work in (("vectors", lambda name: vectors_part(name, asked.rows)),
                       ("documents", documents_part)):  # fmt: skip
        for name in ("default", "best"):
            if asked.part in (None, part):
                figures.setdefault(part, {})[name] = work(name)
                figures["date"] = datetime.date.today().isoformat()
                kept.write_text(json.dumps(figures, indent=1))
                print(part, name, json.dumps(figures[part][name]), flush=True)
    (HERE / "rag.md").write_text(rag_page.written(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
