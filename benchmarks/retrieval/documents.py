"""Ten questions to the project's own documents, with the paragraphs that answer them by hand.

An answer is told by words that stand in it, so that documents may be edited; a question whose
answer is no longer there is an error.
"""

from __future__ import annotations

import pathlib
import re

from .tasks import Task

QUESTIONS: dict[str, tuple[str, ...]] = {
    "Can I use this from a forked worker process?": (
        "A child made by `os.fork` cannot use the library",
    ),
    "How do I continue a job that was killed half way?": (
        "a folder is scored into another one, which a killed run goes on",
        "## How it goes on",
    ),
    "Which languages does the small built-in model understand?": (
        "The default model is small, static and mostly English",
    ),
    "What happens if somebody changes my array while it is being searched?": (
        "**Borrowed memory must not change**",
    ),
    "Is the answer filtered before or after the search?": (
        "a filter decides before the search, never after it",
        "A filter decides before the search: k means k",
    ),
    "How stale can cached results be?": ("## How fresh",),
    "Where does it lose against brute force?": ("Where it loses or misses its goal",),
    "Does it run on Alpine Linux?": ("Not Alpine (musl)",),
    "How do I free the memory of rows that I removed?": ("memory of deleted rows comes back",),
    "What is stored in the file besides codes?": ("## Sections",),
}
_HEADING = re.compile(r"^(#{1,6}) +(.*)$")


def paragraphs(root: pathlib.Path) -> list[tuple[str, str]]:
    """Return the path of headings and the text of every paragraph of the documents.

    A fenced block, a table and an item of a list are one paragraph; under 4 words a paragraph
    belongs to the next one.
    """
    found: list[tuple[str, str]] = []
    for path in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
        headings: list[str] = []
        kept: list[str] = []
        for block in _blocks(path.read_text("utf-8")):
            heading = _HEADING.match(block)
            if heading:
                headings = [*headings[: len(heading[1]) - 1], heading[2]]
                kept = [block]  # stands before the paragraph below it
                continue
            kept.append(block)
            if len(block.split()) >= 4:
                found.append((" > ".join([path.name, *headings]), "\n\n".join(kept)))
                kept = []
    return found


def _blocks(text: str) -> list[str]:
    blocks: list[list[str]] = [[]]
    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if not fenced and (not line.strip() or _HEADING.match(line)):
            blocks += [[line], []] if line.strip() else [[]]
        elif not fenced and line.startswith("- "):
            blocks.append([line])
        else:
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks if block]


def task(root: pathlib.Path) -> Task:
    """Return the task; ValueError where the answer of a question is gone."""
    texts = [text for _, text in paragraphs(root)]
    plain = [" ".join(text.split()) for text in texts]
    relevant = []
    for question, told in QUESTIONS.items():
        rows = {row for words in told for row, text in enumerate(plain) if words in text}
        if len(rows) < len(told):
            raise ValueError(f"the documents no longer answer {question!r}: look for {told}")
        relevant.append(dict.fromkeys(sorted(rows), 1.0))
    about = f"{len(texts)} paragraphs of README.md and docs/"
    return Task("question to paragraph", about, texts, list(QUESTIONS), relevant)
