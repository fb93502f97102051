// model/trace/vl_trace_read.h -- an open trace, as its reader and its checks see it.
// Private to model/trace/.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_TRACE_READ_H
#define VL_TRACE_READ_H

#include "model/trace/vl_trace_schema.h"

#define VL_TRACE_PATH_BYTES 4096u

// Columns of the query that every reader of events uses, in this order.
#define VL_TRACE_EVENT_COLUMNS                                                                     \
    "seq, agent, kind, site, addr, len, value, aux, reads_from, ord, barrier, queue, field"

struct vl_trace {
    sqlite3 *db;
    sqlite3_stmt *events;  // seq >= ?1
    sqlite3_stmt *payload; // digest = ?1
    struct vl_trace_info info;
    struct vl_trace_digests digests;
    uint64_t file_bytes;
    uint64_t ticks_left; // of SQLite's virtual machine, while the file is not yet believed
    uint64_t run_hash;   // as stored
    int64_t last_key;    // of the payload rows
    uint32_t meta_seen;  // bit per known key
    bool sought;
    bool failed;
    const char *row_of; // table that is being read, for messages
    enum virtq_err error;
    char err[VL_TRACE_ERR_BYTES];
    char path[VL_TRACE_PATH_BYTES];
};

// Keep the first fault, as a line with the path. Returns it.
enum virtq_err vl_trace_fault(struct vl_trace *t, enum virtq_err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// SQLite refused: say so as a fault.
enum virtq_err vl_trace_fault_sql(struct vl_trace *t);

// An integer column within 0..max. Anything else is a fault, and 0.
uint64_t vl_trace_column(struct vl_trace *t, sqlite3_stmt *s, int column, uint64_t max);

// Decode a row of VL_TRACE_EVENT_COLUMNS and check its ranges, but for what needs other tables.
enum virtq_err vl_trace_decode(struct vl_trace *t, sqlite3_stmt *s, struct vl_trace_event *out);

// Before SQLite sees the file: a regular file, whole, a trace, of a version that is read here.
enum virtq_err vl_trace_check_file(struct vl_trace *t);

// Then schema, SQLite's own check, every table, both digests; fills t->info.
enum virtq_err vl_trace_check_open(struct vl_trace *t);

#endif
