"""`lakewarden doctor`: what is configured, reachable and permitted, with a remedy for what is not."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping

from console.cli.exits import Exit
from console.cli.output import print_json, safe
from console.settings import Settings
from console.wiring.doctor import examine


def doctor(arguments: Namespace, settings: Settings, _environ: Mapping[str, str]) -> Exit:
    """Print every check; exit 1 if one of them fails."""
    report = examine(settings)
    if arguments.json:
        document = {
            "ok": report.ok,
            "checks": [
                {
                    "name": check.name,
                    "ok": check.ok,
                    "detail": check.detail,
                    "remedy": None if check.ok else check.remedy,
                }
                for check in report.checks
            ],
        }
        if report.policy is not None:
            document["policy"] = report.policy
        print_json(document)
    else:
        for check in report.checks:
            print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {safe(check.detail)}")
            if check.remedy and not check.ok:
                print(f"      → {safe(check.remedy)}")
        if report.policy is not None:
            print("\nThe least-privilege policy for the role of this host:")
            print(json.dumps(report.policy, indent=2))
    return Exit.DONE if report.ok else Exit.PARTLY
