"""The three-equation New Keynesian model of An and Schorfheide (2007) on US data, by four routes.

Random-walk Metropolis, NUTS, multi-proposal Metropolis and a neural-network surrogate start from the
same posterior mode and have to find the same posterior.
"""

from estim import Experiment

experiment = Experiment(
    title="A three-equation New Keynesian model on US data",
    model="an_schorfheide_2007",
    data="us_nk",
    start="1983Q1",
    end="2002Q4",
)
