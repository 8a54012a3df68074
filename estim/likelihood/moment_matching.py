"""`MomentMatching`: a Gaussian likelihood of sample moments, or of any estimates that have a covariance."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError, NonNegative, Positive, Seed, check_fields, shown
from estim.data.datasets import select_columns
from estim.kept import compiled_by_structure
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.status import Status
from estim.tables import DataError
from estim.typing import Array, Key, Scalar


class EstimatedMoments(NamedTuple):
    """Numbers that were estimated elsewhere, such as impulse responses, and how precisely.

    Attributes:
        values: a mapping, a NamedTuple or an array, structured as what ``of_model`` returns.
        covariance: of these estimates ``[n, n]``, in the order of the values (a mapping's sorted by name), or their
            standard errors ``[n]``.
    """

    values: Any
    covariance: Any


class MomentData(NamedTuple):
    """Moments of the data ``[n]``, the Cholesky factor of their covariance ``[n, n]``, a key for each simulation."""

    moments: Array
    scale_tril: Array
    key: Array


@dataclass(frozen=True)
class MomentMatching(Likelihood):
    """Sample moments m are normal around those of the model, m(theta), with the covariance V that the data give them:

        log p(m | theta) = log N(m; m(theta), (1 + 1 / S) V),

    where the term in S is the error of `simulations`, each of which is as large as the data; without simulations the
    model's moments are exact. The data are a frame, of which `of_data` makes numbers by row whose means are the
    moments, or `EstimatedMoments`, such as impulse responses (Christiano, Eichenbaum and Evans 2005).

    V is that of a mean of rows that depend on each other up to `lags` apart: of Newey and West, with weights
    1 - l / (lags + 1), or of a bootstrap of blocks of lags + 1 rows. With lags of zero rows are independent. Rows where
    a number is missing do not count for its mean.

    Attributes:
        of_model: ``solution -> moments``, a mapping, a NamedTuple or an array; with simulations ``(solution, key) ->
            moments`` of one simulated sample of the size of the data. Its keys are the same for every parameter (common
            random numbers), so that the density is a function.
        of_data: ``columns -> contributions``, structured as the moments, each with a leading axis ``[n_rows]``; the
            columns are the observables ``[n_rows]``, as attributes.
        covariance: "newey_west" or "bootstrap".
        lags: how far rows depend on each other.
        simulations: S; 0 where the model's moments are exact.
        smooth: whether simulated moments are differentiable in the parameters at given random numbers; else no sampler
            that takes a gradient takes them.
        num_bootstrap: samples of the bootstrap.
        seed: of bootstrap and simulations.

    Raises:
        ArgumentError: a setting is out of its range.

    Sources: Hansen (1982), Econometrica 50; Newey and West (1987), Econometrica 55; Duffie and Singleton (1993),
    Econometrica 61; Kim (2002), Journal of Econometrics 107, on the likelihood of moments.
    """

    of_model: Callable[..., Any]
    of_data: Callable[[Any], Any] | None = None
    covariance: Literal["newey_west", "bootstrap"] = "newey_west"
    lags: NonNegative = 0
    simulations: NonNegative = 0
    smooth: bool = True
    num_bootstrap: Positive = 1000
    seed: Seed = 0

    reads: ClassVar[type] = object

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")

    @property
    def noisy(self) -> bool:  # type: ignore[override]
        """Whether moments are simulated."""
        return self.simulations > 0

    @property
    def gradient(self) -> Gradient:  # type: ignore[override]
        """Exact, unless simulated moments are not smooth."""
        return "exact" if self.smooth or not self.simulations else "none"

    def select(self, spec: Any, data: Any) -> np.ndarray:
        """Moments and their covariance, side by side ``[n, 1 + n]``.

        Raises:
            ArgumentError: a frame is given and there is no `of_data`.
            DataError: a column is missing or no number, or a moment has no row.
        """
        if isinstance(data, EstimatedMoments):
            values, covariance = as_vector(data.values), np.asarray(data.covariance, float)
            covariance = np.diag(covariance**2) if covariance.ndim == 1 else covariance
            if covariance.shape != (values.size, values.size):
                raise DataError(
                    f"{spec.name}: {values.size} moments have a covariance of shape {covariance.shape}"
                )
            return np.column_stack([values, covariance])
        if self.of_data is None:
            raise ArgumentError(
                "likelihood.of_data says what the moments of a frame are, columns -> {name: number by row}"
            )
        table = select_columns(data, spec.observables._fields, spec.name).to_numpy()
        leaves = jax.tree.leaves(self.of_data(spec.observables(*jnp.asarray(table.T))))
        if wrong := [np.shape(x) for x in leaves if np.shape(x)[:1] != (len(table),)]:
            raise ArgumentError(f"likelihood.of_data gives an array {wrong[0]} for {len(table)} rows of data")
        given = np.concatenate([np.asarray(x, float).reshape(len(table), -1) for x in leaves], axis=1)
        if (empty := np.isnan(given).all(axis=0)).any():
            raise DataError(f"{spec.name}: no row of the data has moment {int(np.argmax(empty))}")
        if self.covariance == "bootstrap":
            found = _bootstrap(given, self.lags + 1, self.num_bootstrap, self.seed)
        else:
            found = _newey_west(given, self.lags)
        return np.column_stack([np.nanmean(given, axis=0), found])

    def for_data(self, observations: Array) -> tuple["MomentMatching", MomentData]:
        """The moments, and the root of their covariance.

        Args:
            observations: what `select` returned.

        Raises:
            DataError: the covariance is singular.
        """
        moments, covariance = np.asarray(observations)[:, 0], np.asarray(observations)[:, 1:]
        try:
            root = np.linalg.cholesky(covariance * (1 + (1 / self.simulations if self.simulations else 0.0)))
        except np.linalg.LinAlgError:
            raise DataError(
                "the covariance of the moments is singular: some say the same as others, or do not vary over the rows"
            ) from None
        keys = jax.random.split(jax.random.key(self.seed), self.simulations)
        return self, MomentData(jnp.asarray(moments), jnp.asarray(root), keys)

    def redraw(self, data: MomentData, rng_key: Key, share: Scalar | float = 1.0) -> MomentData:
        """The same data with other random numbers: of a share of the simulations, each by chance."""
        key_new, key_which = jax.random.split(rng_key)
        anew = jax.random.uniform(key_which, data.key.shape) < share
        return data._replace(key=jnp.where(anew, jax.random.split(key_new, len(data.key)), data.key))

    def moments(self, solution: Any, data: MomentData) -> Array:
        """Those of the model ``[n]``, averaged over simulations.

        Raises:
            ArgumentError: they are not as many as those of the data.
        """
        if self.simulations:
            found = jax.vmap(lambda key: as_vector(self.of_model(solution, key)))(data.key).mean(axis=0)
        else:
            found = as_vector(self.of_model(solution))
        if found.shape != data.moments.shape:
            raise ArgumentError(
                f"likelihood.of_model gives {found.size} moments, and the data have {data.moments.size}"
            )
        return found

    def standardised(self, solution: Any, data: MomentData) -> Array:
        """By how much the data's moments differ from the model's, uncorrelated and in standard deviations ``[n]``."""
        apart = data.moments - self.moments(solution, data)
        return jax.scipy.linalg.solve_triangular(data.scale_tril, apart, lower=True)

    def loglikelihood(self, solution: Any, data: MomentData) -> Outcome:
        """Log-density of the data's moments, and its status."""
        return _compiled(replace(self, seed=0))(solution, data)


def as_vector(moments: Any) -> Array:
    """Numbers and arrays of a pytree, one after the other ``[n]``."""
    leaves = jax.tree.leaves(moments)
    if not leaves:
        raise ArgumentError(f"moments must be numbers, in a mapping or an array, not {shown(moments)}")
    return jnp.concatenate([jnp.asarray(x, float).reshape(-1) for x in leaves])


def _centred(rows: np.ndarray) -> np.ndarray:
    """Each row's part in the error of the mean: deviations over the number of rows that count, zero where missing."""
    return np.nan_to_num((rows - np.nanmean(rows, axis=0)) / np.sum(~np.isnan(rows), axis=0))


def _newey_west(rows: np.ndarray, lags: int) -> np.ndarray:
    """Covariance of the mean of rows ``[n_rows, n]``."""
    u = _centred(rows)
    covariance = u.T @ u
    for lag in range(1, min(lags, len(u) - 1) + 1):
        cross = u[lag:].T @ u[:-lag]
        covariance += (1 - lag / (lags + 1)) * (cross + cross.T)
    return covariance


def _bootstrap(rows: np.ndarray, length: int, num: int, seed: int) -> np.ndarray:
    """The same by means of blocks of so many rows, drawn with replacement; the last goes on with the first row."""
    u, rng = _centred(rows), np.random.default_rng(np.abs(seed))
    n = len(u)
    blocks = np.cumsum(np.concatenate([u, u[: length - 1]]), axis=0)
    sums = blocks[length - 1 :] - np.concatenate([np.zeros((1, u.shape[1])), blocks[: n - 1]])
    drawn = rng.multinomial(n // length, np.full(n, 1 / n), size=num) @ sums
    return np.atleast_2d(np.cov(drawn.T)) * n / (n // length * length)


@lru_cache(maxsize=8)
def _compiled(settings: MomentMatching) -> Any:
    return compiled_by_structure(partial(_likelihood, settings))


def _likelihood(settings: MomentMatching, solution: Any, data: MomentData) -> Outcome:
    @impossible_if_not_finite
    def likelihood(solution: Any, data: MomentData) -> Outcome:
        z = settings.standardised(solution, data)
        value: Scalar = (
            -0.5 * (z @ z + z.size * jnp.log(2 * jnp.pi)) - jnp.log(jnp.diagonal(data.scale_tril)).sum()
        )
        status = jnp.atleast_1d(solution.status)
        failed = status[jnp.argmax(status != Status.OK)]
        return outcome(value, (failed == Status.OK, failed), (jnp.isfinite(value), Status.NOT_FINITE.value))

    return likelihood(solution, data)
