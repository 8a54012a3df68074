"""Optimal policy under commitment: the linear-quadratic case by hand, derivatives by differences, invariances."""

import json
from pathlib import Path

import numpy as np
import pytest

import estim
from estim.dynare import ModFileError, read_mod, run_commands
from estim.dynare.policy_commands import best_rule, discretionary, planner_values
from estim.solution import solve_decision_rule

BETA, KAPPA, WEIGHT, RHO = 0.99, 0.1275, 0.02125, 0.8
FILE = """
var pi x u; varexo e; parameters beta kappa weight rho;
beta = 0.99; kappa = 0.1275; weight = 0.02125; rho = 0.8;
{model}; {phillips}; u = rho*u(-1) + e; end;
shocks; var e; stderr 1; end;
planner_objective {objective};
"""
PLAIN = {
    "model": "model(linear)",
    "phillips": "pi = beta*pi(+1) + kappa*x + u",
    "objective": "pi^2 + weight*x^2",
}
COMMAND = "ramsey_model(planner_discount=beta); stoch_simul(order=1, irf=0);"
WAYS = {
    "linear": (PLAIN, COMMAND),
    "as any model": (PLAIN | {"model": "model"}, COMMAND),
    "a command that solves as well": (
        PLAIN,
        "ramsey_policy(planner_discount=0.99, order=1, instruments=(x)) x;",
    ),
    "the weight in other units": (PLAIN | {"objective": "-50*(pi*pi + weight*x^2)"}, COMMAND),
    "a local variable": (PLAIN | {"phillips": "# f = beta*pi(+1) + kappa*x; pi - f = u"}, COMMAND),
    "an expectation": (PLAIN | {"phillips": "pi = beta*expectation(0)(pi(+1)) + kappa*x + u"}, COMMAND),
    "an expectation of before": (
        PLAIN
        | {"phillips": "pi + EXPECTATION(-1)(x + u) = beta*pi(+1) + kappa*x + u + EXPECTATION(-1)(x + u)"},
        COMMAND,
    ),
    "a weight that the steady state sets": (
        PLAIN | {"model": "model"},
        "weight = 9; steady_state_model; weight = kappa/6; pi = 0; x = 0; u = 0; end;" + COMMAND,
    ),
    "from another policy": (
        PLAIN | {"model": "model", "objective": "(1 + pi)^2 - 2*pi + weight*x^2"},
        "initval; x = 0.3; end; steady_state_model; u = 0; pi = kappa*x/(1 - beta); end;" + COMMAND,
    ),
    "the constraint turned round": (PLAIN | {"phillips": "pi(+1) = (pi - kappa*x - u)/beta"}, COMMAND),
}


def response(text, tmp_path, periods=6):
    """Of inflation and the gap to one shock, ``[periods, 2]``."""
    (tmp_path / "m.mod").write_text(text)
    mod = read_mod(tmp_path / "m.mod")
    rule = solve_decision_rule(mod.model, mod.model.params())
    assert int(rule.status) == 0
    rows = [mod.model.variables._fields.index(name) for name in ("pi", "x")]
    state, found = np.asarray(rule.selection)[:, 0], []
    for _ in range(periods):
        found.append((np.asarray(rule.policy) @ state)[rows])
        state = np.asarray(rule.transition) @ state
    return np.array(found)


def by_hand(periods=6):
    """Gali, Monetary Policy, Inflation, and the Business Cycle (2008), equations 5.9 to 5.12."""
    a = WEIGHT / (WEIGHT * (1 + BETA) + KAPPA**2)
    delta = (1 - np.sqrt(1 - 4 * BETA * a**2)) / (2 * a * BETA)
    impulse = delta / (1 - delta * BETA * RHO)
    price, gap, found = 0.0, 0.0, []
    for t in range(periods):
        before, u = price, RHO**t
        price = delta * price + impulse * u
        gap = delta * gap - KAPPA / WEIGHT * impulse * u
        found.append((price - before, gap))
    return np.array(found)


@pytest.mark.parametrize("way", WAYS)
def test_the_linear_quadratic_case(way, tmp_path):
    parts, command = WAYS[way]
    np.testing.assert_allclose(response(FILE.format(**parts) + command, tmp_path), by_hand(), atol=1e-9)


def test_each_command_sees_the_weight_of_its_steady_state(tmp_path):
    parts = PLAIN | {"model": "model", "objective": "pi^2 + kappa/rho/weight*x^2"}
    rest = "steady_state_model; weight = 5*beta; pi = 0; x = 0; u = 0; end;"
    twice = "stoch_simul(order=1, irf=0) pi x;\nset_param_value('beta', 0.5);\nstoch_simul(order=1, irf=0) pi x;\n"
    (tmp_path / "m.mod").write_text(
        FILE.format(**parts) + rest + "ramsey_model(planner_discount=0.99);\n" + twice
    )
    seen = [c.params["weight"] for c in read_mod(tmp_path / "m.mod").commands if c.name == "stoch_simul"]
    np.testing.assert_allclose(seen, [5 * 0.99, 5 * 0.5], rtol=1e-15)


WRONG = {
    "ramsey_model;": "'ramsey_model' needs a 'planner_objective' above it",
    "planner_objective pi*unheard; ramsey_model;": "unknown name 'unheard'",
    "planner_objective pi(-1)^2; ramsey_model;": "an objective of a planner that reads other periods",
    "planner_objective pi^2; ramsey_model; stoch_simul(order=1, loglinear);": "optimal policy in logs",
}


@pytest.mark.parametrize("command", WRONG)
def test_what_is_wrong_is_said(command, tmp_path):
    head = FILE.split("planner_objective")[0].format(**PLAIN)
    (tmp_path / "m.mod").write_text(head + command)
    with pytest.raises(ModFileError) as caught:
        read_mod(tmp_path / "m.mod")
    assert WRONG[command] in str(caught.value)


# --- without commitment, simple rules, and what a policy is worth ---

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "optimal_policy.json").read_text())
CANONICAL = """
var pinf x i rn u; varexo e_r e_u;
parameters bet sig kap lam_x lam_i rho_r rho_u f_pi f_x f_i;
{calibration} f_pi = 1.5; f_x = 0.5; f_i = 0.5;
{model};
[name='pc'] pinf = bet*pinf(+1) + kap*x + u;
[name='is'] x = x(+1) - (i - pinf(+1) - rn)/sig;
{rule}
[name='natural'] rn = rho_r*rn(-1) + e_r;
[name='cost'] u = rho_u*u(-1) + e_u;
end;
shocks; var e_r; stderr {sd[e_r]}; var e_u; stderr {sd[e_u]}; end;
planner_objective {sign}(pinf^2 + lam_x*x^2 + lam_i*i^2);
{commands}
"""
DISCRETION = (
    "discretionary_policy(instruments=(i), irf=20, planner_discount=bet, discretionary_tol=1e-12, order=1);"
)
RAMSEY = "ramsey_model(instruments=(i), planner_discount=bet); stoch_simul(order=1, irf=0);"
OSR = """
optim_weights; pinf 1; x {lam_x}; i {lam_i}; end;
osr_params f_pi f_x f_i;
{bounds}
osr(opt_algo=9, irf=0);
stoch_simul(order=1, irf=0) pinf i;
"""
RULE = "[name='rule'] i = f_i*i(-1) + f_pi*pinf + f_x*x;"


def canonical(tmp_path, commands, ref=REFERENCE["linear_quadratic"][0], **other):
    calibration = " ".join(f"{name} = {value};" for name, value in ref["params"].items())
    asked = {"model": "model(linear)", "rule": "", "sign": "", "sd": ref["shock_sd"], **other}
    text = CANONICAL.format(commands=commands, calibration=calibration, **asked)
    (tmp_path / "m.mod").write_text(text)
    return read_mod(tmp_path / "m.mod")


def test_discretion(tmp_path):
    ref = REFERENCE["linear_quadratic"][1]
    mod = canonical(tmp_path, DISCRETION + "evaluate_planner_objective;", ref)
    policy, want = discretionary(mod, mod.commands[0].params), ref["discretion"]
    sd = [ref["shock_sd"][name] for name in ("e_r", "e_u")]
    for name, answers in want["rule"].items():
        found = policy.coefficients.sel(variable=name, to=["e_r", "e_u"]) / sd
        np.testing.assert_allclose(found, [answers["rn"], answers["u"]], atol=1e-8)
    worth = planner_values(mod, mod.commands[1].params)
    assert worth["conditional"] == pytest.approx(want["loss_conditional"], rel=1e-8)
    assert worth["unconditional"] == pytest.approx(want["loss_unconditional"], rel=1e-8)
    tables, value = run_commands(mod)
    assert "THEORETICAL MOMENTS" in tables and f"{want['loss_conditional']:.6g}"[:6] in value


def test_commitment_and_what_it_is_worth(tmp_path):
    ref = REFERENCE["linear_quadratic"][0]
    mod, want = canonical(tmp_path, RAMSEY + "evaluate_planner_objective;", ref), ref["commitment"]
    worth = planner_values(mod, mod.commands[-1].params)
    assert worth["unconditional"] == pytest.approx(want["loss_unconditional"], rel=1e-8)
    zero = worth["conditional, multipliers at zero"]
    assert zero == pytest.approx(want["loss_conditional_zero_multipliers"], rel=1e-8)


def table_of(text, title):
    """The numbers under a title ``{row: [numbers]}``, and the names of the columns."""
    lines = text.split(title)[1].strip().splitlines()
    rows = {}
    for line in lines[1:]:
        if not line.strip():
            break
        name, *numbers = line.split()
        rows[name] = [float(x) for x in numbers]
    return lines[0].split(), rows


def test_a_whole_file_of_second_order_prints_the_numbers():
    """Coefficients on what the equations read of the past, although three of them move together; what risk adds; means;
    and what the policy is worth."""
    ref = REFERENCE["ramsey_nonlinear"][0]
    mod = read_mod(Path(__file__).parents[1] / "reference" / "mod" / "as07_ramsey.mod")
    text = "\n".join(run_commands(mod))
    variables, rows = table_of(text, "POLICY AND TRANSITION FUNCTIONS")
    order, n = ref["order"], len(variables)
    assert variables == order[:n]
    for column, state in enumerate(ref["states"]):
        want = np.array(ref["ghx"])[:n, column]
        np.testing.assert_allclose(rows[f"{state}(-1)"], want, atol=6e-7, err_msg=state)
    sd = [ref["shock_sd"][name] for name in ("e_g", "e_z")]
    np.testing.assert_allclose([rows["e_g"], rows["e_z"]], (np.array(ref["ghu"])[:n] * sd).T, atol=6e-7)
    risk = 0.5 * np.array(ref["ghs2"])[:n]
    np.testing.assert_allclose(rows["(correction)"], risk, atol=6e-7)
    np.testing.assert_allclose(rows["constant"], np.array(ref["steady_state"])[:n] + risk, atol=6e-7)
    moments = table_of(text, "THEORETICAL MOMENTS")[1]
    means = [moments[name][0] for name in variables]
    np.testing.assert_allclose(means, ref["mean_order2"][:n], atol=6e-5)
    for value in ("conditional_steady_multipliers", "conditional_zero_multipliers", "unconditional"):
        assert f"{ref['welfare'][value]:.10g}"[:12] in text, value


def test_the_conditions_of_a_file_are_those_of_the_package(tmp_path):
    mod = canonical(tmp_path, DISCRETION)
    planner = mod.planner
    ours = estim.ramsey_model(
        mod.model, planner.objective, instruments=planner.instruments, discount=planner.discount
    )
    theirs = canonical(tmp_path, RAMSEY).model
    paths = [estim.impulse_responses(m, horizon=8).sel(variable=["pinf", "x", "i"]) for m in (ours, theirs)]
    np.testing.assert_allclose(*paths, atol=1e-10)


def test_a_simple_rule_and_what_commands_below_it_see(tmp_path):
    ref = REFERENCE["linear_quadratic"][0]
    weights = {name: ref["params"][name] for name in ("lam_x", "lam_i")}
    mod = canonical(tmp_path, OSR.format(bounds="", **weights), rule=RULE)
    found, want = best_rule(mod, mod.commands[0].params), ref["simple_rule"]
    assert found.loss == pytest.approx(want["objective"], rel=1e-8)
    for name, value in want["optimum"].items():
        assert found.coefficients[name] == pytest.approx(value, abs=1e-6)
    rule, tables = run_commands(mod)
    assert f"{want['optimum']['f_pi']:.3f}" in rule
    assert f"{want['variances']['i']:.3f}" in tables
    inside = "osr_params_bounds; f_pi, 1.1, 1 + 1/5; end;"
    asked = canonical(tmp_path, OSR.format(bounds=inside, **weights), rule=RULE).rule_search
    assert asked.rule == ("f_pi", "f_x", "f_i") and asked.bounds == {"f_pi": (1.1, 1.2)}
    assert asked.weights == {("pinf", "pinf"): 1.0, ("x", "x"): 0.05, ("i", "i"): 0.1}


@pytest.mark.parametrize(("limit", "side"), [("i > -0.5", -1.0), ("i < 0.5", 1.0)])
def test_a_constraint_binds_the_planner(limit, side, tmp_path):
    mod = canonical(tmp_path, f"ramsey_constraints; {limit}; end;" + RAMSEY, model="model", sign="-")
    shocks = {"e_r": np.array([side * 5.0, 0.0, 0.0, 0.0, 0.0, 0.0])}
    path = estim.simulate(mod.model, None, shocks, solver=estim.OccasionallyBinding())
    rate = side * path.sel(variable="i").values
    assert (rate < 0.5 + 1e-9).all() and (np.abs(rate - 0.5) < 1e-9).sum() >= 2
    free = side * estim.simulate(canonical(tmp_path, RAMSEY).model, None, shocks).sel(variable="i")
    assert free.max() > 0.5


WRONG_POLICY = {
    "discretionary_policy(planner_discount=bet);": "needs its instruments: instruments=(NAME, ...)",
    "discretionary_policy(instruments=(r), planner_discount=bet);": "unknown name 'r'",
    "osr;": "'osr' needs 'osr_params' above it",
    "osr_params f_pi; osr;": "'osr' needs an 'optim_weights' block above it",
    "osr_params x; osr;": "'x' is not a parameter",
    "ramsey_constraints; i + 1; end;" + RAMSEY: "expected an inequality, such as i > 0",
    "ramsey_constraints; i + x > 0; end;" + RAMSEY: "a constraint of the planner that bounds no variable",
    "ramsey_constraints; i > 0; i < 1; end;" + RAMSEY: "two constraints of the planner on 'i'",
}


@pytest.mark.parametrize("commands", WRONG_POLICY)
def test_what_is_wrong_with_a_policy_is_said(commands, tmp_path):
    with pytest.raises(ModFileError) as caught:
        canonical(tmp_path, commands)
    assert WRONG_POLICY[commands] in str(caught.value)
