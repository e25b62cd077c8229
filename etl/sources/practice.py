"""The practice source: a server on this machine that speaks the weather API, and the client that asks it.

It goes through the same client, sockets and error handling as the real API, so that these are practised too.
What it serves is invented (see `practice_weather`) and labelled as practice data wherever it is kept.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import threading
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from etl.cities import position_of
from etl.models import City, Units
from etl.ports import Clock, Source
from etl.sources.openweather import OpenWeather
from etl.sources.practice_weather import in_units, weather_at

__all__ = ["PracticeApi", "practice_source", "weather_at"]

PRACTICE_KEY = "practice-key-that-opens-nothing"
UNKNOWN_PREFIX = "nowhere"
MAX_HEAD_BYTES = 65_536
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed"}
INVALID_KEY = "Invalid API key. Please see http://openweathermap.org/faq#error401 for more info."

Answer = tuple[int, dict[str, Any]]


class PracticeApi:
    """The weather API on a port of 127.0.0.1, from `__enter__` or `start` until `close`.

    One thread serves every connection: an answer takes microseconds, and there is nothing to wait for.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._waker, self._wakened = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._received: dict[socket.socket, bytes] = {}
        self._thread = threading.Thread(target=self._serve, name="practice-weather-api", daemon=True)
        self._started = False

    @property
    def base_url(self) -> str:
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}"

    def start(self) -> Self:
        """Answer from now on."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wakened, selectors.EVENT_READ)
        self._started = True
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering and close every connection; at once, and again without effect."""
        self._waker.close()
        if self._started:
            self._thread.join()
        for open_socket in (self._listener, self._wakened, *self._received):
            open_socket.close()
        self._selector.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wakened:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._read(key.fileobj)

    def _accept(self) -> None:
        # A client may be gone before it is accepted, or the process out of file handles.
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._received[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(MAX_HEAD_BYTES)
            *heads, rest = (self._received[connection] + data).split(b"\r\n\r\n")
            self._received[connection] = rest
            # A client that does not read its answers fills the socket and is dropped by the error.
            for head in heads:
                connection.sendall(self._answer(head))
        except OSError:
            data = b""
        if not data or len(self._received[connection]) > MAX_HEAD_BYTES:
            self._selector.unregister(connection)
            del self._received[connection]
            connection.close()

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        status, body = answer_to(method, rest.rpartition(" ")[0], self._clock)
        payload = json.dumps(body, separators=(",", ":")).encode()
        lines = (
            f"HTTP/1.1 {status} {REASONS[status]}",
            "Server: lakewarden-practice",
            "Content-Type: application/json; charset=utf-8",
            f"Content-Length: {len(payload)}",
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


class PracticeSource:
    """The practice API and its client as one `Source`."""

    name = "practice"

    def __init__(self, *, units: str, timeout_s: float, connections: int, clock: Clock) -> None:
        self._api = PracticeApi(clock=clock).start()
        try:
            self._client = OpenWeather(
                api_key=PRACTICE_KEY,
                base_url=self._api.base_url,
                units=units,
                timeout_s=timeout_s,
                connections=connections,
                name=self.name,
            )
        except ValueError:
            self._api.close()
            raise

    def fetch(self, city: City) -> bytes:
        """As `Source.fetch`: invented weather for any city, but not for names that begin with “Nowhere”."""
        return self._client.fetch(city)

    def close(self) -> None:
        self._client.close()
        self._api.close()


def practice_source(*, units: str, timeout_s: float, connections: int, clock: Clock) -> Source:
    """A running practice source; `close` stops its server. Raises ValueError as `OpenWeather` does."""
    return PracticeSource(units=units, timeout_s=timeout_s, connections=connections, clock=clock)


def answer_to(method: str, target: str, clock: Clock) -> Answer:
    """Status and body for one request line, in the order in which the real API checks: key, place, units."""
    if method != "GET":
        return 405, {"cod": "405", "message": "Method not allowed"}
    try:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
    except ValueError:
        return 400, {"cod": "400", "message": "Bad request"}
    if url.path != "/data/2.5/weather":
        return 404, {"cod": "404", "message": "Internal error"}
    if not query.get("appid"):
        return 401, {"cod": 401, "message": INVALID_KEY}
    place = asked_place(query)
    if not isinstance(place, str):
        return place
    units = query.get("units")
    body = weather_at(place, clock.now())
    return 200, in_units(body, Units(units)) if units in set(Units) else body


def asked_place(query: dict[str, str]) -> str | Answer:
    """The city text of a query, or the documented error. Names that begin with “Nowhere” are unknown."""
    if "lat" in query or "lon" in query:
        text = f"{query.get('lat', '')},{query.get('lon', '')}"
        return text if position_of(text) else (400, {"cod": "400", "message": "wrong latitude or longitude"})
    if "id" in query:
        text = query["id"]
        known = text.isascii() and text.isdigit() and len(text) <= 18
        return text if known else (400, {"cod": "400", "message": f"{text[:40]} is not a city ID"})
    text = query.get("q", "").strip()
    if not text:
        return 400, {"cod": "400", "message": "Nothing to geocode"}
    if text.casefold().startswith(UNKNOWN_PREFIX):
        return 404, {"cod": "404", "message": "city not found"}
    return text
