"""What a file's `estimation`, `data` and `stoch_simul` commands ask for, as plain values."""

import re
from typing import NamedTuple

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.estimated import DSGE_VAR
from estim.dynare.reading.syntax import Option

STARTS = {1: "stationary", 2: "approximate_diffuse", 3: "diffuse", 4: "riccati"}
"""Dynare's `lik_init` in the words of `estim.likelihood`."""

DATE = r"-?\d+[YyAaQqMmWwHhSs]\d*"
"""A date of Dynare's: a year with a letter and the part of it."""

MAX_PERIODS = 10_000
"""More periods of responses, autocorrelations or forecasts are a typing error."""


class EstimationSettings(NamedTuple):
    """Options of `estimation` (and `data`) that have a meaning here, with Dynare's defaults.

    ``first_obs`` counts rows of the data file from 1, or is a date such as 2003Q1, as is ``last_obs``; ``nobs`` is None
    for all that follow.
    ``prefilter`` removes the mean of each series; ``log`` takes logs of the data first (Dynare
    does with `loglinear`, unless `logdata` says that they are logs). ``lik_init`` is Dynare's
    number, see `STARTS`. ``centred_over`` is the number of periods over which `prefilter` takes the mean out of
    trends too, None where there are none. ``shock_scales`` is what the standard deviation of each shock is multiplied
    by in each period of the sample, None without a heteroskedastic filter; ``dsge_var`` the lags of a DSGE-VAR and the
    weight of its prior, a number or the parameter's name in Dynare, None without one.
    """

    datafile: str | None = None
    first_obs: int | str = 1
    nobs: int | None = None
    presample: int = 0
    prefilter: bool = False
    log: bool = False
    lik_init: int = 1
    sheet: str | int = 0
    cells: str | None = None
    centred_over: int | None = None
    last_obs: str | None = None
    shock_scales: tuple[tuple[float, ...], ...] | None = None
    dsge_var: tuple[int, float | str] | None = None


class StochSimulSettings(NamedTuple):
    """What `stoch_simul` asks for: ``irf`` periods of responses of ``variables`` to ``shocks`` (all
    where none are named), ``ar`` autocorrelations, the smoothing parameter of a Hodrick-Prescott
    filter on the moments, a variance decomposition at each of the horizons ``conditional``;
    ``estimated`` where an `estimation` comes before; ``order`` of the solution."""

    variables: tuple[str, ...]
    shocks: tuple[str, ...]
    irf: int = 40
    ar: int = 5
    hp_filter: float | None = None
    conditional: tuple[int, ...] = ()
    estimated: bool = False
    order: int = 1


def estimation_settings(c: Contents) -> EstimationSettings:
    """What `estimation` says, and where it is silent `method_of_moments`, `calib_smoother` and `data`."""
    options = (
        c.options.get("data", {})
        | c.options.get("calib_smoother", {})
        | c.options.get("method_of_moments", {})
        | c.options.get("estimation", {})
    )
    count = lambda name, default: whole(c, options.get(name), default)
    datafile = options.get("datafile") or c.options.get("data", {}).get("file")
    first = _row(c, options.get("first_obs"), 1)
    last = options.get("last_obs")
    until = _row(c, last, 0) if last else None
    nobs = (
        until - first + 1
        if isinstance(until, int) and isinstance(first, int)
        else _count(c, options.get("nobs"))
    )
    diffuse = "diffuse_filter" in options or count("kalman_algo", 0) > 2  # 3 and 4 are diffuse filters
    lik_init = 3 if diffuse else count("lik_init", 1)
    if lik_init not in STARTS:
        raise c.source.unsupported(f"'lik_init={lik_init}'", options["lik_init"].at)
    return EstimationSettings(
        datafile=_text(datafile),
        first_obs=first,
        nobs=nobs or None,
        last_obs=until if isinstance(until, str) else None,
        presample=count("presample", 0),
        prefilter=count("prefilter", 0) == 1,
        log="loglinear" in options and "logdata" not in options,
        lik_init=lik_init,
        sheet=_text(options.get("xls_sheet")) or 0,
        cells=_text(options.get("xls_range")),
        centred_over=c.centred_over,
        shock_scales=_shock_scales(c, options.get("heteroskedastic_filter")),
        dsge_var=_dsge_var(c, options),
    )


def stoch_simul_settings(c: Contents) -> StochSimulSettings:
    """Dynare's defaults where the file has no such command."""
    options = c.options.get("stoch_simul", {})
    filtered = options.get("hp_filter")
    commands = list(c.seen)
    return StochSimulSettings(
        variables=tuple(v for v in c.selected.get("stoch_simul", ()) if v in c.variables)
        or tuple(c.variables),
        shocks=_shocks(c, options.get("irf_shocks")),
        irf=whole(c, options.get("irf"), 40, MAX_PERIODS),
        ar=whole(c, options.get("ar"), 5, MAX_PERIODS),
        hp_filter=number(c, filtered) if filtered else None,
        conditional=_periods(c, options.get("conditional_variance_decomposition")),
        estimated="stoch_simul" in commands and "estimation" in commands[: commands.index("stoch_simul")],
        order=whole(c, options.get("order"), 1),
    )


def _dsge_var(c: Contents, options: dict[str, Option]) -> tuple[int, float | str] | None:
    """Lags and weight; the weight is a parameter where the option has no number."""
    given = options.get("dsge_var")
    if given is None:
        return None
    lags = whole(c, options.get("dsge_varlag"), 4, MAX_PERIODS)
    if given.value:
        return lags, number(c, given)
    if DSGE_VAR not in c.parameters:
        raise c.source.error(f"'dsge_var' needs a number, or '{DSGE_VAR}' in 'estimated_params'", given.at)
    return lags, DSGE_VAR


def _shock_scales(c: Contents, option: Option | None) -> tuple[tuple[float, ...], ...] | None:
    """By period of the sample and shock."""
    if option is None:
        return None
    if not c.scaled:
        raise c.source.error("'heteroskedastic_filter' needs a block 'heteroskedastic_shocks'", option.at)
    rows = [dict.fromkeys(c.shocks, 1.0) for _ in range(max(t for path in c.scaled.values() for t in path))]
    for name, path in c.scaled.items():
        for t, (kind, number) in path.items():
            usual = c.stderr.get(name, 0.0) if kind == "values" else 1.0
            if kind == "values" and ("stderr", name) in c.priors:
                raise c.source.unsupported(
                    f"a value for '{name}' in 'heteroskedastic_shocks' whose standard deviation is estimated (say it "
                    "by 'scales')",
                    option.at,
                )
            if not usual:
                raise c.source.error(
                    f"'{name}' in 'heteroskedastic_shocks' has no standard deviation that could be multiplied",
                    option.at,
                )
            rows[t - 1][name] = number / usual
    return tuple(tuple(row.values()) for row in rows)


def _row(c: Contents, option: Option | None, default: int) -> int | str:
    """A row of the data: its number, the first of several, or its date."""
    text = (option.value or "").strip("'\"") if option else ""
    if re.fullmatch(DATE, text):
        return text.upper()
    if option and (several := re.fullmatch(r"\[\s*(\d+)\b.*\]", text, re.ASCII)):
        c.warn(f"'{option.name}={option.value}': the first is taken", option.at)
        return int(several[1])
    return whole(c, option, default)


def _count(c: Contents, option: Option | None) -> int:
    """The number of observations; of several, the last, which is the largest sample."""
    found = re.fullmatch(r"\[.*?(\d+)\s*\]", (option.value or "") if option else "", re.ASCII)
    if option and found:
        c.warn(f"'{option.name}={option.value}': the last is taken", option.at)
        return int(found[1])
    return whole(c, option, 0)


def _shocks(c: Contents, option: Option | None) -> tuple[str, ...]:
    """The shocks of ``irf_shocks = (e, u)``."""
    if option is None:
        return tuple(c.shocks)
    names = re.findall(r"\w+", option.value or "")
    for name in names:
        c.require(name, option.at, "shocks")
    return tuple(names)


def _periods(c: Contents, option: Option | None) -> tuple[int, ...]:
    """``4``, ``[1, 4, 40]`` or ``[1:4]``, in increasing order."""
    if option is None:
        return ()
    found = set[int]()
    for word in re.split(r"[\s,]+", (option.value or "").strip("[] ")):
        match = re.fullmatch(r"([1-9]\d{0,9})(?::(\d{1,10}))?", word, re.ASCII)
        if match is None:
            raise c.source.error(
                f"'{option.name}' must list periods from 1 on, not {option.value}", option.at
            )
        if max(map(int, filter(None, match.groups()))) > MAX_PERIODS:
            raise c.source.error(f"'{option.name}' asks for more than {MAX_PERIODS} periods", option.at)
        found |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(sorted(found))


def _text(option: Option | None) -> str | None:
    return option.value.strip("'\"") if option and option.value else None


def whole(c: Contents, option: Option | None, default: int, most: int = 10**9) -> int:
    """The whole number that an option gives, from 0 to `most`, or the default without it."""
    if option is None:
        return default
    if not re.fullmatch(r"\d+", option.value or "", re.ASCII):
        raise c.source.error(f"'{option.name}' must be a whole number, not {option.value}", option.at)
    if len(option.value or "") > 18 or int(option.value or 0) > most:
        raise c.source.error(f"'{option.name}' must be at most {most}, not {option.value}", option.at)
    return int(option.value or 0)


def number(c: Contents, option: Option) -> float:
    """The number that an option gives."""
    try:
        return float(option.value or "")
    except ValueError:
        raise c.source.error(f"'{option.name}' must be a number, not {option.value}", option.at) from None
