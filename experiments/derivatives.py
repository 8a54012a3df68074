"""The derivatives of the log-likelihood of gallery models beside finite differences, at full size.

    python experiments/derivatives.py [--directions N] [MODEL ...]

For each model, the gradient in every parameter, those of households included, and the Hessian times a direction that
moves every parameter, at the published parameters, given eight periods of noise. The log-likelihood of a
heterogeneous-agent model has a kink where a household's choice crosses a grid point or a bound, two or three in a
millionth of a parameter of Krusell and Smith's model, so that the steps of the differences are small, and the
differences are the median of three stretches: between two kinks the function is smooth.
Where one evaluation takes long, N random directions that move every parameter take the place of the
parameters one by one: a mistake in any of them shows in each. The last line is JSON.
"""

import argparse
import json
import time

import numpy as np

import estim
from estim.estimation import model_loglikelihood
from estim.gradients import GradientCheck, check_gradients

SMOOTH, KINKED = {"step": 1e-4}, {"step": 1e-7, "pieces": 3}


def check(model: estim.Model, num_directions: int = 0) -> GradientCheck:
    """The comparison at the published parameters, or where none are published at the calibrated ones."""
    observations = 0.1 * np.random.default_rng(0).standard_normal((8, len(model.observables._fields)))
    point = {n: float(v) for n, v in model.params()._asdict().items() if n not in model.unknowns}
    point |= {n: float(v) for n, v in model.published.items() if n in point}
    loglikelihood = lambda values: model_loglikelihood(model, model.params(values), observations)[0]
    how = KINKED if model.het_blocks else SMOOTH
    if not num_directions:
        return check_gradients(loglikelihood, point, **how)
    moves = np.random.default_rng(1).uniform(0.5, 1.0, (num_directions, len(point)))
    moves *= np.random.default_rng(2).choice([-1.0, 1.0], moves.shape)

    def along(steps):
        sizes = [max(abs(value), 0.01) for value in point.values()]
        names = zip(point, sizes, moves.T, strict=True)
        return loglikelihood({n: point[n] + size * (steps @ move) for n, size, move in names})

    return check_gradients(along, np.zeros(num_directions), scales=np.ones(num_directions), **how)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*")
    parser.add_argument("--directions", type=int, default=0)
    arguments = parser.parse_args()
    result = {}
    for name in arguments.models or estim.list_models(estim.Model):
        begun = time.perf_counter()
        found = check(estim.load_model(name), arguments.directions)
        print(f"{name}: gradient {found.error:.1e}, Hessian-vector product {found.product_error:.1e}")
        for row in zip(*found, strict=True):
            print("  {:12s} {:13.6g} {:13.6g}   {:13.6g} {:13.6g}".format(*row), flush=True)
        result[name] = {
            "gradient": found.error,
            "product": found.product_error,
            "seconds": round(time.perf_counter() - begun),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
