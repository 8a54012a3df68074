"""Nodes and weights of integrals."""

import numpy as np


def composite_legendre(low: float, high: float, n_panels: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss and Legendre's rule on each of so many panels of one width.

    Args:
        low, high: where the integral begins and ends.
        n_panels: number of panels.
        degree: nodes in each.

    Returns:
        Nodes and weights ``[n_panels degree]``, rising.
    """
    x, w = np.polynomial.legendre.leggauss(degree)
    half = (high - low) / n_panels / 2
    centres = low + half * (2 * np.arange(n_panels) + 1)
    return (centres[:, None] + half * x).reshape(-1), np.tile(half * w, n_panels)
