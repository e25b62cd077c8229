"""DuckDB's results as flat arrays of integers, over the Arrow C stream interface: no row becomes an object of Python.

The layout is that of https://arrow.apache.org/docs/format/CStreamInterface.html; neither pyarrow nor numpy is needed.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from warehouse.errors import StoreError

BYTES_AN_INTEGER = 8


class _Batch(ctypes.Structure):
    """`struct ArrowArray`."""


class _Stream(ctypes.Structure):
    """`struct ArrowArrayStream`."""


_RELEASE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_NEXT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_LAST_ERROR = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)

_Batch._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Batch))),
    ("dictionary", ctypes.c_void_p),
    ("release", _RELEASE),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", _NEXT),
    ("get_next", _NEXT),
    ("get_last_error", _LAST_ERROR),
    ("release", _RELEASE),
    ("private_data", ctypes.c_void_p),
]

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = [ctypes.py_object, ctypes.c_char_p]


def integers(engine: Any, columns: Sequence[str], source: str) -> Iterator[array[int]]:
    """`columns` of `source`, integers without NULL, row after row in flat pieces; both are SQL of the program's own.

    `engine` is a DuckDB connection. Raises its `Error`, or a `StoreError` where the stream breaks off.
    """
    # One column of lists of one length, which Arrow keeps end to end. (`array_value` would take six times as long.)
    sql = f"SELECT [{', '.join(columns)}]::BIGINT[{len(columns)}] FROM {source}"  # noqa: S608
    capsule = engine.sql(sql).__arrow_c_stream__()  # it owns the stream, and releases it when it goes
    where = _pointer_of(capsule, b"arrow_array_stream")
    stream = _Stream.from_address(where)
    while True:
        batch = _Batch()
        if stream.get_next(where, ctypes.addressof(batch)):
            reason = (stream.get_last_error(where) or b"").decode("utf-8", "replace")
            raise StoreError(f"DuckDB broke off: {reason or 'without a reason'}; nothing was changed")
        if not batch.release:
            return
        try:
            values = _values(batch)
        finally:
            batch.release(ctypes.addressof(batch))
        if values:
            yield values


def _values(batch: _Batch) -> array[int]:
    flat = batch.children[0].contents.children[0].contents
    found = array("q")
    if flat.length:
        first = flat.buffers[1] + BYTES_AN_INTEGER * flat.offset
        found.frombytes(ctypes.string_at(first, BYTES_AN_INTEGER * flat.length))
    return found
