"""`model_remove`, `model_replace` and `var_remove`: the model that remains is the one written without them."""

import pytest

from estim.dynare import ModFileError, read_mod

WITHOUT = """var c k; varexo x e; parameters a; a = 0.5;
model; c + k = x*k(-1) + e; log(c) = a*log(c(+1)) + log(k)/4 + a; end;
initval; x = 2; k = 1; c = 1; end; shocks; var e; stderr 0.1; end;
"""
HEAD = """var c k one two x; varexo e; parameters a unused; a = 0.5;
model;
[name='resources'] c = e*x;
[name='first', endogenous='one'] c(+1) = one;
[kind='extra', part='two'] log(two) = k + 2;
[kind='extra', part='x'] x = c;
end;
"""
EDITED = (
    HEAD
    + """model_remove('first', part='x', [kind='extra', part='two']);
model_replace('resources');
c + k = x*k(-1) + e;
log(c) = a*log(c(+1)) + log(k)/4 + a;
end;
var_remove unused;
initval; x = 2; k = 1; c = 1; end; shocks; var e; stderr 0.1; end;
"""
)


def test_what_remains_is_the_model(tmp_path):
    found = []
    for text in (WITHOUT, EDITED):
        (tmp_path / "m.mod").write_text(text)
        model = read_mod(tmp_path / "m.mod").model
        found.append(model)
    plain, edited = found
    assert edited.variables._fields == plain.variables._fields == ("c", "k")
    assert set(edited.shocks._fields) == set(plain.shocks._fields) == {"x", "e"}
    for model in found:
        values = {"c": 1.2, "k": 0.7}
        now, shocks = model.variables(**values), model.shocks(x=0.0, e=0.3)
        residuals = model.residuals(now, now, now, shocks, model.params({"stderr_e": 1.0}))
        values_of = [float(v) for v in residuals.values()]
        assert values_of == pytest.approx([1.9 - 1.4 - 0.3, 0.5 * 0.1823215568 - 0.25 * -0.3566749439 - 0.5])


@pytest.mark.parametrize(
    "text, why",
    [
        ("model_remove('none');", "no equation of the model has name='none'"),
        ("model_replace(kind='none'); c = e; end;", "no equation of the model has kind='none'"),
        ("model_remove(kind='sum');", "which variable goes with this equation"),
        ("var_remove a;", "'a' is still in the model"),
        ("var_remove z;", "unknown name 'z'"),
    ],
)
def test_edits_that_are_wrong(tmp_path, text, why):
    head = HEAD.replace("c = e*x;", "c = a*e*x;").replace("end;", "[kind='sum'] c + k = 0; end;")
    (tmp_path / "m.mod").write_text(head + text)
    with pytest.raises(ModFileError, match=rf"m.mod:\d+:\d+: .*{why}"):
        read_mod(tmp_path / "m.mod")
