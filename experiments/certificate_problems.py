"""Adversarial posteriors with known margins: families with random parameters, behind a random linear map.

A problem is a number. Its parameters are drawn from that number alone; all problems of one dimension share one
log-density, whose parameters are data, so that they share compiled programs. With u standard in the family's own
coordinates, ``x = shift + mix u``; exact draws, and so the margins of x, come from transforms of normals.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr

import estim
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.surrogate.correct import usable_logdensity
from estim.surrogate.evaluate import concatenate_evaluations, evaluate_posterior
from estim.surrogate.sample import propose

FAMILIES = (
    "normal",
    "student",
    "heavy margins",
    "skew",
    "funnel",
    "banana",
    "ridge",
    "cliff",
    "corner",
    "modes",
    "log-gamma",
    "exponential tails",
)
SEED = 20261127
DIMS = (2, 3, 5, 8, 12, 20, 30)
SHARES = (0.22, 0.18, 0.18, 0.18, 0.12, 0.08, 0.04)
FRESH = 1_000
"""Problems from this number on were never looked at while certificates were made."""

POINTS, FEW = 4_000, 40
"""Points that teach, and how many a parameter (and one) where points are few."""

NUM_EXACT = 200_000
MOST = 20
"""Above so many parameters teachers know gradients."""


class Problem(NamedTuple):
    """A posterior, what is known of it, and what its teacher is.

    Attributes:
        family: its name; ``few`` where few points teach.
        unseen: the teacher never saw one of the modes.
        posterior: with the family's parameters as data.
        truth: mean, sd, 5 % and 95 % quantile ``[4, dim]``.
        chains: of the teacher, ``[4, draw, dim]``; where points are few it kept a part of them.
        points: those, and proposals around them, evaluated.
    """

    number: int
    family: str
    few: bool
    unseen: bool
    dim: int
    posterior: Posterior
    truth: np.ndarray
    chains: np.ndarray
    points: Evaluations


def logdensity(position: Any, theta: dict[str, Any]) -> Any:
    """The log-density of ``theta["family"]`` at a position ``[dim]``, up to a constant; -inf beyond a cliff."""
    u = theta["unmix"] @ (position - theta["shift"])
    return jax.lax.switch(theta["family"], _LOGDENSITIES, u, theta["a"], theta["s"], theta["sign"])


def _rest(u: Any) -> Any:
    """Of all but the first two components, standard normal."""
    return -0.5 * jnp.sum(u[2:] ** 2)


def _modes(u: Any, a: Any, s: Any, sign: Any) -> Any:
    wide = jnp.array([1.0, s[2]])
    first = jnp.stack([u[0] + s[0] / 2, u[0] - s[0] / 2]) / wide
    heights = jnp.log(jnp.stack([s[1], 1 - s[1]])) - len(u) * jnp.log(wide)
    return jax.scipy.special.logsumexp(heights - 0.5 * (first**2 + jnp.sum(u[1:] ** 2) / wide**2))


def _corner(u: Any, a: Any, s: Any, sign: Any) -> Any:
    inside = (u[0] > 0) & (u[1] > 0)
    return jnp.where(inside, -a[0] * u[0] - a[1] * u[1], -jnp.inf) + _rest(u)


def _cliff(u: Any, a: Any, s: Any, sign: Any) -> Any:
    return jnp.where(u[0] < s[0] + s[1] * u[1] + s[2] * u[1] ** 2, -0.5 * u @ u, -jnp.inf)


def _some(a: Any, u: Any, value: Any) -> Any:
    """``value`` of the components whose ``a`` is positive, the others standard normal."""
    return jnp.sum(jnp.where(a > 0, value, -0.5 * u**2))


_LOGDENSITIES = (
    lambda u, a, s, sign: -0.5 * u @ u,
    lambda u, a, s, sign: -0.5 * (s[0] + len(u)) * jnp.log1p(u @ u / s[0]),
    lambda u, a, s, sign: jnp.sum(-0.5 * (a + 1) * jnp.log1p(u**2 / a)),
    lambda u, a, s, sign: -0.5 * u @ u + jnp.sum(log_ndtr(a * u)),
    lambda u, a, s, sign: -0.5 * ((u[0] / s[0]) ** 2 + jnp.sum(u[1:] ** 2 * jnp.exp(-u[0]) + u[0])),
    lambda u, a, s, sign: _rest(u) - 0.5 * (u[0] ** 2 + (u[1] - s[0] * (u[0] ** 2 - 1)) ** 2),
    lambda u, a, s, sign: _rest(u) - 0.5 * (u[0] ** 2 + ((u[1] - jnp.sin(s[0] * u[0])) / s[1]) ** 2),
    _cliff,
    _corner,
    _modes,
    lambda u, a, s, sign: _some(a, u, a * sign * u - jnp.exp(sign * u)),
    lambda u, a, s, sign: _some(a, u, -jnp.abs(u) - 2 * jnp.log1p(jnp.exp(-jnp.abs(u)))),
)
"""Of `FAMILIES`, in their own coordinates u."""


def draw_parameters(rng: np.random.Generator, family: str, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """``a`` ``[dim]`` and ``s`` ``[3]`` of `logdensity`."""
    a, s = np.ones(dim), np.ones(3)
    some = np.arange(dim) < max(2, dim // 2)
    match family:
        case "student":
            s[0] = rng.uniform(3, 10)
        case "heavy margins":
            a = np.where(some, rng.uniform(3, 10, dim), 1e6)
        case "skew":
            a = rng.normal(0, 4, dim)
        case "funnel":
            s[0] = rng.uniform(0.3, 1.1)
        case "banana":
            s[0] = rng.uniform(0.3, 1.5)
        case "ridge":
            s[:2] = rng.uniform(0.7, 1.6), rng.uniform(0.15, 0.5)
        case "cliff":
            s[:] = rng.uniform(-0.5, 2.0), rng.uniform(-1, 1), rng.uniform(-0.3, 0.3)
        case "corner":
            a = rng.uniform(0.5, 2, dim)
        case "modes":
            s[:] = rng.uniform(2, 8), rng.uniform(0.1, 0.9), rng.uniform(0.6, 1.2)
        case "log-gamma":
            a = np.where(some, rng.uniform(0.4, 3, dim), 0)
        case "exponential tails":
            a = np.where(some, 1.0, 0)
    return a, s


def draw_exact(rng: np.random.Generator, family: str, a, s, sign, num: int) -> np.ndarray:
    """Independent draws of u ``[num, dim]``."""
    u = rng.normal(size=(num, len(a)))
    match family:
        case "student":
            u *= np.sqrt(s[0] / rng.chisquare(s[0], size=(num, 1)))
        case "heavy margins":
            u *= np.sqrt(a / rng.chisquare(a, size=u.shape))
        case "skew":  # Azzalini (1985)
            delta = a / np.sqrt(1 + a**2)
            u = delta * np.abs(rng.normal(size=u.shape)) + np.sqrt(1 - delta**2) * u
        case "funnel":
            u[:, 0] *= s[0]
            u[:, 1:] *= np.exp(u[:, :1] / 2)
        case "banana":
            u[:, 1] += s[0] * (u[:, 0] ** 2 - 1)
        case "ridge":
            u[:, 1] = np.sin(s[0] * u[:, 0]) + s[1] * u[:, 1]
        case "cliff":
            inside = u[:, 0] < s[0] + s[1] * u[:, 1] + s[2] * u[:, 1] ** 2
            u = u[inside]
            more = num - len(u)
            return np.concatenate([u, draw_exact(rng, family, a, s, sign, more)]) if more else u
        case "corner":
            u[:, :2] = rng.exponential(1 / a[:2], size=(num, 2))
        case "modes":
            first = rng.uniform(size=num) < s[1]
            u *= np.where(first, 1.0, s[2])[:, None]
            u[:, 0] += np.where(first, -0.5, 0.5) * s[0]
        case "log-gamma":
            u = np.where(a > 0, sign * np.log(rng.gamma(np.maximum(a, 0.1), size=u.shape)), u)
        case "exponential tails":
            u = np.where(a > 0, rng.logistic(size=u.shape), u)
    return u


_POSTERIORS = {dim: estim.from_logdensity(lambda x: jnp.zeros(()), np.zeros(dim)) for dim in DIMS}


def dimension(number: int) -> int:
    """Of problem `number`, the first of its random numbers."""
    return int(np.random.default_rng([SEED, number]).choice(DIMS, p=SHARES))


def make_problem(number: int) -> Problem:
    """Problem `number`: every family in turn, each fifth time with few points, the rest by its own random numbers."""
    rng = np.random.default_rng([SEED, number])
    dim = int(rng.choice(DIMS, p=SHARES))
    turn, place = divmod(number // 2, len(FAMILIES))
    family, few = FAMILIES[place], (turn + place) % 5 == 4
    a, s = draw_parameters(rng, family, dim)
    sign = np.where(rng.uniform(size=dim) < 0.5, 1.0, -1.0)
    rotation = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    mixed = rng.uniform() < 0.7
    mix = (rotation if mixed else np.eye(dim)) * np.exp(rng.uniform(-1.5, 1.5, dim))
    shift = rng.normal(size=dim)
    theta = {
        "unmix": np.linalg.inv(mix),
        "shift": shift,
        "family": np.asarray(FAMILIES.index(family)),
        "a": a,
        "s": s,
        "sign": sign,
    }
    posterior = replace(_POSTERIORS[dim], likelihood=logdensity, data=jax.tree.map(jnp.asarray, theta))
    unseen = bool(family == "modes" and s[0] > 5 and rng.uniform() < 0.3)

    def exact(num: int) -> np.ndarray:
        return draw_exact(rng, family, a, s, sign, num)

    truth = margins_of(exact(NUM_EXACT), family, a, s, mix, shift)
    num = FEW * (dim + 1) if few else POINTS
    u = exact(2 * POINTS)
    u = u[u[:, 0] < 0] if unseen else u
    while len(u) < POINTS // 2:  # of a mode with little mass that alone is seen
        more = exact(2 * POINTS)
        u = np.concatenate([u, more[more[:, 0] < 0]])
    draws = shift + u[: POINTS // 2] @ mix.T
    chains = draws.reshape(4, -1, dim)
    points = teach(posterior, draws[:: len(draws) // (num // 2)][: num // 2], num, jax.random.key(number))
    return Problem(number, family, few, unseen, dim, posterior, truth, chains, points)


def margins_of(u: np.ndarray, family: str, a, s, mix: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Mean, sd and quantiles ``[4, dim]`` of x; the sd of Student's t, which draws hardly know, by its formula."""
    x = shift + u @ mix.T
    mean, sd = x.mean(axis=0), x.std(axis=0)
    if family in ("student", "heavy margins"):
        freedom = s[0] if family == "student" else a
        mean, sd = shift, np.sqrt(mix**2 @ np.broadcast_to(freedom / (freedom - 2), len(a)))
    return np.stack([mean, sd, *np.quantile(x, [0.05, 0.95], axis=0)])


def teach(posterior: Posterior, draws: np.ndarray, num: int, rng_key: Any) -> Evaluations:
    """The draws and as many proposals of a random walk from them that have a density; those that have none, too."""
    gradient = draws.shape[1] >= MOST
    at_draws = evaluate_posterior(posterior, draws, gradient=gradient)
    proposals = np.concatenate([propose(key, draws) for key in jax.random.split(rng_key, 4)])
    around = evaluate_posterior(posterior, proposals, gradient=gradient)
    finite = np.cumsum(np.isfinite(usable_logdensity(around)))
    enough = int(np.searchsorted(finite, num - len(draws))) + 1
    return concatenate_evaluations(at_draws, jax.tree.map(lambda rows: rows[:enough], around))
