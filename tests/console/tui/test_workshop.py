"""What the workshop makes behind the screens, and what is told where it is refused."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

import pytest

from console.settings import load_settings
from tests.conftest import API_KEY
from tests.console.tui.sign_in.people import production, shown
from tests.console.tui.workspaces import Opened


async def test_practice_accounts_that_are_refused_are_told_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, environ, _code = production(tmp_path / "home", OPENWEATHER_API_KEY=API_KEY)
    config = settings.config_file
    config.write_text(config.read_text().replace('mode = "production"', 'mode = "practice"'))
    with closing(Opened(load_settings(environ), environ, build_practice=True)) as made:
        async with made.app.run_test(size=(120, 30), notifications=True):
            await shown(made, "No practice accounts and patients were made")
    (logged,) = [one for one in caplog.records if one.name == "console.tui.workshop"]
    assert (logged.levelno, logged.exc_info) == (logging.WARNING, None)
    assert "A workspace stays what it was made as" in logged.getMessage()
