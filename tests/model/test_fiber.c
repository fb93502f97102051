// tests/model/test_fiber.c -- fibers: switching, abandoning, starting again, nothing lost.
// Under AddressSanitizer the same tests show that it is told about every switch.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_fiber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct vl_fiber main_fiber;
static struct vl_fiber one;
static struct vl_fiber two;

static int open_fibers(void **state)
{
    (void)state;
    vl_fiber_adopt(&main_fiber);
    return vl_fiber_open(&one) == VIRTQ_OK && vl_fiber_open(&two) == VIRTQ_OK ? 0 : -1;
}

static int close_fibers(void **state)
{
    (void)state;
    vl_fiber_close(&one);
    vl_fiber_close(&two);
    return 0;
}

static uint32_t trail[16];
static uint32_t n_trail;

static void step(uint32_t what)
{
    trail[n_trail++ % 16] = what;
}

static void first_body(void *arg)
{
    step(*(uint32_t *)arg);
    vl_fiber_switch(&one, &two);
    step(3);
    vl_fiber_switch(&one, &main_fiber);
    step(5);
    vl_fiber_switch(&one, &main_fiber);
}

static void second_body(void *arg)
{
    step(*(uint32_t *)arg);
    vl_fiber_switch(&two, &one);
}

// Goal: control goes where it was sent, arguments arrive, a fiber goes on where it stopped.
static void control_goes_where_it_was_sent(void **state)
{
    (void)state;
    uint32_t first = 1;
    uint32_t second = 2;
    const uint32_t want[] = {1, 2, 3, 4, 5};

    n_trail = 0;
    vl_fiber_start(&one, first_body, &first);
    vl_fiber_start(&two, second_body, &second);
    vl_fiber_switch(&main_fiber, &one);
    step(4);
    vl_fiber_switch(&main_fiber, &one);
    assert_int_equal(n_trail, 5);
    assert_memory_equal(trail, want, sizeof(want));
}

// Values live across a switch in registers that a callee keeps, and in memory of the stack.
static uint64_t keep_values(struct vl_fiber *self, struct vl_fiber *other, uint64_t seed)
{
    volatile uint64_t start = seed;
    uint64_t a = start + 1;
    uint64_t b = start * 3;
    uint64_t c = start ^ 0x5555u;
    uint64_t d = start << 7;
    uint64_t e = start + 99;
    uint64_t f = start * 7;
    volatile uint8_t on_stack[512];

    for (unsigned i = 0; i < sizeof(on_stack); i++) {
        on_stack[i] = (uint8_t)(seed + i);
    }
    for (unsigned round = 0; round < 10; round++) {
        vl_fiber_switch(self, other);
        a += b;
        b ^= c;
        c += d;
        d ^= e;
        e += f;
        f ^= a;
    }
    for (unsigned i = 0; i < sizeof(on_stack); i++) {
        assert_int_equal(on_stack[i], (uint8_t)(seed + i));
    }
    return a ^ b ^ c ^ d ^ e ^ f;
}

static uint64_t expected(uint64_t seed)
{
    uint64_t a = seed + 1;
    uint64_t b = seed * 3;
    uint64_t c = seed ^ 0x5555u;
    uint64_t d = seed << 7;
    uint64_t e = seed + 99;
    uint64_t f = seed * 7;
    for (unsigned round = 0; round < 10; round++) {
        a += b;
        b ^= c;
        c += d;
        d ^= e;
        e += f;
        f ^= a;
    }
    return a ^ b ^ c ^ d ^ e ^ f;
}

static uint64_t got[2];

static void keeper_one(void *arg)
{
    got[0] = keep_values(&one, &two, *(uint64_t *)arg);
    for (;;) { // bound: the test ends
        vl_fiber_switch(&one, &two);
    }
}

static void keeper_two(void *arg)
{
    got[1] = keep_values(&two, &one, *(uint64_t *)arg + 1000);
    vl_fiber_switch(&two, &main_fiber);
}

// Goal: registers and stacks are kept across switches. Method: two fibers that compute alternately.
static void values_are_kept(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        vl_fiber_start(&one, keeper_one, &seed);
        vl_fiber_start(&two, keeper_two, &seed);
        vl_fiber_switch(&main_fiber, &one);
        assert_int_equal(got[0], expected(seed));
        assert_int_equal(got[1], expected(seed + 1000));
    }
}

// Frames are aligned to 16 bytes by the ABIs of x86-64 and AArch64; SSE spills fault without it.
static uintptr_t misaligned;

static void check_alignment(void *arg)
{
    (void)arg;
    misaligned |= (uintptr_t)__builtin_frame_address(0) & 15u;
    vl_fiber_switch(&one, &main_fiber);
}

static void stack_is_aligned(void **state)
{
    (void)state;
#if defined(__x86_64__) || defined(__aarch64__)
    misaligned = 0;
    vl_fiber_start(&one, check_alignment, NULL);
    vl_fiber_switch(&main_fiber, &one);
    assert_int_equal(misaligned, 0);
#else
    skip();
#endif
}

// Go down depth frames, with arrays that a sanitizer puts poisoned zones around, and leave for
// good.
static uint32_t n_left;

static void leave_from(volatile uint8_t *outer, uint32_t depth);

static void leave_deeper(volatile uint8_t *outer, uint32_t depth)
{
    volatile uint8_t frame[96];
    frame[depth % sizeof(frame)] = outer[0];
    leave_from(frame, depth);
}

static void leave_from(volatile uint8_t *outer, uint32_t depth)
{
    volatile uint8_t frame[48];
    frame[0] = (uint8_t)(outer[0] + 1);
    if (depth > 0) {
        leave_deeper(frame, depth - 1);
    }
    n_left++;
    vl_fiber_switch(&one, &main_fiber);
}

static void abandoned_body(void *arg)
{
    volatile uint8_t frame[32];
    frame[0] = 0;
    leave_from(frame, *(uint32_t *)arg);
}

// As a library does that was built without a sanitizer: its frames are not prepared, but the
// sanitizer's memset() looks at what it is given.
__attribute__((no_sanitize_address)) static void use_whole_stack(void *arg)
{
    uint8_t much[VL_FIBER_STACK_BYTES / 2];
    (void)arg;
    memset(much, 1, sizeof(much));
    n_left += *(volatile uint8_t *)&much[sizeof(much) / 2];
    vl_fiber_switch(&one, &main_fiber);
}

// Goal: a fiber that is left in the middle of calls can be started again, ten thousand times, and
// nothing of its last life stands in the way. Method: leave from changing depths, then, now and
// then, fill half of the stack: a poisoned zone that was left behind would be hit.
static void abandoned_fibers_start_again(void **state)
{
    (void)state;
    n_left = 0;
    for (uint32_t turn = 0; turn < 10000; turn++) {
        uint32_t depth = turn % 23;
        vl_fiber_start(&one, turn % 50 == 49 ? use_whole_stack : abandoned_body, &depth);
        vl_fiber_switch(&main_fiber, &one);
    }
    assert_int_equal(n_left, 10000);
}

// Goal: opening and closing leaks nothing (a leak checker sees it) and gives distinct stacks.
static void many_fibers(void **state)
{
    (void)state;
    static struct vl_fiber fibers[64];
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(vl_fiber_open(&fibers[i]), VIRTQ_OK);
        for (unsigned j = 0; j < i; j++) {
            assert_true(fibers[i].stack + fibers[i].stack_bytes <= fibers[j].stack ||
                        fibers[j].stack + fibers[j].stack_bytes <= fibers[i].stack);
        }
    }
    for (unsigned i = 0; i < 64; i++) {
        vl_fiber_close(&fibers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_goes_where_it_was_sent),
        cmocka_unit_test(values_are_kept),
        cmocka_unit_test(stack_is_aligned),
        cmocka_unit_test(abandoned_fibers_start_again),
        cmocka_unit_test(many_fibers),
    };
    return cmocka_run_group_tests_name("model.fiber", tests, open_fibers, close_fibers);
}
