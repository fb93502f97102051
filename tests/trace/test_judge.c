// tests/trace/test_judge.c -- the referees over stored events: vl_judge.h, and `vringlab check`.
// Events are made by hand: a queue of four entries in one region of memory.
// SPDX-License-Identifier: BSD-2-Clause
#define _POSIX_C_SOURCE 200809L // NOLINT: popen()
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/core/vl_hash.h"
#include "model/referee/vl_judge.h"
#include "model/referee/vl_shadow.h"
#include "model/trace/vl_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEM 0x100000u
#define DESC MEM
#define AVAIL (MEM + 0x100u)
#define USED (MEM + 0x200u)
#define BUFFER (MEM + 0x300u)
#define SIZE 4u

static struct vl_judge_setup setup_of(void)
{
    return (struct vl_judge_setup){.config = {.completion_owed = true},
                                   .queue_size_max = 8,
                                   .n_regions = 1,
                                   .region = {{.gpa = MEM, .bytes = 0x1000}},
                                   .ended = VL_CLEAN};
}

static struct vl_event access_of(unsigned agent, unsigned kind, uint64_t gpa, uint32_t len,
                                 uint64_t value)
{
    return (struct vl_event){
        .addr = gpa, .value = value, .len = len, .kind = (uint8_t)kind, .agent = (uint8_t)agent};
}

static struct vl_event note_of(enum virtq_note note, uint64_t a, uint64_t b, uint64_t c, uint32_t n)
{
    return (struct vl_event){.addr = a,
                             .value = b,
                             .aux = c,
                             .len = n,
                             .kind = VL_EV_NOTE,
                             .agent = VL_AGENT_DRIVER,
                             .barrier = (uint8_t)note};
}

#define DRIVER_STORES(gpa, len, value) access_of(VL_AGENT_DRIVER, VL_EV_STORE, gpa, len, value)
#define DRIVER_LOADS(gpa, len, value) access_of(VL_AGENT_DRIVER, VL_EV_LOAD, gpa, len, value)
#define DEVICE_STORES(gpa, len, value) access_of(VL_AGENT_DEVICE, VL_EV_STORE, gpa, len, value)
#define DEVICE_LOADS(gpa, len, value) access_of(VL_AGENT_DEVICE, VL_EV_LOAD, gpa, len, value)

// A buffer of one readable element: published, taken, returned, seen. Nobody notes anything.
static uint32_t life(struct vl_event ev[32])
{
    const uint64_t desc_high = 16; // length 16, no flags
    uint32_t n = 0;

    ev[n++] = note_of(VIRTQ_NOTE_QUEUE_AREAS, DESC, AVAIL, USED, SIZE);
    ev[n++] = note_of(VIRTQ_NOTE_QUEUE_LIVE, 0, 0, 0, 0);
    ev[n] = DRIVER_STORES(DESC, 16, BUFFER);
    ev[n++].aux = desc_high;
    ev[n++] = DRIVER_STORES(AVAIL + 4, 2, 0);
    ev[n++] = DRIVER_STORES(AVAIL + 2, 2, 1);
    ev[n++] = DEVICE_LOADS(AVAIL + 2, 2, 1);
    ev[n++] = DEVICE_LOADS(AVAIL + 4, 2, 0);
    ev[n] = DEVICE_LOADS(DESC, 16, BUFFER);
    ev[n++].aux = desc_high;
    ev[n++] = access_of(VL_AGENT_DEVICE, VL_EV_READ, BUFFER, 16, 0);
    ev[n++] = DEVICE_STORES(USED + 4, 8, 0);
    ev[n++] = DEVICE_STORES(USED + 2, 2, 1);
    ev[n++] = DRIVER_LOADS(USED + 2, 2, 1);
    ev[n++] = DRIVER_LOADS(USED + 4, 8, 0);
    ev[n++] = (struct vl_event){.kind = VL_EV_DRIVER_DONE, .agent = VL_AGENT_DRIVER};
    ev[n++] = (struct vl_event){.kind = VL_EV_QUIESCENT, .agent = VL_AGENT_DRIVER};
    return n;
}

// Judge n events; *n_judged: how many were taken before the judge had enough.
static struct vl_verdict judge(const struct vl_judge_setup *setup, const struct vl_event *ev,
                               uint32_t n, uint32_t *n_judged)
{
    static const uint8_t payload[16];
    struct vl_judge *j = vl_judge_open(setup);
    uint32_t i = 0;

    assert_non_null(j);
    while (i < n && vl_judge_event(j, &ev[i], payload)) { // bound: n
        i++;
    }
    *n_judged = i;
    assert_null(vl_judge_fault(j));
    const struct vl_verdict v = *vl_judge_end(j, n);
    vl_judge_close(j);
    return v;
}

// Goal: a finding ends the judging, at its event. Method: the driver stores into the used ring.
static void a_finding_ends_it(void **state)
{
    const struct vl_judge_setup setup = setup_of();
    struct vl_event ev[32];
    uint32_t n_judged = 0;
    (void)state;

    const uint32_t n = life(ev);
    ev[3] = DRIVER_STORES(USED + 2, 2, 1);
    const struct vl_verdict v = judge(&setup, ev, n, &n_judged);
    assert_int_equal(v.outcome, VL_FINDING);
    assert_string_equal(v.kind, "ownership:driver-writes-device-area");
    assert_string_equal(v.side, "driver");
    assert_int_equal(v.event, 3);
    assert_int_equal(n_judged, 3);
    assert_int_equal(v.n_events, n);
}

// Goal: what a side believes is derived where nobody says it. Method: a buffer's life without
// notes, which is clean with derived notes, and a publication of nothing without.
static void notes_are_derived(void **state)
{
    struct vl_judge_setup setup = setup_of();
    struct vl_event ev[32];
    uint32_t n_judged = 0;
    (void)state;

    const uint32_t n = life(ev);
    setup.derive_notes = true;
    struct vl_verdict v = judge(&setup, ev, n, &n_judged);
    assert_string_equal(v.detail, "");
    assert_int_equal(v.outcome, VL_CLEAN);
    assert_int_equal(n_judged, n);
    setup.derive_notes = false;
    v = judge(&setup, ev, n, &n_judged);
    assert_int_equal(v.outcome, VL_FINDING);
    assert_int_equal(v.event, 4);
}

// Goal: a derived acceptance counts: a device that never returns what it took is found. Method: the
// same life, cut before the used entry, and nothing can run any more.
static void a_buffer_kept_is_found(void **state)
{
    struct vl_judge_setup setup = setup_of();
    struct vl_event ev[32];
    uint32_t n_judged = 0;
    (void)state;

    (void)life(ev);
    setup.derive_notes = true;
    ev[9] = (struct vl_event){.kind = VL_EV_QUIESCENT, .agent = VL_AGENT_DRIVER};
    struct vl_verdict v = judge(&setup, ev, 10, &n_judged);
    assert_string_equal(v.kind, "liveness:completion-lost");
    assert_string_equal(v.side, "device");
    setup.config.completion_owed = false;
    v = judge(&setup, ev, 10, &n_judged);
    assert_int_equal(v.outcome, VL_CLEAN);
}

// Goal: how the events ended is the caller's word. Method: no events at all.
static void the_end_is_told(void **state)
{
    struct vl_judge_setup setup = setup_of();
    uint32_t n_judged = 0;
    (void)state;

    setup.ended = VL_CRASHED;
    assert_int_equal(judge(&setup, NULL, 0, &n_judged).outcome, VL_CRASHED);
    setup.ended = VL_BUDGET;
    assert_int_equal(judge(&setup, NULL, 0, &n_judged).outcome, VL_BUDGET);
}

// Goal: events that no port call makes are refused, not judged. Method: a table of them.
static void odd_shapes_are_refused(void **state)
{
    const struct vl_judge_setup setup = setup_of();
    struct vl_event far = note_of(VIRTQ_NOTE_QUEUE_LIVE, 0, 0, 0, 0);
    far.queue = VL_QUEUES;
    const struct vl_event odd[] = {DRIVER_STORES(AVAIL, 3, 0), DEVICE_LOADS(AVAIL, 0, 0),
                                   DEVICE_LOADS(DESC, 32, 0), far,
                                   access_of(VL_AGENT_DRIVER, VL_EV_MMIO_WRITE, MEM, 8, 0)};
    (void)state;

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct vl_judge *j = vl_judge_open(&setup);
        assert_non_null(j);
        assert_false(vl_judge_event(j, &odd[i], NULL));
        assert_non_null(vl_judge_fault(j));
        assert_int_equal(vl_judge_end(j, 1)->outcome, VL_CLEAN);
        vl_judge_close(j);
    }
}

// Goal: memory that is too large to follow is refused. Method: one byte more than there may be.
static void too_much_memory(void **state)
{
    struct vl_judge_setup setup = setup_of();
    (void)state;

    setup.n_regions = 3;
    setup.region[1] = (struct vl_referee_region){.gpa = 1ull << 32, .bytes = 1u << 30};
    setup.region[2] = (struct vl_referee_region){.gpa = 1ull << 33, .bytes = 1u << 30};
    assert_null(vl_judge_open(&setup));
}

// ---- the command ----------------------------------------------------------------------------

static void write_trace(const char *path, const struct vl_verdict *verdict)
{
    static const uint8_t payload[16];
    const struct vl_trace_region region = {.gpa = MEM, .bytes = 0x1000};
    struct vl_trace_writer *w = NULL;
    struct vl_event ev[32];
    char err[VL_TRACE_ERR_BYTES];

    const uint32_t n = life(ev);
    ev[8].value = vl_hash64(payload, sizeof(payload)); // the bulk event
    assert_int_equal(vl_trace_create(&w, path, err), VIRTQ_OK);
    assert_int_equal(vl_trace_put_scenario(w, "recorded=test"), VIRTQ_OK);
    assert_int_equal(vl_trace_put_region(w, &region), VIRTQ_OK);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(vl_trace_put_event(w, &ev[i], 0, payload), VIRTQ_OK);
    }
    assert_int_equal(vl_trace_finish(w, "a test", verdict, err), VIRTQ_OK);
}

// A trace without events, of a scenario of two lines.
static void write_scenario(const char *path, const char *first, const char *second,
                           const struct vl_verdict *verdict)
{
    struct vl_trace_writer *w = NULL;
    char err[VL_TRACE_ERR_BYTES];

    assert_int_equal(vl_trace_create(&w, path, err), VIRTQ_OK);
    assert_int_equal(vl_trace_put_scenario(w, first), VIRTQ_OK);
    assert_int_equal(vl_trace_put_scenario(w, second), VIRTQ_OK);
    assert_int_equal(vl_trace_finish(w, "a test", verdict, err), VIRTQ_OK);
}

// Run the command on path; text has room for what it prints. Returns its exit code.
static int check(const char *path, char *text, size_t room)
{
    char command[512];
    const char *tool = getenv("VRINGLAB");
    const int m = snprintf(command, sizeof(command), "%s check %s 2>&1",
                           tool != NULL ? tool : "./vringlab", path);
    assert_true(m > 0 && (size_t)m < sizeof(command));
    FILE *pipe = popen(command, "r"); // NOLINT: the words are this test's own
    assert_non_null(pipe);
    const size_t n = fread(text, 1, room - 1, pipe);
    text[n] = '\0';
    const int status = pclose(pipe);
    assert_true(status >= 0);
    return status / 256;
}

// Goal: a verdict that the events do not bear out is said. Method: a trace of a scenario of ours,
// clean, whose verdict is made up; then one that says of itself that it was recorded elsewhere.
static void another_verdict_is_said(void **state)
{
    const struct vl_verdict made_up = {.outcome = VL_FINDING,
                                       .kind = "data:made-up",
                                       .side = "device",
                                       .detail = "nothing of the kind",
                                       .event = 3};
    char path[64];
    char text[2048];
    (void)state;

    (void)snprintf(path, sizeof(path), "test_judge-%ld.db", (long)getpid());
    write_scenario(path, "transport=direct", "queue_size=4", &made_up);
    assert_int_equal(check(path, text, sizeof(text)), 0);
    assert_non_null(strstr(text, "recorded verdict: finding kind=data:made-up side=device"));
    assert_non_null(strstr(text, "verdict=clean kind=-"));

    write_trace(path, &made_up);
    assert_int_equal(check(path, text, sizeof(text)), 0);
    assert_null(strstr(text, "recorded verdict"));
    assert_non_null(strstr(text, "verdict=clean kind=-"));

    write_scenario(path, "recorded=test", "weather=fine", &made_up);
    assert_int_equal(check(path, text, sizeof(text)), 3);
    assert_non_null(strstr(text, "weather=fine"));
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finding_ends_it),       cmocka_unit_test(notes_are_derived),
        cmocka_unit_test(a_buffer_kept_is_found),  cmocka_unit_test(the_end_is_told),
        cmocka_unit_test(odd_shapes_are_refused),  cmocka_unit_test(too_much_memory),
        cmocka_unit_test(another_verdict_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
