# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Join two tables that share no key
#
# Two lists describe the same things in different words: products of two shops, addresses of two
# offices, tickets and articles of a help desk. No column is equal on both sides, so no `merge` can
# join them. `sim_join` puts beside every row of one table the rows of the other that mean nearly
# the same.
#
# Here the tables are two generations of Python's file functions: those of `os`, `os.path` and
# `shutil`, and the methods of `pathlib.Path` that came later. Which method does what a function
# did? Both bring a sentence that says what they do, and Python brings both: nothing is downloaded.
#
# Needs `ruvector-arrow[text,viz]` and pandas.

# %% [markdown]
# ## The two tables

# %%
import inspect
import os
import pathlib
import shutil

import pandas as pd

import ruvector as rv


def functions_of(owner, called):
    """Return the public functions of a module or class with the first sentence of their help."""
    rows = []
    for name, function in inspect.getmembers(owner, callable):
        told = (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")
        if told and not name.startswith("_") and not inspect.isclass(function):
            rows.append({"name": f"{called}.{name}", "does": told})
    return pd.DataFrame(rows)


old = pd.concat(
    [functions_of(os, "os"), functions_of(os.path, "os.path"), functions_of(shutil, "shutil")],
    ignore_index=True,
)
new = functions_of(pathlib.Path, "Path")
f"{len(old)} functions, {len(new)} methods"

# %% [markdown]
# ## The join
#
# `on="does"` compares this column of both tables: text is embedded, once, by the small model of the
# `[text]` extra, on this machine. Every row of `old` stays in its order and gets the nearest row of
# `new` beside it. Columns that both tables have get `_right` on the right side; `rank` and the
# score come last.

# %%
joined = old.ruvector.sim_join(new, on="does")
best = joined.sort_values("cosine_similarity", ascending=False)
best[["name", "name_right", "cosine_similarity", "does", "does_right"]].head(8)

# %% [markdown]
# ## A nearest row is not yet a match
#
# Every function has a nearest method, even `os.fork`. `min_similarity` says how near is near
# enough, and `how="left"` keeps the rows that then have no partner, as in any left join.

# %%
checked = old.ruvector.sim_join(new, on="does", min_similarity=0.67, how="left")
alone = checked[checked["rank"].isna()]
print(f"{len(old) - len(alone)} of {len(old)} have a partner. Without one, for example:")
alone[["name", "does"]].head(5)

# %% [markdown]
# ## Where to cut
#
# The documentation of `pathlib` has a table of functions and the methods that replaced them. For
# these rows we know the truth, and can see how similar right and wrong matches are. With `k=3`
# every row gets its three nearest: often the right one is second.

# %%
replaced = {
    "os.path.abspath": "absolute", "os.path.realpath": "resolve", "os.chmod": "chmod",
    "os.mkdir": "mkdir", "os.rename": "rename", "os.replace": "replace", "os.rmdir": "rmdir",
    "os.remove": "unlink", "os.path.exists": "exists", "os.path.expanduser": "expanduser",
    "os.listdir": "iterdir", "os.path.isdir": "is_dir", "os.path.isfile": "is_file",
    "os.path.islink": "is_symlink", "os.link": "hardlink_to", "os.symlink": "symlink_to",
    "os.readlink": "readlink", "os.stat": "stat", "os.path.isabs": "is_absolute",
    "os.path.samefile": "samefile", "os.getcwd": "cwd", "os.path.relpath": "relative_to",
    "os.path.ismount": "is_mount",
}  # fmt: skip
known = old[old.name.isin(replaced.keys())]
three = known.ruvector.sim_join(new, on="does", k=3)
three["right"] = three.name_right == "Path." + three.name.map(replaced)
first = three[three["rank"] == 1].sort_values("cosine_similarity", ignore_index=True)
found = three.groupby("name").right.any()
f"right at once: {first.right.sum()} of {len(known)}; among three: {found.sum()}"

# %%
import matplotlib.pyplot as plt

figure, plane = plt.subplots(figsize=(8, 6.5))
for right, colour, label in [(True, "#2a9d8f", "right"), (False, "#d1495b", "wrong")]:
    part = first[first.right == right]
    plane.scatter(part.cosine_similarity, part.index, s=46, color=colour, label=label, zorder=2)
plane.set_yticks(first.index, first.name + "  \N{RIGHTWARDS ARROW}  " + first.name_right)
plane.axvline(0.67, color="#8d99ae", linestyle="--", linewidth=1, label="min_similarity=0.67")
plane.grid(axis="x", color="#e5e5e5", zorder=0)
plane.set(xlabel="cosine_similarity", title="The nearest method of each function")
plane.tick_params(axis="y", length=0, labelsize=9)
plane.spines[["top", "right", "left"]].set_visible(False)
plane.legend(frameon=False, loc="lower right")
figure.tight_layout()
plt.show()

# %% [markdown]
# Right of the line nearly all are right, and the join can be trusted. Left of it right and wrong
# are mixed: there three candidates and a look are worth their time. The line is this model's and
# these texts': draw such a picture of a few rows that you know before you choose yours.

# %% [markdown]
# ## More of it
#
# - `by="language"` joins only rows that are equal in that column on both sides.
# - `where_right=` limits who may be found: `where_right="year >= 2020"`.
# - `right` may be an `Index`, of which the answer has the ids: build it once, join many tables.
# - Columns of vectors are joined as they are; text is embedded and cached, cell by cell.
#
# The plan of the last join says what was done:

# %%
rv.last_plan()
