"""Settings: every default, every override, and every mistake reported with its place, and without a secret."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from console.actions.seat import InMemory
from console.config_file import (
    Written,
    config_text,
    create_workspace,
    edit_cities,
    mode_of_accounts,
    open_or_create_workspace,
)
from console.settings import ConfigError, Mode, Settings, WorkspaceError, home_of, load_settings
from console.wiring.security import Security

CONTRACT = """
[workspace]
mode = "production"
[weather]
source = "auto"
base_url = "https://api.openweathermap.org"
cities = ["Portland"]
units = "standard"
timeout_s = 10
concurrency = 16
calls_per_minute = 60
pause_after_429_s = 600
deadline_s = 1800
staging_dir = ""
[sensor]
poke_interval_s = 10
timeout_s = 60
[retry]
retries = 1
delay_s = 120
[schedule]
enabled = true
[lake]
url = ""
endpoint_url = ""
sse = ""
kms_key_id = ""
[logging]
level = "INFO"
[access]
allow_guest = false
idle_timeout_s = 900
trust_ssh_connection = false
[networks]
[smtp]
"""

CREATE = """
import sys
from pathlib import Path
from console.config_file import create_workspace
sys.stdin.readline()
print(create_workspace(Path(sys.argv[1]), production=sys.argv[2] == "production").name)
"""

ADD_CITIES = """
import sys
from pathlib import Path
from console.config_file import edit_cities
from console.settings import load_settings
for number in range(10):
    edit_cities(load_settings({}, Path(sys.argv[1])), add=[f"{sys.argv[2]} {number}"])
"""

SECRET = "5up3r-s3cret-value"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


def configured(home: Path, text: str | bytes, **environ: str) -> Settings:
    """The settings of a workspace whose config.toml holds `text`."""
    body = text if isinstance(text, bytes) else text.encode()
    (home / "config.toml").write_bytes(body)
    return load_settings(environ, home)


def refusal(home: Path, text: str | bytes = "", **environ: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        configured(home, text, **environ)
    return caught.value


def outcome(environ: dict[str, str], home: Path) -> Settings | ConfigError:
    try:
        return load_settings(environ, home)
    except ConfigError as error:
        return error


class TestDefaults:
    def test_the_block_of_the_contract_is_exactly_the_defaults(self, home: Path) -> None:
        production = load_settings({}, _production(home.parent / "other"))
        assert dataclasses.replace(production, home=home) == configured(home, CONTRACT)

    def test_without_a_file_it_is_a_practice_workspace(self, home: Path) -> None:
        found = load_settings({}, home)
        assert found.practice
        assert found.access.allow_guest
        assert found.networks[0] == (ipaddress.ip_network("127.0.0.0/8"), "this host")
        assert [network.is_private for network, _ in found.networks] == [True, True, True]

    def test_production_has_no_guest_and_knows_no_place(self, home: Path) -> None:
        found = configured(home, '[workspace]\nmode = "production"\n')
        assert not found.practice
        assert not found.access.allow_guest
        assert found.networks == ()

    @pytest.mark.parametrize("mode", list(Mode))
    def test_the_written_file_shows_what_holds_without_it(self, home: Path, mode: Mode) -> None:
        as_written = configured(home, config_text(mode))
        text = re.sub(r'(?m)^# (?=[a-z_0-9]+ = |")', "", config_text(mode))
        all_set = configured(home, text)
        assert text != config_text(mode)
        if mode is Mode.PRODUCTION:  # the networks are examples there
            all_set = dataclasses.replace(all_set, networks=())
        assert all_set == as_written

    def test_the_paths_lie_in_the_workspace(self, home: Path) -> None:
        found = load_settings({}, home)
        assert found.staging_dir == home / "staging"
        assert found.lake_url == str(home / "lake")
        paths = (found.etl_db, found.keys_dir, found.logs_dir, found.exports_dir, found.locks_dir)
        assert [path.name for path in paths] == ["etl.db", "keys", "logs", "exports", "locks"]
        assert all(path.parent == home for path in paths)

    def test_folders_may_be_relative_to_the_workspace_or_the_account(self, home: Path) -> None:
        text = '[weather]\nstaging_dir = "~/st"\n[lake]\nurl = "own/lake"\n'
        found = configured(home, text, HOME="/account")
        assert found.staging_dir == Path("/account/st")
        assert found.lake_url == str(home / "own/lake")

    def test_an_s3_lake_is_kept_as_written(self, home: Path) -> None:
        assert configured(home, '[lake]\nurl = "s3://bucket/some/prefix"\n').lake_url == "s3://bucket/some/prefix"

    def test_the_workspace_is_the_one_the_environment_names(self) -> None:
        assert home_of({"HOME": "/account"}) == Path("/account/.lakewarden")
        assert home_of({"HOME": "/account", "LAKEWARDEN_HOME": ""}) == Path("/account/.lakewarden")
        assert home_of({"HOME": "/account", "LAKEWARDEN_HOME": "~/w"}) == Path("/account/w")
        assert home_of({"LAKEWARDEN_HOME": "w"}) == Path.cwd() / "w"
        assert home_of({}).is_absolute()

    def test_the_api_key_comes_from_the_environment_and_is_never_shown(self, home: Path) -> None:
        found = load_settings({"OPENWEATHER_API_KEY": f" {SECRET}\n"}, home)
        assert found.openweather_api_key == SECRET
        assert SECRET not in repr(found)
        assert load_settings({"OPENWEATHER_API_KEY": ""}, home).openweather_api_key is None

    def test_importing_the_settings_loads_nothing_heavy(self) -> None:
        code = "import sys, console.settings, console.config_file; print(*sys.modules)"
        modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
        assert not {"tomlkit", "httpx", "boto3", "textual", "cryptography", "logging"} & set(modules)


class TestEnvironment:
    @pytest.mark.parametrize(
        ("variable", "text", "section", "field", "value"),
        [
            ("WEATHER__CITIES", '["Oslo", "São Paulo"]', "weather", "cities", ("Oslo", "São Paulo")),
            ("WEATHER__TIMEOUT_S", "2.5", "weather", "timeout_s", 2.5),
            ("WEATHER__CONCURRENCY", "4", "weather", "concurrency", 4),
            ("WEATHER__UNITS", "metric", "weather", "units", "metric"),
            ("SCHEDULE__ENABLED", "false", "schedule", "enabled", False),
            ("ACCESS__ALLOW_GUEST", "false", "access", "allow_guest", False),
            ("LAKE__SSE", "AES256", "lake", "sse", "AES256"),
            ("LAKE__URL", "s3://bucket", "lake", "url", "s3://bucket"),
            ("LOGGING__LEVEL", "DEBUG", "logging", "level", "DEBUG"),
            ("SMTP__FROM", "ops@example.org", "smtp", "sender", "ops@example.org"),
        ],
    )
    def test_a_variable_overrides_the_file(
        self, home: Path, variable: str, text: str, section: str, field: str, value: object
    ) -> None:
        name = f"LAKEWARDEN_{variable}"
        found = configured(home, "[weather]\ntimeout_s = 7\nconcurrency = 9\n", **{name: text})
        assert getattr(getattr(found, section), field) == value
        assert found.overridden == {name}

    def test_networks_are_one_json_object_or_one_variable_each(self, home: Path) -> None:
        text = '[networks]\n"10.1.0.0/16" = "ward 3"\n'
        one = configured(home, text, **{"LAKEWARDEN_NETWORKS__10.2.0.0/16": "ward 4"})
        assert [site for _, site in one.networks] == ["ward 3", "ward 4"]
        whole = configured(home, text, LAKEWARDEN_NETWORKS='{"2001:db8::/32": "lab"}')
        assert whole.networks == ((ipaddress.ip_network("2001:db8::/32"), "lab"),)

    @pytest.mark.parametrize(
        "variable",
        ["WEATHER__CITTIES", "WETHER__CITIES", "WEATHER__", "__CITIES", "weather__cities", "WEATHER___CITIES"],
    )
    def test_an_unknown_variable_is_refused(self, home: Path, variable: str) -> None:
        error = refusal(home, **{f"LAKEWARDEN_{variable}": '["Oslo"]'})
        assert error.where == f"LAKEWARDEN_{variable}"

    def test_variables_of_others_and_with_one_underscore_are_left_alone(self, home: Path) -> None:
        environ = {"LAKEWARDEN_SESSION": "x", "LAKEWARDEN_VECTORS": "x", "WEATHER__CITIES": "x"}
        assert load_settings(environ, home) == load_settings({}, home)

    def test_the_mode_cannot_be_overridden(self, home: Path) -> None:
        error = refusal(home, LAKEWARDEN_WORKSPACE__MODE="practice")
        assert (error.where, error.key) == ("LAKEWARDEN_WORKSPACE__MODE", "workspace.mode")
        assert "for safety" in error.expected

    @pytest.mark.parametrize(
        ("variable", "text"),
        [
            ("WEATHER__CITIES", "Portland"),
            ("WEATHER__CITIES", "[" * 100_000),
            ("WEATHER__CITIES", "[]"),
            ("WEATHER__CITIES", '["\\ud800"]'),
            ("WEATHER__TIMEOUT_S", "nan"),
            ("WEATHER__TIMEOUT_S", ""),
            ("WEATHER__CONCURRENCY", "9" * 5000),
            ("WEATHER__CONCURRENCY", "1.5"),
            ("SCHEDULE__ENABLED", "1"),
            ("SCHEDULE__ENABLED", "yes"),
            ("NETWORKS", "[]"),
            ("NETWORKS", '{"10.0.0.0/8": 1}'),
            ("NETWORKS__10.0.0.0/8", " "),
            ("WEATHER__STAGING_DIR", "a\udc80b"),
        ],
    )
    def test_a_text_that_does_not_fit_is_refused(self, home: Path, variable: str, text: str) -> None:
        error = refusal(home, **{f"LAKEWARDEN_{variable}": text})
        assert error.where == f"LAKEWARDEN_{variable}"
        assert len(str(error)) < 500

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.dictionaries(
            st.one_of(
                st.text(max_size=20).map(lambda text: f"LAKEWARDEN_{text}"),
                st.sampled_from(
                    [
                        "LAKEWARDEN_WEATHER__CITIES",
                        "LAKEWARDEN_WEATHER__BASE_URL",
                        "LAKEWARDEN_WEATHER__TIMEOUT_S",
                        "LAKEWARDEN_WEATHER__CONCURRENCY",
                        "LAKEWARDEN_SCHEDULE__ENABLED",
                        "LAKEWARDEN_LAKE__URL",
                        "LAKEWARDEN_NETWORKS",
                        "LAKEWARDEN_NETWORKS__::1",
                        "LAKEWARDEN_SMTP__FROM",
                        "OPENWEATHER_API_KEY",
                    ]
                ),
            ),
            st.one_of(
                st.text(max_size=30),
                st.integers().map(str),
                st.floats().map(str),
                st.text(max_size=20).map(lambda text: f"http://{text}"),
                st.text(max_size=20).map(lambda text: f"s3://{text}"),
                st.lists(st.text(max_size=5), max_size=3).map(str),
            ),
            max_size=4,
        )
    )
    @example({"LAKEWARDEN_WEATHER__BASE_URL": "http://[::"})
    @example({"LAKEWARDEN_WEATHER__BASE_URL": "http://host:99999"})
    @example({"LAKEWARDEN_NETWORKS__": ""})
    def test_no_environment_gives_anything_but_settings_or_a_config_error(
        self, home: Path, environ: dict[str, str]
    ) -> None:
        environ.pop("LAKEWARDEN_HOME", None)
        found = outcome(environ, home)
        if isinstance(found, ConfigError):
            assert len(str(found).splitlines()) == len(found.problems) >= 1
        else:
            assert found.home == home
            assert found.weather.cities
            assert 0 < found.weather.timeout_s <= 86_400


class TestMistakes:
    @pytest.mark.parametrize(
        ("section", "line", "found"),
        [
            ("workspace", 'mode = "test"', "the text 'test'"),
            ("weather", 'source = "weather.com"', "the text 'weather.com'"),
            ("weather", "source = 1", "1"),
            ("weather", 'timeout_s = "10"', "the text '10'"),
            ("weather", "timeout_s = 0", "0"),
            ("weather", "timeout_s = -1.5", "-1.5"),
            ("weather", "timeout_s = inf", "inf"),
            ("weather", "timeout_s = nan", "nan"),
            ("weather", "timeout_s = true", "true"),
            ("weather", "timeout_s = 2026-11-23", "a date"),
            ("weather", "concurrency = 0", "0"),
            ("weather", "concurrency = 257", "257"),
            ("weather", "concurrency = 1.0", "1.0"),
            ("weather", "concurrency = true", "true"),
            ("weather", "calls_per_minute = -1", "-1"),
            ("weather", 'cities = "Portland"', "the text 'Portland'"),
            ("weather", "cities = []", "a list of 0"),
            ("weather", 'cities = ["Oslo", 3]', "a list that holds 3"),
            ("weather", 'cities = ["Oslo", " "]', "a list that holds the text ' '"),
            ("weather", 'cities = ["a\\u0000b"]', "a list that holds the text 'a\\x00b'"),
            ("weather", 'base_url = "ftp://host"', "the text 'ftp://host'"),
            ("weather", 'base_url = "https://"', "the text 'https://'"),
            ("weather", 'base_url = "host"', "the text 'host'"),
            ("weather", 'base_url = ""', "an empty text"),
            ("sensor", "poke_interval_s = 0", "0"),
            ("retry", "retries = 11", "11"),
            ("retry", "retries = -1", "-1"),
            ("schedule", "enabled = 1", "1"),
            ("schedule", 'enabled = "true"', "the text 'true'"),
            ("lake", 'url = "gs://bucket"', "the text 'gs://bucket'"),
            ("lake", 'url = "s3://"', "the text 's3://'"),
            ("lake", 'url = "s3:/bucket"', "the text 's3:/bucket'"),
            ("lake", 'url = "s3://Bad_Bucket"', "the text 's3://Bad_Bucket'"),
            ("lake", 'url = "s3://lake/../x"', "the text 's3://lake/../x'"),
            ("lake", 'url = "s3://lake//x"', "the text 's3://lake//x'"),
            ("lake", 'url = "s3://127.0.0.1/x"', "the text 's3://127.0.0.1/x'"),
            ("lake", 'sse = "aes"', "the text 'aes'"),
            ("logging", 'level = "info"', "the text 'info'"),
            ("smtp", "port = 65536", "65536"),
            ("smtp", 'from = "nobody"', "the text 'nobody'"),
        ],
    )
    def test_a_value_that_does_not_fit_is_named_in_full(self, home: Path, section: str, line: str, found: str) -> None:
        error = refusal(home, f"[{section}]\n{line}\n")
        assert len(error.problems) == 1
        assert error.where == str(home / "config.toml")
        assert error.key == f"{section}.{line.split()[0]}"
        assert error.found == found
        for part in (error.where, error.key, error.expected, error.found):
            assert part in str(error)

    def test_unknown_keys_and_sections_are_refused(self, home: Path) -> None:
        error = refusal(home, "[weather]\ncitties = []\n[wether]\n")
        assert [problem.key for problem in error.problems] == ["weather.citties", "wether"]
        assert "cities" in error.problems[0].expected
        assert "weather" in error.problems[1].expected

    def test_a_key_with_control_characters_forges_no_line(self, home: Path) -> None:
        error = refusal(home, '[weather]\n"x\\n\\u001b[2J" = 1\n')
        assert len(str(error).splitlines()) == 1
        assert str(error).isprintable()

    def test_a_section_must_be_a_table(self, home: Path) -> None:
        assert refusal(home, "weather = 3\n").expected == "a section [weather]"

    def test_every_problem_is_reported_on_its_line(self, home: Path) -> None:
        error = refusal(home, "[weather]\ntimeout_s = 0\nconcurrency = 0\n[x]\n", LAKEWARDEN_RETRY__RETRIES="many")
        assert len(str(error).splitlines()) == len(error.problems) == 4

    def test_a_network_with_bits_beyond_its_prefix_names_the_right_one(self, home: Path) -> None:
        error = refusal(home, '[networks]\n"10.1.2.3/8" = "ward 3"\n')
        assert "10.0.0.0/8" in error.expected
        assert "10.1.2.3/8" in error.found

    @pytest.mark.parametrize("cidr", ["ward 3", "10.0.0.0/33", "10.0.0", ""])
    def test_what_is_no_network_is_refused(self, home: Path, cidr: str) -> None:
        assert "a network such as" in refusal(home, f'[networks]\n"{cidr}" = "x"\n').expected

    def test_a_kms_key_needs_kms(self, home: Path) -> None:
        error = refusal(home, '[lake]\nkms_key_id = "alias/a"\nsse = "AES256"\n')
        assert error.key == "lake.kms_key_id"
        assert configured(home, '[lake]\nkms_key_id = "alias/a"\nsse = "aws:kms"\n').lake.kms_key_id == "alias/a"

    @pytest.mark.parametrize("sender", ["", 'from = ""\n'])
    def test_a_mail_server_needs_an_address_to_send_from(self, home: Path, sender: str) -> None:
        error = refusal(home, f'[smtp]\nhost = "mail.example.org"\n{sender}')
        assert (error.where, error.key, error.found) == (str(home / "config.toml"), "smtp.from", "nothing")
        assert error.expected == "an e-mail address alone, such as ops@example.org, where smtp.host is set"
        assert configured(home, '[smtp]\nhost = "a"\nfrom = "ops@example.org"\n').smtp.sender == "ops@example.org"

    def test_a_host_of_the_environment_without_an_address_names_the_variable(self, home: Path) -> None:
        with pytest.raises(ConfigError, match=r"LAKEWARDEN_SMTP__HOST: smtp\.from: expected"):
            configured(home, "", LAKEWARDEN_SMTP__HOST="mail.example.org")

    @pytest.mark.parametrize(
        "address",
        ["a", "a@", "@b", "a@b@c", "Ops <a@b.c>", "<a@b>", "a,b@c", "a:b;@c", "a@b;", "a..b@c", "a@.b", "a@b.", '"a@b'],
    )
    def test_what_mail_cannot_come_from_is_refused_once(self, home: Path, address: str) -> None:
        error = refusal(home, f"[smtp]\nhost = 'mail.example.org'\nfrom = '{address}'\n")
        assert [problem.key for problem in error.problems] == ["smtp.from"]
        assert address in error.found

    @pytest.mark.parametrize("address", ["ops@example.org", "root@localhost", "a.b+c@d-e.example", "o'x@exämple.org"])
    def test_mail_comes_from_an_address(self, home: Path, address: str) -> None:
        message = EmailMessage(policy=SMTP)
        message["From"] = configured(home, f'[smtp]\nfrom = "{address}"\n').smtp.sender
        assert getaddresses([message["From"]]) == [("", address)]

    @pytest.mark.parametrize(
        ("section", "line", "remedy"),
        [
            ("smtp", f'password = "{SECRET}"', "lakewarden secrets set smtp_password"),
            ("weather", f'api_key = "{SECRET}"', "lakewarden secrets set openweather_api_key"),
            ("weather", f'appid = "{SECRET}"', "OPENWEATHER_API_KEY"),
            ("lake", f'aws_secret_access_key = "{SECRET}"', "instance role"),
            ("logging", f'token = ["{SECRET}"]', "lakewarden secrets set NAME"),
            ("weather", f'base_url = "https://me:{SECRET}@host"', "without credentials"),
            ("weather", f'base_url = "https://host/?appid={SECRET}"', "without credentials"),
            ("lake", f'url = "s3://key:{SECRET}@bucket"', "s3://bucket"),
            ("lake", f'endpoint_url = "https://me:{SECRET}@host"', "without credentials"),
            ("weather", f'unknown = "{SECRET}"', "one of the keys"),
        ],
    )
    def test_a_secret_in_the_file_is_refused_with_its_remedy_and_not_shown(
        self, home: Path, section: str, line: str, remedy: str
    ) -> None:
        error = refusal(home, f"[{section}]\n{line}\n")
        assert remedy in error.expected
        assert SECRET not in str(error)

    def test_a_secret_in_a_variable_or_at_the_top_is_not_shown(self, home: Path) -> None:
        environ = {"LAKEWARDEN_SMTP__PASSWORD": SECRET, "OPENWEATHER_API_KEY": f"{SECRET} {SECRET}"}
        error = refusal(home, f'openweather_api_key = "{SECRET}"\n', **environ)
        assert len(error.problems) == 3
        assert SECRET not in str(error)

    @pytest.mark.parametrize(
        ("body", "key"),
        [
            (f'[weather]\npassword = "{SECRET}\n', "line 2"),
            ("[weather]\ntimeout_s = \n", "line 2"),
            ("[weather]\n\n[weather]\n", "line 3"),
            ("[weather", "line 1"),
            (b"[weather]\n# caf\xe9\n", "line 2"),
            ("x = " + "[" * 100_000, "file"),
            ("x = " + "9" * 5_000, "file"),
            (b"#" * 1_048_577, "file"),
        ],
    )
    def test_a_file_that_is_not_toml_names_the_line(self, home: Path, body: str | bytes, key: str) -> None:
        error = refusal(home, body)
        assert error.where == str(home / "config.toml")
        assert error.key == key
        assert SECRET not in str(error)

    def test_a_file_with_a_byte_order_mark_and_dos_line_ends_is_read(self, home: Path) -> None:
        assert configured(home, b"\xef\xbb\xbf[retry]\r\nretries = 3\r\n").retry.retries == 3

    def test_a_folder_in_place_of_the_file_is_refused(self, home: Path) -> None:
        (home / "config.toml").mkdir()
        with pytest.raises(ConfigError, match="expected a text file in TOML"):
            load_settings({}, home)

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=100))
    def test_no_file_gives_anything_but_settings_or_a_config_error(self, home: Path, body: bytes) -> None:
        (home / "config.toml").write_bytes(body)
        found = outcome({}, home)
        where = str(home / "config.toml")
        assert found.where == where if isinstance(found, ConfigError) else found.home == home


class TestWorkspace:
    def test_it_is_made_private_and_only_once(self, tmp_path: Path) -> None:
        home = tmp_path / "deep" / "home"
        assert create_workspace(home, production=False) is Written.NEW
        for folder in (home, *(home / name for name in ("keys", "logs", "locks", "exports"))):
            assert folder.stat().st_mode & 0o777 == 0o700
        config_file = home / "config.toml"
        assert config_file.stat().st_mode & 0o777 == 0o600
        config_file.write_text("# mine\n")
        assert create_workspace(home, production=False) is Written.NOT
        assert config_file.read_text() == "# mine\n"
        assert load_settings({}, home).practice

    def test_production_is_written_and_can_be_asked_for_again(self, tmp_path: Path) -> None:
        home = _production(tmp_path / "home")
        assert not load_settings({}, home).practice
        assert create_workspace(home, production=True) is Written.NOT
        assert create_workspace(home, production=False) is Written.NOT
        assert not load_settings({}, home).practice

    def test_a_practice_workspace_never_becomes_production(self, tmp_path: Path) -> None:
        create_workspace(tmp_path / "home", production=False)
        with pytest.raises(ConfigError, match="never share one"):
            create_workspace(tmp_path / "home", production=True)
        assert load_settings({}, tmp_path / "home").practice

    def test_others_may_not_read_it(self, home: Path) -> None:
        home.chmod(0o755)
        assert create_workspace(home, production=False) is Written.NEW
        assert home.stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
    def test_a_folder_others_can_write_is_refused(self, home: Path, mode: int) -> None:
        home.chmod(mode)
        with pytest.raises(ConfigError, match=f"found mode {mode:04o}"):
            create_workspace(home, production=False)
        assert list(home.iterdir()) == []

    def test_a_file_of_that_name_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("")
        with pytest.raises(ConfigError, match="expected a folder"):
            create_workspace(tmp_path / "home", production=False)

    def test_a_link_to_nowhere_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "home").symlink_to(tmp_path / "nowhere")
        with pytest.raises(ConfigError, match="expected a folder"):
            create_workspace(tmp_path / "home", production=False)

    def test_the_folder_of_another_user_is_refused(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # A folder of another user cannot be made without being root; being another user can be played.
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        with pytest.raises(ConfigError, match="one of the user"):
            create_workspace(home, production=False)

    def test_a_disk_that_refuses_is_a_workspace_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(WorkspaceError, match="can hold the workspace"):
            create_workspace(tmp_path / "file" / "home", production=False)

    def test_a_full_disk_names_no_file_and_asks_for_room(self, tmp_path: Path) -> None:
        with _files_of_at_most(100), pytest.raises(WorkspaceError) as caught:
            create_workspace(tmp_path / "home", production=True)
        assert "found: File too large; make room there, or name another in LAKEWARDEN_HOME" in str(caught.value)
        assert not (tmp_path / "home" / "config.toml").exists()

    @pytest.mark.parametrize("made", list(Mode))
    def test_lost_settings_are_made_again_only_as_its_accounts_were_made(self, tmp_path: Path, made: Mode) -> None:
        home = _with_accounts(tmp_path / "home", made)
        (home / "config.toml").unlink()
        left = _all_in(home)
        with pytest.raises(ConfigError) as caught:
            create_workspace(home, production=made is Mode.PRACTICE)
        fitting = {Mode.PRACTICE: "(`lakewarden init` makes", Mode.PRODUCTION: "(`lakewarden init --production` makes"}
        assert caught.value.key == "workspace.mode"
        assert caught.value.expected.startswith(f'"{made}", as the accounts beside it were made {fitting[made]}')
        assert _all_in(home) == left
        assert create_workspace(home, production=made is Mode.PRODUCTION) is Written.ANEW
        assert load_settings({}, home).workspace.mode is made
        assert _all_in(home) == left | {"config.toml"}

    @pytest.mark.parametrize("made", list(Mode))
    def test_lost_settings_are_told_with_the_command_that_fits(self, tmp_path: Path, made: Mode) -> None:
        home = _with_accounts(tmp_path / "home", made)
        (home / "config.toml").unlink()
        with pytest.raises(ConfigError) as caught:
            open_or_create_workspace(home)
        named = re.findall("`(.*?)`", caught.value.expected)
        assert named == [{Mode.PRACTICE: "lakewarden init", Mode.PRODUCTION: "lakewarden init --production"}[made]]
        assert f"of this {made} workspace" in caught.value.expected

    @pytest.mark.parametrize("made", list(Mode))
    @pytest.mark.parametrize("production", [True, False])
    def test_a_mode_that_was_changed_by_hand_is_told(self, tmp_path: Path, made: Mode, production: bool) -> None:
        home = _with_accounts(tmp_path / "home", made)
        other = Mode.PRACTICE if made is Mode.PRODUCTION else Mode.PRODUCTION
        (home / "config.toml").write_text(config_text(other))
        with pytest.raises(ConfigError) as caught:
            create_workspace(home, production=production)
        assert caught.value.key == "workspace.mode"
        assert caught.value.expected.startswith(f'"{made}", as the accounts')
        assert caught.value.found == f"the text '{other}'"

    def test_accounts_that_cannot_be_read_tell_nothing(self, home: Path) -> None:
        for body in (b"", b"no database", b"SQLite format 3\0" + bytes(84)):
            (home / "identity.db").write_bytes(body)
            assert mode_of_accounts(home) is None
            assert (home / "identity.db").read_bytes() == body
        assert mode_of_accounts(home / "nowhere") is None

    @pytest.mark.parametrize("mode", ["practice", "production"])
    def test_processes_that_start_at_once_all_succeed(self, tmp_path: Path, mode: str) -> None:
        home = tmp_path / "home"
        command = [sys.executable, "-c", CREATE, str(home), mode]
        started = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
        ]
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = sorted(process.communicate(timeout=60)[0].strip() for process in started)
        assert outputs == ["NEW", "NOT", "NOT", "NOT"]
        assert (home / "config.toml").read_text() == config_text(Mode(mode))
        assert [path.name for path in home.iterdir() if path.name.endswith(".part")] == []


class TestCities:
    def test_cities_come_and_go_and_comments_stay(self, home: Path) -> None:
        text = '# mine\n[weather]\ncities = [\n  "Portland", # home\n  "Oslo", # cold\n]\ntimeout_s = 5 # short\n'
        found = configured(home, text)
        assert edit_cities(found, add=["Rome", " oslo ", "rome"], remove=["portland"]) == ("Oslo", "Rome")
        body = (home / "config.toml").read_text()
        assert all(comment in body for comment in ("# mine", "# cold", "# short"))
        assert load_settings({}, home).weather == dataclasses.replace(found.weather, cities=("Oslo", "Rome"))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[weather]\n",
            "weather.timeout_s = 3\n",
            "weather = {timeout_s = 3}\n",
            "[lake]\nurl = 'a'",
            "\ufeff# mark\r\n[retry]\r\n",
        ],
    )
    def test_a_file_without_cities_gets_them_after_the_default(self, home: Path, text: str) -> None:
        before = configured(home, text)
        assert edit_cities(before, add=["Rome"]) == ("Portland", "Rome")
        after = load_settings({}, home)
        assert after.weather == dataclasses.replace(before.weather, cities=("Portland", "Rome"))

    def test_a_workspace_without_a_file_gets_one(self, home: Path) -> None:
        assert edit_cities(load_settings({}, home), add=["Rome"]) == ("Portland", "Rome")
        assert load_settings({}, home).weather.cities == ("Portland", "Rome")

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"remove": ["Portland"]}, "at least one city to remain"),
            ({"remove": ["Oslo"]}, "a list with the text 'Oslo'"),
            ({"add": [" "]}, "a printable city name"),
            ({"add": ["a\x1b[2J"]}, "a printable city name"),
        ],
    )
    def test_an_impossible_change_is_refused_and_changes_nothing(
        self, home: Path, change: dict[str, Any], expected: str
    ) -> None:
        create_workspace(home, production=False)
        before = (home / "config.toml").read_bytes()
        with pytest.raises(ConfigError) as caught:
            edit_cities(load_settings({}, home), **change)
        assert caught.value.expected == expected
        assert (home / "config.toml").read_bytes() == before

    def test_a_city_can_be_exchanged_for_another_spelling(self, home: Path) -> None:
        found = configured(home, '[weather]\ncities = ["oslo"]\n')
        assert edit_cities(found, add=["Oslo"], remove=["oslo"]) == ("Oslo",)

    def test_cities_the_environment_overrides_are_not_edited(self, home: Path) -> None:
        found = configured(home, "", LAKEWARDEN_WEATHER__CITIES='["Oslo"]')
        with pytest.raises(ConfigError, match="LAKEWARDEN_WEATHER__CITIES"):
            edit_cities(found, add=["Rome"])

    def test_a_broken_file_is_refused_and_left_alone(self, home: Path) -> None:
        found = configured(home, "")
        (home / "config.toml").write_text("[weather\n")
        with pytest.raises(ConfigError, match="line 1"):
            edit_cities(found, add=["Rome"])
        assert (home / "config.toml").read_text() == "[weather\n"

    def test_edits_at_once_all_take_effect(self, home: Path) -> None:
        create_workspace(home, production=False)
        started = [subprocess.Popen([sys.executable, "-c", ADD_CITIES, str(home), name]) for name in ("East", "West")]
        assert [process.wait(timeout=100) for process in started] == [0, 0]
        assert len(load_settings({}, home).weather.cities) == 21


@contextmanager
def _files_of_at_most(largest: int) -> Iterator[None]:
    """Within it no file gets larger, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _all_in(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*")} - {"identity.db-wal", "identity.db-shm"}


def _with_accounts(home: Path, mode: Mode) -> Path:
    """A workspace whose identity database is there, without accounts."""
    create_workspace(home, production=mode is Mode.PRODUCTION)
    with closing(Security(load_settings({}, home), {}, InMemory())) as security:
        assert security.identity.practice is (mode is Mode.PRACTICE)
    return home


def _production(home: Path) -> Path:
    create_workspace(home, production=True)
    return home
