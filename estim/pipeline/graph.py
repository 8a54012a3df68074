"""The parts of a run, and what each needs of the others."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from estim.experiment import Experiment, Route, SurrogateRoute
from estim.experiment.settings import SURROGATE
from estim.pipeline import learning
from estim.pipeline.evidence import compare_evidence, populations
from estim.pipeline.parts import Part, Results, key_of
from estim.pipeline.routes import sample_route
from estim.pipeline.stages import find_laplace, say_implications
from estim.posterior import Posterior
from estim.progress import Progress
from estim.results.store import RunDirectory
from estim.solution.table import solver_named
from estim.specification import Specification
from estim.typing import Key

_STEP, _WIDE_STEP = 1e-3, 0.3
"""Of the Laplace approximation; wide where household parameters are estimated, whose log-likelihood has small kinks."""

MODE, SURROGATE_DRAWS, SLICES = "mode", "surrogate/draws", "slices"


def parts_of(
    run: RunDirectory,
    experiment: Experiment,
    model: Specification,
    posterior: Posterior,
    data: pd.DataFrame,
    progress: Progress,
) -> list[Part]:
    """All of a run but the report. Routes compile while the mode is sought."""
    key = partial(key_of, experiment.seed)
    routes, surrogate = experiment.routes, experiment.surrogate
    step = _WIDE_STEP if solver_named(model, experiment.solver).slow(model) else _STEP
    taught = dict.fromkeys(surrogate.train_on, surrogate.max_points) if surrogate else {}
    parts = [
        Part(MODE, lambda _: find_laplace(run, posterior, experiment.num_starts, step, key(MODE), progress)),
        *(
            _route(run, posterior, name, route, key(name), progress, taught.get(name, 0))
            for name, route in routes.items()
        ),
    ]
    drawn = tuple(map(_part_of, routes))
    if surrogate:
        parts += _learning(run, posterior, surrogate, key, progress)
        drawn = (*drawn, SURROGATE_DRAWS)
    if populations(routes):

        def weigh(results: Results) -> None:
            compare_evidence(run, posterior, results[MODE], routes, key("evidence"), progress)

        parts.append(Part("evidence", weigh, needs=(MODE, *drawn), exclusive=True))
    trained_on = surrogate.train_on if surrogate else ()
    say = lambda _: say_implications(run, model, posterior, data, trained_on, key("implications"))
    return [*parts, Part("implications", say, needs=(MODE, *drawn))]


def _part_of(route: str) -> str:
    return f"routes/{route}"


def _route(
    run: RunDirectory,
    posterior: Posterior,
    name: str,
    route: Route,
    rng_key: Key,
    progress: Progress,
    num_points: int,
) -> Part:
    def work(results: Results) -> None:
        made = {setting: results[needed].posterior for setting, needed in route.needs.items()}
        mode = partial(results.__getitem__, MODE)
        sample_route(run, posterior, mode, name, route, rng_key, progress, made, num_points)

    needs = tuple(dict.fromkeys(route.needs.values()))
    return Part(_part_of(name), work, needs, uses=(MODE,), exclusive=True)


def _learning(
    run: RunDirectory,
    posterior: Posterior,
    settings: SurrogateRoute,
    key: Callable[[str], Key],
    progress: Progress,
) -> list[Part]:
    """The surrogate, its draws, its certificate and what its figures show."""
    taught = tuple(map(_part_of, settings.train_on))

    def settle(results: Results) -> Any:
        return learning.settle(run, posterior, results[SURROGATE], settings, key, progress)

    def compare(results: Results) -> None:
        learning.compare(run, posterior, results[SURROGATE_DRAWS], results[MODE], settings.train_on[0])

    train = lambda _: learning.train(run, posterior, settings, key("train"), progress)
    slice_ = lambda results: learning.slice_exact(run, posterior, results[MODE])
    return [
        Part(SLICES, slice_, needs=(MODE,)),
        Part(SURROGATE, train, needs=taught, exclusive=True),
        Part(SURROGATE_DRAWS, settle, needs=(SURROGATE,), exclusive=True),
        Part("comparison", compare, needs=(SLICES, SURROGATE_DRAWS)),
    ]
