"""Logging and redaction: no sink ever sees a secret, no input forges a line, no process loses one."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cli.log_file import SharedLogFile
from console.cli.logs import set_up_logging, shut_down_logging, wants_colour
from console.redaction import Redactor, redact, register

SECRET = "s3cr3t/värd +&\"'\\x"
KEY = "0123456789abcdef0123456789abcdef"

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \d+ [A-Z]+ \S+ .*")

WRITE_LINES = """
import logging, sys
from pathlib import Path
from console.cli.log_file import SharedLogFile
from console.cli.logs import FileLines
sink = SharedLogFile(Path(sys.argv[1]), largest=20_000, kept=200)
sink.setFormatter(FileLines())
log = logging.getLogger("writer")
log.addHandler(sink)
log.setLevel("INFO")
sys.stdin.readline()
for number in range(1500):
    log.info("%s:%d %s", sys.argv[2], number, "x" * (number % 90))
"""

QUIET = """
import logging
from console.cli.logs import set_up_logging
set_up_logging(level="INFO", log_file=None, to_stderr=True, verbose=False)
logging.getLogger("any").error("something")
"""


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    yield
    shut_down_logging()


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "lakewarden.log"


def set_up(log_file: Path | None, *, level: str = "INFO", to_stderr: bool = False, verbose: bool = False) -> None:
    set_up_logging(level=level, log_file=log_file, to_stderr=to_stderr, verbose=verbose)


class TestRedaction:
    @pytest.mark.parametrize(
        "written",
        [
            SECRET,
            quote(SECRET),
            quote(SECRET, safe=""),
            quote_plus(SECRET),
            quote(SECRET, safe="").lower(),
            quote(quote(SECRET, safe=""), safe=""),
            quote(SECRET, safe="+&/"),
            json.dumps(SECRET),
            json.dumps(SECRET, ensure_ascii=False),
            json.dumps(SECRET).replace("/", "\\/"),
            repr(SECRET),
            ascii(SECRET),
            repr(SECRET.encode()),
            str(httpx.URL("http://host/", params={"q": SECRET})),
            str({"key": [SECRET]}),
        ],
    )
    def test_every_usual_way_of_writing_a_secret_is_found(self, written: str) -> None:
        redactor = Redactor()
        redactor.register(SECRET)
        found = redactor.redact(f"before {written} after")
        assert "***" in found
        assert "s3cr3t" not in found
        assert found.startswith("before ")
        assert found.endswith(" after")

    @given(st.text(min_size=4, max_size=30), st.text(max_size=30), st.text(max_size=30))
    def test_a_registered_secret_never_remains(self, secret: str, before: str, after: str) -> None:
        secret = secret.replace("*", "-")  # the mark itself is made of asterisks
        redactor = Redactor()
        redactor.register(secret)
        for written in (secret, repr(secret), json.dumps(secret), quote(secret, errors="surrogatepass")):
            assert secret not in redactor.redact(f"{before}{written}{after}")

    @given(st.text(max_size=80))
    def test_without_secrets_a_text_stays_as_it_is(self, text: str) -> None:
        if "appid" not in text.lower():
            assert Redactor().redact(text) == text

    def test_the_longer_of_two_secrets_wins(self) -> None:
        redactor = Redactor()
        redactor.register("abcd")
        redactor.register("abcdefgh")
        assert redactor.redact("abcdefgh abcd") == "*** ***"

    def test_short_texts_are_no_secrets(self) -> None:
        redactor = Redactor()
        redactor.register("abc")
        redactor.register("")
        assert redactor.redact("abc") == "abc"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (f"GET /data/2.5/weather?q=Oslo&appid={KEY}&units=metric", "weather?q=Oslo&appid=***&units=metric"),
            (f"http://host/?APPID={KEY} failed", "?APPID=*** failed"),
            (f"url=http%3A%2F%2Fhost%2F%3Fappid%3D{KEY}", "appid%3D***"),
            (f"params={{'appid': '{KEY}', 'q': 'Oslo'}}", "{'appid': '***', 'q': 'Oslo'}"),
            (f'{{"appid": "{KEY}"}}', '{"appid": "***"}'),
            (f"[(b'appid', b'{KEY}')]", "(b'appid', b'***')"),
            (f"X-Amz-Security-Token: {KEY}/+==\nhost", "X-Amz-Security-Token: ***\nhost"),
        ],
    )
    def test_keys_that_nobody_registered_are_known_by_their_name(self, text: str, expected: str) -> None:
        found = Redactor().redact(text)
        assert KEY not in found
        assert expected in found
        assert Redactor().redact(found) == found

    def test_a_long_run_of_backslashes_costs_no_time(self) -> None:
        redactor = Redactor()
        redactor.register("\\" * 40 + "x")
        started = time.monotonic()
        redactor.redact("\\" * 5_000)
        assert time.monotonic() - started < 5


class _Weather(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name the base class gives
        pass


@pytest.fixture
def base_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Weather) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class TestEverySink:
    def test_a_handler_attached_later_gets_no_secret(self, log_file: Path) -> None:
        set_up(log_file)
        register(SECRET)
        stream = StringIO()
        log = logging.getLogger("foreign")
        handler = logging.StreamHandler(stream)
        log.addHandler(handler)
        try:
            log.warning("args %s %r", SECRET, {"key": SECRET})
            log.warning("mapping %(key)s", {"key": SECRET})
            try:
                raise ValueError(SECRET)
            except ValueError:
                log.exception("failed")
            log.warning("stack", stack_info=True)
        finally:
            log.removeHandler(handler)
        for text in (stream.getvalue(), log_file.read_text()):
            assert text.count("***") >= 4
            assert "ValueError" in text
            assert "s3cr3t" not in text

    def test_a_record_carries_nothing_that_could_be_rendered_again(self, log_file: Path) -> None:
        set_up(log_file)
        register(SECRET)
        records: list[logging.LogRecord] = []
        log = logging.getLogger("foreign.records")

        def keep(record: logging.LogRecord) -> bool:
            records.append(record)
            return True

        log.addFilter(keep)
        try:
            raise ValueError(SECRET)
        except ValueError:
            log.exception("failed with %s", SECRET)
        assert records[0].args is None
        assert records[0].exc_info is None
        assert "s3cr3t" not in str(vars(records[0]))

    def test_http_clients_at_debug_show_no_key(self, log_file: Path, base_url: str) -> None:
        set_up(log_file, level="DEBUG")
        with httpx.Client() as client:
            client.get(f"{base_url}/data/2.5/weather", params={"q": "Oslo", "appid": KEY})
        text = log_file.read_text()
        assert "httpx" in text
        assert "httpcore" in text
        assert "appid=***" in text
        assert KEY not in text

    def test_http_clients_are_quiet_below_debug(self, log_file: Path, base_url: str) -> None:
        set_up(log_file)
        with httpx.Client() as client:
            client.get(base_url)
        logging.getLogger("etl").info("done")
        assert [line.split(" ", 3)[3] for line in log_file.read_text().splitlines()] == ["etl done"]

    def test_arguments_that_cannot_be_shown_break_nothing(self, log_file: Path) -> None:
        class Sullen:
            def __str__(self) -> str:
                raise RuntimeError

        set_up(log_file)
        log = logging.getLogger("any")
        log.info("number %d", "x")
        log.info("too many", 1, 2)  # noqa: PLE1205 - the mistake is the test
        log.info("%s", Sullen())
        log.info(Sullen())
        assert len(log_file.read_text().splitlines()) == 4


class TestLogFile:
    def test_a_record_is_one_line_with_utc_time_and_process(self, log_file: Path) -> None:
        set_up(log_file)
        before = time.time()
        logging.getLogger("etl.runner").info("run of %s done", "Oslo")
        line = log_file.read_text()
        assert line.endswith(f" {os.getpid()} INFO etl.runner run of Oslo done\n")
        assert LINE.fullmatch(line.rstrip("\n"))
        assert line[:16] in {time.strftime("%Y-%m-%dT%H:%M", time.gmtime(t)) for t in (before, time.time())}
        assert log_file.stat().st_mode & 0o777 == 0o600
        assert log_file.parent.stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize(
        "hostile",
        ["\n2026-11-23T21:00:00.000Z 1 INFO etl.runner forged", "\r\n", "\x1b[2J", "\x85", "\u2028", "\u202e", "\0"],
    )
    def test_no_input_forges_a_line(self, log_file: Path, hostile: str) -> None:
        set_up(log_file)
        logging.getLogger("any").info("city %s", hostile)
        try:
            raise ValueError(hostile)
        except ValueError:
            logging.getLogger("any").exception("failed")
        lines = log_file.read_bytes().decode().removesuffix("\n").split("\n")
        assert len(lines) == 2
        assert all(line.isprintable() for line in lines)

    def test_any_text_can_be_written(self, log_file: Path) -> None:
        set_up(log_file)
        logging.getLogger("any").info("lone %s, kept São Paulo", "\ud800")
        assert log_file.read_text().endswith("lone \\ud800, kept São Paulo\n")

    def test_the_file_is_opened_with_the_first_record(self, log_file: Path) -> None:
        set_up(log_file)
        assert not log_file.parent.exists()
        logging.getLogger("any").debug("below the level")
        assert not log_file.parent.exists()

    def test_a_second_set_up_replaces_the_first(self, log_file: Path, tmp_path: Path) -> None:
        set_up(tmp_path / "first.log")
        set_up(log_file)
        set_up(log_file)
        logging.getLogger("any").info("once")
        assert len(log_file.read_text().splitlines()) == 1
        assert not (tmp_path / "first.log").exists()

    def test_an_exposed_file_is_made_private(self, log_file: Path) -> None:
        log_file.parent.mkdir()
        log_file.touch(mode=0o644)
        set_up(log_file)
        logging.getLogger("any").info("line")
        assert log_file.stat().st_mode & 0o777 == 0o600

    def test_a_file_moved_away_is_made_again(self, log_file: Path) -> None:
        set_up(log_file)
        logging.getLogger("any").info("first")
        log_file.rename(log_file.with_suffix(".old"))
        logging.getLogger("any").info("second")
        assert log_file.read_text().endswith("second\n")

    def test_only_the_newest_files_are_kept(self, log_file: Path) -> None:
        sink = SharedLogFile(log_file, largest=100, kept=2)
        for number in range(50):
            sink.handle(logging.LogRecord("any", logging.INFO, "", 0, f"line {number:02d} {'x' * 40}", None, None))
        sink.handle(logging.LogRecord("any", logging.INFO, "", 0, "y" * 500, None, None))
        sink.close()
        files = sorted(path.name for path in log_file.parent.iterdir() if not path.name.endswith(".lock"))
        assert files == ["lakewarden.log", "lakewarden.log.1", "lakewarden.log.2"]
        assert log_file.read_text() == "y" * 500 + "\n"
        assert "line 49" in (log_file.parent / "lakewarden.log.1").read_text()

    def test_processes_that_write_and_rotate_at_once_lose_no_line(self, log_file: Path) -> None:
        started = [
            subprocess.Popen([sys.executable, "-c", WRITE_LINES, str(log_file), name], stdin=subprocess.PIPE, text=True)
            for name in "abcd"
        ]
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.close()
        assert [process.wait(timeout=100) for process in started] == [0, 0, 0, 0]
        files = [path for path in log_file.parent.iterdir() if path.suffix != ".lock"]
        lines = [line for path in files for line in path.read_text().splitlines()]
        assert len(files) > 10
        assert all(LINE.fullmatch(line) for line in lines)
        seen = sorted(line.split(" ")[4] for line in lines)
        assert seen == sorted(f"{name}:{number}" for name in "abcd" for number in range(1500))

    def test_a_disk_that_refuses_is_told_once_and_breaks_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "logs\x1b]0;title\x07"
        folder.write_text("a file in place of the folder")
        set_up(folder / "lakewarden.log")
        for _ in range(3):
            logging.getLogger("any").error("something")
        told = capsys.readouterr().err
        assert told.count("expected a log file that can be written") == 1
        assert "\x1b" not in told

    def test_a_full_disk_is_told_once_and_breaks_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        sink = SharedLogFile(Path("/dev/full"))
        full = os.open("/dev/full", os.O_WRONLY)
        sink._current = lambda: full  # type: ignore[method-assign]
        for _ in range(3):
            sink.handle(logging.LogRecord("any", logging.ERROR, "", 0, "something", None, None))
        os.close(full)
        assert capsys.readouterr().err.count("No space left on device") == 1


class TestStderr:
    def test_only_a_talkative_command_writes_to_it(self, log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for to_stderr, verbose in ((False, False), (True, False), (False, True)):
            set_up(log_file, to_stderr=to_stderr, verbose=verbose)
            logging.getLogger("any").error("something")
        assert capsys.readouterr().err == ""

    def test_lines_are_short_and_show_progress(self, log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        set_up(log_file, level="ERROR", to_stderr=True, verbose=True)
        logging.getLogger("etl").info("Oslo loaded\x1b[2J")
        err = capsys.readouterr().err
        assert re.fullmatch(r"\d\d:\d\d:\d\dZ INFO Oslo loaded\\x1b\[2J\n", err)
        assert not log_file.exists()

    def test_a_traceback_is_indented(self, capsys: pytest.CaptureFixture[str]) -> None:
        set_up(None, to_stderr=True, verbose=True)
        try:
            raise ValueError("reason\nforged")
        except ValueError:
            logging.getLogger("any").exception("failed")
        first, *rest = capsys.readouterr().err.splitlines()
        assert first.endswith(" ERROR failed")
        assert "    ValueError: reason" in rest
        assert all(line.startswith("    ") for line in rest)

    def test_levels_are_coloured_only_on_request(self, capsys: pytest.CaptureFixture[str]) -> None:
        set_up_logging(level="INFO", log_file=None, to_stderr=True, verbose=True, colour=True)
        logging.getLogger("any").warning("careful")
        assert " \x1b[33mWARNING\x1b[0m careful\n" in capsys.readouterr().err

    def test_colour_needs_a_terminal_that_wants_it(self) -> None:
        controller, terminal = os.openpty()
        with os.fdopen(terminal, "w") as stream:
            assert wants_colour(stream, {})
            assert wants_colour(stream, {"NO_COLOR": "", "TERM": "xterm"})
            assert not wants_colour(stream, {"NO_COLOR": "1"})
            assert not wants_colour(stream, {"TERM": "dumb"})
        os.close(controller)
        assert not wants_colour(StringIO(), {})

    def test_a_closed_stderr_breaks_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        set_up(None, to_stderr=True, verbose=True)
        closed = StringIO()
        closed.close()
        for stderr in (closed, None):
            monkeypatch.setattr(sys, "stderr", stderr)
            logging.getLogger("any").error("something")

    def test_without_any_sink_nothing_is_printed(self) -> None:
        done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_registry_is_one_for_the_whole_process() -> None:
    register("a-secret-of-this-test")
    assert redact("it is a-secret-of-this-test.") == "it is ***."
