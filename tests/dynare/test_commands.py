"""`estim dynare FILE`: every command in order, at the values above it; and the table of what works."""

from pathlib import Path

import pytest

from estim.cli import main
from estim.dynare.reading.scanner import BLOCKS, COMMANDS, UNSUPPORTED_BLOCKS, UNSUPPORTED_COMMANDS
from estim.dynare.table import support_table

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "from_dynare.md"
FILE = """
var x y; varexo e u; parameters rho b; rho = 0.9; b = 0.5;
model; x = rho*x(-1) + e; y = b*x + 0.2*y(-1) + u; end;
shocks; var e; stderr 0.2; var u; stderr 0.3; end;
steady; check;
extended_path(periods=10);
stoch_simul(order=1, nograph);
rho = 0.5;
stoch_simul(order=1, nograph);
"""


@pytest.mark.filterwarnings("ignore:.*is not supported by estim")
def test_commands_in_order(tmp_path, capsys):
    (tmp_path / "m.mod").write_text(FILE)
    assert main(["dynare", str(tmp_path / "m.mod")]) == 0
    printed = capsys.readouterr().out
    titles = (
        "STEADY-STATE RESULTS",
        "EIGENVALUES",
        "line 6: a perfect-foresight simulation ('extended_path')",
        "POLICY",
    )
    places = [printed.index(title) for title in titles]
    assert places == sorted(places) and "there is one stable solution" in printed
    rows = [" ".join(line.split()) for line in printed.splitlines()]
    assert rows.index("x(-1) 0.900000 0.450000") < rows.index("x(-1) 0.500000 0.250000")
    assert "x 0.0000 0.4588 0.2105" in rows  # Dynare's: 0.21052632
    assert "y 0.0000 0.4155 0.1726" in rows  # 0.17264388


def test_the_page_has_the_table_that_the_code_makes():
    table = support_table()
    assert table in PAGE.read_text()
    for word in {*BLOCKS, *COMMANDS, *UNSUPPORTED_BLOCKS, *UNSUPPORTED_COMMANDS}:
        assert table.count(f"`{word}`") == 1, word
