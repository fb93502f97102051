// tools/lab/lab_disk.c -- the backend behind a device.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_disk.h"

#include "device/vdev_blk.h"
#include "model/core/vl_hash.h"
#include "tools/lab/lab_work_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u
#define BUILT_IN_SECTORS 64u
#define GROWTH_SECTORS 8u
#define OVERLAY_SLOTS_FILE 65536u // 32 MiB of written sectors at most
#define OVERLAY_SLOTS_BUILT_IN 128u
#define HASH_CHUNK 65536u

// ---- bytes of the medium ------------------------------------------------------------------------

static void built_in_sector(uint64_t sector, uint8_t *out)
{
    uint64_t state = sector * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t i = 0; i < SECTOR; i += 8) {
        const uint64_t v = vl_mix64(&state);
        for (unsigned b = 0; b < 8; b++) {
            out[i + b] = (uint8_t)(v >> (8 * b));
        }
    }
}

static bool read_medium(struct lab_disk *disk, uint64_t off, uint8_t *dst, uint32_t bytes)
{
    if (disk->outside != NULL) {
        return disk->outside->read(disk->outside->ctx, off, dst, bytes);
    }
    if (disk->fd < 0) {
        for (uint32_t done = 0; done < bytes; done += SECTOR) { // bound: bytes
            built_in_sector((off + done) / SECTOR, dst + done);
        }
        return true;
    }
    for (uint32_t done = 0; done < bytes;) { // bound: bytes
        const ssize_t n = pread(disk->fd, dst + done, bytes - done, (off_t)(off + done));
        if (n <= 0) {
            if (n < 0 && errno == EINTR) {
                continue;
            }
            return false;
        }
        done += (uint32_t)n;
    }
    return true;
}

static uint32_t over_find(const struct lab_disk *disk, uint64_t sector)
{
    uint32_t at = (uint32_t)(sector * 0x9e3779b1u) & (disk->over_slots - 1);
    // bound: over_slots, and there is always a free one
    while (disk->over_key[at] != 0 && disk->over_key[at] != sector + 1) {
        at = (at + 1) & (disk->over_slots - 1);
    }
    return at;
}

static bool write_overlay(struct lab_disk *disk, uint64_t sector, const uint8_t *src)
{
    const uint32_t at = over_find(disk, sector);
    if (disk->over_key[at] == 0) {
        if (disk->over_used + 1 >= disk->over_slots) {
            return false; // the medium takes no more in this run: an I/O error, as a full disk's
        }
        disk->over_key[at] = sector + 1;
        disk->over_list[disk->over_used++] = at;
    }
    memcpy(disk->over_data + (size_t)at * SECTOR, src, SECTOR);
    return true;
}

static bool sector_seen(const struct lab_disk *disk, uint64_t sector)
{
    return disk->seen != NULL && (disk->seen[sector / 64] >> (sector % 64) & 1u) != 0;
}

static void mark_seen(struct lab_disk *disk, uint64_t sector)
{
    if (disk->seen != NULL) {
        disk->seen[sector / 64] |= 1ull << (sector % 64);
    }
}

// Bytes from outside become part of the run: one event for each stretch that is new.
static void tell_outside(struct lab_disk *disk, uint64_t off, const uint8_t *data, uint32_t bytes)
{
    struct vl_machine *m = disk->machine;
    const uint32_t n = bytes / SECTOR;

    if (disk->fd < 0 && disk->outside == NULL) {
        return; // the built-in medium is part of the program
    }
    for (uint32_t i = 0; i < n;) { // bound: n
        const uint64_t sector = off / SECTOR + i;
        uint32_t run = 0;
        while (i + run < n && run < 64 && !sector_seen(disk, sector + run)) { // bound: n
            mark_seen(disk, sector + run);
            run++;
        }
        if (run > 0) {
            const struct vl_event ev = {.addr = sector * SECTOR,
                                        .value = vl_hash64(data + i * SECTOR, run * SECTOR),
                                        .len = run * SECTOR,
                                        .kind = VL_EV_OUTSIDE,
                                        .agent = m->cur->agent};
            vl_emit(m, &ev, NULL, data + i * SECTOR);
        }
        i += run > 0 ? run : 1;
    }
}

static bool medium_read(struct lab_disk *disk, uint64_t off, uint8_t *dst, uint32_t bytes)
{
    if (!read_medium(disk, off, dst, bytes)) {
        return false;
    }
    tell_outside(disk, off, dst, bytes);
    for (uint32_t done = 0; done < bytes && disk->over_used > 0; done += SECTOR) { // bound: bytes
        const uint32_t at = over_find(disk, (off + done) / SECTOR);
        if (disk->over_key[at] != 0) {
            memcpy(dst + done, disk->over_data + (size_t)at * SECTOR, SECTOR);
        }
    }
    return true;
}

static bool medium_write(struct lab_disk *disk, uint64_t off, const uint8_t *src, uint32_t bytes)
{
    for (uint32_t done = 0; done < bytes; done += SECTOR) { // bound: bytes
        const uint64_t sector = (off + done) / SECTOR;
        if (!write_overlay(disk, sector, src + done)) {
            return false;
        }
    }
    return true;
}

// ---- the device's backend -----------------------------------------------------------------------

enum { TAKEN = 1, ANSWERED, STORED, DURABLE }; // kinds of BACKEND events

static void backend_event(struct lab_disk *disk, const struct vdev_request *r, unsigned kind,
                          uint64_t value, uint32_t len)
{
    vl_lab_event(disk->machine, VL_EV_BACKEND, r->chain.head, value,
                 (uint64_t)r->queue_index | (uint64_t)kind << 16, len);
}

static void data_event(struct lab_disk *disk, const struct vdev_request *r, unsigned kind)
{
    backend_event(disk, r, kind, vl_hash64(r->data, r->data_bytes), r->data_bytes);
}

static void submit(void *ctx, uint32_t tag, struct vdev_request *request)
{
    struct lab_disk *disk = ctx;
    VIRTQ_ASSERT(disk->n_pending < LAB_PENDING_MAX);
    disk->pending[disk->n_pending].tag = tag;
    disk->pending[disk->n_pending].request = request;
    disk->n_pending++;
    if (disk->is_blk && request->kind == VDEV_BLK_WRITE) {
        data_event(disk, request, TAKEN);
    }
}

static void fill_entropy(struct lab_disk *disk, struct vdev_request *r)
{
    uint64_t state = ++disk->serial << 20;
    for (uint32_t i = 0; i < r->data_bytes;) { // bound: data_bytes
        const uint64_t v = vl_mix64(&state);
        for (unsigned b = 0; b < 8 && i < r->data_bytes; b++) {
            r->data[i++] = (uint8_t)(v >> (8 * b));
        }
    }
}

static bool store(struct lab_disk *disk, const struct vdev_request *r)
{
    if (!medium_write(disk, r->offset, r->data, r->data_bytes)) {
        return false;
    }
    backend_event(disk, r, STORED, r->offset / SECTOR, r->data_bytes);
    return true;
}

static void answer(struct lab_disk *disk, struct vdev_request *r)
{
    bool ok = true;
    bool data = true;
    bool durable = false;

    if (!disk->is_blk) {
        fill_entropy(disk, r);
    } else if (r->kind == VDEV_BLK_READ) {
        ok = medium_read(disk, r->offset, r->data, r->data_bytes);
        data = ok;
    } else {
        data = false;
        ok = r->kind != VDEV_BLK_WRITE || store(disk, r);
        durable = ok && (r->kind == VDEV_BLK_FLUSH || r->durable);
    }
    r->status = ok ? 0 : 1;
    if (data) {
        data_event(disk, r, ANSWERED);
    }
    if (durable) {
        backend_event(disk, r, DURABLE, 0, 0);
    }
}

// Which request is answered now is a choice: 0 the oldest, 1 .. n-1 a later one, from n on none for
// a while, and the data path is woken when it may ask again.
static bool next(void *ctx, uint32_t *tag)
{
    struct lab_disk *disk = ctx;
    const uint32_t n = disk->n_pending;

    if (n == 0) {
        return false;
    }
    const uint32_t v = vl_lab_choice(disk->machine, VL_LANE_COMPLETION, LAB_DISK_KEY_ANSWER,
                                     2 * n < 16 ? 16 : 2 * n);
    if (v >= n) {
        vl_wake_later(disk->machine, 1 + (v - n) * 4);
        return false;
    }
    *tag = disk->pending[v].tag;
    struct vdev_request *r = disk->pending[v].request;
    disk->n_pending--;
    memmove(&disk->pending[v], &disk->pending[v + 1],
            (disk->n_pending - v) * sizeof(disk->pending[0]));
    answer(disk, r);
    disk->n_answered++;
    return true;
}

// The built-in medium grows, in the first half of the work, so that some is left to use it; a
// choice moves it elsewhere.
static bool resized(void *ctx, uint64_t *capacity_bytes)
{
    struct lab_disk *disk = ctx;

    if (disk->n_resized >= disk->resize) {
        return false;
    }
    const uint64_t due =
        (uint64_t)disk->buffers * (disk->n_resized + 1) / (2ull * (disk->resize + 1));
    const bool now = disk->n_answered >= due;
    if (now == (vl_lab_choice(disk->machine, VL_LANE_COMPLETION, LAB_DISK_KEY_RESIZE, 2) != 0)) {
        return false;
    }
    disk->n_resized++;
    *capacity_bytes = disk->bytes + (uint64_t)disk->n_resized * GROWTH_SECTORS * SECTOR;
    return true;
}

static void cancel(void *ctx)
{
    struct lab_disk *disk = ctx;
    disk->n_pending = 0;
}

// ---- opening ------------------------------------------------------------------------------------

static bool fail(char err[LAB_ERR_BYTES], const char *path, const char *what)
{
    (void)snprintf(err, LAB_ERR_BYTES, "%.160s: %s", path, what);
    return false;
}

static bool hash_file(struct lab_disk *disk)
{
    static uint8_t chunk[HASH_CHUNK];
    uint8_t digest[VL_SHA256_BYTES];
    struct vl_sha256 sha;

    vl_sha256_init(&sha);
    for (uint64_t off = 0; off < disk->bytes;) { // bound: the file's size
        const uint64_t left = disk->bytes - off;
        const uint32_t n = left < HASH_CHUNK ? (uint32_t)left : HASH_CHUNK;
        if (!read_medium(disk, off, chunk, n)) {
            return false;
        }
        vl_sha256_update(&sha, chunk, n);
        off += n;
    }
    vl_sha256_final(&sha, digest);
    vl_sha256_hex(digest, disk->sha256);
    return true;
}

static bool open_file(struct lab_disk *disk, const char *path, char err[LAB_ERR_BYTES])
{
    struct stat st;

    disk->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (disk->fd < 0) {
        return fail(err, path, "disk file cannot be opened; name a readable file with disk=");
    }
    if (fstat(disk->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return fail(err, path, "disk is not a regular file; name an image file with disk=");
    }
    if (st.st_size == 0) {
        return fail(err, path, "disk file is empty; it needs at least one sector of 512 bytes");
    }
    if (st.st_size % (off_t)SECTOR != 0) {
        return fail(err, path,
                    "disk file's size is no multiple of 512 bytes; pad it (truncate -s %512)");
    }
    disk->bytes = (uint64_t)st.st_size;
    return hash_file(disk) || fail(err, path, "disk file cannot be read to its end");
}

static bool take_memory(struct lab_disk *disk, char err[LAB_ERR_BYTES])
{
    const bool file = disk->fd >= 0 || disk->outside != NULL;
    disk->over_slots = file ? OVERLAY_SLOTS_FILE : OVERLAY_SLOTS_BUILT_IN;
    disk->over_key = calloc(disk->over_slots, sizeof(uint64_t));
    disk->over_list = calloc(disk->over_slots, sizeof(uint32_t));
    disk->over_data = calloc(disk->over_slots, SECTOR);
    if (file) {
        disk->seen = calloc((size_t)(disk->bytes / SECTOR / 64 + 1), sizeof(uint64_t));
    }
    if (disk->over_key == NULL || disk->over_list == NULL || disk->over_data == NULL ||
        (file && disk->seen == NULL)) {
        return fail(err, "disk", "not enough memory");
    }
    return true;
}

bool lab_disk_open(struct lab_disk *disk, const struct lab_scenario *s,
                   const struct lab_outside *outside, char err[LAB_ERR_BYTES])
{
    memset(disk, 0, sizeof(*disk));
    disk->fd = -1;
    disk->outside = s->disk[0] != '\0' ? outside : NULL;
    disk->bytes = BUILT_IN_SECTORS * SECTOR;
    bool ok = true;
    if (s->disk[0] != '\0' && outside != NULL) {
        disk->bytes = outside->size;
    } else if (s->disk[0] != '\0') {
        ok = open_file(disk, s->disk, err);
    }
    ok = ok && take_memory(disk, err);
    if (!ok) {
        lab_disk_close(disk);
        return false;
    }
    return true;
}

void lab_disk_close(struct lab_disk *disk)
{
    if (disk->fd >= 0) {
        (void)close(disk->fd);
    }
    free(disk->over_key);
    free(disk->over_list);
    free(disk->over_data);
    free(disk->seen);
    *disk = (struct lab_disk){.fd = -1};
}

void lab_disk_reset(struct lab_disk *disk, struct vl_machine *m, const struct lab_scenario *s)
{
    disk->machine = m;
    disk->is_blk = s->device == LAB_DEVICE_BLK;
    disk->read_only = s->disk[0] != '\0' && s->write == 0;
    disk->n_pending = 0;
    disk->serial = 0;
    disk->n_answered = 0;
    disk->n_resized = 0;
    disk->resize = s->resize;
    disk->buffers = s->buffers;
    for (uint32_t i = 0; i < disk->over_used; i++) { // bound: what the last run wrote
        disk->over_key[disk->over_list[i]] = 0;
    }
    disk->over_used = 0;
    if (disk->seen != NULL) {
        memset(disk->seen, 0, (size_t)(disk->bytes / SECTOR / 64 + 1) * sizeof(uint64_t));
    }
    disk->backend = (struct vdev_backend){.ctx = disk,
                                          .submit = submit,
                                          .next = next,
                                          .cancel = cancel,
                                          .resized = resized,
                                          .capacity_bytes = disk->bytes,
                                          .read_only = disk->read_only};
}

bool lab_disk_commit(struct lab_disk *disk, const char *path, char err[LAB_ERR_BYTES])
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(err, path, "disk file cannot be opened for writing; nothing was written");
    }
    bool ok = true;
    for (uint32_t i = 0; i < disk->over_used && ok; i++) { // bound: what the run wrote
        const uint32_t at = disk->over_list[i];
        const uint64_t off = (disk->over_key[at] - 1) * SECTOR;
        ok = pwrite(fd, disk->over_data + (size_t)at * SECTOR, SECTOR, (off_t)off) == SECTOR;
    }
    ok = fsync(fd) == 0 && ok;
    ok = close(fd) == 0 && ok;
    return ok || fail(err, path, "writing the disk file failed; part of it may be written");
}
