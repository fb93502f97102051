// tests/referee/test_ownership.c -- findings about ownership and data, beside their benign
// neighbours. Every row is one script, run twice: broken, it must raise exactly the finding that
// the row names, against the side that the row names; with the one step put right, it must raise
// nothing.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/referee/referee_rows.h"

// ---- ownership: the driver's rings ------------------------------------------------------------

static void slot_filled_late(struct script *s, bool broken)
{
    live(s);
    add(s, 0, 0);
    if (!broken) {
        d_store(s, AVAIL + 4, 0, 2); // once more, still before the index
    }
    publish(s, 1);
    if (broken) {
        d_store(s, AVAIL + 4, 0, 2);
    }
}

static void entry_from_earlier_round(struct script *s, bool broken)
{
    live(s);
    d_desc(s, desc_at(2), WRITABLE(2), N_WRITABLE, F_WRITE, 0);
    add_slot(s, 2, broken ? 1 : 0, 1); // the wrong slot: slot 0 still names head 0
    publish(s, 1);
}

static void index_masked(struct script *s, bool broken)
{
    live_with(s, 0, 3);
    add(s, 0, 3);
    publish(s, broken ? 4 % SIZE : 4);
}

static void desc_of_two_chains(struct script *s, bool broken)
{
    live(s);
    add(s, 0, 0);
    d_desc(s, desc_at(2), READABLE(2), N_READABLE, F_NEXT, broken ? 1 : 3);
    d_desc(s, desc_at(3), WRITABLE(2), N_WRITABLE, F_WRITE, 0);
    publish(s, 1);
    add_slot(s, 2, 1, 2);
    publish(s, 2);
}

static void desc_changed(struct script *s, bool broken)
{
    live(s);
    add(s, 0, 0);
    publish(s, 1);
    d_desc(s, desc_at(broken ? 1 : 2), WRITABLE(2), N_WRITABLE, F_WRITE, 0);
}

static void table_changed(struct script *s, bool broken)
{
    live(s);
    d_desc(s, TABLE, WRITABLE(0), N_WRITABLE, F_WRITE, 0);
    d_desc(s, desc_at(0), TABLE, 16, F_INDIRECT, 0);
    add_slot(s, 0, 0, 1);
    publish(s, 1);
    d_desc(s, TABLE + (broken ? 0u : 16u), WRITABLE(1), N_WRITABLE, F_WRITE, 0);
}

static void chain_of_bad_order(struct script *s, bool broken)
{
    live(s);
    d_desc(s, desc_at(0), WRITABLE(0), N_WRITABLE, F_NEXT | (broken ? F_WRITE : 0u), 1);
    d_desc(s, desc_at(1), READABLE(0), N_READABLE, 0, 0);
    add_slot(s, 0, 0, 2);
    publish(s, 1);
}

static void chain_without_end(struct script *s, bool broken)
{
    live(s);
    d_desc(s, desc_at(0), READABLE(0), N_READABLE, F_NEXT, 1);
    d_desc(s, desc_at(1), WRITABLE(0), N_WRITABLE, F_WRITE | (broken ? F_NEXT : 0u), 1);
    add_slot(s, 0, 0, 2);
    publish(s, 1);
}

static void used_ring_stored(struct script *s, bool broken)
{
    if (!broken) {
        d_store(s, USED + 2, 0, 2); // it is the driver's until the queue is live
    }
    live(s);
    if (broken) {
        d_store(s, USED + 2, 0, 2);
    }
}

// ---- ownership: the driver's payload ----------------------------------------------------------

static void exposed_written(struct script *s, bool broken)
{
    live(s);
    add(s, 0, 0);
    publish(s, 1);
    emit(s, VL_EV_WRITE, VL_AGENT_DRIVER, READABLE(0) + (broken ? 15u : 16u), 0, 0, 1);
}

static void writable_read_early(struct script *s, bool broken)
{
    returned(s);
    emit(s, VL_EV_READ, VL_AGENT_DRIVER, READABLE(0), 0, 0, 1); // readable bytes may be read
    if (!broken) {
        reap_load(s, 0, N_WRITABLE, 0);
        complete(s, 0, N_WRITABLE);
    }
    emit(s, VL_EV_READ, VL_AGENT_DRIVER, WRITABLE(0), 0, 0, 8);
}

// ---- ownership: the device --------------------------------------------------------------------

static void used_index_early(struct script *s, bool broken)
{
    live_with(s, 0, 0);
    add(s, 2, 0);
    publish(s, 1);
    take(s, 2, 0);
    if (!broken) {
        push(s, 2, 0, 0);
    }
    give(s, 1); // broken: slot 0 is zero, and names head 0
}

static void used_slot_late(struct script *s, bool broken)
{
    returned(s);
    push(s, 0, 0, broken ? 0 : 1); // slot 1 is the next one
}

static void used_index_jumps(struct script *s, bool broken)
{
    under_way(s);
    push(s, 0, 0, 0);
    give(s, broken ? 2 : 1);
}

static void device_in_avail_ring(struct script *s, bool broken)
{
    under_way(s);
    v_store(s, broken ? AVAIL : USED, 1, 2);
}

static void device_in_desc_table(struct script *s, bool broken)
{
    under_way(s);
    v_store(s, broken ? DESC : USED, 0, 2);
}

static void write_outside(struct script *s, bool broken)
{
    under_way(s);
    v_write(s, WRITABLE(0), N_WRITABLE + (broken ? 1u : 0u));
}

static void write_to_readable(struct script *s, bool broken)
{
    under_way(s);
    v_write(s, broken ? READABLE(0) : WRITABLE(0), 1);
}

static void read_outside(struct script *s, bool broken)
{
    under_way(s);
    v_read(s, READABLE(0), N_READABLE + (broken ? 1u : 0u));
    v_read(s, WRITABLE(0), 1); // bad manners, no finding
}

// The device looks at a descriptor again and believes what it sees then.
static void second_fetch(struct script *s, bool broken)
{
    live(s);
    take_head(s, 0, 0);
    v_desc(s, desc_at(0), WRITABLE(0), 8, F_WRITE, 0);
    v_desc(s, desc_at(0), WRITABLE(0), 16, F_WRITE, 0);
    note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_POP, 0, 0, 0, 1);
    v_write(s, WRITABLE(0), broken ? 16 : 8);
}

static void after_return(struct script *s, bool broken)
{
    under_way(s);
    push(s, 0, 0, 0);
    if (!broken) {
        v_write(s, WRITABLE(0), 1); // pushed, but not yet visible
    }
    give(s, 1);
    if (broken) {
        v_write(s, WRITABLE(0), 1);
    }
}

static void after_reset(struct script *s, bool broken)
{
    under_way(s);
    if (broken) {
        note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_CONTROL, VIRTQ_CONTROL_DEVICE_RESET, 0, 0, 0);
    }
    v_load(s, AVAIL + 2, 1, 2);
}

// ---- data -------------------------------------------------------------------------------------

static void returned_twice(struct script *s, bool broken)
{
    under_way(s);
    add(s, 2, 1);
    publish(s, 2);
    take(s, 2, 1);
    push(s, 0, 0, 0);
    push(s, broken ? 0 : 2, 0, 1);
    give(s, 2);
}

static void length_claimed(struct script *s, bool broken)
{
    under_way(s);
    v_write(s, WRITABLE(0) + 8, 8); // a piece behind a gap, closed by the next
    if (!broken) {
        v_write(s, WRITABLE(0), 8);
    }
    push(s, 0, 16, 0);
    give(s, 1);
}

static void backend(struct script *s, unsigned kind, uint64_t digest, uint32_t len)
{
    emit(s, VL_EV_BACKEND, VL_AGENT_DEVICE, 0, digest, (uint64_t)kind << 16, len);
}

static void sent_and_taken(struct script *s, bool broken)
{
    live(s);
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_SEND, 100, 0x1234, 0, 8);
    add(s, 0, 0);
    publish(s, 1);
    take(s, 0, 0);
    backend(s, 1, broken ? 0x1235 : 0x1234, 8);
}

static void answered_and_received(struct script *s, bool broken)
{
    under_way(s);
    backend(s, 2, 0x77, 8);
    v_write(s, WRITABLE(0), 8);
    push(s, 0, 8, 0);
    give(s, 1);
    reap_load(s, 0, 8, 0);
    complete(s, 0, 8);
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_RECEIVE, 100, broken ? 0x78 : 0x77, 0, 8);
}

static void answered_and_not_stored(struct script *s, bool broken)
{
    under_way(s);
    backend(s, 2, 0x77, 8);
    v_write(s, WRITABLE(0), broken ? 4 : 8);
    push(s, 0, 4, 0);
    give(s, 1);
    reap_load(s, 0, 4, 0);
    complete(s, 0, 4);
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_RECEIVE, 100, broken ? 0x78 : 0x77, 0, broken ? 4 : 8);
}

static void completed_twice(struct script *s, bool broken)
{
    returned(s);
    reap_load(s, 0, N_WRITABLE, 0);
    complete(s, 0, N_WRITABLE);
    if (broken) {
        complete(s, 0, N_WRITABLE);
    }
}

static void completed_unreturned(struct script *s, bool broken)
{
    returned(s);
    if (!broken) {
        reap_load(s, 0, N_WRITABLE, 0);
    }
    complete(s, 0, N_WRITABLE);
}

static void completed_other_token(struct script *s, bool broken)
{
    returned(s);
    reap_load(s, 0, N_WRITABLE, 0);
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_COMPLETE, broken ? 7 : 100, 0, 0, N_WRITABLE);
}

static void completed_other_length(struct script *s, bool broken)
{
    returned(s);
    reap_load(s, 0, N_WRITABLE, 0);
    complete(s, 0, N_WRITABLE - (broken ? 1u : 0u));
}

// ---- the table --------------------------------------------------------------------------------

// A hostile driver's buffer is accepted, found to be no request, and forgotten.
static void accepted_and_kept(struct script *s, bool broken)
{
    under_way(s);
    if (!broken) {
        note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_PEER_ERROR, VIRTQ_ERR_REQUEST_SHAPE, 0, 0, 0);
    }
    emit(s, VL_EV_QUIESCENT, VL_AGENT_PLATFORM, 0, 0, 0, 0);
}

static const struct row rows[] = {
    {"ownership:slot-exposed", "driver", slot_filled_late, HONEST},
    {"ownership:entry-stale", "driver", entry_from_earlier_round, HONEST},
    {"ownership:avail-idx", "driver", index_masked, HONEST},
    {"ownership:desc-shared", "driver", desc_of_two_chains, HONEST},
    {"ownership:desc-in-flight", "driver", desc_changed, HONEST},
    {"ownership:desc-in-flight", "driver", table_changed, HOSTILE_DEVICE},
    {"ownership:bad-chain", "driver", chain_of_bad_order, HONEST},
    {"ownership:desc-shared", "driver", chain_without_end, HONEST},
    {"ownership:driver-writes-device-area", "driver", used_ring_stored, HONEST},
    {"ownership:driver-writes-exposed", "driver", exposed_written, HONEST},
    {"ownership:driver-writes-exposed", "driver", exposed_written, HOSTILE_DEVICE},
    {"ownership:driver-reads-early", "driver", writable_read_early, HONEST},
    {"ownership:used-entry-stale", "device", used_index_early, HONEST},
    {"ownership:used-slot-exposed", "device", used_slot_late, HONEST},
    {"ownership:used-idx", "device", used_index_jumps, HONEST},
    {"ownership:device-writes-driver-area", "device", device_in_avail_ring, HONEST},
    {"ownership:device-writes-driver-area", "device", device_in_desc_table, HONEST},
    {"ownership:device-write-outside", "device", write_outside, HONEST},
    {"ownership:device-write-outside", "device", write_outside, HOSTILE_DRIVER},
    {"ownership:device-write-outside", "device", write_to_readable, HONEST},
    {"ownership:device-read-outside", "device", read_outside, HONEST},
    {"ownership:device-write-outside", "device", second_fetch, HOSTILE_DRIVER},
    {"ownership:after-return", "device", after_return, HONEST},
    {"ownership:device-after-reset", "device", after_reset, HONEST},
    {"robustness:buffer-kept", "device", accepted_and_kept, HOSTILE_DRIVER},
    {"data:used-not-held", "device", returned_twice, HONEST},
    {"data:len-not-written", "device", length_claimed, HONEST},
    {"data:wrong-data", "device", sent_and_taken, HONEST},
    {"data:wrong-data", "driver", answered_and_received, HONEST},
    {"data:wrong-data", "device", answered_and_not_stored, HONEST},
    {"data:duplicate-completion", "driver", completed_twice, HONEST},
    {"data:never-returned", "driver", completed_unreturned, HONEST},
    {"data:unknown-token", "driver", completed_other_token, HONEST},
    {"data:wrong-length", "driver", completed_other_length, HONEST},
};

ROWS_OF(rows);

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW_TESTS,
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
