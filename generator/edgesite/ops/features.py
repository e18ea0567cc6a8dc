"""The steps of classical pipelines ahead of a model: scaling, encoding, filling in, choosing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgesite.errors import ModelError
from edgesite.ir import DType, Expr, Tensor, elementwise, equal, select, unary
from edgesite.ops.gather import from_end
from edgesite.ops.reduce import largest, sum_of_magnitudes, sum_of_squares
from edgesite.ops.registry import operator
from edgesite.ops.slices import concat

_ML = "ai.onnx.ml"
Keys = np.ndarray[Any, np.dtype[Any]]


def floats(x: Tensor) -> Tensor:
    """Numbers of any kind in float32, which is what pipelines compute in."""
    return x.cast(DType.FLOAT32)


def per_feature(x: Tensor, numbers: Sequence[float], what: str) -> Tensor:
    """A number for every feature, which lie along the last axis, or one for all."""
    if len(numbers) not in (1, x.shape[-1]):
        raise ModelError(f"{len(numbers)} values of {what} for {x.shape[-1]} features")
    return x.like(np.asarray(numbers, x.dtype.numpy))


@operator("Scaler", domain=_ML)
def scaler(X: Tensor, *, offset: Sequence[float] = (0,), scale: Sequence[float] = (1,)) -> Tensor:
    """(X - offset) * scale, by feature."""
    x = floats(X)
    return (x - per_feature(x, offset, "offset")) * per_feature(x, scale, "scale")


@operator("Normalizer", domain=_ML)
def normalizer(X: Tensor, *, norm: str = "MAX") -> Tensor:
    """Every row divided by its maximum, its sum of magnitudes, or its length, unless that is 0."""
    x, axis = floats(X), [X.rank - 1]
    match norm:
        case "MAX":
            size = largest(x, axis, True)
        case "L1":
            size = sum_of_magnitudes(x, axis, True)
        case "L2":
            squares = sum_of_squares(x, axis, True)
            size = elementwise(lambda e: unary("sqrt", e), squares)
        case _:
            raise ModelError(f"norm {norm}; known are MAX, L1, L2")
    return elementwise(lambda e, s: e / select(equal(s, 0), 1, s), x, size)


@operator("Binarizer", domain=_ML)
def binarizer(X: Tensor, *, threshold: float = 0.0) -> Tensor:
    """1 where X is above the threshold, else 0."""
    return elementwise(lambda e: (e > threshold).cast(X.dtype), X)


@operator("Imputer", domain=_ML)
def imputer(
    X: Tensor,
    *,
    imputed_value_floats: Sequence[float] = (),
    imputed_value_int64s: Sequence[int] = (),
    replaced_value_float: float = 0.0,
    replaced_value_int64: int = 0,
) -> Tensor:
    """X with one value, NaN perhaps, replaced by a value per feature."""
    fills = imputed_value_floats if X.dtype.is_float else imputed_value_int64s
    missing: float = replaced_value_float if X.dtype.is_float else replaced_value_int64
    values = per_feature(X, fills, "imputed_value")
    if np.isnan(missing):
        return elementwise(lambda e, v: select(unary("isnan", e), v, e), X, values)
    return elementwise(lambda e, v: select(equal(e, missing), v, e), X, values)


@operator("ArrayFeatureExtractor", domain=_ML)
def array_feature_extractor(X: Tensor, Y: Tensor) -> Tensor:
    """The features of X, which lie along its last axis, that Y names."""
    x = X if X.rank > 1 else X.reshape([1, X.size])
    names = Y.reshape([Y.size])
    return x.view(
        [*x.shape[:-1], Y.size],
        lambda *at: [*at[:-1], from_end(names.at(at[-1]), x.shape[-1])],
    )


@operator("FeatureVectorizer", domain=_ML)
def feature_vectorizer(*X: Tensor, inputdimensions: Sequence[int] = ()) -> Tensor:
    """The features [N, F] of all inputs side by side, as float32."""
    parts = [floats(x if x.rank > 1 else x.reshape([1, x.size])) for x in X]
    sizes = list(inputdimensions) or [part.shape[1] for part in parts]
    if len(sizes) != len(parts) or any(
        n > part.shape[1] for n, part in zip(sizes, parts, strict=True)
    ):
        raise ModelError(f"inputdimensions {sizes} of inputs {[part.shape for part in parts]}")
    pairs = zip(parts, sizes, strict=True)
    cut = [part.view([part.shape[0], n], lambda *at: at) for part, n in pairs]
    return concat(*cut, axis=1)


def position_in(x: Tensor, keys: Keys) -> Tensor:
    """Which of the keys every element equals, the first of equals; their number where none."""
    table = x.like(keys if keys.dtype == object else keys.astype(x.dtype.numpy))
    has_nan = keys.dtype.kind == "f" and bool(np.isnan(keys).any())

    def place(*at: Expr) -> Expr:
        e, key, k = x.at(*at[:-1]), table.at(at[-1]), at[-1]
        hit = equal(e, key)
        if has_nan:
            hit = hit | (unary("isnan", e) & unary("isnan", key))
        return select(hit, k, len(keys))

    return x.reduce(x.shape, [len(keys)], place, "min")


def replaced(x: Tensor, keys: Keys, values: Keys, default: Any) -> Tensor:
    """Every element that is a key replaced by the key's value, every other by a default."""
    if len(keys) != len(values):
        raise ModelError(f"{len(keys)} keys and {len(values)} values; they must be as many")
    table = x.like(np.concatenate([values, np.array([default], values.dtype)]))
    place = position_in(x, keys)
    return x.compute(x.shape, lambda *at: table.at(place.at(*at)))


_KINDS = {"int64s": np.int64, "floats": np.float32, "strings": object}
_DEFAULTS = {"int64s": "default_int64", "floats": "default_float", "strings": "default_string"}


def listed(attributes: dict[str, Any], what: str) -> tuple[str, Keys]:
    """Keys or values and their kind, from whichever attribute has them."""
    tensor = attributes.get(f"{what}_tensor")
    if tensor is not None:
        return "tensor", np.asarray(tensor).ravel()
    for kind, dtype in _KINDS.items():
        if attributes.get(f"{what}_{kind}"):
            return kind, np.array(attributes[f"{what}_{kind}"], dtype)
    raise ModelError(f"LabelEncoder without {what}; export the model again")


@operator("LabelEncoder", since=2, domain=_ML)
def label_encoder(
    X: Tensor,
    *,
    default_float: float = -0.0,
    default_int64: int = -1,
    default_string: str = "_Unused",
    default_tensor: Any = None,
    **attributes: Any,
) -> Tensor:
    """The value of every key, and a default of what is no key."""
    defaults = {"floats": default_float, "int64s": default_int64, "strings": default_string}
    _, keys = listed(attributes, "keys")
    kind, values = listed(attributes, "values")
    if kind == "tensor":
        by_kind = {"f": default_float, "i": default_int64, "O": default_string}
        default = by_kind.get(values.dtype.kind, 0)
    else:
        default = defaults[kind]
    if default_tensor is not None:
        default = np.asarray(default_tensor).ravel()[0]
    return replaced(X, keys, values, default)


@operator("CategoryMapper", domain=_ML)
def category_mapper(
    X: Tensor,
    *,
    cats_int64s: Sequence[int] = (),
    cats_strings: Sequence[str] = (),
    default_int64: int = -1,
    default_string: str = "_Unused",
) -> Tensor:
    """The number of every name, or the name of every number."""
    numbers, names = np.array(cats_int64s, np.int64), np.array(cats_strings, object)
    if X.dtype.is_integer:
        return replaced(X, numbers, names, default_string)
    return replaced(X, names, numbers, default_int64)


@operator("LabelEncoder", domain=_ML)
def label_encoder_of_classes(
    X: Tensor,
    *,
    classes_strings: Sequence[str] = (),
    default_int64: int = -1,
    default_string: str = "_Unused",
) -> Tensor:
    """The place of every string in a list, or the string at every place."""
    return category_mapper(
        X,
        cats_int64s=range(len(classes_strings)),
        cats_strings=classes_strings,
        default_int64=default_int64,
        default_string=default_string,
    )


@operator("OneHotEncoder", domain=_ML)
def one_hot_encoder(
    X: Tensor,
    *,
    cats_int64s: Sequence[int] = (),
    cats_strings: Sequence[str] = (),
    zeros: int = 1,
) -> Tensor:
    """A new last axis with 1 at the category of every element; all 0 for an unknown one.

    `zeros` says whether an unknown one is an error; a compiled model raises none.
    """
    cats = np.array(cats_strings, object) if cats_strings else np.array(cats_int64s, np.int64)
    x = X.cast(DType.INT64) if X.dtype.is_float else X
    place = position_in(x, cats)
    return x.compute(
        [*x.shape, len(cats)], lambda *at: equal(place.at(*at[:-1]), at[-1]).cast(DType.FLOAT32)
    )
