# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own embedder
#
# `embedder=` takes whatever turns texts into vectors: a function, a coroutine, an object, a server,
# a folder with a model. What made a column is remembered, and vectors of two makers are never
# compared. This notebook brings one of each kind; nothing leaves this machine.
#
# Needs `ruvector-arrow[text,onnx,viz]`, pandas, and `onnx` for the model that it writes itself.

# %%
import hashlib
import itertools
import json
import pathlib
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd

import ruvector as rv

pd.set_option("display.max_colwidth", 60)
desk = pd.DataFrame({"body": [
    "The refund took three weeks to arrive", "My money was returned very late",
    "Where do I change my password?", "I cannot log in any more",
    "Parcel arrived broken, please replace it", "The box was wet and torn",
    "Card was charged two times", "You billed me twice for one order",
]})  # fmt: skip
question = "I was charged double"

# %% [markdown]
# ## The default, to compare with
#
# A table of token vectors that the `wordllama` package carries: some ten thousand texts a second,
# no network. Its provenance says which bytes it is.

# %%
default = rv.Embedder.from_pretrained("default")
default.provenance

# %%
desk.ruvector.search(question, text="body", k=3)

# %% [markdown]
# ## A function
#
# It takes a list of texts and returns as many vectors, as a matrix or as lists. This one counts
# pairs of letters, which finds what is written alike and knows no meaning.


# %%
def pairs_of_letters(texts):
    """Return counts of pairs of letters, hashed to 512 places."""
    made = np.zeros((len(texts), 512), np.float32)
    for row, text in enumerate(texts):
        for a, b in itertools.pairwise(text.lower()):
            made[row, hashlib.blake2b((a + b).encode()).digest()[0] * 2 + (a > b)] += 1
    return made


desk.ruvector.search(question, text="body", k=3, embedder=pairs_of_letters)

# %% [markdown]
# What a function returns is checked: NaN, too few rows, rows of other lengths are errors that name
# the text, and what was finished before is kept.


# %%
def broken(texts):
    """Return NaN for the texts that speak of money."""
    return [[float("nan") if "money" in text else len(text), 1.0] for text in texts]


try:
    desk.ruvector.search(question, text="body", embedder=broken)
except rv.RuVectorError as error:
    print(error)

# %% [markdown]
# ## A coroutine
#
# Many clients of servers are written with `async def`. Pass such a function as it is.


# %%
import asyncio


async def asked_elsewhere(texts):
    """Return what the default model makes, as if another machine had been waited for."""
    await asyncio.sleep(0.01)
    return default.embed_batch(texts)


desk.ruvector.search(question, text="body", k=2, embedder=asked_elsewhere)

# %% [markdown]
# ## A server with the interface of OpenAI
#
# Ollama, vLLM, llama.cpp, Text Embeddings Inference and others answer `POST /embeddings`. Here a
# small server on this machine does, which fails at first, as servers do. Batches that were
# answered are kept; the others are asked again, as long as the server says to wait.

# %%
calls = []


class Server(BaseHTTPRequestHandler):
    """Answers /v1/embeddings with the default model; the first call is refused."""

    def do_POST(self):
        """Answer one call."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        calls.append(len(texts))
        if len(calls) == 1:
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = [{"index": i, "embedding": vector.tolist()}
                for i, vector in enumerate(default.embed_batch(texts))]  # fmt: skip
        body = json.dumps({"data": data, "model": asked["model"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/v1"
remote = rv.Embedder.openai(address, "a-model")
print(desk.ruvector.search(question, text="body", k=2, embedder=remote))
print("texts in each call:", calls)
server.shutdown()

# %% [markdown]
# ## A folder with a model
#
# `model.onnx` or `model.safetensors`, `tokenizer.json` and `config.json`, as they lie on a hub or
# in a download. So that there is one, the default table is written as an ONNX file: looking up
# tokens is one node. The mean over tokens is done by us, for every model that returns a vector a
# token.

# %%
import importlib.util

import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

carried = pathlib.Path(importlib.util.find_spec("wordllama").origin).parent
(table,) = load_file(carried / "weights/l2_supercat_256.safetensors").values()
names = {"input_ids": TensorProto.INT64, "attention_mask": TensorProto.INT64}
graph = helper.make_graph(
    [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
    "lookup",
    [helper.make_tensor_value_info(name, kind, ["n", "t"]) for name, kind in names.items()],
    [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["n", "t", 256])],
    [numpy_helper.from_array(table.astype(np.float32), "table")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

folder = pathlib.Path(tempfile.mkdtemp()) / "lookup"
folder.mkdir()
onnx.save(model, folder / "model.onnx")
tokenizer = (carried / "tokenizers/l2_supercat_tokenizer_config.json").read_text("utf-8")
tokenizer = json.loads(tokenizer) | {"post_processor": None}
(folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
(folder / "config.json").write_text(json.dumps({"max_position_embeddings": 512}), "utf-8")

local = rv.Embedder.from_pretrained(folder)
difference = np.abs(local.embed_batch(desk["body"]) - default.embed_batch(desk["body"])).max()
print(local, local.dim, f"differs by at most {difference:.1e}")

# %% [markdown]
# ## Alike for whom?
#
# The same eight texts under each of them: how alike is each to each? Pairs stand next to each
# other, so that a good embedder shows four dark squares along the diagonal.

# %%
import matplotlib.pyplot as plt

makers = {"pairs of letters": pairs_of_letters, "default": default, "folder": local}
figure, panels = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
for panel, (name, maker) in zip(panels, makers.items(), strict=True):
    vectors = rv.Embedder.from_pretrained(maker).embed_batch(desk["body"].tolist())
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    shown = panel.imshow(vectors @ vectors.T, cmap="Blues", vmin=0, vmax=1)
    panel.set(title=name, xticks=range(8), yticks=range(8))
figure.colorbar(shown, ax=panels, label="cosine similarity", shrink=0.8)
plt.show()

# %% [markdown]
# ## Two makers are never compared
#
# A column knows what made it. Asking it with another embedder would give numbers that look like
# answers; it is an error that names both.

# %%
kept = desk.ruvector.embed("body", embedder=pairs_of_letters)
try:
    kept.ruvector.search(question, on="embedding", embedder=default)
except rv.RuVectorError as error:
    print(type(error).__name__, error, sep=": ")

# %% [markdown]
# Without `embedder=` the question goes to the one that made the column. So it does for an index,
# also one that was saved.

# %%
kept.ruvector.search(question, on="embedding", k=2)[["body", "cosine_similarity"]]
