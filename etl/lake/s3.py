"""A data lake in an S3 bucket: one conditional put an object, and what each failure means to the operator.

boto3 takes a quarter of a second to import and set up, so it is loaded with the client, which `warm` can
build on another thread while the network is waited for.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import ipaddress
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from etl.errors import LakeError, LakeRefused, LakeUnavailable
from etl.lake.folder import conflict, key_parts
from etl.models import StoredObject

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from types_boto3_s3 import S3Client

SCHEME = "s3://"
SSE_KINDS = ("", "AES256", "aws:kms")
ATTEMPTS = 2  # of one call, inside boto3; the runner's own retries come on top
BUSY_WAITS_S = (0.05, 0.1, 0.2, 0.4)  # after a 409, each jittered
PREFIX_BYTES = 512

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

_CREDENTIALS = "check the AWS credentials and settings of this user (environment, profile or role)"
_PERMISSION = "grant s3:PutObject and s3:GetObject under this prefix (see `lakewarden doctor`)"
_KMS = "check [lake] kms_key_id, the state of the key, and that kms:GenerateDataKey and kms:Decrypt are granted"
_REGION = "set AWS_REGION to the region of the bucket"
_REMEDIES = {
    "NoSuchBucket": "create the bucket, or correct [lake] url",
    "InvalidBucketName": "correct the bucket in [lake] url",
    "AccessDenied": _PERMISSION,
    "AllAccessDisabled": _PERMISSION,
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "ExpiredToken": "renew the session: the AWS credentials have expired",
    "TokenRefreshRequired": "renew the session: the AWS credentials have expired",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "NotImplemented": "use a server that supports conditional writes (If-None-Match)",
}
# Besides 5xx and 429: the body was damaged or cut on the way, or the server asks to slow down.
_PASSING_CODES = {
    "BadDigest",
    "IncompleteBody",
    "InvalidDigest",
    "KMS.ThrottlingException",
    "RequestTimeout",
    "SlowDown",
    "ThrottlingException",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
}
# Any other operation was boto3's own, to get credentials.
_OPERATIONS = {"PutObject", "GetObject", "HeadBucket"}
_BUSY_CODES = {"ConditionalRequestConflict", "OperationAborted"}


def bucket_and_prefix(url: str) -> tuple[str, str]:
    """The bucket and the prefix (no outer slashes, perhaps empty) of `s3://bucket[/prefix]`.

    Raises ValueError, which never repeats a URL that may hold credentials.
    """
    if "@" in url:
        raise ValueError("a lake URL holds no credentials: write s3://bucket[/prefix], found an '@' in it")
    if not url.startswith(SCHEME):
        raise ValueError(f"an S3 lake is s3://bucket[/prefix], found {url!r}")
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket or _is_address(bucket):
        raise ValueError(
            f"a bucket name has 3 to 63 lower-case letters, digits, '-' and '.', and is no IP address; found {bucket!r}"
        )
    prefix = prefix.removesuffix("/")
    if prefix:
        try:
            key_parts(prefix)
        except LakeRefused as error:
            raise ValueError(f"the prefix of the lake is not usable: {error}") from None
        if len(prefix.encode()) > PREFIX_BYTES:
            raise ValueError(f"the prefix of the lake has at most {PREFIX_BYTES} bytes")
    return bucket, prefix


def is_loopback(url: str) -> bool:
    """Whether the host of `url` is this machine: 127.0.0.0/8, ::1 or localhost."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    if host == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _checked_endpoint(url: str) -> str:
    if "@" in url:
        raise ValueError("an endpoint URL holds no credentials: write http(s)://host[:port], found an '@' in it")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment:
        raise ValueError(f"an endpoint URL is http(s)://host[:port], found {url!r}")
    return url


class S3Lake:
    """The `Lake` in `s3://bucket[/prefix]`. Credentials come from boto3's default chain alone.

    `sse` is the server-side encryption to ask for: "" (the bucket's default), `AES256` or `aws:kms`, the last
    with an optional `kms_key_id`. `connections` are kept for that many threads; `timeout_s` holds for
    connecting and for each read. Raises ValueError for values that cannot be right.
    """

    def __init__(
        self,
        url: str,
        *,
        endpoint_url: str = "",
        sse: str = "",
        kms_key_id: str = "",
        connections: int = 16,
        timeout_s: float = 10,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.bucket, self.prefix = bucket_and_prefix(url)
        if sse not in SSE_KINDS:
            raise ValueError(f"[lake] sse is one of {', '.join(map(repr, SSE_KINDS))}; found {sse!r}")
        if kms_key_id and sse != "aws:kms":
            raise ValueError(f"[lake] kms_key_id needs sse = 'aws:kms'; found sse = {sse!r}")
        self.sse, self.kms_key_id = sse, kms_key_id
        self.endpoint_url = _checked_endpoint(endpoint_url) if endpoint_url else ""
        self._connections, self._timeout_s, self._wait = connections, timeout_s, wait
        self._building = threading.Lock()
        self._client: S3Client | None = None

    @property
    def url(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".removesuffix("/")

    @property
    def on_this_machine(self) -> bool:
        """Whether the endpoint is on loopback.

        Without an endpoint of our own this builds the client, to ask boto3 for the one in the AWS settings;
        that may raise LakeRefused.
        """
        return is_loopback(self.endpoint_url or self.client().meta.endpoint_url)

    def warm(self) -> None:
        """Build the client ahead of its use, for a thread of the caller's; what fails, `put` says again."""
        with contextlib.suppress(LakeError):
            self.client()

    def client(self) -> S3Client:
        """The one client of this lake, built by the first who asks. Raises LakeRefused or LakeUnavailable."""
        with self._building, self.explained("set up"):
            if self._client is None:
                self._client = self._built()
            return self._client

    def whole_key(self, key: str) -> str:
        """`key` after the prefix. Raises LakeRefused for a key that is no relative path."""
        key_parts(key)
        return f"{self.prefix}/{key}" if self.prefix else key

    def put(self, key: str, body: bytes) -> StoredObject:
        """Store `body` under the prefix and `key`; an equal object there is success.

        A put that was cut may have stored the whole object without our hearing of it; the next attempt then
        finds it equal. Raises ObjectConflict, LakeUnavailable (time-outs, 5xx, cut connections, damage on the
        way) or LakeRefused (credentials, permissions, no such bucket).
        """
        whole_key = self.whole_key(key)
        client = self.client()
        for wait_s in (*BUSY_WAITS_S, None):
            status = self.put_once(client, whole_key, body)
            if status == 412:
                self.compare(client, whole_key, body)
            if status != 409:
                return StoredObject(whole_key, created=status == 200)
            if wait_s is not None:
                self._wait(wait_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        raise LakeUnavailable(
            f"{self.place(whole_key)} is being written by others (409), "
            f"even after {len(BUSY_WAITS_S) + 1} attempts; retry later"
        )

    def put_once(self, client: S3Client, whole_key: str, body: bytes) -> int:
        """One conditional put: 200 stored, 412 the key is taken, 409 others write it. Raises a LakeError."""
        options: Any = {}
        if self.sse:
            options["ServerSideEncryption"] = self.sse
        if self.kms_key_id:
            options["SSEKMSKeyId"] = self.kms_key_id
        with self.explained("put to", whole_key):
            try:
                client.put_object(
                    Bucket=self.bucket,
                    Key=whole_key,
                    Body=body,
                    ContentType="application/json",
                    IfNoneMatch="*",
                    # S3 needs the digest alone; some servers verify it only if the algorithm is named.
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode("ascii"),
                    **options,
                )
            except client.exceptions.ClientError as error:
                status, code = status_and_code(error)
                if status == 412 or (status == 409 and code in _BUSY_CODES):
                    return status
                raise
        return 200

    def place(self, whole_key: str = "") -> str:
        return f"{SCHEME}{self.bucket}/{whole_key}" if whole_key else self.url

    def compare(self, client: S3Client, whole_key: str, body: bytes) -> None:
        """Raise ObjectConflict unless the stored object is equal; reads at most one byte more than `body`."""
        with self.explained("read back", whole_key):
            found = client.get_object(Bucket=self.bucket, Key=whole_key)
            with contextlib.closing(found["Body"]) as stream:
                if found["ContentLength"] != len(body):
                    raise conflict(self.place(whole_key), body, None, found["ContentLength"])
                stored = stream.read(len(body) + 1)
                if len(stored) < len(body):
                    # boto3 tells only who reads to the end without a limit.
                    raise LakeUnavailable(
                        f"cannot read back {self.place(whole_key)}: the answer ended after {len(stored)} of "
                        f"{len(body)} bytes; check the network, or retry later"
                    )
        if stored != body:
            raise conflict(self.place(whole_key), body, stored, len(stored))

    def _built(self) -> S3Client:
        import boto3
        from botocore.config import Config

        session = boto3.Session()
        if session.get_credentials() is None:
            raise LakeRefused(f"no AWS credentials were found for {self.url}; {_CREDENTIALS}")
        client = session.client(
            "s3",
            endpoint_url=self.endpoint_url or None,
            config=Config(
                max_pool_connections=self._connections,
                connect_timeout=self._timeout_s,
                read_timeout=self._timeout_s,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                # The SHA-256 is sent with every put; boto3's own CRC would only add work.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"} if self.endpoint_url else None,
            ),
        )
        client.meta.events.register_last("before-call.s3", _without_expect)
        return client

    @contextlib.contextmanager
    def explained(self, doing: str, whole_key: str = "") -> Iterator[None]:
        """Turn what boto3 raises inside into a LakeError that says what `doing` met and what helps.

        The cause is left out: a server's text or a credential process may repeat a key.
        """
        client_error, botocore_error, parser_error = _botocore_errors()
        what = f"cannot {doing} {self.place(whole_key)}"
        try:
            yield
        except client_error as error:
            raise answered(what, error) from None
        except botocore_error as error:
            raise unanswered(what, error) from None
        except (parser_error, ConnectionError, TimeoutError) as error:
            raise LakeUnavailable(
                f"{what}: {type(error).__name__}; check that [lake] endpoint_url is an S3 server, or retry"
            ) from None
        except (OSError, ValueError) as error:
            # Settings that boto3 checks late: a CA bundle that is not there, an endpoint or port of no sense.
            raise LakeRefused(f"{what}: {type(error).__name__}; check the AWS settings of this user") from None


@functools.cache
def _botocore_errors() -> tuple[type[ClientError], type[BotoCoreError], type[Exception]]:
    """What boto3 raises, imported once: an import statement a put makes many threads wait for one lock."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return ClientError, BotoCoreError, ResponseParserError


def _without_expect(params: dict[str, Any], **_: object) -> None:
    """Send the body at once: asking first (100-continue) is a round trip that pays for large bodies only."""
    params["headers"].pop("Expect", None)


def status_and_code(error: ClientError) -> tuple[int, str]:
    """The HTTP status and the S3 error code of an answer."""
    response = error.response
    return response["ResponseMetadata"].get("HTTPStatusCode", 0), str(response["Error"].get("Code", ""))


def answered(what: str, error: ClientError) -> LakeError:
    """The meaning of an error answer of the server."""
    status, code = status_and_code(error)
    found = f"{what}: the server answered {status} {re.sub(r'[^A-Za-z0-9._-]', '', code)[:60]}"
    if code in _PASSING_CODES or status in (408, 429) or (status >= 500 and status != 501):
        return LakeUnavailable(f"{found}; it may pass, retry later")
    if error.operation_name == "GetObject":
        if status == 404:
            return LakeUnavailable(f"{found}: the object was there and is gone; retry")
        if status == 403 and not code.startswith("KMS."):
            return LakeRefused(f"{found}: another object may lie there, and s3:GetObject is needed to compare")
    if error.operation_name not in _OPERATIONS:
        return LakeRefused(f"{found} to {error.operation_name}; {_CREDENTIALS}")
    remedy = _KMS if code.startswith("KMS.") else _REMEDIES.get(code)
    return LakeRefused(f"{found}; {remedy or 'check [lake] and the permissions with `lakewarden doctor`'}")


def unanswered(what: str, error: Exception) -> LakeError:
    """The meaning of a failure without an answer: the network, or the settings of boto3 on this machine."""
    from botocore import exceptions as boto

    found = f"{what}: {type(error).__name__}"
    if isinstance(error, boto.SSLError) and "EOF" not in str(error):
        return LakeRefused(
            f"{found}: no trusted TLS connection; check [lake] endpoint_url, the certificate, AWS_CA_BUNDLE"
        )
    if isinstance(error, (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError)):
        return LakeUnavailable(f"{found}: no whole answer came; check the network and [lake] endpoint_url")
    if isinstance(error, boto.MetadataRetrievalError):
        return LakeUnavailable(f"{found}: the credentials of this host's role did not come; retry later")
    if isinstance(error, boto.ProfileNotFound):
        return LakeRefused(f"{found}: correct AWS_PROFILE, or add the profile to the AWS configuration")
    if isinstance(error, (boto.NoRegionError, boto.InvalidRegionError)):
        return LakeRefused(f"{found}; {_REGION}")
    return LakeRefused(f"{found}; {_CREDENTIALS}")
