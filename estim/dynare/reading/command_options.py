"""Commands with options: which options are followed, which change no number, which are refused."""

import copy

import numpy as np

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.histories import ends_at_rest
from estim.dynare.reading.scanner import FOLLOW_UP
from estim.dynare.reading.settings import number, whole
from estim.dynare.reading.syntax import Option, Statement

_STEPS = 50
"""More steps of a homotopy are not taken: they only lead to where it ends."""


def command(c: Contents, s: Statement) -> None:
    unsupported = _UNSUPPORTED_OPTIONS.get(s.keyword, {})
    for option in s.options:
        if option.name in unsupported:
            c.pass_over(f"{unsupported[option.name]} ('{s.keyword}({option.name})')", option.at)
            if s.keyword == "estimation":
                c.beyond = unsupported[option.name], option.at
                continue
            what = f"{s.keyword} with {unsupported[option.name]}"
            c.commands[-1] = Statement("unsupported", (), (what,), s.at), c.now
            return
        if option.name == "prior_trunc" and number(c, option) != 0:
            raise c.source.unsupported(f"'prior_trunc={option.value}'", option.at)
        if option.name == "order" and option.value not in _ORDERS.get(s.keyword, ("1",)):
            c.warn(f"'{s.keyword}(order={option.value})': estim solves to first order", option.at)
    if s.keyword == "stoch_simul" and s.option("order") is None:
        c.warn("'stoch_simul' without 'order=1' means order 2 in Dynare; estim solves to first order", s.at)
    followed = FOLLOWED[s.keyword] | HARMLESS
    if idle := [o.name for o in s.options if o.name not in followed and (o.name, o.value) not in _DEFAULTS]:
        c.warn(f"skipped: options of '{s.keyword}' that estim does not follow: {', '.join(idle)}", s.at)
    c.options.setdefault(s.keyword, {}).update({o.name: o for o in s.options})
    if s.keyword == "model_comparison":
        return
    c.selected[s.keyword] = tuple(n.name for n in s.items)
    for name in s.items:
        if s.keyword in FOLLOW_UP and c.role(name.name) is None:
            c.warn(
                f"skipped: '{name.name}' in '{s.keyword}', which is none of the model's variables", name.at
            )
            continue
        c.require(name.name, name.at, "variables", *(["shocks"] if s.keyword != "estimation" else []))
    if s.keyword == "steady":
        ends_at_rest(c)
        _move(c)
    if s.keyword in ("stoch_simul", "estimation"):
        c.note(s.keyword)
        if s.keyword == "estimation" and c.priors:
            c.estimated = copy.deepcopy(c.priors)


def unit_root_vars(c: Contents, s: Statement) -> None:
    """Dynare knows it as another word for a diffuse filter and an unchecked steady state."""
    for command, option in (("estimation", "diffuse_filter"), ("steady", "nocheck")):
        c.options.setdefault(command, {})[option] = Option(option, None, s.at)


def _move(c: Contents) -> None:
    """A `steady` with a homotopy leaves each value where the homotopy ends."""
    options = c.options["steady"]
    steps = min(whole(c, options.get("homotopy_steps"), 1), _STEPS)
    if not c.moves or whole(c, options.get("homotopy_mode"), 0) == 0:
        return
    for move, last in [(move, c.evaluate(move.last)) for move in c.moves]:
        if c.role(move.name) != "parameters":
            c.initial[move.name] = last
            continue
        first = c.values.get(move.name, last) if move.first is None else c.evaluate(move.first)
        c.homotopy[move.name] = tuple(np.linspace(first, last, max(steps, 1) + 1))
        c.values[move.name] = last


_ORDERS = {"stoch_simul": ("1", "2", "3"), "estimation": ("1",)}

_DEFAULTS = {("periods", "0")}
"""Options that say nothing with this value."""

_DATA = {"datafile", "first_obs", "nobs", "prefilter", "loglinear", "logdata", "lik_init", "diffuse_filter"}
_DATA |= {"kalman_algo", "xls_sheet", "xls_range"}
_DECOMPOSITION = _DATA | {"parameter_set", "use_shock_groups", "presample"}
_FORECAST = {"periods", "conf_sig", "parameter_set", "controlled_varexo"}

FOLLOWED = {
    "stoch_simul": {
        *("order", "irf", "ar", "hp_filter", "irf_shocks", "conditional_variance_decomposition"),
        *("loglinear", "contemporaneous_correlation", "pruning"),
    },
    "estimation": {
        *("order", "datafile", "first_obs", "nobs", "presample", "prefilter", "loglinear", "logdata"),
        *("lik_init", "diffuse_filter", "kalman_algo", "xls_sheet", "xls_range", "prior_trunc"),
        *("heteroskedastic_filter", "dsge_var", "dsge_varlag"),
    },
    "data": {"file", "first_obs", "last_obs", "nobs", "xls_sheet", "xls_range"},
    "steady": {"nocheck"},
    "forecast": _FORECAST,
    "conditional_forecast": _FORECAST,
    "plot_conditional_forecast": {"periods"},
    "calib_smoother": _DATA | {"parameter_set", "heteroskedastic_filter"},
    "smoother2histval": set(),
    "shock_decomposition": _DECOMPOSITION,
    "realtime_shock_decomposition": _DECOMPOSITION,
    "plot_shock_decomposition": _DECOMPOSITION,
    "identification": {"ar", "parameter_set", "order"},
    "dynare_sensitivity": {"nsam", "stab"},
    "sensitivity": {"nsam", "stab"},
    "occbin_setup": {"simul_periods"},
    "occbin_solver": {"simul_periods"},
    "occbin_graph": set(),
    "model_comparison": {"marginal_density"},
    "prior_function": {"function", "sampling_draws"},
    "posterior_function": {"function", "sampling_draws"},
    "perfect_foresight_setup": {"periods"},
    "perfect_foresight_solver": {"periods"},
    "simul": {"periods"},
    "method_of_moments": _DATA | {"mom_method", "order", "bartlett_kernel_lag", "weighting_matrix"},
}
"""Options that estim follows."""

HARMLESS = {
    *("nograph", "graph", "graph_format", "nodisplay", "noprint", "print", "TeX", "tex", "plot_priors"),
    *("nofunctions", "nomoments", "nocorr", "irf_plot_threshold", "plot_shock_decomposition"),
    *("aim_solver", "dr", "dr_cycle_reduction_tol", "dr_logarithmic_reduction_tol"),
    *("dr_logarithmic_reduction_maxiter", "qz_zero_threshold"),
    *("lyapunov", "lyapunov_fixed_point_tol", "lyapunov_doubling_tol", "lyapunov_complex_threshold"),
    *("solve_algo", "maxit", "tolf", "tolx", "markowitz", "homotopy_mode", "homotopy_steps"),
    *("stack_solve_algo", "lmmcp", "robust_lin_solve", "no_homotopy", "endogenous_terminal_period"),
    *("simul_check_ahead_periods", "simul_max_check_ahead_periods", "simul_maxit", "simul_debug"),
    *("kalman_tol", "riccati_tol", "fast_kalman_filter", "analytic_derivation", "cova_compute"),
}
"""Options that change how Dynare computes or prints, and no number."""

_UNSUPPORTED_OPTIONS = {
    "stoch_simul": {
        "partial_information": "a solution under partial information",
    },
    "estimation": {
        "endogenous_prior": "an endogenous prior",
        "occbin_smoother": "an occasionally binding constraint",
        "occbin_likelihood": "an occasionally binding constraint",
        "number_of_particles": "a particle filter",
    },
}
