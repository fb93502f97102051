// model/referee/vl_clause.h -- the clauses of the standard as a table, and who decides each.
// Spec: virtio 1.4; the table is model/referee/clauses.def.
//
// A check names its clause where it is decided, with VL_BROKEN() or one of its kin (vl_spec.h);
// each such place enters itself in a list, so that what has a check and what has none can be asked.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_CLAUSE_H
#define VL_CLAUSE_H

#include <stdbool.h>
#include <stdint.h>

enum vl_bound { VL_BOUND_DRIVER, VL_BOUND_DEVICE, VL_BOUND_BOTH };
enum vl_level { VL_MUST, VL_MUST_NOT, VL_SHOULD, VL_SHOULD_NOT, VL_MAY };
enum vl_observed { VL_BY_TRACE, VL_BY_PROBE, VL_BY_HOOK, VL_BY_NONE };

// Areas, in the order of the standard. Those that exist here are checked; the others are listed.
#define VL_AREAS(X)                                                                                \
    X(STATUS, "status", true)                                                                      \
    X(FEATURES, "features", true)                                                                  \
    X(CONFIG, "config", true)                                                                      \
    X(RESET, "reset", true)                                                                        \
    X(SPLIT, "split", true)                                                                        \
    X(INDIRECT, "indirect", true)                                                                  \
    X(EVENT_IDX, "event-idx", true)                                                                \
    X(PCI_CAP, "pci-cap", true)                                                                    \
    X(PCI_COMMON, "pci-common", true)                                                              \
    X(PCI_NOTIFY, "pci-notify", true)                                                              \
    X(PCI_ISR, "pci-isr", true)                                                                    \
    X(MSIX, "msix", true)                                                                          \
    X(BLK, "blk", true)                                                                            \
    X(ENTROPY, "entropy", true)                                                                    \
    X(LEGACY, "legacy", false)                                                                     \
    X(NET, "net", false)                                                                           \
    X(CONSOLE, "console", false)                                                                   \
    X(BALLOON, "balloon", false)                                                                   \
    X(SCSI, "scsi", false)

#define VL_AREA_ENUM_(id, name, exists) VL_AREA_##id,
enum vl_area { VL_AREAS(VL_AREA_ENUM_) VL_AREA_COUNT };
#undef VL_AREA_ENUM_

enum vl_clause {
    VL_CLAUSE_NONE,
#define VL_CLAUSE(name, id, side, level, now, then, area, by, summary) VL_CLAUSE_##name,
#include "model/referee/clauses.def"
#undef VL_CLAUSE
    VL_CLAUSE_COUNT
};

#ifdef __cplusplus
extern "C" {
#endif

// One clause. Texts are static.
struct vl_clause_info {
    const char *id;          // "2.7.6.1-drv-1"
    const char *section;     // in virtio 1.4
    const char *section_1_0; // in virtio 1.0, "-" if it is younger
    const char *summary;
    uint8_t side;     // enum vl_bound
    uint8_t level;    // enum vl_level
    uint8_t area;     // enum vl_area
    uint8_t observed; // enum vl_observed
};

// Clause c, 1 .. VL_CLAUSE_COUNT - 1; NULL for any other.
const struct vl_clause_info *vl_clause_info(unsigned c);

// The clause with this ID, or VL_CLAUSE_NONE.
enum vl_clause vl_clause_find(const char *id);

// The clauses that c restates: their checks, faults and tests, all of them, are c's as well.
//   i      which one, from 0
//   *why   (if not NULL) in what they are the same, or NULL
// Returns VL_CLAUSE_NONE behind the last one.
enum vl_clause vl_clause_restated(enum vl_clause c, unsigned i, const char **why);

// Why no observer of the bus can decide c, and what comes nearest; NULL if it can be decided.
const char *vl_clause_undecidable(enum vl_clause c);

const char *vl_area_name(unsigned area);  // "split"; "?" beyond
bool vl_area_exists(unsigned area);       // what it speaks of is built here
const char *vl_bound_name(unsigned side); // "driver", "device", "both"
const char *vl_level_name(unsigned level);
const char *vl_observed_name(unsigned observed);

// True for MUST and MUST NOT.
static inline bool vl_clause_strict(const struct vl_clause_info *info)
{
    return info->level == VL_MUST || info->level == VL_MUST_NOT;
}

// A place in the sources where a clause is decided.
struct vl_check {
    const char *file;
    uint32_t line;
    uint16_t clause; // enum vl_clause
    uint16_t zero;
};

// Check i, in no order; NULL behind the last one.
const struct vl_check *vl_check_at(uint32_t i);

#ifdef __cplusplus
}
#endif

#endif
