# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Find by words and by meaning at once
#
# Vectors find what is said in other words: *run code when a block ends* finds the `with` statement.
# They are poor at names: to a small model `__slots__` and `__dict__` are nearly the same. Words are
# the other way round: they find `__slots__` at once, and nothing that is said otherwise.
#
# `hybrid` asks both and fuses the two rankings. The passages here are Python's own language
# reference, which every Python carries for `help("with")`: nothing is downloaded.
#
# Needs `ruvector-arrow[text,viz]` and pandas.

# %% [markdown]
# ## The passages

# %%
import pandas as pd
import pydoc_data.topics

import ruvector as rv

passages = pd.DataFrame(
    [
        {"topic": topic, "text": " ".join(passage.split())}
        for topic, page in pydoc_data.topics.topics.items()
        for passage in page.split("\n\n")
        if len(passage.split()) > 12
    ]
).drop_duplicates("text", ignore_index=True)
f"{len(passages):,} passages of {passages['topic'].nunique()} topics"

# %% [markdown]
# ## One line
#
# `text=` names the column. The words of its texts are indexed (BM25, as Lucene computes it), the
# texts are embedded by the small model of the `[text]` extra; both are kept, so that the next
# question takes milliseconds. The answer has the rows, the score of each side (NaN where a row has
# no word of the question), and the score that orders them.

# %%
pd.set_option("display.max_colwidth", 70)
passages.ruvector.hybrid("what does __slots__ save", text="text", k=5)

# %%
rv.last_plan()

# %% [markdown]
# ## What each side would have answered
#
# `search` with the same column is the side of the vectors. All rows, ordered by their
# `bm25_score`, are the side of the words.

# %%
question = "when is __getattr__ called, and when is it not?"


def by_vectors(question, k=5):
    """Return the rows nearest in meaning."""
    return passages.ruvector.search(question, text="text", k=k)


def by_words(question, k=5):
    """Return the rows best by BM25."""
    everything = passages.ruvector.hybrid(question, text="text", k=len(passages))
    return everything.nlargest(k, "bm25_score")


both = passages.ruvector.hybrid(question, text="text", k=5)
pd.DataFrame(
    {
        "vectors": by_vectors(question)["text"].str[:70].tolist(),
        "words": by_words(question)["text"].str[:70].tolist(),
        "both": both["text"].str[:70].tolist(),
    },
    index=range(1, 6),
)

# %% [markdown]
# ## The two scores of every passage
#
# Each point is a passage that has a word of the question. Far right: said alike. High up: rare
# words in common. The rings are the five that `hybrid` gives. A row that is good on both sides
# beats one that is the best on one of them alone.

# %%
import matplotlib.pyplot as plt

everything = passages.ruvector.hybrid(question, text="text", k=len(passages))
figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
axes.scatter(everything["cosine_similarity"], everything["bm25_score"], s=8, alpha=0.35)
axes.scatter(both["cosine_similarity"], both["bm25_score"], s=110, facecolors="none",
             edgecolors="crimson", linewidths=1.6)  # fmt: skip
for rank, row in enumerate(both.itertuples(), 1):
    axes.annotate(str(rank), (row.cosine_similarity, row.bm25_score), xytext=(8, 6),
                  textcoords="offset points", color="crimson")  # fmt: skip
axes.set(xlabel="meaning: cosine similarity", ylabel="words: BM25", title=question)
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## Is it better?
#
# Some thousand questions with known answers: the first sentence of the help of every function in a
# few dozen modules asks for the rest of the same help. How often is it among the first k?

# %%
import importlib
import inspect

MODULES = """argparse asyncio calendar collections configparser copy csv ctypes datetime decimal
difflib email.message enum fractions functools gzip hashlib heapq http.client inspect io itertools
json logging math mimetypes operator os pathlib pickle pprint random re secrets shlex shutil socket
sqlite3 statistics string struct subprocess tarfile tempfile textwrap threading time tokenize types
unicodedata unittest urllib.parse urllib.request uuid warnings weakref xml.dom zipfile"""


def helps():
    """Yield the name and the help of functions, classes and methods."""
    for module in map(importlib.import_module, MODULES.split()):
        for name, value in vars(module).items():
            yield f"{module.__name__}.{name}", value.__doc__
            methods = vars(value).items() if inspect.isclass(value) else ()
            yield from ((f"{module.__name__}.{name}.{m}", v.__doc__) for m, v in methods)


rows = []
for name, told in helps():
    first, _, rest = inspect.cleandoc(told if isinstance(told, str) else "").partition("\n\n")
    if 4 <= len(first.split()) <= 25 and len(rest.split()) >= 8:
        rows.append({"name": name, "asked": " ".join(first.split()), "rest": rest})
functions = pd.DataFrame(rows).drop_duplicates("rest").drop_duplicates("asked", ignore_index=True)
f"{len(functions):,} functions"

# %%
asked = functions["asked"].tolist()
depths = [1, 2, 3, 5, 7, 10, 15, 20]


def share(answer, k):
    """Return the share of questions whose own function is among the first k rows."""
    top = answer.groupby("query_row").head(k)
    hits = top["name"].to_numpy() == functions["name"].to_numpy()[top["query_row"].to_numpy()]
    return hits.sum() / len(functions)


everything = functions.ruvector.hybrid(asked, text="rest", k=len(functions), columns=["name"])
curves = {}
for side, score in {"vectors": "cosine_similarity", "words": "bm25_score"}.items():
    ranked = everything.sort_values(["query_row", score], ascending=[True, False])
    curves[side] = [share(ranked, k) for k in depths]
curves["both"] = [
    share(functions.ruvector.hybrid(asked, text="rest", k=k, columns=["name"]), k) for k in depths
]

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for side, color in {"both": "crimson", "words": "tab:orange", "vectors": "tab:blue"}.items():
    axes.plot(depths, curves[side], marker="o", markersize=4, color=color, label=side)
axes.legend(frameon=False, loc="lower right")
axes.set_xticks(depths)
axes.set(xlim=(0, 21), ylim=(0, 0.9), xlabel="k", ylabel="right answer among the first k",
         title=f"{len(functions):,} questions to the standard library")  # fmt: skip
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# Such questions repeat words of their answers, which suits the side of the words: for the very
# first row it is the better one alone. From some three rows on, both find more than either. Where
# people ask in their own words, the side of the vectors gains.

# %% [markdown]
# ## Filters and batches
#
# `where=` holds for both sides, before the search: k means k. A list of questions is a batch, with
# `query_row`, `query` and `rank` in the answer.

# %%
passages.ruvector.hybrid(
    ["object that can be called", "__iter__"],
    text="text",
    k=2,
    where="topic != 'specialnames'",
    columns=["topic", "text"],
)
