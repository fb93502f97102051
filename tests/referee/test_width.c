// tests/referee/test_width.c -- ring accesses that are not of one word's width, of both sides.
// Every row is one script, run twice: broken, it must raise exactly the finding that the row names,
// against the side that the row names; with the one step put right, it must raise nothing. So both
// hold: what is done in bytes is judged, and nobody is accused for doing it in bytes.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/referee/referee_rows.h"

#define USED_EVENT (AVAIL + 4u + 2u * SIZE)
#define AVAIL_EVENT (USED + 4u + 8u * SIZE)
#define RING_SLOT(idx) (AVAIL + 4u + 2u * ((idx) % SIZE))
#define ENTRY(idx) (USED + 4u + 8u * ((idx) % SIZE))

// A load that names the store that it read.
static void load_of(struct script *s, unsigned agent, uint64_t gpa, uint64_t value, uint32_t len,
                    uint32_t from)
{
    const struct vl_event ev = {.addr = gpa,
                                .value = value,
                                .reads_from = from,
                                .len = len,
                                .kind = VL_EV_LOAD,
                                .agent = (uint8_t)agent};
    vl_emit(&s->machine, &ev, NULL, NULL);
}

// The device follows the chain of head 0, whose entry it has loaded.
static void follow(struct script *s)
{
    v_desc(s, desc_at(0), READABLE(0), N_READABLE, F_NEXT, 1);
    v_desc(s, desc_at(1), WRITABLE(0), N_WRITABLE, F_WRITE, 0);
    note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_POP, 0, 0, 0, 2);
}

// One buffer published as index 255, so that the next one carries; and that one.
static void across_carry(struct script *s)
{
    live_with(s, 0, 0xFF);
    add(s, 0, 0xFF);
}

// ---- the available index -----------------------------------------------------------------------

// 0x00ff becomes 0x0100 between the two bytes: 0x01ff was never there.
static void index_torn(struct script *s, bool broken)
{
    across_carry(s);
    v_load(s, AVAIL + 2, 0xFF, 1);
    publish(s, 0x100);
    if (!broken) {
        v_load(s, AVAIL + 2, 0x00, 1);
    }
    v_load(s, AVAIL + 3, 0x01, 1);
    v_load(s, RING_SLOT(0xFF), 0, 2);
    follow(s);
}

// The same with the high byte first, and the device names what it takes for a lie.
static void torn_and_accused(struct script *s, bool broken)
{
    across_carry(s);
    v_load(s, AVAIL + 3, 0x00, 1);
    publish(s, 0x100);
    v_load(s, AVAIL + 2, 0x00, 1);
    if (broken) {
        note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_PEER_ERROR, VIRTQ_ERR_AVAIL_IDX, 0, 0, 0);
    }
}

// Flags and index at once.
static void index_with_flags(struct script *s, bool broken)
{
    live_with(s, 0, 0);
    add(s, 0, 0);
    publish(s, 1);
    v_load(s, AVAIL, broken ? 0 : 1u << 16, 4);
    v_load(s, RING_SLOT(0), 0, 2);
    follow(s);
}

// The low byte says all that there is to know; the high one alone nothing.
static void index_by_one_byte(struct script *s, bool broken)
{
    across_carry(s);
    publish(s, 0x100);
    v_load(s, AVAIL + (broken ? 3 : 2), broken ? 0x01 : 0x00, 1);
    v_load(s, RING_SLOT(0xFF), 0, 2);
    follow(s);
}

// The driver stores its index in two bytes: for a moment it is one that went back.
static void index_stored_in_bytes(struct script *s, bool broken)
{
    across_carry(s);
    if (broken) {
        d_store(s, AVAIL + 2, 0x00, 1);
    } else {
        d_store(s, AVAIL + 3, 0x00, 1); // what it is already
        publish(s, 0x100);
    }
}

// What the driver made of it in bytes is an index like any other.
static void index_of_bytes(struct script *s, bool broken)
{
    live_with(s, 0, 0);
    add(s, 0, 0);
    d_store(s, AVAIL + 2, broken ? 2 : 1, 1);
    d_store(s, AVAIL + 3, 0, 1);
    take(s, 0, 0);
}

// ---- available entries -------------------------------------------------------------------------

static void head_loaded_in_bytes(struct script *s, bool broken)
{
    live(s);
    add(s, 0, 0);
    publish(s, 1);
    v_load(s, AVAIL + 2, 1, 1);
    v_load(s, AVAIL + 3, 0, 1);
    v_load(s, RING_SLOT(0) + 1, 0, 1);
    v_load(s, RING_SLOT(broken ? 1 : 0), 0, 1); // the entry behind, in bytes too
    follow(s);
}

// A hostile driver's head, outside the table by its high byte, is not named.
static void head_beyond_in_bytes(struct script *s, bool broken)
{
    live(s);
    v_load(s, AVAIL + 2, 1, 2);
    v_load(s, RING_SLOT(0), 0, 1);
    v_load(s, RING_SLOT(0) + 1, broken ? 1 : 0, 1);
    follow(s);
}

static void head_stored_in_bytes(struct script *s, bool broken)
{
    live(s);
    add(s, 2, 0);
    d_store(s, RING_SLOT(0), broken ? 3 : 2, 1);
    d_store(s, RING_SLOT(0) + 1, 0, 1);
    publish(s, 1);
    take(s, 2, 0);
}

// ---- used entries and the used index ------------------------------------------------------------

// Id and length by stores of their own, as most devices do.
static void entry_stored_in_parts(struct script *s, bool broken)
{
    under_way(s);
    v_write(s, WRITABLE(0), N_WRITABLE);
    v_store(s, ENTRY(0), 0, 4);
    v_store(s, ENTRY(0) + 4, broken ? N_WRITABLE + 1 : N_WRITABLE, 4);
    v_store(s, USED + 2, 1, 1);
    v_store(s, USED + 3, 0, 1);
}

// The length comes when the entry is the driver's already.
static void length_stored_late(struct script *s, bool broken)
{
    under_way(s);
    v_write(s, WRITABLE(0), N_WRITABLE);
    v_store(s, ENTRY(0), 0, 4);
    if (!broken) {
        v_store(s, ENTRY(0) + 4, N_WRITABLE, 4);
    }
    give(s, 1);
    if (broken) {
        v_store(s, ENTRY(0) + 4, N_WRITABLE, 4);
    }
}

static void used_index_in_bytes(struct script *s, bool broken)
{
    live_with(s, 0, 0xFF);
    add(s, 0, 0xFF);
    publish(s, 0x100);
    take(s, 0, 0xFF);
    push(s, 0, 0, 0xFF);
    v_store(s, USED + (broken ? 2 : 3), 0, 1); // back to 0, or what it is already
    v_store(s, USED + 2, 0x100, 2);
}

// Used flags and index at once, the index too far.
static void used_index_with_flags(struct script *s, bool broken)
{
    under_way(s);
    push(s, 0, 0, 0);
    v_store(s, USED, broken ? 2u << 16 : 1u << 16, 4);
}

// The driver takes an entry that an index of two moments seems to cover.
static void used_index_torn(struct script *s, bool broken)
{
    live_with(s, 0, 0xFF);
    add(s, 0, 0xFF);
    publish(s, 0x100);
    take(s, 0, 0xFF);
    push(s, 0, 0, 0xFF);
    d_load(s, USED + 2, 0xFF, 1);
    give(s, 0x100);
    if (!broken) {
        d_load(s, USED + 2, 0x00, 1);
    }
    d_load(s, USED + 3, 0x01, 1);
    d_load(s, ENTRY(0xFF), 0, 8);
    complete(s, 0, 0);
}

static void entry_loaded_in_parts(struct script *s, bool broken)
{
    returned(s);
    d_load(s, USED + 2, 1, 1);
    d_load(s, USED + 3, 0, 1);
    d_load(s, ENTRY(0), 0, 4);
    d_load(s, ENTRY(0) + 4, N_WRITABLE, 4);
    complete(s, 0, broken ? N_WRITABLE - 1 : N_WRITABLE);
}

// Length first, in halves; then the id by its low half.
static void length_loaded_first(struct script *s, bool broken)
{
    returned(s);
    d_load(s, USED + 2, 1, 2);
    d_load(s, ENTRY(0) + 4, N_WRITABLE, 2);
    d_load(s, ENTRY(0) + 6, 0, 2);
    d_load(s, ENTRY(0), 0, 2);
    complete(s, 0, broken ? N_WRITABLE + 1 : N_WRITABLE);
}

// Who never loads the length has no use for it: any may be told. The entry is taken once.
static void id_loaded_alone(struct script *s, bool broken)
{
    returned(s);
    d_load(s, USED + 2, 1, 2);
    d_load(s, ENTRY(0), 0, 4);
    complete(s, 0, 7);
    d_load(s, ENTRY(broken ? 1 : 0), 0, 4);
}

// A hostile device's length, loaded apart, is larger than the buffer and is not named.
static void length_unnoticed(struct script *s, bool broken)
{
    under_way(s);
    d_load(s, USED + 2, 1, 2);
    d_load(s, ENTRY(0), 0, 4);
    d_load(s, ENTRY(0) + 4, broken ? N_WRITABLE + 1 : N_WRITABLE, 4);
    complete(s, 0, broken ? N_WRITABLE + 1 : N_WRITABLE);
}

// ---- suppression --------------------------------------------------------------------------------

static void device_gives(struct script *s, uint64_t features)
{
    live_with(s, features, 0);
    add(s, 0, 0);
    publish(s, 1);
    take(s, 0, 0);
    driver_sleeps(s);
    push(s, 0, 0, 0);
    give(s, 1);
}

// Bit 0 is in the low byte.
static void flags_loaded_as_byte(struct script *s, bool broken)
{
    device_gives(s, 0);
    v_load(s, AVAIL, 0, 1);
    v_load(s, AVAIL + 1, 0, 1);
    if (!broken) {
        device_interrupts(s);
    }
    v_load(s, AVAIL + 2, 1, 2);
}

static void event_loaded_in_bytes(struct script *s, bool broken)
{
    device_gives(s, F_EVENT_IDX);
    v_load(s, USED_EVENT, 0, 1);
    v_load(s, USED_EVENT + 1, 0, 1);
    if (!broken) {
        device_interrupts(s);
    }
    v_load(s, AVAIL + 2, 1, 2);
}

// The event index is 0x00ff, then 0x0100: 0x0000 is neither, and no reason to be silent. Where both
// bytes are of one store it is what the driver asked for.
static void event_torn(struct script *s, bool broken)
{
    live_with(s, F_EVENT_IDX, 0x100);
    d_store(s, USED_EVENT, 0xFF, 2);
    add(s, 0, 0x100);
    publish(s, 0x101);
    take(s, 0, 0x100);
    push(s, 0, 0, 0x100);
    give(s, 0x101);
    load_of(s, VL_AGENT_DEVICE, USED_EVENT + 1, broken ? 0 : 1, 1, broken ? 0 : 99);
    d_store(s, USED_EVENT, 0x100, 2);
    driver_sleeps(s);
    load_of(s, VL_AGENT_DEVICE, USED_EVENT, 0, 1, 99);
    if (!broken) {
        device_interrupts(s);
    }
    device_sleeps(s);
}

// Flags of two bytes, stored in bytes: the undefined bits are in the high one.
static void flags_stored_in_bytes(struct script *s, bool broken)
{
    live(s);
    v_store(s, USED, 1, 1);
    v_store(s, USED + 1, broken ? 1 : 0, 1);
}

// ---- behind the ring ---------------------------------------------------------------------------

static void event_without_feature(struct script *s, bool broken)
{
    live_with(s, broken ? 0 : F_EVENT_IDX, 0);
    v_store(s, AVAIL_EVENT, 0, 2);
}

static void event_byte_without_feature(struct script *s, bool broken)
{
    live_with(s, broken ? 0 : F_EVENT_IDX, 0);
    v_store(s, AVAIL_EVENT + 1, 0, 1);
}

#define UNCOVERED "spec:2.7.13.3-dev-d1"

static const struct row rows[] = {
    {UNCOVERED, "device", index_torn, HONEST},
    {"robustness:accused", "device", torn_and_accused, HONEST},
    {UNCOVERED, "device", index_with_flags, HONEST},
    {UNCOVERED, "device", index_by_one_byte, HONEST},
    {"ownership:avail-idx", "driver", index_stored_in_bytes, HONEST},
    {"ownership:entry-stale", "driver", index_of_bytes, HONEST},
    {UNCOVERED, "device", head_loaded_in_bytes, HONEST},
    {"robustness:unnoticed", "device", head_beyond_in_bytes, HOSTILE_DRIVER},
    {"ownership:entry-stale", "driver", head_stored_in_bytes, HONEST},
    {"data:len-not-written", "device", entry_stored_in_parts, HONEST},
    {"ownership:used-slot-exposed", "device", length_stored_late, HONEST},
    {"ownership:used-idx", "device", used_index_in_bytes, HONEST},
    {"ownership:used-idx", "device", used_index_with_flags, HONEST},
    {"spec:2.7.14-drv-d1", "driver", used_index_torn, HONEST},
    {"data:wrong-length", "driver", entry_loaded_in_parts, HONEST},
    {"data:wrong-length", "driver", length_loaded_first, HONEST},
    {"spec:2.7.14-drv-d1", "driver", id_loaded_alone, HONEST},
    {"robustness:unnoticed", "driver", length_unnoticed, HOSTILE_DEVICE},
    {"liveness:lost-interrupt", "device", flags_loaded_as_byte, HONEST},
    {"liveness:lost-interrupt", "device", event_loaded_in_bytes, HONEST},
    {"liveness:lost-interrupt", "device", event_torn, HONEST},
    {"spec:2.7.10.2-dev-1", "device", flags_stored_in_bytes, HONEST},
    {"ownership:device-write-outside", "device", event_without_feature, HONEST},
    {"ownership:device-write-outside", "device", event_byte_without_feature, HONEST},
};

ROWS_OF(rows);

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_is_found),
        cmocka_unit_test(benign_is_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
