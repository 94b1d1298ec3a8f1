"""Words and vectors together find at least what the better of them finds: on our own documents.

The questions and the phrases of their answers were written down from the documents before anything
was searched, some in the words of the text, some in others; none was dropped or changed after. A
phrase names the right chunk wherever the document is cut.
"""

from __future__ import annotations

import pathlib
import re

import pandas as pd
import pytest

import ruvector as rv
from ruvector._native.words import build_words, search_words

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = 60  # about so many of a chunk
FOUND = 5

QUESTIONS = {
    "Why is the text model not loaded by its own package?": ["it looks on the network first"],
    "Which Python has no wheel of wordllama?": ["has no wheel for Python"],
    "size and licence of the default embedding model": ["16 MB, MIT licence"],
    "How do I report a security hole?": ["*Report a vulnerability* form"],
    "Is it dangerous to filter a pandas frame with text from strangers?": [
        "Text that is given as `where=` for a pandas frame is code"
    ],
    "How do I get memory back after deleting rows?": [
        "memory of deleted rows comes back", "one segment without the deleted rows"
    ],
    "magic bytes at the beginning of an index file": ["89 52 56 58"],
    "How are checksums of long sections computed?": ["one CRC32-C for every 262,144 bytes"],
    "What is f_rescale?": ["| f_rescale |", "f_add, f_rescale, f_error: they make an estimate"],
    "How long may a function be?": ["functions of at most 60", "500 lines, 60 lines"],
    "How can I switch the assembly off?": ["forces a tier"],
    "run the NEON kernels on an emulator": ["runs the NEON kernels under QEMU"],
    "May gonum compute values that are stored?": ["gonum never touches a value that is stored"],
    "Why ctypes and not cffi?": ["no cffi, no build against a Python version"],
    "Does importing the package import pandas as well?": [
        "Frame libraries are never imported by us", "never imported by us before"
    ],
    "What happens in a child process after fork?": ["a forked child gets `ForkedProcessError`"],
    "How is a long build interrupted from the keyboard?": ["so Ctrl-C works"],
    "When should an index be built anew because the data moved away?": [
        "advises a new build from 1.15 times on"
    ],
    "NN-descent and rows that have a row as neighbour": ["as in NN-descent (Dong, Moses, Li 2011)"],
    "Why do scan planes have a single bit?": ["Planes have one bit, everywhere"],
    "How many cells does an index of n rows get?": ["power of two up to 4.2 sqrt(n)"],
    "What is a pilot scan?": ["the few blocks or cells that set a query's first threshold"],
    "govulncheck and pip-audit": ["`govulncheck` and `pip-audit`"],
    "In which order are rows of equal distance?": ["ties go to the smaller row"],
    "few rows under a filter are gathered": [
        "Few eligible rows (the bytes", "Few rows are measured"
    ],
    "Can a newer release open older files?": ["every later version opens every earlier file"],
    "SplitMix64": ["outputs of SplitMix64"],
    "How large may the wheel get?": ["| wheel | 8 MB |"],
    "Why is one query at a time slow, what does it wait for?": ["All of it waits for memory"],
    "Do I have to install pyarrow?": ["pyarrow is *not* needed"],
    "What does poisoned mean?": ["met a panic, and may be damaged"],
    "random cases compared with a model in NumPy": ["Random small cases of every verb"],
    "What if I overwrite the array that an index borrowed?": [
        "Borrowed memory must not change while the index lives"
    ],
    "How do I add a dependency?": ["Rarely. Write a page in"],
    "added vectors are far longer than those of the build": ["Rows more than twice as long"],
    "popcount speed with AVX-512": ["AVX-512 counts 20 to 55 GB/s"],
    "Why not maphash for cache keys?": ["another seed in every process"],
    "Who releases the Arrow structs that are handed over?": ["is released exactly once"],
}  # fmt: skip


def chunks() -> list[str]:
    """Return passages of the documents, their headings in front."""
    found = []
    for path in sorted(ROOT.glob("**/*.md")):
        parts = set(path.relative_to(ROOT).parts)
        if parts & {".venv", "node_modules", "build", "dist"} or "egg-info" in str(path):
            continue
        found += passages(path.read_text())
    return found


def passages(document: str) -> list[str]:
    """Cut a document at headings, empty lines and points of lists into some sixty words each."""
    found: list[str] = []
    heading, held = "", ""
    for block in re.split(r"\n\s*\n|\n(?=- )|\n(?=#)", document):
        text = " ".join(block.split())
        if text.startswith("#") or len((held + text).split()) > WORDS:
            found.append(f"{heading} {held}".strip())
            held = ""
        if text.startswith("#"):
            heading = text.lstrip("# ")
        else:
            held = f"{held} {text}".strip()
    found.append(f"{heading} {held}".strip())
    return [text for text in found if len(text.split()) > 5]


@pytest.fixture(scope="module")
def documents() -> pd.DataFrame:
    return pd.DataFrame({"chunk": chunks()})


def right(frame: pd.DataFrame, phrases: list[str]) -> bool:
    """Return whether a passage has one of the phrases."""
    return any(phrase in text for text in frame["chunk"] for phrase in phrases)


def test_every_answer_is_in_the_documents(documents):
    assert len(documents) >= 300 and len(QUESTIONS) >= 25
    missing = [q for q, phrases in QUESTIONS.items() if not right(documents, phrases)]
    assert not missing, "say it in the new words of the document"


def test_both_sides_together_find_what_the_better_one_finds(documents):
    words = build_words(documents["chunk"].tolist())
    found = {"vectors": 0, "words": 0, "both": 0}
    told = []
    for question, phrases in QUESTIONS.items():
        rows, _, counts = search_words(words, [question], FOUND)
        answers = {
            "vectors": rv.search(documents, question, text="chunk", k=FOUND),
            "words": documents.iloc[rows[0, : counts[0]]],
            "both": rv.hybrid(documents, question, text="chunk", k=FOUND),
        }
        has = {side: right(answer, phrases) for side, answer in answers.items()}
        told.append(f"{question}: {[side for side, ok in has.items() if ok]}")
        for side, ok in has.items():
            found[side] += ok
    print(found, *told, sep="\n")  # pytest -s
    assert found["both"] >= max(found["vectors"], found["words"]), told
