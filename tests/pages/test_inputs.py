"""The ways to give a picture beyond a single file: several, clipboard, link, camera."""

from __future__ import annotations

import base64
import csv
import io
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from . import toys
from .test_demo_page import NOTES, picture, rows, wait_until_live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import FilePayload, Page

    from .conftest import Visit

LABEL = "#answer th >> nth=2"

PASTE = """([bytes, type]) => {
  const data = new DataTransfer();
  const file = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
  if (type === "text/plain") data.setData(type, new TextDecoder().decode(file));
  else data.items.add(new File([file], "image.png", { type }));
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
  document.body.dispatchEvent(event);
}"""


# Notes of how many messages the worker has not answered, and resolves after twenty.
COUNT = """
  let pending = 0, answers = 0;
  window.most = 0;
  window.twenty = new Promise((resolve) => {
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (...message) {
      window.most = Math.max(window.most, ++pending);
      if (!this.isWatched) {
        this.isWatched = true;
        this.addEventListener("message", ({ data }) => {
          if ("note" in data) return;
          pending--;
          if (++answers > 20) resolve();
        });
      }
      post.apply(this, message);
    };
  });
"""


def several() -> list[FilePayload]:
    files = [picture(f"{name}.png", toys.patch(name)) for name in ("green", "blue", "white")]
    return [*files[:2], NOTES, files[2]]


def test_several_pictures_are_answered_in_a_row(visit: Visit) -> None:
    page = visit.open("colour/")

    page.set_input_files("#upload", several())

    items = page.locator("#strip-list li")
    expect(page.locator("#strip-status")).to_have_text("4 pictures answered")
    for item, words in zip(items.all(), ("green", "blue", "not read", "white"), strict=True):
        expect(item).to_contain_text(words)
    expect(page.locator("#caption")).to_have_text("green.png")

    page.get_by_role("button", name="white.png").click()
    expect(page.locator(LABEL)).to_have_text("white")
    expect(page.locator("#shown")).to_have_attribute("alt", "white.png")
    assert visit.complaints == []


def test_answers_to_several_pictures_are_saved_as_csv(visit: Visit) -> None:
    page = visit.open("colour/")
    page.set_input_files("#upload", several())
    expect(page.locator("#strip-status")).to_have_text("4 pictures answered")

    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()

    text = download.value.path().read_text()
    table = list(csv.reader(io.StringIO(text)))
    assert table[0] == ["file", "answer", *toys.COLOURS]
    assert [line[:2] for line in table[1:]] == [
        ["green.png", "green"], ["blue.png", "blue"], ["notes.txt", ""], ["white.png", "white"],
    ]  # fmt: skip
    expected = toys.colours().probabilities(toys.patch("blue"))
    assert [float(value) for value in table[2][2:]] == pytest.approx(expected, abs=1e-6)


def test_closing_the_row_of_pictures_ends_the_work(visit: Visit) -> None:
    weights = visit.served.hold("weights")
    page = visit.open("colour/")
    page.set_input_files("#upload", several())

    page.get_by_role("button", name="Close").click()
    weights.set()
    wait_until_live(page)

    expect(page.locator("#strip")).to_be_hidden()
    expect(page.locator("#strip-list li")).to_have_count(0)


def test_a_picture_may_be_pasted(visit: Visit) -> None:
    page = visit.open("every/")
    wait_until_live(page)
    data = base64.b64encode(toys.png(toys.patch("white"))).decode()

    page.evaluate(PASTE, [data, "image/png"])

    expect(page.locator("#caption")).to_have_text("Pasted picture")
    expect(page.locator(LABEL)).to_have_text("white")


def test_the_paste_button_says_what_it_found(visit: Visit) -> None:
    page = visit.open("every/")
    wait_until_live(page)

    page.get_by_role("button", name="Paste").click()
    expect(page.get_by_role("alert")).to_contain_text("Ctrl+V")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('words')")
    page.get_by_role("button", name="Paste").click()
    expect(page.get_by_role("alert")).to_contain_text("no picture on the clipboard")


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Another site: open.png may be read by others, closed.png not."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if "gone" in self.path else 200)
            if "closed" not in self.path:
                self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(toys.png(toys.patch("green")))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def give_link(page: Page, url: str) -> None:
    if page.locator("#link-form").is_hidden():
        page.get_by_role("button", name="Link").click()
    page.get_by_label("Address of a picture").fill(url)
    page.keyboard.press("Enter")


def test_a_picture_is_fetched_from_its_address(visit: Visit, elsewhere: str) -> None:
    page = visit.open("every/")
    wait_until_live(page)

    give_link(page, f"{elsewhere}pictures/open.png?size=large")

    expect(page.locator("#caption")).to_have_text("open.png")
    expect(page.locator(LABEL)).to_have_text("green")
    assert visit.complaints == []


@pytest.mark.parametrize(
    ("name", "sentence"), [("closed.png", "does not let other sites read it"), ("gone.png", "404")]
)
def test_a_picture_that_cannot_be_fetched_is_explained(
    visit: Visit, elsewhere: str, name: str, sentence: str
) -> None:
    page = visit.open("every/")
    wait_until_live(page)

    give_link(page, elsewhere + name)

    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.locator("#take")).to_have_attribute("data-state", "live")


def test_a_pasted_address_is_fetched(visit: Visit, elsewhere: str) -> None:
    page = visit.open("every/")
    wait_until_live(page)

    page.evaluate(PASTE, [base64.b64encode(f"{elsewhere}open.png".encode()).decode(), "text/plain"])

    expect(page.locator(LABEL)).to_have_text("green")


TWO_CAMERAS = """(() => {
  const { mediaDevices } = navigator;
  const open = mediaDevices.getUserMedia.bind(mediaDevices);
  const asked = [];
  window.third = new Promise((resolve) => {
    mediaDevices.getUserMedia = ({ video: { facingMode, ...video } }) => {
      if (asked.push(facingMode) === 3) resolve(asked);
      return open({ video });
    };
  });
  mediaDevices.enumerateDevices = async () => [{ kind: "videoinput" }, { kind: "videoinput" }];
})()"""


def test_frames_are_answered_one_after_the_other(visit: Visit) -> None:
    visit.page.add_init_script(COUNT)
    page = visit.open("every/")
    wait_until_live(page)
    page.evaluate("window.most = 0")

    page.get_by_role("button", name="Camera").click()

    expect(page.locator("#status")).to_have_text(re.compile(r"[\d.]+ frames/s, [<\d.]+\sms each"))
    page.evaluate("window.twenty")
    assert page.evaluate("window.most") == 1
    assert visit.complaints == []


def test_a_taken_picture_stays_and_ends_the_camera(visit: Visit) -> None:
    page = visit.open("every/")
    wait_until_live(page)
    page.get_by_role("button", name="Camera").click()
    expect(page.locator("#caption")).to_have_text("Live from the camera")
    expect(page.locator("#status")).to_contain_text("each")

    page.get_by_role("button", name="Take picture").click()

    expect(page.locator("#caption")).to_have_text("Taken with the camera")
    expect(page.locator("#status")).to_contain_text("Computed here")
    assert page.locator("#video").evaluate("video => video.srcObject") is None
    expect(page.locator("#keep")).to_be_hidden()


def test_an_example_ends_the_camera(visit: Visit) -> None:
    page = visit.open("every/")
    wait_until_live(page)
    page.get_by_role("button", name="Camera").click()
    expect(page.locator("#status")).to_contain_text("each")

    page.get_by_role("radio", name="All blue").check()

    expect(page.locator(LABEL)).to_have_text("blue")
    expect(page.locator("#status")).to_contain_text("Computed here")
    assert page.locator("#video").evaluate("video => video.srcObject") is None
    assert rows(page)[0][0] == "blue"


def test_a_device_with_two_cameras_changes_between_them(visit: Visit) -> None:
    visit.page.add_init_script(TWO_CAMERAS)
    page = visit.open("every/")
    wait_until_live(page)
    page.get_by_role("button", name="Camera").click()
    other = page.get_by_role("button", name="Other camera")

    other.click()
    expect(page.locator("#video")).to_have_js_property("videoWidth", 640)
    other.click()

    assert page.evaluate("window.third") == ["environment", "user", "environment"]
    expect(page.locator("#status")).to_contain_text("each")
    assert visit.complaints == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NotAllowedError", "may not use the camera"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "busy"),
    ],
)
def test_a_camera_that_is_refused_is_explained(visit: Visit, name: str, sentence: str) -> None:
    page = visit.open("every/")
    wait_until_live(page)
    page.evaluate(
        """name => { navigator.mediaDevices.getUserMedia = async () => {
          throw new DOMException("", name);
        }; }""",
        name,
    )

    page.get_by_role("button", name="Camera").click()

    expect(page.get_by_role("alert")).to_contain_text(sentence)
    assert rows(page)[0][0] == "red"
