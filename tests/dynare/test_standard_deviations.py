"""Priors of standard deviations that reach below zero are cut off there, and the reader says so."""

import jax.numpy as jnp
import pytest

import estim
from estim.dynare.reading.source import ModFileWarning

MODEL = "var y; varexo e; parameters a; a = 0.5; model(linear); y = a*y(-1) + e; end; varobs y;"


@pytest.mark.parametrize(
    "prior", ["normal_pdf, 0.2, 0.1", "uniform_pdf, , , -1, 2", "gamma_pdf, 0.5, 0.3, -0.5"]
)
def test_cut_off_at_zero_with_the_height_it_had(prior, tmp_path):
    path = tmp_path / "m.mod"
    path.write_text(f"{MODEL} estimated_params; stderr e, {prior}; a, normal_pdf, 0.5, 0.1; end;")
    with pytest.warns(ModFileWarning, match="the prior of the standard deviation of 'e' reaches below zero"):
        model = estim.read_mod(path).model
    (name,) = set(model.priors) - {"a"}
    cut = model.priors[name]
    assert not bool(cut.support(-0.01)) and bool(cut.support(0.01))
    assert model.priors["a"].support(-0.01)
    whole = cut.base_dist
    assert float(cut.log_prob(jnp.asarray(0.3))) == pytest.approx(float(whole.log_prob(jnp.asarray(0.3))))
