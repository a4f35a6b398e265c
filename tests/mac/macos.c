/* Loaded into every program: what the kernel of macOS has not, or has smaller. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SOCKET_PATH_BYTES 104
#define LINUX_TCP_USER_TIMEOUT 18

static int refused(int problem) {
    errno = problem;
    return -1;
}

int inotify_init(void) { return refused(ENOSYS); }
int inotify_init1(int flags) { (void)flags; return refused(ENOSYS); }
int unshare(int flags) { (void)flags; return refused(ENOSYS); }
int prctl(int option, ...) { (void)option; return refused(ENOSYS); }
int memfd_create(const char *name, unsigned flags) { (void)name; (void)flags; return refused(ENOSYS); }
int pidfd_open(int process, unsigned flags) { (void)process; (void)flags; return refused(ENOSYS); }

static int is_too_long(const struct sockaddr *address, socklen_t size) {
    if (!address || address->sa_family != AF_UNIX || size <= offsetof(struct sockaddr_un, sun_path)) return 0;
    const char *path = ((const struct sockaddr_un *)address)->sun_path;
    size_t room = size - offsetof(struct sockaddr_un, sun_path), length = 0;
    while (length < room && path[length]) length++;
    return length == 0 || length >= SOCKET_PATH_BYTES;
}

int bind(int socket, const struct sockaddr *address, socklen_t size) {
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (!real) real = dlsym(RTLD_NEXT, "bind");
    return is_too_long(address, size) ? refused(EINVAL) : real(socket, address, size);
}

int connect(int socket, const struct sockaddr *address, socklen_t size) {
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (!real) real = dlsym(RTLD_NEXT, "connect");
    return is_too_long(address, size) ? refused(EINVAL) : real(socket, address, size);
}

int setsockopt(int socket, int level, int name, const void *value, socklen_t size) {
    static int (*real)(int, int, int, const void *, socklen_t);
    if (!real) real = dlsym(RTLD_NEXT, "setsockopt");
    return level == 6 && name == LINUX_TCP_USER_TIMEOUT ? refused(ENOPROTOOPT) : real(socket, level, name, value, size);
}
