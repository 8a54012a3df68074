"""Income processes beside QuantEcon's."""

import jax
import numpy as np
import pytest
from quantecon.markov import MarkovChain
from quantecon.markov import rouwenhorst as quantecon_rouwenhorst

from estim.numerics.grids import rouwenhorst


@pytest.mark.filterwarnings("ignore:The API of rouwenhorst has changed")
@pytest.mark.parametrize(("persistence", "dispersion", "n"), [(0.9, 0.5, 5), (-0.3, 0.2, 4), (0.0, 1.0, 2)])
def test_rouwenhorst_is_quantecons(persistence, dispersion, n):
    ours = rouwenhorst(persistence, dispersion, n)
    theirs = quantecon_rouwenhorst(n, persistence, dispersion * np.sqrt(1 - persistence**2))
    np.testing.assert_allclose(ours.transition, theirs.P, atol=1e-14)
    logs = np.log(np.asarray(ours.states))
    np.testing.assert_allclose(logs - logs.mean(), theirs.state_values, atol=1e-12)
    chain = MarkovChain(np.asarray(ours.transition))
    np.testing.assert_allclose(ours.stationary, chain.stationary_distributions[0], atol=1e-12)


def test_derivatives_of_rouwenhorst():
    of = lambda p: (
        rouwenhorst(p[0], p[1], 4).transition.ravel() @ np.arange(16.0) ** 2
        + rouwenhorst(p[0], p[1], 4).states[0]
    )
    at, step = np.array([0.8, 0.4]), 1e-6
    differences = [(of(at + step * e) - of(at - step * e)) / (2 * step) for e in np.eye(2)]
    np.testing.assert_allclose(jax.grad(of)(at), differences, rtol=1e-6)
