"""The log-likelihood of the sticky-wage HANK model: estim against the `sequence-jacobian` package.

CPU seconds a draw (all threads added up), so that a busy machine does not matter; the wall time of a
batch is shown beside, and the memory at its peak. Both have 500 asset points; those of estim crowd near the borrowing
limit, and what moves everything is timed on the package's own points as well, and on 150 crowded ones. Accuracy is
the distance from finer solutions: of the same points without differencing errors, of the package's grid with twice
as many, and of the model itself (2,000 crowded points). Prints one line of JSON last.

    python experiments/benchmarks/hank_likelihood.py [--batch 32] [--gradient] [--accuracy]
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads that wait for each other on a busy machine

import argparse
import json
import resource
import time
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import sequence_jacobian as sj
from jax.sharding import AxisType, PartitionSpec
from sequence_jacobian import estimation

import estim  # noqa: F401
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.models import load_model
from estim.numerics.grids import double_exponential_grid
from estim.solution.sequence_space.linear_system import solve_aggregate_responses, solve_moving_average
from estim.solution.sequence_space.stationary_equilibrium import solve_household_jacobians
from estim.solution.simulate import simulate

MODEL = load_model("auclert_rognlie_straub_2024")
POINT = {
    "sig_m": 1.0, "rho_m": 0.7, "sig_X": 0.5, "rho_X": 0.8, "sig_G": 0.2, "rho_G": 0.7,
    "kappa_w": 0.2, "phi_pi": 1.5, "phi_T": 0.1,
}  # fmt: skip
HORIZON = MODEL.horizon


def with_grid(n_assets, crowding=1.0):
    """The model with another grid of assets."""
    (block,) = MODEL.het_blocks
    assets = lambda p: double_exponential_grid(p.min_a, 1000.0, n_assets, crowding)
    grids = lambda p: block.grids(p)._replace(a=assets(p))
    return replace(MODEL, het_blocks=(replace(block, grids=grids),))


MINE = ("estim", "estim, 150 points", "estim, package's points")
CROWDED, FEW_CROWDED = with_grid(500, 2.5), with_grid(150, 2.5)


@sj.simple
def wages(pi, X, Y, C, kappa_w, vphi, frisch, markup_ss, eis, beta):
    piw = pi + X - X(-1)
    piwres = (
        kappa_w * (vphi * (Y / X) ** (1 / frisch) - X * C ** (-1 / eis) / markup_ss) + beta * piw(+1) - piw
    )
    return piw, piwres


@sj.simple
def rates(pi, ishock, rss, phi_pi):
    i = rss + phi_pi * pi + ishock
    r_ante = i - pi(+1)
    r = r_ante(-1)
    return i, r_ante, r


@sj.solved(unknowns={"B": (-1.0, 1.0)}, targets=["Bres"], solver="brentq")
def fiscal(B, r, G, Tss, phi_T):
    T = Tss + phi_T * B(-1)
    Bres = (1 + r) * B(-1) + G - T - B
    return T, Bres


@sj.simple
def clearing(A, B):
    asset_mkt = A - B
    return asset_mkt


def income(Y, T, e_grid):
    y = (Y - T) * e_grid
    return y


def make_grids(rho_e, sd_e, n_e, min_a, max_a, n_a):
    e_grid, _, Pi = sj.grids.markov_rouwenhorst(rho_e, sd_e, n_e)
    a_grid = sj.grids.asset_grid(min_a, max_a, n_a)
    return e_grid, Pi, a_grid


def hh_init(a_grid, y, r, eis):
    c = np.maximum(0.1, 0.05 * (a_grid - a_grid[0]))[np.newaxis, :] + y[:, np.newaxis]
    Va = (1 + r) * c ** (-1 / eis)
    return Va


class Package:
    """The same computation by sequence-jacobian, as its documentation does it."""

    def __init__(self, data):
        household = sj.hetblocks.hh_sim.hh.add_hetinputs([income, make_grids])
        household.backward_init = type(household.backward_init)(hh_init)
        self.household = household
        self.model = sj.create_model([household, wages, rates, fiscal, clearing], name="sticky wages")
        self.data = data

    def steady_state(self, params, n_assets=500, **household_options):
        same = ("eis", "frisch", "phi_pi", "kappa_w", "phi_T", "rho_e", "sd_e", "min_a")
        calibration = {n: getattr(params, n) for n in same} | {
            "markup_ss": params.markup, "rss": params.r, "n_e": 11, "max_a": 1000, "n_a": n_assets,
            "X": 1.0, "G": 0.0, "B": 0.0, "Tss": 0.0, "ishock": 0.0, "pi": 0.0, "Y": 1.0,
        }  # fmt: skip
        return self.model.solve_steady_state(
            calibration,
            {"beta": 0.82, "vphi": 0.98},
            {"asset_mkt": 0.0, "piwres": 0.0},
            solver="broyden_custom",
            options={self.household.name: household_options},
        )

    def household_jacobian(self, steady, **options):
        return self.household.jacobian(
            steady, inputs=["Y", "T", "r"], outputs=["A", "C"], T=HORIZON, **options
        )

    def responses(self, steady, household_jacobian):
        return self.model.solve_jacobian(
            steady, ["Y", "pi"], ["asset_mkt", "piwres"], ["ishock", "X", "G"],
            outputs=["pi", "Y", "i"], T=HORIZON, Js={self.household.name: household_jacobian},
        )  # fmt: skip

    def loglikelihood(self, G):
        decay = {s: POINT[f"rho_{p}"] ** np.arange(HORIZON) for s, p in _SHOCKS.items()}
        responses = [[_matrix(G, o, s) @ path for s, path in decay.items()] for o in ("pi", "Y", "i")]
        M = np.moveaxis(np.array(responses), 2, 0)
        sigmas = np.array([POINT[f"sig_{p}"] for p in _SHOCKS.values()])
        return estimation.log_likelihood(self.data, estimation.all_covariances(M, sigmas))


_SHOCKS = {"ishock": "m", "X": "X", "G": "G"}


def _matrix(G, output, shock):
    if output in G.outputs and shock in G[output]:
        entry = G[output][shock]
        return entry if isinstance(entry, np.ndarray) else entry.matrix(HORIZON)
    return np.zeros((HORIZON, HORIZON))


def seconds(function, repeats):
    """Median CPU and wall seconds of a call, after one that warms up."""
    function()
    spent = []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        function()
        spent.append((time.process_time() - cpu, time.perf_counter() - wall))
    return [float(x) for x in np.median(spent, axis=0)]


def over_devices(function, solve=lambda p: p):
    """A batch of draws, spread over the host's devices; on each `solve` takes all at once, `function` one by one."""
    mesh = jax.make_mesh((jax.device_count(),), ("draw",), axis_types=(AxisType.Auto,))
    spec = PartitionSpec("draw")
    mapped = lambda draws: jax.lax.map(function, jax.vmap(solve)(draws))
    return jax.jit(jax.shard_map(mapped, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False))


def memory():
    """The process's memory at its peak so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def accuracy(package, num_points=6):
    """Distances between solutions at points around the reference one: median and maximum of the
    log-likelihood's, and of the household Jacobians' relative to their largest entry."""
    rng, observations = np.random.default_rng(1), jnp.asarray(package.data)

    def ours(model):
        @jax.jit
        def solve(params):
            household = solve_household_jacobians(model, params)
            moving_average = solve_moving_average(model, params, household)
            value = toeplitz_loglikelihood(moving_average, observations)
            return value, household.jacobians["A", "r"], household.jacobians["A", "Z"]

        return solve

    def theirs(options=None, **differences):
        def solve(params, n_assets):
            steady = package.steady_state(params, n_assets, **(options or {}))
            jacobian = package.household_jacobian(steady, **differences)
            value = package.loglikelihood(package.responses(steady, jacobian))
            return value - package.data.size / 2 * np.log(2 * np.pi), jacobian["A"]["r"], jacobian["A"]["Y"]

        return solve

    default, tight = theirs(), theirs({"backward_tol": 1e-12, "forward_tol": 1e-13}, h=1e-5, twosided=True)
    solvers = {
        "estim": ours(CROWDED),
        "estim, 150 points": ours(FEW_CROWDED),
        "estim, package's points": ours(MODEL),
        "estim, double": ours(with_grid(1000, 2.5)),
        "estim, package's double": ours(with_grid(1000)),
        "the model": ours(with_grid(2000, 2.5)),
        "package": lambda p: default(p, 500),
        "package, exact": lambda p: tight(p, 500),
        "package, double": lambda p: tight(p, 1000),
    }
    pairs = [
        ("estim, package's points", "package, exact"), ("package", "package, exact"),
        ("estim, package's double", "package, double"),
        ("estim", "estim, double"),
        *[(s, to) for to in ("package, double", "the model") for s in (*MINE, "package")],
    ]  # fmt: skip
    found = {pair: [] for pair in pairs}
    for k in range(num_points):
        spread = {"eis": 0.08, "rho_e": 0.02, "sd_e": 0.08, "kappa_w": 0.2, "phi_pi": 0.1}
        moved = {n: 1 + (k > 0) * width * rng.uniform(-1, 1) for n, width in spread.items()}
        point = MODEL.params(POINT)
        point = point._replace(**{n: getattr(point, n) * factor for n, factor in moved.items()})
        solved = {name: solve(point) for name, solve in solvers.items()}
        for one, other in pairs:
            found[one, other].append(_distance(solved[one], solved[other]))
        print({f"{one} to {other}": each[-1] for (one, other), each in found.items()}, flush=True)
    names = ("loglikelihood", "jacobians")
    return {
        f"{one} to {other}": {
            n: {"median": float(np.median(x)), "max": float(np.max(x))}
            for n, x in zip(names, np.abs(each).T, strict=True)
        }
        for (one, other), each in found.items()
    }


def _distance(a, b):
    """Of log-likelihoods, with its sign, and of the Jacobians relative to their largest entry."""
    jacobians = [float(np.abs(x - y).max() / np.abs(y).max()) for x, y in zip(a[1:], b[1:], strict=True)]
    return float(a[0] - b[0]), max(jacobians)


def draws(num, names):
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: jnp.full(num, float(x)), MODEL.params(POINT))
    moved = {n: getattr(params, n) * (1 + 0.01 * rng.uniform(-1, 1, num)) for n in names}
    return params._replace(**moved)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument(
        "--gradient", action="store_true", help="also time value and gradient in all parameters"
    )
    parser.add_argument("--accuracy", action="store_true", help="also compare with finer solutions")
    arguments = parser.parse_args()

    params = MODEL.params(POINT)
    household = jax.jit(lambda p: solve_household_jacobians(CROWDED, p))(params)
    responses = jax.jit(lambda p, h: solve_aggregate_responses(CROWDED, p, h))(params, household)
    solution = jax.jit(lambda p, h: solve_moving_average(CROWDED, p, h))(params, household)
    data = np.asarray(simulate(solution, jax.random.key(0), 216))
    observations = jnp.asarray(data)  # outside of what is traced, where it is seen to be complete

    def loglikelihood(p, given=None, model=CROWDED):
        return toeplitz_loglikelihood(solve_moving_average(model, p, given), observations)

    package = Package(data)
    steady = package.steady_state(params)
    jacobian = package.household_jacobian(steady)
    G = package.responses(steady, jacobian)

    def package_everything():
        steady = package.steady_state(params)
        return package.loglikelihood(package.responses(steady, package.household_jacobian(steady)))

    shocks = ("sig_m", "rho_m", "sig_X", "rho_X", "sig_G", "rho_G")
    rows = {
        "shocks": (
            over_devices(
                lambda ma: toeplitz_loglikelihood(ma, observations),
                lambda p: solve_moving_average(CROWDED, p, responses),
            ),
            shocks,
            lambda: package.loglikelihood(G),
        ),
        "aggregate": (
            over_devices(lambda p: loglikelihood(p, household)), (*shocks, "kappa_w", "phi_pi", "phi_T"),
            lambda: package.loglikelihood(package.responses(steady, jacobian)),
        ),
        **{
            f"everything{grid}": (
                over_devices(partial(loglikelihood, model=model)), ("eis", "sd_e", "kappa_w", *shocks),
                package_everything,
            )
            for grid, model in (("", CROWDED), (", package's points", MODEL), (", 150 points", FEW_CROWDED))
        },
    }  # fmt: skip
    result = {
        "batch": arguments.batch,
        "difference": float(loglikelihood(params, model=MODEL))
        + data.size / 2 * np.log(2 * np.pi)
        - package.loglikelihood(G),
    }
    for name, (batched, moved, theirs) in rows.items():
        batch = draws(arguments.batch, moved)
        cpu, wall = seconds(lambda batched=batched, batch=batch: batched(batch).block_until_ready(), 3)
        package_cpu, _ = seconds(theirs, 3)
        ours_ms, theirs_ms = 1e3 * cpu / arguments.batch, 1e3 * package_cpu
        result[name] = {
            "estim_ms": ours_ms, "package_ms": theirs_ms, "ratio": theirs_ms / ours_ms,
            "batch_wall_ms": 1e3 * wall, "cores_busy": cpu / wall,
            "peak_mib": memory(),
        }  # fmt: skip
        print(name, result[name], flush=True)
    if arguments.gradient:
        batched = over_devices(jax.value_and_grad(loglikelihood))
        batch = draws(arguments.batch, rows["everything"][1])
        cpu, wall = seconds(lambda: jax.block_until_ready(batched(batch)), 1)
        ms = 1e3 * cpu / arguments.batch
        result["gradient"] = {
            "estim_ms": ms, "ratio_to_value": ms / result["everything"]["estim_ms"],
            "batch_wall_ms": 1e3 * wall, "cores_busy": cpu / wall, "peak_mib": memory(),
        }  # fmt: skip
        print("gradient", result["gradient"], flush=True)
    if arguments.accuracy:
        result["accuracy"] = accuracy(package)
        print("accuracy", result["accuracy"], flush=True)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
