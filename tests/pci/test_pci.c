// tests/pci/test_pci.c -- the model's PCI bus alone: sizing, placement, decoding, MSI-X, INTx.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/pci/vl_pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BDF VL_PCI_BDF(4, 0)
#define COMMAND 0x04u
#define STATUS 0x06u
#define BAR1 0x14u
#define BAR4 0x20u
#define BAR5 0x24u
#define BASE1 0xE0000000u
#define BASE4 0xE0004000u
#define PBA 0x800u

struct world {
    struct vl_pci pci;
    struct vl_pci_function *fn;
    uint16_t messages[8]; // data of the messages that arrived
    unsigned n_messages;
    bool line;
    unsigned n_line_changes;
    unsigned bar; // last access to the function
    uint32_t off;
    uint32_t value;
    unsigned n_accesses;
    uint32_t cap_off; // last access to the live capability
};

static void on_message(void *ctx, uint16_t data)
{
    struct world *w = ctx;
    w->messages[w->n_messages++ % 8] = data;
}

static void on_intx(void *ctx, bool level)
{
    struct world *w = ctx;
    w->line = level;
    w->n_line_changes++;
}

static uint32_t on_bar_read(void *ctx, unsigned bar, uint32_t off, unsigned bytes)
{
    struct world *w = ctx;
    w->bar = bar;
    w->off = off;
    w->n_accesses++;
    return bytes == 4 ? 0x12345678u : 0xABu;
}

static void on_bar_write(void *ctx, unsigned bar, uint32_t off, unsigned bytes, uint32_t value)
{
    struct world *w = ctx;
    (void)bytes;
    w->bar = bar;
    w->off = off;
    w->value = value;
    w->n_accesses++;
}

static uint32_t on_cap_read(void *ctx, unsigned cap, uint32_t off, unsigned bytes)
{
    struct world *w = ctx;
    (void)bytes;
    w->cap_off = off;
    return 0x40u + cap;
}

static void on_cap_write(void *ctx, unsigned cap, uint32_t off, unsigned bytes, uint32_t value)
{
    struct world *w = ctx;
    (void)cap;
    (void)bytes;
    w->cap_off = off;
    w->value = value;
}

static const uint8_t plain_cap[16] = {0x09, 0xFF, 16, 1, 4};
static const uint8_t live_cap[20] = {0x09, 0xFF, 20, 5};
static const struct vl_pci_cap caps[2] = {{plain_cap, 16, false}, {live_cap, 20, true}};

static struct vl_pci_function_config config_of_function(void)
{
    return (struct vl_pci_function_config){
        .bdf = BDF,
        .vendor_id = 0x1AF4,
        .device_id = 0x1044,
        .class_code = 0x00FF00,
        .revision = 1,
        .interrupt_pin = 1,
        .subsystem_vendor_id = 0x1AF4,
        .subsystem_id = 0x44,
        .bar = {[1] = {.bytes = 4096}, [4] = {.bytes = 16384, .is_64 = true}},
        .caps = caps,
        .n_caps = 2,
        .n_vectors = 3,
        .msix_bar = 1,
        .msix_table_off = 0,
        .msix_pba_off = PBA,
    };
}

static const struct vl_pci_function_ops ops = {.bar_read = on_bar_read,
                                               .bar_write = on_bar_write,
                                               .cap_read = on_cap_read,
                                               .cap_write = on_cap_write};

static struct world the_world;

static int setup(void **state)
{
    struct world *w = &the_world;
    const struct vl_pci_cpu cpu = {.ctx = w, .message = on_message, .intx = on_intx};
    const struct vl_pci_function_config config = config_of_function();
    struct vl_pci_function_ops fn_ops = ops;

    memset(w, 0, sizeof(*w));
    fn_ops.ctx = w;
    vl_pci_open(&w->pci, &cpu);
    *state = w;
    return vl_pci_add(&w->pci, &config, &fn_ops, &w->fn) == VIRTQ_OK ? 0 : -1;
}

static uint32_t in(struct world *w, uint32_t off, unsigned bytes)
{
    return vl_pci_config_read(&w->pci, BDF, off, bytes);
}

static void out(struct world *w, uint32_t off, unsigned bytes, uint32_t value)
{
    vl_pci_config_write(&w->pci, BDF, off, bytes, value);
}

static void place(struct world *w)
{
    out(w, BAR1, 4, BASE1);
    out(w, BAR4, 4, BASE4);
    out(w, BAR5, 4, 0);
    out(w, COMMAND, 2, 6); // memory, bus master
}

// Offset of the MSI-X capability, by the list.
static uint32_t msix_cap(struct world *w)
{
    uint32_t cap = in(w, 0x34, 1);
    for (unsigned n = 0; n < 8 && cap != 0 && in(w, cap, 1) != 0x11; n++) {
        cap = in(w, cap + 1, 1);
    }
    return cap;
}

static void program_vector(struct world *w, uint32_t entry, uint32_t data)
{
    vl_pci_mmio_write(&w->pci, BASE1 + 16 * entry, 4, VL_PCI_MESSAGE_ADDR);
    vl_pci_mmio_write(&w->pci, BASE1 + 16 * entry + 4, 4, 0);
    vl_pci_mmio_write(&w->pci, BASE1 + 16 * entry + 8, 4, data);
    vl_pci_mmio_write(&w->pci, BASE1 + 16 * entry + 12, 4, 0);
}

// Goal: a walk over the bus sees the function where it is, and nothing elsewhere.
static void absent_functions_read_all_ones(void **state)
{
    struct world *w = *state;
    assert_int_equal(in(w, 0, 4), 0x10441AF4);
    for (uint32_t device = 0; device < 32; device++) {
        for (uint32_t function = 0; function < 8; function++) {
            const uint32_t bdf = VL_PCI_BDF(device, function);
            if (bdf != BDF) {
                assert_int_equal(vl_pci_config_read(&w->pci, bdf, 0, 4), 0xFFFFFFFFu);
            }
        }
    }
    assert_int_equal(vl_pci_config_read(&w->pci, VL_PCI_BDF(31, 0), 2, 2), 0xFFFF);
    assert_int_equal(vl_pci_stray_accesses(&w->pci, NULL), 0);
}

// Goal: header fields and the links of the capability list.
static void header_and_capability_list(void **state)
{
    struct world *w = *state;
    assert_int_equal(in(w, 0x08, 4), 0x00FF0001); // class, revision
    assert_int_equal(in(w, 0x2C, 4), 0x00441AF4);
    assert_int_equal(in(w, 0x3D, 1), 1);
    assert_int_equal(in(w, STATUS, 2) & 0x10u, 0x10);
    const uint32_t first = in(w, 0x34, 1);
    const uint32_t second = in(w, first + 1, 1);
    const uint32_t third = in(w, second + 1, 1);
    assert_int_equal(in(w, first + 3, 1), 1);
    assert_int_equal(in(w, second + 3, 1), 5);
    assert_int_equal(third, msix_cap(w));
    assert_int_equal(in(w, third + 1, 1), 0);
    assert_int_equal(in(w, third + 2, 2), 2); // three vectors
    assert_int_equal(in(w, third + 4, 4), 1); // table: BAR 1, offset 0
    assert_int_equal(in(w, third + 8, 4), PBA | 1);
    out(w, first + 8, 4, 0x55555555);
    assert_int_equal(in(w, first + 8, 4), 0); // read-only
}

// Goal: a live capability is the function's from byte 4 on.
static void live_capability_is_forwarded(void **state)
{
    struct world *w = *state;
    const uint32_t second = in(w, in(w, 0x34, 1) + 1, 1);
    assert_int_equal(in(w, second + 16, 4), 0x41);
    assert_int_equal(w->cap_off, 16);
    out(w, second + 4, 1, 7);
    assert_int_equal(w->cap_off, 4);
    assert_int_equal(w->value, 7);
    assert_int_equal(in(w, second, 1), 0x09); // the first four bytes are the bus's
}

// Goal: all ones written, the size comes back; 64-bit BARs take two registers.
static void bar_sizing(void **state)
{
    struct world *w = *state;
    out(w, BAR1, 4, 0xFFFFFFFFu);
    out(w, BAR4, 4, 0xFFFFFFFFu);
    out(w, BAR5, 4, 0xFFFFFFFFu);
    assert_int_equal(in(w, BAR1, 4), 0xFFFFF000u);
    assert_int_equal(in(w, BAR4, 4), 0xFFFFC004u);
    assert_int_equal(in(w, BAR5, 4), 0xFFFFFFFFu);
    out(w, 0x10, 4, 0xFFFFFFFFu); // no such BAR
    assert_int_equal(in(w, 0x10, 4), 0);
    assert_int_equal(w->pci.live_bar_writes, 0);
    out(w, COMMAND, 2, 2);
    out(w, BAR1, 4, BASE1);
    assert_int_equal(w->pci.live_bar_writes, 1);
}

// Goal: a BAR answers where it was put, whole and only while memory decoding is on.
static void decoding(void **state)
{
    struct world *w = *state;
    struct vl_pci_stray last;

    place(w);
    out(w, COMMAND, 2, 4); // bus master alone
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE4, 4), 0xFFFFFFFFu);
    assert_int_equal(vl_pci_stray_accesses(&w->pci, &last), 1);
    assert_true(last.addr == BASE4 && last.bytes == 4 && !last.is_write && !last.is_config);
    assert_false(vl_pci_mmio_posted(&w->pci, BASE4));
    assert_int_equal(w->n_accesses, 0);

    out(w, COMMAND, 2, 6);
    assert_true(vl_pci_mmio_posted(&w->pci, BASE4));
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE4 + 16380, 4), 0x12345678);
    assert_true(w->bar == 4 && w->off == 16380);
    vl_pci_mmio_write(&w->pci, BASE4 + 8, 2, 0x77771234);
    assert_true(w->off == 8 && w->value == 0x1234);
    assert_int_equal(w->n_accesses, 2);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE4 + 16382, 4), 0xFFFFFFFFu); // over the end
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE4 + 16384, 1), 0xFF);
    vl_pci_mmio_write(&w->pci, BASE4 - 1, 2, 0);
    assert_int_equal(vl_pci_stray_accesses(&w->pci, &last), 4);
    assert_true(last.is_write && last.addr == BASE4 - 1);

    out(w, BAR5, 4, 1); // above 4 GiB
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE4, 4), 0xFFFFFFFFu);
    assert_int_equal(vl_pci_mmio_read(&w->pci, 0x100000000u + BASE4, 4), 0x12345678);
}

// Goal: config accesses that cannot be are strays: wrong alignment, width or place.
static void stray_config_accesses(void **state)
{
    struct world *w = *state;
    assert_int_equal(in(w, 2, 4), 0xFFFFFFFFu);
    assert_int_equal(in(w, 256, 1), 0xFF);
    out(w, 0x05, 2, 0);
    vl_pci_config_write(&w->pci, VL_PCI_BDF(5, 0), 4, 2, 6);
    assert_int_equal(vl_pci_stray_accesses(&w->pci, NULL), 4);
}

// Goal: messages carry the driver's data; masked ones wait in the pending bits and come at unmask.
static void msix_masks_and_pending_bits(void **state)
{
    struct world *w = *state;
    const uint32_t control = msix_cap(w) + 2;

    place(w);
    vl_pci_signal(w->fn, 0); // not enabled
    assert_int_equal(w->fn->lost_messages, 1);
    program_vector(w, 0, 40);
    program_vector(w, 2, 42);
    out(w, control, 2, 0x8000);
    assert_int_equal(in(w, control, 2), 0x8002);
    assert_true(vl_pci_msix_enabled(w->fn));
    vl_pci_signal(w->fn, 2);
    assert_true(w->n_messages == 1 && w->messages[0] == 42);

    vl_pci_signal(w->fn, 1); // masked since power-on
    assert_int_equal(w->n_messages, 1);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE1 + PBA, 4), 2);
    vl_pci_mmio_write(&w->pci, BASE1 + PBA, 4, 0); // not the driver's to write
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE1 + PBA, 4), 2);
    program_vector(w, 1, 41);
    assert_true(w->n_messages == 2 && w->messages[1] == 41);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE1 + PBA, 4), 0);

    out(w, control, 2, 0xC000); // the whole function masked
    vl_pci_signal(w->fn, 0);
    vl_pci_signal(w->fn, 0); // pending once
    assert_int_equal(w->n_messages, 2);
    out(w, control, 2, 0x8000);
    assert_true(w->n_messages == 3 && w->messages[2] == 40);

    out(w, COMMAND, 2, 2); // no bus master: no memory writes of the function
    vl_pci_signal(w->fn, 0);
    vl_pci_signal(w->fn, 3); // no such entry
    assert_int_equal(w->n_messages, 3);
    assert_int_equal(w->fn->lost_messages, 3);
    assert_int_equal(w->n_accesses, 0); // the table is none of the function's business
}

// Goal: the table takes 4-byte accesses only, and messages go to the interrupt controller only.
static void msix_table_rules(void **state)
{
    struct world *w = *state;
    place(w);
    program_vector(w, 0, 40);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE1 + 8, 4), 40);
    vl_pci_mmio_write(&w->pci, BASE1 + 8, 2, 1);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE1 + 8, 1), 0xFF);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE1 + 8, 4), 40);
    assert_int_equal(vl_pci_stray_accesses(&w->pci, NULL), 2);
    vl_pci_mmio_write(&w->pci, BASE1, 4, 0x10000); // somewhere in memory
    out(w, msix_cap(w) + 2, 2, 0x8000);
    vl_pci_signal(w->fn, 0);
    assert_int_equal(w->n_messages, 0);
    assert_int_equal(w->fn->lost_messages, 1);
}

// Goal: the line follows the function's level, unless disabled or replaced by MSI-X; the status bit
// follows the level alone.
static void intx_level_and_status_bit(void **state)
{
    struct world *w = *state;
    vl_pci_set_intx(w->fn, true);
    assert_true(w->line);
    assert_int_equal(in(w, STATUS, 2) & 8u, 8);
    vl_pci_set_intx(w->fn, true);
    assert_int_equal(w->n_line_changes, 1);
    out(w, COMMAND, 2, 0x400);
    assert_false(w->line);
    assert_int_equal(in(w, STATUS, 2) & 8u, 8);
    out(w, COMMAND, 2, 0);
    assert_true(w->line);
    out(w, msix_cap(w) + 2, 2, 0x8000);
    assert_false(w->line);
    out(w, msix_cap(w) + 2, 2, 0);
    assert_true(w->line);
    vl_pci_set_intx(w->fn, false);
    assert_false(w->line);
    assert_int_equal(in(w, STATUS, 2) & 8u, 0);
}

// Goal: reset undoes all that was written and signalled.
static void reset_is_power_on(void **state)
{
    struct world *w = *state;
    char before[VL_PCI_DUMP_BYTES];
    char after[VL_PCI_DUMP_BYTES];

    (void)vl_pci_dump(w->fn, before, sizeof(before));
    place(w);
    out(w, msix_cap(w) + 2, 2, 0xC000);
    vl_pci_signal(w->fn, 0);
    vl_pci_set_intx(w->fn, true);
    (void)vl_pci_mmio_read(&w->pci, 0, 4);
    vl_pci_reset(&w->pci);
    (void)vl_pci_dump(w->fn, after, sizeof(after));
    assert_string_equal(before, after);
    assert_int_equal(vl_pci_stray_accesses(&w->pci, NULL), 0);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE4, 4), 0xFFFFFFFFu);
    place(w);
    out(w, msix_cap(w) + 2, 2, 0x8000);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE1 + PBA, 4), 0);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE1 + 12, 4), 1);
}

// Goal: a BAR in I/O space says so, has a size, and answers no memory access. Method: a function
// with one beside the others, placed where nothing else is.
static void io_bar(void **state)
{
    struct world *w = *state;
    struct vl_pci_function *fn = NULL;
    struct vl_pci_function_config config = config_of_function();

    config.bdf = VL_PCI_BDF(9, 0);
    config.bar[2] = (struct vl_pci_bar){.bytes = 128, .is_io = true};
    assert_int_equal(vl_pci_add(&w->pci, &config, &ops, &fn), VIRTQ_OK);
    vl_pci_config_write(&w->pci, config.bdf, 0x18, 4, 0xFFFFFFFFu);
    assert_int_equal(vl_pci_config_read(&w->pci, config.bdf, 0x18, 4), 0xFFFFFF81u);
    vl_pci_config_write(&w->pci, config.bdf, 0x18, 4, BASE1);
    vl_pci_config_write(&w->pci, config.bdf, COMMAND, 2, 7);
    assert_int_equal(vl_pci_config_read(&w->pci, config.bdf, COMMAND, 2), 7);
    assert_int_equal(vl_pci_mmio_read(&w->pci, BASE1, 4), 0xFFFFFFFFu);
    assert_int_equal(w->n_accesses, 0);
    out(w, COMMAND, 2, 7);
    assert_int_equal(in(w, COMMAND, 2), 6); // nothing in I/O space there
}

// Goal: two functions of a device are announced in the header type of both, and share the line.
static void two_functions(void **state)
{
    struct world *w = *state;
    struct vl_pci_function_config config = config_of_function();
    struct vl_pci_function *second = NULL;

    assert_int_equal(in(w, 0x0E, 1), 0);
    assert_int_equal(vl_pci_add(&w->pci, &config, &ops, &second), VIRTQ_ERR_INVALID); // taken
    config.bdf = VL_PCI_BDF(4, 3);
    assert_int_equal(vl_pci_add(&w->pci, &config, &ops, &second), VIRTQ_OK);
    assert_int_equal(in(w, 0x0E, 1), 0x80);
    assert_int_equal(vl_pci_config_read(&w->pci, config.bdf, 0x0E, 1), 0x80);
    vl_pci_set_intx(w->fn, true);
    vl_pci_set_intx(second, true);
    vl_pci_set_intx(w->fn, false);
    assert_true(w->line);
    vl_pci_set_intx(second, false);
    assert_false(w->line);
}

// Goal: functions that cannot be are refused.
static void impossible_functions_are_refused(void **state)
{
    struct world *w = *state;
    struct vl_pci_function *fn = NULL;
    struct vl_pci_function_config bad[9];

    for (unsigned i = 0; i < 9; i++) {
        bad[i] = config_of_function();
        bad[i].bdf = VL_PCI_BDF(9, 0);
    }
    bad[0].bdf = 256;
    bad[1].bar[1].bytes = 3000;
    bad[2].bar[5].bytes = 4096; // upper half of BAR 4
    bad[3].n_vectors = 65;
    bad[4].msix_pba_off = 40; // inside the table
    bad[5].msix_bar = 2;      // no such BAR
    bad[6].interrupt_pin = 5;
    bad[7].bar[2] = (struct vl_pci_bar){.bytes = 512, .is_io = true};
    bad[8].bar[2] = (struct vl_pci_bar){.bytes = 64, .is_64 = true, .is_io = true};
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(vl_pci_add(&w->pci, &bad[i], &ops, &fn), VIRTQ_ERR_INVALID);
    }
    struct vl_pci_cap many[VL_PCI_CAPS_MAX];
    static const uint8_t large[64] = {0x09};
    struct vl_pci_function_config full = config_of_function();
    full.bdf = VL_PCI_BDF(9, 0);
    full.caps = many;
    full.n_caps = 4;
    for (unsigned i = 0; i < 4; i++) {
        many[i] = (struct vl_pci_cap){.bytes = large, .n_bytes = 64};
    }
    assert_int_equal(vl_pci_add(&w->pci, &full, &ops, &fn), VIRTQ_ERR_INVALID); // 256 bytes of caps
}

// Goal: the dump's lines are what lspci -F parses.
static void dump_has_the_form_of_lspci(void **state)
{
    struct world *w = *state;
    char text[VL_PCI_DUMP_BYTES];
    const size_t n = vl_pci_dump(w->fn, text, sizeof(text));

    assert_int_equal(n, strlen(text));
    const char *head = "00:04.0 Class 00ff: 1af4:1044 (rev 01)\n"
                       "00: f4 1a 44 10 00 00 10 00 01 00 ff 00 00 00 00 00\n";
    assert_memory_equal(text, head, strlen(head));
    unsigned n_lines = 0;
    for (const char *p = text; *p != '\0'; p++) {
        n_lines += *p == '\n';
    }
    assert_int_equal(n_lines, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(absent_functions_read_all_ones, setup),
        cmocka_unit_test_setup(header_and_capability_list, setup),
        cmocka_unit_test_setup(live_capability_is_forwarded, setup),
        cmocka_unit_test_setup(bar_sizing, setup),
        cmocka_unit_test_setup(decoding, setup),
        cmocka_unit_test_setup(stray_config_accesses, setup),
        cmocka_unit_test_setup(msix_masks_and_pending_bits, setup),
        cmocka_unit_test_setup(msix_table_rules, setup),
        cmocka_unit_test_setup(intx_level_and_status_bit, setup),
        cmocka_unit_test_setup(reset_is_power_on, setup),
        cmocka_unit_test_setup(io_bar, setup),
        cmocka_unit_test_setup(two_functions, setup),
        cmocka_unit_test_setup(impossible_functions_are_refused, setup),
        cmocka_unit_test_setup(dump_has_the_form_of_lspci, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
