"""CSV as it comes: UTF-8 or UTF-16, with or without a mark, any usual delimiter; never more than a few MiB at once.

A quotation that does not end, that has other text behind its end, or that makes a row longer than any is, costs the
line on which it begins and no other: reading goes on with the next line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, BinaryIO

from warehouse.engines.duckdb_loading import quoted
from warehouse.errors import DataRefused
from warehouse.readers import Chunk, Rejected, Relation, identity

BLOCK = 262_144  # bytes read at once
LONGEST_LINE = 1_048_576  # bytes
USUAL_LINE = 40  # bytes of a sale
MOST_COLUMNS = 1_000
PIECE = 16_384  # characters; a row that takes a whole one and more, without an end, is none
PIECES_KEPT = 5  # to go back to a line in
ROWS_A_CHUNK, BYTES_A_CHUNK, ROWS_A_STEP = 5_000, 4_194_304, 16
DELIMITERS = (",", ";", "\t", "|")
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
TOO_LONG = "row too long"
NO_TEXT = "a compressed file has to be unpacked first, and UTF-16 needs its byte order mark"
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class CsvReader:
    """The rows of a CSV file with a header. Raises `DataRefused` if it has none that can be read, and OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._size = path.stat().st_size
        self._handed = 0
        self._texts = self._read_texts(self._file)
        self._pieces: deque[_Piece] = deque(maxlen=PIECES_KEPT)
        self._rows_read: list[list[str]] = []  # of the chunk at work
        self._rows_before, self._spent = 0, 0  # when the last piece was taken, and the characters since one ended
        self._went_back = False  # since the last piece was taken
        self._line = self._read_to = 0  # the lines that are behind, and those taken out of the file
        self._delimiter = DELIMITERS[0]
        self._begin(iter(()), behind=0)
        try:
            self._lines = self._lines_of_pieces()
            blank, first = _first_that_is_not_blank(self._lines)
            self._delimiter = max(DELIMITERS, key=first.count)
            self._begin(chain(repeat("\n", blank), [first], self._lines), behind=0)
            self._after_blank = blank > 0
            self.header = self.names = self._header()
        except BaseException:
            self._file.close()
            raise
        self._line = self._newest_line()

    def chunks(self) -> Iterator[Chunk]:
        while (chunk := self._chunk()) is not None:
            yield chunk

    def relation(self) -> Relation:
        columns = [f"c{index}" for index in range(len(self.names))]
        kinds = ", ".join(f"'{column}': 'VARCHAR'" for column in columns)
        sql = (
            f"read_csv({quoted(self._path)}, header = true, auto_detect = false, delim = '{self._delimiter}', "
            f"quote = '\"', escape = '\"', strict_mode = true, max_line_size = {LONGEST_LINE}, columns = {{{kinds}}})"
        )
        # Of columns with one name the first counts, as for `names.index`.
        cells = dict(zip(reversed(self.names), reversed(columns), strict=True))
        # DuckDB takes the first line for the header, blank or not.
        rows = 0 if self._after_blank else self._size // USUAL_LINE
        return Relation(sql, cells, cells, frozenset(), rows, again=False, identity=partial(identity, self._path))

    def progress(self) -> tuple[int, int]:
        return self._handed, self._size

    def close(self) -> None:
        self._file.close()

    def _begin(self, lines: Iterator[str], *, behind: int) -> None:
        """Read rows from `lines`, before which there were `behind`."""
        self._behind = behind
        self._rows = csv.reader(lines, delimiter=self._delimiter, strict=True)

    def _newest_line(self) -> int:
        """The number of the line that was read last."""
        return self._behind + self._rows.line_num

    def _header(self) -> tuple[str, ...]:
        try:
            row: list[str] = next(filter(None, self._rows), [])
        except csv.Error as error:
            raise self._refused(f"expected a header line, found what is not CSV ({error})") from error
        if len(row) > MOST_COLUMNS:
            raise self._refused(f"expected a header of at most {MOST_COLUMNS} columns, found {len(row)}")
        if any(map(_CONTROLS.search, row)):
            raise self._refused("expected a header line of text, found control characters; " + NO_TEXT)
        return tuple(name.strip().lower() for name in row)

    def _read_texts(self, file: BinaryIO) -> Iterator[str]:
        """The file's text in pieces that end with a line, undecodable bytes as lone surrogates."""
        block = file.read(BLOCK)
        mark, encoding = next(((m, e) for m, e in MARKS if block.startswith(m)), (b"", "utf-8"))
        errors = "surrogateescape" if encoding == "utf-8" else "replace"
        decoder = codecs.getincrementaldecoder(encoding)(errors=errors)
        block, rest = block[len(mark) :], ""
        while block:
            self._handed += len(block)
            rest += decoder.decode(block)
            end = max(rest.rfind("\n"), rest.rfind("\r", 0, -1)) + 1
            if end:
                yield from _cut(rest[:end])
                rest = rest[end:]
            if len(rest) > LONGEST_LINE:
                raise DataRefused(f"expected lines of at most {LONGEST_LINE:,} characters, found more; is this CSV?")
            block = file.read(BLOCK)
        rest += decoder.decode(b"", final=True)
        if rest:
            yield from _cut(rest)

    def _lines_of_pieces(self) -> Iterator[str]:
        """The lines of the pieces that are still to come; `csv.Error` of one where a row has taken all before."""
        return chain.from_iterable(io.StringIO(text, newline="") for text in self._next_pieces())

    def _next_pieces(self) -> Iterator[str]:
        while True:
            if self._went_back:
                *_, at = _lines(self._rows_read, self._line)
                self._went_back, self._spent = False, sum(map(len, self._lines_again(at - 1)))
            elif len(self._rows_read) > self._rows_before:
                self._spent = 0
            if self._spent >= PIECE and self._newest_line():
                raise csv.Error(TOO_LONG)
            self._rows_before = len(self._rows_read)
            if (text := next(self._texts, None)) is None:
                return
            self._spent += len(text)
            yield self._kept(text)

    def _kept(self, text: str) -> str:
        """The next piece of the text, whose lines follow upon all that were read."""
        if self._pieces and not self._newest_line():  # nothing but blank lines until now
            start = self._pieces[-1].start + len(self._pieces[-1].lines)
        else:
            start = self._newest_line()
        self._pieces.append(_Piece(start, text))
        return text

    def _chunk(self) -> Chunk | None:
        if len(self._rows_read) > self._rows_before:
            self._spent = 0
        rows: list[list[str]] = []
        self._rows_read, self._rows_before = rows, 0
        failed = ""
        start, line = self._handed, self._line
        try:
            while len(rows) < ROWS_A_CHUNK and self._handed - start < BYTES_A_CHUNK:
                before = len(rows)
                rows.extend(islice(self._rows, ROWS_A_STEP))
                if len(rows) - before < ROWS_A_STEP:
                    break
        except csv.Error as error:
            failed = str(error)
        self._line = self._newest_line()
        if not rows and not failed:
            return None
        return self._shaped(rows, line, failed)

    def _shaped(self, rows: list[list[str]], before: int, failed: str) -> Chunk:
        """`rows`, which follow line `before`, as columns; a row of another width is rejected, a blank line nothing."""
        width = len(self.names)
        lines: Sequence[int] = range(before + 1, before + len(rows) + 1)
        rejected: list[Rejected] = []
        if self._line - before != len(rows) or failed:
            *lines, behind = _lines(rows, before)
            if failed:
                rejected.append(self._failed(behind, failed))
        if set(map(len, rows)) - {width}:
            pairs = list(zip(lines, rows, strict=True))
            rejected += [
                Rejected(line, f"expected {width} fields, found {len(row)}{_stretch(line, row)}", row[: width + 1])
                for line, row in pairs
                if row and len(row) != width
            ]
            pairs = [(line, row) for line, row in pairs if len(row) == width]
            lines, rows = [line for line, _ in pairs], [row for _, row in pairs]
        columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) if rows else [()] * width
        return Chunk(lines, columns, rejected)

    def _failed(self, began: int, failed: str) -> Rejected:
        """What the parser gave up between the line `began` and the newest; from here on, it reads behind `began`."""
        newest = self._line
        on = f", on line {newest}" if newest > began else ""
        if failed == TOO_LONG:
            self._lines = self._lines_of_pieces()  # an iterator that has failed gives nothing more
            reason = f"a quotation that begins on this line does not end within {PIECE:,} characters"
        elif "expected after" in failed:
            reason = f"a quotation that begins on this line has other text behind its end{on}"
        elif "unexpected end" in failed:
            reason = "a quotation that begins on this line does not end"
        elif "field limit" in failed and newest > began:
            reason = f"a quotation that begins on this line does not end within {csv.field_size_limit():,} characters"
        else:
            return Rejected(began, f"expected a line of CSV, found what is not ({failed})", [])
        if self._go_back_behind(began) or newest == began:
            return Rejected(began, reason, [])
        return Rejected(began, f"{reason}: the lines until there were not read", [])

    def _go_back_behind(self, line: int) -> bool:
        """Read on from the line after this one, if it is still at hand."""
        self._read_to = max(self._read_to, self._line)
        if not self._pieces or line < self._pieces[0].start:
            return False
        self._begin(chain(self._lines_again(line), self._lines), behind=line)
        self._line, self._went_back = line, True
        return True

    def _lines_again(self, behind: int) -> list[str]:
        """The lines after the line `behind` that were taken out of the file, so far as they are at hand."""
        found: list[str] = []
        for piece in self._pieces:
            found += piece.lines[max(behind - piece.start, 0) : max(self._read_to - piece.start, 0)]
        return found

    def _refused(self, what: str) -> DataRefused:
        return DataRefused(f"line {self._newest_line()}: {what}")


def _cut(text: str) -> Iterator[str]:
    """The lines of a text in pieces of about `PIECE` characters, or of one line where that is longer."""
    at = 0
    while at < len(text):
        found = text.find("\n", at + PIECE)
        end = found + 1 if found >= 0 else len(text)
        yield text[at:end]
        at = end


class _Piece:
    """A piece of the text behind `start` lines."""

    def __init__(self, start: int, text: str) -> None:
        self.start = start
        self._text = text

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, with their ends."""
        return list(io.StringIO(self._text, newline=""))


def _first_that_is_not_blank(lines: Iterator[str]) -> tuple[int, str]:
    """How many blank lines there are before it, and the line; "" if there is none."""
    for blank, line in enumerate(lines):
        if line.strip():
            return blank, line
    return 0, ""


def _lines(rows: list[list[str]], before: int) -> list[int]:
    """The line on which each row starts, and the one behind them, where quoted fields hold line ends."""
    found, line = [], before + 1
    for row in rows:
        found.append(line)
        line += 1 + _line_ends(row)
    return [*found, line]


def _line_ends(row: list[str]) -> int:
    return sum(len(_LINE_END.findall(field)) for field in row)


def _stretch(line: int, row: list[str]) -> str:
    """Where a quotation ends that took other lines into the row."""
    ends = _line_ends(row)
    return f": a quotation that begins on this line ends on line {line + ends}" if ends else ""
