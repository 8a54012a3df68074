"""A short tempered path from a surrogate's posterior to the true one, by sequential Monte Carlo.

The last correction, where importance weights are not to be trusted: draws of p_hat are carried through p_hat^(1-phi)
p^phi, phi rising to one, reweighed, resampled and moved at each stage. Moves go where the surrogate has too little
density, which weights alone cannot; a mode that none of its draws is near stays unseen.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.bridge import bridge_sampling
from estim.arguments import Positive, checked
from estim.parameters import Initial
from estim.posterior import Posterior
from estim.samplers.base import Draws
from estim.samplers.run import sample
from estim.surrogate.correct import surrogate_logdensity
from estim.surrogate.estimates import evenly_spaced, margins
from estim.surrogate.fit import Surrogate
from estim.typing import Key

NUM_POPULATIONS = 16
"""Independent, so that their differences say how well the figures are known."""

_BRIDGED = 4000


@checked
def temper(
    posterior: Posterior,
    surrogate: Surrogate,
    draws: np.ndarray,
    rng_key: Key,
    *,
    num_particles: Positive = 250,
    num_populations: Positive = NUM_POPULATIONS,
    num_mutations: Positive | None = None,
) -> Draws:
    """Draws of the true posterior by tempered SMC that begins at the surrogate's ones; see `estim.samplers.smc`.

    Args:
        posterior: the true posterior.
        surrogate: of `fit_surrogate`.
        draws: of the surrogate, positions ``[chain, draw, dim]``.
        rng_key: a JAX random key.
        num_particles: of each population; true evaluations are as many times moves and stages.
        num_populations: independent ones.
        num_mutations: moves of each particle at each stage; by default those of `estim.samplers.smc`. With fewer a
            standard deviation was found too small by 4 to 7 %, in all populations alike, so that none of them tells.

    Returns:
        Draws ``[population, particle, dim]``, whose ``log_marginal_likelihood`` is that of the true posterior: the
        surrogate's own, by a bridge that costs no true evaluation, and what the path adds. Too low by some
        hundredths a stage where the surrogate is much narrower than the posterior: few of its draws see the rest.

    Raises:
        SamplerError: next to none of the surrogate's draws has a density under the true posterior.

    Source: Del Moral, Doucet and Jasra (2006), Journal of the Royal Statistical Society B 68; Dai, Heng, Jacob and
    Whiteley (2022), Journal of the American Statistical Association 117.
    """
    dim = draws.shape[-1]
    key_bridge, key_path = jax.random.split(rng_key)
    some = evenly_spaced(draws, min(_BRIDGED, draws[..., 0].size))
    chains = some[: len(some) // 4 * 4].reshape(4, -1, dim)
    logdensity = surrogate_logdensity(surrogate, chains.reshape(-1, dim)).reshape(chains.shape[:2])
    bridge = bridge_sampling(surrogate.posterior, jnp.asarray(chains), jnp.asarray(logdensity), key_bridge)
    known = jnp.asarray(np.reshape(draws, (-1, dim)), float)
    begun = Initial(
        lambda key, num: known[jax.random.choice(key, len(known), (num,), replace=len(known) < num)],
        lambda position: surrogate.posterior.logdensity_fn(position) - bridge.log_marginal_likelihood,
    )
    path = replace(posterior, parameters=posterior.parameters._replace(initial=begun))
    moved = sample(
        path,
        "smc",
        key_path,
        num_samples=num_particles,
        num_chains=num_populations,
        num_mutations=num_mutations,
    )
    return moved._replace(posterior=posterior)


def population_margins(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, standard deviation, 5 and 95 % quantile ``[4, k]`` of all of ``values`` ``[population, particle, k]``, and
    their standard errors, by how far independent populations differ."""
    each = np.stack([margins(population).figures for population in values])
    return margins(values.reshape(-1, values.shape[-1])).figures, each.std(axis=0, ddof=1) / np.sqrt(
        len(each)
    )
