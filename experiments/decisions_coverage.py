"""Do bands cover? Fifty simulated data sets of job search and of bus engines, each estimated by NUTS.

    python experiments/decisions_coverage.py [DIRECTORY]

Each data set is one line of JSON in DIRECTORY/coverage.jsonl, ``{"model", "seed", "covered": {parameter: whether its
90 % band has the truth}}``; what is there is not done again, so that an interrupted run goes on. The last line sums up:
the share of bands that cover, pooled, and the smallest count of a parameter.
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np

import estim

NUM_DATA_SETS, BAND = 50, 0.9
CASES = {
    "mccall_1970": ({"c": 0.6, "lam": 0.4, "mu": 0.0, "sigma": 0.5, "sigma_m": 0.1}, 2000),
    "rust_1987": ({"RC": 10.0, "theta1": 3.0, "p0": 0.35, "p1": 0.6}, 100),
}
SAMPLING = {"num_chains": 2, "num_warmup": 400, "num_samples": 500}


def covered(name, seed):
    """Whether the band of each parameter has the truth."""
    truth, num_agents = CASES[name]
    model = estim.load_model(name)
    of_data, of_draws = jax.random.split(jax.random.key(seed))
    data = estim.simulate_agents(model, truth, num_agents, rng_key=of_data)
    posterior = estim.build_posterior(model, data)
    tree = estim.to_datatree(estim.sample(posterior, "nuts", of_draws, **SAMPLING), posterior)
    draws = tree["posterior"].to_dataset()
    tail = (1 - BAND) / 2
    bands = {n: np.quantile(draws[n].to_numpy(), [tail, 1 - tail]) for n in truth}
    return {n: bool(low <= truth[n] <= high) for n, (low, high) in bands.items()}


def main(directory="runs/decisions_coverage", cases=tuple(CASES), covered=covered, num=NUM_DATA_SETS):
    """The rows of `cases`, `num` data sets each, of which ``covered(name, seed)`` makes one."""
    path = Path(directory) / "coverage.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(line["model"], line["seed"]) for line in lines}
    for seed in range(num):
        for name in cases:
            if (name, seed) in done:
                continue
            lines.append({"model": name, "seed": seed, "covered": covered(name, seed)})
            with path.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            print(json.dumps(lines[-1]), flush=True)
    counts = {}
    for line in lines:
        for n, inside in line["covered"].items():
            counts[f"{line['model']}.{n}"] = counts.get(f"{line['model']}.{n}", 0) + inside
    pooled = sum(counts.values()) / sum(len(line["covered"]) for line in lines)
    print(json.dumps({"pooled": pooled, "smallest": min(counts.values()), "counts": counts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
