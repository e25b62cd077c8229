"""Real S3 endpoints on loopback for the tests: a moto server, and `FaultyS3`, a proxy that fails on request.

`python -m tests.simulators.s3 [--port N]` serves until SIGTERM or until its standard input closes; the first
line of its output is the endpoint, and a bucket `lake` is there.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from tests.simulators.serving import serving

LOOPBACK = "127.0.0.1"
BUCKET = "lake"
STOP_S = 10
POLL_S = 0.02  # how soon a server notices that it shall stop
FAKE_KEY_ID = "AKIAFAKEFORTESTSONLY"
FAKE_SECRET = "fake-secret-for-tests-only"


def fake_environment() -> dict[str, str]:
    """AWS settings that reach nothing real: made-up keys, no profile files, no instance metadata."""
    return {
        "AWS_ACCESS_KEY_ID": FAKE_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": FAKE_SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class _MotoHandler(MotoRequestHandler):
    # Head and body go out in two writes; without this the second waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def log_request(self, *_: object) -> None:
        return


class MotoS3:
    """A moto server in this process. It answers one request at a time, as S3 decides each put atomically."""

    def __init__(self, port: int = 0) -> None:
        application = DomainDispatcherApplication(create_backend_app)
        turn = threading.Lock()

        def one_at_a_time(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            # Read before the lock: a client that stops sending must not hold up the others.
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            with turn:
                return list(application(environ, start_response))

        self._server = make_server(LOOPBACK, port, one_at_a_time, threaded=True, request_handler=_MotoHandler)
        self.endpoint = f"http://{LOOPBACK}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), name="moto", daemon=True)

    def __enter__(self) -> MotoS3:
        self._thread.start()
        make_bucket(self.endpoint, BUCKET)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(STOP_S)
        self._server.server_close()


def make_bucket(endpoint: str, bucket: str) -> None:
    """Create `bucket` at one of these servers."""
    _plain(endpoint, "PUT", f"/{bucket}")


def objects_in(endpoint: str, bucket: str) -> dict[str, bytes]:
    """Every object of `bucket` (up to 1,000) at one of these servers: key and body."""
    listing = ElementTree.fromstring(_plain(endpoint, "GET", f"/{bucket}?list-type=2"))
    keys = [found.text or "" for found in listing.iterfind("{*}Contents/{*}Key")]
    return {key: _plain(endpoint, "GET", f"/{bucket}/{quote(key)}") for key in keys}


def _plain(endpoint: str, method: str, path: str) -> bytes:
    """A request whose signature these servers do not check, without the cost of a boto3 client."""
    scope = f"{FAKE_KEY_ID}/20260101/us-east-1/s3/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=STOP_S)
    try:
        connection.request(method, path, headers={"Content-Length": "0", "Authorization": signed})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, f"expected 200 for {method} {path}, found {answer.status}"
        return body
    finally:
        connection.close()


def running_s3() -> AbstractContextManager[str]:
    """The endpoint of a moto server in a process of its own, ended with the block."""
    return serving("tests.simulators.s3", environ=fake_environment(), quiet=True)


@contextlib.contextmanager
def running_ministack() -> Iterator[str]:
    """The endpoint of a ministack server, the one here that verifies the SHA-256 of a body; bucket `lake`."""
    # Without the last two, it opens listeners of its own on fixed ports.
    quiet = {"BIND_HOST": LOOPBACK, "GATEWAY_PORT": "0", "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0"}
    server = subprocess.Popen(
        [sys.executable, "-m", "ministack"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **fake_environment(), **quiet},
    )
    assert server.stdout is not None
    drain = threading.Thread(target=server.stdout.read, daemon=True)
    try:
        found = None
        for line in server.stdout:
            found = re.search(r"Running on (http://127\.0\.0\.1:[1-9]\d*)", line)
            if found:
                break
        assert found is not None, "expected ministack to name its port"
        drain.start()
        make_bucket(found[1], BUCKET)
        yield found[1]
    finally:
        server.terminate()
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(STOP_S)
        if drain.is_alive():
            drain.join(STOP_S)
        server.stdout.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with this status and S3 error code, without asking the server behind."""

    status: int
    code: str
    message: str = "scripted"


@dataclass(frozen=True, slots=True)
class Garbage:
    """Answer 200 with a body that is no XML, as a wrong kind of server does."""


@dataclass(frozen=True, slots=True)
class CutUpload:
    """Read `after` bytes of the body, then reset the connection; nothing reaches the server behind."""

    after: int


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """Let the server behind do the whole request, then reset the connection without a word of its answer."""


@dataclass(frozen=True, slots=True)
class CutDownload:
    """Announce the whole body of the answer, send `after` bytes of it, then reset the connection."""

    after: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Take the request and say nothing until the proxy stops (or the client has gone)."""


@dataclass(frozen=True, slots=True)
class Unconditional:
    """Pass the request on without its `If-None-Match`, as servers do that do not know conditional writes."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Let another writer's `body` take the key first, then pass the request on."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Pass the request on with the first byte of its body changed."""


Fault = Answer | Garbage | CutUpload | CutAnswer | CutDownload | Silence | Unconditional | Overtaken | Damage


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)


class FaultyS3:
    """A proxy in front of `endpoint`: each request takes the next fault of its method, or passes through."""

    def __init__(self, endpoint: str) -> None:
        self.behind = urlsplit(endpoint)
        self.seen: list[SeenRequest] = []
        self.stopping = threading.Event()
        self._faults: dict[str, list[Fault]] = {}
        self._always: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _Proxy)
        self._server.faulty = self  # type: ignore[attr-defined]
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # cut connections are the point
        self.endpoint = f"http://{LOOPBACK}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), name="faulty", daemon=True)

    def script(self, *faults: Fault, method: str = "PUT") -> None:
        """The next requests of `method` meet these faults, one each."""
        with self._lock:
            self._faults.setdefault(method, []).extend(faults)

    def always(self, fault: Fault, method: str = "PUT") -> None:
        """Every request of `method` without a scripted fault meets this one."""
        with self._lock:
            self._always[method] = fault

    def next_fault(self, request: SeenRequest) -> Fault | None:
        with self._lock:
            self.seen.append(request)
            waiting = self._faults.get(request.method)
            return waiting.pop(0) if waiting else self._always.get(request.method)

    def __enter__(self) -> FaultyS3:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join(STOP_S)
        self._server.server_close()


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def log_message(self, *_: object) -> None:
        return

    def do_PUT(self) -> None:
        self._serve()

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT

    def _serve(self) -> None:
        faulty: FaultyS3 = self.server.faulty  # type: ignore[attr-defined]
        headers = dict(self.headers.items())
        fault = faulty.next_fault(SeenRequest(self.command, self.path, headers))
        length = int(headers.get("Content-Length", "0"))
        match fault:
            case CutUpload(after):
                self.rfile.read(min(after, length))
                return self._reset()
            case Silence():
                faulty.stopping.wait(self.timeout)
                return self._reset()
            case _:
                body = self.rfile.read(length)
        match fault:
            case Answer(status, code, message):
                return self._reply(status, [], _error_document(code, message))
            case Garbage():
                return self._reply(200, [], b"<html>not an S3 server")
            case Unconditional():
                headers.pop("If-None-Match", None)
            case Damage():
                body = bytes([body[0] ^ 1]) + body[1:]
            case Overtaken(others):
                own = {name: value for name, value in headers.items() if "checksum" not in name.lower()}
                self._ask({**own, "Content-Length": str(len(others))}, others)
        status, answer_headers, answer = self._ask(headers, body)
        if isinstance(fault, CutAnswer):
            return self._reset()
        if isinstance(fault, CutDownload):
            return self._reply(status, answer_headers, answer, send=fault.after)
        return self._reply(status, answer_headers, answer)

    def _ask(self, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        behind = self.server.faulty.behind  # type: ignore[attr-defined]
        connection = http.client.HTTPConnection(behind.hostname, behind.port, timeout=self.timeout)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes, *, send: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length")
        announced = length if self.command == "HEAD" and length else str(len(body))
        self.send_header("Content-Length", announced)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if send is None else body[:send])
        if send is not None:
            self._reset()

    def _reset(self) -> None:
        """End the connection with a reset, as a crash or a broken link does."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


def _error_document(code: str, message: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    ).encode()


def unused_endpoint() -> str:
    """An endpoint where nothing listens: a port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return f"http://{LOOPBACK}:{listener.getsockname()[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(description="An S3 endpoint on loopback for tests.")
    parser.add_argument("--port", type=int, default=0, help="0: chosen by the system")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    with MotoS3(options.port) as server:
        print(server.endpoint, flush=True)
        while os.read(sys.stdin.fileno(), 4096):
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
