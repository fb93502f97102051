// tests/spec/test_unusual.c -- lawful and unusual: what a driver or a device may do at registers
// and in time, and seldom does. Goal: none of it raises a finding or advice, and the workload is
// done; each row names the clause that allows it. Method: our halves, with an interposer that makes
// the unusual of the usual; and seeds, until the run that the row is about came by. Each row must
// have happened.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/spec/valid.h"
#include "tools/lab/lab_breach.h"

#define STATUS LAB_REG(COMMON, VL_COMMON_STATUS)
#define DRIVER_SET (VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER)
#define EXTRA 0xC0u // config space behind our capabilities: a capability more

// Behind a status write of this value; in front of it.
#define BEHIND(status, deed_, a_, b_)                                                              \
    {                                                                                              \
        .op = VL_OP_MMIO_WRITE, .phase = VL_OP_DONE, .where = STATUS, .mask = 0xFF,                \
        .match = (status), .deed = deed_, .a = (a_), .b = (b_)                                     \
    }
// What the driver reads at a place of config space.
#define SHOWS(place, deed_, a_)                                                                    \
    {                                                                                              \
        .op = VL_OP_CONFIG_READ, .phase = VL_OP_REPLY, .where = (place), .count = UINT16_MAX,      \
        .deed = deed_, .a = (a_)                                                                   \
    }

struct row {
    const char *what;
    const char *scenario;
    struct lab_breach acts; // .id is the clause
};

static const struct row rows[] = {
    {"a capability of a reserved type in front",
     "",
     {.id = "4.1.4.1-drv-1",
      .act = {SHOWS(LAB_CONFIG(0x34), lab_set, EXTRA), SHOWS(LAB_CONFIG(EXTRA), lab_set, 9),
              SHOWS(LAB_CONFIG(EXTRA + 1), lab_set, 0x40),
              SHOWS(LAB_CONFIG(EXTRA + 2), lab_set, 16),
              SHOWS(LAB_CONFIG(EXTRA + 3), lab_set, 0x42)}}},
    {"a capability in a reserved BAR in front",
     "",
     {.id = "4.1.4.1-drv-4",
      .act = {SHOWS(LAB_CONFIG(0x34), lab_set, EXTRA), SHOWS(LAB_CONFIG(EXTRA), lab_set, 9),
              SHOWS(LAB_CONFIG(EXTRA + 1), lab_set, 0x40),
              SHOWS(LAB_CONFIG(EXTRA + 2), lab_set, 16), SHOWS(LAB_CONFIG(EXTRA + 3), lab_set, 1),
              SHOWS(LAB_CONFIG(EXTRA + 4), lab_set, 7)}}},
    {"a second capability of a type behind the first",
     "",
     {.id = "4.1.4.1-drv-2",
      .act = {SHOWS(LAB_MSIX_CAP(1), lab_set, EXTRA), SHOWS(LAB_CONFIG(EXTRA), lab_set, 9),
              SHOWS(LAB_CONFIG(EXTRA + 2), lab_set, 16),
              SHOWS(LAB_CONFIG(EXTRA + 3), lab_set, 3)}}},
    {"a capability of another kind in front",
     "",
     {.id = "4.1.1-dev-1",
      .act = {SHOWS(LAB_CONFIG(0x34), lab_set, EXTRA), SHOWS(LAB_CONFIG(EXTRA), lab_set, 1),
              SHOWS(LAB_CONFIG(EXTRA + 1), lab_set, 0x40)}}},
    {"a longer capability",
     "",
     {.id = "4.1.4.1-drv-3", .act = {SHOWS(LAB_CAP(ISR, 2), lab_set, 24)}}},
    {"a longer common configuration",
     "",
     {.id = "2.5.1-drv-5", .act = {SHOWS(LAB_CAP(COMMON, 12), lab_set, 0x100)}}},
    {"a longer device configuration",
     "device=blk",
     {.id = "2.5.1-drv-6", .act = {SHOWS(LAB_CAP(DEVICE, 12), lab_set, 0x200)}}},
    // The device is advised to have two: here it is the driver that is asked.
    {"an MSI-X table of one entry",
     "hostile=device",
     {.id = "4.1.5.1.2.2-drv-1", .act = {SHOWS(LAB_MSIX_CAP(2), lab_clear, 0x7FF)}}},
    {"a status that is read again and again",
     "",
     {.id = "2.1.1-drv-2",
      .act = {BEHIND(DRIVER_SET, lab_also_read8, STATUS, 0),
              BEHIND(DRIVER_SET, lab_also_read8, STATUS, 0),
              BEHIND(DRIVER_SET | VL_STATUS_FEATURES_OK, lab_also_read8, STATUS, 0)}}},
    {"feature words that nobody has",
     "",
     {.id = "4.1.4.3.1-dev-3",
      .act = {BEHIND(DRIVER_SET, lab_also_write32, LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE_SELECT),
                     7),
              BEHIND(DRIVER_SET, lab_also_read32, LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE), 0)}}},
    {"a driver that takes less than is offered",
     "",
     {.id = "2.2.2-dev-2",
      .act = {{.op = VL_OP_MMIO_READ,
               .phase = VL_OP_REPLY,
               .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE),
               .mask = 1u << 28,
               .match = 1u << 28,
               .count = UINT16_MAX,
               .deed = lab_see_clear,
               .a = 3ull << 28}}}},
    {"an address whose high half comes first",
     "",
     {.id = "4.1.3.2-dev-1",
      .act = {{.op = VL_OP_MMIO_WRITE,
               .phase = VL_OP_BEFORE,
               .where = LAB_REG(COMMON, VL_COMMON_QUEUE_DESC),
               .deed = lab_also_write32,
               .a = LAB_REG(COMMON, VL_COMMON_QUEUE_DESC + 4)}}}},
    {"a generation that is read twice",
     "device=blk",
     {.id = "2.5.1-drv-3",
      .act = {BEHIND(DRIVER_SET | VL_STATUS_FEATURES_OK, lab_also_read8,
                     LAB_REG(COMMON, VL_COMMON_GENERATION), 0)}}},
    {"device configuration that is read before FEATURES_OK",
     "device=blk",
     {.id = "2.5.2-dev-1", .act = {BEHIND(DRIVER_SET, lab_also_read32, LAB_REG(DEVICE, 0), 0)}}},
    {"an ISR that is read with nothing in it",
     "interrupt=intx",
     {.id = "4.1.4.5.1-dev-5", .act = {BEHIND(0xF, lab_also_read8, LAB_REG(ISR, 0), 0)}}},
    {"configuration changes without a vector",
     "",
     {.id = "4.1.5.1.2.1-dev-5",
      .act = {{.op = VL_OP_MMIO_WRITE,
               .phase = VL_OP_BEFORE,
               .where = LAB_REG(COMMON, VL_COMMON_CONFIG_VECTOR),
               .deed = lab_set,
               .a = 0xFFFF},
              {.op = VL_OP_MMIO_READ,
               .phase = VL_OP_REPLY,
               .where = LAB_REG(COMMON, VL_COMMON_CONFIG_VECTOR),
               .deed = lab_see,
               .a = 0}}}},
    {"two resets before anything else",
     "",
     {.id = "3.1.1-drv-1",
      .act = {{.op = VL_OP_MMIO_WRITE,
               .phase = VL_OP_BEFORE,
               .where = STATUS,
               .mask = 0xFF,
               .match = 0,
               .deed = lab_also_write8,
               .a = STATUS},
              {.op = VL_OP_MMIO_WRITE,
               .phase = VL_OP_BEFORE,
               .where = STATUS,
               .mask = 0xFF,
               .match = 0,
               .deed = lab_also_read8,
               .a = STATUS}}}},
    {"a register that is read through the window",
     "",
     {.id = "4.1.4.9.1-dev-3",
      .act = {BEHIND(DRIVER_SET, lab_also_write8, LAB_CAP(WINDOW, 4), 4),
              BEHIND(DRIVER_SET, lab_also_write32, LAB_CAP(WINDOW, 8), VL_COMMON_STATUS),
              BEHIND(DRIVER_SET, lab_also_write32, LAB_CAP(WINDOW, 12), 1),
              BEHIND(DRIVER_SET, lab_also_read8, LAB_CAP(WINDOW, 16), 0)}}},
    {"a number of queues that is read again",
     "",
     {.id = "4.1.5.1.3-drv-d1",
      .act = {BEHIND(0xF, lab_also_read16, LAB_REG(COMMON, VL_COMMON_NUM_QUEUES), 0)}}},
};

static void registers(void **state)
{
    const struct lab_choices benign = {.source = VL_SOURCE_INPUT};
    char words[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(words, sizeof(words), "transport=pci buffers=8 queue_size=4 %s",
                       rows[i].scenario);
        struct lab *lab = valid_open(words);
        const uint64_t usual = lab_run(lab, &benign)->hash;
        lab_set_acts(lab, &rows[i].acts);
        const struct vl_verdict *v = lab_run(lab, &benign);
        valid_expect(rows[i].what, rows[i].acts.id, v);
        if (v->hash == usual) {
            fail_msg("%s: nothing unusual happened", rows[i].what);
        }
        if ((lab_marks(lab) & 1ull << VL_MARK_DRIVER_OK) == 0) {
            fail_msg("%s: the device was not brought up", rows[i].what);
        }
        lab_close(lab);
    }
}

// ---- in time --------------------------------------------------------------------------------

struct moment {
    const char *what;
    const char *clause;
    const char *scenario;
    enum vl_mark mark; // that the run came through it
};

static const struct moment moments[] = {
    {"a spurious interrupt or notification, direct", "2.7.7.1-drv-5", "transport=direct",
     VL_MARK_SPURIOUS},
    {"a spurious interrupt or notification, PCI", "2.7.10.2-dev-5", "transport=pci",
     VL_MARK_SPURIOUS},
    {"a delayed notification", "2.7.13.3-dev-d1", "transport=direct", VL_MARK_DELAYED},
    {"interrupts of the line", "4.1.5.5-drv-d1", "transport=pci interrupt=intx", VL_MARK_INTX},
    {"posted register writes", "4.1.3.1-drv-2", "transport=pci", VL_MARK_POSTED},
    {"buffers returned out of order", "2.7.8-dev-d1",
     "device=blk transport=direct batch=4 buffers=16 ops=mix", VL_MARK_OUT_OF_ORDER},
    {"several buffers under one index", "2.7.13-drv-d4", "transport=direct batch=4 queue_size=8",
     VL_MARK_BATCH},
    {"an available index that wraps", "2.7.13.3-drv-d1", "transport=direct start_idx=65530",
     VL_MARK_AVAIL_WRAPPED},
    {"a used index that wraps", "2.7.8-dev-d3", "transport=direct start_idx=65530",
     VL_MARK_USED_WRAPPED},
    {"a full queue", "2.7.5-drv-d1", "transport=direct queue_size=2 batch=2", VL_MARK_QUEUE_FULL},
    {"a reset with buffers in flight", "3.3.1-drv-2", "transport=pci resets=2 batch=2 buffers=30",
     VL_MARK_RESET_IN_FLIGHT},
    {"a notification that was suppressed", "2.7.10.1-drv-7", "transport=direct batch=2",
     VL_MARK_KICK_SUPPRESSED},
    {"an interrupt that was suppressed by flags", "2.7.7.2-dev-2",
     "transport=direct event_idx=off batch=4 buffers=30", VL_MARK_IRQ_SUPPRESSED},
    {"payload across a border of regions", "2.7.13.1-drv-d2",
     "transport=direct bytes=600 queue_size=1", VL_MARK_TWO_SPANS},
    {"capabilities in I/O space and in a reserved BAR in front", "4.1.4.1-drv-2",
     "transport=pci caps=decoys", VL_MARK_DRIVER_OK},
    {"the same, reached through the window", "4.1.4.1-drv-4",
     "transport=pci device=blk caps=decoys registers=window resets=1", VL_MARK_RESET_IN_FLIGHT},
    {"payload above 4 GiB", "2.7.13.1-drv-d2", "transport=direct", VL_MARK_HIGH_MEMORY},
};

static void time_and_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        struct lab *lab = valid_open(moments[i].scenario);
        uint32_t n_came_by = 0;
        for (uint64_t seed = 1; seed <= 200; seed++) {
            const struct lab_choices choices = {.source = VL_SOURCE_SEED, .seed = seed};
            valid_expect(moments[i].what, moments[i].clause, lab_run(lab, &choices));
            n_came_by += (lab_marks(lab) >> moments[i].mark & 1u) != 0 ? 1 : 0;
        }
        if (n_came_by == 0) {
            fail_msg("%s: not in 200 seeds", moments[i].what);
        }
        lab_close(lab);
    }
}

// ---- interrupts that are asked for later --------------------------------------------------------

static uint32_t n_deferred; // event indices that were moved ahead

// What the driver published last.
static void published(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    run->word[0] = op->value;
}

// Ask for the interrupt only after a / b of what is in flight.
static void ask_later(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    const uint16_t n_in_flight = (uint16_t)(run->word[0] - op->value);
    const uint16_t ahead = (uint16_t)(n_in_flight * a / b);

    n_deferred += ahead > 0 ? 1 : 0;
    op->value = (uint16_t)(op->value + ahead);
}

#define ASKS_LATER(a_, b_)                                                                         \
    {                                                                                              \
        .id = "2.7.7.1-drv-4", .act = {                                                            \
            {.op = VL_OP_STORE,                                                                    \
             .where = LAB_FIELD(AVAIL_IDX),                                                        \
             .count = UINT16_MAX,                                                                  \
             .deed = published},                                                                   \
            {.op = VL_OP_STORE,                                                                    \
             .where = LAB_FIELD(USED_EVENT),                                                       \
             .count = UINT16_MAX,                                                                  \
             .deed = ask_later,                                                                    \
             .a = (a_),                                                                            \
             .b = (b_)}                                                                            \
        }                                                                                          \
    }

// Goal: a driver may sleep while the device still owes the buffer that it wants to be told of, and
// may not where no buffer in flight is that one. Method: three quarters of what is in flight, as
// drivers with delayed callbacks ask for; and all of it.
static void delayed_callbacks(void **state)
{
    static const struct lab_breach later = ASKS_LATER(3, 4);
    static const struct lab_breach never = ASKS_LATER(1, 1);
    static const char *const words[] = {
        "transport=direct queue_size=4 buffers=8 batch=4",
        "transport=direct queue_size=8 buffers=16 batch=8 start_idx=65530",
        "transport=pci device=blk queue_size=8 buffers=8 batch=4",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct lab *lab = valid_open(words[i]);
        uint32_t n_lost = 0;
        uint32_t n_slept = 0;
        n_deferred = 0;
        for (uint64_t seed = 1; seed <= 200; seed++) {
            const struct lab_choices choices = {.source = VL_SOURCE_SEED, .seed = seed};
            lab_set_acts(lab, &later);
            valid_expect("delayed callbacks", later.id, lab_run(lab, &choices));
            n_slept += (lab_marks(lab) >> VL_MARK_DRIVER_SLEPT & 1u) != 0 ? 1 : 0;
            lab_set_acts(lab, &never);
            const struct vl_verdict *v = lab_run(lab, &choices);
            if (v->outcome == VL_FINDING) {
                assert_string_equal(v->kind, "liveness:lost-interrupt");
                assert_string_equal(v->side, "driver");
                n_lost++;
            }
        }
        if (n_deferred == 0 || n_slept == 0 || n_lost == 0) {
            fail_msg("%s: %u deferred, %u slept, %u lost", words[i], n_deferred, n_slept, n_lost);
        }
        lab_close(lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers),
        cmocka_unit_test(time_and_place),
        cmocka_unit_test(delayed_callbacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
