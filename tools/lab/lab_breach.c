// tools/lab/lab_breach.c -- breaches: finding them by name, and acting at the right port calls.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "clause:"
#define NOWHERE UINT64_MAX

#define TABLE_REF_(name) &lab_breach_##name,
static const struct lab_breach_table *const tables[] = {LAB_BREACH_TABLES(TABLE_REF_)};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

const struct lab_breach *lab_breach_at(uint32_t i)
{
    for (size_t t = 0; t < N_TABLES; t++) {
        if (i < tables[t]->n) {
            return &tables[t]->row[i];
        }
        i -= tables[t]->n;
    }
    return NULL;
}

const struct lab_breach *lab_breach_named(const char *fault)
{
    const struct lab_breach *b = NULL;

    if (strncmp(fault, PREFIX, sizeof(PREFIX) - 1) != 0) {
        return NULL;
    }
    for (uint32_t i = 0; (b = lab_breach_at(i)) != NULL; i++) { // bound: rows of the tables
        if (strcmp(b->id, fault + sizeof(PREFIX) - 1) == 0) {
            return b;
        }
    }
    return NULL;
}

const struct lab_breach *lab_breach_of(const struct lab_scenario *s)
{
    for (uint32_t i = 0; i < s->n_faults; i++) { // bound: LAB_FAULTS_MAX
        const struct lab_breach *b = lab_breach_named(s->fault[i]);
        if (b != NULL) {
            return b;
        }
    }
    return NULL;
}

bool lab_breach_check(const struct lab_scenario *s, char err[256])
{
    const struct lab_breach *first = NULL;

    for (uint32_t i = 0; i < s->n_faults; i++) { // bound: LAB_FAULTS_MAX
        const struct lab_breach *b = lab_breach_named(s->fault[i]);
        if (b == NULL) {
            continue;
        }
        if (first != NULL) {
            (void)snprintf(err, 256, "fault=clause:%s,clause:%s: one breach at a time", first->id,
                           b->id);
            return false;
        }
        first = b;
        if (s->memory != LAB_MEMORY_SC) {
            (void)snprintf(err, 256, "fault=clause:%s: set memory=sc", b->id);
            return false;
        }
    }
    return true;
}

// ---- places ---------------------------------------------------------------------------------

// Offset in config space of the function's capability: virtio's of a cfg_type, or MSI-X (type 0).
static uint32_t cap_offset(const struct lab_pci_bus *pci, unsigned type)
{
    const uint8_t *config = pci->function->config;
    uint32_t at = config[0x34] & 0xFCu;

    for (uint32_t n = 0; at >= 0x40 && n < 48; n++) { // bound: capabilities that fit
        if (type == 0 ? config[at] == 0x11 : config[at] == 9 && config[at + 3] == type) {
            return at;
        }
        at = config[at + 1] & 0xFCu;
    }
    return 0;
}

// Where BAR bar of the function is placed; NOWHERE while it is not.
static uint64_t bar_base(const struct lab_pci_bus *pci, unsigned bar)
{
    for (uint32_t i = 0; i < pci->pci.n_windows; i++) { // bound: windows of the bus
        if (pci->pci.window[i].bar == bar) {
            return pci->pci.window[i].base;
        }
    }
    return NOWHERE;
}

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// Bus address at which a structure begins, and how long it is.
static uint64_t structure_base(const struct lab_pci_bus *pci, unsigned structure, uint32_t *length)
{
    const bool table = structure == VL_REGION_TABLE;
    const uint32_t at = cap_offset(pci, table ? 0 : structure);
    const uint8_t *cap = &pci->function->config[at];

    if (at == 0) {
        return NOWHERE;
    }
    const unsigned bar = table ? cap[4] & 7u : cap[4];
    const uint64_t base = bar_base(pci, bar);
    if (base == NOWHERE) {
        return NOWHERE;
    }
    *length = table ? 16u * (((cap[2] | (uint32_t)cap[3] << 8) & 0x7FFu) + 1) : le32(cap + 12);
    return base + (table ? le32(cap + 4) & ~7u : le32(cap + 8));
}

uint64_t lab_breach_address(const struct lab_breach_run *run, uint32_t where)
{
    const uint32_t kind = where >> 16;
    const uint32_t off = where & 0xFFFFu;
    uint32_t length = 0;

    if (run->pci == NULL || run->pci->function == NULL) {
        return NOWHERE;
    }
    if (kind < VL_REGION_COUNT) {
        const uint64_t base = structure_base(run->pci, kind, &length);
        return base == NOWHERE ? NOWHERE : base + off;
    }
    if (kind == 0x10) {
        return off;
    }
    const uint32_t at = cap_offset(run->pci, kind == 0x30 ? 0 : kind - 0x20);
    return at == 0 ? NOWHERE : at + off;
}

static bool at_place(const struct lab_breach_run *run, const struct vl_port_op *op, uint32_t where)
{
    switch ((enum vl_op_kind)op->kind) {
    case VL_OP_CONFIG_READ:
    case VL_OP_CONFIG_WRITE:
        return op->addr >> 16 == LAB_PCI_BDF && where >> 16 >= 0x10 &&
               lab_breach_address(run, where) == (op->addr & 0xFFFFu);
    case VL_OP_MMIO_READ:
    case VL_OP_MMIO_WRITE:
        return where >> 16 < VL_REGION_COUNT && lab_breach_address(run, where) == op->addr;
    case VL_OP_LOAD:
    case VL_OP_STORE: return where >> 16 == 0x40 && (where & 0xFFFFu) == op->field;
    case VL_OP_NOTE: return where >> 16 == 0x50 && (where & 0xFFFFu) == op->addr;
    default: return false;
    }
}

// ---- acting ---------------------------------------------------------------------------------

static bool matches(const struct lab_breach_run *run, const struct lab_act *act,
                    const struct vl_port_op *op, enum vl_op_phase phase)
{
    if (act->deed == NULL || act->op != op->kind || act->phase != phase ||
        (act->side != LAB_EITHER && act->side != op->side + 1u)) {
        return false;
    }
    return (act->where == 0 || at_place(run, op, act->where)) &&
           (op->value & act->mask) == act->match;
}

static void at(void *ctx, struct vl_port_op *op, enum vl_op_phase phase)
{
    struct lab_breach_run *run = ctx;

    if (op->span != NULL && phase == VL_OP_BEFORE) {
        run->last[op->field] = op->span;
        run->last_off[op->field] = op->off;
    }
    for (unsigned i = 0; i < LAB_ACTS_MAX; i++) {
        const struct lab_act *act = &run->breach->act[i];
        if (!matches(run, act, op, phase)) {
            continue;
        }
        const uint32_t n = ++run->n[i];
        const uint32_t from = act->nth == 0 ? 1 : act->nth;
        const uint32_t count = act->count == 0 ? 1 : act->count;
        if (n >= from && (count == UINT16_MAX || n - from < count)) {
            act->deed(run, op, act->a, act->b);
        }
    }
}

void lab_breach_start(struct lab_breach_run *run, const struct lab_breach *breach,
                      struct vl_machine *m, struct lab_pci_bus *pci)
{
    if (breach == NULL || breach->patch) {
        return;
    }
    memset(run, 0, sizeof(*run));
    run->breach = breach;
    run->machine = m;
    run->pci = pci;
    run->interposer = (struct vl_interposer){.ctx = run, .at = at};
    m->interposer = &run->interposer;
}
