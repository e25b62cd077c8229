"""`lakewarden cities`: which cities the pipeline loads."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, print_table, say
from console.settings import Settings
from console.wiring.pipelines import pipelines
from etl.cities import city_of
from etl.models import rfc3339


def list_cities(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """The configured cities with their newest readings."""
    actions = pipelines(settings, environ)
    found = actions.cities()
    if arguments.json:
        print_json(
            [
                {
                    "city": status.city.name,
                    "slug": status.city.slug,
                    "latest": status.latest
                    and {
                        "logical_time": rfc3339(status.latest.logical_time),
                        "timestamp": rfc3339(status.latest.captured_at),
                        "temperature": status.latest.temperature,
                        "humidity": status.latest.humidity,
                        "weather": status.latest.weather,
                        "wind_speed": status.latest.wind_speed,
                        "units": status.latest.units,
                    },
                }
                for status in found
            ]
        )
        return Exit.DONE
    units = actions.setup().policy.units
    print_table(
        ["city", "slug", f"temperature {units.temperature_symbol}", "humidity %", "weather", "reading of"],
        [
            [status.city.name, status.city.slug]
            + (
                [_shown(reading.temperature), _shown(reading.humidity), reading.weather or "–",
                 rfc3339(reading.logical_time)]
                if (reading := status.latest) else ["–"] * 4
            )
            for status in found
        ],
    )  # fmt: skip
    return Exit.DONE


def add_city(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Add a city to `config.toml`. Raises `ConfigError`."""
    pipelines(settings, environ).add_city(arguments.name)
    say(f"{arguments.name} is added; the next run loads it")
    return Exit.DONE


def remove_city(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Remove a city from `config.toml`; its runs and readings stay. Raises `ConfigError`."""
    pipelines(settings, environ).remove_city(arguments.name)
    say(f"{arguments.name} is removed; its runs and readings stay")
    return Exit.DONE


def test_city(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Ask the API for a city and store nothing. Raises a `SourceError` or `DataRejected`."""
    try:
        city = city_of(arguments.name)
    except ValueError as error:
        raise UsageError(str(error)) from error
    document = pipelines(settings, environ).test_city(city)
    if arguments.json:
        print_json(document)
    else:
        print_table(["field", "value"], [[field, _shown(value)] for field, value in document.items()])
    return Exit.DONE


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
