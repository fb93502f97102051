// model/trace/vl_trace_check.c -- nothing in a trace is believed before it was checked here.
// Spec: docs/TRACE.md "What a reader checks". The file may be anybody's: every table is read once,
// row by row, and its keys must ascend, so that work is bounded by the file's size whatever its
// pages point at.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_trace_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum virtq_err row_fn(struct vl_trace *t, sqlite3_stmt *s, uint64_t n);

#define AGAIN "; record it again"

static enum virtq_err bad(struct vl_trace *t, const char *what)
{
    return vl_trace_fault(t, VIRTQ_ERR_INVALID, "damaged or altered: %s" AGAIN, what);
}

// Call row() for each row of sql, which reads from table.
static enum virtq_err scan(struct vl_trace *t, const char *table, const char *sql, row_fn *row)
{
    sqlite3_stmt *s = NULL;
    t->row_of = table;
    if (sqlite3_prepare_v2(t->db, sql, -1, &s, NULL) != SQLITE_OK) {
        return vl_trace_fault_sql(t);
    }
    int rc = sqlite3_step(s);
    // bound: rows of the table, whose keys every row() demands to ascend
    for (uint64_t n = 0; rc == SQLITE_ROW; rc = sqlite3_step(s), n++) {
        if (row(t, s, n) != VIRTQ_OK || t->error != VIRTQ_OK) {
            break;
        }
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        (void)vl_trace_fault_sql(t);
    }
    (void)sqlite3_finalize(s);
    return t->error;
}

// A text column without NUL bytes, up to max bytes. Anything else is a fault, and "".
static const char *text(struct vl_trace *t, sqlite3_stmt *s, int column, size_t max)
{
    const int type = sqlite3_column_type(s, column);
    const char *v = (const char *)sqlite3_column_text(s, column);
    const int bytes = sqlite3_column_bytes(s, column);
    if (type != SQLITE_TEXT || v == NULL || bytes < 0 || (size_t)bytes > max ||
        strlen(v) != (size_t)bytes) {
        (void)vl_trace_fault(t, VIRTQ_ERR_INVALID,
                             "damaged: table %s: %s is no text that can stand there" AGAIN,
                             t->row_of, sqlite3_column_name(s, column));
        return "";
    }
    return v;
}

// The key column must count from first without gaps.
static enum virtq_err dense(struct vl_trace *t, sqlite3_stmt *s, uint64_t expected)
{
    const uint64_t key = vl_trace_column(t, s, 0, INT64_MAX);
    if (t->error == VIRTQ_OK && key != expected) {
        (void)vl_trace_fault(t, VIRTQ_ERR_INVALID, "altered: %s %" PRIu64 " is missing" AGAIN,
                             t->row_of, expected);
    }
    return t->error;
}

// ---- schema -------------------------------------------------------------------------------------

static enum virtq_err row_schema(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    const struct vl_trace_object *o = n < vl_trace_n_objects ? &vl_trace_objects[n] : NULL;
    const char *type = text(t, s, 0, VL_TRACE_TEXT_MAX);
    const char *name = text(t, s, 1, VL_TRACE_TEXT_MAX);
    const char *tbl_name = text(t, s, 2, VL_TRACE_TEXT_MAX);
    const char *sql = text(t, s, 3, VL_TRACE_TEXT_MAX);
    if (t->error != VIRTQ_OK) {
        return t->error;
    }
    if (o == NULL) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID, "altered: %s %s is no part of a trace" AGAIN,
                              type, name);
    }
    if (strcmp(type, o->type) != 0 || strcmp(name, o->name) != 0 ||
        strcmp(tbl_name, o->name) != 0) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID,
                              "altered: %s %s is missing, %s %s in its place" AGAIN, o->type,
                              o->name, type, name);
    }
    if (strcmp(sql, o->sql) != 0) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID, "altered: %s %s has another shape" AGAIN, type,
                              name);
    }
    vl_trace_digest_text(&t->digests, VL_SECTION2_SCHEMA, type);
    vl_trace_digest_text(&t->digests, VL_SECTION2_SCHEMA, name);
    vl_trace_digest_text(&t->digests, VL_SECTION2_SCHEMA, tbl_name);
    vl_trace_digest_text(&t->digests, VL_SECTION2_SCHEMA, sql);
    t->info.n_scenario = (uint32_t)n + 1; // rows so far; the scenario is counted later
    return VIRTQ_OK;
}

static enum virtq_err check_schema(struct vl_trace *t)
{
    (void)scan(t, "sqlite_schema",
               "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid", row_schema);
    const uint32_t n = t->info.n_scenario;
    t->info.n_scenario = 0;
    if (t->error == VIRTQ_OK && n != vl_trace_n_objects) {
        (void)vl_trace_fault(t, VIRTQ_ERR_INVALID, "altered: %s %s is missing" AGAIN,
                             vl_trace_objects[n].type, vl_trace_objects[n].name);
    }
    return t->error;
}

// Also what no scan shows, such as a page's key by which SQLite would look in the wrong place.
static enum virtq_err row_quick(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    (void)n;
    const char *says = (const char *)sqlite3_column_text(s, 0);
    if (says == NULL || strcmp(says, "ok") != 0) {
        (void)vl_trace_fault(t, VIRTQ_ERR_INVALID, "damaged: SQLite says \"%.80s\"" AGAIN,
                             says != NULL ? says : "nothing");
    }
    return t->error;
}

// ---- meta ---------------------------------------------------------------------------------------

static bool parse_number(const char *v, unsigned base, uint64_t *out)
{
    char *end = NULL;
    const size_t n = strlen(v);
    const char *digits = base == 16 ? "0123456789abcdef" : "0123456789";
    if (n == 0 || strspn(v, digits) != n || (base == 16 ? n != 16 : n > 19)) {
        return false;
    }
    *out = strtoull(v, &end, (int)base);
    return *end == '\0';
}

static bool parse_outcome(const char *v, enum vl_outcome *out)
{
    for (unsigned i = 0; i <= VL_CRASHED; i++) {
        if (strcmp(v, vl_outcome_name(i)) == 0) {
            *out = (enum vl_outcome)i;
            return true;
        }
    }
    return false;
}

static bool copy_text(const char *v, char *out, size_t room)
{
    const int n = snprintf(out, room, "%s", v);
    return n >= 0 && (size_t)n < room;
}

static const char *const meta_keys[] = {"tool",     "outcome", "kind",        "side",
                                        "detail",   "event",   "peer_faults", "n_events",
                                        "run_hash", "hash",    "digest2"};
#define META_KEYS (sizeof(meta_keys) / sizeof(meta_keys[0]))

static bool take_meta(struct vl_trace *t, unsigned key, const char *v)
{
    struct vl_verdict *d = &t->info.verdict;
    uint64_t faults = 0;
    switch (key) {
    case 0: return copy_text(v, t->info.tool, sizeof(t->info.tool));
    case 1: return parse_outcome(v, &d->outcome);
    case 2: return copy_text(v, d->kind, sizeof(d->kind));
    case 3: return copy_text(v, d->side, sizeof(d->side));
    case 4: return copy_text(v, d->detail, sizeof(d->detail));
    case 5: return parse_number(v, 10, &d->event);
    case 6:
        if (!parse_number(v, 10, &faults) || faults > UINT32_MAX) {
            return false;
        }
        d->peer_faults = (uint32_t)faults;
        return true;
    case 7: return parse_number(v, 10, &d->n_events);
    case 8: return parse_number(v, 16, &d->hash);
    case 9: return parse_number(v, 16, &t->info.hash);
    default: return parse_number(v, 16, &t->info.digest2);
    }
}

static enum virtq_err row_meta(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    const char *k = text(t, s, 0, VL_TRACE_TEXT_MAX);
    const char *v = text(t, s, 1, VL_TRACE_TEXT_MAX);
    if (t->error != VIRTQ_OK) {
        return t->error;
    }
    unsigned key = 0;
    while (key < META_KEYS && strcmp(k, meta_keys[key]) != 0) { // bound: META_KEYS
        key++;
    }
    if (key == META_KEYS || n >= META_KEYS) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID, "altered: meta has an unknown key %.40s" AGAIN,
                              k);
    }
    if (!take_meta(t, key, v)) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID,
                              "altered: meta %s has no value of its kind" AGAIN, k);
    }
    t->meta_seen |= 1u << key;
    if (strcmp(k, "digest2") != 0) { // a digest cannot cover itself
        vl_trace_digest_text(&t->digests, VL_SECTION2_META, k);
        vl_trace_digest_text(&t->digests, VL_SECTION2_META, v);
    }
    return VIRTQ_OK;
}

static enum virtq_err check_meta(struct vl_trace *t)
{
    (void)scan(t, "meta", "SELECT k, v FROM meta ORDER BY k", row_meta);
    for (unsigned key = 0; key < META_KEYS && t->error == VIRTQ_OK; key++) {
        if ((t->meta_seen >> key & 1) == 0) {
            (void)vl_trace_fault(t, VIRTQ_ERR_INVALID, "altered: meta has no %s" AGAIN,
                                 meta_keys[key]);
        }
    }
    t->run_hash = t->info.verdict.hash;
    return t->error;
}

// ---- names --------------------------------------------------------------------------------------

// Names are added at the end of a table; a file may be from before that, and lack the last ones.
static enum virtq_err check_names(struct vl_trace *t, const struct vl_trace_names *names)
{
    char sql[64];
    sqlite3_stmt *s = NULL;
    (void)snprintf(sql, sizeof(sql), "SELECT id, name FROM %s ORDER BY id", names->table);
    t->row_of = names->table;
    if (sqlite3_prepare_v2(t->db, sql, -1, &s, NULL) != SQLITE_OK) {
        return vl_trace_fault_sql(t);
    }
    unsigned n = 0;
    int rc = sqlite3_step(s);
    for (; rc == SQLITE_ROW && n < names->n && dense(t, s, n) == VIRTQ_OK; n++) {
        const char *name = text(t, s, 1, VL_TRACE_TEXT_MAX);
        if (t->error == VIRTQ_OK && strcmp(name, names->name[n]) != 0) {
            (void)vl_trace_fault(t, VIRTQ_ERR_UNSUPPORTED,
                                 "%s %u is \"%.30s\" there and \"%s\" in this build: use the build"
                                 " that wrote it, or record it again",
                                 names->table, n, name, names->name[n]);
        }
        vl_trace_digest_int(&t->digests, VL_SECTION2_NAMES, n);
        vl_trace_digest_text(&t->digests, VL_SECTION2_NAMES, name);
        rc = sqlite3_step(s);
    }
    if (rc != SQLITE_DONE || n == 0) {
        (void)vl_trace_fault(t, VIRTQ_ERR_UNSUPPORTED,
                             "table %s has %s names than this build's %u: use the build that"
                             " wrote it, or record it again",
                             names->table, n == 0 ? "fewer" : "more", names->n);
    }
    (void)sqlite3_finalize(s);
    return t->error;
}

// ---- scenario, choices, outside, regions, sites -------------------------------------------------

static char *line_open(const char *key, const char *value)
{
    const size_t room = strlen(key) + strlen(value) + 2;
    char *line = malloc(room);
    if (line != NULL) {
        (void)snprintf(line, room, "%s=%s", key, value);
    }
    return line;
}

static enum virtq_err row_scenario(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    if (dense(t, s, n) != VIRTQ_OK || n >= VL_TRACE_SCENARIO_MAX) {
        return bad(t, "more scenario lines than there can be");
    }
    const char *key = text(t, s, 1, VL_TRACE_TEXT_MAX);
    const char *value = text(t, s, 2, VL_TRACE_TEXT_MAX);
    if (t->error != VIRTQ_OK || strpbrk(key, "=\n") != NULL || strchr(value, '\n') != NULL) {
        return bad(t, "a scenario line that no scenario has");
    }
    t->info.scenario[n] = line_open(key, value);
    if (t->info.scenario[n] == NULL) {
        return vl_trace_fault(t, VIRTQ_ERR_NO_MEMORY, "no memory left to read it");
    }
    t->info.n_scenario = (uint32_t)n + 1;
    vl_trace_digest_scenario(&t->digests, key, value);
    return VIRTQ_OK;
}

static enum virtq_err row_choice_count(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    (void)n;
    if (sqlite3_column_type(s, 0) != SQLITE_NULL) { // of an empty table
        t->info.n_choices = (uint32_t)vl_trace_column(t, s, 0, VL_TRACE_CHOICES_MAX - 1) + 1;
    }
    return t->error;
}

static enum virtq_err row_choice(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    if (dense(t, s, n) != VIRTQ_OK || n >= t->info.n_choices) {
        return bad(t, "more choices than were counted");
    }
    struct vl_deviation *d = &t->info.choices[n];
    d->lane = (uint8_t)vl_trace_column(t, s, 1, UINT8_MAX);
    d->agent = (uint8_t)vl_trace_column(t, s, 2, UINT8_MAX);
    d->key = (uint16_t)vl_trace_column(t, s, 3, UINT16_MAX);
    d->nth = (uint32_t)vl_trace_column(t, s, 4, UINT32_MAX);
    d->value = (uint32_t)vl_trace_column(t, s, 5, UINT32_MAX);
    const char *fault = vl_trace_choice_fault(d);
    if (fault != NULL) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID, "choice %" PRIu64 " has %s" AGAIN, n, fault);
    }
    vl_trace_digest_choice(&t->digests, d);
    return t->error;
}

static enum virtq_err row_outside(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    if (dense(t, s, n) != VIRTQ_OK || n >= VL_TRACE_OUTSIDE_MAX) {
        return bad(t, "more outside files than there can be");
    }
    struct vl_trace_outside *o = &t->info.outside[n];
    (void)copy_text(text(t, s, 1, VL_TRACE_TEXT_MAX), o->name, sizeof(o->name));
    o->size = vl_trace_column(t, s, 2, UINT64_MAX);
    (void)copy_text(text(t, s, 3, 64), o->sha256, sizeof(o->sha256));
    if (t->error != VIRTQ_OK || strspn(o->sha256, "0123456789abcdef") != 64) {
        return bad(t, "an outside file without a SHA-256");
    }
    t->info.n_outside = (uint32_t)n + 1;
    vl_trace_digest_outside(&t->digests, o);
    return VIRTQ_OK;
}

static enum virtq_err row_region(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    if (dense(t, s, n) != VIRTQ_OK || n >= VL_TRACE_REGIONS_MAX) {
        return bad(t, "more memory regions than there can be");
    }
    struct vl_trace_region *r = &t->info.regions[n];
    r->gpa = vl_trace_column(t, s, 1, UINT64_MAX);
    r->bytes = vl_trace_column(t, s, 2, UINT64_MAX);
    t->info.n_regions = (uint32_t)n + 1;
    vl_trace_digest_region(&t->digests, r);
    return t->error;
}

static enum virtq_err row_site(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    if (dense(t, s, n + 1) != VIRTQ_OK || n + 1 >= VL_TRACE_SITES_MAX) {
        return bad(t, "more sites than there can be");
    }
    struct vl_log_site *site = &t->info.sites[n + 1];
    (void)copy_text(text(t, s, 1, sizeof(site->file) - 1), site->file, sizeof(site->file));
    site->line = (uint32_t)vl_trace_column(t, s, 2, UINT32_MAX);
    (void)copy_text(text(t, s, 3, sizeof(site->func) - 1), site->func, sizeof(site->func));
    t->info.n_sites = (uint32_t)n + 1;
    vl_trace_digest_int(&t->digests, VL_SECTION2_SITES, n + 1);
    vl_trace_digest_text(&t->digests, VL_SECTION2_SITES, site->file);
    vl_trace_digest_int(&t->digests, VL_SECTION2_SITES, site->line);
    vl_trace_digest_text(&t->digests, VL_SECTION2_SITES, site->func);
    return t->error;
}

// ---- payload and events -------------------------------------------------------------------------

static enum virtq_err row_payload(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    const uint64_t digest = vl_trace_column(t, s, 0, UINT64_MAX);
    if (n != 0 && (int64_t)digest <= t->last_key) {
        return bad(t, "payload out of order");
    }
    t->last_key = (int64_t)digest;
    const void *bytes = sqlite3_column_blob(s, 1);
    const int len = sqlite3_column_bytes(s, 1);
    if (sqlite3_column_type(s, 1) != SQLITE_BLOB || len < 0 || (unsigned)len > VL_BULK_MAX_BYTES) {
        return bad(t, "a payload that is too long or no bytes");
    }
    if (vl_hash64(len != 0 ? bytes : "", (size_t)len) != digest) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID,
                              "altered: payload %016" PRIx64 " has other bytes" AGAIN, digest);
    }
    vl_trace_digest_payload(&t->digests, digest, (uint64_t)len);
    return t->error;
}

// The bytes of a bulk event must be there, as many as it says.
static enum virtq_err check_bulk(struct vl_trace *t, const struct vl_trace_event *e)
{
    (void)sqlite3_bind_int64(t->payload, 1, (sqlite3_int64)e->ev.value);
    const bool there = sqlite3_step(t->payload) == SQLITE_ROW &&
                       (uint64_t)sqlite3_column_int64(t->payload, 0) == e->ev.len;
    (void)sqlite3_reset(t->payload);
    return there ? VIRTQ_OK
                 : vl_trace_fault(t, VIRTQ_ERR_INVALID,
                                  "altered: event %" PRIu64 " has no payload of its digest and"
                                  " length" AGAIN,
                                  e->seq);
}

static enum virtq_err row_event(struct vl_trace *t, sqlite3_stmt *s, uint64_t n)
{
    struct vl_trace_event e;
    if (dense(t, s, n) != VIRTQ_OK || vl_trace_decode(t, s, &e) != VIRTQ_OK) {
        return t->error;
    }
    if (e.site > t->info.n_sites) {
        return vl_trace_fault(t, VIRTQ_ERR_INVALID,
                              "altered: event %" PRIu64 " names site %" PRIu32
                              ", of %" PRIu32 AGAIN,
                              n, e.site, t->info.n_sites);
    }
    if (vl_event_is_bulk(e.ev.kind) && check_bulk(t, &e) != VIRTQ_OK) {
        return t->error;
    }
    vl_trace_digest_event(&t->digests, &e.ev, e.site);
    t->info.verdict.n_events = n + 1;
    return VIRTQ_OK;
}

static enum virtq_err check_events(struct vl_trace *t)
{
    const uint64_t n_said = t->info.verdict.n_events;
    t->info.verdict.n_events = 0;
    if (sqlite3_prepare_v2(t->db, "SELECT length(bytes) FROM payload WHERE digest = ?1", -1,
                           &t->payload, NULL) != SQLITE_OK) {
        return vl_trace_fault_sql(t);
    }
    (void)scan(t, "event", "SELECT " VL_TRACE_EVENT_COLUMNS " FROM event ORDER BY seq", row_event);
    (void)sqlite3_finalize(t->payload);
    t->payload = NULL;
    if (t->error == VIRTQ_OK && t->info.verdict.n_events != n_said) {
        (void)vl_trace_fault(t, VIRTQ_ERR_INVALID,
                             "altered: meta says %" PRIu64 " events, %" PRIu64 " are there" AGAIN,
                             n_said, t->info.verdict.n_events);
    }
    return t->error;
}

// ---- all of it ----------------------------------------------------------------------------------

static enum virtq_err compare(struct vl_trace *t, const char *what, uint64_t stored,
                              uint64_t computed)
{
    return stored == computed ? t->error
                              : vl_trace_fault(t, VIRTQ_ERR_INVALID,
                                               "altered: %s is %016" PRIx64 " there, %016" PRIx64
                                               " by its contents" AGAIN,
                                               what, stored, computed);
}

static enum virtq_err lists_open(struct vl_trace *t)
{
    struct vl_trace_info *i = &t->info;
    i->scenario = calloc(VL_TRACE_SCENARIO_MAX, sizeof(*i->scenario));
    i->outside = calloc(VL_TRACE_OUTSIDE_MAX, sizeof(*i->outside));
    i->sites = calloc(VL_TRACE_SITES_MAX, sizeof(*i->sites));
    i->choices = calloc((size_t)i->n_choices + 1, sizeof(*i->choices));
    if (i->scenario == NULL || i->outside == NULL || i->sites == NULL || i->choices == NULL) {
        return vl_trace_fault(t, VIRTQ_ERR_NO_MEMORY, "no memory left to read it");
    }
    return VIRTQ_OK;
}

enum virtq_err vl_trace_check_open(struct vl_trace *t)
{
    vl_trace_digests_init(&t->digests);
    // Only now that the schema is known to be ours may SQLite look at its tables.
    if (check_schema(t) != VIRTQ_OK ||
        scan(t, "sqlite_schema", "PRAGMA quick_check(1)", row_quick) != VIRTQ_OK ||
        check_meta(t) != VIRTQ_OK) {
        return t->error;
    }
    for (unsigned i = 0; i < VL_TRACE_NAME_TABLES; i++) {
        if (check_names(t, &vl_trace_names[i]) != VIRTQ_OK) {
            return t->error;
        }
    }
    if (scan(t, "choice", "SELECT max(id) FROM choice", row_choice_count) != VIRTQ_OK ||
        lists_open(t) != VIRTQ_OK) {
        return t->error;
    }
    static const struct {
        const char *table;
        const char *sql;
        row_fn *row;
    } tables[] = {
        {"scenario", "SELECT id, key, value FROM scenario ORDER BY id", row_scenario},
        {"choice", "SELECT id, lane, agent, key, nth, value FROM choice ORDER BY id", row_choice},
        {"outside", "SELECT id, name, size, sha256 FROM outside ORDER BY id", row_outside},
        {"region", "SELECT id, gpa, bytes FROM region ORDER BY id", row_region},
        {"site", "SELECT id, file, line, func FROM site ORDER BY id", row_site},
        {"payload", "SELECT digest, bytes FROM payload ORDER BY digest", row_payload},
    };
    for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (scan(t, tables[i].table, tables[i].sql, tables[i].row) != VIRTQ_OK) {
            return t->error;
        }
    }
    if (check_events(t) != VIRTQ_OK) {
        return t->error;
    }
    (void)compare(t, "run_hash", t->run_hash, vl_hash_final(&t->digests.one[VL_SECTION_EVENTS]));
    (void)compare(t, "hash", t->info.hash, vl_trace_digest_hash(&t->digests));
    return compare(t, "digest2", t->info.digest2, vl_trace_digest_second(&t->digests));
}
