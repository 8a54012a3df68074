"""Dynare's `.mod` files as estim models."""

from estim.dynare.against import compare_with_dynare
from estim.dynare.commands import run_commands
from estim.dynare.modfile import ModFile, convert_mod, read_mod
from estim.dynare.reading.source import ModFileError, ModFileWarning, UnsupportedError
from estim.dynare.writing.mod_file import write_mod

__all__ = [
    "ModFile",
    "ModFileError",
    "ModFileWarning",
    "UnsupportedError",
    "compare_with_dynare",
    "convert_mod",
    "read_mod",
    "run_commands",
    "write_mod",
]
