"""A block that does not fit together, or not its model, is refused by the name of its part."""

from collections import namedtuple
from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import pytest

from estim.model import ModelError
from estim.models import load_model

MODEL = load_model("krusell_smith_1998")
(BLOCK,) = MODEL.het_blocks


def fails(*args):
    raise TypeError("no such thing")


def grids_with(**changes):
    return lambda p: BLOCK.grids(p)._replace(**changes)


def outcomes_with(**changes):
    def backward(expected, x, grid, p):
        value, outcomes = BLOCK.backward(expected, x, grid, p)
        kept = {n: v for n, v in (outcomes | changes).items() if v is not None}
        return value, kept

    return backward


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": ("r", "wage")}, r"input 'wage' is no variable of the model; it has \(K, A, Y, C, I, r, w, Z\)"),
        ({"inputs": "r"}, r"inputs must be a tuple of names such as \('a',\), not 'r'"),
        ({"inputs": ()}, "inputs must be a tuple of names"),
        ({"inputs": ("r", "w", "r")}, "inputs has 'r' twice"),
        ({"inputs": ("r",)}, "initial uses 'w', which is not there"),
        ({"outputs": {"assets": "a"}}, "output 'assets' is no variable of the model"),
        ({"outputs": {"A": "savings"}}, r"backward has no outcome 'savings'; it has \(a, c\)"),
        ({"outputs": {"A": 1}}, "1 is no outcome's name"),
        ({"outputs": ("A",)}, r"outputs must be \{variable: outcome\}, not \('A',\)"),
        ({"policy": ("b",)}, r"grids must return a NamedTuple with 'b'; it has \(e, transition, a\)"),
        ({"policy": ("a", "e")}, r"'a' has shape \(7, 500\), not \(7, 500, 7\) \(income, a, e\)"),
        ({"grids": 3}, "grids must be a function, not 3"),
        ({"grids": lambda p: {}}, "grids must return a NamedTuple with 'transition'"),
        ({"grids": grids_with(transition=jnp.ones((7, 6)))}, r"'transition' has shape \(7, 6\); it must be square"),
        ({"grids": grids_with(a=jnp.ones(()))}, r"'a' has shape \(\); it must be a vector"),
        ({"grids": grids_with(a=jnp.ones(1))}, r"'a' has shape \(1,\)"),
        ({"grids": lambda p: SimpleNamespace(rho=p.rho)}, "grids uses 'rho', which is not there"),
        ({"initial": fails}, "initial fails: TypeError: no such thing"),
        ({"backward": fails}, "backward fails: TypeError: no such thing"),
        ({"backward": lambda v, x, g, p: v}, r"backward must return \(value, \{outcome: array\}\)"),
        ({"backward": outcomes_with(a=None)}, "backward has no outcome 'a'"),
        ({"backward": outcomes_with(a=jnp.ones((500, 7)))}, r"'a' has shape \(500, 7\), not \(7, 500\) \(income, a\)"),
        ({"initial": lambda *a: (BLOCK.initial(*a),) * 2}, "backward"),
    ],
)  # fmt: skip
def test_a_block_that_does_not_fit(changes, message):
    with pytest.raises(ModelError, match=f"krusell_smith_1998: block 'household': .*{message}"):
        replace(MODEL, het_blocks=(replace(BLOCK, **changes),))


def test_blocks_are_blocks_and_do_not_share_an_output():
    with pytest.raises(ModelError, match="het_blocks must hold HetBlocks, not 'household'"):
        replace(MODEL, het_blocks=("household",))
    with pytest.raises(ModelError, match="two blocks have the output 'A'"):
        replace(MODEL, het_blocks=(BLOCK, BLOCK))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": ("K",)}, r"the target 'K' is neither a block's output \(A\) nor an equation \(return on "),
        ({"targets": ("goods",)}, "the target 'goods' is neither"),
        ({"unknowns": {"beta": 0.9}}, r"unknowns\['beta'\] must be 2 values, not 0.9"),
        ({"unknowns": {"beta": (0.9, "one")}}, r"unknowns\['beta'\]\[1\] must be a number, not 'one'"),
    ],
)  # fmt: skip
def test_targets_and_unknowns(changes, message):
    with pytest.raises(ModelError, match=message):
        replace(MODEL, **changes)


def test_names_may_be_in_a_list():
    assert replace(MODEL, het_blocks=(replace(BLOCK, inputs=["r", "w"], policy=["a"]),))


def test_any_named_tuple_will_do_for_grids():
    Grids = namedtuple("Grids", ["a", "transition", "e", "more"])
    grids = lambda p: Grids(more=1.0, **BLOCK.grids(p)._asdict())
    assert replace(MODEL, het_blocks=(replace(BLOCK, grids=grids),))
