"""The likelihoods by name, and which one a representation gets if nobody says. A new one is a new row."""

from collections.abc import Mapping
from typing import Any

from estim.arguments import ArgumentError, check_settings, did_you_mean, settings_of, shown
from estim.likelihood.contract import Likelihood
from estim.likelihood.cross_section import CrossSection
from estim.likelihood.dsge_var import DSGEVAR
from estim.likelihood.hidden_markov import HiddenMarkov
from estim.likelihood.moment_matching import MomentMatching
from estim.likelihood.moving_average.toeplitz import Toeplitz
from estim.likelihood.moving_average.whittle import Whittle
from estim.likelihood.nonlinear.gaussian import GaussianFilter
from estim.likelihood.nonlinear.inversion import Inversion
from estim.likelihood.nonlinear.joint import Joint
from estim.likelihood.nonlinear.linear_simulation import LinearSimulation
from estim.likelihood.nonlinear.particle import Particle
from estim.likelihood.nonlinear.piecewise_kalman import PiecewiseKalman
from estim.likelihood.nonlinear.quadratic import QuadraticKalman
from estim.likelihood.panel import Panel
from estim.likelihood.rows import hides_states
from estim.likelihood.state_space.kalman import Kalman
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.representations.nonlinear import SimulatedStateSpace
from estim.representations.piecewise import PiecewiseLinear
from estim.representations.pruned import PrunedStateSpace
from estim.representations.stationary import StationaryEquilibrium

LIKELIHOODS: dict[str, Any] = {
    "kalman": Kalman,
    "toeplitz": Toeplitz,
    "whittle": Whittle,
    "inversion": Inversion,
    "joint": Joint,
    "gaussian_filter": GaussianFilter,
    "quadratic_kalman": QuadraticKalman,
    "linear_simulation": LinearSimulation,
    "particle": Particle,
    "piecewise_kalman": PiecewiseKalman,
    "panel": Panel,
    "cross_section": CrossSection,
    "hidden_markov": HiddenMarkov,
    "moment_matching": MomentMatching,
    "dsge_var": DSGEVAR,
}

DEFAULTS: dict[type, Any] = {
    StateSpace: Kalman,
    MovingAverage: Toeplitz,
    PrunedStateSpace: Inversion,
    PiecewiseLinear: PiecewiseKalman,
    SimulatedStateSpace: Particle,
    StationaryEquilibrium: Panel,
}


def default_likelihood(representation: type, spec: Any = None) -> Any:
    """The row that a representation gets: of a simulation that is linear the exact one, of agents whose states are
    measured the cross-section, and of those whose states are hidden the filter over them."""
    if representation is SimulatedStateSpace and spec is not None and spec.adds_errors and spec.is_linear:
        return LinearSimulation
    if representation is StationaryEquilibrium and spec is not None and spec.measurement is not None:
        return CrossSection
    if representation is StationaryEquilibrium and spec is not None and hides_states(spec):
        return HiddenMarkov
    return DEFAULTS[representation]


def likelihood_for(
    representation: type,
    likelihood: Any = None,
    options: Mapping[str, Any] | None = None,
    spec: Any = None,
) -> Likelihood:
    """The likelihood of a kind of representation.

    Args:
        representation: what the solver gives.
        likelihood: a likelihood, a user's own too, its name, settings by name (of the default's, or with a ``"name"``
            among them), or None for the default of the representation.
        options: further settings by name, of the default or the named likelihood.
        spec: what is estimated, where the default depends on it.

    Raises:
        ArgumentError: no likelihood has that name, it does not read such a representation, or a setting is
            unknown, out of its range, or does not go with another.
    """
    settings = dict(options or {})
    if isinstance(likelihood, Mapping):
        settings = dict(likelihood) | settings
    if likelihood is None or isinstance(likelihood, Mapping):
        likelihood = settings.pop("name", None)
    if likelihood is None:
        row = default_likelihood(representation, spec)
    elif isinstance(likelihood, str):
        if likelihood not in LIKELIHOODS:
            raise ArgumentError(
                f"unknown likelihood {likelihood!r}; choose one of {sorted(LIKELIHOODS)}"
                f"{did_you_mean(likelihood, LIKELIHOODS)}"
            )
        row = LIKELIHOODS[likelihood]
    elif not isinstance(likelihood, type) and all(
        hasattr(likelihood, name) for name in ("reads", "for_data", "loglikelihood")
    ):
        if settings:
            raise ArgumentError(f"{list(settings)} belong into the likelihood, {likelihood!r}")
        row = type(likelihood)
    else:
        raise ArgumentError(
            f"likelihood must be one of {sorted(LIKELIHOODS)}, settings by name, or such as estim.Kalman(...), "
            f"not {shown(likelihood)}"
        )
    if not issubclass(representation, row.reads):
        suited = [name for name, other in LIKELIHOODS.items() if issubclass(representation, other.reads)]
        raise ArgumentError(
            f"likelihood {row.__name__} reads a {row.reads.__name__}, and the solver gives a "
            f"{representation.__name__}: choose one of {suited}"
        )
    if isinstance(likelihood, row):
        return likelihood
    return row(**check_settings(settings_of(row), settings, "likelihood"))
