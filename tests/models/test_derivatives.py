"""Every gallery model: gradients in all parameters, and a Hessian-vector product, against differences.

Of a linear model the log-likelihood is looked at; with heterogeneous agents all equations and the measurement,
linearised at the stated steady state. Their households are in `tests/heterogeneity`, their log-likelihoods in
`test_sequence_space` and, for each at full size, in experiments/derivatives.py.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from estim.estimation import model_loglikelihood
from estim.gradients import check_gradients
from estim.model import Model
from estim.models import list_models, load_model
from estim.solution.linearize import linearize


@pytest.mark.parametrize("name", list_models(Model))
def test_gradient_and_hessian_vector_product(name):
    model, rng = load_model(name), np.random.default_rng(1)
    point = {n: float(v) for n, v in model.params()._asdict().items() if n not in model.unknowns}
    point |= {n: float(v) for n, v in model.published.items() if n in point}
    observations = 0.1 * rng.standard_normal((8, len(model.observables._fields)))

    def loglikelihood(values):
        return model_loglikelihood(model, model.params(values), observations)[0]

    def equations(values):
        params, weights = model.params(values), np.random.default_rng(1)
        linear = linearize(model, params, model.steady_state(params))
        arrays = [*linear.steady_state, *linear._replace(steady_state=None, residual=None, status=None)]
        return sum(jnp.sum(weights.uniform(0.5, 1.5, jnp.shape(a)) * a) for a in arrays if a is not None)

    found = check_gradients(equations if model.het_blocks else loglikelihood, point)
    assert np.abs(found.gradient).max() > 0
    assert found.error < 1e-7, found
    assert found.product_error < 1e-6, found
