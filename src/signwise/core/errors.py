"""Every error a user can meet: one coded class per kind, so that scripts can tell them apart.

A message says, in order: what was found (with its value), where, what is allowed, what to do.
"""


class SignwiseError(Exception):
    """Base of all errors raised on purpose; ``code`` is stable across versions."""

    code = "SW000"

    def __str__(self) -> str:
        return f"{self.code}: {super().__str__()}"


class UnknownName(SignwiseError):
    """A name that is not in the registry it was looked up in."""

    code = "SW101"


class ConfigError(SignwiseError):
    """A recipe, method or option value that does not fit its type or its allowed range."""

    code = "SW102"


class ConversionError(SignwiseError):
    """A module that cannot be binarized, or an override that matches nothing."""

    code = "SW103"


class ShapeError(SignwiseError):
    """A tensor or model whose shape does not fit what it meets."""

    code = "SW104"


class DataError(SignwiseError):
    """A data set that is missing, incomplete or unreadable."""

    code = "SW201"


class CheckpointError(SignwiseError):
    """A checkpoint that is missing, truncated, or belongs to another model."""

    code = "SW301"


class RunFolderError(SignwiseError):
    """A run folder that cannot be written or is in use by another run."""

    code = "SW302"


class TrainingError(SignwiseError):
    """Training cannot go on: the loss is not finite, or a plan cannot be carried out."""

    code = "SW303"


class LoweringError(SignwiseError):
    """A network, or a part of one, that the compiler cannot express."""

    code = "SW401"


class PlanError(SignwiseError):
    """A compiled file that is damaged, too new, or none; or an input that does not fit it."""

    code = "SW402"


class TargetError(SignwiseError):
    """An instruction set, compiler or tool that is unknown or missing."""

    code = "SW403"
