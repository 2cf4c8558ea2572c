"""A pretrained network that an objective looks at: run without gradient, never trained, never checkpointed."""

import torch
from torch import Tensor, nn

from signwise.core.errors import ConfigError, ShapeError
from signwise.objectives.base import Setting


class Teacher:
    """Holds a network outside the module tree, so that it is in no optimizer and in no state dict.

    The network itself follows the images to their device. It runs in evaluation mode, or with batch statistics if
    ``batch_statistics`` (which also moves its running ones).
    """

    def __init__(self, model: nn.Module, batch_statistics: bool = False):
        self.model = model
        self.batch_statistics = batch_statistics

    def check(self, setting: Setting) -> None:
        """Raise ShapeError unless the teacher's logits on the example are (N, classes)."""
        self.model.train(False)
        shape = tuple(self._run(setting.example).shape)
        if shape != (len(setting.example), setting.classes):
            raise ShapeError(
                f"the teacher gives logits of shape {shape}; allowed: ({len(setting.example)}, {setting.classes}), "
                f"as the training set has {setting.classes} classes. Take a teacher trained on the same classes."
            )

    def logits(self, image: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, C, H, W)."""
        self.model.train(self.batch_statistics)
        return self._run(image)

    def feature(self, image: Tensor) -> Tensor:
        """What enters the classifier, the last ``nn.Linear``: (N, features)."""
        seen: list[Tensor] = []
        classifier = classifier_of(self.model, "teacher")
        with classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])):
            self.logits(image)
        return seen[-1]

    @torch.no_grad()
    def _run(self, image: Tensor) -> Tensor:
        anchor = next(self.model.parameters(), image)
        if anchor.device != image.device:
            self.model.to(image.device)
        return self.model(image)


def classifier_of(model: nn.Module, role: str) -> nn.Linear:
    """The last dense layer of ``model`` in definition order; ``role`` is what the error calls the model."""
    dense = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not dense:
        raise ConfigError(
            f"the {role} ({type(model).__name__}) has no nn.Linear; allowed: networks whose last nn.Linear is the "
            "classifier, whose input is the feature that is compared."
        )
    return dense[-1]
