"""`lakewarden cities`: which cities the pipeline loads.

The list shows no more than the Pipelines screen, so it asks for the same permission; what changes the cities, or asks
the weather API about one, is management of the schedule.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping

from console.actions.pipelines import Pipelines, PipelineSetup
from console.cli.exits import Exit, UsageError
from console.cli.output import PRACTICE_LABEL, print_json, print_table, say
from console.cli.session import gate_of
from console.cli.signals import unbroken
from console.config_file import CITIES_VARIABLE
from console.settings import Settings
from console.wiring.pipelines import pipelines
from etl.cities import city_of, new_city, same_city
from etl.models import City, rfc3339


def list_cities(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """The configured cities with their newest readings."""
    actions = _actions(arguments, settings, environ)
    found = actions.cities()
    if arguments.json:
        print_json(
            [
                {
                    "city": status.city.name,
                    "slug": status.city.slug,
                    "latest": status.latest
                    and {
                        "source": status.latest.source,
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
    setup = actions.setup()
    units = setup.policy.units
    _tell_practice(setup)
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
    """Add a city to `config.toml`. Raises `UsageError` for what is no name or position, `ConfigError`."""
    city = _city(arguments.name, new_city)
    there = _configured(city, settings)
    actions = _actions(arguments, settings, environ)
    unbroken(lambda: actions.add_city(city.name))
    say(f"{there} is there already" if there else f"{city.name} is added; the next run loads it")
    return Exit.DONE


def remove_city(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Remove a city from `config.toml`; its runs and readings stay.

    Raises `UsageError` for a city that is not in it, `ConfigError`.
    """
    city = _city(arguments.name)
    there = _configured(city, settings)
    if not there and CITIES_VARIABLE not in settings.overridden:
        raise UsageError(f"{city.name!r} is not among the cities; `lakewarden cities` lists them")
    actions = _actions(arguments, settings, environ)
    unbroken(lambda: actions.remove_city(city.name))
    say(f"{there} is removed; its runs and readings stay")
    return Exit.DONE


def test_city(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Ask the API for a city and store nothing. Raises a `SourceError` or `DataRejected`."""
    actions = _actions(arguments, settings, environ)
    document = actions.test_city(_city(arguments.name, new_city))
    setup = actions.setup()
    if arguments.json:
        print_json({**document, "source": setup.source_name})
    else:
        _tell_practice(setup)
        print_table(["field", "value"], [[field, _shown(value)] for field, value in document.items()])
    return Exit.DONE


def _actions(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Pipelines:
    return pipelines(settings, environ, permissions=gate_of(arguments, settings, environ))


def _city(name: str, read: Callable[[str], City] = city_of) -> City:
    try:
        return read(name)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _configured(city: City, settings: Settings) -> str | None:
    """The configured spelling of `city`, None if it is not configured."""
    return next((name for name in settings.weather.cities if same_city(name) == same_city(city.name)), None)


def _tell_practice(setup: PipelineSetup) -> None:
    if setup.practice:
        print(PRACTICE_LABEL)


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
