// model/trace/vl_trace_schema.h -- what writer and reader of a trace share: tables, names, digests.
// Private to model/trace/.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_TRACE_SCHEMA_H
#define VL_TRACE_SCHEMA_H

#include "model/core/vl_hash.h"
#include "model/trace/vl_trace.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>

// One object of the schema. sql stands in sqlite_schema byte for byte as it stands here.
struct vl_trace_object {
    const char *type; // "table" or "view"
    const char *name;
    const char *sql;
};
extern const struct vl_trace_object vl_trace_objects[];
extern const unsigned vl_trace_n_objects;

// The tables of names: what the numbers in events and choices mean.
struct vl_trace_names {
    const char *table;
    const char *const *name;
    unsigned n;
};
#define VL_TRACE_NAME_TABLES 7u
extern const struct vl_trace_names vl_trace_names[VL_TRACE_NAME_TABLES];

// The hash's sections, in their order. Each is an XXH64 of its own, so that a writer needs no
// second pass; the hash is the XXH64 of the six results.
enum vl_trace_section {
    VL_SECTION_SCENARIO,
    VL_SECTION_CHOICES,
    VL_SECTION_OUTSIDE,
    VL_SECTION_REGIONS,
    VL_SECTION_EVENTS,
    VL_SECTION_PAYLOAD,
    VL_SECTION_COUNT
};

// The second digest's sections, in their order.
enum vl_trace_section2 {
    VL_SECTION2_SCHEMA,
    VL_SECTION2_META,
    VL_SECTION2_NAMES,
    VL_SECTION2_SITES,
    VL_SECTION2_OUTSIDE_NAMES,
    VL_SECTION2_EVENT_SITES,
    VL_SECTION2_COUNT
};

struct vl_trace_digests {
    struct vl_hash one[VL_SECTION_COUNT];
    struct vl_hash two[VL_SECTION2_COUNT];
};

void vl_trace_digests_init(struct vl_trace_digests *d);

// Records of the first hash.
void vl_trace_digest_scenario(struct vl_trace_digests *d, const char *key, const char *value);
void vl_trace_digest_choice(struct vl_trace_digests *d, const struct vl_deviation *c);
void vl_trace_digest_outside(struct vl_trace_digests *d, const struct vl_trace_outside *o);
void vl_trace_digest_region(struct vl_trace_digests *d, const struct vl_trace_region *r);
void vl_trace_digest_event(struct vl_trace_digests *d, const struct vl_event *ev, uint32_t site);
void vl_trace_digest_payload(struct vl_trace_digests *d, uint64_t digest, uint64_t bytes);

// Typed values of the second one.
void vl_trace_digest_int(struct vl_trace_digests *d, enum vl_trace_section2 s, uint64_t value);
void vl_trace_digest_text(struct vl_trace_digests *d, enum vl_trace_section2 s, const char *text);

// The results.
uint64_t vl_trace_digest_hash(const struct vl_trace_digests *d);
uint64_t vl_trace_digest_second(const struct vl_trace_digests *d);

// Is every field of event number seq within this build's tables? NULL if so, else what is wrong.
const char *vl_trace_event_fault(const struct vl_event *ev, uint64_t seq);

// The same for a deviation.
const char *vl_trace_choice_fault(const struct vl_deviation *d);

// Write "PATH: message" to err, a long path shortened from the left.
void vl_trace_say(char *err, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void vl_trace_vsay(char *err, const char *path, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
