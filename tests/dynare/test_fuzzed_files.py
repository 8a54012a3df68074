"""Files cut short, garbled or shuffled: a clear error or a right model, and never a hang."""

import ast
import os
import signal
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import estim  # noqa: F401  (configures JAX)
from estim.dynare import ModFileError, ModFileWarning, read_mod
from estim.dynare.modfile import translate
from estim.dynare.reading.fields import build_fields
from estim.dynare.reading.functions import CONSTANTS, DIFFERENCE, FUNCTIONS
from estim.dynare.reading.syntax import Binary, Call, Expectation, Name, Number, Unary, names
from estim.status import SolutionError

MODELS = Path(__file__).parent / "mod"
TEXTS = {p.stem: p.read_text() for p in sorted(MODELS.glob("*.mod"))}
SECONDS = 60
"""A file that takes longer, on however slow a machine, is one on which the reader hangs."""

FRAGMENTS = [
    *(
        "end;",
        "model;",
        "(",
        ")",
        "[",
        "]",
        ";",
        "=",
        "'",
        '"',
        "/*",
        "*/",
        "//",
        "%",
        "^",
        "-",
        "+",
        ",",
        "#",
    ),
    *(
        "@#if 1",
        "@#endif",
        "@#for i in 1:3",
        "@#endfor",
        "@{",
        "}",
        "\n",
        "1e999",
        "(-3)",
        "(+1)",
        "var",
        "x",
    ),
    *(
        "stderr",
        "corr",
        "exp(",
        "STEADY_STATE(",
        "EXPECTATION(-1)(",
        "@#define",
        "\x00",
        "é",
        "shocks;",
        "if x",
    ),
]


@st.composite
def garbled(draw, texts=TEXTS):
    text = texts[draw(st.sampled_from(sorted(texts)))]
    if draw(st.booleans()):
        text = text[: draw(st.integers(0, len(text)))]
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 1, 2, 10, 80]))
        text = text[:start] + draw(st.sampled_from(["", *FRAGMENTS])) + text[start + length :]
    return text


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "country.inc").write_text((MODELS / "country.inc").read_text())
    return folder / "garbled.mod"


@contextmanager
def no_hang():
    def stop(*_):
        raise TimeoutError(f"no answer within {SECONDS} seconds")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ModFileWarning)
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def assert_clear(error, file):
    assert str(file) in str(error) or "country.inc" in str(error)
    assert len(str(error)) < 10_000


fuzzed = lambda n: settings(
    max_examples=n, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@fuzzed(1000)
@given(text=garbled())
def test_a_clear_error_or_a_module(file, text):
    file.write_text(text)
    try:
        with no_hang():
            ast.parse(translate(file)[1])
    except ModFileError as error:
        assert_clear(error, file)


# --- is it the right model? ---


def value(system, expression, x):
    """An expression of the file where every variable rests at `x`: a naive interpreter of its syntax tree."""
    c, at = system.contents, lambda e: value(system, e, x)
    match expression:
        case Number(number):
            return np.float64(number)
        case Name(name) if name in c.locals:
            return at(c.locals[name].value)
        case Name(name):
            return np.float64(
                (CONSTANTS | c.initial | c.values | {s: 0.0 for s in c.shocks if s not in c.initial} | x)[
                    name
                ]
            )
        case Unary(_, operand):
            return -at(operand)
        case Binary(operator, left, right):
            return OPERATORS[operator](at(left), at(right))
        case Expectation(_, operand):
            return at(operand)
        case Call(name, arguments) if name in FUNCTIONS:
            return FUNCTIONS[name].host(*map(at, arguments))
        case Call(name, (operand,)):
            return 0.0 if name == DIFFERENCE else at(operand)


OPERATORS = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    ">": np.greater,
    "<": np.less,
    "==": np.equal,
    "!=": np.not_equal,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def assert_right(file):
    """At rest, the model's residuals are those of the file's equations, taken one by one."""
    system, _ = translate(file)
    mod = read_mod(file)
    model, c = mod.model, system.contents
    params = model.params(mod.calibration)
    steady = model.steady_state(params)
    left = model.residuals(steady, steady, steady, model.shocks(*[0.0] * len(model.shocks._fields)), params)
    x = {name: float(getattr(steady, mod.names[name])) for name in c.variables}
    if system.loglinear:
        x = {name: np.exp(v) for name, v in x.items()}
    fields = {
        key[1]: field for key, field in build_fields(system).identifiers.items() if key[0] == "parameter"
    }
    x |= {name: float(getattr(params, field)) for name, field in fields.items()}
    for equation, residual in zip(
        (e for e in c.equations if "static" not in e.tags), left.values(), strict=False
    ):
        if any(n.name in system.implied for side in (equation.left, equation.right) for n in names(side)):
            continue  # its value is nowhere but in the model
        naive = value(system, equation.left, x) - value(system, equation.right, x)
        np.testing.assert_allclose(float(residual), naive, rtol=1e-9, atol=1e-9)


BUILT = int(os.environ.get("FUZZED_FILES_BUILT", 12))
"""A dozen small ones every time; FUZZED_FILES_BUILT=1000 builds the thousand that are translated above, in minutes."""
SMALL = {n: t for n, t in TEXTS.items() if n not in ("smets_wouters_2007", "all_functions")}


@fuzzed(BUILT)
@given(text=garbled(SMALL if BUILT < 1000 else TEXTS))
def test_a_clear_error_or_a_right_model(file, text):
    file.write_text(text)
    try:
        with no_hang():
            assert_right(file)
    except (ModFileError, SolutionError) as error:
        assert_clear(error, file) if isinstance(error, ModFileError) else None


@pytest.mark.parametrize("name", ["exogenous_means", "expectations", "trends"])
def test_whole_files_are_right_models(name, file):
    file.write_text(TEXTS[name])
    with no_hang():
        assert_right(file)
