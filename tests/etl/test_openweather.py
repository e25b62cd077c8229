"""The OpenWeather client against a real server: every documented answer, and every way a server can misbehave."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from etl.cities import city_of
from etl.errors import (
    BadRequest,
    CityNotFound,
    InvalidKey,
    OversizedBody,
    QuotaExceeded,
    SourceError,
    SourceUnavailable,
    UnexpectedResponse,
)
from etl.ports import Source
from etl.sources.answers import retry_after_s
from etl.sources.openweather import MAX_BODY_BYTES, OpenWeather, checked_base_url, is_loopback
from tests.simulators import weather_api as wa
from tests.simulators.weather_api import WeatherApiSimulator

KEY = "Zx81+/aQ=0123456789abcdef"
PORTLAND = city_of("Portland")


@pytest.fixture
def api() -> Iterator[WeatherApiSimulator]:
    with WeatherApiSimulator() as simulator:
        yield simulator


def client(base_url: str, *, units: str = "standard", timeout_s: float = 10, connections: int = 4) -> OpenWeather:
    return OpenWeather(api_key=KEY, base_url=base_url, units=units, timeout_s=timeout_s, connections=connections)


@pytest.fixture
def source(api: WeatherApiSimulator) -> Iterator[OpenWeather]:
    made = client(api.base_url)
    yield made
    made.close()


@pytest.fixture
def impatient(api: WeatherApiSimulator) -> Iterator[OpenWeather]:
    made = client(api.base_url, timeout_s=0.4)
    yield made
    made.close()


def failure(source: Source, name: str = "Portland") -> SourceError:
    """The error that fetching `name` raises, after checking that the key is nowhere in it or in what it carries."""
    with pytest.raises(SourceError) as caught:
        source.fetch(city_of(name))
    error: BaseException | None = caught.value
    while error is not None:
        for text in (str(error), repr(error), *map(repr, error.args), *map(str, vars(error).values())):
            assert KEY not in text
            assert "appid" not in text
        error = error.__cause__ or error.__context__
    assert "Portland" in str(caught.value) or name != "Portland"
    return caught.value


def test_it_is_a_source(source: OpenWeather) -> None:
    as_source: Source = source
    assert as_source.name == "openweather"


@pytest.mark.parametrize("body", [wa.DOCUMENTED_FULL, wa.DOCUMENTED_MINIMAL, b"", b"\x00\xff\r\n {"])
def test_the_body_passes_byte_for_byte(api: WeatherApiSimulator, source: OpenWeather, body: bytes) -> None:
    api.script("Portland", [wa.raw(200, body)])
    assert source.fetch(PORTLAND) == body


def test_the_largest_allowed_body_passes(api: WeatherApiSimulator, source: OpenWeather) -> None:
    api.script("Portland", [wa.oversized(MAX_BODY_BYTES)])
    assert len(source.fetch(PORTLAND)) == MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Portland", {"q": "Portland"}),
        ("São Paulo, BR", {"q": "São Paulo, BR"}),
        ("a&appid=other", {"q": "a&appid=other"}),
        ("45.52,-122.68", {"lat": "45.52", "lon": "-122.68"}),
        ("-90 , +180.0", {"lat": "-90", "lon": "+180.0"}),
        ("91,0", {"q": "91,0"}),
        ("0,180.01", {"q": "0,180.01"}),
        ("nan,inf", {"q": "nan,inf"}),
        ("5746545", {"id": "5746545"}),
        ("٣٤", {"q": "٣٤"}),
    ],
)
def test_a_city_is_asked_for_by_name_position_or_id(
    api: WeatherApiSimulator, source: OpenWeather, name: str, asked: dict[str, str]
) -> None:
    source.fetch(city_of(name))
    (request,) = api.requests
    assert request.path == "/data/2.5/weather"
    assert request.query == {**asked, "appid": KEY}
    assert request.headers["accept-encoding"] == "identity"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(("units", "sent"), [("standard", None), ("metric", "metric"), ("imperial", "imperial")])
def test_units_are_sent_only_where_they_are_not_the_default(
    api: WeatherApiSimulator, units: str, sent: str | None
) -> None:
    source = client(api.base_url, units=units)
    source.fetch(PORTLAND)
    source.close()
    assert api.requests[0].query.get("units") == sent


def test_a_base_url_may_have_a_path(api: WeatherApiSimulator) -> None:
    source = client(f"{api.base_url}/owm/")
    assert isinstance(failure(source), CityNotFound)
    source.close()
    assert api.requests[0].path == "/owm/data/2.5/weather"


DOCUMENTED = [
    (wa.bad_request(), BadRequest, "400: Nothing to geocode"),
    (wa.unauthorized(), InvalidKey, "401: Invalid API key"),
    (wa.not_found(), CityNotFound, "404: city not found"),
    (wa.too_many(), QuotaExceeded, "429: Your account is temporary blocked"),
    (wa.server_error(500), SourceUnavailable, "(500)"),
    (wa.server_error(502), SourceUnavailable, "(502)"),
    (wa.server_error(503), SourceUnavailable, "(503)"),
    (wa.server_error(599), SourceUnavailable, "(599)"),
    (wa.raw(403, b""), UnexpectedResponse, "(403)"),
    (wa.raw(204, b""), UnexpectedResponse, "(204)"),
    (wa.raw(304, b""), UnexpectedResponse, "(304)"),
    (wa.raw(418, b'{"cod":418,"message":["not","text"]}'), UnexpectedResponse, "(418)"),
]


@pytest.mark.parametrize(("reply", "kind", "says"), DOCUMENTED)
def test_every_status_has_its_error(
    api: WeatherApiSimulator, source: OpenWeather, reply: wa.Reply, kind: type[SourceError], says: str
) -> None:
    api.script("Portland", [reply])
    error = failure(source)
    assert type(error) is kind
    assert says in str(error)
    assert error.retry_after_s is None
    assert error.retryable is (kind is SourceUnavailable)


def test_a_refused_key_tells_what_to_do(api: WeatherApiSimulator, source: OpenWeather) -> None:
    api.script("Portland", [wa.unauthorized()])
    message = str(failure(source))
    for part in ("two hours", "OPENWEATHER_API_KEY", "lakewarden secrets set openweather_api_key"):
        assert part in message


@pytest.mark.parametrize(
    ("field", "wait_s"),
    [("600", 600), ("0", 0), ("999999999", 86_400), ("-5", None), ("soon", None), ("1e3", None), ("9" * 5000, None)],
)
@pytest.mark.parametrize("reply", [wa.too_many, lambda field: wa.server_error(503, field)])
def test_retry_after_is_kept_within_bounds(
    api: WeatherApiSimulator,
    source: OpenWeather,
    reply: Callable[[str], wa.Reply],
    field: str,
    wait_s: float | None,
) -> None:
    api.script("Portland", [reply(field)])
    assert failure(source).retry_after_s == wait_s


def test_a_retry_date_is_compared_with_the_date_of_the_answer(api: WeatherApiSimulator, source: OpenWeather) -> None:
    dates = {"Date": "Wed, 21 Oct 2015 07:28:00 GMT", "Retry-After": "Wed, 21 Oct 2015 07:38:30 GMT"}
    api.script("Portland", [wa.raw(429, wa.DOCUMENTED_ERRORS[429], dates)])
    assert failure(source).retry_after_s == 630


@pytest.mark.parametrize(
    ("field", "wait_s"),
    [
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 20 Nov 9999 11:00:00 GMT", 86_400),
        ("Fri, 99 Nov 2026 99:00:00 GMT", None),
        ("", None),
    ],
)
def test_retry_dates(field: str, wait_s: float | None) -> None:
    assert retry_after_s(field, sent_at=datetime(2026, 11, 20, 12, tzinfo=UTC)) == wait_s


def test_a_redirect_is_not_followed_and_only_its_host_is_named(api: WeatherApiSimulator) -> None:
    with WeatherApiSimulator() as elsewhere:
        api.script("Portland", [wa.redirect(f"{elsewhere.base_url}/steal?appid={KEY}")])
        source = client(api.base_url)
        error = failure(source)
        source.close()
        assert elsewhere.count() == 0
    assert isinstance(error, UnexpectedResponse)
    assert "127.0.0.1" in str(error)
    assert "steal" not in str(error)


def test_a_redirect_to_a_host_named_after_the_key_does_not_show_it(
    api: WeatherApiSimulator,
) -> None:
    source = OpenWeather(api_key="secretword", base_url=api.base_url, units="metric", timeout_s=5, connections=1)
    api.script("Portland", [wa.redirect("http://SecretWord.example/")])
    with pytest.raises(UnexpectedResponse) as caught:
        source.fetch(PORTLAND)
    source.close()
    assert "secretword" not in str(caught.value).lower()


@pytest.mark.parametrize("location", ["http://[broken/", "", "//", "\x7f:"])
def test_a_redirect_to_nowhere_is_a_source_error(api: WeatherApiSimulator, source: OpenWeather, location: str) -> None:
    api.script("Portland", [wa.redirect(location)])
    failure(source)


HOSTILE = [
    wa.reset(),
    wa.truncated(),
    wa.wire(b""),
    wa.wire(b"SSH-2.0-OpenSSH_9.6\r\n"),
    wa.wire(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
    wa.wire(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    wa.wire(b"HTTP/1.1 200 OK\r\n" + f"{KEY}\r\n\r\n".encode()),
    wa.wire(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000),
]


@pytest.mark.parametrize("reply", HOSTILE)
def test_a_broken_exchange_is_source_unavailable(
    api: WeatherApiSimulator, source: OpenWeather, reply: wa.Reply
) -> None:
    api.script("Portland", [reply])
    assert type(failure(source)) is SourceUnavailable


def test_the_next_fetch_after_a_broken_one_works(api: WeatherApiSimulator, source: OpenWeather) -> None:
    api.script("Portland", [wa.ok(), wa.reset(), wa.ok(), wa.truncated(), wa.ok(), wa.oversized(1 << 21), wa.ok()])
    for works in (True, False, True, False, True, False, True):
        if works:
            assert json.loads(source.fetch(PORTLAND))["name"] == "Portland"
        else:
            failure(source)


def test_nobody_listening_is_source_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    source = client(f"http://127.0.0.1:{port}")
    error = failure(source)
    source.close()
    assert type(error) is SourceUnavailable


def test_an_unknown_host_is_source_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands for a name server that knows no such host, which cannot be had on loopback.
    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    source = client("http://weather.localhost")
    error = failure(source)
    source.close()
    assert type(error) is SourceUnavailable
    assert "weather.localhost cannot be resolved" in str(error)


def test_a_host_is_tried_at_all_its_addresses(api: WeatherApiSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands for a name server that knows two addresses, of which one answers.
    addresses = [(socket.AF_INET6, 0, 0, "", ("::1", 0, 0, 0)), (socket.AF_INET, 0, 0, "", ("127.0.0.1", 0))]
    resolve = socket.getaddrinfo

    def two_addresses(host: str, *rest: Any, **options: Any) -> Any:
        return addresses if host == "weather.localhost" else resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    source = client(api.base_url.replace("127.0.0.1", "weather.localhost"))
    assert source.fetch(PORTLAND)
    source.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    pem.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()) + signed.public_bytes(encoding))
    return pem


@pytest.fixture
def tls_api(certificate: Path) -> Iterator[WeatherApiSimulator]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with WeatherApiSimulator(tls=context) as simulator:
        yield simulator


def test_https_works_with_a_ca_of_the_environment_and_keeps_the_time_limit(
    tls_api: WeatherApiSimulator, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_api.script("Portland", [wa.ok(), wa.trickle(100, whole_head=False)])
    source = client(tls_api.base_url, timeout_s=0.4)
    assert json.loads(source.fetch(PORTLAND))["name"] == "Portland"
    assert "within 0.4 s" in str(failure(source))
    source.close()


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tls_api: WeatherApiSimulator) -> None:
    source = client(tls_api.base_url)
    error = failure(source)
    source.close()
    assert type(error) is SourceUnavailable
    assert "certificate" in str(error)
    assert tls_api.count() == 0


def test_ca_files_that_cannot_be_read_are_refused_clearly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(ValueError, match="SSL_CERT_FILE"):
        client("https://127.0.0.1:1")


@pytest.mark.parametrize(
    "reply",
    [wa.stall(), wa.trickle(100), wa.trickle(100, whole_head=False)],
    ids=["stall", "trickled body", "trickled head"],
)
def test_the_time_limit_is_for_the_whole_request(
    api: WeatherApiSimulator, impatient: OpenWeather, reply: wa.Reply
) -> None:
    api.script("Portland", [reply])
    started = time.monotonic()
    error = failure(impatient)
    assert type(error) is SourceUnavailable
    assert "within 0.4 s" in str(error)
    assert 0.35 < time.monotonic() - started < 2


class EarlyAnswers:
    """HTTP's "still working" answers without end."""

    def play(self, exchange: wa.Exchange) -> bool:
        while not exchange.wait(0.005):
            exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        return False


def test_early_answers_without_end_meet_the_time_limit(api: WeatherApiSimulator, impatient: OpenWeather) -> None:
    api.script("Portland", [EarlyAnswers()])
    assert "within 0.4 s" in str(failure(impatient))


def test_an_error_whose_text_never_comes_is_still_that_error(api: WeatherApiSimulator, impatient: OpenWeather) -> None:
    api.script("Portland", [wa.wire(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\n{")])
    assert type(failure(impatient)) is InvalidKey


@pytest.mark.parametrize("announced", [True, False])
def test_an_oversized_body_is_not_read_to_its_end(
    api: WeatherApiSimulator, source: OpenWeather, announced: bool
) -> None:
    api.script("Portland", [wa.oversized(1 << 40, announced=announced)])
    error = failure(source)
    assert type(error) is OversizedBody
    assert str(MAX_BODY_BYTES) in str(error)


def test_a_compressed_body_is_refused_without_unpacking_it(api: WeatherApiSimulator, source: OpenWeather) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    api.script("Portland", [wa.raw(200, bomb, {"Content-Encoding": "gzip"})])
    assert type(failure(source)) is UnexpectedResponse


def test_a_page_that_is_not_json_is_handed_on_for_the_transform_to_reject(
    api: WeatherApiSimulator, source: OpenWeather
) -> None:
    api.script("Portland", [wa.not_json()])
    assert source.fetch(PORTLAND).startswith(b"<html>")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"the key {KEY} is wrong", "the key [API key] is wrong"),
        (f"the key {KEY.upper()} is wrong", "the key [API key] is wrong"),
        ("x" * 190 + KEY + "y" * 500, "x" * 190 + "[API key]…"),
        ("two\nlines\x1b[31m and\u202e signs", "two lines [31m and signs"),
    ],
)
def test_what_the_api_says_is_cut_made_printable_and_rid_of_the_key(
    api: WeatherApiSimulator, source: OpenWeather, said: str, shown: str
) -> None:
    api.script("Portland", [wa.raw(400, json.dumps({"cod": 400, "message": said}).encode())])
    message = str(failure(source))
    assert f"(400: {shown})" in message
    assert message.isprintable()


@pytest.mark.parametrize("body", [b"[" * 4000, b"\xff\xfe\x00", b'{"message":', b"x" * 100_000, b"[1]"])
def test_an_unreadable_error_text_is_left_out(api: WeatherApiSimulator, source: OpenWeather, body: bytes) -> None:
    api.script("Portland", [wa.raw(404, body)])
    assert "(404)" in str(failure(source))


def test_the_key_is_in_no_representation_and_in_no_log_record(
    api: WeatherApiSimulator, source: OpenWeather, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.script("Portland", [wa.ok(), wa.unauthorized(), wa.reset(), wa.redirect("/elsewhere")])
    source.fetch(PORTLAND)
    for _ in range(3):
        failure(source)
    assert any(record.name == "httpx" for record in caplog.records)
    texts = [repr(source), str(source)]
    for record in caplog.records:
        texts += [record.getMessage(), repr(record.args), str(record.exc_info)]
    assert not [text for text in texts if "Zx81" in text]


@pytest.mark.parametrize("key", ["", " ", "two words", "line\n", "na\u00efve", "\x00", "k" * 257])
def test_a_key_that_cannot_be_sent_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        OpenWeather(api_key=key, base_url="http://127.0.0.1:1", units="standard", timeout_s=1, connections=1)
    assert "OPENWEATHER_API_KEY" in str(caught.value)
    assert len(key) < 2 or key not in str(caught.value)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.openweathermap.org",
        "ftp://api.openweathermap.org",
        "http://",
        "http:///data",
        "https://user:hunter2@api.openweathermap.org",
        "https://api.openweathermap.org/?appid=hunter2",
        "https://api.openweathermap.org/#x",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:http",
        "http://two words",
        "http://line\nbreak",
        "http://[::1",
        f"http://{'a' * 64}.example",
    ],
)
def test_an_impossible_base_url_is_refused_clearly(base_url: str) -> None:
    with pytest.raises(ValueError, match=r"weather\.base_url: expected http://HOST") as caught:
        checked_base_url(base_url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("units", "timeout_s", "connections"), [("kelvin", 1, 1), ("metric", 0, 1), ("metric", 1, 0)])
def test_impossible_settings_are_refused(units: str, timeout_s: float, connections: int) -> None:
    with pytest.raises(ValueError):
        client("http://127.0.0.1:1", units=units, timeout_s=timeout_s, connections=connections)


def test_a_proxy_of_the_environment_is_never_used_for_this_machine(
    api: WeatherApiSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    source = client(api.base_url)
    assert source.fetch(PORTLAND)
    source.close()


def test_a_proxy_of_the_environment_is_used_for_other_hosts_with_the_same_time_limit(
    api: WeatherApiSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", api.base_url)
    api.script("Portland", [wa.ok(), wa.trickle(100, whole_head=False)])
    source = client("http://weather.invalid", timeout_s=0.4)
    assert source.fetch(PORTLAND)
    assert api.requests[0].headers["host"] == "weather.invalid"
    assert type(failure(source)) is SourceUnavailable
    source.close()


@pytest.mark.parametrize("proxy", ["socks5://user:hunter2@127.0.0.1:1", "gopher://hunter2"])
def test_a_proxy_that_cannot_be_used_is_refused_clearly(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.delenv("all_proxy", raising=False)
    with pytest.raises(ValueError, match="check HTTPS_PROXY") as caught:
        client("http://weather.invalid")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost"])
def test_these_hosts_are_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1.example", "10.0.0.1", "api.openweathermap.org"])
def test_these_hosts_are_not_this_machine(host: str) -> None:
    assert not is_loopback(host)


def test_several_threads_share_one_client_and_its_connections(api: WeatherApiSimulator) -> None:
    source = client(api.base_url, connections=4)
    cities = [city_of(f"City {n}") for n in range(60)]
    with ThreadPoolExecutor(12) as pool:
        bodies = list(pool.map(source.fetch, cities))
    source.close()
    assert [json.loads(body)["name"] for body in bodies] == [city.name for city in cities]
    assert all(api.count(city.name) == 1 for city in cities)


def test_a_fetch_that_finds_no_free_connection_waits_for_one_and_not_for_ever(api: WeatherApiSimulator) -> None:
    api.script("Slow", [wa.stall()])
    source = client(api.base_url, timeout_s=0.4, connections=1)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(source.fetch, city_of(name)) for name in ("Slow", "Slow")]
    assert all(type(future.exception()) is SourceUnavailable for future in waiting)
    assert source.fetch(PORTLAND)
    source.close()


def test_closing_during_a_fetch_lets_it_end_and_leaves_nothing_open(api: WeatherApiSimulator) -> None:
    api.script("Slow", [wa.stall()])
    source = client(api.base_url)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(source.fetch, city_of("Slow"))
        arrived = threading.Event()
        while api.count() < 1:
            arrived.wait(0.005)
        source.close()
        api.release()
        assert json.loads(slow.result(5))["name"] == "Slow"
    assert "closed" in str(failure(source))


def test_one_threads_time_limit_is_not_anothers(api: WeatherApiSimulator) -> None:
    api.script("Slow", [wa.stall()])
    source = client(api.base_url, timeout_s=0.5, connections=4)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(source.fetch, city_of("Slow"))
        while not slow.done():
            assert source.fetch(PORTLAND)
    source.close()
    assert isinstance(slow.exception(), SourceUnavailable)


def test_after_close_a_fetch_fails_and_closing_again_does_nothing(api: WeatherApiSimulator) -> None:
    source = client(api.base_url)
    source.fetch(PORTLAND)
    source.close()
    source.close()
    assert "closed" in str(failure(source))


def test_the_simulator_stops_at_once_with_connections_that_stall_or_trickle() -> None:
    api = WeatherApiSimulator()
    api.script("A", [wa.stall()])
    api.script("B", [wa.trickle(0.01)])
    source = client(api.base_url)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(source.fetch, city_of(name)) for name in ("A", "B")]
        arrived = threading.Event()
        while api.count() < 2:
            arrived.wait(0.005)
        started = time.monotonic()
        api.close()
        assert time.monotonic() - started < 0.5
        assert all(isinstance(future.exception(), SourceError) for future in waiting)
    source.close()


def test_a_name_too_long_to_ask_for_is_a_bad_request(api: WeatherApiSimulator, source: OpenWeather) -> None:
    error = failure(source, "Portland" * 20_000)
    assert type(error) is BadRequest
    assert len(str(error)) < 400
    assert api.count() == 0


@pytest.mark.parametrize("how", ["end of standard input", "SIGTERM"])
def test_the_simulator_runs_as_a_program_until_it_is_told_to_stop(how: str) -> None:
    program = [sys.executable, "-m", "tests.simulators.weather_api", "--port", "0"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(program, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        source = client(server.stdout.readline().strip())
        assert json.loads(source.fetch(PORTLAND))["name"] == "Portland"
        source.close()
        if how == "SIGTERM":
            server.terminate()
        else:
            server.stdin.close()
        assert server.wait(timeout=10) == 0
