import pytest
import torch

from signwise.core.errors import CheckpointError
from signwise.data import Batch, DataConfig, ImageSet, open_data
from signwise.data.images import moments

ALL = ("flip", "crop4", "reflect4", "random_resized_crop", "color_jitter")


def source(**options):
    return open_data(DataConfig("digits", **{"batch_size": 48, "train_samples": 200, "augment": ALL, **options}))


def batches(loader, epoch=0):
    loader.set_epoch(epoch)
    return list(loader)


def same(a, b):
    return len(a) == len(b) and all(
        torch.equal(x, y) for one, two in zip(a, b, strict=True) for x, y in zip(one, two, strict=True)
    )


def test_batches_have_the_promised_types_and_sizes():
    data = source(drop_last=False)
    loader = data.train_loader(seed=0)
    found = batches(loader)
    assert [len(batch.label) for batch in found] == [48, 48, 48, 48, 8]
    assert len(loader) == 5 == len(source(drop_last=True).train_loader(0)) + 1
    for batch in found:
        assert isinstance(batch, Batch)
        assert (batch.image.dtype, batch.label.dtype, batch.index.dtype) == (torch.float32, torch.int64, torch.int64)
        assert batch.image.shape[1:] == (1, 8, 8)
        assert torch.equal(batch.label, data.train.labels[batch.index])
    assert sorted(torch.cat([batch.index for batch in found]).tolist()) == list(range(200))


def test_normalisation_is_the_formula():
    data = source(augment=())
    for batch in batches(data.train_loader(0)):
        expected = (data.train.images[batch.index].double() / 255 - data.train.mean[0]) / data.train.std[0]
        torch.testing.assert_close(batch.image.double(), expected, atol=1e-5, rtol=0)


def test_same_seed_and_epoch_repeat_exactly_and_others_differ():
    data = source()
    first = batches(data.train_loader(seed=1), epoch=2)
    assert same(first, batches(data.train_loader(seed=1), epoch=2))
    assert not same(first, batches(data.train_loader(seed=1), epoch=3))
    assert not same(first, batches(data.train_loader(seed=2), epoch=2))


def test_augmentation_of_an_image_differs_between_epochs():
    data = source(augment=("crop4",))
    by_index = [
        dict(zip(torch.cat([b.index for b in e]).tolist(), torch.cat([b.image for b in e]), strict=True))
        for e in (batches(data.train_loader(0), 0), batches(data.train_loader(0), 1))
    ]
    common = by_index[0].keys() & by_index[1].keys()
    assert sum(not torch.equal(by_index[0][i], by_index[1][i]) for i in common) > len(common) / 2


@pytest.mark.parametrize("world", [2, 3])
def test_union_of_ranks_is_the_batch_of_one_process(world):
    data = source()
    whole = batches(data.train_loader(seed=7), epoch=1)
    parts = [batches(data.train_loader(seed=7, rank=rank, world=world), epoch=1) for rank in range(world)]
    for number, batch in enumerate(whole):
        for rank in range(world):
            assert same([parts[rank][number]], [Batch(*(field[rank::world] for field in batch))])


def test_evaluation_is_in_order_without_augmentation_and_shared_by_ranks():
    data = source(eval_batch_size=100)
    whole = batches(data.eval_loader())
    assert torch.cat([b.index for b in whole]).tolist() == list(range(360))
    expected = (data.evaluation.images.double() / 255 - data.train.mean[0]) / data.train.std[0]
    torch.testing.assert_close(torch.cat([b.image for b in whole]).double(), expected, atol=1e-5, rtol=0)
    shares = [torch.cat([b.index for b in data.eval_loader(rank, 7)]).tolist() for rank in range(7)]
    assert sorted(row for share in shares for row in share) == list(range(360))


@pytest.mark.parametrize("taken", [0, 1, 3, 4])
def test_resume_in_mid_epoch_goes_on_exactly(taken):
    data = source()
    whole = batches(data.train_loader(seed=5), epoch=2)
    loader = data.train_loader(seed=5)
    loader.set_epoch(2)
    iterator = iter(loader)
    for _ in range(taken):
        next(iterator)
    state = loader.state_dict()
    assert (state["epoch"], state["batch"]) == (2, taken)
    resumed = data.train_loader(seed=5)
    resumed.load_state_dict(state)
    resumed.set_epoch(2)
    assert same(list(resumed), whole[taken:])
    assert same(list(resumed), whole)  # only the first iteration is cut
    assert same(batches(resumed, 3), batches(data.train_loader(seed=5), 3))


def test_resume_may_change_the_number_of_ranks():
    data = source()
    loader = data.train_loader(seed=5)
    next(iter(loader))
    resumed = data.train_loader(seed=5, rank=1, world=2)
    resumed.load_state_dict(loader.state_dict())
    expected = batches(data.train_loader(seed=5))[1]
    assert same([next(iter(resumed))], [Batch(*(field[1::2] for field in expected))])


def test_a_broken_off_iteration_is_not_continued():
    loader = source().train_loader(seed=0)
    first = next(iter(loader))
    assert same([next(iter(loader))], [first])


def test_another_epoch_forgets_the_loaded_batch():
    loader = source().train_loader(seed=0)
    loader.load_state_dict({**loader.state_dict(), "batch": 3})
    loader.set_epoch(1)
    assert len(list(loader)) == 4


def test_state_of_another_run_is_refused():
    state = source().train_loader(seed=0).state_dict()
    with pytest.raises(
        CheckpointError, match=r"taken with seed=0, this loader has seed=1; resume with the data settings"
    ):
        source().train_loader(seed=1).load_state_dict(state)
    with pytest.raises(CheckpointError, match=r"taken with batch_size=48, this loader has batch_size=24"):
        source(batch_size=24).train_loader(seed=0).load_state_dict(state)
    with pytest.raises(CheckpointError, match=r"taken with rows=None, this loader has rows=200"):
        source().train_loader(seed=0).load_state_dict({k: v for k, v in state.items() if k != "rows"})


def test_moments_equal_those_of_the_float_images():
    images = torch.randint(0, 256, (9, 3, 5, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mean, std = moments(images)
    values = images.double() / 255
    torch.testing.assert_close(torch.tensor(mean).double(), values.mean((0, 2, 3)))
    torch.testing.assert_close(torch.tensor(std).double(), values.std((0, 2, 3), correction=0))


def test_part_shares_memory_and_keeps_the_rest():
    images = ImageSet(torch.zeros(5, 1, 2, 2, dtype=torch.uint8), torch.arange(5), ("a",) * 5, (0.0,), (1.0,))
    part = images.part(1, 3)
    assert part.labels.tolist() == [1, 2]
    assert part.images.data_ptr() == images.images[1].data_ptr()


def test_every_tensor_is_on_the_device_asked_for():
    """The meta device stands in for a GPU: it refuses to be mixed with the CPU."""
    for batch in source().train_loader(0, device="meta"):
        assert [field.device.type for field in batch] == ["meta"] * 3
        assert batch.image.shape == (48, 1, 8, 8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_batches():
    data = source(augment=("flip", "crop4", "reflect4"))
    for ours, theirs in zip(data.train_loader(0, device="cuda"), data.train_loader(0), strict=True):
        assert all(field.is_cuda for field in ours)
        assert same([Batch(*(field.cpu() for field in ours))], [theirs])
