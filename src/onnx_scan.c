/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_scan: a walk over the bytes of a file before protobuf-c sees them.
 *
 * protobuf-c has no limit on nesting and gives no reason when it refuses, so every message is
 * checked here first, by the descriptors of the schema; after a scan that passed, unpacking does
 * not fail. The same walk knows what protobuf-c writes: known fields once each and by number, then
 * the unknown ones; shortest varints; packed where the schema says so. Whatever else the wire
 * format allows is read all right but not given back the same, and the first such place is noted.
 */
#include "onnx_proto.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5 };

struct scan {
    const uint8_t *base;
    char *differs;
    struct err *err;
};

struct cursor { /* the rest of one message */
    const uint8_t *at, *end;
    const ProtobufCMessageDescriptor *type;
};

static int broken(struct scan *s, const uint8_t *at, const ProtobufCMessageDescriptor *type,
                  const char *what)
{
    return err_set(s->err, ERR_INPUT, "not a valid ONNX file: %s at byte %td, in a %s", what,
                   at - s->base, type->short_name);
}

static void note(struct scan *s, const uint8_t *at, const char *field, const char *what)
{
    if (s->differs && !*s->differs)
        snprintf(s->differs, ONNX_DIFFERS, "%s at byte %td, field '%s'", what, at - s->base, field);
}

/* Returns the length, or -1: it does not end, or not within 64 bits. *shortest stays as it is or
 * becomes false. */
static int varint(const uint8_t *at, const uint8_t *end, uint64_t *v, bool *shortest)
{
    *v = 0;
    for (int i = 0; i < 10 && at + i < end; i++) {
        if (i == 9 && at[i] > 1)
            return -1;
        *v |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] & 0x80)
            continue;
        if (i && !at[i])
            *shortest = false;
        return i + 1;
    }
    return -1;
}

static bool is_32_bit(ProtobufCType t)
{
    return t == PROTOBUF_C_TYPE_INT32 || t == PROTOBUF_C_TYPE_ENUM;
}

static enum wire wire_of(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_FLOAT: return WIRE_32BIT;
    case PROTOBUF_C_TYPE_DOUBLE: return WIRE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return WIRE_BYTES;
    default: return WIRE_VARINT;
    }
}

/* A number as the schema types it: 32-bit types are written with their sign extended. */
static int scan_number(struct scan *s, struct cursor *c, const ProtobufCFieldDescriptor *f)
{
    uint64_t v;
    bool shortest = true;
    int n = varint(c->at, c->end, &v, &shortest);
    if (n < 0)
        return broken(s, c->at, c->type, "a number that does not end");
    if (is_32_bit(f->type) && v != (uint64_t)(int64_t)(int32_t)(uint32_t)v)
        note(s, c->at, f->name, "a number wider than its type");
    if (!shortest)
        note(s, c->at, f->name, "a number longer than needed");
    c->at += n;
    return 0;
}

static int scan_packed(struct scan *s, struct cursor *c, const ProtobufCFieldDescriptor *f)
{
    size_t size = wire_of(f->type) == WIRE_32BIT ? 4 : wire_of(f->type) == WIRE_64BIT ? 8 : 0;
    if (!(f->flags & PROTOBUF_C_FIELD_FLAG_PACKED))
        note(s, c->at, f->name, "a packed list");
    else if (c->at == c->end)
        note(s, c->at, f->name, "an empty list");
    if (size && (size_t)(c->end - c->at) % size)
        return broken(s, c->at, c->type, "a list of numbers whose last one is cut");
    if (size)
        return 0;
    while (c->at < c->end)
        TRY(scan_number(s, c, f));
    return 0;
}

static int scan_message(struct scan *s, struct cursor c, int depth);

static int scan_bytes(struct scan *s, struct cursor content, const ProtobufCFieldDescriptor *f,
                      int depth)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        content.type = f->descriptor;
        return scan_message(s, content, depth + 1);
    case PROTOBUF_C_TYPE_STRING:
        if (content.at < content.end
            && memchr(content.at, 0, (size_t)(content.end - content.at)))
            note(s, content.at, f->name, "a text with a zero byte");
        return 0;
    case PROTOBUF_C_TYPE_BYTES: return 0;
    default: return scan_packed(s, &content, f);
    }
}

/* Has a member of the same oneof been seen? */
static bool oneof_seen(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *f,
                       uint64_t seen)
{
    if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return false;
    for (unsigned i = 0; i < type->n_fields; i++)
        if (seen >> i & 1 && type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF
            && type->fields[i].quantifier_offset == f->quantifier_offset)
            return true;
    return false;
}

/* Compares where a field stands with where protobuf-c would write it. */
static void note_place(struct scan *s, const struct cursor *c, const ProtobufCFieldDescriptor *f,
                       int *last, uint64_t *seen)
{
    int index = (int)(f - c->type->fields);
    bool again = *seen >> index & 1;
    if (index < *last)
        note(s, c->at, f->name, "fields not in the order of their numbers");
    if (again && (f->label != PROTOBUF_C_LABEL_REPEATED || f->flags & PROTOBUF_C_FIELD_FLAG_PACKED))
        note(s, c->at, f->name, "a field given twice");
    if (!again && oneof_seen(c->type, f, *seen))
        note(s, c->at, f->name, "a field that excludes an earlier one");
    *seen |= UINT64_C(1) << index;
    *last = index;
}

/* Leaves the cursor at the content of the field, moved there from its key. */
static int scan_key(struct scan *s, struct cursor *c, unsigned *number, enum wire *wire)
{
    uint64_t key;
    bool shortest = true;
    int n = varint(c->at, c->end, &key, &shortest);
    if (n < 0 || key >> 3 == 0 || key > UINT32_MAX)
        return broken(s, c->at, c->type, "no field");
    if (!shortest)
        note(s, c->at, "", "a field number longer than needed");
    if (n > 5)
        return broken(s, c->at, c->type, "a field number longer than 5 bytes");
    *number = (unsigned)(key >> 3);
    *wire = key & 7;
    if (*wire != WIRE_VARINT && *wire != WIRE_64BIT && *wire != WIRE_BYTES && *wire != WIRE_32BIT)
        return broken(s, c->at, c->type, "a field of a kind that ONNX does not have");
    c->at += n;
    return 0;
}

/* The content of a field, length prefix taken off; *next is what follows it. */
static int scan_content(struct scan *s, struct cursor *c, enum wire wire, bool known,
                        const uint8_t **next)
{
    uint64_t v;
    size_t left = (size_t)(c->end - c->at), size = wire == WIRE_32BIT ? 4 : 8;
    bool shortest = true;
    if (wire == WIRE_32BIT || wire == WIRE_64BIT) {
        if (left < size)
            return broken(s, c->at, c->type, "a number that is cut");
        *next = c->at + size;
        return 0;
    }
    int n = varint(c->at, c->end, &v, &shortest);
    if (n < 0)
        return broken(s, c->at, c->type, "a number that does not end");
    if (wire == WIRE_VARINT) {
        *next = c->at + n;
        return 0;
    }
    if (n > 5 || v > INT_MAX - 16 || v > left - (size_t)n)
        return broken(s, c->at, c->type, "a field longer than the rest of the message");
    if (!shortest && known)
        note(s, c->at, "", "a length longer than needed");
    c->at += n;
    *next = c->at + v;
    return 0;
}

static int scan_message(struct scan *s, struct cursor c, int depth)
{
    if (depth > ONNX_MAX_DEPTH)
        return broken(s, c.at, c.type, "messages nested too deeply");
    assert(c.type->n_fields <= 64);
    int last = 0;
    uint64_t seen = 0;
    bool unknown = false;
    for (const uint8_t *next = c.at; c.at < c.end; c.at = next) {
        unsigned number = 0;
        enum wire wire = WIRE_VARINT;
        struct cursor key = c;
        TRY(scan_key(s, &c, &number, &wire));
        const ProtobufCFieldDescriptor *f =
            protobuf_c_message_descriptor_get_field(c.type, number);
        TRY(scan_content(s, &c, wire, f != NULL, &next));
        if (!f) {
            unknown = true;
            continue;
        }
        if (unknown)
            note(s, key.at, f->name, "a field behind unknown ones");
        note_place(s, &key, f, &last, &seen);
        struct cursor content = {c.at, next, c.type};
        if (wire == WIRE_BYTES
            && (wire_of(f->type) == WIRE_BYTES || f->label == PROTOBUF_C_LABEL_REPEATED)) {
            TRY(scan_bytes(s, content, f, depth));
        } else if (wire != wire_of(f->type)) {
            return broken(s, key.at, c.type, "a field of the wrong kind");
        } else {
            if (f->flags & PROTOBUF_C_FIELD_FLAG_PACKED)
                note(s, key.at, f->name, "a list that is not packed");
            if (wire == WIRE_VARINT)
                TRY(scan_number(s, &content, f));
        }
    }
    return 0;
}

int onnx_scan(const void *bytes, size_t n, const ProtobufCMessageDescriptor *type,
              char differs[ONNX_DIFFERS], struct err *err)
{
    struct scan s = {bytes, differs, err};
    if (differs)
        *differs = 0;
    if (!n)
        return err_set(err, ERR_INPUT, "not a valid ONNX file: it is empty");
    if (n >= INT_MAX)
        return err_set(err, ERR_INPUT, "not a valid ONNX file: larger than 2 GiB");
    return scan_message(&s, (struct cursor){s.base, s.base + n, type}, 1);
}
