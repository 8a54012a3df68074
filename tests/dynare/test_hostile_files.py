"""What a file could make grow has a bound, and a file's name is text."""

import ast

import pytest

import estim  # noqa: F401  (configures JAX)
from estim.dynare import ModFileError
from estim.dynare.modfile import translate
from estim.dynare.reading.settings import stoch_simul_settings

HEAD = "var y c;\nvarexo e;\nparameters a b;\na = 0.5; b = 0.2;\n"
MODEL = "model;\ny = a*y(-1) + e;\nc = b*y;\nend;\n"


def translated(folder, text, name="m.mod"):
    path = folder / name
    path.write_text(text)
    return translate(path)


NAMES = [
    'a""";open("PWNED","w").write("x");"""b.mod',
    "a'''b.mod",
    'quote".mod',
    "back\\slash.mod",
    'ends in a backslash\\"""\\.mod',
    "new\nline.mod",
    "from estim.model import Model\n.mod",
    "étoile ☃.mod",
    "\x85\u2028.mod",
    "{braces} %s.mod",
    "1.mod",
    "class.mod",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_is_text(name, tmp_path):
    module = ast.parse(translated(tmp_path, HEAD + MODEL, name)[1])
    assert ast.get_docstring(module, clean=False).endswith(f": converted from the Dynare file {name}.")
    plain = ast.parse(translated(tmp_path, HEAD + MODEL)[1])
    assert [type(node) for node in module.body] == [type(node) for node in plain.body]


@pytest.mark.parametrize(
    "text", ["\x0copen('PWNED')", "a\x85b\u2028c", "\u202e", "'; import os", "one word after the other " * 9]
)
def test_a_long_name_is_text(text, tmp_path):
    head = HEAD.replace("var y c;", f'var y (long_name="{text}") c;')
    assert len(ast.parse(translated(tmp_path, head + MODEL)[1]).body) == len(
        ast.parse(translated(tmp_path, HEAD + MODEL)[1]).body
    )


SUM = "".join(f"# z{i} = z{i - 1} + z{i - 1};\n" for i in range(1, 60))
TOO_MUCH = {
    "y(-1)": [
        "y(-1000000000)",
        "y(+1000000)",
        "y(-501)",
        "y(1e300)",
        "e(-100000)",
        "EXPECTATION(-100000)(y(-1))",
    ],
    "a*y(-1)": [f"{'diff(' * 40}y{')' * 40}"],
}


@pytest.mark.parametrize("good, bad", [(good, bad) for good, many in TOO_MUCH.items() for bad in many])
def test_leads_lags_and_differences(good, bad, tmp_path):
    with pytest.raises(ModFileError, match=r"m\.mod:6:"):
        translated(tmp_path, HEAD + MODEL.replace(good, bad))


def test_local_variables_are_not_written_out_without_end(tmp_path):
    with pytest.raises(ModFileError, match="too long once its local variables are written out"):
        translated(tmp_path, HEAD + MODEL.replace("model;\n", f"model;\n# z0 = y;\n{SUM}"))


def test_many_long_lags(tmp_path):
    names = [f"x{i}" for i in range(8)]
    equations = "".join(f"{n} = 0.5*{n}(-400) + e;\n" for n in names)
    with pytest.raises(ModFileError, match="more than 2000 auxiliary variables"):
        translated(tmp_path, f"var {' '.join(names)}; varexo e;\nmodel;\n{equations}end;\n")


@pytest.mark.parametrize(
    "options",
    [
        "irf=1000000000",
        "ar=99999999",
        "conditional_variance_decomposition=[1:1000000000]",
        f"irf={'9' * 5000}",
    ],
)
def test_periods(options, tmp_path):
    system, _ = translated(tmp_path, HEAD + MODEL + f"stoch_simul(order=1, {options});")
    with pytest.raises(ModFileError, match="10000"):
        stoch_simul_settings(system.contents)
