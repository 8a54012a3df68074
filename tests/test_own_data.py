"""Data as people have them: frames and files, with dates and without, in an experiment, a run and a forecast."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_models import ar1

from estim.data.datasets import DataError, load_data
from estim.experiment import Experiment, ExperimentError, Route, from_settings, load_experiment
from estim.periods import periods_after
from estim.pipeline import run_experiment
from estim.pipeline.beginning import saved_experiment
from estim.results.contents import read_data
from estim.results.figures import data_figure, history_figure
from estim.results.over_draws import _imposed
from estim.results.store import RunDirectory

SERIES = 0.5 + 0.4 * np.random.default_rng(3).normal(size=12)
QUARTERS = pd.period_range("2000Q1", periods=12, freq="Q", name="date")
ONE_ROUTE = {"rwmh": Route("rwmh", num_samples=10, num_chains=1, num_warmup=5)}


def experiment_on(data, **settings):
    return Experiment(model=ar1(), data=data, routes=ONE_ROUTE, surrogate=None, **settings)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"X": SERIES}, QUARTERS),
        pd.DataFrame({"X": SERIES}, QUARTERS.to_timestamp()),
        pd.DataFrame({"X": SERIES}, QUARTERS.to_timestamp(how="end")),
        pd.DataFrame({"X": SERIES}, QUARTERS.astype(str)),
        pd.DataFrame({"X": SERIES, "Date": QUARTERS.astype(str)}),
        pd.DataFrame({"date": QUARTERS.to_timestamp(), "X": SERIES}),
    ],
)
def test_a_frame_with_dates(frame):
    loaded = experiment_on(frame, start="2000Q3", end="2001Q4").load_data()
    pd.testing.assert_frame_equal(loaded, pd.DataFrame({"X": SERIES[2:8]}, QUARTERS[2:8]))


@pytest.mark.parametrize(
    ("index", "dates"),
    [
        (
            pd.date_range("2000-01-01", periods=12, freq="MS"),
            pd.period_range("2000-01", periods=12, freq="M"),
        ),
        (range(1990, 2002), pd.RangeIndex(1990, 2002)),
        (None, pd.RangeIndex(12)),
    ],
)
def test_what_is_not_quarterly_stays_what_it_is(index, dates):
    loaded = experiment_on(pd.DataFrame({"X": SERIES}, index)).load_data()
    pd.testing.assert_index_equal(loaded.index, dates, check_names=False)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (list("abcdefghijkl"), "'a' is neither a date nor a whole number"),
        ([*range(11), 12], "rows are missing between 10 and 12"),
        ([*QUARTERS[:11], QUARTERS[5]], "2001Q2 comes twice"),
    ],
)
def test_frames_that_are_no_data(index, words):
    with pytest.raises((DataError, ExperimentError), match=words):
        experiment_on(pd.DataFrame({"X": SERIES}, index))


def test_a_number_is_no_quarter():
    with pytest.raises(
        DataError, match="start='1983' is not a quarter like 1966Q1 of us_nk, 1954Q3 to 2026Q1"
    ):
        Experiment("an_schorfheide_2007", "us_nk", start=1983).load_data()


def test_a_changed_frame_changes_no_experiment():
    frame = pd.DataFrame({"X": SERIES})
    experiment = experiment_on(frame)
    frame["X"] = 0.0
    np.testing.assert_array_equal(experiment.load_data()["X"], SERIES)


def test_the_frame_goes_with_the_experiment():
    experiment = experiment_on(pd.DataFrame({"X": SERIES})).override(["seed=3", "start=2"])
    assert experiment.load_data().index.tolist() == list(range(2, 12))
    settings = experiment.settings()
    assert (settings["data"], settings["start"], "frame" in settings) == ("data.csv", 2, False)
    assert from_settings(settings, experiment.model) == experiment
    with pytest.raises(DataError, match="start=20 lies outside the data, 0 to 11"):
        replace(experiment, start=20).load_data()


@pytest.mark.parametrize(
    ("text", "first"),
    [("X,Z\n0.5,1\n0.25,1\n", 1), ("Z,X\n3,0.5\n4,0.25\n", 3), ("period,X\n7,0.5\n8,0.25\n", 7)],
)
def test_a_file_without_dates(tmp_path, text, first):
    (tmp_path / "mine.csv").write_text(text)
    frame = load_data(tmp_path / "mine.csv")
    assert (frame.index.name, frame.index.tolist()) == ("period", [first, first + 1])
    assert frame["X"].tolist() == [0.5, 0.25]
    assert load_data(tmp_path / "mine.csv", start=first + 1).index.tolist() == [first + 1]
    with pytest.raises(DataError, match="start='2000Q1' is not a period of"):
        load_data(tmp_path / "mine.csv", start="2000Q1")


def test_decimal_years_are_not_taken_for_a_series(tmp_path):
    (tmp_path / "mine.csv").write_text("t,X\n1990.25,1\n1990.5,2\n1990.75,2\n")
    with pytest.raises(DataError, match=r"line 2: '1990\.25' in column t is not a date"):
        load_data(tmp_path / "mine.csv")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_every_table_counts_from_the_experiments_file(tmp_path, monkeypatch, suffix):
    frame = pd.DataFrame({"YGR": SERIES, "INFL": SERIES, "INT": SERIES})
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    write = {".csv": frame.to_csv, ".xlsx": frame.to_excel, ".parquet": frame.to_parquet}[suffix]
    write(tmp_path / f"mine{suffix}", index=False)
    (tmp_path / "mine.py").write_text(
        f"import estim\nexperiment = estim.Experiment('an_schorfheide_2007', 'mine{suffix}')\n"
    )
    monkeypatch.chdir("/")
    loaded = load_experiment(tmp_path / "mine.py").load_data()
    assert loaded.index.tolist() == list(range(1, 13))
    np.testing.assert_allclose(loaded["INT"], SERIES, rtol=1e-15)  # a spreadsheet has sixteen digits


@pytest.mark.parametrize("index", [None, QUARTERS, pd.period_range("2000-01", periods=12, freq="M")])
def test_a_run_keeps_the_frame_and_goes_on_with_it(tmp_path, monkeypatch, index):
    """To the last bit, with its periods, in a folder that was moved: nothing outside is needed."""
    monkeypatch.setattr("estim.pipeline._complete", lambda *_: None)
    columns = {name: SERIES / 3 for name in ("YGR", "INFL", "INT")}
    frame = pd.DataFrame(columns, index)
    experiment = Experiment("an_schorfheide_2007", frame, routes=ONE_ROUTE, surrogate=None)
    run = run_experiment(experiment, tmp_path / "run")
    run_experiment(experiment, tmp_path / "run")
    run.path.rename(tmp_path / "moved")
    moved = RunDirectory(tmp_path / "moved")
    kept = saved_experiment(moved.file("settings.json"))
    expected = experiment.load_data()
    pd.testing.assert_frame_equal(kept.load_data(), expected, check_exact=True)
    pd.testing.assert_frame_equal(read_data(moved), expected, check_exact=True)
    changed = replace(experiment, data=2 * frame)
    with pytest.raises(ExperimentError, match=r"other data \(36 other numbers"):
        run_experiment(changed, tmp_path / "moved")


def test_a_file_that_the_experiment_reads_itself_is_named(tmp_path):
    (tmp_path / "settings.json").write_text('{"own_model": true, "model": "ar1"}')
    (tmp_path / "model.py").write_text("import pandas as pd\npd.read_csv('gone.csv')\n")
    with pytest.raises(ExperimentError, match=r"model\.py reads gone\.csv, of which the run has no copy"):
        saved_experiment(tmp_path / "settings.json")


def test_what_follows_the_sample():
    undated = pd.RangeIndex(3, 9, name="period")
    assert periods_after(undated, 2).tolist() == [9, 10]
    assert periods_after(QUARTERS, 2).astype(str).tolist() == ["2003Q1", "2003Q2"]
    path = _imposed({"X": {10: 1.5}}, periods_after(undated, 3), ["X"])
    np.testing.assert_array_equal(path[:, 0], [np.nan, 1.5, np.nan])


def test_figures_have_the_numbers_of_the_periods():
    frame = pd.DataFrame({"X": SERIES}, pd.RangeIndex(1, 13, name="period"))
    assert data_figure(frame).axes[0].get_xlim() == (1, 12)
    figure = history_figure(np.ones((12, 1, 2)), np.ones((12, 1)), frame.index, ["X"], ["a", "b"])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()][:2] == ["1", "2"]
