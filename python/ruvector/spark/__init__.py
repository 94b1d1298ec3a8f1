"""Vector search on Spark DataFrames.

>>> import ruvector.spark as rvs  # doctest: +SKIP
>>> rvs.score(df, "s3-mounted/articles.rvx", on="embedding", k=10)  # doctest: +SKIP

Nothing of Spark is imported before the first verb. The native library is loaded in the driver and
in Python workers, never in the daemon that these are forked from: what workers run loads it inside
the function that Spark calls.
"""

from .._clusters.extras import importable

importable("pyarrow", "spark")  # before the files that are written on it
# isort: split

from .._clusters.plans import ClusterPlan
from .._clusters.shards import Shards, open_shards
from .building import build
from .failing import error_of
from .joining import explain, last_plan, score, search, search_shards, sim_join

__all__ = [
    "ClusterPlan",
    "Shards",
    "build",
    "error_of",
    "explain",
    "last_plan",
    "open_shards",
    "score",
    "search",
    "search_shards",
    "sim_join",
]
