"""The likelihood of linear models beside statsmodels' compiled Kalman filter, in one run.

An-Schorfheide (80 quarters) and Smets-Wouters (160): the filter alone, on the same matrices for
both programs, and the whole likelihood with the solution of the model; value and gradient; alone
and a draw in a batch of 64, on one device and on all. A device is one core here: XLA's own
threads are switched off. Rounds alternate between all contenders; times are milliseconds a draw,
medians over rounds; the last line is JSON.
"""

import json
import os
import statistics
import time

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from statsmodels.tsa.statespace.kalman_filter import KalmanFilter

import estim  # noqa: F401  (configures JAX)
from estim.data.datasets import load_data
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.likelihood.state_space.start import stationary_start
from estim.models import load_model
from estim.solution.rational_expectations import solve_state_space

CASES = {
    "an_schorfheide_2007": ("us_nk", "1983Q1", "2002Q4"),
    "smets_wouters_2007": ("us_sw07_authors", "1965Q1", "2004Q4"),
}
BATCH, NUM_ROUNDS = 64, 15


def statsmodels_filter(state_space, y):
    """Their compiled filter with the matrices in place; its loop is what is timed."""
    T, R, Q, Z, d, H = (np.asarray(x) for x in state_space[:6])
    theirs = KalmanFilter(k_endog=Z.shape[0], k_states=T.shape[0], k_posdef=R.shape[1])
    theirs.bind(np.asfortranarray(y.T).T)
    theirs["transition"], theirs["selection"], theirs["state_cov"] = T, R, Q
    theirs["design"], theirs["obs_intercept"], theirs["obs_cov"] = Z, d[:, None], H
    start = stationary_start(state_space)
    theirs.initialize_known(np.asarray(start.mean), np.asarray(start.cov))
    return theirs.loglike


def on_all_devices(function):
    """The vmapped function with its batch divided among the devices."""
    mesh = Mesh(np.array(jax.devices()), ("draw",))
    spec = PartitionSpec("draw")
    return jax.jit(
        jax.shard_map(jax.vmap(function), mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    )


def repeated(tree):
    return jax.tree.map(lambda x: jnp.array(np.broadcast_to(x, (BATCH, *x.shape))), tree)


def contenders(name, data, start, end):
    """Callables by label, and how many draws one call evaluates."""
    model = load_model(name)
    frame = load_data(data, start=start, end=end)
    y = frame[list(model.observables._fields)].to_numpy()
    point = jnp.array([float(getattr(model.params(), n)) for n in model.estimated])
    state_space = jax.jit(lambda p: solve_state_space(model, p))(model.params())

    def from_matrices(matrices):
        return kalman_loglikelihood(state_space._replace(**matrices), y)

    def from_params(position):
        values = dict(zip(model.estimated, position, strict=True))
        return kalman_loglikelihood(solve_state_space(model, model.params(values)), y)

    matrices = {f: x for f, x in state_space._asdict().items() if f != "status"}
    theirs = statsmodels_filter(state_space, y)
    ours = float(jax.jit(from_matrices)(matrices))
    assert abs(ours - theirs()) < 1e-6, (name, ours, theirs())

    runs = {"statsmodels filter": (theirs, 1)}
    for label, function, argument in (("filter", from_matrices, matrices), ("whole", from_params, point)):
        both = jax.value_and_grad(function)
        batch = repeated(argument)
        for kind, f in (("value", function), ("value and gradient", both)):
            runs[f"{label} {kind}"] = (_bound(jax.jit(f), argument), 1)
            runs[f"{label} {kind}, batch, one core"] = (_bound(jax.jit(jax.vmap(f)), batch), BATCH)
            runs[f"{label} {kind}, batch, all cores"] = (_bound(on_all_devices(f), batch), BATCH)
    return runs


def _bound(function, argument):
    return lambda: jax.block_until_ready(function(argument))


def main():
    result = {"devices": len(jax.devices()), "batch": BATCH}
    for name, (data, start, end) in CASES.items():
        runs = contenders(name, data, start, end)
        times = {label: [] for label in runs}
        for _, (run, _) in runs.items():
            run()
        for _ in range(NUM_ROUNDS):
            for label, (run, draws) in runs.items():
                repeats = 20 if draws == 1 else 1
                begun = time.perf_counter()
                for _ in range(repeats):
                    run()
                times[label].append(1e3 * (time.perf_counter() - begun) / (draws * repeats))
        medians = {label: statistics.median(t) for label, t in times.items()}
        lowest = {label: min(t) for label, t in times.items()}
        print(name)
        for label in runs:
            print(f"  {label:40s} median {medians[label]:7.3f}  lowest {lowest[label]:7.3f} ms a draw")
        result[name] = {
            label.replace(", ", " ").replace(" ", "_"): round(t, 4) for label, t in medians.items()
        }
        result[name]["gradient_over_value"] = round(
            medians["whole value and gradient"] / medians["whole value"], 2
        )
        result[name]["filter_over_statsmodels"] = round(
            medians["filter value"] / medians["statsmodels filter"], 3
        )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
