"""The structs and functions of ruvector.h.

Code generated from it by cabi/internal/doors; DO NOT EDIT.
"""

from __future__ import annotations

from ctypes import Structure, c_char_p, c_double, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any

ABI_MAJOR = 3
ABI_MINOR = 5


class Error(Structure):
    """struct rv_error"""

    _fields_ = [
        ("size", c_uint32),
        ("kind", c_int32),
        ("row", c_int64),
        ("column", c_int64),
        ("message", c_void_p),
        ("release", c_void_p),
        ("code", c_int32),
        ("pad", c_int32),
    ]


class Bytes(Structure):
    """struct rv_bytes"""

    _fields_ = [
        ("size", c_uint32),
        ("pad", c_uint32),
        ("data", c_void_p),
        ("len", c_int64),
        ("release", c_void_p),
    ]


class Plan(Structure):
    """struct rv_plan"""

    _fields_ = [
        ("size", c_uint32),
        ("kind", c_int32),
        ("tier", c_int32),
        ("exact_scores", c_int32),
        ("threads", c_int32),
        ("bits", c_int32),
        ("plane", c_int32),
        ("unlike", c_int32),
        ("rows", c_int64),
        ("eligible", c_int64),
        ("nulls", c_int64),
        ("queries", c_int64),
        ("cells", c_int64),
        ("probed", c_int64),
        ("scanned", c_int64),
        ("coded", c_int64),
        ("reranked", c_int64),
        ("certified", c_int64),
        ("ns_prepare", c_int64),
        ("ns_route", c_int64),
        ("ns_scan", c_int64),
        ("ns_rerank", c_int64),
        ("ns_total", c_int64),
        ("epsilon0", c_double),
        ("recall", c_double),
        ("ns_first", c_int64),
    ]


class Settings(Structure):
    """struct rv_settings"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("gc_percent", c_int32),
        ("pad", c_int32),
        ("simd", c_char_p),
    ]


class Values(Structure):
    """struct rv_values"""

    _fields_ = [
        ("format", c_char_p),
        ("data", c_void_p),
        ("offsets", c_void_p),
        ("n", c_int64),
        ("len", c_int64),
    ]


class BuildParams(Structure):
    """struct rv_build_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("ids", c_void_p),
        ("metric", c_char_p),
        ("kind", c_char_p),
        ("keep", c_char_p),
        ("skip_nulls", c_int32),
        ("skip_bad", c_int32),
        ("bits", c_int64),
        ("cells", c_int64),
        ("budget", c_int64),
        ("recall", c_double),
        ("seed", c_uint64),
        ("provenance", c_char_p),
        ("n_provenance", c_int64),
    ]


class SearchParams(Structure):
    """struct rv_search_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("queries", c_void_p),
        ("nq", c_int64),
        ("dim", c_int64),
        ("k", c_int64),
        ("rerank", c_int64),
        ("probes", c_int64),
        ("epsilon0", c_double),
        ("recall", c_double),
        ("filter", c_void_p),
        ("filter_len", c_int64),
        ("filter_kind", c_int32),
        ("brief", c_int32),
        ("source", c_uint64),
        ("ids", c_void_p),
        ("scores", c_void_p),
        ("counts", c_void_p),
        ("plan", c_void_p),
        ("texts", c_void_p),
        ("text_offsets", c_void_p),
        ("like", c_void_p),
        ("diversity", c_double),
        ("numbers", c_int32),
        ("pad2", c_int32),
    ]


class NeighborsParams(Structure):
    """struct rv_neighbors_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("k", c_int64),
        ("rows", c_int64),
        ("recall", c_double),
        ("of", c_void_p),
        ("neighbors", c_void_p),
        ("scores", c_void_p),
        ("counts", c_void_p),
        ("plan", c_void_p),
        ("texts", c_void_p),
        ("text_offsets", c_void_p),
    ]


class WithinParams(Structure):
    """struct rv_within_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threshold_kind", c_int32),
        ("threshold", c_double),
        ("limit", c_int64),
        ("max_bytes", c_int64),
        ("search", c_void_p),
    ]


class SearchCall(Structure):
    """struct rv_search_call"""

    _fields_ = [
        ("index", c_uint64),
        ("params", c_void_p),
        ("error", c_void_p),
    ]


class PythonQuery(Structure):
    """struct rv_python_query"""

    _fields_ = [
        ("index", c_uint64),
        ("dim", c_int64),
        ("k", c_int64),
        ("rerank", c_int64),
        ("probes", c_int64),
        ("recall", c_double),
        ("uint64_ids", c_int32),
        ("pad", c_int32),
    ]


class Python(Structure):
    """struct rv_python"""

    _fields_ = [
        ("size", c_uint32),
        ("pad", c_uint32),
        ("save_thread", c_void_p),
        ("restore_thread", c_void_p),
        ("retain", c_void_p),
        ("release", c_void_p),
        ("bytes", c_void_p),
        ("read_bytes", c_void_p),
        ("tuple", c_void_p),
        ("set_item", c_void_p),
        ("tuple_size", c_void_p),
        ("tuple_item", c_void_p),
        ("list_size", c_void_p),
        ("list_item", c_void_p),
        ("number", c_void_p),
        ("call", c_void_p),
        ("new_function", c_void_p),
        ("none", c_void_p),
        ("array_type", c_void_p),
        ("list_type", c_void_p),
        ("tuple_type", c_void_p),
        ("float_type", c_void_p),
        ("numpy", c_void_p),
        ("probe", c_void_p),
        ("failed", c_void_p),
    ]


class TopK(Structure):
    """struct rv_topk"""

    _fields_ = [
        ("k", c_int64),
        ("ids", c_void_p),
        ("scores", c_void_p),
        ("counts", c_void_p),
    ]


class MergeParams(Structure):
    """struct rv_merge_params"""

    _fields_ = [
        ("size", c_uint32),
        ("larger", c_int32),
        ("unsigned_ids", c_int32),
        ("pad", c_int32),
        ("nq", c_int64),
        ("n_parts", c_int64),
        ("parts", c_void_p),
        ("out", TopK),
    ]


class ExportColumn(Structure):
    """struct rv_export_column"""

    _fields_ = [
        ("name", c_char_p),
        ("format", c_char_p),
        ("dim", c_int64),
        ("data", c_void_p),
        ("offsets", c_void_p),
        ("validity", c_void_p),
    ]


class EmbedParams(Structure):
    """struct rv_embed_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("table", c_void_p),
        ("format", c_char_p),
        ("rows", c_int64),
        ("dim", c_int64),
        ("ids", c_void_p),
        ("n_ids", c_int64),
        ("offsets", c_void_p),
        ("texts", c_int64),
        ("normalize", c_int32),
        ("pad", c_int32),
        ("out", c_void_p),
        ("valid", c_void_p),
        ("weights", c_void_p),
    ]


class ChunkParams(Structure):
    """struct rv_chunk_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("kind", c_int32),
        ("unit", c_int32),
        ("budget", c_int64),
        ("overlap", c_int64),
        ("base", c_int64),
        ("line_break", c_int64),
        ("marks", c_void_p),
        ("n_marks", c_int64),
    ]


class ScoreParams(Structure):
    """struct rv_score_params"""

    _fields_ = [
        ("size", c_uint32),
        ("pad", c_uint32),
        ("path", c_char_p),
        ("path_len", c_int64),
        ("data", c_void_p),
        ("data_len", c_int64),
        ("out", c_char_p),
        ("out_len", c_int64),
        ("options", c_char_p),
        ("options_len", c_int64),
        ("search", c_void_p),
    ]


class ParquetParams(Structure):
    """struct rv_parquet_params"""

    _fields_ = [
        ("size", c_uint32),
        ("pad", c_int32),
        ("dim", c_int64),
        ("dtype", c_char_p),
        ("cache", c_int64),
        ("footer", c_int64),
        ("columns", c_int64),
        ("groups", c_int64),
        ("page", c_int64),
        ("page_decoded", c_int64),
        ("decoded", c_int64),
        ("ratio", c_int64),
        ("list", c_int64),
    ]


class ParquetSource(Structure):
    """struct rv_parquet_source"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("paths", c_void_p),
        ("column", c_char_p),
        ("dtype", c_char_p),
        ("dim", c_int64),
    ]


class OpenParams(Structure):
    """struct rv_open_params"""

    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("path", c_char_p),
        ("path_len", c_int64),
        ("column", c_uint64),
        ("memory", c_int64),
    ]


class BackendChange(Structure):
    """struct rv_backend_change"""

    _fields_ = [
        ("size", c_uint32),
        ("verb", c_int32),
        ("collection", c_char_p),
        ("collection_len", c_int64),
        ("vectors", c_uint64),
        ("ids", c_void_p),
        ("missing", c_int32),
        ("pad", c_int32),
        ("count", c_void_p),
    ]


class LakeQuery(Structure):
    """struct rv_lake_query"""

    _fields_ = [
        ("size", c_uint32),
        ("consistency", c_int32),
        ("ttl_ns", c_int64),
        ("session", c_uint64),
        ("rerank_factor", c_int64),
        ("entry", c_uint64),
        ("rows", c_int64),
        ("dim", c_int64),
        ("lenient", c_int32),
        ("id_kind", c_int32),
    ]


class LakeCall(Structure):
    """struct rv_lake_call"""

    _fields_ = [
        ("target", c_uint64),
        ("params", c_void_p),
        ("query", c_void_p),
        ("error", c_void_p),
    ]


class LakeFederated(Structure):
    """struct rv_lake_federated"""

    _fields_ = [
        ("size", c_uint32),
        ("partial", c_int32),
        ("dedupe", c_int32),
        ("pad", c_int32),
        ("targets", c_char_p),
        ("targets_len", c_int64),
        ("deadline_ns", c_int64),
        ("params", c_void_p),
        ("query", c_void_p),
        ("places", c_void_p),
    ]


# Name -> (result, arguments). Pointers travel as addresses or byref().
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "rv_abi_version": (c_uint32, []),
    "rv_live": (c_int64, []),
    "rv_wrap_matrix": (
        c_int32,
        [c_void_p, c_int64, c_int64, c_char_p, c_void_p, c_uint64, c_void_p, c_void_p, c_void_p],
    ),
    "rv_wrap_schema": (c_int32, [c_int64, c_char_p, c_void_p, c_void_p]),
    "rv_wrap_stream": (
        c_int32,
        [c_void_p, c_int64, c_int64, c_char_p, c_void_p, c_uint64, c_void_p, c_void_p],
    ),
    "rv_take_released": (c_int64, [c_void_p, c_int64]),
    "rv_capsule_init": (None, [c_void_p, c_void_p]),
    "rv_capsule_free_stream": (None, [c_void_p]),
    "rv_capsule_free_schema": (None, [c_void_p]),
    "rv_export_stream": (c_int32, [c_void_p, c_int64, c_int64, c_void_p, c_void_p]),
    "rv_configure": (c_int32, [c_void_p, c_void_p]),
    "rv_info": (c_int32, [c_uint64, c_void_p, c_void_p]),
    "rv_free": (c_int32, [c_uint64, c_void_p]),
    "rv_column_import": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "rv_column_import_stream": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rv_column_copy": (c_int32, [c_uint64, c_void_p, c_int32, c_void_p, c_void_p]),
    "rv_column_hash": (c_int32, [c_uint64, c_void_p, c_void_p]),
    "rv_column_hash_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_column_hash_rows": (c_int32, [c_uint64, c_int64, c_int64, c_void_p, c_void_p]),
    "rv_array_rows": (c_int32, [c_void_p, c_int64, c_void_p, c_void_p, c_void_p]),
    "rv_gather": (c_int32, [c_void_p, c_int64, c_int64, c_void_p, c_void_p]),
    "rv_pca_start": (c_int32, [c_uint64, c_int64, c_void_p, c_void_p, c_void_p]),
    "rv_scores": (
        c_int32,
        [c_uint64, c_uint64, c_char_p, c_int32, c_int32, c_void_p, c_void_p, c_void_p],
    ),
    "rv_scores_start": (
        c_int32,
        [c_uint64, c_uint64, c_char_p, c_int32, c_int32, c_void_p, c_void_p, c_void_p, c_void_p],
    ),
    "rv_build_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_search": (c_int32, [c_uint64, c_void_p, c_void_p]),
    "rv_search_one": (c_int32, [c_void_p]),
    "rv_python_search": (c_int32, [c_void_p, c_void_p]),
    "rv_search_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_search_groups_start": (
        c_int32,
        [c_uint64, c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p],
    ),
    "rv_within_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_dedup_start": (c_int32, [c_uint64, c_void_p, c_int32, c_void_p, c_void_p, c_void_p]),
    "rv_answer_stream": (c_int32, [c_uint64, c_void_p, c_void_p]),
    "rv_merge_topk": (c_int32, [c_void_p, c_void_p]),
    "rv_calibrate_start": (
        c_int32,
        [c_uint64, c_void_p, c_int64, c_int64, c_int32, c_void_p, c_void_p],
    ),
    "rv_recall_start": (
        c_int32,
        [c_uint64, c_int64, c_int64, c_double, c_int32, c_void_p, c_void_p, c_void_p],
    ),
    "rv_neighbors_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_save_start": (c_int32, [c_uint64, c_char_p, c_int64, c_uint32, c_void_p, c_void_p]),
    "rv_load_start": (c_int32, [c_char_p, c_int64, c_uint64, c_void_p, c_void_p]),
    "rv_encoding_start": (c_int32, [c_uint64, c_uint32, c_void_p, c_void_p]),
    "rv_encoding_copy_start": (c_int32, [c_uint64, c_void_p, c_int64, c_void_p, c_void_p]),
    "rv_decode_start": (c_int32, [c_void_p, c_int64, c_void_p, c_void_p]),
    "rv_index_lookup": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_index_ids": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_index_vectors": (c_int32, [c_uint64, c_void_p, c_int64, c_void_p, c_int32, c_void_p]),
    "rv_index_vectors_of": (c_int32, [c_uint64, c_void_p, c_void_p, c_int32, c_void_p]),
    "rv_index_matrix": (c_int32, [c_uint64, c_int64, c_void_p, c_int32, c_void_p]),
    "rv_index_attach": (c_int32, [c_uint64, c_uint64, c_void_p]),
    "rv_add": (c_int32, [c_uint64, c_uint64, c_void_p, c_int32, c_int32, c_void_p, c_void_p]),
    "rv_add_start": (
        c_int32,
        [c_uint64, c_uint64, c_void_p, c_int32, c_int32, c_void_p, c_void_p, c_void_p],
    ),
    "rv_add_matrix": (
        c_int32,
        [c_uint64, c_void_p, c_int64, c_int64, c_void_p, c_int32, c_int32, c_void_p, c_void_p],
    ),
    "rv_delete": (c_int32, [c_uint64, c_void_p, c_int32, c_void_p, c_void_p]),
    "rv_compact_start": (c_int32, [c_uint64, c_int32, c_void_p, c_void_p]),
    "rv_index_close": (c_int32, [c_uint64, c_void_p]),
    "rv_task_wait": (c_int32, [c_uint64, c_int64, c_void_p, c_void_p]),
    "rv_task_progress": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_task_cancel": (c_int32, [c_uint64, c_void_p]),
    "rv_task_result": (c_int32, [c_uint64, c_void_p, c_void_p]),
    "rv_embed": (c_int32, [c_void_p, c_void_p]),
    "rv_texts_import_stream": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rv_texts_hash_start": (
        c_int32,
        [c_uint64, c_void_p, c_void_p, c_void_p, c_void_p, c_uint64, c_void_p, c_void_p],
    ),
    "rv_words_start": (c_int32, [c_uint64, c_void_p, c_int32, c_void_p, c_void_p]),
    "rv_words_search_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rv_chunk_start": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "rv_chunk_count_start": (c_int32, [c_uint64, c_void_p, c_int64, c_void_p, c_void_p]),
    "rv_chunk_read": (c_int32, [c_uint64, c_int32, c_void_p, c_int64, c_void_p]),
    "rv_score_look": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rv_right_import_stream": (c_int32, [c_void_p, c_int64, c_void_p, c_void_p, c_void_p]),
    "rv_score_open": (c_int32, [c_uint64, c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_score_run_start": (c_int32, [c_uint64, c_void_p, c_void_p]),
    "rv_score_texts_start": (c_int32, [c_uint64, c_int64, c_void_p, c_void_p]),
    "rv_score_step_start": (c_int32, [c_uint64, c_void_p, c_int64, c_int64, c_void_p, c_void_p]),
    "rv_score_finish_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_parquet_open_start": (
        c_int32,
        [c_char_p, c_int64, c_char_p, c_int64, c_void_p, c_void_p, c_void_p],
    ),
    "rv_parquet_read_start": (
        c_int32,
        [c_uint64, c_void_p, c_int64, c_void_p, c_int32, c_void_p, c_void_p],
    ),
    "rv_parquet_column_start": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rv_parquet_build_start": (c_int32, [c_uint64, c_char_p, c_void_p, c_void_p, c_void_p]),
    "rv_open_start": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rv_verify_start": (c_int32, [c_uint64, c_int32, c_void_p, c_void_p]),
    "rv_queue_new": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rv_queue_watch": (c_int32, [c_uint64, c_uint64, c_uint64, c_void_p]),
    "rv_queue_drain": (c_int32, [c_uint64, c_void_p, c_int64, c_void_p, c_void_p]),
    "rv_bundle": (c_int32, [c_char_p, c_char_p, c_int64, c_char_p, c_int64, c_void_p, c_void_p]),
    "rv_adapter_new": (c_int32, [c_char_p, c_int64, c_int32, c_void_p, c_void_p]),
    "rv_adapter_next": (c_int32, [c_uint64, c_int64, c_void_p, c_void_p]),
    "rv_adapter_answer": (c_int32, [c_uint64, c_uint64, c_char_p, c_int64, c_void_p, c_void_p]),
    "rv_adapter_answer_rows": (
        c_int32,
        [c_uint64, c_uint64, c_void_p, c_uint64, c_char_p, c_int64, c_int32, c_void_p, c_void_p],
    ),
    "rv_adapter_answer_stream": (
        c_int32,
        [c_uint64, c_uint64, c_void_p, c_char_p, c_int64, c_int32, c_void_p, c_void_p, c_void_p],
    ),
    "rv_adapter_end": (c_int32, [c_uint64, c_char_p, c_int64, c_void_p]),
    "rv_adapter_fail": (
        c_int32,
        [c_uint64, c_uint64, c_int32, c_int32, c_char_p, c_int64, c_void_p, c_void_p],
    ),
    "rv_adapter_wanted": (c_int32, [c_uint64, c_uint64, c_void_p, c_void_p]),
    "rv_adapter_close": (c_int32, [c_uint64, c_void_p]),
    "rv_backend_ask_start": (c_int32, [c_uint64, c_char_p, c_char_p, c_int64, c_void_p, c_void_p]),
    "rv_lake_new": (c_int32, [c_char_p, c_int64, c_void_p, c_void_p]),
    "rv_backend_new": (c_int32, [c_char_p, c_int64, c_void_p, c_void_p]),
    "rv_lake_register": (c_int32, [c_uint64, c_uint64, c_void_p]),
    "rv_backend_change_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_lake_target": (c_int32, [c_uint64, c_char_p, c_int64, c_void_p, c_void_p]),
    "rv_lake_search_one": (c_int32, [c_void_p]),
    "rv_lake_search_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rv_lake_federated_start": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_lake_ask": (c_int32, [c_uint64, c_char_p, c_int64, c_void_p, c_void_p]),
    "rv_lake_call_start": (c_int32, [c_uint64, c_char_p, c_int64, c_void_p, c_void_p]),
    "rv_note": (c_int32, [c_uint64, c_void_p, c_void_p]),
    "rv_session_new": (c_int32, [c_uint64, c_void_p, c_void_p]),
    "rv_agent_call_start": (
        c_int32,
        [c_uint64, c_uint64, c_char_p, c_char_p, c_int64, c_void_p, c_void_p],
    ),
    "rv_agent_answer": (c_int32, [c_uint64, c_void_p, c_void_p, c_void_p]),
    "rv_agent_ask": (c_int32, [c_uint64, c_char_p, c_char_p, c_int64, c_void_p, c_void_p]),
    "rv_agent_take": (c_int32, [c_uint64, c_int64, c_void_p, c_void_p]),
    "rv_agent_wait": (c_int32, [c_uint64, c_int64, c_void_p, c_void_p]),
    "rv_agent_watch": (c_int32, [c_uint64, c_uint64, c_uint64, c_void_p]),
}
