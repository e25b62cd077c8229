"""Invented but plausible weather: the same for a place and an hour wherever and whenever it is computed.

Separate from the server that serves it because it is pure: charts and tests use it without a connection.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from etl.cities import position_of, same_city
from etl.models import Units, hour_of

UPDATE_S = 600  # the real API computes anew at most every 10 minutes
ZERO_CELSIUS_K = 273.15
MPH_PER_M_S = 2.2369362920544
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Place:
    """Where a city of the practice world lies. `phases` (0…1) make its weather differ from every other's."""

    name: str
    place_id: int
    latitude: float
    longitude: float
    phases: tuple[float, ...]


def place_named(text: str) -> Place:
    """The place of a city text (a name, latitude and longitude, or an id), the same for all its spellings."""
    digest = hashlib.sha256(same_city(text).encode("utf-8", "surrogatepass")).digest()
    shares = [int.from_bytes(digest[i : i + 4], "big") / 2**32 for i in range(0, 32, 4)]
    name = text.strip()
    latitude, longitude = position_of(name) or (
        round(34 + shares[0] * 24, 4),
        round(shares[1] * 360 - 180, 4),
    )
    is_id = name.isascii() and name.isdigit()
    place_id = int(name) if is_id else 1_000_000 + int(shares[2] * 8_999_999)
    return Place(name, place_id, latitude, longitude, tuple(shares[3:]))


def weather_at(city_text: str, instant: datetime) -> dict[str, Any]:
    """The documented body for a city (K, m/s) at an aware `instant`. Rain, snow and gusts are absent if none.

    The measurements are those of the UTC hour; `dt` is the start of the instant's 10-minute block.
    """
    place = place_named(city_text)
    hour = hour_of(instant)
    clouds = round(100 * _swing(place, hour, 0, days=(3.7, 1.3)))
    celsius = _celsius(place, hour, clouds)
    humidity = _humidity(place, hour, celsius, clouds)
    wind = _wind(place, hour)
    pressure = round(1030 - 30 * clouds / 100 - 8 * _swing(place, hour, 2, days=(5.9, 2.1)))
    rise, fall = _daylight(place, hour)
    by_day = rise <= hour.timestamp() < fall
    wet_mm = round(max(0, clouds - 70) * max(0, humidity - 60) / 250, 2)
    falls = {} if wet_mm == 0 else {"snow" if celsius < 0 else "rain": {"1h": wet_mm}}
    spread = 0.4 + 1.2 * place.phases[4]
    return {
        "coord": {"lon": place.longitude, "lat": place.latitude},
        "weather": [_condition(clouds, wet_mm, celsius, by_day)],
        "base": "practice",  # by which made-up weather is known wherever its raw file is found
        "main": {
            "temp": _kelvin(celsius),
            "feels_like": _kelvin(_feels_like(celsius, humidity, wind["speed"])),
            "temp_min": _kelvin(celsius - spread),
            "temp_max": _kelvin(celsius + spread),
            "pressure": pressure,
            "humidity": humidity,
            "sea_level": pressure,
            "grnd_level": pressure - round(60 * place.phases[3]),
        },
        "visibility": max(200, round(10_000 - 1_500 * wet_mm)),
        "wind": wind,
        **falls,
        "clouds": {"all": clouds},
        "dt": int(instant.timestamp() // UPDATE_S) * UPDATE_S,
        "sys": {"type": 1, "id": place.place_id % 10_000, "country": "ZZ", "sunrise": rise, "sunset": fall},
        "timezone": _shift_s(place),
        "id": place.place_id,
        "name": place.name,
        "cod": 200,
    }


def in_units(body: dict[str, Any], units: Units) -> dict[str, Any]:
    """`body` (K, m/s) with its temperatures and wind speeds in `units`; the rest is the same in all."""
    if units is Units.STANDARD:
        return body
    temperatures = {
        key: _converted_k(value, units)
        for key, value in body["main"].items()
        if key.startswith("temp") or key == "feels_like"
    }
    wind = dict(body["wind"])
    if units is Units.IMPERIAL:
        wind |= {key: round(wind[key] * MPH_PER_M_S, 2) for key in ("speed", "gust") if key in wind}
    return body | {"main": body["main"] | temperatures, "wind": wind}


def _converted_k(kelvin: float, units: Units) -> float:
    celsius = kelvin - ZERO_CELSIUS_K
    return round(celsius * 9 / 5 + 32, 2) if units is Units.IMPERIAL else round(celsius, 2)


def _swing(place: Place, hour: datetime, phase: int, *, days: tuple[float, float]) -> float:
    """A slow wave between 0 and 1 of two periods in days, started where the place's phase says."""
    turns = hour.timestamp() / DAY_S
    first, second = (math.sin(2 * math.pi * (turns / d + place.phases[phase] * (i + 1))) for i, d in enumerate(days))
    return 0.5 + 0.35 * first + 0.15 * second


def _celsius(place: Place, hour: datetime, clouds: int) -> float:
    """Mean by latitude, warmest in the local midsummer and at 15:00 solar time; clouds flatten the day."""
    away = abs(place.latitude)
    mean = 29 - 0.0085 * away**2
    season = math.cos(2 * math.pi * (_day_of_year(hour) - (200 if place.latitude >= 0 else 17)) / 365.25)
    day = math.cos(2 * math.pi * (_solar_hour(place, hour) - 15) / 24)
    drift = _swing(place, hour, 1, days=(6.3, 2.7)) - 0.5
    return mean + 0.24 * away * season + (6 - 0.035 * clouds) * day + 7 * drift


def _humidity(place: Place, hour: datetime, celsius: float, clouds: int) -> int:
    """Percent: more under clouds and in the cool of the night, less in heat."""
    night = -math.cos(2 * math.pi * (_solar_hour(place, hour) - 15) / 24)
    return round(min(98, max(22, 48 + 0.38 * clouds + 9 * night - 0.3 * (celsius - 15))))


def _wind(place: Place, hour: datetime) -> dict[str, float]:
    """m/s and degrees; a gust only where there is one, as in the real API."""
    strength = _swing(place, hour, 2, days=(2.9, 0.9))
    speed = round(0.3 + 10 * strength**2, 2)
    wind: dict[str, float] = {
        "speed": speed,
        "deg": round(360 * _swing(place, hour, 3, days=(4.3, 1.7))) % 360,
    }
    return wind if speed < 4 else wind | {"gust": round(speed * 1.45, 2)}


def _condition(clouds: int, wet_mm: float, celsius: float, by_day: bool) -> dict[str, Any]:
    """The item of `weather` that goes with the clouds and what falls from them (codes as documented)."""
    if wet_mm > 0 and celsius < 0:
        found = (600, "Snow", "light snow", "13") if wet_mm < 1 else (601, "Snow", "snow", "13")
    elif wet_mm > 0:
        found = (500, "Rain", "light rain", "10") if wet_mm < 2.5 else (501, "Rain", "moderate rain", "10")
    elif clouds <= 10:
        found = (800, "Clear", "clear sky", "01")
    elif clouds <= 25:
        found = (801, "Clouds", "few clouds", "02")
    elif clouds <= 50:
        found = (802, "Clouds", "scattered clouds", "03")
    elif clouds <= 84:
        found = (803, "Clouds", "broken clouds", "04")
    else:
        found = (804, "Clouds", "overcast clouds", "04")
    code, group, description, icon = found
    return {"id": code, "main": group, "description": description, "icon": icon + ("d" if by_day else "n")}


def _feels_like(celsius: float, humidity: int, wind_m_s: float) -> float:
    """Steadman's apparent temperature without radiation, as the Australian Bureau of Meteorology gives it."""
    vapour_hpa = humidity / 100 * 6.105 * math.exp(17.27 * celsius / (237.7 + celsius))
    return celsius + 0.33 * vapour_hpa - 0.7 * wind_m_s - 4


def _daylight(place: Place, hour: datetime) -> tuple[int, int]:
    """Sunrise and sunset of the local day, UTC seconds: equal in polar night, a day apart in polar day."""
    local = hour.astimezone(timezone(timedelta(seconds=_shift_s(place))))
    noon = datetime(local.year, local.month, local.day, 12, tzinfo=UTC).timestamp() - place.longitude / 15 * 3600
    tilt = math.radians(23.44) * math.sin(2 * math.pi * (_day_of_year(hour) - 81) / 365.25)
    reach = -math.tan(math.radians(max(-89.0, min(89.0, place.latitude)))) * math.tan(tilt)
    half_s = math.acos(max(-1.0, min(1.0, reach))) / math.pi * DAY_S / 2
    return round(noon - half_s), round(noon + half_s)


def _shift_s(place: Place) -> int:
    return round(place.longitude / 15) * 3600


def _solar_hour(place: Place, hour: datetime) -> float:
    return (hour.hour + place.longitude / 15) % 24


def _day_of_year(hour: datetime) -> int:
    return hour.timetuple().tm_yday


def _kelvin(celsius: float) -> float:
    return round(celsius + ZERO_CELSIUS_K, 2)
