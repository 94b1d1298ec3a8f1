"""`RuLakeBundle`: witnesses, documents, and what no bundle can be."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import pathlib
import pickle
import struct

import numpy as np
import pytest

import ruvector as rv

GOLDEN = pathlib.Path(__file__).parents[2] / "lake" / "bundle" / "testdata" / "witness.json"
CONTENT = rv.BundleContent("fht", "l2", "flat", 0, 1000, "0123456789abcdef" * 4)


def bundle(**other) -> rv.RuLakeBundle:
    fields = {"data_ref": "gs://bucket/x.parquet", "dim": 128, "rotation_seed": 42,
              "rerank_factor": 20, "generation": 7, **other}  # fmt: skip
    return rv.RuLakeBundle(**fields)


def test_witnesses_are_those_of_other_implementations() -> None:
    golden = json.loads(GOLDEN.read_text())
    assert len(golden) == 5
    for case in golden:
        witness = case.pop("witness")
        made = rv.RuLakeBundle(*case.values())
        assert made.witness == witness == made.cache_witness
        made.verify()


def recipe(domain: str, b: rv.RuLakeBundle, *, tagged: bool = True) -> hashlib._hash:
    """The bytes of the recipe, written a second time."""
    ref = b.data_ref.encode()
    if isinstance(b.generation, str):
        state, tag = b.generation.encode(), b"\1"
    else:
        state, tag = struct.pack("<Q", b.generation), b"\0"
    state = tag + state if tagged else state
    out = hashlib.shake_256(domain.encode() + struct.pack("<Q", len(ref)) + ref + b"|")
    out.update(struct.pack("<QQQ", b.dim, b.rotation_seed, b.rerank_factor) + b"|")
    out.update(struct.pack("<Q", len(state)) + state)
    return out


@pytest.mark.parametrize("seed", range(40))
def test_witnesses_of_random_fields_follow_the_recipe(seed: int) -> None:
    rng = np.random.default_rng(seed)
    text = "".join(chr(c) for c in rng.integers(1, 0xD800, rng.integers(0, 40)))
    state = text if seed % 2 else int(rng.integers(0, 2**64, dtype=np.uint64))
    b = rv.RuLakeBundle(
        text, int(rng.integers(1, 8193)), rng.integers(0, 2**64, dtype=np.uint64),
        int(rng.integers(1, 2**31)), state,
    )  # fmt: skip
    assert b.witness == recipe("rulake-bundle-witness-v1|", b).hexdigest(32)

    third = dataclasses.replace(b, content=CONTENT)
    more = recipe("ruvector-bundle-witness-v3|", b)
    more.update(b"|")
    for word in (b"fht", b"l2", b"flat"):
        more.update(struct.pack("<Q", len(word)) + word)
    more.update(struct.pack("<QQ", 0, 1000) + b"|" + bytes.fromhex(CONTENT.digest))
    assert third.witness == more.hexdigest(32) and third.format_version == 3
    assert third.cache_witness == b.witness

    first = json.loads(b.to_json())
    first["format_version"] = 1
    first["rvf_witness"] = recipe("rulake-bundle-witness-v1|", b, tagged=False).hexdigest(32)
    old = rv.RuLakeBundle.from_json(json.dumps(first))
    old.verify()
    assert old.format_version == 1 and old.cache_witness == b.witness != old.witness
    assert rv.RuLakeBundle.from_json(old.to_json()) == old, "never upgraded in silence"


def test_a_bundle_is_a_value() -> None:
    b, same, other = bundle(), bundle(generation=np.int64(7)), bundle(generation="7")
    assert b == same and hash(b) == hash(same) and b != other and b != "x"
    assert len({b, same, other}) == 2
    for again in (copy.copy(b), copy.deepcopy(b), pickle.loads(pickle.dumps(b))):
        assert again == b
    for name in ("dim", "witness", "new"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(b, name, 5)
    with pytest.raises((AttributeError, TypeError)):
        del b.dim
    assert dataclasses.replace(b, generation="7") == other


def test_a_bundle_says_what_it_is() -> None:
    b = bundle(generation="<b>" + "x" * 300, lineage_id="run/17")
    assert "dim=128" in repr(b) and b.witness[:16] in repr(b) and len(repr(b)) < 400
    html = b._repr_html_()
    assert "&lt;b&gt;" in html and "<b>" not in html and b.witness in html
    assert "pii_policy" not in html and "content.digest" in bundle(content=CONTENT)._repr_html_()


def test_what_is_written_is_read_again() -> None:
    for b in (
        bundle(),
        bundle(content=CONTENT, memory_class="a\0b", pii_policy="é\u2028\"\\"),
        bundle(lineage_id="\U0001f600" * 1024),
        bundle(rotation_seed=2**64 - 1, generation=2**64 - 1, data_ref=""),
        bundle(generation="", data_ref="x" * 4096),
    ):  # fmt: skip
        again = rv.RuLakeBundle.from_json(b.to_json())
        assert again == b
        again.verify()
        assert rv.RuLakeBundle.from_json(bytearray(b.to_json().encode())) == b


def test_another_witness_is_told_with_both() -> None:
    b = bundle()
    changed = rv.RuLakeBundle.from_json(b.to_json().replace('"dim": 128', '"dim": 127'))
    assert changed.witness == b.witness, "reading verifies nothing"
    with pytest.raises(rv.WitnessMismatch) as caught:
        changed.verify()
    assert b.witness in str(caught.value) and bundle(dim=127).witness in str(caught.value)
    assert isinstance(caught.value, rv.LakeError)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_ref", "gs://bucket/y.parquet"), ("dim", 127), ("rotation_seed", 43),
        ("rerank_factor", 21), ("generation", "7"),
    ],
)  # fmt: skip
def test_fields_that_differ_are_named(name: str, value: object) -> None:
    with pytest.raises(rv.WitnessMismatch, match=f"{name} is") as caught:
        bundle(**{name: value}).verify(against=bundle())
    assert str(caught.value).count(", not ") == 1
    content = CONTENT._replace(rows=5, digest="a" * 64)
    with pytest.raises(rv.WitnessMismatch, match=f"{name} is.*content.rows is 5.*content.digest"):
        bundle(**{name: value, "content": content}).verify(against=bundle(content=CONTENT))


def test_bundles_of_the_same_data_agree() -> None:
    bundle().verify(against=bundle(pii_policy="none", lineage_id="a", memory_class="b"))
    bundle().verify(against=bundle(content=CONTENT))
    with pytest.raises(rv.InvalidArgument, match="RuLakeBundle"):
        bundle().verify(against="x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_ref", None), ("data_ref", b"x"), ("data_ref", "x" * 4097), ("data_ref", "\ud800"),
        ("dim", 0), ("dim", 8193), ("dim", 1.5), ("dim", "5"), ("dim", True), ("dim", 10**30),
        ("rotation_seed", -1), ("rotation_seed", 2**64), ("rotation_seed", None),
        ("rerank_factor", 0), ("rerank_factor", 2**31), ("rerank_factor", 20.0),
        ("generation", -1), ("generation", 2**64), ("generation", 7.0), ("generation", None),
        ("generation", True), ("generation", b"7"), ("generation", "é" * 2049),
        ("pii_policy", ""), ("pii_policy", 5), ("lineage_id", "x" * 4097),
        ("memory_class", "\udfff"), ("memory_class", ["x"]), ("content", {}),
        ("content", CONTENT._replace(rows=-1)), ("content", CONTENT._replace(codec=2**31)),
        ("content", CONTENT._replace(digest="A" * 64)), ("content", CONTENT._replace(digest=5)),
        ("content", CONTENT._replace(metric=None)), ("content", CONTENT._replace(kind="x" * 5000)),
    ],
)  # fmt: skip
def test_arguments_that_no_bundle_can_have_are_named(name: str, value: object) -> None:
    with pytest.raises(rv.InvalidArgument, match=name) as caught:
        bundle(**{name: value})
    assert isinstance(caught.value, ValueError) and len(str(caught.value)) < 300


def _document(**other: object) -> str:
    return json.dumps({**json.loads(bundle(memory_class="m").to_json()), **other})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "JSON"), ("[]", "object"), ("{}", "format_version"), ("null", "object"),
        (_document(format_version=99), "99"), (_document(dim=1e999), "JSON"),
        (_document(dim="128"), "dim"), (_document(generation=None), "generation"),
        (_document(generation=-1), "generation"), (_document(rotation_seed=2**64), "rotation_seed"),
        (_document(rvf_witness="A" * 64), "lower-case"), (_document(rvf_witness="a" * 63), "hex"),
        (_document(pii_policy=5), "pii_policy"), (_document(lineage_id="x" * 4097), "lineage_id"),
        (_document(pad="x" * 2**17), "65536"), (_document(data_ref="\ud800"), "half a character"),
        (_document()[:-1] + ', "dim": 128}', "twice"), (_document()[:-1], "JSON"),
        ('{"dim": ' + "9" * 60_000 + "}", "format_version"), ("[" * 60_000, "JSON"),
        (_document(dim=0)[:-1] + ', "x": ' + "9" * 60_000 + "}", "dim"),
        ('{"data_ref": "\ud800"}', "UTF-8"), (b"\xff\xfe{\0}\0", "UTF-8"),
        (_document(format_version=3), "content"), ("x" * 2**30, "1073741824"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_documents_that_are_no_bundle_are_refused(text: str | bytes, word: str) -> None:
    with pytest.raises(rv.LakeError, match=word) as caught:
        rv.RuLakeBundle.from_json(text)
    assert type(caught.value) is rv.LakeError and len(str(caught.value)) < 400


def test_what_is_no_document_is_an_argument_that_is_wrong() -> None:
    for wrong in (None, 5, {}, ["{}"]):
        with pytest.raises(rv.InvalidArgument, match=type(wrong).__name__):
            rv.RuLakeBundle.from_json(wrong)  # type: ignore[arg-type]


def test_fields_of_later_versions_are_left_out() -> None:
    text = _document(new={"a": [1, 2.5, None]}, Dim=5, data="x" * 30_000)
    assert rv.RuLakeBundle.from_json(text) == bundle(memory_class="m")


def test_misspelt_arguments_are_explained() -> None:
    with pytest.raises(TypeError, match="policy"):
        rv.RuLakeBundle("x", 1, 0, 1, 7, policy="x")  # type: ignore[call-arg]
