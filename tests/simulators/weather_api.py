"""The weather API as tests and benchmarks need it: a real HTTP/1.1 server on loopback, scripted city by city.

It needs the standard library alone and shares no code with the product, so that both cannot be wrong alike.
`python -m tests.simulators.weather_api --port 0` prints its base URL and serves until stdin ends or SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

# The bodies and the errors are those of https://openweathermap.org/current and its error list, to the byte.
DOCUMENTED_FULL = (
    b'{"coord":{"lon":10.99,"lat":44.34},"weather":[{"id":501,"main":"Rain","description":"moderate rain",'
    b'"icon":"10d"}],"base":"stations","main":{"temp":298.48,"feels_like":298.74,"temp_min":297.56,'
    b'"temp_max":300.05,"pressure":1015,"humidity":64,"sea_level":1015,"grnd_level":933},"visibility":10000,'
    b'"wind":{"speed":0.62,"deg":349,"gust":1.18},"rain":{"1h":3.16},"clouds":{"all":100},"dt":1661870592,'
    b'"sys":{"type":2,"id":2075663,"country":"IT","sunrise":1661834187,"sunset":1661882248},"timezone":7200,'
    b'"id":3163858,"name":"Zocca","cod":200}'
)
DOCUMENTED_MINIMAL = (
    b'{"coord":{"lon":139,"lat":35},"sys":{"country":"JP","sunrise":1369769524,"sunset":1369821049},'
    b'"weather":[{"id":804,"main":"clouds","description":"overcast clouds","icon":"04n"}],'
    b'"main":{"temp":289.5,"humidity":89,"pressure":1013,"temp_min":287.04,"temp_max":292.04},"wind":{"speed":7.31,"deg":187.002},'
    b'"rain":{"3h":0},"clouds":{"all":92},"dt":1369824698,"id":1851632,"name":"Shuzenji","cod":200}'
)
DOCUMENTED_ERRORS = {
    400: b'{"cod":"400","message":"Nothing to geocode"}',
    401: b'{"cod":401, "message": "Invalid API key. Please see http://openweathermap.org/faq#error401 for more info."}',
    404: b'{"cod":"404","message":"city not found"}',
    429: b'{"cod":429,"message":"Your account is temporary blocked due to exceeding of requests limitation of'
    b' your subscription type. Please choose the proper subscription http://openweathermap.org/price"}',
}
JSON_TYPE = "application/json; charset=utf-8"
PATH = "/data/2.5/weather"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; `city` is what it asked for (`q`, `lat,lon` or `id`), `at_s` is steady."""

    city: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at_s: float


class Exchange:
    """One request's end of the wire, as a reply uses it. `wait` returns True when the server stops."""

    def __init__(self, connection: socket.socket, city: str, released: threading.Event) -> None:
        self.connection = connection
        self.city = city
        self._released = released

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def wait(self, seconds: float | None) -> bool:
        return self._released.wait(seconds)


class Reply(Protocol):
    """What the server does with a request; `play` tells whether the connection can take another."""

    def play(self, exchange: Exchange) -> bool: ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A complete answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def play(self, exchange: Exchange) -> bool:
        exchange.send(head(self.status, len(self.body), self.headers) + self.body)
        return True


@dataclass(frozen=True, slots=True)
class Documented:
    """The documented full body under the name of the city that was asked for, with other changes if given."""

    changes: Mapping[str, Any] = field(default_factory=dict)

    def play(self, exchange: Exchange) -> bool:
        return Whole(200, documented_body(exchange.city, self.changes)).play(exchange)


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST) without an answer."""

    def play(self, exchange: Exchange) -> bool:
        exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing for `seconds` (None: until the server is released or stopped), then the documented answer."""

    seconds: float | None

    def play(self, exchange: Exchange) -> bool:
        exchange.wait(self.seconds)
        return Documented().play(exchange)


@dataclass(frozen=True, slots=True)
class Trickle:
    """The documented answer byte by byte: the body, or with `whole_head` the header as well."""

    bytes_per_s: float
    whole_head: bool = True

    def play(self, exchange: Exchange) -> bool:
        body = documented_body(exchange.city, {})
        start = head(200, len(body), {})
        if self.whole_head:
            exchange.send(start)
        for byte in body if self.whole_head else start + body:
            exchange.send(bytes([byte]))
            if exchange.wait(1 / self.bytes_per_s):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Truncated:
    """The documented answer, closed after half of the body it announced."""

    def play(self, exchange: Exchange) -> bool:
        body = documented_body(exchange.city, {})
        exchange.send(head(200, len(body), {}) + body[: len(body) // 2])
        return False


@dataclass(frozen=True, slots=True)
class Oversized:
    """A body of `n_bytes`, made as it is sent; `announced` says whether a Content-Length does so."""

    n_bytes: int
    announced: bool = True

    def play(self, exchange: Exchange) -> bool:
        length = self.n_bytes if self.announced else None
        exchange.send(head(200, length, {}))
        piece = b" " * 65_536
        for sent in range(0, self.n_bytes, len(piece)):
            exchange.send(piece[: self.n_bytes - sent])
        return self.announced


@dataclass(frozen=True, slots=True)
class Bytes:
    """Exactly these bytes, HTTP or not, then the connection is closed."""

    data: bytes

    def play(self, exchange: Exchange) -> bool:
        exchange.send(self.data)
        return False


def ok(**changes: Any) -> Reply:
    """The documented answer; `changes` replace top-level members of the body, None removes one."""
    return Documented(changes)


def raw(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    return Whole(status, body, headers or {})


def bad_request() -> Reply:
    return Whole(400, DOCUMENTED_ERRORS[400])


def unauthorized() -> Reply:
    return Whole(401, DOCUMENTED_ERRORS[401])


def not_found() -> Reply:
    return Whole(404, DOCUMENTED_ERRORS[404])


def too_many(retry_after: str | int | None = None) -> Reply:
    """The quota block; the real API sends no `Retry-After`."""
    return Whole(429, DOCUMENTED_ERRORS[429], {} if retry_after is None else {"Retry-After": str(retry_after)})


def server_error(status: int = 503, retry_after: str | int | None = None) -> Reply:
    headers = {"Content-Type": "text/html"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Whole(status, b"<html><body>out of order</body></html>", headers)


def redirect(location: str, status: int = 302) -> Reply:
    return Whole(status, b"", {"Location": location})


def not_json() -> Reply:
    return Whole(200, b"<html>Welcome to the hotel network</html>", {"Content-Type": "text/html"})


def reset() -> Reply:
    return Reset()


def stall(seconds: float | None = None) -> Reply:
    return Stall(seconds)


def trickle(bytes_per_s: float, *, whole_head: bool = True) -> Reply:
    return Trickle(bytes_per_s, whole_head)


def truncated() -> Reply:
    return Truncated()


def oversized(n_bytes: int, *, announced: bool = True) -> Reply:
    return Oversized(n_bytes, announced)


def wire(data: bytes) -> Reply:
    return Bytes(data)


def documented_body(city: str, changes: Mapping[str, Any]) -> bytes:
    """The documented full body with the name `city` and `changes` to its top-level members (None: gone)."""
    if not changes:
        return DOCUMENTED_FULL.replace(b'"Zocca"', json.dumps(city).encode())
    members = json.loads(DOCUMENTED_FULL) | {"name": city} | changes
    return json.dumps({key: value for key, value in members.items() if value is not None}).encode()


def head(status: int, length: int | None, headers: Mapping[str, str]) -> bytes:
    """A response head; without a `length` the body ends with the connection."""
    fields = {"Content-Type": JSON_TYPE, **headers}
    if length is None:
        fields["Connection"] = "close"
    else:
        fields["Content-Length"] = str(length)
    lines = [f"HTTP/1.1 {status} Simulated", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class WeatherApiSimulator:
    """The server: `with WeatherApiSimulator() as api: api.script("Portland", [server_error(), ok()])`.

    The last reply of a script repeats. A city without one gets the default, at first the documented body.
    Every connection has its own thread; `close` ends all of them at once, stalled ones too.
    """

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._stopping = False
        self._scripts: dict[str, list[Reply]] = {}
        self._default: list[Reply] = [Documented()]
        self._requests: list[Request] = []
        self._open: dict[socket.socket, threading.Thread] = {}
        self._acceptor = threading.Thread(target=self._accept, name="weather-simulator", daemon=True)
        self._acceptor.start()

    @property
    def base_url(self) -> str:
        host, port = self._listener.getsockname()
        return f"{'https' if self._tls else 'http'}://{host}:{port}"

    @property
    def requests(self) -> list[Request]:
        """A copy of all requests so far, in order of arrival."""
        with self._lock:
            return list(self._requests)

    def count(self, city: str | None = None) -> int:
        """How many requests asked for `city`, or for anything."""
        return sum(city is None or request.city == city for request in self.requests)

    def script(self, city: str, replies: Sequence[Reply]) -> None:
        """Answer requests for `city` with these in order; the last repeats."""
        assert replies, "a script needs a reply"
        with self._lock:
            self._scripts[city] = list(replies)

    def script_default(self, replies: Sequence[Reply]) -> None:
        """Answer requests for all cities without a script with these in order; the last repeats."""
        assert replies, "a script needs a reply"
        with self._lock:
            self._default = list(replies)

    def release(self) -> None:
        """Let every stalled reply go on, now and from now on."""
        self._released.set()

    def close(self) -> None:
        """Stop: no connection is left, and no thread."""
        with self._lock:
            stopped, self._stopping = self._stopping, True
            threads = [self._acceptor, *self._open.values()]
            for connection in self._open:
                shut(connection)
        if stopped:
            return
        self._released.set()
        # Wakes the acceptor on every system; closing the socket under it does so on some only.
        socket.create_connection(self._listener.getsockname()).close()
        for thread in threads:
            thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                if self._stopping:
                    connection.close()
                    return
                self._open[connection] = thread
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        try:
            while True:
                while b"\r\n\r\n" not in received:
                    data = connection.recv(65_536)
                    if not data:
                        return
                    received += data
                request_head, _, received = received.partition(b"\r\n\r\n")
                if not self._answer(connection, request_head.decode("latin-1")):
                    return
        except OSError:
            return  # the client went away, or the server stops
        finally:
            with self._lock:
                self._open.pop(connection, None)
            connection.close()

    def _answer(self, connection: socket.socket, request_head: str) -> bool:
        request = parsed(request_head)
        with self._lock:
            self._requests.append(request)
            replies = self._scripts.get(request.city, self._default)
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if request.path != PATH:
            reply = Whole(404, b'{"cod":"404","message":"Internal error"}')
        elif not request.query.get("appid"):
            reply = unauthorized()
        return reply.play(Exchange(connection, request.city, self._released))


def parsed(request_head: str) -> Request:
    """The request of a GET without a body."""
    line, *fields = request_head.split("\r\n")
    url = urlsplit(line.split(" ")[1])
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    city = query.get("q") or query.get("id") or f"{query.get('lat', '')},{query.get('lon', '')}"
    headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
    return Request(city, url.path, query, headers, time.monotonic())


def shut(connection: socket.socket) -> None:
    """Wake whoever reads from or writes to `connection`."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already gone


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input ends or SIGTERM arrives."""
    parser = argparse.ArgumentParser(description="The weather API, simulated on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="0: chosen by the system")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with WeatherApiSimulator(port=options.port) as api:
        print(api.base_url, flush=True)
        while sys.stdin.buffer.read(4096):
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
