// tools/cmd/triage_key.c -- what a finding is known by: referee and kind, clause, side, field,
// line. A stack says how a run got there, which the schedule decides; these say what is wrong
// where.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_clause.h"
#include "tools/cmd/triage.h"

#include <inttypes.h>
#include <string.h>

static const struct vl_event *event_at(const struct vl_log *log, uint64_t seq)
{
    return &log->events[(uint32_t)seq & (VL_LOG_EVENTS - 1)];
}

static bool by_side(const struct vl_event *ev, const char *side)
{
    const bool driver = ev->agent == VL_AGENT_DRIVER || ev->agent == VL_AGENT_HANDLER;
    const bool device = ev->agent == VL_AGENT_DEVICE || ev->agent == VL_AGENT_TRAP;
    if (strcmp(side, "driver") == 0) {
        return driver;
    }
    if (strcmp(side, "device") == 0) {
        return device;
    }
    return driver || device;
}

static void name_field(const struct vl_event *ev, char out[32])
{
    if (ev->kind == VL_EV_NOTE) {
        (void)snprintf(out, 32, "note %s", vl_note_name(ev->barrier));
    } else if (ev->field != VL_FIELD_NONE) {
        (void)snprintf(out, 32, "%s", vl_field_name(ev->field));
    } else {
        (void)snprintf(out, 32, "%s", vl_event_kind_name(ev->kind));
    }
}

// A place in one of the halves: what drives them is ours, and the same for every bug.
static bool in_half(const struct vl_log_site *s)
{
    return strncmp(s->file, "driver/", 7) == 0 || strncmp(s->file, "device/", 7) == 0;
}

// The blamed side's last place in the sources, from the event that shows the finding backwards; in
// its half, if it was there at all.
static void name_line(const struct vl_log *log, uint64_t first, uint64_t event, const char *side,
                      char out[200])
{
    const struct vl_log_site *found = NULL;
    for (uint64_t seq = event + 1; seq-- > first;) { // bound: VL_LOG_EVENTS
        const uint32_t site = log->event_site[(uint32_t)seq & (VL_LOG_EVENTS - 1)];
        if (site == 0 || site >= VL_LOG_SITES || !by_side(event_at(log, seq), side)) {
            continue;
        }
        const bool half = in_half(&log->sites[site]);
        found = half || found == NULL ? &log->sites[site] : found;
        if (half) {
            break;
        }
    }
    if (found != NULL) {
        (void)snprintf(out, 200, "%.95s:%" PRIu32 " %.63s()", found->file, found->line,
                       found->func);
    }
}

void triage_key(const struct cmd_probe *p, const struct vl_verdict *v, struct triage_key *key)
{
    const struct vl_log *log = lab_machine(p->lab)->log;
    const uint64_t n = atomic_load(&log->head);
    const uint64_t first = n > VL_LOG_EVENTS ? n - VL_LOG_EVENTS : 0;
    const struct vl_clause_info *clause = vl_clause_info(v->clause);
    uint64_t event = v->event;

    *key = (struct triage_key){.kind = "-", .clause = "-", .side = "-", .field = "-", .line = "-"};
    if (v->outcome != VL_FINDING && v->outcome != VL_CRASHED) {
        return;
    }
    (void)snprintf(key->kind, sizeof(key->kind), "%s", v->kind);
    (void)snprintf(key->side, sizeof(key->side), "%s", v->side);
    if (clause != NULL) {
        (void)snprintf(key->clause, sizeof(key->clause), "%s", clause->id);
    }
    if (v->outcome == VL_CRASHED && n > 0) {
        event = n - 1; // what it did last
    }
    if (n > 0 && event >= first && event < n) {
        name_field(event_at(log, event), key->field);
        name_line(log, first, event, v->side, key->line);
    }
}

bool triage_key_same(const struct triage_key *a, const struct triage_key *b)
{
    return strcmp(a->kind, b->kind) == 0 && strcmp(a->clause, b->clause) == 0 &&
           strcmp(a->side, b->side) == 0 && strcmp(a->field, b->field) == 0 &&
           strcmp(a->line, b->line) == 0;
}

bool triage_has_finding(const struct triage_bucket *b)
{
    return strcmp(b->key.kind, "-") != 0;
}
