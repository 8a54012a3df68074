"""Solving linear models: the reduced doubling of estim beside cyclic reduction on all variables.

Both start from the same linearised model and both are compiled by JAX; cyclic reduction (Bini and
Meini 1996, as in Dynare's `cycle_reduction`) works on every variable of the model, the doubling on
the combinations that the equations read. Rounds alternate; times are microseconds, the median and
the fastest of the rounds, with the gradient too, and a draw in a batch of 64. The last line is JSON.
"""

import json
import statistics
import time

import jax
import jax.numpy as jnp

import estim  # noqa: F401  (configures JAX)
from estim.models import load_model
from estim.solution import linearize, solve_state_space

MODELS = ["an_schorfheide_2007", "smets_wouters_2007"]
BATCH, NUM_ROUNDS = 64, 40


def cyclic_reduction(linear):
    """T of x_t = T x_{t-1}, from A x_{t+1} + B x_t + C x_{t-1} = 0."""

    def body(carry):
        lead, now, lag, first, k = carry
        solved = jnp.linalg.solve(now, jnp.concatenate([lead, lag], axis=1))
        by_lead, by_lag = jnp.split(solved, 2, axis=1)
        cross = lead @ by_lag
        return -lead @ by_lead, now - cross - lag @ by_lead, -lag @ by_lag, first - cross, k + 1

    def unfinished(carry):
        lead, _, lag, _, k = carry
        return (k < 40) & (jnp.minimum(jnp.abs(lead).sum(1).max(), jnp.abs(lag).sum(1).max()) > 1e-13)

    start = (linear.lead, linear.now, linear.lag, linear.now, 0)
    return -jnp.linalg.solve(jax.lax.while_loop(unfinished, body, start)[3], linear.lag)


def measure(name):
    model = load_model(name)
    params = {n: jnp.asarray(float(v)) for n, v in model.defaults.items()}
    linearized = lambda p: linearize(model, model.params(p))
    solved = lambda p: solve_state_space(model, model.params(p))
    total = lambda p: sum(jnp.sum(x) for x in solved(p)[:-1])
    batch = jax.tree.map(lambda x: jnp.full(BATCH, x), params)
    contenders = {
        "linearize": (jax.jit(linearized), params, 1),
        "linearize and doubling": (jax.jit(solved), params, 1),
        "linearize and cyclic reduction": (jax.jit(lambda p: cyclic_reduction(linearized(p))), params, 1),
        "doubling, value and gradient": (jax.jit(jax.value_and_grad(total)), params, 1),
        "doubling, a draw in a batch": (jax.jit(jax.vmap(solved)), batch, BATCH),
        "cyclic reduction, a draw in a batch": (
            jax.jit(jax.vmap(lambda p: cyclic_reduction(linearized(p)))), batch, BATCH,
        ),
    }  # fmt: skip
    seconds: dict[str, list[float]] = {label: [] for label in contenders}
    for round_ in range(NUM_ROUNDS + 1):
        for label, (fn, argument, _) in contenders.items():
            start = time.perf_counter()
            jax.block_until_ready(fn(argument))
            if round_:  # the first one compiles
                seconds[label].append(time.perf_counter() - start)
    return {
        label: [round(1e6 * of(seconds[label]) / draws, 1) for of in (statistics.median, min)]
        for label, (_, _, draws) in contenders.items()
    }


if __name__ == "__main__":
    result = {name: measure(name) for name in MODELS}
    for name, times in result.items():
        print(name, *(f"  {label}: {t} us" for label, t in times.items()), sep="\n")
    print(json.dumps(result))
