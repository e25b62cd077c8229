"""The four tasks of the pipeline as plain callables, the same under our runner and under Airflow.

They pass paths, not contents, and each verifies that its input file is there and whole before it reads it.
Files appear whole or not at all, so running a task again is always safe.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from etl.errors import (
    BadRequest,
    CityNotFound,
    DataRejected,
    OversizedBody,
    QuotaExceeded,
    SensorTimeout,
    SourceError,
    SourceUnavailable,
    StagingError,
)
from etl.files import temporaries_of, write_whole
from etl.models import TASK_LOGGER, City, Staged, StoredObject, Units
from etl.ports import Lake, Source

log = logging.getLogger(TASK_LOGGER)

PRACTICE = "practice"
PRACTICE_MARK = b'"base":"practice"'  # in every raw file of the practice source
FIELDS = ("city", "timestamp", "temperature", "humidity", "weather", "wind_speed")
LATEST_DT = 1 << 33  # year 2242: later is milliseconds, not seconds
_TEMPERATURE_RANGE = {
    Units.STANDARD: (150.0, 350.0),
    Units.METRIC: (-123.15, 76.85),
    Units.IMPERIAL: (-189.67, 170.33),
}
_MOST_WIND = {Units.STANDARD: 150.0, Units.METRIC: 150.0, Units.IMPERIAL: 335.6}
_ADVICE = "Check that the disk is not full and that the folder is writable."


def staged_files(staging_dir: Path, slug: str, ts: str) -> Staged:
    """Where a city's files of one run lie."""
    raw = f"{slug}_weather_raw_{ts}.json"
    return Staged(
        raw=staging_dir / raw,
        transformed=staging_dir / f"{slug}_weather_transformed_{ts}.json",
        rejected=staging_dir / "rejected" / raw,
    )


def is_staged(staged: Staged, source: str) -> bool:
    """Whether the raw file is kept and may be used for `source`: made-up weather is never taken for real weather."""
    try:
        body = staged.raw.read_bytes()
    except OSError:
        return False
    return source == PRACTICE or PRACTICE_MARK not in body


def is_transformed(staged: Staged) -> bool:
    """Whether the transformed file was made from the raw file that is there now."""
    try:
        return staged.transformed.stat().st_mtime_ns >= staged.raw.stat().st_mtime_ns
    except OSError:
        return False


def object_key(source: str, slug: str, ts: str) -> str:
    """The object's key below the lake's prefix; practice data has a tree of its own."""
    root = "practice/weather-data" if source == PRACTICE else "weather-data"
    return f"{root}/{slug}_weather_{ts}.json"


def check(
    source: Source,
    cities: Sequence[City],
    *,
    poke_interval_s: float,
    timeout_s: float,
    steady_s: Callable[[], float],
    wait: Callable[[float], None],
    before_call: Callable[[float], None],
) -> None:
    """Return once the API answers with a body that contains `main`: the HTTP sensor of the pipeline.

    Pokes with the first city; one that the API does not know (400, 404, an oversized body) is asked no more, and
    each poke asks the next one, so that the trouble of one city holds up no other.
    `before_call` is given the seconds left and may raise; `wait` sleeps and may raise. Raises `SensorTimeout` after
    `timeout_s`, `InvalidKey` or `UnexpectedResponse` at once, the city's own error when no city is left to ask.
    """
    deadline_s = steady_s() + timeout_s
    candidates = list(cities)
    poke = 0
    while True:
        poke += 1
        try:
            before_call(deadline_s - steady_s())
            body = source.fetch(candidates[0])
            if b"main" in body:
                log.info("poke %d: available", poke)
                return
            problem: SourceError = SourceUnavailable("the weather API answered, but its body does not contain `main`")
        except (BadRequest, CityNotFound, OversizedBody) as error:
            log.warning("poke %d: %s", poke, error)
            if len(candidates) == 1:
                raise
            candidates.pop(0)
            continue
        except (SourceUnavailable, QuotaExceeded) as error:
            problem = error
        candidates.append(candidates.pop(0))
        log.warning("poke %d: %s", poke, problem)
        left_s = deadline_s - steady_s()
        pause_s = max(poke_interval_s, min(problem.retry_after_s or 0.0, left_s))
        if pause_s >= left_s:
            raise SensorTimeout(
                f"the weather API was not available within {timeout_s:g} s ({poke} pokes); last: {problem}"
            )
        wait(pause_s)


def extract(source: Source, city: City, staged: Staged) -> Path:
    """Fetch the city's weather and keep the body, byte for byte, as its raw file. Returns the file's path.

    Raises a `SourceError`, or `StagingError` if the file cannot be written.
    """
    body = source.fetch(city)
    try:
        # Its name is made durable by `transform`, together with that of the transformed file and before any load.
        write_whole(staged.raw, body, temporary_in=temporaries_of(staged.raw.parent), durable_name=False)
    except OSError as error:
        raise StagingError(f"the raw file {staged.raw} cannot be written: {error.strerror}. {_ADVICE}") from error
    log.info("saved %d bytes as %s", len(body), staged.raw.name)
    return staged.raw


def transform(raw: Path, staged: Staged, *, units: Units = Units.STANDARD) -> Path:
    """Write the six fields of the raw file as the transformed document. Returns the file's path.

    A body that must not be loaded is moved to the rejected folder. Raises `DataRejected` or `StagingError`.
    """
    try:
        document = transformed(_read(raw), units)
    except DataRejected as error:
        raise DataRejected(f"{error}. {_quarantine(raw, staged.rejected)}") from error
    try:
        body = json.dumps(document, ensure_ascii=False).encode()
        write_whole(staged.transformed, body, temporary_in=temporaries_of(staged.transformed.parent))
    except OSError as error:
        raise StagingError(
            f"the transformed file {staged.transformed} cannot be written: {error.strerror}. {_ADVICE}"
        ) from error
    log.info("wrote %s", staged.transformed.name)
    return staged.transformed


def load(lake: Lake, path: Path, key: str) -> StoredObject:
    """Store the transformed file under `key`, never overwriting.

    Raises a `LakeError`, `DataRejected` or `StagingError`.
    """
    body = _read(path)
    _parse_transformed(body)
    stored = lake.put(key, body)
    log.info("%s %s", "stored" if stored.created else "found, equal, so kept", stored.key)
    return stored


def transformed(body: bytes, units: Units) -> dict[str, Any]:
    """The transformed document of an API body.

    Source: the field list of the specification; the ranges are those of weather on Earth, generously.
    Raises `DataRejected`.
    """
    report = _json_object(body)
    main = _part(report, "main", required=True)
    weather = report.get("weather")
    if weather is None or weather == []:
        weather = [{}]
    if not isinstance(weather, list) or not isinstance(weather[0], dict):
        raise DataRejected(f"`weather` must be a list of objects, found {_shown(weather)}")
    return {
        "city": _text(report, "name"),
        "timestamp": _timestamp(report, "dt"),
        "temperature": _number(main, "temp", *_TEMPERATURE_RANGE[units]),
        "humidity": _number(main, "humidity", 0, 100),
        "weather": _text(weather[0], "description"),
        "wind_speed": _number(_part(report, "wind"), "speed", 0, _MOST_WIND[units]),
    }


def read_transformed(path: Path) -> dict[str, Any]:
    """The document that `transform` wrote at `path`. Raises `DataRejected` if it is not one, `StagingError`."""
    return _parse_transformed(_read(path))


def captured_at(document: dict[str, Any]) -> datetime:
    """When the weather of a transformed document was calculated (its `timestamp`, UTC)."""
    return datetime.fromtimestamp(document["timestamp"], UTC)


def _parse_transformed(body: bytes) -> dict[str, Any]:
    document = _json_object(body)
    if tuple(document) != FIELDS:
        raise DataRejected(f"a transformed file must hold exactly {', '.join(FIELDS)}; found {_shown(list(document))}")
    for text in ("city", "weather"):
        _text(document, text)
    _timestamp(document, "timestamp")
    for number in ("temperature", "humidity", "wind_speed"):
        _number(document, number, -1000, 1000)  # its units are not in the file; the exact ranges were checked before
    return document


def _read(path: Path) -> bytes:
    try:
        body = path.read_bytes()
    except FileNotFoundError as error:
        raise StagingError(f"the file {path} is not there, though the task before it wrote it") from error
    except OSError as error:
        raise StagingError(f"the file {path} cannot be read: {error.strerror}") from error
    if not body:
        raise DataRejected(f"{path.name} is empty")
    return body


def _quarantine(raw: Path, rejected: Path) -> str:
    target = rejected
    for number in range(2, 10_000):
        if not target.exists():
            break
        target = rejected.with_suffix(f".{number}.json")
    try:
        rejected.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        raw.rename(target)
    except OSError as error:
        raise StagingError(f"{raw} must be quarantined as {target}, but: {error.strerror}. {_ADVICE}") from error
    return f"The body is kept as rejected/{target.name}"


def _json_object(body: bytes) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON number")

    try:
        value = json.loads(body.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        reason = str(error) if not isinstance(error, UnicodeDecodeError) else "it is not UTF-8"
        raise DataRejected(f"the body must be JSON, found {_shown(body[:60])}: {reason}") from error
    if not isinstance(value, dict):
        raise DataRejected(f"the body must be a JSON object, found {_shown(value)}")
    return value


def _part(report: dict[str, Any], key: str, *, required: bool = False) -> dict[str, Any]:
    part = report.get(key)
    if part is None and not required:
        return {}
    if not isinstance(part, dict):
        raise DataRejected(f"`{key}` must be an object, found {_shown(part)}")
    return part


def _timestamp(report: dict[str, Any], key: str) -> int:
    dt = report.get(key)
    if isinstance(dt, bool) or not isinstance(dt, int) or not 0 < dt < LATEST_DT:
        raise DataRejected(f"`{key}` must be whole seconds since 1970, found {_shown(dt)}")
    return dt


def _number(part: dict[str, Any], key: str, least: float, most: float) -> float | int | None:
    value = part.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataRejected(f"`{key}` must be a number, found {_shown(value)}")
    if not least <= value <= most:
        raise DataRejected(f"`{key}` must lie between {least:g} and {most:g}, found {_shown(value)}")
    return value


def _text(part: dict[str, Any], key: str) -> str | None:
    value = part.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 1000:
        raise DataRejected(f"`{key}` must be a short text, found {_shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataRejected(f"`{key}` holds half a surrogate pair, which is no text") from error
    return value


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "…"
