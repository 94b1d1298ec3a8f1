"""Small ONNX files that tests write, and what they compute, in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DIM = 12
_SEED = 30


def table_of(size: int, dim: int = DIM) -> np.ndarray:
    """Return the vectors of tokens that the models here look up."""
    return np.random.default_rng(_SEED).normal(size=(size, dim)).astype(np.float32)


def hidden_of(ids: list[int], size: int, context: bool, dim: int = DIM) -> np.ndarray:
    """Return what `text_model` gives for the tokens of one text, in float64."""
    rows = table_of(size, dim).astype(np.float64)[ids]
    return rows + rows.mean(axis=0) if context else rows


def text_model(
    path: Path,
    size: int,
    *,
    inputs: tuple[str, ...] = ("input_ids", "attention_mask", "token_type_ids"),
    integers: int = TensorProto.INT64,
    outputs: tuple[str, ...] = ("last_hidden_state",),
    context: bool = True,
    dynamic: bool = False,
    dim: int = DIM,
    floats: int = TensorProto.FLOAT,
    scale: float = 1.0,
) -> None:
    """Write a model: the rows of the tokens, with `context` plus their mean where the mask is 1.

    Outputs called ``sentence_embedding`` or ``pooled`` are of two axes, the mean of the tokens.
    ``dynamic`` quantises by the largest number in the batch, and multiplies by 1.
    """
    nodes = _mixed("attention_mask" in inputs)
    constants = _constants(table_of(size, dim) * np.float32(scale))
    hidden = "mixed" if context else "rows"
    if dynamic:
        nodes += _dynamic(hidden)
        constants += [
            numpy_helper.from_array(64 * np.eye(dim, dtype=np.int8), "eye"),
            numpy_helper.from_array(np.array(1 / 64, np.float32), "by"),
        ]
        hidden = "quantised"
    if "token_type_ids" in inputs:
        nodes += [
            helper.make_node("Cast", ["token_type_ids"], ["sides"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["sides", "last"], ["side"]),
            helper.make_node("Add", [hidden, "side"], ["typed"]),
        ]
        hidden = "typed"
    told = []
    for name in outputs:
        pooled = name in ("sentence_embedding", "pooled")
        nodes.append(
            helper.make_node("Cast", ["flat_mean" if pooled else hidden], [name], to=floats)
        )
        axes: list[Any] = ["batch", dim] if pooled else ["batch", "sequence", dim]
        told.append(helper.make_tensor_value_info(name, floats, axes))
    asked = [
        helper.make_tensor_value_info(name, integers, ["batch", "sequence"]) for name in inputs
    ]
    save(path, nodes, asked, told, constants)


def _mixed(masked: bool) -> list[Any]:
    """Return the nodes from ids to the rows of tokens, and these with their mean."""
    mask = [helper.make_node("Cast", ["attention_mask"], ["flat"], to=TensorProto.FLOAT)]
    if not masked:
        mask = [
            helper.make_node("Cast", ["input_ids"], ["numbers"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["numbers", "nothing"], ["zeros"]),
            helper.make_node("Add", ["zeros", "one"], ["flat"]),
        ]
    return [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        *mask,
        helper.make_node("Unsqueeze", ["flat", "last"], ["mask"]),
        helper.make_node("Mul", ["rows", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "middle"], ["sum"], keepdims=1),
        helper.make_node("ReduceSum", ["mask", "middle"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("Squeeze", ["mean", "middle"], ["flat_mean"]),
        helper.make_node("Add", ["rows", "mean"], ["mixed"]),
    ]


def _constants(table: np.ndarray) -> list[Any]:
    return [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([2], np.int64), "last"),
        numpy_helper.from_array(np.array([1], np.int64), "middle"),
        numpy_helper.from_array(np.array(0, np.float32), "nothing"),
        numpy_helper.from_array(np.array(1, np.float32), "one"),
    ]


def _dynamic(hidden: str) -> list[Any]:
    return [
        helper.make_node("DynamicQuantizeLinear", [hidden], ["q", "q_scale", "q_zero"]),
        helper.make_node("MatMulInteger", ["q", "eye", "q_zero"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["wide", "q_scale"], ["scaled"]),
        helper.make_node("Mul", ["scaled", "by"], ["quantised"]),
    ]


def save(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any]
) -> None:
    """Write a model of these parts."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def image_model(
    path: Path,
    *,
    dim: int = 576,
    size: tuple[Any, Any] = ("h", "w"),
    colours_first: bool = True,
    places: bool = False,
    output: str = "features",
    floats: int = TensorProto.FLOAT,
    batch: Any = "batch",
) -> None:
    """Write a model of images: a convolution, h-swish, and the mean over the places.

    With `places` the output keeps two axes of one place each. Its weights are `image_weights`.
    """
    axes = [batch, 3, *size] if colours_first else [batch, *size, 3]
    nodes = [helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT)]
    planes = "numbers"
    if not colours_first:
        nodes.append(helper.make_node("Transpose", ["numbers"], ["turned"], perm=[0, 3, 1, 2]))
        planes = "turned"
    nodes += [
        helper.make_node("Conv", [planes, "weights"], ["maps"], strides=[2, 2]),
        helper.make_node("HardSwish", ["maps"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
    ]
    if places and not colours_first:
        nodes.append(helper.make_node("Transpose", ["pooled"], [output], perm=[0, 2, 3, 1]))
    elif places:
        nodes.append(helper.make_node("Identity", ["pooled"], [output]))
    else:
        nodes.append(helper.make_node("Flatten", ["pooled"], [output]))
    shape = [batch, dim]
    if places:
        shape = [batch, dim, 1, 1] if colours_first else [batch, 1, 1, dim]
    save(
        path,
        nodes,
        [helper.make_tensor_value_info("pixels", floats, axes)],
        [
            helper.make_tensor_value_info(
                output, TensorProto.FLOAT, shape if places else [batch, dim]
            )
        ],
        [numpy_helper.from_array(image_weights(dim), "weights")],
    )


def image_weights(dim: int) -> np.ndarray:
    """Return the weights of `image_model`, (dim, 3, 2, 2)."""
    return np.random.default_rng(_SEED).normal(size=(dim, 3, 2, 2)).astype(np.float32)
