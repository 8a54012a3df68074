"""Hansen (1985) with gEconpy: the whole log-likelihood and its gradient, and the wait for the first of them.

    python experiments/benchmarks/linear_peer.py [--peer PYTHON]

PYTHON is an interpreter that has gEconpy (``pip install gEconpy``), which need not be estim's own. The same
equations with their steady state, the same 120 simulated quarters of output growth, the same values of the three
parameters. Each program works alone in a process of its own, one after the other; times of a call are medians. The
two log-likelihoods differ by 0.003, since gEconpy adds 1e-8 to the variances of the states in every period; with
``cov_jitter=0.0`` in `statespace_from_gcn` they agree to 1e-12. The last line is JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

MODEL = """
block STEADY_STATE
{
    identities
    {
        Z[ss] = 1;
        H[ss] = (1 - theta) / (B * (1 - delta * theta / (1 / beta - 1 + delta)));
        Y[ss] = (theta / (1 / beta - 1 + delta)) ^ (theta / (1 - theta)) * H[ss];
        K[ss] = theta / (1 / beta - 1 + delta) * Y[ss];
        I[ss] = delta * K[ss];
        C[ss] = Y[ss] - I[ss];
    };
};
block ECONOMY
{
    identities
    {
        1 = beta * E[][C[] / C[1] * (theta * Y[1] / K[] + 1 - delta)];
        (1 - theta) * Y[] / H[] / C[] = B;
        Y[] = Z[] * K[-1] ^ theta * H[] ^ (1 - theta);
        Y[] = C[] + I[];
        K[] = (1 - delta) * K[-1] + I[];
        log(Z[]) = rho * log(Z[-1]) + epsilon[];
    };
    shocks { epsilon[]; };
    calibration
    {
        theta ~ Beta(mean=0.36, sd=0.02) = 0.36;
        rho ~ Beta(mean=0.95, sd=0.02) = 0.95;
        beta = 0.99;
        delta = 0.025;
        B = 2.849125;
    };
};
"""
POINT = {"theta": 0.36, "gamma": 0.95, "sigma": 0.00712}

TIMING = """
import time
begun = time.perf_counter()

def median_ms(run):
    times = []
    for _ in range(200):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * sorted(times)[100]

def report(loglikelihood, first_gradient, value, gradient):
    import json
    print(json.dumps({"loglikelihood": loglikelihood, "first_gradient_s": round(first_gradient, 1),
                      "value_ms": round(median_ms(value), 3), "gradient_ms": round(median_ms(gradient), 3)}))
"""
OURS = """
import jax, pandas as pd, estim
data = pd.read_csv("growth.csv", index_col=0, parse_dates=True)
posterior = estim.build_posterior(estim.load_model("hansen_1985"), data)
x = posterior.unconstrain_fn(POINT)
value, gradient = jax.jit(posterior.loglikelihood_fn), jax.jit(jax.grad(posterior.loglikelihood_fn))
jax.block_until_ready((value(x), gradient(x)))
wait = time.perf_counter() - begun
report(float(value(x)), wait, lambda: value(x).block_until_ready(), lambda: gradient(x).block_until_ready())
"""
THEIRS = """
import warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd, pymc as pm
from gEconpy import statespace_from_gcn
data = pd.read_csv("growth.csv", index_col=0, parse_dates=True)
model = statespace_from_gcn("hansen.gcn", verbose=False)
model.configure(
    observed_states=["dy"], observation_equations={"dy": "100*(log(Y[])-log(Y[-1]))"},
    constant_params=["beta", "delta", "B"], verbose=False, solver="cycle_reduction",
)
with pm.Model(coords=model.coords) as program:
    pm.Beta("theta", 10, 18); pm.Beta("rho", 19, 1); pm.Gamma("sigma_epsilon", alpha=2, beta=100)
    model.build_statespace_graph(data, add_norm_check=False)
    value, gradient = program.compile_logp(vars=program.observed_RVs), program.compile_dlogp(vars=program.observed_RVs)
logit = lambda p: np.log(p / (1 - p))
x = {"theta_logodds__": np.asarray(logit(POINT["theta"])), "rho_logodds__": np.asarray(logit(POINT["gamma"])),
     "sigma_epsilon_log__": np.asarray(np.log(POINT["sigma"]))}
value(x), gradient(x)
wait = time.perf_counter() - begun
report(float(value(x)), wait, lambda: value(x), lambda: gradient(x))
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", default=sys.executable, help="an interpreter that has gEconpy")
    peer = parser.parse_args().peer
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "hansen.gcn").write_text(MODEL)
        simulate(Path(folder) / "growth.csv")
        result = {}
        for name, python, program in (("estim", sys.executable, OURS), ("gEconpy", peer, THEIRS)):
            code = TIMING + f"POINT = {POINT}\n" + program
            run = subprocess.run(
                [python, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
            )
            result[name] = json.loads(run.stdout.splitlines()[-1])
            print(name, result[name])
    ours, theirs = result["estim"], result["gEconpy"]
    times = ("first_gradient_s", "value_ms", "gradient_ms")
    result |= {f"ratio_{name}": round(theirs[name] / ours[name], 1) for name in times}
    print(json.dumps(result))


def simulate(path):
    """120 quarters of output growth from the model itself, as both programs will read them."""
    import jax
    import numpy as np
    import pandas as pd

    import estim
    from estim.solution.rational_expectations import solve_state_space
    from estim.solution.simulate import simulate

    model = estim.load_model("hansen_1985")
    solution = solve_state_space(model, model.params(POINT))
    growth = np.asarray(simulate(solution, jax.random.key(0), 120))
    dates = pd.date_range("1990-01-01", periods=120, freq="QS")
    pd.DataFrame(growth, columns=["dy"], index=dates).to_csv(path)


if __name__ == "__main__":
    main()
