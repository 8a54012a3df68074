"""A Fisherian economy with a lower bound on the interest rate: small enough for what compiles slowly."""

from typing import Any, NamedTuple

from estim.model import Model


class Variables(NamedTuple):
    x: Any
    i: Any
    rule: Any
    r: Any


class Shocks(NamedTuple):
    e_r: Any
    e_rule: Any


class Observables(NamedTuple):
    x: Any
    i: Any


class Params(NamedTuple):
    """The bound is below rest by ``bound``."""

    sigma: Any = 1.2
    phi: Any = 0.8
    rho: Any = 0.8
    bound: Any = 1.0
    sd_r: Any = 1.0
    sd_rule: Any = 0.3


def residuals(lag: Any, now: Any, lead: Any, shocks: Any, p: Any) -> dict[str, Any]:
    return {
        "demand": now.x - 0.9 * lead.x + (now.i - now.r) / p.sigma,
        "rule": now.rule - p.phi * now.x - 0.4 * lag.rule - p.sd_rule * shocks.e_rule,
        "rate": now.i - now.rule,
        "natural": now.r - p.rho * lag.r - p.sd_r * shocks.e_r,
    }


def slack(lag: Any, now: Any, lead: Any, p: Any) -> Any:
    return now.i + p.bound


bounded = Model(
    name="bounded",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    prior=Params(),
    steady_state=lambda p: Variables(0.0, 0.0, 0.0, 0.0),
    residuals=residuals,
    measurement=lambda now, lag, p: Observables(now.x, now.i),
    complementarity={"rate": slack},
)
