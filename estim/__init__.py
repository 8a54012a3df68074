"""estim: Bayesian estimation of structural economic models.

The calls below are loaded when first used, so that `import estim` stays quick.
"""

from importlib import import_module

from estim.runtime import configure

configure()

__version__ = "0.2.0"

_HOME = {
    "estim.agents": ("simulate_agents",),
    "estim.api": ("impulse_responses", "loglikelihood", "solve"),
    "estim.calibration": ("Calibration", "calibrate"),
    "estim.cockpit.opening": ("open_cockpit",),
    "estim.data.datasets": ("DataError", "list_data", "load_data"),
    "estim.data.fred": ("fetch_fred",),
    "estim.data.input_output": ("us_input_output",),
    "estim.decision": ("DecisionModel",),
    "estim.devices": ("shard",),
    "estim.dynare": ("convert_mod", "read_mod"),
    "estim.estimation": ("build_posterior",),
    "estim.evaluations": ("Evaluations",),
    "estim.experiment": ("Experiment",),
    "estim.experiment.settings": ("Route", "SurrogateRoute"),
    "estim.foresight": ("perfect_foresight",),
    "estim.gradients": ("check_gradients",),
    "estim.analysis.forecasts": ("forecast",),
    "estim.heterogeneity.block": ("HetBlock",),
    "estim.households": ("household_steady_state",),
    "estim.jacobians": ("sensitivities",),
    "estim.ladder": ("check_model",),
    "estim.likelihood.cross_section": ("CrossSection",),
    "estim.likelihood.dsge_var": ("DSGEVAR",),
    "estim.likelihood.hidden_markov": ("HiddenMarkov",),
    "estim.likelihood.moment_matching": ("EstimatedMoments", "MomentMatching"),
    "estim.likelihood.moving_average.toeplitz": ("Toeplitz", "toeplitz_loglikelihood"),
    "estim.likelihood.moving_average.whittle": ("Whittle", "whittle_loglikelihood"),
    "estim.likelihood.nonlinear.gaussian": ("GaussianFilter",),
    "estim.likelihood.nonlinear.inversion": ("Inversion",),
    "estim.likelihood.nonlinear.joint": ("Joint",),
    "estim.likelihood.nonlinear.linear_simulation": ("LinearSimulation",),
    "estim.likelihood.nonlinear.particle": ("Particle",),
    "estim.likelihood.nonlinear.piecewise_kalman": ("PiecewiseKalman",),
    "estim.likelihood.nonlinear.quadratic": ("QuadraticKalman",),
    "estim.likelihood.panel": ("Panel",),
    "estim.likelihood.state_space.kalman": ("Kalman", "kalman_loglikelihood"),
    "estim.likelihood.state_space.mixed_frequency": ("aggregate_observables",),
    "estim.likelihood.state_space.smoothing": ("smooth",),
    "estim.likelihood.state_space.start": ("Gaussian",),
    "estim.model": ("Alternative", "Model", "ModelError"),
    "estim.models": ("list_models", "load_model"),
    "estim.numerics.interpolate": ("interpolate",),
    "estim.paths": ("simulate",),
    "estim.pipeline": ("resume_run", "run_experiment"),
    "estim.policy.first_order_conditions": ("ramsey_model",),
    "estim.policy.optimal_policy": ("OptimalPolicy", "optimal_policy"),
    "estim.policy.simple_rules": ("OptimalRule", "optimal_rule", "rule_frontier"),
    "estim.policy.discounted_sum": ("Welfare",),
    "estim.policy.welfare": ("consumption_equivalent", "welfare"),
    "estim.posterior": ("Posterior", "from_logdensity", "from_loglikelihood"),
    "estim.representations.linear": ("StateSpace",),
    "estim.representations.moving_average": ("MovingAverage",),
    "estim.representations.nonlinear": ("NonlinearStateSpace",),
    "estim.representations.pruned": ("PrunedStateSpace",),
    "estim.results.datatree": ("to_datatree",),
    "estim.pipeline.run": ("load_run",),
    "estim.samplers.given": ("as_draws",),
    "estim.samplers.mode": ("find_mode", "laplace_approximation"),
    "estim.samplers.pathfinder": ("pathfinder_approximation",),
    "estim.samplers.run": ("sample",),
    "estim.simulation": ("Simulation",),
    "estim.solution.first_order": ("FirstOrder",),
    "estim.solution.linear_quadratic": ("LinearQuadratic", "solve_lq"),
    "estim.solution.occasionally_binding": ("OccasionallyBinding",),
    "estim.solution.perfect_foresight": ("follow_path",),
    "estim.solution.perturbation": ("Perturbation",),
    "estim.solution.sequence_space.parameter_roles": ("parameter_roles",),
    "estim.solution.sequence_space.solver": ("SequenceSpace",),
    "estim.solution.simulated": ("Simulated",),
    "estim.representations.stationary": ("StationaryEquilibrium",),
    "estim.solution.stationary": ("StationarySolver",),
    "estim.steering": ("Control", "control", "frontier"),
    "estim.status": ("SolutionError", "Status"),
    "estim.surrogate.certify": ("certify",),
    "estim.surrogate.correct": ("correct_means", "resample_draws", "weigh_draws"),
    "estim.surrogate.evaluate": ("evaluate_posterior",),
    "estim.surrogate.fit": ("fit_surrogate",),
    "estim.surrogate.locate": ("locate_border",),
    "estim.surrogate.match": ("match_moments",),
    "estim.surrogate.recipe": ("Recipe",),
    "estim.surrogate.refine": ("refine",),
    "estim.surrogate.sample": ("sample_surrogate",),
    "estim.surrogate.settle": ("settle",),
    "estim.surrogate.temper": ("temper",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
_MODULES = {
    "analysis": "estim.analysis",
    "figures": "estim.results.figures",
    "ages": "estim.heterogeneity.ages",
    "grids": "estim.numerics.grids",
    "saving": "estim.heterogeneity.households",
    "models": "estim.models",
    "priors": "estim.priors",
    "soften": "estim.soften",
    "transformations": "estim.data.transformations",
}

__all__ = sorted([*_MODULE_OF, *_MODULES])


def __getattr__(name: str):
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    if name in _MODULES:
        return import_module(_MODULES[name])
    raise AttributeError(f"module 'estim' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
