// tools/lab/breach_features.c -- breaches of clauses: feature bits.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/breach_rows.h"

#define STATUS LAB_REG(COMMON, VL_COMMON_STATUS)
#define FAILED_EARLY                                                                               \
    (VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER | VL_STATUS_FAILED) // in front of FEATURES_OK
#define FEATURES_SET (VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER | VL_STATUS_FEATURES_OK)

#define BIT(n) (1u << (n))

// Word nth - 1 of the offer as it is answered, and as the driver takes it; of the driver's choice.
#define OFFER(nth_)                                                                                \
    .op = VL_OP_MMIO_READ, .phase = VL_OP_REPLY,                                                   \
    .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE), .nth = (nth_)
#define OFFER_SEEN(nth_)                                                                           \
    .op = VL_OP_MMIO_READ, .phase = VL_OP_DONE,                                                    \
    .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE), .nth = (nth_)
#define OFFER_UNREAD(nth_)                                                                         \
    .op = VL_OP_MMIO_READ, .phase = VL_OP_BEFORE,                                                  \
    .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE), .nth = (nth_)
#define CHOICE(nth_)                                                                               \
    .op = VL_OP_MMIO_WRITE, .phase = VL_OP_BEFORE,                                                 \
    .where = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE), .nth = (nth_)
#define STATUS_ANSWER(nth_)                                                                        \
    .op = VL_OP_MMIO_READ, .phase = VL_OP_REPLY, .where = STATUS, .nth = (nth_)

// The driver's word that it blames the device is not given.
#define NO_ACCUSATION                                                                              \
    {                                                                                              \
        .op = VL_OP_NOTE, .phase = VL_OP_BEFORE, .where = LAB_NOTE(PEER_ERROR),                    \
        .count = UINT16_MAX, .deed = lab_drop                                                      \
    }

#define NET_ID 0x10411AF4

// The function looks like a network device, whose bits need others; its driver sees what is there.
#define LOOKS_LIKE_NET                                                                             \
    {.op = VL_OP_CONFIG_READ,                                                                      \
     .phase = VL_OP_REPLY,                                                                         \
     .where = LAB_CONFIG(0),                                                                       \
     .count = UINT16_MAX,                                                                          \
     .deed = lab_set,                                                                              \
     .a = NET_ID},                                                                                 \
    {                                                                                              \
        .op = VL_OP_CONFIG_READ, .phase = VL_OP_DONE, .where = LAB_CONFIG(0), .count = UINT16_MAX, \
        .deed = lab_see, .a = 0x10421AF4                                                           \
    }
#define NET_CSUM BIT(0)
#define NET_HOST_TSO4 BIT(11)
#define NET_STATUS BIT(16) // a field that lies where the driver reads the capacity

// The device offers a bit that it must not, and the driver takes it.
#define TAKES(clause, word, bit, what)                                                             \
    {                                                                                              \
        .id = clause, .side = LAB_SIDE_DRIVER, .scenario = PCI2, .how = what " is accepted",       \
        .device_lies = true, .act = {                                                              \
            {OFFER((word) + 1), .deed = lab_or, .a = BIT(bit)},                                    \
            {CHOICE((word) + 1), .deed = lab_or, .a = BIT(bit)}                                    \
        }                                                                                          \
    }

#define PCI2 "transport=pci buffers=2"
#define NO_INDIRECT PCI2 " indirect=off"

// The driver looks at the device ID once more, and that says network: what the function offers is
// judged by it. Which bits need others is known of network devices, and of CONFIG_WCE.
static void looks_again(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    run->word[0] = 1;
    lab_also_seen(run, op, LAB_CONFIG(0), 4);
    run->word[0] = 0;
}

static void is_net_by_now(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    op->value = run->word[0] != 0 ? NET_ID : op->value;
}

static const struct lab_breach rows[] = {
    DRIVER_ROW("2.2.1-drv-1", NO_INDIRECT, "INDIRECT_DESC is accepted, and is not offered",
               {CHOICE(1), .deed = lab_or, .a = BIT(28)}),
    {.id = "2.2.1-drv-2",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=pci device=blk buffers=2",
     .how = "HOST_TSO4 of what looks like a network device is accepted without CSUM",
     .device_lies = true,
     .act = {LOOKS_LIKE_NET,
             {OFFER(1), .deed = lab_set, .a = NET_CSUM | NET_HOST_TSO4 | NET_STATUS},
             {CHOICE(1), .deed = lab_or, .a = NET_HOST_TSO4}}},
    DRIVER_ROW("2.2.1-drv-3", PCI2, "bits are accepted that were not read as offered",
               {OFFER_UNREAD(1), .deed = lab_drop, .a = BIT(28) | BIT(29)},
               {OFFER_UNREAD(2), .deed = lab_drop, .a = 1}),
    TAKES("2.2.1-drv-4", 0, 31, "bit 31, which nothing describes,"),
    TAKES("2.2.1-drv-5", 1, 12, "bit 44, which is reserved,"),
    TAKES("2.2.1-drv-6", 1, 5, "SR_IOV, by a function that cannot have it,"),
    TAKES("2.2.1-drv-7", 0, 0, "bit 0, which an entropy device does not define,"),
    DRIVER_ROW("2.2.1-drv-8", PCI2 " event_idx=off", "FAILED is set: EVENT_IDX is missing",
               {OFFER_SEEN(2), .deed = lab_see, .a = 0}, NO_ACCUSATION),
    {.id = "2.2.1-drv-9",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI2,
     .how = "VERSION_1 is missing, and the driver stops without FAILED",
     .device_lies = true,
     .act = {{OFFER(2), .deed = lab_clear, .a = 1},
             {.op = VL_OP_MMIO_WRITE,
              .phase = VL_OP_BEFORE,
              .where = STATUS,
              .count = UINT16_MAX,
              .mask = 0xFF,
              .match = FAILED_EARLY,
              .deed = lab_drop}}},
    {.id = "2.2.1-drv-10",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI2,
     .how = "FAILED is set over an offer with an unknown bit",
     .device_lies = true,
     .act = {{OFFER(1), .deed = lab_or, .a = BIT(5)}, {OFFER_SEEN(2), .deed = lab_see, .a = 0}}},
    DEVICE_ROW("2.2.2-dev-1", "transport=pci device=blk buffers=2",
               "a function that now says it is a network device offers HOST_TSO4 without CSUM",
               {.op = VL_OP_MMIO_WRITE,
                .phase = VL_OP_DONE,
                .where = STATUS,
                .mask = 0xFF,
                .match = VL_STATUS_ACKNOWLEDGE,
                .deed = looks_again},
               {.op = VL_OP_CONFIG_READ,
                .phase = VL_OP_REPLY,
                .where = LAB_CONFIG(0),
                .count = UINT16_MAX,
                .deed = is_net_by_now},
               {OFFER(1), .deed = lab_set, .a = NET_HOST_TSO4 | NET_STATUS}),
    DEVICE_ROW("2.2.2-dev-2", PCI2, "FEATURES_OK reads 0 over a valid set",
               {STATUS_ANSWER(2), .deed = lab_clear, .a = VL_STATUS_FEATURES_OK}, NO_ACCUSATION),
    {.id = "2.2.2-dev-3",
     .side = LAB_SIDE_DEVICE,
     .scenario = NO_INDIRECT,
     .how = "FEATURES_OK stays set over a bit that is not offered",
     .driver_lies = true,
     .act = {{CHOICE(1), .deed = lab_or, .a = BIT(28)},
             {STATUS_ANSWER(2), .deed = lab_or, .a = VL_STATUS_FEATURES_OK}}},
    DEVICE_ROW("2.2.2-dev-4", PCI2, "bit 63 is offered, which an entropy device does not define",
               {OFFER(2), .deed = lab_or, .a = BIT(31)}),
    DEVICE_ROW("2.2.2-dev-5", "transport=pci buffers=4 resets=1",
               "FEATURES_OK reads 0 over the set of the first time",
               {.op = VL_OP_MMIO_READ,
                .phase = VL_OP_REPLY,
                .where = STATUS,
                .nth = 2,
                .mask = 0xFF,
                .match = FEATURES_SET,
                .deed = lab_clear,
                .a = VL_STATUS_FEATURES_OK},
               NO_ACCUSATION),
    DRIVER_ROW("6.1-drv-1", PCI2, "VERSION_1 is declined", {CHOICE(2), .deed = lab_clear, .a = 1}),
    DEVICE_ROW("6.2-dev-1", PCI2, "VERSION_1 is not offered",
               {OFFER(2), .deed = lab_clear, .a = 1}),
};

const struct lab_breach_table lab_breach_features = {.row = rows,
                                                     .n = sizeof(rows) / sizeof(rows[0])};
