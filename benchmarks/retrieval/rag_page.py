"""The page of gate G1: questions to a million passages, and to a manual."""

from __future__ import annotations

from typing import Any

from .manual import QUESTIONS

VECTORS = """# Questions to a million passages, and to a manual

Written by `python benchmarks/rag.py`, {date}, two cores. "others" is how many cores other
processes used meanwhile; of two rounds the one with the least of them stands.

## A million passages whose vectors are there

```text
kb = pl.read_parquet("kb.parquet")                    # text, embedding
index = rv.Index.build(kb["embedding"])
index.calibrate(questions)                            # some that people asked: 300 of 500 here
found = index.search(rv.Embedder.from_pretrained("best").embed_query(question), k=5)
context = rv.prompt(question, found.rows(kb.select("text")), source=None)
```

Five lines. The vectors are those of 5,000 glosses of WordNet under the embedder, and sums of two
of them in unequal parts with some noise; {asked:,} questions are words of other meanings ("what is
a ... ?"), each asked once a round, alone. Milliseconds of p50 / p99; recall@10 is against exact
search, for `recall=0.95`, on the 200 that the calibration has not seen. Goal: p99 under 10 ms, the
embedding of the question included. "Of the frame" is
`kb.ruvector.search(question, on="embedding", index=index)`, which compares the whole column with
the index before it answers (20 questions).

A build calibrates with rows of its own. Questions of three words lie far from all passages, much
further than passages from one another: so calibrated, the index probes too few cells for them.
`calibrate` with questions mends that, and the search then takes longer.
"""

MANUAL = """## The PostgreSQL manual

Debian's `postgresql-doc-15`, from files to a prompt, in a new process; the model is loaded before
("model"), and the pages were read by the system before. Goal: under 30 s.

```text
kb = rv.read("html/*.html").ruvector.embed("text")
hits = kb.ruvector.hybrid("How do I rebuild an index without locking out writes?", text="text", k=8)
context = rv.prompt("How do I rebuild an index without locking out writes?", hits)
```
"""


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _vectors(found: dict[str, Any]) -> list[str]:
    stages = ("embedding", "search", "rows found", "prompt", "of frame")
    names = ("question's vector", "index", "with the rows", "all, with the prompt", "of the frame")
    lines = [_row("embedder", "rows x dim", "kind", "build, s", "recall@10 as built",
                  "index as built", "calibration, s", "recall@10", *names, "others"),
             "|---" * 14 + "|"]  # fmt: skip
    for name, one in found.items():
        before = one["before"]
        cells = [f"{one[stage]['p50']:.2f} / {one[stage]['p99']:.2f}" for stage in stages]
        lines.append(_row(
            f'`"{name}"`', f"{one['rows']:,} x {one['dim']}", one["kind"], f"{one['build']:.1f}",
            f"{before['recall']:.3f}",
            f"{before['search']['p50']:.2f} / {before['search']['p99']:.2f}",
            f"{one['calibration']:.1f}", f"{one['recall']:.3f}", *cells,
            f"{one['prompt']['others']:.1f}",
        ))  # fmt: skip
    return lines


def _manual(found: dict[str, Any]) -> list[str]:
    lines = [_row("embedder", "pages", "chunks", "model", "read", "embed", "first question",
                  "prompt", "read to prompt, s", "second question", "others")]  # fmt: skip
    lines.append("|---" * 11 + "|")
    for name, one in found.items():
        stages = one["stages"]
        total = sum(stages[stage] for stage in ("read", "embed", "first", "prompt"))
        lines.append(_row(
            f'`"{name}"`', f"{one['pages']:,}", f"{one['chunks']:,}", f"{stages['model']:.2f}",
            f"{stages['read']:.2f}", f"{stages['embed']:.2f}", f"{stages['first']:.3f}",
            f"{stages['prompt']:.4f}", f"**{total:.1f}**", f"{stages['second']:.4f}",
            f"{one['others']:.1f}",
        ))  # fmt: skip
    names = list(found)
    lines += ["", "Where the page that answers stands among the first ten chunks of `hybrid`:", "",
              _row("question", "page", *names), "|---" * (2 + len(names)) + "|"]  # fmt: skip
    for number, (question, page) in enumerate(QUESTIONS):
        places = [found[name]["places"][number] or "not" for name in names]
        lines.append(_row(question, f"`{page}`", *places))
    return lines


def written(figures: dict[str, Any]) -> str:
    """Return the page; a part that was never measured is left out."""
    vectors, documents = figures.get("vectors", {}), figures.get("documents", {})
    lines = [VECTORS.format(date=figures["date"], asked=500)]
    lines += [*_vectors(vectors), ""] if vectors else ["Not measured.", ""]
    lines += [MANUAL, *_manual(documents)] if documents else []
    return "\n".join(lines).rstrip() + "\n"
