"""What a solved model says: pure functions of one solution, and `over_draws` to have them with bands."""

from estim.analysis.agents import of_agents
from estim.analysis.bridge import Bridge, PriorMass, bridge_sampling, prior_mass
from estim.analysis.calibration import RankTest, calibration_ranks, uniformity
from estim.analysis.draws import bands, over_draws, solve_draws, variables_state_space
from estim.analysis.forecasts import forecast, sample_forecast
from estim.analysis.generalised_responses import generalised_impulse_responses
from estim.analysis.hidden_states import StateProbabilities, state_probabilities
from estim.analysis.historical_decomposition import HistoricalDecomposition, historical_decomposition
from estim.analysis.identification import Identification, local_identification
from estim.analysis.impulse_responses import impulse_responses
from estim.analysis.likelihood_scatter import Scatter, loglikelihood_scatter
from estim.analysis.marginal_likelihood import HarmonicMean, model_probabilities, modified_harmonic_mean
from estim.analysis.moments import Moments, sample_moments, theoretical_moments
from estim.analysis.nonlinear_history import PathDecomposition, decompose_path, smoothed_history
from estim.analysis.one_step import one_step_ahead
from estim.analysis.overidentification import Overidentification, overidentification_test
from estim.analysis.predictive_checks import predictive_quantiles, predictive_statistics
from estim.analysis.pruned_moments import pruned_as_linear, risk_adjusted_mean, stochastic_steady_state
from estim.analysis.variance_decomposition import variance_decomposition
from estim.likelihood.state_space.smoothing import sample_smoothed, smooth
from estim.numerics.inequality import gini, lorenz_curve, top_share
from estim.solution.simulate import simulate

__all__ = [
    "Bridge",
    "HarmonicMean",
    "HistoricalDecomposition",
    "Identification",
    "Moments",
    "Overidentification",
    "PathDecomposition",
    "PriorMass",
    "RankTest",
    "Scatter",
    "StateProbabilities",
    "bands",
    "bridge_sampling",
    "calibration_ranks",
    "decompose_path",
    "forecast",
    "generalised_impulse_responses",
    "gini",
    "historical_decomposition",
    "impulse_responses",
    "local_identification",
    "loglikelihood_scatter",
    "lorenz_curve",
    "model_probabilities",
    "modified_harmonic_mean",
    "of_agents",
    "one_step_ahead",
    "over_draws",
    "overidentification_test",
    "predictive_quantiles",
    "predictive_statistics",
    "prior_mass",
    "pruned_as_linear",
    "risk_adjusted_mean",
    "sample_forecast",
    "sample_moments",
    "sample_smoothed",
    "simulate",
    "smooth",
    "smoothed_history",
    "solve_draws",
    "state_probabilities",
    "stochastic_steady_state",
    "theoretical_moments",
    "top_share",
    "uniformity",
    "variables_state_space",
    "variance_decomposition",
]
