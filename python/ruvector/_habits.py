"""Names and arguments that people try from habit, and the errors that say what is here instead.

Nothing of this costs a call that is right but the frame of a wrapper: names that are missing come
to ``__getattr__``, which Python asks last, and arguments that do not fit are a TypeError.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., object])

# What an argument is called elsewhere, by what it is called here. Where a function has none of
# the first name, the next is tried.
_ARGUMENTS: Final = {
    ("k",): "top_k topk n_results limit n_neighbors n_neighbours top_n topn top n size num_results "
    "max_results num_neighbors count neighbors nn number K match_count",
    ("limit",): "k top_k topk n_results n max_results",
    ("where", "ids", "where_right"): "filter filters query_filter condition mask expr predicate "
    "pre_filter prefilter where_document filter_ids search_params",
    ("metric",): "distance space similarity measure distance_metric metric_type dist "
    "distance_function similarity_metric distance_type",
    ("on", "left_on", "vectors"): "column col vector_column vector_column_name anns_field field "
    "embedding_column vec_col subset key feature_columns using",
    ("text",): "text_column text_col content document texts documents corpus",
    ("by",): "group_by groupby group partition_by over within_group groups",
    ("min_similarity",): "threshold score_threshold min_score similarity_threshold cutoff min_sim "
    "similarity_cutoff score_cutoff similarity_score_threshold",
    ("max_distance",): "radius r eps max_dist distance_threshold max_radius distance_upper_bound",
    ("embedder",): "model embedding_function encoder embed_fn embedding embed_model vectorizer "
    "embedding_model embed encode",
    ("probes",): "nprobe n_probe n_probes nprobes num_probes",
    ("recall", "recall_target"): "accuracy ef ef_search efSearch search_k recall_target recall "
    "ef_construction efConstruction M m n_trees mode",
    ("threads",): "n_jobs num_threads n_threads nthreads workers num_workers max_workers",
    ("seed",): "random_state rng random_seed",
    ("progress",): "show_progress show_progress_bar progress_bar verbose tqdm",
    ("diversity",): "mmr lambda_mult lambda_ mmr_lambda fetch_k",
    ("reranker",): "rerank cross_encoder rerank_model ranker",
    ("columns",): "include output_fields select with_payload include_metadata fields",
    ("kind",): "index_type method algorithm type factory",
    ("cells",): "nlist n_lists num_partitions n_clusters nclusters",
    ("ids",): "labels keys names id doc_ids",
    ("path",): "filename file fname filepath file_path",
    ("vectors", "n"): "data X xb embeddings x points matrix",
    (
        "query",
        "other",
    ): "query_vector query_embedding query_embeddings query_texts queries vector "
    "q question query_text search text_query vec",
    ("nulls",): "dropna na_action null_handling",
    ("suffix",): "suffixes lsuffix rsuffix",
    ("how",): "join_type type",
    ("keep",): "copy store_vectors",
    ("color",): "hue c colour color_by",
    ("ax",): "axes axis figure",
    ("into",): "output_column out name to alias",
}
_READERS: Final = frozenset({"reranker", "cross_encoder", "rerank_model", "ranker"})
_EXACT: Final = frozenset({"exact", "brute_force", "flat", "force_exact"})


def _by_habit(table: Mapping[Any, str]) -> dict[str, list[Any]]:
    """Turn a table around: what is here for every habit, in the order of the table."""
    found: dict[str, list[Any]] = {}
    for here, habits in table.items():
        for habit in habits.split():
            found.setdefault(habit, []).append(here)
    return found


def told(function: F) -> F:
    """Have calls of a public function that do not fit say which argument is meant.

    The signature, for people and type checkers, is that of the function.
    """

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except TypeError as error:
            if not _misfit(error):
                raise
            raise _explained(function, arguments, named, error) from None

    return _like(function, call)


def told_of_query(short: Callable[[Any, Any, Any, dict[str, Any]], Any]) -> Callable[[F], F]:
    """As `told`, for a method of ``(query, k)`` that takes microseconds.

    What names one more argument at most is given to `short` first, which returns None if it is not
    for it.
    """

    def wrap(function: F) -> F:
        @functools.wraps(function)
        def call(self: Any, query: Any = None, k: Any = 10, **named: Any) -> Any:
            if len(named) < 2:
                found = short(self, query, k, named)
                if found is not None:
                    return found
            try:
                return function(self, query, k, **named)
            except TypeError as error:
                if not _misfit(error):
                    raise
                raise _explained(function, (self, query, k), named, error) from None

        return _like(function, call)

    return wrap


def told_when_awaited(function: F) -> F:
    """As `told`, for a coroutine function: what is told stays one."""

    @functools.wraps(function)
    async def call(*arguments: Any, **named: Any) -> Any:
        try:
            answer: Any = function(*arguments, **named)
        except TypeError as error:  # of the call alone: nothing has run yet
            raise _explained(function, arguments, named, error) from None
        return await answer

    return _like(function, call)


def _like(function: F, call: Any) -> F:
    call.__annotations__ = function.__annotations__  # of which 3.14 copies those alone that run
    out: F = call
    return out


def _misfit(error: TypeError) -> bool:
    """Return whether a call did not fit, told by that no code of the function ran."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is None


def _explained(
    function: Callable[..., object],
    arguments: tuple[Any, ...],
    named: Mapping[str, Any],
    failure: TypeError,
) -> TypeError:
    """Return the error of a call that did not fit, with advice."""
    parameters = inspect.signature(function).parameters
    advice = ""
    unknown = [name for name in named if name not in parameters]
    places = [
        name
        for name, parameter in parameters.items()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    if unknown:
        advice = _argument_meant(unknown[0], named[unknown[0]], list(parameters))
    elif len(arguments) > len(places):
        advice = _place_meant(arguments[len(places)], [*parameters][len(places) :])
    elif "query" in parameters and "missing" in str(failure):
        advice = "give a text or a vector to search for"
    return TypeError(f"{failure}; {advice}" if advice else str(failure))


def _argument_meant(name: str, value: Any, parameters: list[str]) -> str:
    """Return which parameter is meant by an argument that a function does not have."""
    if name in _EXACT and "recall" in parameters:
        return "for an exact answer use recall=1.0"
    for choice in _by_habit(_ARGUMENTS).get(name, []):
        for meant in choice:
            if meant in parameters:
                return _use(name, meant, value)
    if name in _READERS and ("query" in parameters or "rerank_factor" in parameters):
        return (
            "texts are not read here: find more rows than are needed, and rerank them as a frame, "
            "rv.search(rows, query, k=..., text=..., reranker=...)"
        )
    import difflib

    near = difflib.get_close_matches(name, parameters, 1)
    listed = ", ".join(f"{p}=" for p in parameters if p not in ("self", "cls", "frame"))
    return (f"did you mean {near[0]}=? " if near else "") + f"it takes {listed}"


def _use(name: str, meant: str, value: Any) -> str:
    if name == "lambda_mult":
        return "use diversity= (1 - lambda_mult)"
    if name in ("fetch_k", "mode", "ef_construction", "efConstruction", "M", "m", "n_trees"):
        return f"there is no such knob; {meant}= says what the answer shall be like"
    shown = repr(value) if isinstance(value, int | float | str) else ""
    same = meant in (
        "k", "limit", "by", "threads", "seed", "on", "text", "min_similarity", "max_distance",
    )  # fmt: skip
    return f"use {meant}={shown if same and len(shown) <= 40 else ''}".rstrip()


def _place_meant(value: Any, parameters: list[str]) -> str:
    """Return how to name an argument that was given by position."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and "k" in parameters:
        return f"name it: k={value}"
    if isinstance(value, str) and len(value) <= 40 and "on" in parameters:
        return f"name it: on={value!r}"
    return f"name it, as one of {', '.join(f'{p}=' for p in parameters)}"


class Absent:
    """Advice for the names that one kind of object does not have."""

    __slots__ = ("_called", "_habits", "_what", "here")

    def __init__(self, what: str, called: str, here: Mapping[str, str]) -> None:
        """``here`` maps what is here, as a person writes it, to the habits, with blanks between.

        What starts with a dot is a name of the object, which people call `called`.
        """
        self._what = what
        self._called = called
        self.here = here
        self._habits: dict[str, list[str]] | None = None

    def error(self, owner: Any, name: str, known: Iterable[str] = ()) -> AttributeError:
        """Return the error for a name that `owner` lacks."""
        message = f"{self._what} has no {name!r}"
        if not name.startswith("_"):
            message += self._advice(owner, name, known)
        # With a name and without an object Python adds no advice of its own.
        return AttributeError(message, name=name)

    def _advice(self, owner: Any, name: str, known: Iterable[str]) -> str:
        if self._habits is None:
            self._habits = _by_habit(self.here)
        names = [n for n in (known or dir(type(owner))) if not n.startswith("_")]
        for way in self._habits.get(name.lower(), []):
            if not way.startswith("."):
                return f"; use {way}"
            if named_in(way) in names:
                return f"; use {self._called}{way}"
        import difflib

        near = difflib.get_close_matches(name, names, 1)
        listed = ", ".join(names if len(names) <= 24 else [*names[:24], "..."])
        return (f"; did you mean {near[0]!r}?" if near else "") + f"; it has {listed}"


def named_in(way: str) -> str:
    """Return the name that a way such as ``.search(query, k=10)`` begins with."""
    return way[1:].split("(")[0].split("[")[0]


INDEX: Final = Absent(
    "an Index",
    "ix",
    {
        ".search(query, k=10)": "query knn_query kneighbors similarity_search knn nearest find ask "
        "similarity_search_by_vector search_by_vector get_nns_by_vector get_nns_by_item "
        "query_points search_and_reconstruct nearest_neighbors top_k topk vector_search retrieve "
        "similarity_search_with_score as_retriever",
        ".search_async(query, k=10), and await it": "asearch async_search aquery "
        "asimilarity_search query_async asearch_batch",
        ".within(query, min_similarity=...), or max_distance= for distances": "range_search "
        "radius_neighbors query_radius query_ball_point radius_search range",
        ".add(ids, vectors)": "add_documents add_items add_with_ids insert append add_texts extend "
        "add_vectors add_item add_embeddings add_points push put add_data",
        ".upsert(ids, vectors)": "update replace set overwrite",
        ".delete(ids)": "remove remove_ids mark_deleted drop pop discard delete_ids",
        "rv.Index.build(vectors), which does it in one step": "fit train build_index init_index "
        "fit_transform create new from_vectors from_numpy from_array from_list from_embeddings "
        "make factory from_matrix",
        "df.ruvector.build_index(), or with text: rv.build_index(df, 'column')": "from_pandas "
        "from_frame from_dataframe from_polars from_texts from_documents from_arrow from_df",
        ".save(path)": "write dump save_index to_file write_index persist save_local to_disk store "
        "serialize export to_parquet to_pickle",
        "rv.Index.load(path)": "read open from_file load_index read_index restore load_local "
        "from_disk deserialize from_bytes from_pretrained read_parquet view mmap",
        "len(ix)": "ntotal size count get_n_items get_current_count n_items num_rows shape rows n "
        "element_count nrows",
        ".dim": "d dimension dimensions ndim ndims n_features width",
        "np.asarray(ix) for all vectors, ix[id] for those of ids": "vectors data values to_numpy "
        "embeddings get_xb matrix reconstruct_n xb",
        "ix[id]": "get get_items get_item_vector fetch reconstruct get_vector vector get_by_ids",
        ".neighbors(k=15)": "kneighbors_graph neighbor_graph knn_graph nn_descent graph",
        ".info()": "describe stats summary properties config params get_config metadata",
        ".memory_bytes": "nbytes memory_usage memory sa_code_size",
        "recall= of search: what the answer shall be like": "set_ef nprobe ef set_nprobe ef_search",
        "rv.set_threads(n)": "set_num_threads set_threads",
        "ids=... of Index.build, and result.ids of a search": "ids labels keys get_ids_list",
        "ix.search(...).plan": "plan explain last_plan",
    },
)


class KindOfIndex(type):
    """The class of the class `Index`: for names that ``rv.Index`` itself lacks."""

    if not TYPE_CHECKING:  # which report them

        def __getattr__(cls, name: str) -> Any:
            raise INDEX.error(cls, name, dir(cls))


FRAME: Final = Absent(
    "the accessor of a frame",
    "df.ruvector",
    {
        ".search(query, k=10)": "knn query nearest find similarity_search top_k topk find_similar "
        "search_text semantic_search vector_search text_search filter where lookup retrieve ask",
        ".within(query, min_similarity=...)": "range_search radius radius_search threshold near",
        ".dedup(min_similarity=...)": "drop_duplicates deduplicate unique dedupe drop_similar "
        "remove_duplicates semantic_dedup",
        ".duplicate_groups(min_similarity=...)": "duplicates groups find_duplicates group_similar "
        "get_duplicates cluster clusters",
        ".duplicated(min_similarity=...)": "is_duplicated is_duplicate is_unique",
        ".sim_join(right, k=1)": "join merge knn_join fuzzy_join match link semantic_join lookup "
        "nearest_join merge_asof join_nearest similarity_join fuzzy_merge sjoin_nearest",
        ".embed(column)": "embeddings encode vectorize embed_text add_embeddings embedding "
        "transform",
        ".build_index()": "index build create_index fit to_index make_index",
        ".similar_to(label)": "like more_like_this similar most_similar recommend",
        ".neighbors(k=15)": "knn_graph kneighbors graph nearest_neighbors neighbours",
        ".plot()": "scatter umap pca visualize show map hist draw",
        ".describe()": "info summary columns schema dtypes",
        ".hybrid(query, text='column')": "hybrid_search bm25 keyword_search full_text_search fts",
        ".similarity_quantiles()": "quantiles quantile thresholds",
        "rv.to_matrix(df['column'])": "to_numpy to_matrix matrix vectors values",
        "rv.last_plan()": "plan last_plan",
    },
)

SERIES: Final = Absent(
    "the accessor of a column",
    "series.ruvector",
    {
        "the frame: df.ruvector.search(query, on='column')": "search knn query nearest find top_k "
        "similarity_search",
        "the frame: df.ruvector.within(query, on='column', min_similarity=...)": "within",
        "the frame: df.ruvector.embed('column')": "embed encode vectorize embeddings",
        "the frame: df.ruvector.dedup(on='column', min_similarity=...)": "dedup drop_duplicates "
        "unique deduplicate",
        ".to_matrix()": "to_numpy matrix values numpy stack to_array",
        ".similarity(query)": "cosine cosine_similarity dot sim inner score",
        ".distance(query)": "l2 euclidean dist l2_distance euclidean_distance",
        ".describe()": "info summary shape dim",
        "rv.Index.build(series)": "build_index index build",
    },
)

EXPRESSION: Final = Absent(
    "the accessor of an expression",
    "pl.col('column').ruvector",
    {
        ".knn(index, k=5)": "search query nearest find top_k topk neighbors kneighbors query_knn",
        ".is_near(other, min_similarity=...)": "within near within_distance is_similar filter",
        ".similarity(other)": "cosine cosine_similarity dot sim inner score",
        ".distance(other)": "l2 euclidean dist l2_distance euclidean_distance",
        ".normalize()": "unit normalise normalized l2_normalize to_unit",
        ".norm()": "length magnitude abs l2_norm",
        "the frame: df.ruvector.embed('column')": "embed encode vectorize embeddings",
        "the frame: df.ruvector.dedup(on='column', min_similarity=...)": "dedup unique",
        "the frame: df.ruvector.sim_join(right, on='column')": "join sim_join merge",
        "rv.to_matrix(df['column'])": "to_numpy to_matrix matrix values",
    },
)

RESULT: Final = Absent(
    "a SearchResult",
    "result",
    {
        ".scores": "distances similarities similarity distance d score dists",
        ".ids": "indices labels i index keys neighbors matches",
        ".rows(frame)": "documents metadatas metadata texts df frame payload records join",
        ".hits()": "to_list tolist to_dict points items results to_dicts",
        ".arrays()": "to_numpy numpy as_tuple",
        ".to_pandas()": "to_df to_frame as_frame pandas",
        ".to_polars()": "pl polars",
        "result.ids[:k], or search with k=": "head top",
        ".counts": "lims lengths sizes",
    },
)

LAKE_RESULT: Final = Absent(
    "a LakeResult",
    "result",
    {**RESULT.here, ".backends": "backend stores sources", ".errors": "failures exceptions failed"},
)

LAKE: Final = Absent(
    "a RuLake",
    "lake",
    {
        ".search_one(collection, query, k=10)": "search query knn find nearest get ask retrieve",
        ".search_federated(query, k=10)": "search_all search_many federated multi_search",
        ".search_batch(collection, queries, k=10)": "batch search_many_queries query_batch",
        ".register_backend(store)": "add_backend add register attach add_store connect",
        ".collections()": "list_collections tables list_tables show_collections keys list",
        ".backend_ids()": "backends stores list_backends sources",
        ".cache_stats()": "stats info statistics describe",
        ".invalidate_cache((backend, collection))": "invalidate clear evict drop reset refresh",
        ".warm_from_dir((backend, collection), directory)": "load warm restore read open",
        ".save_cache_to_dir((backend, collection), directory)": "save dump persist write",
        ".publish_bundle((backend, collection), directory)": "publish export",
        "store.put(collection, ids, vectors) of a LocalBackend": "put insert create_collection "
        "create upsert append delete add_vectors",
    },
)

MODULE: Final = Absent(
    "ruvector",
    "rv",
    {
        "rv.Index.build(vectors)": "indexflatl2 indexflatip indexhnswflat indexivfflat flatindex "
        "index_factory hnsw hnswindex annoyindex vectorstore vectordb database collection client "
        "vectordatabase persistentclient create_collection create_index build bruteforce faiss "
        "nearestneighbors nndescent store db create fit kdtree balltree ivf flat ruvector",
        "rv.Index.load(path)": "load open read_index load_index connect read_file from_file",
        "ix.save(path)": "save write_index dump save_index",
        ".search(frame, query, k=10)": "knn query nearest find similarity_search top_k topk "
        "semantic_search cosine_search knn_search vector_search",
        ".sim_join(left, right, k=1)": "join merge knn_join fuzzy_join match link semantic_join "
        "merge_asof similarity_join",
        ".dedup(frame, min_similarity=...)": "drop_duplicates deduplicate dedupe unique "
        "remove_duplicates semantic_dedup",
        ".duplicate_groups(frame, min_similarity=...)": "duplicates find_duplicates",
        ".embed(frame, 'column')": "encode embeddings vectorize embed_text add_embeddings",
        ".hybrid(frame, query, text='column')": "bm25 hybrid_search keyword_search fts",
        ".set_threads(n)": "set_num_threads omp_set_num_threads set_n_jobs threads",
        ".last_plan()": "plan explain_last",
        "rv.to_matrix(column)": "to_numpy matrix stack from_column parse_vectors asarray",
        "rv.to_column(matrix, like=frame)": "to_series from_matrix to_array from_numpy",
        "rv.Embedder.from_pretrained()": "sentencetransformer embedding_functions embedding model "
        "openaiembeddings staticmodel",
        ".read(paths)": "read_file read_files read_documents load_documents loader directoryloader "
        "simpledirectoryreader textloader documents",
        ".last_read()": "last_report read_report",
        "rv.cpu_features()": "simd features backend cpu get_compile_options",
        "rv.__version__": "version",
        "rv.config(...)": "settings options set_option set_config",
        ".describe(frame)": "info summary",
    },
)
