"""Why a model could not be solved: one integer inside `jit`, one sentence outside.

A solver never raises inside compiled code. It returns a `Status`; a likelihood turns
a bad one into -inf, a sampler counts it, and the boundary (`estim.solve`, `estim check`)
raises `SolutionError` with its message.
"""

from enum import IntEnum


class Status(IntEnum):
    """Outcome of solving a model or evaluating its likelihood; 0 is success."""

    OK = 0
    NO_STEADY_STATE = 1
    INDETERMINATE = 2
    EXPLOSIVE = 3
    NOT_CONVERGED = 4
    NOT_FINITE = 5
    OUT_OF_SUPPORT = 6
    HORIZON_TOO_SHORT = 7
    SINGULAR = 8
    SINGULAR_OBSERVABLES = 9
    NO_STATIONARY_START = 10
    NO_REGIMES = 11
    BINDS_FOR_EVER = 12
    NO_REFERENCE = 13
    NO_SHOCKS = 14
    INFINITE_VALUE = 15
    IMPOSSIBLE_ROW = 16
    NOT_CLEARED = 17

    @property
    def message(self) -> str:
        return _MESSAGES[self]


_MESSAGES = {
    Status.OK: "solved",
    Status.NO_STEADY_STATE: "no steady state was found",
    Status.INDETERMINATE: "indeterminate: many stable solutions (Blanchard-Kahn: more stable roots than states)",
    Status.EXPLOSIVE: (
        "explosive: no stable solution (Blanchard-Kahn: too few stable roots, or enough that do not determine "
        "the variables)"
    ),
    Status.NOT_CONVERGED: "the solver did not converge",
    Status.NOT_FINITE: "a value is not finite",
    Status.OUT_OF_SUPPORT: "a parameter lies outside the support of its prior",
    Status.HORIZON_TOO_SHORT: "the responses have not died out at the end of the horizon",
    Status.SINGULAR_OBSERVABLES: (
        "stochastic singularity: the observables are tied to each other, by fewer shocks and measurement errors "
        "than observables, by one of variance zero, or by an identity; add measurement errors or shocks, or "
        "observe fewer series"
    ),
    Status.NO_STATIONARY_START: (
        "the state has no stationary distribution to start from (a root of its transition is not below one); "
        "with likelihood='kalman' take start='diffuse'"
    ),
    Status.NO_REGIMES: (
        "no fixed point of regimes: the guesses of which periods a constraint binds in go round in a cycle"
    ),
    Status.BINDS_FOR_EVER: (
        "a constraint still binds at the end of the horizon: it never lets go, or the horizon is too short"
    ),
    Status.NO_REFERENCE: "no reference regime: a constraint is violated at the steady state, or on its edge",
    Status.NO_SHOCKS: "no shocks give what is observed: in some period the equations for them have no root",
    Status.INFINITE_VALUE: (
        "the value is infinite: what comes later is discounted too little (the spectral radius of discounting is not "
        "below one)"
    ),
    Status.IMPOSSIBLE_ROW: "a row of the data is impossible: its probability is zero",
    Status.NOT_CLEARED: "no market clearing: what is to be zero has the same sign at both bounds of the unknown",
    Status.SINGULAR: "singular: the equations do not determine every variable (some say the same, or contradict)",
}


class SolutionError(ValueError):
    """A model has no usable solution at the given parameters."""

    def __init__(self, status: int | Status, context: str = "", message: str | None = None):
        self.status = Status(int(status))
        message = message or self.status.message
        super().__init__(f"{context}: {message}" if context else message)
