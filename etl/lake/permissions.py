"""What `lakewarden doctor` asks of a lake: who are we there, does each step of a load work, what to grant.

A probe writes one small object that stays (no permission to delete is needed), and never overwrites anything.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from etl.errors import LakeError, ObjectConflict
from etl.files import write_temporary
from etl.lake.folder import NO_HARD_LINKS, FolderLake, folder_error, make_folder
from etl.lake.s3 import S3Lake, status_and_code

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PROBE_KEY = "weather-data/.lakewarden-probe"
PROBE_BODY = b'{"lakewarden": "probe"}\n'
FREE_BYTES = 100 * 1024 * 1024
STS_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class PermissionCheck:
    """One answer of the doctor: `remedy` is empty where nothing needs to be done."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def identity(lake: S3Lake) -> str:
    """Who the AWS credentials are: their ARN if STS tells, else how boto3 found them. Never key material.

    STS is asked only where it belongs to the lake: at AWS, or where AWS_ENDPOINT_URL_STS names one. Raises
    LakeRefused if there are no credentials.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    endpoint = lake.client().meta.endpoint_url
    session = boto3.Session()
    credentials = session.get_credentials()
    found = f"credentials found by {credentials.method if credentials else 'nothing'}"
    try:
        sts = session.client(
            "sts",
            region_name=session.region_name or "us-east-1",
            config=Config(
                connect_timeout=STS_TIMEOUT_S,
                read_timeout=STS_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": 1},
            ),
        )
        if _at_aws(sts.meta.endpoint_url) and not _at_aws(endpoint):
            return f"{found} (not asked who they are: the endpoint is not AWS)"
        return f"{sts.get_caller_identity()['Arn']} ({found})"
    except (BotoCoreError, ClientError, ValueError) as error:
        return f"{found} (STS did not say who they are: {type(error).__name__})"


def _at_aws(endpoint_url: str) -> bool:
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def probe(lake: S3Lake) -> list[PermissionCheck]:
    """Each step of a load, tried in order; ends at the first failure that keeps the next from being tried."""
    return list(_probed(lake))


def _probed(lake: S3Lake) -> Iterator[PermissionCheck]:
    try:
        yield PermissionCheck("credentials", True, identity(lake))
        client = lake.client()
    except LakeError as error:
        yield PermissionCheck("credentials", False, str(error), "set up AWS credentials for this user")
        return
    bucket = _bucket(lake, client)
    yield bucket
    if not bucket.ok:
        return
    key = lake.whole_key(PROBE_KEY)
    try:
        first = lake.put_once(client, key, PROBE_BODY)
    except LakeError as error:
        yield PermissionCheck("s3:PutObject", False, str(error), f"allow s3:PutObject on {lake.place(key)}")
        return
    how = "stored" if first == 200 else "there since an earlier check"
    yield PermissionCheck("s3:PutObject", True, f"{lake.place(key)}: {how}")
    yield _never_overwrites(lake, client, key)
    yield _get(lake, client, key)
    if lake.sse:
        yield _encryption(lake, client, key)


def _bucket(lake: S3Lake, client: S3Client) -> PermissionCheck:
    from botocore.exceptions import ClientError

    name = "bucket"
    remedy = "correct [lake] url, endpoint_url or the region, or create the bucket"
    try:
        with lake.explained("reach"):
            try:
                client.head_bucket(Bucket=lake.bucket)
            except ClientError as error:
                # HeadBucket needs s3:ListBucket, which loading does not: the put will tell.
                if status_and_code(error)[0] != 403:
                    raise
                return PermissionCheck(name, True, f"{lake.place()} answers; s3:ListBucket is not granted or needed")
    except LakeError as error:
        return PermissionCheck(name, False, str(error), remedy)
    return PermissionCheck(name, True, f"{lake.place()} is there")


def _never_overwrites(lake: S3Lake, client: S3Client, key: str) -> PermissionCheck:
    """The same body again, so that nothing is lost where the server does overwrite."""
    name = "If-None-Match"
    try:
        second = lake.put_once(client, key, PROBE_BODY)
    except LakeError as error:
        return PermissionCheck(name, False, str(error), "run the check again")
    if second == 200:
        return PermissionCheck(
            name,
            False,
            "expected the server to refuse a second put of the same key (412), but it stored it (200): "
            "objects could be overwritten there",
            "use a server or a version that supports conditional writes",
        )
    return PermissionCheck(name, True, f"a second put of the same key is refused ({second})")


def _get(lake: S3Lake, client: S3Client, key: str) -> PermissionCheck:
    name = "s3:GetObject"
    try:
        lake.compare(client, key, PROBE_BODY)
    except ObjectConflict:
        return PermissionCheck(name, True, f"{lake.place(key)} can be read; it holds another version's probe")
    except LakeError as error:
        return PermissionCheck(name, False, str(error), f"allow s3:GetObject on {lake.place(key)}")
    return PermissionCheck(name, True, f"{lake.place(key)} can be read")


def _encryption(lake: S3Lake, client: S3Client, key: str) -> PermissionCheck:
    name = "encryption"
    try:
        with lake.explained("read back", key):
            found = client.get_object(Bucket=lake.bucket, Key=key)
            found["Body"].close()
    except LakeError as error:
        return PermissionCheck(name, False, str(error), "allow kms:Decrypt on the key of [lake] kms_key_id")
    kind = found.get("ServerSideEncryption", "none")
    if kind != lake.sse:
        return PermissionCheck(
            name,
            False,
            f"expected {lake.place(key)} to be encrypted with {lake.sse}, found {kind}",
            "if the probe is older than this setting, delete it and check again; else the server ignores sse",
        )
    return PermissionCheck(name, True, f"objects are encrypted with {kind}")


def least_privilege_policy(lake: S3Lake) -> dict[str, Any]:
    """The IAM policy that lets a user load into this lake and do nothing else. Raises LakeRefused.

    No s3:ListBucket: a load never looks before it puts, and reads only what it was told is there.
    """
    partition = lake.client().meta.partition
    prefix = f"{lake.prefix}/" if lake.prefix else ""
    statements: list[dict[str, Any]] = [
        {
            "Sid": "LoadWeatherObjects",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetObject"],
            "Resource": f"arn:{partition}:s3:::{lake.bucket}/{_literal(prefix)}weather-data/*",
        }
    ]
    if lake.kms_key_id:
        statements.append(_kms_statement(partition, lake.kms_key_id))
    return {"Version": "2012-10-17", "Statement": statements}


def _literal(text: str) -> str:
    """`text` as IAM reads it literally: its wildcards and variables are written as policy variables."""
    return "".join(f"${{{character}}}" if character in "*?$" else character for character in text)


def _kms_statement(partition: str, key_id: str) -> dict[str, Any]:
    """The use of a key of one's own; the AWS managed key (no kms_key_id) needs no grant.

    IAM knows keys by ARN alone, so an alias becomes a condition.
    """
    statement: dict[str, Any] = {
        "Sid": "UseTheLakeKey",
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
    }
    place, _, name = key_id.rpartition(":")
    if name.startswith("alias/"):
        statement["Resource"] = f"{place or f'arn:{partition}:kms:*:*'}:key/*"
        statement["Condition"] = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": name}}
    else:
        statement["Resource"] = key_id if place else f"arn:{partition}:kms:*:*:key/{key_id}"
    return statement


def folder_checks(lake: FolderLake) -> list[PermissionCheck]:
    """Whether objects can be stored in this folder, which is made if missing; nothing stays in it."""
    return list(_folder_checked(lake.root))


def _folder_checked(root: Path) -> Iterator[PermissionCheck]:
    try:
        existed = root.is_dir()
        make_folder(root)
    except OSError as error:
        yield PermissionCheck("folder", False, str(folder_error(root, error)), "choose another folder in [lake] url")
        return
    yield PermissionCheck("folder", True, f"{root} {'is there' if existed else 'was made'}")
    try:
        probe_file = write_temporary(root, PROBE_BODY)
    except OSError as error:
        remedy = "make this folder writable for this user, or choose another in [lake] url"
        yield PermissionCheck("writable", False, str(folder_error(root, error)), remedy)
        return
    try:
        yield PermissionCheck("writable", True, f"{root} takes files")
        yield _hard_links(probe_file)
    finally:
        probe_file.unlink(missing_ok=True)
    yield _free_space(root)


def _hard_links(file: Path) -> PermissionCheck:
    name = "never overwrites"
    second = file.with_name(f"{file.stem}-link.part")
    try:
        os.link(file, second)
    except OSError as error:
        if error.errno in NO_HARD_LINKS:
            return PermissionCheck(name, True, "this file system has no hard links; a lock file is used instead")
        return PermissionCheck(
            name, False, str(folder_error(file.parent, error)), "choose another folder in [lake] url"
        )
    finally:
        with contextlib.suppress(OSError):
            second.unlink(missing_ok=True)
    return PermissionCheck(name, True, "hard links are supported")


def _free_space(root: Path) -> PermissionCheck:
    try:
        free = shutil.disk_usage(root).free
    except OSError as error:
        return PermissionCheck("free space", False, os.strerror(error.errno or errno.EIO), "check the mount")
    detail = f"{free // 1024**2} MiB free"
    if free < FREE_BYTES:
        return PermissionCheck(
            "free space", False, f"{detail}, expected {FREE_BYTES // 1024**2} or more", "make room there"
        )
    return PermissionCheck("free space", True, detail)
