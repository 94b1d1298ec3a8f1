"""What a file says of its embedder is anybody's text: a search by text names it, and nothing more.

The provenance of a saved index is its section 3. A file of another provenance is built through the
library, whose option takes any text.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import ruvector as rv
from ruvector import _native
from ruvector._text.embedder import DEFAULT_ID

ROWS = np.eye(8, dtype="f4")

HOSTILE = {
    "a number": "5",
    "a list of numbers": "[1]",
    "a list of lists of one": "[[1]]",
    "a list of pairs": '[["embedder", 5]]',
    "null": "null",
    "true": "true",
    "text": '"me"',
    "no json": "me, myself",
    "an empty object": "{}",
    "another key": '{"model": "me"}',
    "an embedder that is a number": '{"embedder": 5}',
    "an embedder that is null": '{"embedder": null}',
    "an embedder that is a list": '{"embedder": ["wordllama/l2_supercat_256"]}',
    "an embedder that is an object": '{"embedder": {"embedder": "me"}}',
    "weights that are a list": json.dumps({"embedder": DEFAULT_ID, "sha256": [1]}),
    "weights that are an object": json.dumps({"embedder": DEFAULT_ID, "sha256": {"a": 1}}),
    "weights that are a number": json.dumps({"embedder": DEFAULT_ID, "sha256": 1e308}),
    "weights of 900 kB": json.dumps({"embedder": DEFAULT_ID, "sha256": "f" * 900_000}),
    "deep lists": "[" * 400_000 + "]" * 400_000,
    "deep objects": '{"embedder":' * 60_000 + "1" + "}" * 60_000,
    "a deep embedder": '{"embedder": ' + "[" * 400_000 + "]" * 400_000 + "}",
    "an unclosed list": "[" * 900_000,
    "an embedder of 900 kB": json.dumps({"embedder": "x" * 900_000}),
    "text of 900 kB": "x" * 900_000,
    "a number of 900 kB": "9" * 900_000,
    "line ends and escapes": json.dumps({"embedder": "\x1b[31m\n\r\x00 red"}),
    "half of a surrogate pair": '{"embedder": "\\ud800"}',
    "a name twice": '{"embedder": "a", "embedder": "b"}',
    "not a number": '{"embedder": NaN}',
}


@pytest.mark.sample(5)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_search_by_text_of_hostile_provenance_is_a_short_embed_error(
    name: str, tmp_path: Path
) -> None:
    column = _native.column_from_matrix(ROWS)
    handle = _native.build_from(column, None, {"provenance": HOSTILE[name], "keep": "copy"})
    path = str(tmp_path / "x.rvx")
    _native.save(handle, path, True)
    index = rv.Index.load(path)
    assert index.info()["provenance"] == HOSTILE[name]
    verbs = [
        lambda: index.search("text", k=2),
        lambda: index.search(["text", "other"], k=2),
        lambda: index.within("text", min_similarity=0.5),
    ]
    for verb in verbs:
        with pytest.raises(rv.EmbedError) as caught:
            verb()
        assert len(str(caught.value)) < 500, name
        assert str(caught.value).isprintable(), name
        assert caught.value.__cause__ is None
    assert index.search(ROWS[3], k=1).ids.tolist() == [3], "vectors need no embedder"
    assert "x" * 200 not in repr(index) + index._repr_html_()


def test_what_an_index_of_texts_remembers_is_understood() -> None:
    frame = {"text": ["cats sleep", "ships sail", "bread bakes"]}
    pandas = pytest.importorskip("pandas")
    index = rv.build_index(pandas.DataFrame(frame), on="text")
    assert json.loads(index.info()["provenance"])["embedder"] == DEFAULT_ID
    assert index.search("a cat that sleeps", k=1).ids.tolist() == [0]
