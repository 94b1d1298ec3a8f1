# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Chat with documentation
#
# From a folder of files to a prompt with numbered sources, and from a number back to the place in
# the file. The documentation is Python's own, which every Python carries: the help topics, and the
# docstrings of a few packages. Nothing is downloaded, and no language model is asked: what you get
# is the text that you would send to yours.
#
# Needs `ruvector-arrow[text,viz]` and pandas.

# %% [markdown]
# ## A folder of documents
#
# The topics that `help("with")` shows are written to files, with a title on top. The packages are
# read where they are: of Python files `rv.read` takes the docstrings.

# %%
import asyncio
import concurrent.futures
import json
import pathlib
import sqlite3
import tempfile

import pandas as pd
from pydoc_data.topics import topics

import ruvector as rv

pd.set_option("display.max_colwidth", 60)
folder = pathlib.Path(tempfile.mkdtemp()) / "topics"
folder.mkdir()
for topic, page in topics.items():
    (folder / f"{topic}.md").write_text(f"# {topic}\n\n{page}", encoding="utf-8")
packages = [pathlib.Path(m.__file__).parent for m in (asyncio, concurrent.futures, json, sqlite3)]

# %% [markdown]
# ## Read, embed, ask, prompt
#
# `read` cuts documents at their headings, paragraphs and sentences into chunks that fit the
# embedder. `hybrid` asks words and vectors together.

# %% tags=["five-lines"]
question = "How do I run a blocking function in a separate thread?"
kb = rv.read([folder, *packages], frame="pandas")
kb = kb.ruvector.embed("text")
hits = kb.ruvector.hybrid(question, text="text", k=6)
prompt = rv.prompt(question, hits, budget=900)

# %% [markdown]
# ## Look at each step
#
# A row is a chunk: its text, the file, from which character to which, and the headings above it.

# %%
rv.last_read()

# %%
kb[["text", "path", "start", "end", "heading"]].sample(4, random_state=1)

# %% [markdown]
# What was found, best first. `bm25_score` is of the words (NaN where the chunk has none of them),
# `cosine_similarity` of the vectors; the order is that of `fused_score`.

# %%
found = hits.assign(file=[pathlib.Path(path).name for path in hits["path"]])
found[["file", "heading", "text", "bm25_score", "cosine_similarity", "fused_score"]]

# %% [markdown]
# The prompt. Sources are numbered, lines of sources begin with `>`, so that nothing that stands in
# a document can pass for an instruction of yours. It is never longer than `budget` tokens.

# %%
print(prompt)

# %% [markdown]
# ## A citation leads back to its place
#
# A model that answers "use `asyncio.to_thread` [1]" has named a source. `rv.source` is the text
# that the positions count in.

# %%
first = prompt.citations[0]
there = rv.source(first.path)[first.start : first.end]
print(first.number, pathlib.Path(first.path).name, first.start, first.end)
print(there[:300])

# %% [markdown]
# ## Where the answers lie
#
# Every chunk as a point, placed by the two main directions of its vector. Docstrings and topics
# have regions of their own; the rings are what was found for three questions. A question whose
# rings lie far apart has no one place where it is answered: look at the rows before you trust a
# prompt made of them.

# %%
import matplotlib.pyplot as plt
import numpy as np

vectors = np.stack(kb["embedding"])
centred = vectors - vectors.mean(axis=0)
_, _, axes = np.linalg.svd(centred, full_matrices=False)
at = pd.DataFrame(centred @ axes[:2].T, index=kb.index, columns=["x", "y"])
code = kb["path"].str.endswith(".py")
questions = {question: "crimson", "What does the with statement do?": "black",
             "How do I store dates in a database?": "darkgreen"}  # fmt: skip

figure, plot = plt.subplots(figsize=(8, 5), layout="constrained")
plot.scatter(*at[~code].to_numpy().T, s=6, alpha=0.35, color="tab:blue", label="help topics")
plot.scatter(*at[code].to_numpy().T, s=6, alpha=0.35, color="tab:orange", label="docstrings")
for asked, color in questions.items():
    rows = kb.ruvector.hybrid(asked, text="text", k=6).index
    plot.scatter(*at.loc[rows].to_numpy().T, s=90, facecolors="none", edgecolors=color,
                 linewidths=1.6, label=asked)  # fmt: skip
plot.legend(frameon=False, fontsize=8, loc="best")
plot.set(xticks=[], yticks=[], title=f"{len(kb):,} chunks")
plot.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# ## A file changes
#
# With `previous=` only what changed is read, and only its new chunks are embedded. All other rows
# keep their columns, the vectors among them.

# %%
with (folder / "with.md").open("a", encoding="utf-8") as file:
    file.write("\n\nHouse rule: passwords of databases live in the vault.\n")
kb = rv.read([folder, *packages], previous=kb)
rv.last_read()

# %%
(told,) = kb.ruvector.hybrid("Where do passwords of databases live?", text="text", k=1)["text"]
told[-120:]

# %% [markdown]
# ## Your model
#
# `prompt` is a string; send it as the message of a user. The answer's numbers are in
# `prompt.citations`, which is what a page shows below it.

# %%
sources = pd.DataFrame(
    [
        (one.number, pathlib.Path(one.path).name, one.start, one.end, one.heading)
        for one in prompt.citations
    ],
    columns=["number", "file", "start", "end", "heading"],
)
sources
