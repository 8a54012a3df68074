"""Dynare files of 60 equations and 7 observables: from the file to the first log-likelihood, and each
further one beside the same model written in Python.

The linear file is that of Smets and Wouters (2007), 41 equations, with 19 more variables defined
from the others, nothing of which the data or the other equations read; its twin is the gallery's
model with the same variables added in Python. The non-linear file is ten growth models side by
side, and its steady state must be searched for. The compilation cache is switched off.

    python experiments/benchmarks/dynare_file.py
"""

import json
import statistics
import tempfile
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim.estimation import model_loglikelihood

MODELS = Path(__file__).parents[2] / "tests" / "dynare" / "mod"
EXTRA = 19

GROWTH = """
@#define n = 1:10
@#for i in n
var y_@{i} c_@{i} k_@{i} i_@{i} h_@{i} a_@{i};
varexo e_@{i};
@#endfor
parameters alpha beta delta rho psi sigma;
alpha = 0.33; beta = 0.99; delta = 0.025; rho = 0.95; psi = 1.75; sigma = 2;
model;
@#for i in n
exp(-sigma*c_@{i}) = beta*exp(-sigma*c_@{i}(+1))*(1 - delta + alpha*exp(y_@{i}(+1) - k_@{i}));
psi*exp(sigma*c_@{i})/(1 - exp(h_@{i})) = (1 - alpha)*exp(y_@{i} - h_@{i});
exp(y_@{i}) = exp(a_@{i} + alpha*k_@{i}(-1) + (1 - alpha)*h_@{i});
exp(c_@{i}) + exp(i_@{i}) = exp(y_@{i});
exp(k_@{i}) = (1 - delta)*exp(k_@{i}(-1)) + exp(i_@{i});
a_@{i} = rho*a_@{i}(-1) + e_@{i};
@#endfor
end;
initval;
@#for i in n
k_@{i} = 2.2; h_@{i} = -1.1; y_@{i} = 0; c_@{i} = -0.25; i_@{i} = -1.5;
@#endfor
end;
shocks;
@#for i in n
var e_@{i}; stderr 0.01;
@#endfor
end;
varobs y_1 y_2 y_3 y_4 y_5 y_6 y_7;
estimated_params; rho, 0.95, beta_pdf, 0.9, 0.05; sigma, 2, gamma_pdf, 2, 0.5; end;
"""


def linear_file(folder: Path) -> Path:
    names = [f"extra{i}" for i in range(EXTRA)]
    lines = "".join(f"{n} = 0.5*y(-1) + {i + 1}*pinf - w(+1);\n" for i, n in enumerate(names))
    text = (MODELS / "smets_wouters_2007.mod").read_text()
    path = folder / "linear.mod"
    path.write_text(text.replace("model(linear);", f"var {' '.join(names)};\nmodel(linear);\n{lines}", 1))
    return path


def with_extras(model):
    """The same 19 variables added to a Python model."""
    own = len(model.variables._fields)
    names = [f"extra{i}" for i in range(EXTRA)]
    variables = namedtuple("Variables", [*model.variables._fields, *names])
    inner = lambda v: model.variables(*v[:own])

    def residuals(lag, now, lead, shocks, p):
        extras = {
            n: getattr(now, n) - (0.5 * lag.y + (i + 1) * now.pinf - lead.w) for i, n in enumerate(names)
        }
        return model.residuals(inner(lag), inner(now), inner(lead), shocks, p) | extras

    return replace(
        model,
        variables=variables,
        steady_state=lambda p: variables(*model.steady_state(p), *[0.0] * EXTRA),
        residuals=residuals,
        measurement=lambda now, lag, p: model.measurement(inner(now), inner(lag), p),
    )


def growth_file(folder: Path) -> Path:
    path = folder / "growth.mod"
    path.write_text(GROWTH)
    return path


def compiled(model, observations):
    return jax.jit(
        lambda values: model_loglikelihood(model, model.params(values), observations, presample=4)[0]
    )


def from_file(path: Path, data):
    """Model, compiled log-likelihood, its argument and value; wall and CPU seconds to get there."""
    start, cpu = time.perf_counter(), time.process_time()
    model = estim.read_mod(path).model
    observations = jnp.asarray(data(model))
    values = {n: jnp.asarray(float(v)) for n, v in model.defaults.items()}
    loglikelihood = compiled(model, observations)
    first = float(loglikelihood(values))
    seconds = time.perf_counter() - start, time.process_time() - cpu
    return model, observations, loglikelihood, values, first, seconds


def cpu_ms(runs, rounds: int = 30, calls: int = 10) -> list[list[float]]:
    """CPU time of each ``(function, argument)``, in turns: both meet the same machine."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for (function, argument), taken in zip(runs, times, strict=True):
            start = time.process_time()
            for _ in range(calls):
                jax.block_until_ready(function(argument))
            taken.append(1e3 * (time.process_time() - start) / calls)
    return times


def main() -> None:
    jax.config.update("jax_enable_compilation_cache", False)
    data = estim.load_data("us_sw07_authors", start="1965Q1", end="2004Q4")
    noise = np.random.default_rng(0).normal(0.0, 0.01, (160, 7))
    with tempfile.TemporaryDirectory() as folder:
        linear = from_file(linear_file(Path(folder)), lambda m: data[list(m.observables._fields)].to_numpy())
        growth = from_file(growth_file(Path(folder)), lambda m: noise)
    model, observations, loglikelihood, values, first, seconds = linear
    in_python = compiled(with_extras(estim.load_model("smets_wouters_2007")), observations)
    named = {n.removeprefix("stderr_"): v for n, v in values.items()}
    difference = first - float(in_python(named))
    mod, python = cpu_ms([(loglikelihood, values), (in_python, named)])
    print(
        json.dumps(
            {
                "benchmark": "dynare_file",
                "equations": [len(m.variables._fields) for m in (model, growth[0])],
                "observables": [len(m.observables._fields) for m in (model, growth[0])],
                "linear_to_first_s": [round(s, 1) for s in seconds],
                "growth_to_first_s": [round(s, 1) for s in growth[-1]],
                "growth_is_finite": bool(np.isfinite(growth[-2])),
                "cpu_ms_from_file": round(statistics.median(mod), 3),
                "cpu_ms_in_python": round(statistics.median(python), 3),
                "ratio": round(statistics.median(a / b for a, b in zip(mod, python, strict=True)), 2),
                "difference": difference,
            }
        )
    )


if __name__ == "__main__":
    main()
