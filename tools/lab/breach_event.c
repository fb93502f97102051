// tools/lab/breach_event.c -- breaches of clauses: suppression of notifications, by flags and by
// event index.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#define FAR 0x4000u  // indices from the next one: far behind what a run comes to
#define BACK 0xC000u // ... and back, modulo 2^16

// Behind a store or load in a ring: its flags become a.
static void store_flags(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)b;
    lab_breach_store(run, op->side, op->span, 0, 2, a, 0);
}

// Remember the newest index of op's side.
static void keep_idx(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    run->word[0] = op->value;
}

// The flags are being read, and a half without EVENT_IDX looks at the event index behind the ring
// instead: it wants to be told of nothing but the newest entry.
static void obey_event(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    const uint16_t newest = (uint16_t)(run->word[0] - 1);
    const uint64_t event = lab_breach_load(run, op->side, op->span, op->span->bytes - 2, 2);
    (void)a;
    (void)b;
    lab_see(run, op, event == newest ? 0 : 1, 0);
}

// The event index is being read, and a half with EVENT_IDX obeys the flags in front of the ring.
static void obey_flags(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    const uint64_t flags = lab_breach_load(run, op->side, op->span, 0, 2);
    (void)a;
    (void)b;
    if ((flags & 1) != 0) {
        lab_see_add(run, op, FAR, 0);
    }
}

// ---- notifications of nothing new -----------------------------------------------------------

enum { CALM, EXTRA_SENT, ENTRY_SEEN }; // word[1]

static void extra_interrupt(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                            uint64_t b)
{
    run->word[1] = EXTRA_SENT;
    lab_also_interrupt(run, op, a, b);
}

static void extra_doorbell(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                           uint64_t b)
{
    run->word[1] = EXTRA_SENT;
    lab_also_doorbell(run, op, a, b);
}

// A notification must mean an entry: an index that did not move moves for the half.
static void see_an_entry(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    if (run->word[1] == EXTRA_SENT && op->value == run->word[2]) {
        run->word[1] = ENTRY_SEEN;
        lab_see_add(run, op, 1, 0);
    }
    run->word[2] = op->value;
}

// ---- the table ------------------------------------------------------------------------------

#define ACCESS(who, op_, field, phase_)                                                            \
    .op = VL_OP_##op_, .phase = VL_OP_##phase_, .side = LAB_##who, .where = LAB_FIELD(field)
#define EVER .count = UINT16_MAX

static const struct lab_breach rows[] = {
    {.id = "2.7.7.1-drv-1",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct event_idx=off buffers=4",
     .how = "the driver stores 2 in avail flags",
     .act = {{ACCESS(DRIVER, STORE, AVAIL_FLAGS, BEFORE), .deed = lab_set, .a = 2}}},
    {.id = "2.7.7.1-drv-3",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct buffers=4",
     .how = "the driver sets NO_INTERRUPT, with EVENT_IDX",
     .act = {{ACCESS(DRIVER, STORE, AVAIL_IDX, DONE), .deed = store_flags, .a = 1}}},
    {.id = "2.7.7.1-drv-5",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct buffers=4",
     .how = "an interrupt comes with nothing new, and the driver takes a used entry for it",
     .act = {{.op = VL_OP_SLEEP,
              .phase = VL_OP_BEFORE,
              .side = LAB_DRIVER,
              .deed = extra_interrupt,
              .a = 0},
             {ACCESS(DRIVER, LOAD, USED_IDX, DONE), EVER, .deed = see_an_entry}}},
    {.id = "2.7.7.2-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct event_idx=off buffers=4",
     .how = "the device obeys used_event, without EVENT_IDX",
     .act = {{ACCESS(DEVICE, STORE, USED_IDX, BEFORE), EVER, .deed = keep_idx},
             {ACCESS(DEVICE, LOAD, AVAIL_FLAGS, REPLY), EVER, .deed = obey_event}}},
    {.id = "2.7.7.2-dev-2",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct event_idx=off buffers=4",
     .how = "the driver leaves NO_INTERRUPT set, and the device interrupts it all the same",
     .act = {{ACCESS(DRIVER, STORE, AVAIL_FLAGS, BEFORE), EVER, .deed = lab_set, .a = 1},
             {ACCESS(DEVICE, LOAD, AVAIL_FLAGS, DONE), EVER, .deed = lab_see, .a = 0}}},
    {.id = "2.7.7.2-dev-3",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct event_idx=off buffers=4",
     .how = "the device does not interrupt, although avail flags are 0",
     .act = {{ACCESS(DEVICE, LOAD, AVAIL_FLAGS, DONE), .deed = lab_see, .a = 1}}},
    {.id = "2.7.7.2-dev-4",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=4",
     .how = "the driver sets NO_INTERRUPT, with EVENT_IDX, and the device obeys",
     .driver_lies = true,
     .act = {{ACCESS(DRIVER, STORE, USED_EVENT, DONE), EVER, .deed = store_flags, .a = 1},
             {ACCESS(DEVICE, LOAD, USED_EVENT, REPLY), EVER, .deed = obey_flags}}},
    {.id = "2.7.7.2-dev-5",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=4",
     .how = "the device does not interrupt for the entry that used_event names",
     .act = {{ACCESS(DEVICE, LOAD, USED_EVENT, DONE), .deed = lab_see_add, .a = FAR}}},
    {.id = "2.7.7.2-dev-6",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=4",
     .how = "used_event is far behind, and the device interrupts for every entry",
     .act = {{ACCESS(DRIVER, STORE, USED_EVENT, BEFORE), EVER, .deed = lab_add, .a = FAR},
             {ACCESS(DEVICE, LOAD, USED_EVENT, DONE), EVER, .deed = lab_see_add, .a = BACK}}},
    {.id = "2.7.10-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=4",
     .how = "the device goes to sleep with an avail_event that asks for no notification",
     .act = {{ACCESS(DEVICE, STORE, AVAIL_EVENT, BEFORE), EVER, .nth = 2, .deed = lab_drop}}},
    {.id = "2.7.10.1-drv-1",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct start_idx=100 buffers=4",
     .how = "the driver hands over a used ring with flags 1",
     .act = {{ACCESS(DRIVER, STORE, USED_IDX, DONE), .deed = store_flags, .a = 1}}},
    {.id = "2.7.10.1-drv-2",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct event_idx=off buffers=4",
     .how = "the driver obeys avail_event, without EVENT_IDX",
     .act = {{ACCESS(DRIVER, STORE, AVAIL_IDX, BEFORE), EVER, .deed = keep_idx},
             {ACCESS(DRIVER, LOAD, USED_FLAGS, REPLY), EVER, .deed = obey_event}}},
    {.id = "2.7.10.1-drv-3",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct event_idx=off buffers=16 batch=4",
     .how = "the device leaves NO_NOTIFY set, and the driver notifies it all the same",
     .act = {{ACCESS(DEVICE, STORE, USED_FLAGS, BEFORE), EVER, .deed = lab_set, .a = 1},
             {ACCESS(DRIVER, LOAD, USED_FLAGS, DONE), EVER, .deed = lab_see, .a = 0}}},
    {.id = "2.7.10.1-drv-4",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct event_idx=off buffers=4",
     .how = "the driver does not notify, although used flags are 0",
     .act = {{ACCESS(DRIVER, LOAD, USED_FLAGS, DONE), .nth = 2, .deed = lab_see, .a = 1}}},
    {.id = "2.7.10.1-drv-5",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct buffers=4",
     .how = "the device sets NO_NOTIFY, with EVENT_IDX, and the driver obeys",
     .device_lies = true,
     .act = {{ACCESS(DEVICE, STORE, AVAIL_EVENT, DONE), EVER, .deed = store_flags, .a = 1},
             {ACCESS(DRIVER, LOAD, AVAIL_EVENT, REPLY), EVER, .deed = obey_flags}}},
    {.id = "2.7.10.1-drv-6",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct buffers=4",
     .how = "the driver does not notify of the entry that avail_event names",
     .act = {{ACCESS(DRIVER, LOAD, AVAIL_EVENT, DONE), .nth = 2, .deed = lab_see_add, .a = FAR}}},
    {.id = "2.7.10.1-drv-7",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct buffers=4",
     .how = "avail_event is far behind, and the driver notifies of every entry",
     .act = {{ACCESS(DEVICE, STORE, AVAIL_EVENT, BEFORE), EVER, .deed = lab_add, .a = FAR},
             {ACCESS(DRIVER, LOAD, AVAIL_EVENT, DONE), EVER, .deed = lab_see_add, .a = BACK}}},
    {.id = "2.7.10.2-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct event_idx=off buffers=16 batch=4",
     .how = "the device sets bit 15 in used flags, too",
     .act = {{ACCESS(DEVICE, STORE, USED_FLAGS, BEFORE), .deed = lab_or, .a = 0x8000}}},
    {.id = "2.7.10.2-dev-3",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=4",
     .how = "the device sets NO_NOTIFY, with EVENT_IDX",
     .act = {{ACCESS(DEVICE, STORE, USED_IDX, DONE), .deed = store_flags, .a = 1}}},
    {.id = "2.7.10.2-dev-5",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=4",
     .how = "a notification comes with nothing new, and the device takes a buffer for it",
     .act = {{.op = VL_OP_SLEEP,
              .phase = VL_OP_BEFORE,
              .side = LAB_DRIVER,
              .deed = extra_doorbell,
              .a = 0},
             {ACCESS(DEVICE, LOAD, AVAIL_IDX, DONE), EVER, .deed = see_an_entry}}},
};

const struct lab_breach_table lab_breach_event = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
