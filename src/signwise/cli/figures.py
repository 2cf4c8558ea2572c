"""The picture of a comparison."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from signwise.core.errors import RunFolderError
from signwise.core.files import write_result

if TYPE_CHECKING:
    from signwise.train.compare import Row


def save_accuracies(rows: "Sequence[Row]", path: Path) -> None:
    """Draw every run's last-epoch accuracy as a point, and each row's mean with its spread (sample std).

    Errors: RunFolderError where it cannot be written.
    """
    done = [row for row in rows if row.n]
    figure = Figure(figsize=(7, 1.2 + 0.5 * max(len(done), 1)), layout="constrained")
    axis = figure.subplots()
    for place, row in enumerate(done):
        color = f"C{place % 10}"
        values = [100 * accuracy for accuracy in row.accuracies]
        axis.plot(values, [place] * row.n, "o", color=color, alpha=0.5)
        axis.errorbar(
            sum(values) / row.n, place, xerr=100 * (row.std or 0), fmt="|", color=color, markersize=18, capsize=4
        )
    axis.set(xlabel="accuracy in the last epoch, % (points: runs; bar: mean and standard deviation)")
    axis.set_yticks(range(len(done)), [f"{row.label}, n={row.n}" for row in done])
    axis.set_ylim(len(done) - 0.4, -0.6)
    axis.grid(axis="x", alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120)
    write_result(path, picture.getvalue(), RunFolderError)
