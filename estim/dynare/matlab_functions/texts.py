"""Matlab's functions of texts, cells and structs, what it prints, and what draws and leaves no value."""

import re
from typing import Any

import numpy as np

from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.interpreter import Builtin, Interpreter, told
from estim.dynare.matlab.values import Cell, Handle, matrix, scalar, shape, text, whole

_FORMAT = re.compile(r"%%|%[-+ 0#]*(\d+|\*)?(?:\.(\d+|\*))?([diufeEgGsc])")
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\", "\\r": "\r"}


def formatted(template: str, arguments: list[Any]) -> str:
    """``sprintf``: the template is used again until no argument is left."""
    template = re.sub(r"\\[nt\\r]", lambda found: _ESCAPES[found[0]], template)
    values: list[Any] = []
    for argument in arguments:
        values += [argument] if isinstance(argument, str) else list(matrix(argument).ravel(order="F"))
    fields = [f for f in _FORMAT.finditer(template) if f[0] != "%%"]
    written = []
    while True:
        enough = True

        def fill(field: re.Match) -> str:
            nonlocal enough
            if field[0] == "%%":
                return "%"
            if not values:
                enough = False
                return ""
            return _written(field, values.pop(0))

        written.append(_FORMAT.sub(fill, template))
        if not values or not fields or not enough or len(written) > 10_000:
            return "".join(written)


def _written(field: re.Match, value: Any) -> str:
    letter = field[3]
    if letter in "sc":
        shown = value if isinstance(value, str) else shown_number(value)
        return field[0].replace(letter, "s") % shown
    number = value if not isinstance(value, str) else float(ord(value[0])) if value else np.nan
    number = float(np.real(number))
    if letter in "diu":
        whole_ = np.isfinite(number) and number == round(number)
        return field[0].replace(letter, "d" if whole_ else "g") % (int(number) if whole_ else number)
    return field[0] % number


def shown_number(value: Any) -> str:
    """``num2str`` of one number."""
    value = np.asarray(value).ravel()[0]
    if value.dtype.kind == "c":
        return f"{shown_number(value.real)}{'+' if value.imag >= 0 else '-'}{shown_number(abs(value.imag))}i"
    number = float(value)
    if not np.isfinite(number):
        return "NaN" if number != number else "Inf" if number > 0 else "-Inf"
    return str(int(number)) if number == round(number) and abs(number) < 1e15 else f"{number:.5g}"


def _num2str(m: Interpreter, arguments: list[Any], _: int) -> str:
    if isinstance(arguments[0], str):
        return arguments[0]
    if len(arguments) > 1:
        if isinstance(arguments[1], str):
            return formatted(arguments[1], [arguments[0]])
        return f"%.{whole(arguments[1])}g" % float(np.real(scalar(arguments[0])))
    return "  ".join(shown_number(x) for x in matrix(arguments[0]).ravel())


def _each(function: Any) -> Builtin:
    """A function of a text, or of each text of a cell."""

    def apply(m: Interpreter, arguments: list[Any], _: int) -> Any:
        first, *rest = arguments
        if isinstance(first, Cell) and first.items.size != 1:
            found = np.vectorize(lambda x: function(text(x), *rest), otypes=[object])(first.items)
            return Cell(found)
        return function(text(first), *rest)

    return apply


def _compared(fold: bool = False, part: bool = False) -> Builtin:
    """``strcmp`` and its kind, of two texts or of a text and each of a cell."""

    def same(a: Any, b: Any, count: int | None) -> bool:
        if not (isinstance(a, str) and isinstance(b, str)):
            return False
        a, b = (a.lower(), b.lower()) if fold else (a, b)
        return a == b if count is None else len(a) >= count <= len(b) and a[:count] == b[:count]

    def compare(m: Interpreter, arguments: list[Any], _: int) -> Any:
        count = whole(arguments[2]) if part else None
        sides = [_items(a) for a in arguments[:2]]
        return np.vectorize(lambda a, b: same(a, b, count), otypes=[bool])(*sides)

    return compare


def _items(value: Any) -> np.ndarray:
    """The elements of a cell, or the value alone, as a matrix of objects."""
    return (value if isinstance(value, Cell) else Cell.row([value])).items


def _strmatch(m: Interpreter, arguments: list[Any], _: int) -> Any:
    word, listed = text(arguments[0]), arguments[1]
    names = [text(x) for x in (listed if isinstance(listed, Cell) else [listed])]
    fits = (lambda n: n.strip() == word.strip()) if len(arguments) > 2 else (lambda n: n.startswith(word))
    return matrix([float(i) for i, n in enumerate(names, 1) if fits(n)]).T


def _ismember(m: Interpreter, arguments: list[Any], results: int) -> Any:
    values, among = arguments[:2]
    of_texts = isinstance(among, Cell) or isinstance(values, str | Cell)
    listed = _items if of_texts else matrix
    known, items = list(listed(among).ravel(order="F")), listed(values)
    place = lambda x: known.index(x) + 1.0 if x in known else 0.0
    places = np.vectorize(place, otypes=[float])(items) if items.size else np.zeros(items.shape)
    return [places > 0, places]


def _exist(m: Interpreter, arguments: list[Any], _: int) -> Any:
    name = text(arguments[0])
    found = 1.0 if name in m.variables else 2.0 if m.has_function(name.removesuffix(".m")) else 0.0
    if m.folder and not found and "/" not in name and (m.folder / name).is_file():
        found = 2.0
    return matrix(0.0 if "var" in arguments[1:] and found != 1.0 else found)


def _isfield(m: Interpreter, arguments: list[Any], _: int) -> Any:
    fields = arguments[0] if isinstance(arguments[0], dict) else {}
    return np.vectorize(lambda n: n in fields, otypes=[bool])(_items(arguments[1]))


def _getfield(m: Interpreter, arguments: list[Any], _: int) -> Any:
    if text(arguments[1]) not in arguments[0]:
        raise MatlabError(f"there is no field '{arguments[1]}' known here")
    return arguments[0][text(arguments[1])]


def _write(m: Interpreter, written: str) -> None:
    if sum(map(len, m.printed)) < 1_000_000:
        m.printed.append(written)


def _fprintf(m: Interpreter, arguments: list[Any], _: int) -> Any:
    if arguments and not isinstance(arguments[0], str):
        arguments = arguments[1:]  # the number of a file: the screen
    _write(m, formatted(text(arguments[0]), arguments[1:]) if arguments else "")
    return None


def _disp(m: Interpreter, arguments: list[Any], _: int) -> Any:
    value = arguments[0]
    rows = [value] if isinstance(value, str) else ["  ".join(map(shown_number, row)) for row in matrix(value)]
    _write(m, "".join(f"{row}\n" for row in rows))
    return None


def _number_of(m: Interpreter, arguments: list[Any], _: int) -> Any:
    """``str2double``: a number, not an expression."""
    try:
        return matrix(float(text(arguments[0])))
    except (ValueError, MatlabError):
        return matrix(np.nan)


def _is(kind: type) -> Builtin:
    return told(lambda x: isinstance(x, kind))


_IDLE = """
    close clc format more warning figure plot hold legend title grid xlabel ylabel set print pause
    drawnow subplot axis line bar surf mesh saveas cd addpath rmpath rehash beep who whos
    graphics_toolkit pkg dbstop echo xlim ylim fclose diary delete fflush colormap box text
    dynare_config export_fig hgexport clf save print_info skipline profile zlabel area suptitle tightfig
    datetick
"""
"""What draws, writes files or sets the scene: it is passed over and changes no value."""

TEXTS: dict[str, Builtin] = {
    **dict.fromkeys(_IDLE.split(), lambda m, arguments, results: None if not results else [matrix(1.0)] * results),
    "sprintf": lambda m, a, _: formatted(text(a[0]), a[1:]), "fprintf": _fprintf, "disp": _disp, "display": _disp,
    "printf": _fprintf, "num2str": _num2str, "int2str": _num2str, "mat2str": _num2str, "str2double": _number_of,
    "strcmp": _compared(), "strcmpi": _compared(fold=True), "strncmp": _compared(part=True),
    "strncmpi": _compared(fold=True, part=True), "strmatch": _strmatch, "ismember": _ismember, "exist": _exist,
    "struct": lambda m, a, _: {text(n): v for n, v in zip(a[::2], a[1::2], strict=True)}, "isfield": _isfield,
    "getfield": _getfield,
    "strrep": lambda m, a, _: text(a[0]).replace(text(a[1]), text(a[2])),
    "deblank": _each(str.rstrip), "strtrim": _each(str.strip), "lower": _each(str.lower), "upper": _each(str.upper),
    "iscell": _is(Cell), "isstruct": _is(dict), "ischar": _is(str), "iscellstr": _is(Cell), "isa": _is(Handle),
    "strcat": lambda m, a, _: "".join(text(x).rstrip() if isinstance(x, str) else text(x) for x in a),
    "strvcat": lambda m, a, _: Cell.column([t for x in a for t in (x if isinstance(x, Cell) else [text(x)]) if t]),
    "char": lambda m, a, _: a[0] if isinstance(a[0], Cell) and a[0].items.size > 1 else (
        text(a[0]) if len(a) == 1 else Cell.column([text(x) for x in a])
    ),
    "cellstr": lambda m, a, _: a[0] if isinstance(a[0], Cell) else Cell.row([text(a[0])]),
    "cell": lambda m, a, _: Cell(np.frompyfunc(lambda _: np.zeros((0, 0)), 1, 1)(np.zeros(_cells(a)))),
    "fieldnames": lambda m, a, _: Cell.column(list(a[0])),
    "rmfield": lambda m, a, _: {k: v for k, v in a[0].items() if k != text(a[1])},
    "fileparts": lambda m, a, _: ["", text(a[0]), ""],
    "isequal": lambda m, a, _: matrix(shape(a[0]) == shape(a[1]) and bool((matrix(a[0]) == matrix(a[1])).all())),
    "clock": lambda m, a, _: matrix([2000.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
    "filesep": lambda m, a, _: "/", "lasterr": lambda m, a, _: "",
    "etime": lambda m, a, _: matrix(0.0), "cputime": lambda m, a, _: matrix(0.0),
    "tic": lambda m, a, _: None,
    "toc": lambda m, a, results: matrix(0.0) if results else None,
    "clear": lambda m, a, _: [m.variables.pop(text(n), None) for n in a] and None,
    "isoctave": lambda m, a, _: matrix(True),
}  # fmt: skip


def _cells(arguments: list[Any]) -> tuple[int, int]:
    sizes = [int(x) for a in arguments for x in matrix(a).ravel()]
    rows, columns = (sizes * 2)[:2]
    if rows * columns > 100_000:
        raise MatlabError(f"a cell of {rows} x {columns} is too large")
    return rows, columns
