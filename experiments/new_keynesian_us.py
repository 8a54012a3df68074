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
    remarks="They are of other data: Herbst and Schorfheide (2015) observe consumer prices, which move half as much "
    "again as the GDP deflator here and make the slope kappa as steep as its prior allows, and with another prior of "
    "eps_z (both are in experiments/an_schorfheide_2007.py).",
)
