"""Reference numbers of dynamic programs, as their tests read them."""

import json
from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).parents[1] / "reference" / "decisions"


def reference(name):
    return json.loads((REFERENCE / f"{name}.json").read_text())


def at(points):
    """Points of a grid as an index."""
    return tuple(np.array(points).T)
