// model/core/vl_weak_race.c -- a data race as a finding: who did what where, which barrier is too
// weak, and which bytes could have been seen.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_machine.h"
#include "model/core/vl_weak.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_BYTES 8u

static bool is_driver(unsigned agent)
{
    return agent == VL_AGENT_DRIVER || agent == VL_AGENT_HANDLER;
}

static const char *side_name(unsigned agent)
{
    return is_driver(agent) ? "driver" : "device";
}

// The strength of a barrier in force.
static unsigned strength(const struct vl_machine *m, enum virtq_barrier barrier)
{
#define STRENGTH_(id, name, order, partner, side, orders) (order),
    static const uint8_t written[] = {VIRTQ_PLAIN, VIRTQ_BARRIERS(STRENGTH_)};
#undef STRENGTH_
    const uint8_t forced = m->config.barrier_order[barrier];
    return forced == 0xFF ? written[barrier] : forced;
}

// Why the earlier access is not ordered before the later one. What orders accesses of the two
// sides is the pair of publish and consume on the index that goes from the one to the other.
// Returns whom to blame.
static const char *missing_order(const struct vl_machine *m, unsigned earlier, unsigned later,
                                 char *out, size_t room)
{
    const bool from_driver = is_driver(earlier);
    const enum virtq_barrier publish =
        from_driver ? VIRTQ_BARRIER_AVAIL_PUBLISH : VIRTQ_BARRIER_USED_PUBLISH;
    const enum virtq_barrier consume =
        from_driver ? VIRTQ_BARRIER_AVAIL_CONSUME : VIRTQ_BARRIER_USED_CONSUME;
    const bool publishes = vl_order_releases(strength(m, publish));
    const bool consumes = vl_order_acquires(strength(m, consume));

    if (is_driver(earlier) == is_driver(later)) {
        (void)snprintf(out, room, "two contexts of one side, and nothing orders them");
        return side_name(earlier);
    }
    if (publishes && consumes) {
        (void)snprintf(out, room, "%s and %s do not stand between the two",
                       vl_barrier_name(publish), vl_barrier_name(consume));
        return "-";
    }
    const enum virtq_barrier weak = publishes ? consume : publish;
    (void)snprintf(out, room, "%s is %s, and %s would order them%s", vl_barrier_name(weak),
                   vl_order_name(strength(m, weak)), publishes ? "acq" : "rel",
                   publishes || consumes ? "" : " with its partner, which is too weak, too");
    return publishes == from_driver ? "device" : "driver";
}

static void hex(const uint8_t *bytes, uint32_t n, char *out)
{
    for (uint32_t i = 0; i < n; i++) { // bound: SHOWN_BYTES
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void bytes_shown(const struct vl_access *a, const uint8_t *seen, const uint8_t *in_place,
                        char *out, size_t room)
{
    const uint32_t n_known = a->bytes < VL_TSO_BYTES ? a->bytes : VL_TSO_BYTES;
    char old_text[2 * SHOWN_BYTES + 1] = "";
    char new_text[2 * SHOWN_BYTES + 1] = "";
    uint32_t from = 0;

    out[0] = '\0';
    if (seen == NULL) {
        return;
    }
    while (from < n_known && seen[from] == in_place[from]) { // bound: VL_TSO_BYTES
        from++;
    }
    if (from == n_known) {
        (void)snprintf(out, room, "; the bytes before it were the same");
        return;
    }
    from = from / SHOWN_BYTES * SHOWN_BYTES;
    const uint32_t n = n_known - from < SHOWN_BYTES ? n_known - from : SHOWN_BYTES;
    const char *before = from > 0 ? ".." : "";
    const char *behind = a->bytes > from + n ? ".." : "";
    hex(seen + from, n, old_text);
    hex(in_place + from, n, new_text);
    (void)snprintf(out, room, "; it could see %s%s%s in place of %s%s%s", before, old_text, behind,
                   before, new_text, behind);
}

// "device/vdev_queue.c:172", or "?" for a site that nobody remembers.
static void site_text(const struct vl_machine *m, unsigned site, char out[112])
{
    const struct virtq_site *s = site < VL_LOG_SITES ? m->sites[site] : NULL;
    if (site == 0 || s == NULL) {
        (void)snprintf(out, 112, "?");
    } else {
        (void)snprintf(out, 112, "%.96s:%" PRIu32, s->file, s->line);
    }
}

void vl_weak_report(struct vl_machine *m, const struct vl_access *a, unsigned field,
                    const struct vl_conflict *conflict, const uint8_t *seen,
                    const uint8_t *in_place)
{
    const uint64_t gpa = vl_memory_gpa(&m->memory, conflict->off);
    char kind[48];
    char why[112];
    char bytes[80];
    char here[112];
    char there[112];

    if (m->config.races_see) {
        const struct vl_event ev = {.addr = gpa,
                                    .value = conflict->store,
                                    .aux = a->store,
                                    .reads_from = conflict->seq + 1,
                                    .len = a->off + a->bytes - conflict->off,
                                    .kind = VL_EV_RACE,
                                    .agent = a->agent,
                                    .field = (uint8_t)field};
        vl_emit_hot(m, ev, NULL, NULL);
        return;
    }
    (void)snprintf(kind, sizeof(kind), "race:%s", vl_field_name(field));
    site_text(m, a->site, here);
    site_text(m, conflict->site, there);
    const char *blamed = missing_order(m, conflict->agent, a->agent, why, sizeof(why));
    bytes_shown(a, seen, in_place, bytes, sizeof(bytes));
    vl_finding(m, kind, blamed,
               "the %s %s gpa 0x%" PRIx64 " (%s), and nothing orders that behind the %s's %s at "
               "#%" PRIu32 " (%s): %s%s",
               vl_agent_name(a->agent), a->store ? "stores to" : "loads", gpa, here,
               vl_agent_name(conflict->agent), conflict->store ? "store" : "load", conflict->seq,
               there, why, bytes);
}
