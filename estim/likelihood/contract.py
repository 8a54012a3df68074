"""What a likelihood is: a row of settings that reads one kind of representation."""

from typing import Any, ClassVar, Literal, Protocol

import jax.numpy as jnp

from estim.arguments import ArgumentError
from estim.data.datasets import select_observables
from estim.likelihood.failure import Outcome
from estim.parameters import Latent
from estim.typing import Array, Key, Scalar

Gradient = Literal["exact", "none", "biased"]


class Likelihood(Protocol):
    """A frozen dataclass of settings. A new likelihood is one file, and its row in `estim.likelihood.table`."""

    reads: ClassVar[type]
    """The representation."""

    noisy: ClassVar[bool]
    """Its value depends on random numbers: a key makes it a function."""

    gradient: ClassVar[Gradient]
    """Whether the derivative of the value is that of the log-likelihood: samplers that use one refuse the others."""

    def solver_for(self, solver: Any) -> Any:
        """The solver, with what this likelihood needs of it: as it is, for most."""
        return solver

    def check_specification(self, spec: Any) -> None:
        """Has the specification what this likelihood needs? Most need nothing of it.

        Raises:
            ArgumentError: it says what is missing.
        """
        return None

    def select(self, spec: Any, data: Any) -> Any:
        """What `for_data` takes, from what people have: the observables ``[n_periods, n_obs]`` of a frame, for most.

        Raises:
            DataError: the data are not what this likelihood reads.
        """
        return select_observables(data, spec.observables._fields, spec.name).to_numpy()

    def for_data(self, observations: Array) -> tuple["Likelihood", Any]:
        """The likelihood for data of this shape with these gaps, and what it reads of them: itself and these numbers,
        for most.

        What is decided by looking at numbers is decided here: the likelihood that is returned is the static part of
        a compiled program, the arrays with it an argument.

        Args:
            observations: ``[n_periods, n_obs]``; NaN is missing. Traced ones count as having gaps.

        Raises:
            ArgumentError: the settings do not suit these observations, such as a presample that is as long.
        """
        check_presample(getattr(self, "presample", 0), observations)
        return self, jnp.asarray(observations, float)

    def latents(self, spec: Any, solution: Any, data: Any) -> tuple[Latent, ...]:
        """What joins the parameters in the position: nothing, for most.

        Where there is something, `loglikelihood` takes its numbers, one vector, as the last argument.

        Args:
            spec: the specification.
            solution: the shapes of what the solver gives.
            data: what `for_data` returned.
        """
        return ()

    def meant_by(self, solution: Any, data: Any, latents: Array) -> Array:
        """What the numbers of a position stand for that `latents` put there: themselves, for most."""
        return latents

    def of_params(self, params: Any) -> tuple[Any, ...]:
        """What it reads of the parameters themselves, beside the solution: nothing, for most.

        `loglikelihood` takes it behind the data.
        """
        return ()

    def over_parameters(self) -> Any:
        """Of a likelihood with latents, one without them that reads the same and is near: where samplers begin."""
        return self

    def loglikelihood(self, solution: Any, data: Any) -> Outcome:
        """Log-likelihood and status, given what `for_data` returned."""
        ...

    def redraw(self, data: Any, rng_key: Key, share: Scalar | float = 1.0) -> Any:
        """What `for_data` returned, with a share of its random numbers drawn anew; there are none, for most."""
        return data

    def logdensities(self, solution: Any, data: Any) -> Array | None:
        """ln p(y_t | y_1 .. y_{t-1}) of each period that counts, ``[n_periods - presample]``; NaN without a solution.

        None for a likelihood that has no such terms. More rows than `num_terms` says are no periods of the sample.
        """
        return None

    def num_terms(self, data: Any, num_rows: int) -> int:
        """How many of the rows of `logdensities` are periods of the sample: all, for most."""
        return num_rows


def check_presample(presample: int, observations: Array) -> None:
    """Is anything counted?

    Raises:
        ArgumentError: all periods are presample.
    """
    if presample >= len(observations):
        raise ArgumentError(
            f"likelihood.presample={presample} must be less than the {len(observations)} periods of the sample"
        )
