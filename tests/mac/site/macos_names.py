"""What Python's modules have on Linux, and not on macOS."""

from __future__ import annotations

MISSING: dict[str, str] = {
    "os": "O_DIRECT O_LARGEFILE O_NOATIME O_PATH O_RSYNC O_TMPFILE copy_file_range eventfd fdatasync getrandom"
    " getresgid getresuid getxattr listxattr memfd_create pidfd_open pipe2 posix_fadvise posix_fallocate removexattr"
    " sched_getaffinity sched_setaffinity sched_setscheduler setresgid setresuid setxattr splice",
    "select": "epoll",
    "signal": "SIGPOLL SIGPWR SIGRTMAX SIGRTMIN SIGSTKFLT pidfd_send_signal sigtimedwait sigwaitinfo",
    "socket": "AF_NETLINK AF_PACKET AF_VSOCK SOCK_CLOEXEC SOCK_NONBLOCK SO_BINDTODEVICE SO_PEERCRED TCP_USER_TIMEOUT",
    "fcntl": "F_ADD_SEALS F_GETPIPE_SZ F_OFD_GETLK F_OFD_SETLK F_SETLEASE F_SETPIPE_SZ",
    "resource": "RLIMIT_MSGQUEUE RLIMIT_RTPRIO RLIMIT_SIGPENDING prlimit",
    "time": "CLOCK_BOOTTIME CLOCK_TAI pthread_getcpuclockid",
}
