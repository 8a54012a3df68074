"""estim: Bayesian estimation of structural macroeconomic models.

The calls below are loaded when first used, so that `import estim` stays quick.
"""

from importlib import import_module

from estim.runtime import configure

configure()

__version__ = "0.1.0"

_HOME = {
    "estim.api": ("impulse_responses", "loglikelihood", "solve"),
    "estim.ladder": ("check_model",),
    "estim.calibration": ("Calibration", "calibrate"),
    "estim.data.datasets": ("DataError", "list_data", "load_data"),
    "estim.dynare": ("convert_mod", "read_mod"),
    "estim.evaluations": ("Evaluations",),
    "estim.experiment.experiment": ("Experiment",),
    "estim.gradients": ("check_gradients",),
    "estim.jacobians": ("sensitivities",),
    "estim.likelihood.nonlinear.particle": ("Particle",),
    "estim.paths": ("simulate",),
    "estim.pipeline": ("run_experiment",),
    "estim.model": ("Model", "ModelError"),
    "estim.models": ("list_models", "load_model"),
    "estim.estimation": ("build_posterior",),
    "estim.posterior": ("Posterior", "from_logdensity", "from_loglikelihood"),
    "estim.samplers.run": ("sample",),
    "estim.representations.linear": ("StateSpace",),
    "estim.representations.moving_average": ("MovingAverage",),
    "estim.representations.nonlinear": ("NonlinearStateSpace",),
    "estim.simulation": ("Simulation",),
    "estim.solution.simulated": ("Simulated",),
    "estim.status": ("SolutionError", "Status"),
    "estim.results.datatree": ("to_datatree",),
    "estim.surrogate.certify": ("certify",),
    "estim.surrogate.correct": ("correct_means", "resample_draws", "weigh_draws"),
    "estim.surrogate.evaluate": ("evaluate_posterior",),
    "estim.surrogate.fit": ("fit_surrogate",),
    "estim.surrogate.recipe": ("Recipe",),
    "estim.surrogate.refine": ("refine",),
    "estim.surrogate.sample": ("sample_surrogate",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
_MODULES = ("priors",)

__all__ = sorted([*_MODULE_OF, *_MODULES])


def __getattr__(name: str):
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    if name in _MODULES:
        return import_module(f"estim.{name}")
    raise AttributeError(f"module 'estim' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
