# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Retrieval in five lines
#
# Retrieval-augmented generation puts the right paragraphs into a prompt, so that a language model
# answers from sources instead of from memory. This notebook does the retrieval half on a text that
# every Python carries: the reference topics that `help()` shows. Nothing is downloaded.
#
# Needs `ruvector-arrow[text,viz]` and pandas.

# %% [markdown]
# ## What you have: a file of texts, and a question
#
# So that there is a file, the paragraphs of the reference topics are written to one: a row per
# paragraph, with the topic it came from. Short paragraphs (headings, syntax) and repetitions are
# left out.

# %%
import csv
import pathlib
import tempfile

from pydoc_data.topics import topics

sources = {}
for topic, page in sorted(topics.items()):
    for part in page.split("\n\n"):
        if len(part) > 80:
            sources.setdefault(" ".join(part.split()), topic)

path = pathlib.Path(tempfile.mkdtemp()) / "handbook.csv"
with path.open("w", newline="", encoding="utf-8") as file:
    rows = csv.writer(file)
    rows.writerow(["source", "text"])
    rows.writerows((topic, text) for text, topic in sources.items())

question = "When are default parameter values evaluated?"

# %% [markdown]
# ## The five lines
#
# Importing `ruvector` gives every frame the accessor `.ruvector`. `text="text"` says: this column
# is text, embed it (the small model of the `[text]` extra, on this machine) and search. The answer
# is the rows of *your* frame, best first, with one more column for the score.

# %% tags=["five-lines"]
import pandas as pd
import ruvector as rv
docs = pd.read_csv(path)
hits = docs.ruvector.search(question, text="text", k=4)
prompt = "\n\n".join(["Answer from these sources:", *(hits.source + ": " + hits.text), question])

# %% [markdown]
# That is the whole retrieval half: `prompt` goes to the model of your choice.

# %%
print(prompt)

# %% [markdown]
# Each line of the answer can be cited: it is a row of the frame.

# %%
hits

# %% [markdown]
# ## What was done
#
# Frames cannot carry a plan, so the last one is kept for you: which kind of index, how many rows
# were scanned, how many were checked exactly, and whether the scores are exact or estimates.

# %%
rv.last_plan()

# %% [markdown]
# ## The same, seen
#
# The vectors behind the search, in two dimensions by principal components, with the hits marked.
# Two of 256 dimensions show neighbourhoods, not distances.

# %%
import matplotlib.pyplot as plt
import numpy as np

embedder = rv.Embedder.from_pretrained("default")
vectors = embedder.encode(docs.text.tolist())
centred = vectors - vectors.mean(axis=0)
axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
flat = centred @ axes.T
is_hit = docs.index.isin(hits.index)

figure, plane = plt.subplots(figsize=(7, 5))
plane.scatter(*flat[~is_hit].T, s=6, color="#b8c4d0", label="paragraphs")
plane.scatter(*flat[is_hit].T, s=60, color="#d1495b", label="the four hits")
for rank, (row, name) in enumerate(hits.source.items(), 1):
    plane.annotate(f"{rank} {name}", flat[row], xytext=(7, 3), textcoords="offset points")
plane.set(title=question, xticks=[], yticks=[])
plane.legend(frameon=False, fontsize=8)
plt.show()
