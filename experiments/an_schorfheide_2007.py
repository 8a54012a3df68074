"""An and Schorfheide's (2007) model on US data, beside the estimates of Herbst and Schorfheide (2015).

An and Schorfheide estimate on simulated data; Herbst and Schorfheide take the same model and priors to
1983Q1 to 2002Q4, the sample here. The prior of the Phillips curve's slope is uniform on [0, 1] and the
likelihood pushes it to 1: the mode of the parameters' density lies on the bound.
"""

from dataclasses import replace

from new_keynesian_us import experiment as demo

experiment = replace(demo, title="An and Schorfheide (2007) on US data", remarks="")
