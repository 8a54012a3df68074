"""`DSGEVAR`: a vector autoregression whose prior is a model, its coefficients integrated out."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import jax.scipy.linalg as jsl
import numpy as np
from jax.scipy.special import multigammaln

from estim.arguments import ArgumentError, Positive, check_fields, did_you_mean
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.numerics import solve_discrete_lyapunov
from estim.representations.linear import StateSpace
from estim.status import Status
from estim.tables import DataError
from estim.typing import Array, Scalar


@dataclass(frozen=True)
class DSGEVAR(Likelihood):
    """The marginal likelihood of y_t = Phi x_t + u_t, x_t = (y_{t-1}, .., y_{t-p}, 1), given the model's parameters.

    The prior of the coefficients is conjugate, and as informative as lambda T observations of the model, T those of
    the data: with M the second moments of (y_t, x_t) in the model and S = sum_t (y_t, x_t)(y_t, x_t)' in the data,

        ln p(y | theta, lambda) = g(lambda T M + S, (1 + lambda) T - k) - g(lambda T M, lambda T - k) - n T / 2 ln pi,
        g(A, v) = ln Gamma_n(v / 2) - v / 2 ln |A_yy.x| - n / 2 ln |A_xx|,    A_yy.x = A_yy - A_yx A_xx^-1 A_xy,

    where y has n numbers and x has k. The prior is proper, and there is a value, where lambda T >= k + n. The first p
    rows of the data are those before the sample.

    Attributes:
        lags: p.
        weight: lambda, or the name of the parameter of the model that is lambda.
        constant: whether x has the 1; without it means count as zero.

    Raises:
        ArgumentError: a setting is out of its range.

    Source: Del Negro and Schorfheide (2004), Priors from general equilibrium models for VARs, International Economic
    Review 45, appendix.
    """

    lags: Positive = 4
    weight: Any = "dsge_prior_weight"
    constant: bool = True

    reads: ClassVar[type] = StateSpace
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")
        if isinstance(self.weight, int | float) and not 0 < self.weight < np.inf:
            raise ArgumentError(f"likelihood.weight must be above zero and finite, not {self.weight}")

    def check_specification(self, spec: Any) -> None:
        """Is the weight one of its parameters, and have its observables no trend?"""
        names = tuple(spec.params()._fields)
        if isinstance(self.weight, str) and self.weight not in names:
            raise ArgumentError(
                f"{spec.name}: likelihood.weight={self.weight!r} is no parameter{did_you_mean(self.weight, names)}"
            )
        if getattr(spec, "trend", None):
            raise ArgumentError(f"{spec.name}: a DSGE-VAR has no trend, and observables have one")

    def for_data(self, observations: Array) -> tuple["DSGEVAR", Array]:
        """Second moments of (y, x) over the sample ``[n + k, n + k]``, with T below the last ``[n + k + 1, n + k]``."""
        y = np.asarray(observations, float)
        n, T = y.shape[1], len(y) - self.lags
        if np.isnan(y).any():
            raise DataError("a DSGE-VAR needs data without gaps")
        least = self._regressors(n) + n
        if least > T:
            few = f"{len(y)} periods of {n} series are too few, it takes {least + self.lags}"
            raise ArgumentError(f"likelihood.lags={self.lags}: {few}")
        if not isinstance(self.weight, str) and self.weight * T < least:
            raise ArgumentError(
                f"likelihood.weight={self.weight}: the prior is proper from {least / T:.4g} on"
            )
        z = np.concatenate([y[self.lags - lag : len(y) - lag] for lag in range(self.lags + 1)], axis=1)
        z = np.column_stack([z, np.ones(T)]) if self.constant else z
        return self, jnp.asarray(np.vstack([z.T @ z, np.full(z.shape[1], float(T))]))

    def of_params(self, params: Any) -> tuple[Scalar, ...]:
        """The weight, where it is one of them."""
        return (getattr(params, self.weight),) if isinstance(self.weight, str) else ()

    def loglikelihood(self, solution: StateSpace, data: Array, weight: Scalar | None = None) -> Outcome:
        """Log-density of the sample given the rows before it, and its status.

        Raises:
            ArgumentError: the weight is a parameter, and is not given.
        """
        if weight is None and isinstance(self.weight, str):
            raise ArgumentError(f"likelihood.weight is the parameter {self.weight!r}: give its value")
        given = self.weight if weight is None else weight
        return _likelihood(self, solution, data, jnp.asarray(given, float))

    def moments(self, solution: StateSpace) -> tuple[Array, Array]:
        """Second moments M ``[n + k, n + k]`` of (y_t, x_t) in the model, and the status of its stationary state."""
        T, R, Q, Z, d, H = solution[:6]
        cov, status = solve_discrete_lyapunov(T, R @ Q @ R.T)
        moved, by_lag = Z, [Z @ cov @ Z.T + H]
        for _ in range(self.lags):
            moved = moved @ T
            by_lag.append(moved @ cov @ Z.T)
        lag = lambda i, j: by_lag[j - i] if j >= i else by_lag[i - j].T
        M = jnp.block([[lag(i, j) for j in range(self.lags + 1)] for i in range(self.lags + 1)])
        if self.constant:
            mean = jnp.append(jnp.tile(d, self.lags + 1), 1.0)
            M = jnp.pad(M, (0, 1)) + jnp.outer(mean, mean)
        return M, status

    def _regressors(self, n: int) -> int:
        return n * self.lags + self.constant


def _log_integral(A: Array, v: Scalar, n: int) -> Scalar:
    """g above: the integral over coefficients and covariance, but for what cancels."""
    root = jnp.linalg.cholesky(A[n:, n:])
    left = jsl.solve_triangular(root, A[n:, :n], lower=True)
    inner = jnp.linalg.cholesky(A[:n, :n] - left.T @ left)
    logdet = lambda L: 2 * jnp.log(jnp.diagonal(L)).sum()
    return multigammaln(v / 2, n) - v / 2 * logdet(inner) - n / 2 * logdet(root)


def _likelihood(row: DSGEVAR, solution: StateSpace, data: Array, weight: Scalar) -> Outcome:
    @impossible_if_not_finite
    def likelihood(solution: StateSpace, data: Array, weight: Scalar) -> Outcome:
        S, T = data[:-1], data[-1, 0]
        n = solution.design.shape[-2]
        k = row._regressors(n)
        M, status = row.moments(solution)
        proper = weight * T >= k + n
        prior = (
            jnp.where(proper, weight, 1.0 + (k + n) / T) * T
        )  # a weight that has a value, where it has none
        value = (
            _log_integral(prior * M + S, prior + T - k, n)
            - _log_integral(prior * M, prior - k, n)
            - n * T / 2 * jnp.log(jnp.pi)
        )
        return outcome(
            value,
            (solution.status == Status.OK, solution.status),
            (status == Status.OK, Status.NO_STATIONARY_START.value),
            (proper, Status.OUT_OF_SUPPORT.value),
            (jnp.isfinite(value), Status.NOT_FINITE.value),
        )

    return likelihood(solution, data, weight)
