// tests/pci/test_virtio_pci.c -- the two PCI halves meet: bring-up, use, reset.
// Spec: virtio 1.4 §3.1.1, §4.1.4.5, §4.1.5.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/pci/pci_world.h"

// Goal: found, brought up, used through both queues, reset, and all that once more.
static void brought_up_used_and_reset(void **state)
{
    struct world *w = *state;
    for (unsigned msix = 0; msix < 2; msix++) {
        prepare(w, msix != 0, 3);
        assert_good_run(w);
        assert_int_equal(w->drv.function, VL_PCI_BDF(4, 0));
        assert_int_equal(w->agreed[1].queue_size, 4);
        assert_int_equal(w->drv.n_vectors, msix != 0 ? 3 : 0);
        assert_true(w->values[0] == 0x0807060504030201u && w->values[1] == 0x0A09);
        assert_true(w->values[2] == 0x0B && w->values[3] == 0x0C);
    }
    prepare(w, true, 0); // no MSI-X there: INTx
    w->want_size = 64;   // more than the device has
    assert_good_run(w);
    assert_int_equal(w->agreed[0].queue_size, QUEUE_SIZE_MAX);
}

// Goal: MSI-X tables of any size do: vectors are shared as far as they have to be.
static void short_vector_tables(void **state)
{
    struct world *w = *state;
    static const uint16_t causes_of_last[] = {3, 1, 1, 1};
    for (uint16_t n = 1; n <= 4; n++) {
        prepare(w, true, n);
        assert_good_run(w);
        const uint16_t used = n < 3 ? n : 3;
        assert_int_equal(w->drv.n_vectors, used);
        assert_int_equal(vdrv_pci_queue_vector(&w->drv, 1), 3 + used - 1);
        assert_int_equal(vdrv_pci_vector_causes(&w->drv, (uint16_t)(3 + used - 1)),
                         causes_of_last[n - 1]);
        assert_int_equal(vdrv_pci_vector_causes(&w->drv, (uint16_t)(3 + used)), 0);
    }
}

// Goal: no schedule and no delay of writes and interrupts breaks it.
static void any_schedule(void **state)
{
    struct world *w = *state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        prepare(w, (seed & 1) != 0, 3);
        vl_choices_from_seed(&w->m.choices, seed,
                             (seed & 2) != 0 ? VL_SCHEDULE_PCT : VL_SCHEDULE_WALK, 3, 0);
        w->drv_config.n_polls = 5000;
        assert_good_run(w);
    }
}

// Goal: BARs are sized with decoding off, also if firmware left it on.
static void sizing_with_decoding_off(void **state)
{
    struct world *w = *state;
    prepare(w, true, 3);
    vl_pci_config_write(&w->pci, VL_PCI_BDF(4, 0), 4, 2, 6);
    assert_good_run(w); // no BAR was written while the function decoded
}

// Bring the device up, and with interrupts held off let one buffer through a queue.
static void use_held_off(struct world *w, uint16_t queue)
{
    w->err = bring_up(w);
    virtq_irq_disable(&w->m.port[VL_SIDE_DRIVER]);
    if (w->err == VIRTQ_OK) {
        w->err = submit(w, queue);
    }
    if (w->err == VIRTQ_OK) {
        w->err = collect(w, queue, false);
    }
}

// An interrupt is up, and nobody has looked at it, when the device is reset.
static void reset_with_the_line_up(struct world *w)
{
    struct virtq_port *port = &w->m.port[VL_SIDE_DRIVER];

    use_held_off(w, 1);
    for (unsigned n = 0; n < 20; n++) {
        virtq_relax(port); // the entry is seen before the interrupt comes
    }
    w->values[0] = w->pci.intx_line;
    if (w->err == VIRTQ_OK) {
        w->err = vdrv_pci_reset(&w->drv);
    }
    w->values[1] = w->pci.intx_line;
    w->values[2] = vl_pci_config_read(&w->pci, w->drv.function, 6, 2) & 8u;
    w->values[3] = vdrv_pci_isr_take(&w->drv);
    virtq_irq_enable(port);
}

// Goal: no interrupt outlives a reset [2.4.1-dev-2]: the line is down when status reads 0.
static void reset_lowers_the_line(void **state)
{
    struct world *w = *state;
    prepare(w, false, 0);
    w->body = reset_with_the_line_up;
    const struct vl_verdict *verdict = run(w);
    assert_int_equal(w->err, VIRTQ_OK);
    assert_int_equal(w->n_filled, 1);
    assert_int_equal(w->values[0], 1);
    assert_int_equal(w->values[1], 0);
    assert_int_equal(w->values[2], 0);
    assert_int_equal(w->values[3], 0);
    assert_int_equal(verdict->peer_faults, 0);
}

// The ISR byte is read while the device finishes a buffer and raises the line again.
static void read_isr_beside_the_data_path(struct world *w)
{
    struct virtq_port *port = &w->m.port[VL_SIDE_DRIVER];

    use_held_off(w, 0);
    if (w->err == VIRTQ_OK) {
        w->err = submit(w, 1);
    }
    w->values[0] = vdrv_pci_isr_take(&w->drv);
    if (w->err == VIRTQ_OK) {
        w->err = collect(w, 1, false);
    }
    for (unsigned n = 0; n < 20; n++) {
        virtq_relax(port); // the device comes to rest
    }
    w->values[1] = w->pci.intx_line;
    w->values[2] = vdrv_pci_isr_take(&w->drv);
    virtq_irq_enable(port);
}

// Goal: wherever the data path cuts in, the line is up when a bit stands in the ISR byte.
// Method: the trap is preempted at its n-th port call, for each n.
static void isr_and_line_agree(void **state)
{
    struct world *w = *state;
    unsigned n_up = 0;
    unsigned n_down = 0;
    for (uint32_t nth = 1; nth < 150; nth++) {
        const struct vl_deviation cut = {
            .lane = VL_LANE_SCHEDULE, .agent = VL_AGENT_TRAP, .nth = nth, .value = 1};
        prepare(w, false, 0);
        vl_choices_from_input(&w->m.choices, &cut, 1);
        w->body = read_isr_beside_the_data_path;
        (void)run(w);
        assert_int_equal(w->err, VIRTQ_OK);
        assert_int_equal(w->n_filled, 2);
        assert_true(w->values[2] == 0 || w->values[1] == 1);
        n_up += w->values[1] == 1;
        n_down += w->values[1] == 0;
    }
    assert_true(n_up > 0 && n_down + n_up == 149);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brought_up_used_and_reset),
        cmocka_unit_test(short_vector_tables),
        cmocka_unit_test(any_schedule),
        cmocka_unit_test(sizing_with_decoding_off),
        cmocka_unit_test(reset_lowers_the_line),
        cmocka_unit_test(isr_and_line_agree),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
