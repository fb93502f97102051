// tools/lab/lab_program_knobs.c -- what a program can be told, in words.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_program.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(name) (1u << LAB_VQ_##name)
#define POLLS (BIT(POLL) | BIT(POLLBOUND))
#define KICKS (BIT(KICK) | BIT(FULL))
#define IRQS (BIT(IRQ) | BIT(FULL))
#define NOTIFIED (BIT(KICK) | BIT(IRQ) | BIT(FULL))
#define ALL (POLLS | NOTIFIED)

static const struct {
    const char *name;
    const char *about;
} programs[LAB_PROGRAM_COUNT] = {
    [LAB_VQ_POLL] = {"vq_poll", "no notifications; a wait is one look that finds something new"},
    [LAB_VQ_POLLBOUND] = {"vq_pollbound", "the same; a wait looks TRIES times, then gives up"},
    [LAB_VQ_KICK] = {"vq_kick", "the driver notifies, the device sleeps"},
    [LAB_VQ_IRQ] = {"vq_irq", "the device notifies, the driver sleeps"},
    [LAB_VQ_FULL] = {"vq_full", "notifications both ways, slots used again"},
};

enum knob_kind { KNOB_NUMBER, KNOB_SWITCH, KNOB_STORE, KNOB_LOAD, KNOB_FENCE };

struct knob {
    const char *name;
    enum knob_kind kind;
    uint32_t programs; // bit per program that looks at it
    size_t offset;     // in struct lab_program_knobs
    uint16_t max;      // of a number, from 1
};

#define AT(field) offsetof(struct lab_program_knobs, field)
#define STRENGTH(barrier) (AT(strength) + VIRTQ_BARRIER_##barrier)
static const struct knob knobs_table[] = {
    {"K", KNOB_NUMBER, ALL, AT(k), LAB_PROGRAM_BUFFERS_MAX},
    {"QSZ", KNOB_NUMBER, ALL, AT(qsz), LAB_PROGRAM_SIZE_MAX},
    {"TRIES", KNOB_NUMBER, BIT(POLLBOUND), AT(tries), LAB_PROGRAM_TRIES_MAX},
    {"D1", KNOB_STORE, POLLS | KICKS, STRENGTH(AVAIL_PUBLISH), 0},
    {"D2", KNOB_LOAD, POLLS | IRQS, STRENGTH(USED_CONSUME), 0},
    {"D3", KNOB_FENCE, KICKS, STRENGTH(KICK_CHECK), 0},
    {"D4", KNOB_FENCE, IRQS, STRENGTH(IRQ_REARM), 0},
    {"V1", KNOB_LOAD, POLLS | KICKS, STRENGTH(AVAIL_CONSUME), 0},
    {"V2", KNOB_STORE, POLLS | IRQS, STRENGTH(USED_PUBLISH), 0},
    {"V3", KNOB_FENCE, KICKS, STRENGTH(KICK_REARM), 0},
    {"V4", KNOB_FENCE, IRQS, STRENGTH(IRQ_CHECK), 0},
    {"FENCES", KNOB_SWITCH, ALL, AT(fences), 0},
    {"PLAIN", KNOB_SWITCH, ALL, AT(plain), 0},
    {"NOREPLY", KNOB_SWITCH, BIT(POLL), AT(noreply), 0},
    {"NOUSEDRING", KNOB_SWITCH, BIT(POLL), AT(nousedring), 0},
    {"EVENT_IDX", KNOB_SWITCH, NOTIFIED, AT(event_idx), 0},
    {"BATCH", KNOB_SWITCH, BIT(KICK) | BIT(IRQ), AT(batch), 0},
};
#define KNOBS (sizeof(knobs_table) / sizeof(knobs_table[0]))
_Static_assert(KNOBS <= 32, "one bit each");

// Words for orders. A fence that orders nothing has two.
static const struct {
    const char *name;
    uint8_t order;
} orders[] = {{"rlx", VIRTQ_RELAXED}, {"acq", VIRTQ_ACQUIRE}, {"rel", VIRTQ_RELEASE},
              {"ar", VIRTQ_ACQ_REL},  {"sc", VIRTQ_SEQ_CST},  {"none", VIRTQ_RELAXED}};
#define ORDERS (sizeof(orders) / sizeof(orders[0]))

static const char *order_name(enum knob_kind kind, unsigned order)
{
    if (kind == KNOB_FENCE && order == VIRTQ_RELAXED) {
        return "none";
    }
    for (size_t i = 0; i < ORDERS; i++) {
        if (orders[i].order == order) {
            return orders[i].name;
        }
    }
    return "?";
}

const char *lab_program_name(unsigned i)
{
    return programs[i].name;
}

const char *lab_program_about(unsigned i)
{
    return programs[i].about;
}

bool lab_program_knobs_init(struct lab_program_knobs *knobs, const char *name)
{
    memset(knobs, 0, sizeof(*knobs));
    knobs->k = 1;
    knobs->qsz = 2;
    knobs->tries = 2;
#define DEFAULT(id, name_, order, partner, side, text)                                             \
    knobs->strength[VIRTQ_BARRIER_##id] = (uint8_t)(order);
    VIRTQ_BARRIERS(DEFAULT)
#undef DEFAULT
    for (unsigned i = 0; i < LAB_PROGRAM_COUNT; i++) {
        if (strcmp(programs[i].name, name) == 0) {
            knobs->name = (enum lab_program_name)i;
            return true;
        }
    }
    return false;
}

// ---- one word -----------------------------------------------------------------------------------

static bool set_number(const struct knob *k, uint16_t *to, const char *value, char *err)
{
    char *end = NULL;
    errno = 0;
    const unsigned long n = value != NULL ? strtoul(value, &end, 10) : 0;
    const bool digit = value != NULL && value[0] >= '0' && value[0] <= '9';
    if (!digit || errno != 0 || *end != '\0' || n < 1 || n > k->max) {
        (void)snprintf(err, LAB_PROGRAM_ERR_BYTES, "%s=%.40s: a number from 1 to %u", k->name,
                       value != NULL ? value : "", (unsigned)k->max);
        return false;
    }
    *to = (uint16_t)n;
    return true;
}

static bool set_switch(const struct knob *k, bool *to, const char *value, char *err)
{
    if (value != NULL && strcmp(value, "1") != 0) {
        (void)snprintf(err, LAB_PROGRAM_ERR_BYTES,
                       "%s=%.40s: %s is on when it is named, alone or "
                       "as %s=1",
                       k->name, value, k->name, k->name);
        return false;
    }
    *to = true;
    return true;
}

static bool set_order(const struct knob *k, uint8_t *to, const char *value, char *err)
{
    for (size_t i = 0; value != NULL && i < ORDERS; i++) {
        if (strcmp(orders[i].name, value) == 0) {
            *to = orders[i].order;
            return true;
        }
    }
    (void)snprintf(err, LAB_PROGRAM_ERR_BYTES, "%s=%.40s: orders are rlx, acq, rel, ar, sc, none",
                   k->name, value != NULL ? value : "");
    return false;
}

static bool set_knob(const struct knob *k, struct lab_program_knobs *knobs, const char *value,
                     char *err)
{
    void *to = (char *)knobs + k->offset;
    switch (k->kind) {
    case KNOB_NUMBER: return set_number(k, to, value, err);
    case KNOB_SWITCH: return set_switch(k, to, value, err);
    default: return set_order(k, to, value, err);
    }
}

bool lab_program_knob(struct lab_program_knobs *knobs, const char *word,
                      char err[LAB_PROGRAM_ERR_BYTES])
{
    const char *equals = strchr(word, '=');
    const size_t n = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const char *value = equals != NULL ? equals + 1 : NULL;

    for (size_t i = 0; i < KNOBS; i++) {
        const struct knob *k = &knobs_table[i];
        if (strlen(k->name) != n || memcmp(k->name, word, n) != 0) {
            continue;
        }
        knobs->given |= 1u << i;
        struct lab_program_knobs unused = *knobs; // a knob that nobody looks at changes nothing
        const bool looked_at = (k->programs >> knobs->name & 1) != 0;
        return set_knob(k, looked_at ? knobs : &unused, value, err);
    }
    (void)snprintf(err, LAB_PROGRAM_ERR_BYTES,
                   "%.60s: no such knob; there are K, QSZ, TRIES, D1 to D4, V1 to V4, FENCES, "
                   "PLAIN, NOREPLY, NOUSEDRING, EVENT_IDX, BATCH",
                   word);
    return false;
}

// ---- all of them --------------------------------------------------------------------------------

// An access has the orders that C gives it; a fence has all.
static bool order_fits(const struct knob *k, bool fences, unsigned order)
{
    if (k->kind == KNOB_FENCE || fences || order == VIRTQ_RELAXED || order == VIRTQ_SEQ_CST) {
        return true;
    }
    return order == (k->kind == KNOB_STORE ? VIRTQ_RELEASE : VIRTQ_ACQUIRE);
}

bool lab_program_knobs_check(const struct lab_program_knobs *knobs, char err[LAB_PROGRAM_ERR_BYTES])
{
    for (size_t i = 0; i < KNOBS; i++) {
        const struct knob *k = &knobs_table[i];
        if (k->kind != KNOB_STORE && k->kind != KNOB_LOAD) {
            continue;
        }
        const uint8_t order = *((const uint8_t *)knobs + k->offset);
        if (!order_fits(k, knobs->fences, order)) {
            (void)snprintf(err, LAB_PROGRAM_ERR_BYTES,
                           "%s=%s: a %s has no such order; with FENCES it is a fence, which has",
                           k->name, order_name(k->kind, order),
                           k->kind == KNOB_STORE ? "store" : "load");
            return false;
        }
    }
    // Nothing comes back there, so no slot is ever free again.
    const bool one_way = knobs->name == LAB_VQ_KICK || knobs->name == LAB_VQ_IRQ;
    if (one_way && knobs->k > knobs->qsz) {
        (void)snprintf(err, LAB_PROGRAM_ERR_BYTES,
                       "K=%u QSZ=%u: %s uses a slot once; say QSZ=%u or more", (unsigned)knobs->k,
                       (unsigned)knobs->qsz, programs[knobs->name].name, (unsigned)knobs->k);
        return false;
    }
    return true;
}

const char *lab_program_knob_foreign(const struct lab_program_knobs *knobs)
{
    for (size_t i = 0; i < KNOBS; i++) {
        const bool looked_at = (knobs_table[i].programs >> knobs->name & 1) != 0;
        if ((knobs->given >> i & 1) != 0 && !looked_at) {
            return knobs_table[i].name;
        }
    }
    return NULL;
}

// The value of a knob as a word of its own, empty at the default.
static int knob_text(const struct knob *k, const struct lab_program_knobs *knobs,
                     const struct lab_program_knobs *defaults, char *out, size_t room)
{
    const char *at = (const char *)knobs + k->offset;
    const char *at_default = (const char *)defaults + k->offset;
    const size_t bytes = k->kind == KNOB_NUMBER ? sizeof(uint16_t) : 1;
    if (strcmp(k->name, "K") != 0 && memcmp(at, at_default, bytes) == 0) {
        return 0;
    }
    uint16_t number = 0;
    switch (k->kind) {
    case KNOB_NUMBER:
        memcpy(&number, at, sizeof(number));
        return snprintf(out, room, " %s=%u", k->name, (unsigned)number);
    case KNOB_SWITCH: return snprintf(out, room, " %s", k->name);
    default: return snprintf(out, room, " %s=%s", k->name, order_name(k->kind, (unsigned char)*at));
    }
}

void lab_program_knobs_text(const struct lab_program_knobs *knobs, char out[LAB_PROGRAM_TEXT_BYTES])
{
    struct lab_program_knobs defaults;
    (void)lab_program_knobs_init(&defaults, programs[knobs->name].name);
    size_t n =
        (size_t)snprintf(out, LAB_PROGRAM_TEXT_BYTES, "program=%s", programs[knobs->name].name);
    for (size_t i = 0; i < KNOBS; i++) {
        const int more =
            knob_text(&knobs_table[i], knobs, &defaults, out + n, LAB_PROGRAM_TEXT_BYTES - n);
        n += more > 0 ? (size_t)more : 0;
    }
}
