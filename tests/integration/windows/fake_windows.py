"""A Python without what Windows has not: run before a program, in the same process."""

from __future__ import annotations

WINDOWS = """
import argparse, asyncio, fcntl, hashlib, http.client, json, os, runpy, selectors, shutil, signal, socket, ssl
import subprocess, sys, tempfile, threading, types, urllib.request
msvcrt = types.ModuleType("msvcrt")
msvcrt.LK_NBLCK = 2
msvcrt.locking = lambda descriptor, mode, size, flock=fcntl.flock: flock(descriptor, 6)
sys.modules["msvcrt"] = msvcrt
usage = shutil.disk_usage("/")
shutil.disk_usage = lambda _: usage
def utime(*arguments, follow_symlinks=True, real=os.utime, **options):
    if not follow_symlinks:
        raise NotImplementedError("utime: follow_symlinks unavailable on this platform")
    return real(*arguments, **options)
os.utime = utime
os.supports_follow_symlinks.discard(os.utime)
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty"):
    sys.modules[name] = None
for module, names in (
    (signal, "SIGHUP SIGKILL SIGALRM SIGCONT SIGUSR1 SIGUSR2 SIGQUIT SIGPIPE alarm setitimer pthread_kill"),
    (os, "getuid geteuid getgid posix_spawn POSIX_SPAWN_OPEN fork nice killpg setsid getsid getpgrp uname statvfs"),
    (os, "O_NOFOLLOW O_NONBLOCK O_CLOEXEC O_DIRECTORY pread pwrite sysconf confstr fchmod register_at_fork wait4"),
    (os, "pathconf getgroups chown lchown mkfifo"),
):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
"""
COMMAND = "from services.cli.__main__ import main\nsys.exit(main(sys.argv[1:]))"
SCRIPT = "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
