"""Surrogate: a posterior whose log-likelihood is a trained network, and how to get one from evaluations."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError, checked
from estim.evaluations import Evaluations
from estim.networks.mlp import (
    NetworkParams,
    apply_network,
    init_network,
    network_from_arrays,
    network_to_arrays,
)
from estim.networks.train import History, TrainingSet, train_network
from estim.posterior import Posterior
from estim.progress import Progress
from estim.surrogate.dataset import (
    build_training_set,
    density_weights,
    far_apart,
    select_points,
    unsolved_positions,
)
from estim.surrogate.noise import Noise, estimate_noise, without_bias
from estim.surrogate.recipe import Recipe, get_recipe
from estim.surrogate.scaling import Scaling, base_loglikelihood
from estim.surrogate.slopes import slope_errors
from estim.typing import Array, Key, Position, Scalar


class Surrogate(NamedTuple):
    """A learnt log-likelihood, and the posterior that it makes with the exact prior.

    Attributes:
        posterior: the `Posterior` with its log-likelihood replaced: every sampler works on it.
        scaling: units of the network's inputs and outputs, and the quadratic that it corrects.
        network: parameters of the ensemble, ``[num_members, ...]``.
        history: losses by epoch.
        counts: evaluations used, and those dropped, by reason.
        starts: positions ``[k, dim]`` far from one another that were learnt from, at which some of its chains begin:
            in every mode that the points know.
        noise: of the log-likelihood that taught it, where that is noisy.
    """

    posterior: Posterior
    scaling: Scaling
    network: NetworkParams
    history: History
    counts: dict[str, int]
    starts: np.ndarray | None = None
    noise: Noise | None = None


def member_loglikelihoods(scaling: Scaling, network: NetworkParams, position: Position) -> Array:
    """Log-likelihood by every member of the ensemble, ``[num_members]``, at one position ``[dim]``."""
    z = jax.scipy.linalg.solve_triangular(scaling.scale, position - scaling.center, lower=True)
    return scaling.intercept + base_loglikelihood(scaling, z) + correction(scaling, network, z)


_many_loglikelihoods = jax.jit(jax.vmap(member_loglikelihoods, in_axes=(None, None, 0), out_axes=1))


def ensemble_loglikelihoods(surrogate: Surrogate, position: np.ndarray) -> np.ndarray:
    """Every member's log-likelihood ``[num_members, n]`` at host positions ``[n, dim]``.

    Filled up to a power of two, so that few shapes are compiled.
    """
    num = len(position)
    filled = np.concatenate([position, np.repeat(position[:1], (1 << (num - 1).bit_length()) - num, axis=0)])
    return np.asarray(_many_loglikelihoods(surrogate.scaling, surrogate.network, filled))[:, :num]


def correction(scaling: Scaling, network: NetworkParams, z: Array) -> Array:
    """What every member adds to the quadratic ``[num_members, ...]`` at ``z`` ``[..., dim]``."""
    low, high = (jnp.broadcast_to(bound, z.shape) for bound in (scaling.low, scaling.high))
    inside = jnp.clip(z, low, high).astype(jnp.float32)
    outputs = jax.vmap(apply_network, in_axes=(0, None))(network, inside)
    return scaling.output_scale * jnp.clip(outputs, scaling.lowest, scaling.highest)


def build_surrogate_posterior(posterior: Posterior, scaling: Scaling, network: NetworkParams) -> Posterior:
    """``posterior`` with the mean of the ensemble as its log-likelihood."""
    return posterior.with_loglikelihood(_mean_loglikelihood, (scaling, network))


def _mean_loglikelihood(position: Position, learnt: tuple[Scaling, NetworkParams]) -> Scalar:
    return jnp.mean(member_loglikelihoods(*learnt, position))


NUM_STRETCHES = 5
"""Stretches of the evaluations that only judge, one in each fifth of them."""


def choose_stretches(rng_key: Key, num: int, fraction: float) -> np.ndarray:
    """True for about ``fraction`` of `num` points ``[num]``, at least one: one run of neighbours in each fifth.

    Evaluations come in the order in which chains visited them, and neighbours resemble each other: a point judges
    what was learnt from others only where its neighbours were not among them.
    """
    parts = np.array_split(np.arange(num), min(NUM_STRETCHES, num))
    chosen = np.zeros(num, bool)
    for part, uniform in zip(parts, np.asarray(jax.random.uniform(rng_key, (len(parts),))), strict=True):
        length = max(round(fraction * len(part)), 1)
        begin = int(uniform * (len(part) - length + 1))
        chosen[part[begin : begin + length]] = True
    return chosen


def filled_up(data: TrainingSet, room: int) -> TrainingSet:
    """With points of no weight, to ``room`` rounded up to few digits: sets of about one size share programs."""
    num, step = len(data.z), 1 << max(room.bit_length() - 4, 0)
    index = np.arange(-(-room // step) * step) % num
    real = np.arange(len(index)) < num
    filled = jax.tree.map(lambda leaf: leaf[index], data)
    known = None if data.gradient_weight is None else np.where(real, filled.gradient_weight, 0)
    return filled._replace(weight=np.where(real, filled.weight, 0), gradient_weight=known)


MOSTLY = 0.75
"""Where more of the evaluations than this are kept, there is room for all of them."""


def split(
    rng_key: Key, data: TrainingSet, num_given: int, fraction: float
) -> tuple[TrainingSet, TrainingSet]:
    """Points to learn from and points that judge, filled up to sizes that hardly depend on how many were kept.

    Where most of ``num_given`` evaluations were kept, the sizes are those that all of them would have.
    """
    kept = len(data.z)
    judge = choose_stretches(rng_key, kept, fraction)
    of_all = choose_stretches(rng_key, num_given if kept > MOSTLY * num_given else kept, fraction)
    take = lambda chosen: jax.tree.map(lambda leaf: np.asarray(leaf)[chosen], data)
    return filled_up(take(~judge), int(np.sum(~of_all))), filled_up(take(judge), int(np.sum(of_all)))


@checked
def fit_surrogate(
    posterior: Posterior,
    evaluations: Evaluations,
    rng_key: Key,
    *,
    recipe: str | Recipe = "estim",
    noise: Noise | None = None,
    progress: Progress | None = None,
) -> Surrogate:
    """Learns the log-likelihood of ``posterior`` from points at which it is known.

    A noisy log-likelihood, as a particle filter's, is evaluated some hundred times more: the variance of its noise is
    estimated as a function of the parameters, half of it is added back, and points weigh the less the larger it is.

    Args:
        posterior: gives the exact prior; its likelihood is called only if it is noisy, or to see whether gradients hold
            over finite distances. One over shocks too is refused.
        evaluations: any leading shape; points with gradients (where finite) teach by them too, weighted down where
            finite slopes disagree (`estim.surrogate.slopes`).
        rng_key: initial weights, the split and the order of the points.
        recipe: a name in `RECIPES` or a `Recipe`.
        noise: of a noisy log-likelihood, where it is known, as from a surrogate before.
        progress: told the epochs that are done and in all.

    Returns:
        The `Surrogate`, whose posterior every sampler takes.

    Raises:
        ArgumentError: the posterior is one over shocks too.
        ValueError: an unknown recipe, too few finite points, or noise that is not finite.
    """
    recipe = get_recipe(recipe)
    if latents := sum(len(latent.names) for latent in posterior.parameters.latents):
        raise ArgumentError(
            f"fit_surrogate: the posterior is a density of parameters and shocks together: its position holds "
            f"{latents} shocks beside {len(posterior.start) - latents} parameters, too many for a network; take "
            "'nuts', or another likelihood"
        )
    points, counts = select_points(evaluations, recipe.drop_fraction, recipe.density_temperature)
    variance = None
    if posterior.noisy:
        important = density_weights(
            np.asarray(points.logdensity), points.position.shape[1], recipe.density_temperature
        )
        noise = noise or estimate_noise(posterior, points, important)
        points, variance = without_bias(points, noise), noise.variance(np.asarray(points.position))
    learns_slopes = recipe.gradient_weight > 0 and points.gradient is not None
    slope_error = slope_errors(posterior, points) if learns_slopes else None
    unsolved = unsolved_positions(evaluations)
    scaling, data = build_training_set(points, recipe, unsolved, variance, slope_error)
    key_network, key_split, key_train = jax.random.split(rng_key, 3)
    teaching, judging = split(key_split, data, np.size(evaluations.loglikelihood), recipe.validation_fraction)
    start = init_network(key_network, recipe.num_members, data.z.shape[1], recipe.hidden)
    network, history = train_network(key_train, start, teaching, judging, recipe, progress)
    learnt = build_surrogate_posterior(posterior, scaling, network)
    starts = np.asarray(points.position)[far_apart(np.asarray(data.z), np.asarray(data.weight))]
    return Surrogate(learnt, scaling, network, history, counts, starts, noise)


def surrogate_to_arrays(surrogate: Surrogate) -> dict[str, np.ndarray]:
    """Everything learnt, as flat names and arrays for `numpy.savez`: nothing is pickled."""
    groups = {
        "scaling": surrogate.scaling._asdict(),
        "network": network_to_arrays(surrogate.network),
        "history": surrogate.history._asdict(),
        "counts": surrogate.counts,
        "starts": {} if surrogate.starts is None else {"position": surrogate.starts},
        "noise": {} if surrogate.noise is None else surrogate.noise._asdict(),
    }
    return {
        f"{group}/{name}": np.asarray(v) for group, values in groups.items() for name, v in values.items()
    }


def surrogate_from_arrays(posterior: Posterior, arrays: Mapping[str, np.ndarray]) -> Surrogate:
    """The inverse of `surrogate_to_arrays`, given the posterior whose prior it was trained with."""

    def group(name: str, convert: Callable = np.asarray) -> dict:
        prefix = f"{name}/"
        return {key.removeprefix(prefix): convert(arrays[key]) for key in arrays if key.startswith(prefix)}

    scaling = Scaling(**group("scaling", jnp.asarray))
    network = network_from_arrays(group("network"))
    posterior = build_surrogate_posterior(posterior, scaling, network)
    starts, noise = group("starts").get("position"), group("noise")
    history, counts = History(**group("history")), group("counts", int)
    return Surrogate(posterior, scaling, network, history, counts, starts, Noise(**noise) if noise else None)
