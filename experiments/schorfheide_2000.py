"""Schorfheide's (2000) cash-in-advance model on US data, 1950Q1 to 1997Q4, beside an independent estimate."""

from dataclasses import replace

from estim import Experiment
from estim.models.schorfheide_2000 import model
from estim.priors import beta

experiment = Experiment(
    title="Schorfheide (2000): a cash-in-advance model on US data",
    model=replace(model, prior=model.prior._replace(rho=beta(0.129, 0.223))),
    data="us_cia",
    start="1950Q1",
    end="1997Q4",
    remarks="The prior of rho is that of the paper's table 1, whose density is infinite at 0.",
)
