"""The training task: a model, its loss and its objectives, driven by a recipe."""

from typing import Any, cast

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.components.stage import Stage
from signwise.core.errors import TrainingError
from signwise.core.progress import Progress
from signwise.data import Batch, DataSource, Loader
from signwise.nn.layers import advance_, after_step_, binary_layers, set_stage_
from signwise.objectives import Objective, Step
from signwise.objectives.memory import Memory
from signwise.train.means import Means
from signwise.train.recipe import LossConfig, OptimizerConfig, Recipe
from signwise.train.schedule import Span, multiplier, plan, span_at

_CHECK_EVERY = 25


def label_loss(config: LossConfig, logits: Tensor, label: Tensor) -> Tensor:
    """The loss on the labels.

    cross_entropy: softmax cross-entropy with label smoothing. squared_hinge (BinaryNet): mean max(0, 1 - y z)^2 over
    samples and classes, y = +1 for the label's class, -1 elsewhere. Shapes: (N, classes), (N) -> ().
    """
    if config.name == "cross_entropy":
        return F.cross_entropy(logits, label, label_smoothing=config.label_smoothing)
    target = 2.0 * F.one_hot(label, logits.shape[1]).to(logits.dtype) - 1.0
    return (1 - target * logits).clamp_min(0).square().mean()


class Task(L.LightningModule):
    """Trains ``model`` by ``recipe``; ``objectives`` must be attached to the model already.

    All that depends on time is a function of the epoch and the batch number, set at the start of each; tensors that
    remember (estimator sharpness, rotations, banks, heads) are in the state dict. With the random-number states and the
    epoch's means so far saved beside them, a run resumed behind any batch continues bit for bit.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, source: DataSource, objectives: dict[str, Objective]):
        super().__init__()
        self.source = source
        self.model = model
        self.objectives = nn.ModuleDict(objectives)
        self.recipe = recipe
        layers = binary_layers(model)
        stages = next(iter(layers.values())).method.stages if layers else (Stage(),)
        self.spans: tuple[Span, ...] = plan(stages, recipe.epochs)
        self.means = Means()
        self.first_bad_step: Tensor
        self.register_buffer("first_bad_step", torch.tensor(-1), persistent=False)

    @property
    def _ddp_params_and_buffers_to_ignore(self) -> list[str]:
        """What DDP shall not send at every step: stored embeddings are the same on all ranks, for what is stored was
        gathered."""
        memories = ((name, module) for name, module in self.named_modules() if isinstance(module, Memory))
        return [f"{name}.{key}" for name, memory in memories for key, _ in memory.named_buffers()]

    def train_dataloader(self) -> Any:
        trainer = self.trainer
        return self.source.train_loader(self.recipe.seed, trainer.global_rank, trainer.world_size, self.device)

    def val_dataloader(self) -> Any:
        return self.source.eval_loader(self.trainer.global_rank, self.trainer.world_size, self.device)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return make_optimizer(self.recipe.optimizer, [p for p in self.parameters() if p.requires_grad])

    def on_train_epoch_start(self) -> None:
        epoch = self.current_epoch
        cast(Loader, self.trainer.train_dataloader).set_epoch(epoch)
        span = self._enter_stage(epoch)
        advance_(self.model, Progress(epoch, self.recipe.epochs))
        optimizer = self.trainer.optimizers[0]
        decay = span.stage.weight_decay
        for group in optimizer.param_groups:
            group["weight_decay"] = self.recipe.optimizer.weight_decay if decay is None else decay
        if epoch == span.start > 0:
            optimizer.state.clear()

    def _enter_stage(self, epoch: int) -> Span:
        span = span_at(self.spans, epoch)
        set_stage_(self.model, weights=span.stage.weights, activations=span.stage.activations)
        return span

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        span = span_at(self.spans, self.current_epoch)
        position = self.current_epoch - span.start
        schedule = self.recipe.schedule
        within = batch_idx / self.trainer.num_training_batches if schedule.interval == "step" else 0.0
        rate = self.recipe.optimizer.lr * multiplier(schedule, position + within, span.stop - span.start)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        logits = self.model(batch.image)
        loss = self.recipe.loss.weight * label_loss(self.recipe.loss, logits, batch.label)
        size = len(batch.label)
        self.means.add("train_loss", loss, size)
        self.means.add("train_accuracy", (logits.argmax(1) == batch.label).float().mean(), size)
        step = Step(batch.image, batch.label, batch.index, logits)
        for name, objective in cast(dict[str, Objective], self.objectives).items():
            value = objective(step)
            loss = loss + value
            self.means.add(name, value, size)
            for metric, number in objective.metrics.items():
                self.means.add(f"{name}/{metric}", number, size)
        self._watch(loss, batch_idx)
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        after_step_(self.model)  # part of the step: on_train_batch_end comes after a checkpoint was written

    def on_train_epoch_end(self) -> None:
        self._stop_if_bad()
        for name, (mean, size) in self.means.take().items():
            self._log(name, mean, size, prog_bar=name == "train_accuracy")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self.model(batch.image)
        size = len(batch.label)
        self._log("accuracy", (logits.argmax(1) == batch.label).float().mean(), size, prog_bar=True)
        self._log("loss", F.cross_entropy(logits, batch.label), size)

    def _log(self, name: str, value: Tensor, size: int, prog_bar: bool = False) -> None:
        self.log(name, value, on_step=False, on_epoch=True, prog_bar=prog_bar, batch_size=size, sync_dist=True)

    def _watch(self, loss: Tensor, batch_idx: int) -> None:
        bad = ~torch.isfinite(loss.detach()) & (self.first_bad_step < 0)
        self.first_bad_step = torch.where(bad, self.global_step, self.first_bad_step)
        if batch_idx % _CHECK_EVERY == 0:
            self._stop_if_bad()

    def _stop_if_bad(self) -> None:
        # All ranks stop together: one alone would leave the others waiting for it.
        step = int(self.trainer.strategy.reduce(self.first_bad_step, reduce_op="max"))
        if step >= 0:
            raise TrainingError(
                f"the loss is not finite since step {step} (epoch {self.current_epoch}); allowed: finite values. "
                "The last checkpoint is kept. Lower optimizer.lr or the objectives' weights, "
                "or use precision='32-true'."
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._stop_if_bad()
        checkpoint["means"] = self.means.state_dict(self.trainer.strategy.all_gather)
        checkpoint["rng"] = {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._enter_stage(checkpoint["epoch"])  # in mid-epoch, on_train_epoch_start is not called again
        self.means.load_state_dict(checkpoint["means"], self.trainer.global_rank, self.trainer.world_size)
        torch.set_rng_state(checkpoint["rng"]["cpu"])
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all(checkpoint["rng"]["cuda"])


def make_optimizer(config: OptimizerConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer a recipe names."""
    if config.name == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=config.lr,
            momentum=config.momentum,
            nesterov=config.nesterov,
            weight_decay=config.weight_decay,
        )
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(parameters, lr=config.lr, weight_decay=config.weight_decay)
