"""The README says what is true: its commands parse, its keys and defaults are the program's, its pictures exist."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from console.cli.exits import Exit
from console.cli.parser import build_parser
from console.setting_sections import SECTIONS, specs_of
from etl.models import Task
from security.identity.practice import practice_accounts

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PLACEHOLDERS = {
    "--limit N": "--limit 5", "--rows N": "--rows 5", "--seed S": "--seed 1", "--timeout S": "--timeout 1",
    "DATE": "2026-06-30", "--engine E": "--engine sqlite", "--database D": "--database weather", "[QUESTION]": "name",
    "--role R": "--role doctor", "HH:MM-HH:MM": "08:00-20:00", "--format F": "--format cef", "--kind K": "--kind edit",
    "--decision D": "--decision deny", "--mfa FACTOR": "--mfa totp", "SECONDS": "60", "[NAME]": "name",
    "[FILE]": "file",
    "--since TIME": "--since 2026-03-01", "--until TIME": "--until 2026-03-02", "COLUMN[,…]": "sex",
    "--entry N": "--entry 2", "--if-version N": "--if-version 3", "--after N": "--after 3", "SEQ": "3",
    "COLUMN=VALUE": "sex=female", "[--stdin]": "--stdin",
}  # fmt: skip


def shown_commands() -> list[str]:
    """Every command line in a code block or in back-ticks that calls the program."""
    blocks = re.findall(r"```(?:sh|console|cron|ini)\n(.*?)```", README, re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    quoted = re.findall(r"`(lakewarden[^`]*)`", README)
    found = []
    for line in [*lines, *quoted]:
        called = re.search(r"(?:^|\s|=|/)lakewarden((?:\s+[^#]*)?)$", line.split(" #")[0].rstrip())
        if called and not line.startswith(("#", "User", "Desc")):
            found.append(called.group(1).strip())
    return found


def parsed(text: str) -> argparse.Namespace:
    """The command with its optional parts and with names in place of its placeholders."""
    text = re.sub(r"\[(-[^\]|]*?)\]…?", r"\1", text.replace("\\|", "|"))
    text = re.sub(r"\[--at TIME \| --now\]", "--now", text)
    for shown, meant in PLACEHOLDERS.items():
        text = text.replace(shown, meant)
    return build_parser().parse_args(text.split())


def test_every_command_in_the_readme_is_valid() -> None:
    commands = [command for command in shown_commands() if command]
    assert len(commands) >= 15
    for command in commands:
        parsed(command)


def test_the_readme_names_every_command_and_every_option() -> None:
    def walk(parser: argparse.ArgumentParser, path: str) -> None:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, child in action.choices.items():
                    whole = f"{path} {name}"
                    assert whole in README, whole
                    walk(child, whole)
            for option in action.option_strings:
                if option.startswith("--") and option not in ("--help", "--version", "--verbose"):
                    assert option in README, f"{path} {option}"

    walk(build_parser(), "lakewarden")


@pytest.mark.parametrize("section", list(SECTIONS))
def test_the_readme_names_every_key_with_its_default(section: str) -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    for key, (field, _) in specs_of(SECTIONS[section]).items():
        row = next((row for row in rows if f"`{section}.{key}`" in row), None)
        assert row is not None, f"{section}.{key} is missing"
        default = field.default
        if isinstance(default, bool):
            assert str(default).lower() in row
        elif isinstance(default, (int, float)) and not isinstance(default, bool):
            assert f"{default:g}" in row.split("|")[2], f"{section}.{key}: {default:g}"
        elif isinstance(default, str) and default:
            assert str(default) in row, f"{section}.{key}: {default}"


def test_the_readme_names_every_exit_code() -> None:
    for code in Exit:
        assert re.search(rf"^\| {code.value} \|", README, re.M), code


def test_the_readme_names_every_task() -> None:
    for task in Task:
        assert f"`{task.value}`" in README


def test_every_picture_is_there_and_shows_the_program() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    for name in pictures:
        text = (ROOT / name).read_text()
        assert {"Lakewarden", "Help"} & set(re.findall(r"\w+", re.sub(r"<[^>]+>", " ", text))), name


def test_the_map_of_the_house_is_true() -> None:
    block = re.search(r"## The house\n\n```\n(.*?)```", README, re.S)
    assert block is not None
    package = ""
    for line in block.group(1).splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            package = name
            assert (ROOT / package).is_dir(), package
        else:
            assert (ROOT / package / name).exists(), f"{package}{name}"
    for top in ("console", "etl", "warehouse", "security", "tests"):
        assert f"\n{top}/" in f"\n{block.group(1)}", top


def test_the_readme_names_every_practice_account() -> None:
    for new in practice_accounts("UTC"):
        assert f"`{new.user}`" in README.partition("A practice workspace has an account")[2].partition("\n")[0], (
            new.user
        )
