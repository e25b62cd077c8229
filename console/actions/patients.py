"""Patients come into the workspace from files, which is the program's own doing: no role of the policies may do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from security.disclosure import CORRELATION_BYTES, Caller
from security.identity.account import Role
from security.identity.accounts import Accounts
from security.policy.facts import read_address
from security.records.core import Core
from security.records.loading import Loaded, Loading


class Patients:
    """Loads patients as the service. Safe between threads."""

    def __init__(
        self,
        *,
        core: Callable[[], Core],
        accounts: Callable[[], Accounts],
        service: Caller,
        random_bytes: Callable[[int], bytes],
        prepare: Callable[[], None],
    ) -> None:
        self._core = core
        self._accounts = accounts
        self._service = service
        self._random_bytes = random_bytes
        self._prepare = prepare

    def load(self, file: BinaryIO, *, stop: Callable[[], bool] = lambda: False) -> Loaded:
        """Store the patients of the lines of `file`, all or none; it is read twice, so it must be seekable.

        Raises FileRefused with the faulty lines, RecordRefused, SecurityError, OSError.
        """
        self._prepare()
        doctors = frozenset(one.user for one in self._accounts().list() if one.role is Role.DOCTOR)
        loading = Loading(
            self._core(),
            by=self._service.user,
            role=self._service.stand_in_role,
            address=str(read_address(self._service.address)),
            doctors=doctors,
            correlation=self._random_bytes(CORRELATION_BYTES).hex(),
        )
        return loading.load(file, stop=stop)
