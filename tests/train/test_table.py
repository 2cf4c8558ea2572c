"""Tables as data: which runs fill them, who teaches whom, what is said where an entry is wrong."""

from pathlib import Path

import pytest

from signwise.core.errors import ConfigError, SignwiseError, UnknownName
from signwise.objectives import OBJECTIVES
from signwise.train.table import TABLES, Entry, list_tables, load_table, table_cells

OUT = Path("runs/table")


@pytest.mark.parametrize("name", list_tables())
def test_shipped_tables_expand_into_runs_with_their_own_folders(name: str) -> None:
    made = table_cells(load_table(name), OUT)
    assert (TABLES / f"{name}.yaml").read_text().startswith("# ")
    assert len({cell.name for cell in made}) == len(made)
    for place, cell in enumerate(made):
        for objective, options in cell.recipe.objectives.items():
            if "teacher" in options:
                assert options["teacher"] in {str(OUT / before.name) for before in made[:place]}
            else:
                OBJECTIVES[objective](**options)


def test_the_table_of_cifar10_is_what_was_published() -> None:
    made = table_cells(load_table("cifar10"), OUT)
    assert sum(cell.group == "cifar10/resnet20_irnet" for cell in made) == 3
    assert {cell.group: cell.published.split()[0] for cell in made} == {
        "cifar10/resnet20_irnet": "86.5",
        "cifar10/vgg_small_irnet": "90.4",
        "cifar10/resnet18_irnet": "91.5",
        "cifar10/resnet18_rbnn": "92.2",
    }
    assert {(cell.group, cell.recipe.epochs) for cell in made} >= {("cifar10/resnet18_rbnn", 1000)}


def test_the_first_seed_comes_first_and_the_teacher_before_its_students() -> None:
    entries = (
        Entry("cifar100/resnet18_float"),
        Entry("cifar100/resnet18_irnet", objectives=("none", "distillation"), teacher="cifar100/resnet18_float"),
    )
    made = table_cells(entries, OUT, seeds=[1, 0])
    student = "cifar100/resnet18_irnet/irnet"
    assert [cell.name for cell in made] == [
        "cifar100/resnet18_float/float-none-s0",
        *(f"{student}-{objective}-s{seed}" for seed in (0, 1) for objective in ("none", "distillation")),
    ]
    teacher = {"teacher": str(OUT / "cifar100/resnet18_float/float-none-s0")}
    assert [cell.recipe.objectives for cell in made][1:3] == [{}, {"distillation": teacher}]


def test_only_the_recipe_itself_has_its_published_figure() -> None:
    entries = (
        Entry("cifar10/resnet20_irnet", methods=("irnet", "rbnn"), objectives=("none", "contrastive_mi")),
        Entry("cifar10/resnet20_irnet", options={"epochs": 3}, methods=("irnet",)),
        Entry("cifar10/resnet20_irnet", vary={"epochs": [4]}),
    )
    made = table_cells(entries, OUT)
    assert [bool(cell.published) for cell in made] == [True, False, False, False, False, False]
    assert [cell.varied for cell in made[-2:]] == [{}, {"epochs": 4}]
    for override, stays in (("--epochs=2", False), ("--data.train_samples=256", False), ("--data.path=here", True)):
        (cell,) = table_cells(entries[:1], OUT, [override, "--method_options={}"], seeds=[1])[:1]
        assert bool(cell.published) is stays


def test_options_variations_and_overrides_reach_the_recipe() -> None:
    key = "objectives.contrastive_mi"
    entry = Entry(
        "cifar10/resnet20_irnet_cmim",
        options={f"{key}.negatives": "bank"},
        vary={f"{key}.capacity": [16, 64], f"{key}.layers": [["*stage1*"]]},
    )
    made = table_cells([entry], OUT, ["--epochs", "2"])
    assert [cell.group.rpartition("cmim")[2] for cell in made] == ["-capacity=16", "-capacity=64", "-layers=stage1"]
    options = [cell.recipe.objectives["contrastive_mi"] for cell in made]
    assert options[1:] == [{"negatives": "bank", "capacity": 64}, {"negatives": "bank", "layers": ["*stage1*"]}]
    assert {cell.recipe.epochs for cell in made} == {2}


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("- {recipe: digits/resnet8_irnet, sed: [1]}", ConfigError, "entry 1 has no key 'sed'; did you mean 'seeds'"),
        ("- {recipe: digits/resnet8}", UnknownName, "unknown recipe 'digits/resnet8'; did you mean 'digits/resnet8_ir"),
        ("recipe: digits/resnet8_irnet", ConfigError, "holds a dict; allowed: a list of entries"),
        (
            "- {recipe: digits/resnet8_irnet, objectives: [distillation], teacher: digits/float}",
            ConfigError,
            "table: no entry before its students trains the teacher 'digits/float'; put one there",
        ),
    ],
)
def test_errors(text: str, error: type[SignwiseError], message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(error, match=message):
        table_cells(load_table(str(tmp_path / "mine.yaml")), OUT)


def test_unknown_table() -> None:
    with pytest.raises(UnknownName, match="unknown table 'cifar11'; did you mean 'cifar10'"):
        load_table("cifar11")
