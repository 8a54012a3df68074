"""Bianchi (2011), "Overborrowing and Systemic Externalities in the Business Cycle", American Economic Review 101(7).

Households of bonds b eat tradables c and nontradables, and owe at most a share kappa of income at market prices:

    v(b, B, s) = max_b' { w(c, y_n) + beta E v(b', H(B, s), s') },    c = (1 + r) b + y_t - b',
    b' >= -kappa (p y_n + y_t),    p = (1 - omega) / omega (C / y_n)^(eta + 1),    C = (1 + r) B + y_t - H(B, s),

where all think that aggregate bonds move by H, and w(c, y_n) = a^(1 - sigma) / (1 - sigma) of the aggregate
a = [omega c^-eta + (1 - omega) y_n^-eta]^(-1 / eta). In equilibrium H(B, s) is what a household with b = B chooses.
A planner (`build_planner`) knows that her choice moves p. Choices are on the grid, as in the lecture "Overborrowing and
Systemic Externalities" of Sargent and Stachurski (QuantEcon). `build_smooth` has any b', by the first-order condition

    w_c(C, y_n) >= beta (1 + r) E w_c(C', y_n'),    with equality where b' is above the limit,

and the endogenous grid (Carroll, 2006, Economics Letters 91), smooth in the parameters and much faster.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.heterogeneity.distribution import forward, forward_on_grid
from estim.numerics.fixed_point import solve_elementwise
from estim.numerics.interpolate import interpolate, lottery

TRADABLES = np.array([0.8594577758167534, 0.9507686395432707, 1.0517805893139038, 1.1635242918707527])
NONTRADABLES = np.array([0.8336000135768818, 0.9411364004618907, 1.0625452373420263, 1.199616103302488])
# Moves between the 16 states (tradables change slowest) in a million periods of Bianchi's autoregression of log incomes
COUNTS = np.array([
    [13055, 8651, 984, 9, 6809, 10515, 2319, 61, 774, 2393, 1032, 56, 12, 79, 69, 9],
    [3161, 8936, 3266, 148, 2632, 15149, 10820, 934, 403, 4577, 6146, 1013, 8, 203, 558, 181],
    [97, 937, 1127, 148, 97, 2132, 4802, 1354, 21, 821, 3395, 1790, 0, 48, 443, 414],
    [0, 11, 28, 4, 1, 25, 178, 189, 0, 7, 164, 321, 0, 2, 29, 100],
    [12159, 6181, 482, 3, 12421, 13938, 2111, 37, 2577, 5433, 1567, 42, 72, 364, 207, 13],
    [8588, 16735, 4164, 107, 12521, 49181, 24465, 1422, 3285, 25345, 23457, 2578, 150, 2066, 3521, 821],
    [689, 4341, 3452, 330, 1238, 16724, 25064, 4878, 478, 10991, 30708, 11093, 26, 1072, 6205, 4502],
    [4, 90, 239, 82, 12, 472, 2429, 1593, 6, 402, 3767, 4942, 0, 51, 980, 2873],
    [2892, 1011, 52, 0, 4879, 3731, 369, 5, 1583, 2421, 457, 7, 87, 246, 109, 4],
    [4602, 6298, 1138, 23, 11088, 30831, 10920, 446, 4777, 25299, 16727, 1295, 336, 3455, 4417, 653],
    [807, 3697, 2031, 110, 2633, 23443, 25160, 3307, 1439, 24562, 48997, 12679, 117, 4184, 16431, 8770],
    [10, 179, 316, 72, 48, 1567, 5436, 2466, 28, 2087, 13942, 12526, 7, 470, 6275, 12524],
    [110, 30, 0, 0, 331, 185, 11, 0, 172, 181, 25, 1, 15, 33, 10, 0],
    [465, 406, 34, 1, 1866, 3443, 783, 21, 1308, 4746, 2221, 94, 125, 1097, 984, 92],
    [181, 578, 233, 5, 982, 6048, 4559, 396, 939, 10665, 15275, 2647, 135, 3290, 8739, 3137],
    [8, 54, 80, 17, 49, 1022, 2365, 833, 63, 2374, 10487, 6869, 14, 1026, 8832, 13436],
])  # fmt: skip

SWEEPS = 50  # of the household's value for each H
LEAST, UNLIMITED = 1e-6, 1e3  # consumption
REFERENCE = (
    'Bianchi, J. (2011), "Overborrowing and Systemic Externalities in the Business Cycle", '
    "American Economic Review 101(7)"
)


class Params(NamedTuple):
    sigma: Any = 2.0  # relative risk aversion
    eta: Any = 1 / 0.83 - 1  # 1 / (1 + eta) is the elasticity between tradables and nontradables
    beta: Any = 0.91
    omega: Any = 0.31  # weight of tradables
    kappa: Any = 0.3235  # of income may be owed
    r: Any = 0.04
    y_t: Any = np.repeat(TRADABLES, 4)  # income of tradables in each state
    y_n: Any = np.tile(NONTRADABLES, 4)  # and of nontradables
    Q: Any = COUNTS / COUNTS.sum(axis=1, keepdims=True)  # from state to state


class Beliefs(NamedTuple):
    H: Any  # tomorrow's aggregate bonds: the point of the grid, [B, state]
    v: Any  # of a household, [b, B, state]


def by_state(x, like):
    """Numbers of each state along the last axis of an array."""
    return jnp.reshape(x, (*[1] * (jnp.ndim(like) - 1), -1))


def utility(c, p):
    """w(c, y_n), -inf where c is not positive; the last axis of c is the state."""
    y_n = by_state(p.y_n, c)
    positive = jnp.where(c > 0, c, 1.0)
    a = (p.omega * positive**-p.eta + (1 - p.omega) * y_n**-p.eta) ** (-1 / p.eta)
    return jnp.where(c > 0, a ** (1 - p.sigma) / (1 - p.sigma), -jnp.inf)


def lowest_bonds(C, p):
    """-kappa (p y_n + y_t) at aggregate consumption of tradables C; none where that is not positive."""
    y_t, y_n = by_state(p.y_t, C), by_state(p.y_n, C)
    price = (1 - p.omega) / p.omega * (jnp.where(C > 0, C, 1.0) / y_n) ** (p.eta + 1)
    return jnp.where(C > 0, -p.kappa * (price * y_n + y_t), jnp.inf)


def tradables(bonds, ahead, p):
    """(1 + r) b + y_t - b', ``[..., state]``."""
    return (1 + p.r) * bonds[..., None] + by_state(p.y_t, bonds[..., None]) - ahead


def build(n_bonds=100, low=-1.02, high=-0.2, tolerance=None):
    """The decentralised equilibrium: H is mixed with what households choose, given H, until it moves by less than
    the `tolerance`: the lecture's .005, or a step of the grid where that is more, since some points of H go to and fro
    between neighbours."""
    bonds = jnp.asarray(np.linspace(low, high, n_bonds))
    index = np.arange(n_bonds)
    spacing = (high - low) / (n_bonds - 1)
    if tolerance is None:
        tolerance = max(0.005, 1.01 * spacing)

    def choose(beliefs, p):
        """The household's best b', ``[b, B, state]`` of points of the grid; the first where none is allowed."""
        return best_bonds(as_points(beliefs.H), beliefs.v.T, p).T

    def best_bonds(H, v, p):
        """The same ``[state, B, b]`` of values in this order: one b' after the other is tried for all b at once."""
        v, p = jax.lax.stop_gradient((v, p))
        later = p.beta * expected(v, p)[np.arange(len(v))[:, None], H.T]  # [state, B, b']
        limit = lowest_bonds(tradables(bonds, bonds[H], p), p).T
        later = jnp.where(bonds[None, None] >= limit[..., None], later, -jnp.inf)
        now = utility(tradables(bonds[None], bonds[:, None, None], p), p)  # [b', b, state]
        now = now.transpose(2, 0, 1)

        def at(later):
            def try_next(ahead, best):
                value, chosen = best
                new = now[:, ahead] + later[:, ahead, None]
                return jnp.maximum(value, new), jnp.where(new > value, ahead, chosen)

            shape = now.shape[0], n_bonds
            first = jnp.full(shape, -jnp.inf), jnp.zeros(shape, np.int32)
            return jax.lax.fori_loop(0, n_bonds, try_next, first)[1]

        return jax.lax.map(at, later.swapaxes(0, 1), batch_size=8).swapaxes(0, 1)

    def expected(v, p):
        return jnp.tensordot(p.Q, v, 1)

    def bellman(beliefs, p):
        H, v = as_points(beliefs.H), beliefs.v.T
        h = best_bonds(H, v, p)
        own = h[:, index, index].T  # of a household with b = B
        mixed = 0.5 * bonds[own] + 0.5 * bonds[H]
        H = jnp.searchsorted(bonds, mixed.reshape(-1)).reshape(H.shape)
        now = utility(tradables(bonds[:, None], bonds[h.T], p), p).T
        column = np.arange(len(h))[:, None] * n_bonds + H.T
        place = column[..., None] * n_bonds + h  # of tomorrow in [state, B, b]

        def follow(_, v):
            return now + p.beta * expected(v, p).reshape(-1)[place]

        return Beliefs(H.astype(float), jax.lax.fori_loop(0, SWEEPS, follow, v).T)

    def start(p):
        n_states = len(p.y_t)
        own = np.broadcast_to(index[:, None], (n_bonds, n_states))
        return Beliefs(jnp.asarray(own, float), jnp.ones((n_bonds, n_bonds, n_states)))

    return DecisionModel(
        name="bianchi_2011",
        prior=Params(),
        start=start,
        bellman=bellman,
        policy=choose,
        change=lambda ahead, beliefs: jnp.abs(ahead.H - beliefs.H).max() * spacing,
        monotone=False,
        motion=lambda D, solution, p: move(as_points(solution.value.H), p, D),
        solver={"method": "vfi", "tolerance": tolerance, "max_steps": 100},
        reference=REFERENCE,
    )


def build_planner(n_bonds=100, low=-1.02, high=-0.2, tolerance=1e-5):
    """The planner's choice of aggregate bonds."""
    bonds = np.linspace(low, high, n_bonds)

    def reward(p):
        C = tradables(bonds[:, None], bonds[None, :, None], p)  # [B, B', state]
        allowed = bonds[None, :, None] >= lowest_bonds(C, p)
        return jnp.where(allowed, utility(C, p), -jnp.inf).swapaxes(1, 2)

    return DecisionModel(
        name="bianchi_2011",
        prior=Params(),
        reward=reward,
        continuation=lambda v, p: p.beta * (v @ p.Q.T).T[None],
        start=lambda p: jnp.ones((n_bonds, len(p.y_t))),
        motion=lambda D, solution, p: move(solution.policy, p, D),
        solver={"method": "vfi", "tolerance": tolerance},
        reference=REFERENCE,
    )


class Plan(NamedTuple):
    """In each state ``[B, state]``."""

    ahead: Any  # tomorrow's bonds
    tight: Any  # by how much more would be eaten without the limit; negative where it does not bind


def marginal(c, p):
    """w_c(c, y_n)."""
    weight = p.omega * c**-p.eta
    total = weight + (1 - p.omega) * by_state(p.y_n, c) ** -p.eta
    return total ** ((p.sigma - 1) / p.eta - 1) * weight / c


def demanded(m, p):
    """c with w_c(c, y_n) = m."""
    apart = lambda log_c, m, p: jnp.log(marginal(jnp.exp(log_c), p)) - jnp.log(m)
    return jnp.exp(solve_elementwise(apart, jnp.zeros_like(m), m, p))


def affordable(cash, p):
    """C where the limit binds, C = cash + kappa (p y_n + y_t): the smaller root, and a large number where there is
    none, since more of it eases the limit by more than is eaten."""
    least = cash + p.kappa * by_state(p.y_t, cash)
    factor = p.kappa * (1 - p.omega) / p.omega * by_state(p.y_n, cash) ** -p.eta
    most = (factor * (p.eta + 1)) ** (-1 / p.eta)  # from here on
    binding = least < most - factor * most ** (p.eta + 1)
    least = jnp.clip(least, LEAST, jnp.where(binding, jnp.inf, LEAST))
    apart = lambda C, least, factor, eta: C - factor * C ** (eta + 1) - least
    return jnp.where(binding, solve_elementwise(apart, least, least, factor, p.eta), UNLIMITED)


def build_smooth(n_bonds=100, low=-1.02, high=-0.2):
    """The decentralised equilibrium with any bonds: consumption of tradables C ``[B, state]``, linear between."""
    bonds = jnp.asarray(np.linspace(low, high, n_bonds))

    def wanted(C, p):
        """What would be eaten without the limit, and with it."""
        cash = tradables(bonds, 0.0, p)
        c = demanded(p.beta * (1 + p.r) * marginal(C, p) @ p.Q.T, p)  # where these bonds are chosen
        before = (c + bonds[:, None] - by_state(p.y_t, c)) / (1 + p.r)
        at = lambda knots: interpolate(knots, bonds, bonds)
        ahead = jnp.clip(jax.vmap(at, 1, 1)(before), low, high)
        return cash - ahead, affordable(cash, p)

    def policy(C, p):
        free, limited = wanted(C, p)
        return Plan(tradables(bonds, C, p), free - limited)

    return DecisionModel(
        name="bianchi_2011",
        prior=Params(),
        start=lambda p: jnp.maximum(tradables(bonds, bonds[:, None], p), 0.1),
        bellman=lambda C, p: jnp.minimum(*wanted(C, p)),
        policy=policy,
        monotone=False,
        motion=lambda D, solution, p: forward(p.Q, [lottery(bonds, solution.policy.ahead.T)], D.T).T,
        solver={"method": "vfi"},
        reference=REFERENCE,
    )


def as_points(H):
    return jnp.asarray(H).astype(int)


def move(H, p, D):
    """Next period's law of aggregate bonds and income ``[B, state]``."""
    return forward_on_grid(p.Q, H, D)


model = build()
