// model/trace/vl_trace_schema.c -- a trace's tables and views, names, and the order of its digests.
// Spec: docs/TRACE.md, which says the same in words.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_trace_schema.h"

#include <stdio.h>
#include <string.h>

#define NAME_TABLE_SQL(t) "CREATE TABLE " t "(id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"

const struct vl_trace_object vl_trace_objects[] = {
    {"table", "meta",
     "CREATE TABLE meta(k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT, WITHOUT ROWID"},
    {"table", "scenario",
     "CREATE TABLE scenario(id INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT NOT NULL)"
     " STRICT"},
    {"table", "choice",
     "CREATE TABLE choice(id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, agent INTEGER NOT NULL,"
     " key INTEGER NOT NULL, nth INTEGER NOT NULL, value INTEGER NOT NULL) STRICT"},
    {"table", "outside",
     "CREATE TABLE outside(id INTEGER PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL,"
     " sha256 TEXT NOT NULL) STRICT"},
    {"table", "region",
     "CREATE TABLE region(id INTEGER PRIMARY KEY, gpa INTEGER NOT NULL, bytes INTEGER NOT NULL)"
     " STRICT"},
    {"table", "event",
     "CREATE TABLE event(seq INTEGER PRIMARY KEY, agent INTEGER, kind INTEGER, site INTEGER,"
     " addr INTEGER, len INTEGER, value INTEGER, aux INTEGER, reads_from INTEGER, ord INTEGER,"
     " barrier INTEGER, queue INTEGER, field INTEGER) STRICT"},
    {"table", "payload",
     "CREATE TABLE payload(digest INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT"},
    {"table", "site",
     "CREATE TABLE site(id INTEGER PRIMARY KEY, file TEXT NOT NULL, line INTEGER NOT NULL,"
     " func TEXT NOT NULL) STRICT"},
    {"table", "agent", NAME_TABLE_SQL("agent")},
    {"table", "kind", NAME_TABLE_SQL("kind")},
    {"table", "ord", NAME_TABLE_SQL("ord")},
    {"table", "barrier", NAME_TABLE_SQL("barrier")},
    {"table", "field", NAME_TABLE_SQL("field")},
    {"table", "note", NAME_TABLE_SQL("note")},
    {"table", "lane", NAME_TABLE_SQL("lane")},
    {"view", "v_timeline",
     "CREATE VIEW v_timeline AS SELECT e.seq AS seq, a.name AS agent,"
     " CASE WHEN k.name = 'note' THEN 'note ' || n.name ELSE k.name END AS what,"
     " CASE WHEN e.field = 0 THEN '-' ELSE 'q' || e.queue || '.' || f.name END AS field,"
     " printf('0x%x', e.addr) AS addr, printf('0x%x', e.value) AS value,"
     " printf('0x%x', e.aux) AS aux, e.len AS len, o.name AS ord,"
     " CASE WHEN k.name = 'note' THEN '-' ELSE b.name END AS barrier,"
     " CASE WHEN k.name <> 'load' THEN '-' WHEN e.reads_from = 0 THEN 'start'"
     " ELSE e.reads_from - 1 END AS reads_from,"
     " coalesce(s.file || ':' || s.line, '-') AS source"
     " FROM event e LEFT JOIN agent a ON a.id = e.agent LEFT JOIN kind k ON k.id = e.kind"
     " LEFT JOIN field f ON f.id = e.field LEFT JOIN ord o ON o.id = e.ord"
     " LEFT JOIN barrier b ON b.id = e.barrier LEFT JOIN note n ON n.id = e.barrier"
     " LEFT JOIN site s ON s.id = e.site"},
    {"view", "v_ring_at",
     "CREATE VIEW v_ring_at AS SELECT at.seq AS seq, s.queue AS queue, f.name AS field,"
     " printf('0x%x', s.addr) AS addr, s.len AS len, printf('0x%x', s.value) AS value,"
     " printf('0x%x', s.aux) AS aux, max(s.seq) AS stored_by, a.name AS agent"
     " FROM event at JOIN event s ON s.seq <= at.seq JOIN field f ON f.id = s.field"
     " JOIN agent a ON a.id = s.agent"
     " WHERE s.kind = (SELECT id FROM kind WHERE name = 'store') AND f.name IN ('desc',"
     " 'avail.flags', 'avail.idx', 'avail.ring', 'used_event', 'used.flags', 'used.idx',"
     " 'used.ring', 'avail_event') GROUP BY at.seq, s.addr"},
    {"view", "v_choice",
     "CREATE VIEW v_choice AS SELECT c.id AS id, l.name AS lane, a.name AS agent,"
     " CASE WHEN l.name IN ('read', 'store') THEN 'q' || (c.key >> 4) || '.' || f.name"
     " ELSE c.key END AS key, c.nth AS nth, c.value AS value"
     " FROM choice c LEFT JOIN lane l ON l.id = c.lane LEFT JOIN agent a ON a.id = c.agent"
     " LEFT JOIN field f ON f.id = (c.key & 15)"},
};
const unsigned vl_trace_n_objects = sizeof(vl_trace_objects) / sizeof(vl_trace_objects[0]);

// ---- names --------------------------------------------------------------------------------------

#define NAME2(id, name) name,
#define NAME4(id, name, agents, keys) name,
#define NAME6(id, name, strength, partner, side, orders) name,

static const char *const agents[] = {VL_AGENTS(NAME2)};
static const char *const kinds[] = {VL_EVENT_KINDS(NAME2)};
static const char *const orders[] = {"plain", "rlx", "acq", "rel", "ar", "sc"};
static const char *const barriers[] = {"-", VIRTQ_BARRIERS(NAME6)};
static const char *const fields[] = {VL_FIELDS(NAME2)};
static const char *const notes[] = {VIRTQ_NOTES(NAME2)};
static const char *const lanes[] = {VL_LANES(NAME4)};

_Static_assert(sizeof(orders) / sizeof(orders[0]) == VIRTQ_SEQ_CST + 1, "one name an order");
_Static_assert(sizeof(barriers) / sizeof(barriers[0]) == VIRTQ_BARRIER_COUNT, "one name a barrier");

#define NAMES(table, list)                                                                         \
    {                                                                                              \
        table, list, sizeof(list) / sizeof((list)[0])                                              \
    }
const struct vl_trace_names vl_trace_names[VL_TRACE_NAME_TABLES] = {
    NAMES("agent", agents), NAMES("kind", kinds), NAMES("ord", orders), NAMES("barrier", barriers),
    NAMES("field", fields), NAMES("note", notes), NAMES("lane", lanes),
};

const char *vl_outcome_name(unsigned outcome)
{
    static const char *const names[] = {[VL_CLEAN] = "clean",
                                        [VL_FINDING] = "finding",
                                        [VL_BUDGET] = "budget",
                                        [VL_CRASHED] = "crashed"};
    return outcome <= VL_CRASHED ? names[outcome] : "?";
}

// ---- digests ------------------------------------------------------------------------------------

static void put_le(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

void vl_trace_digests_init(struct vl_trace_digests *d)
{
    for (unsigned i = 0; i < VL_SECTION_COUNT; i++) {
        vl_hash_init(&d->one[i]);
    }
    for (unsigned i = 0; i < VL_SECTION2_COUNT; i++) {
        vl_hash_init(&d->two[i]);
    }
}

void vl_trace_digest_scenario(struct vl_trace_digests *d, const char *key, const char *value)
{
    struct vl_hash *h = &d->one[VL_SECTION_SCENARIO];
    vl_hash_update(h, key, strlen(key));
    vl_hash_update(h, "=", 1);
    vl_hash_update(h, value, strlen(value));
    vl_hash_update(h, "\n", 1);
}

void vl_trace_digest_choice(struct vl_trace_digests *d, const struct vl_deviation *c)
{
    uint8_t rec[12];
    rec[0] = c->lane;
    rec[1] = c->agent;
    put_le(rec + 2, c->key, 2);
    put_le(rec + 4, c->nth, 4);
    put_le(rec + 8, c->value, 4);
    vl_hash_update(&d->one[VL_SECTION_CHOICES], rec, sizeof(rec));
}

void vl_trace_digest_outside(struct vl_trace_digests *d, const struct vl_trace_outside *o)
{
    uint8_t rec[8];
    put_le(rec, o->size, 8);
    vl_hash_update(&d->one[VL_SECTION_OUTSIDE], rec, sizeof(rec));
    vl_hash_update(&d->one[VL_SECTION_OUTSIDE], o->sha256, 64);
    vl_trace_digest_text(d, VL_SECTION2_OUTSIDE_NAMES, o->name);
}

void vl_trace_digest_region(struct vl_trace_digests *d, const struct vl_trace_region *r)
{
    uint8_t rec[16];
    put_le(rec, r->gpa, 8);
    put_le(rec + 8, r->bytes, 8);
    vl_hash_update(&d->one[VL_SECTION_REGIONS], rec, sizeof(rec));
}

void vl_trace_digest_event(struct vl_trace_digests *d, const struct vl_event *ev, uint32_t site)
{
    uint8_t rec[VL_EVENT_BYTES];
    vl_event_encode(ev, rec);
    vl_hash_update(&d->one[VL_SECTION_EVENTS], rec, sizeof(rec));
    uint8_t beside[4];
    put_le(beside, site, 4);
    vl_hash_update(&d->two[VL_SECTION2_EVENT_SITES], beside, sizeof(beside));
}

void vl_trace_digest_payload(struct vl_trace_digests *d, uint64_t digest, uint64_t bytes)
{
    uint8_t rec[16];
    put_le(rec, digest, 8);
    put_le(rec + 8, bytes, 8);
    vl_hash_update(&d->one[VL_SECTION_PAYLOAD], rec, sizeof(rec));
}

void vl_trace_digest_int(struct vl_trace_digests *d, enum vl_trace_section2 s, uint64_t value)
{
    uint8_t rec[9] = {'i'};
    put_le(rec + 1, value, 8);
    vl_hash_update(&d->two[s], rec, sizeof(rec));
}

void vl_trace_digest_text(struct vl_trace_digests *d, enum vl_trace_section2 s, const char *text)
{
    uint8_t rec[9] = {'t'};
    const size_t bytes = strlen(text);
    put_le(rec + 1, bytes, 8);
    vl_hash_update(&d->two[s], rec, sizeof(rec));
    vl_hash_update(&d->two[s], text, bytes);
}

static uint64_t combine(const struct vl_hash *sections, unsigned n)
{
    struct vl_hash h;
    vl_hash_init(&h);
    for (unsigned i = 0; i < n; i++) {
        uint8_t rec[8];
        put_le(rec, vl_hash_final(&sections[i]), 8);
        vl_hash_update(&h, rec, sizeof(rec));
    }
    return vl_hash_final(&h);
}

uint64_t vl_trace_digest_hash(const struct vl_trace_digests *d)
{
    return combine(d->one, VL_SECTION_COUNT);
}

uint64_t vl_trace_digest_second(const struct vl_trace_digests *d)
{
    return combine(d->two, VL_SECTION2_COUNT);
}

// ---- ranges -------------------------------------------------------------------------------------

const char *vl_trace_event_fault(const struct vl_event *ev, uint64_t seq)
{
    const unsigned names =
        ev->kind == VL_EV_NOTE ? (unsigned)VIRTQ_NOTE_COUNT : (unsigned)VIRTQ_BARRIER_COUNT;
    if (ev->kind >= VL_EV_COUNT) {
        return "an unknown kind";
    }
    if (ev->agent >= VL_AGENT_COUNT) {
        return "an unknown agent";
    }
    if (ev->order > VIRTQ_SEQ_CST) {
        return "an unknown order";
    }
    if (ev->barrier >= names) {
        return "an unknown barrier or note";
    }
    if (ev->field >= VL_FIELD_COUNT) {
        return "an unknown field";
    }
    if (ev->reads_from > seq) {
        return "a load of a store that comes later";
    }
    if (vl_event_is_bulk(ev->kind) && ev->len > VL_BULK_MAX_BYTES) {
        return "more bytes than one access may move";
    }
    return ev->zero != 0 ? "bits that are not in use" : NULL;
}

const char *vl_trace_choice_fault(const struct vl_deviation *d)
{
    if (d->lane >= VL_LANE_COUNT) {
        return "an unknown lane";
    }
    if (d->agent >= VL_AGENT_COUNT) {
        return "an unknown agent";
    }
    return d->nth == 0 || d->value == 0 ? "an occurrence or a value of 0" : NULL;
}

// ---- messages -----------------------------------------------------------------------------------

#define PATH_SHOWN 100

void vl_trace_vsay(char *err, const char *path, const char *format, va_list args)
{
    const size_t bytes = strlen(path);
    const char *dots = bytes > PATH_SHOWN ? "..." : "";
    const char *shown = bytes > PATH_SHOWN ? path + bytes - PATH_SHOWN : path;
    const int n = snprintf(err, VL_TRACE_ERR_BYTES, "%s%s: ", dots, shown);
    if (n > 0 && (unsigned)n < VL_TRACE_ERR_BYTES) {
        (void)vsnprintf(err + n, VL_TRACE_ERR_BYTES - (unsigned)n, format, args);
    }
    for (char *c = err; *c != '\0'; c++) { // one line, whatever a path or a stored text holds
        if ((unsigned char)*c < 0x20) {
            *c = '?';
        }
    }
}

void vl_trace_say(char *err, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vl_trace_vsay(err, path, format, args);
    va_end(args);
}
