"""Mistakes that people make, each planted in a right model: `estim check` says what is wrong.

The right models are the files of ``tests/mistakes``; a mistake is what is replaced in their text.
"""

from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from small_models import coarse

from estim.dynare.reading.source import ModFileError
from estim.estimation import build_posterior
from estim.experiment import load_model_and_data
from estim.ladder import check_model
from estim.ladder.density import draws_of
from estim.ladder.equations import equations
from estim.ladder.households import households
from estim.ladder.units import units
from estim.numerics.grids import geometric_grid
from estim.numerics.interpolate import interpolate
from estim.tracing import ModelError

MODELS = Path(__file__).with_name("mistakes")
TECHNOLOGY = '        "technology": now.z - p.rho * lag.z - p.sigma * shocks.e,\n'
CAPITAL = "now.k - (1 - p.delta) * lag.k - now.i"
EXP, GROWTH = "jnp.exp(now.z)", "Observables(dy=jnp.log(now.y / lag.y))"
TIMED = [
    ("lag.k", "now.k"),
    ("now.k - (1 - p.delta) * now.k - now.i", "lead.k - (1 - p.delta) * now.k - now.i"),
]

# What is replaced by what, and the words of the error when the model is read.
REFUSED = {
    "a typing error": ("rbc.py", [("p.rho *", "p.roh *")], "did you mean 'rho'?"),
    "an equation is missing": ("rbc.py", [(TECHNOLOGY, "")], "without an equation of its own is one of 'z' (in 1)"),
    "an equation of a .mod file is missing": (
        "rbc.mod",
        [("  [name='technology'] z = rho*z(-1) + sigma*e;\n", "")],
        "6 equations for 7 endogenous variables; without an equation of its own is one of 'z' (in 1)",
    ),
    "a variable that no equation has": (
        "rbc.mod",
        [("dy;\nvarexo", "dy w;\nvarexo")],
        "none contains 'w'",
    ),
    "a wrong steady state of a .mod file": (
        "rbc.mod",
        [("i = delta*k;", "i = 2*delta*k;")],
        "at c = 1.59791, k = 28.3484",
    ),
    "numpy for jax.numpy": (
        "rbc.py",
        [("import jax.numpy as jnp", "import numpy as jnp")],
        "equation 'production': numpy computes with numbers only; take jax.numpy",
    ),
    "a condition on a parameter": (
        "rbc.py",
        [("    return {\n", "    if p.alpha > 0.5:\n        return {}\n    return {\n")],
        "write jnp.where(condition, a, b)",
    ),
    "a function of math": ("rbc.py", [(EXP, "__import__('math').exp(now.z)")], "jnp.exp for math.exp"),
    "float()": ("rbc.py", [(EXP, f"float({EXP})")], "leave float() and int() out"),
    "a prior that nothing uses": (
        "rbc.py",
        [("    sigma: Any", "    spare: Any = priors.beta(0.5, 0.1)\n    sigma: Any")],
        "the prior gives 'spare', which no function of the model uses",
    ),
}  # fmt: skip

# What is replaced by what, the rung that breaks, and its words.
BROKEN = {
    "an equation that is there twice": (
        "rbc.py",
        [(CAPITAL, "2 * (now.y - now.i) - 2 * now.c")],
        "No equation follows",
        "'resources' and 'capital' are the same equation",
    ),
    "an equation of a .mod file that is there twice": (
        "rbc.mod",
        [("k = (1 - delta)*k(-1) + i;", "y - i = c;")],
        "No equation follows",
        "'resources' and 'capital' are the same equation",
    ),
    "an equation that is the sum of two others": (
        "rbc.py",
        [(CAPITAL, "now.r - p.alpha * now.y / lag.k + now.c + now.i - now.y")],
        "No equation follows",
        "'return', 'resources' and 'capital' are dependent: each follows from the others",
    ),
    "a wrong value at rest": (
        "rbc.py",
        [("i=p.delta * k", "i=2 * p.delta * k")],
        "steady state",
        "at rest: c = 2.30662, k = 28.3484",
    ),
    "a value at rest that is no number": ("rbc.py", [("z=0.0", "z=jnp.log(-1.0)")], "steady state", "no number: z"),
    "capital dated at the beginning of the period": (
        "rbc.py",
        TIMED,
        "one stable solution",
        "'k' is dated at the beginning of the period",
    ),
    "capital of a .mod file dated so": (
        "rbc.mod",
        [("k(-1)", "k"), ("k = (1 - delta)*k + i", "k(+1) = (1 - delta)*k + i")],
        "one stable solution",
        "'predetermined_variables k' says the same",
    ),
    "a Taylor rule below one": (
        "new_keynesian.py",
        [("phi: Any = 1.5", "phi: Any = 0.8")],
        "one stable solution",
        "one stable solution from phi = 1 on",
    ),
    "a Taylor rule below one in a .mod file": (
        "new_keynesian.mod",
        [("phi = 1.5", "phi = 0.8")],
        "one stable solution",
        "one stable solution from phi = 1 on",
    ),
}  # fmt: skip


def planted(folder, file, changes):
    """The model of a file in which something is replaced."""
    text = (MODELS / file).read_text()
    for right, wrong in changes:
        assert right in text
        text = text.replace(right, wrong)
    (folder / file).write_text(text)
    return load_model_and_data(str(folder / file))[0]


@pytest.mark.parametrize("mistake", REFUSED)
def test_the_model_is_refused(mistake, tmp_path):
    file, changes, words = REFUSED[mistake]
    with pytest.raises((ModelError, ModFileError)) as error:
        planted(tmp_path, file, changes)
    assert words in str(error.value)


@pytest.mark.parametrize("mistake", BROKEN)
def test_the_rung_breaks(mistake, tmp_path):
    file, changes, title, words = BROKEN[mistake]
    *below, last = check_model(planted(tmp_path, file, changes))
    assert all(rung.passed for rung in below)
    assert not last.passed and title in last.title
    assert any(words in line for line in last.lines), last.lines


def test_predetermined_and_forward_looking_variables_are_listed(tmp_path):
    """With today's capital in production and today's return in the Euler equation all is green: the lists tell."""
    slips = [("jnp.exp(now.z) * lag.k", "jnp.exp(now.z) * now.k"), ("lead.r", "now.r")]
    rungs = list(zip(check_model(planted(tmp_path, "rbc.py", slips)), range(4), strict=False))
    rung, _ = rungs[3]
    assert rung.passed
    assert "of last period (states): k in return, capital; z in technology" in rung.lines
    assert "of next period: c in euler" in rung.lines


def test_a_shock_that_enters_nowhere(tmp_path):
    rung = equations(planted(tmp_path, "rbc.py", [("    e: Any\n", "    e: Any\n    spare: Any\n")]))
    assert "no equation contains the shock spare" in rung.lines


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    model = planted(tmp_path_factory.mktemp("right"), "rbc.py", [])
    growth = 0.01 * np.random.default_rng(0).normal(size=96)
    posterior = build_posterior(model, pd.DataFrame({"dy": growth}))
    return posterior, growth, draws_of(posterior, 20)


@pytest.mark.parametrize(
    ("units_of", "advice"),
    [
        (lambda g: g, None),
        (lambda g: 4 * g, None),
        (lambda g: 100 * g, "divide it by 100"),
        (lambda g: 400 * g, "divide it by 400"),
        (lambda g: g / 100, "multiply it by 100"),
        (lambda g: 9.0 + np.cumsum(0.005 + g), "take its first difference"),
        (lambda g: 9000.0 * np.exp(np.cumsum(0.005 + g)), "take the first difference of its logarithm"),
    ],
)
def test_units_of_the_data(right, units_of, advice):
    posterior, growth, positions = right
    rung = units(posterior, pd.DataFrame({"dy": units_of(growth)}), positions)
    assert rung.passed == (advice is None)
    assert rung.lines[0].startswith("dy: mean ")
    assert advice is None or advice in rung.lines[1]


HOUSEHOLDS = coarse("krusell_smith_1998")
(BLOCK,) = HOUSEHOLDS.het_blocks


def with_grid(low, high):
    grids = lambda p: BLOCK.grids(p)._replace(a=geometric_grid(low, high, 30))
    return replace(HOUSEHOLDS, het_blocks=(replace(BLOCK, grids=grids),))


def unguarded(low, high):
    """A household of one's own, whose consumption nobody looks at."""

    def backward(expected, x, grid, p):
        assets, cash = grid.a[None, :], (1 + x.r) * grid.a[None, :] + x.w * grid.e[:, None]
        c = (p.beta * expected) ** -p.eis
        a = jnp.maximum(interpolate(c + assets, cash, grid.a), 0.0)
        return (1 + x.r) * (cash - a) ** (-1 / p.eis), {"a": a, "c": cash - a}

    def initial(x, grid, p):
        c = (x.r + 0.05) * grid.a[None, :] + x.w * grid.e[:, None]
        return (1 + x.r) * c ** (-1 / p.eis)

    model = with_grid(low, high)
    (block,) = model.het_blocks
    return replace(model, het_blocks=(replace(block, backward=backward, initial=initial),))


@pytest.mark.parametrize(
    ("mistaken", "passed", "words"),
    [
        (
            lambda: replace(
                HOUSEHOLDS, steady_state=lambda p: HOUSEHOLDS.steady_state(p)._replace(I=0.3)
            ),
            False,
            ["equation 'goods market' leaves 0.221", "A: 3.14286 by the agents of 'household', 3.14286 in"],
        ),
        (
            lambda: replace(HOUSEHOLDS, unknowns={}, targets=()),
            False,
            ["A: 2.2", "3.14286 in steady_state", "equation 'capital market' leaves"],
        ),
        (lambda: replace(HOUSEHOLDS, unknowns={"beta": (0.97, 0.9801)}), False, ["last tried: beta = 0.9801"]),
        (lambda: with_grid(0.0, 5.0), True, ["share of agents at the upper end of 'a', 5: 0.4"]),
        (lambda: with_grid(-60.0, 200.0), False, ["the grid begins below the natural borrowing limit"]),
        (lambda: unguarded(-60.0, 200.0), True, ["outcome 'c' is negative", "below the natural borrowing limit"]),
    ],
    ids=["rest", "no unknown", "bounds", "short grid", "natural limit", "unguarded"],
)  # fmt: skip
def test_households(mistaken, passed, words):
    rung, found = households(mistaken())
    assert rung.passed == found == passed
    for word in words:
        assert any(word in line for line in rung.lines), rung.lines
