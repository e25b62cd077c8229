"""Everything that can go wrong in the warehouse, as one tree.

WarehouseError
├── DataRefused                 a whole input that cannot be loaded, or a failed integrity check
│   ├── StoreNotEmpty           what only an empty warehouse may be given, but it has data
│   └── HoldsLoads              practice data would take the place of what somebody loaded
├── QueryRefused                not one valid, permitted SELECT; says where and why
├── QueryStopped                a time limit was reached, or the operator cancelled
├── NotForPractice              an action that only a practice workspace, or only a production one, permits
├── EngineMissing               an optional engine or format whose package is not installed
└── StoreError                  warehouse.db cannot be read or written
    ├── StoreMissing            there is no warehouse yet
    ├── StoreDamaged
    ├── StoreBusy               another process writes, and has for long
    └── StoreNewer              written by a newer version

A message says what was expected, what arrived and what to do. It never holds a sealed value in clear.
"""

from __future__ import annotations


class WarehouseError(Exception):
    """Base of the tree. `kind` is the stable name in JSON."""

    kind = "internal"


class DataRefused(WarehouseError):
    kind = "data_refused"


class StoreNotEmpty(DataRefused):
    kind = "store_not_empty"


class HoldsLoads(DataRefused):
    kind = "holds_loads"


class QueryRefused(WarehouseError):
    """`position` is the 0-based offset into the SQL text that the message points at, None if there is none."""

    kind = "query_refused"

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class QueryStopped(WarehouseError):
    kind = "query_stopped"


class NotForPractice(WarehouseError):
    kind = "not_for_practice"


class EngineMissing(WarehouseError):
    kind = "engine_missing"


class StoreError(WarehouseError):
    kind = "store_failed"


class StoreMissing(StoreError):
    kind = "store_missing"


class StoreDamaged(StoreError):
    kind = "store_damaged"


class StoreBusy(StoreError):
    kind = "store_busy"


class StoreNewer(StoreError):
    kind = "store_newer"
