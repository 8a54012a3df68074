"""Hopenhayn (1992), "Entry, Exit, and Firm Dynamics in Long Run Equilibrium", Econometrica 60(5).

A firm makes phi n^theta of n workers, pays c each period, and leaves for good where what it expects is negative,

    v(x) = pi(x) + beta max { C(x), 0 },    C(x) = E[ v(x') | x ],    x = ln phi,    x' = x + N(m_a, s_a^2).

Entrants draw x ~ N(m_e, s_e^2) and pay c_e, so that E v = c_e determines the price p of the good, of which 1 / p is
demanded. A firm that never left would expect C = u exp(eta z) - k at the distance z = x - threshold, with
eta = 1 / (1 - theta) and k = c / (1 - beta). What the right to leave is worth, D = C - u exp(eta z) + k, solves

    D(z) = beta int_0 D(z') n(z' | z) dz' + beta int^0 [ k - u exp(eta z') ] n(z' | z) dz',

and u = k - D(0) at the threshold, where C is zero. Nothing here depends on p, on which the threshold does. The density
of z solves another such equation. Both are solved at Gauss and Legendre's nodes in units of s_a; priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jax.scipy.stats import norm

from estim.decision import DecisionModel
from estim.numerics.quadrature import composite_legendre
from estim.priors import gamma, normal

T, WEIGHTS = composite_legendre(0.0, 160.0, 64, 8)  # distances from the threshold, in units of s_a


class Observables(NamedTuple):
    log_employment: Any  # of a firm, before the period's exits


class Params(NamedTuple):
    c: Any = gamma(4.0, 1.0)  # cost of a period
    c_e: Any = gamma(1.0, 0.5)  # of entry
    m_a: Any = normal(-0.012, 0.005)  # drift of log productivity
    s_a: Any = gamma(0.1, 0.02)  # standard deviation of its innovation
    s_e: Any = gamma(0.2, 0.05)  # of entrants' log productivity
    m_e: Any = 1.0  # its mean: of no matter for sizes
    beta: Any = 0.95
    theta: Any = 0.3  # returns to labour
    w: Any = 1.0  # wage
    p: Any = 1.4  # price: solved for


class Industry(NamedTuple):
    threshold: Any  # log productivity below which firms leave
    survivors: Any  # density of firms above it, for each entrant, at the nodes
    size: Any  # firms for each entrant
    exit_rate: Any
    firms: Any  # measure of firms
    entrants: Any  # measure of entrants a period
    mean_output: Any
    mean_employment: Any
    mean_log_productivity: Any


def eta(p):
    return 1 / (1 - p.theta)


def growth(p):
    """Expected growth of profits before c."""
    return jnp.exp(eta(p) * p.m_a + 0.5 * (eta(p) * p.s_a) ** 2)


def cost(p):
    """k, the cost of staying for ever."""
    return p.c / (1 - p.beta)


def steps(p, ahead, now):
    """n(ahead | now), the density of the next distance from the threshold in units of s_a."""
    return norm.pdf(jnp.asarray(ahead) - now - p.m_a / p.s_a)


def below(p, z, power=0.0):
    """E[ exp(power z'); z' < 0 ] from a distance z."""
    mean = z + p.m_a
    tilted = jnp.exp(power * mean + 0.5 * (power * p.s_a) ** 2)
    return tilted * ndtr(-mean / p.s_a - power * p.s_a)


def scale(D, p):
    """u = k - D(0), where D(0) is read off its equation."""
    known = p.beta * ((WEIGHTS * steps(p, T, 0.0)) @ D + cost(p) * below(p, 0.0))
    return (cost(p) - known) / (1 - p.beta * below(p, 0.0, eta(p)))


def bellman(D, p):
    z = p.s_a * T
    leaving = cost(p) * below(p, z) - scale(D, p) * below(p, z, eta(p))
    return p.beta * (steps(p, T[None, :], T[:, None]) @ (WEIGHTS * D) + leaving)


def profit_scale(p):
    """kappa, with profits kappa exp(eta x) - c."""
    return (1 - p.theta) * p.p ** eta(p) * (p.theta / p.w) ** (p.theta * eta(p))


def threshold(D, p):
    """Where u = kappa exp(eta x) growth / (1 - beta growth)."""
    g = growth(p)
    return jnp.log(scale(D, p) * (1 - p.beta * g) / (profit_scale(p) * g)) / eta(p)


def above(mean, sd, power=0.0):
    """E[ exp(power z); z > 0 ] of a normal z."""
    return jnp.exp(power * mean + 0.5 * (power * sd) ** 2) * ndtr(mean / sd + power * sd)


def value_of_entry(D, p):
    """E v of an entrant."""
    mean = p.m_e - threshold(D, p)
    stay = scale(D, p) * above(mean, p.s_e, eta(p)) - cost(p) * above(mean, p.s_e)
    right = (p.s_a * WEIGHTS * norm.pdf(p.s_a * T, mean, p.s_e)) @ D
    return (
        profit_scale(p) * jnp.exp(eta(p) * p.m_e + 0.5 * (eta(p) * p.s_e) ** 2)
        - p.c
        + p.beta * (stay + right)
    )


def bounds(p):
    """Prices at which nearly all entrants leave, and at which nearly none does, were there no right to."""
    g = growth(p)

    def price(threshold):
        kappa = cost(p) * (1 - p.beta * g) / g * jnp.exp(-eta(p) * threshold)
        return (kappa / ((1 - p.theta) * (p.theta / p.w) ** (p.theta * eta(p)))) ** (1 / eta(p))

    far = 3 + 3 * p.s_e
    return price(p.m_e + far), price(p.m_e - far - jnp.log1p(p.c_e / cost(p)) / eta(p))


def industry(D, p):
    """Firms for each entrant: entrants, and who moved here from above the threshold."""
    low = threshold(D, p)
    mean = p.m_e - low
    entrants = p.s_a * norm.pdf(p.s_a * T, mean, p.s_e)
    moves = steps(p, T[:, None], T[None, :]) * WEIGHTS[None, :]  # [to, from]
    survivors = jnp.linalg.solve(jnp.eye(len(T)) - moves, entrants)
    mass = WEIGHTS * survivors
    size = 1 + mass.sum()

    def average(of_entrant, of_survivor):
        """Over entrants, and over those who moved from each node."""
        return (of_entrant + mass @ of_survivor) / size

    # The sum S of exp(eta x) over survivors: of all, of entrants and of growth S, those below the threshold leave.
    g, tilt = growth(p), jnp.exp(eta(p) * p.m_e + 0.5 * (eta(p) * p.s_e) ** 2)
    leavers = mass @ below(p, p.s_a * T, eta(p)) + above(-mean, p.s_e, -eta(p))
    S = (tilt - jnp.exp(eta(p) * low) * leavers) / (1 - g)
    employment = (p.p * p.theta / p.w) ** eta(p) * jnp.where(g < 1, (tilt + g * S) / size, jnp.inf)
    output = employment * p.w / (p.theta * p.p)
    firms = 1 / (p.p * output)  # supply is demand, 1 / p
    mean_log = average(p.m_e, low + p.s_a * T + p.m_a)
    return Industry(low, survivors, size, 1 / size, firms, firms / size, output, employment, mean_log)


def log_density(x, solution, p):
    """Of log productivity, before the period's exits."""
    firms = solution.policy
    moved = steps(p, (x - firms.threshold) / p.s_a, T) / p.s_a
    density = norm.pdf(x, p.m_e, p.s_e) + (WEIGHTS * firms.survivors) @ moved
    return jnp.log(density / firms.size)


def log_probability(row, solution, p):
    """Employment is (p theta phi / w)^eta."""
    x = row.log_employment / eta(p) - jnp.log(p.p * p.theta / p.w)
    return log_density(x, solution, p) - jnp.log(eta(p))


def draw(key, solution, p):
    """An entrant, or who moved from one of the nodes."""
    which, move = jax.random.split(key)
    firms, shock = solution.policy, jax.random.normal(move)
    came = jax.random.categorical(which, jnp.log(jnp.append(WEIGHTS * firms.survivors, 1.0)))
    survivor = firms.threshold + p.s_a * jnp.append(jnp.asarray(T), 0.0)[came] + p.m_a + p.s_a * shock
    x = jnp.where(came == len(T), p.m_e + p.s_e * shock, survivor)
    return Observables(eta(p) * (x + jnp.log(p.p * p.theta / p.w)))


model = DecisionModel(
    name="hopenhayn_1992",
    prior=Params(),
    start=lambda p: jnp.zeros(len(T)),
    bellman=bellman,
    policy=industry,
    monotone=False,
    unknowns={"p": bounds},
    clearing=lambda solution, p: value_of_entry(solution.value, p) - p.c_e,
    observables=Observables,
    log_probability=log_probability,
    draw=draw,
    reference='Hopenhayn, H. A. (1992), "Entry, Exit, and Firm Dynamics in Long Run Equilibrium", Econometrica 60(5)',
)


def value(solution, x):
    """v of a firm of log productivity x ``[n]``."""
    D, p = solution.value, solution.params
    z = x - threshold(D, p)
    forever = scale(D, p) * jnp.exp(eta(p) * z) - cost(p)
    leaving = cost(p) * below(p, z) - scale(D, p) * below(p, z, eta(p))
    right = p.beta * (steps(p, T[None, :], z[:, None] / p.s_a) @ (WEIGHTS * D) + leaving)
    later = jnp.where(z > 0, forever + right, 0.0)
    return profit_scale(p) * jnp.exp(eta(p) * x) - p.c + p.beta * later


def build_on_grid(moves, entrants, n=100, top=5.0):
    """The same on a grid of productivity phi, as lectures solve it: expectations are means over draws, values linear
    between the points and flat beyond the last.

    Args:
        moves: draws of phi' / phi.
        entrants: draws of phi of entrants.
        n: number of points from zero on.
        top: the last one.
    """
    phi = np.linspace(0.0, top, n)
    ahead = phi[:, None] * np.asarray(moves)

    def expected(v):
        return jnp.interp(ahead, phi, v).mean(axis=1)

    def bellman(v, p):
        profits = profit_scale(p) * phi ** eta(p) - p.c
        return profits + p.beta * jnp.maximum(expected(v), 0.0)

    return DecisionModel(
        name="hopenhayn_1992",
        prior=Params()._replace(c=4.0, c_e=1.0, m_a=-0.012, s_a=0.1, s_e=0.2),
        start=lambda p: jnp.zeros(n),
        bellman=bellman,
        policy=lambda v, p: jnp.asarray(phi)[
            jnp.argmax(expected(v) >= 0)
        ],  # the lowest productivity that stays
        unknowns={"p": (0.1, 10.0)},
        clearing=lambda solution, p: jnp.interp(np.asarray(entrants), phi, solution.value).mean() - p.c_e,
        reference='Hopenhayn, H. A. (1992), "Entry, Exit, and Firm Dynamics in Long Run Equilibrium", Econometrica 60',
    )
