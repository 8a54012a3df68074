"""The input-output table that is shipped: who delivered to whom in the United States in 2019."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent / "tables"


class InputOutputTable(NamedTuple):
    """Values of a year, million dollars.

    Attributes:
        sectors: names, n of them.
        flows: what sector i delivered to sector j, domestic ``[n, n]``.
        final_demand: what it delivered to everybody else, exports included ``[n]``.
        imports: foreign inputs of each sector ``[n]``.
        value_added: taxes on products included ``[n]``.
        output: of each sector ``[n]``.
    """

    sectors: tuple[str, ...]
    flows: Any
    final_demand: Any
    imports: Any
    value_added: Any
    output: Any

    @property
    def coefficients(self) -> np.ndarray:
        """A ``[n, n]``: input i in a unit of output j."""
        return np.asarray(self.flows) / np.asarray(self.output)

    def grouped(self, groups: dict[str, str]) -> "InputOutputTable":
        """The table of groups of sectors.

        Args:
            groups: by the name of a group the letters of its sectors.

        Raises:
            ValueError: a sector is in no group or in two.
        """
        if sorted("".join(groups.values())) != sorted(self.sectors):
            raise ValueError(
                f"each of the sectors {''.join(self.sectors)} belongs to one group, not {groups}"
            )
        member = np.array([[name in letters for name in self.sectors] for letters in groups.values()], float)
        flows = member @ np.asarray(self.flows) @ member.T
        return InputOutputTable(tuple(groups), flows, *(member @ np.asarray(x) for x in self[2:]))


def us_input_output() -> InputOutputTable:
    """The table of the United States in 2019 by 20 sectors, the sections A to T of ISIC, revision 4.

    Returns:
        An `InputOutputTable`, in millions of dollars.

    Source: OECD (2023), Inter-Country Input-Output tables. Whoever passes it on names that source.
    """
    frame = pd.read_csv(FOLDER / "us_input_output_2019.csv", index_col=0)
    sectors = tuple(name for name in frame.index if len(name) == 1)
    square = frame.loc[list(sectors)]
    below = frame[list(sectors)]
    flows, output = square[list(sectors)].to_numpy(float), square["gross_output"].to_numpy(float)
    return InputOutputTable(
        sectors=sectors,
        flows=flows,
        final_demand=output - flows.sum(axis=1),
        imports=below.loc["imported_intermediates"].to_numpy(float),
        value_added=below.loc["value_added_incl_taxes"].to_numpy(float),
        output=output,
    )
