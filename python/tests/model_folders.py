"""Folders of small models that tests write: tokenizers, tables, safetensors of any header."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from ruvector._text.model import Files

WORDS = [
    "the", "a", "an", "of", "and", "dog", "cat", "runs", "sleeps", "large", "small", "bird",
    "fly", "can", "not", "city", "car", "tree", "##s", "##ing", "##ly", "red", "green", "refund",
    "parcel", "card", "charged", "twice", "login", "password", ",", ".", "!", "?",
]  # fmt: skip
TEXTS = [
    "The large bird can not fly.",
    "a small dog runs",
    "Refund, parcel and card charged twice!",
    "zzz unknown words",
    "trees of the city",
    "cat",
    "dog dog dog dog cat cat . . .",
    "naïve café 日本語 🙂 the dog",
]


def wordpiece(lowercase: bool = True) -> Tokenizer:
    """Return a tokenizer of the kind BERT has, special tokens included."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: i for i, token in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.add_special_tokens(special)
    return tokenizer


def unigram() -> Tokenizer:
    """Return a tokenizer of pieces with scores, as T5 and XLM-R have."""
    pieces = [("<unk>", 0.0), ("<s>", 0.0)]
    pieces += [("▁" + word, -2.0 - 0.1 * i) for i, word in enumerate(WORDS)]
    pieces += [(letter, -9.0) for letter in "abcdefghijklmnoprstuvwy▁"]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def byte_pairs() -> Tokenizer:
    """Return a tokenizer of bytes, as GPT-2 has, which knows every text."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate(letters)}
    merges = [("t", "h"), ("th", "e"), ("d", "o"), ("do", "g"), ("Ġ", "the")]
    for a, b in merges:
        vocabulary[a + b] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def static_folder(
    folder: Path, tokenizer: Tokenizer, config: dict[str, Any], **tensors: np.ndarray
) -> Files:
    """Write a folder as Model2Vec does."""
    from safetensors.numpy import save_file

    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config))
    return files_of(folder, config)


def files_of(folder: Path, config: dict[str, Any], weights: str = "model.safetensors") -> Files:
    """Return what the registry finds of a folder."""
    return Files(str(folder), str(folder / weights), str(folder / "tokenizer.json"), config)


def safetensors_bytes(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """Return a file of this header, whose length may be a lie."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data
