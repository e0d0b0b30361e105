/* SPDX-License-Identifier: Apache-2.0
 *
 * file: reading, mapping, atomic output, directories. The table of open outputs is what a signal
 * handler reads; its paths are set before the file exists and cleared after it is gone. The thread
 * that handles a signal is one of several: from then on no other one creates a file.
 */
#include "file.h"

#include "arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Each of 256 workers may have one open. */
enum { MAX_OUT = 260, MAX_PATH = 4096, OUT_BUFFER = 1 << 16 };

struct file_out {
    volatile sig_atomic_t open;
    int fd;
    size_t n;
    char path[MAX_PATH], temp[MAX_PATH];
    char *buffer;
};
static struct file_out outs[MAX_OUT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool ending;  /* a signal ends the program */
static atomic_int creating; /* threads that create a file; none of them handles signals */

static int fail(struct err *err, enum err_code code, const char *path, const char *what)
{
    return err_set(err, code, "%s: %s: %s", path, what, strerror(errno));
}

/* Large files that are mapped; what does not fit is not relaxed. */
enum { MAX_MAPS = 16, LARGE_MAP = 1 << 20 };
static struct file_map maps[MAX_MAPS];

static void replace_map(struct file_map from, struct file_map to)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAX_MAPS; i++)
        if (maps[i].data == from.data) {
            maps[i] = to;
            break;
        }
    pthread_mutex_unlock(&lock);
}

void file_relax(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAX_MAPS; i++)
        if (maps[i].data)
            madvise((void *)(size_t)maps[i].data, maps[i].size, MADV_DONTNEED);
    pthread_mutex_unlock(&lock);
}

int file_open(struct file_in *f, const char *path, struct err *err)
{
    struct stat st;
    *f = (struct file_in){path, open(path, O_RDONLY | O_CLOEXEC), 0};
    if (f->fd < 0)
        return fail(err, ERR_INPUT, path, "cannot open");
    int r = 0;
    if (fstat(f->fd, &st))
        r = fail(err, ERR_INPUT, path, "cannot read");
    else if (!S_ISREG(st.st_mode))
        r = err_set(err, ERR_INPUT, "%s: not a regular file", path);
    if (r < 0)
        close(f->fd);
    else
        f->size = (size_t)st.st_size;
    return r;
}

int file_read(const struct file_in *f, size_t at, void *to, size_t n, struct err *err)
{
    char *bytes = to;
    while (n) {
        ssize_t got = pread(f->fd, bytes, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, ERR_INPUT, f->path, "cannot read");
        if (!got)
            return err_set(err, ERR_INPUT, "%s: it ends in the middle; has it become shorter?",
                           f->path);
        bytes += got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    return 0;
}

void file_close(struct file_in *f)
{
    close(f->fd);
}

int file_map(struct file_map *f, const char *path, struct err *err)
{
    struct file_in in;
    *f = (struct file_map){"", 0};
    TRY(file_open(&in, path, err));
    int r = 0;
    if (in.size > 0) {
        void *p = mmap(NULL, in.size, PROT_READ, MAP_PRIVATE, in.fd, 0);
        if (p == MAP_FAILED)
            r = fail(err, ERR_MACHINE, path, "cannot map");
        else
            *f = (struct file_map){p, in.size};
        if (f->size >= LARGE_MAP)
            replace_map((struct file_map){NULL, 0}, *f);
    }
    file_close(&in);
    return r;
}

void file_unmap(struct file_map *f)
{
    if (f->size >= LARGE_MAP)
        replace_map(*f, (struct file_map){NULL, 0});
    if (f->size)
        munmap((void *)(size_t)f->data, f->size);
    *f = (struct file_map){"", 0};
}

static struct file_out *out_take(void)
{
    struct file_out *found = NULL;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAX_OUT && !found; i++)
        if (!outs[i].buffer)
            found = &outs[i];
    if (!found)
        BUG("more than %d outputs are open", MAX_OUT);
    found->buffer = mem_alloc(OUT_BUFFER);
    pthread_mutex_unlock(&lock);
    return found;
}

static void out_give_back(struct file_out *f)
{
    f->open = 0;
    pthread_mutex_lock(&lock);
    mem_free(f->buffer);
    f->buffer = NULL;
    pthread_mutex_unlock(&lock);
}

/* Something that a renamed file must not replace: a directory, a device, a pipe. */
static bool is_special(const char *path)
{
    struct stat st;
    return !stat(path, &st) && !S_ISREG(st.st_mode);
}

/* Opens a new file, or waits for the end. */
static int create_guarded(const char *path)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    atomic_fetch_add(&creating, 1);
    if (atomic_load(&ending)) {
        atomic_fetch_sub(&creating, 1);
        for (;;)
            pause();
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), problem = errno;
    atomic_fetch_sub(&creating, 1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = problem;
    return fd;
}

struct file_out *file_create(const char *path, struct err *err)
{
    struct file_out *f = out_take();
    f->n = 0;
    int n = snprintf(f->temp, sizeof f->temp, "%s.%ld-%d.tmp", path, (long)getpid(),
                     (int)(f - outs));
    bool fits = n >= 0 && (size_t)n < sizeof f->temp;
    if (!fits || is_special(path)) {
        err_set(err, ERR_USAGE, "%s: %s", path, !fits ? "path too long"
                : file_is_directory(path) ? "is a directory" : "is not a regular file");
        out_give_back(f);
        return NULL;
    }
    memcpy(f->path, path, strlen(path) + 1);
    f->open = 1;
    f->fd = create_guarded(f->temp);
    if (f->fd < 0) {
        fail(err, ERR_MACHINE, path, "cannot write");
        out_give_back(f);
        return NULL;
    }
    return f;
}

static int out_put(struct file_out *f, const char *bytes, size_t n, struct err *err)
{
    while (n) {
        ssize_t w = write(f->fd, bytes, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return fail(err, ERR_MACHINE, f->path, "cannot write");
        bytes += w;
        n -= (size_t)w;
    }
    return 0;
}

static int out_flush(struct file_out *f, struct err *err)
{
    size_t n = f->n;
    f->n = 0;
    return out_put(f, f->buffer, n, err);
}

int file_write(struct file_out *f, const void *bytes, size_t n, struct err *err)
{
    if (n >= OUT_BUFFER) {
        TRY(out_flush(f, err));
        return out_put(f, bytes, n, err);
    }
    if (f->n + n > OUT_BUFFER)
        TRY(out_flush(f, err));
    if (n)
        memcpy(f->buffer + f->n, bytes, n);
    f->n += n;
    return 0;
}

static int out_end(struct file_out *f, bool synced, struct err *err)
{
    int r = out_flush(f, err);
    if (!r && synced && fsync(f->fd) && errno != EINVAL && errno != EROFS)
        r = fail(err, ERR_MACHINE, f->path, "cannot write");
    if (close(f->fd) && !r)
        r = fail(err, ERR_MACHINE, f->path, "cannot write");
    if (!r && rename(f->temp, f->path))
        r = fail(err, ERR_MACHINE, f->path, "cannot rename into place");
    if (r)
        unlink(f->temp);
    out_give_back(f);
    return r;
}

int file_commit(struct file_out *f, struct err *err)
{
    return out_end(f, true, err);
}

int file_commit_lazily(struct file_out *f, struct err *err)
{
    return out_end(f, false, err);
}

void file_discard(struct file_out *f)
{
    close(f->fd);
    unlink(f->temp);
    out_give_back(f);
}

int file_make_directory(const char *path, struct err *err)
{
    if (mkdir(path, 0777) && !(errno == EEXIST && file_is_directory(path)))
        return fail(err, ERR_MACHINE, path, "cannot make the directory");
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list(struct arena *a, const char *path, char ***names, struct err *err)
{
    DIR *d = opendir(path);
    if (!d)
        return fail(err, ERR_INPUT, path, "cannot list the directory");
    int n = 0, room = 0;
    *names = NULL;
    for (struct dirent *e; (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (n == room) {
            room = room ? room * 2 : 64;
            char **grown = NEW_ARRAY(a, room, char *);
            if (n)
                memcpy(grown, *names, (size_t)n * sizeof *grown);
            *names = grown;
        }
        (*names)[n++] = arena_strdup(a, e->d_name);
    }
    closedir(d);
    if (n)
        qsort(*names, (size_t)n, sizeof **names, by_name);
    return n;
}

int file_is_directory(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

int file_exists(const char *path)
{
    return !access(path, F_OK);
}

static void on_signal(int sig)
{
    atomic_store(&ending, true);
    while (atomic_load(&creating))
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    for (int i = 0; i < MAX_OUT; i++)
        if (outs[i].open)
            unlink(outs[i].temp);
    static const char text[] = "\nquern: interrupted; no unfinished file is left\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(128 + sig);
}

void file_guard_signals(void)
{
    struct sigaction s = {.sa_handler = on_signal};
    sigaction(SIGINT, &s, NULL);
    sigaction(SIGTERM, &s, NULL);
    sigaction(SIGHUP, &s, NULL);
}
