"""Vector search that lives in a notebook.

>>> import numpy as np, pandas as pd
>>> import ruvector as rv
>>> df = pd.DataFrame({"name": ["a", "b"], "emb": list(np.eye(2))})
>>> df.ruvector.search([1.0, 0.1], k=1)["name"].tolist()
['a']

Importing loads Python files only: the native library is loaded by the first verb, and pandas,
polars and pyarrow are never imported unless a program does so itself. ``RuVectorError`` is the
root of all errors; the tree is drawn in its module.
"""

from ._conflict import refuse_other_distribution

refuse_other_distribution()  # before the other package's files can be taken for ours
# isort: split

from ._collector import Paused

_paused = Paused()
# isort: split

from typing import TYPE_CHECKING

from . import _accessors
from ._accessors.frame import FrameAccessor
from ._accessors.series import SeriesAccessor
from ._caller import RuVectorWarning
from ._errors import (
    A2aError,
    BackendError,
    CacheMissError,
    ColumnError,
    CorruptIndex,
    DimensionMismatch,
    DuplicateId,
    EmbedError,
    EmptyIndex,
    FileMissing,
    ForkedProcessError,
    FormatTooNew,
    IndexClosed,
    InvalidArgument,
    InvalidVector,
    LakeError,
    LimitExceeded,
    MetricError,
    MissingExtra,
    NativeError,
    NotAnIndex,
    OutOfMemory,
    PersistError,
    Poisoned,
    RuVectorError,
    UnknownBackend,
    UnknownCollection,
    UnknownId,
    VectorIndexError,
    VectorsChanged,
    WitnessMismatch,
)
from ._frames import growing as _growing  # noqa: F401  (Index.add reads frames through it)
from ._frames.cache import Cache, CacheInfo, cache
from ._frames.verbs.build_index import build_index
from ._frames.verbs.dedup import dedup
from ._frames.verbs.describe import describe
from ._frames.verbs.distance import distance
from ._frames.verbs.duplicate_groups import duplicate_groups
from ._frames.verbs.duplicated import duplicated
from ._frames.verbs.embed import embed
from ._frames.verbs.explain import explain
from ._frames.verbs.hybrid import hybrid
from ._frames.verbs.neighbors import neighbors
from ._frames.verbs.plot import plot
from ._frames.verbs.recall import recall
from ._frames.verbs.search import search
from ._frames.verbs.sim_join import sim_join
from ._frames.verbs.similar_to import similar_to
from ._frames.verbs.similarity import similarity
from ._frames.verbs.similarity_quantiles import similarity_quantiles
from ._frames.verbs.within import within
from ._habits import MODULE as _MODULE
from ._index.classic import AnyIndex, FlatF32Index, RabitqAsymIndex, RabitqIndex, RabitqPlusIndex
from ._index.index import Index
from ._index.merge import merge_topk
from ._index.recall import RecallReport
from ._index.result import Hit, SearchResult
from ._index.stored import files_found_by as _files_found_by
from ._input.matrices import to_column, to_matrix
from ._native import cpu_features
from ._parquet.vectors import VectorColumn, read_vectors
from ._recommend import recommend
from ._settings import config, set_threads
from ._show.plan import Plan, last_plan
from ._text.embedder import Embedder
from ._version import __version__

__all__ = [
    "A2aClient",
    "A2aClientSync",
    "A2aError",
    "AgentCapabilities",
    "AgentCard",
    "AgentProvider",
    "AgentSkill",
    "AnyIndex",
    "Artifact",
    "Auth",
    "AuthScheme",
    "BackendAdapter",
    "BackendError",
    "BudgetExceeded",
    "BundleContent",
    "Cache",
    "CacheInfo",
    "CacheMissError",
    "CacheStats",
    "Candidate",
    "CardSignatureInvalid",
    "Chunks",
    "Citation",
    "ColumnError",
    "Consistency",
    "CorruptIndex",
    "DimensionMismatch",
    "DuckDBBackend",
    "DuplicateId",
    "EmbedError",
    "Embedder",
    "EmptyIndex",
    "FileMissing",
    "FlatF32Index",
    "ForkedProcessError",
    "FormatTooNew",
    "FrameAccessor",
    "FrameBackend",
    "FsBackend",
    "Hit",
    "HttpReranker",
    "Index",
    "IndexClosed",
    "InvalidArgument",
    "InvalidVector",
    "LakeError",
    "LakeHit",
    "LakeResult",
    "LakeSession",
    "LanceDBBackend",
    "LimitExceeded",
    "LocalBackend",
    "Message",
    "MetricError",
    "MissingExtra",
    "NativeError",
    "NotAnIndex",
    "ObjectStoreBackend",
    "OutOfMemory",
    "ParquetBackend",
    "Part",
    "PersistError",
    "Plan",
    "Poisoned",
    "PolicyViolation",
    "Prompt",
    "RabitqAsymIndex",
    "RabitqIndex",
    "RabitqPlusIndex",
    "ReadReport",
    "RecallReport",
    "Recommendation",
    "RefreshResult",
    "Reranker",
    "Role",
    "RuLake",
    "RuLakeBuilder",
    "RuLakeBundle",
    "RuVectorError",
    "RuVectorWarning",
    "SQLiteBackend",
    "ScoreReport",
    "SearchResult",
    "SeriesAccessor",
    "Task",
    "TaskArtifactUpdateEvent",
    "TaskPolicy",
    "TaskSpec",
    "TaskState",
    "TaskStatus",
    "TaskStatusUpdateEvent",
    "TaskUpdate",
    "TransportError",
    "Trust",
    "UnknownBackend",
    "UnknownCollection",
    "UnknownId",
    "VectorColumn",
    "VectorIndexError",
    "VectorsChanged",
    "WitnessMismatch",
    "__version__",
    "a2a",
    "build_index",
    "cache",
    "chunk",
    "config",
    "cpu_features",
    "dedup",
    "describe",
    "distance",
    "duplicate_groups",
    "duplicated",
    "embed",
    "explain",
    "hybrid",
    "last_plan",
    "last_read",
    "merge_topk",
    "neighbors",
    "plot",
    "prompt",
    "read",
    "read_vectors",
    "recall",
    "recommend",
    "score_parquet",
    "search",
    "set_threads",
    "sim_join",
    "similar_to",
    "similarity",
    "similarity_quantiles",
    "source",
    "to_column",
    "to_matrix",
    "within",
    "write_parquet",
]

if TYPE_CHECKING:
    from . import a2a
    from ._agents.artifacts import Artifact
    from ._agents.auth import Auth
    from ._agents.blocking import A2aClientSync
    from ._agents.card import (
        AgentCapabilities,
        AgentCard,
        AgentProvider,
        AgentSkill,
        AuthScheme,
    )
    from ._agents.client import A2aClient
    from ._agents.errors import (
        BudgetExceeded,
        CardSignatureInvalid,
        PolicyViolation,
        TransportError,
    )
    from ._agents.message import Message, Part, Role
    from ._agents.policy import TaskPolicy, TaskSpec
    from ._agents.task import (
        Task,
        TaskArtifactUpdateEvent,
        TaskState,
        TaskStatus,
        TaskStatusUpdateEvent,
        TaskUpdate,
    )
    from ._agents.trust import Trust
    from ._documents.chunking import Chunks, chunk
    from ._documents.prompt import Prompt, prompt
    from ._documents.prompting.lines import Citation
    from ._documents.read import read
    from ._documents.report import ReadReport, last_read
    from ._documents.source import source
    from ._lake.adapter import BackendAdapter
    from ._lake.adapters.duckdb import DuckDBBackend
    from ._lake.adapters.frames import FrameBackend
    from ._lake.adapters.lancedb import LanceDBBackend
    from ._lake.adapters.objects import ObjectStoreBackend
    from ._lake.adapters.sqlite import SQLiteBackend
    from ._lake.builder import RuLakeBuilder
    from ._lake.bundle import BundleContent, RuLakeBundle
    from ._lake.consistency import Consistency
    from ._lake.lake import RuLake
    from ._lake.result import LakeHit, LakeResult
    from ._lake.session import LakeSession
    from ._lake.stats import CacheStats, RefreshResult
    from ._lake.stores import FsBackend, LocalBackend, ParquetBackend
    from ._parquet.scoring.job import score_parquet
    from ._parquet.scoring.report import ScoreReport
    from ._parquet.writing import write_parquet
    from ._recommend.result import Recommendation
    from ._recommend.table import Candidate
    from ._text.rerankers.http import HttpReranker
    from ._text.rerankers.protocol import Reranker
else:  # checkers report names that are absent themselves
    _LATER = {  # looked up once, by who uses them
        "A2aClient": "_agents.client",
        "A2aClientSync": "_agents.blocking",
        "AgentCapabilities": "_agents.card",
        "AgentCard": "_agents.card",
        "AgentProvider": "_agents.card",
        "AgentSkill": "_agents.card",
        "Artifact": "_agents.artifacts",
        "Auth": "_agents.auth",
        "AuthScheme": "_agents.card",
        "BackendAdapter": "_lake.adapter",
        "BudgetExceeded": "_agents.errors",
        "BundleContent": "_lake.bundle",
        "CacheStats": "_lake.stats",
        "Candidate": "_recommend.result",
        "CardSignatureInvalid": "_agents.errors",
        "Chunks": "_documents.chunking",
        "Citation": "_documents.prompting.lines",
        "Consistency": "_lake.consistency",
        "DuckDBBackend": "_lake.adapters.duckdb",
        "FrameBackend": "_lake.adapters.frames",
        "FsBackend": "_lake.stores",
        "HttpReranker": "_text.rerankers.http",
        "LakeHit": "_lake.result",
        "LakeResult": "_lake.result",
        "LakeSession": "_lake.session",
        "LanceDBBackend": "_lake.adapters.lancedb",
        "LocalBackend": "_lake.stores",
        "Message": "_agents.message",
        "ObjectStoreBackend": "_lake.adapters.objects",
        "ParquetBackend": "_lake.stores",
        "Part": "_agents.message",
        "PolicyViolation": "_agents.errors",
        "Prompt": "_documents.prompt",
        "ReadReport": "_documents.report",
        "Recommendation": "_recommend.result",
        "RefreshResult": "_lake.stats",
        "Reranker": "_text.rerankers.protocol",
        "Role": "_agents.message",
        "RuLake": "_lake.lake",
        "RuLakeBuilder": "_lake.builder",
        "RuLakeBundle": "_lake.bundle",
        "SQLiteBackend": "_lake.adapters.sqlite",
        "ScoreReport": "_parquet.scoring.report",
        "Task": "_agents.task",
        "TaskArtifactUpdateEvent": "_agents.task",
        "TaskPolicy": "_agents.policy",
        "TaskSpec": "_agents.policy",
        "TaskState": "_agents.task",
        "TaskStatus": "_agents.task",
        "TaskStatusUpdateEvent": "_agents.task",
        "TaskUpdate": "_agents.task",
        "TransportError": "_agents.errors",
        "Trust": "_agents.trust",
        "chunk": "_documents.chunking",
        "last_read": "_documents.report",
        "prompt": "_documents.prompt",
        "read": "_documents.read",
        "score_parquet": "_parquet.scoring.job",
        "source": "_documents.source",
        "write_parquet": "_parquet.writing",
    }

    def __getattr__(name: str) -> object:
        if name == "a2a":
            import importlib

            return importlib.import_module(".a2a", __name__)
        if name in _LATER:
            import importlib

            globals()[name] = getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
            return globals()[name]
        raise _MODULE.error(None, name, __all__)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


def _parquet_files(paths: object, what: str) -> list[str]:
    from ._parquet.paths import parquet_files  # here, so that importing the package stays short

    return parquet_files(paths, what)


_files_found_by(_parquet_files)
_accessors.install()
_paused.end()
