"""What of Dynare's language works, as a table made from the reader's own lists."""

from estim.dynare.reading.functions import FUNCTIONS, OPERATORS
from estim.dynare.reading.scanner import (
    BLOCKS,
    DECLARATIONS,
    FOLLOW_UP,
    IDLE,
    IGNORED_BLOCKS,
    PARSED,
    REFUSED,
    SKIPPED,
    UNSUPPORTED_BLOCKS,
    UNSUPPORTED_COMMANDS,
)


def support_table() -> str:
    """Markdown: each statement, block and function of Dynare's language once, by what becomes of it."""
    rows = {
        "declarations": DECLARATIONS,
        "blocks that are followed": BLOCKS,
        "commands that are followed": PARSED | FOLLOW_UP | {"check"},
        "functions and operators": {*FUNCTIONS, *OPERATORS, "EXPECTATION"},
        "read; they print and change nothing": IDLE - {"check"},
        "read and passed over with a warning": SKIPPED | IGNORED_BLOCKS - {"verbatim"},
        "not there yet: passed over with a warning, the model is read": {
            *UNSUPPORTED_BLOCKS,
            *UNSUPPORTED_COMMANDS,
        },
        "refused, for the model would be another": set(REFUSED),
    }
    lines = [f"| {what} | {', '.join(f'`{w}`' for w in sorted(words))} |" for what, words in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])
