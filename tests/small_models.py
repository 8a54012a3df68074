"""Small models that tests bend: each call of `ar1` may replace one part of a sound model."""

from dataclasses import replace
from typing import Any, NamedTuple

from numpyro.distributions import Beta, Gamma

from estim.model import Model
from estim.models import load_model
from estim.numerics.grids import double_exponential_grid, geometric_grid, rouwenhorst


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


def coarse(name: str) -> Model:
    """A gallery model with heterogeneous agents on a grid of a few points: the same equations, in a second."""
    model = load_model(name)
    (block,) = model.het_blocks
    if name == "auclert_et_al_2021_two_asset":

        def grids(p: Any) -> Any:
            skill = rouwenhorst(p.rho_z, p.sd_z, 3)
            b, a = geometric_grid(0.0, 50.0, 12), geometric_grid(0.0, 4000.0, 14)
            return block.grids(p)._replace(b=b, a=a, transition=skill.transition)

    else:

        def grids(p: Any) -> Any:
            income, low = rouwenhorst(p.rho_e, p.sd_e, 4), getattr(p, "min_a", 0.0)
            assets = double_exponential_grid(low, 150.0, 30, 2.0)
            return block.grids(p)._replace(e=income.states, transition=income.transition, a=assets)

    return replace(model, het_blocks=(replace(block, grids=grids),))
