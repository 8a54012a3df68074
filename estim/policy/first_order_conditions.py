"""`ramsey_model`: a planner under commitment closes a model.

The planner chooses all variables x_t, with multipliers lambda_t of the equations E_t f(x_{t-1}, x_t, x_{t+1}, e_t) = 0
that remain once the instruments' equations are dropped. With L_t = lambda_t' f(x_{t-1}, x_t, x_{t+1}, e_t) the
derivative of E sum_t beta^t (U(x_t) + L_t) by x_t is

    dU/dx_t + dL_t/dx_t + beta E_t dL_{t+1}/dx_t + 1/beta dL_{t-1}/dx_t = 0,

each derivative by JAX, at its own date. What reaches further than a period becomes a variable: ``ahead_x`` is
dL_t/dx_{t-1} where that reads the future, ``before_x`` and ``before_e`` are last period's x and e.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import Number, checked
from estim.model import Model, ModelError
from estim.numerics.interpreted import interpreted
from estim.numerics.reads import reads
from estim.policy.objective import Objective, discount_factor, period_objective, replaced_equations
from estim.solution.equations import trace_equations
from estim.solution.steady_state import steady_state_of
from estim.specification_checks import quoted, symbols
from estim.typing import Array


@checked
def ramsey_model(
    model: Model,
    objective: Any,
    *,
    instruments: Mapping[str, str],
    discount: Any,
    maximise: bool = False,
    start: Mapping[str, Number] | None = None,
) -> Model:
    """The model in which a planner under commitment sets the instruments: its equations, and the first-order conditions
    of the planner in the place of those that said how the instruments are set.

    What it gives is a `Model` like any other: its steady state is searched for, and it is solved to any order,
    simulated and estimated. The policy is that of a planner who has been there for ever (timeless); a path that
    starts with multipliers of zero, ``estim.simulate(..., start={"mult_euler": 0.0, ...})``, is that of one who keeps
    no promise of the past.

    Args:
        model: with an equation for every variable, the instruments' too.
        objective: ``(now, params) -> number``, what a period is worth to the planner, or costs.
        instruments: the variables that the planner sets, each with the equation whose place that takes:
            ``{"R": "taylor rule"}``.
        discount: the planner's discount factor: a number, the name of a parameter, or ``params -> number``.
        maximise: whether the objective is worth something; it costs something by default. It matters where a replaced
            equation is a constraint that binds at times (``complementarity``), which the planner then respects.
        start: levels from which the search for the steady state begins; by default where the model rests.

    Returns:
        A `Model` with the variables of the old one, a multiplier ``mult_EQUATION`` for each equation that stays (the
        Lagrangian is the objective plus multiplier times residual), and, where an equation multiplies its past by its
        future, ``ahead_...`` and ``before_...``. Parameters that only the replaced equations read are calibrated.

    Raises:
        ModelError: an instrument, an equation or the objective does not fit the model; or the model has heterogeneous
            agents, or a constraint in an equation that stays.

    Source: Marcet and Marimon (2019), Econometrica 87; Woodford (2003), Interest and Prices, ch. 7.
    """
    model.refuse_households("a planner")
    written = trace_equations(model).names
    replaced_equations(model, instruments, written)
    constrained = {**model.complementarity, **model.alternatives}
    if left := [e for e in constrained if e not in instruments.values() or e in model.alternatives]:
        raise ModelError(
            f"{model.name}: {quoted(left)} binds at times; a planner's constraints of that kind are those of the "
            "equations that its instruments replace"
        )
    kept = tuple(e for e in written if e not in instruments.values())

    def constraints(lag: Any, now: Any, lead: Any, shocks: Any, params: Any, _: Any) -> dict[str, Any]:
        left = model.residuals(lag, now, lead, shocks, params)
        return {name: left[name] for name in kept}

    planner = FirstOrderConditions(
        (model.variables, model.shocks, type(model.prior)),
        constraints,
        period_objective(model, objective),
        discount_factor(model, discount),
        [f"mult_{equation}" for equation in kept],
        dict.fromkeys(model.variables._fields, -1.0) if maximise else {},
    )
    fixed = model.with_values(_idle(model, kept)) if _idle(model, kept) else model
    levels = _first_guess(model, planner) | dict(start or {})
    slacks = {
        f"planner: {variable}": planner.of_base(model.complementarity[equation])
        for variable, equation in instruments.items()
        if equation in model.complementarity
    }
    return Model(
        name=f"{model.name}_ramsey",
        variables=planner.variables,
        shocks=model.shocks,
        observables=model.observables,
        residuals=planner.residuals,
        measurement=lambda now, lag, params: model.measurement(planner.base(now), planner.base(lag), params),
        prior=fixed.prior,
        shock_correlation=model.shock_correlation,
        joint_prior=model.joint_prior,
        measurement_error=model.measurement_error,
        trend=model.trend,
        complementarity=slacks,
        rest_levels=model.rest_levels,
        start={**fixed.start_values, **levels},
        linearised=model.linearised,
        reference=model.reference,
        published=fixed.published,
        labels=model.labels,
    )


class _Date(NamedTuple):
    """What the Lagrangian of a period reads: variables around it, its shocks, the multipliers ``[n_kept]``."""

    lag: Any
    now: Any
    lead: Any
    shocks: Any
    multipliers: Sequence[Any]


class FirstOrderConditions:
    """The first-order conditions of a planner, and the names of the variables in them.

    Args:
        kinds: the NamedTuples of variables, shocks and parameters.
        constraints: ``(lag, now, lead, shocks, params, steady) -> {equation: residual}``, in the order of the
            multipliers; ``steady`` are levels at rest that equations refer to, no choice of the planner's.
        objective: ``(now, params) -> number``.
        discount: ``params -> number``.
        multipliers: a name for each constraint.
        signs: what the condition of a variable is multiplied by, where that is not one.

    Attributes:
        variables: the NamedTuple of the variables, the multipliers, and what the conditions need beside.
    """

    def __init__(
        self,
        kinds: tuple[Any, Any, Any],
        constraints: Callable[..., dict[str, Any]],
        objective: Objective,
        discount: Callable[[Any], Any],
        multipliers: Sequence[str],
        signs: Mapping[str, float],
    ) -> None:
        self.kinds, self.constraints, self.signs = kinds, constraints, signs
        self.objective, self.discount = objective, discount
        names = list(kinds[0]._fields)
        taken = [*names, *kinds[1]._fields]
        self.multipliers = [_fresh(name, taken) for name in multipliers]
        far, past, news = self._reach()
        self.ahead = {v: _fresh(f"ahead_{v}", taken) for v in far}
        self.before = {v: _fresh(f"before_{v}", taken) for v in past}
        self.news = {e: _fresh(f"before_{e}", taken) for e in news}
        added = [*self.multipliers, *self.ahead.values(), *self.before.values(), *self.news.values()]
        self.variables: Any = namedtuple("Variables", [*names, *added])  # type: ignore[misc]

    def base(self, variables: Any) -> Any:
        """The variables of the model that the planner took over."""
        return self.kinds[0](*variables[: len(self.kinds[0]._fields)])

    def of_base(self, slack: Any) -> Any:
        """A function of those as one of all variables."""
        return lambda lag, now, lead, params: slack(self.base(lag), self.base(now), self.base(lead), params)

    def gradient(self, date: _Date, params: Any, steady: Any) -> tuple[Any, Any, Any]:
        """Of L = lambda' f by the past, by today and by the future."""

        def lagrangian(lag: Any, now: Any, lead: Any) -> Any:
            left = self.constraints(lag, now, lead, date.shocks, params, steady).values()
            return sum((m * r for m, r in zip(date.multipliers, left, strict=True)), 0.0)

        return jax.grad(lagrangian, argnums=(0, 1, 2))(date.lag, date.now, date.lead)

    def residuals(
        self, lag: Any, now: Any, lead: Any, shocks: Any, params: Any, steady: Any = None
    ) -> dict[str, Any]:
        """The equations that stay, a condition for each variable, and what the variables added are."""
        lag, now, lead, shocks = (
            type(x)(*(jnp.asarray(v, float) for v in x)) for x in (lag, now, lead, shocks)
        )
        beta, base = self.discount(params), self.base
        of = lambda variables: [getattr(variables, name) for name in self.multipliers]
        dated = lambda names, of, otherwise: otherwise._replace(
            **{k: getattr(of, v) for k, v in names.items()}
        )
        nothing = type(shocks)(*[jnp.zeros(())] * len(shocks))
        today = _Date(base(lag), base(now), base(lead), shocks, of(now))
        tomorrow = _Date(base(now), base(lead), base(lead), nothing, of(lead))
        yesterday = _Date(
            dated(self.before, lag, base(lag)), base(lag), base(now), dated(self.news, lag, nothing), of(lag)
        )
        by_lag, by_now, _ = self.gradient(today, params, steady)
        ahead = dated(self.ahead, lead, self.gradient(tomorrow, params, steady)[0])
        behind = self.gradient(yesterday, params, steady)[2]
        worth = jax.grad(self.objective)(base(now), params)
        conditions = {
            f"planner: {v}": self.signs.get(v, 1.0) * (u + n + beta * a + b / beta)
            for v, u, n, a, b in zip(base(now)._fields, worth, by_now, ahead, behind, strict=True)
        }
        added = {name: getattr(now, name) - getattr(by_lag, v) for v, name in self.ahead.items()}
        added |= {name: getattr(now, name) - getattr(lag, v) for v, name in self.before.items()}
        added |= {name: getattr(now, name) - getattr(shocks, e) for e, name in self.news.items()}
        stay = self.constraints(today.lag, today.now, today.lead, shocks, params, steady)
        return {**stay, **conditions, **added}

    def _reach(self) -> tuple[list[str], list[str], list[str]]:
        """The variables x whose dL_t/dx_{t-1} reads the future or shocks; and the variables and shocks of the period
        before that some dL_t/dx_{t+1} reads."""
        variables, shocks, params = self.kinds
        n, state = len(variables._fields), symbols(variables)
        multipliers = [jax.ShapeDtypeStruct((), float)] * len(self.multipliers)
        date = _Date(state, state, state, symbols(shocks), multipliers)
        program = jax.make_jaxpr(self.gradient)(date, symbols(params), state)
        found, names = reads(program), variables._fields
        distant = set(range(2 * n, 3 * n + len(shocks._fields)))
        far = [v for v, read in zip(names, found[:n], strict=True) if read & distant]
        back = set().union(*found[2 * n :])
        past = [v for i, v in enumerate(names) if i in back]
        return far, past, [e for i, e in enumerate(shocks._fields, 3 * n) if i in back]

    def at_rest(self, params: Any) -> Callable[[Array, Any], tuple[dict[str, float], np.ndarray]]:
        """``(levels [n], params) -> (multipliers, what the conditions leave [n])``: those that leave least at these
        levels, and NaN where they have no value; of parameters like `params`, numbers."""
        nothing = np.zeros(len(self.multipliers))
        levels = np.ones(len(self.kinds[0]._fields))
        linear = interpreted(self._linear, nothing, levels, params)

        def least(levels: Array, params: Any) -> tuple[dict[str, float], np.ndarray]:
            matrix, constant = map(np.asarray, linear(nothing, np.asarray(levels, float), params))
            if not (np.isfinite(matrix).all() and np.isfinite(constant).all()):
                return dict.fromkeys(self.multipliers, 0.0), np.full(len(constant), np.nan)
            found = np.linalg.lstsq(matrix, -constant, rcond=None)[0]
            return dict(zip(self.multipliers, map(float, found), strict=True)), matrix @ found + constant

        return least

    def _linear(self, multipliers: Array, rest: Array, params: Any) -> tuple[Array, Array]:
        """What the conditions leave at these levels, linear in the multipliers: its derivative, and where they are
        zero."""
        here, beta = self.kinds[0](*rest), self.discount(params)
        at_rest = self.kinds[1](*[0.0] * len(self.kinds[1]._fields))
        worth = jnp.stack(list(jax.grad(self.objective)(here, params)))

        def left(multipliers: Array) -> Array:
            date = _Date(here, here, here, at_rest, list(multipliers))
            lag, now, lead = (jnp.stack(list(x)) for x in self.gradient(date, params, here))
            return worth + now + beta * lag + lead / beta

        return jax.jacobian(left)(multipliers), left(multipliers)


def _first_guess(model: Model, planner: FirstOrderConditions) -> dict[str, float]:
    """Levels to search from: where the model rests, and the multipliers that leave least there."""
    with jax.ensure_compile_time_eval():
        params = type(model.prior)(*map(float, model.params()))
        rest = np.array([float(x) for x in steady_state_of(model)(params)])
    if not np.isfinite(rest).all():
        rest = np.array([model.start.get(v, 0.0) for v in model.variables._fields], float)
    levels = dict(zip(model.variables._fields, map(float, rest), strict=True))
    levels |= {name: levels[v] for v, name in planner.before.items()}
    return levels | planner.at_rest(params)(jnp.asarray(rest), params)[0]


def _fresh(name: str, taken: list[str]) -> str:
    """A name that Python allows and nothing has yet."""
    name = "".join(c if c.isalnum() else "_" for c in name)
    while name in taken:
        name += "_"
    taken.append(name)
    return name


def _idle(model: Model, kept: tuple[str, ...]) -> dict[str, float]:
    """The estimated parameters that nothing reads but the equations that go, at their defaults."""
    kinds = symbols(type(model.prior)), symbols(model.variables), symbols(model.shocks)

    def all_of(params: Any, state: Any, shocks: Any) -> Any:
        left = model.residuals(state, state, state, shocks, params)
        of_params = (model.measurement_error, model.trend, model.shock_correlation, model.joint_prior)
        more = [f(params) for f in of_params if f is not None]
        return [left[name] for name in kept], model.measurement(state, state, params), more

    as_arrays = lambda *x: jax.tree.map(lambda y: jnp.asarray(y, float), all_of(*x))
    read = set().union(*reads(jax.make_jaxpr(as_arrays)(*kinds)))
    defaults = model.defaults
    return {v: defaults[v] for i, v in enumerate(model.param_names) if v in model.estimated and i not in read}
