"""Builds the warehouse of a workspace: its store, the cipher of its sensitive cells, and who may see them in clear."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from console.actions.warehouse import WarehouseActions
from console.settings import Settings
from console.wiring.cells import VaultCells
from console.wiring.clock import SystemClock
from console.wiring.permissions import HostAccount
from warehouse.database import HOW_TO_MAKE, Warehouse, open_warehouse
from warehouse.ports import CellCipher, Showing

FILE = "warehouse.db"


class Masked:
    """Shows no sensitive column: until sessions exist, everyone is a guest."""

    def showing(self, table: str, column: str) -> Showing:  # noqa: ARG002 - the port's signature
        """Masked, whatever the column."""
        return Showing.MASKED


def warehouse_actions(settings: Settings) -> WarehouseActions:
    """The actions on the warehouse in the workspace of `settings`. Opens nothing yet."""
    return WarehouseActions(
        open_store=lambda: open_store(settings),
        find_store=lambda: open_store(settings, make=False),
        cipher=cell_cipher(settings),
        permissions=HostAccount(),
        practice=settings.practice,
        rejects_dir=settings.exports_dir,
        scratch_dir=scratch_dir(settings),
        now=lambda: datetime.now(UTC),
    )


def open_store(settings: Settings, *, read_only: bool = False, make: bool = True) -> Warehouse:
    """The store, made if it is missing unless `read_only` or not `make`. Raises a `StoreError`."""
    return open_warehouse(
        settings.home / FILE,
        lock_file=settings.locks_dir / f"{FILE}.lock",
        now=SystemClock().now,
        read_only=read_only,
        make=make,
        advice=HOW_TO_MAKE if settings.practice else "`lakewarden warehouse load` loads your own data into one",
    )


def scratch_dir(settings: Settings) -> Path:
    """Where work with the warehouse keeps what it needs only while it lasts."""
    return settings.home / "tmp"


def cell_cipher(settings: Settings) -> CellCipher:
    """The cipher over the keys of the workspace's vault; the first key is made when the first cell is sealed."""
    from etl.files import write_whole
    from security.vault.keys import KeyRing

    return VaultCells(KeyRing(settings.keys_dir, write_whole))
