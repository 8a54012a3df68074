"""The process: memory given back, memory that there is, and a child that was forked."""

import ctypes
import os

import jax
import jax.numpy as jnp
import pytest

from estim import runtime
from estim.posterior import from_logdensity
from estim.runtime import ForkError, available_memory, release_memory
from estim.samplers.run import SamplerError, sample


class Library:
    def __init__(self):
        self.kept = []
        self.options = {}

    def mallopt(self, option, size):
        self.options[option] = size

    def malloc_trim(self, kept):
        self.kept.append(kept)


def test_memory_is_given_back(monkeypatch):
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    release_memory()
    assert library.kept == [0]


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    release_memory()

    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    release_memory()


def test_more_draws_than_there_is_memory_are_refused_with_the_bytes():
    posterior = from_logdensity(lambda x: -0.5 * jnp.sum(x**2), jnp.zeros(2))
    with pytest.raises(
        SamplerError, match=r"1,000,000,000,000 draws .* are 160,000,000,000,000 bytes, and this machine"
    ):
        sample(posterior, "rwmh", jax.random.key(0), num_samples=10**12, num_chains=2)


def test_a_limit_of_the_system_counts(monkeypatch, tmp_path):
    (tmp_path / "limit").write_text("1000\n")
    monkeypatch.setattr(runtime, "_MEMORY_LIMITS", (str(tmp_path / "limit"), str(tmp_path / "none")))
    assert available_memory() == 1000
    (tmp_path / "limit").write_text("max\n")
    assert available_memory() > 1000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:os.fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_child_is_told_instead_of_hanging():
    posterior, rng_key = from_logdensity(lambda x: -0.5 * jnp.sum(x**2), jnp.zeros(2)), jax.random.key(0)
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        try:
            sample(posterior, "rwmh", rng_key, num_samples=2)
        except ForkError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)  # so that a child that says nothing is no wait without end
    os.waitpid(child, 0)
    assert b"multiprocessing.get_context('spawn')" in os.read(read, 1000)
    runtime.require_own_runtime()  # the parent goes on


@pytest.mark.parametrize(
    ("given", "then"),
    [
        ("--xla_cpu_prefer_vector_width=128", "--xla_cpu_prefer_vector_width=128"),
        ("--xla_dump_to=there", "--xla_dump_to=there --xla_cpu_prefer_vector_width=512"),
    ],
)
def test_vectors_are_wide_unless_flags_say_otherwise(monkeypatch, given, then):
    monkeypatch.setenv("XLA_FLAGS", given)
    runtime.configure()
    assert os.environ["XLA_FLAGS"] == then


def test_what_is_freed_is_kept_for_the_next_array(monkeypatch):
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(runtime, "available_memory", lambda: 2**31)
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    runtime.keep_memory()
    assert not library.options
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    runtime.keep_memory()
    assert library.options == {-1: 2**27, -3: 2**27}
