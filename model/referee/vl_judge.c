// model/referee/vl_judge.c -- the referees over stored events, without players and without a run.
// A finding in a run leaves the fiber that the event happened on, so no referee goes on behind one.
// Here it leaves the referees by a jump to where they were asked.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_judge.h"

#include "model/referee/vl_judge_notes.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

struct vl_judge {
    struct vl_referees *referees;
    struct vl_verdict verdict;
    uint64_t seq; // of the next event
    const char *fault;
    bool derive_notes;
    struct vl_notes notes;
    jmp_buf asked; // where a finding leads to
};

static void finding(void *ctx, const char *kind, const char *side, const char *detail)
{
    struct vl_judge *judge = ctx;
    struct vl_verdict *v = &judge->verdict;

    v->outcome = VL_FINDING;
    (void)snprintf(v->kind, sizeof(v->kind), "%s", kind);
    (void)snprintf(v->side, sizeof(v->side), "%s", side);
    (void)snprintf(v->detail, sizeof(v->detail), "%s", detail);
    v->event = judge->seq;
    longjmp(judge->asked, 1);
}

struct vl_judge *vl_judge_open(const struct vl_judge_setup *setup)
{
    struct vl_judge *judge = calloc(1, sizeof(*judge));
    uint64_t mem_bytes = 0;

    if (judge == NULL) {
        return NULL;
    }
    struct vl_referee_host host = {.ctx = judge,
                                   .finding = finding,
                                   .verdict = &judge->verdict,
                                   .n_regions = setup->n_regions};
    for (uint32_t i = 0; i < setup->n_regions; i++) { // bound: VL_REFEREE_REGIONS
        host.region[i] = setup->region[i];
        mem_bytes += (uint64_t)setup->region[i].bytes + VL_REFEREE_REGION_ROOM;
    }
    if (mem_bytes <= VL_JUDGE_MEM_MAX_BYTES + VL_REFEREE_REGIONS * VL_REFEREE_REGION_ROOM) {
        judge->referees = vl_referees_open_for(&host, setup->queue_size_max, (uint32_t)mem_bytes);
    }
    judge->derive_notes = setup->derive_notes;
    if (judge->referees == NULL ||
        (setup->derive_notes && !vl_notes_open(&judge->notes, setup->queue_size_max))) {
        vl_judge_close(judge);
        return NULL;
    }
    judge->verdict =
        (struct vl_verdict){.outcome = setup->ended, .kind = "-", .side = "-", .detail = ""};
    vl_referees_reset(judge->referees, &setup->config);
    return judge;
}

void vl_judge_close(struct vl_judge *judge)
{
    if (judge != NULL) {
        vl_referees_close(judge->referees);
        vl_notes_close(&judge->notes);
        free(judge);
    }
}

// ---- shapes ---------------------------------------------------------------------------------

static bool word(uint32_t len, uint32_t max)
{
    return len > 0 && len <= max && (len & (len - 1)) == 0;
}

// What no port call makes. Ranges of single fields have been checked by whoever read the event.
static const char *shape_fault(const struct vl_event *ev)
{
    const bool some = ev->len > 0 && ev->len <= 16;

    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_STORE:
        if (ev->agent == VL_AGENT_ADVERSARY) { // in front of a load of payload, too
            return some ? NULL : "a store of other than 1 to 16 bytes";
        }
        return word(ev->len, 16) ? NULL : "an access to a ring of other than 1, 2, 4, 8, 16 bytes";
    case VL_EV_LOAD:
        return word(ev->len, 16) ? NULL : "an access to a ring of other than 1, 2, 4, 8, 16 bytes";
    case VL_EV_DRAIN: // of payload as well, in pieces of any length
        return some ? NULL : "a drain of other than 1 to 16 bytes";
    case VL_EV_CONFIG_READ:
    case VL_EV_CONFIG_WRITE:
    case VL_EV_MMIO_READ:
    case VL_EV_MMIO_WRITE:
        return word(ev->len, 4) ? NULL : "a register access of other than 1, 2, 4 bytes";
    case VL_EV_READ:
    case VL_EV_WRITE: return ev->len <= VL_BULK_MAX_BYTES ? NULL : "a payload of too many bytes";
    case VL_EV_NOTE:
        return ev->queue < VL_QUEUES ? NULL : "a note on a queue beyond those that are followed";
    default: return NULL;
    }
}

// ---- judging --------------------------------------------------------------------------------

bool vl_judge_event(struct vl_judge *judge, const struct vl_event *ev, const uint8_t *payload)
{
    if (judge->verdict.outcome == VL_FINDING || judge->fault != NULL) {
        return false;
    }
    judge->fault = shape_fault(ev);
    if (judge->fault != NULL) {
        return false;
    }
    if (ev->kind == VL_EV_NOTE && ev->barrier == VIRTQ_NOTE_PEER_ERROR) {
        judge->verdict.peer_faults++;
    }
    if (setjmp(judge->asked) != 0) {
        return false;
    }
    if (ev->len > 0 || (ev->kind != VL_EV_READ && ev->kind != VL_EV_WRITE)) {
        struct vl_event note;
        vl_referees_event(judge->referees, ev, judge->seq, payload);
        if (judge->derive_notes && vl_notes_derive(&judge->notes, ev, &note)) {
            vl_referees_event(judge->referees, &note, judge->seq, NULL);
        }
    } // else it touches nothing
    judge->seq++;
    return true;
}

const char *vl_judge_fault(const struct vl_judge *judge)
{
    return judge->fault;
}

const struct vl_verdict *vl_judge_end(struct vl_judge *judge, uint64_t n_events)
{
    judge->verdict.n_events = n_events;
    if (judge->verdict.outcome != VL_FINDING && setjmp(judge->asked) == 0) {
        vl_referees_end(judge->referees, &judge->verdict);
    }
    return &judge->verdict;
}
