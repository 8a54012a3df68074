"""Which columns of a pattern no row is left for: equations matched to variables, one to one."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching


def unmatched(pattern: np.ndarray) -> list[int]:
    """The columns that some largest matching leaves without a row, those in the fewest rows first.

    They are the columns of the underdetermined part of Dulmage and Mendelsohn (1958): an alternating path leads to
    each from a column that one such matching leaves.

    Args:
        pattern: ``[n_rows, n_columns]``, boolean: may the row determine the column?
    """
    row_of = maximum_bipartite_matching(csr_array(pattern), perm_type="row")
    column_of = {int(row): column for column, row in enumerate(row_of) if row >= 0}
    found = set(np.flatnonzero(row_of < 0).tolist())
    ahead = list(found)
    while ahead:
        for row in np.flatnonzero(pattern[:, ahead.pop()]):
            if (column := column_of.get(int(row))) is not None and column not in found:
                found.add(column)
                ahead.append(column)
    return sorted(found, key=lambda column: (int(pattern[:, column].sum()), column))
