"""Series from FRED, the data service of the Federal Reserve Bank of St. Louis, kept on disk.

Without a key the public CSV download is used (one series a request); where the environment
holds ``FRED_API_KEY``, the API. Both give a series as published; averages are taken here.
"""

import csv
import hashlib
import http.client
import json
import math
import os
import re
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
from platformdirs import user_cache_path

from estim.arguments import checked, shown
from estim.data.datasets import DataError, select_sample

CSV_URL = "https://fred.stlouisfed.org/graph/fredgraph.csv"
API_URL = "https://api.stlouisfed.org/fred/series/observations"
_FRESH_SECONDS = 24 * 3600.0
_TIMEOUT_SECONDS = 30.0
_LONGEST_SECONDS = 120.0
"""Of all of an answer, which may come in drops."""
_LONGEST_ANSWER = 8 * 2**20
"""Bytes; the longest daily series have some hundred thousand."""
_BLOCK = 2**16
_CHECKSUM = "# sha256 "
_FIRST_DAY, _LAST_DAY = "1600-01-01", "2200-01-01"


class FredError(DataError):
    """FRED could not deliver a series."""


@checked
def fetch_fred(
    ids: str | Sequence[str],
    start: str | pd.Period | None = None,
    end: str | pd.Period | None = None,
    cache_dir: str | Path | None = None,
) -> pd.DataFrame:
    """Series of FRED as one frame, averaged to quarters.

    A series is asked for at most once a day: its last answer is kept in `cache_dir` with a checksum, and is
    used with a warning when FRED cannot be reached.

    Args:
        ids: FRED's names, ``"GDPC1"`` or ``["GDPC1", "FEDFUNDS"]``.
        start, end: first and last quarter kept, as "1966Q1"; all there is by default.
        cache_dir: the user's cache folder by default.

    Returns:
        One float64 column a series on a quarterly PeriodIndex named ``date``; NaN where a series
        has no value, or not one for every month of the quarter.

    Raises:
        FredError: an unknown series, a refused key, too many requests, no connection and no
            kept copy, or an answer that is no table of numbers.
        DataError: a start or end outside the data.
    """
    ids = [name.upper() for name in ([ids] if isinstance(ids, str) else ids)]
    if not ids:
        raise FredError("no series is asked for")
    if wrong := [name for name in ids if not re.fullmatch(r"\w{1,100}", name, flags=re.ASCII)]:
        raise FredError(f"{shown(wrong[0])} is not the name of a series")
    folder = user_cache_path("estim") / "fred" if cache_dir is None else Path(cache_dir)
    columns = {name: _quarterly_average(_fetch_series(name, folder)) for name in ids}
    frame = pd.DataFrame(columns)
    frame = frame.reindex(pd.period_range(frame.index[0], frame.index[-1], freq="Q", name="date"))
    return select_sample(frame, start, end, "the series " + ", ".join(ids))


def _fetch_series(name: str, folder: Path) -> pd.Series:
    """One series by day, from a copy not older than a day, from FRED, or from an older copy."""
    copy = folder / f"{name}.csv"
    kept = _read_copy(name, copy)
    if kept is not None and 0.0 <= time.time() - copy.stat().st_mtime < _FRESH_SECONDS:
        return kept
    try:
        series = _ask(name)
    except (OSError, http.client.HTTPException) as error:  # URLError, timeouts, resets, an answer cut short
        if kept is None:
            without = "the kept copy is damaged" if copy.is_file() else "no copy of the series is kept"
            raise FredError(
                f"{name}: could not reach FRED ({_reason(error)}), and {without} in {folder}"
            ) from error
        day = time.strftime("%Y-%m-%d", time.localtime(copy.stat().st_mtime))
        warnings.warn(
            f"{name}: could not reach FRED ({_reason(error)}); the copy of {day} is used", stacklevel=3
        )
        return kept
    try:
        _keep(copy, series)
    except OSError as error:
        warnings.warn(f"{name}: no copy could be kept in {folder} ({_reason(error)})", stacklevel=3)
    return series


def _ask(name: str) -> pd.Series:
    """A series from FRED, by its API where there is a key."""
    if key := os.environ.get("FRED_API_KEY", ""):
        return _parse_api(name, _get(name, API_URL, {"series_id": name, "api_key": key, "file_type": "json"}))
    return _parse_csv(name, _get(name, CSV_URL, {"id": name}))


def _get(name: str, url: str, query: dict[str, str]) -> str:
    request = urllib.request.Request(
        f"{url}?{urllib.parse.urlencode(query)}", headers={"User-Agent": "estim (Python)"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return _read_answer(name, answer).decode("utf-8")
    except urllib.error.HTTPError as error:
        body = error.read(_BLOCK).decode("utf-8", "replace")
        raise FredError(_refusal(name, error.code, body)) from None
    except UnicodeDecodeError:
        raise FredError(f"{name}: FRED's answer is no text in UTF-8") from None


def _read_answer(name: str, answer: Any) -> bytes:
    """All of an answer, block by block, as long as it is neither too long nor too slow."""
    begun, content = time.monotonic(), bytearray()
    while block := answer.read(_BLOCK):
        content += block
        if len(content) > _LONGEST_ANSWER:
            raise FredError(
                f"{name}: FRED's answer is longer than any series; broken off after {len(content)} bytes"
            )
        if time.monotonic() - begun > _LONGEST_SECONDS:
            raise FredError(f"{name}: FRED's answer did not end within {_LONGEST_SECONDS:.0f} seconds")
    if missing := getattr(answer, "length", None):
        raise http.client.IncompleteRead(bytes(content), missing)
    return bytes(content)


def _refusal(name: str, code: int, body: str) -> str:
    """A refused request in words. The API explains itself in JSON, the CSV download by its code."""
    try:
        explanation = str(json.loads(body)["error_message"])[:300]
    except (ValueError, KeyError, TypeError, RecursionError):
        explanation = ""
    if code == 404 or "does not exist" in explanation:
        return f"{name}: FRED has no series of this name"
    if "api_key" in explanation:
        return f"{name}: FRED refuses the key in FRED_API_KEY ({explanation})"
    if code == 429:
        return f"{name}: too many requests to FRED; wait a minute and try again"
    return f"{name}: FRED answered with an error ({code}{', ' + explanation if explanation else ''})"


def _parse_csv(name: str, text: str) -> pd.Series:
    """The CSV: a header ``observation_date,NAME`` (``DATE,NAME`` in older files); missing is blank or a dot."""
    header = text.split("\n", 1)[0].strip().removeprefix("\ufeff").replace('"', "")
    if header.lower() not in (f"observation_date,{name}".lower(), f"date,{name}".lower()):
        raise FredError(f"{name}: FRED's answer is not its CSV; it begins with '{header[:60]}'")
    rows = [row for row in csv.reader(text.removeprefix("\ufeff").splitlines()[1:]) if row]
    if wrong := [row for row in rows if len(row) != 2]:
        raise FredError(f"{name}: FRED's answer has a line that is no date and number: {shown(wrong[0])}")
    return _to_series(name, [row[0] for row in rows], [row[1] for row in rows])


def _parse_api(name: str, text: str) -> pd.Series:
    """The API's JSON: ``{"observations": [{"date": ..., "value": ...}, ...]}``; missing is a dot."""
    try:
        rows = json.loads(text)["observations"]
        dates, values = [str(row["date"]) for row in rows], [str(row["value"]) for row in rows]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FredError(f"{name}: FRED's answer is not the JSON of its API ({shown(error)})") from None
    return _to_series(name, dates, values)


def _to_series(name: str, dates: list[str], values: list[str]) -> pd.Series:
    if not dates:
        raise FredError(f"{name}: FRED has no observations of this series")
    numbers = [_number(f"{name}, {date}", value.strip()) for date, value in zip(dates, values, strict=True)]
    try:
        index = pd.to_datetime(dates, format="%Y-%m-%d")
    except ValueError as error:
        raise FredError(f"{name}: a date cannot be read ({error})") from None
    if not index.is_monotonic_increasing or not index.is_unique or index.hasnans:
        raise FredError(f"{name}: the dates of FRED's answer repeat or run backwards")
    if index[0] < pd.Timestamp(_FIRST_DAY) or index[-1] > pd.Timestamp(_LAST_DAY):
        raise FredError(f"{name}: FRED's answer goes from {dates[0]} to {dates[-1]}")
    return pd.Series(numbers, index=index, name=name)


def _number(where: str, text: str) -> float:
    if text in ("", "."):
        return math.nan
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FredError(f"{where}: {shown(text)} is not a number")
    return number


def _quarterly_average(series: pd.Series) -> pd.Series:
    """Averages over months, then over the three months of a quarter."""
    if len(series) < 2:
        raise FredError(f"{series.name}: one observation does not say how often the series is observed")
    days_between = series.index.to_series().diff().median().days
    if days_between > 100:
        raise FredError(f"{series.name}: observed less than once a quarter")
    if days_between > 45:
        return pd.Series(series.to_numpy(), series.index.to_period("Q"), name=series.name)
    months = series.groupby(series.index.to_period("M")).mean()
    last = series.index[-1]
    if days_between < 20 and last.days_in_month - last.day > max(days_between - 1, 3):
        months = months.iloc[:-1]  # a daily or weekly series whose last month is not over
    if months.empty:
        raise FredError(f"{series.name}: there is no whole month of it")
    quarters = months.groupby(months.index.asfreq("Q"))
    return quarters.mean().where(quarters.count() == 3)


def _keep(copy: Path, series: pd.Series) -> None:
    """Write a series and its checksum beside, then rename: a reader finds the old file or the new one."""
    text = series.to_csv(index_label="observation_date", lineterminator="\n")
    copy.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=copy.parent, suffix=".part", delete=False, encoding="utf-8", newline=""
    ) as file:
        try:
            file.write(f"{text}{_CHECKSUM}{_checksum(text)}\n")
            file.close()
            os.replace(file.name, copy)
        except BaseException:
            with suppress(OSError):
                os.unlink(file.name)
            raise


def _read_copy(name: str, copy: Path) -> pd.Series | None:
    """The kept copy of a series, or None where there is none that is whole."""
    try:
        if copy.stat().st_size > _LONGEST_ANSWER:
            return None
        text, mark, checksum = copy.read_bytes().decode("utf-8").rpartition(_CHECKSUM)
        return _parse_csv(name, text) if mark and checksum.strip() == _checksum(text) else None
    except (OSError, UnicodeDecodeError, FredError):
        return None


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", error)) or type(error).__name__
