"""Structured linear algebra, each solver with its own derivative rule and its own `Status`."""

from estim.linalg.cholesky import semidefinite_cholesky
from estim.linalg.linear import lu_solve, solve_linear
from estim.linalg.scattering import solve_expectations
from estim.linalg.sylvester import solve_discrete_lyapunov, solve_sylvester

__all__ = [
    "lu_solve",
    "semidefinite_cholesky",
    "solve_discrete_lyapunov",
    "solve_expectations",
    "solve_linear",
    "solve_sylvester",
]
