"""estim: Bayesian estimation of structural macroeconomic models."""

from estim.runtime import configure

configure()
