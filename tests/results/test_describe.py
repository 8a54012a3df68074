import pytest

from estim import priors
from estim.results.describe import describe_prior

FAMILIES = {
    "gamma": priors.gamma(1.5, 0.25),
    "gamma from 1": priors.gamma(1.5, 0.25, low=1.0),
    "beta [0, 1]": priors.beta(0.5, 0.2),
    "beta [0, 0.98]": priors.beta(0.5, 0.2, high=0.98),
    "normal": priors.normal(0.0, 1.0),
    "normal from -1": priors.truncated(priors.normal(0.0, 1.0), low=-1.0),
    "normal up to 2": priors.truncated(priors.normal(0.0, 1.0), high=2.0),
}


@pytest.mark.parametrize("words", FAMILIES)
def test_a_prior_says_where_it_begins_and_ends(words):
    assert describe_prior(FAMILIES[words])["family"] == words
