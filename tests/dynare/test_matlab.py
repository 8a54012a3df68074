"""Matlab code as it runs here, against what Matlab's manual says it gives."""

import numpy as np
import pytest

import estim  # noqa: F401  (configures JAX)
from estim.dynare.matlab import interpreter
from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.interpreter import Interpreter
from estim.dynare.matlab.lexer import parse
from estim.dynare.matlab_functions.table import FUNCTIONS


def run(code, folder=None):
    m = Interpreter(FUNCTIONS, folder)
    m.run(parse(code + "\n"))
    return m


VALUES = {  # code that sets x, and x
    "x = -2^2;": -4,
    "x = kron([1 2], [1; 3]);": [[1, 2], [3, 6]],
    "x = [trace([1 2; 3 4]) det([1 2; 3 4]) pi(1, 1)];": [[5, -2, np.pi]],
    "[u, t] = schur([2 1; 0 3]); x = u*t*u';": [[2, 1], [0, 3]],
    "x = cov([1 2; 3 6; 5 4]);": [[4, 2], [2, 4]],
    "x = 2^-1;": 0.5,
    "x = [1 -2];": [[1, -2]],
    "x = [1 - 2];": -1,
    "x = [1 -2 + 3, 4 ...\n 5];": [[1, 1, 4, 5]],
    "a = [1 2; 3 4]; x = a';": [[1, 3], [2, 4]],
    "a = [1 2; 3 4]; x = [a' a];": [[1, 3, 1, 2], [2, 4, 3, 4]],
    "a = [1 2; 3 4]; x = a*[1; 1];": [[3], [7]],
    "a = [2 0; 0 4]; x = a\\[2; 4];": [[1], [1]],
    "a = [1 2; 3 4]; x = a(end, 1) + a(end);": 7,
    "a = [1 2; 3 4]; x = a(:);": [[1], [3], [2], [4]],
    "x(2, :) = [1 2]; x(:, end+1) = [7; 8];": [[0, 0, 7], [1, 2, 8]],
    "x = 1:4; x(2) = [];": [[1, 3, 4]],
    "x = 5:-2:1;": [[5, 3, 1]],
    "a = [3 1 2]; x = a(a > 1);": [[3, 2]],
    "x = 0; for k = [1 2; 3 4], x = x + k(1)*k(2); end": 11,
    "x = 0; while true, x = x + 1; if x == 3 break, end, end": 3,
    "if 0, x = 1; elseif [], x = 2; else x = 3; end": 3,
    "switch 'b', case {'a', 'b'}, x = 1; otherwise, x = 2; end": 1,
    "try, error('no'); catch e, x = numel(e.message); end": 2,
    "s.a.b(3) = 7; s.('c') = 2; x = s.a.b + s.c;": [[2, 2, 9]],
    "c = {1, 'two'; [3 4], {5}}; x = c{2, 1}(2);": 4,
    "c = {}; c{end+1} = 'a'; c{end+1} = 'b'; x = numel([c{:}]);": 2,
    "f = @(a, b) a + 2*b; x = f(1, 2);": 5,
    "k = 3; f = @(y) k*y; k = 5; x = f(1);": 3,
    "[m, x] = max([3 9 2]);": 2,
    "[~, x] = sort([3 9 2], 'descend');": [[2, 1, 3]],
    "x = sum([1 2; 3 4]) + mean([1 3]);": [[6, 8]],
    "x = any([0 1]) || never_called(1);": 1,
    "eval('x = 4;');": 4,
    "x = numel(sprintf('%d,%s|', 1, 'ab', 22, 'c'));": 10,
    "x = strcmp({'a', 'b'}, 'b');": [[0, 1]],
    "names = {'ab'; 'abc'}; x = strmatch('ab', names, 'exact');": 1,
    "x = cellfun(@numel, {'a', 'bcd'});": [[1, 3]],
    "x = sqrt(-4)*1i;": -2,
    "x = std([1 2 3 4]);": np.std([1, 2, 3, 4], ddof=1),
    "x = norminv(normcdf(0.3));": 0.3,
    "x = fzero(@(y) y^2 - 2, 1);": np.sqrt(2),
    "x = fsolve(@(v) [v(1)*v(2) - 6; v(1) - v(2) - 1], [2.5; 1]);": [[3], [2]],
    "[x, f] = csolve(@(v, a) v^2 - a, 1, [], 1e-8, 100, 9); x = x + f;": 3,
    "x = room.inner.thrice(1) + room.inner.thrice(2);": 9,
    "room.inner.thrice = 5; x = room.inner.thrice;": 5,
    "x = [rcond([1 0; 0 4]), rcond([1 2; 2 4]), cond([3 0; 0 2])];": [[0.25, 0, 1.5]],
    "[u, s, v] = svd([3 1; 1 2]); x = u*s*v';": [[3, 1], [1, 2]],
    "[q, r] = qr([3 4; 4 1]); x = q*r + 0*inv(r);": [[3, 4], [4, 1]],
    "[l, u, p] = lu([1 2; 3 4]); x = p'*l*u;": [[1, 2], [3, 4]],
    "[u, t] = schur([1 2; 3 4]); x = u*t*u';": [[1, 2], [3, 4]],
    "x = expm([0 1; 0 0]) + sqrtm([4 0; 0 9]);": [[3, 1], [0, 4]],
    "x = cov([1 2; 3 6]);": [[2, 4], [4, 8]],
    "x = corr([1; 2; 4], [2; 4; 8]);": 1,
    "a = corrcoef([1; 2; 4], [2; 4; 8]); x = a(2, 1);": 1,
    "a = null([1 1; 2 2]); x = [a(1)/a(2), nnz([1 0 2])];": [[-1, 2]],
    "x = cross([1 0 0], [0 1 0]);": [[0, 0, 1]],
    "x = lognpdf(2, 0.5, 2) - normpdf((log(2) - 0.5)/2)/4;": 0,
    "x = [logncdf(exp(1), 1, 3), logninv(0.5, 2, 3) - exp(2)];": [[0.5, 0]],
    "x = [gampdf(2, 1, 4) - exppdf(2, 4), gamcdf(2, 3, 0.5) - gammainc(4, 3)];": [[0, 0]],
    "x = [betapdf(0.25, 2, 1), betacdf(0.25, 2, 1), betainv(0.25, 2, 1)];": [[0.5, 0.0625, 0.5]],
    "x = [unifpdf(3, 2, 6), unifcdf(3, 2, 6), unifinv(0.25, 2, 6)];": [[0.25, 0.25, 3]],
    "x = [expcdf(2, 2), expinv(1 - exp(-1), 2), wblcdf(2, 2, 3)];": [[1 - np.exp(-1), 2, 1 - np.exp(-1)]],
    "x = [tcdf(1, 1), chi2cdf(2, 2), fcdf(1, 7, 7), norminv(normcdf(0.3, 1, 2), 1, 2)];": [
        [0.75, 1 - np.exp(-1), 0.5, 0.3]
    ],
    "x = twice(3);": 6,
    "half; x = h;": 0.5,
    "%{\nx = 9;\n%}\nx = 1; % x = 2\nclose all\nhold on; x = x + 1;": 2,
}


@pytest.mark.parametrize("code", VALUES)
def test_values(code, tmp_path):
    (tmp_path / "twice.m").write_text(
        "function y = twice(x)\ny = helper(x);\nfunction z = helper(x)\nz = 2*x;\n"
    )
    (tmp_path / "half.m").write_text("h = 1/2;")
    (inner := tmp_path / "+room" / "+inner").mkdir(parents=True)
    (inner / "thrice.m").write_text("function y = thrice(x)\ny = 3*x;\n")
    np.testing.assert_allclose(
        run(code, tmp_path).variables["x"], np.atleast_2d(VALUES[code]), rtol=1e-10, atol=1e-14
    )


WRONG = {  # code, and what is said of it
    "x = system('ls');": "'system' is no function or variable known here",
    "x = [1 2]; x(3)": "lies beyond",
    "x = [1 2; 3];": "differ in size",
    "x = 1;\ny = x +;": "this is no Matlab code known here",
    "x = 'open": "not closed",
    "load ../x.mat": "is no function or variable",
    "x = zeros(1e6, 1e6);": "too large",
    "while true\nend": "more than 3000 steps",
    "f = @() 1; x.a = 1; x{2}": "is no cell",
}


@pytest.mark.parametrize("code", WRONG)
def test_what_is_wrong_or_lacking(code, monkeypatch):
    monkeypatch.setattr(interpreter, "MAX_STEPS", 3000)
    with pytest.raises(MatlabError) as caught:
        run(code)
    assert WRONG[code] in caught.value.message


def test_what_it_prints():
    assert run("disp([1 2.5]); fprintf('%5.2f %s\\n', pi, 'a');").printed == ["1  2.5\n", " 3.14 a\n"]


def test_functions_that_call_one_another_without_end(tmp_path):
    (tmp_path / "f.m").write_text("function y = f(x)\ny = f(x + 1);\n")
    with pytest.raises(MatlabError, match="deep"):
        run("f(1);", tmp_path)
