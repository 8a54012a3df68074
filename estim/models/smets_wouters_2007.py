"""Smets and Wouters (2007), "Shocks and Frictions in US Business Cycles: A Bayesian DSGE
Approach", American Economic Review 97: equations (1) to (15), in percent, quarterly.

Names, priors and bounds are those of the authors' replication code. As in it, the preference
shock `b` and the investment shock `qs` are scaled to enter (2) and (3) with coefficient one.
"""

from collections import namedtuple
from functools import partial
from typing import Any, NamedTuple

from estim.model import Model
from estim.priors import beta, gamma, inverse_gamma_1, normal, truncated

Variables = namedtuple(
    "Variables",
    "c inve y lab w k kp zcap rk pk mc pinf r "
    "cf invef yf labf wf kf kpf zcapf rkf pkf rrf "  # with flexible prices and wages
    "a b g qs ms spinf epinfma sw ewma",
)
Shocks = namedtuple("Shocks", "ea eb eg eqs em epinf ew")
Observables = namedtuple("Observables", "dy dc dinve labobs pinfobs dw robs")

_bounded = partial(truncated, renormalise=False)
_std = _bounded(inverse_gamma_1(0.1, 2.0), 0.01, 3.0)
_rho = _bounded(beta(0.5, 0.2), 0.01, 0.9999)


class Params(NamedTuple):
    ea: Any = _std
    eb: Any = _bounded(inverse_gamma_1(0.1, 2.0), 0.025, 5.0)
    eg: Any = _std
    eqs: Any = _std
    em: Any = _std
    epinf: Any = _std
    ew: Any = _std
    crhoa: Any = _rho
    crhob: Any = _rho
    crhog: Any = _rho
    crhoqs: Any = _rho
    crhoms: Any = _rho
    crhopinf: Any = _rho
    crhow: Any = _bounded(beta(0.5, 0.2), 0.001, 0.9999)
    cmap: Any = _rho  # mu_p
    cmaw: Any = _rho  # mu_w
    csadjcost: Any = _bounded(normal(4.0, 1.5), 2.0, 15.0)  # varphi: investment adjustment cost
    csigma: Any = _bounded(normal(1.5, 0.375), 0.25, 3.0)  # sigma_c
    chabb: Any = _bounded(beta(0.7, 0.1), 0.001, 0.99)  # lambda: habit
    cprobw: Any = _bounded(beta(0.5, 0.1), 0.3, 0.95)  # xi_w: Calvo, wages
    csigl: Any = _bounded(normal(2.0, 0.75), 0.25, 10.0)  # sigma_l
    cprobp: Any = _bounded(beta(0.5, 0.1), 0.5, 0.95)  # xi_p: Calvo, prices
    cindw: Any = _bounded(beta(0.5, 0.15), 0.01, 0.99)  # iota_w: indexation
    cindp: Any = _bounded(beta(0.5, 0.15), 0.01, 0.99)  # iota_p
    czcap: Any = _bounded(beta(0.5, 0.15), 0.01, 1.0)  # psi: utilisation cost
    cfc: Any = _bounded(normal(1.25, 0.125), 1.0, 3.0)  # Phi: fixed cost
    crpi: Any = _bounded(normal(1.5, 0.25), 1.0, 3.0)
    crr: Any = _bounded(beta(0.75, 0.1), 0.5, 0.975)
    cry: Any = _bounded(normal(0.125, 0.05), 0.001, 0.5)
    crdy: Any = _bounded(normal(0.125, 0.05), 0.001, 0.5)
    constepinf: Any = _bounded(gamma(0.625, 0.1), 0.1, 2.0)
    constebeta: Any = _bounded(gamma(0.25, 0.1), 0.01, 2.0)  # 100 (1/beta - 1)
    constelab: Any = _bounded(normal(0.0, 2.0), -10.0, 10.0)
    ctrend: Any = _bounded(normal(0.4, 0.1), 0.1, 0.8)
    cgy: Any = _bounded(normal(0.5, 0.25), 0.01, 2.0)  # rho_ga
    calfa: Any = _bounded(normal(0.3, 0.05), 0.01, 1.0)
    ctou: Any = 0.025  # depreciation; from here on calibrated
    clandaw: Any = 1.5  # wage mark-up
    cg: Any = 0.18  # government spending in output
    curvp: Any = 10.0  # curvature of the Kimball aggregators
    curvw: Any = 10.0


def _composites(p):
    """Growth, discounting and the steady-state ratios of the paper's appendix."""
    gamma = 1 + p.ctrend / 100
    discount = gamma**-p.csigma / (1 + p.constebeta / 100)  # beta gamma^(-sigma_c)
    rk = 1 / discount - (1 - p.ctou)
    wage = (p.calfa**p.calfa * (1 - p.calfa) ** (1 - p.calfa) / (p.cfc * rk**p.calfa)) ** (1 / (1 - p.calfa))
    capital_labour = p.calfa / (1 - p.calfa) * wage / rk
    ky = p.cfc * capital_labour ** (1 - p.calfa)
    iy = (gamma - 1 + p.ctou) * ky
    cy = 1 - p.cg - iy
    whlc = (1 - p.calfa) / p.calfa * rk * ky / (p.clandaw * cy)
    return gamma, discount, rk, ky, iy, cy, whlc


_Real = namedtuple("_Real", "c inve y lab w k kp zcap rk pk")


def _flexible(x):
    """The economy with flexible prices and wages, by the names of the other one."""
    return _Real(*[getattr(x, f"{name}f") for name in _Real._fields])


def _real(lag, now, lead, real_rate, x, p):
    """Equations (1) to (8) and (11), of either economy; `x` holds the exogenous processes."""
    gamma, discount, rk, ky, iy, cy, whlc = _composites(p)
    bg, h, keep = discount * gamma, p.chabb / gamma, (1 - p.ctou) / gamma
    smoothing = (1 - h) / (p.csigma * (1 + h))
    labour = (p.csigma - 1) * whlc / (p.csigma * (1 + h))
    adjustment = gamma**2 * p.csadjcost
    return {
        "resources": cy * now.c + iy * now.inve + rk * ky * now.zcap + x.g - now.y,  # (1)
        "consumption": (h * lag.c + lead.c) / (1 + h) + labour * (now.lab - lead.lab)
        - smoothing * real_rate + x.b - now.c,  # (2)
        "investment": (lag.inve + bg * lead.inve + now.pk / adjustment) / (1 + bg) + x.qs - now.inve,  # (3)
        "value": (rk * lead.rk + (1 - p.ctou) * lead.pk) * discount - real_rate + x.b / smoothing - now.pk,  # (4)
        "production": p.cfc * (p.calfa * now.k + (1 - p.calfa) * now.lab + x.a) - now.y,  # (5)
        "services": lag.kp + now.zcap - now.k,  # (6)
        "utilisation": (1 - p.czcap) / p.czcap * now.rk - now.zcap,  # (7)
        "capital": keep * lag.kp + (1 - keep) * (now.inve + adjustment * x.qs) - now.kp,  # (8)
        "rental": now.w + now.lab - now.k - now.rk,  # (11)
    }  # fmt: skip


def residuals(lag, now, lead, shocks, p):
    gamma, discount, *_ = _composites(p)
    bg, h = discount * gamma, p.chabb / gamma
    calvo_p = (1 - p.cprobp) * (1 - bg * p.cprobp) / (p.cprobp * ((p.cfc - 1) * p.curvp + 1))
    calvo_w = (1 - p.cprobw) * (1 - bg * p.cprobw) / (p.cprobw * ((p.clandaw - 1) * p.curvw + 1))
    mrs = lambda past, now: p.csigl * now.lab + (now.c - h * past.c) / (1 - h)
    lagf, nowf, leadf = _flexible(lag), _flexible(now), _flexible(lead)
    gap, gap_lag = now.y - nowf.y, lag.y - lagf.y
    return {
        **_real(lag, now, lead, now.r - lead.pinf, now, p),
        **{f"{k}_flex": v for k, v in _real(lagf, nowf, leadf, now.rrf, now, p).items()},
        "marginal_cost": p.calfa * now.rk + (1 - p.calfa) * now.w - now.a - now.mc,  # (9)
        "marginal_cost_flex": p.calfa * nowf.rk + (1 - p.calfa) * nowf.w - now.a,
        "inflation": (bg * lead.pinf + p.cindp * lag.pinf + calvo_p * now.mc) / (1 + bg * p.cindp)
        + now.spinf - now.pinf,  # (10)
        "wage": (lag.w + bg * (lead.w + lead.pinf) - (1 + bg * p.cindw) * now.pinf + p.cindw * lag.pinf
        + calvo_w * (mrs(lag, now) - now.w)) / (1 + bg) + now.sw - now.w,  # (12), (13)
        "wage_flex": mrs(lagf, nowf) - nowf.w,
        "policy": p.crr * lag.r + (1 - p.crr) * (p.crpi * now.pinf + p.cry * gap)
        + p.crdy * (gap - gap_lag) + now.ms - now.r,  # (14)
        "a": p.crhoa * lag.a + p.ea * shocks.ea - now.a,
        "b": p.crhob * lag.b + p.eb * shocks.eb - now.b,
        "g": p.crhog * lag.g + p.eg * shocks.eg + p.cgy * p.ea * shocks.ea - now.g,
        "qs": p.crhoqs * lag.qs + p.eqs * shocks.eqs - now.qs,
        "ms": p.crhoms * lag.ms + p.em * shocks.em - now.ms,
        "spinf": p.crhopinf * lag.spinf + now.epinfma - p.cmap * lag.epinfma - now.spinf,
        "epinfma": p.epinf * shocks.epinf - now.epinfma,
        "sw": p.crhow * lag.sw + now.ewma - p.cmaw * lag.ewma - now.sw,
        "ewma": p.ew * shocks.ew - now.ewma,
    }  # fmt: skip


def measurement(now, lag, p):  # (15)
    _, discount, *_ = _composites(p)
    return Observables(
        dy=p.ctrend + now.y - lag.y,
        dc=p.ctrend + now.c - lag.c,
        dinve=p.ctrend + now.inve - lag.inve,
        labobs=p.constelab + now.lab,
        pinfobs=p.constepinf + now.pinf,
        dw=p.ctrend + now.w - lag.w,
        robs=100 * ((1 + p.constepinf / 100) / discount - 1) + now.r,
    )


published = {
    **dict(ea=0.45, eb=0.23, eg=0.53, eqs=0.45, em=0.24, epinf=0.14, ew=0.24),
    **dict(crhoa=0.95, crhob=0.22, crhog=0.97, crhoqs=0.71, crhoms=0.15, crhopinf=0.89, crhow=0.96),
    **dict(cmap=0.69, cmaw=0.84, csadjcost=5.74, csigma=1.38, chabb=0.71, cprobw=0.70, csigl=1.83),
    **dict(cprobp=0.66, cindw=0.58, cindp=0.24, czcap=0.54, cfc=1.60, crpi=2.04, crr=0.81, cry=0.08),
    **dict(crdy=0.22, constepinf=0.78, constebeta=0.16, constelab=0.53, ctrend=0.43, cgy=0.52, calfa=0.19),
}
"""Posterior means, tables 1A and 1B of the paper."""

model = Model(
    name="smets_wouters_2007",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=lambda p: Variables(*[0.0] * len(Variables._fields)),
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    start=published,
    linearised=True,
    reference='Smets, F. and R. Wouters (2007), "Shocks and Frictions in US Business Cycles: A Bayesian '
    'DSGE Approach", American Economic Review 97(3)',
    published=published,
)
