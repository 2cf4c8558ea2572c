"""What all tests share."""

from collections.abc import Generator

import pytest

from signwise.core.errors import TargetError
from signwise.runtime.build import compiler


@pytest.fixture
def c_compiler() -> list[str]:
    """For tests that need one without saying so in this process."""
    return compiler()


def _skip_without_compiler() -> Generator[None, None, None]:
    try:
        yield
    except TargetError as error:
        if "no C compiler" not in str(error):
            raise
        pytest.skip(str(error))


pytest_runtest_setup = pytest.hookimpl(wrapper=True)(_skip_without_compiler)
pytest_runtest_call = pytest.hookimpl(wrapper=True)(_skip_without_compiler)
