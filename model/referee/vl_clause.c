// model/referee/vl_clause.c -- the table of clauses, and questions to it.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_clause.h"

#include <stddef.h>
#include <string.h>

static const struct vl_clause_info clauses[VL_CLAUSE_COUNT] = {
#define VL_CLAUSE(name, id, side, level, now, then, area, by, summary)                             \
    [VL_CLAUSE_##                                                                                  \
        name] = {id, now, then, summary, VL_BOUND_##side, VL_##level, VL_AREA_##area, VL_BY_##by},
#include "model/referee/clauses.def"
#undef VL_CLAUSE
};

// Clauses that say once more what another says.
static const struct {
    uint16_t clause;
    uint16_t same;
    const char *why;
} restated[] = {
#define VL_RESTATES(name, other, why) {VL_CLAUSE_##name, VL_CLAUSE_##other, why},
#include "model/referee/clauses_same.def"
#undef VL_RESTATES
};

static const struct {
    uint16_t clause;
    const char *reason;
} undecidable[] = {
#define VL_UNDECIDABLE(name, reason) {VL_CLAUSE_##name, reason},
#include "model/referee/clauses_same.def"
#undef VL_UNDECIDABLE
};

const struct vl_clause_info *vl_clause_info(unsigned c)
{
    return c > VL_CLAUSE_NONE && c < VL_CLAUSE_COUNT ? &clauses[c] : NULL;
}

enum vl_clause vl_clause_find(const char *id)
{
    for (unsigned c = 1; c < VL_CLAUSE_COUNT; c++) {
        if (strcmp(clauses[c].id, id) == 0) {
            return (enum vl_clause)c;
        }
    }
    return VL_CLAUSE_NONE;
}

enum vl_clause vl_clause_restated(enum vl_clause c, unsigned i, const char **why)
{
    unsigned n = 0;

    for (size_t k = 0; k < sizeof(restated) / sizeof(restated[0]); k++) {
        if (restated[k].clause == c && n++ == i) {
            if (why != NULL) {
                *why = restated[k].why;
            }
            return (enum vl_clause)restated[k].same;
        }
    }
    if (why != NULL) {
        *why = NULL;
    }
    return VL_CLAUSE_NONE;
}

const char *vl_clause_undecidable(enum vl_clause c)
{
    for (size_t i = 0; i < sizeof(undecidable) / sizeof(undecidable[0]); i++) {
        if (undecidable[i].clause == c) {
            return undecidable[i].reason;
        }
    }
    return NULL;
}

// ---- names ----------------------------------------------------------------------------------

#define AREA_NAME_(id, name, exists) name,
#define AREA_EXISTS_(id, name, exists) exists,
static const char *const area_name[] = {VL_AREAS(AREA_NAME_)};
static const bool area_exists[] = {VL_AREAS(AREA_EXISTS_)};

const char *vl_area_name(unsigned area)
{
    return area < VL_AREA_COUNT ? area_name[area] : "?";
}

bool vl_area_exists(unsigned area)
{
    return area < VL_AREA_COUNT && area_exists[area];
}

const char *vl_bound_name(unsigned side)
{
    static const char *const name[] = {"driver", "device", "both"};
    return side < 3 ? name[side] : "?";
}

const char *vl_level_name(unsigned level)
{
    static const char *const name[] = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"};
    return level < 5 ? name[level] : "?";
}

const char *vl_observed_name(unsigned observed)
{
    static const char *const name[] = {"trace", "probe", "hook", "not observable"};
    return observed < 4 ? name[observed] : "?";
}

// ---- checks ---------------------------------------------------------------------------------

// The linker gathers what VL_CHECK_HERE() puts into section vl_checks, and marks both ends.
extern const struct vl_check __start_vl_checks[];
extern const struct vl_check __stop_vl_checks[];

const struct vl_check *vl_check_at(uint32_t i)
{
    const size_t n = (size_t)(__stop_vl_checks - __start_vl_checks);
    return i < n ? &__start_vl_checks[i] : NULL;
}
