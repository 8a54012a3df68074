"""The certificate of a surrogate that is wrong in a known way: exact numbers by quadrature and algebra."""

import jax
import numpy as np
import pytest
from helpers_surrogate import gaussian_posterior, gaussian_surrogate, make_posterior
from scipy.stats import norm

from estim.surrogate.certify import certify, ensemble_calibration
from estim.surrogate.estimates import accept_probability, batch_means, kl_divergence, pareto_smooth


def exact_decisions(mean, sd, proposal_sd):
    """Wrong accept and wrong reject in one dimension: true N(0, 1), surrogate N(mean, sd^2), on a fine grid."""
    x = np.linspace(-9, 9, 1501)
    step = x[1] - x[0]
    log_p, log_p_hat = norm.logpdf(x), norm.logpdf(x, mean, sd)
    a = np.exp(np.minimum(log_p[None, :] - log_p[:, None], 0))
    a_hat = np.exp(np.minimum(log_p_hat[None, :] - log_p_hat[:, None], 0))
    pairs = np.exp(log_p_hat)[:, None] * norm.pdf(x[None, :], x[:, None], proposal_sd) * step**2
    return np.sum(pairs * np.maximum(a_hat - a, 0)), np.sum(pairs * np.maximum(a - a_hat, 0))


def exact_draws(mean, sd, dim, chains=50, length=100):
    return mean + sd * np.random.default_rng(0).normal(size=(chains, length, dim))


@pytest.mark.parametrize(("mean", "sd"), [(0.3, 1.0), (0.0, 1.2), (-0.2, 1.1)])
def test_certificate_of_a_known_error(mean, sd):
    posterior = gaussian_posterior(1)
    surrogate = gaussian_surrogate(posterior, [mean], [[sd]])
    draws = exact_draws(mean, sd, 1)
    certificate = certify(posterior, surrogate, draws, jax.random.key(0), num_evaluations=10_000)
    wrong_accept, wrong_reject = exact_decisions(mean, sd, 2.38 * sd)
    assert 0 < certificate.wrong_accept.error < 0.1 * wrong_accept
    assert abs(certificate.wrong_accept.value - wrong_accept) < 4 * certificate.wrong_accept.error + 1e-9
    assert abs(certificate.wrong_reject.value - wrong_reject) < 4 * certificate.wrong_reject.error + 1e-9
    kl = np.log(sd) + (1 + mean**2) / (2 * sd**2) - 0.5
    assert abs(certificate.kl_divergence.value - kl) < 4 * certificate.kl_divergence.error
    assert certificate.mean_shift == pytest.approx(abs(mean) / sd, abs=0.1)
    assert certificate.num_evaluations == 10_000
    assert certificate.num_failures == 0
    assert certificate.ensemble_calibration is None


@pytest.mark.parametrize(
    ("mean", "sd", "verdict", "words"),
    [
        (0.0, 1.0, "safe", "can be used as they are"),
        (0.2, 1.2, "use the correction", "makes the draws exact"),
        (0.0, 0.3, "refine", "add true evaluations"),
    ],
)
def test_verdict_in_words(mean, sd, verdict, words):
    posterior = gaussian_posterior(2)
    surrogate = gaussian_surrogate(posterior, [mean, 0.0], sd * np.eye(2))
    draws = exact_draws(np.array([mean, 0.0]), sd, 2)
    certificate = certify(posterior, surrogate, draws, jax.random.key(0), num_evaluations=4000)
    assert certificate.verdict == verdict
    assert words in str(certificate)
    assert "wrong accept" in str(certificate)


def test_points_without_a_solution_count_against_the_surrogate():
    def bounded(x):
        return jax.numpy.where(x[0] > -1.0, -0.5 * x @ x, -jax.numpy.inf)

    posterior = make_posterior(bounded, 1, prior_sd=1e3)
    surrogate = gaussian_surrogate(posterior, [0.0], [[1.0]])
    certificate = certify(
        posterior, surrogate, exact_draws(0.0, 1.0, 1), jax.random.key(0), num_evaluations=4000
    )
    # One draw in six lies below -1, and of the proposals from N(0, 1 + 2.38^2) more.
    assert 0.2 < certificate.num_failures / 4000 < 0.3
    assert certificate.wrong_accept.value > 0.05
    assert certificate.verdict != "safe"


def test_chains_that_ran_away_are_refused_in_words():
    posterior = make_posterior(lambda x: jax.numpy.where(x[0] > -1.0, -0.5 * x @ x, -jax.numpy.inf), 1, 1e3)
    surrogate = gaussian_surrogate(posterior, [-50.0], [[1.0]])
    draws = exact_draws(-50.0, 1.0, 1)
    certificate = certify(posterior, surrogate, draws, jax.random.key(0), num_evaluations=1000)
    assert certificate.verdict == "refine"
    assert certificate.num_failures == 1000
    assert "inf in log-posterior" in str(certificate)


def test_too_small_a_certificate_is_refused():
    posterior = gaussian_posterior(1)
    surrogate = gaussian_surrogate(posterior, [0.0], [[1.0]])
    with pytest.raises(ValueError, match="at least 200 evaluations, not 50"):
        certify(posterior, surrogate, exact_draws(0.0, 1.0, 1), jax.random.key(0), num_evaluations=50)
    with pytest.raises(ValueError, match="5500 evaluations asked for, but there are only 5000 draws"):
        certify(posterior, surrogate, exact_draws(0.0, 1.0, 1), jax.random.key(0), num_evaluations=11_000)


def test_accept_probability_where_the_density_is_zero():
    a = accept_probability(np.array([0.0, -np.inf, 0.0, -np.inf]), np.array([-1.0, 0.0, -np.inf, -np.inf]))
    np.testing.assert_allclose(a, [np.exp(-1), 1, 0, 0])


def test_batch_means_sees_autocorrelation():
    rng = np.random.default_rng(0)
    value = np.zeros(40_000)
    for t in range(1, len(value)):
        value[t] = 0.9 * value[t - 1] + rng.normal()
    exact = 1 / (1 - 0.9) / np.sqrt(len(value))  # long-run standard deviation of an AR(1) over sqrt(n)
    assert batch_means(value).error == pytest.approx(exact, rel=0.3)


def test_pareto_khat_is_the_tail_index():
    rng = np.random.default_rng(0)
    for khat in (0.2, 0.6):
        weight, estimate = pareto_smooth(khat * rng.exponential(size=100_000))  # Pareto weights, U^-khat
        assert estimate == pytest.approx(khat, abs=0.05)
        assert weight.sum() == pytest.approx(1)
    weight, estimate = pareto_smooth(np.array([0.0, -np.inf, 0.0]))
    np.testing.assert_allclose(weight, [0.5, 0, 0.5])
    assert estimate == -np.inf
    with pytest.raises(ValueError, match="no draw has a finite log-density"):
        pareto_smooth(np.full(3, -np.inf))


def test_divergence_of_equal_densities_is_zero():
    estimate = kl_divergence(np.full(100, -40.0))
    assert estimate.value == pytest.approx(0, abs=1e-12)


def test_calibration_of_an_ensemble_that_knows_its_errors():
    rng = np.random.default_rng(0)
    members = rng.normal(size=(4, 20_000))
    error = -members.mean(axis=0)
    assert ensemble_calibration(members, error) == pytest.approx(1, abs=0.05)
    assert ensemble_calibration(members / 2, error) == pytest.approx(2, abs=0.1)
