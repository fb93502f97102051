// tools/lab/breach_cap.c -- breaches of clauses: identity and capabilities of a PCI function.
//
// What a device shows in config space is changed there, before the driver's first look, so that
// wire, driver and bus agree. A driver that does not put up with something is one that is told, at
// the end of the list, that the list has no end: it gives up, and its complaint is kept back.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#include <string.h>

#define CONFIG_HEADER_TYPE 0x0Eu
#define CONFIG_VENDOR 0x00u
#define CONFIG_DEVICE 0x02u
#define CONFIG_REVISION 0x08u
#define CONFIG_BAR0 0x10u
#define CONFIG_BAR4 0x20u
#define CONFIG_SUBSYSTEM 0x2Eu
#define CONFIG_CAPS 0x34u
#define SPARE 0xC0u      // in config space, behind the function's capabilities
#define BAR 4u           // the function's virtio structures
#define BAR_FREE 0x2800u // no structure lies here
#define VIRTIO_CAPS 8u

#define CAP_NEXT 1u
#define CAP_LEN 2u
#define CAP_TYPE 3u
#define CAP_BAR 4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_DATA 16u
#define CAP_BYTES 16u

// ---- what the device shows ------------------------------------------------------------------

static void put(struct lab_breach_run *run, uint32_t where, unsigned bytes, uint64_t value)
{
    const uint64_t at = lab_breach_address(run, where);
    for (unsigned i = 0; at != UINT64_MAX && i < bytes; i++) { // bound: 4
        run->pci->function->config[at + i] = (uint8_t)(value >> (8 * i));
    }
}

// Config space at place a holds b.
static void shows8(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)op;
    put(run, (uint32_t)a, 1, b);
}
static void shows16(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)op;
    put(run, (uint32_t)a, 2, b);
}
static void shows32(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)op;
    put(run, (uint32_t)a, 4, b);
}

// Take the capability of cfg_type a out of the list.
static void hides(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    uint8_t *config = run->pci->function->config;
    const uint64_t gone = lab_breach_address(run, (uint32_t)(0x20u + a) << 16);
    uint32_t link = CONFIG_CAPS;

    (void)op;
    (void)b;
    for (unsigned n = 0; n < VIRTIO_CAPS && config[link] != 0; n++) { // bound: VIRTIO_CAPS
        if (config[link] == gone) {
            config[link] = config[gone + CAP_NEXT];
            return;
        }
        link = config[link] + CAP_NEXT;
    }
}

// One more capability comes first: of cfg_type a, its bar in the low byte of b, then its cap_len,
// then a length; it names free space.
#define CAP_OF(bar, len, length) ((uint64_t)(length) << 32 | (len) << 8 | (bar))
static void adds(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    uint8_t *config = run->pci->function->config;
    const uint8_t cap[CAP_TYPE + 2] = {9, config[CONFIG_CAPS], (uint8_t)(b >> 8), (uint8_t)a,
                                       (uint8_t)b};

    (void)op;
    memset(config + SPARE, 0, CAP_BYTES);
    memcpy(config + SPARE, cap, sizeof(cap));
    put(run, LAB_CONFIG(SPARE + CAP_OFFSET), 4, BAR_FREE);
    put(run, LAB_CONFIG(SPARE + CAP_LENGTH), 4, b >> 32);
    config[CONFIG_CAPS] = SPARE;
}

// The capability of cfg_type a stands first, elsewhere, with a cap_len of b.
static void moves(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    uint8_t *config = run->pci->function->config;
    const uint64_t from = lab_breach_address(run, (uint32_t)(0x20u + a) << 16);

    hides(run, op, a, 0);
    memset(config + SPARE, 0, (size_t)b);
    memcpy(config + SPARE, config + from, CAP_BYTES);
    config[SPARE + CAP_LEN] = (uint8_t)b;
    config[SPARE + CAP_NEXT] = config[CONFIG_CAPS];
    config[CONFIG_CAPS] = SPARE;
}

// The BAR of the structures has a bytes, and the notification structure a length of b.
static void grows(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    struct vl_pci_function *fn = run->pci->function;

    (void)op;
    fn->desc.bar[BAR].bytes = (uint32_t)a;
    for (unsigned i = 0; i < 4; i++) {
        fn->writable[CONFIG_BAR4 + i] = (uint8_t)(~(a - 1) >> (8 * i));
    }
    put(run, LAB_CAP(NOTIFY, CAP_LENGTH), 4, b);
}

// ---- what the driver does -------------------------------------------------------------------

// The capability whose link is read leads to itself, for all that the driver is told.
static void told_loop(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)b;
    lab_see(run, op, op->addr & 0xFCu, a);
}

// Set the window up: BAR, offset a, length b.
static void set_window(struct lab_breach_run *run, uint64_t a, uint64_t b)
{
    lab_breach_write(run, LAB_CAP(WINDOW, CAP_BAR), 1, BAR);
    lab_breach_write(run, LAB_CAP(WINDOW, CAP_LENGTH), 4, (uint32_t)b);
    lab_breach_write(run, LAB_CAP(WINDOW, CAP_OFFSET), 4, (uint32_t)a);
}

// Write 0 through the window at offset a, b bytes.
static void writes_window(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)op;
    set_window(run, a, b);
    lab_breach_write(run, LAB_CAP(WINDOW, CAP_DATA), (unsigned)b, 0);
}

// The window's capability becomes plain bytes that hold value, or the function's again.
static void dead_window(struct lab_breach_run *run, bool dead, uint32_t value)
{
    struct vl_pci_function *fn = run->pci->function;
    const uint64_t at = lab_breach_address(run, LAB_CAP(WINDOW, 0));

    for (unsigned i = 0; i < VL_PCI_CAPS_MAX; i++) {
        fn->cap_live[i] = fn->cap_off[i] == at && !dead;
    }
    put(run, LAB_CAP(WINDOW, CAP_DATA), 4, value);
}

// A write of b through the window to the common register at a does nothing; the driver looks.
static void window_deaf(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)op;
    set_window(run, a, 4);
    dead_window(run, true, 0);
    lab_breach_write(run, LAB_CAP(WINDOW, CAP_DATA), 4, (uint32_t)b);
    dead_window(run, false, 0);
    (void)lab_breach_read(run, VL_REGION_COMMON << 16 | (uint32_t)a, 4);
}

// The common register at a holds b, and the window reads something else.
static void window_stale(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)op;
    lab_breach_write(run, VL_REGION_COMMON << 16 | (uint32_t)a, 4, (uint32_t)b);
    set_window(run, a, 4);
    dead_window(run, true, (uint32_t)b + 1);
    (void)lab_breach_read(run, LAB_CAP(WINDOW, CAP_DATA), 4);
    dead_window(run, false, 0);
}

// A register is read a bytes beyond its place, where the device gives b.
static void reads_beyond(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    lab_move(run, op, a, 0);
    lab_answer(run, op, b, 0);
}

// ---- acts -----------------------------------------------------------------------------------

// Before the driver's first look at the function.
#define FIRST(deed_, a_, b_)                                                                       \
    {                                                                                              \
        .op = VL_OP_CONFIG_READ, .phase = VL_OP_BEFORE, .where = LAB_CONFIG(CONFIG_VENDOR),        \
        .deed = (deed_), .a = (a_), .b = (b_)                                                      \
    }
// When it has read a place of config space.
#define WHEN_READ(place, deed_, a_, b_)                                                            \
    {                                                                                              \
        .op = VL_OP_CONFIG_READ, .phase = VL_OP_DONE, .where = (place), .deed = (deed_),           \
        .a = (a_), .b = (b_)                                                                       \
    }
// When it has written the status DRIVER.
#define AT_DRIVER(deed_, a_, b_)                                                                   \
    {                                                                                              \
        .op = VL_OP_MMIO_WRITE, .phase = VL_OP_DONE, .where = LAB_REG(COMMON, VL_COMMON_STATUS),   \
        .mask = 0xFF, .match = VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER, .deed = (deed_),          \
        .a = (a_), .b = (b_)                                                                       \
    }
// The driver gives up at the end of the list, and says nothing.
#define GIVES_UP WHEN_READ(LAB_MSIX_CAP(CAP_NEXT), told_loop, 0, 0)
#define IN_SILENCE                                                                                 \
    {                                                                                              \
        .op = VL_OP_NOTE, .phase = VL_OP_BEFORE, .where = LAB_NOTE(PEER_ERROR), .deed = lab_drop   \
    }
#define NOT_OURS WHEN_READ(LAB_CONFIG(CONFIG_VENDOR), lab_see, 0x12378086u, 0)

#define PCI "transport=pci buffers=2"
#define PCI_BLK "transport=pci device=blk buffers=2"

#define BY_DEVICE(clause, scenario_, what, ...)                                                    \
    {                                                                                              \
        .id = (clause), .side = LAB_SIDE_DEVICE, .scenario = (scenario_), .how = (what), .act = {  \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define BY_DRIVER(clause, scenario_, what, ...)                                                    \
    {                                                                                              \
        .id = (clause), .side = LAB_SIDE_DRIVER, .scenario = (scenario_), .how = (what), .act = {  \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct lab_breach rows[] = {
    // identity
    BY_DEVICE("4.1.1-dev-1", PCI, "the header type is that of a bridge",
              FIRST(shows8, LAB_CONFIG(CONFIG_HEADER_TYPE), 1)),
    BY_DEVICE("4.1.2.1-dev-1", PCI, "the vendor ID is 0x8086",
              FIRST(shows16, LAB_CONFIG(CONFIG_VENDOR), 0x8086)),
    BY_DEVICE("4.1.2.1-dev-2", PCI, "an entropy device has the device ID of a network device",
              FIRST(shows16, LAB_CONFIG(CONFIG_DEVICE), 0x1041)),
    BY_DEVICE("4.1.2.1-dev-4", PCI, "a device without a legacy interface has device ID 0x1005",
              FIRST(shows16, LAB_CONFIG(CONFIG_DEVICE), 0x1005)),
    BY_DEVICE("4.1.2.1-dev-5", PCI, "the revision is 0, and the driver looks",
              FIRST(shows8, LAB_CONFIG(CONFIG_REVISION), 0),
              WHEN_READ(LAB_CONFIG(CONFIG_VENDOR), lab_also_read8, LAB_CONFIG(CONFIG_REVISION), 0)),
    BY_DEVICE(
        "4.1.2.1-dev-6", PCI, "the subsystem device ID is 1, and the driver looks",
        FIRST(shows16, LAB_CONFIG(CONFIG_SUBSYSTEM), 1),
        WHEN_READ(LAB_CONFIG(CONFIG_VENDOR), lab_also_read16, LAB_CONFIG(CONFIG_SUBSYSTEM), 0)),
    BY_DRIVER("4.1.2.2-drv-1", PCI, "device ID 0x1044 is not in the driver's table", NOT_OURS),
    BY_DRIVER("4.1.2.2-drv-2", PCI, "device ID 0x1005 is not in the driver's table",
              FIRST(shows16, LAB_CONFIG(CONFIG_DEVICE), 0x1005),
              FIRST(shows8, LAB_CONFIG(CONFIG_REVISION), 0),
              FIRST(shows8, LAB_CONFIG(CONFIG_BAR0), 1), NOT_OURS),
    BY_DRIVER("4.1.2.2-drv-3", PCI, "the driver reads revision 2, and wants 1",
              FIRST(shows8, LAB_CONFIG(CONFIG_REVISION), 2),
              WHEN_READ(LAB_CONFIG(CONFIG_VENDOR), lab_also_read8, LAB_CONFIG(CONFIG_REVISION), 0),
              NOT_OURS),
    // the device's list
    BY_DEVICE("4.1.4-dev-d1", PCI, "the window's capability has the ID of MSI",
              FIRST(shows8, LAB_CAP(WINDOW, 0), 5),
              WHEN_READ(LAB_CONFIG(0x75), lab_also_read16, LAB_CONFIG(0x76), 0)),
    BY_DEVICE("4.1.4-dev-d2", PCI, "the common configuration lies in BAR 6",
              FIRST(shows8, LAB_CAP(COMMON, CAP_BAR), 6)),
    BY_DEVICE("4.1.4.2-dev-1", PCI, "the notification capability has a cap_len of 16",
              FIRST(shows8, LAB_CAP(NOTIFY, CAP_LEN), 16)),
    BY_DEVICE("4.1.4.6-dev-1", PCI_BLK, "a block device has no capability of cfg_type 4",
              FIRST(hides, VL_REGION_DEVICE, 0)),
    BY_DEVICE("4.1.4.6.1-dev-1", PCI_BLK, "the device configuration has offset 0x2002",
              FIRST(shows32, LAB_CAP(DEVICE, CAP_OFFSET), 0x2002)),
    BY_DEVICE("4.1.4.9.1-dev-1", PCI, "there is no capability of cfg_type 5",
              FIRST(hides, VL_REGION_WINDOW, 0)),
    // what the driver makes of it
    BY_DRIVER("4.1.4.1-drv-1", PCI, "a capability has cfg_type 0x42, and the driver gives up",
              FIRST(adds, 0x42, CAP_OF(BAR, CAP_BYTES, 0x100)), GIVES_UP, IN_SILENCE),
    BY_DRIVER("4.1.4.1-drv-2", PCI_BLK,
              "of two device configuration structures the driver uses the second",
              FIRST(adds, VL_REGION_DEVICE, CAP_OF(BAR, CAP_BYTES, 0x60)),
              WHEN_READ(LAB_CONFIG(SPARE + CAP_BAR), lab_see, 7, 0)),
    BY_DRIVER("4.1.4.1-drv-3", PCI,
              "the common configuration's capability has a cap_len of 32, and the driver gives up",
              FIRST(moves, VL_REGION_COMMON, 32), GIVES_UP, IN_SILENCE),
    BY_DRIVER("4.1.4.1-drv-4", PCI, "one of two capabilities names BAR 6, and the driver gives up",
              FIRST(adds, VL_REGION_COMMON, CAP_OF(6, CAP_BYTES, VL_COMMON_BYTES)), GIVES_UP,
              IN_SILENCE),
    BY_DRIVER("4.1.4.1-drv-5", PCI,
              "of a common configuration of 4 KiB the driver maps, and reads, all of it",
              FIRST(shows32, LAB_CAP(COMMON, CAP_LENGTH), 0x1000),
              {.op = VL_OP_MMIO_READ,
               .where = LAB_REG(COMMON, VL_COMMON_NUM_QUEUES),
               .deed = reads_beyond,
               .a = 0x100,
               .b = 1}),
    BY_DRIVER("4.1.4.1-drv-6", PCI,
              "the notification structure has 32 MiB, and the driver gives up",
              FIRST(grows, 1u << 26, 1u << 25), GIVES_UP, IN_SILENCE),
    BY_DRIVER("4.1.4.1-drv-8", PCI, "the driver writes the offset of the common configuration",
              AT_DRIVER(lab_also_write32, LAB_CAP(COMMON, CAP_OFFSET), 0)),
    // the window
    BY_DRIVER("4.1.4.9-drv-d1", PCI, "the driver gives the window a length of 8",
              AT_DRIVER(lab_also_write32, LAB_CAP(WINDOW, CAP_LENGTH), 8)),
    BY_DEVICE("4.1.4.9.1-dev-2", PCI,
              "driver_feature is written through the window, and the device takes no notice",
              {.op = VL_OP_MMIO_WRITE,
               .phase = VL_OP_DONE,
               .where = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE),
               .deed = window_deaf,
               .a = VL_COMMON_DRIVER_FEATURE,
               .b = 0}),
    BY_DEVICE("4.1.4.9.1-dev-3", PCI,
              "driver_feature_select is read through the window, and has another value there",
              AT_DRIVER(window_stale, VL_COMMON_DRIVER_FEATURE_SELECT, 1)),
    BY_DRIVER("4.1.4.9.2-drv-1", PCI, "the driver writes 4 bytes at offset 2 through the window",
              AT_DRIVER(writes_window, 2, 4)),
    BY_DRIVER("4.1.4.9.2-drv-2", PCI,
              "the driver writes through the window where no structure lies",
              AT_DRIVER(writes_window, BAR_FREE, 4)),
};

const struct lab_breach_table lab_breach_cap = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
