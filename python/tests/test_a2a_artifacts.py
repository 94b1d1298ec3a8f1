"""What agents make: read and written as the extension has it, and references that open as what
was meant, or not at all."""

from __future__ import annotations

import asyncio
import json
import pathlib
import pickle
import shutil
from typing import Any

import numpy as np
import pytest

import ruvector as rv
from ruvector._agents.artifacts import kind_of
from ruvector._agents.extension import ARTIFACTS
from ruvector.a2a import (
    LakeCollection,
    Message,
    Part,
    Raw,
    RuLakeWitness,
    StructuredJson,
    Text,
    VectorRef,
)

WITNESS = "0123456789abcdef" * 4
OTHER = "f" * 64
MEDIA = "application/vnd.ruvector.artifact+json"
BIG = 18_446_744_073_709_551_615
RNG = np.random.default_rng(5)
ROWS = RNG.standard_normal((300, 16)).astype(np.float32)
KEY = ("disk", "docs")


def values() -> list[Any]:
    return [
        Text("refunds take 5 days\n"), Text(""), StructuredJson(None),
        StructuredJson({"id": BIG, "a": [1.5]}, {"type": "object"}),
        VectorRef("lake", "faq", WITNESS, 384, 100_000), VectorRef("b", "c", WITNESS, 65_536, 0),
        RuLakeWitness(WITNESS, "s3://bucket/faq", ("search", "read")), RuLakeWitness(WITNESS, "x"),
        Raw((Part("one"), Part.of_bytes(b"\x00"))),
    ]  # fmt: skip


def marked(kind: Any, version: Any, *parts: dict[str, Any]) -> rv.Artifact:
    mark = {"kind": kind, "version": version}
    said = {"artifactId": "a", "parts": list(parts), "metadata": {ARTIFACTS: mark}}
    return rv.Artifact.from_json(said)


@pytest.mark.parametrize("value", values(), ids=repr)
def test_values_go_there_and_back(value: Any) -> None:
    parts = [json.loads(json.dumps(part.to_json())) for part in value.to_parts()]
    assert rv.Artifact.from_json({"artifactId": "a", "parts": parts}).kind == value
    assert pickle.loads(pickle.dumps(value)) == value and repr(value)
    if not isinstance(value, Raw):
        assert marked(value.kind, "1", *parts).kind == value


def test_what_is_written_is_what_the_library_writes() -> None:
    mark = {ARTIFACTS: {"kind": "vector_ref", "version": "1"}}
    data = {
        "kind": "vector_ref", "backend": "lake", "collection": "faq", "witness": WITNESS,
        "dim": 384, "count": 9,
    }  # fmt: skip
    (part,) = VectorRef("lake", "faq", WITNESS, 384, 9).to_parts()
    assert part.to_json() == {"data": data, "mediaType": MEDIA, "metadata": mark}
    source = pathlib.Path(__file__).parents[2] / "agentclient" / "internal" / "ext" / "ext.go"
    base = ARTIFACTS.removesuffix("/artifacts/v1")
    assert f'ExtBase = "{base}"' in source.read_text()


def test_references_go_into_a_task() -> None:
    reference = VectorRef("lake", "faq", WITNESS, 384, 2**53 - 1)
    spec = rv.TaskSpec(["search these", reference, StructuredJson({"k": 3})])
    kinds = [kind_of([part], {}) for part in spec.message.parts]
    assert kinds == [Text("search these"), reference, StructuredJson({"k": 3})]
    assert rv.TaskSpec(reference).message == Message([reference])
    assert len(json.dumps(rv.TaskSpec(reference).to_json())) <= 2048  # whatever the count


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: VectorRef("b", "c", "", 1, 1), "witness='' is not 64 lower-case hex digits"),
        (lambda: VectorRef("b", "c", WITNESS.upper(), 1, 1), "witness="),
        (lambda: VectorRef("b", "c", WITNESS, 0, 1), "dim=0 must be between 1 and 65,536"),
        (lambda: VectorRef("b", "c", WITNESS, 2**40, 1), "dim=1099511627776"),
        (lambda: VectorRef("b", "c", WITNESS, 1, -1), "count=-1"),
        (lambda: VectorRef("b", "c", WITNESS, 1, 2**53), "count=9007199254740992"),
        (lambda: VectorRef("b", "c", WITNESS, 1.5, 1), "dim=1.5 must be a whole number"),
        (lambda: VectorRef("", "c", WITNESS, 1, 1), "backend has 0 bytes, 1 to 1,024"),
        (lambda: VectorRef("b\n", "c", WITNESS, 1, 1), "backend='b\\\\n' has control characters"),
        (lambda: VectorRef("b", "é" * 513, WITNESS, 1, 1), "collection has 1,026 bytes"),
        (lambda: VectorRef("b", "\ud800", WITNESS, 1, 1), "half of a surrogate pair"),
        (lambda: RuLakeWitness(WITNESS, ""), "data_ref has 0 bytes"),
        (lambda: RuLakeWitness(WITNESS, "x", ["a"] * 65), "capabilities has 65 words"),
        (lambda: RuLakeWitness(WITNESS, "x", "search"), "must be a list of texts"),
        (lambda: StructuredJson(float("inf")), "value=inf cannot be written"),
        (lambda: StructuredJson(1, {"a": {1}}), "which JSON has no form of"),
        (lambda: Text(3), "text=3 must be a text"),
        (lambda: Raw((3,)), r"parts\[0\] is int"),
    ],
)
def test_what_a_kind_does_not_have_is_told(make: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says):
        make()


@pytest.mark.parametrize(
    "said",
    [
        {"parts": [{"data": {"kind": "invoice"}}]},
        {"parts": [{"data": {"kind": "vector_ref"}}]},
        {"parts": [{"data": {"kind": 7}}], "metadata": {"ruvector": "theirs"}},
        {"parts": [{"data": None}], "metadata": {"ruvector": {"x": 1}}},
        {"parts": [{"text": "a"}, {"text": "b"}]},
        {"parts": [{"mediaType": MEDIA, "data": {"kind": "tomorrow"}}]},
        {"parts": [{"mediaType": MEDIA, "data": []}]},
        {"parts": [{"mediaType": MEDIA, "data": {"kind": {}}}]},
        {"parts": [{"data": {}, "metadata": 5}]},
        {"parts": []}, {},
        {"parts": [{"data": {"kind": "tomorrow"}}], "metadata": {ARTIFACTS: {"kind": "tomorrow"}}},
    ],
)  # fmt: skip
def test_artifacts_of_others_are_no_errors(said: Any) -> None:
    artifact = rv.Artifact.from_json(said)
    assert artifact.kind == Raw(artifact.parts)


@pytest.mark.parametrize("version", ["2", "10", "01", "", 1, 2, True, {"x": 1}, 10**400])
def test_other_versions_are_unsupported(version: Any) -> None:
    part = {"data": {"kind": "vector_ref"}}
    old = {"artifact_kind": "vector_ref", "artifact_kind_version": version}
    for artifact in (
        marked("vector_ref", version, part),
        rv.Artifact.from_json({"parts": [part], "metadata": {"ruvector": old}}),
    ):
        if version == 1:  # a number that says the same
            continue
        with pytest.raises(rv.a2a.ArtifactVersionUnsupported, match="version 1 can be read") as e:
            _ = artifact.kind
        assert e.value.supported == ("1",)


@pytest.mark.parametrize(
    ("kind", "data", "says"),
    [
        ("vector_ref", None, "its data is of the kind"),
        ("vector_ref", {"kind": "structured_json", "value": 1}, "is of the kind 'structured_json'"),
        ("vector_ref", {"kind": "vector_ref"}, "dim=None must be a whole number"),
        ("vector_ref", {"witness": "x"}, "witness='x' is not 64"),
        ("vector_ref", {"dim": 2**40}, "dim=1099511627776"),
        ("vector_ref", {"count": -1}, "count=-1"),
        ("vector_ref", {"count": 1.5}, "count=1.5"),
        ("vector_ref", {"count": 10**400}, r"count=2\*\*1328 or more"),
        ("rulake_witness", {"kind": "rulake_witness", "witness": WITNESS}, "data_ref=None"),
        ("rulake_witness", {"kind": "rulake_witness", "witness": WITNESS, "data_ref": "x",
                            "capabilities": 3}, "capabilities=3"),
        ("structured_json", {"kind": "structured_json"}, "value: it is missing"),
        ("structured_json", {"kind": "structured_json", "value": float("nan")}, "value=nan"),
    ],
)  # fmt: skip
def test_what_is_marked_and_is_not_is_told(kind: str, data: Any, says: str) -> None:
    whole = {"kind": kind, "backend": "b", "collection": "c", "witness": WITNESS, "dim": 1,
             "count": 1}  # fmt: skip
    said = {**whole, **data} if isinstance(data, dict) and "kind" not in data else data
    with pytest.raises(rv.a2a.InvalidAgentResponse, match=says) as caught:
        _ = marked(kind, "1", {"data": said}).kind
    assert len(str(caught.value)) < 500
    for parts in ((), ({"text": "a"}, {"text": "b"})):
        with pytest.raises(rv.a2a.InvalidAgentResponse):
            _ = marked(kind, "1", *parts).kind


def test_agents_with_floats_alone_and_old_ones_are_read() -> None:
    data = {"kind": "vector_ref", "backend": "b", "collection": "c", "witness": WITNESS,
            "dim": 384.0, "count": 1e6}  # fmt: skip
    assert marked("vector_ref", "1", {"data": data}).kind == VectorRef(
        "b", "c", WITNESS, 384, 10**6
    )
    old = {"kind": "ru_lake_witness", "witness": WITNESS, "data_ref": "x", "capabilities": []}
    mark = {"ruvector": {"artifact_kind": "rulake_witness", "artifact_kind_version": "1"}}
    said = rv.Artifact.from_json({"parts": [{"data": old}], "metadata": mark})
    assert said.kind == RuLakeWitness(WITNESS, "x")
    assert marked("text", None, {"text": "x"}).kind == Text("x")


# ---- references opened ----


@pytest.fixture
def store(tmp_path: pathlib.Path) -> rv.FsBackend:
    made = rv.FsBackend("disk", tmp_path / "root")
    made.put("docs", np.arange(300), ROWS)
    return made


@pytest.fixture
def lake(store: rv.FsBackend) -> rv.RuLake:
    return rv.RuLake([store])


def test_a_reference_opens_as_the_collection(lake: rv.RuLake, store: rv.FsBackend) -> None:
    reference = VectorRef.of(lake, "docs")
    assert (reference.backend, reference.dim, reference.count) == ("disk", 16, 300)
    assert reference.witness == lake.cache_witness_of(KEY)
    sent = kind_of(rv.TaskSpec(reference).message.parts, {})
    assert isinstance(sent, VectorRef) and sent == reference
    with rv.RuLake([rv.FsBackend("disk", store.root)]) as theirs:
        found = sent.open(theirs)
        assert isinstance(found, LakeCollection) and len(found) == 300 and found.dim == 16
        assert found.search(ROWS[7], k=3).hits() == lake.search_one("docs", ROWS[7], k=3).hits()
        again = asyncio.run(found.search_async(ROWS[7], k=3, recall=1.0))
        assert again.ids[0] == 7
        assert "disk/docs" in repr(found)
        with pytest.raises(rv.InvalidArgument, match=r"backend= is no option here"):
            found.search(ROWS[7], backend="x")


def test_a_reference_to_other_vectors_is_refused_with_both_witnesses(
    lake: rv.RuLake, store: rv.FsBackend
) -> None:
    reference = VectorRef.of(lake, "docs", "disk")
    store.put("docs", np.arange(300), ROWS + 1)
    with pytest.raises(rv.WitnessMismatch) as caught:
        reference.open(lake)
    now = lake.cache_witness_of(KEY)
    assert reference.witness in str(caught.value) and str(now) in str(caught.value)
    assert now != reference.witness


@pytest.mark.parametrize("field", ["dim", "count"])
def test_a_reference_that_lies_about_its_size_is_refused(lake: rv.RuLake, field: str) -> None:
    true = VectorRef.of(lake, "docs")
    sizes = {"dim": true.dim, "count": true.count, field: 99}
    lie = VectorRef(true.backend, true.collection, true.witness, **sizes)
    with pytest.raises(rv.WitnessMismatch, match=f"says {field}=99, .* has {sizes and ''}"):
        lie.open(lake)


def test_a_collection_that_changes_after_it_was_opened_is_noticed(
    lake: rv.RuLake, store: rv.FsBackend
) -> None:
    found = VectorRef.of(lake, "docs").open(lake)
    found.search(ROWS[0])
    store.put("docs", np.arange(10), ROWS[:10])
    with pytest.raises(rv.WitnessMismatch, match=found.witness):
        found.search(ROWS[0])
    with pytest.raises(rv.WitnessMismatch, match=found.witness):
        asyncio.run(found.search_async(ROWS[0]))


def test_a_reference_of_the_content_opens_too(lake: rv.RuLake, tmp_path: pathlib.Path) -> None:
    bundle = lake.publish_bundle(KEY, tmp_path / "out", format=3)
    assert bundle.witness != bundle.cache_witness
    found = VectorRef("disk", "docs", bundle.witness, 16, 300).open(lake)
    assert found.witness == bundle.cache_witness
    opened = RuLakeWitness(bundle.witness, bundle.data_ref).open(lake)
    assert isinstance(opened, LakeCollection) and opened == found


def test_names_that_a_lake_lacks_are_told(lake: rv.RuLake) -> None:
    with pytest.raises(rv.UnknownBackend):
        VectorRef("nowhere", "docs", WITNESS, 16, 300).open(lake)
    with pytest.raises(rv.UnknownCollection):
        VectorRef("disk", "nothing", WITNESS, 16, 300).open(lake)
    with pytest.raises(rv.UnknownCollection, match="no store has 'nothing'"):
        VectorRef.of(lake, "nothing")
    for where in (None, "lake", 3):
        with pytest.raises(rv.InvalidArgument, match="must be a RuLake"):
            VectorRef("disk", "docs", WITNESS, 16, 300).open(where)  # type: ignore[arg-type]


def test_a_lake_that_never_asks_opens_what_it_was_warmed_with(
    lake: rv.RuLake, tmp_path: pathlib.Path
) -> None:
    reference = VectorRef.of(lake, "docs")
    lake.save_cache_to_dir(KEY, tmp_path / "saved")
    with rv.RuLake(consistency=rv.Consistency.FROZEN) as reader:
        reader.warm_from_dir(KEY, tmp_path / "saved")
        assert reference.open(reader).search(ROWS[3], k=1).ids.tolist() == [3]


def test_a_published_index_opens_from_its_folder(lake: rv.RuLake, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "saved"
    lake.prime(KEY)
    lake.save_cache_to_dir(KEY, folder)
    bundle = rv.RuLakeBundle.read(folder)
    for witness in (bundle.witness, bundle.cache_witness):
        index = RuLakeWitness(witness, bundle.data_ref, ["search"]).open(folder)
        assert isinstance(index, rv.Index) and len(index) == 300
        assert index.search(ROWS[9], k=1).ids.tolist() == [9]
        index.close()


def test_a_folder_of_something_else_is_refused_with_both(
    lake: rv.RuLake, store: rv.FsBackend, tmp_path: pathlib.Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    lake.prime(KEY)
    lake.save_cache_to_dir(KEY, old)
    bundle = rv.RuLakeBundle.read(old)
    meant = RuLakeWitness(bundle.witness, bundle.data_ref)
    store.put("docs", np.arange(300), ROWS + 1)
    lake.prime(KEY)
    lake.save_cache_to_dir(KEY, new)
    with pytest.raises(rv.WitnessMismatch) as caught:
        meant.open(new)
    assert bundle.witness in str(caught.value)
    assert rv.RuLakeBundle.read(new).witness in str(caught.value)
    with pytest.raises(rv.WitnessMismatch, match="other") as caught:
        RuLakeWitness(bundle.witness, "s3://other").open(old)
    assert bundle.data_ref in str(caught.value)
    with pytest.raises(rv.WitnessMismatch) as caught:
        meant.open(lake)
    assert bundle.witness in str(caught.value)


def test_a_folder_whose_index_was_changed_is_refused(
    lake: rv.RuLake, tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "saved"
    lake.prime(KEY)
    path = pathlib.Path(lake.save_cache_to_dir(KEY, folder))
    bundle = rv.RuLakeBundle.read(folder)
    meant = RuLakeWitness(bundle.witness, bundle.data_ref)
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(rv.FileMissing):
        meant.open(folder)
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * 64 + whole[len(whole) // 2 + 64 :])
    with pytest.raises((rv.CorruptIndex, rv.WitnessMismatch)):
        meant.open(folder)
    rv.Index.build(ROWS, kind="exact", keep="copy").save(path)  # a good index, of something else
    with pytest.raises(rv.WitnessMismatch):
        meant.open(folder)
    shutil.rmtree(folder)
    with pytest.raises(rv.FileMissing):
        meant.open(folder)


def test_a_published_index_opens_from_a_lake(lake: rv.RuLake, tmp_path: pathlib.Path) -> None:
    store = rv.LocalBackend("memory")
    store.put("docs", np.arange(5), ROWS[:5])
    lake.register_backend(store)
    bundle = lake.publish_bundle(KEY, tmp_path / "out")
    found = RuLakeWitness(bundle.witness, bundle.data_ref).open(lake)
    assert isinstance(found, LakeCollection) and (found.backend, found.count) == ("disk", 300)
    assert found.search(ROWS[11], k=1).ids.tolist() == [11]
    with pytest.raises(rv.UnknownCollection, match="no collection of the lake has the data_ref"):
        RuLakeWitness(bundle.witness, "s3://nowhere").open(lake)
    with pytest.raises(rv.WitnessMismatch, match=f"{OTHER}.*{bundle.witness}"):
        RuLakeWitness(OTHER, bundle.data_ref).open(lake)
    with pytest.raises(rv.InvalidArgument, match="must be a RuLake, or the path of a folder"):
        RuLakeWitness(OTHER, "x").open(3)  # type: ignore[arg-type]


def test_lakes_of_other_options_are_told_apart(lake: rv.RuLake, store: rv.FsBackend) -> None:
    reference = VectorRef.of(lake, "docs")
    with (
        rv.RuLake([store], rotation_seed=7) as other,
        pytest.raises(rv.WitnessMismatch, match="differ in rotation_seed or rerank_factor"),
    ):
        reference.open(other)
