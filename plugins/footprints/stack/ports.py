"""Free ports on loopback, kept between runs where they are still free."""

from __future__ import annotations

import random
import socket
from collections.abc import Container

LOOPBACK = "127.0.0.1"
# Below the kernel's ephemeral range even with SeaweedFS's + 10000, so that no client socket of ours takes one.
LOWEST, HIGHEST = 10_240, 22_767


def is_free(port: int) -> bool:
    """Whether a server can listen on this port of the loopback address now."""
    with socket.socket() as probe:
        # As servers do it: a port in TIME_WAIT is free, one with a listener is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(previous: int | None = None, *, companion: int = 0, taken: Container[int] = ()) -> int:
    """A free port: the previous one where it still is free, else a random one.

    With `companion`, the port that many above must be free too (SeaweedFS opens gRPC at port + 10000).
    Ports in `taken` were given to other parts of the stack, which may not listen yet.
    """

    def usable(port: int) -> bool:
        wanted = {port, port + companion}
        return port + companion <= 65_535 and all(one not in taken and is_free(one) for one in wanted)

    if previous is not None and usable(previous):
        return previous
    for port in random.sample(range(LOWEST, HIGHEST), k=2_000):
        if usable(port):
            return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST} on {LOOPBACK}")
