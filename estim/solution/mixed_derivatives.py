"""Mixed derivatives of a function along curves, by forward mode upon forward mode.

For w(s, t, r) with the derivatives a, b, c, ab, ... at zero (``ab`` is that by s and t), the chain rule gives

    d f / ds            = f'[a]
    d2 f / ds dt        = f''[a, b] + f'[ab]
    d3 f / ds dt dr     = f'''[a, b, c] + f''[ab, c] + f''[ac, b] + f''[bc, a] + f'[abc]

So a composition is differentiated without a tensor of the derivatives of f, which has n^3 entries for n arguments.
"""

from collections.abc import Callable

import jax

from estim.typing import Array

type Function = Callable[[Array], Array]


def first(f: Function, w: Array, a: Array) -> Array:
    """f'[a], shaped like f(w)."""
    return jax.jvp(f, (w,), (a,))[1]


def second(f: Function, w: Array, a: Array, b: Array, ab: Array) -> Array:
    """f''[a, b] + f'[ab]."""
    return jax.jvp(lambda w, a: first(f, w, a), (w, a), (b, ab))[1]


def third(f: Function, w: Array, a: Array, b: Array, ab: Array, c: Array, ac: Array, bc: Array) -> Array:
    """f'''[a, b, c] + f''[ab, c] + f''[ac, b] + f''[bc, a]."""
    along = lambda w, a, b, ab: second(f, w, a, b, ab)
    return jax.jvp(along, (w, a, b, ab), (c, ac, bc, 0.0 * ab))[1]
