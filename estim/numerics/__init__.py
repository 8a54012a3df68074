"""Structured linear algebra, each solver with its own derivative rule and its own `Status`."""

from estim.numerics.branch import compute_where
from estim.numerics.covariance_root import covariance_root
from estim.numerics.doubling import solve_expectations
from estim.numerics.elementary import exp, power
from estim.numerics.inequality import gini, lorenz_curve, top_share
from estim.numerics.linear import eliminate, factorize, solve_factorized, solve_linear
from estim.numerics.normals import many_normals
from estim.numerics.powers import follow_recursion, matrix_powers
from estim.numerics.resampling import resample_systematically
from estim.numerics.segments import scan_in_segments
from estim.numerics.semidefinite import semidefinite_cholesky
from estim.numerics.small_product import small_product
from estim.numerics.sylvester import solve_discrete_lyapunov, solve_sylvester
from estim.numerics.tensor_sylvester import solve_tensor_sylvester
from estim.numerics.toeplitz import block_toeplitz

__all__ = [
    "block_toeplitz",
    "compute_where",
    "covariance_root",
    "eliminate",
    "exp",
    "factorize",
    "follow_recursion",
    "gini",
    "lorenz_curve",
    "many_normals",
    "matrix_powers",
    "power",
    "resample_systematically",
    "scan_in_segments",
    "semidefinite_cholesky",
    "small_product",
    "solve_discrete_lyapunov",
    "solve_expectations",
    "solve_factorized",
    "solve_linear",
    "solve_sylvester",
    "solve_tensor_sylvester",
    "top_share",
]
