"""The likelihood of a panel: against independent numbers, differences, a loop over rows, and simulated agents."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import estim
from estim.arguments import ArgumentError
from estim.gradients import check_gradients
from estim.likelihood.rows import padded, row_probabilities
from estim.models import mccall_1970, mccall_1970_markov, rust_1987
from estim.status import SolutionError, Status
from estim.tables import DataError

REFERENCE = Path(__file__).parents[1] / "reference" / "decisions"


def reference(name):
    return json.loads((REFERENCE / f"{name}.json").read_text())


def buses():
    counts = pd.read_csv(REFERENCE / "bus_engines_counts.csv")
    return counts.loc[counts.index.repeat(counts["count"])].drop(columns="count").reset_index(drop=True)


SPELLS = {"job_search_spells": mccall_1970.model, "job_search_markov_spells": mccall_1970_markov.model}


def spells(name):
    return pd.read_csv(REFERENCE / f"{name}.csv")


@pytest.mark.parametrize("beta", [0.9999, 0.95])
@pytest.mark.parametrize("point", [0, 1])
def test_bus_engines(point, beta):
    ref = reference("bus_engines")["points"][point]
    params = ref["parameters"] | {"discount": beta}
    expected = ref[f"beta_.{str(beta)[2:]}"]
    value = estim.loglikelihood(rust_1987.model, params, buses())
    assert value == pytest.approx(expected["loglikelihood"], abs=1e-7)
    solution = estim.solve(rust_1987.model, params)
    replace_ = solution.choice[np.array([0, 20, 40, 60, 80, 89]), rust_1987.REPLACE]
    np.testing.assert_allclose(replace_, expected["replace_probability_at_bins_0_20_40_60_80_89"], rtol=1e-9)
    np.testing.assert_allclose(solution.value[np.array([0, 89])], expected["W_at_0_and_89"], rtol=1e-9)
    apart = solution.action_values[:, rust_1987.KEEP] - solution.action_values[:, rust_1987.REPLACE]
    bins = np.array([0, 20, 40, 60, 80, 89])
    np.testing.assert_allclose(apart[bins], expected["v0_minus_v1_at_same_bins"], rtol=1e-8)


def test_the_parts_of_the_likelihood_of_buses():
    """Choices and increments, each by itself."""
    ref, data = reference("bus_engines"), buses()
    counts = data.increment.value_counts().sort_index().to_list()
    assert int(data.replaced.sum()) == ref["replacements"] and counts == ref["increment_counts"]
    point = ref["points"][0]
    p0, p1 = point["parameters"]["p0"], point["parameters"]["p1"]
    moves = np.array(counts) @ np.log([p0, p1, 1 - p0 - p1])
    assert moves == pytest.approx(point["beta_.95"]["increment_part"], abs=1e-8)
    chosen = estim.loglikelihood(rust_1987.model, point["parameters"] | {"discount": 0.95}, buses()) - moves
    assert chosen == pytest.approx(point["beta_.95"]["choice_part"], abs=1e-7)


@pytest.mark.parametrize("name", SPELLS)
def test_spells_of_search(name):
    ref, data = reference(name), spells(name)
    for point in ref["points"]:
        value = estim.loglikelihood(SPELLS[name], point["parameters"], data)
        assert value == pytest.approx(point["loglikelihood"], abs=1e-7)


def test_the_parts_of_the_likelihood_of_search():
    """Durations given the hazard, and wages given that they were accepted."""
    ref, data = reference("job_search_spells")["points"][0], spells("job_search_spells")
    solution = estim.solve(mccall_1970.model, ref["parameters"])
    hazard = solution.params.lam * mccall_1970.acceptance(solution.value, solution.params)
    assert solution.value == pytest.approx(ref["reservation_wage"], rel=1e-9)
    assert hazard == pytest.approx(ref["hazard"], rel=1e-9)
    open_, n = data.censored.to_numpy() == 1, data.duration.to_numpy()
    durations = (n - ~open_).sum() * np.log1p(-hazard) + (~open_).sum() * np.log(hazard)
    assert durations == pytest.approx(ref["duration_part"], abs=1e-6)
    whole = estim.loglikelihood(mccall_1970.model, ref["parameters"], data)
    assert whole - durations == pytest.approx(ref["wage_part"], abs=1e-6)


def test_who_still_searches_accepts_less():
    """Of persistent offers: values, acceptance, and the share of those who search that accept in each period."""
    ref = reference("job_search_markov_spells")["points"][0]
    solution, at = estim.solve(mccall_1970_markov.model, ref["parameters"]), np.array([0, 20, 40, 50, 59])
    accept = np.asarray(solution.choice)[:, mccall_1970_markov.ACCEPT]
    np.testing.assert_allclose(accept[at], ref["accept_probability_at_indices_0_20_40_50_59"], rtol=1e-8)
    np.testing.assert_allclose(solution.value[at], ref["V_at_same"], rtol=1e-9)
    P = np.asarray(mccall_1970_markov.offers(solution.params, 60)[1].transition)
    searching, hazards = np.linalg.matrix_power(P, 1000)[0], []
    for _ in range(10):
        hazards.append(accept @ searching / searching.sum())
        searching = ((1 - accept) * searching) @ P
    np.testing.assert_allclose(np.array(hazards)[[0, 1, 9]], ref["hazard_periods_1_2_10"], rtol=1e-8)


CASES = {
    "rust_1987": (rust_1987.model, buses, ("bus_engines", "gradient_fd_beta_.9999")),
    **{n: (m, lambda n=n: spells(n), (n, "gradient_fd")) for n, m in SPELLS.items()},
}


@pytest.mark.parametrize("case", CASES)
def test_gradient_against_differences(case):
    model, data, (name, key) = CASES[case]
    posterior, point = estim.build_posterior(model, data()), reference(name)["points"][0]
    loglikelihood = lambda values: posterior.likelihood.at(model.params(values), posterior.data).value
    found = check_gradients(loglikelihood, {n: point["parameters"][n] for n in model.estimated})
    assert found.error < 1e-6, found
    assert found.product_error < 1e-5, found
    for parameter, expected in point[key].items():
        gradient = found.gradient[found.names.index(parameter)] / abs(point["parameters"][parameter])
        assert gradient == pytest.approx(expected, rel=1e-4), parameter  # theirs by differences


def test_equal_rows_are_counted_and_their_order_is_of_no_matter():
    model, data = rust_1987.model, buses().iloc[:2000]
    _, table = data, model.observables(*data.to_numpy(float).T)
    solution = estim.solve(model)
    rows = jnp.nan_to_num(jnp.stack(table, axis=1))
    one_by_one = row_probabilities(solution, rows, ~jnp.isnan(jnp.stack(table, axis=1))).sum()
    shuffled = data.sample(frac=1.0, random_state=0)
    for frame in (data, shuffled):
        assert estim.loglikelihood(model, {}, frame) == pytest.approx(float(one_by_one), rel=1e-12)


def test_panels_of_nearly_one_length_have_one_shape():
    """So that they share compiled programs; what is there again counts nothing."""
    assert [padded(n) for n in (1, 15, 16, 17, 31, 33, 250, 1930, 2000)] == [
        1,
        15,
        16,
        18,
        32,
        36,
        256,
        2048,
        2048,
    ]
    data = spells("job_search_spells")
    posteriors = [estim.build_posterior(mccall_1970.model, data.iloc[:n]) for n in (1800, 1830)]
    shapes = [jax.tree.map(jnp.shape, p.data) for p in posteriors]
    assert shapes[0] == shapes[1]
    assert [float(p.data.read.counts.sum()) for p in posteriors] == [1800, 1830]


def of_types(weight):
    """A share of the managers think that a new engine costs twice as much."""
    return replace(
        rust_1987.model,
        types=lambda p: [(weight, p), (1 - weight, p._replace(RC=2 * p.RC))],
        unit="bus",
    )


def test_a_mixture_of_types_is_a_sum_over_each_agent():
    data = buses().iloc[:600].assign(bus=np.repeat(np.arange(5), 120))
    table = jnp.asarray(data[list(rust_1987.Observables._fields)].to_numpy())
    probabilities = jax.jit(
        lambda solution: row_probabilities(solution, jnp.nan_to_num(table), ~jnp.isnan(table))
    )
    own = [
        np.asarray(probabilities(estim.solve(rust_1987.model, {"RC": RC}))).reshape(5, 120).sum(axis=1)
        for RC in (9.0, 18.0)
    ]
    expected = np.logaddexp(np.log(0.3) + own[0], np.log(0.7) + own[1]).sum()
    value = estim.loglikelihood(of_types(0.3), {"RC": 9.0}, data.sample(frac=1.0, random_state=1))
    assert value == pytest.approx(expected, rel=1e-12)
    with pytest.raises(DataError, match="the data lack the column 'bus', which says whose a row is"):
        estim.build_posterior(of_types(0.3), data.drop(columns="bus"))


def test_simulated_agents_behave_as_the_likelihood_says():
    """The average score is zero at the parameters that made the data, within four standard errors."""
    model = mccall_1970.model
    data = estim.simulate_agents(model, {}, 4000, rng_key=jax.random.key(0))
    assert list(data.columns) == ["agent", *model.observables._fields]
    assert data.log_wage.isna().equals(data.censored == 1)
    solution = estim.solve(model)
    table = jnp.asarray(data[list(model.observables._fields)].to_numpy())

    def rows(params):
        solved = estim.StationarySolver().solve(model, params)
        return row_probabilities(solved, jnp.nan_to_num(table), ~jnp.isnan(table))

    scores = np.stack(jax.jit(jax.jacfwd(rows))(jax.tree.map(jnp.asarray, model.params())))[:5]
    assert (np.abs(scores.mean(axis=1)) < 4 * scores.std(axis=1) / np.sqrt(4000)).all()
    assert solution.status == Status.OK


def test_data_that_cannot_be_read():
    model = rust_1987.model
    with pytest.raises(DataError, match="rust_1987 observes increment, which the data lack"):
        estim.build_posterior(model, buses().drop(columns="increment"))
    without = buses().iloc[:50].astype(float)
    without.loc[7, "replaced"] = np.nan
    with pytest.raises(
        DataError, match="rust_1987: row 7 of the data lacks replaced, which its log_probability reads"
    ):
        estim.build_posterior(model, without)
    with pytest.raises(ArgumentError, match="likelihood Panel needs rust_1987 to have log_probability"):
        estim.build_posterior(replace(model, log_probability=None, draw=None), buses())
    with pytest.raises(
        ArgumentError, match=r"likelihood Panel reads a StationaryEquilibrium, and the solver gives"
    ):
        estim.build_posterior(estim.load_model("hansen_1985"), buses(), likelihood="panel")


def test_what_is_impossible_has_no_gradient():
    data = buses().iloc[:10].assign(increment=2.0)
    params = {"p0": 0.5, "p1": 0.5}
    with pytest.raises(SolutionError, match="a row of the data is impossible: its probability is zero"):
        estim.loglikelihood(rust_1987.model, params, data)
    posterior = estim.build_posterior(rust_1987.model, data)
    loglikelihood = lambda params: posterior.likelihood.at(params, posterior.data).value
    gradient = jax.grad(loglikelihood)(jax.tree.map(jnp.asarray, rust_1987.model.params(params)))
    assert all(float(g) == 0.0 for g in gradient)
