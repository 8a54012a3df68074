"""A quarter more: old draws weighed by the new data, or where that is not enough the samplers from the old mode."""

from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest
from small_models import Params, ar1

import estim
from estim import priors
from estim.arguments import ArgumentError
from estim.experiment import Experiment, Route, SurrogateRoute
from estim.pipeline import run_experiment
from estim.pipeline.learning import EVALUATED
from estim.pipeline.quarter import REWEIGHTED
from estim.results.contents import read_evaluations, read_route
from estim.results.store import RunDirectory, RunWarning
from estim.samplers.constrain import unconstrain
from estim.samplers.mode import Laplace
from estim.samplers.run import sample_chunks

DATES = pd.period_range("2000Q1", periods=60, freq="Q", name="date")
SERIES = 0.5 + 0.4 * np.random.default_rng(3).normal(size=60)
FRAME = pd.DataFrame({"X": SERIES}, DATES)
EXPERIMENT = Experiment(
    model=ar1(),
    data="us_nk",
    routes={"rwmh": Route("rwmh", num_samples=1500, num_chains=2, num_warmup=200)},
    surrogate=None,
    num_starts=1,
)

LAPLACE = Laplace(np.zeros(2), np.eye(2), 0.0, 0.0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run on 56 quarters, one from it on 58, and one on 58 from nothing."""
    folder = tmp_path_factory.mktemp("quarters")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("estim.pipeline.write_report", lambda run: None)
        old = run_experiment(EXPERIMENT, folder / "old", data=FRAME[:56])
        with pytest.warns(RunWarning, match=r"Pareto k-hat .* they stand for the new posterior"):
            new = run_experiment(EXPERIMENT, folder / "new", data=FRAME[:58], previous=old.path)
        fresh = run_experiment(EXPERIMENT, folder / "fresh", data=FRAME[:58])
        yield old, new, fresh


def test_old_draws_stand_for_the_new_posterior(runs):
    """Means and standard deviations are those of new draws, within four standard errors at some 150 effective draws."""
    _, new, fresh = runs
    weighed, drawn = (estim.load_run(run.path) for run in (new, fresh))
    assert weighed.routes == (REWEIGHTED,)
    mine, theirs = weighed.summary(), drawn.summary()
    assert (np.abs(mine["mean"] - theirs["mean"]) < 4 * np.hypot(mine["mcse"], theirs["mcse"])).all()
    np.testing.assert_allclose(mine["sd"], theirs["sd"], rtol=0.3)


def test_the_densities_kept_are_those_of_the_new_data(runs):
    _, new, _ = runs
    result = read_route(new, REWEIGHTED)
    posterior = estim.build_posterior(EXPERIMENT.model, FRAME[:58])
    values = dict(zip(posterior.param_names, map(float, result.params[1, 7]), strict=True))
    position = posterior.unconstrain_fn(values)
    np.testing.assert_allclose(result.loglikelihood[1, 7], posterior.loglikelihood_fn(position), rtol=1e-9)
    assert result.stats["acceptance_rate"].shape == result.loglikelihood.shape  # which the report shows
    assert result.num_evaluations == result.params[..., 0].size


def test_stopped_at_once_it_still_begins_at_the_old_mode(runs, tmp_path, monkeypatch):
    """What the run was begun from is kept in it: the mode, found by a search from the old one, has the same bits."""
    monkeypatch.setattr("estim.pipeline.write_report", lambda run: None)
    old, new, _ = runs

    def stop(stage, *_):
        raise KeyboardInterrupt(stage)

    given = {"data": FRAME[:58], "previous": old.path}
    with pytest.warns(RunWarning, match="begun from"), pytest.raises(KeyboardInterrupt):
        run_experiment(EXPERIMENT, tmp_path / "run", stop, **given)
    assert not RunDirectory(tmp_path / "run").has("mode.npz")
    run = run_experiment(EXPERIMENT, tmp_path / "run", **given)
    for name, value in new.read_arrays("mode.npz").items():
        np.testing.assert_array_equal(run.read_arrays("mode.npz")[name], value)
    np.testing.assert_array_equal(read_route(run, REWEIGHTED).params, read_route(new, REWEIGHTED).params)


def test_another_regime_is_sampled_anew(runs, tmp_path, monkeypatch):
    """Data of another scale: no weights will do, and the routes run from the old mode."""
    monkeypatch.setattr("estim.pipeline.write_report", lambda run: None)
    old, _, _ = runs
    with pytest.warns(RunWarning, match="not enough"):
        run = run_experiment(EXPERIMENT, tmp_path / "run", data=20 * FRAME[:56], previous=old.path)
    assert estim.load_run(run.path).routes == ("rwmh",)


def test_where_weights_are_not_enough_what_was_learnt_begins_the_new_run(runs, tmp_path, monkeypatch):
    """Chains begin at old draws, with the tuning of the old warm-up and a quarter of its length."""
    monkeypatch.setattr("estim.pipeline.write_report", lambda run: None)
    monkeypatch.setattr("estim.pipeline.quarter.reliable_khat", lambda num: -np.inf)
    old, _, fresh = runs
    with pytest.warns(RunWarning, match="not enough; chains begin from them"):
        run = run_experiment(EXPERIMENT, tmp_path / "run", data=FRAME[:58], previous=old.path)
    assert run.read_json("settings.json")["routes"]["rwmh"]["num_warmup"] == 50
    begun = run.read_arrays("begun/rwmh.npz")
    posterior = estim.build_posterior(EXPERIMENT.model, FRAME[:58])
    drawn = unconstrain(posterior, read_route(old, "rwmh").params.reshape(-1, 2))
    assert all((np.abs(drawn - position).max(axis=1) < 1e-12).any() for position in begun["position"])
    leaves = [leaf for name, leaf in begun.items() if name.startswith("state.")]
    kept = {"initial_positions": begun["position"], "earlier": leaves, "laplace": LAPLACE}
    given = (posterior, "rwmh", jax.random.key(0))
    *_, (state, _) = sample_chunks(*given, num_samples=5, num_chains=2, num_warmup=0, **kept)
    earlier = jax.tree.unflatten(jax.tree.structure(state), leaves)
    for ours, theirs in zip(state.tuning[:3], earlier.tuning[:3], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    mine, theirs = (estim.load_run(r.path).summary() for r in (run, fresh))
    assert (np.abs(mine["mean"] - theirs["mean"]) < 4 * np.hypot(mine["mcse"], theirs["mcse"])).all()


def test_a_surrogate_learns_from_the_old_draws_under_the_new_data_too(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("estim.pipeline.write_report", lambda run: None)
    monkeypatch.setattr("estim.pipeline.quarter.reliable_khat", lambda num: -np.inf)
    old, _, _ = runs
    few = {"num_epochs": 2, "hidden": (8,), "num_members": 1}
    learning = SurrogateRoute(
        train_on=("mpmh",), settings=few, num_samples=4, num_chains=256, num_warmup=20, num_certificate=200
    )
    short = Route("mpmh", num_samples=60, num_chains=2, num_warmup=20)
    experiment = replace(EXPERIMENT, routes={"mpmh": short}, surrogate=learning)
    with pytest.warns(RunWarning, match="not enough; chains begin from them"):
        run = run_experiment(experiment, tmp_path / "run", data=FRAME[:58], previous=old.path)
    known = run.read_arrays(EVALUATED)
    posterior = estim.build_posterior(EXPERIMENT.model, FRAME[:58])
    values = [posterior.loglikelihood_fn(position) for position in known["position"][:3]]
    np.testing.assert_allclose(known["loglikelihood"][:3], values, rtol=1e-9)
    learnt = run.read_arrays("surrogate/network.npz")["counts/evaluations"]
    assert learnt == len(known["position"]) + len(read_evaluations(run, "mpmh")["position"])


def test_a_run_of_another_model_is_refused(runs, tmp_path):
    old, _, _ = runs
    other = replace(EXPERIMENT, model=ar1(prior=Params(rho=priors.beta(0.3, 0.1))))
    with pytest.raises(ArgumentError, match=r"another model \(its prior\)"):
        run_experiment(other, tmp_path / "run", data=FRAME[:56], previous=old.path)


def test_a_begun_run_goes_on(runs, monkeypatch):
    monkeypatch.setattr("estim.pipeline.write_report", lambda run: None)
    old, new, _ = runs
    before = read_route(new, REWEIGHTED).params
    run_experiment(EXPERIMENT, new.path, data=FRAME[:58], previous=old.path)
    np.testing.assert_array_equal(read_route(new, REWEIGHTED).params, before)
