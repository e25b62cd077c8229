"""The program itself: the hourly run, the scheduler, jobs and Airflow act under the account of the host."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext


class HostAccount:
    """Permits every action: whoever can read the workspace's files could do all of it anyway.

    Its runs are recorded in the run history; they never wait for the audit log, so that no hour of data is lost to it.
    """

    def require(self, action: str, resource: str) -> None:
        """Return: permitted."""

    def use(self, action: str, resource: str) -> AbstractContextManager[object]:  # noqa: ARG002 – the port's signature
        """Permitted."""
        return nullcontext()
