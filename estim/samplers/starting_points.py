"""Where chains begin: dispersed around the modes, each with a density that lets it move."""

from collections import Counter
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError
from estim.posterior import Posterior
from estim.samplers.base import SamplerError, SamplingAlgorithm, count_failures
from estim.samplers.mode import Laplace
from estim.samplers.states import evaluate_point
from estim.typing import Array, Key

_MAX_TRIES = 100
_BEGIN_KEY = 0xFFFFFFFF  # folded into the key for starting points; no step has this number


def require_superchains(num_superchains: int, num_chains: int) -> None:
    """
    Raises:
        ArgumentError: chains cannot begin so: there is one superchain, or some have more chains than others.
    """
    if num_superchains and (num_superchains < 2 or num_chains % num_superchains):
        raise ArgumentError(
            f"num_superchains={num_superchains} must be two or more and divide num_chains={num_chains}, or be zero"
        )


def starting_states(
    posterior: Posterior,
    algorithm: SamplingAlgorithm,
    rng_key: Key,
    num_chains: int,
    laplace: Laplace,
    initial_positions: Array | None,
    num_superchains: int = 0,
) -> tuple[Any, Counter[str]]:
    """The first states ``[chain]``, all with a finite density, and the failures met on the way.

    Starting points are drawn at twice the width of `laplace`; where several modes were found, that of one chain
    after another around one mode after another, but for modes with less than a thousandth of the mass. One without
    a density, or with one so low that a chain could be stuck there (for a Gaussian 2 dim below the mode
    is expected, 4 dim + 10 is allowed), is drawn again, each time a tenth closer to the mode. With superchains
    there are so many points, at each of which as many neighbouring chains begin.

    Raises:
        SamplerError: a point of `initial_positions` has no density, or none was found.
    """

    def init(positions: Any) -> Any:
        return jax.tree.map(lambda *rows: jnp.stack(rows), *[algorithm.init(x) for x in positions])

    failures = Counter[str]()
    if initial_positions is not None:
        states = init(jnp.asarray(initial_positions, float))
        if not np.all(finite := np.isfinite(states.logdensity)):
            chain = int(np.argmin(finite))
            status = int(evaluate_point(posterior, jnp.asarray(initial_positions[chain], float)).status)
            raise SamplerError(f"initial_positions[{chain}] has no density: {posterior.explain(status)}")
        return states, failures

    dim = len(laplace.mode)
    points = num_superchains or num_chains
    centre, width, height = laplace.begin_at(points)
    lowest = height - 4 * dim - 10
    states = None
    for attempt in range(_MAX_TRIES):
        key = jax.random.fold_in(jax.random.fold_in(rng_key, _BEGIN_KEY), attempt)
        noise = jax.random.normal(key, (points, dim))
        found = init(centre + 2.0 * 0.9**attempt * np.einsum("cij,cj->ci", width, noise))
        if not np.all(np.isfinite(found.logdensity)):
            failures += count_failures([evaluate_point(posterior, x).status for x in found.position])
        states = found if states is None else _where(states.logdensity > lowest, states, found)
        if np.all(states.logdensity > lowest):
            return jax.tree.map(partial(jnp.repeat, repeats=num_chains // points, axis=0), states), failures
    raise SamplerError(
        f"no starting point with a log-density above {np.max(lowest):.6g} in {_MAX_TRIES} tries a chain; "
        f"evaluations that failed: {dict(failures)}"
    )


def _where(mask: np.ndarray, first: Any, second: Any) -> Any:
    """Rows ``[chain]`` of `first` where `mask`, else of `second`; on the host, where nothing has to be compiled."""
    rows = lambda a: np.asarray(mask).reshape(-1, *[1] * (a.ndim - 1))
    return jax.tree.map(lambda a, b: jnp.asarray(np.where(rows(a), a, b)), first, second)
