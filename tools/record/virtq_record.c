// tools/record/virtq_record.c -- record what a virtqueue's two sides do, as a trace of vringlab.
// Format: docs/TRACE.md of vringlab; digests: XXH64, seed 0, by its published specification.
// Stands alone: C11, POSIX for names and durability, SQLite. The interface is virtq_record.h.
// SPDX-License-Identifier: BSD-2-Clause
#define _POSIX_C_SOURCE 200809L // NOLINT: asks for POSIX under -std=c11
#include "virtq_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUES 4u
#define REGIONS_MAX 16u
#define MEM_MAX_BYTES (1ull << 30)
#define PATH_BYTES 4096u
#define SQLITE_MIN 3037000 // STRICT tables
#define BARRIERS 9u        // of the table of names

// ---- XXH64 --------------------------------------------------------------------------------------

#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

struct xxh {
    uint64_t acc[4];
    uint64_t total;
    uint8_t buf[32]; // total % 32 bytes of it are in use
};

static uint64_t rotl(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static uint64_t le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

static uint64_t xxh_round(uint64_t acc, uint64_t lane)
{
    return rotl(acc + lane * P2, 31) * P1;
}

static void xxh_init(struct xxh *h)
{
    *h = (struct xxh){.acc = {P1 + P2, P2, 0, 0 - P1}};
}

static void xxh_add(struct xxh *h, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    while (bytes > 0) { // bound: bytes
        const size_t at = (size_t)(h->total % 32);
        const size_t n = bytes < 32 - at ? bytes : 32 - at;
        memcpy(h->buf + at, p, n);
        h->total += n;
        p += n;
        bytes -= n;
        for (unsigned i = 0; i < 4 && h->total % 32 == 0; i++) {
            h->acc[i] = xxh_round(h->acc[i], le(h->buf + (size_t)8 * i, 8));
        }
    }
}

static uint64_t xxh_final(const struct xxh *h)
{
    const size_t n = (size_t)(h->total % 32);
    uint64_t v = P5;
    size_t at = 0;
    if (h->total >= 32) {
        v = rotl(h->acc[0], 1) + rotl(h->acc[1], 7) + rotl(h->acc[2], 12) + rotl(h->acc[3], 18);
        for (unsigned i = 0; i < 4; i++) {
            v = (v ^ xxh_round(0, h->acc[i])) * P1 + P4;
        }
    }
    v += h->total;
    for (; at + 8 <= n; at += 8) {
        v = rotl(v ^ xxh_round(0, le(h->buf + at, 8)), 27) * P1 + P4;
    }
    for (; at + 4 <= n; at += 4) {
        v = rotl(v ^ le(h->buf + at, 4) * P1, 23) * P2 + P3;
    }
    for (; at < n; at++) {
        v = rotl(v ^ h->buf[at] * P5, 11) * P1;
    }
    v = (v ^ v >> 33) * P2;
    v = (v ^ v >> 29) * P3;
    return v ^ v >> 32;
}

static void add_le(struct xxh *h, uint64_t value, unsigned bytes)
{
    uint8_t encoded[8];
    for (unsigned i = 0; i < 8; i++) {
        encoded[i] = (uint8_t)(value >> (8 * i));
    }
    xxh_add(h, encoded, bytes);
}

// ---- the format: tables, views, names -----------------------------------------------------------

#define NAMES_SQL(t) "CREATE TABLE " t "(id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"
#define ALL_NAMES_SQL                                                                              \
    NAMES_SQL("agent"), NAMES_SQL("kind"), NAMES_SQL("ord"), NAMES_SQL("barrier"),                 \
        NAMES_SQL("field"), NAMES_SQL("note"), NAMES_SQL("lane")

// They stand in the file byte for byte and in this order, and are compared as text.
static const char *const schema[] = {
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE scenario(id INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT NOT NULL) STRICT",
    "CREATE TABLE choice(id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, agent INTEGER NOT NULL, "
    "key INTEGER NOT NULL, nth INTEGER NOT NULL, value INTEGER NOT NULL) STRICT",
    "CREATE TABLE outside(id INTEGER PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, "
    "sha256 TEXT NOT NULL) STRICT",
    "CREATE TABLE region(id INTEGER PRIMARY KEY, gpa INTEGER NOT NULL, bytes INTEGER NOT NULL) "
    "STRICT",
    "CREATE TABLE event(seq INTEGER PRIMARY KEY, agent INTEGER, kind INTEGER, site INTEGER, addr "
    "INTEGER, len INTEGER, value INTEGER, aux INTEGER, reads_from INTEGER, ord INTEGER, barrier "
    "INTEGER, queue INTEGER, field INTEGER) STRICT",
    "CREATE TABLE payload(digest INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    "CREATE TABLE site(id INTEGER PRIMARY KEY, file TEXT NOT NULL, line INTEGER NOT NULL, func "
    "TEXT NOT NULL) STRICT",
    ALL_NAMES_SQL,
    "CREATE VIEW v_timeline AS SELECT e.seq AS seq, a.name AS agent, CASE WHEN k.name = 'note' "
    "THEN 'note ' || n.name ELSE k.name END AS what, CASE WHEN e.field = 0 THEN '-' ELSE 'q' || "
    "e.queue || '.' || f.name END AS field, printf('0x%x', e.addr) AS addr, printf('0x%x', "
    "e.value) AS value, printf('0x%x', e.aux) AS aux, e.len AS len, o.name AS ord, CASE WHEN "
    "k.name = 'note' THEN '-' ELSE b.name END AS barrier, CASE WHEN k.name <> 'load' THEN '-' "
    "WHEN e.reads_from = 0 THEN 'start' ELSE e.reads_from - 1 END AS reads_from, coalesce(s.file "
    "|| ':' || s.line, '-') AS source FROM event e LEFT JOIN agent a ON a.id = e.agent LEFT JOIN "
    "kind k ON k.id = e.kind LEFT JOIN field f ON f.id = e.field LEFT JOIN ord o ON o.id = e.ord "
    "LEFT JOIN barrier b ON b.id = e.barrier LEFT JOIN note n ON n.id = e.barrier LEFT JOIN site "
    "s ON s.id = e.site",
    "CREATE VIEW v_ring_at AS SELECT at.seq AS seq, s.queue AS queue, f.name AS field, "
    "printf('0x%x', s.addr) AS addr, s.len AS len, printf('0x%x', s.value) AS value, "
    "printf('0x%x', s.aux) AS aux, max(s.seq) AS stored_by, a.name AS agent FROM event at JOIN "
    "event s ON s.seq <= at.seq JOIN field f ON f.id = s.field JOIN agent a ON a.id = s.agent "
    "WHERE s.kind = (SELECT id FROM kind WHERE name = 'store') AND f.name IN ('desc', "
    "'avail.flags', 'avail.idx', 'avail.ring', 'used_event', 'used.flags', 'used.idx', "
    "'used.ring', 'avail_event') GROUP BY at.seq, s.addr",
    "CREATE VIEW v_choice AS SELECT c.id AS id, l.name AS lane, a.name AS agent, CASE WHEN l.name "
    "IN ('read', 'store') THEN 'q' || (c.key >> 4) || '.' || f.name ELSE c.key END AS key, c.nth "
    "AS nth, c.value AS value FROM choice c LEFT JOIN lane l ON l.id = c.lane LEFT JOIN agent a "
    "ON a.id = c.agent LEFT JOIN field f ON f.id = (c.key & 15)"};

// What the numbers in events mean: names in their order, separated by blanks.
static const struct {
    const char *table;
    const char *names;
} names[] = {
    {"agent", "driver device trap handler platform adversary"},
    {"kind", "load store fence read write await shared relax sleep woken wake mask alloc "
             "free map unmap resolve config-read config-write mmio-read mmio-write doorbell "
             "doorbell-arrives interrupt interrupt-arrives handler-returns intx quiescent "
             "driver-done backend outside mischief note drain race"},
    {"ord", "plain rlx acq rel ar sc"},
    {"barrier", "- avail-publish avail-consume used-publish used-consume kick-check kick-rearm "
                "irq-check irq-rearm"},
    {"field", "- desc avail.flags avail.idx avail.ring used_event used.flags used.idx "
              "used.ring avail_event indirect buffer doorbell interrupt register config"},
    {"note", "queue-areas queue-live queue-served queue-down submit send complete receive "
             "detach pop peer-error control config-changed sync"},
    {"lane", "schedule read store notify workload completion mischief-driver mischief-device "
             "mischief-pci platform priority delay"},
};
#define NAME_TABLES (sizeof(names) / sizeof(names[0]))

// ---- the recorder -------------------------------------------------------------------------------

// Sections of the two digests, each an XXH64 of its own.
enum { S1_SCENARIO, S1_CHOICES, S1_OUTSIDE, S1_REGIONS, S1_EVENTS, S1_PAYLOAD, S1_COUNT };
enum { S2_SCHEMA, S2_META, S2_NAMES, S2_SITES, S2_OUTSIDE_NAMES, S2_EVENT_SITES, S2_COUNT };

struct queue {
    uint64_t desc, avail, used; // gpa
    uint32_t size;              // 0: not in use
};

struct virtq_record {
    sqlite3 *db;
    sqlite3_stmt *put_event;
    sqlite3_stmt *put_payload;
    struct xxh one[S1_COUNT];
    struct xxh two[S2_COUNT];
    struct queue queue[QUEUES];
    uint64_t n_events;
    uint64_t mem_bytes;
    uint64_t mem_end;
    uint32_t n_regions;
    uint32_t peer_faults;
    char tool[201];
    char path[PATH_BYTES];
    char tmp[PATH_BYTES + 32]; // "" once there is nothing to remove
    char error[256];
};

static int fail(struct virtq_record *rec, const char *format, ...)
{
    if (rec->error[0] == '\0') { // the first error is the one to know
        va_list args;
        va_start(args, format);
        (void)vsnprintf(rec->error, sizeof(rec->error), format, args);
        va_end(args);
    }
    return -1;
}

static int fail_sql(struct virtq_record *rec)
{
    return fail(rec, "%.100s: SQLite says \"%.100s\"", rec->path, sqlite3_errmsg(rec->db));
}

static int exec(struct virtq_record *rec, const char *sql)
{
    return sqlite3_exec(rec->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail_sql(rec);
}

// Run sql, one statement, with text of this many bytes, -1: all, as its ?1 if it has one.
static int run(struct virtq_record *rec, const char *sql, const char *text, int bytes)
{
    sqlite3_stmt *s = NULL;
    if (rec->error[0] != '\0' || sqlite3_prepare_v2(rec->db, sql, -1, &s, NULL) != SQLITE_OK) {
        return fail_sql(rec);
    }
    (void)sqlite3_bind_text(s, 1, text, bytes, SQLITE_STATIC);
    const int rc = sqlite3_step(s);
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : fail_sql(rec);
}

// ---- opening ------------------------------------------------------------------------------------

static int put_options(struct virtq_record *rec, const struct virtq_record_options *o)
{
    const char *hostile = o->hostile_driver ? "driver" : o->hostile_device ? "device" : "none";
    char sql[320];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO scenario VALUES(0,'recorded',?1),(1,'hostile','%s'),"
                   "(2,'completion','%s'),(3,'transport','%s'),(4,'barriers','%s'),"
                   "(5,'notes','%s'),(6,'virtio_id','%u')",
                   hostile, o->completion_kept ? "kept" : "owed", o->pci ? "pci" : "direct",
                   o->orders_judged ? "orders" : "effects",
                   o->notes_by_caller ? "caller" : "derived", (unsigned)o->virtio_id);
    return run(rec, sql, rec->tool, -1);
}

static int put_names(struct virtq_record *rec)
{
    int result = 0;
    for (size_t t = 0; t < NAME_TABLES; t++) {
        const char *at = names[t].names;
        for (unsigned i = 0; *at != '\0' && result == 0; i++) { // bound: names of the table
            char sql[64];
            const size_t n = strcspn(at, " ");
            (void)snprintf(sql, sizeof(sql), "INSERT INTO %s VALUES(%u, ?1)", names[t].table, i);
            result = run(rec, sql, at, (int)n);
            at += n + (at[n] == ' ');
        }
    }
    return result;
}

static int make_schema(struct virtq_record *rec)
{
    int result = exec(
        rec, "PRAGMA page_size=4096; PRAGMA auto_vacuum=0; PRAGMA encoding='UTF-8';"
             "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA application_id=1987210338;"
             "PRAGMA user_version=1; BEGIN");
    for (size_t i = 0; i < sizeof(schema) / sizeof(schema[0]) && result == 0; i++) {
        result = exec(rec, schema[i]);
    }
    const char *event = "INSERT INTO event VALUES(?1,?2,?3,0,?4,?5,?6,?7,?8,?9,?10,?11,?12)";
    const char *payload = "INSERT OR IGNORE INTO payload VALUES(?1,?2)"; // equal bytes once
    if (result != 0 || sqlite3_prepare_v2(rec->db, event, -1, &rec->put_event, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(rec->db, payload, -1, &rec->put_payload, NULL) != SQLITE_OK) {
        return fail_sql(rec);
    }
    return put_names(rec);
}

static int start(struct virtq_record *rec, const char *path,
                 const struct virtq_record_options *options)
{
    for (unsigned i = 0; i < S1_COUNT; i++) { // there are as many of each
        xxh_init(&rec->one[i]);
        xxh_init(&rec->two[i]);
    }
    const char *here = path[0] == '/' ? "" : "./"; // or SQLite may take a name for something else
    const int n = snprintf(rec->path, sizeof(rec->path), "%s%s", here, path);
    if (path[0] == '\0' || n < 0 || (size_t)n >= sizeof(rec->path)) {
        return fail(rec, "%.100s: no name for a file, or too long", path);
    }
    if (sqlite3_libversion_number() < SQLITE_MIN) {
        return fail(rec, "SQLite %s is too old: 3.37 or later", sqlite3_libversion());
    }
    const char *tool = options->tool != NULL ? options->tool : "unnamed";
    for (size_t i = 0; tool[i] != '\0' && i + 1 < sizeof(rec->tool); i++) {
        rec->tool[i] = (char)((unsigned char)tool[i] < 0x20 ? '?' : tool[i]);
    }
    (void)snprintf(rec->tmp, sizeof(rec->tmp), "%s.tmp-%ld", rec->path, (long)getpid());
    (void)unlink(rec->tmp); // of an earlier process of this number
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(rec->tmp, &rec->db, flags, NULL) != SQLITE_OK) {
        return fail(rec, "%.100s: cannot be created: %s", rec->path, strerror(errno));
    }
    return make_schema(rec) != 0 ? -1 : put_options(rec, options);
}

static void say(char *err, size_t err_bytes, const char *text)
{
    if (err != NULL && err_bytes > 0) {
        (void)snprintf(err, err_bytes, "%s", text);
    }
}

struct virtq_record *virtq_record_open(const char *path, const struct virtq_record_options *options,
                                       char *err, size_t err_bytes)
{
    static const struct virtq_record_options none = {0};
    struct virtq_record *rec = calloc(1, sizeof(*rec));

    say(err, err_bytes, rec == NULL ? "no memory left" : "");
    if (rec != NULL && start(rec, path, options != NULL ? options : &none) != 0) {
        say(err, err_bytes, rec->error);
        virtq_record_abort(rec);
        rec = NULL;
    }
    return rec;
}

const char *virtq_record_error(const struct virtq_record *rec)
{
    return rec->error;
}

uint64_t virtq_record_n_events(const struct virtq_record *rec)
{
    return rec->n_events;
}

// ---- memory, queues, events ---------------------------------------------------------------------

int virtq_record_region(struct virtq_record *rec, uint64_t gpa, uint64_t bytes)
{
    char sql[96];

    if (bytes == 0 || bytes > MEM_MAX_BYTES - rec->mem_bytes || gpa + bytes < gpa ||
        gpa < rec->mem_end || rec->n_regions == REGIONS_MAX || rec->n_events > 0) {
        return fail(rec, "region at 0x%" PRIx64 ": order, size or number is not allowed", gpa);
    }
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO region VALUES(%" PRIu32 ",%" PRId64 ",%" PRId64 ")",
                   rec->n_regions++, (int64_t)gpa, (int64_t)bytes);
    rec->mem_bytes += bytes;
    rec->mem_end = gpa + bytes;
    return run(rec, sql, NULL, -1);
}

int virtq_record_queue(struct virtq_record *rec, unsigned index, uint64_t desc, uint64_t avail,
                       uint64_t used, uint32_t size, uint64_t features, uint16_t start_idx)
{
    if (index >= QUEUES || size == 0 || size > 32768 || (size & (size - 1)) != 0) {
        return fail(rec, "queue %u of %" PRIu32 " entries: 0 to 3, 1 to 32768", index, size);
    }
    rec->queue[index] = (struct queue){.desc = desc, .avail = avail, .used = used, .size = size};
    (void)virtq_record_note(rec, VIRTQ_RECORD_A_DRIVER, VIRTQ_RECORD_N_QUEUE_AREAS, index, desc,
                            avail, used, size);
    return virtq_record_note(rec, VIRTQ_RECORD_A_DRIVER, VIRTQ_RECORD_N_QUEUE_LIVE, index, features,
                             start_idx, 0, 0);
}

// The word at an offset of a ring: flags, index, slot, event index. Fields have this order, too.
static unsigned word_of(uint64_t off, uint64_t slots_bytes)
{
    return off < 2 ? 0 : off < 4 ? 1 : off < 4 + slots_bytes ? 2 : 3;
}

// The field and queue of an access to a ring, from its address.
static void find_field(const struct virtq_record *rec, struct virtq_record_event *ev)
{
    for (unsigned i = 0; i < QUEUES && ev->field == 0; i++) {
        const struct queue *q = &rec->queue[i];
        const uint64_t n = q->size;
        if (n != 0 && ev->addr - q->desc < 16 * n) {
            ev->field = VIRTQ_RECORD_F_DESC;
        } else if (n != 0 && ev->addr - q->avail < 6 + 2 * n) {
            ev->field = (uint8_t)(VIRTQ_RECORD_F_AVAIL_FLAGS + word_of(ev->addr - q->avail, 2 * n));
        } else if (n != 0 && ev->addr - q->used < 6 + 8 * n) {
            ev->field = (uint8_t)(VIRTQ_RECORD_F_USED_FLAGS + word_of(ev->addr - q->used, 8 * n));
        }
        ev->queue = ev->field != 0 ? (uint8_t)i : ev->queue;
    }
    if (ev->field == 0 && ev->len == 16) {
        ev->field = VIRTQ_RECORD_F_INDIRECT;
    }
}

static int put_payload(struct virtq_record *rec, struct virtq_record_event *ev, const void *data)
{
    struct xxh h;
    if (ev->len > 65536 || (data == NULL && ev->len > 0)) {
        return fail(rec, "event %" PRIu64 ": a payload has up to 65536 bytes", rec->n_events);
    }
    xxh_init(&h);
    xxh_add(&h, data, ev->len);
    ev->value = xxh_final(&h);
    (void)sqlite3_bind_int64(rec->put_payload, 1, (sqlite3_int64)ev->value);
    (void)sqlite3_bind_blob(rec->put_payload, 2, ev->len != 0 ? data : "", (int)ev->len,
                            SQLITE_STATIC);
    const int rc = sqlite3_step(rec->put_payload);
    return sqlite3_reset(rec->put_payload) == SQLITE_OK && rc == SQLITE_DONE ? 0 : fail_sql(rec);
}

static int put_event(struct virtq_record *rec, const struct virtq_record_event *ev)
{
    const uint64_t column[] = {rec->n_events, ev->agent,   ev->kind,  ev->addr,
                               ev->len,       ev->value,   ev->aux,   ev->reads_from,
                               ev->order,     ev->barrier, ev->queue, ev->field};
    struct xxh *h = &rec->one[S1_EVENTS];

    for (int i = 0; i < (int)(sizeof(column) / sizeof(column[0])); i++) {
        (void)sqlite3_bind_int64(rec->put_event, i + 1, (sqlite3_int64)column[i]);
    }
    const int rc = sqlite3_step(rec->put_event);
    if (sqlite3_reset(rec->put_event) != SQLITE_OK || rc != SQLITE_DONE) {
        return fail_sql(rec);
    }
    add_le(h, ev->addr, 8);
    add_le(h, ev->value, 8);
    add_le(h, ev->aux, 8);
    add_le(h, ev->reads_from, 4);
    add_le(h, ev->len, 4);
    const uint8_t rest[8] = {ev->kind, ev->agent, ev->order, ev->barrier, ev->queue, ev->field};
    xxh_add(h, rest, sizeof(rest));
    add_le(&rec->two[S2_EVENT_SITES], 0, 4); // no place in a source
    rec->n_events++;
    return 0;
}

int virtq_record_event(struct virtq_record *rec, const struct virtq_record_event *event,
                       const void *data)
{
    struct virtq_record_event ev = *event;
    const bool note = ev.kind == VIRTQ_RECORD_K_NOTE;

    if (rec->error[0] != '\0') {
        return -1;
    }
    if (ev.kind >= VIRTQ_RECORD_KINDS || ev.agent >= VIRTQ_RECORD_AGENTS ||
        ev.order > VIRTQ_RECORD_SEQ_CST || ev.field >= VIRTQ_RECORD_FIELDS ||
        ev.barrier >= (note ? (unsigned)VIRTQ_RECORD_NOTES : BARRIERS) ||
        ev.reads_from > rec->n_events) {
        return fail(rec, "event %" PRIu64 " has a number that no table names", rec->n_events);
    }
    if (ev.kind == VIRTQ_RECORD_K_LOAD || ev.kind == VIRTQ_RECORD_K_STORE) {
        if (ev.len == 0 || ev.len > 16 || (ev.len & (ev.len - 1)) != 0) {
            return fail(rec, "event %" PRIu64 ": it has 1, 2, 4, 8 or 16 bytes", rec->n_events);
        }
        find_field(rec, &ev);
    }
    rec->peer_faults += note && ev.barrier == VIRTQ_RECORD_N_PEER_ERROR;
    const bool bulk = ev.kind == VIRTQ_RECORD_K_READ || ev.kind == VIRTQ_RECORD_K_WRITE ||
                      ev.kind == VIRTQ_RECORD_K_OUTSIDE;
    return bulk && put_payload(rec, &ev, data) != 0 ? -1 : put_event(rec, &ev);
}

// ---- closing ------------------------------------------------------------------------------------

// Feed the rows of a query into a digest; typed: each value with a letter for its type.
static void digest_rows(struct virtq_record *rec, struct xxh *h, bool typed, const char *sql)
{
    sqlite3_stmt *s = NULL;
    if (rec->error[0] != '\0' || sqlite3_prepare_v2(rec->db, sql, -1, &s, NULL) != SQLITE_OK) {
        (void)fail_sql(rec);
        return;
    }
    int rc = sqlite3_step(s);
    for (; rc == SQLITE_ROW; rc = sqlite3_step(s)) { // bound: rows of the table
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            const bool is_text = sqlite3_column_type(s, i) == SQLITE_TEXT;
            const void *text = sqlite3_column_text(s, i);
            const size_t bytes = (size_t)sqlite3_column_bytes(s, i);
            xxh_add(h, is_text ? "t" : "i", typed ? 1 : 0);
            if (typed || !is_text) {
                add_le(h, is_text ? bytes : (uint64_t)sqlite3_column_int64(s, i), 8);
            }
            xxh_add(h, text, is_text ? bytes : 0);
        }
    }
    (void)sqlite3_finalize(s);
    if (rc != SQLITE_DONE) {
        (void)fail_sql(rec);
    }
}

// The digest of a digest's sections.
static uint64_t combine(const struct xxh *sections, unsigned n)
{
    struct xxh h;
    xxh_init(&h);
    for (unsigned i = 0; i < n; i++) {
        add_le(&h, xxh_final(&sections[i]), 8);
    }
    return xxh_final(&h);
}

static int finish_rows(struct virtq_record *rec)
{
    struct xxh *one = rec->one;
    struct xxh *two = rec->two;
    char sql[400];

    digest_rows(rec, &one[S1_SCENARIO], false,
                "SELECT key || '=' || value || char(10) FROM scenario ORDER BY id");
    digest_rows(rec, &one[S1_REGIONS], false, "SELECT gpa, bytes FROM region ORDER BY id");
    digest_rows(rec, &one[S1_PAYLOAD], false,
                "SELECT digest, length(bytes) FROM payload ORDER BY digest");
    (void)snprintf(sql, sizeof(sql), // the outcome: nobody has judged it yet
                   "INSERT INTO meta VALUES('tool',?1),('outcome','clean'),('kind','-'),"
                   "('side','-'),('detail',''),('event','0'),('peer_faults','%" PRIu32 "'),"
                   "('n_events','%" PRIu64 "'),('run_hash','%016" PRIx64 "'),"
                   "('hash','%016" PRIx64 "')",
                   rec->peer_faults, rec->n_events, xxh_final(&one[S1_EVENTS]),
                   combine(one, S1_COUNT));
    (void)run(rec, sql, rec->tool, -1);
    digest_rows(rec, &two[S2_SCHEMA], true,
                "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid");
    digest_rows(rec, &two[S2_META], true, "SELECT k, v FROM meta ORDER BY k");
    for (size_t t = 0; t < NAME_TABLES; t++) {
        (void)snprintf(sql, sizeof(sql), "SELECT id, name FROM %s ORDER BY id", names[t].table);
        digest_rows(rec, &two[S2_NAMES], true, sql);
    }
    (void)snprintf(sql, sizeof(sql), "INSERT INTO meta VALUES('digest2','%016" PRIx64 "')",
                   combine(two, S2_COUNT));
    return run(rec, sql, NULL, -1) != 0 ? -1 : exec(rec, "COMMIT");
}

static void close_db(struct virtq_record *rec)
{
    (void)sqlite3_finalize(rec->put_event);
    (void)sqlite3_finalize(rec->put_payload);
    if (sqlite3_close(rec->db) != SQLITE_OK) {
        (void)fail_sql(rec);
    }
    rec->put_event = rec->put_payload = NULL;
    rec->db = NULL;
}

// Make the file durable, then give it its name: whoever sees the name sees all of it.
static void publish(struct virtq_record *rec)
{
    close_db(rec);
    const int fd = open(rec->tmp, O_RDONLY | O_CLOEXEC);
    if (rec->error[0] != '\0' || fd < 0 || fsync(fd) != 0 || rename(rec->tmp, rec->path) != 0) {
        (void)fail(rec, "%.100s: cannot be written: %s", rec->path, strerror(errno));
    } else {
        rec->tmp[0] = '\0';
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

int virtq_record_close(struct virtq_record *rec, char *err, size_t err_bytes)
{
    if (rec == NULL) {
        say(err, err_bytes, "there is no recorder");
        return -1;
    }
    if (rec->error[0] == '\0' && finish_rows(rec) == 0) {
        publish(rec);
    }
    const int result = rec->error[0] == '\0' ? 0 : -1;
    say(err, err_bytes, rec->error);
    virtq_record_abort(rec);
    return result;
}

void virtq_record_abort(struct virtq_record *rec)
{
    if (rec != NULL) {
        close_db(rec);
        (void)unlink(rec->tmp); // "": nothing
        free(rec);
    }
}
