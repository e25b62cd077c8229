"""The grammar of records, research and keys: records, research and vault."""

from __future__ import annotations

import argparse

from console.cli.grammar import Parser, command, group, json_option, number, patient, stdin_option, utf8

UNSEEN = "- reads it from standard input, so that it stands in no list of processes"
BY = "sex, age_band, state, diagnosis, first_year, ssn"
CODE = "the code of the authenticator, where one is needed"


def add_to(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands."""
    _records(commands)
    _research(commands)
    _vault(commands)


def _records(commands: argparse._SubParsersAction[Parser]) -> None:
    kinds = group(commands, "records", "patient records, as the role may see them", "COMMAND")
    find = command(kinds, "find", "records:find", "the patients that may be seen, by words of a name or by id")
    find.add_argument("name", nargs="*", metavar="NAME", help=f"words of a name, or how an id begins; {UNSEEN}")
    find.add_argument("--limit", type=_number, default=100, metavar="N", help="at most N patients (100)")
    show = command(kinds, "show", "records:show", "one record, each column clear, masked or not at all")
    show.add_argument(
        "--masked", action="store_true", help="the SSN and the insurance id masked, so that no scrollback keeps them"
    )
    history = command(kinds, "history", "records:history", "every version of every entry of a medical history")
    edit = command(kinds, "edit", "records:edit", "write an entry of a medical history; what was there stays")
    for kind in (show, history, edit):
        kind.add_argument("patient", type=patient, metavar="PATIENT", help="the id of a patient")
    edit.add_argument("--add", required=True, metavar="TEXT", help=f"the entry; {UNSEEN}")
    edit.add_argument(
        "--entry",
        type=_number,
        metavar="N",
        help="write a newer text of entry N instead of a new one; an entry is named by the version that first wrote "
        "it, so the numbers have gaps: `records history` shows them",
    )
    edit.add_argument(
        "--if-version", type=_number, metavar="N", help="only if the record is still of version N, as it was shown"
    )
    for kind in (find, show, history, edit):
        json_option(kind)
    _records_admitted(kinds)
    _records_load(kinds)


def _records_admitted(kinds: argparse._SubParsersAction[Parser]) -> None:
    glass = command(
        kinds, "break-glass", "records:break_glass", "open a record in an emergency, for 15 minutes, loudly audited"
    )
    glass.add_argument("patient", type=patient, metavar="PATIENT", help="the id of a patient")
    glass.add_argument(
        "--reason",
        required=True,
        metavar="TEXT",
        help=f"why, in two words and 10 characters at least; {UNSEEN}, as its first line",
    )
    assign = command(kinds, "assign", "records:assign", "let a doctor treat a patient")
    unassign = command(kinds, "unassign", "records:unassign", "let a doctor treat a patient no longer")
    for kind in (assign, unassign):
        kind.add_argument("patient", type=patient, metavar="PATIENT", help="the id of a patient")
        kind.add_argument("user", type=utf8, metavar="USER", help="the account of the doctor")
    for kind in (glass, assign, unassign):
        json_option(kind)
        stdin_option(kind, CODE)


def _records_load(kinds: argparse._SubParsersAction[Parser]) -> None:
    load = command(kinds, "load", "records_load:load", "take patients in from files of JSON lines")
    load.description = (
        "Take patients in from JSON Lines, all of a file or none. The program itself (`service`, the host's account) "
        "does it, as `research rebuild`: no role of the decision rules may, so a session counts for nothing, and it is "
        "on record. A patient who is there with the same values is left alone; with other values the line is a fault, "
        "since edits go through `records edit`."
    )
    load.epilog = (
        "A line has patient_id, name, birth_date (YYYY-MM-DD), sex (female, male, other or unknown), address, phone, "
        "email, ssn (AAA-GG-SSSS), insurance_id, site and domain; it may have assigned (a list of doctors' accounts), "
        "encounters (a list of on, kind, diagnosis), history (a list of text, written_by, written_at) and legal_hold. "
        "At most 262,144 bytes a line, 100,000 lines and 268,435,456 bytes a file; while tens of thousands are stored, "
        "others who write records wait a moment. The file itself stays as it is, in clear: remove it when it is loaded."
    )
    load.add_argument("files", nargs="+", metavar="FILE", help="a file of one JSON object a line; - is standard input")
    json_option(load)


def _research(commands: argparse._SubParsersAction[Parser]) -> None:
    kinds = group(
        commands,
        "research",
        "numbers of a research domain, from de-identified data; no patient is ever shown",
        "COMMAND",
    )
    query = command(kinds, "query", "research:query", "numbers by group, such as by sex; groups under 11 are hidden")
    query.add_argument("domain", metavar="DOMAIN", help="a research domain, such as oncology")
    query.add_argument("--by", required=True, metavar="COLUMN[,…]", help=f"{BY}; ssn is nothing but the mask")
    query.add_argument("--measure", required=True, metavar="NAME", help="patients, encounters, mean_encounters")
    query.add_argument(
        "--where", action="append", metavar="COLUMN=VALUE", help="only these, of any of those but ssn; may be repeated"
    )
    domains = command(kinds, "domains", "research:domains", "the domains that may be asked about")
    rebuild = command(kinds, "rebuild", "research:rebuild", "build what research may ask anew from the records")
    for kind in (query, domains, rebuild):
        json_option(kind)


def _vault(commands: argparse._SubParsersAction[Parser]) -> None:
    kinds = group(commands, "vault", "the keys that seal the records", "status|rotate|check")
    status = command(kinds, "status", "vault:status", "the keys, their ages and what they seal")
    rotate = command(kinds, "rotate", "vault:rotate", "exchange the key of the data keys, or go on doing so")
    check = command(kinds, "check", "vault:check", "open every sealed value of the records, list what does not")
    check.description = (
        "Open every sealed value of the records and name those that do not open; name also edits, assignments, roles "
        "and disabled accounts that are otherwise than the audit log tells. Only an officer's fresh code permits it."
    )
    for kind in (status, rotate, check):
        json_option(kind)
        stdin_option(kind, CODE)


def _number(given: str) -> int:
    return number(given, most=1_000_000)
