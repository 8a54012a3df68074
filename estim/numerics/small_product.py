"""Products of small matrices, many of them or inside a loop."""

from estim.typing import Array


def small_product(a: Array, b: Array) -> Array:
    """a @ b ``[..., l, n]`` of ``[..., l, m]`` and ``[m, n]`` or ``[..., m, n]``, as a sum that the compiler fuses with
    what is around it: a product is a call for each, which costs more than the arithmetic of small ones."""
    b = b.reshape((1,) * (a.ndim - b.ndim) + b.shape)
    return (a[..., None] * b[..., None, :, :]).sum(axis=-2)
