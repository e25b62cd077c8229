"""Publishing into a bucket, at a real S3 endpoint: readers see the old publication or the new, never half of one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.wiring.lake_objects import LakeObjects
from etl.errors import LakeError, LakeRefused, LakeUnavailable
from etl.lake.s3 import S3Lake
from tests.conftest import Lakewarden, wait_until
from tests.simulators.s3 import (
    BUCKET,
    FAKE_SECRET,
    Answer,
    CutAnswer,
    CutUpload,
    Fault,
    FaultyS3,
    MotoS3,
    SeenRequest,
    fake_environment,
    make_bucket,
    objects_in,
    unused_endpoint,
)
from tests.warehouse.shop import Shop
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.errors import QueryStopped, StoreError
from warehouse.models import FACT
from warehouse.publish import MANIFEST
from warehouse.published_objects import CURRENT, current, download, publish_to

NOW = datetime(2026, 11, 23, 21, 17, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with MotoS3() as server:
        yield server.endpoint


@pytest.fixture(autouse=True)
def aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in fake_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest) -> str:
    name = f"b{abs(hash(request.node.name)):x}"
    make_bucket(endpoint, name)
    return name


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path / "shop").with_master_data()
    shop.load_sales((1, 20260201, 1, 1, 1, 2, "3.98"), (2, 20260101, 2, 2, 2, 1, "2.99"))
    return shop


def objects_at(endpoint: str, bucket: str, **options: str) -> LakeObjects:
    return LakeObjects(S3Lake(f"s3://{bucket}/sales", endpoint_url=endpoint, timeout_s=2, **options))  # type: ignore[arg-type]


def count(shop: Shop, folder: Path) -> tuple[object, str]:
    with closing(DuckdbEngine(shop.warehouse, folder, scratch_dir=shop.scratch)) as engine:
        answer = engine.answer(f"SELECT COUNT(*) FROM {FACT}")
    return answer.rows[0][0], answer.because


def test_what_is_published_is_read_back_whole_and_current(
    shop: Shop, endpoint: str, bucket: str, tmp_path: Path
) -> None:
    objects = objects_at(endpoint, bucket)
    assert download(objects, tmp_path / "copy", now=NOW) is None
    done = publish_to(shop.warehouse, objects, tmp_path, now=NOW)
    assert done.url.startswith(f"s3://{bucket}/sales/warehouse/20261123T211705-")
    stored = objects_in(endpoint, bucket)
    assert len(stored) == done.files + 1
    assert sum(map(len, stored.values())) - len(stored[f"sales/{CURRENT}"]) == done.size
    found = download(objects, tmp_path / "copy", now=NOW)
    assert found is not None
    assert found.mark == done.mark
    rows, because = count(shop, tmp_path / "copy")
    assert (rows, "which is current" in because) == (2, True)
    assert not list(tmp_path.glob("publish-*"))


def test_nothing_that_is_published_names_a_person(shop: Shop, endpoint: str, bucket: str, tmp_path: Path) -> None:
    shop.build(rows=500, replace=True)
    people = shop.rows("SELECT customer_id, customer_name, address FROM Customer_Table")
    cells = {cell for _, *sealed in people for cell in sealed}
    names = {
        shop.cipher.open(row[index], table="Customer_Table", column=column, row=row[0]).encode()
        for row in people
        for index, column in ((1, "customer_name"), (2, "address"))
    }
    publish_to(shop.warehouse, objects_at(endpoint, bucket), tmp_path, now=NOW)
    bodies = objects_in(endpoint, bucket)
    assert len(names) > 50
    for key, body in bodies.items():
        found = [text for text in names | cells if text in body]
        assert not found, (key, found[:3])
        assert b"customer_name" not in body


def test_the_second_takes_the_place_of_the_first_and_the_third_removes_it(
    shop: Shop, endpoint: str, bucket: str, tmp_path: Path
) -> None:
    objects = objects_at(endpoint, bucket)
    urls = []
    for number in range(3):
        urls.append(publish_to(shop.warehouse, objects, tmp_path, now=NOW).url.rpartition("/")[2])
        found = current(objects)
        assert found is not None
        assert (found.name, found.before) == (urls[-1], urls[-2] if number else "")
        assert download(objects, tmp_path / "copy", now=NOW) is not None
        rows, because = count(shop, tmp_path / "copy")
        assert (rows, "which is current" in because) == (2 + number, True)
        shop.load_sales((10 + number, 20260201, 1, 1, 1, 2, "3.98"))
    kept = {key.split("/")[2] for key in objects_in(endpoint, bucket) if key != f"sales/{CURRENT}"}
    assert kept == set(urls[1:])


@pytest.mark.parametrize("at", [0, 1, 4, 7])
def test_a_failure_at_any_put_leaves_the_old_publication(
    shop: Shop, endpoint: str, bucket: str, tmp_path: Path, at: int
) -> None:
    publish_to(shop.warehouse, objects_at(endpoint, bucket), tmp_path, now=NOW)
    before = objects_in(endpoint, bucket)
    shop.load_sales((3, 20260201, 1, 1, 1, 2, "3.98"))
    with FaultyS3(endpoint) as faulty:
        through = objects_at(faulty.endpoint, bucket)
        whole = len(before)
        _fail_at(faulty, at if at < 7 else whole - 1)
        with pytest.raises(LakeRefused, match="403 AccessDenied"):
            publish_to(shop.warehouse, through, tmp_path, now=NOW)
    assert objects_in(endpoint, bucket) == before
    assert not list(tmp_path.glob("publish-*"))


def _fail_at(faulty: FaultyS3, put: int) -> None:
    """Let `put` puts pass, and answer 403 to those after."""
    puts = 0

    def refused(seen: SeenRequest) -> Fault | None:
        nonlocal puts
        puts += seen.method == "PUT"
        return Answer(403, "AccessDenied") if seen.method == "PUT" and puts > put else None

    _fault_at(faulty, refused)


def _fault_at(faulty: FaultyS3, fault: Callable[[SeenRequest], Fault | None]) -> None:
    """Let `fault` decide on each request."""
    faulty.next_fault = fault  # type: ignore[assignment, method-assign]


def test_where_only_the_last_answer_was_lost_what_is_named_stays(
    shop: Shop, endpoint: str, bucket: str, tmp_path: Path
) -> None:
    old = publish_to(shop.warehouse, objects_at(endpoint, bucket), tmp_path, now=NOW)
    with FaultyS3(endpoint) as faulty:
        _fault_at(faulty, lambda seen: CutAnswer() if seen.path.endswith(CURRENT) and seen.method == "PUT" else None)
        with pytest.raises(LakeUnavailable):
            publish_to(shop.warehouse, objects_at(faulty.endpoint, bucket), tmp_path, now=NOW)
    found = current(objects_at(endpoint, bucket))
    assert found is not None
    assert found.name not in old.url
    assert download(objects_at(endpoint, bucket), tmp_path / "copy", now=NOW) is not None


def test_stopped_it_leaves_the_old_publication(shop: Shop, endpoint: str, bucket: str, tmp_path: Path) -> None:
    objects, stop = objects_at(endpoint, bucket), threading.Event()
    publish_to(shop.warehouse, objects, tmp_path, now=NOW)
    before = objects_in(endpoint, bucket)
    put = objects.put

    def put_and_stop(key: str, path: Path) -> None:
        put(key, path)
        stop.set()

    objects.put = put_and_stop  # type: ignore[method-assign]
    with pytest.raises(QueryStopped):
        publish_to(shop.warehouse, objects, tmp_path, now=NOW, stop=stop)
    assert objects_in(endpoint, bucket) == before


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Answer(403, "AccessDenied"), LakeRefused, "s3:PutObject"),
        (Answer(403, "SignatureDoesNotMatch"), LakeRefused, "AWS credentials"),
        (Answer(404, "NoSuchBucket"), LakeRefused, "create the bucket"),
        (Answer(503, "SlowDown"), LakeUnavailable, "retry later"),
        (CutUpload(10), LakeUnavailable, "no whole answer"),
    ],
)
def test_what_the_bucket_answers_is_told_in_words(
    shop: Shop, endpoint: str, bucket: str, tmp_path: Path, fault: Fault, kind: type[LakeError], said: str
) -> None:
    with FaultyS3(endpoint) as faulty:
        faulty.always(fault)
        with pytest.raises(kind) as raised:
            publish_to(shop.warehouse, objects_at(faulty.endpoint, bucket), tmp_path, now=NOW)
    assert said in str(raised.value)
    assert FAKE_SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert current(objects_at(endpoint, bucket)) is None


def test_nothing_listens_or_there_is_no_such_bucket(shop: Shop, endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(LakeUnavailable, match="check the network"):
        publish_to(shop.warehouse, objects_at(unused_endpoint(), BUCKET), tmp_path, now=NOW)
    with pytest.raises(LakeRefused, match="create it"):
        publish_to(shop.warehouse, objects_at(endpoint, "there-is-none"), tmp_path, now=NOW)


def test_the_encryption_asked_for_is_asked_of_every_object(
    shop: Shop, endpoint: str, bucket: str, tmp_path: Path
) -> None:
    with FaultyS3(endpoint) as proxy:
        objects = objects_at(proxy.endpoint, bucket, sse="aws:kms", kms_key_id="alias/lake")
        done = publish_to(shop.warehouse, objects, tmp_path, now=NOW)
        puts = [
            {name.lower(): value for name, value in seen.headers.items()} for seen in proxy.seen if seen.method == "PUT"
        ]
    assert len(puts) == done.files + 1
    assert {put["x-amz-server-side-encryption"] for put in puts} == {"aws:kms"}
    assert {put["x-amz-server-side-encryption-aws-kms-key-id"] for put in puts} == {"alias/lake"}
    assert all(put["x-amz-checksum-sha256"] for put in puts)


def test_what_was_changed_in_the_bucket_is_not_taken(shop: Shop, endpoint: str, bucket: str, tmp_path: Path) -> None:
    objects = objects_at(endpoint, bucket)
    done = publish_to(shop.warehouse, objects, tmp_path, now=NOW)
    name = done.url.rpartition("/")[2]
    stored = objects_in(endpoint, bucket)
    key = next(key for key in stored if key.endswith("data.parquet")).removeprefix("sales/")
    objects.replace(key, stored[f"sales/{key}"][:-1] + b"?")
    with pytest.raises(StoreError, match="is not what was published"):
        download(objects, tmp_path / "copy", now=NOW)
    objects.remove([key])
    with pytest.raises(StoreError, match=f"{name} is not whole"):
        download(objects, tmp_path / "copy", now=NOW)
    manifest = f"warehouse/{name}/{MANIFEST}"
    document = json.loads(stored[f"sales/{manifest}"])
    document["files"] = {"../../outside": {"bytes": 1, "sha256": ""}}
    objects.replace(manifest, json.dumps(document).encode())
    with pytest.raises(StoreError, match="was not written by this program"):
        download(objects, tmp_path / "copy", now=NOW)
    objects.replace(CURRENT, b"[]")
    with pytest.raises(StoreError, match="was not written by this program"):
        download(objects, tmp_path / "copy", now=NOW)
    assert not (tmp_path / "copy").exists()


def test_a_publisher_that_is_killed_leaves_the_old_one_to_the_readers(
    lakewarden: Lakewarden, endpoint: str, bucket: str
) -> None:
    with FaultyS3(endpoint) as proxy:
        lakewarden.environ |= {
            **fake_environment(),
            "LAKEWARDEN_LAKE__URL": f"s3://{bucket}/sales",
            "LAKEWARDEN_LAKE__ENDPOINT_URL": proxy.endpoint,
        }
        assert lakewarden("warehouse", "build", "--rows", "2000", "--until", "2026-10-31").code == 0
        lakewarden.sign_in("operator")
        told = json.loads(lakewarden("warehouse", "publish", "--json").out)
        assert told["url"].startswith(f"s3://{bucket}/sales/warehouse/")
        ended = lakewarden("warehouse", "ask", "revenue-by-category", "--engine", "duckdb", "--explain")
        assert (ended.code, "published Parquet, which is current" in ended.err) == (0, True)
        old = current(objects_at(endpoint, bucket))
        seen = len(proxy.seen)
        process = lakewarden.start("warehouse", "publish")
        wait_until(lambda: sum(request.method == "PUT" for request in proxy.seen[seen:]) >= 3)
        process.kill()
        process.communicate()
        assert current(objects_at(endpoint, bucket)) == old
        assert lakewarden("warehouse", "ask", "revenue-by-category", "--engine", "duckdb").code == 0
        proxy.always(Answer(403, "AccessDenied"))
        refused = lakewarden("warehouse", "publish")
        assert (refused.code, refused.err.count("\n")) == (74, 1)
        assert "s3:PutObject" in refused.err
        assert lakewarden("warehouse", "publish", "--to", "s3://No_Bucket").code == 74
