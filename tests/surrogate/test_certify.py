"""The certificate of a surrogate that is wrong in a known way: exact numbers by quadrature and algebra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers_surrogate import gaussian_posterior, gaussian_surrogate, make_posterior
from scipy.stats import norm

from estim.surrogate.certify import certify, ensemble_calibration

KEY = jax.random.key(0)


def exact_rates(mean, sd, step):
    """Wrong accept, wrong reject and acceptance in one dimension: true N(0, 1), surrogate N(mean, sd^2), on a grid."""
    x = np.linspace(-9, 9, 1001)
    log_p, log_p_hat = norm.logpdf(x), norm.logpdf(x, mean, sd)
    a = np.exp(np.minimum(log_p[None, :] - log_p[:, None], 0))
    a_hat = np.exp(np.minimum(log_p_hat[None, :] - log_p_hat[:, None], 0))
    pairs = np.exp(log_p_hat)[:, None] * norm.pdf(x[None, :], x[:, None], step * sd) * (x[1] - x[0]) ** 2
    return [np.sum(pairs * term) for term in (np.maximum(a_hat - a, 0), np.maximum(a - a_hat, 0), a_hat)]


def exact_distances(mean, sd):
    """KL(p || p_hat), total variation, chi-square(p || p_hat) of N(0, 1) and N(mean, sd^2), 2 sd^2 > 1."""
    x = np.linspace(-12, 12, 20_001)
    variation = np.abs(norm.pdf(x) - norm.pdf(x, mean, sd)).sum() * (x[1] - x[0]) / 2
    width = 2 * sd**2 - 1
    chi_square = sd**2 / np.sqrt(width) * np.exp(mean**2 / width) - 1
    return np.log(sd) + (1 + mean**2) / (2 * sd**2) - 0.5, variation, chi_square


def exact_draws(mean, sd, dim, chains=50, length=100):
    return mean + sd * np.random.default_rng(0).normal(size=(chains, length, dim))


def within(estimate, exact):
    return abs(estimate.value - exact) < 4 * estimate.error + 1e-9


@pytest.fixture(scope="module")
def truth():
    return gaussian_posterior(1)


@pytest.mark.parametrize(("mean", "sd"), [(0.3, 1.0), (0.0, 1.2), (-0.2, 1.1), (0.0, 0.9)])
def test_certificate_of_a_known_error(truth, mean, sd):
    surrogate = gaussian_surrogate(truth, [mean], [[sd]])
    draws = exact_draws(mean, sd, 1)
    certificate = certify(truth, surrogate, draws, KEY, num_evaluations=5_000)
    accept, reject, acceptance = exact_rates(mean, sd, certificate.step_size)
    assert acceptance == pytest.approx(0.234, abs=0.02)
    assert certificate.wrong_accept.error <= 0.2 * accept and certificate.wrong_reject.error < 0.2 * reject
    assert within(certificate.wrong_accept, accept) and within(certificate.wrong_reject, reject)
    divergence, variation, chi_square = exact_distances(mean, sd)
    assert within(certificate.kl_divergence, divergence)
    assert within(certificate.total_variation, variation)
    assert within(certificate.chi_square, chi_square)
    low, high = norm.ppf([0.05, 0.95])
    moved = [-mean, 1 - sd, low - (mean + sd * low), high - (mean + sd * high)]
    np.testing.assert_array_less(
        np.abs(certificate.shift[:, 0] - np.array(moved) / sd), 4 * certificate.shift_error[:, 0] + 0.05
    )
    assert certificate.mean_shift == abs(certificate.shift[0, 0])
    assert certificate.num_evaluations == 5_000 and certificate.num_failures == 0
    assert certificate.ensemble_calibration is None and certificate.training_rhat is None


@pytest.mark.parametrize(("mean", "seen"), [(0.0, False), (0.4, True)])
def test_the_gradient_gives_a_second_opinion(truth, mean, seen):
    surrogate = gaussian_surrogate(truth, [mean], [[1.0]])
    certificate = certify(truth, surrogate, exact_draws(mean, 1.0, 1), KEY, gradients=True)
    assert certificate.num_evaluations == 2_250
    assert (certificate.stein.probability < 0.01) == seen
    assert "Stein discrepancy" in str(certificate)


@pytest.mark.parametrize(
    ("mean", "sd", "verdict", "words"),
    [
        (0.0, 1.0, "safe", "can be used as they are"),
        (0.2, 1.2, "use the correction", "because the standard deviation of"),
        (0.0, 0.3, "not certified", "because importance weights are unreliable|because heavy tails"),
    ],
)
def test_verdict_in_words(mean, sd, verdict, words):
    posterior = gaussian_posterior(2)
    surrogate = gaussian_surrogate(posterior, [mean, 0.0], sd * np.eye(2))
    draws = exact_draws(np.array([mean, 0.0]), sd, 2)
    certificate = certify(posterior, surrogate, draws, KEY, num_evaluations=4000)
    assert certificate.verdict == verdict
    text = str(certificate)
    assert any(word in text for word in words.split("|"))
    assert f"at steps of {certificate.step_size:.2f}" in text
    assert bool(certificate.reasons) == (verdict != "safe")


def tail(x, bend, slope):
    """A standard normal log-density whose tails beyond +-bend go on differently, by ``slope(excess)``."""
    return -0.5 * jnp.minimum(jnp.abs(x), bend) ** 2 - slope(jnp.maximum(jnp.abs(x) - bend, 0))


TAILS = {
    "power": (
        2.4,
        lambda excess: 4 * jnp.log1p(excess / 2.4),
    ),  # as Student's t with three degrees of freedom
    "exponential": (2.4, lambda excess: 1.2 * excess),
    "too light": (1.2, lambda excess: 1.2 * excess + 1.5 * excess**2),
}


@pytest.mark.parametrize("kind", TAILS)
@pytest.mark.parametrize("dim", [1, 4])
def test_a_surrogate_right_in_the_middle_and_wrong_in_one_tail_is_never_safe(kind, dim):
    bend, slope = TAILS[kind]
    posterior = make_posterior(
        lambda x: tail(x[0], bend, slope) - 0.5 * jnp.sum(x[1:] ** 2), dim, prior_sd=1e4
    )
    x = jnp.linspace(-400, 400, 800_001)
    density = np.exp(np.asarray(tail(x, bend, slope)))
    sd = np.sqrt(np.sum(density * x**2) / density.sum())
    assert abs(sd - 1) > 0.05
    surrogate = gaussian_surrogate(posterior, np.zeros(dim), np.eye(dim))
    certificate = certify(posterior, surrogate, exact_draws(0.0, 1.0, dim), KEY, num_evaluations=4000)
    assert certificate.verdict != "safe"
    assert np.sign(certificate.shift[1, 0]) == np.sign(sd - 1)
    if kind != "power":  # whose variance rests on points that a few thousand evaluations never meet
        assert abs(certificate.shift[1, 0] - (sd - 1)) < 4 * certificate.shift_error[1, 0] + 0.01


@pytest.mark.parametrize("edge", [-0.5, 0.5, 1.5, 2.2])
def test_draws_beyond_a_cliff_are_counted_and_never_safe(edge):
    posterior = make_posterior(lambda x: jnp.where(x[0] < edge, -0.5 * x @ x, -jnp.inf), 1, prior_sd=1e3)
    surrogate = gaussian_surrogate(posterior, [0.0], [[1.0]], num_members=5)
    certificate = certify(posterior, surrogate, exact_draws(0.0, 1.0, 1), KEY, num_evaluations=8000)
    beyond = norm.sf(edge)
    assert certificate.num_failures > 0.8 * beyond * 8000
    assert certificate.total_variation.value == pytest.approx(beyond, abs=0.05)
    assert certificate.wrong_accept.value > 0.1 * beyond
    assert certificate.verdict == ("use the correction" if beyond < 0.45 else "not certified")
    assert any("have no likelihood" in reason for reason in certificate.reasons)
    assert not condition(certificate, "draws without a likelihood").met


def test_a_draw_in_thousands_without_a_likelihood_is_no_objection():
    posterior = make_posterior(lambda x: jnp.where(x[0] < 3.3, -0.5 * x @ x, -jnp.inf), 1, prior_sd=1e3)
    surrogate = gaussian_surrogate(posterior, [0.0], [[1.0]], num_members=5)
    certificate = certify(posterior, surrogate, exact_draws(0.0, 1.0, 1), KEY, num_evaluations=8000)
    assert condition(certificate, "draws without a likelihood").met and certificate.num_failures > 0


@pytest.mark.parametrize("bad", [jnp.inf, jnp.nan, -jnp.inf])
def test_a_density_that_is_no_number_is_a_failure(bad):
    posterior = make_posterior(lambda x: jnp.where(x[0] < 1, -0.5 * x @ x, bad), 1, prior_sd=1e3)
    surrogate = gaussian_surrogate(posterior, [0.0], [[1.0]])
    certificate = certify(posterior, surrogate, exact_draws(0.0, 1.0, 1), KEY, num_evaluations=1000)
    assert certificate.num_failures > 0.1 * 1000 and np.isfinite(certificate.shift).all()
    assert certificate.verdict != "safe"


def test_chains_that_ran_away_are_refused_in_words():
    posterior = make_posterior(lambda x: jnp.where(x[0] > -1.0, -0.5 * x @ x, -jnp.inf), 1, 1e3)
    surrogate = gaussian_surrogate(posterior, [-50.0], [[1.0]])
    certificate = certify(posterior, surrogate, exact_draws(-50.0, 1.0, 1), KEY, num_evaluations=1000)
    assert certificate.verdict == "not certified"
    assert "none of the surrogate's draws has a likelihood: refine" in certificate.reasons
    assert certificate.num_failures == 1000
    assert "inf in log-posterior" in str(certificate)


def apart(draws, by):
    """Half of the chains moved up by `by` and half down."""
    return draws + by * np.where(np.arange(len(draws)) % 2, 1, -1)[:, None, None]


def drifting(draws, by):
    return draws + by * np.linspace(-1, 1, draws.shape[1])[None, :, None]


def spreading(draws, by):
    """The same mean in every chain, another scale in half of them."""
    return draws * np.where(np.arange(len(draws)) % 2, 1 + by, 1)[:, None, None]


@pytest.mark.parametrize(
    ("change", "by"),
    [(apart, 0.6), (drifting, 1.0), (spreading, 2.0), (apart, 0.0)],
    ids=["apart", "drifting", "other scales", "met"],
)
@pytest.mark.parametrize("whose", ["draws", "training chains"])
def test_chains_that_have_not_met_are_not_certified(truth, change, by, whose):
    surrogate = gaussian_surrogate(truth, [0.0], [[1.0]])
    draws = exact_draws(0.0, 1.0, 1)
    changed = change(draws, by)
    given = (changed, draws) if whose == "draws" else (draws, changed)
    certificate = certify(truth, surrogate, given[0], KEY, num_evaluations=1000, training_chains=given[1])
    name = "the surrogate's chains" if whose == "draws" else "the training chains"
    not_met = [reason for reason in certificate.reasons if f"{name} have not met" in reason]
    assert bool(not_met) == (by > 0)
    assert (certificate.verdict == "not certified") == (by > 0)


def condition(certificate, words):
    return next(c for c in certificate.conditions if words in c.what)


def test_a_function_of_the_user_is_judged_as_a_parameter_is(truth):
    surrogate = gaussian_surrogate(truth, [0.0], [[1.1]])
    draws = exact_draws(0.0, 1.1, 1)
    functions = {"square": lambda x: x[:, 0] ** 2}
    certificate = certify(truth, surrogate, draws, KEY, num_evaluations=5000, functions=functions)
    assert certificate.quantities == ("x0", "square") and certificate.shift.shape == (4, 2)
    moved = (1 - 1.1**2) / (np.sqrt(2) * 1.1**2)
    assert abs(certificate.shift[0, 1] - moved) < 4 * certificate.shift_error[0, 1] + 0.01
    assert "the mean of square is off by" in str(certificate)


@pytest.mark.parametrize(("tolerance", "safe"), [(0.05, False), (0.2, True)])
def test_the_tolerance_is_the_users(truth, tolerance, safe):
    surrogate = gaussian_surrogate(truth, [0.0], [[1.1]])
    draws = exact_draws(0.0, 1.1, 1)
    certificate = certify(truth, surrogate, draws, KEY, num_evaluations=5000, tolerance=tolerance)
    assert (certificate.verdict == "safe") == safe
    assert condition(certificate, "standard deviation is right").wanted == f"within {tolerance}"
    assert f"at a tolerance of {tolerance}" in str(certificate)


def test_what_only_the_training_chains_saw_is_missed(truth):
    """A second mode, a fifth of the mass, that the surrogate does not have: its own draws say that all is well."""
    posterior = make_posterior(
        lambda x: jnp.logaddexp(-0.5 * x @ x, jnp.log(0.25) - 0.5 * jnp.sum((x - 30.0) ** 2)), 1, 1e3
    )
    surrogate = gaussian_surrogate(posterior, [0.0], [[1.0]])
    draws = exact_draws(0.0, 1.0, 1)
    exact = np.where(np.random.default_rng(1).uniform(size=draws.shape) < 0.2, draws + 30.0, draws)
    alone = certify(posterior, surrogate, draws, KEY, num_evaluations=2000)
    assert alone.missing is None and condition(alone, "where the training chains went").met is None
    assert alone.mean_shift < 0.1  # what nobody ever saw is beyond the claim
    certificate = certify(posterior, surrogate, draws, KEY, num_evaluations=2000, training_chains=exact)
    assert within(certificate.missing, 0.2) and certificate.num_evaluations == 2000
    assert certificate.verdict == "not certified"
    assert any("too little density" in reason for reason in certificate.reasons)


@pytest.mark.parametrize("shape", [(2000, 1), (1, 2000), (500, 4)])
def test_short_or_single_chains_are_judged_or_refused(truth, shape):
    surrogate = gaussian_surrogate(truth, [0.0], [[1.0]])
    draws = exact_draws(0.0, 1.0, 1, *shape)
    certificate = certify(truth, surrogate, draws, KEY, num_evaluations=1000)
    assert certificate.verdict == ("not certified" if shape == (2000, 1) else "safe")


def test_too_small_a_certificate_is_refused(truth):
    surrogate = gaussian_surrogate(truth, [0.0], [[1.0]])
    draws = exact_draws(0.0, 1.0, 1)
    with pytest.raises(ValueError, match="at least 200 evaluations, not 50"):
        certify(truth, surrogate, draws, KEY, num_evaluations=50)
    with pytest.raises(ValueError, match="6600 evaluations asked for, but there are only 5000 draws"):
        certify(truth, surrogate, draws, KEY, num_evaluations=11_000)
    with pytest.raises(
        ValueError, match=r"draws are \[chain, draw, dim\], not an array of shape \(5000, 1\)"
    ):
        certify(truth, surrogate, draws.reshape(-1, 1), KEY)
    draws[3, 4] = np.nan
    with pytest.raises(ValueError, match="draws are not finite"):
        certify(truth, surrogate, draws, KEY, num_evaluations=8_000)


def test_calibration_of_an_ensemble_that_knows_its_errors():
    rng = np.random.default_rng(0)
    members = rng.normal(size=(6, 20_000))
    error = -members.mean(axis=0)
    assert ensemble_calibration(members, error) == pytest.approx(1, abs=0.05)
    assert ensemble_calibration(members / 2, error) == pytest.approx(2, abs=0.1)
    assert ensemble_calibration(members[:4], error) is None  # a variance with three degrees of freedom
