"""The OpenWeather "current weather" API, and what each of its answers means for the pipeline.

Alone responsible for the API key once it has been read: it leaves in the query string of a request and is in
no message, log record or representation made here. The facts are at https://openweathermap.org/current.
"""

from __future__ import annotations

import ipaddress
import json
import queue
import re
import ssl
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import NoReturn
from urllib.parse import quote, quote_plus

import httpx

from etl.cities import position_of
from etl.errors import BadRequest, InvalidKey, OversizedBody, SourceUnavailable, UnexpectedResponse
from etl.models import City, Units
from etl.sources.answers import HOW_TO_SET_THE_KEY, error_of, http_date, retry_after_s
from etl.sources.deadline import Deadline, DeadlineBackend

MAX_BODY_BYTES = 1024 * 1024
MAX_ERROR_BYTES = 4096
QUOTE_LENGTH = 200


class _KeyedUrl(httpx.URL):
    """A URL whose query holds the key, and whose text does not: the client logs every URL it asks for."""

    def __init__(self, url: httpx.URL, api_key: str) -> None:
        super().__init__(url.copy_add_param("appid", api_key))
        self._without_key = str(url)

    def __str__(self) -> str:
        return self._without_key

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"


class _KeyAuth(httpx.Auth):
    """Adds the key at the last moment, so that no parameters and no URL built here hold it."""

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.url = _KeyedUrl(request.url, self._api_key)
        yield request


class OpenWeather:
    """The weather API at `base_url` as a `Source`; safe to call from several threads.

    `timeout_s` is for a whole request, `connections` the most that are open at once. Raises `InvalidKey` for
    a key that cannot be sent and ValueError for an impossible URL, unit system, time or number.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        units: str,
        timeout_s: float,
        connections: int,
        name: str = "openweather",
    ) -> None:
        if not timeout_s > 0 or connections < 1:
            raise ValueError(f"expected a time-out and connections above 0, found {timeout_s} and {connections}")
        self.name = name
        self._base = checked_base_url(base_url)
        self._units = Units(units)
        self._timeout_s = timeout_s
        self._deadline = Deadline()
        self._secret = secret_pattern(checked_key(api_key))
        self._auth = _KeyAuth(api_key)
        self._tls = tls_context(self._base)
        self._closed = False
        # One client for each connection, built when first needed and lent to one thread at a time: a pool that
        # threads share may close a connection that another thread has just begun to use.
        self._free: queue.LifoQueue[httpx.Client | None] = queue.LifoQueue()
        for client in (*[None] * (connections - 1), self._build()):
            self._free.put(client)

    def __repr__(self) -> str:
        return f"OpenWeather(name={self.name!r}, base_url={str(self._base)!r}, units={self._units.value!r})"

    def fetch(self, city: City) -> bytes:
        """The body of a 200 answer, byte for byte, at most `MAX_BODY_BYTES`. Raises a `SourceError`."""
        try:
            with (
                self._deadline.within(self._timeout_s),
                self._lent_client() as client,
                client.stream("GET", f"{self._base}/data/2.5/weather", params=self._query(city)) as answer,
            ):
                return self._body(city, answer) if answer.status_code == 200 else self._refuse(city, answer)
        except httpx.TimeoutException:
            problem = f"no whole answer within {self._timeout_s:g} s"
        except httpx.InvalidURL:
            raise BadRequest(f"{self._called(city)} is too long to ask {self.name} for; shorten the name") from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            problem = self._printable(str(error) or type(error).__name__)
        except queue.Empty:
            problem = "this client was closed" if self._closed else "no connection became free in time"
        # Raised out here so that the library's exception, which holds the whole request, is not its context.
        raise SourceUnavailable(
            f"{self.name} gave no weather for {self._called(city)}: {problem}; "
            f"check the network and {self._base.host}, or try again later"
        )

    def close(self) -> None:
        """Close every connection, one in use when its request is over; later calls of `fetch` fail."""
        self._closed = True
        self._close_free_clients()

    def _build(self) -> httpx.Client:
        return build_client(self._base, self._auth, tls=self._tls, timeout_s=self._timeout_s, deadline=self._deadline)

    @contextmanager
    def _lent_client(self) -> Iterator[httpx.Client]:
        """A client for this thread alone. Raises `queue.Empty` if none becomes free in time, or after `close`."""
        lent = self._free.get(timeout=self._timeout_s) if not self._closed else self._free.get_nowait()
        try:
            lent = lent or self._build()
            yield lent
        finally:
            self._free.put(lent)
            if self._closed:
                self._close_free_clients()

    def _close_free_clients(self) -> None:
        with suppress(queue.Empty):
            while True:
                if client := self._free.get_nowait():
                    client.close()

    def _query(self, city: City) -> dict[str, str]:
        query = place_of(city.name)
        return query if self._units is Units.STANDARD else query | {"units": self._units.value}

    def _body(self, city: City, answer: httpx.Response) -> bytes:
        encoding = answer.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            # Never unpacked: a small compressed body can hold gigabytes, and the bytes sent are what is kept.
            raise UnexpectedResponse(
                f"{self.name} sent the weather for {self._called(city)} compressed "
                f"({self._printable(encoding)}), expected it plain as asked for; look for a proxy between"
            )
        body = bytearray()
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise OversizedBody(
                    f"{self.name} sent more than {MAX_BODY_BYTES} bytes for {self._called(city)}, "
                    "expected about 500; check weather.base_url"
                )
        return bytes(body)

    def _refuse(self, city: City, answer: httpx.Response) -> NoReturn:
        """Raise what an answer other than 200 means."""
        said = self._said(answer)
        about = f"for {self._called(city)} ({answer.status_code}{f': {said}' if said else ''})"
        if answer.is_redirect:
            raise UnexpectedResponse(self._redirected(about, answer))
        sent_at = http_date(answer.headers.get("Date", "")) or datetime.now(UTC)
        wait_s = retry_after_s(answer.headers.get("Retry-After", ""), sent_at=sent_at)
        raise error_of(answer.status_code, source=self.name, about=about, wait_s=wait_s)

    def _redirected(self, about: str, answer: httpx.Response) -> str:
        # Only the host: where a redirect leads may repeat the query, and the key does not follow it.
        host = answer.next_request.url.host if answer.next_request else ""
        return (
            f"{self.name} redirected the request {about} to {self._printable(host) or 'nowhere'}, "
            "which was not followed; check weather.base_url"
        )

    def _said(self, answer: httpx.Response) -> str:
        """The API's own error message, or nothing where there is none to be had."""
        body = bytearray()
        try:
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > MAX_ERROR_BYTES:
                    return ""
            said = json.loads(body)
        except (httpx.HTTPError, ValueError, RecursionError):
            return ""
        message = said.get("message") if isinstance(said, dict) else None
        return self._printable(message) if isinstance(message, str) else ""

    def _called(self, city: City) -> str:
        return f"“{self._printable(city.name)}”"

    def _printable(self, text: str) -> str:
        """Foreign text for a message: the key taken out first, then one line of at most `QUOTE_LENGTH`."""
        without_key = self._secret.sub("[API key]", text)
        line = " ".join("".join(c if c.isprintable() else " " for c in without_key).split())
        return line if len(line) <= QUOTE_LENGTH else line[: QUOTE_LENGTH - 1] + "…"


def tls_context(base: httpx.URL) -> ssl.SSLContext:
    """Whom to trust: the environment's CA files, else the usual ones. Raises ValueError if they cannot be read."""
    if base.scheme == "http":
        # Reading CA files takes longer than a request does, and plain HTTP needs none: this one trusts nobody.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.create_ssl_context()
    except (ValueError, OSError):
        raise ValueError(
            "the CA files of the environment cannot be read; check SSL_CERT_FILE and SSL_CERT_DIR"
        ) from None


def build_client(
    base: httpx.URL, auth: httpx.Auth, *, tls: ssl.SSLContext, timeout_s: float, deadline: Deadline
) -> httpx.Client:
    """A client of one connection, built nowhere else so that another client library is a change in one place.

    The proxies of the environment are honoured, except for a server on this machine. Raises ValueError if they
    cannot be used.
    """
    try:
        client = httpx.Client(
            auth=auth,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "lakewarden"},
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            follow_redirects=False,
            trust_env=not is_loopback(base.host),
            verify=tls,
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        raise ValueError(
            "the proxy of the environment cannot be used for the weather API; "
            "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY (http:// or https://), or set NO_PROXY"
        ) from None
    # The library has no public way to give a client its network; a change of these names fails loudly here.
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool
            pool._network_backend = DeadlineBackend(pool._network_backend, deadline)
    return client


def checked_base_url(text: str) -> httpx.URL:
    """`text` without a closing slash, as a URL. Raises ValueError, not repeating what may hold a password."""
    expected = "weather.base_url: expected http://HOST or https://HOST, with an optional port and path"
    try:
        url = httpx.URL(text.strip().rstrip("/"))
        if url.port is not None and not 0 < url.port < 65536:
            raise ValueError(f"{expected}; found the port {url.port}")
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError(f"{expected}; what was found is not a URL") from None
    if url.scheme not in ("http", "https"):
        raise ValueError(f"{expected}; found {'the scheme ' + url.scheme if url.scheme else 'no scheme'}")
    if not url.host or "%" in url.host:
        raise ValueError(f"{expected}; found {'a host with spaces' if url.host else 'no host'}")
    if url.userinfo or url.query or url.fragment:
        raise ValueError(f"{expected}; found also a user name, a query or a fragment, which it must not have")
    return url


def checked_key(api_key: str) -> str:
    """`api_key` if it can be sent. Raises `InvalidKey`, never repeating it."""
    if not api_key:
        found = "none"
    elif len(api_key) > 256:
        found = "more than 256 characters"
    elif all("!" <= c <= "~" for c in api_key):
        return api_key
    else:
        found = "a space, a line break or another character that no key has"
    raise InvalidKey(f"the weather API key cannot be sent: expected one word, found {found}; {HOW_TO_SET_THE_KEY}")


def secret_pattern(api_key: str) -> re.Pattern[str]:
    """What finds `api_key` in a text, however it was escaped or cased."""
    spellings = sorted({api_key, quote(api_key), quote(api_key, safe=""), quote_plus(api_key)}, key=len)
    return re.compile("|".join(map(re.escape, reversed(spellings))), re.IGNORECASE)


def place_of(name: str) -> dict[str, str]:
    """The query parameters that ask for a configured city: `lat` and `lon`, `id`, or `q`."""
    if position_of(name):
        latitude, longitude = name.split(",")
        return {"lat": latitude.strip(), "lon": longitude.strip()}
    return {"id": name} if name.isascii() and name.isdigit() else {"q": name}


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
