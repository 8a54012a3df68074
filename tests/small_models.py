"""Small models that tests bend: each call of `ar1` may replace one part of a sound model."""

from typing import Any, NamedTuple

from numpyro.distributions import Beta, Gamma

from estim.model import Model


class Variables(NamedTuple):
    x: Any


class Shocks(NamedTuple):
    e: Any


class Observables(NamedTuple):
    X: Any


class Params(NamedTuple):
    rho: Any = Beta(5.0, 5.0)
    sigma: Any = Gamma(4.0, 4.0)
    mean: Any = 0.5


def ar1(**changes: Any) -> Model:
    """x_t = rho x_{t-1} + sigma e_t, observed with a constant."""
    parts = dict(
        name="ar1",
        variables=Variables,
        shocks=Shocks,
        observables=Observables,
        steady_state=lambda p: Variables(0.0),
        residuals=lambda lag, now, lead, shocks, p: {
            "law of motion": now.x - p.rho * lag.x - p.sigma * shocks.e
        },
        measurement=lambda now, lag, p: Observables(p.mean + now.x),
        prior=Params(),
    )
    return Model(**(parts | changes))
