"""Perturbation: derivatives of the closed form, of independent programs, paths, moments and responses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim import analysis
from estim.arguments import ArgumentError
from estim.models import list_models, load_model
from estim.models.brock_mirman_1972 import Variables as Growth
from estim.models.brock_mirman_1972 import exact_path
from estim.status import Status

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "perturbation.json").read_text())
SOLVERS = {order: estim.Perturbation(order=order) for order in (1, 2, 3)}


def brock_mirman(ref):
    p = ref["params"]
    values = dict(alpha=p["alp"], discount=p["bet"], rho=p["rho"], sigma=ref["shock_sd"]["e"])
    return load_model("brock_mirman_1972"), values, ["k", "c", "z"]


def an_schorfheide(ref):
    p = ref["params"]
    names = dict(tau="tau", kappa="kap", psi1="psi1", psi2="psi2", rA="rA", piA="piA", gammaQ="gamQ", nu="nu")
    values = {ours: p[theirs] for ours, theirs in names.items()} | {"share": p["invg"]}
    values |= {f"rho_{x}": p[f"rho_{x.lower()}"] for x in "Rgz"}
    values |= {f"eps_{x}": 100 * ref["shock_sd"][f"e_{x.lower()}"] for x in "Rgz"}
    return load_model("an_schorfheide_2007_levels"), values, ["c", "y", "pi", "R", "g", "z"]


def real_business_cycle(ref):
    model = estim.read_mod(FOLDER / "mod" / "rbc.mod").model
    return model, ref["params"] | {f"stderr_{s}": sd for s, sd in ref["shock_sd"].items()}, ref["variables"]


class Case(NamedTuple):
    ref: dict[str, Any]
    model: estim.Model
    values: dict[str, float]
    names: list[str]  # the model's, for the reference's variables

    @property
    def sd(self) -> np.ndarray:
        return np.array([self.ref["shock_sd"][s] for s in self.ref["shocks"]])


CASES = {
    name: Case(REFERENCE[name], *build(REFERENCE[name]))
    for name, build in (
        ("brock_mirman", brock_mirman),
        ("brock_mirman_other", brock_mirman),
        ("as07_nl", an_schorfheide),
        ("as07_nl_other", an_schorfheide),
        ("rbc", real_business_cycle),
    )
}


def close(found, expected, rtol=1e-8):
    """Relative to the largest entry; derivatives that are zero, relative to one."""
    largest = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * (largest if largest > 1e-9 else 1.0))


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_an_independent_program(name):
    ref, model, values, names = CASES[name]
    solution = estim.solve(model, values, solver=SOLVERS[3])
    states = [model.variables._fields[i] for i in solution.states]
    of_states = [states.index(names[ref["variables"].index(s)]) for s in ref["states"]]
    inputs = np.array([*of_states, *(len(states) + np.arange(len(ref["shocks"])))])
    rows, n = [model.variables._fields.index(v) for v in names], len(ref["states"])
    rule = type(solution.variables)(*(np.asarray(a)[rows] for a in solution.variables))
    unit = np.concatenate([np.ones(n), 1 / CASES[name].sd])  # their shocks are in units of the file
    x, u = slice(0, n), slice(n, None)
    linear, slope = rule.linear[:, inputs] * unit, rule.risk_slope[:, inputs] * unit
    quadratic = rule.quadratic[:, inputs][..., inputs] * unit * unit[:, None]
    cubic = rule.cubic[:, inputs][:, :, inputs][..., inputs] * unit * unit[:, None] * unit[:, None, None]

    close(rule.level, ref["steady_state"])
    close(linear[:, x], ref["ghx"])
    close(linear[:, u], ref["ghu"])
    close(quadratic[:, x, u], ref["ghxu"])
    close(cubic[:, x, x, u], ref["ghxxu"])
    close(cubic[:, x, u, u], ref["ghxuu"])
    close(rule.risk, ref["ghs2"])
    close(slope[:, x], ref["ghxss"])
    close(slope[:, u], ref["ghuss"])
    for key, among in (("ghxx", x), ("ghuu", u), ("ghxxx", x), ("ghuuu", u)):
        tensor = (quadratic if len(key) == 4 else cubic)[(slice(None), *[among] * (len(key) - 2))]
        found = [tensor[(slice(None), *map(int, at.split(",")))] for at in ref[key]]
        close(found, list(ref[key].values()))


@pytest.mark.parametrize(
    ("name", "order"),
    [
        *(("brock_mirman", order) for order in (1, 2, 3)),
        ("brock_mirman_other", 3),
        ("as07_nl", 3),
        ("as07_nl_other", 3),
        ("rbc", 3),
    ],
)
def test_paths_are_pruned(name, order):
    ref, model, values, names = CASES[name]
    simulation = ref["simulation"]
    shocks = np.array(simulation["shocks"]) / CASES[name].sd
    path = estim.simulate(model, values, shocks, solver=SOLVERS[order]).sel(variable=names).to_numpy()
    expected = simulation["order1" if order == 1 else f"order{order}_pruned"]
    np.testing.assert_allclose(path[np.array(simulation["periods"]) - 1], expected, rtol=0, atol=1e-7)


def closed_form(values):
    """The rule of the growth model's variables and observables, level to third derivatives, by its known solution."""
    model = load_model("brock_mirman_1972")
    p = model.params(values)
    rest = model.steady_state(p)

    def fn(v):  # the states k, c, z of last period, and the shock
        lag = Growth(rest.k + v[0], rest.c + v[1], rest.z + v[2])
        now = exact_path(lag, model.shocks(v[3]), p)
        return jnp.stack([*now, *model.measurement(now, lag, p)])

    by = lambda f: jax.jacfwd(f)
    return [f(jnp.zeros(4)) for f in (fn, by(fn), by(by(fn)), by(by(by(fn))))]


def test_the_closed_form_of_growth_and_its_derivatives_by_parameters():
    """The measurement, the growth of consumption in logs, is nonlinear too; risk changes nothing here.

    Where there is no solution nothing is infinite, derivatives neither.
    """
    values = {n: jnp.asarray(v) for n, v in CASES["brock_mirman"].values.items()}
    model = CASES["brock_mirman"].model

    def rules(values):
        solution = SOLVERS[2].solve(model, model.params(values))
        both = zip(solution.variables[:4], solution.measured[:4], strict=True)
        level, linear, quadratic, risk = (jnp.concatenate(pair) for pair in both)
        return (level, linear, quadratic, risk), solution.status

    exact = jax.jit(closed_form)(values)
    slopes_of_exact = jax.jit(jax.jacfwd(lambda v: closed_form(v)[:3]))(values)
    both_of = jax.jit(jax.jacrev(lambda v: (lambda found: (found[0], found))(rules(v)), has_aux=True))
    slopes, (found, status) = both_of(values)
    assert status == Status.OK
    for mine, theirs in zip(found, [*exact[:3], np.zeros(4)], strict=True):
        close(mine, theirs)
    for mine, theirs in zip(slopes[:3], slopes_of_exact, strict=True):
        for name in values:
            close(mine[name], theirs[name], 1e-7)
    third = estim.solve(model, values, solver=SOLVERS[3])
    close(jnp.concatenate([third.variables.cubic, third.measured.cubic]), exact[3])

    for bad in ({"alpha": -0.5}, {"rho": 1.5}):
        slopes, (found, status) = both_of(values | {n: jnp.asarray(v) for n, v in bad.items()})
        assert status != Status.OK
        assert all(np.isfinite(x).all() for x in jax.tree.leaves((slopes, found)))


def test_gradients_of_third_order_in_every_parameter():
    """Of all numbers of the rules, weighed at random, beside central differences."""
    model, rng = CASES["brock_mirman"].model, np.random.default_rng(0)
    names, at = zip(*CASES["brock_mirman"].values.items(), strict=True)
    weights = jax.tree.map(
        lambda a: rng.normal(size=a.shape), rules_of_third_order(model, dict(zip(names, at, strict=True)))
    )

    def value(x):
        found = rules_of_third_order(model, dict(zip(names, x, strict=True)))
        return sum(jax.tree.leaves(jax.tree.map(lambda w, a: (w * a).sum(), weights, found)))

    x = jnp.asarray(at)
    gradient = jax.jit(jax.grad(value))(x)
    steps = 1e-5 * np.diag(np.asarray(x))
    differences = [(value(x + h) - value(x - h)) / (2 * h.sum()) for h in steps]
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-7 * np.abs(gradient).max())


def rules_of_third_order(model, values):
    solution = SOLVERS[3].solve(model, model.params(values))
    return solution.variables, solution.measured


def of_order(solution, order):
    """The same solution with the terms up to an order only."""
    keep = {1: 2, 2: 4}[order]
    cut = lambda rule: type(rule)(*rule[:keep])
    return replace(solution, variables=cut(solution.variables), measured=cut(solution.measured))


@pytest.mark.parametrize("name", ["as07_nl", "as07_nl_other", "rbc"])
def test_moments_and_generalised_responses_of_second_order(name):
    ref, model, values, names = CASES[name]
    third = estim.solve(model, values, solver=SOLVERS[3])
    solution = of_order(third, 2)
    rows = [model.variables._fields.index(v) for v in names]
    if "observables" in ref:
        moments = ref["moments_order2"]
        found = analysis.theoretical_moments(solution, 3)
        close(found.mean, moments["mean"])
        close(found.autocovariance[0], moments["var"])
        for lag in (1, 3):
            close(jnp.diagonal(found.autocovariance[lag]), moments[f"autocov_lag{lag}"])
        found = analysis.theoretical_moments(third, 0)
        close(found.mean, ref["moments_order3"]["mean"])
        close(found.autocovariance[0], ref["moments_order3"]["var"])
    close(analysis.risk_adjusted_mean(solution)[jnp.array(rows)], ref["mean_order2"])
    close(analysis.stochastic_steady_state(of_order(third, 1)), third.variables.level)

    girf = ref["girf_order2"]
    for key, settings in (
        ("average", {}),
        ("average_minus", {"size": -1.0}),
        ("at_one_sd_state", {"state": np.array(girf["x_f_state"])}),
    ):
        responses = analysis.generalised_impulse_responses(
            solution, girf["horizons"][-1] + 1, of="variables", **settings
        )
        for k, shock in enumerate(ref["shocks"]):
            close(responses[np.array(girf["horizons"])][:, rows, k], girf["responses"][shock][key])
    np.testing.assert_array_equal(
        analysis.impulse_responses(solution, 3), analysis.generalised_impulse_responses(solution, 3)
    )
    with pytest.raises(ArgumentError, match="order 1 or 2"):
        analysis.generalised_impulse_responses(third, 1)


def test_the_particle_filter_reads_the_pruned_solution():
    """Its mean likelihood is that of a guided filter with 262,144 particles, within three standard errors of both."""
    ref, runs = REFERENCE["particle_filter"], 8
    first = REFERENCE["as07_nl"] | {name: ref[name] for name in ("loglik", "mc_se")}
    blind = estim.Particle(num_particles=4_000)
    guided = estim.Particle(num_particles=500, method="conditionally_optimal")
    data = blind.for_data(np.array(ref["data"]))[1]
    keys = jax.random.split(jax.random.key(0), runs)
    points = (first, blind), *((point, guided) for point in ref["other_points"])
    for point, particle in points:
        model, values, _ = an_schorfheide(point)
        third = estim.solve(model, values, solver=SOLVERS[3])
        solution = replace(of_order(third, 2), obs_cov=jnp.diag(jnp.array(ref["measurement_error_sd"]) ** 2))
        values = np.array([particle.loglikelihood(solution, data._replace(key=key)).value for key in keys])
        share = np.exp(values - values.max())
        error = np.hypot(share.std(ddof=1) / share.mean() / np.sqrt(runs), point["mc_se"])
        assert abs(values.max() + np.log(share.mean()) - point["loglik"]) < 3 * error
        assert error < 0.5


@pytest.mark.parametrize("name", [n for n in list_models(estim.Model) if load_model(n).linearised])
def test_linearised_models_are_refused_by_name(name):
    with pytest.raises(estim.ModelError, match=f"{name}: its equations are linearised"):
        estim.solve(name, solver=SOLVERS[2])


def test_a_model_with_households_is_refused():
    with pytest.raises(estim.ModelError, match="krusell_smith_1998: perturbation is for models of equations"):
        SOLVERS[2].solve(load_model("krusell_smith_1998"), None)


def test_a_mod_file_of_order_three(tmp_path):
    text = """var k c z; varexo e; parameters alp bet rho; alp = 0.36; bet = 0.95; rho = 0.8;
    model;
    1/c = bet*alp*exp(z(+1))*k^(alp-1)/c(+1);  c + k = exp(z)*k(-1)^alp;  z = rho*z(-1) + e;
    end;
    steady_state_model; z = 0; k = (alp*bet)^(1/(1-alp)); c = (1-alp*bet)*k^alp; end;
    shocks; var e; stderr 0.1; end;
    stoch_simul(order=3, pruning, periods=0);"""
    (tmp_path / "growth.mod").write_text(text)
    read = estim.read_mod(tmp_path / "growth.mod")
    assert read.stoch_simul.order == 3 and not read.model.linearised
    with pytest.raises(ValueError, match="tables of 'stoch_simul' are those of first order"):
        read.run_stoch_simul()
