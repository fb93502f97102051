// tools/lab/lab_input_say.c -- a deviation as a sentence.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_input.h"
#include "tools/lab/lab_mischief_regs.h"
#include "tools/lab/lab_work_keys.h"

#include <inttypes.h>
#include <stdio.h>

struct saying {
    const struct vl_deviation *d;
    uint32_t memory;
    char who[24];  // "the driver"
    char nth[16];  // "3rd"
    char what[32]; // "q0.avail.idx"
    char *out;
    size_t out_bytes;
};

static const char *ordinal_end(uint32_t n)
{
    static const char *const ends[] = {"th", "st", "nd", "rd"};
    return n / 10 % 10 != 1 && n % 10 < 4 ? ends[n % 10] : "th";
}

static void name_agent(unsigned agent, char *out, size_t out_bytes)
{
    switch (agent) {
    case VL_AGENT_TRAP: (void)snprintf(out, out_bytes, "the device's trap"); break;
    case VL_AGENT_HANDLER: (void)snprintf(out, out_bytes, "the driver's handler"); break;
    default: (void)snprintf(out, out_bytes, "the %s", vl_agent_name(agent)); break;
    }
}

static void say_memory(const struct saying *s, bool load)
{
    const struct vl_deviation *d = s->d;
    if ((d->key & 15u) == VL_FIELD_BUFFER) {
        (void)snprintf(s->out, s->out_bytes,
                       "%s's %s %s a buffer of q%u is cut after %" PRIu32 " bytes", s->who, s->nth,
                       load ? "read of" : "write to", d->key >> 4 & 3u, d->value);
    } else if (load) {
        (void)snprintf(s->out, s->out_bytes,
                       "%s's %s load of %s sees the %" PRIu32 "%s store before the newest", s->who,
                       s->nth, s->what, d->value, ordinal_end(d->value));
    } else if (s->memory == LAB_MEMORY_TSO) {
        (void)snprintf(s->out, s->out_bytes,
                       "%s's %s store to %s stays in the store buffer for %" PRIu32 " port calls",
                       s->who, s->nth, s->what, d->value);
    } else {
        (void)snprintf(s->out, s->out_bytes,
                       "%s's %s store to %s goes %" PRIu32 " places before the newest", s->who,
                       s->nth, s->what, d->value);
    }
}

static void say_notify(const struct saying *s)
{
    const struct vl_deviation *d = s->d;
    const char *what = "register write";
    if ((d->key & 15u) == VL_FIELD_DOORBELL) {
        what = "doorbell";
    } else if ((d->key & 15u) == VL_FIELD_INTERRUPT) {
        what = "interrupt";
    }
    (void)snprintf(s->out, s->out_bytes,
                   "%s's %s %s (queue %u) arrives %" PRIu32 " port calls late", s->who, s->nth,
                   what, d->key >> 4 & 3u, d->value);
}

static void say_workload(const struct saying *s)
{
    const uint32_t v = s->d->value;
    switch (s->d->key) {
    case LAB_WORK_KEY_ELEMS:
        (void)snprintf(s->out, s->out_bytes, "the %s request has %" PRIu32 " elements fewer",
                       s->nth, v);
        break;
    case LAB_WORK_KEY_BYTES:
        (void)snprintf(s->out, s->out_bytes,
                       "the %s size that is asked for is smaller (%" PRIu32 ")", s->nth, v);
        break;
    case LAB_WORK_KEY_INDIRECT:
        (void)snprintf(s->out, s->out_bytes,
                       "the %s request does the other thing about an indirect table", s->nth);
        break;
    case LAB_WORK_KEY_BATCH:
        (void)snprintf(s->out, s->out_bytes, "the %s batch is %" PRIu32 " requests smaller", s->nth,
                       v);
        break;
    case LAB_WORK_KEY_OP:
        (void)snprintf(s->out, s->out_bytes,
                       "the %s block request is of the kind %" PRIu32 " further on", s->nth, v);
        break;
    case LAB_WORK_KEY_SECTOR:
        (void)snprintf(s->out, s->out_bytes,
                       "the %s block request goes %" PRIu32 " sectors further on", s->nth, v);
        break;
    case LAB_WORK_KEY_RESET:
        (void)snprintf(s->out, s->out_bytes,
                       "the %s chance of a device reset is decided the other "
                       "way",
                       s->nth);
        break;
    case VL_FIELD_BUFFER:
        (void)snprintf(s->out, s->out_bytes, "the %s piece of buffer memory lies %s", s->nth,
                       v % 3 == 1 ? "across a border of memory regions" : "above 4 GiB");
        break;
    default:
        (void)snprintf(s->out, s->out_bytes,
                       "choice %u of the workload is %" PRIu32 " for the %s time", s->d->key, v,
                       s->nth);
        break;
    }
}

static void say_completion(const struct saying *s)
{
    if (s->d->key == LAB_DISK_KEY_RESIZE) {
        (void)snprintf(s->out, s->out_bytes,
                       "the %s chance of the medium to grow is decided the other way", s->nth);
    } else {
        (void)snprintf(s->out, s->out_bytes,
                       "at its %s turn the backend does not answer the oldest request (%" PRIu32
                       ")",
                       s->nth, s->d->value);
    }
}

static void say_mischief(const struct saying *s, const char *victim)
{
    const char *deed = lab_mischief_sentence(s->d->key & 15u, s->d->value);
    if (s->d->agent == VL_AGENT_ADVERSARY) {
        (void)snprintf(s->out, s->out_bytes,
                       "before the %s's %s load of %s the adversary stores: "
                       "%s",
                       victim, s->nth, s->what, deed);
    } else {
        (void)snprintf(s->out, s->out_bytes, "%s's %s store to %s is altered: %s", s->who, s->nth,
                       s->what, deed);
    }
}

static void say_registers(const struct saying *s)
{
    const struct vl_deviation *d = s->d;
    if (d->agent == VL_AGENT_ADVERSARY) {
        char deed[LAB_MISCHIEF_REGS_BYTES];
        lab_mischief_regs_sentence(d->value, deed);
        (void)snprintf(s->out, s->out_bytes, "the driver's %s register access at %u modulo 64 %s",
                       s->nth, d->key, deed);
    } else {
        (void)snprintf(s->out, s->out_bytes, "%s's %s register access at %u modulo 64 carries: %s",
                       s->who, s->nth, d->key, lab_mischief_sentence(VL_FIELD_REGISTER, d->value));
    }
}

static void say_platform(const struct saying *s)
{
    const bool driver = (s->d->key & 15u) == VL_FIELD_INTERRUPT;
    (void)snprintf(s->out, s->out_bytes, "a spurious %s arrives at the %s's %s sleep",
                   driver ? "interrupt" : "notification", driver ? "driver" : "device", s->nth);
}

void lab_deviation_sentence(uint32_t memory, const struct vl_deviation *d, char *out,
                            size_t out_bytes)
{
    struct saying s = {.d = d, .memory = memory, .out = out, .out_bytes = out_bytes};
    name_agent(d->agent, s.who, sizeof(s.who));
    (void)snprintf(s.nth, sizeof(s.nth), "%" PRIu32 "%s", d->nth, ordinal_end(d->nth));
    (void)snprintf(s.what, sizeof(s.what), "q%u.%s", d->key >> 4 & 3u, vl_field_name(d->key & 15u));

    switch ((enum vl_lane)d->lane) {
    case VL_LANE_SCHEDULE:
        (void)snprintf(out, out_bytes, "%s is preempted at its %s port call", s.who, s.nth);
        break;
    case VL_LANE_READ: say_memory(&s, true); break;
    case VL_LANE_STORE: say_memory(&s, false); break;
    case VL_LANE_NOTIFY: say_notify(&s); break;
    case VL_LANE_WORKLOAD: say_workload(&s); break;
    case VL_LANE_COMPLETION: say_completion(&s); break;
    case VL_LANE_MISCHIEF_DRIVER: say_mischief(&s, "device"); break;
    case VL_LANE_MISCHIEF_DEVICE: say_mischief(&s, "driver"); break;
    case VL_LANE_MISCHIEF_PCI: say_registers(&s); break;
    case VL_LANE_PLATFORM: say_platform(&s); break;
    case VL_LANE_PRIORITY:
        (void)snprintf(out, out_bytes, "from %s's %s port call on its side goes %s", s.who, s.nth,
                       d->value % VL_PRIORITY_OPTIONS == VL_PRIORITY_FIRST ? "first" : "last");
        break;
    case VL_LANE_DELAY:
        (void)snprintf(out, out_bytes,
                       "%s is put off at its %s port call; others go on for %" PRIu32, s.who, s.nth,
                       d->value % VL_PUT_OFF_OPTIONS);
        break;
    case VL_LANE_COUNT: (void)snprintf(out, out_bytes, "?"); break;
    }
}
