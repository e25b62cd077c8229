"""The servers that both sides of a benchmark talk to, each a process of its own, and the settings to reach them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
LAKEWARDEN = str(BIN / "lakewarden")
BUCKET = "lake"
API_KEY = "0123456789abcdef0123456789abcdef"


def workspace_environment(home: Path, **settings: object) -> dict[str, str]:
    """A process environment without any setting but the workspace `home` and `settings`, named `section__key`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LAKEWARDEN_", "AWS_", "OPENWEATHER_"))
    }
    named = {f"LAKEWARDEN_{name.upper()}": str(value) for name, value in settings.items()}
    return {**inherited, "LAKEWARDEN_HOME": str(home), **named}


def environment(home: Path, api: str, *, lake: str = "", s3: str = "", **settings: object) -> dict[str, str]:
    """The same with the loopback servers, a made-up API key and made-up AWS credentials, and without quota."""
    made_up = {
        "OPENWEATHER_API_KEY": API_KEY,
        "LAKEWARDEN_WEATHER__BASE_URL": api,
        "LAKEWARDEN_WEATHER__CALLS_PER_MINUTE": "0",
        "LAKEWARDEN_LAKE__URL": lake,
        "LAKEWARDEN_LAKE__ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "AKIAFAKEFORBENCHMARK",
        "AWS_SECRET_ACCESS_KEY": "fake-secret-for-benchmarks",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    known = {name: value for name, value in made_up.items() if value}
    return {**workspace_environment(home, **settings), **known}


def make_workspace(home: Path, environ: Mapping[str, str], cities: Sequence[str]) -> None:
    """A production workspace with these cities, ready for its first run."""
    subprocess.run([LAKEWARDEN, "init", "--production"], env=dict(environ), check=True, capture_output=True)
    config = home / "config.toml"
    names = "\n".join(f'    "{name}",' for name in cities)
    text = config.read_text(encoding="utf-8")
    assert 'cities = ["Portland"]' in text, "expected the cities in the new config.toml"
    config.write_text(text.replace('cities = ["Portland"]', f"cities = [\n{names}\n]"), encoding="utf-8")
