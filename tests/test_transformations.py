"""From published series to observables, and files as people have them."""

import numpy as np
import pandas as pd
import pytest

import estim
from estim import transformations as change
from estim.arguments import ArgumentError
from estim.tables import DataError

QUARTERS = pd.period_range("2000Q1", periods=8, freq="Q", name="date")
LEVELS = pd.Series(100 * 1.01 ** np.arange(8.0), QUARTERS)


def test_rates_and_levels():
    np.testing.assert_allclose(change.growth(LEVELS)[1:], 100 * np.log(1.01))
    np.testing.assert_allclose(change.growth(LEVELS, 4)[4:], 400 * np.log(1.01))
    np.testing.assert_allclose(change.detrended(change.log_percent(LEVELS)), 0.0, atol=1e-10)
    assert change.demeaned(LEVELS).mean() == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(change.annual_rate(change.quarterly_rate(LEVELS)), LEVELS)
    np.testing.assert_allclose(change.per_head(LEVELS, 0 * LEVELS + 3.0), LEVELS)
    assert change.real(LEVELS, LEVELS).std() == pytest.approx(0.0, abs=1e-10)


def test_a_gap_stays_a_gap():
    holed = LEVELS.where(LEVELS.index != QUARTERS[3])
    assert change.detrended(holed).isna().sum() == 1
    assert change.growth(holed).isna().sum() == 3


def test_months_to_quarters():
    months = pd.period_range("2000-01", periods=8, freq="M")
    series = pd.Series(np.arange(8.0), months)
    assert change.quarterly(series).tolist()[:2] == [1.0, 4.0]
    assert change.quarterly(series, "sum").tolist()[:2] == [3.0, 12.0]
    assert change.quarterly(series, "last").tolist()[:2] == [2.0, 5.0]
    assert change.quarterly(series).isna().tolist() == [False, False, True]
    with pytest.raises(ArgumentError, match="how must be one of"):
        change.quarterly(series, "max")


@pytest.mark.parametrize(
    "dates", [lambda i: i.astype(str), lambda i: i.to_timestamp()], ids=["text", "dates"]
)
def test_a_spreadsheet_is_read_as_the_csv(tmp_path, dates):
    frame = pd.DataFrame({"y": LEVELS.to_numpy(), "n": range(8)}, QUARTERS)
    frame.iloc[2, 0] = np.nan
    frame.to_csv(tmp_path / "data.csv")
    frame.set_axis(dates(QUARTERS), axis=0).rename_axis("date").to_excel(tmp_path / "data.xlsx")
    pd.testing.assert_frame_equal(
        estim.load_data(tmp_path / "data.xlsx"), estim.load_data(tmp_path / "data.csv")
    )


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "data.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match=r"data\.parquet"):
        estim.load_data(tmp_path / "data.parquet")
    pd.DataFrame({"date": ["2000Q1"], "y": ["much"]}).to_excel(tmp_path / "words.xlsx", index=False)
    with pytest.raises(DataError, match=r"words\.xlsx, column y, 2000Q1: 'much' is not a number"):
        estim.load_data(tmp_path / "words.xlsx")


def test_data_lie_beside_the_experiment(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    data = estim.load_data("us_nk", start="1984Q1", end="1990Q4")
    data.to_csv(tmp_path / "here" / "mine.csv")
    text = 'import estim\nexperiment = estim.Experiment(model="an_schorfheide_2007", data="mine.csv")\n'
    (tmp_path / "here" / "mine.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    from estim.experiment import load_experiment, load_model_and_data

    assert len(load_experiment("here/mine.py").load_data()) == 28
    assert len(load_model_and_data("here/mine.py")[1]) == 28
