"""The ONNX kind: a transformer's file, its tokenizer, and the pooling of what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..._errors import EmbedError
from ..._input.cells import Validity
from ..._input.vectors import Float32Matrix
from ..batches import Told
from ..model import Files, Model
from .beside import identity, name_of, told_beside, typed
from .pooling import pool, read_pooling, unit
from .session import PIP, Session
from .tokenizing import TokenIds, Tokens, check_texts

_MOST_TOKENS: Final = 512  # of a text, where nothing says
_IDS: Final = "input_ids"
_MASK: Final = "attention_mask"
_SIDES: Final = "token_type_ids"
_OUTPUTS: Final = ("last_hidden_state", "token_embeddings", "sentence_embedding", "output")
_POOLED: Final = "sentence_embedding"
# Positions of these begin behind the number that stands for padding.
_SHIFTED: Final = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet", "longformer"})


class Onnx:
    """An opened transformer.

    Texts are run one by one, on as many threads as are set: the vector of a text depends on
    nothing but the text, also where a model scales numbers by the largest in a batch, and nothing
    is padded.
    """

    __slots__ = (
        "_dim", "_how", "_most", "_normalize", "_output", "_prefixes", "_session", "_tokens",
    )  # fmt: skip

    def __init__(
        self,
        session: Session,
        tokens: Tokens,
        output: str,
        how: tuple[str, ...],
        normalize: bool,
        most: int,
        prefixes: tuple[str, str],
        dim: int | None,
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._output = output
        self._how = how
        self._normalize = normalize
        self._most = most
        self._prefixes = prefixes
        self._dim = dim

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        """Cut texts into runs of `size`, after each of which what is done is kept."""
        for start in range(0, len(texts), size):
            yield start, min(start + size, len(texts))

    def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Float32Matrix, Validity]:
        """Return the vectors of texts, and which have one: those of white space have none."""
        check_texts(texts)
        prefix = self._prefixes[0 if query else 1]
        tokens = self._tokens.ids([prefix + text for text in texts], bool, special=True)
        valid = self._have_tokens(texts, tokens, prefix)
        rows = np.flatnonzero(valid).tolist()
        found = self._session.in_parallel(partial(self._one, texts, tokens), rows, told)
        if self._dim is None and not rows:  # the file does not say, and nothing is asked
            self._vector(self._tokens.ids(["a"], bool, special=True)[0])
        matrix = np.zeros((len(texts), self._dim or 0), np.float32)
        for row, vector in found.items():
            matrix[row] = vector
        return matrix, valid

    def _have_tokens(self, texts: list[str], tokens: list[TokenIds], prefix: str) -> Validity:
        if prefix:
            counts = self._tokens.count(texts)
        else:
            special = self._tokens.before + self._tokens.after
            counts = np.fromiter(map(len, tokens), np.int64, len(tokens)) - special
        blank = np.fromiter((text == "" or text.isspace() for text in texts), np.bool_, len(texts))
        valid: Validity = (counts > 0) & ~blank
        return valid

    def _cut(self, ids: TokenIds) -> TokenIds:
        """Return the first tokens of a text that is too long, and those that end every text."""
        if len(ids) <= self._most:
            return ids
        end = self._tokens.after
        return np.concatenate([ids[: self._most - end], ids[len(ids) - end :]])

    def _one(self, texts: list[str], tokens: list[TokenIds], row: int) -> npt.NDArray[np.float32]:
        try:
            vector = self._vector(self._cut(tokens[row]))
            if not np.isfinite(vector).all():
                raise EmbedError(
                    "the model's vector is not finite; use a sound copy of the model, or one of "
                    "float32"
                )
        except EmbedError as error:
            raise EmbedError(f"text {row} ({texts[row]!r:.60}): {error}", row=row) from None
        return vector

    def _vector(self, ids: TokenIds) -> npt.NDArray[np.float32]:
        values = {_IDS: ids, _MASK: np.ones(len(ids), np.bool_)}
        nothing = np.zeros(len(ids), np.bool_)
        feeds = {
            name: values.get(name, nothing).astype(port.dtype)[np.newaxis]
            for name, port in self._session.inputs.items()
        }
        found = self._session.run(feeds, self._output)
        if found.ndim == 2 and len(found) == 1 and found.shape[1]:
            matrix = unit(found) if self._normalize else found.astype(np.float32)
        elif found.ndim == 3 and found.shape[:2] == (1, len(ids)) and found.shape[2]:
            matrix = pool(found[0], self._how, self._normalize)[np.newaxis]
        else:
            raise EmbedError(
                f"the model's output {self._output!r} has the shape {found.shape} for a text of "
                f"{len(ids)} tokens; it must be (1, {len(ids)}, dim) or (1, dim)"
            )
        if self._dim is None:
            self._dim = matrix.shape[1]
        if matrix.shape[1] != self._dim:
            raise EmbedError(
                f"the model gave a vector of {matrix.shape[1]} dimensions; it has {self._dim}"
            )
        vector: npt.NDArray[np.float32] = matrix[0]
        return vector


def open_onnx(files: Files) -> Model:
    """Return the model of an ONNX file and the ``tokenizer.json`` that belongs to it.

    Pooling, length 1, limit of tokens and prefixes are what `files.config` says, else what the
    files of sentence-transformers in the folder say, else the mean at length 1 of at most 512
    tokens without prefixes.

    Raises
    ------
    EmbedError
        The files are damaged, or have inputs, outputs or steps that are not known.
    MissingExtra
        onnxruntime or tokenizers is not installed.
    """
    if not files.tokenizer:
        raise EmbedError(
            f"{files.weights} needs its tokenizer.json beside it; of an image model it is not "
            "asked for: embed images with embed_image"
        )
    said = {**told_beside(files.folder), **files.config}
    tokens = Tokens(files.tokenizer, PIP, typed(files, said, "lower_case", bool, False))
    session = Session(files.weights)
    _check_inputs(session)
    output = _output_of(session, said.get("modules") or ())
    how = read_pooling(said.get("pooling", "mean"), files.folder)
    normalize = typed(files, said, "normalize", bool, True)
    most = _most(files, said, tokens)
    query = typed(files, said, "query_prefix", str, "")
    document = typed(files, said, "document_prefix", str, "")
    shape = session.outputs[output].shape
    dim = shape[-1] and shape[-1] * (len(how) if len(shape) == 3 else 1) if shape else None
    encode = Onnx(session, tokens, output, how, normalize, most, (query, document), dim)
    name = name_of(files)
    pooling = "" if len(shape) == 2 else "+".join(how)
    return Model(
        name, encode, (name, *identity(files), pooling, normalize, most, query, document), dim,
        (files.weights, files.tokenizer), normalized=normalize, query_prefix=query,
        document_prefix=document, max_tokens=most, pooling=pooling,
        resolved=() if "pooling" in said or not pooling else (
            f"nothing in {files.folder} says how to pool: the mean of the tokens is taken",
        ),
        count_tokens=tokens.count, token_ends=tokens.ends, sha256=files.sha256.get(files.weights),
    )  # fmt: skip


def _check_inputs(session: Session) -> None:
    known = {_IDS, _MASK, _SIDES}
    others = [name for name in session.inputs if name not in known]
    if _IDS not in session.inputs or others:
        raise EmbedError(
            f"{session.path} has the inputs {', '.join(session.inputs)[:200] or '(none)'}; a text "
            f"model has {_IDS} and may have {_MASK} and {_SIDES}: export it for feature extraction"
        )
    for name, port in session.inputs.items():
        if port.dtype not in (np.int64, np.int32):
            raise EmbedError(f"{session.path}: {name} is a {port.told}, not of int64 or int32")


def _output_of(session: Session, steps: tuple[str, ...]) -> str:
    """Return the output to take; `steps` are what a model does after it and is not done here."""
    names = list(session.outputs)
    if steps:
        if _POOLED in names:
            return _POOLED
        raise EmbedError(
            f"{session.path}: the model goes on with {', '.join(steps)[:100]}, which is not done "
            f"here; export it with its output {_POOLED!r}, or pass a callable that runs it"
        )
    for name in (*_OUTPUTS, *names[:1]) if len(names) == 1 else _OUTPUTS:
        if name in names:
            return name
    raise EmbedError(
        f"{session.path} has the outputs {', '.join(names)[:200] or '(none)'}, and none is called "
        f"{', '.join(_OUTPUTS)}: which one to take is not known"
    )


def _most(files: Files, said: dict[str, Any], tokens: Tokens) -> int:
    """Return how many tokens of a text count, special ones among them."""
    most = typed(files, said, "max_tokens", int, 0)
    positions = said.get("max_position_embeddings")
    if type(positions) is int and positions > 2:
        positions -= 2 if said.get("model_type") in _SHIFTED else 0
        most = min(most or positions, positions)
    most = most or tokens.truncation.get("max_length") or _MOST_TOKENS
    special = tokens.before + tokens.after
    if most <= special:
        raise EmbedError(
            f"{files.folder}: max_tokens is {most}, and {special} special tokens are in every text"
        )
    return most
