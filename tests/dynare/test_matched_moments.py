"""`method_of_moments` in a file, against estimates by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from estim.dynare import ModFileError, read_mod, run_commands
from estim.dynare.moments import posterior_of_moments

HEAD = """var x y; varexo e u; parameters rho b m; rho = 0.8; b = 0.5; m = 1;
model; x - m = rho*(x(-1) - m) + e; y = b*x + u; end;
initval; x = 1; y = 0.5; end;
shocks; var e; stderr 0.2; var u; stderr 0.3; end;
varobs x y;
estimated_params; rho, 0.7, 0, 0.99; stderr e, 0.3, 0, 2; END end;
"""
MOMENTS = """matched_moments; x; x*x; x^2; x*x(-1); y*x(+1); end;
method_of_moments(mom_method=GMM, datafile='seen.csv', bartlett_kernel_lag=3);
"""


@pytest.fixture(scope="module")
def seen():
    rng, x, rows = np.random.default_rng(1), 1.0, []
    for _ in range(120):
        x = 1 + 0.8 * (x - 1) + 0.2 * rng.standard_normal()
        rows.append((x, 0.5 * x + 0.3 * rng.standard_normal()))
    return pd.DataFrame(rows, columns=["x", "y"])


def read(tmp_path, text):
    (tmp_path / "m.mod").write_text(HEAD.replace("END", "") + text)
    return read_mod(tmp_path / "m.mod")


def by_hand(rho, sigma):
    v = sigma**2 / (1 - rho**2)
    return np.array([1.0, v + 1, rho * v + 1, 0.5 * (rho * v + 1)])


def test_moments_of_the_model_and_the_data(tmp_path, seen):
    mod = read(tmp_path, MOMENTS.replace("x^2; ", ""))
    posterior = posterior_of_moments(mod, lags=3, data=seen)
    x, y = seen.to_numpy().T
    found = posterior.data.read
    wanted = [x.mean(), (x**2).mean(), (x[1:] * x[:-1]).mean(), (y[:-1] * x[1:]).mean()]
    np.testing.assert_allclose(found.moments, wanted)
    at = posterior.parameters.unconstrain_fn({"rho": 0.6, "stderr_e": 0.25})
    solution = posterior.likelihood.solution(at, posterior.data)
    np.testing.assert_allclose(posterior.likelihood.likelihood.moments(solution, found), by_hand(0.6, 0.25))


def test_the_command_prints_the_estimate(tmp_path, seen):
    seen.to_csv(tmp_path / "seen.csv", index=False)
    text = "".join(run_commands(read(tmp_path, MOMENTS.replace("x^2; ", ""))))
    posterior = posterior_of_moments(read_mod(tmp_path / "m.mod"), lags=3)
    m, L = (np.asarray(part) for part in posterior.data.read[:2])
    distance = lambda p: np.sum(np.linalg.solve(L, m - by_hand(*p)) ** 2)
    best = minimize(distance, [0.7, 0.3], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line}
    np.testing.assert_allclose([float(rows[n][1]) for n in ("rho", "stderr_e")], best.x, rtol=1e-4)
    D = np.stack([(by_hand(*(best.x + h)) - by_hand(*(best.x - h))) / 2e-5 for h in 1e-5 * np.eye(2)], axis=1)
    errors = np.sqrt(np.diag(np.linalg.inv(D.T @ np.linalg.solve(L @ L.T, D))))
    np.testing.assert_allclose([float(rows[n][2]) for n in ("rho", "stderr_e")], errors, rtol=1e-3)
    assert f"J = {best.fun:.3g}"[:6] in text and "with 2 degrees of freedom" in text


@pytest.mark.parametrize("given, size", [("['DIAGONAL']", "variance"), ("identity_matrix", "one")])
def test_other_weights(tmp_path, seen, given, size):
    seen = seen - seen.mean() + [1.0, 0.5]  # the means of the model, which has none to move
    seen.to_csv(tmp_path / "seen.csv", index=False)
    asked = MOMENTS.replace("x^2; ", "").replace("lag=3", f"lag=3, weighting_matrix={given}")
    text = "".join(run_commands(read(tmp_path, asked)))
    m, L = (
        np.asarray(part) for part in posterior_of_moments(read_mod(tmp_path / "m.mod"), lags=3).data.read[:2]
    )
    V = L @ L.T
    W = np.diag(1 / np.diag(V)) if size == "variance" else np.eye(4)
    distance = lambda p: (m - by_hand(*p)) @ W @ (m - by_hand(*p))
    best = minimize(distance, [0.7, 0.3], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-16}).x
    D = np.stack([(by_hand(*(best + h)) - by_hand(*(best - h))) / 2e-5 for h in 1e-5 * np.eye(2)], axis=1)
    bread = np.linalg.inv(D.T @ W @ D) @ D.T @ W
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line}
    np.testing.assert_allclose([float(rows[n][1]) for n in ("rho", "stderr_e")], best, rtol=1e-4)
    errors = np.sqrt(np.diag(bread @ V @ bread.T))
    np.testing.assert_allclose([float(rows[n][2]) for n in ("rho", "stderr_e")], errors, rtol=1e-3)
    assert "J TEST" not in text


def test_weights_by_the_variances_or_none(tmp_path, seen):
    mod = read(tmp_path, MOMENTS.replace("x^2; ", ""))
    roots = {
        way: np.asarray(posterior_of_moments(mod, lags=3, data=seen, weights=way).data.read.scale_tril)
        for way in ("optimal", "diagonal", "identity_matrix")
    }
    variances = np.diag(roots["optimal"] @ roots["optimal"].T)
    np.testing.assert_allclose(roots["diagonal"], np.diag(variances**0.5), rtol=1e-12)
    np.testing.assert_array_equal(roots["identity_matrix"], np.eye(4))


def test_moments_of_three_and_four_factors(tmp_path, seen):
    """Of normal variables: E xyz = E x E yz + ..., E x^4 = m^4 + 6 m^2 v + 3 v^2."""
    asked = "matched_moments; x^3; x*y*x(-1); x^4; x^2*y^2; end;\n"
    posterior = posterior_of_moments(read(tmp_path, asked), lags=3, data=seen)
    x, y = seen.to_numpy().T
    np.testing.assert_allclose(posterior.data.read.moments[1], (x[1:] * y[1:] * x[:-1]).mean())
    at = posterior.parameters.unconstrain_fn({"rho": 0.6, "stderr_e": 0.25})
    solution = posterior.likelihood.solution(at, posterior.data)
    v, u = 0.25**2 / (1 - 0.6**2), 0.3**2
    lagged = 0.5 * (1 + v + 2 * 0.6 * v)  # y = x / 2 + u
    squares = 0.25 * (1 + 6 * v + 3 * v**2) + u * (1 + v)
    wanted = [1 + 3 * v, lagged, 1 + 6 * v + 3 * v**2, squares]
    np.testing.assert_allclose(posterior.likelihood.likelihood.moments(solution, posterior.data.read), wanted)


def test_responses_are_matched(tmp_path):
    block = """matched_irfs; var x; varexo e; periods 1:2, 4; values 0.25, (0.1); weights 100, 50; end;
method_of_moments(mom_method=irf_matching);"""
    posterior = posterior_of_moments(read(tmp_path, block), "irf_matching")
    found = posterior.data.read
    np.testing.assert_allclose(found.moments, [0.25, 0.25, 0.1])
    np.testing.assert_allclose(np.diag(found.scale_tril), [0.1, 0.1, 50**-0.5])
    at = posterior.parameters.unconstrain_fn({"rho": 0.6, "stderr_e": 0.25})
    moments = posterior.likelihood.likelihood.moments(
        posterior.likelihood.solution(at, posterior.data), found
    )
    np.testing.assert_allclose(moments, 0.25 * 0.6 ** np.array([0, 1, 3]))


@pytest.mark.parametrize(
    "text, why",
    [
        ("matched_moments; x*y*x*y^2; end;", "a moment of other than a product of up to 4 observables"),
        ("matched_moments; exp(x); end;", "a moment of other than a product of up to 4 observables"),
        ("varobs x; matched_moments; y; end;", "'y' has a moment but is not in 'varobs'"),
        (
            "matched_irfs; var x; varexo e; periods 1; values 1; weights 0; end;",
            "the weights of 'x' must be positive",
        ),
    ],
)
def test_blocks_that_are_wrong(tmp_path, text, why):
    with pytest.raises(ModFileError, match=why):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "command, why",
    [
        ("method_of_moments(mom_method=GMM);", "needs a block 'matched_moments'"),
        ("method_of_moments(mom_method=irf_matching);", "needs a block 'matched_irfs'"),
        ("method_of_moments;", "'mom_method' must be GMM, SMM or IRF_MATCHING"),
        ("matched_moments; x; end; method_of_moments(mom_method=SMM);", "names no data"),
        ("method_of_moments(mom_method=GMM, weighting_matrix=['diagonal', 'best']);", "not 'best'"),
    ],
)
def test_commands_that_are_wrong(tmp_path, command, why):
    assert why in "".join(run_commands(read(tmp_path, command)))
