/* SPDX-License-Identifier: Apache-2.0
 *
 * npz: reading through libzip; writing by hand, since ZIP without compression is two small headers
 * an entry, and libzip cannot write into an output that is renamed when it is complete.
 * Format: APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16.
 */
#include "npz.h"

#include "file.h"
#include "npy.h"
#include "str.h"

#include <libdeflate.h>
#include <string.h>
#include <zip.h>

/* Deflate cannot shrink more than that; a size beyond it is a lie that would only cost memory. */
enum { DEFLATE_MAX_RATIO = 1032 };

struct npz {
    struct arena arena;
    struct file_map map;
    zip_t *zip;
    const char *path;
    const char **name;
    int n;
    bool trusted;
};

static void names_read(struct npz *z)
{
    z->n = (int)zip_get_num_entries(z->zip, 0);
    z->name = NEW_ARRAY(&z->arena, z->n, const char *);
    for (int i = 0; i < z->n; i++) {
        const char *name = zip_get_name(z->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        size_t n = name ? strlen(name) : 0;
        if (n >= 4 && !strcmp(name + n - 4, ".npy"))
            n -= 4;
        char *copy = arena_alloc(&z->arena, n + 1);
        if (n)
            memcpy(copy, name, n);
        z->name[i] = copy;
    }
}

/* libzip reads from a mapping: with a file it would copy everything once more. No bytes at all are
 * an archive that is about to be made, to libzip. */
static zip_t *zip_of_bytes(const struct file_map *f, zip_error_t *e)
{
    if (!f->size) {
        zip_error_set(e, ZIP_ER_NOZIP, 0);
        return NULL;
    }
    zip_source_t *source = zip_source_buffer_create(f->data, f->size, 0, e);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, e) : NULL;
    if (source && !zip)
        zip_source_free(source);
    return zip;
}

struct npz *npz_open(const char *path, struct err *err)
{
    struct file_map map;
    zip_error_t e;
    if (file_map(&map, path, err) < 0)
        return NULL;
    zip_error_init(&e);
    zip_t *zip = zip_of_bytes(&map, &e);
    if (!zip) {
        err_set(err, ERR_INPUT, "%s: cannot open as .npz: %s", path, zip_error_strerror(&e));
        file_unmap(&map);
    }
    zip_error_fini(&e);
    if (!zip)
        return NULL;
    struct npz *z = mem_alloc(sizeof *z);
    *z = (struct npz){.map = map, .zip = zip};
    z->path = arena_strdup(&z->arena, path);
    names_read(z);
    return z;
}

void npz_close(struct npz *z)
{
    zip_discard(z->zip);
    file_unmap(&z->map);
    arena_release(&z->arena);
    mem_free(z);
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
    return z->name[i];
}

static int entry_fail(const struct npz *z, int i, zip_error_t *e, struct err *err)
{
    return err_set(err, ERR_INPUT, "%s: array '%s': %s", z->path, z->name[i],
                   zip_error_strerror(e));
}

/* The whole entry, unpacked and compared with its checksum. */
static int entry_read(const struct npz *z, int i, struct arena *a, void **bytes, size_t *size,
                      struct err *err)
{
    zip_stat_t st;
    if (zip_stat_index(z->zip, (zip_uint64_t)i, 0, &st))
        return entry_fail(z, i, zip_get_error(z->zip), err);
    if (st.size / DEFLATE_MAX_RATIO > st.comp_size)
        return err_set(err, ERR_INPUT, "%s: array '%s': its size is not valid", z->path,
                       z->name[i]);
    bool raw = st.comp_method == ZIP_CM_STORE; /* compared here, which is faster than libzip */
    zip_file_t *f = zip_fopen_index(z->zip, (zip_uint64_t)i, raw ? ZIP_FL_COMPRESSED : 0);
    if (!f)
        return entry_fail(z, i, zip_get_error(z->zip), err);
    *size = st.size;
    *bytes = arena_buffer(a, st.size + 1, 1);
    zip_int64_t got = 0, n = 0; /* one byte more is asked for: it meets the end of the entry */
    while (n <= (zip_int64_t)st.size
           && (got = zip_fread(f, (char *)*bytes + n, st.size + 1 - (size_t)n)) > 0)
        n += got;
    int r = 0;
    if (got < 0)
        r = entry_fail(z, i, zip_file_get_error(f), err);
    else if (n != (zip_int64_t)st.size)
        r = err_set(err, ERR_INPUT, "%s: array '%s': its size is not valid", z->path, z->name[i]);
    else if (raw && !z->trusted && libdeflate_crc32(0, *bytes, *size) != st.crc)
        r = err_set(err, ERR_INPUT, "%s: array '%s': CRC error", z->path, z->name[i]);
    zip_fclose(f);
    return r;
}

const struct tensor *npz_read(const struct npz *z, int i, struct arena *a, struct err *err)
{
    void *bytes = NULL;
    size_t size = 0;
    struct npy f;
    if (entry_read(z, i, a, &bytes, &size, err) < 0)
        return NULL;
    if (npy_parse(&f, bytes, size, err) < 0) {
        err_at(err, "%s: array '%s'", z->path, z->name[i]);
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
