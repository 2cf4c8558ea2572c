"""Carries out compiled networks; NumPy and a C library, no PyTorch."""

from signwise.runtime.session import Session as Session
from signwise.runtime.session import load as load
