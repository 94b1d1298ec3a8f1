# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Choose an index
#
# Exact search reads every vector. An index reads codes, or only some of the vectors, and misses a
# neighbour now and then. Which one is right depends on how many vectors there are, on the memory
# that may be used, and on the vectors themselves. `rv.recommend` answers that: from a model when
# there is no data yet, and by measuring when there is.
#
# Needs `ruvector-arrow[text,viz]` and pandas. Nothing is downloaded: the vectors are those of the
# text model that the `[text]` extra installs.

# %% [markdown]
# ## Before there is data
#
# Given numbers alone, it answers at once, and says that this is a model.

# %%
import ruvector as rv

rv.recommend(1_000_000, 384)

# %% [markdown]
# A million vectors of 384 numbers are 1.5 GB. Where that is too much, codes alone are an answer,
# if recall may be a little lower: the figures say how much.

# %%
rv.recommend(1_000_000, 384, 0.9, memory="600MB")

# %% [markdown]
# ## Real vectors
#
# The model has a vector for each of its tokens, which are words and parts of words. Those that
# begin a word are kept.

# %%
import importlib.resources
import json

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

files = importlib.resources.files("wordllama")
table = load_file(files / "weights/l2_supercat_256.safetensors")["embedding.weight"]
config = json.loads((files / "tokenizers/l2_supercat_tokenizer_config.json").read_text("utf-8"))
names = {number: token for token, number in config["model"]["vocab"].items()}
begins = [n for n, token in names.items() if token.startswith("▁") and token[1:].isalpha()]
words = pd.DataFrame({"word": [names[n][1:] for n in begins]})
words["vector"] = list(table[begins].astype(np.float32))
f"{len(words):,} words, {table.shape[1]} numbers each"

# %%
words.ruvector.search(words.vector[words.word == "river"].iloc[0], k=6)

# %% [markdown]
# ## Measured on this machine
#
# Given the data, `recommend` draws a sample, builds every candidate, asks it for neighbours that
# it knows, and reports what all rows will cost. The arrow marks the one to take, and the sentence
# below says why.

# %%
vectors = rv.to_matrix(words.vector)
choice = rv.recommend(vectors, recall_target=0.95)
choice

# %% [markdown]
# The same as a picture. Each point is one setting of one kind of index: to the right it finds more
# of the true neighbours, further down it is faster. What is recommended is the cheapest way to be
# right of the dashed line.

# %%
picture = choice.plot()

# %% [markdown]
# ## Other wishes, other answers
#
# The table is a frame, too: what is the smallest index that finds four of five neighbours, what
# answers most queries in a batch?

# %%
table = choice.to_pandas()
good = table[table.recall >= 0.8]
smallest = good.loc[(good.index_bytes + good.borrowed_bytes).idxmin()]
busiest = good.loc[good.queries_per_second.idxmax()]
pd.DataFrame({"smallest": smallest, "busiest": busiest})

# %% [markdown]
# A wish goes into the question: with a bound on memory the vectors themselves are too much, and
# codes alone are taken. A wish that nothing fulfils is said, never ignored. (`sample` makes it
# quicker, and the intervals wider.)

# %%
little = rv.recommend(vectors, recall_target=0.8, memory=vectors.nbytes // 3, sample=4_000)
print(little.choice.label, "|", little.why)

too_much = rv.recommend(vectors, recall_target=0.99, memory=vectors.nbytes // 20, sample=4_000)
print(too_much.meets, "|", too_much.why)

# %% [markdown]
# ## Build it, and check the promise
#
# `build` takes what was recommended. `recall` then compares its answers with exact ones, for rows
# of the index itself: the promise was 0.95.

# %%
index = choice.build(vectors)
index.recall(k=10)

# %%
found = index.search(vectors[words.word == "music"][0], k=6)
words.word[found.ids].tolist()
