"""The targets that the runtime has here."""

from signwise.core.errors import TargetError
from signwise.runtime.library import targets


def _targets() -> list[str]:
    try:
        return targets()
    except TargetError:  # no C compiler: tests of "scalar" are skipped as they come to need it
        return ["scalar"]


TARGETS = _targets()
