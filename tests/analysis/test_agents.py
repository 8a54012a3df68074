"""Values, policies and distributions of dynamic programs by name."""

from dataclasses import replace

import numpy as np

import estim
from estim.analysis import of_agents
from estim.models import aiyagari_1994, optimal_savings, rust_1987
from estim.results.figures import agents_figure


def test_names_and_numbers_of_a_solution():
    solution = estim.solve(aiyagari_1994.build(60, 40.0))
    found = of_agents(solution)
    assert list(found) == ["value", "policy.c", "policy.a", "distribution"]
    np.testing.assert_array_equal(found["policy.a"], solution.policy.a)
    assert abs(float(found["distribution"].sum()) - 1) < 1e-9


def test_many_actions_are_summed_up():
    solution = estim.solve(replace(optimal_savings.build(8, 3), taste=lambda p: 0.1))
    found, choice = of_agents(solution), np.asarray(solution.choice)
    assert list(found) == ["value", "mean action", "probability of the likeliest action"]
    np.testing.assert_allclose(found["mean action"], (choice * np.arange(8)).sum(axis=-1), rtol=1e-12)
    np.testing.assert_array_equal(found["probability of the likeliest action"], choice.max(axis=-1))


def test_agents_who_differ_are_side_by_side():
    """Each as if alone; and a figure of bands over three draws."""
    both = lambda p: [(0.3, p), (0.7, p._replace(RC=2 * p.RC))]
    found = of_agents(estim.solve(replace(rust_1987.model, types=both, unit="bus")))
    alone = of_agents(estim.solve(rust_1987.model))
    for name, values in alone.items():
        np.testing.assert_allclose(found[name][0], values, rtol=1e-10, err_msg=name)
    assert (found["probability of action 1"][1] < found["probability of action 1"][0]).all()
    bands = {name: np.stack([0.9 * x, x, 1.1 * x]) for name, x in found.items()}
    panels = agents_figure(bands).axes
    assert [ax.get_title(loc="left") for ax in panels[: len(bands)]] == list(bands)
    assert all(len(ax.lines) == 2 for ax in panels[: len(bands)])
