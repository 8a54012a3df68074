"""The contract of every sampler: BlackJAX's pair of functions, plus what was evaluated.

State holds only what the next step needs; Info holds diagnostics; tuning sits in neither.
"""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.display import counted, line, table
from estim.evaluations import Evaluations
from estim.status import Status
from estim.typing import Array, Key, Position, Scalar


class SamplerError(ValueError):
    """A run cannot begin, or cannot go on; the message names the culprit."""


class SamplingAlgorithm(NamedTuple):
    """A Markov kernel. Its State has ``position``, ``loglikelihood`` and ``logprior``; Info is below."""

    init: Callable[[Position], Any]
    step: Callable[[Key, Any], tuple[Any, "Info"]]


class Info(NamedTuple):
    """What one step did.

    ``draws`` are the points that the step adds to the sample, ``[num_draws]`` (one for most
    kernels); ``evaluations`` every point at which it computed the density, ``[n]``;
    ``stats`` maps ArviZ statistic names to scalars; ``weights`` ``[n + 1]``, of kernels that
    can give them, weight the state before the step and then the evaluations, so that the
    weighted average estimates an expectation (Rao-Blackwell), else None; ``gradient``
    ``[n + num_draws, dim]``, of kernels that know it, is the gradient of the log-density at the
    evaluations and then at the draws, from which warm-up learns.
    """

    draws: Evaluations
    evaluations: Evaluations
    acceptance_rate: Scalar
    stats: dict[str, Scalar]
    weights: Array | None = None
    gradient: Array | None = None


class TransportMap(NamedTuple):
    """How a posterior departs from a Gaussian, by the map of `estim.samplers.transport`.

    ``skew`` ``[dim]`` is e, ``log_scale`` ``[dim, m]`` has the rows a_i, ``shift`` ``[dim, m, m]`` the matrices B_i,
    which read the m leading coordinates; all of them in most cases.
    """

    skew: Array | np.ndarray
    log_scale: Array | np.ndarray
    shift: Array | np.ndarray


class Tuning(NamedTuple):
    """What warm-up adapts, and sampling holds fixed: a sketch of the target and a scale.

    ``mean`` ``[dim]``; ``scale_tril`` ``[dim, dim]``, the Cholesky factor of the covariance;
    ``step_size`` ``[]``, which multiplies `scale_tril` in a proposal; ``trajectory_length`` ``[]``, the
    mean time of a Hamiltonian trajectory where a kernel adapts it (pi / 2 suits a Gaussian); ``transport``, of
    kernels that move by gradients, what a Gaussian misses.
    """

    mean: Array | np.ndarray
    scale_tril: Array | np.ndarray
    step_size: Array | np.ndarray
    trajectory_length: Array | np.ndarray | float = math.pi / 2
    transport: TransportMap | None = None


class Draws(NamedTuple):
    """What `estim.sample` returns, as host arrays.

    ``position`` ``[chain, draw, dim]``; ``loglikelihood`` and ``logprior`` ``[chain, draw]``;
    ``stats`` maps ArviZ statistic names to ``[chain, draw]``; ``evaluations`` holds every
    point that the run evaluated after warm-up, rejected ones too (leading axis ``[n]``);
    ``seconds`` maps a phase ("compile", "warmup", "sample") to wall time; ``failures`` counts
    the evaluations without a solution, warm-up and starting points included, by the name
    of their `Status`. ``weighted_position`` ``[m, dim]`` with ``weights`` ``[m]`` (summing to
    one) is the Rao-Blackwellised sample of the algorithms that give one, else None;
    ``log_marginal_likelihood`` is that of the algorithms that estimate it, else None; ``posterior``
    is whose draws they are, where `estim.sample` made them.
    """

    param_names: tuple[str, ...]
    position: np.ndarray
    loglikelihood: np.ndarray
    logprior: np.ndarray
    stats: dict[str, np.ndarray]
    evaluations: Evaluations
    seconds: dict[str, float]
    failures: dict[str, int]
    weighted_position: np.ndarray | None = None
    weights: np.ndarray | None = None
    log_marginal_likelihood: float | None = None
    posterior: Any = None

    def __repr__(self) -> str:
        return line("Draws", self._facts()[:3])

    def _repr_html_(self) -> str:
        return table("Draws", self._facts())

    def to_datatree(self, data: Any = None, prior: Any = None, *, predictive: bool = True) -> Any:
        """ArviZ's DataTree of draws that `estim.sample` made, as `estim.to_datatree` makes it of any.

        Args:
            data, prior, predictive: as there.

        Raises:
            SamplerError: the draws were made otherwise, and do not know their posterior.
        """
        from estim.samplers.datatree import draws_datatree

        if self.posterior is None:
            raise SamplerError(
                "these draws do not know their posterior: take estim.to_datatree(draws, posterior)"
            )
        return draws_datatree(self, self.posterior, data, prior, predictive)

    def summary(self, **options: Any) -> Any:
        """ArviZ's table of the parameters in the model's units: means, intervals, effective sample sizes, R-hat.

        Args:
            options: of ``arviz.summary``.

        Raises:
            SamplerError: as `to_datatree`.
        """
        import arviz

        return arviz.summary(self.to_datatree(), **options)

    def _facts(self) -> list[tuple[str, str]]:
        chains, draws, dim = self.position.shape
        lp = self.loglikelihood + self.logprior
        seconds = ", ".join(f"{phase} {taken:.3g}" for phase, taken in self.seconds.items())
        failures = ", ".join(f"{n} {name}" for name, n in self.failures.items())
        return [
            ("chains", str(chains)),
            ("draws each", str(draws)),
            ("parameters", str(dim)),
            ("names", counted(self.param_names)),
            ("log-density", f"{lp.mean():.6g} ± {lp.std():.3g}"),
            ("seconds", seconds or "not counted"),
            ("evaluations without a solution", failures or "none"),
        ]


def as_draw(state: Any) -> Evaluations:
    """A state (of `estim.samplers.states`) as the one draw of a step, leading axis ``[1]``."""
    status = jnp.zeros((1,), jnp.int32)
    return Evaluations(state.position[None], state.loglikelihood[None], state.logprior[None], status)


def accept(accepted: Array, proposal: Any, state: Any) -> Any:
    """The proposal where it was accepted, else the state: pytrees of the same structure."""
    return jax.tree.map(lambda there, here: jnp.where(accepted, there, here), proposal, state)


def count_failures(status: Any) -> Counter[str]:
    """How many evaluations failed, by the name of their `Status`."""
    counts = np.bincount(np.asarray(status).ravel(), minlength=len(Status))
    return Counter({s.name: int(counts[s]) for s in Status if s != Status.OK and counts[s]})
