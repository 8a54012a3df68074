"""Samplers against reference draws of posteriordb (Stan, ten chains), where the folder is at hand."""

import json
from pathlib import Path

import arviz_stats
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import estim
from estim.posterior import from_loglikelihood
from estim.samplers.run import sample

CHECKOUT = Path(estim.__file__).parents[1]
FOLDER = next(CHECKOUT.parent.glob("*/reference/posteriors"), CHECKOUT / "missing")
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no reference posteriors here")


def eight_schools(data):
    y, sigma = jnp.array(data["y"], float), jnp.array(data["sigma"], float)
    prior = {f"z{j}": dist.Normal() for j in range(8)}
    prior |= {"mu": dist.Normal(0.0, 5.0), "tau": dist.HalfCauchy(5.0)}

    def theta(p):
        return p["mu"] + p["tau"] * jnp.stack([p[f"z{j}"] for j in range(8)])

    posterior = from_loglikelihood(
        lambda p: jnp.sum(dist.Normal(theta(p), sigma).log_prob(y)), prior, {"tau": 1.0}
    )
    return posterior, lambda p: [*theta(p), p["mu"], p["tau"]]


def autoregression(data):
    y, lags = jnp.array(data["y"]), data["K"]
    design = jnp.stack([y[lags - k : -k] for k in range(1, lags + 1)], axis=1)
    names = [f"beta{k}" for k in range(1, lags + 1)]
    prior = {"alpha": dist.Normal(0.0, 10.0)} | {n: dist.Normal(0.0, 10.0) for n in names}
    prior |= {"sigma": dist.HalfCauchy(2.5)}

    def loglikelihood(p):
        mean = p["alpha"] + design @ jnp.stack([p[n] for n in names])
        return jnp.sum(dist.Normal(mean, p["sigma"]).log_prob(y[lags:]))

    return from_loglikelihood(loglikelihood, prior, {"sigma": 1.0}), lambda p: list(p.values())


def regression(data):
    y, design = jnp.array(data["y"]), jnp.array(data["X"])
    names = [f"beta{k}" for k in range(design.shape[1])]
    prior = {n: dist.Normal(0.0, 10.0) for n in names} | {"sigma": dist.HalfNormal(10.0)}

    def loglikelihood(p):
        mean = design @ jnp.stack([p[n] for n in names])
        return jnp.sum(dist.Normal(mean, p["sigma"]).log_prob(y))

    return from_loglikelihood(loglikelihood, prior), lambda p: list(p.values())


MODELS = {
    "eight_schools-eight_schools_noncentered": eight_schools,
    "arK-arK": autoregression,
    "sblrc-blr": regression,
}
RUNS = [
    ("eight_schools-eight_schools_noncentered", "nuts", {"num_samples": 2500}),
    ("sblrc-blr", "nuts", {"num_samples": 2000}),
    ("sblrc-blr", "mpmh", {"num_samples": 15_000, "num_proposals": 16}),
    ("arK-arK", "rwmh", {"num_samples": 60_000, "num_warmup": 2000}),
]


@pytest.mark.parametrize(("name", "algorithm", "settings"), RUNS)
def test_means_and_standard_deviations(name, algorithm, settings):
    reference = json.loads((FOLDER / f"{name}.json").read_text())
    posterior, reported = MODELS[name](reference["data"])
    draws = sample(posterior, algorithm, jax.random.key(11), thin_evaluations=1000, **settings)
    values = jax.vmap(jax.vmap(lambda x: jnp.stack(reported(posterior.constrain_fn(x)))))(draws.position)
    for i, x in enumerate(np.moveaxis(np.asarray(values), -1, 0)):
        mcse = x.std() / np.sqrt(float(arviz_stats.ess(x)))
        error = np.hypot(mcse, reference["mcse_mean"][i])
        assert abs(x.mean() - reference["mean"][i]) < 4 * error, reference["param_names"][i]
        assert abs(x.std() / reference["sd"][i] - 1) < 0.05, reference["param_names"][i]
