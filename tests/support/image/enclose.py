"""`enclose.py ROOT COMMAND...`: what a container engine does between its new namespaces and the command.

To be started in fresh mount, process and network namespaces. The command gets ROOT as its read-only root,
user 65532 without any capability, a loopback of its own, and a new volume at /var/lib/modelarts-exporter,
which takes over owner and mode of the directory in the image, as Docker's and Podman's do.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

USER = 65532
VOLUME = "var/lib/modelarts-exporter"
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def enclose(root: Path, command: list[str]) -> None:
    """Become the command; the environment is passed on as it is."""
    environment = {**os.environ, "PATH": os.defpath + ":/usr/sbin:/sbin"}
    under = (root / VOLUME).stat()
    like_it = f"uid={under.st_uid},gid={under.st_gid},mode={under.st_mode & 0o777:o}"
    for mount in (
        ("--bind", root, root),
        ("-o", "remount,bind,ro", root),
        ("--rbind", "/dev", root / "dev"),
        ("-t", "proc", "proc", root / "proc"),
        ("-t", "tmpfs", "-o", like_it, "tmpfs", root / VOLUME),
    ):
        subprocess.run(["mount", *mount], check=True, env=environment)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))
    os.chroot(root)
    os.chdir("/")
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    os.execvp(command[0], command)  # noqa: S606  (nothing in between: the command is to be process 1)


if __name__ == "__main__":
    enclose(Path(sys.argv[1]), sys.argv[2:])
