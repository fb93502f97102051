// tests/spec/test_framing.c -- lawful and unusual: block requests framed in every way there is.
// Goal: none of it raises a finding or advice, the device serves each request, and each row names
// the clause that allows it. Method: a driver that lays descriptors out as the row says; the benign
// schedule and twenty seeds. That the same driver is judged at all: one row with an unlawful chain.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/spec/odd_driver.h"
#include "tests/spec/valid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define RD(where_, off_, len_)                                                                     \
    {                                                                                              \
        .where = (where_), .off = (off_), .len = (len_)                                            \
    }
#define WR(where_, off_, len_)                                                                     \
    {                                                                                              \
        .where = (where_), .writable = true, .off = (off_), .len = (len_)                          \
    }
#define HEAD RD(HEADER, 0, 16)
#define STAT WR(STATUS, 0, 1)
#define READ_ONE                                                                                   \
    {                                                                                              \
        .type = BLK_IN, .n = 3, .elem = { HEAD, WR(DATA, 0, 512), STAT }                           \
    }

static const struct odd_row rows[] = {
    {"header, data and status in an element each", "5.2.6-drv-d1", "", 1, false, {READ_ONE}},
    {"a writable element without bytes between others",
     "2.7.4.1-dev-1",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 4, .elem = {HEAD, WR(DATA, 0, 0), WR(DATA, 0, 512), STAT}}}},
    {"a readable element without bytes between others",
     "2.7.4.1-dev-1",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 4, .elem = {HEAD, RD(DATA, 0, 0), WR(DATA, 0, 512), STAT}}}},
    {"an element without bytes at an address that is no memory",
     "2.7.13.1-drv-d2",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 4, .elem = {HEAD, WR(NOWHERE, 0, 0), WR(DATA, 0, 512), STAT}}}},
    {"an element without bytes as the last one",
     "2.7.4.1-dev-1",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 4, .elem = {HEAD, WR(DATA, 0, 512), STAT, WR(DATA, 0, 0)}}}},
    {"data that end where memory ends",
     "2.7.13.1-drv-d2",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .elem = {HEAD, WR(TOP, 0, 512), STAT}}}},
    {"the status byte is the last byte of memory",
     "2.7.13.1-drv-d2",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .elem = {HEAD, WR(DATA, 0, 512), WR(TOP, 0, 1)}}}},
    {"data at the first byte of a region above 4 GiB",
     "2.7.13.1-drv-d2",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .elem = {HEAD, WR(BOTTOM, 0, 512), STAT}}}},
    {"data across the border of two regions",
     "2.7.13.1-drv-d2",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .elem = {HEAD, WR(BORDER, 0, 512), STAT}}}},
    {"data and status in one element",
     "2.7.4.1-dev-1",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 2, .elem = {HEAD, WR(DATA, 0, 513)}}}},
    {"header and data in one element",
     "2.7.4.1-dev-1",
     "",
     1,
     false,
     {{.type = BLK_OUT, .n = 3, .elem = {HEAD, RD(DATA, 0, 512), STAT}}}},
    {"a header in two elements",
     "2.7.4.1-dev-1",
     "",
     1,
     false,
     {{.type = BLK_IN,
       .n = 4,
       .elem = {RD(HEADER, 0, 7), RD(HEADER, 7, 9), WR(DATA, 0, 512), STAT}}}},
    {"a header in sixteen elements of a byte",
     "2.7.4.1-dev-1",
     "queue_size=32",
     1,
     false,
     {{.type = BLK_IN,
       .n = 18,
       .elem = {RD(HEADER, 0, 1), RD(HEADER, 1, 1), RD(HEADER, 2, 1), RD(HEADER, 3, 1),
                RD(HEADER, 4, 1), RD(HEADER, 5, 1), RD(HEADER, 6, 1), RD(HEADER, 7, 1),
                RD(HEADER, 8, 1), RD(HEADER, 9, 1), RD(HEADER, 10, 1), RD(HEADER, 11, 1),
                RD(HEADER, 12, 1), RD(HEADER, 13, 1), RD(HEADER, 14, 1), RD(HEADER, 15, 1),
                WR(DATA, 0, 512), STAT}}}},
    {"data in elements of odd lengths",
     "2.7.4.1-dev-1",
     "",
     1,
     false,
     {{.type = BLK_IN,
       .n = 5,
       .elem = {HEAD, WR(DATA, 0, 1), WR(DATA, 1, 499), WR(DATA, 500, 12), STAT}}}},
    {"elements whose addresses fall",
     "2.7.4.1-dev-1",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 4, .elem = {HEAD, WR(DATA, 256, 256), WR(DATA, 0, 256), STAT}}}},
    {"a write, its data in two elements",
     "5.2.6-drv-d3",
     "",
     1,
     false,
     {{.type = BLK_OUT, .n = 4, .elem = {HEAD, RD(DATA, 0, 100), RD(DATA, 100, 412), STAT}}}},
    {"a flush, without data",
     "5.2.6.1-drv-5",
     "",
     1,
     false,
     {{.type = BLK_FLUSH, .n = 2, .elem = {HEAD, STAT}}}},
    {"an ID in a buffer of the full length",
     "5.2.6-drv-d3",
     "",
     1,
     false,
     {{.type = BLK_GET_ID, .n = 3, .elem = {HEAD, WR(DATA, 0, 20), STAT}}}},
    {"descriptors in falling order",
     "2.7.5-drv-d1",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .backwards = true, .elem = {HEAD, WR(DATA, 0, 512), STAT}}}},
    {"a next field behind the end of the chain",
     "2.7.13.1-drv-d4",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .stray_next = 0xFFFF, .elem = {HEAD, WR(DATA, 0, 512), STAT}}}},
    {"a chain as long as the queue",
     "2.7.5-drv-d1",
     "queue_size=4",
     1,
     false,
     {{.type = BLK_IN, .n = 4, .elem = {HEAD, WR(DATA, 0, 256), WR(DATA, 256, 256), STAT}}}},
    {"an indirect table",
     "2.7.5.3-drv-d1",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .n_table = 3, .elem = {HEAD, WR(DATA, 0, 512), STAT}}}},
    {"an indirect table as long as the queue",
     "2.7.5.3.1-drv-3",
     "queue_size=4",
     1,
     false,
     {{.type = BLK_IN,
       .n = 4,
       .n_table = 4,
       .elem = {HEAD, WR(DATA, 0, 256), WR(DATA, 256, 256), STAT}}}},
    {"an indirect table with more entries than the queue, of which the chain uses as many",
     "2.7.5.3.1-drv-3",
     "queue_size=4",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .n_table = 3, .unused = 6, .elem = {HEAD, WR(DATA, 0, 512), STAT}}}},
    {"a table whose chain jumps back and forth",
     "2.7.5.3-drv-d1",
     "",
     1,
     false,
     {{.type = BLK_IN,
       .n = 4,
       .n_table = 4,
       .backwards = true,
       .elem = {HEAD, WR(DATA, 0, 256), WR(DATA, 256, 256), STAT}}}},
    {"a table with entries that the chain does not use",
     "2.7.5.3-drv-d2",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .n_table = 3, .unused = 4, .elem = {HEAD, WR(DATA, 0, 512), STAT}}}},
    {"WRITE on the descriptor of a table",
     "2.7.5.3.2-dev-1",
     "",
     1,
     false,
     {{.type = BLK_IN,
       .n = 3,
       .n_table = 3,
       .table_flags = VIRTQ_DESC_F_WRITE,
       .elem = {HEAD, WR(DATA, 0, 512), STAT}}}},
    {"a direct element, then a table",
     "2.7.5.3.2-dev-2",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .n_table = 2, .elem = {HEAD, WR(DATA, 0, 512), STAT}}}},
    {"two direct elements, then a table of one",
     "2.7.5.3.2-dev-2",
     "",
     1,
     false,
     {{.type = BLK_IN, .n = 3, .n_table = 1, .elem = {HEAD, WR(DATA, 0, 512), STAT}}}},
    {"two buffers under one store of the index",
     "2.7.13-drv-d4",
     "",
     2,
     true,
     {READ_ONE, {.type = BLK_FLUSH, .n = 2, .elem = {HEAD, STAT}}}},
    {"the index wraps in a batch",
     "2.7.13.3-drv-d1",
     "start_idx=65535",
     2,
     true,
     {READ_ONE, {.type = BLK_FLUSH, .n = 2, .elem = {HEAD, STAT}}}},
    {"the index wraps between buffers",
     "2.7.13.3-drv-d1",
     "start_idx=65535",
     2,
     false,
     {READ_ONE, READ_ONE}},
    {"no EVENT_IDX, no indirect descriptors",
     "2.2.2-dev-2",
     "event_idx=off indirect=off",
     2,
     false,
     {READ_ONE, READ_ONE}},
    {"a request that the device does not know",
     "5.2.6-dev-d1",
     "",
     1,
     false,
     {{.type = 99, .n = 3, .elem = {HEAD, WR(DATA, 0, 512), STAT}}}},
};

// The driver is judged as any other: readable behind writable is unlawful.
static const struct odd_row unlawful = {
    "a readable element behind a writable one",
    "2.7.4.2-drv-1",
    "",
    1,
    false,
    {{.type = BLK_IN, .n = 4, .elem = {HEAD, WR(DATA, 0, 512), RD(DATA, 512, 8), STAT}}}};

static const struct vl_verdict *run_row(const struct odd_row *row, uint64_t seed, struct lab *lab)
{
    const struct lab_choices choices = {.source = seed == 0 ? VL_SOURCE_INPUT : VL_SOURCE_SEED,
                                        .seed = seed};
    odd_row = row;
    odd_n_returned = 0;
    return lab_run(lab, &choices);
}

static struct lab *open_row(const struct odd_row *row)
{
    char words[256];
    (void)snprintf(words, sizeof(words), "driver=odd transport=direct device=blk queue_size=8 %s",
                   row->scenario);
    return valid_open(words);
}

// Seeds also choose where buffers are allocated. A row that lays bytes at a place of its own would
// meet them there.
static uint64_t n_seeds(const struct odd_row *row)
{
    for (unsigned i = 0; i < row->n; i++) {
        for (unsigned k = 0; k < row->buffer[i].n; k++) {
            if (row->buffer[i].elem[k].where >= TOP) {
                return 0;
            }
        }
    }
    return 20;
}

static void all_are_clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lab *lab = open_row(&rows[i]);
        for (uint64_t seed = 0; seed <= n_seeds(&rows[i]); seed++) {
            const struct vl_verdict *v = run_row(&rows[i], seed, lab);
            valid_expect(rows[i].what, rows[i].clause, v);
            assert_int_equal(odd_n_returned, rows[i].n);
        }
        lab_close(lab);
    }
}

static void requests_are_served(void **state)
{
    (void)state;
    struct lab *lab = open_row(&rows[0]);

    (void)run_row(&rows[0], 0, lab);
    assert_int_equal(odd_len[0], 513);
    assert_int_equal(odd_status[0], 0);
    lab_close(lab);
}

static void the_unlawful_is_found(void **state)
{
    (void)state;
    struct lab *lab = open_row(&unlawful);
    const struct vl_verdict *v = run_row(&unlawful, 0, lab);

    assert_int_equal(v->outcome, VL_FINDING);
    assert_string_equal(v->side, "driver");
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_clean),
        cmocka_unit_test(requests_are_served),
        cmocka_unit_test(the_unlawful_is_found),
    };
    (void)lab_player_register(&odd_driver);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
