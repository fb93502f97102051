// tests/pci/test_vdrv_pci.c -- the driver's PCI half against devices that lie or are broken.
// Spec: virtio 1.4 §3.1.1, §4.1.4, driver requirements.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/pci/pci_world.h"

// Goal: each value that the driver reads is checked, and a lie has its name.
static void lies_are_named(void **state)
{
    struct world *w = *state;
    static const struct {
        struct lie lie;
        enum virtq_err err;
        bool failed; // FAILED is set
    } lies[] = {
        {{.off = 0x14, .or_bits = 0xFF}, VIRTQ_ERR_RESET_STUCK, false},
        {{.off = 0x04, .after = 1}, VIRTQ_ERR_VERSION, true},
        {{.off = 0x14, .and_bits = 0xF7}, VIRTQ_ERR_FEATURES, true},
        {{.off = 0x14, .and_bits = 0xFF, .or_bits = 0x40, .after = 1}, VIRTQ_ERR_NEEDS_RESET, true},
        {{.off = 0x12}, VIRTQ_ERR_QUEUE_ABSENT, true},
        {{.off = 0x18}, VIRTQ_ERR_QUEUE_ABSENT, true},
        {{.off = 0x18, .or_bits = 3}, VIRTQ_ERR_QUEUE_SIZE, true},
        {{.off = 0x18, .or_bits = 0xFFFF}, VIRTQ_ERR_QUEUE_SIZE, true},
        {{.off = 0x18, .or_bits = 8, .after = 1}, VIRTQ_ERR_QUEUE_SIZE, true},
        {{.off = 0x1C, .or_bits = 1}, VIRTQ_ERR_RESET_STUCK, true},
        {{.off = 0x1E, .or_bits = 2}, VIRTQ_ERR_NOTIFY_BOUNDS, true},
        {{.off = 0x1E, .or_bits = 0xFFFF}, VIRTQ_ERR_NOTIFY_BOUNDS, true},
        {{.off = 0x10, .or_bits = 0xFFFF}, VIRTQ_ERR_VECTOR, true},
        {{.off = 0x1A, .or_bits = 1}, VIRTQ_ERR_VECTOR, true},
        {{.off = 0x15, .moving = true}, VIRTQ_ERR_CONFIG_MOVING, false},
    };
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        prepare(w, true, 3);
        w->lie = &lies[i].lie;
        const struct vl_verdict *verdict = run(w);
        assert_int_equal(w->err, lies[i].err);
        assert_int_equal(verdict->peer_faults, 1);
        assert_int_equal(verdict->outcome, VL_CLEAN);
        assert_int_equal(w->drv.status & 0x80u, lies[i].failed ? 0x80 : 0);
        assert_int_equal(vl_pci_stray_accesses(&w->pci, NULL), 0);
    }
}

// Replace one byte in the device's config space image, as a broken device would have it.
static void poke(struct world *w, uint32_t off, uint8_t byte)
{
    w->fn->config[off] = byte;
}

// Goal: a capability list that loops, leaves config space, or lacks something ends in a named
// error.
static void broken_capability_lists(void **state)
{
    struct world *w = *state;
    static const struct {
        uint8_t off;
        uint8_t byte;
        enum virtq_err err;
    } pokes[] = {
        {0x34, 0x00, VIRTQ_ERR_CAP_MISSING}, {0x34, 0x3C, VIRTQ_ERR_CAP_CHAIN},
        {0x51, 0x40, VIRTQ_ERR_CAP_CHAIN},   {0x41, 0x10, VIRTQ_ERR_CAP_CHAIN},
        {0x06, 0x00, VIRTQ_ERR_CAP_MISSING}, {0x43, 0x42, VIRTQ_ERR_CAP_MISSING},
        {0x44, 0x06, VIRTQ_ERR_CAP_MISSING}, // reserved BAR: ignored
        {0x44, 0x02, VIRTQ_ERR_CAP_BOUNDS},  // no such BAR
        {0x42, 0x0F, VIRTQ_ERR_CAP_BOUNDS},  // cap_len
        {0x4B, 0x01, VIRTQ_ERR_CAP_BOUNDS},  // offset behind the BAR
        {0x4B, 0xFF, VIRTQ_ERR_CAP_BOUNDS},  // offset + length wraps in 32 bits
        {0x48, 0x02, VIRTQ_ERR_CAP_BOUNDS},  // offset not aligned
        {0x4C, 0x37, VIRTQ_ERR_CAP_BOUNDS},  // length too short
        {0x4F, 0x80, VIRTQ_ERR_CAP_BOUNDS},  // length behind the BAR
        {0x60, 0x03, VIRTQ_ERR_CAP_BOUNDS},  // notify multiplier
        {0x80, 0x07, VIRTQ_ERR_CAP_BOUNDS},  // device configuration shorter than needed
    };
    for (unsigned i = 0; i < sizeof(pokes) / sizeof(pokes[0]); i++) {
        prepare(w, true, 3);
        poke(w, pokes[i].off, pokes[i].byte);
        const struct vl_verdict *verdict = run(w);
        assert_int_equal(w->err, pokes[i].err);
        assert_int_equal(verdict->peer_faults, 1);
        assert_int_equal(vl_pci_stray_accesses(&w->pci, NULL), 0);
        // A loop ends where it closes, not when some bound is reached.
        assert_true(pokes[i].err != VIRTQ_ERR_CAP_CHAIN || verdict->n_events < 100);
    }
}

// Goal: of several capabilities of a type the first usable one is taken, and what is reserved or
// longer than known does no harm [4.1.4.1-drv-1, -2, -3, -4, -6].
static void strange_capabilities_are_skipped(void **state)
{
    struct world *w = *state;
    static const uint8_t reserved_type[16] = {0x09, 0, 16, 0x42, 4};
    static const uint8_t reserved_bar[16] = {0x09, 0, 16, 1, 7};
    static const uint8_t beyond[16] = {0x09, 0, 16, 1, 4, 0, 0, 0, 0, 0, 0, 1, 0x38};
    static const uint8_t long_isr[24] = {0x09, 0, 24, 3, 4, 0, 0, 0, 0, 0x10, 0, 0, 0, 0x10};
    static const uint8_t other[4] = {0x05, 0, 0, 0};
    const struct vl_pci_cap extra[] = {{other, 4, false},
                                       {reserved_type, 16, false},
                                       {reserved_bar, 16, false},
                                       {beyond, 16, false},
                                       {long_isr, 24, false}};
    prepare(w, false, 1);
    plug(w, 1, extra, 5);
    assert_good_run(w);
    assert_int_equal(w->drv.isr.length, 0x1000);
    assert_int_equal(w->drv.common.offset, 0);
}

// Goal: BARs of impossible size, or larger than the window, are named.
static void impossible_bars(void **state)
{
    struct world *w = *state;
    prepare(w, true, 3);
    w->fn->writable[0x11] = 0x55; // BAR 0 register of holes
    w->fn->writable[0x12] = 0xFF;
    w->fn->writable[0x13] = 0xFF;
    (void)run(w);
    assert_int_equal(w->err, VIRTQ_ERR_BAR_SIZE);
    prepare(w, true, 3);
    w->drv_config.window_bytes = 16384 + 4096 - 1;
    (void)run(w);
    assert_int_equal(w->err, VIRTQ_ERR_BAR_SIZE);
    prepare(w, true, 3);
    w->drv_config.virtio_id = TOY_ID + 1;
    const struct vl_verdict *verdict = run(w);
    assert_int_equal(w->err, VIRTQ_ERR_EMPTY); // somebody else's
    assert_int_equal(verdict->peer_faults, 0);
}

// Goal: the MSI-X table's place is checked before it is mapped.
static void msix_table_outside_its_bar(void **state)
{
    struct world *w = *state;
    prepare(w, true, 3);
    poke(w, w->fn->msix_off + 5u, 0x20); // offset 8192 of a BAR of 4096 bytes
    const struct vl_verdict *verdict = run(w);
    assert_int_equal(w->err, VIRTQ_ERR_CAP_BOUNDS);
    assert_int_equal(verdict->peer_faults, 1);
    assert_int_equal(vl_pci_stray_accesses(&w->pci, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_are_named),
        cmocka_unit_test(broken_capability_lists),
        cmocka_unit_test(strange_capabilities_are_skipped),
        cmocka_unit_test(impossible_bars),
        cmocka_unit_test(msix_table_outside_its_bar),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
