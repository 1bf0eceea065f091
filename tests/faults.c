/* Fault points at the system's own calls: preloaded, it counts whatever changes files below a folder, also what FAISS,
   SQLite and tantivy do, and at a chosen point kills the process, cuts the power or has the call fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL, CUT, FAIL, FULL };
enum { LONGEST = 600, MOST = 400 };

static int mode = -1, number_of_error, logged = -1;
static long at;
static long *seen;
static char root[LONGEST];
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
/* What a power cut would take: content that is not synced, and names in folders that are not. */
static char dirty[MOST][LONGEST], made[MOST][LONGEST];

__attribute__((constructor)) static void begin(void) {
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void faults_arm(const char *folder, int what, long where, int error, int log) {
    snprintf(root, sizeof root, "%s", folder);
    at = where;
    number_of_error = error;
    logged = log;
    if (what >= 0) *seen = 0;
    mode = what;
}

long faults_seen(void) { return *seen; }

static void put(char (*set)[LONGEST], const char *path) {
    int free_one = -1;
    for (int i = 0; i < MOST; i++) {
        if (!strcmp(set[i], path)) return;
        if (!set[i][0] && free_one < 0) free_one = i;
    }
    if (free_one < 0) _exit(99);
    snprintf(set[free_one], LONGEST, "%s", path);
}

static void take(char (*set)[LONGEST], const char *path) {
    for (int i = 0; i < MOST; i++)
        if (!strcmp(set[i], path)) set[i][0] = 0;
}

static int has(char (*set)[LONGEST], const char *path) {
    for (int i = 0; i < MOST; i++)
        if (!strcmp(set[i], path)) return 1;
    return 0;
}

static void move(char (*set)[LONGEST], const char *from, const char *to) {
    int there = has(set, from);
    take(set, to);
    take(set, from);
    if (there) put(set, to);
}

static void synced(const char *path) {
    pthread_mutex_lock(&one);
    take(dirty, path);
    size_t length = strlen(path);
    for (int i = 0; i < MOST; i++)
        if (!strncmp(made[i], path, length) && made[i][length] == '/' && !strchr(made[i] + length + 1, '/'))
            made[i][0] = 0;
    pthread_mutex_unlock(&one);
}

static void die(void) {
    if (mode == CUT) {
        for (int i = 0; i < MOST; i++)
            if (dirty[i][0]) syscall(SYS_truncate, dirty[i], 0);
        for (int i = 0; i < MOST; i++)
            if (made[i][0]) syscall(SYS_unlink, made[i]);
    }
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* 0: go on; 1: this is the point to die at; -1: fail, with errno set. */
static int point(const char *what, const char *path, int grows) {
    if (mode < 0 || strncmp(path, root, strlen(root))) return 0;
    pthread_mutex_lock(&one);
    long n = ++*seen;
    pthread_mutex_unlock(&one);
    if (logged >= 0) dprintf(logged, "%ld %s %s\n", n, what, path + strlen(root));
    if ((mode == KILL || mode == CUT) && n == at) return 1;
    if ((mode == FAIL && n == at) || (mode == FULL && grows && n >= at)) {
        errno = number_of_error;
        return -1;
    }
    return 0;
}

static const char *of_handle(int handle, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = mode < 0 ? 0 : readlink(link, path, LONGEST - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static const char *of_name(int folder, const char *name, char *path) {
    if (name[0] == '/' || folder == AT_FDCWD) snprintf(path, LONGEST, "%s", name);
    else {
        char base[LONGEST];
        snprintf(path, LONGEST, "%s/%s", of_handle(folder, base), name);
    }
    return path;
}

static void grown(const char *path, int new_name) {
    if (mode != CUT || strncmp(path, root, strlen(root))) return;
    pthread_mutex_lock(&one);
    put(dirty, path);
    if (new_name) put(made, path);
    pthread_mutex_unlock(&one);
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define STOP(what, path, grows, failed) \
    switch (point(what, path, grows)) { case 1: die(); case -1: return failed; }

static int is_there(const char *path) { return syscall(SYS_access, path, F_OK) == 0; }

#define OPEN(name, folder_parameter, folder, call) \
    int name(folder_parameter const char *file, int flags, ...) { \
        REAL(name); \
        va_list rest; va_start(rest, flags); \
        mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        char path[LONGEST]; \
        int writes = mode >= 0 && (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)); \
        if (!writes) return real call; \
        of_name(folder, file, path); \
        STOP("open", path, (flags & O_CREAT) != 0, -1) \
        int new_name = (flags & O_CREAT) && !is_there(path); \
        int found = real call; \
        if (found >= 0 && (new_name || flags & O_TRUNC)) grown(path, new_name); \
        return found; \
    }
#define COMMA ,
OPEN(open, , AT_FDCWD, (file, flags, bits))
OPEN(open64, , AT_FDCWD, (file, flags, bits))
OPEN(openat, int at_folder COMMA, at_folder, (at_folder, file, flags, bits))
OPEN(openat64, int at_folder COMMA, at_folder, (at_folder, file, flags, bits))

#define FOPEN(name) \
    FILE *name(const char *file, const char *how) { \
        REAL(name); \
        if (mode < 0 || how[0] == 'r') return real(file, how); \
        STOP("open", file, 1, NULL) \
        int new_name = !is_there(file); \
        FILE *found = real(file, how); \
        if (found) grown(file, new_name); \
        return found; \
    }
FOPEN(fopen)
FOPEN(fopen64)

/* Dying in a write leaves half of it. */
#define WRITE(type, name, parameters, handle, whole, half) \
    type name parameters { \
        REAL(name); \
        char path[LONGEST]; \
        if (mode < 0) return real whole; \
        of_handle(handle, path); \
        switch (point("write", path, 1)) { \
            case 1: real half; grown(path, 0); die(); \
            case -1: return -1; \
        } \
        grown(path, 0); \
        return real whole; \
    }
WRITE(ssize_t, write, (int h, const void *d, size_t n), h, (h, d, n), (h, d, n / 2))
WRITE(ssize_t, pwrite, (int h, const void *d, size_t n, off_t o), h, (h, d, n, o), (h, d, n / 2, o))
WRITE(ssize_t, pwrite64, (int h, const void *d, size_t n, off64_t o), h, (h, d, n, o), (h, d, n / 2, o))
WRITE(ssize_t, writev, (int h, const struct iovec *v, int n), h, (h, v, n), (h, v, n / 2))
WRITE(int, ftruncate, (int h, off_t n), h, (h, n), (h, n / 2))
WRITE(int, ftruncate64, (int h, off64_t n), h, (h, n), (h, n / 2))

size_t fwrite(const void *data, size_t size, size_t n, FILE *file) {
    REAL(fwrite);
    char path[LONGEST];
    if (mode < 0) return real(data, size, n, file);
    of_handle(fileno(file), path);
    switch (point("write", path, 1)) {
        case 1: real(data, size, n / 2, file); fflush(file); grown(path, 0); die();
        case -1: return 0;
    }
    grown(path, 0);
    return real(data, size, n, file);
}

int fclose(FILE *file) {
    REAL(fclose);
    char path[LONGEST];
    if (mode < 0 || (fcntl(fileno(file), F_GETFL) & O_ACCMODE) == O_RDONLY) return real(file);
    of_handle(fileno(file), path);
    switch (point("close", path, 1)) {
        case 1: die();
        case -1: real(file); errno = number_of_error; return EOF;
    }
    return real(file);
}

#define SYNC(name) \
    int name(int handle) { \
        REAL(name); \
        char path[LONGEST]; \
        of_handle(handle, path); \
        STOP("sync", path, 0, -1) \
        int found = real(handle); \
        if (mode == CUT && !found) synced(path); \
        return found; \
    }
SYNC(fsync)
SYNC(fdatasync)

static void gone(const char *path) {
    if (mode != CUT) return;
    pthread_mutex_lock(&one);
    take(dirty, path);
    take(made, path);
    pthread_mutex_unlock(&one);
}

static void renamed(const char *from, const char *to) {
    if (mode != CUT) return;
    pthread_mutex_lock(&one);
    move(dirty, from, to);
    move(made, from, to);
    pthread_mutex_unlock(&one);
}

/* A new name of a file that had one stays after a power cut as the old or the new file, so `made` is for new files. */
#define RENAME(name, parameters, from_folder, to_folder, call) \
    int name parameters { \
        REAL(name); \
        char a[LONGEST], b[LONGEST]; \
        if (mode < 0) return real call; \
        of_name(from_folder, from, a); \
        of_name(to_folder, to, b); \
        STOP("rename", b, 0, -1) \
        int replaced = is_there(b); \
        int found = real call; \
        if (!found) renamed(a, b); \
        if (!found && replaced) take(made, b); \
        return found; \
    }
RENAME(rename, (const char *from, const char *to), AT_FDCWD, AT_FDCWD, (from, to))
RENAME(renameat, (int f, const char *from, int t, const char *to), f, t, (f, from, t, to))
RENAME(renameat2, (int f, const char *from, int t, const char *to, unsigned int s), f, t, (f, from, t, to, s))
RENAME(link, (const char *from, const char *to), AT_FDCWD, AT_FDCWD, (from, to))

#define NAMED(what, name, parameters, folder, call, grows) \
    int name parameters { \
        REAL(name); \
        char path[LONGEST]; \
        if (mode < 0) return real call; \
        of_name(folder, file, path); \
        STOP(what, path, grows, -1) \
        int found = real call; \
        if (!found && !grows) gone(path); \
        return found; \
    }
NAMED("unlink", unlink, (const char *file), AT_FDCWD, (file), 0)
NAMED("unlink", unlinkat, (int f, const char *file, int s), f, (f, file, s), 0)
NAMED("rmdir", rmdir, (const char *file), AT_FDCWD, (file), 0)
NAMED("mkdir", mkdir, (const char *file, mode_t m), AT_FDCWD, (file, m), 1)
NAMED("mkdir", mkdirat, (int f, const char *file, mode_t m), f, (f, file, m), 1)
