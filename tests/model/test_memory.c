// tests/model/test_memory.c -- guest memory: regions, holes, translation, reset, store marks.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/memory/vl_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KIB 1024u

static struct vl_memory mem;

// Resolve and check that the spans cover len bytes in order; returns how many spans.
static uint32_t resolved(uint64_t bus_addr, uint32_t len)
{
    struct virtq_span spans[VL_REGIONS];
    uint32_t n = 99;
    uint64_t gpa = bus_addr - mem.bus_offset;

    assert_int_equal(vl_memory_resolve(&mem, bus_addr, len, spans, VL_REGIONS, &n), VIRTQ_OK);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(spans[i].gpa, gpa);
        assert_true(spans[i].bytes > 0 && spans[i].bytes <= len);
        assert_true(spans[i].host >= mem.host);
        assert_true(spans[i].host + spans[i].bytes <= mem.host + mem.bytes);
        gpa += spans[i].bytes;
        len -= spans[i].bytes;
    }
    assert_int_equal(len, 0);
    return n;
}

static void refused(uint64_t bus_addr, uint32_t len)
{
    struct virtq_span spans[VL_REGIONS];
    uint32_t n = 0;
    assert_int_equal(vl_memory_resolve(&mem, bus_addr, len, spans, VL_REGIONS, &n),
                     VIRTQ_ERR_CHAIN_ADDR);
}

static uint64_t end_of(unsigned region)
{
    return mem.region[region].gpa + mem.region[region].bytes;
}

static void sizes_are_checked(void **state)
{
    (void)state;
    assert_int_equal(vl_memory_open(&mem, VL_MEM_MIN_BYTES - 16 * KIB), VIRTQ_ERR_INVALID);
    assert_int_equal(vl_memory_open(&mem, VL_MEM_MIN_BYTES + 1), VIRTQ_ERR_INVALID);
    assert_int_equal(vl_memory_open(&mem, VL_MEM_MAX_BYTES + 16 * KIB), VIRTQ_ERR_INVALID);
}

// Goal: the map is as documented: two regions that touch, a hole, one above 4 GiB; together they
// are all of memory, and each first and last byte has a host byte of its own.
static void map_is_as_documented(void **state)
{
    (void)state;
    const uint32_t sizes[] = {64 * KIB, 80 * KIB, 1024 * KIB, 4096 * KIB, VL_MEM_MAX_BYTES};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(vl_memory_open(&mem, sizes[i]), VIRTQ_OK);
        uint32_t sum = 0;
        for (unsigned r = 0; r < VL_REGIONS; r++) {
            struct virtq_span span;
            uint32_t n = 0;
            assert_int_equal(mem.region[r].off, sum);
            sum += mem.region[r].bytes;
            assert_int_equal(resolved(mem.region[r].gpa, mem.region[r].bytes), 1);
            assert_int_equal(vl_memory_resolve(&mem, end_of(r) - 1, 1, &span, 1, &n), VIRTQ_OK);
            assert_ptr_equal(span.host, mem.host + sum - 1);
            *span.host = (uint8_t)(r + 1); // the last byte there is: a sanitizer looks on
        }
        assert_int_equal(sum, mem.bytes);
        assert_int_equal(mem.region[1].gpa, end_of(0));
        assert_true(mem.region[2].gpa > end_of(1));
        assert_true(mem.region[2].gpa >= 1ull << 32);
        vl_memory_close(&mem);
    }
}

// Goal: what is memory resolves, in as many spans as regions; what is not, is refused, also if only
// one byte of it is not; nothing wraps around 2^64.
static void borders_and_holes(void **state)
{
    (void)state;
    assert_int_equal(vl_memory_open(&mem, 64 * KIB), VIRTQ_OK);
    const uint64_t border = mem.region[1].gpa;

    assert_int_equal(resolved(border - 1, 1), 1);
    assert_int_equal(resolved(border - 1, 2), 2);
    assert_int_equal(resolved(border - 100, 200), 2);
    assert_int_equal(resolved(border, 1), 1);
    assert_int_equal(resolved(mem.region[0].gpa, mem.region[0].bytes + mem.region[1].bytes), 2);
    assert_int_equal(resolved(mem.region[2].gpa + 5, 7), 1);
    refused(mem.region[0].gpa - 1, 1);
    refused(mem.region[0].gpa - 1, 2);
    refused(0, 1);
    refused(end_of(1) - 1, 2); // runs into the hole
    refused(end_of(1), 1);
    refused(mem.region[2].gpa - 1, 2);
    refused(end_of(2) - 1, 2);
    refused(end_of(2), 1);
    refused(border, UINT32_MAX);
    refused(UINT64_MAX, 1);
    refused(UINT64_MAX - 3, 8);
    assert_int_equal(resolved(UINT64_MAX, 0), 0); // no bytes: legal anywhere
    vl_memory_close(&mem);
}

// Goal: too few spans is said as such, and not taken for a bad address.
static void too_few_spans(void **state)
{
    (void)state;
    struct virtq_span span;
    uint32_t n = 0;

    assert_int_equal(vl_memory_open(&mem, 64 * KIB), VIRTQ_OK);
    assert_int_equal(vl_memory_resolve(&mem, mem.region[1].gpa - 1, 2, &span, 1, &n),
                     VIRTQ_ERR_NO_MEMORY);
    assert_int_equal(vl_memory_resolve(&mem, mem.region[1].gpa, 2, &span, 1, &n), VIRTQ_OK);
    vl_memory_close(&mem);
}

// Goal: behind an I/O memory unit a guest-physical address is not a bus address.
static void bus_addresses_are_their_own(void **state)
{
    (void)state;
    assert_int_equal(vl_memory_open(&mem, 64 * KIB), VIRTQ_OK);
    mem.bus_offset = VL_IOMMU_OFFSET;
    for (unsigned r = 0; r < VL_REGIONS; r++) {
        assert_int_equal(resolved(mem.region[r].gpa + VL_IOMMU_OFFSET, 16), 1);
        refused(mem.region[r].gpa, 16);
    }
    refused(VL_IOMMU_OFFSET - 1, 1); // guest-physical 2^64 - 1
    vl_memory_close(&mem);
}

// Goal: allocations keep their alignment, do not overlap, go where they were asked to, and end with
// an error. Method: take until nothing is left, painting each piece with its number.
static void allocations_do_not_overlap(void **state)
{
    (void)state;
    static struct virtq_span spans[4096];

    for (unsigned place = 0; place < 3; place++) {
        uint32_t n = 0;
        assert_int_equal(vl_memory_open(&mem, 64 * KIB), VIRTQ_OK);
        while (n < 4096) {
            const uint32_t bytes = 1 + n * 37 % 300;
            const uint32_t align = 1u << n % 8;
            if (vl_memory_alloc(&mem, bytes, align, place, &spans[n]) != VIRTQ_OK) {
                break;
            }
            assert_int_equal(spans[n].gpa % align, 0);
            assert_int_equal(spans[n].bytes, bytes);
            for (uint32_t i = 0; i < bytes; i++) {
                assert_int_equal(spans[n].host[i], 0);
                spans[n].host[i] = (uint8_t)(n % 255 + 1);
            }
            n++;
        }
        assert_true(n > 150 && n < 4096);
        if (place == 1) {
            // A piece of one byte cannot lie across; the first of two or more does.
            assert_true(spans[1].gpa < mem.region[1].gpa);
            assert_true(spans[1].gpa + spans[1].bytes > mem.region[1].gpa);
        } else {
            assert_int_equal(spans[0].gpa, mem.region[place].gpa);
        }
        for (uint32_t k = 0; k < n; k++) {
            for (uint32_t i = 0; i < spans[k].bytes; i++) {
                assert_int_equal(spans[k].host[i], (uint8_t)(k % 255 + 1));
            }
        }
        vl_memory_close(&mem);
    }
}

static void allocation_arguments(void **state)
{
    (void)state;
    struct virtq_span span;
    assert_int_equal(vl_memory_open(&mem, 64 * KIB), VIRTQ_OK);
    assert_int_equal(vl_memory_alloc(&mem, 0, 1, 0, &span), VIRTQ_ERR_INVALID);
    assert_int_equal(vl_memory_alloc(&mem, 1, 0, 0, &span), VIRTQ_ERR_INVALID);
    assert_int_equal(vl_memory_alloc(&mem, 1, 3, 0, &span), VIRTQ_ERR_INVALID);
    assert_int_equal(vl_memory_alloc(&mem, 64 * KIB, 1, 0, &span), VIRTQ_ERR_NO_MEMORY);
    assert_int_equal(vl_memory_alloc(&mem, UINT32_MAX, 4096, 1, &span), VIRTQ_ERR_NO_MEMORY);
    // Half of it would fit below the border, half would not fit above.
    assert_int_equal(vl_memory_alloc(&mem, 2 * mem.region[1].bytes + 64, 16, 1, &span),
                     VIRTQ_ERR_NO_MEMORY);
    vl_memory_close(&mem);
}

// Store bytes as a port does: host bytes and mark.
static void store(uint32_t off, uint32_t bytes, uint64_t seq)
{
    memset(mem.host + off, 0xA5, bytes);
    vl_memory_mark(&mem, off, bytes, seq);
}

static void assert_all_zero(void)
{
    for (uint32_t i = 0; i < mem.bytes; i++) {
        assert_int_equal(mem.host[i], 0);
    }
}

// Goal: a reset clears whatever was stored, and hands out memory afresh.
// Method: stores at line borders, words of the bit map, the first and the last bytes.
static void reset_clears_what_was_stored(void **state)
{
    (void)state;
    const uint32_t sizes[] = {64 * KIB, 80 * KIB, 1024 * KIB};

    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        assert_int_equal(vl_memory_open(&mem, sizes[s]), VIRTQ_OK);
        for (unsigned run = 0; run < 3; run++) {
            struct virtq_span span;
            const uint32_t at[][2] = {
                {0, 1},    {63, 1},     {63, 2},       {64, 64},           {4095, 2},
                {4096, 1}, {8191, 130}, {20000, 9000}, {mem.bytes - 1, 1}, {mem.bytes - 65, 65}};
            for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                store(at[i][0], at[i][1], i);
            }
            assert_int_equal(vl_memory_alloc(&mem, 100, 64, 0, &span), VIRTQ_OK);
            assert_int_equal(span.gpa, mem.region[0].gpa);
            vl_memory_reset(&mem, 10);
            assert_all_zero();
        }
        vl_memory_close(&mem);
    }
}

// Goal: the newest store of a range is named, stores of earlier runs are not, and the 32-bit run
// counter comes round without naming any.
static void writers_are_of_this_run(void **state)
{
    (void)state;
    assert_int_equal(vl_memory_open(&mem, 64 * KIB), VIRTQ_OK);
    assert_int_equal(vl_memory_writer(&mem, 100, 8), 0);
    store(100, 4, 7);
    store(104, 2, 9);
    assert_int_equal(vl_memory_writer(&mem, 100, 4), 8);
    assert_int_equal(vl_memory_writer(&mem, 100, 8), 10);
    assert_int_equal(vl_memory_writer(&mem, 106, 2), 0);
    store(mem.bytes - 1, 1, 11);
    assert_int_equal(vl_memory_writer(&mem, mem.bytes - 8, 8), 12);

    vl_memory_reset(&mem, 12);
    assert_int_equal(vl_memory_writer(&mem, 100, 8), 0);
    assert_int_equal(vl_memory_writer(&mem, mem.bytes - 8, 8), 0);
    store(100, 2, 0);
    assert_int_equal(vl_memory_writer(&mem, 100, 2), 1);
    for (unsigned run = 0; run < 8; run++) { // 8 * 2^30 events: over the edge twice
        vl_memory_reset(&mem, 1u << 30);
        assert_int_equal(vl_memory_writer(&mem, 100, 2), 0);
        store(100, 2, (1u << 30) - 1);
        assert_int_equal(vl_memory_writer(&mem, 100, 2), 1u << 30);
    }
    vl_memory_reset(&mem, UINT64_MAX);
    assert_int_equal(vl_memory_writer(&mem, 100, 2), 0);
    vl_memory_close(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(map_is_as_documented),
        cmocka_unit_test(borders_and_holes),
        cmocka_unit_test(too_few_spans),
        cmocka_unit_test(bus_addresses_are_their_own),
        cmocka_unit_test(allocations_do_not_overlap),
        cmocka_unit_test(allocation_arguments),
        cmocka_unit_test(reset_clears_what_was_stored),
        cmocka_unit_test(writers_are_of_this_run),
    };
    return cmocka_run_group_tests_name("model.memory", tests, NULL, NULL);
}
