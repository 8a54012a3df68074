"""The surrogate of a run: trained, sampled, weighed against the exact posterior, corrected and certified."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np

from estim.evaluations import Evaluations
from estim.experiment import SurrogateRoute
from estim.pipeline.routes import draw_arrays, of_route
from estim.posterior import Posterior
from estim.progress import Progress
from estim.results.analysis import logdensities, slice_positions, thin
from estim.results.contents import flatten, read_evaluations, read_route
from estim.results.store import RunDirectory
from estim.samplers.constrain import constrain, unconstrain
from estim.samplers.mode import Laplace
from estim.surrogate.certify import Certificate, certify_weighted, weighing
from estim.surrogate.correct import correct_means, surrogate_logdensity, weigh_draws
from estim.surrogate.evaluate import concatenate_evaluations
from estim.surrogate.fit import (
    Surrogate,
    fit_surrogate,
    surrogate_from_arrays,
    surrogate_to_arrays,
)
from estim.surrogate.locate import locate_border, most_segments
from estim.surrogate.recipe import Recipe, get_recipe
from estim.surrogate.refine import refine
from estim.surrogate.sample import sample_surrogate
from estim.typing import Key

EVALUATED = "begun/evaluations.npz"
"""Old draws under the new data, where the run was begun from another: they teach beside what its routes evaluate."""
_NUM_SHOWN = 10_000


def train(
    run: RunDirectory, posterior: Posterior, settings: SurrogateRoute, rng_key: Key, progress: Progress
) -> Surrogate:
    """The network, trained on what routes have evaluated and, where asked for, refined."""
    if not run.has("surrogate/network.npz"):
        report = of_route(progress, "surrogate")
        evaluated = [read_evaluations(run, name) for name in settings.train_on]
        thinned = [{k: thin(v, settings.max_points) for k, v in e.items()} for e in evaluated]
        if run.has(EVALUATED):
            thinned.append(run.read_arrays(EVALUATED))
        evaluations = concatenate_evaluations(*(Evaluations(**e) for e in thinned))
        with run.timed("surrogate: border"):
            evaluations = locate_border(posterior, evaluations, num_segments=_segments(evaluations))
        recipe = replace(_recipe(settings), **settings.settings)
        with run.timed("surrogate: training"):
            surrogate = fit_surrogate(posterior, evaluations, rng_key, recipe=recipe, progress=report)
        if settings.num_refinement:
            with run.timed("surrogate: refinement"):
                surrogate, _ = refine(
                    posterior,
                    surrogate,
                    evaluations,
                    jax.random.fold_in(rng_key, 1),
                    num_evaluations=settings.num_refinement,
                    gradient=evaluations.gradient is not None,
                    recipe=recipe,
                    progress=report,
                )
        run.write_arrays("surrogate/network.npz", surrogate_to_arrays(surrogate))
    return surrogate_from_arrays(posterior, run.read_arrays("surrogate/network.npz"))


def _segments(evaluations: Evaluations) -> int:
    """So many that locating a border costs half of what was evaluated before, or fewer."""
    return min(
        most_segments(evaluations.position.shape[-1]), max(np.size(evaluations.loglikelihood) // 20, 1)
    )


def _recipe(settings: SurrogateRoute) -> Recipe:
    """The recipe by its name; of estim's own an ensemble only where refinement will ask for its variance."""
    return get_recipe(
        "single" if settings.recipe == "estim" and not settings.num_refinement else settings.recipe
    )


def sample(
    run: RunDirectory,
    posterior: Posterior,
    surrogate: Surrogate,
    settings: SurrogateRoute,
    rng_key: Key,
    progress: Progress,
) -> None:
    """Many chains on the network; quick enough to be made in one piece."""
    if run.chunks("surrogate"):
        return

    draws = sample_surrogate(
        surrogate,
        rng_key,
        num_samples=settings.num_samples,
        num_chains=settings.num_chains,
        num_warmup=settings.num_warmup,
        thin=settings.thin,
        progress=of_route(progress, "surrogate"),
    )
    arrays = draw_arrays(posterior, draws) | flatten(draws.seconds, "seconds")
    run.append_chunk("surrogate", {**arrays, "num_evaluations": np.asarray(0)})


def certify(
    run: RunDirectory,
    posterior: Posterior,
    surrogate: Surrogate,
    settings: SurrogateRoute,
    rng_key: Key,
    progress: Progress,
) -> None:
    """The certificate, and the posterior means corrected by the weights of the draws that it looked at."""
    if run.has("surrogate/certificate.json"):
        return
    progress("surrogate: certificate", 0, 1, "")
    with run.timed("surrogate: certificate"):
        params = read_route(run, "surrogate").params
        position = unconstrain(posterior, params)
        taught = _training_chains(run, posterior, settings)
        weighted = weigh_draws(posterior, surrogate, position, **weighing(settings.num_certificate))
        certificate = certify_weighted(
            posterior,
            surrogate,
            weighted,
            position,
            rng_key,
            training_chains=taught,
            gradients=all("gradient" in read_evaluations(run, name) for name in settings.train_on),
        )
        in_units = weighted._replace(position=constrain(posterior, weighted.position))
        mean, error = correct_means(in_units, params)
    learnt = surrogate_logdensity(surrogate, weighted.position)
    densities = {"exact": weighted.evaluations.logdensity, "surrogate": learnt}
    run.write_arrays("surrogate/check.npz", densities | {"mean": mean, "error": error})
    run.write_json("surrogate/certificate.json", _plain(certificate))
    progress("surrogate: certificate", 1, 1, certificate.verdict)


def _training_chains(run: RunDirectory, posterior: Posterior, settings: SurrogateRoute) -> np.ndarray:
    """Chains of all routes that taught ``[chain, draw, dim]``, as many draws of each as the shortest has.

    Side by side, so that routes which found different things have not met either. Unconstrained positions.
    """
    taught = [read_route(run, name).params for name in settings.train_on]
    length = min(params.shape[1] for params in taught)
    params = np.concatenate(
        [params[:, np.linspace(0, params.shape[1] - 1, length).astype(int)] for params in taught]
    )
    return unconstrain(posterior, params)


def _plain(certificate: Certificate) -> dict[str, Any]:
    """The certificate as JSON knows it: an estimate is a value and an error, what is not finite is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return plain(value.tolist())
        if isinstance(value, tuple | list):
            return [plain(v) for v in value]
        return None if isinstance(value, float) and not np.isfinite(value) else value

    return {name: plain(value) for name, value in certificate._asdict().items()}


def slice_exact(run: RunDirectory, posterior: Posterior, laplace: Laplace) -> None:
    """The exact log-posterior along each parameter, the others at the mode."""
    if run.has("slices.npz"):
        return
    with run.timed("slices"):
        positions = slice_positions(laplace)
        exact = logdensities(posterior, positions) - laplace.logdensity
        params = constrain(posterior, positions)
    arrays = {
        "grids": np.stack([params[i, :, i] for i in range(len(params))]),  # in the model's units
        "exact": exact,
        "mode": constrain(posterior, laplace.mode[None])[0],
    }
    run.write_arrays("slices.npz", arrays)


def compare(
    run: RunDirectory, posterior: Posterior, surrogate: Surrogate, laplace: Laplace, train_on: str
) -> None:
    """What the figures of the surrogate show: its slices beside the exact ones, points proposed and accepted."""
    if run.has("proposals.npz"):
        return
    learnt = logdensities(surrogate.posterior, slice_positions(laplace)) - laplace.logdensity
    run.write_arrays("slices.npz", run.read_arrays("slices.npz") | {"surrogate": learnt})
    proposed = read_evaluations(run, train_on)["position"]
    accepted = read_route(run, train_on).params
    run.write_arrays(
        "proposals.npz",
        {
            "proposed": constrain(posterior, thin(proposed, _NUM_SHOWN)),
            "accepted": thin(accepted.reshape(-1, accepted.shape[-1]), _NUM_SHOWN),
        },
    )
