# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Restart warm
#
# Vectors live in a store; a service answers from an index of them. Two things go wrong in such a
# service: after a restart it answers nothing until everything is read and built again, and nobody
# can say which state of the store an answer came from. `RuLake` is a cache in front of stores that
# is built for both: it knows how fresh it is, it saves what it has, with a witness of which data
# that was, and it starts from there.
#
# Here a **publisher** keeps a folder of published indexes up to date while its store changes, a
# **reader** answers from it, and in between the publisher is killed, at bad moments.
#
# Needs `ruvector-arrow[text,viz]` and pandas. Nothing is downloaded.

# %% [markdown]
# ## A store, and a lake in front of it
#
# The store is a folder of files of vectors. The data are the docstrings of Python's standard
# library.

# %%
import ast
import pathlib
import shutil
import sysconfig
import time

import numpy as np
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

docs = pd.DataFrame(rows, columns=["module", "name", "text"]).ruvector.embed("text")
docs.insert(0, "id", 1_000_000 + np.arange(len(docs)))  # the ids of the store: not positions
f"{len(docs):,} docstrings"

# %%
work = pathlib.Path("warm_restart").absolute()
shutil.rmtree(work, ignore_errors=True)

store = rv.FsBackend("files", work / "store")
store.put("docs", docs["id"], rv.to_matrix(docs["embedding"]))

lake = rv.RuLake([store], metric="cosine")
embedder = rv.Embedder.from_pretrained()
question = embedder.encode("read a file line by line")

lake.search_one("docs", question, k=5, frame=docs, ids_on="id")[["module", "name", "text"]]

# %% [markdown]
# The first search pulled the collection and built its index; the next ones ask the store for its
# generation alone, and answer from memory. When the store changes, the next search sees it.

# %%
lake

# %% [markdown]
# ## Save, and start warm
#
# A key is (backend, collection). What is saved is one snapshot: the index with its vectors and ids,
# and a bundle that says which data it was made of. A fresh lake maps it.

# %%
key = ("files", "docs")
lake.save_cache_to_dir(key, work / "published")

begin = time.perf_counter()
reader = rv.RuLake(metric="cosine", consistency=rv.Consistency.FROZEN)
rows_there = reader.warm_from_dir(key, work / "published")
first = reader.search_one("docs", question, k=5, backend="files")
warm = time.perf_counter() - begin

begin = time.perf_counter()
cold_lake = rv.RuLake([rv.FsBackend("files", work / "store")], metric="cosine")
again = cold_lake.search_one("docs", question, k=5)
cold = time.perf_counter() - begin

assert first.ids.tolist() == again.ids.tolist()
f"{rows_there:,} rows: warm {1e3 * warm:.1f} ms, cold {1e3 * cold:.1f} ms to the first answer"

# %%
bundle = rv.RuLakeBundle.read(work / "published")
bundle

# %% [markdown]
# Whoever changes a field of the document, or puts another index beside it, is found out.

# %%
forged = work / "forged"
shutil.copytree(work / "published", forged)
document = forged / "table.rulake.json"
document.write_text(document.read_text().replace('"rotation_seed": 42', '"rotation_seed": 43'))
try:
    rv.RuLake().warm_from_dir(key, forged)
except rv.WitnessMismatch as error:
    print(error)

# %% [markdown]
# ## Kill the publisher
#
# The publisher is a program of its own: it writes a new state of the store, pulls it, and saves. It
# does that for ever, and is killed after a random time; then it is started again. In every state of
# the store all vectors and ids belong together: id `i` of state `s` is `s * 1,000,000 + i`, so an
# answer out of two states would show at once.

# %%
import random
import subprocess
import sys

PUBLISHER = """
import itertools, sys
import numpy as np
import ruvector as rv

root, published, first = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = rv.FsBackend("numbers", root)
lake = rv.RuLake([store])
for state in itertools.count(first):
    vectors = np.random.default_rng(state).standard_normal((4000, 64), dtype="f4")
    store.put("all", state * 1_000_000 + np.arange(4000), vectors)
    lake.search_one("all", vectors[0], k=1)
    lake.save_cache_to_dir(("numbers", "all"), published)
    print(state, flush=True)
"""

root, published = work / "numbers", work / "numbers-published"
query = np.random.default_rng(0).standard_normal(64, dtype="f4")
chance = random.Random(4)
seen, state = [], 1
for _ in range(12):
    publisher = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(root), str(published), str(state)],
        stdout=subprocess.PIPE,
        text=True,
    )
    state = int(publisher.stdout.readline())  # it works
    time.sleep(chance.uniform(0.0, 0.15))
    publisher.kill()
    told, _ = publisher.communicate()
    state = max([state, *map(int, told.split())]) + 2

    after = rv.RuLake(consistency=rv.Consistency.FROZEN)
    after.warm_from_dir(("numbers", "all"), published)
    found = after.search_one("all", query, k=100, backend="numbers")
    states = set((found.ids // 1_000_000).tolist())
    assert len(states) == 1, "a mix"
    seen += states

f"after {len(seen)} kills a reader saw the states {seen}: never two at once"

# %% [markdown]
# ## A day of a service
#
# Queries come all the time; every now and then the store changes. Three lakes answer the same
# queries: FRESH asks the store before every search, EVENTUAL at most every so often, FROZEN never.

# %%
changing = rv.LocalBackend("store")
vectors = rv.to_matrix(docs["embedding"])[:12_000]
changing.put("docs", np.arange(len(vectors)), vectors)
modes = {
    "FRESH": rv.Consistency.FRESH,
    "EVENTUAL(ttl=0.5)": rv.Consistency.EVENTUAL(ttl=0.5),
    "FROZEN": rv.Consistency.FROZEN,
}
lakes = {
    name: rv.RuLake([changing], consistency=mode, metric="cosine", kind="ivf")
    for name, mode in modes.items()
}
for each in lakes.values():
    each.prime(("store", "docs"))

steps, changes = 400, {100, 200, 300}
waited = {name: [] for name in lakes}
for step in range(steps):
    if step in changes:
        changing.upsert("docs", np.arange(50), vectors[step : step + 50])
    for name, each in lakes.items():
        begin = time.perf_counter()
        each.search_one("docs", vectors[step], k=10)
        waited[name].append(1e3 * (time.perf_counter() - begin))
    time.sleep(0.002)

{name: f"hit rate {each.cache_stats().hit_rate:.3f}" for name, each in lakes.items()}

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", width_ratios=(3, 1))
for name, times in waited.items():
    axes[0].plot(times, ".", label=name, markersize=4)
for step in changes:
    axes[0].axvline(step, color="0.7", linewidth=1, zorder=0)
axes[0].set_yscale("log")
axes[0].set_xlabel("search (grey: the store changes)")
axes[0].set_ylabel("milliseconds")
axes[0].legend(loc="center right")
axes[0].set_title("only a search that has to see the change waits for it")
rates = [each.cache_stats().hit_rate for each in lakes.values()]
axes[1].barh(list(lakes), rates, color=["C0", "C1", "C2"])
axes[1].set_xlim(0.95, 1.0)
axes[1].set_xticks([0.95, 1.0])
axes[1].invert_yaxis()
axes[1].set_title("hit rate")
plt.show()

# %% [markdown]
# ## Two stores, one search
#
# The second store is a table in SQLite. A federated search asks both and merges what they find;
# every hit says where it came from.

# %%
import sqlite3

tips = pd.DataFrame({"tip": [
    "To read a file line by line, loop over the open file.",
    "Use pathlib.Path.read_text for small files.",
    "A context manager closes the file for you.",
    "Compile a regular expression once and use it often.",
]}).ruvector.embed("tip")  # fmt: skip
database = sqlite3.connect(work / "tips.db")
database.execute("CREATE TABLE tips (id INTEGER PRIMARY KEY, tip TEXT, embedding BLOB)")
database.executemany(
    "INSERT INTO tips VALUES (?, ?, ?)",
    [
        (10 + i, row.tip, np.asarray(row.embedding, "f4").tobytes())
        for i, row in enumerate(tips.itertuples())
    ],
)
database.commit()

lake.register_backend(
    rv.SQLiteBackend("notes", work / "tips.db", table="tips", ids="id", column="embedding")
)
both = lake.search_federated(question, k=6)
both

# %%
names = {"docs": docs.set_index("id")["name"], "tips": tips["tip"].set_axis(range(10, 14))}
both.to_pandas().assign(what=[names[hit.collection][hit.id] for hit in both.hits()])

# %%
lake.close()
database.close()
shutil.rmtree(work)
