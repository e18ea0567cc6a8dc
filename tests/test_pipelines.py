"""Classical models as scikit-learn trains and its exporter writes them, against onnxruntime."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest

import edgesite
from edgesite.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ops.interpreter import Array

sklearn = pytest.importorskip("sklearn")
skl2onnx = pytest.importorskip("skl2onnx")

# Two of these warn of each other's and of numpy's newer versions.
pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = 7


def flowers(classes: int) -> tuple[Array, Array]:
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    return x.astype(np.float32), np.minimum(y, classes - 1)


def has_scores(model: Any) -> bool:
    """Whether the exporter writes scores beside the class, as a dictionary unless told not to."""
    from sklearn import linear_model, pipeline, svm

    last = model[-1] if isinstance(model, pipeline.Pipeline) else model
    return hasattr(model, "predict_proba") or isinstance(last, svm.SVC | linear_model.SGDClassifier)


def exported(model: Any, x: Array) -> bytes:
    """The model in ONNX for a batch of ROWS, with probabilities as a plain tensor."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    options = {id(model): {"zipmap": False}} if has_scores(model) else {}
    kind = [("x", FloatTensorType([ROWS, x.shape[1]]))]
    return bytes(to_onnx(model, initial_types=kind, options=options).SerializeToString())


def assert_agrees(model: bytes, feeds: dict[str, Array], tolerance: float = 1e-5) -> None:
    """Check that both modules answer as onnxruntime does."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(names, feeds), strict=True))
    compiled = edgesite.compile(model)
    for target in ("simd", "relaxed"):
        answer = compiled.run(feeds, target=target)
        for name in names:
            assert answer[name].dtype == expected[name].dtype
            if answer[name].dtype.kind == "f":
                np.testing.assert_allclose(
                    answer[name], expected[name], rtol=tolerance, atol=tolerance
                )
            else:
                np.testing.assert_array_equal(answer[name], expected[name])


def classifiers() -> dict[str, Callable[[], Any]]:
    from sklearn import ensemble, linear_model, naive_bayes, neighbors, neural_network, svm, tree

    return {
        "tree": lambda: tree.DecisionTreeClassifier(max_depth=4),
        "forest": lambda: ensemble.RandomForestClassifier(8, random_state=0),
        "extra trees": lambda: ensemble.ExtraTreesClassifier(8, random_state=0),
        "boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=5, random_state=0),
        "logistic regression": lambda: linear_model.LogisticRegression(max_iter=200),
        "ridge": lambda: linear_model.RidgeClassifier(),
        "stochastic gradient": lambda: linear_model.SGDClassifier(random_state=0),
        "linear svm": lambda: svm.LinearSVC(),
        "svm": lambda: svm.SVC(),
        "svm with probabilities": lambda: svm.SVC(probability=True, random_state=0),
        "polynomial svm": lambda: svm.SVC(kernel="poly"),
        "neighbours": lambda: neighbors.KNeighborsClassifier(3),
        "bayes": lambda: naive_bayes.GaussianNB(),
        "perceptron": lambda: neural_network.MLPClassifier((8,), max_iter=50, random_state=0),
    }


def regressors() -> dict[str, Callable[[], Any]]:
    from sklearn import ensemble, linear_model, neighbors, svm, tree

    return {
        "tree": lambda: tree.DecisionTreeRegressor(max_depth=4),
        "forest": lambda: ensemble.RandomForestRegressor(8, random_state=0),
        "boosting": lambda: ensemble.GradientBoostingRegressor(n_estimators=5, random_state=0),
        "linear": lambda: linear_model.LinearRegression(),
        "lasso": lambda: linear_model.Lasso(0.1),
        "svm": lambda: svm.SVR(),
        "neighbours": lambda: neighbors.KNeighborsRegressor(3),
    }


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", classifiers())
def test_classifiers(name: str, classes: int) -> None:
    x, y = flowers(classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = classifiers()[name]().fit(x, y)

    assert_agrees(exported(model, x), {"x": x[:: len(x) // ROWS][:ROWS]})


@pytest.mark.parametrize("name", regressors())
def test_regressors(name: str) -> None:
    x, _ = flowers(3)
    model = regressors()[name]().fit(x[:, :3], x[:, 3])

    assert_agrees(exported(model, x[:, :3]), {"x": x[::20, :3][:ROWS].copy()})


@pytest.mark.parametrize(
    "scaler", ["StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "Normalizer"]
)
def test_scalers_ahead_of_a_classifier(scaler: str) -> None:
    from sklearn import linear_model, pipeline, preprocessing

    x, y = flowers(3)
    steps = [getattr(preprocessing, scaler)(), linear_model.LogisticRegression(max_iter=200)]
    model = pipeline.make_pipeline(*steps).fit(x, y)

    assert_agrees(exported(model, x), {"x": x[::20][:ROWS].copy()})


def test_filling_in_and_choosing_features() -> None:
    from sklearn import feature_selection, impute, linear_model, pipeline

    x, y = flowers(3)
    x = x.copy()
    x[::9, 1] = np.nan
    steps = [
        impute.SimpleImputer(),
        feature_selection.SelectKBest(k=2),
        linear_model.LogisticRegression(max_iter=200),
    ]
    model = pipeline.make_pipeline(*steps).fit(x, y)

    assert_agrees(exported(model, x), {"x": x[::18][:ROWS].copy()})


@pytest.mark.parametrize("words", [False, True])
def test_dictionaries_of_probabilities_become_columns_with_labels(words: bool) -> None:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    x, y = flowers(3)
    names = np.array(["setosa", "versicolor", "virginica"])[y] if words else y
    model = LogisticRegression(max_iter=200).fit(x, names)

    exported = to_onnx(model, x[:ROWS]).SerializeToString()
    compiled = edgesite.compile(exported, {"X": [ROWS, 4]})
    verify(compiled, exported, [{"X": x[:ROWS]}])

    (output,) = [info for info in compiled.manifest.outputs if info.dtype == "float32"]
    assert output.labels == (("setosa", "versicolor", "virginica") if words else ("0", "1", "2"))


def test_a_table_of_numbers_and_words() -> None:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn import compose, linear_model, pipeline, preprocessing

    rng = np.random.default_rng(0)
    ages, ports = rng.uniform(1, 80, 60), rng.choice(["Cherbourg", "Queenstown"], 60)
    table = np.stack([ages.astype(object), ports.astype(object)], axis=1)
    columns = compose.ColumnTransformer(
        [
            ("numbers", preprocessing.StandardScaler(), [0]),
            ("words", preprocessing.OneHotEncoder(handle_unknown="ignore"), [1]),
        ]
    )
    model = pipeline.make_pipeline(columns, linear_model.LogisticRegression())
    model.fit(table, np.where(ages > 40, "lost", "saved"))
    kinds = [("age", FloatTensorType([3, 1])), ("port", StringTensorType([3, 1]))]
    onnx_model = to_onnx(model, initial_types=kinds, options={id(model): {"zipmap": False}})
    feeds = {
        "age": np.array([[20], [50], [70]], np.float32),
        "port": np.array([["Cherbourg"], ["Queenstown"], ["Paris"]], object),
    }

    assert_agrees(onnx_model.SerializeToString(), feeds)
