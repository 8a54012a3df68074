"""`estim verify`: every file as the run wrote it, none missing, none of another's."""

import shutil

import pytest

from estim import cli
from estim.results.store import RunDirectory, StoreError
from estim.results.verify import problems, require_intact


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "run")
    for name in ("model.py", "modules/household.py", "data.csv"):
        run.write_text(name, f"# {name}\n")
    for i in range(3):
        run.append_chunk("nuts", {"i": i})
    run.write_arrays("mode.npz", {"mode": [1.0]})
    run.write_json("settings.json", {"seed": 0})
    return run


def change(file):
    file.write_bytes(file.read_bytes() + b" ")


def test_a_run_as_it_was_written(run, capsys):
    assert problems(run) == [] and require_intact(run) == []
    assert cli.main(["verify", str(run.path)]) == 0
    assert "run: 8 files, each as the run wrote it" in capsys.readouterr().out


def test_it_may_be_copied_and_renamed(run):
    for move in (shutil.copytree, shutil.move):
        there = RunDirectory(move(run.path, run.path.with_name(move.__name__)))
        assert problems(there) == [] and require_intact(there) == []


FILES = ["settings.json", "model.py", "modules/household.py", "data.csv", "mode.npz", "nuts/chunk-00001.npz"]


@pytest.mark.parametrize("name", FILES)
def test_what_changed_is_named(run, name, capsys):
    change(run.file(name))
    assert problems(run) == [f"{name}: changed since it was written"]
    assert cli.main(["verify", str(run.path)]) == cli.EXIT_FAILED
    assert f"run/{name}: changed since it was written" in capsys.readouterr().out
    with pytest.raises(StoreError, match=f"{name}: not as the run wrote it: (put it back|remove it)"):
        require_intact(run)


@pytest.mark.parametrize("name", FILES)
def test_what_is_missing_is_named_and_made_again_where_it_can_be(run, name):
    run.file(name).unlink()
    assert problems(run) == [f"{name}: missing"]
    if name == "mode.npz":
        assert require_intact(run) == ["mode.npz"] and problems(run) == []
        return
    words = (
        "this chunk of draws is missing"
        if "chunk" in name
        else f"{name} is missing: not as the run wrote it: put"
    )
    with pytest.raises(StoreError, match=words):
        require_intact(run)


def test_the_last_chunks_are_made_again(run):
    for i in (1, 2):
        run.file(f"nuts/chunk-0000{i}.npz").unlink()
    assert require_intact(run) == ["nuts/chunk-00001.npz", "nuts/chunk-00002.npz"]
    assert problems(run) == [] and len(run.chunks("nuts")) == 1


@pytest.mark.parametrize(
    "name",
    [
        "nuts/chunk-00003.npz",
        "slices.npz",
        "modules/numpy.py",
        "jinja2.py",
        "modules/__pycache__/household.pyc",
        "x.json",
    ],
)
def test_what_is_not_the_run_s_is_named_and_neither_read_nor_executed(run, name):
    run.file(name).parent.mkdir(exist_ok=True)
    run.file(name).write_bytes(b"")
    assert problems(run) == [f"{name}: not a file of this run"]
    with pytest.raises(
        StoreError, match=r"the run did not write this file, and will neither read nor execute it"
    ):
        require_intact(run)


def test_a_folder_that_is_a_link_to_elsewhere_is_not_the_run_s(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    run.file("numpy").symlink_to(tmp_path / "elsewhere")
    assert problems(run) == ["numpy: not a file of this run"]


def test_notes_of_the_user_do_no_harm(run):
    run.file("notes.txt").write_text("looks fine")
    assert problems(run) == [] and require_intact(run) == []


def test_a_directory_without_a_list(run, tmp_path):
    run.file("manifest.csv").unlink()
    with pytest.raises(StoreError, match=r"no manifest\.csv that lists its files"):
        problems(RunDirectory(run.path))
    assert cli.main(["verify", str(tmp_path)]) == cli.EXIT_ERROR
