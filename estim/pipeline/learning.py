"""The surrogate of a run: trained, sampled, weighed against the exact posterior, corrected and certified."""

from collections.abc import Callable
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
from estim.surrogate.correct import WeightedDraws, correct_means, surrogate_logdensity, weigh_draws
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
from estim.surrogate.verdict import could_learn
from estim.typing import Key

EVALUATED = "begun/evaluations.npz"
"""Old draws under the new data, where the run was begun from another: they teach beside what its routes evaluate."""
NETWORK, CERTIFICATE = "surrogate/network.npz", "surrogate/certificate.json"
ADDED = "surrogate/added.npz"
"""What was evaluated for the network besides the routes' own points, and how often it was taught again."""

_NUM_SHOWN = 10_000


def train(
    run: RunDirectory, posterior: Posterior, settings: SurrogateRoute, rng_key: Key, progress: Progress
) -> Surrogate:
    """The network, trained on what routes have evaluated and, where asked for, refined."""
    if not run.has(NETWORK):
        report, recipe = of_route(progress, "surrogate"), _recipe(settings)
        evaluations = _of_routes(run, settings)
        if number := _round(run):  # a network that was taught again has been lost
            teach_again(run, posterior, settings, rng_key, number, report)
            return surrogate_from_arrays(posterior, run.read_arrays(NETWORK))
        num = len(evaluations.loglikelihood)
        with run.timed("surrogate: border"):
            evaluations = locate_border(posterior, evaluations, num_segments=_segments(evaluations))
        with run.timed("surrogate: training"):
            surrogate = fit_surrogate(posterior, evaluations, rng_key, recipe=recipe, progress=report)
        if settings.num_refinement:
            with run.timed("surrogate: refinement"):
                surrogate, evaluations = refine(
                    posterior,
                    surrogate,
                    evaluations,
                    jax.random.fold_in(rng_key, 1),
                    num_evaluations=settings.num_refinement,
                    gradient=evaluations.gradient is not None,
                    recipe=recipe,
                    progress=report,
                )
        _add(run, 0, jax.tree.map(lambda rows: rows[num:], evaluations))
        run.write_arrays(NETWORK, surrogate_to_arrays(surrogate))
    return surrogate_from_arrays(posterior, run.read_arrays(NETWORK))


def teach_again(
    run: RunDirectory,
    posterior: Posterior,
    settings: SurrogateRoute,
    rng_key: Key,
    number: int,
    progress: Progress,
) -> None:
    """The network anew, round `number`, from all that routes and certificates have evaluated."""
    evaluations = concatenate_evaluations(_of_routes(run, settings), _added(run))
    with run.timed("surrogate: training"):
        key = jax.random.fold_in(rng_key, 1 + number)
        surrogate = fit_surrogate(posterior, evaluations, key, recipe=_recipe(settings), progress=progress)
    run.write_arrays(NETWORK, surrogate_to_arrays(surrogate))


def _of_routes(run: RunDirectory, settings: SurrogateRoute) -> Evaluations:
    evaluated = [read_evaluations(run, name) for name in settings.train_on]
    thinned = [{k: thin(v, settings.max_points) for k, v in e.items()} for e in evaluated]
    if run.has(EVALUATED):
        thinned.append(run.read_arrays(EVALUATED))
    return concatenate_evaluations(*(Evaluations(**e) for e in thinned))


def _round(run: RunDirectory) -> int:
    """How often the network was taught again."""
    return int(run.read_arrays(ADDED)["round"]) if run.has(ADDED) else 0


def _added(run: RunDirectory) -> Evaluations:
    arrays: dict[str, Any] = run.read_arrays(ADDED)
    return Evaluations(**{name: rows for name, rows in arrays.items() if name != "round"})


def _add(run: RunDirectory, number: int, evaluations: Evaluations) -> None:
    there = {k: v for k, v in evaluations._asdict().items() if v is not None}
    run.write_arrays(ADDED, there | {"round": np.asarray(number)})


def _segments(evaluations: Evaluations) -> int:
    """So many that locating a border costs half of what was evaluated before, or fewer."""
    return min(
        most_segments(evaluations.position.shape[-1]), max(np.size(evaluations.loglikelihood) // 20, 1)
    )


def _recipe(settings: SurrogateRoute) -> Recipe:
    """The recipe by its name; of estim's own an ensemble only where refinement will ask for its variance."""
    single = settings.recipe == "estim" and not settings.num_refinement
    return replace(get_recipe("single" if single else settings.recipe), **settings.settings)


def settle(
    run: RunDirectory,
    posterior: Posterior,
    surrogate: Surrogate,
    settings: SurrogateRoute,
    keys: Callable[[str], Key],
    progress: Progress,
) -> Surrogate:
    """The network's draws and their certificate; where that is refused its evaluations teach the network again, and
    all begins anew, `num_rounds` times at most, unless the routes that taught it have not met. The last network."""
    number = _round(run)
    while not run.has(CERTIFICATE):
        if not run.chunks("surrogate"):
            sample(run, posterior, surrogate, settings, _of_round(keys("surrogate"), number), progress)
        weighted, certificate = certify(
            run, posterior, surrogate, settings, _of_round(keys("certify"), number), progress
        )
        refused = certificate.verdict == "not certified" and could_learn(certificate.conditions)
        if not refused or number >= settings.num_rounds:
            run.write_json(CERTIFICATE, _plain(certificate))
            break
        number += 1
        found = locate_border(posterior, weighted.evaluations, num_segments=_segments(weighted.evaluations))
        found = concatenate_evaluations(_added(run), found)
        run.forget(NETWORK, *run.chunks("surrogate"))  # first: what is half done is done again
        _add(run, number, found)
        teach_again(run, posterior, settings, keys("train"), number, of_route(progress, "surrogate"))
        surrogate = surrogate_from_arrays(posterior, run.read_arrays(NETWORK))
    return surrogate


def _of_round(rng_key: Key, number: int) -> Key:
    return jax.random.fold_in(rng_key, number) if number else rng_key


def sample(
    run: RunDirectory,
    posterior: Posterior,
    surrogate: Surrogate,
    settings: SurrogateRoute,
    rng_key: Key,
    progress: Progress,
) -> None:
    """Many chains on the network; quick enough to be made in one piece."""
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
) -> tuple[WeightedDraws, Certificate]:
    """The certificate, and the posterior means corrected by the weights of the draws that it looked at."""
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
    progress("surrogate: certificate", 1, 1, certificate.verdict)
    return weighted, certificate


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
