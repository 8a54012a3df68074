"""The gallery: one published model a file, named ``author_author_year``."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from estim.arguments import did_you_mean
from estim.tracing import ModelError


def list_models(kind: type | None = None) -> list[str]:
    """Names of the models in the gallery.

    Args:
        kind: `estim.Model`, `estim.Simulation` or `estim.DecisionModel`: those of this kind; all where None.

    Returns:
        The names, sorted.
    """
    names = sorted(module.name for module in iter_modules(__path__))
    return names if kind is None else [name for name in names if isinstance(load_model(name), kind)]


def load_model(name: str) -> Any:
    """The gallery's model of that name.

    Args:
        name: as `list_models` has it.

    Returns:
        The `Model` or `Simulation`, the same object each time.

    Raises:
        ModelError: there is none; the message lists those that exist.
    """
    if name not in list_models():
        raise ModelError(
            f"there is no model '{name}'; the gallery has {', '.join(list_models())}"
            f"{did_you_mean(name, list_models())}"
        )
    return import_module(f"{__name__}.{name}").model


def __getattr__(name: str) -> Any:
    """A file of the gallery, imported where it is asked for: `estim.models.furfine_2003.economy`."""
    if not name.startswith("_") and name in list_models():
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"the gallery, estim.models, has no '{name}'")
