"""Files that are models, and what is said of those that are not."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from edgesite.errors import ModelError, UnsupportedError
from edgesite.frontend import import_model

MODEL = parser.parse_model(
    """
    <ir_version: 8, opset_import: ["": 17], producer_name: "torch", producer_version: "2.1">
    g (float[1, 2] x) => (float[1, 3] y)
    <float[2, 3] w = {1, 2, 3, 4, 5, 6}, float[3] b = {0, 0, 1}>
    { y = Gemm(x, w, b) }
    """
)


def test_a_path_bytes_and_a_proto_are_the_same_model(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(MODEL, path)

    graphs = [import_model(form) for form in (path, str(path), path.read_bytes(), MODEL)]

    assert [graph.nodes for graph in graphs] == [graphs[0].nodes] * 4
    assert graphs[0].source is not None
    assert graphs[0].source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_facts_of_the_file_are_kept() -> None:
    source = import_model(MODEL).source

    assert source is not None
    assert (source.producer, source.opset, source.parameters) == ("torch 2.1", 17, 9)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty; export or download it again"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "is a Git LFS pointer, not the model itself; fetch it with `git lfs pull`",
        ),
        (b"PK\x03\x04....", "is a zip archive, as PyTorch checkpoints are; convert it with"),
        (b"\x80\x02}q\x00.", "is a Python pickle, as old PyTorch checkpoints are; convert it"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, as Keras writes; convert it with tf2onnx"),
        (b"\x1c\x00\x00\x00TFL3", "is a TensorFlow Lite model; convert it with tf2onnx"),
        (b"\x1c\x00\x00\x00ORTM", "is in onnxruntime's own format; give the .onnx file"),
        (gzip.compress(b"model", mtime=0), "is compressed with gzip; unpack it first"),
        (b"\x89PNG\r\n\x1a\n", "is a picture; give the .onnx file"),
        (b"\n<!DOCTYPE html><html>", "is a web page; download the file itself"),
        (b"layers: 5\nname: caf\xc3\xa9\n", "is a text file, not an ONNX model"),
        (b"\x08\x07\x12", "its 3 bytes are not a whole ONNX model; the file is truncated"),
        (b"\x08\x07", "has no graph; the file is truncated or not an ONNX model"),
    ],
)
def test_other_files_are_named_for_what_they_are(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)

    with pytest.raises(ModelError) as error:
        import_model(path)

    assert str(error.value).startswith(f"{path}: {sentence}")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_truncated_models_are_refused(tmp_path: Path, kept: float) -> None:
    data = MODEL.SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(data[: int(kept * len(data))])

    with pytest.raises(ModelError, match="truncated"):
        import_model(path)


def test_a_missing_file_suggests_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "resnet.onnx").write_bytes(b"")

    with pytest.raises(ModelError, match=r"resnt\.onnx: no such file; did you mean resnet\.onnx\?"):
        import_model(tmp_path / "resnt.onnx")


def test_a_missing_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such file; the folder .* does not exist either"):
        import_model(tmp_path / "models" / "a.onnx")


def test_a_folder_suggests_the_model_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"")

    with pytest.raises(ModelError, match=r"is a folder; give .*a\.onnx"):
        import_model(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_mentions_permissions(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(MODEL, path)
    path.chmod(0)

    with pytest.raises(ModelError, match=r"cannot be read \(permission denied\); check"):
        import_model(path)


def test_names_that_are_no_text_are_refused() -> None:
    data = MODEL.SerializeToString().replace(b"\x01w", b"\x01\xff")

    with pytest.raises(ModelError, match="has a name that is no text; the file is damaged"):
        import_model(data)


def test_a_model_without_outputs_is_refused() -> None:
    model = onnx.ModelProto()
    model.CopyFrom(MODEL)
    del model.graph.output[:]

    with pytest.raises(ModelError, match="the graph has no outputs, so there is nothing to"):
        import_model(model)


class TestExternalData:
    """Weights in a file beside the model."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "m.onnx"
        model = onnx.ModelProto()
        model.CopyFrom(MODEL)
        for tensor in model.graph.initializer:  # only raw data goes to another file
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
        onnx.save(model, path, save_as_external_data=True, location="m.data", size_threshold=0)
        return path

    def change(self, path: Path, key: str, value: str) -> None:
        model = onnx.load(path, load_external_data=False)
        facts = model.graph.initializer[0].external_data
        entry = next((fact for fact in facts if fact.key == key), None) or facts.add(key=key)
        entry.value = value
        onnx.save(model, path)

    def test_it_is_read(self, path: Path) -> None:
        graph = import_model(path)

        np.testing.assert_array_equal(graph.constants["w"], [[1, 2, 3], [4, 5, 6]])
        np.testing.assert_array_equal(graph.constants["b"], [0, 0, 1])

    def test_missing_it_is_named(self, path: Path) -> None:
        (path.parent / "m.data").unlink()

        with pytest.raises(ModelError, match=r"tensor w: its data is in m\.data, which is missing"):
            import_model(path)

    def test_bytes_have_no_folder_to_find_it_in(self, path: Path) -> None:
        with pytest.raises(ModelError, match="cannot be found for a model given as bytes"):
            import_model(path.read_bytes())

    @pytest.mark.parametrize("location", ["../m.data", "/etc/passwd", "a/../../m.data", ""])
    def test_it_is_not_read_from_elsewhere(self, path: Path, location: str) -> None:
        self.change(path, "location", location)

        with pytest.raises(ModelError, match="outside the model's folder; put the data file"):
            import_model(path)

    @pytest.mark.parametrize("location", ["nul\0byte", "x" * 5000])
    def test_names_that_no_file_can_have_are_refused(self, path: Path, location: str) -> None:
        self.change(path, "location", location)

        with pytest.raises(ModelError, match="which no file can be called"):
            import_model(path)

    def test_a_link_does_not_lead_out_of_the_folder(self, path: Path) -> None:
        outside = path.parent.parent / f"{path.parent.name}.data"
        outside.write_bytes(bytes(64))
        (path.parent / "m.data").unlink()
        (path.parent / "m.data").symlink_to(outside)

        with pytest.raises(ModelError, match="outside the model's folder"):
            import_model(path)

    def test_truncated_it_is_refused(self, path: Path) -> None:
        (path.parent / "m.data").write_bytes(bytes(8))

        with pytest.raises(ModelError, match=r"wants bytes 0 to 24 of m\.data, which has 8"):
            import_model(path)

    def test_a_pointer_in_its_place_asks_for_git_lfs(self, path: Path) -> None:
        (path.parent / "m.data").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")

        with pytest.raises(ModelError, match=r"m\.data is a Git LFS pointer; fetch it with"):
            import_model(path)

    @pytest.mark.parametrize(
        ("key", "value", "sentence"),
        [
            ("offset", "-8", "wants bytes -8 to 16"),
            ("offset", "many", "offset and length in m.data must be numbers"),
            ("length", "12", "12 bytes for shape [2, 3], which takes 24"),
        ],
    )
    def test_impossible_places_are_refused(
        self, path: Path, key: str, value: str, sentence: str
    ) -> None:
        self.change(path, key, value)

        with pytest.raises(ModelError) as error:
            import_model(path)

        assert sentence in str(error.value)


class TestTensors:
    """Initializers in every form, whole and broken."""

    def identity(self, tensor: TensorProto) -> onnx.ModelProto:
        output = helper.make_value_info("y", helper.make_tensor_type_proto(tensor.data_type, None))
        node = helper.make_node("Identity", ["w"], ["y"])
        graph = helper.make_graph([node], "g", [], [output], [tensor])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    @pytest.mark.parametrize(
        "elem_type",
        [
            TensorProto.FLOAT,
            TensorProto.FLOAT16,
            TensorProto.BFLOAT16,
            TensorProto.DOUBLE,
            TensorProto.INT8,
            TensorProto.INT16,
            TensorProto.INT32,
            TensorProto.INT64,
            TensorProto.UINT8,
            TensorProto.UINT16,
            TensorProto.UINT32,
            TensorProto.UINT64,
            TensorProto.BOOL,
            TensorProto.FLOAT8E4M3FN,
            TensorProto.FLOAT8E5M2,
            TensorProto.INT4,
            TensorProto.UINT4,
            TensorProto.COMPLEX64,
        ],
    )
    @pytest.mark.parametrize("raw", [True, False])
    def test_every_dtype_is_read(self, elem_type: int, raw: bool) -> None:
        dtype = helper.tensor_dtype_to_np_dtype(elem_type)
        array = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
        tensor = (
            numpy_helper.from_array(array, "w")
            if raw
            else helper.make_tensor("w", elem_type, (2, 3), array.ravel())
        )

        graph = import_model(self.identity(tensor))

        assert graph.constants["y"].dtype == dtype
        np.testing.assert_array_equal(graph.constants["y"], array)

    def test_strings_are_objects(self) -> None:
        tensor = numpy_helper.from_array(np.array(["cat", "dög"], object), "w")

        graph = import_model(self.identity(tensor))

        assert graph.constants["y"].dtype == np.dtype(object)
        assert graph.constants["y"].tolist() == ["cat", "dög"]

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"dims": [2, -3]}, "shape [2, -3] has a negative size"),
            ({"dims": [2, 4]}, "24 bytes for shape [2, 4], which takes 32; the file is damaged"),
            ({"dims": [1 << 40, 1 << 40]}, "24 bytes for shape"),
            ({"data_type": 99}, "element type 99 is not one of ONNX"),
            ({"data_type": TensorProto.STRING}, "strings cannot be stored raw"),
        ],
    )
    def test_contradictions_are_refused(self, change: dict[str, Any], sentence: str) -> None:
        tensor = numpy_helper.from_array(np.zeros((2, 3), np.float32), "w")
        fields: dict[str, Any] = {
            "name": "w",
            "data_type": 1,
            "dims": [2, 3],
            "raw_data": tensor.raw_data,
        }
        broken = TensorProto(**{**fields, **change})
        model = self.identity(tensor)
        model.graph.initializer[0].CopyFrom(broken)

        with pytest.raises(ModelError) as error:
            import_model(model)

        assert str(error.value).startswith(f"tensor w: {sentence}")

    def test_too_few_numbers_are_refused(self) -> None:
        tensor = helper.make_tensor("w", TensorProto.FLOAT, (3,), [1, 2, 3])
        tensor.dims[0] = 4

        with pytest.raises(ModelError, match=r"its data does not make an array of shape \[4\]"):
            import_model(self.identity(tensor))

    @pytest.mark.parametrize("indices", [[1, 5], [[0, 1], [1, 2]]])
    def test_sparse_initializers_become_dense(self, indices: list[object]) -> None:
        model = self.identity(helper.make_tensor("w", TensorProto.FLOAT, (2, 3), [0] * 6))
        values = helper.make_tensor("w", TensorProto.FLOAT, (2,), [7, 8])
        places = numpy_helper.from_array(np.array(indices, np.int64), "places")
        model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [2, 3]))
        del model.graph.initializer[:]

        graph = import_model(model)

        np.testing.assert_array_equal(graph.constants["y"], [[0, 7, 0], [0, 0, 8]])

    @pytest.mark.parametrize(
        ("index", "size", "sentence"),
        [(9, 6, "indices and values contradict"), (0, 1 << 40, "is too large to be made dense")],
    )
    def test_impossible_sparse_tensors_are_refused(
        self, index: int, size: int, sentence: str
    ) -> None:
        model = self.identity(helper.make_tensor("w", TensorProto.FLOAT, (1,), [0]))
        values = helper.make_tensor("w", TensorProto.FLOAT, (1,), [7])
        places = numpy_helper.from_array(np.array([index]), "places")
        model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [size]))
        del model.graph.initializer[:]

        with pytest.raises(Exception, match=sentence):
            import_model(model)


class TestExtent:
    """Models whose size alone is absurd."""

    def test_branches_within_branches_are_refused(self) -> None:
        body = parser.parse_graph("g () => (float[2] y) { y = Relu(x) }")
        for _ in range(9):
            node = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
            body = helper.make_graph([node], "g", [], body.output)
        model = onnx.ModelProto()
        model.CopyFrom(MODEL)
        model.graph.node.extend(body.node)

        with pytest.raises(UnsupportedError, match="lie in each other more than 5 deep"):
            import_model(model)

    def test_more_nodes_than_anyone_has_are_refused(self) -> None:
        model = onnx.ModelProto()
        model.CopyFrom(MODEL)
        model.graph.node.extend([MODEL.graph.node[0]] * 20_000)

        with pytest.raises(UnsupportedError, match="has more than 20000 nodes"):
            import_model(model)
