"""A `.mod` file as an experiment: the same model, data and likelihood options."""

from pathlib import Path

import pytest

import estim
from estim.dynare import read_mod
from estim.dynare.writing.experiment_file import write_experiment
from estim.experiment import load_experiment

MODELS = Path(__file__).parent / "mod"


def loglikelihood(experiment):
    model = experiment.load_model()
    return estim.loglikelihood(model, model.defaults, experiment.load_data(), **experiment.likelihood)


def test_the_datafile_of_the_file(tmp_path):
    mod = read_mod(MODELS / "trends.mod")
    experiment = load_experiment(write_experiment(mod, tmp_path))
    assert experiment.likelihood == {"presample": 4, "start": "stationary"}
    direct = estim.loglikelihood(mod.model, mod.model.defaults, mod.load_data(), **mod.likelihood_options)
    assert loglikelihood(experiment) == pytest.approx(direct, abs=1e-10)


def test_a_shipped_data_set(tmp_path):
    mod = read_mod(MODELS / "an_schorfheide_2007.mod")
    experiment = load_experiment(write_experiment(mod, tmp_path, "us_nk"))
    assert experiment.load_data().index.equals(estim.load_data("us_nk").index)


def test_another_file(tmp_path):
    mod = read_mod(MODELS / "diffuse_start.mod")
    data = tmp_path / "own.csv"
    data.write_text("obs\n0.1\n0.2\n0.4\n")
    experiment = load_experiment(write_experiment(mod, tmp_path / "runs", str(data)))
    assert experiment.load_data()["obs"].tolist() == [0.1, 0.2, 0.4]
    assert experiment.likelihood["start"] == "diffuse"
