// tests/fuzz/test_mutator.c -- the mutator: what it makes is an input, and is made of what it was.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/mutator.h"

#include "tools/lab/lab_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_BYTES 256u
#define LIST_MAX 512u

static struct lab_scenario base;
static uint64_t locked;
static struct vl_deviation list_a[LIST_MAX];
static struct vl_deviation list_b[LIST_MAX];

static void open_for(enum lab_target target, const char *word)
{
    char text[64];
    char err[256];
    char *words[1] = {text};

    (void)snprintf(text, sizeof(text), "%s", word);
    assert_true(lab_input_base(target, word[0] != '\0' ? 1 : 0, words, &base, &locked, err));
    mutator_open(target, &base, locked);
}

// A run of the target's own scenario teaches which choice points there are.
static void learn_from_a_run(void)
{
    char err[LAB_ERR_BYTES];
    const struct lab_options options = {.referees = true};
    const struct lab_choices choices = {.source = VL_SOURCE_INPUT};
    struct lab *lab = lab_open(&base, &options, err);

    assert_non_null(lab);
    (void)lab_run(lab, &choices);
    mutator_learn(&lab_machine(lab)->choices);
    lab_close(lab);
}

static uint32_t split(enum lab_target target, const uint8_t *data, size_t size,
                      uint8_t header[LAB_INPUT_HEADER_BYTES], struct vl_deviation *list)
{
    struct lab_input in = {.list = list, .max = LIST_MAX};
    lab_input_split(target, &base, locked, data, size, header, &in);
    return in.n;
}

// Goal: whatever the input and the room, the result fits, is canonical, and is the same for the
// same seed; different seeds make different inputs.
static void results_fit_and_repeat(void **state)
{
    (void)state;
    static const size_t rooms[] = {LAB_INPUT_HEADER_BYTES, LAB_INPUT_HEADER_BYTES + 5, 40, 100,
                                   MAX_BYTES};
    uint32_t n_different = 0;
    uint64_t rng = 5;

    open_for(LAB_TARGET_DEVICE, "");
    learn_from_a_run();
    for (uint64_t seed = 0; seed < 5000; seed++) {
        const size_t room = rooms[seed % 5];
        uint8_t a[MAX_BYTES];
        uint8_t b[MAX_BYTES];
        uint8_t header[LAB_INPUT_HEADER_BYTES];
        const size_t size = vl_mix64(&rng) % (room + 1);
        for (size_t i = 0; i < sizeof(a); i++) {
            a[i] = (uint8_t)vl_mix64(&rng);
        }
        memcpy(b, a, sizeof(b));
        // What lies behind the room stays as it is.
        const size_t got = mutator_mutate(a, size, room, seed);
        assert_true(got >= LAB_INPUT_HEADER_BYTES && got <= room);
        assert_memory_equal(a + room, b + room, sizeof(a) - room);
        n_different += memcmp(a, b, room) != 0 ? 1 : 0;
        assert_int_equal(mutator_mutate(b, size, room, seed), got);
        assert_memory_equal(a, b, got);
        // Records as they are written: apart and together again is the same.
        const uint32_t n = split(LAB_TARGET_DEVICE, a, got, header, list_a);
        assert_int_equal(lab_input_join(header, list_a, n, b, sizeof(b)), got);
        assert_memory_equal(a, b, got);
    }
    assert_true(n_different > 3500); // in the smallest rooms only headers can
}

// Goal: most of what is added names a choice point that runs come to, at an occurrence that they
// come to; without a run to learn from, hardly any does.
static uint32_t count_reached(uint64_t seeds)
{
    char err[LAB_ERR_BYTES];
    const struct lab_options options = {.referees = true};
    const struct lab_choices benign = {.source = VL_SOURCE_INPUT};
    struct lab *lab = lab_open(&base, &options, err);
    uint32_t n_reached = 0;

    assert_non_null(lab);
    (void)lab_run(lab, &benign);
    const struct vl_choices *c = &lab_machine(lab)->choices;
    for (uint64_t seed = 0; seed < seeds; seed++) {
        uint8_t data[MAX_BYTES] = {0};
        uint8_t header[LAB_INPUT_HEADER_BYTES];
        const size_t got = mutator_mutate(data, 0, sizeof(data), seed);
        const uint32_t n = split(LAB_TARGET_DEVICE, data, got, header, list_a);
        for (uint32_t i = 0; i < n && i < 1; i++) {
            const struct vl_deviation *d = &list_a[i];
            const unsigned lane = d->lane >= VL_LANE_PRIORITY ? VL_LANE_SCHEDULE : d->lane;
            n_reached += d->nth <= c->slots[vl_slot_index(lane, d->agent, d->key)].n ? 1 : 0;
        }
    }
    lab_close(lab);
    return n_reached;
}

static void learns_where_runs_go(void **state)
{
    (void)state;
    open_for(LAB_TARGET_DEVICE, "");
    const uint32_t blind = count_reached(2000);
    learn_from_a_run();
    const uint32_t learned = count_reached(2000);
    assert_true(learned > 500);
    assert_true(learned > 2 * blind);
}

static unsigned phase_of(const struct vl_choices *c, uint32_t slot, uint32_t nth)
{
    unsigned phase = VL_PHASE_COUNT - 1;
    while (phase > 0 && c->began[phase][slot] >= nth) { // bound: VL_PHASE_COUNT
        phase--;
    }
    return phase;
}

// Goal: what is done to registers is done in each phase of the driver's work, though most accesses
// are made before it has found the device, and few once it runs.
static void each_phase_has_its_share(void **state)
{
    (void)state;
    char err[LAB_ERR_BYTES];
    const struct lab_options options = {.referees = true};
    const struct lab_choices benign = {.source = VL_SOURCE_INPUT};
    uint32_t occurrences[VL_PHASE_COUNT] = {0};
    uint32_t drawn[VL_PHASE_COUNT] = {0};
    uint32_t n_drawn = 0;

    open_for(LAB_TARGET_DEVICE, "transport=pci");
    struct lab *lab = lab_open(&base, &options, err);
    assert_non_null(lab);
    (void)lab_run(lab, &benign);
    const struct vl_choices *c = &lab_machine(lab)->choices;
    assert_int_equal(c->phase, VL_PHASE_RUN);
    mutator_learn(c);
    for (uint32_t key = 0; key < 64; key++) {
        const uint32_t slot = vl_slot_index(VL_LANE_MISCHIEF_PCI, VL_AGENT_ADVERSARY, key);
        for (uint32_t nth = 1; nth <= c->slots[slot].n; nth++) {
            occurrences[phase_of(c, slot - VL_BASE_MISCHIEF_PCI, nth)]++;
        }
    }
    for (uint64_t seed = 0; seed < 6000; seed++) {
        uint8_t data[MAX_BYTES] = {0};
        uint8_t header[LAB_INPUT_HEADER_BYTES];
        const size_t got = mutator_mutate(data, 0, sizeof(data), seed);
        const uint32_t n = split(LAB_TARGET_DEVICE, data, got, header, list_a);
        for (uint32_t i = 0; i < n; i++) {
            const struct vl_deviation *d = &list_a[i];
            const uint32_t slot = vl_slot_index(VL_LANE_MISCHIEF_PCI, d->agent, d->key);
            if (d->lane == VL_LANE_MISCHIEF_PCI && d->agent == VL_AGENT_ADVERSARY &&
                d->nth <= c->slots[slot].n) {
                drawn[phase_of(c, slot - VL_BASE_MISCHIEF_PCI, d->nth)]++;
                n_drawn++;
            }
        }
    }
    lab_close(lab);
    assert_true(occurrences[VL_PHASE_RUN] > 0);
    assert_true(occurrences[VL_PHASE_RUN] < occurrences[VL_PHASE_FIND] / 4);
    assert_true(n_drawn > 1000);
    for (unsigned phase = 0; phase < VL_PHASE_COUNT; phase++) {
        assert_true(drawn[phase] > n_drawn / 10);
    }
}

// Goal: over many mutations of one list each kind of edit is seen: one more, one less, another
// occurrence, another value, another lane, an emptied lane, a changed header.
static void every_edit_happens(void **state)
{
    (void)state;
    const struct vl_deviation list[] = {
        {.lane = VL_LANE_SCHEDULE, .nth = 7, .value = 1},
        {.lane = VL_LANE_SCHEDULE, .agent = VL_AGENT_DEVICE, .nth = 9, .value = 1},
        {.lane = VL_LANE_WORKLOAD, .key = 1, .nth = 2, .value = 20},
        {.lane = VL_LANE_PLATFORM, .key = VL_FIELD_INTERRUPT, .nth = 1, .value = 1}};
    const uint8_t zeros[LAB_INPUT_HEADER_BYTES] = {0};
    uint32_t more = 0;
    uint32_t fewer = 0;
    uint32_t moved = 0;
    uint32_t valued = 0;
    uint32_t emptied = 0;
    uint32_t headers = 0;

    open_for(LAB_TARGET_PAIR, "");
    learn_from_a_run();
    for (uint64_t seed = 0; seed < 3000; seed++) {
        uint8_t data[MAX_BYTES];
        uint8_t header[LAB_INPUT_HEADER_BYTES];
        const size_t size = lab_input_join(zeros, list, 4, data, sizeof(data));
        const size_t got = mutator_mutate(data, size, sizeof(data), seed);
        const uint32_t n = split(LAB_TARGET_PAIR, data, got, header, list_a);
        headers += memcmp(header, zeros, sizeof(header)) != 0 ? 1 : 0;
        more += n > 4 ? 1 : 0;
        fewer += n == 3 ? 1 : 0;
        emptied += n == 2 && list_a[0].lane != VL_LANE_SCHEDULE ? 1 : 0;
        moved += n == 4 && list_a[2].value == 20 && list_a[2].nth != 2 ? 1 : 0;
        valued += n == 4 && list_a[2].nth == 2 && list_a[2].value != 20 ? 1 : 0;
    }
    assert_true(more > 100 && fewer > 20 && moved > 20 && valued > 20);
    assert_true(emptied > 2 && headers > 100);
}

// Goal: a child of two has nothing that neither parent has, over many seeds something of both, and
// the header of one.
static void children_are_of_their_parents(void **state)
{
    (void)state;
    const struct vl_deviation a[] = {{.lane = VL_LANE_SCHEDULE, .nth = 3, .value = 1},
                                     {.lane = VL_LANE_NOTIFY, .key = 12, .nth = 1, .value = 9}};
    const struct vl_deviation b[] = {{.lane = VL_LANE_SCHEDULE, .nth = 300, .value = 1},
                                     {.lane = VL_LANE_WORKLOAD, .nth = 2, .value = 5}};
    const uint8_t header_a[LAB_INPUT_HEADER_BYTES] = {1};
    const uint8_t header_b[LAB_INPUT_HEADER_BYTES] = {2};
    uint8_t data_a[MAX_BYTES];
    uint8_t data_b[MAX_BYTES];
    uint32_t both = 0;

    open_for(LAB_TARGET_PAIR, "");
    const size_t bytes_a = lab_input_join(header_a, a, 2, data_a, sizeof(data_a));
    const size_t bytes_b = lab_input_join(header_b, b, 2, data_b, sizeof(data_b));
    for (uint64_t seed = 0; seed < 500; seed++) {
        uint8_t out[MAX_BYTES];
        uint8_t header[LAB_INPUT_HEADER_BYTES];
        uint32_t from_a = 0;
        uint32_t from_b = 0;
        const size_t got = mutator_cross(data_a, bytes_a, data_b, bytes_b, out, sizeof(out), seed);
        const uint32_t n = split(LAB_TARGET_PAIR, out, got, header, list_b);
        assert_true(header[0] == 1 || header[0] == 2);
        for (uint32_t i = 0; i < n; i++) {
            const bool of_a = vl_deviation_compare(&list_b[i], &a[0]) == 0 ||
                              vl_deviation_compare(&list_b[i], &a[1]) == 0;
            const bool of_b = vl_deviation_compare(&list_b[i], &b[0]) == 0 ||
                              vl_deviation_compare(&list_b[i], &b[1]) == 0;
            assert_true(of_a || of_b);
            from_a += of_a ? 1 : 0;
            from_b += of_b ? 1 : 0;
        }
        both += from_a > 0 && from_b > 0 ? 1 : 0;
    }
    assert_true(both > 50);
}

// Goal: a trimmer's candidates lack just the deviations asked for.
static void deviations_can_be_left_out(void **state)
{
    (void)state;
    struct vl_deviation list[6];
    const uint8_t header[LAB_INPUT_HEADER_BYTES] = {0};
    uint8_t got_header[LAB_INPUT_HEADER_BYTES];
    uint8_t data[MAX_BYTES];
    uint8_t out[MAX_BYTES];

    open_for(LAB_TARGET_PAIR, "");
    for (uint32_t i = 0; i < 6; i++) {
        list[i] = (struct vl_deviation){.lane = VL_LANE_SCHEDULE, .nth = i + 1, .value = 1};
    }
    const size_t size = lab_input_join(header, list, 6, data, sizeof(data));
    assert_int_equal(mutator_count(data, size), 6);
    const size_t got = mutator_without(data, size, 2, 3, out, sizeof(out));
    assert_int_equal(split(LAB_TARGET_PAIR, out, got, got_header, list_a), 3);
    assert_int_equal(list_a[1].nth, 2);
    assert_int_equal(list_a[2].nth, 6);
    assert_int_equal(mutator_count(out, mutator_without(data, size, 4, 100, out, sizeof(out))), 4);
    assert_int_equal(mutator_without(data, size, 6, 1, out, sizeof(out)), size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_fit_and_repeat),
        cmocka_unit_test(learns_where_runs_go),
        cmocka_unit_test(each_phase_has_its_share),
        cmocka_unit_test(every_edit_happens),
        cmocka_unit_test(children_are_of_their_parents),
        cmocka_unit_test(deviations_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
