"""Draws as ArviZ's DataTree: its groups, under its names."""

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pandas as pd

from estim.devices import map_positions
from estim.parameters import Latent
from estim.periods import labels_of
from estim.posterior import Posterior
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.samplers.constrain import constrain
from estim.samplers.solutions import solutions
from estim.solution.simulate import simulate
from estim.status import Status

if TYPE_CHECKING:
    from xarray import DataTree

_PREDICTED = 200
"""Draws of which data are simulated."""


def draws_datatree(
    draws: Any, posterior: Posterior, data: pd.DataFrame | None, prior: Any, predictive: bool
) -> "DataTree":
    """The groups of `estim.to_datatree`, which see."""
    groups: dict[str, Any] = {}
    if data is not None and predictive:
        groups = _given_data(draws, posterior, data, prior)
    stats = {"lp": np.asarray(draws.loglikelihood) + np.asarray(draws.logprior)} | dict(draws.stats)
    prior_params = None if prior is None else constrain(posterior, prior)
    groups["log_prior"] = {"log_prior": np.asarray(draws.logprior)}
    params, latents = constrain(posterior, draws.position), posterior.parameters.latents
    if latents:
        flat = np.asarray(draws.position, float).reshape(-1, params.shape[-1])
        meant = map_positions(_latents_meant, posterior, flat)
        params = np.concatenate(
            [params[..., : -meant.shape[1]], meant.reshape(*params.shape[:2], -1)], axis=-1
        )
    return build_datatree(draws.param_names, params, stats, data, prior_params, groups, latents)


def _given_data(draws: Any, posterior: Posterior, data: pd.DataFrame, prior: Any) -> dict[str, Any]:
    """Pointwise log-likelihood, and data simulated at draws from the posterior and the prior."""
    groups: dict[str, Any] = {}
    shape, flat = (
        draws.position.shape[:2],
        np.asarray(draws.position, float).reshape(-1, draws.position.shape[2]),
    )
    if (each := pointwise(posterior, flat)) is not None:
        groups["log_likelihood"] = {"y": each.reshape(*shape, -1)}
    chosen = np.unique(np.linspace(0, shape[1] - 1, max(1, _PREDICTED // shape[0])).astype(int))
    where = np.asarray(draws.position, float)[:, chosen].reshape(-1, flat.shape[1])
    if (paths := _simulated(posterior, where, len(data))) is not None:
        paths = paths.reshape(shape[0], len(chosen), *paths.shape[1:])
        groups["posterior_predictive"] = {name: paths[..., i] for i, name in enumerate(data.columns)}
        if prior is not None:
            before: Any = _simulated(posterior, np.asarray(prior)[:_PREDICTED], len(data))
            groups["prior_predictive"] = {name: before[None, ..., i] for i, name in enumerate(data.columns)}
    return groups


def pointwise(posterior: Posterior, positions: np.ndarray) -> np.ndarray | None:
    """ln p(y_t | y_1 .. y_{t-1}) at positions ``[n, dim]``: ``[n, n_periods]``; None where there are no such terms."""
    given = getattr(posterior.likelihood, "likelihood", None)
    if given is None:
        return None
    shapes = jax.eval_shape(_logdensities, posterior, posterior.start)
    if shapes is None:
        return None
    terms = map_positions(_logdensities, posterior, positions, sequential=posterior.sequential)
    return terms[:, : given.num_terms(posterior.data.read, terms.shape[1])]


def _logdensities(posterior: Posterior, position: Any) -> Any:
    made = posterior.likelihood
    return made.likelihood.logdensities(made.solution(position, posterior.data), posterior.data.read)


def _latents_meant(posterior: Posterior, position: Any) -> Any:
    """The latents behind the parameters, as what they stand for."""
    made = posterior.likelihood
    latents = position[len(made.spec.estimated) :]
    return made.likelihood.meant_by(made.solution(position, posterior.data), posterior.data.read, latents)


def _simulated(posterior: Posterior, positions: np.ndarray, num_periods: int) -> np.ndarray | None:
    """Samples ``[n, num_periods, n_obs]``, NaN without a solution; None where the solution cannot be simulated."""
    solver = getattr(posterior.likelihood, "solver", None)
    if solver is None or solver.gives not in (StateSpace, MovingAverage):
        return None
    solved = solutions(posterior, positions)
    samples = np.asarray(_sampled(solved, jax.vmap(jax.random.key)(np.arange(len(positions))), num_periods))
    return np.where((solved.status == Status.OK)[:, None, None], samples, np.nan)


@partial(jax.jit, static_argnums=2)
def _sampled(solved: Any, keys: Any, num_periods: int) -> Any:
    return jax.vmap(lambda solution, key: simulate(solution, key, num_periods))(solved, keys)


def build_datatree(
    names: Any,
    params: np.ndarray,
    stats: Mapping[str, np.ndarray],
    data: pd.DataFrame | None,
    prior: np.ndarray | None,
    further: Mapping[str, Any],
    latents: tuple[Latent, ...] = (),
) -> "DataTree":
    """Of parameters ``[chain, draw, n]``, statistics, data, prior draws ``[n, n_params]`` and `further` groups.

    What stands behind the parameters, `latents`, are variables with dimensions of their own.
    """
    import arviz_base

    groups: dict[str, Any] = {
        "posterior": _by_variable(names, params, latents),
        "sample_stats": dict(stats),
        **further,
    }
    if prior is not None:
        groups["prior"] = _by_variable(names, prior[None], latents)
    coords: dict[str, Any] = {}
    dims: dict[str, list[str]] = {latent.name: list(latent.dims) for latent in latents}
    for latent in latents:
        coords |= {dim: list(labels) for dim, labels in zip(latent.dims, latent.coords, strict=True)}
    if data is not None:
        groups["observed_data"] = {name: data[name].to_numpy() for name in data.columns}
        coords["date"] = labels_of(data.index)
        dims |= {name: ["date"] for name in data.columns}
    if "log_likelihood" in further:
        terms = further["log_likelihood"]["y"].shape[-1]
        coords["counted"] = coords["date"][len(coords["date"]) - terms :]
        dims["y"] = ["counted"]
    return arviz_base.from_dict(groups, coords=coords, dims=dims)


def _by_variable(names: Any, values: np.ndarray, latents: tuple[Latent, ...]) -> dict[str, np.ndarray]:
    """The parameters of ``values`` ``[..., n]`` by name, and the latents behind them, each an array."""
    sizes = [math.prod(latent.shape) for latent in latents]
    own = len(names) - sum(sizes)
    found = {name: values[..., i] for i, name in enumerate(names[:own])}
    blocks = np.split(values[..., own:], np.cumsum(sizes)[:-1], axis=-1) if latents else []
    for latent, block in zip(latents, blocks, strict=True):
        found[latent.name] = block.reshape(*values.shape[:-1], *latent.shape)
    return found
