"""Dynare's own results of a file are read, and what is not its own is seen. The results are those of Dynare 5.3."""

from pathlib import Path

import pytest
from scipy.io import savemat

from estim.cli import main
from estim.data.datasets import DataError
from estim.dynare import compare_with_dynare, read_mod

MODEL = Path(__file__).parent / "mod" / "rbc.mod"
RESULTS = Path(__file__).parents[1] / "reference" / "dynare_rbc_results.mat"


def test_every_object_is_dynare_s():
    found = compare_with_dynare(read_mod(MODEL), RESULTS)
    assert [d.what for d in found][:3] == ["steady state", "impulse responses", "covariances"]
    assert len(found) == 9
    assert (
        max(d.largest for d in found) < 2e-10
    )  # Dynare adds 1e-14 to the variances before it draws responses


def test_the_command_prints_a_line_for_each(capsys):
    assert main(["dynare", str(MODEL), "--against", str(RESULTS)]) == 0
    printed = capsys.readouterr().out
    assert (
        "LARGEST DIFFERENCE FROM dynare_rbc_results.mat" in printed and "autocorrelations, lag 5" in printed
    )


def test_another_calibration_is_seen(tmp_path):
    changed = tmp_path / "rbc.mod"
    changed.write_text(MODEL.read_text().replace("0.0072", "0.0073"))
    found = {d.what: d for d in compare_with_dynare(read_mod(changed), RESULTS)}
    assert found["steady state"].largest < 1e-12
    assert found["covariances"].largest == pytest.approx((0.0073 / 0.0072) ** 2 - 1, rel=1e-3)
    assert "Dynare" in found["covariances"].where


def test_what_is_no_result_of_this_model_is_refused(tmp_path):
    broken, other = tmp_path / "broken.mat", tmp_path / "other.mat"
    broken.write_bytes(RESULTS.read_bytes()[:900])
    with pytest.raises(DataError, match="cannot be read"):
        compare_with_dynare(read_mod(MODEL), broken)
    savemat(other, {"x": [1.0]})
    with pytest.raises(DataError, match="no solution by Dynare"):
        compare_with_dynare(read_mod(MODEL), other)
    savemat(
        other, {"oo_": {"dr": {"ys": [1.0], "ghu": [1.0]}}, "M_": {"endo_names": ["z"], "exo_names": ["e"]}}
    )
    with pytest.raises(DataError, match="of another model: it has no 'y'"):
        compare_with_dynare(read_mod(MODEL), other)
