"""The peer of a run of many cities: a pool of threads that fetch, transform and put, and keep no history.

With `--files` it also keeps the raw and the transformed file of each city, as durably as the pipeline does.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import boto3
import httpx
from botocore.config import Config


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cities", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--files", type=Path, help="a folder for the files of each city")
    options = parser.parse_args()
    ts = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    api = httpx.Client(timeout=10, limits=httpx.Limits(max_connections=options.concurrency))
    s3 = boto3.client(
        "s3",
        endpoint_url=os.environ["LAKEWARDEN_LAKE__ENDPOINT_URL"],
        config=Config(max_pool_connections=options.concurrency),
    )

    def load(number: int) -> None:
        answer = api.get(
            f"{os.environ['LAKEWARDEN_WEATHER__BASE_URL']}/data/2.5/weather",
            params={"q": f"City {number}", "appid": os.environ["OPENWEATHER_API_KEY"]},
        )
        answer.raise_for_status()
        if options.files:
            keep(options.files / f"city_{number}_raw_{ts}.json", answer.content)
        report = answer.json()
        document = {
            "city": report["name"],
            "timestamp": report["dt"],
            "temperature": report["main"]["temp"],
            "humidity": report["main"]["humidity"],
            "weather": report["weather"][0]["description"],
            "wind_speed": report["wind"]["speed"],
        }
        body = json.dumps(document).encode()
        if options.files:
            keep(options.files / f"city_{number}_transformed_{ts}.json", body)
        s3.put_object(
            Bucket="lake",
            Key=f"minimal/city_{number}_weather_{ts}.json",
            Body=body,
            IfNoneMatch="*",
        )

    with ThreadPoolExecutor(options.concurrency) as pool:
        for done in pool.map(load, range(options.cities)):
            assert done is None


def keep(path: Path, body: bytes) -> None:
    """Write a file that is whole or not there, also after a power failure."""
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


if __name__ == "__main__":
    main()
