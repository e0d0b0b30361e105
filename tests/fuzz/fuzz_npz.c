/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_npz: any bytes are refused with a message, as a whole or where an array is read, or give
 * arrays.
 */
#include "npz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(const struct err *err)
{
    if (err->code != ERR_INPUT || !err->text[0])
        BUG("refused without a message");
}

/* npz_open() wants a path. */
static int file_of(const uint8_t *bytes, size_t n, char *path, size_t room)
{
    int fd = memfd_create("archive", 0);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        die("cannot make a file of %zu bytes", n);
    snprintf(path, room, "/proc/self/fd/%d", fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct err err = {0};
    char path[64];
    int fd = file_of(bytes, n, path, sizeof path);
    struct npz *z = npz_open(path, &err);
    if (!z)
        check(&err);
    for (int i = 0; z && i < npz_count(z); i++) {
        struct arena a = {0};
        const struct tensor *t = npz_read(z, i, &a, &err);
        if (!t)
            check(&err);
        else if (tensor_count(t) < 0 || !npz_name(z, i))
            BUG("array %d is none", i);
        arena_release(&a);
    }
    if (z)
        npz_close(z);
    close(fd);
    return 0;
}
