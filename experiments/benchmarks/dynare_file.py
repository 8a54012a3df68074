"""A Dynare file of 60 equations: from the file to the first log-likelihood, and each further one
beside the same model written in Python.

The file is that of Smets and Wouters (2007), 41 equations and 7 observables, with 19 more
variables defined from the others, nothing of which the data or the other equations read.

    python experiments/benchmarks/dynare_file.py
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp

import estim
from estim.posterior import model_loglikelihood

SOURCE = Path(__file__).parents[2] / "tests" / "dynare" / "mod" / "smets_wouters_2007.mod"
EXTRA = 19


def sixty_equations(folder: Path) -> Path:
    names = [f"extra{i}" for i in range(EXTRA)]
    lines = "".join(f"{n} = 0.5*y(-1) + {i + 1}*pinf - w(+1);\n" for i, n in enumerate(names))
    text = SOURCE.read_text().replace("model(linear);", f"var {' '.join(names)};\nmodel(linear);\n{lines}", 1)
    path = folder / "sixty.mod"
    path.write_text(text)
    return path


def compiled(model, observations):
    return jax.jit(
        lambda values: model_loglikelihood(model, model.params(values), observations, presample=4)[0]
    )


def times_ms(runs, repeats: int = 100) -> list[tuple[float, float]]:
    """Fastest and median time of each ``(function, argument)``, in turns: both meet the same machine."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for (function, argument), taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(function(argument))
            taken.append(time.perf_counter() - start)
    return [(1e3 * min(taken), 1e3 * statistics.median(taken)) for taken in times]


def main() -> None:
    data = estim.load_data("us_sw07_authors", start="1965Q1", end="2004Q4")
    with tempfile.TemporaryDirectory() as folder:
        path = sixty_equations(Path(folder))
        start, cpu = time.perf_counter(), time.process_time()
        model = estim.read_mod(path).model
        read = time.perf_counter() - start
        observations = jnp.asarray(data[list(model.observables._fields)].to_numpy())
        values = {n: jnp.asarray(float(v)) for n, v in model.defaults.items()}
        from_file = compiled(model, observations)
        first = float(from_file(values))
        to_first, cpu_to_first = time.perf_counter() - start, time.process_time() - cpu

    twin = estim.load_model("smets_wouters_2007")
    in_python = compiled(twin, observations)
    named = {n.removeprefix("stderr_"): v for n, v in values.items()}
    difference = first - float(in_python(named))
    mod_ms, python_ms = times_ms([(from_file, values), (in_python, named)])
    print(
        json.dumps(
            {
                "benchmark": "dynare_file",
                "equations": len(model.variables._fields),
                "observables": len(model.observables._fields),
                "read_s": round(read, 2),
                "file_to_first_loglikelihood_s": round(to_first, 2),
                "cpu_to_first_loglikelihood_s": round(cpu_to_first, 2),
                "fastest_and_median_ms": [round(t, 3) for t in mod_ms],
                "python_twin_ms": [round(t, 3) for t in python_ms],
                "ratio_of_fastest": round(mod_ms[0] / python_ms[0], 2),
                "difference": difference,
            }
        )
    )


if __name__ == "__main__":
    main()
