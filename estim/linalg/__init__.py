"""Structured linear algebra, each solver with its own derivative rule and its own `Status`."""

from estim.linalg.linear import Factors, factorize, lu_solve, solve_factorized, solve_linear
from estim.linalg.scattering import solve_expectations
from estim.linalg.sylvester import solve_discrete_lyapunov, solve_sylvester

__all__ = [
    "Factors",
    "factorize",
    "lu_solve",
    "solve_discrete_lyapunov",
    "solve_expectations",
    "solve_factorized",
    "solve_linear",
    "solve_sylvester",
]
