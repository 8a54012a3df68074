"""Run directory: what is written comes back, whole or not at all, and nothing is pickled."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import estim  # noqa: F401
from estim.results.contents import flatten
from estim.results.manifest import digest
from estim.results.store import RunDirectory, RunWarning, StoreError
from estim.samplers.states import State


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


@pytest.mark.parametrize(
    "value",
    [np.arange(6.0).reshape(2, 3), np.array(True), np.zeros((0, 4)), np.array(["GDP", "FEDFUNDS"]), 3],
    ids=["matrix", "scalar", "empty", "text", "number"],
)
def test_arrays_come_back(run, value):
    run.write_arrays("folder/file.npz", {"a/b.c": value})
    np.testing.assert_array_equal(run.read_arrays("folder/file.npz")["a/b.c"], value)


def test_only_the_arrays_asked_for_are_read(run):
    run.write_arrays("file.npz", {"state.0": 1, "state.1": 2, "draws": 3})
    assert list(run.read_arrays("file.npz", "state.")) == ["state.0", "state.1"]


def test_chunks_are_numbered_in_the_order_they_came(run):
    for i in range(12):
        run.append_chunk("route", {"i": i})
    assert [int(chunk["i"]) for chunk in run.read_chunks("route")] == list(range(12))
    assert run.chunks("another") == []


def test_a_point_where_a_chain_stays_takes_little_room(run):
    points = np.random.default_rng(0).normal(size=(100, 10))
    run.write_arrays("moves.npz", {"params": points})
    run.write_arrays("stays.npz", {"params": np.repeat(points, 10, axis=0)})
    moves, stays = (run.file(name).stat().st_size for name in ("moves.npz", "stays.npz"))
    assert stays < 2 * moves  # ten times as many draws


def test_objects_are_refused_not_pickled(run):
    with pytest.raises(StoreError, match=r"file\.npz: \['worse'\] would have to be pickled"):
        run.write_arrays("file.npz", {"fine": 1.0, "worse": np.array([{}])})
    assert not run.has("file.npz")


def test_a_pickle_from_elsewhere_is_not_opened(run):
    run.path.mkdir()
    np.savez(run.file("file.npz"), evil=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        run.read_arrays("file.npz")


def test_a_write_that_fails_leaves_the_old_file_and_no_trace(run):
    run.write_json("settings.json", {"seed": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        run.write_json("settings.json", {"seed": float("nan")})
    with pytest.raises(RuntimeError, match="disk full"):
        run._write("settings.json", lambda temporary: _write_half(temporary))
    assert run.read_json("settings.json") == {"seed": 1}
    assert {p.name for p in run.path.iterdir()} == {"settings.json", "manifest.csv"}


def _write_half(temporary):
    temporary.write_text('{"se')
    raise RuntimeError("disk full")


def test_errors_name_the_directory_and_the_file(run):
    with pytest.raises(
        StoreError, match=r"run: there is no settings\.json; is this the directory of a run\?"
    ):
        run.read_json("settings.json")
    with pytest.raises(StoreError, match=r"there is no mode\.npz"):
        run.read_arrays("mode.npz")
    run.write_text("settings.json", "{'seed': 1}")
    with pytest.raises(StoreError, match=r"settings\.json: not JSON"):
        run.read_json("settings.json")


def test_json_is_for_people(run):
    run.write_json("settings.json", {"seed": 1})
    assert run.read_text("settings.json") == json.dumps({"seed": 1}, indent=2) + "\n"


def test_flatten_joins_the_names_of_a_tree_and_leaves_out_none():
    tree = {"a": State(np.zeros(2), 1.0, None), "b": 2}
    flat = flatten(tree, "draws")
    assert list(flat) == ["draws.a.position", "draws.a.loglikelihood", "draws.b"]


DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "one byte shorter": lambda content: content[:-1],
    "zeros": lambda content: bytes(len(content)),
    "text": lambda content: b"no archive",
    "one bit": lambda content: content[:40] + bytes([content[40] ^ 4]) + content[41:],
    "longer": lambda content: content + b"\0",
}


WITHOUT_A_CHECKSUM = [name for name in DAMAGES if name not in ("one bit", "longer")]  # these read as before


@pytest.mark.parametrize(
    ("name", "listed"), [*((name, True) for name in DAMAGES), *((name, False) for name in WITHOUT_A_CHECKSUM)]
)
def test_a_damaged_archive_is_named_with_what_to_do(run, name, listed):
    """By its checksum, and where a directory has no list by its content."""
    damage = DAMAGES[name]
    run.append_chunk("nuts", {"params": np.random.default_rng(0).normal(size=(2, 9))})
    if not listed:
        run.file("manifest.csv").unlink()
    file = run.file("nuts/chunk-00000.npz")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(StoreError, match=r"nuts/chunk-00000\.npz: not as the run wrote it.*estim resume"):
        run.read_arrays("nuts/chunk-00000.npz")


@pytest.mark.parametrize("name", ["settings.json", "data.csv"])
def test_text_that_changed_is_not_read(run, name):
    run.write_text(name, '{"seed": 1}')
    run.file(name).write_text('{"seed": 2}')
    with pytest.raises(StoreError, match=rf"{name}: not as the run wrote it: put it back from a copy"):
        run.read_text(name)


def test_what_somebody_else_put_there_is_neither_read_nor_counted(run):
    run.append_chunk("nuts", {"i": 0})
    other = RunDirectory(run.path.with_name("other"))
    other.write_arrays("nuts/chunk-00001.npz", {"i": 1})
    run.file("nuts/chunk-00001.npz").write_bytes(other.file("nuts/chunk-00001.npz").read_bytes())
    for read in (lambda: run.chunks("nuts"), lambda: run.read_arrays("nuts/chunk-00001.npz")):
        with pytest.raises(StoreError, match=r"chunk-00001\.npz: the run did not write this file"):
            read()


def test_a_chunk_that_is_missing_before_another_is_noticed_and_the_last_is_told(run):
    for i in range(3):
        run.append_chunk("nuts", {"i": i})
    run.file("nuts/chunk-00002.npz").unlink()
    with pytest.warns(RunWarning, match=r"chunk-00002\.npz is missing, and its draws are left out"):
        assert len(run.chunks("nuts")) == 2
        run.append_chunk("nuts", {"i": 2})
    run.file("nuts/chunk-00001.npz").unlink()
    with pytest.raises(StoreError, match=r"chunk-00001\.npz: this chunk of draws is missing"):
        run.chunks("nuts")


def test_the_list_grows_by_a_line_a_file_and_is_not_read_again_for_it(run, monkeypatch):
    run.append_chunk("nuts", {"i": 0})
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    sizes = []
    for i in range(1, 6):
        run.append_chunk("nuts", {"i": i})
        sizes.append(run.file("manifest.csv").stat().st_size)
    assert len(set(np.diff(sizes))) == 1


@pytest.mark.parametrize("renamed", [False, True])
def test_a_file_that_was_being_written_anew_is_what_it_is(run, renamed):
    """Killed between the line of the new contents and their name, or just after it; then started twice."""
    run.write_json("a.json", 1)
    following = RunDirectory(run.path)
    following.write_json("other.json", 2)
    part = run.path / ".a.json.1.part"
    part.write_bytes(run.file("other.json").read_bytes())
    run._list.add("a.json", digest(part))
    if renamed:
        part.rename(run.file("a.json"))
    for _ in range(2):
        again = RunDirectory(run.path)
        with again.locked():
            assert again.read_json("a.json") == (2 if renamed else 1)
        assert not again.changed() and not list(run.path.glob(".*.part"))
    again.write_json("a.json", 3)
    assert RunDirectory(run.path).read_json("a.json") == 3


def test_what_a_killed_process_left_is_removed_at_the_next_start(run):
    run.append_chunk("nuts", {"i": 0})
    content = run.file("nuts/chunk-00000.npz").read_bytes()
    for i, listed in ((1, True), (2, False)):  # killed just before a rename, and while writing
        run.file(f"nuts/.chunk-0000{i}.npz.77.part").write_bytes(content)
        if listed:
            run._list.add(f"nuts/chunk-0000{i}.npz", digest(run.file("nuts/chunk-00000.npz")))
    with run.file("manifest.csv").open("a") as file:
        file.write("0123abc")  # killed in the middle of a line
    assert len(run.chunks("nuts")) == 1, "read while it is so, by a report say"
    with run.locked():
        assert problems_of(run) == []
    assert sorted(p.name for p in run.path.rglob("*") if p.is_file()) == ["chunk-00000.npz", "manifest.csv"]
    run.append_chunk("nuts", {"i": 1})
    assert [int(chunk["i"]) for chunk in run.read_chunks("nuts")] == [0, 1]


def problems_of(run):
    return [*run.changed(), *run.missing(), *run.strangers()]


@pytest.mark.parametrize(
    "text", ["format,2,estim run directory\n", "format,x\n", "\n"], ids=["newer", "odd", "blank"]
)
def test_a_list_of_another_format_or_damaged_is_refused(run, text):
    run.write_json("settings.json", {})
    body = run.file("manifest.csv").read_text().split("\n", 1)[1]
    run.file("manifest.csv").write_text(text + body)
    with pytest.raises(StoreError, match=r"manifest\.csv: (the directory has format 2|line 1 is damaged)"):
        run.read_json("settings.json")


def test_a_directory_is_one_process_s_and_a_dead_one_does_not_keep_it(run):
    """A second object of this process stands for another process: the lock is the system's."""
    run.write_json("settings.json", {})
    second = RunDirectory(run.path)
    refused = rf"run: process {os.getpid()} on .* is at work in this directory"
    with (
        run.locked(),
        run.locked(),  # by the same object: one and the same
        pytest.raises(StoreError, match=refused),
        second.locked(),
    ):
        pytest.fail("two in one directory")
    with second.locked():
        pass
    holder = f"from estim.results.store import RunDirectory; import os, signal\nwith RunDirectory({str(run.path)!r})"
    code = holder + ".locked(): os.kill(os.getpid(), signal.SIGKILL)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert run.file(".lock").exists()
    with run.locked():
        pass
    assert not run.file(".lock").exists()


@pytest.mark.parametrize("how", ["removed", "renamed", "replaced"])
def test_a_directory_that_is_gone_while_it_is_written_to(run, how):
    gone = r"was removed or renamed meanwhile.*`estim resume` with its new name"
    with pytest.raises(StoreError, match=gone), run.locked(create=True):
        run.write_json("settings.json", {})
        shutil.rmtree(run.path) if how == "removed" else run.path.rename(run.path.with_name("new"))
        if how == "replaced":
            run.path.mkdir()
        run.append_chunk("nuts", {"i": 0})
    assert how == "replaced" or not run.path.exists(), "nothing is written where the directory was"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (
            errno.ENOSPC,
            "the disk is full. Nothing that was finished is lost: make room, and `estim resume .*run` goes on",
        ),
        (errno.EDQUOT, "the disk is full"),
        (errno.EFBIG, "a file may not be that large here"),
        (errno.EROFS, "read-only file system. Make .*run writable, or copy it"),
        (errno.EIO, "Input/output error. When that is mended, `estim resume"),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
@pytest.mark.parametrize("call", ["fsync", "write"], ids=["of the file", "of the list"])
def test_an_error_of_the_disk_says_what_to_do_and_loses_nothing(run, number, message, call, monkeypatch):
    run.append_chunk("nuts", {"i": 0})
    before = sorted(p.name for p in run.path.rglob("*"))

    def fail(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StoreError, match=f"chunk-00001.npz: cannot be written: {message}"):
            run.append_chunk("nuts", {"i": 1})
    assert sorted(p.name for p in run.path.rglob("*")) == before
    assert problems_of(run) == []
    run.append_chunk("nuts", {"i": 1})
    assert [int(chunk["i"]) for chunk in run.read_chunks("nuts")] == [0, 1]


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limits on files here")
def test_a_real_limit_on_the_size_of_files(run):
    """In a process of its own: the limit cannot be raised again."""
    code = (
        "import resource, numpy as np\nfrom estim.results.store import RunDirectory, StoreError\n"
        f"run = RunDirectory({str(run.path)!r}); run.write_json('settings.json', {{}})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "try: run.write_arrays('mode.npz', {'x': np.random.default_rng(0).normal(size=5000)})\n"
        "except StoreError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "mode.npz: cannot be written: a file may not be that large here" in said
    assert {p.name for p in run.path.iterdir()} == {"settings.json", "manifest.csv"} and problems_of(
        run
    ) == []


def test_out_may_not_be_a_file_or_lie_below_one(tmp_path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with (
            pytest.raises(StoreError, match="is no directory, or lies below a file"),
            RunDirectory(path).locked(True),
        ):
            pytest.fail("it is not there")
