"""The linear gallery as `.mod` files: the same log-likelihood as the Python models."""

from pathlib import Path

import pandas as pd
import pytest

import estim
from estim.dynare import read_mod

MODELS = Path(__file__).parent / "mod"

DATA = {
    "an_schorfheide_2007": lambda: estim.load_data("us_nk", start="1983Q1", end="2002Q4"),
    "smets_wouters_2007": lambda: estim.load_data("us_sw07_authors", start="1965Q1", end="2004Q4"),
    "schorfheide_2000": lambda: pd.read_csv(MODELS / "schorfheide_data.csv"),
}
KNOWN = {  # log-likelihoods of independent programs at the starting values of the files
    "an_schorfheide_2007": -284.03421627349843,
    "smets_wouters_2007": -820.4932221864184,
    "schorfheide_2000": 996.1149472158853,
}


def in_python(values):
    """By the names of the Python models, which call a standard deviation as they call the shock."""
    renamed = {"del_": "delta"}
    return {renamed.get(n, n.removeprefix("stderr_")): float(v) for n, v in values.items()}


@pytest.mark.parametrize("name", DATA)
def test_same_likelihood_as_python_and_reference(name):
    mod, data = read_mod(MODELS / f"{name}.mod"), DATA[name]()
    values = mod.model.defaults
    ours = estim.loglikelihood(mod.model, values, mod.load_data(data), **mod.likelihood_options)
    assert ours == pytest.approx(KNOWN[name], abs=1e-6)
    python = estim.loglikelihood(name, in_python(values), mod.load_data(data), **mod.likelihood_options)
    assert ours == pytest.approx(python, abs=1e-9)
