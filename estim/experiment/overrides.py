"""``--set key=value``: settings of an experiment replaced one by one."""

import json
from contextlib import suppress
from typing import Any

from estim.arguments import ArgumentError, check, did_you_mean
from estim.experiment.settings import ExperimentError


def assign(settings: dict[str, Any], key: str, text: str, annotation: Any) -> None:
    """Set ``a.b.c`` in nested settings; only an algorithm's, the recipe's, the solver's or the likelihood's may be new.

    Args:
        annotation: the type of the setting.

    Raises:
        ExperimentError: there is no such setting.
    """
    *parents, last = key.split(".")
    place: Any = settings
    for i, part in enumerate(parents):
        if not isinstance(place, dict) or part not in place:
            raise _unknown(".".join(parents[: i + 1]), place)
        place = place[part]
    free = parents[-1:] in (["settings"], ["likelihood"], ["solver"])
    if not isinstance(place, dict) or (last not in place and not free) or key == "own_model":
        raise _unknown(key, place)
    if key == "model" and settings["own_model"]:
        raise ExperimentError("--set model: the experiment's file has a model of its own")
    place[last] = _read_value(text, annotation)


def _read_value(text: str, annotation: Any) -> Any:
    """A text as it stands where a text is wanted, else what it is as JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if value is None or annotation is Any:
        return value
    with suppress(ArgumentError):
        return check(text, annotation, "")
    return value


def _unknown(key: str, place: Any) -> ExperimentError:
    known = [k for k in place if k != "own_model"] if isinstance(place, dict) else []
    hint = did_you_mean(key.rpartition(".")[2], known)
    return ExperimentError(f"--set {key}: there is no such setting; here are {known}{hint}")
