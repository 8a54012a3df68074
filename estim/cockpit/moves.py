"""A move of the levers: paths, parts of the loss and their gradients, exact, or linearised while the exact ones are on
their way; and how likely the parameters are under a run's posterior."""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.cockpit.levers import Lever, levers_of
from estim.cockpit.views import View, view_of
from estim.model import Model
from estim.posterior import Posterior
from estim.simulation import Simulation
from estim.status import Status
from estim.typing import Array, Scalar

AT_ONCE = 0.1
"""A solution that takes longer, in seconds, is linearised first."""

_STEP = 1e-5
"""Of a difference, as a share of the lever's range."""

type Objectives = Callable[[dict[str, Array]], Mapping[str, Any]]
"""Of the paths by name ``[horizon]``: numbers by name, each of which costs something."""


_PATHS = 100
"""Draws whose paths make a band where responses are not known beforehand, as of a simulation."""


class Estimated(NamedTuple):
    """What a run knows.

    Attributes:
        posterior: its posterior.
        draws: ``[n_draws, n_estimated]``, in the model's units.
        responses: of the observables at some draws ``[n_draws, horizon, n_observables, n_shocks]``; None of a
            simulation, whose paths are followed instead.
        learnt: the surrogate's posterior, which says at once how likely parameters are; or None.
    """

    posterior: Posterior
    draws: np.ndarray
    responses: np.ndarray | None
    learnt: Posterior | None = None


class Cockpit:
    """A model with levers.

    Args:
        model: a `Model` or a `Simulation`.
        horizon: of the paths, in periods.
        objectives: what is to be kept small; by default each path's mean square: of a simulation around its mean.
        estimated: of a run.
    """

    def __init__(
        self,
        model: Model | Simulation,
        horizon: int = 40,
        objectives: Objectives | None = None,
        estimated: Estimated | None = None,
    ) -> None:
        self.model, self.estimated = model, estimated
        self.view: View = view_of(model, horizon)
        self.levers: list[Lever] = levers_of(model, None if estimated is None else estimated.draws)
        self._names = [lever.name for lever in self.levers if lever.group != "shocks"]
        self._objectives = objectives or _mean_squares(isinstance(model, Simulation))
        self._exact = jax.jit(self._at)
        self._many = jax.jit(jax.vmap(self._path))
        self._derivatives = jax.jit(jax.jacfwd(lambda x: self._at(x)[:2]))
        self._start = np.array([lever.start for lever in self.levers])
        self._known: tuple[np.ndarray, Any, Any] | None = None  # levers, what they gave, its derivatives
        self._lock, self._asked = Lock(), 0
        self._widths = np.array([lever.high - lever.low for lever in self.levers])
        self.parts: list[str] = []  # in the order of the objectives, which JAX would forget
        jax.block_until_ready(self._exact(self._start))
        self.seconds = self._time()

    def _path(self, x: Array) -> tuple[Array, Scalar]:
        n = len(self._names)
        params = self.model.params(dict(zip(self._names, jnp.unstack(x)[:n], strict=True)))
        return self.view.paths(params, x[n:])

    def _at(self, x: Array) -> tuple[Array, dict[str, Scalar], Scalar]:
        paths, status = self._path(x)
        parts = self._objectives(dict(zip(self.view.series, paths.T, strict=True)))
        self.parts[:] = parts
        return paths, {name: jnp.asarray(value, float) for name, value in parts.items()}, status

    def _time(self) -> float:
        begun = time.perf_counter()
        jax.block_until_ready(self._exact(self._start * (1 + 1e-9)))
        return time.perf_counter() - begun

    def vector(self, values: Mapping[str, float]) -> np.ndarray:
        """The levers ``[n_levers]``; those left out stay where they start, none leaves its range."""
        return np.array(
            [min(max(float(values.get(f"{v.group}:{v.name}", v.start)), v.low), v.high) for v in self.levers]
        )

    def move(self, values: Mapping[str, float]) -> dict[str, Any]:
        """What is known at once: exact where a solution takes less than `AT_ONCE`, else linearised."""
        x = self.vector(values)
        if self.seconds <= AT_ONCE or self._known is None:
            return self._answer(x, self._exact(x), exact=True)
        at, (paths, parts, status), (by_paths, by_parts) = self._known
        step = x - at
        near = {name: parts[name] + by_parts[name] @ step for name in parts}
        return self._answer(x, (paths + by_paths @ step, near, status), exact=bool((step == 0).all()))

    def exact(self, values: Mapping[str, float]) -> dict[str, Any]:
        """The exact answer, however long it takes."""
        x = self.vector(values)
        return self._answer(x, self._exact(x), exact=True)

    def settle(self, values: Mapping[str, float]) -> dict[str, Any]:
        """The exact answer with the gradient of each part by each lever, for a tenth of the lever's range; without it
        where the levers have been moved again meanwhile."""
        x = self.vector(values)
        self._asked += 1
        ticket = self._asked
        with self._lock:
            found = jax.tree.map(np.asarray, self._exact(x))
            answer = self._answer(x, found, exact=True)
            if "failed" not in answer and (derivatives := self._slopes(x, found, ticket)) is not None:
                self._known = x, found, derivatives
                reach = 0.1 * self._widths
                by_parts = {name: (slope * reach).tolist() for name, slope in derivatives[1].items()}
                answer["gradient"] = {name: list(map(_finite, row)) for name, row in by_parts.items()}
        return answer

    def _slopes(self, x: np.ndarray, found: Any, ticket: int) -> Any:
        """Of paths ``[horizon, n_series, n_levers]`` and parts ``[n_levers]``; of a slow model by differences, which
        take a solution each and no compilation, or None where nobody waits for them any more."""
        if self.seconds <= AT_ONCE:
            return jax.tree.map(np.asarray, self._derivatives(x))
        columns = []
        for i, width in enumerate(self._widths):
            if ticket != self._asked:
                return None
            step = _STEP * width * (1.0 if x[i] + _STEP * width <= self.levers[i].high else -1.0)
            moved = self._exact(x + step * (np.arange(len(x)) == i))
            columns.append(jax.tree.map(lambda a, b, h=step: (np.asarray(a) - b) / h, moved[:2], found[:2]))
        return jax.tree.map(lambda *each: np.stack(each, axis=-1), *columns)

    def _read(self, found: Any) -> tuple[np.ndarray, dict[str, float], int]:
        paths, parts, status = found
        return np.asarray(paths), {name: float(parts[name]) for name in self.parts}, int(status)

    def _answer(self, x: np.ndarray, found: Any, exact: bool) -> dict[str, Any]:
        paths, parts, status = self._read(found)
        if status != Status.OK or not np.isfinite(paths).all():
            failed = Status(status).message if status else Status.NOT_FINITE.message
            return {"failed": failed, "exact": exact}
        answer: dict[str, Any] = {"paths": paths.T.tolist(), "parts": parts, "exact": exact}
        if self.estimated is not None:
            answer |= {"bands": self._bands(x), "likely": self._likely(x, exact)}
        return answer

    def _bands(self, x: np.ndarray) -> Any:
        """The posterior's 90 % of the paths after the chosen shocks ``[2, n_series, horizon]``, what is calibrated as
        it is chosen; None where that would take long."""
        assert self.estimated is not None
        if self.estimated.responses is not None:
            paths = self.estimated.responses @ x[len(self._names) :]
        elif _PATHS * self.seconds > 10 * AT_ONCE:
            return None
        else:
            draws = self.estimated.draws
            some = draws[np.linspace(0, len(draws) - 1, _PATHS).astype(int)]
            rows = np.tile(x, (_PATHS, 1))
            rows[:, [self._names.index(name) for name in self.estimated.posterior.param_names]] = some
            paths = np.asarray(self._many(rows)[0])
            paths = paths[np.isfinite(paths).all(axis=(1, 2))]
        return np.quantile(paths, (0.05, 0.95), axis=0).transpose(0, 2, 1).tolist()

    def _likely(self, x: np.ndarray, exact: bool) -> dict[str, Any]:
        """The log-posterior density less the highest of some draws, by the surrogate where there is one, and the share
        of draws that are further from the centre in Mahalanobis' distance."""
        assert self.estimated is not None
        posterior, draws = self.estimated.posterior, self._positions
        values = dict(zip(self._names, x, strict=False))
        position = posterior.unconstrain_fn({name: values[name] for name in posterior.param_names})
        spread = np.cov(draws.T).reshape(draws.shape[1], -1)
        distance = lambda p: np.einsum(
            "...i,...i", p - draws.mean(0), np.linalg.solve(spread, (p - draws.mean(0)).T).T
        )
        further = float(np.mean(distance(draws) > distance(np.asarray(position))))
        density, learnt = None, self.estimated.learnt is not None
        if learnt or (exact and self.seconds <= AT_ONCE):
            density = _finite(float(self._density(position)) - self._best)
        return {"further": further, "density": density, "learnt": learnt}

    @property
    def _positions(self) -> np.ndarray:
        if not hasattr(self, "_kept"):
            assert self.estimated is not None
            posterior, draws = self.estimated.posterior, self.estimated.draws
            names = posterior.param_names
            unconstrain = jax.jit(
                jax.vmap(lambda row: posterior.unconstrain_fn(dict(zip(names, row, strict=True))))
            )
            self._kept = np.asarray(unconstrain(jnp.asarray(draws, float)))
            self._density = jax.jit((self.estimated.learnt or posterior).logdensity_fn)
            some = self._kept[:: max(len(self._kept) // 50, 1)]
            quick = self.estimated.learnt is not None or self.seconds <= AT_ONCE
            self._best = max(float(self._density(p)) for p in some) if quick else 0.0
        return self._kept


def _mean_squares(of_simulation: bool) -> Objectives:
    """How far each path is from zero, a simulation's from its mean."""

    def parts(paths: dict[str, Array]) -> dict[str, Any]:
        centre = jnp.mean if of_simulation else lambda x: 0.0
        return {name: jnp.mean((x - centre(x)) ** 2) for name, x in paths.items()}

    return parts


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
