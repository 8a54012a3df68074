"""The equations of a model in TeX, as JAX traced them."""

from collections.abc import Sequence

from jax.extend import core

from estim.notation import ATOM, POWER, PRODUCT, SUM, Notation, Term, terms

_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
    *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
)
_FUNCTIONS = {
    "exp": "exp",
    "log": "ln",
    "tanh": "tanh",
    "sin": "sin",
    "cos": "cos",
    "max": "max",
    "min": "min",
}


def symbol(name: str) -> str:
    """A name as a symbol: ``rho_z`` is Greek with a subscript."""
    head, _, rest = name.rstrip("_").partition("_")
    letters = rf"\{head}" if head in _GREEK else head if len(head) == 1 else rf"\mathrm{{{head}}}"
    return letters if not rest else rf"{letters}_{{{escape_tex(rest)}}}"


def dated(name: str, when: str) -> str:
    """A variable at a date: ``t``, ``t-1``, ``t+1``."""
    base = symbol(name)
    return rf"{base[:-1]},{when}}}" if "_{" in base and base.endswith("}") else rf"{base}_{{{when}}}"


def equations(program: core.ClosedJaxpr, inputs: Sequence[str]) -> list[str]:
    """``left = right`` for each output of a program that is zero.

    Args:
        program: of scalars alone.
        inputs: TeX of each input.
    """
    return [_balanced(term) for term in terms(program, [Term(text) for text in inputs], _TEX)]


def _balanced(term: Term | tuple[Term, Term]) -> str:
    left, right = (term, Term("0")) if isinstance(term, Term) else term
    return f"{left.text} = {right.text}"


def _within(term: Term, level: int) -> str:
    """In brackets where it would fall apart."""
    return term.text if term.level >= level else rf"\left({term.text}\right)"


def _called(name: str, x: list[Term]) -> Term:
    if name == "array":
        return Term(r"\cdot")
    head = rf"\{_FUNCTIONS[name]}" if name in _FUNCTIONS else rf"\operatorname{{{escape_tex(name)}}}"
    return Term(rf"{head}\left({', '.join(term.text for term in x)}\right)")


def _number(value: float) -> Term:
    text = f"{value:.6g}"
    return Term(text, SUM if text.startswith("-") else ATOM)


def _product(a: Term, b: Term) -> Term:
    for factor, other in ((a, b), (b, a)):
        if factor.text == "1.0" or factor.text == "1":
            return other
    apart = r" \cdot " if b.text[:1].isdigit() or b.text.startswith("-") else r" \, "
    return Term(f"{_within(a, PRODUCT)}{apart}{_within(b, PRODUCT)}", PRODUCT)


_TEX = Notation(
    {
        "add": lambda a, b: Term(f"{a.text} + {b.text}", SUM),
        "add_any": lambda a, b: Term(f"{a.text} + {b.text}", SUM),
        "sub": lambda a, b: Term(f"{a.text} - {_within(b, PRODUCT)}", SUM),
        "mul": _product,
        "div": lambda a, b: Term(rf"\frac{{{a.text}}}{{{b.text}}}"),
        "neg": lambda a: Term(f"-{_within(a, PRODUCT)}", SUM),
        "pow": lambda a, b: Term(f"{_within(a, ATOM)}^{{{b.text}}}", POWER),
        "square": lambda a: Term(f"{_within(a, ATOM)}^{{2}}", POWER),
        "sqrt": lambda a: Term(rf"\sqrt{{{a.text}}}"),
    },
    _called,
    _number,
)


def escape_tex(text: str) -> str:
    """Text with the characters that TeX would read otherwise."""
    return "".join(rf"\{c}" if c in "_%&#${}" else c for c in text)
