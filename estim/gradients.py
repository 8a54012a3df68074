"""Are the derivatives right? The gradient and a Hessian-vector product beside finite differences."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from estim.typing import Scalar

_SMALLEST_SCALE = 1e-2


class GradientCheck(NamedTuple):
    """Derivatives by both ways, each times the scale of its entry: what a change by that much would move.

    Attributes:
        names: of the entries, ``[n]``.
        gradient, differences: of the function ``[n]``.
        product, product_differences: the Hessian times a direction that moves every entry ``[n]``.
    """

    names: tuple[str, ...]
    gradient: np.ndarray
    differences: np.ndarray
    product: np.ndarray
    product_differences: np.ndarray

    @property
    def error(self) -> float:
        """The largest distance of the gradient from the differences, in units of its largest entry."""
        return _distance(self.gradient, self.differences)

    @property
    def product_error(self) -> float:
        """The same of the Hessian-vector product."""
        return _distance(self.product, self.product_differences)


def check_gradients(
    function: Callable[[Any], Scalar],
    point: Any,
    *,
    step: float = 1e-4,
    scales: Any = None,
    pieces: int = 1,
    product_step: float | None = None,
) -> GradientCheck:
    """Compare first and second derivatives of a function with finite differences, entry by entry.

    Args:
        function: a scalar function of a pytree of floats, such as ``{name: value}``; it is compiled.
        point: where its derivatives are looked at; the function is finite around it.
        step: of the differences, as a share of an entry's scale. They are of fourth order, so that smooth
            functions agree to some ``step ** 4`` and to rounding errors over ``step``. Where a function has
            kinks, take one so small that few lie within, and more than one piece.
        scales: like `point`: a usual change of each entry. By default its size, but at least 0.01.
        pieces: how many neighbouring stretches, each of four steps, the differences are the median of: a kink or a
            jump in fewer than half of them does not matter.
        product_step: of the differences of the gradient, where it is another: a value found by iteration has fewer
            digits than its gradient, and needs longer steps.

    Returns:
        The derivatives by both ways, and how far they are apart at most.

    Source: central differences of fourth order, e.g. Fornberg (1988), Mathematics of Computation 51.
    """
    flat, unravel = ravel_pytree(jax.tree.map(lambda value: jnp.asarray(value, float), point))
    x = np.asarray(flat)
    scale = np.maximum(np.abs(x), _SMALLEST_SCALE) if scales is None else np.asarray(ravel_pytree(scales)[0])
    scaled = lambda z: function(unravel(flat + scale * z))

    @jax.jit
    def evaluate(z, direction):
        (value, gradient), (_, product) = jax.jvp(jax.value_and_grad(scaled), (z,), (direction,))
        return value, gradient, product

    direction = np.random.default_rng(0).choice([-1.0, 1.0], x.size) * np.linspace(0.5, 1.0, x.size)
    here = np.zeros(x.size)
    _, gradient, product = (np.asarray(a) for a in evaluate(here, direction))

    def along(move: np.ndarray, output: int, step: float) -> np.ndarray:
        return _difference(lambda k: evaluate(k * step * move, direction)[output], step, pieces)

    differences = np.array([along(e, 0, step) for e in np.eye(x.size)])
    product_differences = along(direction, 1, step if product_step is None else product_step)
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path in _paths(point)]
    return GradientCheck(tuple(names), gradient, differences, product, product_differences)


def _difference(at: Callable[[float], Any], step: float, pieces: int) -> np.ndarray:
    """The slope around 0 of ``k -> at(k)``, whose argument counts steps."""

    def slope(middle: int) -> np.ndarray:
        f = {k: np.asarray(at(middle + k)) for k in (-2.0, -1.0, 1.0, 2.0)}
        return (8 * (f[1.0] - f[-1.0]) - f[2.0] + f[-2.0]) / (12 * step)

    return np.median([slope(4 * (j - pieces // 2)) for j in range(pieces)], axis=0)


def _paths(point: Any) -> list[Any]:
    """One for each entry."""
    leaves = jax.tree_util.tree_leaves_with_path(point)
    return [
        (*path, *map(jax.tree_util.SequenceKey, at))
        for path, leaf in leaves
        for at in np.ndindex(np.shape(leaf))
    ]


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.max(np.abs(one - other), initial=0.0) / np.max(np.abs(one), initial=1e-300))
