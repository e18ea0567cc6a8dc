"""The server: what it answers, and everything that must not hurt it."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from edgesite.site import serve_http
from edgesite.site.serve_http import Server, plain_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILES = {
    "index.html": b"<h1>index</h1>",
    "404.html": b"<h1>nothing</h1>",
    "demo/index.html": b"<h1>demo</h1>",
    "demo/model.wasm": b"\0asm",
    "demo/weights.bin": bytes(100_000),
    "demo/site.webmanifest": b"{}",
    "demo/worker.mjs": b"",
    "demo/with space é.txt": b"text",
}


class Fixed:
    """A site that never changes."""

    base = "/a/b/"

    def __init__(self) -> None:
        self.followers = 0
        self.closed = threading.Event()

    def answer(self, path: str) -> tuple[bool, str, bytes]:
        name = path + "index.html" if path == "" or path.endswith("/") else path
        for found in (name, f"{name}/index.html"):
            if found in FILES:
                return True, found, FILES[found]
        return False, "404.html", FILES["404.html"]

    def follow(self, page: str) -> Iterator[Mapping[str, Any] | None]:
        self.followers += 1
        try:
            yield {"page": page}
            while not self.closed.wait(0.02):
                yield None
        finally:
            self.followers -= 1


@pytest.fixture
def content() -> Fixed:
    return Fixed()


@pytest.fixture
def server(content: Fixed) -> Iterator[Server]:
    with running(Server("127.0.0.1", 0, content)) as server:
        yield server
        content.closed.set()


class running:  # noqa: N801 - reads as a word in `with`
    """A server on a thread of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def __enter__(self) -> Server:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self.server

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    with closing(connection):
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def raw(server: Server, data: bytes) -> bytes:
    """Everything that comes back for some bytes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as client:
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:  # it had enough
            pass
        answer = b""
        try:
            while part := client.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("?query", "text/html; charset=utf-8"),
        ("demo/", "text/html; charset=utf-8"),
        ("demo/model.wasm", "application/wasm"),
        ("demo/weights.bin", "application/octet-stream"),
        ("demo/site.webmanifest", "application/manifest+json"),
        ("demo/worker.mjs", "text/javascript; charset=utf-8"),
        ("demo/with%20space%20%C3%A9.txt", "text/plain; charset=utf-8"),
    ],
)
def test_files_have_their_types_and_are_never_stored(server: Server, path: str, kind: str) -> None:
    answer = ask(server, f"/a/b/{path}")

    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_head_is_get_without_the_body(server: Server) -> None:
    answer = ask(server, "/a/b/demo/weights.bin", "HEAD")

    assert (answer.headers["Content-Length"], answer.body) == ("100000", b"")


def test_a_missing_file_is_answered_with_the_sites_own_page(server: Server) -> None:
    answer = ask(server, "/a/b/nowhere")

    assert (answer.status, answer.body) == (404, FILES["404.html"])


@pytest.mark.parametrize(
    ("path", "target"),
    [("/", "/a/b/"), ("/a/b", "/a/b/"), ("/a/b/demo", "/a/b/demo/")],
)
def test_the_way_to_a_folder_is_shown(server: Server, path: str, target: str) -> None:
    answer = ask(server, path)

    assert (answer.status, answer.headers["Location"]) == (302, target)


def test_isolation_is_a_choice(content: Fixed) -> None:
    with running(Server("127.0.0.1", 0, content, isolated=True)) as server:
        answer = ask(server, "/a/b/")

    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_it_is_not_isolated_by_itself(server: Server) -> None:
    assert ask(server, "/a/b/").headers["Cross-Origin-Opener-Policy"] is None


@pytest.mark.parametrize(
    "path",
    [
        "/a/b/../../etc/passwd",
        "/a/b/%2e%2e/%2e%2e/etc/passwd",
        "/a/b/%2E%2E%2F%2E%2E%2Fetc/passwd",
        "/a/b/..%5c..%5cetc%5cpasswd",
        "/a/b/demo\\..\\index.html",
        "/a/b/./index.html",
        "/a/b/index.html%00.txt",
        "/a/b/%0d%0aSet-Cookie:x",
        "/a/b/%ff%fe",
        "*",
        "index.html",
    ],
)
def test_what_is_no_path_of_a_page_is_refused(server: Server, path: str) -> None:
    answer = raw(server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Set-Cookie" not in answer


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "//etc/passwd",
        "/a/b//etc/passwd",
        "/a/b/%252e%252e/x",
        "/a/bb/",
        "/a/b/~root",
    ],
)
def test_what_is_outside_is_not_there(server: Server, path: str) -> None:
    assert ask(server, path).status == 404


def test_an_absolute_address_is_its_path(server: Server) -> None:
    answer = raw(server, b"GET http://elsewhere/a/b/demo/ HTTP/1.1\r\nConnection: close\r\n\r\n")

    assert answer.endswith(FILES["demo/index.html"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_odd_methods_are_refused(server: Server, method: str) -> None:
    answer = ask(server, "/a/b/", method, Content_Length="0")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"BREW /a/b/ HTTP/1.1\r\n\r\n", b"501"),
        (b"GET /a/b/" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /a/b/ HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /a/b/ HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET /a/b/ HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET /a/b/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"413"),
        (b"GET /a/b/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"413"),
        (b"GET /a/b/ HTTP/9.9\r\n\r\n", b"505"),
        (b"GET /a/b/ FTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    ],
)
def test_oversized_and_broken_requests_are_refused(
    server: Server, request_: bytes, status: bytes
) -> None:
    answer = raw(server, request_)

    assert status in answer[:200]
    assert ask(server, "/a/b/").status == 200


def test_nothing_at_all_is_survived(server: Server) -> None:
    assert raw(server, b"") == b""
    assert ask(server, "/a/b/").status == 200


def test_clients_that_vanish_leave_nothing_behind(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    before = threading.active_count()
    for _ in range(20):
        client = socket.create_connection(("127.0.0.1", server.server_port))
        client.sendall(b"GET /a/b/demo/weights.bin HTTP/1.1\r\n\r\n" * 20)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()

    wait_until(lambda: threading.active_count() <= before)
    assert ask(server, "/a/b/").status == 200
    assert capsys.readouterr().err == ""


def test_a_stream_ends_when_its_page_goes(server: Server, content: Fixed) -> None:
    client = socket.create_connection(("127.0.0.1", server.server_port), timeout=10)
    client.sendall(b"GET /a/b/_edgesite/events?page=demo/index.html HTTP/1.1\r\n\r\n")
    answer = b""
    while b'data: {"page": "demo/index.html"}\n\n' not in answer:
        answer += client.recv(1000)
    assert content.followers == 1

    client.close()

    wait_until(lambda: content.followers == 0)


def test_a_slow_client_is_let_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_http._Handler, "timeout", 0.1)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as client:
        client.sendall(b"GET /a/b/ HT")

        assert client.recv(1000) == b""


def test_more_pages_than_can_be_followed_are_told_so(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "streams", threading.BoundedSemaphore(1))
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as client:
        client.sendall(b"GET /a/b/_edgesite/events HTTP/1.1\r\n\r\n")
        first = client.recv(100)

        assert first.startswith(b"HTTP/1.1 200 ")
        assert ask(server, "/a/b/_edgesite/events").status == 503


def wait_until(is_so: Any) -> None:
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


def test_an_address_of_version_6_is_listened_on(content: Fixed) -> None:
    try:
        server = Server("::1", 0, content)
    except OSError:
        pytest.skip("this machine has no IPv6")
    server.server_close()

    assert server.url.startswith("http://[::1]:")


@pytest.mark.parametrize(
    ("target", "path"),
    [("/a%20b?c=d#e", "/a b"), ("/%2e%2e/", None), ("/a/...", "/a/..."), ("", None)],
)
def test_a_path_is_decoded_once(target: str, path: str | None) -> None:
    assert plain_path(target) == path
