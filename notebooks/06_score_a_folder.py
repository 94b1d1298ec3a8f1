# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Score a folder of parquet files
#
# You have a folder of parquet files with embeddings, more than fits into memory, and an index. For
# every row you want the nearest rows of the index, as parquet again. That is `score_parquet`, or
# `ruvector score` in a shell: bounded memory, one part file after another, and a run that was
# killed goes on where it was.
#
# The index here is Python's own language reference, the folder all docstrings of the standard
# library: *which page of the reference is each function nearest to?* Every Python carries both,
# nothing is downloaded.
#
# Needs `ruvector-arrow[text,viz,arrow]`, pandas, polars and duckdb.

# %% [markdown]
# ## The folder
#
# One folder a module, as Spark and Hive write them: the name of the folder is a column. First the
# texts and their vectors:

# %%
import ast
import pathlib
import pydoc_data.topics
import shutil
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

docs = pd.DataFrame(rows, columns=["module", "name", "text"]).ruvector.embed("text")
f"{len(docs):,} docstrings of {docs['module'].nunique()} modules"

# %%
work = pathlib.Path("score_a_folder")
shutil.rmtree(work, ignore_errors=True)
for module, part in docs.groupby("module"):
    folder = work / "docs" / f"module={module}"
    folder.mkdir(parents=True)
    part.drop(columns="module").to_parquet(folder / "rows.parquet", index=False)

files = sorted((work / "docs").rglob("*.parquet"))
size = sum(file.stat().st_size for file in files)
f"{len(files)} files, {size / 1e6:.0f} MB"

# %% [markdown]
# ## The index
#
# `build_parquet` reads the vectors from their file; they are never all in memory. What it saves are
# the codes: a fraction of the vectors, which stay where they are.

# %%
pages = pd.DataFrame(
    [
        {"topic": topic, "passage": " ".join(passage.split())}
        for topic, page in pydoc_data.topics.topics.items()
        for passage in page.split("\n\n")
        if len(passage.split()) > 12
    ]
).drop_duplicates("passage", ignore_index=True)
pages.ruvector.embed("passage").to_parquet(work / "pages.parquet")

index = rv.Index.build_parquet(work / "pages.parquet", "embedding", kind="flat")
index.save(work / "pages.rvx", vectors=False)
index

# %% [markdown]
# ## Score it, in one line
#
# `right=` puts columns of the rows that were found beside the answer.

# %%
report = rv.score_parquet(
    work / "docs", index, out=work / "scored", on="embedding", k=3, right=pages
)
report

# %% [markdown]
# ## Kill it, and go on
#
# The same in a shell, on one thread so that it takes a moment. It is killed in the middle of its
# work: no warning, no chance to tidy up. The parts that are there are whole; the manifest beside
# them says which.

# %%
import json
import subprocess
import sys
import time

out = work / "killed"
command = [
    sys.executable, "-m", "ruvector", "score", str(work / "docs"), "--on", "embedding", "--k", "3",
    "--index", str(work / "pages.rvx"),
    "--vectors", str(work / "pages.parquet"), "--column", "embedding",
    "--out", str(out), "--threads", "1", "--json",
]  # fmt: skip
process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
while process.poll() is None and len(list(out.rglob("*.parquet"))) < len(files) // 3:
    time.sleep(0.001)
process.kill()
process.wait()
f"killed with {len(list(out.rglob('*.parquet')))} parts of {len(files)}"

# %% [markdown]
# Once more the same command. It finds its own manifest, checks that index, settings and inputs are
# those of before, and does what is left. The manifest is what counts: a part that had its name, but
# no line in the manifest yet, is made again.

# %%
done = subprocess.run(command, capture_output=True, text=True, check=True)
told = json.loads(done.stdout)
f"{told['parts_before']} parts were there, {told['parts_done']} were made now"

# %% [markdown]
# And nobody can tell that there was a kill: an undisturbed run gives the same bytes.

# %%
undisturbed = [str(out) + "-not" if word == str(out) else word for word in command]
subprocess.run(undisturbed, capture_output=True, check=True)
parts = sorted(out.rglob("*.parquet"))
same = [
    part.read_bytes() == (work / "killed-not" / part.relative_to(out)).read_bytes()
    for part in parts
]
f"{sum(same)} of {len(parts)} parts are equal byte for byte"

# %% [markdown]
# ## Read the answer, with what you like
#
# Rows of the input keep their columns, the folder's `module` among them; `query_row` is the row in
# the input file, `rank`, `id` and the score are new, then the columns of the page.

# %%
pd.read_parquet(work / "scored").head(6)[["name", "rank", "cosine_similarity", "topic"]]

# %%
import polars as pl

scored = pl.scan_parquet(work / "scored" / "**" / "*.parquet", hive_partitioning=False)
(
    scored.filter(pl.col("rank") == 1)
    .group_by("module")
    .agg(pl.len(), pl.col("cosine_similarity").mean().alias("mean likeness"))
    .filter(pl.col("len") > 100)
    .sort("mean likeness", descending=True)
    .head(5)
    .collect()
)

# %%
import duckdb

duckdb.sql(f"""
    SELECT module, name, round(cosine_similarity, 2) AS likeness, topic, passage[:60] AS passage
    FROM read_parquet('{work}/scored/**/*.parquet', hive_partitioning = false)
    WHERE rank = 1 ORDER BY cosine_similarity DESC LIMIT 5
""").df()

# %% [markdown]
# ## What it shows
#
# Which pages of the reference is a module drawn to, more than the library as a whole? A square is
# the share of the module's docstrings whose nearest passage is on that page, over the share of all.

# %%
import matplotlib.pyplot as plt

first = scored.filter(pl.col("rank") == 1).select("module", "topic").collect().to_pandas()
counts = pd.crosstab(first["module"], first["topic"])
counts = counts.loc[counts.sum(axis=1) >= 40, counts.sum() >= 40]
shares = counts.div(counts.sum(axis=1), axis=0)
drawn = shares / (counts.sum() / counts.to_numpy().sum())
drawn = drawn.loc[drawn.max(axis=1).nlargest(20).index]  # the modules with the clearest leaning
topics = drawn.idxmax(axis=1).unique()  # of each module the page it is drawn to most
drawn = drawn[topics].iloc[drawn[topics].to_numpy().argmax(axis=1).argsort(kind="stable")]

figure, axes = plt.subplots(figsize=(9, 6.5), layout="constrained")
image = axes.imshow(drawn, cmap="magma_r", vmin=0, vmax=10, aspect="auto")
axes.set_xticks(range(len(topics)), topics, rotation=45, ha="right")
axes.set_yticks(range(len(drawn)), drawn.index)
axes.set_title("pages of the language reference that modules are drawn to")
figure.colorbar(image, ax=axes, label="times the share in the whole library", extend="max")
plt.show()

# %%
shutil.rmtree(work)
