"""The macro processor by its output; values follow Dynare's reference manual."""

import pytest

import estim  # noqa: F401  (configures JAX)
from estim.dynare import ModFileWarning
from estim.dynare.macro.processor import expand
from estim.dynare.reading.source import ModFileError

EXPRESSIONS = {
    "1 + 2*3": "7",
    "2^3 - 1": "7",
    "-2^2": "-4",
    "1/3": "0.333333333333333",
    "1e10": "10000000000",
    "1e-5": "1e-05",
    "1:3": "[1, 2, 3]",
    "6:-2.1:-1": "[6, 3.9, 1.8, -0.3]",
    "3:1": "[]",
    '"a" + "b"': "ab",
    '["a"] + ["b", 1]': "[a, b, 1]",
    "[1, 2, 3] - [2]": "[1, 3]",
    "[1, 2] | [2, 3]": "[1, 2, 3]",
    "[1, 2] & [2, 3]": "[2]",
    '["a", "b"]*[1]': "[(a, 1), (b, 1)]",
    "(1:2)^2": "[(1, 1), (1, 2), (2, 1), (2, 2)]",
    "[i in 1:5 when mod(i, 2) == 0]": "[2, 4]",
    "[i^2 for i in 1:5 when mod(i, 2) == 0]": "[4, 16]",
    "[(j, i + 1) for (i, j) in (1:2)*(1:2) when i < j]": "[(2, 2)]",
    '"b" in ["a", "b"]': "true",
    "isreal(3) && isarray([1]) && isstring(\"x\") && istuple((1, 2)) && isboolean(true)": "true",
    "(bool) 0 || !(1 > 2)": "true",
    '(real) "1" + 2': "3",
    "(string) (3 + 4)": "7",
    "(array) 5 + (array) 6": "[5, 6]",
    "length([1, 2]) + length(\"abc\") + sum([1, 2])": "8",
    "max(1, 2) + min(1, 2) + round(1.5) + floor(-0.5) + sign(-3)": "3",
    "[10, 20, 30][2]": "20",
    "[10, 20, 30][2:3]": "[20, 30]",
}  # fmt: skip


def output(tmp_path, text, **defines):
    path = tmp_path / "m.mod"
    path.write_text(text)
    return expand(path, defines).text.split()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression(expression, tmp_path):
    assert " ".join(output(tmp_path, f"@{{{expression}}}")) == EXPRESSIONS[expression]


PROGRAMS = {
    "@#define x = 3\n@{x} y@{x}z": "3 y3z",
    "@#define x\n@{x}": "1",
    '@#define f(a, b) = a + "_" + b\n@{f("u", "v")}': "u_v",
    "@#define f(a) = a + x\n@#define x = 2\n@{f(1)}": "3",
    "@#define s = 3\n@#define f(k) = k + s\n@#define g(s) = f(1) + s\n@{g(2)}": "6",
    "@#define f(k) = 2*k\n@#define g(k) = f(k + 1) + k\n@{g(3)}": "11",
    "@#define f(a, b) = a - b\n@#define g(a, b) = f(b, a)\n@{g(1, 5)}": "4",
    "@#define f(k) = k + s\n@#define s = 1\n@#define g(s) = f(f(s))\n@{g(5)} @{s}": "7 1",
    "@#define k = 7\n@#define f(k) = [i + k for i in 1:2]\n@{f(1)} @{k}": "[2, 3] 7",
    "@#define f(n) = n + m\n@#define m = 1\n@{[f(m) for m in 1:2]}": "[2, 3]",
    "@#for i in 1:3\na@{i}\n@#endfor": "a1 a2 a3",
    "@#for (i, c) in (1:2)*[\"x\"] when i > 1\n@{c}@{i}\n@#endfor": "x2",
    "@#for i in 1:2\n@#for j in 1:2\n@{i}@{j}\n@#endfor\n@#endfor": "11 12 21 22",
    "@#if 1 > 2\na\n@#elseif 2 > 1\nb\n@#else\nc\n@#endif": "b",
    "@#if 0\na\n@#else\nc\n@#endif": "c",
    "@#ifdef x\na\n@#else\nb\n@#endif": "b",
    "@#ifndef x\na\n@#endif": "a",
    "@#if defined(x)\na\n@#endif\nb": "b",
    "@#if false\n@#for i in nothing\n@#endfor\n@#endif\nb": "b",
    "@#define long = 1 + \\\\\n  2\n@{long}": "3",
    "a // @{undefined}": "a // @{undefined}",
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program, tmp_path):
    assert " ".join(output(tmp_path, program)) == PROGRAMS[program]


def test_definitions_from_outside(tmp_path):
    assert output(tmp_path, "@#ifdef n\n@{n + 1}\n@#endif", n=2.0) == ["3"]


def test_include_beside_the_file_and_on_the_path(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "one.inc").write_text('one\n@#include "two.inc"')
    (tmp_path / "parts" / "two.inc").write_text("two @{n}")
    text = '@#define n = 2\n@#include "parts/one.inc"\n@#includepath "parts"\n@#include "two.inc"\nend'
    assert output(tmp_path, text) == ["one", "two", "2", "two", "2", "end"]


def test_lines_keep_their_origin(tmp_path):
    (tmp_path / "part.inc").write_text("first\nsecond here")
    (tmp_path / "m.mod").write_text('@#for i in 1:2\n@#include "part.inc"\n@#endfor')
    source = expand(tmp_path / "m.mod")
    place = source.locate(source.text.rindex("here"))
    assert (place.path, place.line, place.column) == (str(tmp_path / "part.inc"), 2, 8)


ENDLESS = {
    '@#include "m.mod"': "include one another more than 50 deep",
    "@#for i in 1:99999\n@#for j in 1:99999\n@#endfor\n@#endfor": "expand to more than 200000 lines",
    "@#for i in 1:1e9\n@#endfor": "a range of 1000000000 numbers is too long",
    "@#define f(x) = f(x)\n@{f(1)}": "call one another more than 100 deep",
    "@#define a = (1:1000)^9": "is too long",
    "@#define a = 2^1e9": "arithmetic",
    '@#define s = "ab"\n' + "@#define s = s + s\n" * 40: "a text of more than 100000 characters",
    "@#define s = [1, 2]\n" + "@#define s = s + s\n" * 40: "an array of more than 100000 elements",
    "@#define s = [1, 2]\n" + "@#define s = [s, s]\n" * 40: "an array of more than 100000 elements",
    "@#define s = (1, 2)\n" + "@#define s = (s, s)\n" * 40: "an array of more than 100000 elements",
    "@#for i in 1:99999\n@#for j in 1:99999 when 1 == 0\n@#endfor\n@#endfor": "take more than 500000 steps",
    "@#define a = [sum([1 for j in 1:99999]) for i in 1:99999]": "take more than 500000 steps",
    "@#define a = [i in 1:99999 when i in (100000:199000)]": "take more than 500000 steps",
    "@#define a = [length((1:60000) & (70000:140000)) for i in 1:99999]": "take more than 500000 steps",
    '@#define s = "' + "a" * 90000 + '"\n@#for i in 1:1000\n@{s}\n@#endfor': "more than 20000000 characters",
    "@#if 1\n" * 200 + "@#endif\n" * 200: "nested more than 50 deep",
}


@pytest.mark.parametrize("text", ENDLESS)
def test_nothing_goes_on_for_ever(text, tmp_path):
    with pytest.raises(ModFileError, match=ENDLESS[text]):
        output(tmp_path, text)


def test_echo(tmp_path):
    with pytest.warns(ModFileWarning, match="m.mod:1:1: @#echo: hello"):
        output(tmp_path, '@#echo "hello"')
