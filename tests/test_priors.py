"""Priors: densities against SciPy and Dynare, moments as asked for, and errors in words."""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import scipy.stats as st
from numpyro.distributions import Dirichlet, biject_to
from scipy.integrate import quad

from estim import priors
from estim.arguments import ArgumentError
from estim.posterior import from_loglikelihood
from estim.prior_checks import log_mass

INF = math.inf
REFERENCE = json.loads((Path(__file__).parent / "reference" / "dynare_priors.json").read_text())["models"]


def inverse_gamma_1_density(x, s, nu):
    """The textbook density, term by term (Bauwens, Lubrano and Richard 1999, A.16)."""
    return 2 / math.gamma(nu / 2) * (s / 2) ** (nu / 2) * x ** (-nu - 1) * math.exp(-s / (2 * x**2))


# prior, mean, std, a point inside, its density by another route
CASES = {
    "normal": (priors.normal(0.4, 0.2), 0.4, 0.2, 0.7, st.norm(0.4, 0.2).pdf),
    "uniform": (priors.uniform(-1, 3), 1.0, 4 / math.sqrt(12), 2.5, st.uniform(-1, 4).pdf),
    "beta": (priors.beta(0.5, 0.2), 0.5, 0.2, 0.9, st.beta(2.625, 2.625).pdf),
    "beta on (-1, 2)": (priors.beta(0.5, 0.6, -1, 2), 0.5, 0.6, 1.4, st.beta(2.625, 2.625, -1, 3).pdf),
    "gamma": (priors.gamma(2, 0.5), 2.0, 0.5, 2.4, st.gamma(16, scale=0.125).pdf),
    "gamma above 1": (priors.gamma(2, 0.5, low=1), 2.0, 0.5, 1.4, st.gamma(4, 1, 0.25).pdf),
    "weibull": (priors.weibull(1, 1), 1.0, 1.0, 0.3, st.expon().pdf),
    "weibull above -1": (
        priors.weibull(2 * math.gamma(1.5) - 1, 2 * math.sqrt(1 - math.pi / 4), low=-1),
        2 * math.gamma(1.5) - 1,
        2 * math.sqrt(1 - math.pi / 4),
        0.2,
        st.weibull_min(2, -1, 2).pdf,
    ),
    "inverse gamma 1": (
        priors.inverse_gamma_1(0.5013256549262002, 0.2620545510248134),
        0.5013256549262002,
        0.2620545510248134,
        0.19,
        lambda x: inverse_gamma_1_density(x, 0.64, 4.0),
    ),
    "inverse gamma 1, infinite std": (
        priors.inverse_gamma_1(0.1, INF),
        0.1,
        INF,
        0.2,
        lambda x: inverse_gamma_1_density(x, 0.02 / math.pi, 2.0),
    ),
    "inverse gamma 1, nu just above 1": (
        priors.InverseGamma1(s=0.3, nu=1.01),
        math.sqrt(0.15) * math.gamma(0.005) / math.gamma(0.505),
        INF,
        0.2,
        lambda x: inverse_gamma_1_density(x, 0.3, 1.01),
    ),
    "inverse gamma 2": (priors.inverse_gamma_2(0.5, 0.25), 0.5, 0.25, 0.4, st.invgamma(6, scale=2.5).pdf),
    "inverse gamma 2, infinite std": (
        priors.inverse_gamma_2(0.5, INF),
        0.5,
        INF,
        0.4,
        st.invgamma(2, scale=0.5).pdf,
    ),
    "normal in [0, 1]": (
        priors.truncated(priors.normal(0.5, 0.5), 0, 1),
        *(float(getattr(st.truncnorm(-1, 1, 0.5, 0.5), moment)()) for moment in ("mean", "std")),
        0.8,
        st.truncnorm(-1, 1, 0.5, 0.5).pdf,
    ),
    "beta in [0.3, 0.6]": (
        priors.truncated(priors.beta(0.5, 0.2), 0.3, 0.6),
        *(
            (lambda m, v: (m, math.sqrt(v - m**2)))(
                *(
                    st.beta(2.625, 2.625).expect(lambda x, p=p: x**p, lb=0.3, ub=0.6, conditional=True)
                    for p in (1, 2)
                )
            )
        ),
        0.55,
        lambda x: st.beta(2.625, 2.625).pdf(x) / np.diff(st.beta(2.625, 2.625).cdf([0.3, 0.6]))[0],
    ),
    "narrow normal above 0": (
        priors.truncated(priors.normal(5, 1e-3), low=0),
        5.0,
        1e-3,
        5.001,
        st.norm(5, 1e-3).pdf,
    ),
    "normal below -1": (
        priors.truncated(priors.normal(0, 1), high=-1),
        *(float(getattr(st.truncnorm(-INF, -1), moment)()) for moment in ("mean", "std")),
        -1.5,
        st.truncnorm(-INF, -1).pdf,
    ),
    "gamma in [1.5, inf), not renormalised": (
        priors.truncated(priors.gamma(2, 0.5), low=1.5, renormalise=False),
        *(
            (lambda m, v: (m, math.sqrt(v - m**2)))(
                *(
                    st.gamma(16, scale=0.125).expect(lambda x, p=p: x**p, lb=1.5, conditional=True)
                    for p in (1, 2)
                )
            )
        ),
        2.4,
        st.gamma(16, scale=0.125).pdf,
    ),
}
each_prior = pytest.mark.parametrize(
    ("prior", "mean", "std", "inside", "density"), CASES.values(), ids=CASES.keys()
)


def by_family(row):
    mean, std = row["mean"], float(row["std"])
    match row["prior"]:
        case "uniform":
            base = priors.uniform(*row["hyper"])
        case "inv_gamma1":
            base = priors.inverse_gamma_1(mean, std)
        case family:
            base = getattr(priors, family)(mean, std)
    return priors.truncated(base, *row["bounds"], renormalise=False) if "bounds" in row else base


@each_prior
def test_density_agrees_with_another_route(prior, mean, std, inside, density):
    assert float(jnp.exp(prior.log_prob(inside))) == pytest.approx(density(inside), rel=1e-11)


@each_prior
def test_mean_and_std_are_those_asked_for(prior, mean, std, inside, density):
    assert float(prior.mean) == pytest.approx(mean, rel=1e-9)
    assert float(jnp.sqrt(prior.variance)) == pytest.approx(std, rel=1e-9)


@each_prior
def test_draws_follow_the_distribution(prior, mean, std, inside, density, rng_key):
    """Kolmogorov-Smirnov against the prior's own cdf: the statistic's p-value, not a tuned seed."""
    draws = np.asarray(prior.sample(rng_key, (2000,)))
    assert st.kstest(draws, lambda x: np.asarray(prior.cdf(jnp.asarray(x)))).pvalue > 1e-5
    assert bool(jnp.all(prior.support(draws)))


@each_prior
def test_cdf_integrates_the_density(prior, mean, std, inside, density):
    above = inside + 0.01 * min(std, 1.0)
    height = float(prior.mass) if getattr(prior, "renormalise", True) is False else 1.0
    mass, _ = quad(density, inside, above, epsrel=1e-11)
    assert height * float(prior.cdf(above) - prior.cdf(inside)) == pytest.approx(mass, rel=1e-8)


@each_prior
def test_compiled_gradient_in_unconstrained_space(prior, mean, std, inside, density):
    constrain = biject_to(prior.support)

    @jax.jit
    @jax.value_and_grad
    def logdensity(z):
        return prior.log_prob(constrain(z)) + constrain.log_abs_det_jacobian(z, constrain(z))

    z, step = constrain.inv(jnp.asarray(inside)), 1e-5
    (up, _), (_, gradient), (down, _) = logdensity(z + step), logdensity(z), logdensity(z - step)
    assert float(gradient) == pytest.approx(float(up - down) / (2 * step), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", [n for n in CASES if "inverse gamma 1" in n or "in [" in n])
def test_no_density_and_no_nan_outside_the_support(name):
    value, gradient = jax.jit(jax.value_and_grad(CASES[name][0].log_prob))(-0.5)
    assert value == -jnp.inf
    assert gradient == 0.0


@pytest.mark.parametrize("q", [0.01, 0.3, 0.999])
@pytest.mark.parametrize("name", [n for n, case in CASES.items() if hasattr(case[0], "mass")])
def test_quantiles_of_truncated_priors_invert_the_cdf(name, q):
    prior = CASES[name][0]
    assert float(prior.cdf(prior.icdf(q))) == pytest.approx(q, abs=1e-10)


@pytest.mark.parametrize("model", REFERENCE)
def test_logprior_agrees_with_dynare(model):
    rows = REFERENCE[model]["priors"]
    total = sum(float(by_family(row).log_prob(row["point"])) for row in rows)
    assert total == pytest.approx(REFERENCE[model]["logprior"], abs=1e-9)


@pytest.mark.parametrize(
    "row",
    [r for m in REFERENCE.values() for r in m["priors"] if r["prior"] == "inv_gamma1"],
    ids=lambda r: r["name"],
)
def test_inverse_gamma_hyperparameters_agree_with_dynare(row):
    prior = priors.inverse_gamma_1(row["mean"], float(row["std"]))
    assert [float(prior.s), float(prior.nu)] == pytest.approx(row["hyper"], rel=1e-7)


def test_a_truncation_that_cuts_nothing_changes_nothing():
    base = priors.normal(0, 1)
    assert priors.truncated(base) is base


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: priors.beta(0.5, 0.6), r"beta\(mean=0.5, std=0.6.*below 0.5, the largest"),
        (lambda: priors.beta(1.2, 0.1), r"beta\(mean=1.2.*between low and high"),
        (lambda: priors.gamma(-1, 0.5), r"gamma\(mean=-1, std=0.5\): the mean must lie above 0"),
        (lambda: priors.gamma(2, 0.5, low=3), r"low=3\): the mean must lie above 3"),
        (lambda: priors.gamma(2, INF), r"gamma\(mean=2, std=inf\): std must be positive and finite"),
        (lambda: priors.normal(0, -1), r"normal\(mean=0, std=-1\): std must be positive"),
        (lambda: priors.uniform(1, 1), r"uniform\(low=1, high=1\): low must be below high"),
        (lambda: priors.weibull(1, 1e20), r"weibull\(mean=1, std=1e\+20\): no such distribution"),
        (lambda: priors.inverse_gamma_1(0.1, 0), r"inverse_gamma_1\(mean=0.1, std=0\): std must be positive"),
        (
            lambda: priors.inverse_gamma_2(0, 1),
            r"inverse_gamma_2\(mean=0, std=1\): the mean must lie above 0",
        ),
        (lambda: priors.InverseGamma1(s=-1, nu=2), r"InverseGamma1\(s=-1, nu=2\): both must be positive"),
        (
            lambda: priors.truncated(priors.beta(0.5, 0.2), 2, 3),
            r"truncated\(Beta, low=2, high=3\): no prior mass",
        ),
        (
            lambda: priors.truncated(priors.normal(0, 1), 2, 1),
            r"truncated\(Normal, low=2, high=1\): low must be",
        ),
        (
            lambda: priors.jointly(Dirichlet(jnp.ones(3))),
            r"jointly\(Dirichlet\): its 3 numbers have 2 degrees of freedom",
        ),
        (lambda: priors.jointly(priors.normal(0, 1)), r"jointly\(Normal\): its draws have shape \(\), not"),
    ],
)
def test_impossible_priors_are_refused(build, words):
    with pytest.raises(ValueError, match=words):
        build()


WITHOUT_A_MEAN = {
    "half Cauchy": (dist.HalfCauchy(2.0), 2.0),
    "Cauchy": (dist.Cauchy(1.0, 3.0), 1.0),
    "Student t, one degree": (dist.StudentT(1.0, -1.0, 0.5), -1.0),
    "inverse gamma, shape below one": (dist.InverseGamma(0.8, 1.0), 1 / st.gamma(0.8).median()),
    "log of a Cauchy": (
        dist.TransformedDistribution(dist.Cauchy(0.0, 1.0), dist.transforms.ExpTransform()),
        1.0,
    ),
    "Pareto": (dist.Pareto(1.0, 0.7), 2 ** (1 / 0.7)),
}


@pytest.mark.parametrize(("prior", "median"), WITHOUT_A_MEAN.values(), ids=WITHOUT_A_MEAN)
def test_where_no_mean_is_finite_the_search_begins_at_the_median(prior, median):
    posterior = from_loglikelihood(lambda p: 0.0, {"x": prior})
    start = float(posterior.constrain_fn(posterior.start)["x"])
    between = np.quantile(np.asarray(prior.sample(jax.random.key(1), (4000,))), [0.45, 0.55])
    assert between[0] < start < between[1] and between[0] < median < between[1]
    assert bool(jnp.isfinite(posterior.logdensity_fn(posterior.start)))
    assert bool(jnp.all(jnp.isfinite(posterior.sample_prior(jax.random.key(0), 100))))


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (dist.Poisson(2.0), "the prior of 'x', Poisson, is discrete"),
        (dist.Bernoulli(0.3), "the prior of 'x', Bernoulli.*, is discrete"),
        (dist.DiscreteUniform(1, 5), "the prior of 'x', DiscreteUniform, is discrete"),
        (dist.Delta(1.0), "the prior of 'x', Delta, is discrete"),
        (
            dist.ImproperUniform(dist.constraints.positive, (), ()),
            r"the prior of 'x', ImproperUniform, cannot be drawn from \(is it improper\?\)",
        ),
        (dist.Normal(jnp.zeros(3), 1.0), r"the prior of 'x', Normal, has draws of shape \(3,\), not \(\)"),
        (0.5, r"prior\['x'\] must be a Distribution, not 0.5"),
        (dist.Normal, r"prior\['x'\] must be a Distribution, not <class .*Normal'>"),
    ],
)
def test_distributions_that_are_no_prior_are_refused_by_name(prior, words):
    with pytest.raises((priors.PriorError, ArgumentError), match=words):
        from_loglikelihood(lambda p: 0.0, {"x": prior})


@pytest.mark.parametrize(
    ("prior", "end", "inside"),
    [
        (dist.Uniform(-1.0, 3.0), 3.0, 2.998),
        (dist.Uniform(-1.0, 3.0), -1.0, -0.998),
        (priors.beta(0.5, 0.2), 0.0, 0.0005),
        (priors.gamma(2.0, 0.5), 0.0, 0.002),
        (priors.gamma(2.0, 0.5, low=1.0), 1.0, 1.001),
        (priors.truncated(priors.normal(0.0, 1.0), low=0.0), 0.0, 1e-3 * np.sqrt(2 / np.pi)),
    ],
)
def test_a_start_at_the_end_of_a_support_is_moved_inside(prior, end, inside):
    posterior = from_loglikelihood(lambda p: 0.0, {"x": prior}, start={"x": end})
    assert float(posterior.constrain_fn(posterior.start)["x"]) == pytest.approx(inside, rel=1e-3)
    assert bool(jnp.isfinite(posterior.logdensity_fn(posterior.start)))


@pytest.mark.parametrize(("start", "words"), [(-0.1, "x = -0.1"), (math.nan, "x = nan"), (INF, "x = inf")])
def test_a_start_outside_the_support_is_refused_by_name(start, words):
    with pytest.raises(priors.PriorError, match=f"the start {words} lies outside the support of its prior"):
        from_loglikelihood(lambda p: 0.0, {"x": priors.gamma(1.0, 0.5)}, start={"x": start})


@pytest.mark.parametrize(
    ("prior", "mass"),
    [
        (priors.normal(0.0, 1.0), 1.0),
        (priors.truncated(priors.normal(0.0, 1.0), low=0.0), 1.0),
        (priors.truncated(priors.normal(0.0, 1.0), low=0.0, renormalise=False), 0.5),
        (
            priors.Affine(priors.truncated(priors.normal(0.0, 1.0), low=0.0, renormalise=False), 1.0, 2.0),
            0.5,
        ),
        (
            priors.truncated(
                priors.truncated(priors.uniform(0.0, 8.0), high=4.0, renormalise=False),
                high=2.0,
                renormalise=False,
            ),
            0.25,
        ),
    ],
)
def test_the_mass_that_bounds_leave(prior, mass):
    assert math.exp(log_mass(prior)) == pytest.approx(mass, rel=1e-9)


def test_a_distribution_that_cannot_be_cut_says_so():
    with pytest.raises(priors.PriorError, match=r"truncated\(VonMises.*no distribution function"):
        priors.truncated(dist.VonMises(0.0, 1.0), low=0.0)
