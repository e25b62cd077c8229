"""The lake's bucket as a store of objects for publications, with the lake's settings and its words for what fails."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etl.errors import LakeError, LakeRefused
from etl.lake.s3 import S3Lake, status_and_code

REMOVED_AT_ONCE = 1_000
MEBIBYTE = 1 << 20


class LakeObjects:
    """The objects under the URL of `lake`. Methods raise a `LakeError`."""

    def __init__(self, lake: S3Lake) -> None:
        self._lake = lake

    @property
    def url(self) -> str:
        """Where the keys begin."""
        return self._lake.url

    def put(self, key: str, path: Path) -> None:
        """Store a file under a key that is not taken."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(MEBIBYTE):
                digest.update(piece)
            file.seek(0)
            self._put(key, file, digest.digest(), "application/vnd.apache.parquet")

    def replace(self, key: str, body: bytes) -> None:
        """Store `body` under `key` at once, whatever is there."""
        self._put(key, body, hashlib.sha256(body).digest(), "application/json")

    def read(self, key: str) -> bytes | None:
        """The object; None if there is none."""
        with self._object(key) as stream:
            return None if stream is None else bytes(stream.read())

    def fetch(self, key: str, path: Path) -> bool:
        """Write the object into a file; False if there is none."""
        with self._object(key) as stream:
            if stream is None:
                return False
            with path.open("wb") as file:
                shutil.copyfileobj(stream, file, MEBIBYTE)
            return True

    def remove(self, keys: list[str]) -> None:
        """Remove what may be removed; without the permission, or where a lock holds it, it stays."""
        for begin in range(0, len(keys), REMOVED_AT_ONCE):
            some = [{"Key": self._lake.whole_key(key)} for key in keys[begin : begin + REMOVED_AT_ONCE]]
            with contextlib.suppress(LakeError), self._lake.explained("remove from"):
                self._lake.client().delete_objects(Bucket=self._lake.bucket, Delete={"Objects": some, "Quiet": True})  # type: ignore[typeddict-item]

    def _put(self, key: str, body: Any, digest: bytes, kind: str) -> None:
        options: Any = {}
        if self._lake.sse:
            options["ServerSideEncryption"] = self._lake.sse
        if self._lake.kms_key_id:
            options["SSEKMSKeyId"] = self._lake.kms_key_id
        client, whole_key = self._lake.client(), self._lake.whole_key(key)
        with self._lake.explained("put to", whole_key):
            client.put_object(
                Bucket=self._lake.bucket,
                Key=whole_key,
                Body=body,
                ContentType=kind,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=base64.b64encode(digest).decode("ascii"),
                **options,
            )

    @contextlib.contextmanager
    def _object(self, key: str) -> Iterator[Any]:
        client, whole_key = self._lake.client(), self._lake.whole_key(key)
        with self._lake.explained("read", whole_key):
            try:
                found = client.get_object(Bucket=self._lake.bucket, Key=whole_key)
            except client.exceptions.ClientError as error:
                status, code = status_and_code(error)
                if code == "NoSuchBucket":
                    place = self._lake.place(whole_key)
                    raise LakeRefused(f"there is no bucket for {place}: create it, or correct the URL") from None
                # To those who may not list a bucket, S3 says 403 of an object that is not there.
                if (status, code) in ((404, "NoSuchKey"), (403, "AccessDenied")):
                    yield None
                    return
                raise
            with contextlib.closing(found["Body"]) as stream:
                yield stream
