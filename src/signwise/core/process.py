"""Which process of a distributed run this is."""

import os


def is_main_process() -> bool:
    """Whether this is the first process of a run, the one that writes and speaks; known before any set-up."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0
