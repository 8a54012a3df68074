"""The FRED client on recorded answers, in the formats that FRED documents; never on the network."""

import io
import json
import os
import time
import urllib.error
import urllib.parse

import numpy as np
import pandas as pd
import pytest

from estim.data import fred
from estim.data.fred import FredError, fetch_fred

QUARTERLY = "observation_date,GDPC1\n2019-01-01,20431.641\n2019-04-01,20602.275\n2019-07-01,20843.322\n"
OLD_HEADER = QUARTERLY.replace("observation_date", "DATE")
MONTHLY = (
    "observation_date,UNRATE\n2019-01-01,4.0\n2019-02-01,3.8\n2019-03-01,3.8\n"
    "2019-04-01,3.7\n2019-05-01,.\n2019-06-01,3.6\n2019-07-01,3.7\n2019-08-01,\n2019-09-01,3.5\n"
    "2019-10-01,3.6\n2019-11-01,3.6\n2019-12-01,3.6\n2020-01-01,3.6\n"
)
API = json.dumps(
    {
        "units": "lin",
        "count": 3,
        "observations": [
            {"realtime_start": "2020-01-30", "realtime_end": "9999-12-31", "date": date, "value": value}
            for date, value in [("2019-01-01", "20431.641"), ("2019-04-01", "."), ("2019-07-01", "20843.322")]
        ],
    }
)
REFUSED_KEY = (
    '{"error_code":400,"error_message":"Bad Request.  The value for variable api_key is not registered."}'
)
NO_SERIES = '{"error_code":400,"error_message":"Bad Request.  The series does not exist."}'
OFFLINE = urllib.error.URLError("Name or service not known")


@pytest.fixture
def answers(monkeypatch):
    """What FRED would answer, by series: a text, or an exception. Records the requests."""
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    recorded, requests = {}, []

    def urlopen(request, timeout):
        requests.append(request.full_url)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.full_url).query)
        answer = recorded[query.get("id", query.get("series_id"))[0]]
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer.encode())

    monkeypatch.setattr(fred.urllib.request, "urlopen", urlopen)
    return recorded, requests


def refusal(code, body=""):
    return urllib.error.HTTPError("https://fred", code, "refused", {}, io.BytesIO(body.encode()))


def age(path, days):
    then = time.time() - days * 86400
    os.utime(path, (then, then))


@pytest.mark.parametrize(
    "text", [QUARTERLY, OLD_HEADER, QUARTERLY.replace("\n", "\r\n"), "\ufeff" + QUARTERLY]
)
def test_both_headers_of_the_csv(answers, tmp_path, text):
    answers[0]["GDPC1"] = text
    frame = fetch_fred("gdpc1", cache_dir=tmp_path)
    expected = pd.period_range("2019Q1", "2019Q3", freq="Q", name="date")
    pd.testing.assert_index_equal(frame.index, expected)
    np.testing.assert_array_equal(frame["GDPC1"], [20431.641, 20602.275, 20843.322])


def test_monthly_series_are_averaged_and_gaps_stay_gaps(answers, tmp_path):
    answers[0].update(GDPC1=QUARTERLY, UNRATE=MONTHLY)
    frame = fetch_fred(["GDPC1", "UNRATE"], start="2019Q1", end="2019Q4", cache_dir=tmp_path)
    np.testing.assert_allclose(frame["UNRATE"], [11.6 / 3, np.nan, np.nan, 3.6])
    assert frame["GDPC1"].notna().tolist() == [True, True, True, False]


@pytest.mark.parametrize(("last_day", "complete"), [("2020-06-30", True), ("2020-06-12", False)])
def test_a_daily_series_waits_for_its_last_month(answers, tmp_path, last_day, complete):
    days = pd.bdate_range("2020-01-01", last_day)
    rows = [f"{day:%Y-%m-%d},{day.month}" for day in days]
    answers[0]["DGS10"] = "\n".join(["observation_date,DGS10", *rows])
    frame = fetch_fred("DGS10", cache_dir=tmp_path)
    np.testing.assert_allclose(frame["DGS10"], [2.0, 5.0 if complete else np.nan])


def test_the_api_is_used_with_a_key_which_is_not_kept(answers, tmp_path, monkeypatch):
    monkeypatch.setenv("FRED_API_KEY", "sesame")
    answers[0]["GDPC1"] = API
    frame = fetch_fred("GDPC1", cache_dir=tmp_path)
    np.testing.assert_array_equal(frame["GDPC1"], [20431.641, np.nan, 20843.322])
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(answers[1][0]).query)
    assert query == {"series_id": ["GDPC1"], "api_key": ["sesame"], "file_type": ["json"]}
    assert "sesame" not in (tmp_path / "GDPC1.csv").read_text()


def test_an_answer_is_kept_for_a_day(answers, tmp_path):
    answers[0]["GDPC1"] = QUARTERLY
    first = fetch_fred("GDPC1", cache_dir=tmp_path)
    pd.testing.assert_frame_equal(fetch_fred("GDPC1", cache_dir=tmp_path), first)
    assert len(answers[1]) == 1
    age(tmp_path / "GDPC1.csv", days=2)
    fetch_fred("GDPC1", cache_dir=tmp_path)
    assert len(answers[1]) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["GDPC1.csv"]  # nothing half-written is left


def test_offline_the_kept_copy_is_used_and_said(answers, tmp_path):
    answers[0]["UNRATE"] = MONTHLY
    online = fetch_fred("UNRATE", cache_dir=tmp_path)
    age(tmp_path / "UNRATE.csv", days=30)
    answers[0]["UNRATE"] = OFFLINE
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() - 30 * 86400))
    with pytest.warns(UserWarning, match=rf"UNRATE: could not reach FRED .*not known.*copy of {day} is used"):
        offline = fetch_fred("UNRATE", cache_dir=tmp_path)
    pd.testing.assert_frame_equal(offline, online)


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("", OFFLINE, "GDPC1: could not reach FRED .*Name or service.*no copy of the series is kept in"),
        ("", TimeoutError("timed out"), "could not reach FRED .timed out."),
        ("", refusal(404, "<html>"), "GDPC1: FRED has no series of this name"),
        ("", refusal(429), "GDPC1: too many requests to FRED"),
        ("", refusal(503), r"GDPC1: FRED answered with an error \(503\)"),
        ("", "<!DOCTYPE html><html>", "answer is not its CSV; it begins with '<!DOCTYPE html>"),
        ("", "observation_date,GDPC1\n", "FRED has no observations"),
        ("", "observation_date,GDPC1\n2019-01-01,many\n", "GDPC1, 2019-01-01: 'many' is not a number"),
        ("", "observation_date,GDPC1\n2019-13-01,1\n", "GDPC1: a date cannot be read"),
        ("", "DATE,GDPC1\n2017-01-01,1\n2018-01-01,2\n2019-01-01,2\n", "observed less than once a quarter"),
        ("sesame", refusal(400, NO_SERIES), "GDPC1: FRED has no series of this name"),
        ("sesame", refusal(400, REFUSED_KEY), "refuses the key in FRED_API_KEY .*not registered"),
        ("sesame", '{"seriess": []}', "answer is not the JSON of its API"),
    ],
)
def test_errors_in_words(answers, tmp_path, monkeypatch, key, answer, words):
    if key:
        monkeypatch.setenv("FRED_API_KEY", key)
    answers[0]["GDPC1"] = answer
    with pytest.raises(FredError, match=words) as error:
        fetch_fred("GDPC1", cache_dir=tmp_path)
    assert "sesame" not in str(error.value)
    assert not (tmp_path / "GDPC1.csv").exists() or "less than once" in words


def test_a_name_that_is_no_name(answers, tmp_path):
    with pytest.raises(FredError, match=r"'\.\./GDPC1' is not the name of a series"):
        fetch_fred("../gdpc1", cache_dir=tmp_path)


class Answer(io.BytesIO):
    """Bytes of an answer whose header promised ``length`` more of them."""

    length = 0


def raw(monkeypatch, content, length=0, seconds=0.0):
    """FRED answers with these bytes, each block of which takes so long."""
    answer = Answer(content)
    answer.length = length
    now = [0.0]

    def read(size):
        now[0] += seconds
        return Answer.read(answer, size)

    answer.read = read
    monkeypatch.setattr(fred.urllib.request, "urlopen", lambda request, timeout: answer)
    monkeypatch.setattr(fred.time, "monotonic", lambda: now[0])
    return answer


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        (b"\xff\xfe\x00", {}, "GDPC1: FRED's answer is no text in UTF-8"),
        (QUARTERLY.encode(), {"length": 1000}, r"could not reach FRED .*1000 more expected"),
        (
            QUARTERLY.encode() + b"2020-01-01,1,2\n",
            {},
            r"has a line that is no date and number: \['2020-01-01', '1', '2'\]",
        ),
        (QUARTERLY.encode() + b"2019-07-01,1\n", {}, "dates of FRED's answer repeat or run backwards"),
        (QUARTERLY.encode() + b"2020-01-01,inf\n", {}, "GDPC1, 2020-01-01: 'inf' is not a number"),
        (QUARTERLY.encode() + b"2250-01-01,1\n", {}, "FRED's answer goes from 2019-01-01 to 2250-01-01"),
        (QUARTERLY[: QUARTERLY.index("2019-04")].encode(), {}, "one observation does not say how often"),
        (9 * 2**20 * b"2000-01-01,1\n", {}, "longer than any series; broken off after 8"),
        (2**20 * b"2000-01-01,1\n", {"seconds": 50.0}, "did not end within 120 seconds"),
    ],
    ids=[
        "bytes",
        "cut short",
        "a column too many",
        "twice",
        "infinite",
        "far away",
        "one",
        "endless",
        "in drops",
    ],
)
def test_an_answer_that_is_none(answers, tmp_path, monkeypatch, content, more, words):
    raw(monkeypatch, content, **more)
    with pytest.raises(FredError, match=words):
        fetch_fred("GDPC1", cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "GDPC1: FRED's answer is not the JSON of its API"),
        ("[1]", "not the JSON of its API"),
        ('{"observations": 3}', "not the JSON of its API"),
        ('{"observations": [{"date": "2019-01-01"}]}', "not the JSON of its API"),
        ('{"observations": [{"date": "2019-01-01", "value": [1]}]}', r"'\[1\]' is not a number"),
        ('{"observations": [{"date": 5, "value": 1}]}', "a date cannot be read"),
    ],
)
def test_odd_answers_of_the_api(answers, tmp_path, monkeypatch, text, words):
    monkeypatch.setenv("FRED_API_KEY", "sesame")
    answers[0]["GDPC1"] = text
    with pytest.raises(FredError, match=words):
        fetch_fred("GDPC1", cache_dir=tmp_path)


def test_numbers_of_the_api_may_be_numbers(answers, tmp_path, monkeypatch):
    monkeypatch.setenv("FRED_API_KEY", "sesame")
    answers[0]["GDPC1"] = API.replace('"20431.641"', "20431.641")
    assert fetch_fred("GDPC1", cache_dir=tmp_path)["GDPC1"].iloc[0] == 20431.641


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:40],
        lambda text: text.replace("20431", "20432"),
        lambda text: text.partition("#")[0],
        lambda text: "",
        lambda text: text + "\xff",
    ],
    ids=["cut", "a digit", "no checksum", "empty", "bytes"],
)
def test_a_damaged_copy_is_asked_for_anew_and_never_used(answers, tmp_path, damage):
    answers[0]["GDPC1"] = QUARTERLY
    first = fetch_fred("GDPC1", cache_dir=tmp_path)
    copy = tmp_path / "GDPC1.csv"
    copy.write_text(damage(copy.read_text()), encoding="latin-1")
    pd.testing.assert_frame_equal(fetch_fred("GDPC1", cache_dir=tmp_path), first)
    assert len(answers[1]) == 2

    copy.write_text(damage(copy.read_text()), encoding="latin-1")
    answers[0]["GDPC1"] = OFFLINE
    with pytest.raises(FredError, match=r"could not reach FRED .*and the kept copy is damaged in"):
        fetch_fred("GDPC1", cache_dir=tmp_path)


def test_a_copy_from_the_future_is_not_kept_for_ever(answers, tmp_path):
    answers[0]["GDPC1"] = QUARTERLY
    fetch_fred("GDPC1", cache_dir=tmp_path)
    age(tmp_path / "GDPC1.csv", days=-400)
    fetch_fred("GDPC1", cache_dir=tmp_path)
    assert len(answers[1]) == 2


def test_a_series_is_had_where_no_copy_can_be_kept(answers, tmp_path):
    answers[0]["GDPC1"] = QUARTERLY
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="GDPC1: no copy could be kept in"):
        assert len(fetch_fred("GDPC1", cache_dir=tmp_path / "file")) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ids": []}, "no series is asked for"),
        ({"ids": 5}, "ids must be text or a list, not 5"),
        ({"ids": ["GDPC1", None]}, r"ids\[1\] must be text, not None"),
        ({"ids": "A" * 200}, "is not the name of a series"),
        ({"ids": "GDPC1", "start": 1990}, "start must be text or a Period or None, not 1990"),
    ],
)
def test_arguments_of_a_wrong_kind(answers, tmp_path, arguments, words):
    with pytest.raises(ValueError, match=words) as error:
        fetch_fred(**arguments, cache_dir=tmp_path)
    assert type(error.value).__module__.startswith("estim.")
