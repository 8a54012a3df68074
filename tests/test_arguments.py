"""An annotation says what an argument may be; what it may not be is refused with the argument's name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estim.arguments import (
    ArgumentError,
    Fraction,
    NonNegative,
    Number,
    Positive,
    PositiveReal,
    Seed,
    at_least,
    below,
    check,
    check_fields,
    check_settings,
    checked,
    did_you_mean,
    multiple_of,
    names_arguments,
    settings_of,
)
from estim.typing import Array, Key

ACCEPTED = [
    (Positive, 1, 1),
    (Positive, np.int32(7), 7),
    (NonNegative, 0, 0),
    (Seed, -(2**63), -(2**63)),
    (PositiveReal, np.float32(0.5), np.float32(0.5)),
    (PositiveReal, jnp.ones(()), jnp.ones(())),
    (Number, -np.inf, -np.inf),
    (Annotated[float, at_least(0), below(1)], 0, 0),
    (Annotated[int, multiple_of(256)], 512, 512),
    (str | None, None, None),
    (str | Path, Path("a"), Path("a")),
    (Literal["a", "b"], "b", "b"),
    (tuple[Positive, ...], [1, 2], (1, 2)),
    (tuple[float, float], [0, 1.5], (0, 1.5)),
    (Sequence[str], ["a"], ["a"]),
    (Sequence[float], np.array([0.5]), np.array([0.5])),
    (Mapping[str, float], {"a": 1}, {"a": 1}),
    (Callable[[int], int], abs, abs),
    (type[Any], int, int),
    (Any, object, object),
]

# The annotation, the value, what it must be, and where in the value the fault stands.
REFUSED = [
    (Positive, 0, "a whole number from 1 on", ""),
    (Positive, 2.0, "a whole number from 1 on", ""),
    (Positive, True, "a whole number from 1 on", ""),
    (Positive, "1", "a whole number from 1 on", ""),
    (Seed, 2**63, "a whole number of 64 bits", ""),
    (Fraction, 1, "a number between 0 and 1", ""),
    (Fraction, float("nan"), "a number between 0 and 1", ""),
    (PositiveReal, float("inf"), "a number above 0", ""),
    (PositiveReal, 10**400, "a number above 0", ""),
    (PositiveReal, np.ones(1), "a number above 0", ""),
    (Number, 1j, "a number", ""),
    (Annotated[int, multiple_of(256)], 300, "a whole number that is a multiple of 256", ""),
    (str | None, 3, "text or None", ""),
    (Literal["a", "b"], ["a"], r"one of \['a', 'b'\]", ""),
    (tuple[Positive, ...], [1, 0], "a whole number from 1 on", r"\[1\]"),
    (tuple[float, float], [1.0], "2 values", ""),
    (Sequence[str], "abc", "a list", ""),
    (Mapping[str, float], {"a": None}, "a number", r"\['a'\]"),
    (Mapping[str, float], {5: 1.0}, "text", ": the name 5"),
    (Mapping[str, float] | None, [1], "a mapping or None", ""),
    (Callable[[int], int], 3, "a function", ""),
    (Array, "x", "an array of numbers", ""),
    (Array, [[1.0], [1.0, 2.0]], "an array of numbers", ""),
    (Key, 0, "a random key such as", ""),
    (Key, jnp.zeros(3), "a random key such as", ""),
    (pd.DataFrame, {}, "a DataFrame", ""),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), ACCEPTED)
def test_what_is_allowed_passes(annotation, value, expected):
    np.testing.assert_equal(check(value, annotation, "it"), expected)


@pytest.mark.parametrize(("annotation", "value", "words", "place"), REFUSED)
def test_what_is_not_allowed_is_named(annotation, value, words, place):
    with pytest.raises(ArgumentError, match=rf"^it{place} must be {words}"):
        check(value, annotation, "it")


@checked
def measure(length: Positive, rng_key: Key = None, *, unit: Literal["m", "km"] = "m", rows: Array = ()):
    return length, unit, rows


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((0,), {}, "measure: length must be a whole number from 1 on, not 0"),
        ((1, 7), {}, "measure: rng_key must be a random key"),
        ((), {}, r"measure\(length, rng_key, unit, rows\): missing a required argument: 'length'"),
        ((1,), {"units": "m"}, "unexpected keyword argument 'units'; did you mean 'unit'"),
        ((1,), {"unit": "mile"}, r"unit must be one of \['m', 'km'\], not 'mile'"),
    ],
)
def test_a_functions_arguments(args, kwargs, words):
    with pytest.raises(ArgumentError, match=words):
        measure(*args, **kwargs)


def test_arguments_arrive_as_what_they_were_taken_for():
    length, _, rows = measure(np.int8(3), jax.random.key(0), rows=pd.DataFrame({"a": [1.0]}))
    assert type(length) is int and isinstance(rows, np.ndarray)


def test_symbols_pass():
    """Inside compiled code a value is not known, its kind is."""

    @checked
    def halve(x: PositiveReal, y: Array) -> Any:
        return 0.5 * x + y.sum()

    assert jax.jit(halve)(2.0, jnp.zeros(3)) == 1.0
    assert jax.vmap(halve, in_axes=(0, None))(jnp.ones(2), jnp.zeros(3)).shape == (2,)


@names_arguments(ArgumentError)
@dataclass(frozen=True)
class Settings:
    steps: Positive = 3
    shape: tuple[Positive, ...] = (2,)

    def __post_init__(self):
        check_fields(self, "settings.")


def test_a_dataclass_checks_its_fields():
    assert Settings(shape=[4, 4]).shape == (4, 4)
    with pytest.raises(ArgumentError, match=r"settings\.steps must be a whole number"):
        Settings(steps=0)
    with pytest.raises(ArgumentError, match=r"Settings\(steps, shape\): .* 'step'; did you mean 'steps'"):
        Settings(step=1)


def test_settings_are_a_functions_keyword_only_arguments():
    known = settings_of(measure)
    assert list(known) == ["unit", "rows"] and list(settings_of(Settings)) == ["steps", "shape"]
    assert check_settings(known, {"unit": "km"}, "measure") == {"unit": "km"}
    with pytest.raises(
        ArgumentError,
        match=r"measure has no setting \['uniit'\]; it has \['unit', 'rows'\]; did you mean 'unit'",
    ):
        check_settings(known, {"uniit": "km"}, "measure")
    with pytest.raises(ArgumentError, match=r"here\.unit must be one of"):
        check_settings(known, {"unit": 1}, "measure", "here")


def test_nothing_is_suggested_where_nothing_is_near():
    assert did_you_mean("beta", ["betta", "x"]) == "; did you mean 'betta'?"
    assert did_you_mean("beta", ["x"]) == ""


ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.complex_numbers()
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=5,
)


@given(value=ANYTHING, annotation=st.sampled_from([row[0] for row in ACCEPTED + REFUSED]))
def test_whatever_comes_passes_or_is_refused_in_our_words(value, annotation):
    try:
        check(value, annotation, "it")
    except ArgumentError as error:
        assert str(error).startswith("it") and len(str(error)) < 400
