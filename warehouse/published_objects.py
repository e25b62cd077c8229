"""Publishing into a store of objects, such as a bucket, and reading from there: the new publication or the old, whole.

1. Every file of a publication goes under a name of its own, its manifest last.
2. Only then is `current.json` replaced, in one request: it names the publication that readers take, and the one before,
   which stays for readers that are at it. What the one before had left is removed.
3. A reader takes the files that the manifest names and compares their sizes and digests.
A publisher that is killed leaves files that nothing names: `current.json` still names the publication before.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from warehouse.database import Warehouse
from warehouse.engines.duckdb_loading import load_duckdb
from warehouse.errors import StoreError
from warehouse.publish import (
    MANIFEST,
    Publication,
    Published,
    digest_of,
    go_on,
    published,
    put_in_place,
    write_tables,
)
from warehouse.scratch import ScratchFolder

ROOT = "warehouse"
CURRENT = f"{ROOT}/current.json"


class Objects(Protocol):
    """Objects by their keys. Methods raise what the store raises, in words for the operator."""

    @property
    def url(self) -> str:
        """Where the keys begin."""
        ...

    def put(self, key: str, path: Path) -> None:
        """Store a file under a key that is not taken."""
        ...

    def replace(self, key: str, body: bytes) -> None:
        """Store `body` under `key` at once, whatever is there."""
        ...

    def read(self, key: str) -> bytes | None:
        """The object; None if there is none."""
        ...

    def fetch(self, key: str, path: Path) -> bool:
        """Write the object into a file; False if there is none."""
        ...

    def remove(self, keys: list[str]) -> None:
        """Remove what may be removed; what has to stay, stays."""
        ...


@dataclass(frozen=True, slots=True)
class Current:
    """What `current.json` says: the publication to read, and the one before it (empty: none)."""

    name: str
    before: str
    mark: str
    at: str


def current(objects: Objects) -> Current | None:
    """The publication that is there to read; None if there is none. Raises `StoreError` if that cannot be told."""
    body = objects.read(CURRENT)
    if body is None:
        return None
    try:
        found = json.loads(body)
        return Current(str(found["publication"]), str(found["before"] or ""), str(found["mark"]), str(found["at"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{objects.url}/{CURRENT} was not written by this program; publish elsewhere") from error


def publish_to(
    warehouse: Warehouse, objects: Objects, scratch: Path, *, now: datetime, stop: threading.Event | None = None
) -> Publication:
    """Publish into `objects`. Raises as `publish` does, and what `objects` raise; then the old stays published."""
    started = time.monotonic()
    load_duckdb()
    old = current(objects)  # also tells early what is wrong with the store
    name = f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    with ScratchFolder(scratch, "publish") as staging:
        rows, mark = write_tables(warehouse, staging, now, stop)
        paths = sorted((p for p in staging.rglob("*") if p.is_file()), key=lambda p: (p.name == MANIFEST, p))
        at = json.loads((staging / MANIFEST).read_text(encoding="utf-8"))["published_at"]
        pointer = {"format": 1, "publication": name, "before": old and old.name, "mark": mark, "at": at}
        keys: list[str] = []
        try:
            for path in paths:
                go_on(stop)
                keys.append(f"{ROOT}/{name}/{path.relative_to(staging).as_posix()}")
                objects.put(keys[-1], path)
            go_on(stop)
        except BaseException:
            objects.remove(keys)
            raise
        _point(objects, pointer, keys)
        size = sum(path.stat().st_size for path in paths)
    if old and old.before:
        _remove(objects, old.before)
    return Publication(f"{objects.url}/{ROOT}/{name}", rows, len(paths), size, mark, time.monotonic() - started)


def _point(objects: Objects, pointer: dict[str, Any], keys: list[str]) -> None:
    """Let readers take what `keys` hold. If that fails, they are removed, unless only its answer was lost."""
    pointed = False
    try:
        objects.replace(CURRENT, json.dumps(pointer).encode())
        pointed = True
    finally:
        if not pointed:
            found = current(objects)
            if found is None or found.name != pointer["publication"]:
                objects.remove(keys)


def download(objects: Objects, folder: Path, *, now: datetime, stop: threading.Event | None = None) -> Published | None:
    """Bring the current publication under the local name `folder`, unless it is there; None if there is none.

    Raises `StoreError` if it is not whole, `QueryStopped`, and what `objects` raise.
    """
    name = ""
    for _ in range(3):  # a publisher may remove a publication while it is read; a newer one is there then
        found = current(objects)
        if found is None:
            return None
        here = published(folder)
        if here is not None and (here.mark, here.at) == (found.mark, found.at):
            return here
        name = found.name
        if put_in_place(folder, partial(_fetch, objects, name, stop=stop), now=now) is not None:
            return published(folder)
    raise StoreError(f"{objects.url}/{ROOT}/{name} is not whole: publish again with `lakewarden warehouse publish`")


def _fetch(objects: Objects, name: str, staging: Path, *, stop: threading.Event | None) -> bool:
    body = objects.read(f"{ROOT}/{name}/{MANIFEST}")
    if body is None:
        return False
    for path, file in _files(body, objects.url).items():
        go_on(stop)
        target = staging / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not objects.fetch(f"{ROOT}/{name}/{path}", target):
            return False
        if target.stat().st_size != file["bytes"] or digest_of(target) != file["sha256"]:
            raise StoreError(f"{objects.url}/{ROOT}/{name}/{path} is not what was published: publish again")
    (staging / MANIFEST).write_bytes(body)
    return True


def _files(manifest: bytes, url: str) -> dict[str, Any]:
    try:
        files: dict[str, Any] = json.loads(manifest)["files"]
        for path, file in files.items():
            parts = PurePosixPath(path).parts
            if path.startswith("/") or ".." in parts or {"bytes", "sha256"} - file.keys():
                raise ValueError(path)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"a manifest in {url} was not written by this program; publish again") from error
    return files


def _remove(objects: Objects, name: str) -> None:
    if body := objects.read(f"{ROOT}/{name}/{MANIFEST}"):
        # The manifest goes last: until then, it names what is left to remove.
        objects.remove([*(f"{ROOT}/{name}/{path}" for path in _files(body, objects.url)), f"{ROOT}/{name}/{MANIFEST}"])
