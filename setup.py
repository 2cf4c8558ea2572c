"""What pyproject.toml cannot say: the runtime is compiled along the way, and a wheel is for one platform."""

import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

SOURCE = Path(__file__).parent / "src"
sys.path.insert(0, str(SOURCE))

from signwise.core.errors import TargetError  # noqa: E402
from signwise.runtime.build import build, compiler  # noqa: E402


class BuildWithRuntime(build_py):
    """Puts the library beside its Python; without a compiler it is left out, and built when one is there."""

    def run(self) -> None:
        super().run()
        folder = (SOURCE if self.editable_mode else Path(self.build_lib)) / "signwise/runtime"
        for old in folder.glob("signwise-*"):
            old.unlink()
        try:
            compiler()
        except TargetError as error:
            self.warn(f"signwise is built without its runtime: {error}")
        else:
            build(folder)


class PlatformWheel(bdist_wheel):
    """The library is loaded through ctypes: any Python 3 will do, but one platform only."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class PlatformDistribution(Distribution):
    """One with a library, though setuptools does not know how it is made."""

    def has_ext_modules(self) -> bool:
        return True


setup(cmdclass={"build_py": BuildWithRuntime, "bdist_wheel": PlatformWheel}, distclass=PlatformDistribution)
