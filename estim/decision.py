"""DecisionModel: the dynamic program of an agent as its author writes it down.

Either what an action gives now and later, reward and continuation, or the operator itself whose fixed point is
the value. What is observed of agents, and how probable it is, stands beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.arguments import names_arguments
from estim.decision_checks import check_decision_parts
from estim.specification import Specification
from estim.specification_checks import named_tuple
from estim.tracing import ModelError
from estim.typing import Array, Scalar

LEAST_TASTE = 1e-9
"""Tastes of a smaller scale count as this: a maximum up to so much, with derivatives."""


class _NoShocks(NamedTuple):
    pass


@names_arguments(ModelError)
@dataclass(frozen=True, eq=False)
class DecisionModel(Specification):
    """Agents who decide: a fixed point over states, and what is observed of them. Frozen and static, never traced.

    With `reward` r and `continuation` W the value solves Bellman's equation

        v(s) = max_a { r(s, a) + W(v)(s, a) },

    or, where `taste` gives the scale tau of extreme-value shocks to each action (whose mean is removed),

        v(s) = tau log sum_a exp[ (r(s, a) + W(v)(s, a)) / tau ].

    Otherwise `bellman` is the operator, v = T(v), of any pytree: prices, several values, a consumption function.

    Agents who follow a rule need neither. With `motion` agents have a stationary distribution over their states, and
    with `unknowns` a parameter, such as a price, is solved for so that `clearing` is zero.

    Attributes:
        name: identifier, ``author_author_year`` for a published model.
        prior: a NamedTuple of parameters. A leaf that is a number or an array is calibrated, a NumPyro distribution is
            estimated.
        reward: ``params -> [*states, n_actions]``, -inf where an action is not feasible.
        continuation: ``(value, params) -> [*states, n_actions]``, discounted and expected; an axis along which it is
            the same may have size one. It is linear in the value unless agents are sensitive to risk.
        taste: ``params -> scale`` of taste shocks; without it the best action is taken, and at a scale of zero, which
            counts as 1e-9, up to that.
        bellman: ``(value, params) -> value`` in the place of reward and continuation.
        policy: ``(value, params) -> any pytree``, read off a value that solves `bellman`.
        follow: ``(policy, value, params) -> value``, one step of `bellman` with the policy held fixed, whose derivative
            at the solution is bellman's; then a policy can be followed for some periods.
        start: ``params -> value`` where the search begins; zeros where there are rewards.
        change: ``(ahead, value) -> number`` that must come below a solver's tolerance; where None the largest change.
        monotone: the operator is increasing in the value, as Bellman's is; then it is checked that discounting keeps
            the value finite. False where a price falls with a value.
        motion: ``(distribution, solution, params) -> distribution``, next period's law of individual states from this
            period's; linear, and of the same mass: who leaves is followed by somebody.
        population: ``params -> distribution`` where the search for the stationary one begins; where None spread evenly
            over the states of the value (of its first array).
        unknowns: ``{parameter: (low, high)}``, one calibrated parameter that is solved for between these bounds, which
            may be ``params -> (low, high)``.
        clearing: ``(solution, params) -> number``, zero in equilibrium, and of opposite signs at the bounds.
        solver: settings of `StationarySolver` by name that the model needs, where its default is not to be taken.
        observables: names of the columns that are observed of an agent.
        log_probability: ``(row, solution, params) -> log-density`` of one row of data, given the
            `StationaryEquilibrium`. The row has the observables as attributes, and in ``seen`` which of them are
            there; a missing number is zero, and must not be read.
        measurement: ``(solution, params) -> observables`` in each individual state ``[*states]``, for `CrossSection`.
        measurement_error: ``params -> observables`` of standard deviations, with `measurement`.
        draw: ``(key, solution, params) -> observables`` of one agent, each a number, or ``[n_rows]``.
        types: ``params -> [(share, params), ...]``, agents that differ for good; their shares sum to one.
        unit: the column that tells which rows are one agent's, who is of one type; without it each row is another's.
        joint_prior: ``params -> log-density``, a term added to the log-prior; or None.
        start_values: values to begin a search from; a parameter not listed begins at its prior mean.
        reference: the publication, for people.
        published: its estimates by parameter.

    Raises:
        ModelError: at construction, when the parts do not fit together; it names the function and what is wrong.
    """

    name: str
    prior: Any
    reward: Callable[[Any], Any] | None = None
    continuation: Callable[[Any, Any], Any] | None = None
    taste: Callable[[Any], Any] | None = None
    bellman: Callable[[Any, Any], Any] | None = None
    policy: Callable[[Any, Any], Any] | None = None
    follow: Callable[[Any, Any, Any], Any] | None = None
    start: Callable[[Any], Any] | None = None
    change: Callable[[Any, Any], Any] | None = None
    monotone: bool = True
    motion: Callable[[Any, Any, Any], Any] | None = None
    population: Callable[[Any], Any] | None = None
    unknowns: Mapping[str, Any] = field(default_factory=dict)
    clearing: Callable[[Any, Any], Any] | None = None
    solver: Mapping[str, Any] = field(default_factory=dict)
    observables: Any = ()
    log_probability: Callable[[Any, Any, Any], Any] | None = None
    measurement: Callable[[Any, Any], Any] | None = None
    measurement_error: Callable[[Any], Any] | None = None
    draw: Callable[[Any, Any, Any], Any] | None = None
    types: Callable[[Any], Any] | None = None
    unit: str = ""
    joint_prior: Callable[[Any], Any] | None = None
    start_values: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    published: Mapping[str, float] = field(default_factory=dict)

    shocks = _NoShocks

    def __post_init__(self) -> None:
        object.__setattr__(self, "observables", named_tuple(self, "observables"))
        check_decision_parts(self)
        _ = self.defaults  # numbers, found here: a caller may be tracing when it asks for them

    @cached_property
    def chooses(self) -> bool:
        """Whether it is written as reward and continuation of actions."""
        return self.reward is not None

    @property
    def follows_a_rule(self) -> bool:
        """Whether there is no program: agents do what ``log_probability`` or ``motion`` says."""
        return self.reward is None and self.continuation is None and self.bellman is None

    def first_value(self, params: Any) -> Any:
        """Where the search begins."""
        if self.follows_a_rule:
            return jnp.zeros(())
        if self.start is not None:
            return jax.tree.map(lambda x: jnp.asarray(x, float), self.start(params))
        assert self.reward is not None
        shape = jax.eval_shape(lambda p: jnp.asarray(self.reward(p)), params).shape  # type: ignore[misc]
        return jnp.zeros(shape[:-1])

    def first_distribution(self, value: Any, params: Any) -> Array:
        """Where the search for the stationary distribution begins."""
        if self.population is not None:
            return jnp.asarray(self.population(params), float)
        states = jax.tree.leaves(value)[0]
        return jnp.full(states.shape, 1 / states.size)

    def bounds(self, params: Any) -> tuple[str, Any, Any]:
        """The name of the unknown, and the numbers between which it is looked for."""
        [(name, bounds)] = self.unknowns.items()
        low, high = bounds(params) if callable(bounds) else bounds
        return name, low, high

    def action_values(self, reward: Array, value: Any, params: Any) -> Array:
        """r(s, a) + W(v)(s, a), ``[*states, n_actions]``."""
        assert self.continuation is not None
        return reward + self.continuation(value, params)

    def best(self, action_values: Array, params: Any) -> Array:
        """The value of a state whose actions have these values: their maximum, or its smooth version."""
        if self.taste is None:
            return action_values.max(axis=-1)
        scale = self._scale(params)
        feasible, finite = _feasible(action_values)
        return scale * jax.nn.logsumexp(finite / scale, axis=-1, where=feasible)

    def log_choice(self, action_values: Array, params: Any) -> Array:
        """Log-probability of each action; without taste shocks 0 for the first of the best, and -inf."""
        if self.taste is None:
            chosen = jax.nn.one_hot(action_values.argmax(axis=-1), action_values.shape[-1], dtype=bool)
            return jnp.where(chosen, 0.0, -jnp.inf)
        feasible, finite = _feasible(action_values)
        return jax.nn.log_softmax(finite / self._scale(params), axis=-1, where=feasible)

    def _scale(self, params: Any) -> Scalar:
        assert self.taste is not None
        scale = self.taste(params)
        return jnp.where(scale < 0, jnp.nan, jnp.maximum(scale, LEAST_TASTE))

    def operator(self, value: Any, params: Any) -> Any:
        """T(v), one step of value-function iteration."""
        if self.bellman is not None:
            return self.bellman(value, params)
        if self.follows_a_rule:
            return jnp.zeros(())
        assert self.reward is not None
        return self.best(self.action_values(self.reward(params), value, params), params)


def _feasible(action_values: Array) -> tuple[Array, Array]:
    """Which actions are feasible, and values that are finite, so that their derivatives are too."""
    feasible = action_values > -jnp.inf
    return feasible, jnp.where(feasible, action_values, 0.0)
