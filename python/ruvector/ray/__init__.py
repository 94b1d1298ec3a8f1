"""Vector search on Ray Data.

>>> import ray, ruvector.ray as rvr  # doctest: +SKIP
>>> ds = ray.data.read_parquet("articles/")  # doctest: +SKIP
>>> rvr.score(ds, "articles.rvx", on="embedding", k=10).write_parquet("out/")  # doctest: +SKIP

Nothing of Ray is imported before the first verb.
"""

from .._clusters.extras import importable

importable("pyarrow", "ray")  # before the files that are written on it
# isort: split

from .._clusters.plans import ClusterPlan
from .._clusters.shards import Shards, open_shards
from .building import build
from .joining import explain, last_plan, score, search, search_shards, sim_join

__all__ = [
    "ClusterPlan",
    "Shards",
    "build",
    "explain",
    "last_plan",
    "open_shards",
    "score",
    "search",
    "search_shards",
    "sim_join",
]
