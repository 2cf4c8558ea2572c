"""The runtime that exported networks share, as one C file and its header: the portable kernels, without threads.

Every step is in it; ``-ffunction-sections`` and ``--gc-sections`` leave what a network uses.
"""

import re

from signwise.runtime.build import SOURCES

HEADER = "signwise_runtime.h"
PARTS = ("threads.c", "unary.c", "scalar.c", "window.c", "pool.c", "moves.c", "arithmetic.c", "session.c")
MADE = "/* The runtime of signwise; made by `signwise export c`. */\n"
MEMORY = """#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
"""
INCLUDE = re.compile(r'#include ["<](.+)[">]\n')


def runtime_header() -> str:
    """What a prepared network is made of, and how it runs."""
    return f"{MADE}{_inlined('net.h', set())}\nextern const sw_kernels sw_scalar;\n"


def runtime_source() -> str:
    """What carries it out."""
    held: set[str] = set()
    _inlined("net.h", held)
    return f'{MADE}#define SW_NO_THREADS\n#include "{HEADER}"\n' + "".join(_inlined(name, held) for name in PARTS)


def _inlined(name: str, held: set[str]) -> str:
    """A source with its own headers in it, each where it comes first; ``held`` are those that are there already.

    A compiler without a C library has no string.h: what is used of it is declared.
    """
    if name in held:
        return ""
    held.add(name)
    if name == "string.h":
        return MEMORY
    if not (SOURCES / name).is_file():
        return f"#include <{name}>\n"
    text = INCLUDE.sub(lambda found: _inlined(found[1], held), (SOURCES / name).read_text(encoding="utf-8"))
    return f"\n/* ===== {name} ===== */\n{text}"
