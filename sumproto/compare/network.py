"""Two hosts on one machine: network namespaces, each with a TUN device for its packets. Linux only.

The namespaces have no names. They are gone when the last process in them is, however it ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
from contextlib import suppress
from pathlib import Path

from ..unix import fcntl

NEAR = "192.0.2.1"
FAR = "192.0.2.2"
"""Addresses of the two hosts, from those that RFC 5737 sets aside for examples."""

_PREFIX = "255.255.255.0"

# From linux/sched.h, if_tun.h, if.h, sockios.h, if_link.h, rtnetlink.h, netlink.h and prctl.h.
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFLA_TXQLEN = 13
_RTM_NEWLINK = 16
_NLM_F_REQUEST = 1
_PR_SET_PDEATHSIG = 1

_DEVICE = b"tun0"

_QUEUE = 10_000
"""Packets that a device holds for the link; its 500 would be too few for a burst of clients."""


class NoNetwork(Exception):
    """Namespaces or TUN devices cannot be had; the text is why."""


def enter_namespaces() -> None:
    """Move this process, which has a single thread, to a host of its own.

    This needs no privilege where it can have a user namespace, else CAP_SYS_ADMIN. Raises
    `NoNetwork`.
    """
    user, group = os.getuid(), os.getgid()
    try:
        _unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    except OSError:
        move_to_another_host()
        return
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError as error:
        raise NoNetwork(_cannot("a user namespace", error)) from None


def move_to_another_host() -> None:
    """Move this process, which may do so, to one more host. Raises `NoNetwork`."""
    try:
        _unshare(_CLONE_NEWNET)
    except OSError as error:
        raise NoNetwork(_cannot("a network namespace", error)) from None


def open_device(address: str) -> int:
    """A descriptor for the packets of this host, which gets `address`. Raises `NoNetwork`."""
    try:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        request = struct.pack("16sH22x", _DEVICE, _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(device, _TUNSETIFF, request)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for what, ip in (_SIOCSIFADDR, address), (_SIOCSIFNETMASK, _PREFIX):
                request = struct.pack(
                    "16sHH4s16x", _DEVICE, socket.AF_INET, 0, socket.inet_aton(ip)
                )
                fcntl.ioctl(sock, what, request)
            fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", _DEVICE, _IFF_UP))
        _lengthen_queue()
    except OSError as error:
        raise NoNetwork(_cannot("a TUN device", error)) from None
    return device


def _lengthen_queue() -> None:
    """Have the device hold `_QUEUE` packets, by netlink: by ioctl, only the real root can."""
    index = socket.if_nametoindex(_DEVICE.decode())
    change = struct.pack("BxHiII", socket.AF_UNSPEC, 0, index, 0, 0)
    change += struct.pack("HHI", 8, _IFLA_TXQLEN, _QUEUE)
    header = struct.pack("IHHII", 16 + len(change), _RTM_NEWLINK, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.send(header + change)


def reuse_ports() -> None:
    """Have this host open more connections in a minute than it has ports, if it lets us say so.

    For 60 s, Linux holds the port of each connection that it closed, except over loopback.
    """
    with suppress(OSError):
        Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("1")


def end_with(parent: int) -> None:
    """Have the kernel end this process when its `parent` ends, or end it if that has ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _cannot(what: str, error: OSError) -> str:
    return (
        f"{what} cannot be had ({error.strerror}): "
        "try it as root, or without --delay and --loss over loopback"
    )


def _unshare(flags: int) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
