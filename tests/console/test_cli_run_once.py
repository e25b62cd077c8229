"""`lakewarden --run-once` as its callers see it: exit codes, streams, JSON, hours, signals; and no key anywhere."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import ssl
import stat
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from etl.models import rfc3339, ts_of
from tests.conftest import API_KEY, Ended, Lakewarden, wait_until
from tests.simulators.weather_api import (
    DOCUMENTED_FULL,
    Reply,
    WeatherApiSimulator,
    not_found,
    ok,
    raw,
    redirect,
    server_error,
    stall,
    too_many,
    unauthorized,
)

QUICK = {
    "LAKEWARDEN_SENSOR__POKE_INTERVAL_S": "0.05",
    "LAKEWARDEN_SENSOR__TIMEOUT_S": "0.3",
    "LAKEWARDEN_RETRY__DELAY_S": "0.05",
}
TWO = {"LAKEWARDEN_WEATHER__CITIES": '["Portland", "Oslo"]'}


@pytest.fixture
def real(lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime) -> Lakewarden:
    """The command, with the simulated API as the real one and short waits."""
    lakewarden.use(api)
    lakewarden.environ |= QUICK
    return lakewarden


def fails(ended: Ended, code: int, said: str) -> None:
    """It ended with `code`, printed nothing, and said one line about it."""
    assert ended.code == code, ended
    assert ended.out == ""
    assert ended.err.count("\n") == 1, ended.err
    assert ended.err.startswith("lakewarden: ")
    assert said in ended.err


# ---- what a run prints ------------------------------------------------------------


def test_a_run_is_silent_and_makes_a_private_practice_workspace(lakewarden: Lakewarden) -> None:
    assert lakewarden("--run-once") == Ended(0, "", "")
    assert stat.S_IMODE(lakewarden.home.stat().st_mode) == 0o700
    for path in lakewarden.home.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_verbose_tells_progress_on_stderr(lakewarden: Lakewarden) -> None:
    ended = lakewarden("--run-once", "-v")
    assert (ended.code, ended.out) == (0, "")
    assert "1 loaded, 0 failed" in ended.err


def test_the_json_document_is_the_contracts(real: Lakewarden, this_hour: datetime) -> None:
    document = real("--run-once", "--json").json
    ts = ts_of(this_hour)
    assert isinstance(document.pop("duration_s"), float)
    assert document == {
        "run_id": f"openweather-{ts}",
        "logical_time": rfc3339(this_hour),
        "ts": ts,
        "trigger": "cron",
        "state": "success",
        "source": "openweather",
        "cities": [
            {
                "city": "Portland",
                "slug": "portland",
                "state": "success",
                "object": f"weather-data/portland_weather_{ts}.json",
                "attempts": {"extract_weather_data": 1, "transform_weather_data": 1, "load_weather_data": 1},
                "error": None,
            }
        ],
    }


def test_a_second_call_prints_the_recorded_run_as_already_loaded(real: Lakewarden, api: WeatherApiSimulator) -> None:
    first = real("--run-once", "--json").json
    calls = api.count()
    second = real("--run-once", "--json")
    assert second.code == 0
    assert second.json == first | {"already_loaded": True}
    assert api.count() == calls


def test_a_failed_citys_error_is_in_the_document(real: Lakewarden, api: WeatherApiSimulator) -> None:
    api.script("Oslo", [not_found()])
    ended = real("--run-once", "--json", env=TWO)
    assert ended.code == 1
    assert ended.json["state"] == "partial"
    oslo = ended.json["cities"][1]
    assert (oslo["state"], oslo["object"]) == ("failed", None)
    assert oslo["attempts"] == {"extract_weather_data": 1, "transform_weather_data": 0, "load_weather_data": 0}
    assert set(oslo["error"]) == {"task", "kind", "message"}
    assert (oslo["error"]["task"], oslo["error"]["kind"]) == ("extract_weather_data", "city_not_found")
    assert ended.err.count("\n") == 1


# ---- exit codes ------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (not_found(), 65, "no such place"),
        (raw(200, b'{"main": {}}'), 65, "`dt`"),
        (raw(200, b"main"), 65, "must be JSON"),
        (raw(200, b" " * 1_100_000), 65, "more than"),
        (server_error(), 69, "not available within"),
        (too_many(), 69, "not available within"),
        (redirect("http://127.0.0.1:9/"), 69, "redirected"),
        (unauthorized(), 78, "API key"),
    ],
)
def test_a_run_in_which_all_failed_says_why(
    real: Lakewarden, api: WeatherApiSimulator, reply: Reply, code: int, said: str
) -> None:
    api.script_default([reply])
    fails(real("--run-once"), code, said)


def test_an_api_that_nobody_serves_is_unavailable(real: Lakewarden, api: WeatherApiSimulator) -> None:
    api.close()
    fails(real("--run-once"), 69, "not available within")


def test_a_429_after_the_check_leaves_the_rest_for_a_later_call(real: Lakewarden, api: WeatherApiSimulator) -> None:
    api.script("Portland", [ok(), too_many()])
    env = {"LAKEWARDEN_WEATHER__DEADLINE_S": "60"}
    fails(real("--run-once", env=env), 69, "too many calls")
    api.script("Portland", [ok(), ok(), too_many()])
    assert real("--run-once", "--now", env=env | {"LAKEWARDEN_SENSOR__TIMEOUT_S": "0.2"}).code == 69  # still paused


def test_a_part_that_failed_is_1_and_the_next_call_completes_it(real: Lakewarden, api: WeatherApiSimulator) -> None:
    api.script("Oslo", [server_error()])
    fails(real("--run-once", env=TWO), 1, "1 of 2 cities failed")
    calls = api.count("Portland")
    api.script("Oslo", [ok()])
    assert real("--run-once", env=TWO) == Ended(0, "", "")
    assert api.count("Portland") == calls


def test_a_lake_that_cannot_be_written_is_74(real: Lakewarden) -> None:
    place = real.folder / "a file"
    place.touch()
    fails(real("--run-once", env={"LAKEWARDEN_LAKE__URL": str(place)}), 74, str(place))


def test_work_that_another_process_holds_is_75(real: Lakewarden, api: WeatherApiSimulator) -> None:
    api.script_default([stall()])
    first = real.start("--run-once")
    wait_until(lambda: api.count() == 1)
    fails(real("--run-once"), 75, "another process")
    held = real("--run-once", "--json")
    assert (held.code, held.json["state"]) == (75, "running")
    api.release()
    assert first.wait(20) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--run-once", "--ci", "Oslo"],
        ["--run-once", "--at", "yesterday"],
        ["--run-once", "--at", "2026-13-01T00"],
        ["--run-once", "--at", "2026-01-01T00:00+99:00"],
        ["--run-once", "--at", "2026-01-01T05:30:00Z"],
        ["--run-once", "--at", "9999-12-31T23:00:00Z"],
        ["--run-once", "--at", "2026-01-01T00", "--now"],
        ["--run-once", "--city", " "],
        ["--run-once", "--city", "a\nb"],
        ["--run-once", "runs"],
        ["--force"],
        ["--json"],
        ["--city", "Oslo", "runs"],
        ["nonsense"],
    ],
)
def test_a_command_line_that_is_not_valid_is_64(lakewarden: Lakewarden, arguments: list[str]) -> None:
    fails(lakewarden(*arguments), 64, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[weather]\nciteis = []", "weather.citeis"),
        ("[wether]\n", "wether"),
        ("[weather]\ntimeout_s = 'ten'", "weather.timeout_s: expected a number of seconds"),
        ("[weather]\ntimeout_s = -1", "found -1"),
        ("[weather\n", "config.toml"),
        ("[lake]\nurl = 'ftp://x/'", "lake.url"),
    ],
)
def test_a_bad_configuration_is_78_and_names_file_key_expected_and_found(
    lakewarden: Lakewarden, text: str, said: str
) -> None:
    lakewarden("init")
    (lakewarden.home / "config.toml").write_text(text)
    ended = lakewarden("--run-once")
    fails(ended, 78, said)
    assert "config.toml: " in ended.err
    assert "expected" in ended.err
    assert "found" in ended.err


def test_a_bad_variable_is_78_and_names_it(lakewarden: Lakewarden) -> None:
    fails(lakewarden("--run-once", env={"LAKEWARDEN_WEATHER__CONCURRENCY": "0"}), 78, "LAKEWARDEN_WEATHER__CONCURRENCY")


def test_a_production_workspace_without_a_key_is_78_and_gets_no_practice_data(lakewarden: Lakewarden) -> None:
    lakewarden.make_production()
    fails(lakewarden("--run-once"), 78, "openweather_api_key")
    fails(lakewarden("--run-once", env={"LAKEWARDEN_WEATHER__SOURCE": "practice"}), 78, "practice")
    assert not list((lakewarden.home / "lake").rglob("*.json"))


def test_practice_data_does_not_leave_this_machine(lakewarden: Lakewarden) -> None:
    env = {"LAKEWARDEN_LAKE__URL": "s3://bucket", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    fails(lakewarden("--run-once", env=env), 78, "lake.url")


def test_without_a_terminal_the_console_declines_in_one_line(lakewarden: Lakewarden) -> None:
    fails(lakewarden(), 64, "--run-once")


# ---- which hour ------------------------------------------------------------


def test_a_past_hour_without_its_raw_file_is_missed_and_stays_so(
    real: Lakewarden, api: WeatherApiSimulator, this_hour: datetime
) -> None:
    past = this_hour - timedelta(hours=5)
    fails(real("--run-once", "--at", rfc3339(past)), 65, "no raw file")
    assert api.count() == 0
    shown = real("runs", "show", f"openweather-{ts_of(past)}", "--json").json
    assert (shown["state"], shown["trigger"]) == ("failed", "manual")
    assert shown["cities"][0]["error"]["kind"] == "missed_hour"
    assert not list((real.home / "lake").rglob("*.json"))


@pytest.mark.parametrize("spelled", ["{:%Y-%m-%dT%H:00:00Z}", "{:%Y%m%dT%H0000}", "{:%Y-%m-%dT%H}"])
def test_a_past_hour_is_completed_from_a_raw_file_put_there_by_hand(
    real: Lakewarden, api: WeatherApiSimulator, this_hour: datetime, spelled: str
) -> None:
    past = this_hour - timedelta(hours=30)
    real("init")
    (real.home / "staging" / f"portland_weather_raw_{ts_of(past)}.json").write_bytes(DOCUMENTED_FULL)
    ended = real("--run-once", "--json", "--at", spelled.format(past))
    assert (ended.code, ended.json["state"], ended.json["logical_time"]) == (0, "success", rfc3339(past))
    key = f"weather-data/portland_weather_{ts_of(past)}.json"
    assert ended.json["cities"][0]["object"] == key
    assert json.loads((real.home / "lake" / key).read_text()) == {
        "city": "Zocca",
        "timestamp": 1661870592,
        "temperature": 298.48,
        "humidity": 64,
        "weather": "moderate rain",
        "wind_speed": 0.62,
    }
    assert api.count() == 0


def test_an_hour_with_an_offset_is_the_same_hour_in_utc(real: Lakewarden, this_hour: datetime) -> None:
    local = this_hour.astimezone(dt.timezone(timedelta(hours=5, minutes=30)))
    assert real("--run-once", "--json", "--at", local.isoformat()).json["logical_time"] == rfc3339(this_hour)


def test_now_is_a_manual_run_of_its_own(real: Lakewarden, this_hour: datetime) -> None:
    real("--run-once")
    run = real("--run-once", "--now", "--json").json
    assert (run["trigger"], run["state"]) == ("manual", "success")
    assert run["ts"] >= ts_of(this_hour)
    assert len(real("runs", "--json").json) == 2


def test_force_repeats_transform_and_load_without_the_api(real: Lakewarden, api: WeatherApiSimulator) -> None:
    real("--run-once")
    calls = api.count()
    again = real("--run-once", "--force", "--json")
    assert (again.code, api.count()) == (0, calls)
    assert again.json["cities"][0]["attempts"] == {
        "extract_weather_data": 1, "transform_weather_data": 2, "load_weather_data": 2,
    }  # fmt: skip


def test_cities_on_the_command_line_replace_the_configured_ones(real: Lakewarden, api: WeatherApiSimulator) -> None:
    run = real("--run-once", "--json", "--city", "Oslo", "--city", " oslo ", "--city", "PORTLAND").json
    assert [city["city"] for city in run["cities"]] == ["Oslo", "Portland"]


# ---- endings ------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_run_at_once_and_the_next_call_completes_it(
    real: Lakewarden, api: WeatherApiSimulator, number: signal.Signals, code: int
) -> None:
    api.script("Oslo", [stall()])
    process = real.start("--run-once", env=TWO)
    wait_until(lambda: api.count("Oslo") == 1)
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    api.script("Oslo", [ok()])
    api.release()
    again = real("--run-once", "--json", env=TWO)
    assert (again.code, again.json["state"]) == (0, "success")


def mapped(pid: int, library: str) -> bool:
    """Whether the process has loaded the library (Linux)."""
    return library in Path(f"/proc/{pid}/maps").read_text()


def test_a_signal_during_the_start_shows_no_traceback(real: Lakewarden) -> None:
    for _ in range(3):
        process = real.start("--run-once")
        wait_until(partial(mapped, process.pid, "_sqlite3"))  # in the middle of its imports
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert b"Traceback" not in err
        assert process.returncode in (130, -signal.SIGINT)


def test_a_killed_run_is_completed_by_the_next_call(real: Lakewarden, api: WeatherApiSimulator) -> None:
    api.script("Oslo", [stall()])
    process = real.start("--run-once", env=TWO)
    wait_until(lambda: api.count("Oslo") == 1)
    process.kill()
    process.wait(5)
    api.script("Oslo", [ok()])
    assert real("--run-once", env=TWO).code == 0


# ---- streams ------------------------------------------------------------


COMMANDS = ["--run-once --json", "runs", "runs --json", "runs show latest", "doctor --json", "--version"]


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_end_no_command(lakewarden: Lakewarden, streams: str) -> None:
    lakewarden("--run-once")
    script = "; ".join(f"lakewarden {command} {streams} || exit $?" for command in COMMANDS)
    ended = lakewarden.shell(script)
    assert (ended.code, ended.err) == (0, "")
    assert ">&-" not in streams.replace("2>&-", "") or ended.out == ""


def test_with_stderr_closed_an_error_does_not_go_to_stdout(lakewarden: Lakewarden) -> None:
    assert lakewarden.shell("lakewarden --nonsense 2>&-") == Ended(64, "", "")


def test_a_reader_that_leaves_causes_no_traceback(lakewarden: Lakewarden) -> None:
    lakewarden("--run-once")
    script = "; ".join(f"lakewarden {command} | head -0" for command in COMMANDS)
    assert lakewarden.shell(script) == Ended(0, "", "")


def test_a_full_standard_output_is_74(lakewarden: Lakewarden) -> None:
    fails(lakewarden.shell("lakewarden --run-once --json >/dev/full"), 74, "")


@pytest.mark.parametrize("command", ["--run-once --json", "runs", "runs show latest"])
def test_a_locale_that_cannot_spell_a_city_ends_no_command(lakewarden: Lakewarden, command: str) -> None:
    env = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "LAKEWARDEN_WEATHER__CITIES": '["São Paulo"]'}
    lakewarden("--run-once", env=env)
    ended = lakewarden(*command.split(), env=env)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.isascii()
    if "--json" in command:
        assert ended.json["cities"][0]["city"] == "São Paulo"


def test_an_error_about_a_city_is_told_in_a_locale_that_cannot_spell_it(
    real: Lakewarden, api: WeatherApiSimulator
) -> None:
    api.script_default([not_found()])
    env = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "LAKEWARDEN_WEATHER__CITIES": '["São Paulo"]'}
    fails(real("--run-once", env=env), 65, "Paulo")


def test_no_colour_or_cursor_control_without_a_terminal(lakewarden: Lakewarden) -> None:
    ended = lakewarden("--run-once", "-v", env={"TERM": "xterm-256color", "FORCE_COLOR": "1"})
    assert "\x1b" not in ended.err + lakewarden("runs", env={"FORCE_COLOR": "1"}).out


# ---- the key ------------------------------------------------------------


def spilled(real: Lakewarden, *ended: Ended) -> list[str]:
    """Where the key can be read: files of the workspace and what the commands wrote."""
    found = [str(path) for path in real.home.rglob("*") if path.is_file() and API_KEY.encode() in path.read_bytes()]
    return found + [text for one in ended for text in (one.out, one.err) if API_KEY in text]


ECHO = json.dumps({"cod": 500, "message": f"appid={API_KEY} is broken {API_KEY}"}).encode()


@pytest.mark.parametrize(
    "reply",
    [
        ok(),
        raw(401, ECHO),
        raw(500, ECHO),
        raw(404, ECHO),
        raw(418, ECHO),
        redirect(f"http://127.0.0.1:9/?appid={API_KEY}"),
        raw(200, b"main " + ECHO),
        raw(429, ECHO, {"Retry-After": "1"}),
    ],
)
def test_the_key_is_in_no_file_and_no_output(real: Lakewarden, api: WeatherApiSimulator, reply: Reply) -> None:
    api.script_default([reply])
    env = {"LAKEWARDEN_LOGGING__LEVEL": "DEBUG"}
    outputs = [
        real("--run-once", "-v", "--json", env=env),
        real("runs", "show", "latest", env=env),
        real("runs", "show", "latest", "--json", env=env),
        real("doctor", "--json", env=env),
    ]
    assert api.requests[0].query["appid"] == API_KEY
    places = [place for place in spilled(real, *outputs) if "rejected" not in place]  # a body is kept byte for byte
    assert places == []
    assert (real.home / "logs" / "lakewarden.log").stat().st_size


def test_the_key_is_not_told_when_the_certificate_is_bad(real: Lakewarden, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere")])
    now = datetime.now(dt.UTC)
    certificate = x509.CertificateBuilder(
        issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1,
        not_valid_before=now - timedelta(days=1), not_valid_after=now + timedelta(days=1),
    ).sign(key, hashes.SHA256())  # fmt: skip
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "self-signed.pem").write_bytes(plain + certificate.public_bytes(pem))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "self-signed.pem")
    with WeatherApiSimulator(tls=tls) as secure:
        ended = real(
            "--run-once", "-v",
            env={"LAKEWARDEN_WEATHER__BASE_URL": secure.base_url, "LAKEWARDEN_LOGGING__LEVEL": "DEBUG"},
        )  # fmt: skip
        assert secure.count() == 0
    assert ended.code == 69
    assert "certificate" in ended.err
    assert spilled(real, ended) == []


@pytest.mark.parametrize(
    "url", [f"http://{API_KEY}@127.0.0.1:9", f"http://127.0.0.1:9/?appid={API_KEY}", "http://127.0.0.1:9/nothing"]
)
def test_the_key_is_not_told_when_the_address_is_wrong(real: Lakewarden, url: str) -> None:
    ended = real("--run-once", "-v", env={"LAKEWARDEN_WEATHER__BASE_URL": url})
    assert ended.code in (69, 78)
    assert spilled(real, ended) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["secrets", "set", "openweather_api_key", API_KEY],
        ["--run-once", "--api-key", API_KEY],
        ["--run-once", f"--api-key={API_KEY}"],
        ["--api-key", API_KEY],
        [API_KEY],
    ],
)
def test_a_key_on_the_command_line_is_refused_and_not_repeated(lakewarden: Lakewarden, arguments: list[str]) -> None:
    ended = lakewarden(*arguments)
    fails(ended, 64, "")
    assert API_KEY not in ended.err


def test_a_sealed_key_is_used_and_not_readable(
    lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime
) -> None:
    lakewarden.use(api)
    del lakewarden.environ["OPENWEATHER_API_KEY"]
    lakewarden.sign_in("operator")
    put = lakewarden("secrets", "set", "openweather_api_key", stdin=API_KEY.encode() + b"\n")
    assert (put.code, put.out) == (0, "")
    run = lakewarden("--run-once", "--json")
    assert run.json["source"] == "openweather"
    assert {request.query["appid"] for request in api.requests} == {API_KEY}
    assert spilled(lakewarden, put, run) == []


def test_the_environment_of_the_test_has_no_key_of_its_own(lakewarden: Lakewarden) -> None:
    assert not {name for name in lakewarden.environ if name.startswith("AWS_") and "METADATA" not in name}
    assert "OPENWEATHER_API_KEY" not in lakewarden.environ
    assert os.environ.get("LAKEWARDEN_HOME") != str(lakewarden.home)
