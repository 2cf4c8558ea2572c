"""Cells carried out, drawn, tabulated and kept: what compare and reproduce have in common."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from signwise.cli.options import VerbParser, machine
from signwise.cli.output import markdown_table, note, percent, show, show_json
from signwise.cli.progress import CellProgress
from signwise.core.process import is_main_process

if TYPE_CHECKING:
    from signwise.train.compare import Cell, Outcome


def add_result_options(parser: VerbParser) -> None:
    """What to do with the networks and with the figures."""
    parser.add_argument("--deploy", action="store_true", help="compile each row's first network, and time it here")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_machine_options()


def carry_out(cells: "Sequence[Cell]", out: Path, options: argparse.Namespace, about: dict[str, Any]) -> int:
    """Run the cells, write compare.json and pictures into ``out``, print the table; 1 if a cell failed.

    ``about`` opens the JSON. In a distributed run every process goes through the same cells, the main one tells.
    """
    outcomes = run_cells(cells, out, machine(options))
    if not is_main_process():
        return 0  # the main process tells of failures; an exit code from here would end it
    from signwise.cli.figures import save_accuracies, save_sweeps, save_tradeoff
    from signwise.train import compare

    data = compare.to_dict(outcomes, **about)
    rows = compare.aggregate(outcomes)
    save_accuracies(rows, out / "compare.png")
    save_sweeps(rows, out / "sweeps.png")
    if options.deploy:
        from signwise.cli.tradeoff import deploy_rows

        timed = deploy_rows(outcomes)
        data["deployed"] = {
            label: one.to_dict() | {"file": str(one.path.relative_to(out))} for label, one in timed.items()
        }
        save_tradeoff(rows, timed, out / "tradeoff.png")
    compare.save(data, out / "compare.json")
    if options.json:
        show_json(data)
    elif options.markdown:
        print(markdown(data))
    else:
        heads, *body = columns(data)
        drawn = Table(*heads)
        for line in body:
            drawn.add_row(*line)
        show(drawn)
        show(conditions(data))
        show(f"runs, compare.json and pictures are in {out}")
    return int(any(row.failed for row in rows))


def run_cells(cells: "Sequence[Cell]", out: Path, where: dict[str, Any]) -> "tuple[Outcome, ...]":
    """Carry out cells with live progress."""
    from signwise.train import compare

    epochs = " or ".join(map(str, dict.fromkeys(cell.recipe.epochs for cell in cells)))
    names = " and ".join(dict.fromkeys(cell.recipe.data.name for cell in cells))
    note(f"{len(cells)} runs of {epochs} epochs on {names}, in {out}")
    with CellProgress(len(cells)) as progress:
        return compare.run(cells, out, progress.start, progress.epoch, progress.end, **where)


def columns(data: Mapping[str, Any]) -> list[list[str]]:
    """A comparison's plain data as a table, its heads first.

    Last epoch with its spread and each seed, best epoch apart; the recipe and the published figure where there are any,
    bytes and latency of what was compiled, what failed.
    """
    rows, deployed = data["rows"], data.get("deployed")
    columns = {
        "recipe": [row["group"] for row in rows],
        "method": [row["label"].removeprefix(f"{row['group']}: ") for row in rows],
        "published": [_figure(row["published"]) for row in rows],
        "accuracy, last epoch": [percent(row["mean"], row["std"]) for row in rows],
        "each seed": [", ".join(map(percent, row["accuracies"])) or "-" for row in rows],
        "best epoch": [percent(row["best_mean"]) for row in rows],
        "epochs": [str(row["epochs"]) for row in rows],
        "seconds a run": ["" if row["seconds"] is None else f"{row['seconds']:.1f}" for row in rows],
        "failed": ["; ".join(row["failed"]) for row in rows],
    }
    if deployed:
        costs = [deployed.get(row["label"]) for row in rows]
        columns["bytes"] = [f"{one['bytes']:,}" if one else "-" for one in costs]
        columns["us an image"] = [f"{1e3 * one['median_ms']:.1f}" if one else "-" for one in costs]
    filled = {head: column for head, column in columns.items() if any(column)}
    return [list(filled), *map(list, zip(*filled.values(), strict=True))]


def _figure(published: str) -> str:
    """What was published, without its source."""
    return "" if published.startswith("None") else published.partition(" [")[0]


def markdown(data: Mapping[str, Any]) -> str:
    """A comparison's plain data as a table of Markdown, and below it what the runs depended on."""
    return f"{markdown_table(columns(data))}\n\n{conditions(data)}".rstrip()


def conditions(data: Mapping[str, Any]) -> str:
    """Seeds, machine and versions of a comparison's runs, a line for each different machine or version."""
    seeds = ", ".join(str(seed) for seed in sorted({seed for row in data["rows"] for seed in row["seeds"]}))
    return "\n".join(f"Seeds {seeds}; {_conditions(**one)}." for one in data["versions"])


def _conditions(processor: str, machine: str, threads: int, gpus: list[str], **versions: str) -> str:
    where = ", ".join(gpus) or f"{processor} ({machine})"
    return ", ".join([where, f"threads {threads}", *(f"{name} {version}" for name, version in versions.items())])
