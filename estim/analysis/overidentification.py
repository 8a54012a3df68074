"""Hansen's (1982, Econometrica 50) test of overidentifying restrictions: do all moments agree with one parameter?"""

from typing import NamedTuple

import jax
import numpy as np
import scipy

from estim.arguments import ArgumentError, checked
from estim.likelihood.moment_matching import MomentMatching
from estim.posterior import Posterior
from estim.typing import Position


class Overidentification(NamedTuple):
    """``statistic`` J, its ``degrees`` of freedom and ``p_value``, and moments of ``data`` and ``model`` ``[n]``."""

    statistic: float
    degrees: int
    p_value: float
    data: np.ndarray
    model: np.ndarray


@checked
def overidentification_test(posterior: Posterior, position: Position) -> Overidentification:
    """J = (m - m(theta))' V^-1 (m - m(theta)), chi-squared with a degree for each moment beyond the parameters.

    Args:
        posterior: one that matches moments.
        position: the mode; with a flat prior the estimate of the generalised method of moments.

    Returns:
        The test.

    Raises:
        ArgumentError: the posterior's likelihood is not `MomentMatching`, or there are no more moments than parameters.
    """
    evaluation = posterior.likelihood
    matching = getattr(evaluation, "likelihood", None)
    if not isinstance(matching, MomentMatching):
        raise ArgumentError("overidentification_test: the posterior's likelihood is not MomentMatching")
    moments = posterior.data.read
    degrees = moments.moments.size - len(posterior.param_names)
    if degrees < 1:
        raise ArgumentError(
            f"overidentification_test: {moments.moments.size} moments for {len(posterior.param_names)} parameters "
            "leave nothing to be tested"
        )
    solution = jax.jit(evaluation.solution)(position, posterior.data)
    z = np.asarray(matching.standardised(solution, moments))
    statistic = float(z @ z)
    model = np.asarray(matching.moments(solution, moments))
    return Overidentification(
        statistic, degrees, float(scipy.stats.chi2.sf(statistic, degrees)), np.asarray(moments.moments), model
    )
