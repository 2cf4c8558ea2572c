"""signwise quickstart: float against one bit against one bit with ContrastiveMI, in minutes, with a report."""

from pathlib import Path

from rich.table import Table

from signwise.cli.chart import sparkline
from signwise.cli.deploy import deploy
from signwise.cli.findings import Findings, facts, investigate
from signwise.cli.options import VerbParser, machine
from signwise.cli.output import percent, show, show_json
from signwise.core.errors import RunFolderError
from signwise.core.files import write_result

EXAMPLES = ("", "--out runs/first --seeds 0 1", "--epochs 10", "--objectives.contrastive_mi.weight 0.3", "--json")


def run(arguments: list[str]) -> int:
    """Train nine small networks on 8x8 digits, print what came out, and write report.html and demo.html."""
    about = (
        "Train a small network on 8x8 digits as floats, with one bit (IR-Net), and with one bit and ContrastiveMI;\n"
        "print the comparison; compile a one-bit network; write report.html, and demo.html, a page to draw on.\n"
        "Keys of the recipe are options: --epochs 10"
    )
    parser = VerbParser("quickstart", about, EXAMPLES)
    parser.add_argument("--out", default="runs/quickstart", help="folder (default runs/quickstart)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default 0 1 2")
    parser.add_machine_options()
    parser.set_defaults(threads=1)  # layers this small gain nothing from a second thread
    options, overrides = parser.parse_known_args(arguments)
    findings = investigate(tuple(overrides), tuple(options.seeds), Path(options.out), machine(options))
    from signwise.cli.report import render
    from signwise.train.compare import save, to_dict

    data = to_dict(findings.outcomes, recipe=findings.recipe.to_dict())
    save(data, findings.out / "compare.json")
    deployed = deploy(findings)
    report = write_result(findings.out / "report.html", render(findings, deployed), RunFolderError)
    if options.json:
        show_json(data | facts(findings) | {"report": str(report), "compiled": deployed and deployed.to_dict()})
    else:
        show(table(findings))
        show(information(findings))
        if deployed:
            show(deployed.table())
            show(str(deployed.compiled.verification))
            if deployed.page:
                show(f"page to draw on: {deployed.page}")
        show(f"report: {report}")
    return int(any(row.failed for row in findings.rows))


def table(findings: Findings) -> Table:
    """Accuracy with spread, size and operations of each kind of network."""
    drawn = Table("network", "runs", "accuracy, last epoch", "best epoch", "bytes", "OPs an image", "seconds a run")
    for row in findings.rows:
        summary = findings.summary(row)
        seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
        accuracy, best = percent(row.mean, row.std), percent(row.best_mean)
        drawn.add_row(
            row.label, str(row.n), accuracy, best, f"{summary.packed_bytes:,}", f"{summary.ops:,.0f}", seconds
        )
    return drawn


def information(findings: Findings) -> Table:
    """Each binary layer's mutual-information bound over the epochs, as a sparkline."""
    drawn = Table("binary layer", "mutual information over the epochs", "first", "last", title="lower bounds in nats")
    top = max((mean for line in findings.information for mean, _ in line.points), default=0.0)
    for line in findings.information:
        means = [mean for mean, _ in line.points]
        drawn.add_row(line.label, sparkline(means, 0.0, max(top, 1e-9)), f"{means[0]:.2f}", f"{means[-1]:.2f}")
    return drawn
