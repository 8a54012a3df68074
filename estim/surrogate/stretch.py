"""Stretched draws: points beyond a surrogate's own draws whose density is known up to the same constant.

Weights on a surrogate's own draws cannot see a tail that it lacks: there are no draws. A linear map ``y = T(x)``
moves draws x of p_hat outward, and the density of what it makes of them is ``p_hat(T^-1 y) / |det T|``. So draws
and stretched draws together come from a mixture whose density the surrogate knows, and weights p / mixture stay
small where p / p_hat does not (defensive mixtures: Hesterberg 1995; all points under the whole mixture, whatever
component they came from: Veach and Guibas 1995, Owen and Zhou 2000). The maps, about the mean m of the draws with
their covariance S:

- *radial*: ``y - m = c (x - m)``, ``det = c^dim``;
- *along parameter j*: ``y - m = (x - m) + (c - 1) (x_j - m_j) S_j / S_jj``, ``det = c``: parameter j is spread by c
  and the others follow as in a regression on it, so that for a Gaussian the cost does not grow with the dimension.
"""

from typing import NamedTuple

import numpy as np

RADIAL = 1.5
"""The radial stretch is 1 + RADIAL / sqrt(dim): a Gaussian's radius, sqrt(dim), and two of its standard deviations."""

ALONG = (2.0, 4.0)
"""The stretches of one parameter: its tails are looked at as if its standard deviation were so many times as large."""


class Stretches(NamedTuple):
    """Maps ``y = center + shift + matrix (x - center)``, the identity first.

    ``center`` ``[dim]``; ``matrix`` and ``inverse`` ``[maps, dim, dim]``, ``shift`` ``[maps, dim]``.
    """

    center: np.ndarray
    matrix: np.ndarray
    inverse: np.ndarray
    shift: np.ndarray

    @property
    def logdet(self) -> np.ndarray:
        """log |det T| ``[maps]``."""
        return np.linalg.slogdet(self.matrix)[1]

    def forward(self, position: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Map ``which[i]`` of ``position[i]``, ``[n, dim]``."""
        moved = np.einsum("nij,nj->ni", self.matrix[which], position - self.center)
        return self.center + self.shift[which] + moved

    def backward(self, position: np.ndarray, which: int) -> np.ndarray:
        """The inverse of one map at all of ``position`` ``[n, dim]``."""
        return self.center + (position - self.center - self.shift[which]) @ self.inverse[which].T

    def with_map(self, matrix: np.ndarray, shift: np.ndarray) -> "Stretches":
        """One more, ``[dim, dim]`` and ``[dim]``."""
        more = matrix, np.linalg.inv(matrix), shift
        return Stretches(
            self.center, *(np.concatenate([a, b[None]]) for a, b in zip(self[1:], more, strict=True))
        )


def build_stretches(draws: np.ndarray) -> Stretches:
    """The identity, the radial map and those along each parameter, of ``draws`` ``[n, dim]``."""
    dim = draws.shape[1]
    covariance = np.atleast_2d(np.cov(draws.T))
    variance = np.diag(covariance)
    # A parameter that never moves has nothing to be stretched: its map is the identity.
    follow = np.divide(covariance, variance, where=variance > 0, out=np.zeros_like(covariance))

    def maps(exponent: int) -> np.ndarray:
        radial = (1 + RADIAL / np.sqrt(dim)) ** exponent
        along = [
            np.outer((c**exponent - 1) * follow[:, j], np.eye(dim)[j]) for j in range(dim) for c in ALONG
        ]
        return np.eye(dim) + np.stack([np.zeros((dim, dim)), (radial - 1) * np.eye(dim), *along])

    forward = maps(1)
    return Stretches(draws.mean(axis=0), forward, maps(-1), np.zeros(forward.shape[:2]))


def share_out(num_plain: int, num_stretched: int, num_maps: int) -> np.ndarray:
    """Points that each map makes ``[num_maps]``: a third of the stretched ones radial, the rest along parameters."""
    num_radial, num_others = num_stretched // 3, num_maps - 2
    num_along = num_stretched - num_radial
    along = num_along // num_others + (np.arange(num_others) < num_along % num_others)
    return np.concatenate([[num_plain, num_radial], along])


def mixture_logdensity(stretches: Stretches, counts: np.ndarray, log_p_hat: np.ndarray) -> np.ndarray:
    """log density ``[n]`` of the mixture, given ``log_p_hat`` ``[maps, n]`` at each map's inverse of the points."""
    with np.errstate(divide="ignore"):
        log_share = np.log(counts / counts.sum()) - stretches.logdet
    return np.logaddexp.reduce(log_share[:, None] + log_p_hat, axis=0)
