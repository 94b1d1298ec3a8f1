# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Clean messy text
#
# Text that was gathered has the same thing in it many times: copied, with a word changed, with
# other spaces. `drop_duplicates` finds copies alone. This notebook drops what *means* the same, and
# shows how to choose how alike that is. The text is what every Python carries: the docstrings of
# the standard library. Nothing is downloaded.
#
# Needs `ruvector-arrow[text,viz]` and pandas.

# %% [markdown]
# ## What you have: thousands of short texts
#
# The first paragraph of every docstring, with the file and the name that it stands at.

# %%
import ast
import pathlib
import sysconfig

import pandas as pd

import ruvector as rv

library = pathlib.Path(sysconfig.get_paths()["stdlib"])
left_out = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"}
rows = []
for file in sorted(library.rglob("*.py")):
    place = file.relative_to(library)
    if left_out.isdisjoint(place.parts):
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                text = (ast.get_docstring(node) or "").split("\n\n")[0]
                if len(text) > 20:
                    rows.append((place.parts[0].removesuffix(".py"), node.name, text))

docs = pd.DataFrame(rows, columns=["module", "name", "text"])
docs.sample(5, random_state=1)

# %% [markdown]
# Copies are no news to pandas:

# %%
print(f"{len(docs):,} texts, {docs['text'].duplicated().sum():,} are copies of one before")

# %% [markdown]
# ## How alike is alike?
#
# There is no threshold that is right for all: it differs by what made the vectors. So look first.
# `similarity_quantiles` says how near rows have their nearest row, and how near random rows are.

# %%
docs.ruvector.similarity_quantiles(text="text")

# %% [markdown]
# Random texts are hardly ever above 0.4, and a tenth of the texts has another one at 1.0. What lies
# between is for you to judge. The same, seen, with the threshold that is taken below:

# %%
import matplotlib.pyplot as plt
import numpy as np

threshold = 0.95
vectors = np.stack(docs.ruvector.embed("text")["embedding"])
index = rv.Index.build(vectors)
nearest = index.neighbors(k=1).scores.ravel()
pairs = np.random.default_rng(0).permutation(len(vectors))[: len(vectors) // 2 * 2].reshape(2, -1)
anyhow = np.einsum("ij,ij->i", *vectors[pairs])  # rows of length 1: the product is the cosine

figure, plane = plt.subplots(figsize=(7, 4))
bins = np.linspace(-0.2, 1, 61)
for values, color, label in (
    (anyhow, "#b8c4d0", "with a random text"),
    (nearest, "#2e6f95", "with its nearest text"),
):
    weights = np.full(len(values), 100 / len(values))
    plane.hist(values, bins, weights=weights, color=color, alpha=0.8, label=label)
plane.axvline(threshold, color="#d1495b", linewidth=1.5)
share = 100 * np.mean(nearest >= threshold)
plane.annotate(
    f"min_similarity={threshold}\n{share:.0f} % of the texts\nhave one this near",
    (threshold, plane.get_ylim()[1] * 0.6), xytext=(-8, 0), textcoords="offset points",
    ha="right", color="#d1495b", fontsize=9,
)  # fmt: skip
plane.set(xlabel="cosine similarity of a text ...", ylabel="% of texts")
for side in ("top", "right"):
    plane.spines[side].set_visible(False)
plane.legend(frameon=False, fontsize=9, loc="upper center")
plt.show()

# %% [markdown]
# ## What would go, and for what
#
# `duplicate_groups` shows every text that would be dropped beside the one it would be dropped for.
# The interesting ones are just above the threshold: are these still the same to you? The small
# model reads words and not their order, so *encodes* and *decodes* can come out alike. Where that
# matters take a larger threshold, or an embedder of yours.

# %%
groups = docs.ruvector.duplicate_groups(text="text", min_similarity=threshold)
pd.set_option("display.max_colwidth", 60)
groups.sort_values("cosine_similarity").head(8)

# %% [markdown]
# Those that come most often, with what is kept of them:

# %%
groups.groupby("text_kept").size().sort_values(ascending=False).head(5)

# %% [markdown]
# ## Clean
#
# The rows that stay, as they were, in their order and with their index labels. It is greedy in the
# order of rows and exact: no two rows that stay are within the threshold, every row dropped is
# within that of a row that stays.

# %%
clean = docs.ruvector.dedup(text="text", min_similarity=threshold)
print(f"{len(docs):,} texts before, {len(clean):,} after")
assert len(clean) + len(groups) == len(docs)
assert not clean.ruvector.duplicated(text="text", min_similarity=threshold).any()

# %% [markdown]
# Sort first to say which one stays: here, the longest. And with `by=` only texts of one module are
# compared, so that each module keeps its own.

# %%
longest = docs.sort_values("text", key=lambda texts: -texts.str.len(), kind="stable")
kept = longest.ruvector.dedup(text="text", min_similarity=threshold).sort_index()
mine = docs.ruvector.dedup(text="text", min_similarity=threshold, by="module")
print(f"{len(kept):,} rows with the longest texts; {len(mine):,} when modules are kept apart")

# %% [markdown]
# The texts are embedded once for all of this: vectors are remembered by text. And what the last
# call did is said as always:

# %%
rv.last_plan()
