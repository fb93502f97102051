// model/trace/vl_trace.h -- traces: one SQLite file that holds one run. Format: docs/TRACE.md.
//
// Writing: vl_trace_create(), puts in any order (events in theirs), then vl_trace_finish() or
// vl_trace_abort(). The file stands under its name only once it is whole.
// Reading: vl_trace_open() believes nothing before the whole file has been checked and both digests
// recomputed; what it then hands out has been checked against the ranges of this build's tables.
//
// err, everywhere: VL_TRACE_ERR_BYTES bytes for one line without a newline that names the file, the
// fault and what to do; "" on success.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_TRACE_H
#define VL_TRACE_H

#include "model/core/vl_choice.h"
#include "model/core/vl_event.h"
#include "model/core/vl_log.h"
#include "model/core/vl_machine.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VL_TRACE_APPLICATION_ID 0x76726c62u // "vrlb"
#define VL_TRACE_VERSION 1u                 // user_version: the schema's
#define VL_TRACE_ERR_BYTES 256u
#define VL_TRACE_TEXT_MAX 4095u         // bytes of any text in a trace
#define VL_TRACE_SCENARIO_MAX 256u      // lines
#define VL_TRACE_OUTSIDE_MAX 64u        // files
#define VL_TRACE_REGIONS_MAX 16u        // pieces of guest memory
#define VL_TRACE_CHOICES_MAX (1u << 20) // deviations
#define VL_TRACE_SITES_MAX VL_LOG_SITES // sites are 1 .. VL_TRACE_SITES_MAX - 1

// A file that the run read.
struct vl_trace_outside {
    char name[VL_TRACE_TEXT_MAX + 1]; // as the scenario named it; in no hash of the run
    uint64_t size;                    // bytes
    char sha256[65];                  // lower-case hex
};

// A piece of guest memory, all zero when the run starts.
struct vl_trace_region {
    uint64_t gpa;
    uint64_t bytes;
};

// ---- writing --------------------------------------------------------------------------------

struct vl_trace_writer; // opaque: vl_trace_create() .. vl_trace_finish() or vl_trace_abort()

// Start a trace that will stand under path, as path.tmp-PID until it is whole. Temporary files of
// processes that are gone are removed.
// Returns VIRTQ_OK; VIRTQ_ERR_IO (path cannot be written, or is no regular file);
// VIRTQ_ERR_NO_MEMORY.
VIRTQ_NODISCARD enum virtq_err vl_trace_create(struct vl_trace_writer **out, const char *path,
                                               char *err);

// Add a scenario line "key=value", in canonical order. Returns VIRTQ_OK; VIRTQ_ERR_INVALID for a
// line without '=', with a newline, or too long, or one too many; VIRTQ_ERR_IO.
// An error of any put is also kept and reported by vl_trace_finish().
VIRTQ_NODISCARD enum virtq_err vl_trace_put_scenario(struct vl_trace_writer *w, const char *line);

// Add a file that the run reads; its number in OUTSIDE events counts from 0. Errors as above.
VIRTQ_NODISCARD enum virtq_err vl_trace_put_outside(struct vl_trace_writer *w,
                                                    const struct vl_trace_outside *file);

// Add a region of guest memory. Errors as above.
VIRTQ_NODISCARD enum virtq_err vl_trace_put_region(struct vl_trace_writer *w,
                                                   const struct vl_trace_region *region);

// Add a deviation that the run took; in order of time. Errors as above.
VIRTQ_NODISCARD enum virtq_err vl_trace_put_choice(struct vl_trace_writer *w,
                                                   const struct vl_deviation *d);

// Add a site; id counts from 1 without gaps. Errors as above.
VIRTQ_NODISCARD enum virtq_err vl_trace_put_site(struct vl_trace_writer *w, uint32_t id,
                                                 const struct vl_log_site *site);

// Add the next event.
//   site     number of a site that is added before vl_trace_finish(), 0 for none
//   payload  the ev->len bytes of a bulk event, whose XXH64 is ev->value; else NULL
// Returns VIRTQ_OK; VIRTQ_ERR_INVALID if a field is out of its range, a payload too long or not
// what ev->value says; VIRTQ_ERR_IO.
VIRTQ_NODISCARD enum virtq_err vl_trace_put_event(struct vl_trace_writer *w,
                                                  const struct vl_event *ev, uint32_t site,
                                                  const uint8_t *payload);

// Events so far, and their hash as it is printed in a verdict line.
uint64_t vl_trace_n_events(const struct vl_trace_writer *w);
uint64_t vl_trace_run_hash(const struct vl_trace_writer *w);

// Write the rest, make it durable, put it under its name, and close w whatever the result.
//   tool     names the build that ran
//   verdict  its n_events and hash are replaced by those of the events that were put
// Returns VIRTQ_OK; VIRTQ_ERR_IO or the first error of a put, and then nothing is left on disk.
VIRTQ_NODISCARD enum virtq_err vl_trace_finish(struct vl_trace_writer *w, const char *tool,
                                               const struct vl_verdict *verdict, char *err);

// Give up: nothing is left on disk. NULL is allowed.
void vl_trace_abort(struct vl_trace_writer *w);

// ---- reading --------------------------------------------------------------------------------

struct vl_trace; // opaque: vl_trace_open() .. vl_trace_close()

// One event with what stands beside it.
struct vl_trace_event {
    struct vl_event ev;
    uint64_t seq;
    uint32_t site; // 0: none
};

// What a trace says but for its events. Everything belongs to the trace.
struct vl_trace_info {
    char tool[VL_TRACE_TEXT_MAX + 1]; // the build that wrote it
    struct vl_verdict verdict;
    uint64_t hash;    // over scenario, choices, outside bytes, regions, events, payload
    uint64_t digest2; // over the schema and everything else
    uint32_t n_scenario;
    char **scenario; // "key=value"
    uint32_t n_outside;
    struct vl_trace_outside *outside;
    uint32_t n_regions;
    struct vl_trace_region regions[VL_TRACE_REGIONS_MAX];
    uint32_t n_choices;
    struct vl_deviation *choices; // in order of time, not in canonical order
    uint32_t n_sites;             // sites[1 .. n_sites] are valid
    struct vl_log_site *sites;
};

// Open the trace at path read-only and check all of it.
// Returns VIRTQ_OK; VIRTQ_ERR_IO (no such file, unreadable); VIRTQ_ERR_INVALID (not a trace, cut
// short, damaged, altered); VIRTQ_ERR_UNSUPPORTED (other schema version); VIRTQ_ERR_NO_MEMORY.
VIRTQ_NODISCARD enum virtq_err vl_trace_open(struct vl_trace **out, const char *path, char *err);
void vl_trace_close(struct vl_trace *t); // NULL is allowed

const struct vl_trace_info *vl_trace_info(const struct vl_trace *t);

// The site with this number; NULL for 0 and for numbers that there are not.
const struct vl_log_site *vl_trace_site(const struct vl_trace *t, uint32_t id);

// Make the event with sequence number seq the next one; after the last one there is none.
void vl_trace_seek(struct vl_trace *t, uint64_t seq);

// Take the next event; the first call gives event 0. Returns false after the last one, or if the
// file cannot be read any more, which vl_trace_failed() tells.
bool vl_trace_next(struct vl_trace *t, struct vl_trace_event *out);
bool vl_trace_failed(const struct vl_trace *t);

// Copy the bytes with this digest (value of a bulk event) to buf, which has room for
// VL_BULK_MAX_BYTES. Returns false if there are none. *bytes: how many.
bool vl_trace_payload(struct vl_trace *t, uint64_t digest, uint8_t *buf, uint32_t *bytes);

// Word of an outcome, as in the verdict line; "?" for an unknown value.
const char *vl_outcome_name(unsigned outcome);

#ifdef __cplusplus
}
#endif

#endif
