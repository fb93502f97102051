// tests/lab/test_alloc.c -- a run allocates nothing: neither memory nor files.
// Allocations are counted by the sanitizer's hooks, or by our own malloc() where there is none.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/support/worlds.h"
#include "tools/lab/lab_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t n_calls; // of malloc() and its like, and of free()

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

#if defined(SANITIZED)
#include <sanitizer/allocator_interface.h>

static void on_malloc(const volatile void *p, size_t bytes)
{
    (void)p;
    (void)bytes;
    n_calls++;
}

static void on_free(const volatile void *p)
{
    (void)p;
    n_calls++;
}

static bool start_counting(void)
{
    return __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0;
}
#elif defined(__GLIBC__)
// The library's own names for what is replaced below.
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void __libc_free(void *p);

void *malloc(size_t bytes)
{
    n_calls++;
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    n_calls++;
    return __libc_calloc(n, bytes);
}

void *realloc(void *p, size_t bytes)
{
    n_calls++;
    return __libc_realloc(p, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    n_calls++;
    return __libc_memalign(align, bytes);
}

void free(void *p)
{
    n_calls++;
    __libc_free(p);
}

static bool start_counting(void)
{
    return true;
}
#else
static bool start_counting(void)
{
    return false;
}
#endif

static struct lab *open_world(const char *const *words, bool shared)
{
    struct lab_scenario s;
    const struct lab_options options = {
        .shared = shared, .hashing = true, .referees = true, .weak = true};

    lab_scenario_default(&s);
    world_words(&s, words, SIZE_MAX);
    s.budget = 20000;
    return world_open(&s, &options);
}

// Goal: the counter counts, or the rest means nothing.
static void counter_counts(void **state)
{
    (void)state;
    const uint64_t before = n_calls;
    void *volatile p = malloc(100);
    free(p);
    assert_int_equal(n_calls - before, 2);
}

// Goal: no run allocates. Method: both devices and transports, honest and hostile, seeds and
// inputs, and a block device over a real file; the first run of a world included.
static void runs_allocate_nothing(void **state)
{
    (void)state;
    char disk[] = "/tmp/test_alloc.XXXXXX";
    char disk_key[64];
    static uint8_t sectors[64 * 512];
    const int fd = mkstemp(disk);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, sectors, sizeof(sectors)), sizeof(sectors));
    assert_int_equal(close(fd), 0);
    (void)snprintf(disk_key, sizeof(disk_key), "disk=%s", disk);

    const char *const scenarios[][8] = {
        {"transport=direct", "queue_size=4", "chain=4", NULL},
        {"transport=pci", "interrupt=intx", "resets=2", NULL},
        {"device=blk", "ops=mix", "transport=pci", "chain=2", "bytes=2048", NULL},
        {"device=blk", disk_key, "write=on", "ops=mix", "transport=direct", NULL},
        {"device=blk", disk_key, "buffers=0", "bytes=2048", "batch=4", NULL},
        {"hostile=driver", "transport=pci", "queue_size=4", NULL},
        {"hostile=device", "transport=pci", "queue_size=4", NULL},
        {"fault=barrier:kick-check=none", "transport=direct", NULL},
        {"memory=tso", "transport=direct", "queue_size=4", "chain=4", NULL},
        {"memory=rc11", "transport=direct", "queue_size=4", "chain=4", NULL},
        {"memory=tso", "platform=weak-mmio", "transport=pci", "resets=2", NULL},
        {"memory=rc11", "races=see", "fault=barrier:avail-publish=none", "device=blk", "ops=mix",
         NULL},
        {"memory=rc11", "fault=barrier:used-consume=none", "transport=pci", "interrupt=intx", NULL},
    };
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        struct lab *lab = open_world(scenarios[i], i % 2 != 0);
        for (uint64_t seed = 0; seed < 30; seed++) {
            const struct lab_choices c = {.source = seed == 0 ? VL_SOURCE_INPUT : VL_SOURCE_SEED,
                                          .seed = seed};
            const uint64_t before = n_calls;
            (void)lab_run(lab, &c);
            const uint64_t after = n_calls;
            if (after != before) {
                fail_msg("scenario %zu (%s), seed %llu: %llu allocations", i, scenarios[i][0],
                         (unsigned long long)seed, (unsigned long long)(after - before));
            }
        }
        lab_close(lab);
    }
    assert_int_equal(unlink(disk), 0);
}

// Goal: what a harness does between two runs allocates nothing either: decode, configure.
static void decoding_allocates_nothing(void **state)
{
    (void)state;
    static struct vl_deviation list[1024];
    static uint8_t data[1024 * LAB_INPUT_RECORD_BYTES];
    const char *const words[] = {"queue_size=64", "chain=8", "bytes=4096", NULL};
    char err[LAB_ERR_BYTES] = "";
    struct lab *lab = open_world(words, false);
    uint64_t rng = 5;
    uint32_t n_configured = 0;

    for (uint32_t turn = 0; turn < 200; turn++) {
        struct lab_scenario base;
        struct lab_input in = {.list = list, .max = 1024};
        const size_t bytes = vl_mix64(&rng) % sizeof(data);
        for (size_t i = 0; i < bytes; i++) {
            data[i] = (uint8_t)vl_mix64(&rng);
        }
        const uint64_t before = n_calls;
        lab_target_scenario(LAB_TARGET_PAIR, &base);
        lab_input_decode(LAB_TARGET_PAIR, &base, 0, data, bytes, &in);
        if (lab_configure(lab, &in.scenario, err)) {
            const struct lab_choices c = {.source = VL_SOURCE_INPUT, .list = in.list, .n = in.n};
            (void)lab_run(lab, &c);
            n_configured++;
        }
        assert_int_equal(n_calls, before);
    }
    assert_true(n_configured > 100);
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter_counts),
        cmocka_unit_test(runs_allocate_nothing),
        cmocka_unit_test(decoding_allocates_nothing),
    };
    if (!start_counting()) {
        (void)printf("skipped: allocations cannot be counted with this C library\n");
        return 77;
    }
    return cmocka_run_group_tests_name("lab.alloc", tests, NULL, NULL);
}
