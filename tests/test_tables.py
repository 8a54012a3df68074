"""Files that others wrote: broken, in another encoding, or larger than any data; each is refused by its name."""

import zipfile
from io import BytesIO

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estim import tables
from estim.data.datasets import load_data
from estim.tables import DataError, read_csv_rows, read_spreadsheet, read_text

GOOD = "date,a\n1999Q1,1\n1999Q2,2\n"


def written(folder, content, name="mine.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, encoding):
    assert read_text(written(tmp_path, GOOD.encode(encoding))) == GOOD


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD.encode("utf-16"), r"mine\.csv is in UTF-16; save it in UTF-8"),
        ("date,a\n1999Q1,é\n".encode("latin-1"), r"mine\.csv, line 2: not UTF-8"),
        (b"date,a\n1999Q1,\x001\n", r"mine\.csv, line 2: holds a NUL character"),
        ('date,a\n1999Q1,"1\n1999Q2,2\n', r"mine\.csv, line 3: unexpected end of data"),
        ("date;a\n1999Q1;1,5\n", r"line 2: 2 fields, where the header has 1; fields are separated by commas"),
        ("date,a\n1999Q1,1\n1999Q2,2,3\n", r"line 3: 3 fields, where the header has 2"),
        ("date,a\n1999Q1," + 200_000 * "1" + "\n", r"line 2: field larger than field limit"),
        (b"PK\x03\x04" + bytes(50), r"mine\.csv, line 1: holds a NUL character"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) or len(value) > 100 else value,
)
def test_a_file_that_is_no_csv(tmp_path, content, words):
    path = written(tmp_path, content)
    with pytest.raises(DataError, match=words):
        read_csv_rows(path)
    with pytest.raises(DataError, match=words):
        load_data(path)


def test_what_cannot_be_read_at_all(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"mine\.csv cannot be read: No such file"):
        read_text(tmp_path / "mine.csv")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_text(tmp_path)
    monkeypatch.setattr(tables, "LARGEST_FILE", 10)
    with pytest.raises(DataError, match=r"mine\.csv has 0 MB, more than any data"):
        read_text(written(tmp_path, GOOD))


@pytest.mark.parametrize(("bound", "text"), [("MOST_ROWS", GOOD), ("MOST_COLUMNS", "date,a,b\n1999Q1,1,2\n")])
def test_rows_and_columns_are_bounded(tmp_path, monkeypatch, bound, text):
    monkeypatch.setattr(tables, bound, 2)
    with pytest.raises(DataError, match=r"mine\.csv has more than"):
        read_csv_rows(written(tmp_path, text))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_csv_with_some_bytes_changed_is_read_or_refused_in_our_words(tmp_path, data):
    content = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        frame = load_data(written(tmp_path, bytes(content)))
    except DataError:
        return
    assert frame.index.is_monotonic_increasing and set(frame.dtypes) == {frame.to_numpy().dtype}


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "mine.xlsx"
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        pd.DataFrame({"a": [1.0, 2.0]}).to_excel(writer, sheet_name="first", index=False)
        pd.DataFrame({"b": [3.0]}).to_excel(writer, sheet_name="second", index=False)
    return path


def test_a_sheet_by_name_and_by_number(book):
    assert read_spreadsheet(book)["a"].tolist() == [1.0, 2.0]
    for sheet in ("second", 1):
        assert read_spreadsheet(book, sheet)["b"].tolist() == [3.0]


@pytest.mark.parametrize("sheet", ["third", 2, -1])
def test_a_sheet_that_is_not_there(book, sheet):
    with pytest.raises(DataError, match=rf"mine\.xlsx has no sheet {sheet!r}; it has \['first', 'second'\]"):
        read_spreadsheet(book, sheet)


def archive(**members):
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as a spreadsheet"),
        (b"hello", "cannot be read as a spreadsheet"),
        (archive(a="b"), "cannot be read as a spreadsheet"),
        (archive(bomb=bytes(5_000_000)), "unpacks to 5 MB, more than any data"),
    ],
    ids=["empty", "text", "another archive", "bomb"],
)
def test_a_file_that_is_no_spreadsheet(tmp_path, monkeypatch, content, words):
    monkeypatch.setattr(tables, "LARGEST_FILE", 1_000_000)
    with pytest.raises(DataError, match=rf"mine\.xlsx {words}"):
        read_spreadsheet(written(tmp_path, content, "mine.xlsx"))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_spreadsheet_is_read_or_refused_in_our_words(book, data):
    content = bytearray(book.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    damaged = content[:at] if data.draw(st.booleans()) else content[:at] + b"\xff" + content[at + 1 :]
    try:
        read_spreadsheet(written(book.parent, bytes(damaged), "damaged.xlsx"))
    except DataError as error:
        assert "damaged.xlsx" in str(error)


def test_a_cell_far_away_makes_no_large_table(tmp_path):
    """One number at XFD1048576 would be a frame of 17 thousand million cells."""
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.active["A1"], workbook.active["XFD1048576"] = "a", 1.0
    workbook.save(tmp_path / "far.xlsx")
    with pytest.raises(DataError, match=r"far\.xlsx has more than"):
        read_spreadsheet(tmp_path / "far.xlsx")
