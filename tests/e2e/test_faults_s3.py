"""What S3 can do to a run: each failure has its exit code and words, and the next call completes the hour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import await_hour_with_room
from tests.e2e.faults import Workspace, assert_whole
from tests.simulators.s3 import (
    Answer,
    CutAnswer,
    CutUpload,
    Fault,
    FaultyS3,
    Overtaken,
    Silence,
    fake_environment,
    objects_in,
    running_s3,
    unused_endpoint,
)
from tests.simulators.weather_api import WeatherApiSimulator


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_s3() as address:
        yield address


@pytest.fixture
def s3(endpoint: str) -> Iterator[FaultyS3]:
    with FaultyS3(endpoint) as proxy:
        yield proxy


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A tree of the bucket for each test, since all share one server."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)


@pytest.fixture
def in_s3(tmp_path: Path, api: WeatherApiSimulator, s3: FaultyS3, prefix: str) -> Workspace:
    await_hour_with_room()
    settings = {"lake__url": f"s3://lake/{prefix}", "lake__endpoint_url": s3.endpoint}
    return Workspace(tmp_path / "home", api.base_url, settings)


def stored(endpoint: str, prefix: str) -> list[bytes]:
    return [body for key, body in objects_in(endpoint, "lake").items() if key.startswith(f"{prefix}/")]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Answer(500, "InternalError"), "lake_unavailable", "500"),
        (Answer(503, "SlowDown"), "lake_unavailable", "503"),
        (Answer(409, "ConditionalRequestConflict"), "lake_unavailable", "409"),
        (Answer(403, "AccessDenied"), "lake_refused", "s3:PutObject"),
        (Answer(403, "InvalidAccessKeyId"), "lake_refused", "credentials"),
        (Answer(403, "SignatureDoesNotMatch"), "lake_refused", "credentials"),
        (Answer(400, "ExpiredToken"), "lake_refused", "expired"),
        (Answer(404, "NoSuchBucket"), "lake_refused", "bucket"),
        (CutUpload(20), "lake_unavailable", "network"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "code", type(value).__name__),
)
def test_a_failure_that_lasts_and_then_is_over(
    in_s3: Workspace,
    api: WeatherApiSimulator,
    s3: FaultyS3,
    endpoint: str,
    prefix: str,
    fault: Fault,
    kind: str,
    words: str,
) -> None:
    s3.always(fault)
    ended = in_s3.once("--json")
    assert ended.code == 74, ended.err
    assert ended.run["cities"][0]["error"]["kind"] == kind
    assert words in ended.err
    assert stored(endpoint, prefix) == []
    in_s3.settings = {**in_s3.settings, "lake__endpoint_url": endpoint}
    after = in_s3.once("--json")
    assert after.code == 0, after.err
    assert len(stored(endpoint, prefix)) == 1
    assert_whole(stored(endpoint, prefix))
    assert api.count() == 2, "the check and one extraction: the raw file was kept"


@pytest.mark.parametrize("fault", [Answer(503, "SlowDown"), CutUpload(20)], ids=["SlowDown", "CutUpload"])
def test_a_failure_that_passes_is_retried(in_s3: Workspace, s3: FaultyS3, fault: Fault) -> None:
    s3.script(fault, fault)
    ended = in_s3.once("--json", retry__retries=1)
    assert ended.code == 0, ended.err
    assert ended.run["cities"][0]["attempts"]["load_weather_data"] == 2


def test_an_answer_that_was_lost_is_not_a_second_load(
    in_s3: Workspace, s3: FaultyS3, endpoint: str, prefix: str
) -> None:
    s3.script(CutAnswer())
    assert in_s3.once().code == 0
    assert len(stored(endpoint, prefix)) == 1


def test_an_object_of_another_body_is_never_overwritten(
    in_s3: Workspace, s3: FaultyS3, endpoint: str, prefix: str
) -> None:
    s3.script(Overtaken(b"somebody else's"))
    for _ in range(2):
        ended = in_s3.once("--json")
        assert ended.code == 74
        assert ended.run["cities"][0]["error"]["kind"] == "object_conflict"
        assert "never overwritten" in ended.err
        assert stored(endpoint, prefix) == [b"somebody else's"]


def test_nothing_listens(in_s3: Workspace, s3: FaultyS3) -> None:
    ended = in_s3.once(lake__endpoint_url=unused_endpoint())
    assert ended.code == 74
    assert "endpoint_url" in ended.err
    assert in_s3.once().code == 0


def test_a_bucket_that_is_not_there(in_s3: Workspace) -> None:
    ended = in_s3.once(lake__url="s3://no-such-bucket")
    assert ended.code == 74
    assert "create the bucket" in ended.err
    assert in_s3.once().code == 0


def test_no_credentials(in_s3: Workspace) -> None:
    in_s3.aws = {name: value for name, value in fake_environment().items() if "KEY" not in name}
    ended = in_s3.once()
    assert ended.code == 74
    assert "credentials" in ended.err
    in_s3.aws = fake_environment()
    assert in_s3.once().code == 0


@pytest.mark.slow
def test_a_server_that_says_nothing(in_s3: Workspace, s3: FaultyS3, endpoint: str, prefix: str) -> None:
    s3.always(Silence())
    ended = in_s3.once()
    assert ended.code == 74
    assert stored(endpoint, prefix) == []
    in_s3.settings = {**in_s3.settings, "lake__endpoint_url": endpoint}
    assert in_s3.once().code == 0
