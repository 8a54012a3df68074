"""The inversion filter of a piecewise-linear solution: the shocks that the observations leave no choice about."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from estim.likelihood.nonlinear.newton_inversion import shock_logdensity
from estim.numerics.guess_and_verify import a_period_later, update_guess
from estim.representations.piecewise import Law, PiecewiseLinear
from estim.status import Status
from estim.typing import Array, Scalar

MAX_ROUNDS = 60
_SHORTEST = 2.0**-12  # share of a step
_SOLVED = 1e-8  # in standard deviations of an observable
_ABSURD = 1e6  # standard deviations of a shock


class PiecewiseInverted(NamedTuple):
    """By period: ``shocks`` ``[n_shocks]``, the ``variables`` ``[n]`` in deviations from rest, the regimes expected
    ``binding`` ``[H J]``, ``logdensity``, and a `Status`."""

    shocks: Array
    variables: Array
    binding: Array
    logdensity: Scalar
    status: Scalar


def invert_piecewise(
    solution: PiecewiseLinear, observations: Array, paired: tuple[int, ...]
) -> PiecewiseInverted:
    """Shocks from observations, period by period, from a state at rest.

    The regimes of a period are a fixed point: inverting their law of motion gives shocks under which they are
    expected. The search begins at those of the period before, moved on by a period, and again where nothing binds.

        ln p(y_t | y_1 .. y_{t-1}) = ln N(e_t; 0, Q) - ln |det dy_t / de_t|

    Where an observable is missing, as a rate at its bound is, its paired shock is zero, and both are left out.

    Args:
        observations: ``[n_periods, n_obs]`` without trend; NaN is missing.
        paired: the shock of each observable; others are zero.

    Returns:
        By period ``[n_periods, ...]``.

    Source: Guerrieri and Iacoviello (2017, Journal of Monetary Economics 90); Cuba-Borda, Guerrieri, Iacoviello and
    Zhong (2019, Journal of Applied Econometrics 34).
    """
    fixed, J = lax.stop_gradient(solution), solution.num_constraints
    columns = jnp.array(paired)

    def invert(solution: PiecewiseLinear, law: Law, x: Array, y: Array) -> tuple[Array, Array]:
        """Shocks ``[n_shocks]``, and dy/de ``[n_obs, n_obs]`` with a row of the identity for what is missing."""
        T, R, c = law
        M, seen = solution.measured_now, ~jnp.isnan(y)
        slope = jnp.where(seen[:, None], (M @ R)[:, columns], jnp.eye(len(y)))
        surprise = y - (M @ (T @ x + c) + solution.measured_lag @ x + solution.obs_intercept)
        found = jnp.linalg.solve(slope, jnp.where(seen, surprise, 0.0))
        return jnp.zeros(solution.num_shocks).at[columns].set(found), slope

    def find_regimes(x: Array, y: Array, guess: Array, known: Scalar) -> tuple[Array, Scalar]:
        """The regimes under which the observables are met: those of the guess, or those that Newton's method ends at;
        and a `Status`.

        The map e -> y(x, e) is linear between kinks. The steps begin at the shocks of the reference regime; one that
        leaves more is halved. Where a constraint binds that leaves no choice of an observable, as of a rate that is
        observed above its bound, the step is the one towards letting go today.
        """
        size = jnp.linalg.norm(fixed.measured_now @ fixed.selection, axis=1)
        begin, _ = invert(fixed, fixed.law(fixed.never), x, y)

        def left(binding: Array, shocks: Array) -> Scalar:
            T, R, c = fixed.law(binding)
            now = T @ x + R @ shocks + c
            missed = y - (fixed.measured_now @ now + fixed.measured_lag @ x + fixed.obs_intercept)
            return jnp.max(jnp.where(jnp.isnan(y), 0.0, jnp.abs(missed) / size))

        def unsettled(carry):
            *_, share, settled, rounds = carry
            return ~settled & (share > _SHORTEST) & (rounds < MAX_ROUNDS)

        def step(carry):
            shocks, binding, remains, share, _, rounds = carry
            target, _ = invert(fixed, fixed.law(binding), x, y)
            loose, _ = invert(fixed, fixed.law(binding.at[:J].set(False)), x, y)
            target = jnp.where((jnp.abs(target) < _ABSURD).all(), target, loose)
            tried = shocks + share * (target - shocks)
            new, status = fixed.search(x, tried, binding)
            rest = left(new, tried)
            same = (share == 1.0) & (new == binding).all() & (rest < _SOLVED)
            better = (status == Status.OK) & (same | (rest < remains))
            pick = lambda a, b: jnp.where(better, a, b)
            kept = pick(tried, shocks), pick(new, binding), pick(rest, remains)
            return *kept, jnp.where(better, 1.0, share / 2), same & better, rounds + 1

        def search() -> tuple[Array, Scalar]:
            binding, status = fixed.search(x, begin, fixed.never)
            share = jnp.where(status == Status.OK, 1.0, 0.0)
            first = begin, binding, left(binding, begin), share, jnp.array(False), 0
            _, binding, *_, settled, _ = lax.while_loop(unsettled, step, first)
            why = jnp.where(status == Status.OK, Status.NO_REGIMES, status)
            return binding, jnp.where(settled, Status.OK, why)

        shocks, _ = invert(fixed, fixed.law(guess), x, y)
        new = update_guess(fixed.seen_news, fixed.seen(x, shocks), guess)
        well = (new == guess).all() & ~guess[-J:].any() & (jnp.abs(shocks) < _ABSURD).all()
        return lax.cond(well | known, lambda: (guess, jnp.asarray(Status.OK.value)), search)

    def period(carry: tuple[Array, Array, Scalar], y: Array):
        x, binding, failed = carry
        guess = a_period_later(binding, J)
        binding, status = find_regimes(lax.stop_gradient(x), y, guess, failed != Status.OK)
        status = jnp.where(failed != Status.OK, failed, status)
        law = solution.law(binding)
        shocks, slope = invert(solution, law, x, y)
        logdensity = shock_logdensity(shocks[columns], solution.shock_cov[columns][:, columns], ~jnp.isnan(y))
        logdensity -= jnp.linalg.slogdet(slope)[1]
        x = law.transition @ x + law.selection @ shocks + law.constant
        return (x, binding, status), PiecewiseInverted(shocks, x, binding, logdensity, status)

    begin = jnp.zeros_like(solution.steady_state), solution.never, jnp.asarray(Status.OK.value)
    return lax.scan(period, begin, observations)[1]
