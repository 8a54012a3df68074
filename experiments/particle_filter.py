"""The particle filter beside Kalman's: three gallery models with measurement errors of a fifth of each observable.

    python experiments/particle_filter.py [MODEL ...]

For each model at its defaults, with measurement errors whose standard deviations are a fifth of the observables' own,
and 60 quarters that it makes itself: 20 runs at each of 10^2 to 10^5 particles. exp(value) is an unbiased estimate of
the likelihood, so where the variance of the log is below one the mean of its ratio to Kalman's is one within four
standard errors; elsewhere bias and variance of the log fall at least as 1 / N, within the error of 20 runs. Which of
the two it is, 200 other runs decide (at most 10^4 particles): the variance of 20 is at times small by accident. Then
the score, the gradient in the logs of two standard deviations, beside Kalman's. The last line is JSON.
"""

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim.likelihood.nonlinear.particle import Particle
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.numerics import solve_discrete_lyapunov
from estim.representations.linear import StateSpace
from estim.solution.rational_expectations import solve_state_space
from estim.solution.simulate import simulate

MODELS = ("hansen_1985", "schorfheide_2000", "an_schorfheide_2007")
NUM_PARTICLES = (100, 1_000, 10_000, 100_000)
NUM_RUNS = 20
NUM_OTHERS = 200
MOST_OTHERS = 10_000
NUM_PERIODS = 60
SHARE = 0.2
STANDARD_ERRORS = 4.0


def with_errors(state_space: StateSpace, share: float = SHARE) -> StateSpace:
    """Measurement errors of a share of each observable's standard deviation."""
    T, R, Q, Z = state_space[:4]
    cov, _ = solve_discrete_lyapunov(T, R @ Q @ R.T)
    return state_space._replace(obs_cov=share**2 * jnp.diag(jnp.diagonal(Z @ cov @ Z.T)))


def compare(state_space: StateSpace, y: jax.Array, exact: float, num_particles: int) -> dict[str, float]:
    """`NUM_RUNS` log-likelihoods beside the exact one."""
    particle, data = Particle(num_particles=num_particles).for_data(y)
    value = lambda seed: float(
        particle.loglikelihood(state_space, data._replace(key=jax.random.key(seed))).value
    )
    value(0)
    begin = time.perf_counter()
    error = np.array([value(seed) for seed in range(1, NUM_RUNS + 1)]) - exact
    seconds = (time.perf_counter() - begin) / NUM_RUNS
    ratio = np.exp(error)
    others = (
        [value(seed) for seed in range(1_000, 1_000 + NUM_OTHERS)] if num_particles <= MOST_OTHERS else error
    )
    return {
        "true_variance": np.var(others, ddof=1),
        "bias": error.mean(),
        "variance": error.var(ddof=1),
        "ratio": ratio.mean(),
        "ratio_error": ratio.std(ddof=1) / NUM_RUNS**0.5,
        "seconds": seconds,
    }


def holds(found: dict[int, dict[str, float]]) -> dict[str, bool]:
    """What the table should show."""
    noise = STANDARD_ERRORS * (2 * 2 / (NUM_RUNS - 1)) ** 0.5  # of the log of a ratio of two variances
    verdict = {}
    for n, row in found.items():
        if row["true_variance"] < 1:
            verdict[f"ratio at {n}"] = abs(row["ratio"] - 1) <= STANDARD_ERRORS * row["ratio_error"]
        elif 10 * n in found:
            ten = found[10 * n]
            verdict[f"variance from {n}"] = row["variance"] / ten["variance"] >= 10 / np.exp(noise)
            spread = STANDARD_ERRORS * (ten["variance"] / NUM_RUNS) ** 0.5
            verdict[f"bias from {n}"] = abs(ten["bias"]) <= abs(row["bias"]) / 10 + spread
    return {what: bool(well) for what, well in verdict.items()}


def scores(state_space: StateSpace, y: jax.Array, num_particles: int) -> dict[str, list[float]]:
    """The gradient in the log of all shocks' standard deviations, and in that of all measurement errors'."""

    def scaled(x):
        return state_space._replace(
            state_cov=jnp.exp(2 * x[0]) * state_space.state_cov,
            obs_cov=jnp.exp(2 * x[1]) * state_space.obs_cov,
        )

    particle, data = Particle(num_particles=num_particles).for_data(y)
    of_particles = jax.jit(
        jax.grad(lambda x, key: particle.loglikelihood(scaled(x), data._replace(key=key)).value)
    )
    runs = np.array([of_particles(jnp.zeros(2), jax.random.key(i)) for i in range(NUM_RUNS)])
    exact = jax.grad(lambda x: kalman_loglikelihood(scaled(x), y))(jnp.zeros(2))
    return {
        "exact": np.asarray(exact).tolist(),
        "mean": runs.mean(axis=0).tolist(),
        "sd": runs.std(axis=0, ddof=1).tolist(),
    }


def main() -> None:
    result = {}
    for name in sys.argv[1:] or MODELS:
        model = estim.load_model(name)
        state_space = with_errors(solve_state_space(model, model.params()))
        y = simulate(state_space, jax.random.key(0), NUM_PERIODS)
        exact = float(kalman_loglikelihood(state_space, y))
        print(f"{name}: Kalman {exact:.3f}", flush=True)
        found = {}
        for n in NUM_PARTICLES:
            found[n] = compare(state_space, y, exact, n)
            print(f"  {n:7d}  " + "  ".join(f"{k} {v:.4f}" for k, v in found[n].items()), flush=True)
        score = {n: scores(state_space, y, n) for n in NUM_PARTICLES[:3]}
        print("  score", score, flush=True)
        result[name] = {"kalman": exact, "by_particles": found, "holds": holds(found), "score": score}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
