"""Kernels of served pages, forked from one process that has loaded all they need.

A page keeps a process of its own, and the memory that none of them writes to is there once: a page takes some 90 MB,
where a kernel that starts by itself takes some 450.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from importlib.metadata import EntryPoint
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, ClassVar

import ipywidgets
from ipykernel import ipkernel  # noqa: F401  what kernels load, loaded once
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

NAME = "atp-lite-forked" if sys.platform == "linux" else "local-provisioner"
"""Of the kernels' provisioner. Elsewhere than on Linux a process that has used system libraries may not fork."""


class ForkedKernel(LocalProvisioner):
    """Starts kernels as forks of this process as it was when `prepare` was called."""

    nursery: ClassVar[Connection]
    """To the process that forks: the connection file of a kernel goes there, its process id comes back."""

    @classmethod
    def prepare(cls) -> None:
        """Keep a copy of this process to fork kernels from. To be called before it has threads or sockets."""
        cls.nursery, theirs = get_context("fork").Pipe()
        gc.collect()
        gc.freeze()  # the collector would write to all objects, and so copy them
        get_context("fork").Process(target=_nurse, args=(theirs, cls.nursery), daemon=True).start()
        theirs.close()

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        self.nursery.send_bytes(self.parent.connection_file.encode())
        self.process, self.pid = _Forked(json.loads(self.nursery.recv_bytes())), None
        self.cwd = kwargs.get("cwd")
        return self.connection_info


class _Forked:
    """A kernel's process, with the methods of `subprocess.Popen` that `LocalProvisioner` uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs; how it ended is known to the process that it was forked from."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    wait = poll

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)


def _nurse(orders: Connection, other_end: Connection) -> None:
    other_end.close()  # so that the server's end is felt
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends its kernels
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that end
    while True:
        try:
            connection_file = orders.recv_bytes().decode()
        except EOFError:
            return
        pid = os.fork()
        if pid == 0:
            orders.close()
            _be_a_kernel(connection_file)
        orders.send_bytes(json.dumps(pid).encode())


def _be_a_kernel(connection_file: str) -> None:
    """Until it is told to stop, or the process that it was forked from has ended."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.modules["debugpy"] = None  # type: ignore[assignment]  a page needs no debugger
    try:
        app = IPKernelApp.instance()
        parent = f"--IPKernelApp.parent_handle={os.getppid()}"
        app.initialize(["-f", connection_file, "--HistoryManager.enabled=False", parent])
        ipywidgets.register_comm_target()  # what its import does where there is a kernel already
        app.start()
    finally:
        os._exit(0)


if sys.platform == "linux":
    there = EntryPoint(NAME, f"{__name__}:{ForkedKernel.__name__}", KernelProvisionerFactory.GROUP_NAME)
    KernelProvisionerFactory.provisioners[NAME] = there
