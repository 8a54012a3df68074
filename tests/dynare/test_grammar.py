"""Small files made by a grammar, which Dynare's preprocessor accepts (`experiments/dynare_grammar.py`), are read."""

import warnings

from hypothesis import HealthCheck, given, settings
from mod_grammar import mod_files

from estim.dynare import ModFileWarning
from estim.dynare.modfile import translate


@settings(
    max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(text=mod_files())
def test_files_of_the_grammar_are_read(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("grammar") / "m.mod"
    path.write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModFileWarning)
        system, source = translate(path)
    assert len(system.contents.equations) == len(system.contents.variables)
    compile(source, "m.py", "exec")
