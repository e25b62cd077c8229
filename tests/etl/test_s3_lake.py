"""The S3 lake against real servers on loopback: what each put does, and what each failure means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from etl.errors import LakeError, LakeRefused, LakeUnavailable, ObjectConflict
from etl.lake.permissions import PROBE_KEY, PermissionCheck, identity, least_privilege_policy, probe
from etl.lake.s3 import S3Lake, bucket_and_prefix, is_loopback
from etl.models import StoredObject
from etl.ports import Lake
from tests.simulators.s3 import (
    FAKE_KEY_ID,
    FAKE_SECRET,
    Answer,
    CutAnswer,
    CutDownload,
    CutUpload,
    Damage,
    Fault,
    FaultyS3,
    Garbage,
    Overtaken,
    Silence,
    Unconditional,
    fake_environment,
    make_bucket,
    objects_in,
    running_ministack,
    running_s3,
    unused_endpoint,
)

KEY = "weather-data/portland_weather_20261123T210000.json"
WAIT_S = 30


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_s3() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def verifying_server() -> Iterator[str]:
    with running_ministack() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of this user's AWS settings, only made-up ones."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in fake_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(server: str) -> str:
    """A bucket of this test alone."""
    name = f"lake-{uuid.uuid4().hex[:12]}"
    make_bucket(server, name)
    return name


@pytest.fixture
def lake(server: str, bucket: str) -> S3Lake:
    return S3Lake(f"s3://{bucket}", endpoint_url=server)


@pytest.fixture
def faulty(server: str) -> Iterator[FaultyS3]:
    with FaultyS3(server) as proxy:
        yield proxy


@pytest.fixture
def faulty_lake(faulty: FaultyS3, bucket: str) -> S3Lake:
    """The same bucket through the proxy; waits between attempts take no time."""
    return S3Lake(f"s3://{bucket}", endpoint_url=faulty.endpoint, timeout_s=0.5, wait=lambda _: None)


def outcome(lake: Lake, key: str, body: bytes) -> str:
    try:
        return "created" if lake.put(key, body).created else "equal"
    except LakeError as error:
        return error.kind


# Puts


def test_a_put_creates_the_object(lake: S3Lake, server: str, bucket: str) -> None:
    assert lake.put(KEY, b"{}") == StoredObject(KEY, created=True)
    assert objects_in(server, bucket) == {KEY: b"{}"}


def test_an_equal_object_is_success(lake: S3Lake) -> None:
    lake.put(KEY, b"{}")
    assert lake.put(KEY, b"{}") == StoredObject(KEY, created=False)


@pytest.mark.parametrize("other", [b"[]", b"longer than before", b""])
def test_another_body_is_a_conflict_and_the_first_stays(lake: S3Lake, server: str, bucket: str, other: bytes) -> None:
    lake.put(KEY, b"{}")
    with pytest.raises(ObjectConflict, match="never overwritten") as caught:
        lake.put(KEY, other)
    assert f"s3://{bucket}/{KEY} holds other data: expected {len(other)} bytes" in str(caught.value)
    assert objects_in(server, bucket) == {KEY: b"{}"}


def test_a_put_sends_what_the_server_needs_to_verify_it(faulty_lake: S3Lake, faulty: FaultyS3) -> None:
    faulty_lake.put(KEY, b"{}")
    [request] = faulty.seen
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["if-none-match"] == "*"
    assert headers["content-type"] == "application/json"
    assert headers["x-amz-checksum-sha256"] == "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="
    assert "expect" not in headers
    assert FAKE_SECRET not in str(headers)


@pytest.mark.parametrize("attempt", range(3))
def test_one_of_eight_racing_writers_wins(lake: S3Lake, server: str, bucket: str, attempt: int) -> None:
    start = threading.Barrier(8)

    def write(number: int) -> str:
        start.wait(WAIT_S)
        return outcome(lake, KEY, b"writer %d" % number)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(write, range(8)))
    assert Counter(outcomes) == {"created": 1, "object_conflict": 7}
    assert objects_in(server, bucket) == {KEY: b"writer %d" % outcomes.index("created")}


@pytest.mark.parametrize("prefix", ["", "/raw", "/raw/weather/", "/"])
def test_the_prefix_comes_before_every_key(server: str, bucket: str, prefix: str) -> None:
    lake = S3Lake(f"s3://{bucket}{prefix}", endpoint_url=server)
    expected = f"{prefix.strip('/')}/{KEY}".removeprefix("/")
    assert lake.put(KEY, b"{}").key == expected
    assert list(objects_in(server, bucket)) == [expected]
    assert lake.url == f"s3://{bucket}{prefix}".rstrip("/")


@pytest.mark.parametrize("key", ["", "/a", "../a", "a//b", "a/./b", "a\nb"])
def test_a_key_that_is_no_plain_relative_path_is_refused(key: str) -> None:
    with pytest.raises(LakeRefused, match="an object key"):
        S3Lake("s3://lake", endpoint_url=unused_endpoint()).put(key, b"{}")


@pytest.mark.parametrize(("sse", "key_id"), [("AES256", ""), ("aws:kms", ""), ("aws:kms", "alias/lake")])
def test_the_encryption_asked_for_is_used(server: str, bucket: str, sse: str, key_id: str) -> None:
    S3Lake(f"s3://{bucket}", endpoint_url=server, sse=sse, kms_key_id=key_id).put(KEY, b"{}")
    found = boto3.client("s3", endpoint_url=server).head_object(Bucket=bucket, Key=KEY)
    assert found["ServerSideEncryption"] == sse
    assert found.get("SSEKMSKeyId", "").endswith(key_id)


def test_a_client_built_by_many_threads_is_one(lake: S3Lake) -> None:
    lake.warm()
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: lake.client(), range(8)))
    assert len({id(client) for client in clients}) == 1


def test_a_body_damaged_on_the_way_is_not_stored_and_the_next_attempt_is(verifying_server: str) -> None:
    key = f"weather-data/{uuid.uuid4().hex}.json"
    with FaultyS3(verifying_server) as proxy:
        lake = S3Lake("s3://lake", endpoint_url=proxy.endpoint)
        proxy.script(Damage())
        with pytest.raises(LakeUnavailable, match="BadDigest"):
            lake.put(key, b"{}")
        assert lake.put(key, b"{}") == StoredObject(key, created=True)
        assert not lake.put(key, b"{}").created
        with pytest.raises(ObjectConflict):
            lake.put(key, b"[]")


# Failures

PASSING: list[tuple[Fault, str]] = [
    (Answer(500, "InternalError"), "500 InternalError"),
    (Answer(503, "SlowDown"), "503 SlowDown"),
    (Answer(503, "ServiceUnavailable"), "503 ServiceUnavailable"),
    (Answer(429, "TooManyRequests"), "429"),
    (Answer(400, "RequestTimeout"), "RequestTimeout"),
    (Answer(400, "BadDigest"), "BadDigest"),
    (Answer(400, "KMS.ThrottlingException"), "KMS.ThrottlingException"),
    (Answer(409, "ConditionalRequestConflict"), "being written by others"),
    (Garbage(), "cannot put"),
    (CutUpload(0), "no whole answer"),
    (CutUpload(20), "no whole answer"),
    (Silence(), "ReadTimeoutError"),
]


@pytest.mark.parametrize(("fault", "message"), PASSING, ids=[str(fault) for fault, _ in PASSING])
def test_what_may_pass_is_unavailable_and_stores_nothing(
    faulty_lake: S3Lake, faulty: FaultyS3, server: str, bucket: str, fault: Fault, message: str
) -> None:
    faulty.always(fault)
    with pytest.raises(LakeUnavailable, match=message) as caught:
        faulty_lake.put(KEY, b"x" * 1000)
    assert FAKE_SECRET not in str(caught.value)
    assert objects_in(server, bucket) == {}


LASTING = [
    (Answer(403, "AccessDenied"), "grant s3:PutObject"),
    (Answer(403, "InvalidAccessKeyId"), "check the AWS credentials"),
    (Answer(403, "SignatureDoesNotMatch"), "check the AWS credentials"),
    (Answer(400, "ExpiredToken"), "have expired"),
    (Answer(404, "NoSuchBucket"), "create the bucket"),
    (Answer(403, "RequestTimeTooSkewed"), "set the clock"),
    (Answer(400, "AuthorizationHeaderMalformed"), "AWS_REGION"),
    (Answer(400, "KMS.NotFoundException"), "kms_key_id"),
    (Answer(400, "KMS.DisabledException"), "kms_key_id"),
    (Answer(501, "NotImplemented"), "conditional writes"),
    (Answer(400, "SomethingNew"), "lakewarden doctor"),
    (Answer(409, "InvalidBucketState"), "409 InvalidBucketState"),
]


@pytest.mark.parametrize(("fault", "remedy"), LASTING, ids=[fault.code for fault, _ in LASTING])
def test_what_stays_is_refused_with_a_remedy(
    faulty_lake: S3Lake, faulty: FaultyS3, server: str, bucket: str, fault: Answer, remedy: str
) -> None:
    spoken = f"key {FAKE_KEY_ID} secret {FAKE_SECRET}"
    faulty.always(Answer(fault.status, fault.code, spoken))
    with pytest.raises(LakeRefused, match=remedy) as caught:
        faulty_lake.put(KEY, b"{}")
    assert f"s3://{bucket}/{KEY}" in str(caught.value)
    assert FAKE_SECRET not in str(caught.value)
    assert FAKE_KEY_ID not in str(caught.value)
    assert caught.value.__cause__ is None
    assert objects_in(server, bucket) == {}


def test_a_refused_connection_is_unavailable() -> None:
    with pytest.raises(LakeUnavailable, match="EndpointConnectionError"):
        S3Lake("s3://lake", endpoint_url=unused_endpoint()).put(KEY, b"{}")


def test_after_a_cut_upload_the_next_put_creates_the_whole_object(
    faulty_lake: S3Lake, faulty: FaultyS3, server: str, bucket: str
) -> None:
    faulty.script(CutUpload(10), CutUpload(999))
    with pytest.raises(LakeUnavailable):
        faulty_lake.put(KEY, b"x" * 1000)
    assert objects_in(server, bucket) == {}
    assert faulty_lake.put(KEY, b"x" * 1000).created
    assert objects_in(server, bucket) == {KEY: b"x" * 1000}


def test_after_a_lost_answer_the_object_is_found_equal(
    faulty_lake: S3Lake, faulty: FaultyS3, server: str, bucket: str
) -> None:
    faulty.script(CutAnswer())
    assert faulty_lake.put(KEY, b"{}") == StoredObject(KEY, created=False)
    assert objects_in(server, bucket) == {KEY: b"{}"}


def test_a_short_disturbance_is_not_even_noticed(faulty_lake: S3Lake, faulty: FaultyS3) -> None:
    faulty.script(Answer(503, "SlowDown"))
    assert faulty_lake.put(KEY, b"{}").created
    assert len(faulty.seen) == 2


def test_a_409_is_tried_again(faulty_lake: S3Lake, faulty: FaultyS3) -> None:
    faulty.script(*[Answer(409, "ConditionalRequestConflict")] * 3)
    assert faulty_lake.put(KEY, b"{}").created
    assert len(faulty.seen) == 4


def test_a_409_that_stays_is_tried_five_times_with_growing_jittered_waits(faulty: FaultyS3) -> None:
    faulty.always(Answer(409, "ConditionalRequestConflict"))
    waits: list[float] = []
    with pytest.raises(LakeUnavailable, match="after 5 attempts"):
        S3Lake("s3://lake", endpoint_url=faulty.endpoint, wait=waits.append).put(KEY, b"{}")
    assert len(faulty.seen) == 5
    assert all(wait_s / 2 <= found <= wait_s * 1.5 for wait_s, found in zip((0.05, 0.1, 0.2, 0.4), waits, strict=True))


def test_a_writer_that_comes_first_with_other_data_wins(
    faulty_lake: S3Lake, faulty: FaultyS3, server: str, bucket: str
) -> None:
    faulty.script(Overtaken(b"[]"))
    with pytest.raises(ObjectConflict):
        faulty_lake.put(KEY, b"{}")
    assert objects_in(server, bucket) == {KEY: b"[]"}


def test_an_object_that_may_not_be_read_cannot_be_compared(faulty_lake: S3Lake, faulty: FaultyS3) -> None:
    faulty_lake.put(KEY, b"{}")
    faulty.always(Answer(403, "AccessDenied"), method="GET")
    with pytest.raises(LakeRefused, match="s3:GetObject is needed to compare"):
        faulty_lake.put(KEY, b"{}")


def test_an_object_gone_before_the_comparison_is_worth_a_retry(faulty_lake: S3Lake, faulty: FaultyS3) -> None:
    faulty.script(Answer(412, "PreconditionFailed"))
    with pytest.raises(LakeUnavailable, match="there and is gone"):
        faulty_lake.put(KEY, b"{}")
    assert faulty_lake.put(KEY, b"{}").created


def test_a_comparison_that_is_cut_is_unavailable(faulty_lake: S3Lake, faulty: FaultyS3) -> None:
    faulty_lake.put(KEY, b"x" * 1000)
    faulty.always(CutDownload(100), method="GET")
    with pytest.raises(LakeUnavailable, match="cannot read back"):
        faulty_lake.put(KEY, b"x" * 1000)


def test_a_bucket_that_is_not_there_is_refused(server: str) -> None:
    with pytest.raises(LakeRefused, match="NoSuchBucket; create the bucket"):
        S3Lake("s3://no-such-bucket", endpoint_url=server).put(KEY, b"{}")


# Settings


def test_without_credentials_a_put_is_refused_with_a_remedy(lake: S3Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    lake.warm()
    with pytest.raises(LakeRefused, match=r"no AWS credentials were found for s3://.*; check the AWS credentials"):
        lake.put(KEY, b"{}")


def test_half_of_the_credentials_is_refused(lake: S3Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(LakeRefused, match="PartialCredentialsError; check the AWS credentials"):
        lake.put(KEY, b"{}")


def test_a_profile_that_is_not_there_is_refused(lake: S3Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(LakeRefused, match="ProfileNotFound: correct AWS_PROFILE"):
        lake.put(KEY, b"{}")


def test_a_credential_process_that_fails_does_not_speak_through_the_message(
    lake: S3Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = sh -c 'echo {FAKE_SECRET} >&2; exit 1'\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(LakeRefused, match="CredentialRetrievalError") as caught:
        lake.put(KEY, b"{}")
    assert FAKE_SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_certificate_bundle_that_is_not_there_is_refused(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    lake = S3Lake("s3://lake", endpoint_url=server.replace("http:", "https:"))
    with pytest.raises(LakeRefused, match=r"no trusted TLS connection.*AWS_CA_BUNDLE"):
        lake.put(KEY, b"{}")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://lake", ("lake", "")),
        ("s3://lake/", ("lake", "")),
        ("s3://my.lake-2/raw/weather/", ("my.lake-2", "raw/weather")),
    ],
)
def test_a_lake_url_is_a_bucket_and_a_prefix(url: str, expected: tuple[str, str]) -> None:
    assert bucket_and_prefix(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lake",
        "s3:/lake",
        "s3://",
        "s3://La",
        "s3://ab",
        "s3://Lake",
        "s3://a..b",
        "s3://10.0.0.1",
        "s3://a_b_c",
        "s3:///prefix",
        "s3://lake//x",
        "s3://lake/../x",
        "s3://lake/a/./b",
        "s3://lake/a\nb",
        f"s3://lake/{'x' * 513}",
    ],
)
def test_a_lake_url_that_cannot_be_right_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"s3://bucket|bucket name|prefix"):
        S3Lake(url)


@pytest.mark.parametrize("url", ["s3://key:s3cret@lake", "https://key:s3cret@host/lake"])
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="no credentials") as caught:
        S3Lake(url)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ValueError, match="no credentials") as caught:
        S3Lake("s3://lake", endpoint_url=url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["ftp://host", "127.0.0.1:9000", "http://", "http://h:99999", "http://h?a=b"])
def test_an_endpoint_that_cannot_be_right_is_an_error(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint URL is"):
        S3Lake("s3://lake", endpoint_url=endpoint)


@pytest.mark.parametrize(("sse", "key_id"), [("aes", ""), ("", "alias/x"), ("AES256", "alias/x")])
def test_an_encryption_that_cannot_be_right_is_an_error(sse: str, key_id: str) -> None:
    with pytest.raises(ValueError, match="sse"):
        S3Lake("s3://lake", sse=sse, kms_key_id=key_id)


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:9000", True),
        ("http://localhost:9000", True),
        ("http://LOCALHOST.", True),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://192.168.1.2:9000", False),
        ("http://0.0.0.0:9000", False),
        ("https://s3.us-east-1.amazonaws.com", False),
    ],
)
def test_only_a_loopback_host_is_this_machine(endpoint: str, local: bool) -> None:
    assert is_loopback(endpoint) is local
    assert S3Lake("s3://lake", endpoint_url=endpoint).on_this_machine is local


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_the_endpoint_may_come_from_the_aws_settings(
    server: str, bucket: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, server)
    lake = S3Lake(f"s3://{bucket}")
    assert lake.on_this_machine
    assert lake.put(KEY, b"{}").created
    assert objects_in(server, bucket) == {KEY: b"{}"}


def test_without_an_endpoint_the_lake_is_at_aws() -> None:
    assert not S3Lake("s3://lake").on_this_machine


def test_making_a_lake_does_not_load_boto3() -> None:
    code = "import sys; from etl.lake.s3 import S3Lake; S3Lake('s3://lake'); print('botocore' in sys.modules)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, cwd=Path(__file__).parents[2])
    assert result.stdout == "False\n"


# What the doctor asks


def by_name(checks: list[PermissionCheck]) -> dict[str, bool]:
    return {check.name: check.ok for check in checks}


def test_the_doctor_finds_a_good_bucket_twice_alike(lake: S3Lake, server: str, bucket: str) -> None:
    expected = {
        "credentials": True,
        "bucket": True,
        "s3:PutObject": True,
        "If-None-Match": True,
        "s3:GetObject": True,
    }
    assert by_name(probe(lake)) == expected
    assert by_name(probe(lake)) == expected
    assert list(objects_in(server, bucket)) == [PROBE_KEY]


def test_the_doctor_fails_a_server_that_would_overwrite(faulty_lake: S3Lake, faulty: FaultyS3) -> None:
    faulty.always(Unconditional())
    check = next(check for check in probe(faulty_lake) if check.name == "If-None-Match")
    assert not check.ok
    assert "objects could be overwritten" in check.detail
    assert "conditional writes" in check.remedy


def test_the_doctor_stops_at_a_bucket_that_is_not_there(server: str) -> None:
    checks = probe(S3Lake("s3://no-such-bucket", endpoint_url=server))
    assert by_name(checks) == {"credentials": True, "bucket": False}
    assert checks[-1].remedy


def test_the_doctor_stops_without_credentials(lake: S3Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert by_name(probe(lake)) == {"credentials": False}


def test_the_doctor_says_which_permission_is_missing(faulty_lake: S3Lake, faulty: FaultyS3) -> None:
    faulty.always(Answer(403, "AccessDenied"), method="GET")
    assert by_name(probe(faulty_lake))["s3:GetObject"] is False
    faulty.always(Answer(403, "AccessDenied"))
    checks = probe(faulty_lake)
    assert by_name(checks) == {"credentials": True, "bucket": True, "s3:PutObject": False}
    assert "allow s3:PutObject on s3://" in checks[-1].remedy


def test_the_doctor_checks_the_encryption(server: str, bucket: str) -> None:
    assert by_name(probe(S3Lake(f"s3://{bucket}", endpoint_url=server, sse="AES256")))["encryption"]
    check = probe(S3Lake(f"s3://{bucket}", endpoint_url=server, sse="aws:kms"))[-1]
    assert not check.ok
    assert "expected" in check.detail
    assert "found AES256" in check.detail


def test_identity_is_the_arn_where_sts_tells(lake: S3Lake, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server)
    assert identity(lake).startswith("arn:aws:sts::123456789012:")
    assert "found by env" in identity(lake)


def test_identity_without_sts_says_how_the_credentials_were_found(
    lake: S3Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", unused_endpoint())
    assert identity(lake) == "credentials found by env (STS did not say who they are: EndpointConnectionError)"
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = {FAKE_KEY_ID}\naws_secret_access_key = {FAKE_SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    found = identity(lake)
    assert found.startswith("credentials found by shared-credentials-file")
    assert FAKE_SECRET not in found
    assert FAKE_KEY_ID not in found


def test_identity_does_not_ask_aws_about_another_servers_credentials(lake: S3Lake) -> None:
    assert identity(lake) == "credentials found by env (not asked who they are: the endpoint is not AWS)"


def test_the_policy_is_exactly_what_a_load_needs() -> None:
    assert least_privilege_policy(S3Lake("s3://lake/raw", endpoint_url=unused_endpoint())) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LoadWeatherObjects",
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:GetObject"],
                "Resource": "arn:aws:s3:::lake/raw/weather-data/*",
            }
        ],
    }


KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"


@pytest.mark.parametrize(
    ("key_id", "expected"),
    [
        (KEY_ARN, {"Resource": KEY_ARN}),
        ("1234abcd", {"Resource": "arn:aws:kms:*:*:key/1234abcd"}),
        (
            "alias/lake",
            {
                "Resource": "arn:aws:kms:*:*:key/*",
                "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/lake"}},
            },
        ),
        (
            "arn:aws:kms:eu-west-1:111122223333:alias/lake",
            {
                "Resource": "arn:aws:kms:eu-west-1:111122223333:key/*",
                "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/lake"}},
            },
        ),
    ],
)
def test_the_policy_covers_the_key_of_the_lake(key_id: str, expected: dict[str, object]) -> None:
    lake = S3Lake("s3://lake", endpoint_url=unused_endpoint(), sse="aws:kms", kms_key_id=key_id)
    [objects, key] = least_privilege_policy(lake)["Statement"]
    assert objects["Resource"] == "arn:aws:s3:::lake/weather-data/*"
    assert key == {
        "Sid": "UseTheLakeKey",
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        **expected,
    }


def test_the_policy_knows_the_partition_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    [statement] = least_privilege_policy(S3Lake("s3://lake"))["Statement"]
    assert statement["Resource"] == "arn:aws-cn:s3:::lake/weather-data/*"


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that enforces IAM; the environment is a user's who has the least-privilege policy alone."""
    with running_s3() as endpoint:
        iam = boto3.client("iam", endpoint_url=endpoint)
        policy = least_privilege_policy(S3Lake("s3://lake/raw", endpoint_url=endpoint))
        iam.create_user(UserName="loader")
        iam.put_user_policy(UserName="loader", PolicyName="load", PolicyDocument=json.dumps(policy))
        keys = iam.create_access_key(UserName="loader")["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
        enforce = urllib.request.Request(
            f"{endpoint}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}, method="POST"
        )
        with urllib.request.urlopen(enforce, timeout=WAIT_S) as answer:
            assert answer.status == 200
        yield endpoint


def test_the_policy_lets_a_user_load_here_and_nowhere_else(loader: str) -> None:
    lake = S3Lake("s3://lake/raw", endpoint_url=loader)
    assert lake.put(KEY, b"{}").created
    assert not lake.put(KEY, b"{}").created
    with pytest.raises(ObjectConflict):
        lake.put(KEY, b"[]")
    checks = probe(lake)
    assert all(check.ok for check in checks), checks
    with pytest.raises(LakeRefused, match="AccessDenied; grant s3:PutObject"):
        lake.put("elsewhere/a.json", b"{}")
    with pytest.raises(LakeRefused, match="AccessDenied"):
        S3Lake("s3://lake/other", endpoint_url=loader).put(KEY, b"{}")


def test_wrong_keys_are_refused_by_a_server_that_checks_them(loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", FAKE_SECRET)
    with pytest.raises(LakeRefused, match="SignatureDoesNotMatch; check the AWS credentials"):
        S3Lake("s3://lake/raw", endpoint_url=loader).put(KEY, b"{}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", FAKE_KEY_ID)
    with pytest.raises(LakeRefused, match="InvalidAccessKeyId; check the AWS credentials"):
        S3Lake("s3://lake/raw", endpoint_url=loader).put(KEY, b"{}")
