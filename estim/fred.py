"""Series from FRED, the data service of the Federal Reserve Bank of St. Louis, kept on disk.

Without a key the public CSV download is used (one series a request); where the environment
holds ``FRED_API_KEY``, the API. Both give a series as published; averages are taken here.
"""

import io
import json
import os
import re
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from platformdirs import user_cache_path

from estim.datasets import DataError, select_sample

CSV_URL = "https://fred.stlouisfed.org/graph/fredgraph.csv"
API_URL = "https://api.stlouisfed.org/fred/series/observations"
_FRESH_SECONDS = 24 * 3600.0
_TIMEOUT_SECONDS = 30.0


class FredError(DataError):
    """FRED could not deliver a series."""


def fetch_fred(
    ids: str | Sequence[str],
    start: str | None = None,
    end: str | None = None,
    cache_dir: Path | None = None,
) -> pd.DataFrame:
    """Series of FRED as one frame, averaged to quarters.

    A series is asked for at most once a day: its last answer is kept in `cache_dir`, and is used
    with a warning when FRED cannot be reached.

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
    if wrong := [name for name in ids if not re.fullmatch(r"\w+", name)]:
        raise FredError(f"'{wrong[0]}' is not the name of a series")
    folder = cache_dir or user_cache_path("estim") / "fred"
    columns = {name: _quarterly_average(_fetch_series(name, folder)) for name in ids}
    frame = pd.DataFrame(columns)
    frame = frame.reindex(pd.period_range(frame.index[0], frame.index[-1], freq="Q", name="date"))
    return select_sample(frame, start, end, "the series " + ", ".join(ids))


def _fetch_series(name: str, folder: Path) -> pd.Series:
    """One series by day, from a copy not older than a day, from FRED, or from an older copy."""
    copy = folder / f"{name}.csv"
    if copy.is_file() and time.time() - copy.stat().st_mtime < _FRESH_SECONDS:
        return _parse_csv(name, copy.read_text(encoding="utf-8"))
    key = os.environ.get("FRED_API_KEY", "")
    try:
        if key:
            answer = _get(name, API_URL, {"series_id": name, "api_key": key, "file_type": "json"})
            series = _parse_api(name, answer)
        else:
            series = _parse_csv(name, _get(name, CSV_URL, {"id": name}))
    except OSError as error:  # URLError, timeouts, resets
        if not copy.is_file():
            raise FredError(
                f"{name}: could not reach FRED ({_reason(error)}), and no copy of the series is kept in {folder}"
            ) from error
        day = time.strftime("%Y-%m-%d", time.localtime(copy.stat().st_mtime))
        warnings.warn(
            f"{name}: could not reach FRED ({_reason(error)}); the copy of {day} is used", stacklevel=3
        )
        return _parse_csv(name, copy.read_text(encoding="utf-8"))
    _write_atomically(copy, series.to_csv(index_label="observation_date"))
    return series


def _get(name: str, url: str, query: dict[str, str]) -> str:
    request = urllib.request.Request(
        f"{url}?{urllib.parse.urlencode(query)}", headers={"User-Agent": "estim (Python)"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.read().decode("utf-8")
    except urllib.error.HTTPError as error:
        raise FredError(_refusal(name, error.code, error.read().decode("utf-8", "replace"))) from None


def _refusal(name: str, code: int, body: str) -> str:
    """A refused request in words. The API explains itself in JSON, the CSV download by its code."""
    try:
        explanation = str(json.loads(body)["error_message"])
    except (ValueError, KeyError, TypeError):
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
    table = pd.read_csv(io.StringIO(text.removeprefix("\ufeff")), dtype=str, keep_default_na=False)
    return _to_series(name, table.iloc[:, 0].tolist(), table.iloc[:, 1].tolist())


def _parse_api(name: str, text: str) -> pd.Series:
    """The API's JSON: ``{"observations": [{"date": ..., "value": ...}, ...]}``; missing is a dot."""
    try:
        rows = json.loads(text)["observations"]
        return _to_series(name, [row["date"] for row in rows], [row["value"] for row in rows])
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, FredError):
            raise
        raise FredError(f"{name}: FRED's answer is not the JSON of its API ({error})") from None


def _to_series(name: str, dates: list[str], values: list[str]) -> pd.Series:
    if not dates:
        raise FredError(f"{name}: FRED has no observations of this series")
    numbers = []
    for date, value in zip(dates, values, strict=True):
        try:
            numbers.append(float("nan") if value.strip() in ("", ".") else float(value))
        except ValueError:
            raise FredError(f"{name}, {date}: '{value}' is not a number") from None
    try:
        index = pd.to_datetime(dates, format="%Y-%m-%d")
    except ValueError as error:
        raise FredError(f"{name}: a date cannot be read ({error})") from None
    return pd.Series(numbers, index=index, name=name)


def _quarterly_average(series: pd.Series) -> pd.Series:
    """Averages over months, then over the three months of a quarter."""
    days_between = series.index.to_series().diff().median().days if len(series) > 1 else 0
    if days_between > 100:
        raise FredError(f"{series.name}: observed less than once a quarter")
    if days_between > 45:
        return pd.Series(series.to_numpy(), series.index.to_period("Q"), name=series.name)
    months = series.groupby(series.index.to_period("M")).mean()
    last = series.index[-1]
    if days_between < 20 and last.days_in_month - last.day > max(days_between - 1, 3):
        months = months.iloc[:-1]  # a daily or weekly series whose last month is not over
    quarters = months.groupby(months.index.asfreq("Q"))
    return quarters.mean().where(quarters.count() == 3)


def _write_atomically(path: Path, text: str) -> None:
    """Write beside, then rename: a reader finds the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    os.replace(file.name, path)


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", error)) or type(error).__name__
