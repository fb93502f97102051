// model/trace/vl_trace_write.c -- writing a trace: one transaction into a temporary file.
// Spec: docs/TRACE.md. No journal and no syncing while it grows: a file that was not finished is
// thrown away, never repaired.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_trace_schema.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096u
#define SEEN_SLOTS (1u << 18) // payload digests remembered, so that SQLite is asked less often
#define TMP_MARK ".tmp-"

enum {
    PUT_META,
    PUT_SCENARIO,
    PUT_CHOICE,
    PUT_OUTSIDE,
    PUT_REGION,
    PUT_EVENT,
    PUT_PAYLOAD,
    PUT_SITE,
    PUT_COUNT
};

static const char *const put_sql[PUT_COUNT] = {
    [PUT_META] = "INSERT INTO meta VALUES(?1,?2)",
    [PUT_SCENARIO] = "INSERT INTO scenario VALUES(?1,?2,?3)",
    [PUT_CHOICE] = "INSERT INTO choice VALUES(?1,?2,?3,?4,?5,?6)",
    [PUT_OUTSIDE] = "INSERT INTO outside VALUES(?1,?2,?3,?4)",
    [PUT_REGION] = "INSERT INTO region VALUES(?1,?2,?3)",
    [PUT_EVENT] = "INSERT INTO event VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
    [PUT_PAYLOAD] = "INSERT OR IGNORE INTO payload VALUES(?1,?2)",
    [PUT_SITE] = "INSERT INTO site VALUES(?1,?2,?3,?4)",
};

struct vl_trace_writer {
    sqlite3 *db;
    sqlite3_stmt *put[PUT_COUNT];
    struct vl_trace_digests digests;
    uint64_t n_events;
    uint32_t n_scenario;
    uint32_t n_choices;
    uint32_t n_outside;
    uint32_t n_regions;
    uint32_t n_sites;
    uint32_t site_max;    // largest that an event named
    enum virtq_err error; // the first one
    char err[VL_TRACE_ERR_BYTES];
    char path[PATH_BYTES];
    const char *shown; // path as the caller spelt it
    char tmp[PATH_BYTES];
    uint64_t seen[SEEN_SLOTS]; // direct-mapped: a newer digest takes the slot of an older one
};

static enum virtq_err fail(struct vl_trace_writer *w, enum virtq_err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum virtq_err fail(struct vl_trace_writer *w, enum virtq_err e, const char *format, ...)
{
    if (w->error == VIRTQ_OK) {
        va_list args;
        va_start(args, format);
        vl_trace_vsay(w->err, w->shown, format, args);
        va_end(args);
        w->error = e;
    }
    return w->error;
}

static enum virtq_err fail_sql(struct vl_trace_writer *w)
{
    return fail(w, VIRTQ_ERR_IO, "cannot be written: %s; is the disk full?", sqlite3_errmsg(w->db));
}

// Run the prepared statement, whose values are bound.
static enum virtq_err put(struct vl_trace_writer *w, unsigned which)
{
    sqlite3_stmt *s = w->put[which];
    const int rc = sqlite3_step(s);
    (void)sqlite3_reset(s);
    return rc == SQLITE_DONE ? VIRTQ_OK : fail_sql(w);
}

static void bind_int(sqlite3_stmt *s, int at, uint64_t value)
{
    (void)sqlite3_bind_int64(s, at, (sqlite3_int64)value); // two's complement: no bit is lost
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    (void)sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

// ---- the temporary file -------------------------------------------------------------------------

// Where the last component of path starts.
static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

// True if name is base.tmp-PID and no other process has that PID: the leavings of a dead one.
static bool is_stale(const char *name, const char *base)
{
    const size_t n = strlen(base);
    if (strncmp(name, base, n) != 0 || strncmp(name + n, TMP_MARK, strlen(TMP_MARK)) != 0) {
        return false;
    }
    const char *digits = name + n + strlen(TMP_MARK);
    char *end = NULL;
    errno = 0;
    const long pid = strtol(digits, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || *end != '\0' || errno != 0 || pid <= 0) {
        return false;
    }
    return pid == (long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
}

static void remove_stale(const struct vl_trace_writer *w)
{
    const char *base = base_of(w->path);
    char dir[PATH_BYTES];
    const size_t dir_bytes = (size_t)(base - w->path);
    memcpy(dir, w->path, dir_bytes);
    dir[dir_bytes] = '\0';
    DIR *d = opendir(dir_bytes != 0 ? dir : ".");
    if (d == NULL) {
        return; // creating the file will say why
    }
    // bound: entries of the directory
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (is_stale(e->d_name, base)) {
            (void)unlinkat(dirfd(d), e->d_name, 0);
        }
    }
    (void)closedir(d);
}

static enum virtq_err make_tmp(struct vl_trace_writer *w, const char *path)
{
    // "./" keeps SQLite from taking a name for anything else than a file's.
    const char *here = path[0] == '/' ? "" : "./";
    const int n = snprintf(w->path, sizeof(w->path), "%s%s", here, path);
    w->shown = w->path + strlen(here);
    const int m = snprintf(w->tmp, sizeof(w->tmp), "%s" TMP_MARK "%ld", w->path, (long)getpid());
    if (n < 0 || m < 0 || (size_t)n >= sizeof(w->path) || (size_t)m >= sizeof(w->tmp)) {
        return fail(w, VIRTQ_ERR_IO, "name is too long; choose a shorter one");
    }
    struct stat st;
    if (*base_of(w->path) == '\0' || (stat(w->path, &st) == 0 && S_ISDIR(st.st_mode))) {
        return fail(w, VIRTQ_ERR_IO, "is a directory; name a file for the trace");
    }
    if (stat(w->path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return fail(w, VIRTQ_ERR_IO, "is no regular file; name another one for the trace");
    }
    remove_stale(w);
    const int fd = open(w->tmp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0) {
        w->tmp[0] = '\0'; // nothing to remove
        return fail(w, VIRTQ_ERR_IO, "cannot be created: %s", strerror(errno));
    }
    (void)close(fd);
    return VIRTQ_OK;
}

// ---- opening ------------------------------------------------------------------------------------

static enum virtq_err exec(struct vl_trace_writer *w, const char *sql)
{
    return sqlite3_exec(w->db, sql, NULL, NULL, NULL) == SQLITE_OK ? VIRTQ_OK : fail_sql(w);
}

static enum virtq_err put_names(struct vl_trace_writer *w)
{
    for (unsigned t = 0; t < VL_TRACE_NAME_TABLES; t++) {
        const struct vl_trace_names *names = &vl_trace_names[t];
        for (unsigned i = 0; i < names->n; i++) {
            char sql[128];
            (void)snprintf(sql, sizeof(sql), "INSERT INTO %s VALUES(%u,'%s')", names->table, i,
                           names->name[i]);
            if (exec(w, sql) != VIRTQ_OK) {
                return w->error;
            }
            vl_trace_digest_int(&w->digests, VL_SECTION2_NAMES, i);
            vl_trace_digest_text(&w->digests, VL_SECTION2_NAMES, names->name[i]);
        }
    }
    return VIRTQ_OK;
}

static enum virtq_err make_schema(struct vl_trace_writer *w)
{
    char head[256];
    (void)snprintf(head, sizeof(head),
                   "PRAGMA page_size=4096; PRAGMA cache_size=-32768; PRAGMA auto_vacuum=0;"
                   "PRAGMA encoding='UTF-8';"
                   "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
                   "PRAGMA application_id=%u; PRAGMA user_version=%u; BEGIN",
                   VL_TRACE_APPLICATION_ID, VL_TRACE_VERSION);
    if (exec(w, head) != VIRTQ_OK) {
        return w->error;
    }
    for (unsigned i = 0; i < vl_trace_n_objects; i++) {
        const struct vl_trace_object *o = &vl_trace_objects[i];
        if (exec(w, o->sql) != VIRTQ_OK) {
            return w->error;
        }
        vl_trace_digest_text(&w->digests, VL_SECTION2_SCHEMA, o->type);
        vl_trace_digest_text(&w->digests, VL_SECTION2_SCHEMA, o->name);
        vl_trace_digest_text(&w->digests, VL_SECTION2_SCHEMA, o->name); // tbl_name: no indexes
        vl_trace_digest_text(&w->digests, VL_SECTION2_SCHEMA, o->sql);
    }
    for (unsigned i = 0; i < PUT_COUNT; i++) {
        if (sqlite3_prepare_v3(w->db, put_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &w->put[i],
                               NULL) != SQLITE_OK) {
            return fail_sql(w);
        }
    }
    return put_names(w);
}

static enum virtq_err start(struct vl_trace_writer *w, const char *path)
{
    if (make_tmp(w, path) != VIRTQ_OK) {
        return w->error;
    }
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(w->tmp, &w->db, flags, NULL) != SQLITE_OK) {
        return fail_sql(w);
    }
    return make_schema(w);
}

enum virtq_err vl_trace_create(struct vl_trace_writer **out, const char *path, char *err)
{
    err[0] = '\0';
    struct vl_trace_writer *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        vl_trace_say(err, path, "no memory left to write a trace");
        return VIRTQ_ERR_NO_MEMORY;
    }
    vl_trace_digests_init(&w->digests);
    const enum virtq_err e = start(w, path);
    if (e != VIRTQ_OK) {
        memcpy(err, w->err, sizeof(w->err));
        vl_trace_abort(w);
        return e;
    }
    *out = w;
    return VIRTQ_OK;
}

// ---- puts ---------------------------------------------------------------------------------------

enum virtq_err vl_trace_put_scenario(struct vl_trace_writer *w, const char *line)
{
    const char *eq = strchr(line, '=');
    if (eq == NULL || strchr(line, '\n') != NULL || strlen(line) > VL_TRACE_TEXT_MAX ||
        w->n_scenario >= VL_TRACE_SCENARIO_MAX) {
        return fail(w, VIRTQ_ERR_INVALID, "a scenario line does not fit into a trace");
    }
    char key[VL_TRACE_TEXT_MAX + 1];
    const size_t key_bytes = (size_t)(eq - line);
    memcpy(key, line, key_bytes);
    key[key_bytes] = '\0';
    bind_int(w->put[PUT_SCENARIO], 1, w->n_scenario++);
    bind_text(w->put[PUT_SCENARIO], 2, key);
    bind_text(w->put[PUT_SCENARIO], 3, eq + 1);
    vl_trace_digest_scenario(&w->digests, key, eq + 1);
    return put(w, PUT_SCENARIO);
}

enum virtq_err vl_trace_put_outside(struct vl_trace_writer *w, const struct vl_trace_outside *file)
{
    if (w->n_outside >= VL_TRACE_OUTSIDE_MAX || strlen(file->sha256) != 64) {
        return fail(w, VIRTQ_ERR_INVALID, "an outside file does not fit into a trace");
    }
    bind_int(w->put[PUT_OUTSIDE], 1, w->n_outside++);
    bind_text(w->put[PUT_OUTSIDE], 2, file->name);
    bind_int(w->put[PUT_OUTSIDE], 3, file->size);
    bind_text(w->put[PUT_OUTSIDE], 4, file->sha256);
    vl_trace_digest_outside(&w->digests, file);
    return put(w, PUT_OUTSIDE);
}

enum virtq_err vl_trace_put_region(struct vl_trace_writer *w, const struct vl_trace_region *region)
{
    if (w->n_regions >= VL_TRACE_REGIONS_MAX) {
        return fail(w, VIRTQ_ERR_INVALID, "more memory regions than fit into a trace");
    }
    bind_int(w->put[PUT_REGION], 1, w->n_regions++);
    bind_int(w->put[PUT_REGION], 2, region->gpa);
    bind_int(w->put[PUT_REGION], 3, region->bytes);
    vl_trace_digest_region(&w->digests, region);
    return put(w, PUT_REGION);
}

enum virtq_err vl_trace_put_choice(struct vl_trace_writer *w, const struct vl_deviation *d)
{
    const char *fault = vl_trace_choice_fault(d);
    if (fault != NULL || w->n_choices >= VL_TRACE_CHOICES_MAX) {
        return fail(w, VIRTQ_ERR_INVALID, "deviation %u has %s", w->n_choices,
                    fault != NULL ? fault : "no room in a trace");
    }
    sqlite3_stmt *s = w->put[PUT_CHOICE];
    bind_int(s, 1, w->n_choices++);
    bind_int(s, 2, d->lane);
    bind_int(s, 3, d->agent);
    bind_int(s, 4, d->key);
    bind_int(s, 5, d->nth);
    bind_int(s, 6, d->value);
    vl_trace_digest_choice(&w->digests, d);
    return put(w, PUT_CHOICE);
}

enum virtq_err vl_trace_put_site(struct vl_trace_writer *w, uint32_t id,
                                 const struct vl_log_site *site)
{
    if (id != w->n_sites + 1 || id >= VL_TRACE_SITES_MAX) {
        return fail(w, VIRTQ_ERR_INVALID, "site %" PRIu32 " is out of turn", id);
    }
    w->n_sites = id;
    sqlite3_stmt *s = w->put[PUT_SITE];
    bind_int(s, 1, id);
    bind_text(s, 2, site->file);
    bind_int(s, 3, site->line);
    bind_text(s, 4, site->func);
    vl_trace_digest_int(&w->digests, VL_SECTION2_SITES, id);
    vl_trace_digest_text(&w->digests, VL_SECTION2_SITES, site->file);
    vl_trace_digest_int(&w->digests, VL_SECTION2_SITES, site->line);
    vl_trace_digest_text(&w->digests, VL_SECTION2_SITES, site->func);
    return put(w, PUT_SITE);
}

static enum virtq_err put_payload(struct vl_trace_writer *w, const struct vl_event *ev,
                                  const uint8_t *payload)
{
    const uint32_t slot = (uint32_t)ev->value & (SEEN_SLOTS - 1);
    if (vl_hash64(payload, ev->len) != ev->value) {
        return fail(w, VIRTQ_ERR_INVALID, "event %" PRIu64 " does not fit its payload",
                    w->n_events);
    }
    if (w->seen[slot] == ev->value && ev->value != 0) {
        return VIRTQ_OK;
    }
    w->seen[slot] = ev->value;
    sqlite3_stmt *s = w->put[PUT_PAYLOAD];
    bind_int(s, 1, ev->value);
    (void)sqlite3_bind_blob(s, 2, ev->len != 0 ? (const void *)payload : "", (int)ev->len,
                            SQLITE_STATIC);
    return put(w, PUT_PAYLOAD);
}

enum virtq_err vl_trace_put_event(struct vl_trace_writer *w, const struct vl_event *ev,
                                  uint32_t site, const uint8_t *payload)
{
    const char *fault = vl_trace_event_fault(ev, w->n_events);
    if (fault != NULL || site >= VL_TRACE_SITES_MAX) {
        return fail(w, VIRTQ_ERR_INVALID, "event %" PRIu64 " has %s", w->n_events,
                    fault != NULL ? fault : "an unknown site");
    }
    if (vl_event_is_bulk(ev->kind) && put_payload(w, ev, payload) != VIRTQ_OK) {
        return w->error;
    }
    sqlite3_stmt *s = w->put[PUT_EVENT];
    bind_int(s, 1, w->n_events);
    bind_int(s, 2, ev->agent);
    bind_int(s, 3, ev->kind);
    bind_int(s, 4, site);
    bind_int(s, 5, ev->addr);
    bind_int(s, 6, ev->len);
    bind_int(s, 7, ev->value);
    bind_int(s, 8, ev->aux);
    bind_int(s, 9, ev->reads_from);
    bind_int(s, 10, ev->order);
    bind_int(s, 11, ev->barrier);
    bind_int(s, 12, ev->queue);
    bind_int(s, 13, ev->field);
    vl_trace_digest_event(&w->digests, ev, site);
    w->site_max = site > w->site_max ? site : w->site_max;
    w->n_events++;
    return put(w, PUT_EVENT);
}

uint64_t vl_trace_n_events(const struct vl_trace_writer *w)
{
    return w->n_events;
}

uint64_t vl_trace_run_hash(const struct vl_trace_writer *w)
{
    return vl_hash_final(&w->digests.one[VL_SECTION_EVENTS]);
}

// ---- finishing ----------------------------------------------------------------------------------

static enum virtq_err put_meta(struct vl_trace_writer *w, const char *key, const char *value)
{
    bind_text(w->put[PUT_META], 1, key);
    bind_text(w->put[PUT_META], 2, value);
    return put(w, PUT_META);
}

static enum virtq_err put_meta_u64(struct vl_trace_writer *w, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    return put_meta(w, key, text);
}

static enum virtq_err put_meta_hex(struct vl_trace_writer *w, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%016" PRIx64, value);
    return put_meta(w, key, text);
}

// Feed rows of a query into a digest; for what is known in order only at the end.
static enum virtq_err digest_rows(struct vl_trace_writer *w, const char *sql, bool payload)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(w->db, sql, -1, &s, NULL) != SQLITE_OK) {
        return fail_sql(w);
    }
    int rc = sqlite3_step(s);
    for (; rc == SQLITE_ROW; rc = sqlite3_step(s)) { // bound: rows of the table
        if (payload) {
            vl_trace_digest_payload(&w->digests, (uint64_t)sqlite3_column_int64(s, 0),
                                    (uint64_t)sqlite3_column_int64(s, 1));
        } else {
            vl_trace_digest_text(&w->digests, VL_SECTION2_META,
                                 (const char *)sqlite3_column_text(s, 0));
            vl_trace_digest_text(&w->digests, VL_SECTION2_META,
                                 (const char *)sqlite3_column_text(s, 1));
        }
    }
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE ? VIRTQ_OK : fail_sql(w);
}

static enum virtq_err finish_rows(struct vl_trace_writer *w, const char *tool,
                                  const struct vl_verdict *v)
{
    if (w->site_max > w->n_sites) {
        return fail(w, VIRTQ_ERR_INVALID, "site %" PRIu32 " is missing", w->site_max);
    }
    (void)digest_rows(w, "SELECT digest, length(bytes) FROM payload ORDER BY digest", true);
    (void)put_meta(w, "tool", tool);
    (void)put_meta(w, "outcome", vl_outcome_name(v->outcome));
    (void)put_meta(w, "kind", v->kind);
    (void)put_meta(w, "side", v->side);
    (void)put_meta(w, "detail", v->detail);
    (void)put_meta_u64(w, "event", v->event);
    (void)put_meta_u64(w, "peer_faults", v->peer_faults);
    (void)put_meta_u64(w, "n_events", w->n_events);
    (void)put_meta_hex(w, "run_hash", vl_trace_run_hash(w));
    (void)put_meta_hex(w, "hash", vl_trace_digest_hash(&w->digests));
    (void)digest_rows(w, "SELECT k, v FROM meta ORDER BY k", false);
    (void)put_meta_hex(w, "digest2", vl_trace_digest_second(&w->digests));
    return w->error != VIRTQ_OK ? w->error : exec(w, "COMMIT");
}

static enum virtq_err close_db(struct vl_trace_writer *w)
{
    for (unsigned i = 0; i < PUT_COUNT; i++) {
        (void)sqlite3_finalize(w->put[i]);
        w->put[i] = NULL;
    }
    const int rc = sqlite3_close(w->db);
    w->db = NULL;
    return rc == SQLITE_OK ? VIRTQ_OK : fail(w, VIRTQ_ERR_IO, "cannot be closed");
}

// Make the file durable, then give it its name: whoever sees the name sees all of it.
static enum virtq_err publish(struct vl_trace_writer *w)
{
    const int fd = open(w->tmp, O_RDONLY | O_CLOEXEC);
    const bool durable = fd >= 0 && fsync(fd) == 0;
    const int why = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (!durable) {
        return fail(w, VIRTQ_ERR_IO, "cannot be written: %s", strerror(why));
    }
    if (rename(w->tmp, w->path) != 0) {
        return fail(w, VIRTQ_ERR_IO, "cannot be put in place: %s", strerror(errno));
    }
    w->tmp[0] = '\0';
    return VIRTQ_OK;
}

enum virtq_err vl_trace_finish(struct vl_trace_writer *w, const char *tool,
                               const struct vl_verdict *verdict, char *err)
{
    err[0] = '\0';
    if (w->error == VIRTQ_OK && finish_rows(w, tool, verdict) == VIRTQ_OK &&
        close_db(w) == VIRTQ_OK) {
        (void)publish(w);
    }
    const enum virtq_err e = w->error;
    if (e != VIRTQ_OK) {
        memcpy(err, w->err, sizeof(w->err));
    }
    vl_trace_abort(w);
    return e;
}

void vl_trace_abort(struct vl_trace_writer *w)
{
    if (w == NULL) {
        return;
    }
    (void)close_db(w);
    if (w->tmp[0] != '\0') {
        (void)unlink(w->tmp);
    }
    free(w);
}
