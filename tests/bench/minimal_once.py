"""The peer of a single run: the least that fetches one city and puts its document, and remembers nothing."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import boto3
import httpx


def main() -> None:
    city = "Portland"
    answer = httpx.get(
        f"{os.environ['LAKEWARDEN_WEATHER__BASE_URL']}/data/2.5/weather",
        params={"q": city, "appid": os.environ["OPENWEATHER_API_KEY"]},
        timeout=10,
    )
    answer.raise_for_status()
    report = answer.json()
    document = {
        "city": report["name"],
        "timestamp": report["dt"],
        "temperature": report["main"]["temp"],
        "humidity": report["main"]["humidity"],
        "weather": report["weather"][0]["description"],
        "wind_speed": report["wind"]["speed"],
    }
    ts = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    client = boto3.client("s3", endpoint_url=os.environ["LAKEWARDEN_LAKE__ENDPOINT_URL"])
    client.put_object(
        Bucket="lake",
        Key=f"minimal/portland_weather_{ts}.json",
        Body=json.dumps(document).encode(),
        IfNoneMatch="*",
    )


if __name__ == "__main__":
    main()
