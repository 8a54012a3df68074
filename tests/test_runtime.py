"""Memory is given back where the C library can, and elsewhere nothing happens."""

import ctypes

from estim.runtime import release_memory


class Library:
    def __init__(self):
        self.kept = []

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
