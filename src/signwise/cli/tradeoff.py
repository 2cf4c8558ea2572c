"""What compare's networks cost where they run: each row's first network compiled, verified and timed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from signwise.cli.compile import compile_folder
from signwise.cli.output import note
from signwise.cli.timed import Contender, Timed, binary_contender, float_contender, take_turns
from signwise.core.errors import SignwiseError

if TYPE_CHECKING:
    from signwise.train.compare import Cell, Outcome

SECONDS = 1.0  # of timing, each network


def deploy_rows(outcomes: "Sequence[Outcome]") -> dict[str, Timed]:
    """The first finished network of every row, by the row's label; what does not compile is said and left out."""
    first: dict[str, tuple[Cell, Path]] = {}
    for outcome in outcomes:
        if outcome.result:
            first.setdefault(outcome.cell.label, (outcome.cell, outcome.result.folder))
    contenders = [one for cell, folder in first.values() if (one := _contender(cell, folder))]
    return {timed.label: timed for timed in take_turns(contenders, SECONDS)}


def _contender(cell: "Cell", folder: Path) -> Contender | None:
    label = cell.label
    if not cell.recipe.binary:
        return float_contender(label, folder, folder.parent)
    try:
        compiled = compile_folder(str(folder))
    except SignwiseError as error:
        note(f"{label} is not timed ({error})")
        return None
    if compiled.verification and not compiled.verification.ok:
        note(f"{label} is not timed: {compiled.verification}")
        return None
    return binary_contender(label, compiled)
