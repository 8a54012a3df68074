"""Run directory: what is written comes back, whole or not at all, and nothing is pickled."""

import json

import numpy as np
import pytest

import estim  # noqa: F401
from estim.results.store import RunDirectory, StoreError, flatten
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
