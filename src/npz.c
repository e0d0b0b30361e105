/* SPDX-License-Identifier: Apache-2.0
 *
 * npz: minizip finds the entries of an archive, and libdeflate unpacks them; writing by hand, since
 * ZIP without compression is two small headers an entry, and no library writes into an output that
 * is renamed when it is complete.
 * Format: APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16.
 */
#include "npz.h"

#include "file.h"
#include "npy.h"
#include "str.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <string.h>
#include <unzip.h>

enum {
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1, /* the flag */
    /* Deflate cannot shrink more than that; a size beyond it is a lie that would only cost
     * memory. */
    DEFLATE_MAX_RATIO = 1032,
};

struct entry {
    const char *name;
    uint64_t at, packed, size; /* where its bytes begin, and how many there are, and unpacked */
    uint32_t crc;
    unsigned method;
    bool encrypted;
};
struct npz {
    struct arena arena;
    struct file_in file;
    struct entry *entry;
    int n;
    bool trusted;
};

/* minizip reads through functions, single bytes often: here, from a block of the file. What lies
 * behind the end is an error to be asked for: minizip takes zeros in its place otherwise. */
enum { BLOCK = 4096 };
struct reader {
    const struct file_in *file;
    uint64_t at;
    char block[BLOCK];
    uint64_t from, to; /* of the file, in `block` */
    bool failed;
    struct err err; /* of a file that cannot be read */
};

static void *reader_open(void *data, const void *name, int mode)
{
    (void)name, (void)mode;
    return data;
}

/* Has the block at `at`, which is in the file? */
static bool reader_load(struct reader *r)
{
    uint64_t size = r->file->size;
    if (r->at >= r->from && r->at < r->to)
        return true;
    r->from = r->at / BLOCK * BLOCK;
    r->to = size - r->from > BLOCK ? r->from + BLOCK : size;
    if (file_read(r->file, r->from, r->block, r->to - r->from, &r->err) == 0)
        return true;
    r->to = r->from;
    return false;
}

static uLong reader_read(void *data, void *stream, void *to, uLong size)
{
    struct reader *r = data;
    uLong done = 0;
    (void)stream;
    while (done < size && r->at < r->file->size && reader_load(r)) {
        uLong n = r->to - r->at < size - done ? r->to - r->at : size - done;
        memcpy((char *)to + done, r->block + (r->at - r->from), n);
        r->at += n;
        done += n;
    }
    r->failed |= done < size;
    return done;
}

static ZPOS64_T reader_tell(void *data, void *stream)
{
    (void)stream;
    return ((struct reader *)data)->at;
}

static long reader_seek(void *data, void *stream, ZPOS64_T offset, int origin)
{
    struct reader *r = data;
    (void)stream;
    uint64_t from = origin == ZLIB_FILEFUNC_SEEK_CUR ? r->at
                  : origin == ZLIB_FILEFUNC_SEEK_END ? r->file->size
                                                     : 0;
    if (offset > r->file->size || from > r->file->size - offset)
        return -1;
    r->at = from + offset;
    return 0;
}

static int reader_error(void *data, void *stream)
{
    (void)stream;
    return ((struct reader *)data)->failed;
}

static int reader_close(void *data, void *stream)
{
    (void)data, (void)stream;
    return 0;
}

/* The name without ".npy". */
static const char *entry_name(const char *name, size_t n, struct arena *a)
{
    if (n >= 4 && !memcmp(name + n - 4, ".npy", 4))
        n -= 4;
    char *copy = arena_alloc(a, n + 1);
    if (n)
        memcpy(copy, name, n);
    return copy;
}

static bool entry_find(struct npz *z, unzFile zip, struct entry *e)
{
    unz_file_info64 info;
    if (unzGetCurrentFileInfo64(zip, &info, NULL, 0, NULL, 0, NULL, 0) != UNZ_OK)
        return false;
    char *name = mem_alloc(info.size_filename + 1);
    bool found = unzGetCurrentFileInfo64(zip, NULL, name, info.size_filename + 1, NULL, 0, NULL, 0)
                  == UNZ_OK
              && unzOpenCurrentFile2(zip, NULL, NULL, 1) == UNZ_OK;
    if (found) {
        *e = (struct entry){entry_name(name, info.size_filename, &z->arena),
                            unzGetCurrentFileZStreamPos64(zip), info.compressed_size,
                            info.uncompressed_size, (uint32_t)info.crc,
                            (unsigned)info.compression_method, info.flag & ENCRYPTED};
        unzCloseCurrentFile(zip);
    }
    mem_free(name);
    return found;
}

static int archive_fail(const struct npz *z, const struct reader *r, struct err *err)
{
    if (r->err.code == ERR_NONE)
        return err_set(err, ERR_INPUT, "%s: cannot open as .npz: it is no ZIP archive, or is "
                       "damaged", z->file.path);
    *err = r->err;
    return -1;
}

static int entries_find(struct npz *z, struct err *err)
{
    struct reader reader = {.file = &z->file};
    zlib_filefunc64_def functions = {.zopen64_file = reader_open, .zread_file = reader_read,
                                     .ztell64_file = reader_tell, .zseek64_file = reader_seek,
                                     .zclose_file = reader_close,
                                     .zerror_file = reader_error, .opaque = &reader};
    unz_global_info64 info;
    unzFile zip = unzOpen2_64("", &functions);
    if (!zip)
        return archive_fail(z, &reader, err);
    bool found = unzGetGlobalInfo64(zip, &info) == UNZ_OK && info.number_entry <= z->file.size;
    if (found)
        z->entry = NEW_ARRAY(&z->arena, info.number_entry, struct entry);
    for (uint64_t i = 0; found && i < info.number_entry; i++) {
        found = (i ? unzGoToNextFile(zip) : unzGoToFirstFile(zip)) == UNZ_OK
             && entry_find(z, zip, &z->entry[i]);
        z->n = (int)i + 1;
    }
    unzClose(zip);
    return found ? 0 : archive_fail(z, &reader, err);
}

static void npz_free(struct npz *z)
{
    arena_release(&z->arena);
    mem_free(z);
}

struct npz *npz_open(const char *path, struct err *err)
{
    struct npz *z = mem_alloc(sizeof *z);
    *z = (struct npz){.n = 0};
    int r = file_open(&z->file, arena_strdup(&z->arena, path), err);
    if (r == 0 && entries_find(z, err) == 0)
        return z;
    if (r == 0)
        file_close(&z->file);
    npz_free(z);
    return NULL;
}

void npz_close(struct npz *z)
{
    file_close(&z->file);
    npz_free(z);
}

void npz_trust(struct npz *z)
{
    z->trusted = true;
}

int npz_count(const struct npz *z)
{
    return z->n;
}

const char *npz_name(const struct npz *z, int i)
{
    return z->entry[i].name;
}

static int entry_fail(const struct npz *z, int i, struct err *err, const char *text)
{
    return err_set(err, ERR_INPUT, "%s: array '%s': %s", z->file.path, z->entry[i].name, text);
}

static int unpack(const struct npz *z, int i, const void *from, void *to, struct err *err)
{
    const struct entry *e = &z->entry[i];
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d)
        return entry_fail(z, i, err, "out of memory");
    enum libdeflate_result r = libdeflate_deflate_decompress(d, from, e->packed, to, e->size, NULL);
    libdeflate_free_decompressor(d);
    return r == LIBDEFLATE_SUCCESS ? 0 : entry_fail(z, i, err, "its compressed data are damaged");
}

static int read_packed(const struct npz *z, int i, void *to, struct err *err)
{
    const struct entry *e = &z->entry[i];
    void *from = mem_alloc(e->packed + 1);
    int r = file_read(&z->file, e->at, from, e->packed, err);
    if (r == 0)
        r = unpack(z, i, from, to, err);
    mem_free(from);
    return r;
}

/* The whole entry, unpacked and compared with its checksum. */
static int entry_read(const struct npz *z, int i, struct arena *a, void **bytes, size_t *size,
                      struct err *err)
{
    const struct entry *e = &z->entry[i];
    if (e->encrypted)
        return entry_fail(z, i, err, "it is encrypted");
    if (e->method != STORED && e->method != DEFLATED)
        return entry_fail(z, i, err, "its compression is neither none nor deflate");
    if (e->at > z->file.size || e->packed > z->file.size - e->at
        || e->size / DEFLATE_MAX_RATIO > e->packed || (e->method == STORED && e->size != e->packed))
        return entry_fail(z, i, err, "its size is not valid");
    *size = e->size;
    *bytes = arena_buffer(a, e->size + 1, 1);
    if (e->method == STORED)
        TRY(file_read(&z->file, e->at, *bytes, e->size, err));
    else
        TRY(read_packed(z, i, *bytes, err));
    bool trusted = z->trusted && e->method == STORED;
    if (!trusted && libdeflate_crc32(0, *bytes, e->size) != e->crc)
        return entry_fail(z, i, err, "CRC error");
    return 0;
}

const struct tensor *npz_read(const struct npz *z, int i, struct arena *a, struct err *err)
{
    void *bytes = NULL;
    size_t size = 0;
    struct npy f;
    if (entry_read(z, i, a, &bytes, &size, err) < 0)
        return NULL;
    if (npy_parse(&f, bytes, size, err) < 0) {
        err_at(err, "%s: array '%s'", z->file.path, z->entry[i].name);
        return NULL;
    }
    return npy_tensor(&f, a);
}

struct npz_out {
    struct arena arena;
    struct file_out *file;
    const char *path;
    struct str directory; /* grows with each entry, written last */
    uint64_t at;
    int n;
};

static void put(struct str *s, int bytes, uint64_t v)
{
    for (int i = 0; i < bytes; i++, v >>= 8)
        str_add_n(s, &(unsigned char){(unsigned char)(v & 255)}, 1);
}

/* What the header before an entry and the one in the directory have in common. */
static void put_entry(struct str *s, const char *name, uint32_t crc, size_t size)
{
    put(s, 2, 20);                     /* version needed: 2.0 */
    put(s, 2, 1 << 11);                /* the name is UTF-8 */
    put(s, 2, 0);                      /* stored */
    put(s, 4, (uint64_t)0x0021 << 16); /* 1980-01-01, 00:00: the first day there is */
    put(s, 4, crc);
    put(s, 4, size);
    put(s, 4, size);
    put(s, 2, strlen(name));
    put(s, 2, 0); /* no extra field */
}

struct npz_out *npz_create(const char *path, struct err *err)
{
    struct file_out *file = file_create(path, err);
    if (!file)
        return NULL;
    struct npz_out *z = mem_alloc(sizeof *z);
    *z = (struct npz_out){.file = file};
    z->path = arena_strdup(&z->arena, path);
    return z;
}

static int npz_put(struct npz_out *z, const void *bytes, size_t n, struct err *err)
{
    TRY(file_write(z->file, bytes, n, err));
    z->at += n;
    return 0;
}

static int entry_write(struct npz_out *z, const char *name, const struct str *head,
                       const void *body, size_t size, struct err *err)
{
    uint64_t total = head->n + (uint64_t)size, at = z->at;
    if (z->n == UINT16_MAX || strlen(name) > UINT16_MAX
        || at + total + z->directory.n + 2 * strlen(name) + 256 > UINT32_MAX)
        return err_set(err, ERR_INPUT, "%s: array '%s' would make the .npz larger than 4 GiB or "
                                       "65535 arrays", z->path, name);
    uint32_t crc = libdeflate_crc32(libdeflate_crc32(0, head->text, head->n), body, size);
    struct str local = {0};
    put(&local, 4, 0x04034b50);
    put_entry(&local, name, crc, total);
    str_add(&local, name);
    int r = npz_put(z, local.text, local.n, err);
    str_release(&local);
    TRY(r);
    TRY(npz_put(z, head->text, head->n, err));
    TRY(npz_put(z, body, size, err));
    put(&z->directory, 4, 0x02014b50);
    put(&z->directory, 2, 20);
    put_entry(&z->directory, name, crc, total);
    put(&z->directory, 2, 0); /* no comment */
    put(&z->directory, 2, 0); /* first disk */
    put(&z->directory, 2, 0);
    put(&z->directory, 4, 0);
    put(&z->directory, 4, at);
    str_add(&z->directory, name);
    z->n++;
    return 0;
}

int npz_add(struct npz_out *z, const char *name, const struct tensor *t, struct err *err)
{
    struct str head = {0}, made = {0}, file_name = {0};
    size_t size;
    str_printf(&file_name, "%s.npy", name);
    npy_header(t, &head);
    const void *body = npy_body(t, &made, &size);
    int r = entry_write(z, file_name.text, &head, body, size, err);
    str_release(&file_name);
    str_release(&head);
    str_release(&made);
    return r;
}

int npz_commit(struct npz_out *z, struct err *err)
{
    size_t n = z->directory.n;
    put(&z->directory, 4, 0x06054b50);
    put(&z->directory, 4, 0); /* this disk, first disk */
    put(&z->directory, 2, (uint64_t)z->n);
    put(&z->directory, 2, (uint64_t)z->n);
    put(&z->directory, 4, n);
    put(&z->directory, 4, z->at);
    put(&z->directory, 2, 0); /* no comment */
    int r = npz_put(z, z->directory.text, z->directory.n, err);
    if (r < 0)
        file_discard(z->file);
    else
        r = file_commit_lazily(z->file, err);
    z->file = NULL;
    npz_discard(z);
    return r;
}

void npz_discard(struct npz_out *z)
{
    if (z->file)
        file_discard(z->file);
    str_release(&z->directory);
    arena_release(&z->arena);
    mem_free(z);
}
