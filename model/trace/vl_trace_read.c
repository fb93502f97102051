// model/trace/vl_trace_read.c -- opening a trace read-only, its cursor, its lookups.
// Spec: docs/TRACE.md; SQLite file format: the header's fields are those of sqlite.org/fileformat2.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_trace_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES 100u
#define VALUE_MAX_BYTES (2 * VL_BULK_MAX_BYTES) // SQLite refuses any longer text or blob
#define TICK_OPS 10000                          // of SQLite's virtual machine
#define TICKS_MIN 2000u
#define FILE_BYTES_PER_TICK 500u // 20 operations a byte: many times what an honest file needs

// ---- faults -------------------------------------------------------------------------------------

enum virtq_err vl_trace_fault(struct vl_trace *t, enum virtq_err e, const char *format, ...)
{
    if (t->error == VIRTQ_OK) {
        va_list args;
        va_start(args, format);
        vl_trace_vsay(t->err, t->path, format, args);
        va_end(args);
        t->error = e;
    }
    return t->error;
}

enum virtq_err vl_trace_fault_sql(struct vl_trace *t)
{
    return vl_trace_fault(t, VIRTQ_ERR_INVALID, "damaged: SQLite says \"%s\"; record it again",
                          sqlite3_errmsg(t->db));
}

// ---- the file itself ----------------------------------------------------------------------------

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// Read the first 100 bytes; fewer are there only if the file is shorter.
static enum virtq_err read_header(struct vl_trace *t, uint8_t header[HEADER_BYTES])
{
    const int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return vl_trace_fault(t, VIRTQ_ERR_IO, "cannot be opened: %s", strerror(errno));
    }
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        const bool dir = S_ISDIR(st.st_mode);
        (void)close(fd);
        return vl_trace_fault(t, VIRTQ_ERR_IO, "is %s; name a trace file",
                              dir ? "a directory" : "no regular file");
    }
    t->file_bytes = (uint64_t)st.st_size;
    const ssize_t n = read(fd, header, HEADER_BYTES);
    const int why = errno;
    (void)close(fd);
    if (n < 0) {
        return vl_trace_fault(t, VIRTQ_ERR_IO, "cannot be read: %s", strerror(why));
    }
    return VIRTQ_OK;
}

enum virtq_err vl_trace_check_file(struct vl_trace *t)
{
    uint8_t h[HEADER_BYTES] = {0};
    static const char magic[16] = "SQLite format 3";
    if (read_header(t, h) != VIRTQ_OK) {
        return t->error;
    }
    if (t->file_bytes == 0) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID, "is empty; record it again");
    }
    if (memcmp(h, magic, sizeof(magic)) != 0) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID,
                              "is no SQLite database and so no trace; name a trace file");
    }
    const uint64_t page = (uint64_t)h[16] << 8 | (uint64_t)(h[17] & 1) << 16 | (h[17] & 0xfeu);
    const bool counted = memcmp(h + 24, h + 92, 4) == 0; // else the count is not to be used
    const uint64_t whole = counted ? be32(h + 28) * page : 0;
    if (t->file_bytes < HEADER_BYTES || t->file_bytes < whole) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID,
                              "cut short: %" PRIu64 " of %" PRIu64
                              " bytes are there; record it again",
                              t->file_bytes, whole > HEADER_BYTES ? whole : HEADER_BYTES);
    }
    if (be32(h + 68) != VL_TRACE_APPLICATION_ID) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID,
                              "is a SQLite database of another application (id 0x%08" PRIx32
                              "), no trace; name a trace file",
                              be32(h + 68));
    }
    if (be32(h + 60) != VL_TRACE_VERSION) {
        return vl_trace_fault(t, VIRTQ_ERR_UNSUPPORTED,
                              "has schema version %" PRIu32 "; this build reads version %u only:"
                              " use the build that wrote it",
                              be32(h + 60), VL_TRACE_VERSION);
    }
    return VIRTQ_OK;
}

// ---- opening ------------------------------------------------------------------------------------

// A URI for path; "file://" keeps an absolute path with two slashes from naming a host.
static bool make_uri(const char *path, char *uri, size_t room)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = (size_t)snprintf(uri, room, "file:%s", path[0] == '/' ? "//" : "./");
    for (const char *c = path; *c != '\0'; c++) { // bound: the path's length
        const unsigned char u = (unsigned char)*c;
        const bool plain = (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') ||
                           (u >= '0' && u <= '9') || strchr("/._-", u) != NULL;
        if (n + 4 > room) {
            return false;
        }
        if (plain) {
            uri[n++] = *c;
        } else {
            uri[n++] = '%';
            uri[n++] = hex[u >> 4];
            uri[n++] = hex[u & 15];
        }
    }
    const int m = snprintf(uri + n, room - n, "?mode=ro&immutable=1");
    return m > 0 && (size_t)m < room - n;
}

static int tick(void *arg)
{
    struct vl_trace *t = arg;
    return t->ticks_left-- == 0; // nonzero: interrupt
}

static enum virtq_err open_db(struct vl_trace *t)
{
    char uri[3 * VL_TRACE_PATH_BYTES + 64];
    if (!make_uri(t->path, uri, sizeof(uri))) {
        return vl_trace_fault(t, VIRTQ_ERR_IO, "name is too long");
    }
    const int flags =
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(uri, &t->db, flags, NULL) != SQLITE_OK) {
        return vl_trace_fault_sql(t);
    }
    (void)sqlite3_limit(t->db, SQLITE_LIMIT_LENGTH, (int)VALUE_MAX_BYTES);
    (void)sqlite3_db_config(t->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(t->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    t->ticks_left = TICKS_MIN + t->file_bytes / FILE_BYTES_PER_TICK;
    sqlite3_progress_handler(t->db, TICK_OPS, tick, t);
    if (sqlite3_exec(t->db, "PRAGMA cell_size_check=ON", NULL, NULL, NULL) != SQLITE_OK) {
        return vl_trace_fault_sql(t);
    }
    return VIRTQ_OK;
}

static enum virtq_err prepare(struct vl_trace *t, const char *sql, sqlite3_stmt **s)
{
    return sqlite3_prepare_v2(t->db, sql, -1, s, NULL) == SQLITE_OK ? VIRTQ_OK
                                                                    : vl_trace_fault_sql(t);
}

static enum virtq_err read_open(struct vl_trace *t, const char *path)
{
    const int n = snprintf(t->path, sizeof(t->path), "%s", path);
    if (n <= 0 || (size_t)n >= sizeof(t->path)) {
        return vl_trace_fault(t, VIRTQ_ERR_IO, "is no file name; name a trace file");
    }
    // The schema is compared first: nothing else is asked of one that is not ours.
    if (vl_trace_check_file(t) != VIRTQ_OK || open_db(t) != VIRTQ_OK ||
        vl_trace_check_open(t) != VIRTQ_OK) {
        return t->error;
    }
    sqlite3_progress_handler(t->db, 0, NULL, NULL); // the whole file was seen: it is bounded
    (void)prepare(t, "SELECT " VL_TRACE_EVENT_COLUMNS " FROM event WHERE seq >= ?1 ORDER BY seq",
                  &t->events);
    (void)prepare(t, "SELECT bytes FROM payload WHERE digest = ?1", &t->payload);
    return t->error;
}

enum virtq_err vl_trace_open(struct vl_trace **out, const char *path, char *err)
{
    err[0] = '\0';
    struct vl_trace *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        vl_trace_say(err, path, "no memory left to read a trace");
        return VIRTQ_ERR_NO_MEMORY;
    }
    const enum virtq_err e = read_open(t, path);
    if (e != VIRTQ_OK) {
        memcpy(err, t->err, sizeof(t->err));
        vl_trace_close(t);
        return e;
    }
    *out = t;
    return VIRTQ_OK;
}

void vl_trace_close(struct vl_trace *t)
{
    if (t == NULL) {
        return;
    }
    (void)sqlite3_finalize(t->events);
    (void)sqlite3_finalize(t->payload);
    (void)sqlite3_close(t->db);
    for (uint32_t i = 0; i < t->info.n_scenario; i++) {
        free(t->info.scenario[i]);
    }
    free(t->info.scenario);
    free(t->info.outside);
    free(t->info.choices);
    free(t->info.sites);
    free(t);
}

// ---- what a checked trace hands out -------------------------------------------------------------

const struct vl_trace_info *vl_trace_info(const struct vl_trace *t)
{
    return &t->info;
}

const struct vl_log_site *vl_trace_site(const struct vl_trace *t, uint32_t id)
{
    return id >= 1 && id <= t->info.n_sites ? &t->info.sites[id] : NULL;
}

uint64_t vl_trace_column(struct vl_trace *t, sqlite3_stmt *s, int column, uint64_t max)
{
    const uint64_t v = (uint64_t)sqlite3_column_int64(s, column);
    if (sqlite3_column_type(s, column) != SQLITE_INTEGER || v > max) {
        (void)vl_trace_fault(t, VIRTQ_ERR_INVALID,
                             "damaged: %s %lld: %s is not in its range; record it again", t->row_of,
                             (long long)sqlite3_column_int64(s, 0), sqlite3_column_name(s, column));
        return 0;
    }
    return v;
}

#define COLUMNS 13u // of VL_TRACE_EVENT_COLUMNS

static void build_event(const uint64_t v[COLUMNS], struct vl_trace_event *out)
{
    out->seq = v[0];
    out->site = (uint32_t)v[3];
    out->ev = (struct vl_event){.agent = (uint8_t)v[1],
                                .kind = (uint8_t)v[2],
                                .addr = v[4],
                                .len = (uint32_t)v[5],
                                .value = v[6],
                                .aux = v[7],
                                .reads_from = (uint32_t)v[8],
                                .order = (uint8_t)v[9],
                                .barrier = (uint8_t)v[10],
                                .queue = (uint8_t)v[11],
                                .field = (uint8_t)v[12]};
}

static enum virtq_err check_event(struct vl_trace *t, const struct vl_trace_event *e)
{
    const char *fault = vl_trace_event_fault(&e->ev, e->seq);
    return fault == NULL
               ? t->error
               : vl_trace_fault(t, VIRTQ_ERR_INVALID, "event %" PRIu64 " has %s; record it again",
                                e->seq, fault);
}

enum virtq_err vl_trace_decode(struct vl_trace *t, sqlite3_stmt *s, struct vl_trace_event *out)
{
    static const uint64_t max[COLUMNS] = {
        INT64_MAX,  UINT8_MAX,  UINT8_MAX,  VL_TRACE_SITES_MAX - 1,
        UINT64_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX,
        UINT32_MAX, UINT8_MAX,  UINT8_MAX,  UINT8_MAX,
        UINT8_MAX};
    uint64_t v[COLUMNS];
    for (unsigned i = 0; i < COLUMNS; i++) {
        v[i] = vl_trace_column(t, s, (int)i, max[i]);
    }
    build_event(v, out);
    return check_event(t, out);
}

void vl_trace_seek(struct vl_trace *t, uint64_t seq)
{
    (void)sqlite3_reset(t->events);
    (void)sqlite3_bind_int64(t->events, 1, seq > INT64_MAX ? INT64_MAX : (sqlite3_int64)seq);
    t->sought = true;
}

bool vl_trace_next(struct vl_trace *t, struct vl_trace_event *out)
{
    if (!t->sought) {
        vl_trace_seek(t, 0);
    }
    if (t->failed) {
        return false;
    }
    const int rc = sqlite3_step(t->events);
    if (rc == SQLITE_DONE) {
        vl_trace_seek(t, UINT64_MAX); // a step after the end would start anew
        return false;
    }
    uint64_t v[COLUMNS]; // their types were checked when the trace was opened
    for (unsigned i = 0; i < COLUMNS && rc == SQLITE_ROW; i++) {
        v[i] = (uint64_t)sqlite3_column_int64(t->events, (int)i);
    }
    t->failed = rc != SQLITE_ROW;
    if (!t->failed) {
        build_event(v, out);
        t->failed = check_event(t, out) != VIRTQ_OK;
    }
    return !t->failed;
}

bool vl_trace_failed(const struct vl_trace *t)
{
    return t->failed;
}

bool vl_trace_payload(struct vl_trace *t, uint64_t digest, uint8_t *buf, uint32_t *bytes)
{
    (void)sqlite3_bind_int64(t->payload, 1, (sqlite3_int64)digest);
    bool found = false;
    if (sqlite3_step(t->payload) == SQLITE_ROW) {
        const void *blob = sqlite3_column_blob(t->payload, 0);
        const int n = sqlite3_column_bytes(t->payload, 0);
        found = n >= 0 && (unsigned)n <= VL_BULK_MAX_BYTES;
        if (found && n > 0) { // memcpy() of no bytes may not see a null pointer
            memcpy(buf, blob, (size_t)n);
        }
        *bytes = found ? (uint32_t)n : 0;
    }
    (void)sqlite3_reset(t->payload);
    return found;
}
