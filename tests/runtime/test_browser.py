"""model.js and the worker of a page in Chromium: strict policy, compressed files, errors."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from edgesite.site.language import find_language
from edgesite.tasks.images import prepare, seen
from edgesite.tasks.inputs import ImageInput, Resize
from tests.runtime.tiny import write_tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Page

SPEC = ImageInput(name="x", width=16, height=12, resize=Resize(fit="crop"), mean=(0.5, 0.4, 0.3))

RUN = """async ([url, options]) => {
    const { load } = await import(url);
    const progress = [];
    const onProgress = (...bytes) => progress.push(bytes);
    let model;
    try {
        model = await load({ ...options, onProgress });
    } catch (error) {
        return error.message;
    }
    const { x_out, report } = await model.run({ x: new Float32Array(576).fill(2) });
    await model.close();
    return { sum: x_out.reduce((a, b) => a + b), report: [...report], progress, info: model.info };
}"""

START = """async (page) => {
    const { createPredictor } = await import("/predictor.mjs");
    window.predictor = createPredictor(page, () => {});
    return predictor.ready.then(() => null, (error) => error.message);
}"""

PREDICT = """async (bytes) => {
    const source = new Blob([Uint8Array.from(bytes)]);
    try {
        const { values, seen, ms } = await predictor.predict(source);
        return { values: [...values], seen: [...seen.rgba], ms };
    } catch (error) {
        return error.message;
    }
}"""

PREDICT_BITMAP = """async (bytes) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(bytes)]));
    const given = await predictor.predict(bitmap);
    return { values: [...given.values], closed: bitmap.width };
}"""

PREDICT_PIXELS = """async ([width, height, pixels]) => {
    const rgba = Uint8ClampedArray.from(pixels);
    const { values } = await predictor.predict({ width, height, rgba });
    return [...values];
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, bundle: Callable[[str], Path]) -> Path:
    folder = tmp_path_factory.mktemp("served")
    script = bundle("runtime/model.ts")
    inputs = {"x": ("float32", SPEC.shape)}
    write_tiny_model(folder / "model", script, inputs)
    manifest = write_tiny_model(folder / "broken", script, inputs)
    (folder / "broken" / manifest["weights"]["file"]).unlink()
    for name in ("predictor", "worker"):
        (folder / f"{name}.mjs").write_bytes(bundle(f"runtime/{name}.ts").read_bytes())
    for name in ("strict.html", "open.html"):
        (folder / name).write_text("<!doctype html><title>model</title>")
    return folder


@pytest.fixture(scope="module")
def origin(serve: Callable[[Path], str], folder: Path) -> str:
    return serve(folder)


@pytest.fixture(scope="module")
def page(browser: Browser, origin: str) -> Page:
    page = browser.new_page()
    page.goto(f"{origin}strict.html")
    return page


@pytest.fixture(scope="module")
def open_page(browser: Browser, origin: str) -> Page:
    page = browser.new_page()
    page.goto(f"{origin}open.html")
    return page


def page_data(folder: Path, base: str) -> dict[str, Any]:
    manifest = json.loads((folder / base / "manifest.json").read_text())
    return {
        "manifest": manifest,
        "base": f"{base}/",
        "worker": "worker.mjs",
        "input": SPEC.model_dump(mode="json"),
        "output": manifest["outputs"][0]["name"],
        "activation": "none",
        "words": find_language("en").for_scripts(()),
    }


@pytest.fixture(scope="module")
def demo(browser: Browser, origin: str, folder: Path) -> Page:
    page = browser.new_page()
    page.goto(f"{origin}strict.html")
    assert page.evaluate(START, page_data(folder, "model")) is None
    return page


def picture(mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(7).integers(0, 256, (61, 40, len(mode)), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: Any) -> list[int]:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return list(file.getvalue())


@pytest.mark.parametrize("worker", [True, False])
def test_a_model_runs_under_a_strict_policy(page: Page, worker: bool) -> None:
    result = page.evaluate(RUN, ["/model/model.js", {"worker": worker}])

    assert result["sum"] == 2 * 576
    assert result["report"] == [2.5, 3, 256]
    assert result["info"]["target"] == "relaxed"


def test_progress_counts_bytes_as_they_are_after_decompression(page: Page) -> None:
    progress = page.evaluate(RUN, ["/model/model.js", {}])["progress"]

    assert progress == sorted(progress)
    assert progress[-1][0] == progress[-1][1]


@pytest.mark.parametrize("worker", [True, False])
def test_a_model_of_another_origin_runs(
    open_page: Page, serve: Callable[[Path], str], folder: Path, worker: bool
) -> None:
    url = serve(folder) + "model/model.js"

    assert open_page.evaluate(RUN, [url, {"worker": worker}])["sum"] == 2 * 576


@pytest.mark.parametrize("worker", [True, False])
def test_missing_weights_are_named(page: Page, worker: bool) -> None:
    message = page.evaluate(RUN, ["/broken/model.js", {"worker": worker}])

    assert message.startswith("weights.")
    assert message.endswith(".bin: the server answers 404; publish all files of the model")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_is_fed_as_python_feeds_it(demo: Page, kind: str) -> None:
    image = picture()
    data = encoded(image, kind)
    image = Image.open(io.BytesIO(bytes(data)))

    result = demo.evaluate(PREDICT, data)

    fed = np.array(result["values"], np.float32)[: 3 * 12 * 16]
    np.testing.assert_array_equal(fed, prepare(image, SPEC).ravel())
    assert bytes(result["seen"]) == seen(image, SPEC).convert("RGBA").tobytes()
    assert set(result["ms"]) == {"decode", "prepare", "run"}


def test_a_transparent_picture_is_fed_as_python_feeds_it(demo: Page) -> None:
    image = picture("RGBA")

    result = demo.evaluate(PREDICT, encoded(image, "PNG"))

    np.testing.assert_array_equal(np.float32(result["values"]), prepare(image, SPEC).ravel())


def test_a_bitmap_is_given_away_and_fed(demo: Page) -> None:
    image = picture()

    result = demo.evaluate(PREDICT_BITMAP, encoded(image, "PNG"))

    np.testing.assert_array_equal(np.float32(result["values"]), prepare(image, SPEC).ravel())
    assert result["closed"] == 0


def test_pixels_are_fed(demo: Page) -> None:
    image = picture("RGBA")

    values = demo.evaluate(PREDICT_PIXELS, [*image.size, list(image.tobytes())])

    np.testing.assert_array_equal(np.float32(values), prepare(image, SPEC).ravel())


def test_a_refused_file_leaves_the_demo_usable(demo: Page) -> None:
    message = demo.evaluate(PREDICT, list(b"hello"))

    assert message.startswith("This file is not a picture")
    assert demo.evaluate(PREDICT, encoded(picture(), "PNG"))["values"]


def test_a_demo_whose_model_is_missing_says_so_at_every_request(page: Page, folder: Path) -> None:
    message = page.evaluate(START, page_data(folder, "broken"))

    assert message.startswith("The model could not be loaded: weights.")
    assert page.evaluate(PREDICT, encoded(picture(), "PNG")) == message


def test_a_missing_worker_is_reported(page: Page, folder: Path) -> None:
    data = page_data(folder, "model") | {"worker": "nowhere.mjs"}

    assert page.evaluate(START, data) == "The demo has stopped working. Reload the page."
