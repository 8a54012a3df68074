"""Experiments: what to estimate, on which data, by which routes, as settings that print themselves."""

from estim.experiment.experiment import Experiment, from_settings
from estim.experiment.files import load_experiment, load_model_and_data
from estim.experiment.settings import ExperimentError, Route, SurrogateRoute

__all__ = [
    "Experiment",
    "ExperimentError",
    "Route",
    "SurrogateRoute",
    "from_settings",
    "load_experiment",
    "load_model_and_data",
]
