"""The notebooks of the documentation: each runs from top to bottom, and stands there with what it showed."""

import tempfile
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_was_executed_in_order_and_is_small(path):
    cells = code(nbformat.read(path, 4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert "error" not in kinds and kinds & {"execute_result", "display_data"}
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert path.stat().st_size < 300_000
    of_this_machine = (str(ROOT), tempfile.gettempdir(), str(Path.home()))
    assert not any(folder in path.read_text() for folder in of_this_machine)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv(
        "PYTHONWARNINGS", "ignore:IProgress not found"
    )  # of tqdm, where ipywidgets is not there
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.read(path, 4)
    shown = [[output.output_type for output in cell.outputs] for cell in code(notebook)]
    client = nbclient.NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    assert [[output.output_type for output in cell.outputs] for cell in code(notebook)] == shown
