"""One model estimated in several ways: chains that are kept as they are finished, and tables of what they say.

For `lower_bound_us.py` and `nonlinear_an_schorfheide.py`. Each chain is a file, which another call does not do again:
stop it whenever you like, and call it again. A row of the table uses the chains that there are; one that has none stays
as the table of an earlier call has it.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd

import estim
from estim.results.diagnostics import summarise
from estim.samplers.constrain import constrain


@dataclass(frozen=True)
class Row:
    """One way: a model, data, solver and likelihood, the sampler that suits it, and of how many of its steps one is
    kept (warm-up has as many times more); and what else the sampler is told."""

    model: Any
    data: pd.DataFrame
    solver: Any
    likelihood: Any
    algorithm: str = "nuts"
    steps: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def posterior(self) -> Any:
        return estim.build_posterior(self.model, self.data, solver=self.solver, likelihood=self.likelihood)


def command_line(name: str, rows: dict[str, Row]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=name)
    parser.add_argument("--row", nargs="*", choices=list(rows), default=list(rows))
    parser.add_argument("--num-samples", type=int, default=1000)
    parser.add_argument("--num-warmup", type=int, default=500)
    parser.add_argument("--num-chains", type=int, default=4)
    parser.add_argument("--folder", type=Path, default=Path("runs") / name, help="of the chains")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results" / name, help="of the tables"
    )
    arguments = parser.parse_args()
    for folder in (arguments.folder, arguments.results):
        folder.mkdir(parents=True, exist_ok=True)
    return arguments


def sample_rows(rows: dict[str, Row], arguments: argparse.Namespace) -> None:
    """The chains that are not there yet, the first of every row before the second of any."""
    for chain in range(arguments.num_chains):
        for name in arguments.row:
            path = arguments.folder / f"{name}_{chain}.npz"
            if path.exists():
                continue
            row, begin = rows[name], time.process_time()
            key = jax.random.fold_in(jax.random.key(list(rows).index(name)), chain)
            draws = estim.sample(
                row.posterior,
                row.algorithm,
                key,
                num_samples=arguments.num_samples * row.steps,
                num_warmup=arguments.num_warmup * row.steps,
                num_chains=1,
                thin_evaluations=row.steps,
                **row.settings,
            )
            seconds = time.process_time() - begin
            failures = sum(draws.failures.values())
            part = path.with_suffix(".part.npz")
            np.savez(part, position=draws.position[0, :: row.steps], seconds=seconds, failures=failures)
            part.rename(path)
            effort = ""
            if row.steps == 1:
                stats = draws.stats
                effort = (
                    f", {stats['n_steps'].mean():.0f} gradients a draw, {stats['diverging'].sum()} diverge"
                )
            said = (
                f"{name}, chain {chain}: {seconds:.0f} s{effort}, {failures} evaluations without a solution"
            )
            print(said, flush=True)


def chains(folder: Path, name: str) -> dict[str, np.ndarray] | None:
    """What the finished chains of a row hold, ``[chain, ...]`` each; None where there is none."""
    files = sorted(path for path in folder.glob(f"{name}_*.npz") if ".part" not in path.name)
    parts = [dict(np.load(path)) for path in files]
    if not parts:
        return None
    shortest = min(len(part["position"]) for part in parts)
    return {
        "position": np.stack([part["position"][:shortest] for part in parts]),
        "seconds": np.array([part["seconds"] for part in parts]),
        "failures": np.array([part["failures"] for part in parts]),
    }


def earlier(path: Path) -> pd.DataFrame:
    """A table that an earlier call wrote; an empty one where there is none."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def table(rows: dict[str, Row], folder: Path, before: pd.DataFrame) -> pd.DataFrame:
    """By row and parameter: mean, standard deviation, 5 and 95 % quantile, how far the mean is from the first row's in
    that one's standard deviations, effective draws and R-hat; and by row the chains and the seconds of processor time
    that they took. The lines of rows without chains are those of the table `before`."""
    lines: list[dict[str, Any]] = []
    first: dict[str, tuple[float, float]] = {}
    for name, row in rows.items():
        found = chains(folder, name)
        if found is None:
            if len(before):
                kept = before[before["row"] == name].to_dict("records")
                lines += kept
                for line in kept:
                    first.setdefault(line["parameter"], (line["mean"], line["sd"]))
            continue
        posterior = row.posterior
        estimated = row.model.estimated
        params = constrain(posterior, found["position"])[..., : len(estimated)]
        said = summarise(params)
        for i, parameter in enumerate(estimated):
            at, spread = first.setdefault(parameter, (said.mean[i], said.std[i]))
            lines.append(
                {
                    "row": name,
                    "parameter": parameter,
                    "mean": said.mean[i],
                    "sd": said.std[i],
                    "5 %": said.quantiles[0, i],
                    "95 %": said.quantiles[2, i],
                    "apart": (said.mean[i] - at) / spread,
                    "effective": round(float(said.ess_bulk[i])),
                    "rhat": said.rhat[i],
                    "chains": len(params),
                    "draws": params.shape[0] * params.shape[1],
                    "seconds": float(found["seconds"].sum()),
                    "failed": int(found["failures"].sum()),
                }
            )
    return pd.DataFrame(lines)


def some_params(row: Row, folder: Path, name: str, num: int) -> list[Any]:
    """At most `num` draws of a row's parameters, evenly spaced, as the model's own."""
    found = chains(folder, name)
    if found is None:
        return []
    flat = found["position"].reshape(-1, found["position"].shape[-1])
    chosen = flat[np.linspace(0, len(flat) - 1, min(num, len(flat))).astype(int)]
    values = constrain(row.posterior, chosen)[:, : len(row.model.estimated)]
    return [row.model.params(dict(zip(row.model.estimated, map(float, v), strict=True))) for v in values]


def bands(index: Any, paths: np.ndarray) -> pd.DataFrame:
    """5 %, median and 95 % of paths ``[n, n_periods]``; draws in which something is no number are left out."""
    known = paths[np.isfinite(paths).all(axis=1)]
    values = np.quantile(known, [0.05, 0.5, 0.95], axis=0).T
    return pd.DataFrame(values, index=index, columns=["5 %", "50 %", "95 %"])


def write(frame: pd.DataFrame, path: Path, index: bool = False) -> None:
    frame.to_csv(path, index=index, float_format="%.4g", lineterminator="\n")
    print(path.name, f"{len(frame)} lines", flush=True)


def in_short(said: pd.DataFrame) -> dict[str, Any]:
    """By row: the largest distance of a mean from the first row's, seconds, effective draws and R-hat."""
    return {
        str(name): {
            "farthest": round(float(lines["apart"].abs().max()), 2),
            "seconds": round(float(lines["seconds"].iloc[0])),
            "least effective": int(lines["effective"].min()),
            "largest R-hat": round(float(lines["rhat"].max()), 3),
        }
        for name, lines in said.groupby("row", sort=False)
    }
