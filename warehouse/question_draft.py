"""Writing a question file from a statement: its header, whether the loader will take it, and the file, whole."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import QueryRefused
from warehouse.question_files import FROM_AS_OF, Question, builtin_questions, question_of
from warehouse.sql_text import one_select

_HEADER = re.compile(r"\s*--\s*(title|parameter)\s*:\s*(.*?)\s*")
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Draft:
    """A question before it is kept. `parameters` gives each one's declaration: `region text = North | what it is`."""

    title: str
    sql: str
    parameters: Mapping[str, str]

    @property
    def text(self) -> str:
        """The file."""
        title = " ".join(self.title.split())
        header = [
            f"-- title: {title}",
            *(f"-- parameter: {' '.join(line.split())}" for line in self.parameters.values()),
        ]
        return "\n".join([*header, self.sql.strip(), ""])


def draft_of(statement: str) -> Draft:
    """A draft from a statement, which may have a header already; parameters without one are texts.

    Raises `QueryRefused` where it is not one SELECT.
    """
    one_select(statement)  # of the whole first, so that a refusal points at a place of it
    lines = statement.splitlines()
    title, declared, at = "", {}, 0
    for at, line in enumerate(lines):  # noqa: B007 – where the header ends is used behind it
        header = _HEADER.fullmatch(line)
        if header is None:
            break
        if header[1] == "title":
            title = header[2]
        else:
            declared[re.split(r"\W", header[2], maxsplit=1)[0]] = header[2]
    sql, found = one_select("\n".join(lines[at:]))
    names = dict.fromkeys(token.text[1:] for token in found if token.kind == "parameter" and token.text[0] == ":")
    return Draft(title, sql, {name: declared.get(name, f"{name} text") for name in names if name not in FROM_AS_OF})


def file_name(title: str) -> str:
    """A name for a question, made from its title."""
    return _NOT_A_NAME.sub("-", title.casefold())[:40].strip("-")


def checked(name: str, draft: Draft) -> Question:
    """The question that the draft will be. Raises `QueryRefused`, as the loader would."""
    if not draft.title.strip():
        raise QueryRefused("a question needs a description")
    if name in builtin_questions():
        raise QueryRefused("a question of that name comes with the program; choose another")
    return question_of(name, draft.text)


def keep(folder: Path, name: str, draft: Draft, *, replace: bool = False) -> Path:
    """Write the question's file, whole. Raises `QueryRefused`, OSError, and FileExistsError unless `replace`."""
    checked(name, draft)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, part = folder / f"{name}.sql", folder / f".{uuid.uuid4().hex}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(draft.text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            part.replace(path)
        else:
            path.hardlink_to(part)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
    return path
