"""`python -m tests.bench [NAME…]`: side-by-side measurements, printed as ratios. They inform and never gate."""

from __future__ import annotations

import sys
import time
import traceback
from importlib import import_module

from tests.bench.report import print_machine, print_title

NAMES = (
    "once",
    "many",
    "scheduler",
    "console",
    "history",
    "warehouse",
    "queries",
    "spark",
    "audit",
    "identity",
    "records",
    "access",
)


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 64
    print_machine()
    started_s = time.monotonic()
    for name in names or NAMES:
        try:
            import_module(f"tests.bench.{name}").bench()
        except Exception:  # noqa: BLE001 – one that cannot be measured here must not hide the others
            traceback.print_exc()
            print(f"  {name}: not measured", flush=True)
    print_title(f"took {time.monotonic() - started_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
