"""A model whose constraints bind at times, linear in each regime."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError
from estim.numerics import covariance_root, solve_discrete_lyapunov
from estim.numerics.guess_and_verify import Verified, a_period_later, guess_and_verify, shadows
from estim.representations.nonlinear import NonlinearStateSpace
from estim.status import Status
from estim.typing import Array, Key, Scalar


class Law(NamedTuple):
    """x_t = T x_{t-1} + R e_t + c while the regimes expected are given: ``transition`` T ``[n, n]``, ``selection`` R
    ``[n, n_shocks]``, ``constant`` c ``[n]``."""

    transition: Array
    selection: Array
    constant: Array


class PiecewiseState(NamedTuple):
    """Variables x ``[n]`` of today and of yesterday, in deviations from rest, the regimes expected from today on,
    ``binding`` ``[H J]``, and the status of their search."""

    now: Array
    lag: Array
    binding: Array
    status: Scalar


class PiecewiseLinear(NamedTuple):
    """The reference regime, and what shadow shocks to the equations that constraints replace do to it.

        x_t = T x_{t-1} + R e_t + K y_t,      y_t = y(x_{t-1}, e_t)
        z_t = d + M x_t + N x_{t-1} + g t + u_t,    u_t ~ N(0, H)

    x are all variables, in deviations from rest; y_t ``[H J]`` are the shadows of J constraints that are expected, in
    t, of this period and the next H - 1 (see `estim.numerics.guess_and_verify`). Three things are looked at along the
    expected path, in this order: the equation that holds while a constraint binds (zero then), whether it begins to
    bind (negative), whether it lets go (negative).

    Shapes: ``transition`` T ``[n, n]``, ``selection`` R ``[n, n_shocks]``, ``news`` K ``[n, H J]``, ``seen_rest``
    ``[3, H J]``, ``seen_state`` ``[3, H J, n]``, ``seen_shock`` ``[3, H J, n_shocks]``, ``seen_news``
    ``[3, H J, H J]``: what is looked at, in terms of x_{t-1}, e_t and y_t, periods outermost. ``room`` ``[J]`` has as
    many entries as there are constraints, how far each is from binding at rest. ``shock_cov``, ``steady_state``
    ``[n]``, ``measured_now`` M and ``measured_lag`` N ``[n_obs, n]``, ``obs_intercept``, ``obs_cov``, ``obs_trend``,
    ``status`` as in `estim.representations.linear.StateSpace`.
    """

    transition: Array
    selection: Array
    news: Array
    seen_rest: Array
    seen_state: Array
    seen_shock: Array
    seen_news: Array
    room: Array
    shock_cov: Array
    steady_state: Array
    measured_now: Array
    measured_lag: Array
    obs_intercept: Array
    obs_cov: Array
    status: Array
    obs_trend: Array | None = None

    @property
    def num_constraints(self) -> int:
        return self.room.shape[-1]

    @property
    def num_shocks(self) -> int:
        return self.shock_cov.shape[-1]

    @property
    def never(self) -> Array:
        """Nothing binds ``[H J]``."""
        return jnp.zeros(self.news.shape[-1], bool)

    def seen(self, lag: Array, shock: Array) -> Array:
        """What is looked at along the path of the reference regime, ``[3, H J]``."""
        return self.seen_rest + self.seen_state @ lag + self.seen_shock @ shock

    def search(self, lag: Array, shock: Array, guess: Array) -> Verified:
        """The regimes expected after a shock, from a guess ``[H J]``."""
        return guess_and_verify(self.seen_news, self.seen(lag, shock), guess, self.num_constraints)

    def law(self, binding: Array) -> Law:
        """The law of motion under expected regimes ``[H J]``."""
        reference = Law(self.transition, self.selection, jnp.zeros_like(self.steady_state))

        def bound(model: PiecewiseLinear) -> Law:
            n, e = model.selection.shape
            base = [model.seen_state[0], model.seen_shock[0], model.seen_rest[0][:, None]]
            moved = model.news @ shadows(model.seen_news[0], jnp.concatenate(base, axis=1), binding)
            by_state, by_shock, constant = jnp.split(moved, [n, n + e], axis=1)
            return Law(model.transition + by_state, model.selection + by_shock, constant[:, 0])

        # Computed again in a backward pass: what it keeps for every period would cost more.
        return jax.checkpoint(lambda: jax.lax.cond(binding.any(), bound, lambda _: reference, self))()

    # --- as a `NonlinearStateSpace` ---

    def start(self, key: Key) -> PiecewiseState:
        """A draw from the stationary distribution of the reference regime; NaN where there is none."""
        R = self.selection
        cov, status = solve_discrete_lyapunov(self.transition, R @ self.shock_cov @ R.T)
        root = covariance_root(jnp.where(status == Status.OK, cov, jnp.nan), 1e-12)
        now = root @ jax.random.normal(key, (cov.shape[0],))
        return PiecewiseState(now, jnp.zeros_like(now), self.never, jnp.asarray(Status.OK.value))

    @property
    def beginning(self) -> tuple[Array, Array]:
        """
        Raises:
            ArgumentError: a state holds the regimes that are expected, which are no normal numbers.
        """
        raise ArgumentError(
            "where constraints bind at times the state is no normal vector: take likelihood='piecewise_kalman', or "
            "'inversion' with as many shocks as observables"
        )

    def step(self, state: PiecewiseState, shock: Array) -> PiecewiseState:
        """A period later, after shocks ``[n_shocks]``; NaN where no regimes are found."""
        guess = a_period_later(state.binding, self.num_constraints)
        binding, status = self.search(state.now, shock, guess)
        T, R, c = self.law(binding)
        now = jnp.where(status == Status.OK, T @ state.now + R @ shock + c, jnp.nan)
        return PiecewiseState(now, state.now, binding, status)

    def observe(self, state: PiecewiseState) -> Array:
        """The observables ``[n_obs]``, without measurement error and trend."""
        return self.measured_now @ state.now + self.measured_lag @ state.lag + self.obs_intercept


NonlinearStateSpace.register(PiecewiseLinear)
