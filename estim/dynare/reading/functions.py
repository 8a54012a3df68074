"""The functions of Dynare's language: how each is written in JAX and computed on the host."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import erf, erfc, ndtr


class Function(NamedTuple):
    """``jax`` is the name in generated code, ``host`` the same function of floats."""

    jax: str
    host: Callable[..., float]
    arities: tuple[int, ...] = (1,)


def _normcdf(x: float, mean: float = 0.0, std: float = 1.0) -> float:
    return ndtr((x - mean) / std)


def _normpdf(x: float, mean: float = 0.0, std: float = 1.0) -> float:
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


FUNCTIONS: dict[str, Function] = {
    "exp": Function("jnp.exp", np.exp),
    "log": Function("jnp.log", np.log),
    "ln": Function("jnp.log", np.log),
    "log10": Function("jnp.log10", np.log10),
    "sqrt": Function("jnp.sqrt", np.sqrt),
    "cbrt": Function("jnp.cbrt", np.cbrt),
    "abs": Function("jnp.abs", np.abs),
    "sign": Function("jnp.sign", np.sign),
    "sin": Function("jnp.sin", np.sin),
    "cos": Function("jnp.cos", np.cos),
    "tan": Function("jnp.tan", np.tan),
    "asin": Function("jnp.arcsin", np.arcsin),
    "acos": Function("jnp.arccos", np.arccos),
    "atan": Function("jnp.arctan", np.arctan),
    "sinh": Function("jnp.sinh", np.sinh),
    "cosh": Function("jnp.cosh", np.cosh),
    "tanh": Function("jnp.tanh", np.tanh),
    "asinh": Function("jnp.arcsinh", np.arcsinh),
    "acosh": Function("jnp.arccosh", np.arccosh),
    "atanh": Function("jnp.arctanh", np.arctanh),
    "min": Function("minimum", np.minimum, (2,)),
    "max": Function("maximum", np.maximum, (2,)),
    "normcdf": Function("norm.cdf", _normcdf, (1, 3)),
    "normpdf": Function("norm.pdf", _normpdf, (1, 3)),
    "erf": Function("erf", erf),
    "erfc": Function("erfc", erfc),
}

CONSTANTS = {"pi": math.pi, "inf": math.inf, "Inf": math.inf, "nan": math.nan, "NaN": math.nan}

STEADY_STATE = ("STEADY_STATE", "steady_state")
DIFFERENCE = "diff"
OPERATORS = (*STEADY_STATE, DIFFERENCE)
"""Operators that only a model block may use; they look like functions of one argument."""
