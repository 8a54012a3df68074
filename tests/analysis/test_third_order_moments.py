"""Moments of a pruned perturbation of third order: by polynomials, term by term, and by independent programs."""

import itertools
from collections import defaultdict
from math import prod

import jax.numpy as jnp
import numpy as np
from pruned_solutions import arrays, pruned

from estim import analysis
from estim.gradients import check_gradients

N, E = 2, 2  # states and shocks
NUM = 3 * N + E  # x1, x2, x3 and shocks of unit variance
WEIGHTS = (1,) * N + (2,) * N + (3,) * N


class Polynomial(defaultdict):
    """``{exponents: coefficient}``."""

    def __init__(self, terms=()):
        super().__init__(float, terms)

    def __add__(self, other):
        found = Polynomial(self)
        for at, x in other.items():
            found[at] += x
        return found

    def __mul__(self, other):
        found = Polynomial()
        for (one, x), (two, y) in itertools.product(self.items(), other.items()):
            found[tuple(map(sum, zip(one, two, strict=True)))] += x * y
        return found

    def expected(self):
        """Over shocks, which are left out of the exponents."""
        found = Polynomial()
        for at, x in self.items():
            odd = any(k % 2 for k in at[3 * N :])
            found[at[: 3 * N]] += 0.0 if odd else x * prod(prod(range(k - 1, 0, -2)) for k in at[3 * N :])
        return found


def variable(i):
    return Polynomial({tuple(int(i == j) for j in range(NUM)): 1.0})


def form(derivatives, *vectors):
    """Rows of D[a, b, ...] as polynomials."""
    rows = [Polynomial() for _ in derivatives]
    for r, row in enumerate(np.asarray(derivatives)):
        for at in itertools.product(*map(range, row.shape)):
            factor = Polynomial({(0,) * NUM: row[at]})
            for i, vector in zip(at, vectors, strict=True):
                factor *= vector[i]
            rows[r] += factor
    return rows


def parts(rule, root):
    """What the terms of each order are, of the rows of a rule: as `Rule` writes them."""
    x1, x2, x3, e = (
        [variable(i) for i in range(k, k + n)] for k, n in ((0, N), (N, N), (2 * N, N), (3 * N, E))
    )
    v, G = x1 + form(root, e), rule.linear
    half = lambda D: 0.5 * np.asarray(D)
    add = lambda *terms: [sum(row, Polynomial()) for row in zip(*terms, strict=True)]
    second = add(form(G[:, :N], x2), form(half(rule.quadratic), v, v), form(half(rule.risk)))
    third = add(
        form(G[:, :N], x3),
        form(rule.quadratic[:, :, :N], v, x2),
        form(np.asarray(rule.cubic) / 6, v, v, v),
        form(half(rule.risk_slope), v),
    )
    return form(G, v), second, third


def mean_of(polynomial, moments):
    return sum(x * moments[at] for at, x in polynomial.expected().items())


def test_against_the_moments_of_every_monomial():
    """E of each monomial of x1, x2, x3 up to the sixth order solves a linear system, by tomorrow's law term by term."""
    solution = pruned(arrays(), 3)
    root = np.linalg.cholesky(solution.shock_cov)
    tomorrow = list(itertools.chain(*parts(solution.motion, root)))
    powers = [at for at in itertools.product(range(7), repeat=3 * N) if np.dot(at, WEIGHTS) <= 6]
    place = {at: i for i, at in enumerate(powers)}
    one = Polynomial({(0,) * NUM: 1.0})
    made = {(0,) * 3 * N: one}
    for at in powers[1:]:
        last = max(i for i, k in enumerate(at) if k)
        made[at] = made[(*at[:last], at[last] - 1, *at[last + 1 :])] * tomorrow[last]
    law = np.zeros((len(powers), len(powers)))
    for at in powers:
        for to, x in made[at].expected().items():
            law[place[at], place[to]] += x
    free = law[1:, 1:]
    found = np.linalg.solve(np.eye(len(free)) - free, law[1:, 0])
    moments = defaultdict(float, zip(powers, [1.0, *found], strict=True))

    seen = [sum(rows, Polynomial()) for rows in zip(*parts(solution.measured, root), strict=True)]
    mean = np.array([mean_of(y, moments) for y in seen])
    ahead = [y.expected() for y in seen]
    after = [  # E of what is observed a period later, given today's x and shocks
        sum((Polynomial({(0,) * NUM: x}) * made[at] for at, x in y.items()), Polynomial()) for y in ahead
    ]
    for lag, later in enumerate((seen, after)):
        product = np.array([[mean_of(a * b, moments) for b in seen] for a in later])
        expected = product - np.outer(mean, mean) + (lag == 0) * np.asarray(solution.obs_cov)
        got = analysis.theoretical_moments(solution, 1)
        np.testing.assert_allclose(got.mean, mean + np.asarray(solution.measured.level), rtol=1e-9)
        np.testing.assert_allclose(got.autocovariance[lag], expected, rtol=1e-8)


def test_what_the_third_order_adds_goes_with_it_and_has_derivatives():
    """Without cubic terms and slopes of risk, of a linear rule: the moments of first order."""
    flat = {
        k: jnp.zeros_like(x) for k, x in arrays().items() if k in ("quadratic", "bend", "risk", "seen_risk")
    }
    plain = arrays() | flat
    third = pruned(plain, 3)
    none = lambda rule: rule._replace(cubic=0 * rule.cubic, risk_slope=0 * rule.risk_slope)
    third = type(third)(**(vars(third) | {k: none(getattr(third, k)) for k in ("variables", "measured")}))
    for got, expected in zip(
        analysis.theoretical_moments(third, 2),
        analysis.theoretical_moments(pruned(plain, 1), 2),
        strict=True,
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
    value = lambda a: analysis.theoretical_moments(pruned(a, 3), 1).autocovariance[1].sum()
    found = check_gradients(value, arrays(), step=1e-3)
    assert found.error < 1e-6, found
