"""What is no frame is refused with the call that takes it; what can be read once is read once."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import Any

import nanoarrow
import narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from kinds_of_frames import Exporter

import ruvector as rv
from ruvector._frames.adapters import wrap
from ruvector._frames.foreign.narwhals import NarwhalsFrame
from ruvector._frames.foreign.streams import ArrowRows, back_to

ROWS = np.eye(4, dtype=np.float32)
TABLE = pa.table({"id": range(4), "emb": pa.array(ROWS.tolist(), pa.list_(pa.float32(), 4))})


class Tensor:
    """An array of a library that NumPy can read."""

    shape = (4, 4)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return ROWS


class Query:
    """What a query engine would compute."""

    def to_arrow(self) -> Any:
        return TABLE


class Computed(Query):
    """What dask or Spark would compute: only one of these ways is there."""

    to_arrow = None  # type: ignore[assignment]

    def __init__(self, way: str) -> None:
        setattr(self, way, lambda: TABLE)


REFUSED = [
    (ROWS, r"numpy ndarray of shape \(4, 4\).*rv\.Index\.build\(array\)\.search.*rv\.to_column"),
    (ROWS[0], r"shape \(4,\).*one vector is a query; the frame comes first"),
    (ROWS.view([("a", "f4")]), r"pandas\.DataFrame\(records\)"),
    (Tensor(), r"Tensor of shape.*rv\.Index\.build\(array\)"),
    (memoryview(ROWS), r"memoryview.*rv\.Index\.build"),
    (ROWS.tolist(), r"a list is not.*rv\.Index\.build\(vectors\).*pandas\.DataFrame"),
    ([1.0, 2.0], "a list of numbers.*the frame comes first"),
    (["a", "b"], r"a list of texts.*pandas\.DataFrame\(\{'text': texts\}\), then text='text'"),
    ([{"a": 1}], r"a list of dicts.*pandas\.DataFrame\(rows\)"),
    ((), "an empty tuple"),
    ({"a": [1, 2]}, r"a dict .*pandas\.DataFrame\(data\)"),
    ({"a": 1}, r"a dict .*pandas\.DataFrame\(\[data\]\)"),
    (None, "None is not a frame: the first argument"),
    (3, r"int is not a frame: make one"),
    (b"PAR1", "bytes"),
    ("docs.parquet", r"the path 'docs.parquet'.*pandas\.read_parquet\('docs.parquet'\)"),
    (pathlib.Path("a.csv"), r"pandas\.read_csv\('a.csv'\)"),
    (pathlib.Path("a"), r"the path 'a'.*read it first"),
    ("a.rvx", r"rv\.Index\.load\('a.rvx'\)"),
    ("refund took weeks", "the text 'refund took weeks'.*the frame comes first"),
    (pd.Series(list(ROWS)), r"Series.*column\.to_frame\('emb'\).*rv\.Index\.build\(column\)"),
    (pl.Series(ROWS), r"polars Series.*rv\.Index\.build\(column\)"),
    (pl.col("emb"), "polars expression.*on="),
    (pd.DataFrame({"a": [1]}).groupby("a"), "by="),
    (pl.DataFrame({"a": [1]}).group_by("a"), "by="),
    (TABLE["emb"], r"pyarrow ChunkedArray.*pyarrow\.table.*rv\.Index\.build\(array\)"),
    (nanoarrow.Array(TABLE["emb"].chunk(0)), r"one Arrow column.*rv\.Index\.build\(column\)"),
    (ds.dataset(TABLE).scanner(), r"scanner\.to_table\(\)"),
    (Query(), r"\.to_arrow\(\)"),
    (Computed("compute"), r"read it first: \.compute\(\)"),
    (Computed("toPandas"), r"read it first: \.toPandas\(\)"),
    (lambda: TABLE, "call it"),
    (rv.Index.build(ROWS), r"an Index.*index\.search\(query\).*index=index"),
    (rv.FlatF32Index.build(ROWS), r"a FlatF32Index.*index\.search"),
    (rv.Index.build(ROWS).search(ROWS[0], 2), r"result\.rows\(frame\)"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "match"), REFUSED, ids=lambda v: type(v).__name__)
def test_what_is_no_frame_is_refused_with_the_call_to_use(data: Any, match: str) -> None:
    for verb in (rv.build_index, lambda f: rv.search(f, ROWS[0])):
        with pytest.raises(rv.InvalidArgument, match=f"(?s){match}") as caught:
            verb(data)
        assert len(str(caught.value)) < 500


def test_the_calls_that_errors_name_work() -> None:
    frame = pd.DataFrame({"id": range(4)})
    frame["emb"] = rv.to_column(ROWS, like=frame)
    assert rv.search(frame, ROWS[2], k=1)["id"].tolist() == [2]
    column = frame["emb"]
    assert rv.Index.build(column).search(ROWS[1], k=1).ids.tolist() == [1]
    assert rv.search(column.to_frame("emb"), ROWS[2], k=1).index.tolist() == [2]
    assert rv.search(pd.DataFrame({"emb": list(ROWS)}), ROWS[3], k=1).index.tolist() == [3]


def test_a_reader_is_read_once_and_says_so() -> None:
    reader = TABLE.to_reader()
    assert rv.search(reader, ROWS[2], k=1).read_all()["id"].to_pylist() == [2]
    with pytest.raises(rv.InvalidArgument, match="read once"):
        rv.search(reader, ROWS[2], k=1)
    closed = pa.RecordBatchReader.from_stream(TABLE)
    closed.close()
    with pytest.raises(rv.InvalidArgument, match="read once"):
        rv.search(closed, ROWS[2], k=1)


def test_a_stream_of_another_library_is_read_once_and_says_so() -> None:
    stream = nanoarrow.c_array_stream(TABLE)
    found = rv.search(stream, ROWS[2], k=1)
    assert pa.table(found)["id"].to_pylist() == [2]
    with pytest.raises((rv.RuVectorError, RuntimeError), match=r"released|once"):
        rv.search(stream, ROWS[2], k=1)


def test_a_dataset_of_files_is_searched_with_expressions(tmp_path: pathlib.Path) -> None:
    ds.write_dataset(TABLE, tmp_path, format="parquet")
    found = rv.search(ds.dataset(tmp_path), ROWS[2], k=1, where=ds.field("id") != 2)
    assert isinstance(found, ds.Dataset)
    assert found.to_table()["id"].to_pylist() == [0]


def test_batches_in_pieces_come_back_in_one() -> None:
    table = pa.concat_tables([TABLE, TABLE])
    batch = table.combine_chunks().to_batches()[0]
    found = rv.search(batch.slice(3, 2), ROWS[3], k=2)
    assert isinstance(found, pa.RecordBatch)
    assert found.schema.names == ["id", "emb", "cosine_similarity"]
    assert found["id"].to_pylist() == [3, 0]


def test_answers_to_unknown_exporters_are_arrow_data_again() -> None:
    found: Any = rv.search(Exporter(TABLE), ROWS[2], k=2)
    assert isinstance(found, ArrowRows)
    assert len(found) == 2
    assert found.column_names == ["id", "emb", "cosine_similarity"]
    first, again = pa.table(found), pa.table(found)
    assert first.equals(again) and found.to_arrow().equals(first)
    assert found.to_polars()["id"].to_list() == found.to_pandas()["id"].tolist() == [2, 0]
    assert repr(found) == "ArrowRows(2 rows: id, emb, cosine_similarity)"
    assert found._repr_html_().count("<tr>") == 3
    assert rv.search(found, ROWS[2], k=1, columns=["id"]).column_names[:1] == ["id"]


class Frameish:
    """A frame of a library like arro3, whose classes read Arrow data."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_array__(self, requested_schema: object | None = None) -> object:
        return self.table.combine_chunks().to_batches()[0].__arrow_c_array__()

    @classmethod
    def from_arrow(cls, data: Any) -> Frameish:
        return cls(pa.table(data))


def test_classes_that_read_arrow_data_are_given_back() -> None:
    found = rv.search(Frameish(TABLE), ROWS[2], k=1)
    assert isinstance(found, Frameish)
    assert found.table["id"].to_pylist() == [2]
    assert rv.search(TABLE, Frameish(TABLE.slice(2, 1)), k=1)["id"].to_pylist() == [2]
    assert back_to(found)(3) == 3


def test_streams_are_read_with_polars_where_pyarrow_is_not() -> None:
    code = """
        import sys
        sys.modules["pyarrow"] = None
        import nanoarrow as na, numpy as np, ruvector as rv
        import polars as pl
        class Exporter:
            def __arrow_c_stream__(self, requested_schema=None):
                return pl.DataFrame({"id": [0, 1], "emb": np.eye(2)}).__arrow_c_stream__()
        found = rv.search(Exporter(), [0.0, 1.0], k=1)
        assert found.to_polars()["id"].to_list() == [1]
        try:
            found.to_arrow()
        except rv.MissingExtra as error:
            assert "pip install" in str(error)
        print(type(rv.search(na.Array(Exporter()), [0.0, 1.0], k=1)).__name__)
    """
    assert _run(code) == "Array"


def test_streams_without_pyarrow_and_polars_name_what_to_install() -> None:
    code = """
        import sys
        sys.modules["pyarrow"] = sys.modules["polars"] = None
        import nanoarrow as na, numpy as np, ruvector as rv
        from ruvector import _native
        try:
            rv.describe(na.Array(na.c_array_stream(na.c_array([1, 2, 3], na.int32()))))
        except rv.InvalidArgument as error:
            assert "one Arrow column" in str(error)
        class Exporter:
            def __arrow_c_stream__(self, requested_schema=None):
                return _native.export_stream(["a"], [np.arange(3)])
        try:
            rv.describe(Exporter())
        except rv.MissingExtra as error:
            print(error.pip)
    """
    assert _run(code) == "pip install 'ruvector-arrow[arrow]'"


def test_a_stream_whose_schema_fails_says_why() -> None:
    def broken() -> Any:
        raise OSError("the disk is gone")
        yield

    class Failing:
        def __arrow_c_stream__(self, schema: object | None = None) -> object:
            return pa.RecordBatchReader.from_batches(TABLE.schema, broken()).__arrow_c_stream__()

    with pytest.raises(Exception, match="the disk is gone"):
        rv.describe(Failing())


def _run(code: str) -> str:
    import textwrap

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---- narwhals ----


def test_frames_that_only_narwhals_serves_keep_their_index() -> None:
    """Run through narwhals on pandas, as it is run on Modin and cuDF, which are not installed."""
    frame = pd.DataFrame({"id": range(4), "emb": list(ROWS)}, index=["a", "b", "b", "d"])
    met = NarwhalsFrame(narwhals.from_native(frame), wrap(frame))
    found = met.take(np.array([2, 0]), None, {"query": np.array(["x", "y"], object),
                                              "score": np.array([1, 0.5], np.float32)})  # fmt: skip
    assert found.index.tolist() == ["b", "a"]
    assert found["id"].tolist() == [2, 0]
    assert found["query"].tolist() == ["x", "y"]
    assert found["score"].dtype == np.float32
    few = met.take(np.array([3]), ["emb"], {"score": np.array([1], np.float32)})
    assert list(few.columns) == ["emb", "score"]
    none = met.take(np.array([3, 1]), [], {"score": np.array([1, 0], np.float32)})
    assert list(none.columns) == ["score"] and len(none) == 2
    made = met.make({"a": ["x"], "b": [1], "c": [None]}, {"a": "text", "b": "int", "c": "bool"})
    assert made["a"].tolist() == ["x"] and made["b"].tolist() == [1]
    assert met.mask("id > 1").tolist() == [False, False, True, True]


def test_lazy_frames_of_others_name_collect() -> None:
    with pytest.raises(rv.InvalidArgument, match=r"frame\.collect\(\)"):
        rv.describe(narwhals.from_native(pl.DataFrame({"a": [1]})).lazy("polars"))


# ---- imports ----


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_searching_imports_no_other_library(library: str) -> None:
    make = {
        "pandas": "import pandas as m; f = m.DataFrame({'emb': list(E)})",
        "polars": "import polars as m; f = m.DataFrame({'emb': E})",
        "pyarrow": "import pyarrow as m; f = m.table({'emb': m.array(E.tolist())})",
    }[library]
    code = f"""
        import sys, numpy as np
        E = np.eye(3)
        {make}
        before = set(sys.modules)
        import ruvector as rv
        rv.search(f, [1.0, 0, 0], k=2, where=np.ones(3, bool))
        rv.within(f, E, min_similarity=0.5)
        rv.describe(f)
        try:
            rv.search(E, [1.0, 0, 0])
        except rv.InvalidArgument:
            pass
        libraries = "pandas polars pyarrow narwhals duckdb matplotlib nanoarrow".split()
        print([name for name in libraries if name in set(sys.modules) - before])
    """
    assert _run(code) == "[]"
