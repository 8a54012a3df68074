"""The same model in other words: another order, other names, units, scales of equations, and variables beside it.

`restate` writes a model anew; what it may differ in is a `Restatement`. The scales are calibrated parameters of
the new model, so that one compiled program serves all of their values.
"""

from collections import namedtuple
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from estim.model import Model


@dataclass(frozen=True)
class Restatement:
    """Orders are permutations of the old positions; `extras` adds an identity, a definition and a block nobody sees."""

    variables: tuple[int, ...]
    shocks: tuple[int, ...]
    observables: tuple[int, ...]
    equations: tuple[int, ...]
    renamed: bool = True
    extras: bool = True


class Scales:
    """Names of the parameters that scale: units of variables and of observables, equations, signs of shocks."""

    def __init__(self, model: Model, equations: list[str]):
        self.units = {v: f"unit_{v}" for v in model.variables._fields}
        self.observed = {o: f"observed_{o}" for o in model.observables._fields}
        self.equations = {e: f"equation_{i}" for i, e in enumerate(equations)}
        self.signs = {s: f"sign_{s}" for s in model.shocks._fields}

    def names(self) -> list[str]:
        return [n for kind in vars(self).values() for n in kind.values()]


def restate(model: Model, how: Restatement, equations: list[str]) -> Model:
    """The model in other words; `equations` are the names of the old one's, in its order."""
    scales, new = Scales(model, equations), (lambda n: f"{n}_anew") if how.renamed else (lambda n: n)
    pick = lambda names, order: [names[i] for i in order]
    old_variables, old_shocks = model.variables._fields, model.shocks._fields
    extras = ["total", "twice", "aside"] if how.extras else []
    Variables = namedtuple("Variables", [new(v) for v in pick(old_variables, how.variables)] + extras)
    Shocks = namedtuple(
        "Shocks", [new(s) for s in pick(old_shocks, how.shocks)] + (["unseen"] if how.extras else [])
    )
    Observables = namedtuple(
        "Observables", [new(o) for o in pick(model.observables._fields, how.observables)]
    )
    leaves = model.prior._asdict() | dict.fromkeys(scales.names(), 1.0)
    Params = namedtuple("Params", list(leaves))

    def old_params(p: Any) -> Any:
        return type(model.prior)(*[getattr(p, n) for n in model.prior._fields])

    def old(at: Any, p: Any) -> Any:
        return model.variables(*[getattr(at, new(v)) / getattr(p, scales.units[v]) for v in old_variables])

    def residuals(lag, now, lead, shocks, p):
        e = model.shocks(*[getattr(shocks, new(s)) * getattr(p, scales.signs[s]) for s in old_shocks])
        left = model.residuals(old(lag, p), old(now, p), old(lead, p), e, old_params(p))
        ordered = pick(list(left), how.equations)
        written = {new(n).replace("_", " "): getattr(p, scales.equations[n]) * left[n] for n in ordered}
        if not how.extras:
            return written
        first, last = getattr(now, new(old_variables[0])), getattr(lag, new(old_variables[-1]))
        return {"identity": now.total - first - last} | written | {
            "definition": now.twice - 2 * lead.total,
            "aside": now.aside - 0.7 * lag.aside - shocks.unseen,
        }  # fmt: skip

    def steady_state(p):
        rest = model.steady_state(old_params(p))._asdict()
        rest = {new(v): value * getattr(p, scales.units[v]) for v, value in rest.items()}
        if how.extras:
            total = rest[new(old_variables[0])] + rest[new(old_variables[-1])]
            rest |= {"total": total, "twice": 2 * total, "aside": 0.0}
        return Variables(**rest)

    def observe(values: Any, p: Any) -> Any:
        return Observables(
            **{new(o): x * getattr(p, scales.observed[o]) for o, x in values._asdict().items()}
        )

    own = lambda function: None if function is None else (lambda p: observe(function(old_params(p)), p))
    return replace(
        model,
        name=f"{model.name}_anew",
        variables=Variables,
        shocks=Shocks,
        observables=Observables,
        steady_state=steady_state,
        residuals=residuals,
        measurement=lambda now, lag, p: observe(
            model.measurement(old(now, p), old(lag, p), old_params(p)), p
        ),
        measurement_error=own(model.measurement_error),
        trend=own(model.trend),
        prior=Params(**leaves),
    )


def equation_names(model: Model) -> list[str]:
    zero = model.variables(*[jnp.ones(())] * len(model.variables._fields))
    shocks = model.shocks(*[jnp.zeros(())] * len(model.shocks._fields))
    return list(model.residuals(zero, zero, zero, shocks, model.params()))


def shuffled(model: Model, seed: int, **how: Any) -> Restatement:
    """A restatement in a random order of everything."""
    rng = np.random.default_rng(seed)
    order = lambda names: tuple(int(i) for i in rng.permutation(len(names)))
    return Restatement(
        order(model.variables._fields),
        order(model.shocks._fields),
        order(model.observables._fields),
        order(equation_names(model)),
        **how,
    )
