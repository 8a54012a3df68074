"""Does Dynare's preprocessor accept 300 files of the grammar of `tests/dynare/test_grammar.py`, and estim read them?

    python experiments/dynare_grammar.py [--preprocessor dynare-preprocessor]

Prints the files that one of the two refuses with what it says, and how many they accept.
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from estim.dynare import ModFileError
from estim.dynare.modfile import translate

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "dynare"))
from mod_grammar import mod_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preprocessor", default="dynare-preprocessor")
    arguments = parser.parse_args()
    texts: list[str] = []

    @settings(
        max_examples=300,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(text=mod_files())
    def collect(text):
        texts.append(text)

    collect()
    accepted = read = 0
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for text in texts:
            (Path(folder) / "m.mod").write_text(text)
            command = [arguments.preprocessor, "m.mod", "nostrict"]
            run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
            accepted += run.returncode == 0
            if run.returncode:
                print(text, run.stdout, run.stderr, sep="\n")
            try:
                translate(Path(folder) / "m.mod")
                read += run.returncode == 0
            except ModFileError as error:
                print(text, error, sep="\n")
    print(f"{accepted} of {len(texts)} accepted, and {read} of these read")


if __name__ == "__main__":
    main()
