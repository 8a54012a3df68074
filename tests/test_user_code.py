"""A user's own file: executed once, and copied with what it imports from its own folder."""

import sys

import pytest

from estim.experiment import ExperimentError, load_experiment
from estim.user_code import executed_files, import_file, stands_for


def write(folder, **files):
    for name, text in files.items():
        path = folder / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "mine.py"


def test_the_file_and_what_it_imports_from_beside_it(tmp_path):
    tools = {
        "tools__in____init__": "from tools.sub import n\n",
        "tools__in__sub": "n = 7\n",
        "unused": "1 / 0\n",
    }
    path = write(
        tmp_path,
        mine="import json\nimport beside\nfrom tools import n\n",
        beside="import more\n",
        more="",
        **tools,
    )
    assert import_file(path).n == 7
    files = executed_files(path)
    assert sorted(files) == [
        "model.py", "modules/beside.py", "modules/more.py", "modules/tools/__init__.py", "modules/tools/sub.py",
    ]  # fmt: skip
    assert files["model.py"] == path.read_bytes()
    assert not list(tmp_path.rglob("__pycache__"))


def test_two_folders_may_have_modules_of_one_name(tmp_path):
    for n in (1, 2):
        path = write(
            tmp_path / str(n), mine="import namesake\nvalue = namesake.value\n", namesake=f"value = {n}\n"
        )
        assert import_file(path).value == n
    assert str(tmp_path / "2") not in sys.path


def test_a_copy_imports_from_its_modules(tmp_path):
    path = write(tmp_path, mine="from beside import value\n", modules__in__beside="value = 3\n")
    assert import_file(path).value == 3
    assert list(executed_files(path)) == ["model.py", "modules/beside.py"]


def test_what_was_executed_is_kept_even_if_the_file_changes(tmp_path):
    path = write(tmp_path, mine="value = 1\n")
    import_file(path)
    path.write_text("value = 2\n")
    assert executed_files(path) == {"model.py": b"value = 1\n"}
    stands_for(path, "value = 3\n")
    assert executed_files(path) == {"model.py": b"value = 3\n"}


def test_a_module_that_fails_leaves_the_path_as_it_was(tmp_path):
    before = list(sys.path)
    with pytest.raises(ZeroDivisionError):
        import_file(write(tmp_path, mine="import beside\n", beside="1 / 0\n"))
    assert sys.path == before


def test_what_is_no_python_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("x = 1\n")
    with pytest.raises(ExperimentError, match=r"notes\.txt: not a Python file"):
        load_experiment(tmp_path / "notes.txt")
