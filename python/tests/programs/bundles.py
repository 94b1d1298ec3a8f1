"""A user's program with bundles: what both type checkers know of them."""

import dataclasses
import tempfile
from typing import assert_type

import ruvector as rv

bundle = rv.RuLakeBundle("gs://bucket/x.parquet", 128, 42, 20, "snapshot-7", pii_policy="masked")
assert_type(bundle, rv.RuLakeBundle)
assert_type(bundle.witness, str)
state: int | str = bundle.generation
lineage: str | None = bundle.lineage_id
content: rv.BundleContent | None = bundle.content
assert_type(rv.RuLakeBundle.from_json(bundle.to_json()), rv.RuLakeBundle)
later = dataclasses.replace(bundle, generation=8)
assert_type(later, rv.RuLakeBundle)

with tempfile.TemporaryDirectory() as folder:
    assert_type(bundle.write(folder), str)
    rv.RuLakeBundle.read(folder).verify(against=bundle)

try:
    later.verify(against=bundle)
except rv.WitnessMismatch as error:
    assert "generation" in str(error)


def never(changed: rv.RuLakeBundle) -> None:
    """Never run: mistakes that both checkers find."""
    changed.dim = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    changed.verify("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rv.RuLakeBundle("x", 1, 0, 1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
