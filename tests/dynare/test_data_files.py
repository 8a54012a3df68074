"""Data files: what is read, and what is refused by its line or column."""

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

import estim  # noqa: F401  (configures JAX)
from estim.data.datasets import DataError
from estim.dynare.data import prepare, read_file
from estim.dynare.reading.settings import EstimationSettings

SETTINGS = EstimationSettings()


def read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    return read_file(tmp_path / name, SETTINGS)


SCRIPTS = {
    "y = [1; 2; 3];": [1, 2, 3],
    "y = [1 2 3]';": [1, 2, 3],
    "y = [1, 2, ...\n 3]\n": [1, 2, 3],
    "y = [\n1\n2\n3\n];\n": [1, 2, 3],
    "y=[1e0 -2.5D-1 +.5];": [1, -0.25, 0.5],
    "y=[1 NaN NA];": [1, np.nan, np.nan],
    "% y = [9 9];\ny = [1 2 3]; % it's in percent\n%{\ny = 100*y;\n%}\n": [1, 2, 3],
    "clear all; close all\nformat long\ny = [1 2 3];\nsave y.mat y\ndisp('y = 100*y')\n": [1, 2, 3],
    "FREQ__ = 4;\nNAMES__ = {'y'; 'z'};\nINIT__ = '1990Q1';\ny = [1 2 3];": [1, 2, 3],
    "y = [3 2 1];\ny = [1 2 3];": [1, 2, 3],
    "M = [1 2; 3 4; 5 6];\ny = [1 2 3];": [1, 2, 3],
}


@pytest.mark.parametrize("text", SCRIPTS)
def test_vectors_of_a_script(text, tmp_path):
    np.testing.assert_array_equal(read(tmp_path, "d.m", text)["y"], SCRIPTS[text])


COMPUTED = {  # what comes after the vector y, and what y is then
    "y = 100*y;": [100, 200, 300],
    "y(3) = 5;": [1, 2, 5],
    "y = y(2:end);": [2, 3],
    "y = diff(y.^2);": [3, 5],
    "y = y'": [1, 2, 3],
    "z = [1/2 3 4]; y = z;": [0.5, 3, 4],
    "for i=1:3 y(i)=0; end": [0, 0, 0],
    "disp(1); y = 2*y;": [2, 4, 6],
    "y += 1;": [2, 3, 4],
    "other": [7, 8],
    "return\ny = 2*y": [1, 2, 3],
    "M = [y; 2*y]'; y = M(:, 2);": [2, 4, 6],
}


@pytest.mark.parametrize("code", COMPUTED)
def test_a_script_is_run(code, tmp_path):
    (tmp_path / "other.m").write_text("y = [7 8];")
    np.testing.assert_allclose(read(tmp_path, "d.m", f"y = [1 2 3];\n{code}\n")["y"], COMPUTED[code])


CODE = {  # what comes after the vector y, and its line
    "z = [1 2; 3];": 2,
    "\n\nz = [y; 4];": 4,
    "run other": 2,
    "load other.mat": 2,
    "load ../other.csv": 2,
    "y = system('ls');": 2,
}


@pytest.mark.parametrize("code", CODE)
def test_what_cannot_be_run_is_refused_by_its_line(code, tmp_path):
    with pytest.raises(DataError, match=f"d.m, line {CODE[code]}: "):
        read(tmp_path, "d.m", f"y = [1 2 3];\n{code}\n")


def test_what_is_cleared_or_no_vector_is_not_there(tmp_path):
    for text in ("y = [1 2 3];\nclear y\n", "y = [1 2 3];\ny = 5;\n", "y = [1 2; 3 4];"):
        assert "y" not in read(tmp_path, "d.m", text + "\nz = [1 2 3];")


BROKEN = {
    "y,c\n1,2,3\n4,5,6\n": "line 2: 3 fields, where the header has 2",
    "y,c\n1,2\n\n4\n": "line 4: 1 fields, where the header has 2",
    "y,c\n1,2\n4,5,\n": "line 3: 3 fields",
    'y,c\n1,2\n"4,5\n': "line 3",
    "y,y\n1,2\n": "column y comes twice",
    "y,c\n": "the file has no rows",
    "": "the file has no rows",
    "q,y\n1990Q1,1\n1990Q1,2\n": "1990Q1 comes after 1990Q1",
    "q,y\n1990Q2,1\n1990Q1,2\n": "1990Q1 comes after 1990Q2",
    "q,y\n1990Q1,1\n1990Q3,2\n": "1990Q3 comes after 1990Q1",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_csv_file_that_is_no_table(text, tmp_path):
    with pytest.raises(DataError, match=BROKEN[text]):
        read(tmp_path, "d.csv", text)


def test_a_csv_file(tmp_path):
    frame = read(tmp_path, "d.csv", '\ufeff"date", y ,c\n1999Q4, 1,\n\n2000Q1,NaN, -2e-1\n')
    assert frame.index.astype(str).tolist() == ["1999Q4", "2000Q1"]
    np.testing.assert_array_equal(frame, [[1, np.nan], [np.nan, -0.2]])


NO_NUMBERS = {
    "text": (["1", "abc"], "column y does not hold numbers but 'abc'"),
    "complex": ([1 + 2j, 3.0], "complex numbers"),
    "logical": ([True, False], "true and false"),
    "mixed": ([1.0, "oops"], "'oops'"),
    "infinite": ([1.0, np.inf], "column y, row 1: the number is infinite"),
}


@pytest.mark.parametrize("what", NO_NUMBERS)
def test_series_of_something_else(what):
    values, words = NO_NUMBERS[what]
    with pytest.raises(DataError, match=words):
        prepare(pd.DataFrame({"y": values}), {"y": "y"}, SETTINGS)


def test_saved_variables(tmp_path):
    arrays = {
        "y": np.array([[1.0], [2.0]]),
        "z": np.array([1 + 1j, 2]),
        "s": "text",
        "n": 4.0,
        "m": np.eye(2),
    }
    savemat(tmp_path / "d.mat", arrays | {"c": np.array(["a", 1.0], dtype=object)})
    frame = read_file(tmp_path / "d.mat", SETTINGS)
    assert sorted(frame) == ["y", "z"]
    with pytest.raises(DataError, match="complex numbers"):
        prepare(frame, {"z": "z"}, SETTINGS)


def test_a_broken_file_does_not_end_the_process(tmp_path):
    savemat(tmp_path / "d.mat", {"y": np.arange(200.0)})
    whole = (tmp_path / "d.mat").read_bytes()
    random = np.random.default_rng(0)
    for cut in (100, 200):
        garbled = bytearray(whole[: len(whole) - cut])
        for place in random.integers(128, len(garbled), 20):
            garbled[place] = random.integers(256)
        (tmp_path / "d.mat").write_bytes(bytes(garbled))
        with pytest.raises(DataError, match=r"d\.mat"):
            read_file(tmp_path / "d.mat", SETTINGS)
