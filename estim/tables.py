"""Tables in files that others wrote, CSV and spreadsheets: of bounded size, in one encoding, refused in words."""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd


class DataError(ValueError):
    """Data that cannot be used; the message names the file, the column and the period."""


LARGEST_FILE = 50_000_000
"""Bytes of a file, and of a spreadsheet when it is unpacked four times as many: thousands of series of any length."""
MOST_ROWS, MOST_COLUMNS = 100_000, 10_000


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        DataError: there is no such file, or it is too large, not UTF-8, or no text.
    """
    content = _read_bytes(path)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path.name} is in UTF-16; save it in UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path.name}, line {line}: not UTF-8 (an umlaut of another encoding?); save it in UTF-8"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{path.name}, line {line}: holds a NUL character, which no text has")
    return text


def read_csv_rows(path: Path) -> dict[int, list[str]]:
    """The rows of a CSV file by line, header first, all as long as the header; blank lines are left out.

    Raises:
        DataError: as `read_text`, or the file has no rows, a column comes twice, a row is longer or shorter than
            the header, or a quote is not closed.
    """
    rows: dict[int, list[str]] = {}
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for row in filter(None, reader):
            rows[reader.line_num] = [field.strip() for field in row]
            if len(rows) > MOST_ROWS or len(row) > MOST_COLUMNS:
                raise DataError(f"{path.name} has more than {MOST_ROWS} rows or {MOST_COLUMNS} columns")
    except csv.Error as error:
        raise DataError(f"{path.name}, line {reader.line_num}: {error}") from None
    if len(rows) < 2:
        raise DataError(f"{path.name}: the file has no rows")
    header = next(iter(rows.values()))
    if repeated := sorted({c for c in header if header.count(c) > 1}):
        raise DataError(f"{path.name}: column {repeated[0]} comes twice")
    hint = (
        "; fields are separated by commas"
        if len(header) == 1 and (";" in header[0] or "\t" in header[0])
        else ""
    )
    for line, row in rows.items():
        if len(row) != len(header):
            raise DataError(
                f"{path.name}, line {line}: {len(row)} fields, where the header has {len(header)}{hint}"
            )
    return rows


def read_spreadsheet(path: Path, sheet: str | int = 0, **options: Any) -> pd.DataFrame:
    """A sheet of an ``.xlsx`` file by its name or its number from 0.

    Args:
        path: the file.
        sheet: which one.
        options: of `pandas.read_excel`.

    Raises:
        DataError: there is no such file or sheet, it is no spreadsheet, or it is too large.
    """
    from openpyxl import load_workbook

    content = io.BytesIO(_read_bytes(path))
    try:
        with zipfile.ZipFile(content) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > 4 * LARGEST_FILE:
            raise DataError(f"{path.name} unpacks to {unpacked / 1e6:.0f} MB, more than any data")
        book = load_workbook(content, read_only=True, data_only=True)
        _require_sheet(path, sheet, book.sheetnames)
        page: Any = book.worksheets[sheet] if isinstance(sheet, int) else book[sheet]
        page.reset_dimensions()  # what the file says of itself may be wrong
        for number, row in enumerate(page.iter_rows(values_only=True), start=1):
            if number > MOST_ROWS or len(row) > MOST_COLUMNS:
                raise DataError(f"{path.name} has more than {MOST_ROWS} rows or {MOST_COLUMNS} columns")
        return pd.read_excel(content, sheet_name=sheet, engine="openpyxl", **options)
    except DataError:
        raise
    except Exception as error:  # whatever a damaged archive or its XML leads a library to
        raise DataError(f"{path.name} cannot be read as a spreadsheet ({_line(error)})") from error


def read_parquet(path: Path) -> pd.DataFrame:
    """The columns of a Parquet file, an index that has a name before them.

    Raises:
        DataError: there is no such file, it is no Parquet file or too large, or nothing is installed that reads it.
    """
    content = io.BytesIO(_read_bytes(path))
    try:
        frame = pd.read_parquet(content)
    except ImportError:
        raise DataError(
            f"{path.name}: to read Parquet files, `pip install pyarrow`, or save it as CSV"
        ) from None
    except Exception as error:
        raise DataError(f"{path.name} cannot be read as a Parquet file ({_line(error)})") from error
    return frame.reset_index() if frame.index.name else frame


def _require_sheet(path: Path, sheet: str | int, names: list[str]) -> None:
    if sheet not in (range(len(names)) if isinstance(sheet, int) else names):
        raise DataError(f"{path.name} has no sheet {sheet!r}; it has {names}")


def _read_bytes(path: Path) -> bytes:
    try:
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise DataError(f"{path.name} has {size / 1e6:.0f} MB, more than any data")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or _line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
