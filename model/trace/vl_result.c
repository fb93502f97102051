// model/trace/vl_result.c -- results of explorations in SQLite files.
// Spec: docs/EXPLORE.md. A file is written under a temporary name and renamed when it is whole. A
// reader believes a row only if its digest says so: shards travel over networks and clusters.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_result.h"

#include "model/core/vl_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096u
#define APPLICATION_ID 0x766C7870 // "vlxp"
#define VERSION 1

#define EXPLORATION_SQL                                                                            \
    "CREATE TABLE exploration(id INTEGER PRIMARY KEY, source TEXT NOT NULL,"                       \
    " shards INTEGER NOT NULL, build TEXT NOT NULL) STRICT"
#define SHARD_SQL                                                                                  \
    "CREATE TABLE shard(shard INTEGER PRIMARY KEY, executions INTEGER NOT NULL,"                   \
    " ok INTEGER NOT NULL, blocked INTEGER NOT NULL, stuck INTEGER NOT NULL,"                      \
    " races INTEGER NOT NULL, distinct_executions INTEGER, events_max INTEGER NOT NULL,"           \
    " memory_bytes INTEGER NOT NULL, cpu_ns INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT"
#define VIEW_SQL                                                                                   \
    "CREATE VIEW v_result AS SELECT e.source AS source, count(*) AS shards_here,"                  \
    " e.shards AS shards, sum(s.executions) AS executions,"                                        \
    " sum(s.executions - s.ok) AS violating, sum(s.blocked) AS blocked, sum(s.stuck) AS stuck,"    \
    " sum(s.races) AS races, sum(s.distinct_executions) AS distinct_executions,"                   \
    " max(s.events_max) AS events_max, max(s.memory_bytes) AS memory_bytes,"                       \
    " sum(s.cpu_ns) / 1e9 AS cpu_seconds FROM exploration e JOIN shard s GROUP BY e.id"

static const struct {
    const char *name;
    const char *sql;
} objects[] = {{"exploration", EXPLORATION_SQL}, {"shard", SHARD_SQL}, {"v_result", VIEW_SQL}};
#define OBJECTS (sizeof(objects) / sizeof(objects[0]))

// The numbers of a shard, in the order of the table's columns.
#define NUMBERS 9
#define DISTINCT_AT 5
static void numbers_of(const struct vl_result *r, uint64_t n[NUMBERS])
{
    const uint64_t all[NUMBERS] = {r->complete, r->ok,         r->blocked,      r->stuck, r->races,
                                   r->distinct, r->events_max, r->memory_bytes, r->cpu_ns};
    memcpy(n, all, sizeof(all));
}

static void numbers_to(const uint64_t n[NUMBERS], struct vl_result *r)
{
    r->complete = n[0];
    r->ok = n[1];
    r->blocked = n[2];
    r->stuck = n[3];
    r->races = n[4];
    r->distinct = n[5];
    r->events_max = n[6];
    r->memory_bytes = n[7];
    r->cpu_ns = n[8];
}

static void hash_number(struct vl_hash *h, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    vl_hash_update(h, bytes, sizeof(bytes));
}

// Of a row and of what it belongs to: a row that wandered into another file is found out, too.
static uint64_t digest_of(const struct vl_result_file *db, const struct vl_result_shard *s)
{
    struct vl_hash h;
    uint64_t n[NUMBERS];
    vl_hash_init(&h);
    vl_hash_update(&h, db->text, strlen(db->text) + 1);
    vl_hash_update(&h, db->build, strlen(db->build) + 1);
    hash_number(&h, db->n_shards);
    hash_number(&h, s->shard);
    hash_number(&h, s->result.counted_distinct);
    numbers_of(&s->result, n);
    for (unsigned i = 0; i < NUMBERS; i++) {
        hash_number(&h, n[i]);
    }
    return vl_hash_final(&h);
}

// ---- writing ------------------------------------------------------------------------------------

static bool put_exploration(sqlite3 *sql, const struct vl_result_file *db)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(sql, "INSERT INTO exploration VALUES(1,?1,?2,?3)", -1, &s, NULL) !=
        SQLITE_OK) {
        return false;
    }
    (void)sqlite3_bind_text(s, 1, db->text, -1, SQLITE_TRANSIENT);
    (void)sqlite3_bind_int64(s, 2, db->n_shards);
    (void)sqlite3_bind_text(s, 3, db->build, -1, SQLITE_TRANSIENT);
    const bool ok = sqlite3_step(s) == SQLITE_DONE;
    return sqlite3_finalize(s) == SQLITE_OK && ok;
}

static bool put_shards(sqlite3 *sql, const struct vl_result_file *db)
{
    sqlite3_stmt *s = NULL;
    bool ok =
        sqlite3_prepare_v2(sql, "INSERT INTO shard VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)", -1,
                           &s, NULL) == SQLITE_OK;
    for (uint32_t i = 0; i < db->n && ok; i++) {
        const struct vl_result_shard *shard = &db->shards[i];
        uint64_t n[NUMBERS];
        numbers_of(&shard->result, n);
        (void)sqlite3_bind_int64(s, 1, shard->shard);
        for (int c = 0; c < NUMBERS; c++) {
            (void)sqlite3_bind_int64(s, 2 + c, (sqlite3_int64)n[c]);
        }
        if (!shard->result.counted_distinct) {
            (void)sqlite3_bind_null(s, 2 + DISTINCT_AT);
        }
        (void)sqlite3_bind_int64(s, 2 + NUMBERS, (sqlite3_int64)digest_of(db, shard));
        ok = sqlite3_step(s) == SQLITE_DONE;
        (void)sqlite3_reset(s);
    }
    return sqlite3_finalize(s) == SQLITE_OK && ok;
}

static bool put_all(sqlite3 *sql, const struct vl_result_file *db)
{
    char pragmas[160];
    (void)snprintf(pragmas, sizeof(pragmas),
                   "PRAGMA journal_mode=OFF; PRAGMA application_id=%d; PRAGMA user_version=%d;"
                   "BEGIN",
                   APPLICATION_ID, VERSION);
    bool ok = sqlite3_exec(sql, pragmas, NULL, NULL, NULL) == SQLITE_OK;
    for (size_t i = 0; i < OBJECTS && ok; i++) {
        ok = sqlite3_exec(sql, objects[i].sql, NULL, NULL, NULL) == SQLITE_OK;
    }
    return ok && put_exploration(sql, db) && put_shards(sql, db) &&
           sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

// The temporary name for path.
static bool name_temporary(const char *path, char temporary[PATH_BYTES], char *err)
{
    struct stat st;
    // "./" keeps SQLite from taking a name for anything else than a file's.
    const int n = snprintf(temporary, PATH_BYTES, "%s%s.tmp-%ld", path[0] == '/' ? "" : "./", path,
                           (long)getpid());
    if (n < 0 || (size_t)n >= PATH_BYTES) {
        (void)snprintf(err, VL_RESULT_ERR_BYTES, "%.100s...: the name is too long", path);
        return false;
    }
    if (path[0] == '\0' || (stat(path, &st) == 0 && !S_ISREG(st.st_mode))) {
        (void)snprintf(err, VL_RESULT_ERR_BYTES, "%.150s: is no regular file; name another", path);
        return false;
    }
    (void)unlink(temporary); // the leavings of a dead process of this number
    return true;
}

bool vl_result_probe(const char *path, char *err)
{
    char temporary[PATH_BYTES];
    if (!name_temporary(path, temporary, err)) {
        return false;
    }
    const int fd = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0) {
        (void)snprintf(err, VL_RESULT_ERR_BYTES, "%.150s: cannot be written: %s", path,
                       strerror(errno));
        return false;
    }
    (void)close(fd);
    (void)unlink(temporary);
    return true;
}

bool vl_result_write(const char *path, const struct vl_result_file *db, char *err)
{
    char temporary[PATH_BYTES];
    sqlite3 *sql = NULL;
    if (!name_temporary(path, temporary, err)) {
        return false;
    }
    const int rc =
        sqlite3_open_v2(temporary, &sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    bool ok = rc == SQLITE_OK && put_all(sql, db);
    if (!ok) {
        (void)snprintf(err, VL_RESULT_ERR_BYTES, "%.150s: cannot be written: %.200s", path,
                       sql != NULL ? sqlite3_errmsg(sql) : "no memory left");
    }
    (void)sqlite3_close(sql);
    if (ok && rename(temporary, path) != 0) {
        (void)snprintf(err, VL_RESULT_ERR_BYTES, "%.150s: cannot be written: %s", path,
                       strerror(errno));
        ok = false;
    }
    if (!ok) {
        (void)unlink(temporary);
    }
    return ok;
}

// ---- reading ------------------------------------------------------------------------------------

struct reader {
    const char *path;
    sqlite3 *sql;
    char *err;
};

static bool damaged(const struct reader *r, const char *what)
{
    (void)snprintf(r->err, VL_RESULT_ERR_BYTES, "%.150s: damaged: %.200s; explore it again",
                   r->path, what);
    return false;
}

static bool refuse(const struct reader *r, const char *what)
{
    (void)snprintf(r->err, VL_RESULT_ERR_BYTES, "%.150s: %s", r->path, what);
    return false;
}

// One integer; -1 if there is none.
static sqlite3_int64 ask(const struct reader *r, const char *question)
{
    sqlite3_stmt *s = NULL;
    sqlite3_int64 value = -1;
    if (sqlite3_prepare_v2(r->sql, question, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        value = sqlite3_column_int64(s, 0);
    }
    (void)sqlite3_finalize(s);
    return value;
}

static bool text_is(sqlite3_stmt *s, int column, const char *want)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    return text != NULL && strcmp(text, want) == 0;
}

static bool check_schema(const struct reader *r)
{
    sqlite3_stmt *s = NULL;
    if (ask(r, "PRAGMA application_id") != APPLICATION_ID) {
        return refuse(r, "is no result of vringlab explore");
    }
    if (ask(r, "PRAGMA user_version") != VERSION) {
        return refuse(r, "was written by a build with another format; use that one");
    }
    if (sqlite3_prepare_v2(r->sql, "SELECT name, sql FROM sqlite_schema ORDER BY rowid", -1, &s,
                           NULL) != SQLITE_OK) {
        return damaged(r, sqlite3_errmsg(r->sql));
    }
    size_t n = 0;
    bool same = true;
    while (sqlite3_step(s) == SQLITE_ROW) { // bound: the schema's rows
        same =
            same && n < OBJECTS && text_is(s, 0, objects[n].name) && text_is(s, 1, objects[n].sql);
        n++;
    }
    const bool whole = sqlite3_finalize(s) == SQLITE_OK;
    return (whole && same && n == OBJECTS) || damaged(r, "its tables are not those that belong");
}

static bool read_exploration(const struct reader *r, struct vl_result_file *db)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_prepare_v2(r->sql, "SELECT source, shards, build FROM exploration", -1, &s,
                                 NULL) == SQLITE_OK &&
              sqlite3_step(s) == SQLITE_ROW;
    if (ok) {
        const int n =
            snprintf(db->text, sizeof(db->text), "%s", (const char *)sqlite3_column_text(s, 0));
        const int m =
            snprintf(db->build, sizeof(db->build), "%s", (const char *)sqlite3_column_text(s, 2));
        const sqlite3_int64 shards = sqlite3_column_int64(s, 1);
        ok = n > 0 && (size_t)n < sizeof(db->text) && m > 0 && (size_t)m < sizeof(db->build) &&
             shards >= 1 && shards <= VL_RESULT_SHARDS_MAX;
        db->n_shards = (uint32_t)shards;
        ok = ok && sqlite3_step(s) == SQLITE_DONE;
    }
    (void)sqlite3_finalize(s);
    return ok || damaged(r, "what was explored cannot be read");
}

static bool read_row(struct vl_result_file *db, sqlite3_stmt *s, struct vl_result_shard *shard)
{
    uint64_t n[NUMBERS];
    const sqlite3_int64 at = sqlite3_column_int64(s, 0);
    for (int c = 0; c < NUMBERS; c++) {
        n[c] = (uint64_t)sqlite3_column_int64(s, 1 + c);
    }
    numbers_to(n, &shard->result);
    shard->result.counted_distinct = sqlite3_column_type(s, 1 + DISTINCT_AT) != SQLITE_NULL;
    shard->shard = (uint32_t)at;
    return at >= 0 && at < (sqlite3_int64)db->n_shards &&
           digest_of(db, shard) == (uint64_t)sqlite3_column_int64(s, 1 + NUMBERS);
}

static bool shards_open(const struct reader *r, struct vl_result_file *db)
{
    sqlite3_stmt *s = NULL;
    const sqlite3_int64 n = ask(r, "SELECT count(*) FROM shard");
    if (n < 1 || n > (sqlite3_int64)db->n_shards) {
        return damaged(r, "it does not hold the shards that it should");
    }
    db->shards = calloc((size_t)n, sizeof(*db->shards));
    if (db->shards == NULL) {
        return refuse(r, "no memory left to read it");
    }
    bool ok =
        sqlite3_prepare_v2(r->sql, "SELECT * FROM shard ORDER BY shard", -1, &s, NULL) == SQLITE_OK;
    while (ok && db->n < (uint32_t)n && sqlite3_step(s) == SQLITE_ROW) { // bound: n
        ok = read_row(db, s, &db->shards[db->n++]);
    }
    ok = ok && db->n == (uint32_t)n && sqlite3_step(s) == SQLITE_DONE;
    (void)sqlite3_finalize(s);
    return ok || damaged(r, "a shard's numbers are not those that were written");
}

// SQLite would make an empty database of an empty file, and complain late about others.
static bool check_header(const struct reader *r)
{
    static const char magic[16] = "SQLite format 3";
    char header[sizeof(magic)] = {0};
    FILE *f = fopen(r->path, "rb");
    if (f == NULL) {
        (void)snprintf(r->err, VL_RESULT_ERR_BYTES, "%.150s: cannot be opened: %s", r->path,
                       strerror(errno));
        return false;
    }
    const size_t n = fread(header, 1, sizeof(header), f);
    (void)fclose(f);
    return (n == sizeof(magic) && memcmp(header, magic, n) == 0) ||
           refuse(r, "is no SQLite file and so no result of vringlab explore");
}

static bool check_whole(const struct reader *r)
{
    sqlite3_stmt *s = NULL;
    const bool ok =
        sqlite3_prepare_v2(r->sql, "PRAGMA integrity_check", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW && text_is(s, 0, "ok");
    if (!ok) {
        (void)damaged(r, sqlite3_errcode(r->sql) != SQLITE_ROW ? sqlite3_errmsg(r->sql)
                                                               : "SQLite finds it inconsistent");
    }
    (void)sqlite3_finalize(s);
    return ok;
}

bool vl_result_open(const char *path, struct vl_result_file *db, char *err)
{
    char name[PATH_BYTES];
    struct reader r = {.path = path, .err = err};
    memset(db, 0, sizeof(*db));
    err[0] = '\0';
    const int n = snprintf(name, sizeof(name), "%s%s", path[0] == '/' ? "" : "./", path);
    if (n < 0 || (size_t)n >= sizeof(name)) {
        return refuse(&r, "the name is too long");
    }
    if (!check_header(&r)) {
        return false;
    }
    bool ok = sqlite3_open_v2(name, &r.sql, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK;
    if (!ok) {
        (void)damaged(&r, r.sql != NULL ? sqlite3_errmsg(r.sql) : "no memory left");
    } else {
        (void)sqlite3_db_config(r.sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(r.sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        ok = check_schema(&r) && check_whole(&r) && read_exploration(&r, db) && shards_open(&r, db);
    }
    (void)sqlite3_close(r.sql);
    if (!ok) {
        vl_result_close(db);
    }
    return ok;
}

void vl_result_close(struct vl_result_file *db)
{
    free(db->shards);
    db->shards = NULL;
    db->n = 0;
}

void vl_result_sum(const struct vl_result_file *db, struct vl_result *sum)
{
    memset(sum, 0, sizeof(*sum));
    sum->counted_distinct = db->n > 0;
    for (uint32_t i = 0; i < db->n; i++) {
        const struct vl_result *r = &db->shards[i].result;
        sum->complete += r->complete;
        sum->ok += r->ok;
        sum->blocked += r->blocked;
        sum->stuck += r->stuck;
        sum->races += r->races;
        sum->distinct += r->distinct;
        sum->cpu_ns += r->cpu_ns;
        sum->events_max = r->events_max > sum->events_max ? r->events_max : sum->events_max;
        sum->memory_bytes =
            r->memory_bytes > sum->memory_bytes ? r->memory_bytes : sum->memory_bytes;
        sum->counted_distinct = sum->counted_distinct && r->counted_distinct;
    }
}
