"""What objects show of themselves: a line, a table in a notebook, equations in TeX; draws under ArviZ's names."""

import arviz
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from small_models import ar1, coarse

import estim
from estim.arguments import ArgumentError
from estim.likelihood.moving_average.toeplitz import Toeplitz
from estim.model import ModelError
from estim.runtime import available_cores
from estim.tex import dated, symbol

MODEL = ar1(labels={"rho": ("persistence", r"\varrho"), "x": ("the gap", "")})
DATA = pd.DataFrame({"X": np.sin(np.arange(20.0))})


@pytest.fixture(scope="module")
def posterior():
    return estim.build_posterior(MODEL, DATA)


@pytest.fixture(scope="module")
def draws(posterior):
    return estim.sample(posterior, "rwmh", jax.random.key(0), num_samples=200, num_chains=2, num_warmup=50)


def test_one_line(posterior, draws):
    assert repr(MODEL) == "Model 'ar1': 1 variable, 1 shock, 1 observable, 2 estimated parameters"
    assert repr(posterior) == "Posterior: 2 parameters"
    assert repr(draws) == "Draws: 2 chains, 200 draws each, 2 parameters"
    assert repr(estim.solve(MODEL)) == "StateSpace: 1 state, 1 shock, 1 observable"


def test_a_traced_solution_shows_itself_too():
    seen = []
    jax.eval_shape(lambda s: seen.append(repr(s)), estim.solve(MODEL))
    assert seen == ["StateSpace: 1 state, 1 shock, 1 observable"]


def test_tables(posterior, draws):
    assert "<td" in MODEL._repr_html_() and "rho, sigma" in MODEL._repr_html_()
    assert "Posterior of ar1" in posterior._repr_html_() and "FirstOrder" in posterior._repr_html_()
    assert "log-density" in draws._repr_html_()
    assert "largest roots" in estim.solve(MODEL)._repr_html_()
    experiment = estim.Experiment(model="an_schorfheide_2007", data="us_nk")
    assert "<th" in experiment._repr_html_()


@pytest.mark.parametrize(
    ("residual", "text"),
    [
        (lambda x, p, e: x.now - p.rho * x.lag - e, r"x_{t} - \varrho \, x_{t-1} = e_{t}"),
        (lambda x, p, e: jnp.exp(x.lead) / (1 + p.rho) - x.now**2,
         r"\frac{\exp\left(x_{t+1}\right)}{1 + \varrho} = x_{t}^{2}"),
        (lambda x, p, e: x.now - (x.lag - (p.rho - x.lead)), r"x_{t} = x_{t-1} - \left(\varrho - x_{t+1}\right)"),
        (lambda x, p, e: (x.now + x.lag) ** p.rho, r"\left(x_{t} + x_{t-1}\right)^{\varrho} = 0"),
        (lambda x, p, e: jnp.sqrt(x.lag) - 2.0 * x.now, r"\sqrt{x_{t-1}} = 2 \, x_{t}"),
    ],
)  # fmt: skip
def test_equations_in_tex(residual, text):
    class Dated:
        def __init__(self, lag, now, lead):
            self.lag, self.now, self.lead = lag.x, now.x, lead.x

    def residuals(lag, now, lead, e, p):
        _ = 0 * (p.rho + p.sigma)  # all that has a prior is used
        return {"law": residual(Dated(lag, now, lead), p, e.e)}

    assert ar1(labels=MODEL.labels, residuals=residuals).equations_in_tex()["law"] == text


def test_symbols_and_households():
    assert (symbol("rho_z"), symbol("gap"), dated("eps_R", "t")) == (
        r"\rho_{z}",
        r"\mathrm{gap}",
        r"\mathrm{eps}_{R,t}",
    )
    shown = coarse("krusell_smith_1998")._repr_html_()
    assert "1: household" in shown and r"\text{goods market}" in shown


def test_labels_must_be_of_something():
    with pytest.raises(ModelError, match=r"'labels' gives 'roh'.* did you mean 'rho'"):
        ar1(labels={"roh": ("persistence", "")})


def test_labels_of_a_mod_file(tmp_path):
    text = """var x $\\xi$ (long_name='the gap'); varexo e; parameters rho $\\varrho$; rho = 0.5;
        model; x = rho*x(-1) + e; end; shocks; var e; stderr 1; end; varobs x;"""
    (tmp_path / "small.mod").write_text(text)
    model = estim.read_mod(tmp_path / "small.mod").model
    assert model.labels == {"x": ("the gap", r"\xi"), "rho": ("", r"\varrho")}
    assert r"{\xi}_{t}" in model._repr_latex_()


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_groups_of_arviz(posterior, draws):
    tree = draws.to_datatree(DATA, posterior.sample_prior(jax.random.key(1), 10))
    each = tree["log_likelihood"]["y"]
    np.testing.assert_allclose(each.sum("counted"), draws.loglikelihood, rtol=1e-10)
    np.testing.assert_allclose(tree["log_prior"]["log_prior"], draws.logprior)
    assert tree["posterior_predictive"]["X"].dims == ("chain", "draw", "date")
    assert tree["prior_predictive"]["X"].shape == (1, 10, 20)
    assert np.isfinite(arviz.loo(tree).elpd)
    assert list(draws.summary().index) == ["rho", "sigma"]


def test_draws_that_another_sampler_made(posterior, draws):
    """What the posterior says of them is what the house's sampler kept."""
    theirs = estim.as_draws(posterior, draws.position[:, :5])
    np.testing.assert_allclose(theirs.loglikelihood, draws.loglikelihood[:, :5], rtol=1e-10)
    np.testing.assert_allclose(theirs.logprior, draws.logprior[:, :5], rtol=1e-10)
    assert "posterior" in theirs.to_datatree().children
    with pytest.raises(ArgumentError, match=r"the shape \[chain, draw, 2\], not \[2\]"):
        estim.as_draws(posterior, np.zeros(2))


def test_terms_of_a_moving_average():
    """The terms of the block Toeplitz likelihood add up to it, with missing numbers and a presample."""
    rng = np.random.default_rng(0)
    responses = rng.normal(size=(30, 2, 2)) * 0.7 ** np.arange(30)[:, None, None]
    solution = estim.MovingAverage(responses, np.eye(2), np.zeros(2), 0.1 * np.eye(2), jnp.array(0))
    y = rng.normal(size=(12, 2))
    y[3, 0] = np.nan
    row, data = Toeplitz(presample=2).for_data(y)
    each = row.logdensities(solution, data)
    assert each.shape == (10,)
    np.testing.assert_allclose(each.sum(), row.loglikelihood(solution, data).value, rtol=1e-12)


def test_cores_are_those_that_were_given(monkeypatch, tmp_path):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    limit = tmp_path / "cpu.max"
    monkeypatch.setattr("estim.runtime._CPU_LIMIT", limit)
    for text, cores in (("max 100000", 8), ("300000 100000", 3), ("50000 100000", 1)):
        limit.write_text(text)
        assert available_cores() == cores
