"""The examples of docs/code.md: in a page, a worker, Node, Deno and Python, with one answer."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect

import edgesite
from edgesite.errors import UsageError

from .conftest import REPOSITORY, Served, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

TEXT = (REPOSITORY / "docs" / "code.md").read_text(encoding="utf-8")
MODULES = REPOSITORY / "node_modules"
DENO = shutil.which("deno") or shutil.which("deno", path=str(MODULES / ".bin"))

CLASSIFY = """() => new Promise((resolve, reject) => {
  const worker = new Worker("classify.js", { type: "module" });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = () => reject(new Error("the worker failed"));
  fetch("photo.png").then((answer) => answer.blob()).then((file) => worker.postMessage(file));
})"""

PREDICT = """async (make) => {
  const { load } = await import("./cifar10/model.js");
  const model = await load();
  const image = new Image();
  image.src = "photo.png";
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const given = {
    image: () => image,
    canvas: () => canvas,
    pixels: () => context.getImageData(0, 0, canvas.width, canvas.height),
    bitmap: () => createImageBitmap(canvas),
  };
  return model.predict(await given[make]());
}"""


def example(heading: str) -> str:
    """The code below a heading."""
    section = TEXT.split(f"\n## {heading}\n")[1]
    (code,) = re.findall(r"^```\w+\n(.*?)^```", section.split("\n## ")[0], re.DOTALL | re.MULTILINE)
    return str(code)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, demo_files: dict[str, bytes]) -> Path:
    """A site, a picture and the examples, side by side as a reader has them."""
    folder = tmp_path_factory.mktemp("code")
    for name, data in demo_files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    photo = Image.open(REPOSITORY / "demos" / "cifar10" / "examples" / "ship.jpg")
    photo.save(folder / "photo.png")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "use.html").write_text(example("In a page"))
    (folder / "classify.js").write_text(example("In a worker"))
    (folder / "use.js").write_text(example("In Node and Deno"))
    return folder


@pytest.fixture(scope="module")
def answer(folder: Path) -> list[tuple[str, float]]:
    """What Python says of the picture."""
    found = edgesite.load(folder / "cifar10").predict(folder / "photo.png")
    return [(answer.label, answer.probability) for answer in found]


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Served]:
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    server, served = serve(files)
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Browser, site: Served) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(f"{site.url}use.html")
    yield page
    page.close()


def assert_same(found: list[dict[str, Any]], answer: list[tuple[str, float]]) -> None:
    assert [row["label"] for row in found] == [label for label, _ in answer]
    assert [row["probability"] for row in found] == pytest.approx(
        [probability for _, probability in answer], abs=1e-5
    )


def test_python_answers_as_the_page_was_built(demo_files: dict[str, bytes], folder: Path) -> None:
    page = demo_files["cifar10/index.html"].decode()
    data = json.loads(page.split('id="edgesite-demo">', 1)[1].split("</script>", 1)[0])
    model = edgesite.load(folder / "cifar10")

    for shown in data["examples"]:
        found = model.predict(folder / "cifar10" / shown["url"])
        shares = {row.index: row.probability for row in found}
        assert found[0].index == shown["answers"][0][0]
        assert [shares[index] for index, _ in shown["answers"]] == pytest.approx(
            [probability for _, probability in shown["answers"]], abs=1e-5
        )


def test_the_python_example_runs(
    folder: Path,
    answer: list[tuple[str, float]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "dist").symlink_to(folder)
    monkeypatch.chdir(folder)

    exec(example("In Python").replace("photo.jpg", "photo.png"), {})

    assert capsys.readouterr().out.split()[0] == answer[0][0]


def test_a_model_without_a_demo_says_that_it_cannot_predict(tmp_path: Path) -> None:
    model = edgesite.compile(REPOSITORY / "demos" / "mnist" / "model.onnx")

    with pytest.raises(UsageError, match=r"dist/cifar10, or give arrays to run\(\)"):
        model.predict(tmp_path / "photo.png")


def test_the_example_answers_a_file_in_a_page(
    page: Page, folder: Path, answer: list[tuple[str, float]]
) -> None:
    page.set_input_files("input", folder / "photo.png")

    expect(page.locator("output")).to_contain_text(answer[0][0])
    label, probability = page.locator("output").inner_text().split()
    assert_same([{"label": label, "probability": float(probability)}], answer[:1])


def test_the_example_answers_a_file_in_a_worker(
    page: Page, answer: list[tuple[str, float]]
) -> None:
    assert_same(page.evaluate(CLASSIFY), answer)


@pytest.mark.parametrize("kind", ["image", "canvas", "pixels", "bitmap"])
def test_elements_and_pixels_are_answered_as_files(
    page: Page, kind: str, answer: list[tuple[str, float]]
) -> None:
    assert_same(page.evaluate(PREDICT, kind), answer)


def test_what_is_no_picture_is_refused_with_what_to_give(page: Page) -> None:
    refusal = """given => import("./cifar10/model.js").then(({ load }) => load())
      .then((model) => model.predict(given)).catch(({ message }) => message)"""

    assert "got String" in page.evaluate(refusal, "photo.png")
    assert "give a Blob, an image, canvas or video" in page.evaluate(refusal, "photo.png")
    assert "for 2x2 pixels; give a Uint8Array of width x height x 4" in page.evaluate(
        refusal, {"data": [1, 2, 3], "width": 2, "height": 2}
    )


def lines(printed: str) -> list[dict[str, Any]]:
    rows = [line.split(" ") for line in printed.splitlines()]
    return [{"label": label, "probability": float(probability)} for label, probability in rows]


@pytest.mark.skipif(not (MODULES / "pngjs").is_dir(), reason="pngjs is not installed; npm ci")
def test_the_example_answers_in_node(folder: Path, answer: list[tuple[str, float]]) -> None:
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(MODULES)

    done = subprocess.run(
        ["node", "use.js"], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.stderr == ""
    assert_same(lines(done.stdout), answer)


@pytest.mark.skipif(DENO is None, reason="deno is not installed; npm install --no-save deno")
def test_the_example_answers_in_deno(folder: Path, answer: list[tuple[str, float]]) -> None:
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(MODULES)

    done = subprocess.run(
        [DENO or "", "run", "--allow-read", "use.js"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert_same(lines(done.stdout), answer)


def test_node_says_that_files_need_a_decoder(folder: Path) -> None:
    script = """import { load } from "./cifar10/model.js";
    const model = await load({ worker: false });
    for (const given of [new Blob(["x"]), "photo.png", null]) {
      console.log(await model.predict(given).catch(({ message }) => message));
    }"""

    done = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    blob, text, nothing = done.stdout.splitlines()
    assert "files cannot be decoded here; decode it with a library" in blob
    assert text == "predict: got String; give {data, width, height} with RGBA bytes"
    assert nothing == "predict: got null; give {data, width, height} with RGBA bytes"
