"""A transformer in an ONNX file, run as plainly as can be."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
_BATCH = 32


class Transformer:
    """Texts to vectors of length 1: tokens, model, mean over tokens (or the first), length.

    Texts go in by length, 32 at a time, padded to the longest. Two threads.
    """

    def __init__(
        self,
        model: pathlib.Path,
        tokenizer: pathlib.Path,
        output: str,
        *,
        most: int,
        pooling: str = "mean",
        threads: int = 2,
    ) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(threads, os.cpu_count() or 1)
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self._names = {one.name for one in self._session.get_inputs()}
        outputs = {one.name: one.shape for one in self._session.get_outputs()}
        # Without a name: the one output that is a vector a text.
        self._output = output or next(
            name for name, shape in outputs.items() if len(shape) == 2 and shape[1] == 384
        )
        self._pooled = len(outputs[self._output]) == 2
        self._pooling = pooling
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(most)
        self._tokenizer.no_padding()

    def __call__(self, texts: list[str]) -> Matrix:
        """Return float32 of shape (texts, dim)."""
        return self.of_tokens([one.ids for one in self._tokenizer.encode_batch(texts)])

    def of_tokens(self, tokens: list[list[int]]) -> Matrix:
        """Return the vectors of texts that are tokens already, special ones with them."""
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        parts = [
            self._run([tokens[i] for i in order[start : start + _BATCH]])
            for start in range(0, len(order), _BATCH)
        ]
        if not parts:
            return np.zeros((0, 0), np.float32)
        matrix = np.empty((len(tokens), parts[0].shape[1]), np.float32)
        matrix[order] = np.concatenate(parts)
        return matrix

    def _run(self, tokens: list[list[int]]) -> npt.NDArray[Any]:
        longest = max(map(len, tokens))
        ids = np.zeros((len(tokens), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)], mask[row, : len(one)] = one, 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        told = {name: value for name, value in feed.items() if name in self._names}
        found = self._session.run([self._output], told)[0]
        if not self._pooled:
            if self._pooling == "cls":
                found = found[:, 0]
            else:
                weights = mask[:, :, None].astype(np.float32)
                found = (found * weights).sum(axis=1) / weights.sum(axis=1)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        vectors: npt.NDArray[Any] = found / np.where(lengths > 0, lengths, 1)
        return vectors
