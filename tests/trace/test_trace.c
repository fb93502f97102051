// tests/trace/test_trace.c -- a trace reads back as it was written, or not at all.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_trace.h"
#include "tests/support/temp_dir.h"
#include "tests/trace/synth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define N_EVENTS 300u
#define FLIPS 200u
#define FLIP_SEED 20260101u

static char dir[128];
static char good[160]; // the trace that all others are made from
static char bad[160];

static const char *const scenario[] = {"device=blk", "queue_size=4", "note=a=b"};
static const struct vl_deviation choices[] = {
    {.lane = VL_LANE_READ, .agent = VL_AGENT_DEVICE, .key = 0x13, .nth = 4, .value = 9},
    {.lane = VL_LANE_SCHEDULE, .agent = VL_AGENT_DRIVER, .nth = 1, .value = 1},
    {.lane = VL_LANE_PLATFORM, .key = 63, .nth = UINT32_MAX, .value = UINT32_MAX},
};
static const struct vl_trace_outside outside = {
    .name = "disk image.img",
    .size = UINT64_MAX,
    .sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
static const struct vl_verdict verdict = {.outcome = VL_FINDING,
                                          .kind = "ownership:device-write",
                                          .side = "device",
                                          .detail = "stores 2 bytes outside",
                                          .event = 299,
                                          .peer_faults = 3};

#define OK(call) assert_int_equal((call), VIRTQ_OK)

static void write_trace(const char *path, uint64_t n_events)
{
    char err[VL_TRACE_ERR_BYTES];
    uint8_t payload[SYNTH_PAYLOAD_MAX];
    struct vl_trace_writer *w = NULL;
    OK(vl_trace_create(&w, path, err));
    for (unsigned i = 0; i < 3; i++) {
        OK(vl_trace_put_scenario(w, scenario[i]));
        OK(vl_trace_put_choice(w, &choices[i]));
        const struct vl_trace_region region = {.gpa = 0x100000000u * i, .bytes = 4096u + i};
        OK(vl_trace_put_region(w, &region));
    }
    OK(vl_trace_put_outside(w, &outside));
    for (uint32_t id = 1; id <= SYNTH_SITES; id++) {
        struct vl_log_site site = {.file = "driver/vdrv_queue.c", .func = "f", .line = id * 10};
        OK(vl_trace_put_site(w, id, &site));
    }
    for (uint64_t seq = 0; seq < n_events; seq++) {
        const struct vl_event ev = synth_event(seq, payload);
        OK(vl_trace_put_event(w, &ev, synth_site(seq), payload));
    }
    assert_int_equal(vl_trace_n_events(w), n_events);
    OK(vl_trace_finish(w, "build 1", &verdict, err));
    assert_string_equal(err, "");
}

static int setup(void **state)
{
    (void)state;
    if (!temp_dir(dir, sizeof(dir))) {
        return -1;
    }
    (void)snprintf(good, sizeof(good), "%s/good ?#%%.db", dir); // what a URI must escape
    (void)snprintf(bad, sizeof(bad), "%s/bad.db", dir);
    write_trace(good, N_EVENTS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(good);
    (void)unlink(bad);
    return rmdir(dir); // fails if a test left anything else
}

static uint8_t *slurp(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = malloc(*bytes);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *bytes, f), *bytes);
    (void)fclose(f);
    return data;
}

static void spill(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

// ---- reading back -------------------------------------------------------------------------------

static void check_events(struct vl_trace *t, uint64_t from)
{
    uint8_t payload[SYNTH_PAYLOAD_MAX];
    static uint8_t stored[VL_BULK_MAX_BYTES];
    struct vl_trace_event e;
    uint32_t bytes = 0;
    for (uint64_t seq = from; seq < N_EVENTS; seq++) {
        const struct vl_event ev = synth_event(seq, payload);
        assert_true(vl_trace_next(t, &e));
        assert_int_equal(e.seq, seq);
        assert_int_equal(e.site, synth_site(seq));
        assert_memory_equal(&e.ev, &ev, sizeof(ev));
        if (vl_event_is_bulk(ev.kind)) {
            assert_true(vl_trace_payload(t, ev.value, stored, &bytes));
            assert_int_equal(bytes, ev.len);
            assert_memory_equal(stored, payload, bytes);
        }
    }
    assert_false(vl_trace_next(t, &e));
    assert_false(vl_trace_next(t, &e)); // also a second time
    assert_false(vl_trace_failed(t));
}

// Goal: everything that was put is read back equal, and the hash is that of the events alone.
// Method: a series with each kind of event, values over the whole of 64 bits.
static void reads_back_equal(void **state)
{
    (void)state;
    char err[VL_TRACE_ERR_BYTES];
    struct vl_trace *t = NULL;
    OK(vl_trace_open(&t, good, err));
    const struct vl_trace_info *i = vl_trace_info(t);
    assert_string_equal(i->tool, "build 1");
    assert_int_equal(i->verdict.outcome, verdict.outcome);
    assert_string_equal(i->verdict.kind, verdict.kind);
    assert_string_equal(i->verdict.side, verdict.side);
    assert_string_equal(i->verdict.detail, verdict.detail);
    assert_int_equal(i->verdict.event, verdict.event);
    assert_int_equal(i->verdict.peer_faults, verdict.peer_faults);
    assert_int_equal(i->verdict.n_events, N_EVENTS);
    assert_int_equal(i->verdict.hash, synth_hash(N_EVENTS));
    assert_int_equal(i->n_scenario, 3);
    assert_int_equal(i->n_choices, 3);
    assert_int_equal(i->n_regions, 3);
    for (unsigned k = 0; k < 3; k++) {
        assert_string_equal(i->scenario[k], scenario[k]);
        assert_int_equal(vl_deviation_compare(&i->choices[k], &choices[k]), 0);
        assert_int_equal(i->choices[k].value, choices[k].value);
        assert_int_equal(i->regions[k].gpa, 0x100000000u * k);
        assert_int_equal(i->regions[k].bytes, 4096u + k);
    }
    assert_int_equal(i->n_outside, 1);
    assert_string_equal(i->outside[0].name, outside.name);
    assert_int_equal(i->outside[0].size, outside.size);
    assert_string_equal(i->outside[0].sha256, outside.sha256);
    assert_int_equal(vl_trace_site(t, 3)->line, 30);
    assert_null(vl_trace_site(t, 0));
    assert_null(vl_trace_site(t, SYNTH_SITES + 1));
    check_events(t, 0);
    vl_trace_seek(t, 250);
    check_events(t, 250);
    vl_trace_close(t);
}

// Goal: the same run gives the same file but for nothing; other events give another hash.
static void same_run_same_file(void **state)
{
    (void)state;
    size_t n_a = 0;
    size_t n_b = 0;
    write_trace(bad, N_EVENTS);
    uint8_t *a = slurp(good, &n_a);
    uint8_t *b = slurp(bad, &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    free(a);
    free(b);
    assert_int_not_equal(synth_hash(N_EVENTS), synth_hash(N_EVENTS - 1));
}

// Goal: the views answer with names and hex, for anyone with SQL. Method: rows known by the series.
static void views_read_well(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open_v2(good, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    static const struct {
        const char *sql;
        const char *value;
    } q[] = {
        {"SELECT count(*) FROM v_timeline", "300"},
        {"SELECT count(*) FROM v_timeline WHERE agent IS NULL OR what IS NULL OR field IS NULL"
         " OR ord IS NULL OR barrier IS NULL OR source IS NULL",
         "0"},
        {"SELECT what FROM v_timeline WHERE seq = 1", "store"},
        {"SELECT source FROM v_timeline WHERE seq = 1", "driver/vdrv_queue.c:10"},
        {"SELECT source FROM v_timeline WHERE seq = 7", "-"},
        {"SELECT aux FROM v_timeline WHERE seq = 5", "0xffffffffffffffff"},
        {"SELECT lane || ' ' || agent || ' ' || key FROM v_choice WHERE id = 0",
         "read device q1.avail.idx"},
        {"SELECT count(*) FROM v_ring_at WHERE seq = 299 AND stored_by > 299", "0"},
        {"SELECT count(*) > 0 FROM v_ring_at WHERE seq = 299", "1"},
        {"PRAGMA integrity_check", "ok"},
    };
    for (unsigned i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
        assert_int_equal(sqlite3_prepare_v2(db, q[i].sql, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(s, 0), q[i].value);
        (void)sqlite3_finalize(s);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// ---- broken files -------------------------------------------------------------------------------

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// The trace at path must be refused, with one line that names it and says fault.
static void expect_refusal(const char *path, const char *fault, enum virtq_err code)
{
    char err[VL_TRACE_ERR_BYTES] = "";
    struct vl_trace *t = NULL;
    const enum virtq_err e = vl_trace_open(&t, path, err);
    if (e != code || strstr(err, fault) == NULL || strncmp(err, path, strlen(path)) != 0 ||
        strchr(err, '\n') != NULL) {
        fail_msg("want \"%s\" (%d), got \"%s\" (%d)", fault, code, err, e);
    }
    assert_null(t);
}

// Goal: what was done to the content of a trace is said, in one line.
// Method: the good trace, altered by SQL.
static void altered_by_sql(void **state)
{
    (void)state;
    size_t bytes = 0;
    uint8_t *data = slurp(good, &bytes);
    static const struct {
        const char *sql;
        const char *fault;
    } t[] = {
        {"PRAGMA application_id=7", "another application (id 0x00000007)"},
        {"DROP TABLE site", "table site is missing"},
        {"DROP VIEW v_choice", "view v_choice is missing"},
        {"DROP VIEW v_timeline", "view v_timeline is missing"},
        {"CREATE TABLE more(a)", "table more is no part of a trace"},
        {"CREATE INDEX i ON event(addr)", "index i is no part of a trace"},
        {"ALTER TABLE region ADD COLUMN c INTEGER", "table region has another shape"},
        {"UPDATE event SET value = value + 1 WHERE seq = 1", "run_hash is "},
        {"UPDATE event SET value = value + 1 WHERE seq = 3", "event 3 has no payload of its"},
        {"UPDATE event SET kind = 200 WHERE seq = 9", "event 9 has an unknown kind"},
        {"UPDATE event SET agent = 99 WHERE seq = 9", "event 9 has an unknown agent"},
        {"UPDATE event SET field = 16 WHERE seq = 9", "event 9 has an unknown field"},
        {"UPDATE event SET ord = 6 WHERE seq = 9", "event 9 has an unknown order"},
        {"UPDATE event SET queue = 256 WHERE seq = 9", "event 9: queue is not in its range"},
        {"UPDATE event SET addr = NULL WHERE seq = 9", "event 9: addr is not in its range"},
        {"UPDATE event SET reads_from = 11 WHERE seq = 10", "event 10 has a load of a store that"},
        {"UPDATE event SET site = site + 1 WHERE seq = 9", "digest2 is "},
        {"UPDATE event SET site = 7 WHERE seq = 9", "event 9 names site 7, of 6"},
        {"DELETE FROM event WHERE seq = 20", "event 20 is missing"},
        {"DELETE FROM event WHERE seq = 299", "meta says 300 events, 299 are there"},
        {"INSERT INTO event SELECT 300, agent, kind, site, addr, len, value, aux, reads_from, ord,"
         " barrier, queue, field FROM event WHERE seq = 1",
         "meta says 300 events, 301 are there"},
        {"UPDATE payload SET bytes = zeroblob(length(bytes))", "has other bytes"},
        {"DELETE FROM payload", "has no payload of its digest"},
        {"UPDATE choice SET value = 8 WHERE id = 0", "hash is "},
        {"UPDATE choice SET lane = 77 WHERE id = 1", "choice 1 has an unknown lane"},
        {"UPDATE choice SET id = 9 WHERE id = 0; UPDATE choice SET id = 0 WHERE id = 1;"
         "UPDATE choice SET id = 1 WHERE id = 9",
         "hash is "},
        {"DELETE FROM choice WHERE id = 0", "choice 0 is missing"},
        {"UPDATE scenario SET value = '8' WHERE key = 'queue_size'", "hash is "},
        {"UPDATE scenario SET key = 'a=b'", "a scenario line that no scenario has"},
        {"UPDATE outside SET size = 5", "hash is "},
        {"UPDATE outside SET name = 'other'", "digest2 is "},
        {"UPDATE outside SET sha256 = 'abc'", "an outside file without a SHA-256"},
        {"UPDATE region SET bytes = bytes + 1 WHERE id = 2", "hash is "},
        {"UPDATE site SET line = 11 WHERE id = 1", "digest2 is "},
        {"DELETE FROM meta WHERE k = 'outcome'", "meta has no outcome"},
        {"DELETE FROM meta WHERE k = 'digest2'", "meta has no digest2"},
        {"UPDATE meta SET v = 'fine' WHERE k = 'outcome'", "meta outcome has no value of its kind"},
        {"UPDATE meta SET v = 'clean' WHERE k = 'outcome'", "digest2 is "},
        {"UPDATE meta SET v = 'build 2' WHERE k = 'tool'", "digest2 is "},
        {"UPDATE meta SET v = '0123456789abcdef' WHERE k = 'digest2'",
         "digest2 is 0123456789abcdef"},
        {"INSERT INTO meta VALUES('more', '1')", "meta has an unknown key more"},
        {"UPDATE kind SET name = 'stare' WHERE id = 1", "kind 1 is \"stare\" there"},
    };
    for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        spill(bad, data, bytes);
        run_sql(bad, t[i].sql);
        const bool names = strstr(t[i].fault, "stare") != NULL;
        expect_refusal(bad, t[i].fault, names ? VIRTQ_ERR_UNSUPPORTED : VIRTQ_ERR_INVALID);
    }
    spill(bad, data, bytes);
    run_sql(bad, "PRAGMA user_version=2");
    expect_refusal(bad, "has schema version 2; this build reads version 1 only",
                   VIRTQ_ERR_UNSUPPORTED);
    free(data);
}

// Goal: what is no trace at all, or not a whole one, is said.
static void not_a_trace(void **state)
{
    (void)state;
    size_t bytes = 0;
    uint8_t *data = slurp(good, &bytes);
    char missing[200];
    (void)snprintf(missing, sizeof(missing), "%s/none.db", dir);
    expect_refusal(missing, "cannot be opened: No such file", VIRTQ_ERR_IO);
    expect_refusal(dir, "is a directory", VIRTQ_ERR_IO);
    expect_refusal("/dev/null", "is no regular file", VIRTQ_ERR_IO);
    spill(bad, data, 0);
    expect_refusal(bad, "is empty", VIRTQ_ERR_INVALID);
    spill(bad, "vringlab-input 1\n", 17);
    expect_refusal(bad, "is no SQLite database", VIRTQ_ERR_INVALID);
    spill(bad, data, 50);
    expect_refusal(bad, "cut short: 50 of 100 bytes", VIRTQ_ERR_INVALID);
    spill(bad, data, bytes / 2);
    expect_refusal(bad, "cut short: ", VIRTQ_ERR_INVALID);
    spill(bad, data, bytes - 1);
    expect_refusal(bad, "cut short: ", VIRTQ_ERR_INVALID);
    memset(data + 4096, 0xA5, 4096);
    spill(bad, data, bytes);
    expect_refusal(bad, "damaged: ", VIRTQ_ERR_INVALID);
    assert_int_equal(unlink(bad), 0);
    run_sql(good, "SELECT 1"); // the good one is still good
    free(data);
}

// Goal: a trace is never half there, and nothing but a file is overwritten.
static void writing_refused(void **state)
{
    (void)state;
    char err[VL_TRACE_ERR_BYTES];
    char path[200];
    struct vl_trace_writer *w = NULL;
    assert_int_equal(vl_trace_create(&w, dir, err), VIRTQ_ERR_IO);
    assert_non_null(strstr(err, "is a directory"));
    assert_int_equal(vl_trace_create(&w, "/dev/null", err), VIRTQ_ERR_IO);
    assert_non_null(strstr(err, "is no regular file"));
    (void)snprintf(path, sizeof(path), "%s/none/t.db", dir);
    assert_int_equal(vl_trace_create(&w, path, err), VIRTQ_ERR_IO);
    assert_non_null(strstr(err, "cannot be created: No such file"));
    assert_null(w);

    OK(vl_trace_create(&w, bad, err));
    vl_trace_abort(w);
    assert_int_not_equal(access(bad, F_OK), 0);

    struct vl_event ev = {.kind = VL_EV_READ, .len = 3, .value = 1};
    OK(vl_trace_create(&w, bad, err));
    assert_int_equal(vl_trace_put_event(w, &ev, 0, (const uint8_t *)"abc"), VIRTQ_ERR_INVALID);
    assert_int_equal(vl_trace_finish(w, "", &verdict, err), VIRTQ_ERR_INVALID);
    assert_non_null(strstr(err, "event 0 does not fit its payload"));
    assert_int_not_equal(access(bad, F_OK), 0);
}

// ---- flipped bits -------------------------------------------------------------------------------

static bool dump_rows(sqlite3 *db, const char *sql, struct vl_hash *h)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        return false;
    }
    int rc = sqlite3_step(s);
    for (unsigned n = 0; rc == SQLITE_ROW && n < 100000; rc = sqlite3_step(s), n++) {
        for (int c = 0; c < sqlite3_column_count(s); c++) {
            const int type = sqlite3_column_type(s, c);
            const void *bytes = sqlite3_column_blob(s, c);
            const int len = sqlite3_column_bytes(s, c);
            vl_hash_update(h, &type, sizeof(type));
            vl_hash_update(h, &len, sizeof(len));
            vl_hash_update(h, bytes, (size_t)len);
        }
    }
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE;
}

// All that the file stores, as SQLite itself reads it. Returns 0 if it cannot.
static uint64_t dump(const char *path)
{
    static const char *const sql[] = {"PRAGMA quick_check",
                                      "PRAGMA application_id",
                                      "PRAGMA user_version",
                                      "PRAGMA encoding",
                                      "SELECT type, name, tbl_name, sql FROM sqlite_schema",
                                      "SELECT * FROM meta",
                                      "SELECT * FROM scenario",
                                      "SELECT * FROM choice",
                                      "SELECT * FROM outside",
                                      "SELECT * FROM region",
                                      "SELECT * FROM event",
                                      "SELECT * FROM payload",
                                      "SELECT * FROM site",
                                      "SELECT * FROM agent",
                                      "SELECT * FROM kind",
                                      "SELECT * FROM ord",
                                      "SELECT * FROM barrier",
                                      "SELECT * FROM field",
                                      "SELECT * FROM note",
                                      "SELECT * FROM lane"};
    sqlite3 *db = NULL;
    struct vl_hash h;
    vl_hash_init(&h);
    bool whole = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK;
    for (unsigned i = 0; i < sizeof(sql) / sizeof(sql[0]) && whole; i++) {
        whole = dump_rows(db, sql[i], &h);
    }
    (void)sqlite3_close(db);
    return whole ? vl_hash_final(&h) : 0;
}

// Goal: a flipped bit in anything that a trace stores is refused; one in bytes that SQLite does not
// use changes nothing; none crashes the reader. Method: random bits, judged by SQLite's own
// reading.
static void flipped_bits(void **state)
{
    (void)state;
    const char *more = getenv("VL_TEST_FLIPS");
    const unsigned flips = more != NULL ? (unsigned)strtoul(more, NULL, 10) : FLIPS;
    size_t bytes = 0;
    uint8_t *data = slurp(good, &bytes);
    const uint64_t whole = dump(good);
    uint64_t rng = FLIP_SEED;
    unsigned refused = 0;
    unsigned same = 0;
    assert_int_not_equal(whole, 0);
    for (unsigned i = 0; i < flips; i++) {
        const size_t bit = (size_t)(vl_mix64(&rng) % (bytes * 8));
        char err[VL_TRACE_ERR_BYTES];
        struct vl_trace *t = NULL;
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        spill(bad, data, bytes);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const bool changed = dump(bad) != whole;
        const enum virtq_err e = vl_trace_open(&t, bad, err);
        if (changed != (e != VIRTQ_OK)) {
            fail_msg("bit %zu of byte %zu: changed %d, error %d \"%s\"", bit % 8, bit / 8, changed,
                     e, err);
        }
        if (e == VIRTQ_OK) {
            check_events(t, 0);
            same++;
        } else {
            assert_non_null(strstr(err, bad));
            refused++;
        }
        vl_trace_close(t);
    }
    print_message("%u flips refused, %u in bytes that are not in use\n", refused, same);
    assert_true(refused > 0);
    assert_true(same > 0);
    assert_int_equal(refused + same, flips);
    assert_int_equal(unlink(bad), 0);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_equal), cmocka_unit_test(same_run_same_file),
        cmocka_unit_test(views_read_well),  cmocka_unit_test(altered_by_sql),
        cmocka_unit_test(not_a_trace),      cmocka_unit_test(writing_refused),
        cmocka_unit_test(flipped_bits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
