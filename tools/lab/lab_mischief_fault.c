// tools/lab/lab_mischief_fault.c -- rows of the mischief tables as faults.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_mischief_fault.h"

#include "tools/lab/lab_mischief.h"

#include <stdio.h>
#include <string.h>

// Fields that a side stores, with the side. Registers have rows too, but no store of their own.
static const struct {
    uint8_t field;
    uint8_t side;
} fields[] = {
    {VL_FIELD_DESC, LAB_SIDE_DRIVER},        {VL_FIELD_INDIRECT, LAB_SIDE_DRIVER},
    {VL_FIELD_AVAIL_FLAGS, LAB_SIDE_DRIVER}, {VL_FIELD_AVAIL_IDX, LAB_SIDE_DRIVER},
    {VL_FIELD_AVAIL_RING, LAB_SIDE_DRIVER},  {VL_FIELD_USED_EVENT, LAB_SIDE_DRIVER},
    {VL_FIELD_USED_FLAGS, LAB_SIDE_DEVICE},  {VL_FIELD_USED_IDX, LAB_SIDE_DEVICE},
    {VL_FIELD_USED_RING, LAB_SIDE_DEVICE},   {VL_FIELD_AVAIL_EVENT, LAB_SIDE_DEVICE},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))
#define FAULTS_MAX 512u
#define PREFIX "mischief:"
#define PREFIX_BYTES (sizeof(PREFIX) - 1)

bool lab_mischief_fault_info(uint32_t i, struct lab_fault_info *info)
{
    static char names[FAULTS_MAX][LAB_NAME_BYTES];
    const uint32_t at = i;

    for (size_t f = 0; f < N_FIELDS && at < FAULTS_MAX; f++) {
        uint32_t n = 0;
        const struct lab_mischief_entry *rows = lab_mischief_table(fields[f].field, &n);
        if (i >= n) {
            i -= n;
            continue;
        }
        const bool driver = fields[f].side == LAB_SIDE_DRIVER;
        (void)snprintf(names[at], sizeof(names[at]), PREFIX "%s=%u", vl_field_name(fields[f].field),
                       i);
        *info = (struct lab_fault_info){.name = names[at],
                                        .kind = "mischief",
                                        .memory = "sc",
                                        .target = driver ? "fuzz_device" : "fuzz_driver",
                                        .referee = rows[i].detectable ? "robustness" : "-",
                                        .side = driver ? "driver" : "device",
                                        .meaning = rows[i].sentence};
        return true;
    }
    return false;
}

bool lab_mischief_fault_parse(const char *name, unsigned *field, uint32_t *row, enum lab_side *side)
{
    if (strncmp(name, PREFIX, PREFIX_BYTES) != 0) {
        return false;
    }
    const char *at = name + PREFIX_BYTES;
    const size_t n_name = strcspn(at, "=");
    const char *digits = at[n_name] == '=' ? at + n_name + 1 : "";
    const size_t n_digits = strspn(digits, "0123456789");
    uint32_t value = 0;

    if (n_digits == 0 || n_digits > 3 || digits[n_digits] != '\0') {
        return false;
    }
    for (size_t i = 0; i < n_digits; i++) {
        value = value * 10 + (uint32_t)(digits[i] - '0');
    }
    for (size_t f = 0; f < N_FIELDS; f++) {
        const char *text = vl_field_name(fields[f].field);
        uint32_t n = 0;
        (void)lab_mischief_table(fields[f].field, &n);
        if (strlen(text) == n_name && strncmp(text, at, n_name) == 0) {
            *field = fields[f].field;
            *row = value;
            *side = (enum lab_side)fields[f].side;
            return value < n;
        }
    }
    return false;
}

bool lab_mischief_fault_check(const struct lab_scenario *s, char err[256])
{
    for (uint32_t i = 0; i < s->n_faults; i++) { // bound: LAB_FAULTS_MAX
        unsigned field = 0;
        uint32_t row = 0;
        enum lab_side side = LAB_SIDE_DRIVER;
        if (!lab_mischief_fault_parse(s->fault[i], &field, &row, &side)) {
            continue;
        }
        const bool driver = side == LAB_SIDE_DRIVER;
        if (s->hostile != (driver ? LAB_HOSTILE_DRIVER : LAB_HOSTILE_DEVICE)) {
            (void)snprintf(err, 256, "fault=%.64s: is the %s's lie; set hostile=%s", s->fault[i],
                           driver ? "driver" : "device", driver ? "driver" : "device");
            return false;
        }
    }
    return true;
}

void lab_mischief_fault_force(const struct lab_scenario *s, uint32_t *forced)
{
    for (uint32_t i = 0; i < s->n_faults; i++) { // bound: LAB_FAULTS_MAX
        unsigned field = 0;
        uint32_t row = 0;
        enum lab_side side = LAB_SIDE_DRIVER;
        if (lab_mischief_fault_parse(s->fault[i], &field, &row, &side)) {
            uint32_t n = 0;
            (void)lab_mischief_table(field, &n);
            forced[field] = row + n; // choice modulo n is the row, and a choice of 0 would be none
        }
    }
}
