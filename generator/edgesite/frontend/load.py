"""From a path or bytes to a parsed model, or a sentence that says what the file is instead."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, EncodeError  # type: ignore[import-untyped]

from edgesite.errors import ModelError
from edgesite.frontend.known import TooLargeError
from edgesite.frontend.order import graphs_of

# 20 000: ten times the nodes of large models.
NODE_LIMIT = 20_000
# 5: exporters nest branches and loops three deep at most, and every level may double the model.
_DEPTH_LIMIT = 5


@dataclass(frozen=True)
class Loaded:
    """A parsed model, and where it came from."""

    proto: onnx.ModelProto
    sha256: str
    folder: Path | None
    """Where data kept in other files lies; None for a model that has no path."""
    where: str
    """How messages call the model."""


def load(model: str | Path | bytes | onnx.ModelProto) -> Loaded:
    """Read a model.

    Raises ModelError where there is no file, or the file is not an ONNX model.
    """
    if isinstance(model, onnx.ModelProto):
        return Loaded(_checked(model, "model"), _digest_of(model), None, "model")
    if isinstance(model, bytes):
        digest = hashlib.sha256(model).hexdigest()
        return Loaded(_parsed(model, "model"), digest, None, "model")
    path = Path(model)
    data = _bytes_of(path)
    digest = hashlib.sha256(data).hexdigest()
    return Loaded(_parsed(data, str(path)), digest, path.parent, str(path))


def _digest_of(model: onnx.ModelProto) -> str:
    try:
        return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    except (EncodeError, ValueError) as error:
        raise ModelError(
            f"model: cannot be serialised ({error}); save it with external data and give the path"
        ) from None


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        found = sorted(entry.name for entry in path.glob("*.onnx"))
        hint = f"give {path / found[0]}" if found else "give the path of an .onnx file"
        raise ModelError(f"{path}: is a folder; {hint}")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; {_hint_for(path)}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelError(f"{path}: cannot be read ({reason}); check its permissions") from None


def _hint_for(path: Path) -> str:
    """The file that may have been meant."""
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist either"
    names = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".onnx"]
    close = get_close_matches(path.name, names, n=1) or sorted(names)[:1]
    return f"did you mean {close[0]}?" if close else f"no .onnx file is in {path.parent}"


def _parsed(data: bytes, where: str) -> onnx.ModelProto:
    kind = _other_kind(data)
    if kind:
        raise ModelError(f"{where}: {kind}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise ModelError(
            f"{where}: its {len(data)} bytes are not a whole ONNX model; the file is truncated, "
            "damaged or of another format, export or download it again"
        ) from None
    return _checked(model, where)


def _checked(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """Refuse what parses, as many bytes do, but has nothing of a model."""
    if not model.HasField("graph") or not (model.graph.node or model.graph.output):
        raise ModelError(
            f"{where}: has no graph; the file is truncated or not an ONNX model, "
            "export or download it again"
        )
    _check_extent(model, where)
    if any(isinstance(text, bytes) for text in _texts(model)):
        raise ModelError(
            f"{where}: has a name that is no text; the file is damaged, export or download it again"
        )
    if not model.graph.output:
        raise ModelError(
            f"{where}: the graph has no outputs, so there is nothing to compute; "
            "name the outputs and export again"
        )
    return model


def _check_extent(model: onnx.ModelProto, where: str) -> None:
    """Refuse what would take minutes to read, before it is read."""
    waiting = [(model.graph.node, 1), *((function.node, 1) for function in model.functions)]
    count = 0
    while waiting:
        nodes, depth = waiting.pop()
        count += len(nodes)
        if count > NODE_LIMIT:
            raise TooLargeError(f"{where}: has more than {NODE_LIMIT} nodes; split the model")
        if depth > _DEPTH_LIMIT:
            raise TooLargeError(
                f"{where}: branches and loops lie in each other more than {_DEPTH_LIMIT} deep; "
                "export the model with fewer"
            )
        graphs = (graph for node in nodes for graph in graphs_of(node).values())
        waiting += [(graph.node, depth + 1) for graph in graphs]


def _texts(model: onnx.ModelProto) -> Iterator[str | bytes]:
    """Every name in a model; protobuf hands out those that are not UTF-8 as bytes."""
    yield from (entry.domain for entry in model.opset_import)
    yield from (model.producer_name, model.producer_version)
    yield from _texts_of_graph(model.graph)
    for function in model.functions:
        yield from (function.name, function.domain, function.overload)
        yield from (*function.input, *function.output, *function.attribute)
        yield from (entry.domain for entry in function.opset_import)
        yield from (attribute.name for attribute in function.attribute_proto)
        for node in function.node:
            yield from _texts_of_node(node)


def _texts_of_graph(graph: onnx.GraphProto) -> Iterator[str | bytes]:
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield value.name
        yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)
    stored = (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer))
    yield from (tensor.name for tensor in stored)
    yield from (text for t in stored for e in t.external_data for text in (e.key, e.value))
    for node in graph.node:
        yield from _texts_of_node(node)


def _texts_of_node(node: onnx.NodeProto) -> Iterator[str | bytes]:
    yield from (node.name, node.op_type, node.domain, node.overload)
    yield from (*node.input, *node.output)
    for attribute in node.attribute:
        yield from (attribute.name, attribute.ref_attr_name, attribute.t.name)
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield from _texts_of_graph(attribute.g)


_MAGIC = (
    (
        0,
        b"PK\x03\x04",
        "is a zip archive, as PyTorch checkpoints are; convert it with torch.onnx.export",
    ),
    (
        0,
        b"\x80\x02",
        "is a Python pickle, as old PyTorch checkpoints are; convert it with torch.onnx.export",
    ),
    (0, b"\x89HDF", "is an HDF5 file, as Keras writes; convert it with tf2onnx"),
    (4, b"TFL3", "is a TensorFlow Lite model; convert it with tf2onnx"),
    (4, b"ORTM", "is in onnxruntime's own format; give the .onnx file it was made from"),
    (0, b"GGUF", "is a GGUF model; give an ONNX export of it"),
    (0, b"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (0, b"\x89PNG", "is a picture; give the .onnx file"),
    (0, b"\xff\xd8\xff", "is a picture; give the .onnx file"),
)
"""Offset, bytes found there, and what the file then is."""


def _other_kind(data: bytes) -> str | None:
    """What a file is that is surely not an ONNX model, and what to do; None if it may be one."""
    if not data:
        return "is empty; export or download it again"
    if data.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the model itself; fetch it with `git lfs pull`"
    for offset, magic, sentence in _MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return sentence
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype", b"<html")):
        return "is a web page; download the file itself (on GitHub: the `Download raw file` button)"
    if _is_text(data[:4096]):
        return "is a text file, not an ONNX model; give the binary .onnx file"
    return None


def _is_text(head: bytes) -> bool:
    """Whether bytes read as text; a model starts with field tags, which are control characters."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter in "\t\r\n" for letter in text)
