"""How a file, or data, differ from the copy that a run keeps, in a few words."""

from difflib import SequenceMatcher

import numpy as np
import pandas as pd

_SHOWN = 60


def text_changes(kept: bytes, now: bytes) -> str:
    """The number of lines that differ, and the first of them; empty where none does."""
    old, new = (content.decode(errors="replace").splitlines() for content in (kept, now))
    blocks = [b for b in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if b[0] != "equal"]
    if not blocks:
        return "" if kept == now else "in its line ends alone"
    number = sum(max(j - i, n - m) for _, i, j, m, n in blocks)
    _, i, j, m, n = blocks[0]
    was = f"'{old[i].strip()[:_SHOWN]}'" if i < j else "nothing"
    is_now = f"'{new[m].strip()[:_SHOWN]}'" if m < n else "nothing"
    lines = "1 line" if number == 1 else f"{number} lines"
    return f"{lines}, first line {i + 1}, which was {was} and is {is_now}"


def data_changes(kept: pd.DataFrame, now: pd.DataFrame) -> str:
    """Columns and periods that came or went, and the first number that changed; empty where all agree."""
    said = []
    for what, old, new in (("column", kept.columns, now.columns), ("period", kept.index, now.index)):
        for verb, names in (("gone", old.difference(new)), ("new", new.difference(old))):
            if len(names):
                shown = str(names[0]) if len(names) == 1 else f"{names[0]} to {names[-1]}"
                said.append(f"{len(names)} {what}{'s' if len(names) > 1 else ''} {verb}, {shown}")
    rows, columns = kept.index.intersection(now.index), [c for c in kept.columns if c in now.columns]
    old, new = (frame.loc[rows, columns].to_numpy(float) for frame in (kept, now))
    different = ~((old == new) | (np.isnan(old) & np.isnan(new)))
    if different.any():
        row, column = np.argwhere(different)[0]
        said.append(
            f"{different.sum()} other number{'s' if different.sum() > 1 else ''}, first {columns[column]} in "
            f"{rows[row]}, which was {old[row, column]:g} and is {new[row, column]:g}"
        )
    return "; ".join(said)
