// model/memory/vl_race.c -- data races: marks of plain accesses, and old bytes.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/memory/vl_race.h"

#include <stdlib.h>
#include <string.h>

#define LINE_GRAINS (VL_RACE_LINE_BYTES / 2)

enum virtq_err vl_races_open(struct vl_races *races, uint32_t bytes)
{
    memset(races, 0, sizeof(*races));
    races->n_grains = bytes / 2;
    races->line = calloc(bytes / VL_RACE_LINE_BYTES, sizeof(races->line[0]));
    races->grain = calloc(races->n_grains, sizeof(races->grain[0]));
    races->second = calloc(races->n_grains, sizeof(races->second[0]));
    races->undo = calloc(VL_RACE_UNDO_STORES, sizeof(races->undo[0]));
    races->old = malloc(VL_RACE_UNDO_BYTES);
    if (races->line == NULL || races->grain == NULL || races->second == NULL ||
        races->undo == NULL || races->old == NULL) {
        vl_races_close(races);
        return VIRTQ_ERR_NO_MEMORY;
    }
    return VIRTQ_OK;
}

void vl_races_close(struct vl_races *races)
{
    free(races->line);
    free(races->grain);
    free(races->second);
    free(races->undo);
    free(races->old);
    memset(races, 0, sizeof(*races));
}

void vl_races_reset(struct vl_races *races, uint64_t n_events)
{
    if (n_events > UINT32_MAX / 2 || races->run_base > UINT32_MAX / 2 - (uint32_t)n_events) {
        memset(races->line, 0, races->n_grains / LINE_GRAINS * sizeof(races->line[0]));
        memset(races->grain, 0, races->n_grains * sizeof(races->grain[0]));
        memset(races->second, 0, races->n_grains * sizeof(races->second[0]));
        races->run_base = 0;
    } else {
        races->run_base += (uint32_t)n_events;
    }
    races->n_undo = 0;
    races->undo_head = 0;
}

// ---- marks -------------------------------------------------------------------------------------

// What one look needs besides the marks. Marks that were found ordered once are not looked at
// again: neighbours mostly have the same.
struct look {
    const struct vl_races *races;
    const struct vl_rc11 *rc;
    const struct vl_access *a;
    struct vl_conflict *conflict;
    uint32_t ordered_write;
    uint32_t ordered_read[VL_RACE_SIDES];
};

static void conflict_with(struct look *l, uint32_t off, uint32_t mark, unsigned agent,
                          uint16_t site, bool store)
{
    if (!l->conflict->found) {
        *l->conflict = (struct vl_conflict){.found = true,
                                            .store = store,
                                            .off = off,
                                            .seq = mark - l->races->run_base - 1,
                                            .site = site,
                                            .agent = (uint8_t)agent};
    }
}

static bool ordered(const struct look *l, uint32_t mark, unsigned agent)
{
    const uint32_t base = l->races->run_base;
    return mark <= base || vl_rc11_knows(l->rc, l->a->agent, agent, mark - base - 1);
}

static inline void check(struct look *l, const struct vl_grain *g, uint32_t off)
{
    if (g->write != l->ordered_write) {
        if (ordered(l, g->write, g->write_agent)) {
            l->ordered_write = g->write;
        } else {
            conflict_with(l, off, g->write, g->write_agent, g->write_site, true);
        }
    }
    for (unsigned s = 0; s < VL_RACE_SIDES && l->a->store; s++) {
        if (g->read[s] == l->ordered_read[s]) {
            continue;
        }
        if (ordered(l, g->read[s], g->read_agent[s])) {
            l->ordered_read[s] = g->read[s];
        } else {
            conflict_with(l, off, g->read[s], g->read_agent[s], g->read_site[s], false);
        }
    }
}

// A store takes the loads' place: whoever is ordered behind it is ordered behind them, too, or
// they were a race.
static inline void leave(const struct look *l, struct vl_grain *g)
{
    const struct vl_access *a = l->a;
    const uint32_t mark = l->races->run_base + 1 + a->seq;
    if (a->store) {
        *g = (struct vl_grain){
            .write = mark, .write_site = a->site, .write_agent = a->agent, .split = g->split};
    } else {
        g->read[a->side] = mark;
        g->read_site[a->side] = a->site;
        g->read_agent[a->side] = a->agent;
    }
}

// Accesses with an order are in the cell's history. A plain one is compared with all of them.
static void check_history(struct look *l, uint32_t cell)
{
    const struct vl_rc11 *rc = l->rc;
    // bound: the cell's history
    for (uint16_t id = rc->newest[cell]; id != 0; id = rc->msgs[id].older) {
        const struct vl_rc11_msg *m = &rc->msgs[id];
        const uint32_t base = l->races->run_base;
        if ((m->flags & VL_RC11_PLAIN) != 0) {
            continue;
        }
        if ((m->flags & VL_RC11_FIRST) == 0 && !vl_rc11_knows(rc, l->a->agent, m->agent, m->seq)) {
            conflict_with(l, cell * 2, base + 1 + m->seq, m->agent, 0, true);
        }
        for (unsigned by = 0; by < VL_CLOCK_AGENTS && l->a->store; by++) {
            const uint32_t seq = (uint32_t)m->read.at[by];
            if (seq != VL_CLOCK_NEVER && !vl_rc11_knows(rc, l->a->agent, by, seq)) {
                conflict_with(l, cell * 2, base + 1 + seq, by, 0, false);
            }
        }
    }
}

// One of the two bytes.
static void access_byte(struct vl_races *races, struct look *l, uint32_t off)
{
    struct vl_grain *first = &races->grain[off / 2];
    if (first->split == 0) {
        first->split = 1;
        races->second[off / 2] = *first;
    }
    struct vl_grain *g = off % 2 == 0 ? first : &races->second[off / 2];
    check(l, g, off);
    if (l->a->plain) {
        leave(l, g);
        check_history(l, off / 2);
    }
}

static void access_split(struct vl_races *races, struct look *l, uint32_t off)
{
    access_byte(races, l, off);
    access_byte(races, l, off + 1);
    if (l->a->plain && l->a->store) {
        races->grain[off / 2].split = 0; // both bytes have the same marks again
    }
}

static bool has_history(const struct vl_rc11 *rc, uint32_t cell)
{
    uint64_t words[VL_RACE_LINE_BYTES / sizeof(uint64_t)];
    uint64_t any = 0;
    memcpy(words, rc->newest + cell, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        any |= words[i];
    }
    return any != 0;
}

// A part of a line gets marks of its own: so do the others, what the line had.
static void split_line(struct vl_races *races, uint32_t off)
{
    struct vl_grain *line = &races->line[off / VL_RACE_LINE_BYTES];
    const uint32_t base = races->run_base;

    if (line->split != 0) {
        return;
    }
    // Marks of earlier runs say nothing, here as there.
    if (line->write > base || line->read[0] > base || line->read[1] > base) {
        struct vl_grain *g = &races->grain[off / VL_RACE_LINE_BYTES * LINE_GRAINS];
        for (uint32_t i = 0; i < LINE_GRAINS; i++) {
            g[i] = *line;
        }
    }
    line->split = 1;
}

// [off, end) lies in one line.
static void access_in_line(struct vl_races *races, struct look *l, uint32_t off, uint32_t end)
{
    const struct vl_rc11 *rc = l->rc;
    const struct vl_access *a = l->a;

    split_line(races, off);
    if (off % 2 != 0 && off < end) {
        access_byte(races, l, off++);
    }
    for (; off + 2 <= end; off += 2) { // bound: bytes
        struct vl_grain *g = &races->grain[off / 2];
        if (g->split != 0) {
            access_split(races, l, off);
        } else {
            check(l, g, off);
            if (a->plain) {
                leave(l, g);
            }
        }
        if (a->plain && rc->newest[off / 2] != 0) {
            check_history(l, off / 2);
        }
    }
    if (off < end) {
        access_byte(races, l, off);
    }
}

static void access_line(struct vl_races *races, struct look *l, uint32_t off)
{
    struct vl_grain *line = &races->line[off / VL_RACE_LINE_BYTES];

    if (line->split != 0 || !l->a->plain || has_history(l->rc, off / 2)) {
        access_in_line(races, l, off, off + VL_RACE_LINE_BYTES);
        if (!l->a->plain || !l->a->store) {
            return;
        }
        line->split = 0; // all of it has the same marks again
    } else {
        check(l, line, off);
    }
    leave(l, line);
}

void vl_races_access(struct vl_races *races, const struct vl_rc11 *rc, const struct vl_access *a,
                     struct vl_conflict *conflict)
{
    struct look l = {.races = races, .rc = rc, .a = a, .conflict = conflict};
    const uint32_t end = a->off + a->bytes;

    conflict->found = false;
    for (uint32_t off = a->off; off < end;) { // bound: bytes
        const uint32_t next = (off / VL_RACE_LINE_BYTES + 1) * VL_RACE_LINE_BYTES;
        if (off % VL_RACE_LINE_BYTES == 0 && next <= end) {
            access_line(races, &l, off);
        } else {
            access_in_line(races, &l, off, next < end ? next : end);
        }
        off = next;
    }
}

uint32_t vl_races_newest(const struct vl_races *races, uint32_t off, uint32_t bytes)
{
    uint32_t newest = races->run_base;
    const uint32_t last = (off + bytes - 1) / 2;
    for (uint32_t g = off / 2; g <= last;) { // bound: bytes
        const struct vl_grain *line = &races->line[g / LINE_GRAINS];
        const uint32_t write = line->split != 0 ? races->grain[g].write : line->write;
        newest = write > newest ? write : newest;
        g = line->split != 0 ? g + 1 : (g / LINE_GRAINS + 1) * LINE_GRAINS;
    }
    return newest - races->run_base;
}

// ---- old bytes ---------------------------------------------------------------------------------

#define UNDO_MASK (VL_RACE_UNDO_STORES - 1)
#define OLD_MASK (VL_RACE_UNDO_BYTES - 1)

void vl_races_save(struct vl_races *races, const uint8_t *mem, const struct vl_access *a)
{
    if (a->bytes > VL_RACE_UNDO_BYTES / 4) {
        return; // too large to be worth it; accesses come in smaller pieces
    }
    const uint32_t pos = (uint32_t)races->undo_head & OLD_MASK;
    const uint32_t to_end = VL_RACE_UNDO_BYTES - pos;
    const uint32_t first = a->bytes < to_end ? a->bytes : to_end;
    memcpy(races->old + pos, mem + a->off, first);
    if (first < a->bytes) {
        memcpy(races->old, mem + a->off + first, a->bytes - first);
    }
    races->undo[races->n_undo++ & UNDO_MASK] = (struct vl_undo){
        .seq = a->seq, .off = a->off, .bytes = a->bytes, .at = races->undo_head, .agent = a->agent};
    races->undo_head += a->bytes;
}

uint32_t vl_races_old(const struct vl_races *races, const struct vl_rc11 *rc, unsigned agent,
                      const uint8_t *mem, uint32_t off, uint32_t bytes, uint8_t *out)
{
    uint32_t newest = 0;

    for (uint32_t i = 0; i < bytes; i++) { // bound: bytes
        uint32_t source = 0;
        out[i] = mem[off + i];
        // Newest first, until a store that the agent knows of. bound: VL_RACE_UNDO_STORES
        for (uint64_t k = races->n_undo; k > 0 && races->n_undo - k < VL_RACE_UNDO_STORES; k--) {
            const struct vl_undo *u = &races->undo[(k - 1) & UNDO_MASK];
            if (races->undo_head - u->at > VL_RACE_UNDO_BYTES) {
                break; // its bytes have been written over
            }
            if (off + i - u->off >= u->bytes) {
                continue;
            }
            if (vl_rc11_knows(rc, agent, u->agent, u->seq)) {
                source = u->seq + 1;
                break;
            }
            out[i] = races->old[(u->at + (off + i - u->off)) & OLD_MASK];
        }
        newest = source > newest ? source : newest;
    }
    return newest;
}
