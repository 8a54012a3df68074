"""Structured linear algebra, each solver with its own derivative rule and its own `Status`."""

from estim.linalg.branch import compute_where
from estim.linalg.linear import eliminate, factorize, solve_factorized, solve_linear
from estim.linalg.powers import follow_recursion, matrix_powers
from estim.linalg.scattering import solve_expectations
from estim.linalg.semidefinite import semidefinite_cholesky
from estim.linalg.sylvester import solve_discrete_lyapunov, solve_sylvester
from estim.linalg.toeplitz import block_toeplitz

__all__ = [
    "block_toeplitz",
    "compute_where",
    "eliminate",
    "factorize",
    "follow_recursion",
    "matrix_powers",
    "semidefinite_cholesky",
    "solve_discrete_lyapunov",
    "solve_expectations",
    "solve_factorized",
    "solve_linear",
    "solve_sylvester",
]
