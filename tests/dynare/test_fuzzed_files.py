"""Files cut short, garbled or shuffled: a clear error or a model, and nothing else."""

import ast
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import estim  # noqa: F401  (configures JAX)
from estim.dynare import ModFileError, ModFileWarning
from estim.dynare.modfile import translate

MODELS = Path(__file__).parent / "mod"
TEXTS = {p.stem: p.read_text() for p in sorted(MODELS.glob("*.mod"))}
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
def garbled(draw):
    text = TEXTS[draw(st.sampled_from(sorted(TEXTS)))]
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


@settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=garbled())
def test_a_clear_error_or_a_module(file, text):
    file.write_text(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ModFileWarning)
            ast.parse(translate(file)[1])
    except ModFileError as error:
        assert str(file) in str(error) or "country.inc" in str(error)
        assert len(str(error)) < 5000
