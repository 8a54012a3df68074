"""A grammar of small Dynare files, as a strategy of Hypothesis: valid by the rules of Dynare's reference manual."""

from hypothesis import strategies as st

ENDOGENOUS, EXOGENOUS, PARAMETERS = ("y", "c", "k_1", "lambda"), ("e", "u"), ("rho", "beta", "Gamma", "x_bar")
UNARY = (
    "exp",
    "log",
    "ln",
    "log10",
    "sqrt",
    "cbrt",
    "abs",
    "sign",
    "sin",
    "cos",
    "tan",
    "atan",
    "normcdf",
    "erf",
)
SHAPES = ("beta_pdf, 0.5, 0.1", "NORMAL_PDF, 0.5, 0.1", "gamma_pdf, 0.5, 0.1", "inv_gamma_pdf, 0.5, inf")
NUMBERS = ("1", "0.5", "2.", ".25", "1e-1", "3.5D0")
COMMENTS = ("", "", "// a comment; with = signs\n", "% another\n", "/* of\nseveral lines */\n")
MACROS = ("@#define two = 2\n", "@#if 1 > 0 && !false\n@#endif\n", "@#define f(a) = a + 1\n")
STOCH_SIMUL = (
    "order=1",
    "order = 1, irf=0",
    "order=1,nograph,noprint,hp_filter=1600",
    "order=1, ar=3, irf=7",
)

one_of = st.sampled_from


@st.composite
def expressions(draw, variables: tuple[str, ...], others: tuple[str, ...], depth: int = 3) -> str:
    """An expression of a model over dated variables and other names."""
    within = lambda: draw(expressions(variables, others, depth - 1))
    kind = draw(st.integers(0, 9 if depth else 3))
    if kind == 0:
        return draw(one_of(NUMBERS))
    if kind in (1, 2):
        name, lag = draw(one_of(variables)), draw(one_of(("", "", "(-1)", "(+1)", "(1)", "(-2)", "(2)")))
        return name + lag
    if kind == 3:
        return draw(one_of(others))
    if kind == 4:
        return f"{draw(one_of(UNARY))}({within()})"
    if kind == 5:
        return f"{draw(one_of(('max', 'min')))}({within()}, {within()})"
    if kind == 6:
        name = draw(one_of(variables))
        return draw(
            one_of((f"STEADY_STATE({name})", f"diff({name})", f"EXPECTATION(-1)({name}(+1))", f"-{name}"))
        )
    if kind == 7:
        return f"({within()} {draw(one_of(('<', '>=', '==', '!=')))} {within()})"
    if kind == 8:
        return f"({within()})^{draw(one_of(('2', '(-1)', '0.5')))}"
    operator = draw(one_of(("{} + {}", "{} - {}", "{}*{}", "{}/(3 + ({})^2)")))
    return f"({operator.format(within(), within())})"


@st.composite
def mod_files(draw) -> str:
    """The text of a file: declarations, values, a model, its rest, shocks, priors and commands."""
    comment = lambda: draw(one_of(COMMENTS))
    several = lambda pool: tuple(draw(st.lists(one_of(pool), min_size=1, unique=True)))
    variables, shocks, parameters = several(ENDOGENOUS), several(EXOGENOUS), several(PARAMETERS)
    text = [comment(), _declared(draw, "var", variables), _declared(draw, "varexo", shocks)]
    text += [_declared(draw, "parameters", parameters), comment()]
    for i, name in enumerate(parameters):
        earlier = draw(one_of(parameters[:i])) if i else "1"
        text.append(f"{name} = {draw(one_of(NUMBERS))}*({earlier} + {draw(one_of(NUMBERS))});\n")
    text += [_model(draw, variables, shocks, parameters), comment(), _rest(draw, variables)]
    text.append(_shocks(draw, shocks))
    text += draw(one_of((["steady;\n"], ["steady(nocheck);\n"], ["resid;\n", "steady;\n"], [])))
    text += draw(one_of((["check;\n"], [])))
    if draw(st.booleans()):
        lines = [f"{n}, {draw(one_of(SHAPES))};\n" for n in parameters if draw(st.booleans())]
        lines.append(f"stderr {shocks[0]}, {draw(one_of(SHAPES[2:]))};\n")
        text += [f"varobs {variables[0]};\n", "estimated_params;\n", *lines, "end;\n"]
    if draw(st.booleans()):
        text.append(f"stoch_simul({draw(one_of(STOCH_SIMUL))}) {draw(one_of(('', variables[0])))};\n")
    return "".join(text)


def _declared(draw, keyword: str, names: tuple[str, ...]) -> str:
    detail = lambda name: draw(one_of(("", "", f" ${name[0]}_t$", f" (long_name='the {name}')")))
    return f"{keyword} {draw(one_of((' ', ', '))).join(n + detail(n) for n in names)};\n"


def _model(draw, variables, shocks, parameters) -> str:
    local = draw(st.booleans())
    others = (*shocks, *parameters, *(("inner",) if local else ()))
    lines = ["model;\n"]
    if local:
        lines.append(f"# inner = {draw(expressions(variables, parameters))};\n")
    for i, name in enumerate(variables):
        tag = draw(one_of(("", f"[name = 'equation {i}'] ", f"[name='law of {name}', mark='{i}']\n")))
        term = draw(expressions(variables, others))
        shock, parameter = draw(one_of(shocks)), draw(one_of(parameters))
        right = f"{parameter}*{name}(-1) + {term} + {shock}"
        form = draw(one_of(("{0} = {1};\n", "{0} - ({1});\n", "{1} = {0};\n")))
        lines.append(tag + form.format(name, right))
    if draw(st.booleans()):
        lines.insert(
            1,
            draw(
                one_of(("@#define two = 2\n", "@#if 1 > 0 && !false\n@#endif\n", "@#define f(a) = a + 1\n"))
            ),
        )
    return "".join([*lines, "end;\n"])


def _rest(draw, variables) -> str:
    kind = draw(one_of(("initval", "steady_state_model", None)))
    if kind is None:
        return ""
    names = variables if kind == "steady_state_model" else variables[: draw(st.integers(1, len(variables)))]
    return f"{kind};\n" + "".join(f"{n} = {draw(one_of(NUMBERS))};\n" for n in names) + "end;\n"


def _shocks(draw, shocks) -> str:
    forms = ("var {0}; stderr {1};\n", "var {0} = {1}^2;\n")
    lines = [draw(one_of(forms)).format(n, draw(one_of(NUMBERS))) for n in shocks]
    if len(shocks) == 2 and draw(st.booleans()):
        lines.append(f"corr {shocks[0]}, {shocks[1]} = 0.3;\n")
    return "shocks;\n" + "".join(lines) + "end;\n"
