"""A server for one site in memory: no path of a request ever reaches the file system."""

from __future__ import annotations

import json
import re
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import MimeTypes
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, quote, unquote_to_bytes, urlsplit

from edgesite._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TYPES = MimeTypes()
for _suffix, _kind in {
    ".bin": "application/octet-stream",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
}.items():
    _TYPES.add_type(_kind, _suffix)

_ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
MOST_STREAMS = 100
"""Pages that may follow at once; more are told to come back."""

_IDLE_S = 30.0
"""A connection on which nothing happens is closed."""


class Content(Protocol):
    """What there is to serve."""

    base: str
    """The path of the site: / or /repository/."""

    def answer(self, path: str) -> tuple[bool, str, bytes]:
        """Whether a path below the base is there; name and bytes of what to send."""

    def follow(self, page: str) -> Iterator[Mapping[str, Any] | None]:
        """States of a page as they come, and None now and then while none does."""


class Server(ThreadingHTTPServer):
    """Answers to GET and HEAD; whatever else comes is refused, and none of it ends the server."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, host: str, port: int, content: Content, *, isolated: bool = False) -> None:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.address_family = family
        self.content = content
        self.headers = _ISOLATED if isolated else {}
        self.streams = threading.BoundedSemaphore(MOST_STREAMS)
        super().__init__((host, int(address[1])), _Handler)

    @property
    def url(self) -> str:
        """Where the site is."""
        host = str(self.server_address[0])
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.server_address[1]}{self.content.base}"

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let clients vanish whenever they want."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    disable_nagle_algorithm = True

    def version_string(self) -> str:
        """What the server calls itself."""
        return f"edgesite/{__version__}"

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def _refuse_method(self) -> None:
        self.close_connection = True  # a body may follow, which nobody reads
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, "a.txt", b"GET or HEAD\n", Allow="GET, HEAD")

    for _method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"):
        locals()[f"do_{_method}"] = _refuse_method

    def _serve(self) -> None:
        if self.headers.get("Content-Length", "0") != "0" or self.headers["Transfer-Encoding"]:
            self.close_connection = True
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a.txt", b"a request has no body\n")
            return
        path = plain_path(self.path)
        if path is None:
            self._send(HTTPStatus.BAD_REQUEST, "a.txt", b"this is no path\n")
            return
        base = self.server.content.base
        if not path.startswith(base):
            if path == "/" or path + "/" == base:
                self._send(HTTPStatus.FOUND, "a.txt", b"", Location=base)
            else:
                self._send(HTTPStatus.NOT_FOUND, "a.txt", f"the site is at {base}\n".encode())
            return
        below = path.removeprefix(base)
        if below == "_edgesite/events":
            self._stream()
            return
        is_there, name, data = self.server.content.answer(below)
        if is_there and name == f"{below}/index.html":
            self._send(HTTPStatus.FOUND, "a.txt", b"", Location=quote(f"{base}{below}/"))
        else:
            self._send(HTTPStatus.OK if is_there else HTTPStatus.NOT_FOUND, name, data)

    def _stream(self) -> None:
        if not self.server.streams.acquire(blocking=False):
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "a.txt", b"too many pages follow\n")
            return
        self.close_connection = True
        try:
            self._head(HTTPStatus.OK, "text/event-stream", {"Connection": "close"})
            if self.command == "HEAD":
                return
            self.wfile.write(b"retry: 500\n\n")
            page = parse_qs(urlsplit(self.path).query).get("page", ["index.html"])[0]
            for state in self.server.content.follow(page):
                message = (
                    b":\n\n" if state is None else b"data: %b\n\n" % json.dumps(state).encode()
                )
                self.wfile.write(message)
                self.wfile.flush()
        except OSError:  # the page is gone
            return
        finally:
            self.server.streams.release()

    def _send(self, status: HTTPStatus, name: str, data: bytes, **headers: str) -> None:
        kind = _TYPES.guess_type(name)[0] or "application/octet-stream"
        self._head(status, kind, {"Content-Length": str(len(data)), **headers})
        if self.command != "HEAD":
            self.wfile.write(data)

    def _head(self, status: HTTPStatus, kind: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        common = {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in {**common, **self.server.headers, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the terminal shows what the author changes."""


def plain_path(target: str) -> str | None:
    """The path of a request, decoded once; None where it is not one that a page would ask for."""
    try:
        path = unquote_to_bytes(urlsplit(target).path).decode("utf-8")
    except ValueError:
        return None
    if not path.startswith("/") or "\\" in path or re.search(r"[\x00-\x1f\x7f]", path):
        return None
    return None if {".", ".."} & set(path.split("/")) else path
