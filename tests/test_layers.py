"""The layers of the package: imports point upward in this list, and nowhere is there a cycle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import estim

ROOT = Path(estim.__file__).parent

LAYERS = [
    [
        "runtime",
        "kinds",
        "arguments",
        "tracing",
        "typing",
        "status",
        "evaluations",
        "gradients",
        "jacobians",
        "calibration",
        "descent",
        "steering",
        "soften",
        "progress",
        "display",
        "stopping",
        "pace",
        "kept",
        "devices",
        "user_code",
    ],
    ["tables", "accounts"],
    ["numerics", "networks"],
    ["observations"],
    ["periods", "given_paths"],
    ["improper", "truncated", "notation"],
    ["tex"],
    ["priors", "prior_checks", "parameters", "data"],
    ["posterior"],
    ["heterogeneity"],
    ["specification_checks", "specification"],
    ["model_checks", "simulation_checks"],
    ["decision_checks"],
    ["model", "simulation", "decision", "observed_choices"],
    ["representations"],
    ["solution", "covariances"],
    ["likelihood"],
    ["estimation"],
    ["analysis"],
    ["samplers"],
    ["surrogate"],
    ["results"],
    ["models", "policy"],
    ["foresight"],
    ["dynare"],
    ["ladder", "api", "paths", "agents", "households"],
    ["experiment"],
    ["pipeline"],
    ["cockpit"],
    ["cli"],
    ["__main__"],
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

# A gallery model is written with the tools of its user, and with nothing behind them.
OPEN_TO_MODELS = {
    "typing",
    "priors",
    "heterogeneity",
    "numerics",
    "model",
    "accounts",
    "simulation",
    "decision",
    "observed_choices",
    "soften",
    "solution",
    "models",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """The modules of estim that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "estim":
            for alias in node.names:
                submodule = ROOT.parent.joinpath(*node.module.split("."), alias.name)
                is_module = submodule.with_suffix(".py").exists() or submodule.is_dir()
                found.add(f"{node.module}.{alias.name}" if is_module else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "estim"}
    return found


FILES = {module_name(path): path for path in ROOT.rglob("*.py")}
INNER = sorted(m for m in FILES if m != "estim")


def layer(module: str) -> str:
    return module.split(".")[1]


def test_every_module_has_a_layer():
    assert {layer(m) for m in INNER} <= set(RANK)


@pytest.mark.parametrize("module", INNER)
def test_imports_point_upward(module):
    imported = imports(FILES[module])
    assert "estim" not in imported, "an inner module imports the package root"
    lower = {m for m in imported if RANK[layer(m)] > RANK[layer(module)]}
    assert not lower, f"{module} imports from a lower layer: {sorted(lower)}"
    if module.startswith("estim.models."):
        assert {layer(m) for m in imported} <= OPEN_TO_MODELS


def test_no_cycles():
    graph = {m: {i for i in imports(FILES[m]) if i != m} for m in INNER}
    list(TopologicalSorter(graph).static_order())  # raises CycleError
