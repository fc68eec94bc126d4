/* A disk that fails when it is told to, and that writes down what it was asked to do.

   To be loaded with LD_PRELOAD. Concerns only files below the folder DISK_FAULTS_ROOT:

   - counts every call that changes something there (creating, writing, truncating, syncing,
     renaming, removing) and lets those fail that `disk_faults_arm` names;
   - once `disk_faults_log` has named a file, appends each of them with its bytes to it, so that a
     reader can work out what a power cut at any moment leaves (see disk_faults.py for the format).

   Syncing is counted and logged and not carried out: what it is worth is for the model to say. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum op { CREATE = 1, WRITE, TRUNCATE, SYNC, SYNC_FOLDER, RENAME, UNLINK, MKDIR, MARK, SYNC_FAILED };
enum { NOT_OURS, OUR_FILE, OUR_FOLDER };
enum call { A_CHANGE, A_WRITE, A_SYNC };
enum { MAX_FD = 4096 };

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_len;
static int log_fd = -1;
static unsigned char kind_of[MAX_FD];

static long calls, first, last;
static int error_given, shortened, only_syncs, struck;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        fprintf(stderr, "disk_faults: no %s\n", name);
        abort();
    }
    return found;
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("DISK_FAULTS_ROOT");
    if (!folder || !realpath(folder, root))
        root[0] = '\0';
    root_len = strlen(root);
}

/* -- what the tests call ------------------------------------------------------------------------ */

/* Calls number k .. k + n - 1 from now fail with that error; halved: the first of them, if it is a
   write, writes half and says so, and the one after it fails; syncs: no other calls count. */
void disk_faults_arm(long k, long n, int error, int halved, int syncs) {
    pthread_mutex_lock(&turn);
    calls = 0;
    first = k;
    last = n > LONG_MAX - k ? LONG_MAX : k + n - 1;
    error_given = error;
    shortened = halved;
    only_syncs = syncs;
    struck = 0;
    pthread_mutex_unlock(&turn);
}

long disk_faults_calls(void) { return calls; }
int disk_faults_struck(void) { return struck; }

void disk_faults_root(const char *folder) {
    pthread_mutex_lock(&turn);
    if (!realpath(folder, root))
        root[0] = '\0';
    root_len = strlen(root);
    pthread_mutex_unlock(&turn);
}

/* -- the log: op u8, length of the payload u32, file u64, number s64, payload ------------------ */

static void note(enum op op, uint64_t file, int64_t number, const void *data, size_t n) {
    unsigned char head[21];
    uint32_t length = (uint32_t)n;
    if (log_fd < 0)
        return;
    head[0] = (unsigned char)op;
    memcpy(head + 1, &length, 4);
    memcpy(head + 5, &file, 8);
    memcpy(head + 13, &number, 8);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)data, n}};
    if (REAL(writev)(log_fd, parts, n ? 2 : 1) != (ssize_t)(sizeof head + n))
        abort(); /* a log with a hole would prove nothing */
}

/* From now on into another file, or nowhere. */
void disk_faults_log(const char *path) {
    pthread_mutex_lock(&turn);
    if (log_fd >= 0)
        REAL(close)(log_fd);
    log_fd = *path ? REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    pthread_mutex_unlock(&turn);
}

void disk_faults_mark(int64_t number) {
    pthread_mutex_lock(&turn);
    note(MARK, 0, number, NULL, 0);
    pthread_mutex_unlock(&turn);
}

/* -- whose files, and which calls fail --------------------------------------------------------- */

static uint64_t inode(int fd) {
    struct stat st;
    return fstat(fd, &st) ? 0 : (uint64_t)st.st_ino;
}

static int ours(int fd) { return fd >= 0 && fd < MAX_FD ? kind_of[fd] : NOT_OURS; }

/* The path below the root, or NULL. */
static const char *below(const char *path, char *room) {
    if (!root_len || !path)
        return NULL;
    if (path[0] == '/')
        snprintf(room, PATH_MAX, "%s", path);
    else {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here) || snprintf(room, PATH_MAX, "%s/%s", here, path) >= PATH_MAX)
            return NULL;
    }
    if (strncmp(room, root, root_len))
        return NULL;
    if (room[root_len] == '\0')
        return room + root_len;
    return room[root_len] == '/' ? room + root_len + 1 : NULL;
}

/* Counts a call; true when it is to fail, errno is set then. To be called with the turn taken. */
static int strikes(enum call call, int *half) {
    *half = 0;
    if (only_syncs && call != A_SYNC)
        return 0;
    long k = ++calls;
    if (!first || k < first || (k > last && !(shortened && k == last + 1)))
        return 0;
    struck = 1;
    if (shortened && k == first && call == A_WRITE) {
        *half = 1;
        return 0;
    }
    if (shortened && k > last && first == last)
        ;                       /* the call after a halved write */
    else if (k > last)
        return 0;
    errno = error_given;
    return 1;
}

/* -- opening and closing ----------------------------------------------------------------------- */

static void opened(int fd, const char *rel, int is_new, int flags) {
    struct stat st;
    if (fd < 0 || fd >= MAX_FD || fstat(fd, &st))
        return;
    if (S_ISDIR(st.st_mode))
        kind_of[fd] = OUR_FOLDER;
    else if (S_ISREG(st.st_mode))
        kind_of[fd] = OUR_FILE;
    else
        return;
    if (is_new)
        note(CREATE, st.st_ino, 0, rel, strlen(rel));
    else if (flags & O_TRUNC)
        note(TRUNCATE, st.st_ino, 0, NULL, 0);
}

static int open_at(int (*call)(int, const char *, int, ...), int at, const char *path, int flags,
                   mode_t mode) {
    char room[PATH_MAX];
    const char *rel = at == AT_FDCWD || (path && path[0] == '/') ? below(path, room) : NULL;
    if (!rel) {
        int fd = call(at, path, flags, mode);
        if (fd >= 0 && fd < MAX_FD)
            kind_of[fd] = NOT_OURS;
        return fd;
    }
    struct stat st;
    int fd, half;
    pthread_mutex_lock(&turn);
    int is_new = (flags & O_CREAT) && stat(room, &st);
    if ((is_new || (flags & O_TRUNC)) && strikes(A_CHANGE, &half))
        fd = -1;
    else {
        fd = call(at, path, flags, mode);
        opened(fd, rel, is_new, flags);
    }
    pthread_mutex_unlock(&turn);
    return fd;
}

static mode_t mode_in(int flags, va_list more) {
    return flags & (O_CREAT | (__O_TMPFILE & ~O_DIRECTORY)) ? va_arg(more, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = mode_in(flags, more);                                                        \
        va_end(more);                                                                              \
        return open_at(REAL(openat64), AT_FDCWD, path, flags, mode);                               \
    }
#define OPENAT(name)                                                                               \
    int name(int at, const char *path, int flags, ...) {                                           \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = mode_in(flags, more);                                                        \
        va_end(more);                                                                              \
        return open_at(REAL(openat64), at, path, flags, mode);                                     \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    if (fd >= 0 && fd < MAX_FD)
        kind_of[fd] = NOT_OURS;
    return REAL(close)(fd);
}

/* -- writing ------------------------------------------------------------------------------------- */

static ssize_t write_at(int fd, const void *data, size_t n, off64_t at, int has_place) {
    int half;
    ssize_t done;
    pthread_mutex_lock(&turn);
    if (strikes(A_WRITE, &half)) {
        pthread_mutex_unlock(&turn);
        return -1;
    }
    if (half)
        n = n > 1 ? n / 2 : n;
    if (has_place)
        done = REAL(pwrite64)(fd, data, n, at);
    else {
        done = REAL(write)(fd, data, n);
        at = REAL(lseek64)(fd, 0, SEEK_CUR) - (done > 0 ? done : 0);
    }
    if (done > 0)
        note(WRITE, inode(fd), at, data, (size_t)done);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t write(int fd, const void *data, size_t n) {
    return ours(fd) == OUR_FILE ? write_at(fd, data, n, 0, 0) : REAL(write)(fd, data, n);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    return ours(fd) == OUR_FILE ? write_at(fd, data, n, at, 1) : REAL(pwrite)(fd, data, n, at);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    return ours(fd) == OUR_FILE ? write_at(fd, data, n, at, 1) : REAL(pwrite64)(fd, data, n, at);
}
ssize_t writev(int fd, const struct iovec *parts, int n) {
    if (ours(fd) != OUR_FILE)
        return REAL(writev)(fd, parts, n);
    ssize_t total = 0;
    for (int k = 0; k < n; k++) {
        ssize_t done = parts[k].iov_len ? write_at(fd, parts[k].iov_base, parts[k].iov_len, 0, 0) : 0;
        if (done < 0)
            return total ? total : -1;
        total += done;
        if ((size_t)done < parts[k].iov_len)
            break;
    }
    return total;
}

/* -- size, and what is worth nothing until it is synced ------------------------------------------ */

static int cut(int (*call)(int, off64_t), int fd, off64_t length) {
    int half, done = -1;
    pthread_mutex_lock(&turn);
    if (!strikes(A_CHANGE, &half) && !(done = call(fd, length)))
        note(TRUNCATE, inode(fd), length, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}
int ftruncate(int fd, off_t length) {
    return ours(fd) == OUR_FILE ? cut(REAL(ftruncate64), fd, length) : REAL(ftruncate)(fd, length);
}
int ftruncate64(int fd, off64_t length) {
    return ours(fd) == OUR_FILE ? cut(REAL(ftruncate64), fd, length) : REAL(ftruncate64)(fd, length);
}

/* Room is made by growing the file: holes read as zeros, as room does that was asked for. */
static int grow(int fd, off64_t at, off64_t n) {
    struct stat st;
    if (fstat(fd, &st))
        return -1;
    return at + n > st.st_size ? cut(REAL(ftruncate64), fd, at + n) : 0;
}
int fallocate64(int fd, int mode, off64_t at, off64_t n) {
    if (ours(fd) != OUR_FILE || mode)
        return REAL(fallocate64)(fd, mode, at, n);
    return grow(fd, at, n);
}
int fallocate(int fd, int mode, off_t at, off_t n) { return fallocate64(fd, mode, at, n); }
int posix_fallocate64(int fd, off64_t at, off64_t n) {
    if (ours(fd) != OUR_FILE)
        return REAL(posix_fallocate64)(fd, at, n);
    return grow(fd, at, n) ? errno : 0;
}
int posix_fallocate(int fd, off_t at, off_t n) { return posix_fallocate64(fd, at, n); }

static int synced(int fd) {
    int half, failed;
    char link[64], room[PATH_MAX];
    const char *rel = NULL;
    pthread_mutex_lock(&turn);
    failed = strikes(A_SYNC, &half);
    int why = errno;
    if (ours(fd) == OUR_FILE)
        note(failed ? SYNC_FAILED : SYNC, inode(fd), 0, NULL, 0);
    else if (!failed) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        char path[PATH_MAX];
        ssize_t n = readlink(link, path, sizeof path - 1);
        if (n > 0) {
            path[n] = '\0';
            rel = below(path, room);
        }
        if (rel)
            note(SYNC_FOLDER, 0, 0, rel, strlen(rel));
    }
    pthread_mutex_unlock(&turn);
    errno = why;
    return failed ? -1 : 0;
}
int fsync(int fd) { return ours(fd) ? synced(fd) : REAL(fsync)(fd); }
int fdatasync(int fd) { return ours(fd) ? synced(fd) : REAL(fdatasync)(fd); }

/* -- names --------------------------------------------------------------------------------------- */

int rename(const char *from, const char *to) {
    char a[PATH_MAX], b[PATH_MAX], both[2 * PATH_MAX];
    const char *old = below(from, a), *new = below(to, b);
    if (!old || !new)
        return REAL(rename)(from, to);
    int half, done = -1;
    pthread_mutex_lock(&turn);
    if (!strikes(A_CHANGE, &half) && !(done = REAL(rename)(from, to))) {
        size_t n = strlen(old) + 1, m = strlen(new);
        memcpy(both, old, n);
        memcpy(both + n, new, m);
        note(RENAME, 0, 0, both, n + m);
    }
    pthread_mutex_unlock(&turn);
    return done;
}
int renameat(int a, const char *from, int b, const char *to) {
    return a == AT_FDCWD && b == AT_FDCWD ? rename(from, to) : REAL(renameat)(a, from, b, to);
}

int unlink(const char *path) {
    char room[PATH_MAX];
    const char *rel = below(path, room);
    if (!rel)
        return REAL(unlink)(path);
    struct stat st;
    int half, done = -1;
    pthread_mutex_lock(&turn);
    if (lstat(room, &st)) /* nothing there: no change, and no call that counts */
        done = REAL(unlink)(path);
    else if (!strikes(A_CHANGE, &half) && !(done = REAL(unlink)(path)))
        note(UNLINK, 0, 0, rel, strlen(rel));
    pthread_mutex_unlock(&turn);
    return done;
}
int unlinkat(int at, const char *path, int flags) {
    return at == AT_FDCWD && !flags ? unlink(path) : REAL(unlinkat)(at, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    char room[PATH_MAX];
    const char *rel = below(path, room);
    if (!rel)
        return REAL(mkdir)(path, mode);
    struct stat st;
    int half, done = -1;
    pthread_mutex_lock(&turn);
    if (!stat(room, &st)) /* is there already: no change, and no call that counts */
        done = REAL(mkdir)(path, mode);
    else if (!strikes(A_CHANGE, &half) && !(done = REAL(mkdir)(path, mode)))
        note(MKDIR, 0, 0, rel, strlen(rel));
    pthread_mutex_unlock(&turn);
    return done;
}
