"""`Joint`: the density of the observations given the shocks, which join the parameters in the position."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError, NonNegative, check_fields
from estim.kept import compiled_by_structure
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.nonlinear.gaussian import GaussianFilter
from estim.likelihood.nonlinear.measurement_errors import error_densities, require_errors
from estim.likelihood.nonlinear.whitened_shocks import drawn_shocks, standard_normals
from estim.parameters import Latent
from estim.representations.nonlinear import NonlinearStateSpace
from estim.representations.paths import observed_path
from estim.representations.trend import without_trend
from estim.status import Status
from estim.typing import Array


@dataclass(frozen=True)
class Joint(Likelihood):
    """No filter: the shocks of every period and the state before the first are sampled together with the parameters.

        ln p(y | parameters, z) = sum_t ln N(y_t - y_t(parameters, z); 0, H),        z ~ N(0, I)

    Given parameters and shocks the path is known, and what it misses of the data are the measurement errors. The shocks
    are z times a root of their covariance and the state before the first period is its mean plus a root of its
    covariance times z, so that z is standard normal whatever the parameters are. It has a component for each shock of
    each period: the position has hundreds of dimensions, in which "nuts" is at home. Integrated over z the density is
    the likelihood itself, with no approximation beyond that of the solution.

    Given the observations, the components of z hang together, and differently so at other parameters. The position
    holds w in their place, from which z is made by the smoother of a linearised solution
    (`estim.likelihood.nonlinear.whitened_shocks`): of a linear solution w is standard normal and independent of the
    parameters. The map is exact, so that the posterior is the same; what is drawn is turned into z by
    `estim.to_datatree`, where they are the smoothed shocks.

    Attributes:
        presample: periods at the start whose observations are not counted.
        linearisations: how often the solution is linearised for the map, first at rest, then along the likeliest path
            that was found so far: the more often, the less does w know of the parameters, and the more does an
            evaluation cost. A linear solution needs one; with none, or where a solution has no first order, w is z.

    Raises:
        ArgumentError: a setting is out of its range.

    Source: Childers, Fernández-Villaverde, Perla, Rackauckas and Wu (2022), "Differentiable State-Space Models and
    Hamiltonian Monte Carlo Estimation", NBER Working Paper 30573.
    """

    presample: NonNegative = 0
    linearisations: NonNegative = 2

    reads: ClassVar[type] = NonlinearStateSpace
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")

    def check_specification(self, spec: Any) -> None:
        """
        Raises:
            ArgumentError: there are no measurement errors, or they are not added.
        """
        require_errors(spec, "Joint")

    def latents(self, spec: Any, solution: Any, data: Array) -> tuple[Latent, ...]:
        """The state before the first period, as many numbers as its distribution has directions, and the shocks."""
        directions = jax.eval_shape(lambda s: s.beginning[1], solution).shape[1]
        begin = (Latent("start", ("direction",), (tuple(range(1, directions + 1)),)),) if directions else ()
        periods = tuple(range(1, len(data) + 1))
        return (*begin, Latent("shocks", ("period", "shock"), (periods, spec.shocks._fields)))

    def over_parameters(self) -> GaussianFilter:
        """A likelihood of the parameters alone that reads the same, from which a sampler may begin."""
        return GaussianFilter("extended", self.presample)

    def loglikelihood(self, solution: Any, data: Array, latents: Array | None = None) -> Outcome:
        """Log-density of the observations given ``latents`` z, one vector, and its status.

        Of w, ln p(y | parameters, z) + ln N(z; 0, I) |dz/dw| - ln N(w; 0, I): with the prior of w, which is standard
        normal as that of z, the density is that of both.

        Raises:
            ArgumentError: there are no latents, or measurement errors are not added to what is observed.
        """
        if latents is None:
            raise ArgumentError(
                "likelihood Joint is a density of parameters and shocks together: take "
                "build_posterior(model, data, likelihood='joint'), whose position holds both"
            )
        if solution.obs_cov is None:
            raise ArgumentError(
                "likelihood Joint needs measurement errors that are added to what is observed"
            )
        return _compiled(self)(solution, data, latents)

    def meant_by(self, solution: Any, data: Array, latents: Array) -> Array:
        """The z that the numbers w of a position stand for."""
        y = without_trend(solution, data)
        whiten = error_densities(solution.obs_cov, y)[0].whiten
        return standard_normals(solution, solution.beginning, y, whiten, latents, self.linearisations)[0]


@lru_cache(maxsize=8)
def _compiled(settings: Joint) -> Any:
    return compiled_by_structure(partial(_likelihood, settings))


def _likelihood(settings: Joint, solution: Any, observations: Array, latents: Array) -> Outcome:
    @impossible_if_not_finite
    def likelihood(solution: Any, observations: Array, latents: Array) -> Outcome:
        y = without_trend(solution, observations)
        errors, regular = error_densities(solution.obs_cov, y)
        beginning = solution.beginning
        z, logdet = standard_normals(solution, beginning, y, errors.whiten, latents, settings.linearisations)
        of_map = logdet + 0.5 * (latents @ latents - z @ z)
        path = observed_path(solution, *drawn_shocks(solution, z, beginning))
        missed = jnp.where(jnp.isnan(y), 0.0, y - path)
        white = jnp.einsum("tij,tj->ti", errors.whiten, missed)
        each = errors.constant - 0.5 * (white * white).sum(axis=1)
        gaps = jnp.isnan(observations)
        return outcome(
            each[settings.presample :].sum() + of_map,
            (solution.status == Status.OK, solution.status),
            ((solution.obs_cov, gaps | jnp.isfinite(observations)), Status.NOT_FINITE.value),
            (regular, Status.SINGULAR_OBSERVABLES.value),
            (beginning, Status.NO_STATIONARY_START.value),
            (missed, Status.NOT_FINITE.value),
        )

    return likelihood(solution, observations, latents)
