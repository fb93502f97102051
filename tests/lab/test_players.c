// tests/lab/test_players.c -- a half that is not ours, plugged in through the same table.
// The toy is a driver half of its own: one buffer at a time, polling, nothing but the port beneath
// it. The referees judge it as they judge ours; a second toy with a bug in it shows that.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_hash.h"
#include "tests/support/worlds.h"
#include "tools/lab/lab_fault.h"
#include "tools/lab/lab_player.h"

#include <string.h>

// ---- the toy ------------------------------------------------------------------------------------

#define TOY_BYTES_MAX 1024u // of all elements of a buffer

struct toy {
    struct virtq_port *port;
    struct lab_half_config config;
    bool hasty; // the bug: the index is stored before the entry that it covers
    bool started;
    uint16_t size;
    uint16_t avail_idx;
    uint16_t used_idx;
    struct virtq_dma desc;
    struct virtq_dma avail;
    struct virtq_dma used;
    struct virtq_dma buffer;
    uint8_t data[TOY_BYTES_MAX];
};

static uint32_t n_done; // requests that toys completed, in all runs

static size_t toy_state_bytes(const struct lab_half_config *config)
{
    (void)config;
    return sizeof(struct toy);
}

static enum virtq_err toy_create(void *state, const struct lab_half_config *config,
                                 struct virtq_port *port)
{
    struct toy *t = state;
    t->port = port;
    t->config = *config;
    t->hasty = strcmp(config->scenario->driver, "hasty") == 0;
    return VIRTQ_OK;
}

static enum virtq_err alloc(struct toy *t, uint32_t bytes, enum virtq_area area,
                            struct virtq_dma *out)
{
    return virtq_mem_alloc(t->port, bytes, 16, area, 0, out);
}

static bool start(struct toy *t)
{
    const struct lab_link *link = t->config.link;
    const uint64_t features = link->offered(link->ctx) & VIRTQ_F_VERSION_1;

    t->size = (uint16_t)link->queue_size_max(link->ctx);
    if (alloc(t, virtq_desc_table_bytes(t->size), VIRTQ_AREA_DESC, &t->desc) != VIRTQ_OK ||
        alloc(t, virtq_avail_bytes(t->size), VIRTQ_AREA_AVAIL, &t->avail) != VIRTQ_OK ||
        alloc(t, virtq_used_bytes(t->size), VIRTQ_AREA_USED, &t->used) != VIRTQ_OK ||
        alloc(t, TOY_BYTES_MAX, VIRTQ_AREA_BUFFER, &t->buffer) != VIRTQ_OK) {
        return false;
    }
    virtq_store16(t->port, &t->avail.span, VIRTQ_RING_FLAGS, VIRTQ_AVAIL_F_NO_INTERRUPT,
                  VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    virtq_note(t->port, VIRTQ_NOTE_QUEUE_AREAS, 0, t->desc.bus_addr, t->avail.bus_addr,
               t->used.bus_addr, t->size);
    virtq_note(t->port, VIRTQ_NOTE_QUEUE_LIVE, 0, features, 0, 0, 0);
    return link->start(link->ctx, features, t->size, t->desc.bus_addr, t->avail.bus_addr,
                       t->used.bus_addr);
}

// A chain from descriptor 0 on. Returns how many bytes the device may write.
static uint32_t describe(struct toy *t, const struct lab_request *r)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < r->n_elems; i++) { // bound: the queue size
        const bool last = i + 1 == r->n_elems;
        const struct virtq_desc desc = {
            .addr = t->buffer.bus_addr + at,
            .len = r->elem_bytes[i],
            .flags = (uint16_t)(VIRTQ_DESC_F_WRITE | (last ? 0 : VIRTQ_DESC_F_NEXT)),
            .next = (uint16_t)(last ? 0 : i + 1)};
        virtq_store_desc(t->port, &t->desc.span, i * VIRTQ_DESC_BYTES, desc);
        at += r->elem_bytes[i];
    }
    return at;
}

static void publish(struct toy *t)
{
    const uint32_t slot = virtq_avail_slot_off(t->avail_idx & (t->size - 1u));
    const struct virtq_doorbell bell = {.queue_index = 0};

    t->avail_idx++;
    if (!t->hasty) {
        virtq_store16(t->port, &t->avail.span, slot, 0, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    }
    virtq_store16(t->port, &t->avail.span, VIRTQ_RING_IDX, t->avail_idx, VIRTQ_RELEASE,
                  VIRTQ_BARRIER_AVAIL_PUBLISH);
    if (t->hasty) {
        virtq_store16(t->port, &t->avail.span, slot, 0, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    }
    virtq_fence(t->port, VIRTQ_SEQ_CST, VIRTQ_BARRIER_KICK_CHECK);
    const uint16_t flags =
        virtq_load16(t->port, &t->used.span, VIRTQ_RING_FLAGS, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    if ((flags & VIRTQ_USED_F_NO_NOTIFY) == 0) {
        virtq_doorbell(t->port, &bell);
    }
}

// Wait for the one buffer, and take it if what the device says can be.
static enum virtq_err collect(struct toy *t, uint64_t token, uint32_t writable, uint32_t *len)
{
    const uint16_t idx = virtq_await16(t->port, &t->used.span, VIRTQ_RING_IDX, t->used_idx,
                                       VIRTQ_ACQUIRE, VIRTQ_BARRIER_USED_CONSUME);
    if ((uint16_t)(idx - t->used_idx) != 1) {
        virtq_note(t->port, VIRTQ_NOTE_PEER_ERROR, 0, VIRTQ_ERR_USED_IDX, idx, 0, 0);
        return VIRTQ_ERR_USED_IDX;
    }
    const struct virtq_used_elem elem = virtq_load_used_elem(
        t->port, &t->used.span, virtq_used_slot_off(t->used_idx & (t->size - 1u)));
    if (elem.id != 0 || elem.len == 0 || elem.len > writable) {
        virtq_note(t->port, VIRTQ_NOTE_PEER_ERROR, 0, VIRTQ_ERR_USED_LEN, elem.len, 0, 0);
        return VIRTQ_ERR_USED_LEN;
    }
    t->used_idx = idx;
    virtq_note(t->port, VIRTQ_NOTE_COMPLETE, 0, token, 0, 0, elem.len);
    *len = elem.len;
    return VIRTQ_OK;
}

static bool toy_step(void *state)
{
    struct toy *t = state;
    const struct lab_work *work = t->config.work;
    const struct lab_link *link = t->config.link;
    struct lab_request r;
    uint32_t len = 0;

    if (!t->started) {
        t->started = start(t);
        return t->started;
    }
    if (!work->next(work->ctx, &r)) {
        link->reset(link->ctx);
        while (!link->reset_done(link->ctx)) { // bound: the device, or the machine's budget
            virtq_relax(t->port);
        }
        virtq_note(t->port, VIRTQ_NOTE_QUEUE_DOWN, 0, 0, 0, 0, 0);
        return false;
    }
    const uint32_t writable = describe(t, &r);
    virtq_note(t->port, VIRTQ_NOTE_SUBMIT, 0, r.token, 0, r.n_elems, writable);
    publish(t);
    const enum virtq_err err = collect(t, r.token, writable, &len);
    if (err != VIRTQ_OK) {
        work->failed(work->ctx, err);
        return false;
    }
    virtq_copy_in(t->port, t->data, &t->buffer.span, 0, len);
    virtq_note(t->port, VIRTQ_NOTE_RECEIVE, 0, r.token, vl_hash64(t->data, len), 0, len);
    work->done(work->ctx, r.token, VIRTQ_OK, t->data, len);
    n_done++;
    return true;
}

static void toy_on_interrupt(void *state, uint16_t vector)
{
    (void)state; // it polls
    (void)vector;
}

static void toy_destroy(void *state)
{
    (void)state;
}

static const struct lab_player toy = {.name = "toy",
                                      .side = LAB_SIDE_DRIVER,
                                      .features = VIRTQ_F_VERSION_1,
                                      .state_bytes = toy_state_bytes,
                                      .create = toy_create,
                                      .step = toy_step,
                                      .on_interrupt = toy_on_interrupt,
                                      .destroy = toy_destroy};

// ---- the tests ----------------------------------------------------------------------------------

static struct lab *open_world(const char *const *words)
{
    struct lab_scenario s;
    const struct lab_options options = {.hashing = true, .referees = true};

    lab_scenario_default(&s);
    world_words(&s, words, SIZE_MAX);
    return world_open(&s, &options);
}

// Goal: a player is known once it is registered, once, and only whole.
static void players_are_registered(void **state)
{
    (void)state;
    char err[256] = "";
    struct lab_player hasty = toy;
    static struct lab_player second;
    struct lab_player partial = toy;

    assert_false(lab_player_known("toy", LAB_SIDE_DRIVER, err));
    assert_string_equal(err, "driver=toy: unknown player; there is: vringlab");
    assert_true(lab_player_register(&toy));
    assert_true(lab_player_known("toy", LAB_SIDE_DRIVER, err));
    assert_false(lab_player_known("toy", LAB_SIDE_DEVICE, err)); // it is no device
    assert_false(lab_player_register(&toy));                     // taken
    hasty.name = "vringlab";
    assert_false(lab_player_register(&hasty)); // ours stays ours
    hasty.name = "hasty";
    second = hasty;
    assert_true(lab_player_register(&second));
    partial.name = "partial";
    partial.step = NULL;
    assert_false(lab_player_register(&partial));
    partial = toy;
    partial.side = LAB_SIDE_DEVICE; // a device is told of notifications, and has no on_notify
    assert_false(lab_player_register(&partial));
    assert_false(lab_player_known("nobody", LAB_SIDE_DRIVER, err));
    assert_string_equal(err, "driver=nobody: unknown player; there is: vringlab, toy, hasty");
}

// Goal: a driver that shares no code with ours works with our device, and no referee objects.
// Method: 300 seeds on queues of 1 to 8 entries, chains, both kinds of bus addresses.
static void toy_works_with_our_device(void **state)
{
    (void)state;
    const char *const scenarios[][8] = {
        {"driver=toy", "transport=direct", "queue_size=1", "buffers=20", NULL},
        {"driver=toy", "transport=direct", "queue_size=4", "chain=4", "bytes=100", NULL},
        {"driver=toy", "transport=direct", "queue_size=8", "chain=3", "dma=iommu", NULL},
    };
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        struct lab *lab = open_world(scenarios[i]);
        for (uint64_t seed = 0; seed < 100; seed++) {
            const struct lab_choices c = {.source = seed == 0 ? VL_SOURCE_INPUT : VL_SOURCE_SEED,
                                          .seed = seed};
            const uint32_t before = n_done;
            const struct vl_verdict *v = lab_run(lab, &c);
            if (v->outcome != VL_CLEAN || v->peer_faults != 0) {
                fail_msg("%s %s, seed %u: %s: %s", scenarios[i][2], scenarios[i][3], (unsigned)seed,
                         v->kind, v->detail);
            }
            assert_int_equal(n_done - before, i == 0 ? 20 : 16);
        }
        lab_close(lab);
    }
}

// Goal: a bug in a player that the referees have never seen is found, and blamed on its side.
static void bug_of_a_toy_is_found(void **state)
{
    (void)state;
    const char *const words[] = {"driver=hasty", "transport=direct", NULL};
    struct lab *lab = open_world(words);
    uint32_t n_found = 0;

    for (uint64_t seed = 0; seed < 50; seed++) {
        const struct lab_choices c = {.source = VL_SOURCE_SEED, .seed = seed};
        const struct vl_verdict *v = lab_run(lab, &c);
        if (v->outcome == VL_FINDING) {
            assert_string_equal(v->side, "driver");
            n_found++;
        }
    }
    assert_true(n_found > 0);
    lab_close(lab);
}

// Goal: what cannot be plugged together is refused with a line, before anything runs.
static void misfits_are_refused(void **state)
{
    (void)state;
    char err[LAB_ERR_BYTES] = "";
    struct lab_scenario s;

    lab_scenario_default(&s);
    assert_true(lab_scenario_set(&s, "driver=nobody", err));
    assert_false(lab_scenario_check(&s, err));
    assert_non_null(strstr(err, "driver=nobody: unknown player"));
    assert_true(lab_scenario_set(&s, "driver=vringlab", err));
    assert_true(lab_scenario_set(&s, "player=toy", err));
    assert_false(lab_scenario_check(&s, err));
    assert_non_null(strstr(err, "player=toy: unknown player"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(players_are_registered),
        cmocka_unit_test(toy_works_with_our_device),
        cmocka_unit_test(bug_of_a_toy_is_found),
        cmocka_unit_test(misfits_are_refused),
    };
    return cmocka_run_group_tests_name("lab.players", tests, NULL, NULL);
}
