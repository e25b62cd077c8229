"""Builds the warehouse of a workspace: its store, and the cipher of its sensitive cells."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from console.actions.permissions import Permissions
from console.actions.warehouse import WarehouseActions
from console.settings import Settings
from console.wiring.cells import VaultCells
from console.wiring.clock import SystemClock
from console.wiring.permissions import HostAccount
from warehouse.database import HOW_TO_MAKE, Warehouse, open_warehouse
from warehouse.ports import CellCipher

FILE = "warehouse.db"


def warehouse_actions(settings: Settings, *, permissions: Permissions | None = None) -> WarehouseActions:
    """The actions on the warehouse in the workspace of `settings`. Opens nothing yet.

    They are those of whoever `permissions` decides for; of the program itself without it.
    """
    return WarehouseActions(
        open_store=lambda: open_store(settings),
        find_store=lambda: open_store(settings, make=False),
        cipher=cell_cipher(settings),
        permissions=permissions or HostAccount(),
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
    from console.wiring.key_folder import key_ring

    return VaultCells(key_ring(settings))
