// tests/pci/test_vdev_pci.c -- the device's PCI half: registers, and drivers that break rules.
// Spec: virtio 1.4 §4.1.3, §4.1.4, device requirements.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/pci/pci_world.h"

static void break_register_rules(struct world *w)
{
    static const struct {
        uint16_t off;
        uint8_t bytes;
        uint8_t is_write;
        uint32_t value;
    } accesses[] = {
        {0x14, 4, 0, 0},    {0x15, 1, 1, 1},   {0x16, 1, 0, 0},   {0x20, 1, 0, 0},
        {0x22, 4, 0, 0},    {0x20, 2, 1, 0},   {0x04, 4, 1, 1},   {0x12, 2, 1, 1},
        {0x1E, 2, 1, 1},    {0x1C, 2, 1, 0},   {0x18, 2, 1, 3},   {0x18, 2, 1, 16},
        {0x10, 2, 1, 3},    {0x0800, 4, 0, 0}, {0x0800, 4, 1, 0}, {0x1000, 2, 0, 0},
        {0x1000, 1, 1, 1},  {0x2001, 2, 0, 0}, {0x200A, 4, 0, 0}, {0x2000, 1, 1, 1},
        {0x3000, 2, 0, 0},  {0x3000, 1, 1, 0}, {0x3000, 4, 1, 0}, {0x3002, 2, 1, 0},
        {0x3000, 2, 1, 1},  {0x3004, 2, 1, 0}, {0x3004, 2, 1, 1}, {0x3000, 2, 1, 0xFFFF},
        {0x14, 1, 1, 0x20},
    };
    const uint32_t n = sizeof(accesses) / sizeof(accesses[0]);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t before = w->m.verdict.peer_faults;
        uint32_t value = 0;
        if (accesses[i].is_write != 0) {
            write_at(w, accesses[i].off, accesses[i].bytes, accesses[i].value);
        } else {
            value = read_at(w, accesses[i].off, accesses[i].bytes);
        }
        w->n_filled += value == 0 && w->m.verdict.peer_faults == before + 1;
    }
    w->values[0] = n;
}

// Goal: accesses of a wrong width, alignment, place or value are reported one by one, and ignored.
static void wrong_register_accesses_are_named(void **state)
{
    struct world *w = *state;
    prepare(w, true, 3);
    w->body = break_register_rules;
    (void)run(w);
    assert_int_equal(w->n_filled, w->values[0]);
    assert_true(w->values[0] > 20);
}

static void notify_wrong_addresses(struct world *w)
{
    w->err = bring_up(w);
    const uint32_t before = w->m.verdict.peer_faults;
    write_at(w, 0x3000, 2, 0);
    write_at(w, 0x3004, 2, 1);
    w->values[0] = w->m.verdict.peer_faults - before;
    write_at(w, 0x3000, 2, 1);
    write_at(w, 0x3004, 2, 0);
    w->values[1] = w->m.verdict.peer_faults - before;
}

// Goal: a notification names its queue twice, by address and by value, and both agree.
static void doorbells_name_their_queue(void **state)
{
    struct world *w = *state;
    prepare(w, true, 3);
    w->body = notify_wrong_addresses;
    (void)run(w);
    assert_int_equal(w->err, VIRTQ_OK);
    assert_int_equal(w->values[0], 0);
    assert_int_equal(w->values[1], 2);
}

// 64-bit registers by halves in any order; vectors; a queue that is absent; select registers.
static void use_registers(struct world *w)
{
    uint32_t good = 0;
    write_at(w, 0x24, 4, 0x11223344);
    good += read_at(w, 0x20, 4) == 0;
    write_at(w, 0x20, 4, 0x55667788);
    good += read_at(w, 0x24, 4) == 0x11223344;
    good += read_at(w, 0x20, 4) == 0x55667788;
    write_at(w, 0x16, 2, N_QUEUES);
    good += read_at(w, 0x18, 2) == 0;
    good += read_at(w, 0x16, 2) == N_QUEUES;
    write_at(w, 0x16, 2, 1);
    good += read_at(w, 0x20, 4) == 0;
    good += read_at(w, 0x1A, 2) == 0xFFFF;
    write_at(w, 0x1A, 2, 2);
    good += read_at(w, 0x1A, 2) == 2;
    write_at(w, 0x1A, 2, 0xFFFF);
    good += read_at(w, 0x1A, 2) == 0xFFFF;
    write_at(w, 0x10, 2, 1);
    write_at(w, 0x18, 2, 2);
    good += read_at(w, 0x18, 2) == 2;
    write_at(w, 0x00, 4, 2); // a word without features
    good += read_at(w, 0x04, 4) == 0;
    good += read_at(w, 0x2008, 2) == 0x0A09; // configuration before FEATURES_OK
    write_at(w, 0x14, 1, 0);
    good += read_at(w, 0x14, 1) == 0;
    good += read_at(w, 0x10, 2) == 0xFFFF;
    good += read_at(w, 0x16, 2) == 0;
    write_at(w, 0x16, 2, 1);
    good += read_at(w, 0x18, 2) == QUEUE_SIZE_MAX;
    w->n_filled = good;
}

// Goal: registers hold what was written, each queue its own, and a reset puts all back.
static void registers_hold_and_reset(void **state)
{
    struct world *w = *state;
    prepare(w, true, 3);
    w->body = use_registers;
    const struct vl_verdict *verdict = run(w);
    assert_int_equal(w->n_filled, 16);
    assert_int_equal(verdict->peer_faults, 0);
}

static uint32_t window_cap(struct world *w)
{
    for (uint32_t i = 0; i < VL_PCI_CAPS_MAX; i++) {
        if (w->fn->cap_live[i]) {
            return w->fn->cap_off[i];
        }
    }
    return 0;
}

static void set_window(struct world *w, uint32_t bar, uint32_t off, uint32_t length)
{
    struct virtq_port *port = &w->m.port[VL_SIDE_DRIVER];
    const uint32_t cap = window_cap(w);
    virtq_pci_write(port, w->drv.function, cap + 4, 1, bar);
    virtq_pci_write(port, w->drv.function, cap + 8, 4, off);
    virtq_pci_write(port, w->drv.function, cap + 12, 4, length);
}

static void use_window(struct world *w)
{
    struct virtq_port *port = &w->m.port[VL_SIDE_DRIVER];
    const uint32_t fn = w->drv.function;
    const uint32_t data = window_cap(w) + 16;
    uint32_t good = 0;

    good += virtq_pci_read(port, fn, data, 4) == 0; // not set up: no access at all
    set_window(w, 4, 0x16, 2);
    virtq_pci_write(port, fn, data, 2, 1);
    good += read_at(w, 0x16, 2) == 1;
    good += virtq_pci_read(port, fn, data, 2) == 1;
    good += virtq_pci_read(port, fn, data - 8, 4) == 0x16;
    good += virtq_pci_read(port, fn, data - 12, 1) == 4;
    set_window(w, 4, 0x2008, 4);
    good += virtq_pci_read(port, fn, data, 4) == 0x0C0B0A09;
    good += w->m.verdict.peer_faults == 0;
    set_window(w, 4, 0x0800, 4); // no structure there
    good += virtq_pci_read(port, fn, data, 4) == 0;
    set_window(w, 4, 0x2001, 2); // not a multiple
    good += virtq_pci_read(port, fn, data, 2) == 0;
    set_window(w, 4, 0x2000, 3);
    virtq_pci_write(port, fn, data, 4, 0);
    set_window(w, 200, 0, 4);
    good += virtq_pci_read(port, fn, data, 4) == 0;
    good += w->m.verdict.peer_faults == 4;
    w->n_filled = good;
}

// Goal: BAR accesses through config space, side effects and refusals included [4.1.4.9].
static void access_window(void **state)
{
    struct world *w = *state;
    prepare(w, true, 3);
    w->body = use_window;
    (void)run(w);
    assert_int_equal(w->n_filled, 11);
}

// Open the toy with a layout of its own, over the device that prepare() made.
static enum virtq_err open_with(struct world *w, const struct vdev_pci_layout *layout)
{
    const struct vdev_core_config core = {.queue_size_max = QUEUE_SIZE_MAX,
                                          .depth = 4,
                                          .io_max_bytes = BUFFER_BYTES,
                                          .features = VIRTQ_F_VERSION_1,
                                          .batch = 1};
    const struct vdev_backend backend = {.next = backend_next, .cancel = backend_cancel};
    const struct vdev_pci_config config = {.layout = *layout};
    return vdev_pci_open(&w->m.port[VL_SIDE_DEVICE], &toy, &core, &backend, &config, w->dev_state,
                         &w->dev);
}

// Goal: a layout that cannot be is refused; its neighbour is taken.
static void layouts_are_checked(void **state)
{
    struct world *w = *state;
    struct vdev_pci_layout good;

    prepare(w, true, 3);
    assert_int_equal(vdev_pci_layout_default(&toy, 4, &good), VIRTQ_OK);
    assert_int_equal(open_with(w, &good), VIRTQ_OK);
    struct vdev_pci_layout l = good; // the default is a 64-bit BAR 4, which takes 5 as well
    l.bar[5].bytes = 4096;
    assert_int_equal(open_with(w, &l), VIRTQ_ERR_INVALID);
    l.bar[4].is_64 = false;
    assert_int_equal(open_with(w, &l), VIRTQ_OK);
    l.bar[5].is_64 = true;
    assert_int_equal(open_with(w, &l), VIRTQ_ERR_INVALID);
    l = good;
    l.bar[0].bytes = 8;
    assert_int_equal(open_with(w, &l), VIRTQ_ERR_INVALID);
    l.bar[0].bytes = 16;
    assert_int_equal(open_with(w, &l), VIRTQ_OK);
}

static void read_behind_common(struct world *w)
{
    struct vdev_pci_layout l;
    uint32_t good = 0;

    good += vdev_pci_layout_default(&toy, 4, &l) == VIRTQ_OK;
    l.common.length = 64;
    good += open_with(w, &l) == VIRTQ_OK;
    good += vdev_pci_bar_read(w->dev, 4, l.common.offset + 0x34, 4) == 0;
    good += w->m.verdict.peer_faults == 0;
    good += vdev_pci_bar_read(w->dev, 4, l.common.offset + 0x38, 4) == 0;
    good += w->m.verdict.peer_faults == 1;
    w->n_filled = good;
}

// Goal: a common configuration structure that is longer than its registers has none behind them.
static void long_structure_ends(void **state)
{
    struct world *w = *state;
    prepare(w, true, 3);
    w->body = read_behind_common;
    (void)run(w);
    assert_int_equal(w->n_filled, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_checked),
        cmocka_unit_test(long_structure_ends),
        cmocka_unit_test(wrong_register_accesses_are_named),
        cmocka_unit_test(doorbells_name_their_queue),
        cmocka_unit_test(registers_hold_and_reset),
        cmocka_unit_test(access_window),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
