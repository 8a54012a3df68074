"""The examples of Debian's package `dynare-doc`, where it is installed: which run, and why others do not."""

import warnings
from pathlib import Path

import pytest

import estim
from estim.dynare import ModFileWarning, read_mod

EXAMPLES = Path("/usr/share/doc/dynare/examples")

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the package dynare-doc is not installed")

RUN = [
    *(
        "Gali_2015",
        "NK_baseline",
        "Occbin_example",
        "agtrend",
        "bkk",
        "example1",
        "example1_reporting",
        "example2",
    ),
    *("example3", "fs2000", "fs2000_nonstationary", "ramst", "Ramsey_Example", "Ramsey_steady_file"),
]


def read(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModFileWarning)
        return read_mod(EXAMPLES / f"{name}.mod")


@pytest.mark.parametrize("name", RUN)
def test_it_is_read_and_has_a_steady_state(name):
    mod = read(name)
    assert set(mod.names.values()) <= {*mod.model.variables._fields, *mod.model.shocks._fields}


def test_fs2000_has_its_known_likelihood():
    mod = read("fs2000")
    found = estim.loglikelihood(mod.model, mod.model.defaults, mod.load_data(), **mod.likelihood_options)
    assert found == pytest.approx(996.1149472158853, abs=1e-6)
