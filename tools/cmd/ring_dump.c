// tools/cmd/ring_dump.c -- reading a ring from dumps, piece by piece and no byte more.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/ring_dump.h"

#include "tools/cmd/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_BYTES 1024u

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

// ---- the image ----------------------------------------------------------------------------------

uint32_t ring_part_bytes(const struct ring_image *r, enum ring_part part)
{
    return part == RING_DESC    ? virtq_desc_table_bytes(r->size)
           : part == RING_AVAIL ? virtq_avail_bytes(r->size)
                                : virtq_used_bytes(r->size);
}

uint8_t *ring_part(const struct ring_image *r, enum ring_part part)
{
    return part == RING_DESC ? r->desc : part == RING_AVAIL ? r->avail : r->used;
}

bool ring_image_open(struct ring_image *r, uint32_t size, char *err)
{
    memset(r, 0, sizeof(*r));
    if (!virtq_queue_size_valid(size)) {
        (void)snprintf(err, RING_ERR_BYTES, "%" PRIu32 " is no queue size: a power of two, 1 to %u",
                       size, VIRTQ_QUEUE_SIZE_MAX);
        return false;
    }
    r->size = size;
    r->desc = calloc(1, virtq_desc_table_bytes(size));
    r->avail = calloc(1, virtq_avail_bytes(size));
    r->used = calloc(1, virtq_used_bytes(size));
    if (r->desc == NULL || r->avail == NULL || r->used == NULL) {
        (void)snprintf(err, RING_ERR_BYTES, "no memory left");
        return false;
    }
    return true;
}

void ring_image_close(struct ring_image *r)
{
    free(r->desc);
    free(r->avail);
    free(r->used);
    for (uint32_t i = 0; i < r->n_memories; i++) { // bound: RING_MEMORIES_MAX
        free(r->memory[i].data);
    }
    memset(r, 0, sizeof(*r));
}

// ---- files --------------------------------------------------------------------------------------

// "FILE@NUMBER" or "FILE".
static bool cut(const char *where, char name[NAME_BYTES], uint64_t *number, char *err)
{
    const char *at = strrchr(where, '@');
    const size_t n = at != NULL ? (size_t)(at - where) : strlen(where);

    *number = 0;
    if (n == 0 || n >= NAME_BYTES) {
        (void)snprintf(err, RING_ERR_BYTES, "%.200s: FILE@OFFSET is needed", where);
        return false;
    }
    (void)snprintf(name, NAME_BYTES, "%.*s", (int)n, where);
    if (at != NULL && !cmd_parse_u64(at + 1, number)) {
        (void)snprintf(err, RING_ERR_BYTES, "%.200s: what is behind @ is no number: decimal or 0x",
                       where);
        return false;
    }
    return true;
}

bool ring_where_valid(const char *where, char *err)
{
    char name[NAME_BYTES];
    uint64_t number = 0;
    return cut(where, name, &number, err);
}

// A file of which pieces can be read: no directory, no pipe.
static FILE *open_pieces(const char *name, char *err)
{
    struct stat st;
    FILE *f = stat(name, &st) == 0 && !S_ISDIR(st.st_mode) && !S_ISFIFO(st.st_mode)
                  ? fopen(name, "rb")
                  : NULL;
    if (f == NULL) {
        const char *why = strerror(errno);
        if (stat(name, &st) == 0 && (S_ISDIR(st.st_mode) || S_ISFIFO(st.st_mode))) {
            why = "a file is needed";
        }
        (void)snprintf(err, RING_ERR_BYTES, "%.300s: %s", name, why);
    }
    return f;
}

bool ring_read_part(struct ring_image *r, enum ring_part part, const char *where, char *err)
{
    static const char *const names[] = {"descriptor table", "available ring", "used ring"};
    const size_t all = ring_part_bytes(r, part);
    const size_t needed = part == RING_DESC ? all : all - sizeof(uint16_t);
    char name[NAME_BYTES];
    uint64_t off = 0;

    if (!cut(where, name, &off, err)) {
        return false;
    }
    FILE *f = open_pieces(name, err);
    if (f == NULL) {
        return false;
    }
    const bool there = off <= INT64_MAX && fseeko(f, (off_t)off, SEEK_SET) == 0;
    const size_t n = there ? fread(ring_part(r, part), 1, all, f) : 0;
    const bool ok = there && ferror(f) == 0 && n >= needed;
    (void)fclose(f);
    if (!ok) {
        (void)snprintf(err, RING_ERR_BYTES,
                       "%.300s: has %zu bytes at offset %" PRIu64 "; the %s of a queue of %" PRIu32
                       " has %zu",
                       name, n, off, names[part], r->size, needed);
    }
    if (ok && n < all) {
        memset(ring_part(r, part) + n, 0, all - n); // half of an event word is none
    }
    return ok;
}

bool ring_read_memory(struct ring_image *r, const char *where, char *err)
{
    struct ring_memory *m = &r->memory[r->n_memories];
    char name[NAME_BYTES];
    struct stat st;
    uint64_t addr = 0;

    if (r->n_memories == RING_MEMORIES_MAX) {
        (void)snprintf(err, RING_ERR_BYTES, "more than %u images of memory", RING_MEMORIES_MAX);
        return false;
    }
    if (!cut(where, name, &addr, err)) {
        return false;
    }
    FILE *f = open_pieces(name, err);
    if (f == NULL) {
        return false;
    }
    const bool sized = stat(name, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
                       st.st_size <= (off_t)RING_MEMORY_MAX_BYTES;
    const size_t bytes = sized ? (size_t)st.st_size : 0;
    uint8_t *data = sized ? malloc(bytes) : NULL;
    const bool ok = data != NULL && fread(data, 1, bytes, f) == bytes;
    (void)fclose(f);
    if (!ok) {
        (void)snprintf(err, RING_ERR_BYTES,
                       "%.300s: cannot be read as memory: a file of 1 byte to %u MiB", name,
                       RING_MEMORY_MAX_BYTES >> 20);
        free(data);
        return false;
    }
    *m = (struct ring_memory){.addr = addr, .bytes = bytes, .data = data};
    r->n_memories++;
    return true;
}

const uint8_t *ring_memory_at(const struct ring_image *r, uint64_t addr, uint64_t bytes)
{
    for (uint32_t i = 0; i < r->n_memories; i++) { // bound: RING_MEMORIES_MAX
        const struct ring_memory *m = &r->memory[i];
        if (addr >= m->addr && addr - m->addr <= m->bytes && bytes <= m->bytes - (addr - m->addr)) {
            return m->data + (addr - m->addr);
        }
    }
    return NULL;
}

// ---- words --------------------------------------------------------------------------------------

uint16_t ring_avail_flags(const struct ring_image *r)
{
    return le16(r->avail + VIRTQ_RING_FLAGS);
}

uint16_t ring_avail_idx(const struct ring_image *r)
{
    return le16(r->avail + VIRTQ_RING_IDX);
}

uint16_t ring_avail_head(const struct ring_image *r, uint16_t i)
{
    return le16(r->avail + virtq_avail_slot_off(i & (r->size - 1)));
}

uint16_t ring_used_event(const struct ring_image *r)
{
    return le16(r->avail + virtq_used_event_off(r->size));
}

uint16_t ring_used_flags(const struct ring_image *r)
{
    return le16(r->used + VIRTQ_RING_FLAGS);
}

uint16_t ring_used_idx(const struct ring_image *r)
{
    return le16(r->used + VIRTQ_RING_IDX);
}

struct virtq_used_elem ring_used_elem(const struct ring_image *r, uint16_t i)
{
    const uint8_t *p = r->used + virtq_used_slot_off(i & (r->size - 1));
    return (struct virtq_used_elem){.id = le32(p), .len = le32(p + 4)};
}

uint16_t ring_avail_event(const struct ring_image *r)
{
    return le16(r->used + virtq_avail_event_off(r->size));
}

struct virtq_desc ring_desc(const uint8_t *table, uint32_t k)
{
    const uint8_t *p = table + (size_t)VIRTQ_DESC_BYTES * k;
    return (struct virtq_desc){.addr = (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32,
                               .len = le32(p + 8),
                               .flags = le16(p + 12),
                               .next = le16(p + 14)};
}
