// tools/lab/breach_blk.c -- breaches of clauses: the block device.
// Our device has no CONFIG_WCE, and no read-only medium without a file. Where a clause needs them,
// both are made on the bus: the driver is shown an offer, or the bus an acceptance, that the other
// half knows nothing of.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#include <string.h>

#define RO (1u << 5)
#define FLUSH (1u << 9)
#define CONFIG_WCE (1u << 11)
#define BLK_SIZE_AT 20u
#define WRITEBACK_AT 32u
#define UNUSED0_AT 33u
#define HEADER_BYTES 16u
#define SLOT_BYTES 17u // a header and the status byte behind it, as the driver writes them at once
#define SECTOR_AT 8u
#define T_IN 0u
#define T_OUT 1u
#define T_FLUSH 4u
#define T_GET_ID 8u
#define DESC_WRITE (2ull << 32)

// The deeds' memory: words of the run.
enum { WORD_ACCEPTED, WORD_TYPE, WORD_ONCE, WORD_OUT, WORD_FLUSHED };

// ---- features -------------------------------------------------------------------------------

// The device offers the bits of a as well; the driver is not told of the bits of b.
static void offers(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    op->value |= a;
    op->blind = true;
    op->seen = op->value & ~b;
}

// The driver accepts the bits of a as well; the device hears what the driver meant, and b.
static void accepts(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    run->word[WORD_ACCEPTED] = op->value | b;
    op->value |= a;
    op->blind = true;
}

static void heard(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    struct vl_machine *m = run->machine;
    uint8_t saved = 0;

    (void)a;
    (void)b;
    vl_trap_enter(m, VL_AGENT_TRAP, &saved);
    m->bus.mmio_write(m->bus.ctx, op->addr, op->bytes, (uint32_t)run->word[WORD_ACCEPTED]);
    vl_trap_leave(m, saved);
}

#define OFFERS(bits, untold)                                                                       \
    {                                                                                              \
        .op = VL_OP_MMIO_READ, .phase = VL_OP_REPLY,                                               \
        .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE), .deed = offers, .a = (bits),           \
        .b = (untold)                                                                              \
    }
#define ACCEPTS(bits, told)                                                                        \
    {.op = VL_OP_MMIO_WRITE,                                                                       \
     .phase = VL_OP_BEFORE,                                                                        \
     .where = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE),                                           \
     .deed = accepts,                                                                              \
     .a = (bits),                                                                                  \
     .b = (told)},                                                                                 \
    {                                                                                              \
        .op = VL_OP_MMIO_WRITE, .phase = VL_OP_DONE,                                               \
        .where = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE), .deed = heard                          \
    }

// ---- configuration --------------------------------------------------------------------------

// Instead of blk_size the driver reads byte a of the configuration, and finds b there.
static void reads_byte(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    op->addr += a - BLK_SIZE_AT;
    op->bytes = 1;
    op->answered = true;
    op->value = b;
    op->blind = true;
    op->seen = 512;
}

#define READS_BYTE(off, value)                                                                     \
    {                                                                                              \
        .op = VL_OP_MMIO_READ, .phase = VL_OP_BEFORE, .where = LAB_REG(DEVICE, BLK_SIZE_AT),       \
        .deed = reads_byte, .a = (off), .b = (value)                                               \
    }

// ---- requests, in the driver's hand ---------------------------------------------------------

static uint32_t type_of(const struct vl_port_op *op)
{
    return op->data[0] | (uint32_t)op->data[1] << 8;
}

// Requests of type a go to sector b.
static void to_sector(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    if (op->bytes == SLOT_BYTES && type_of(op) == a) {
        op->data[SECTOR_AT] = (uint8_t)b;
    }
}

// Requests of type a become requests of type b.
static void of_type(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    if (op->bytes == SLOT_BYTES && type_of(op) == a) {
        op->data[0] = (uint8_t)b;
    }
}

// Remembers of which type the request is that is being put together.
static void makes(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    if (op->bytes == SLOT_BYTES) {
        run->word[WORD_TYPE] = type_of(op);
    }
}

// Behind a flush, reads look at the sector that was written last before it.
static void reads_back(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    if (op->bytes != SLOT_BYTES) {
        return;
    }
    if (type_of(op) == T_OUT) {
        run->word[WORD_OUT] = op->data[SECTOR_AT];
    } else if (type_of(op) == T_FLUSH) {
        run->word[WORD_FLUSHED] = run->word[WORD_OUT];
    } else if (type_of(op) == T_IN && run->word[WORD_FLUSHED] != 0) {
        op->data[SECTOR_AT] = (uint8_t)run->word[WORD_FLUSHED];
    }
}

// The first descriptor of a bytes gets another length, larger by b.
static void resized(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    if ((uint32_t)op->aux == a && run->word[WORD_ONCE] == 0) {
        op->aux += b;
        run->word[WORD_ONCE] = 1;
    }
}

// The first descriptor of a bytes gets the other direction.
static void turned(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)b;
    if ((uint32_t)op->aux == a && run->word[WORD_ONCE] == 0) {
        op->aux ^= DESC_WRITE;
        run->word[WORD_ONCE] = 1;
    }
}

// A flush's header is longer by a.
static void flush_longer(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)b;
    if (run->word[WORD_TYPE] == T_FLUSH && (uint32_t)op->aux == HEADER_BYTES) {
        op->aux += a;
    }
}

#define WRITES(deed_, a_, b_)                                                                      \
    {                                                                                              \
        .op = VL_OP_WRITE, .phase = VL_OP_BEFORE, .side = LAB_DRIVER, .count = UINT16_MAX,         \
        .deed = deed_, .a = (a_), .b = (b_)                                                        \
    }
#define STORES_DESC(deed_, a_, b_)                                                                 \
    {                                                                                              \
        .op = VL_OP_STORE, .phase = VL_OP_BEFORE, .side = LAB_DRIVER, .count = UINT16_MAX,         \
        .where = LAB_FIELD(DESC), .deed = deed_, .a = (a_), .b = (b_)                              \
    }

// ---- requests, in the device's hand ---------------------------------------------------------

// The device takes requests of type a for ones b sectors further on.
static void sees_sector(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    if (op->bytes != HEADER_BYTES) {
        return;
    }
    run->word[WORD_TYPE] = type_of(op);
    if (type_of(op) == a) {
        const uint32_t sector = op->data[SECTOR_AT] + (uint32_t)b;
        op->data[SECTOR_AT] = (uint8_t)sector;
        op->data[SECTOR_AT + 1] = (uint8_t)(sector >> 8);
    }
}

// The same, of reads behind a flush.
static void sees_next(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    if (run->word[WORD_FLUSHED] != 0) {
        sees_sector(run, op, a, b);
    }
}

// The device takes requests of type a for ones of type b.
static void sees_type(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    if (op->bytes == HEADER_BYTES && type_of(op) == a) {
        op->data[0] = (uint8_t)b;
    }
}

// Requests of type a are answered with status b.
static void answers(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    if (op->bytes == 1 && run->word[WORD_TYPE] == a) {
        op->data[0] = (uint8_t)b;
    }
}

static void no_status(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    (void)a;
    (void)b;
    op->drop = op->bytes == 1;
}

#define DEVICE_READS(deed_, a_, b_)                                                                \
    {                                                                                              \
        .op = VL_OP_READ, .phase = VL_OP_REPLY, .side = LAB_DEVICE, .count = UINT16_MAX,           \
        .deed = deed_, .a = (a_), .b = (b_)                                                        \
    }
#define DEVICE_WRITES(deed_, a_, b_)                                                               \
    {                                                                                              \
        .op = VL_OP_WRITE, .phase = VL_OP_BEFORE, .side = LAB_DEVICE, .count = UINT16_MAX,         \
        .deed = deed_, .a = (a_), .b = (b_)                                                        \
    }

// ---- the table ------------------------------------------------------------------------------

#define READS "device=blk buffers=4"
#define MIX "device=blk ops=mix buffers=12"

static const struct lab_breach rows[] = {
    // features and configuration
    {.id = "5.2.5.2-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = READS,
     .how = "FLUSH is taken from the features that device_feature reads",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE),
              .deed = lab_clear,
              .a = FLUSH}}},
    {.id = "5.2.5.2-dev-2",
     .side = LAB_SIDE_DEVICE,
     .scenario = READS,
     .how = "device_feature reads with CONFIG_WCE in FLUSH's stead",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE),
              .deed = lab_set_masked,
              .a = CONFIG_WCE,
              .b = CONFIG_WCE | FLUSH}}},
    {.id = "5.2.5.2-dev-3",
     .side = LAB_SIDE_DEVICE,
     .scenario = READS,
     .how = "with CONFIG_WCE and without FLUSH negotiated on the bus, writeback reads 1",
     .act = {OFFERS(CONFIG_WCE, FLUSH), ACCEPTS(CONFIG_WCE, 0), READS_BYTE(WRITEBACK_AT, 1)}},
    {.id = "5.2.5.2-dev-4",
     .side = LAB_SIDE_DEVICE,
     .scenario = READS,
     .how = "the driver reads unused0, and finds 7",
     .act = {READS_BYTE(UNUSED0_AT, 7)}},
    {.id = "5.2.5-both-d1",
     .side = LAB_SIDE_DRIVER,
     .scenario = READS,
     .how = "CONFIG_WCE is offered and not accepted, and 1 is written to writeback",
     .act = {OFFERS(CONFIG_WCE, 0),
             {.op = VL_OP_MMIO_WRITE,
              .phase = VL_OP_BEFORE,
              .where = LAB_REG(COMMON, VL_COMMON_STATUS),
              .mask = VL_STATUS_DRIVER_OK,
              .match = VL_STATUS_DRIVER_OK,
              .deed = lab_also_write8,
              .a = LAB_REG(DEVICE, WRITEBACK_AT),
              .b = 1}}},
    {.id = "5.2.5.1-drv-4",
     .side = LAB_SIDE_DRIVER,
     .scenario = READS,
     .how = "CONFIG_WCE is offered, and writeback is read behind the status DRIVER",
     .act = {OFFERS(CONFIG_WCE, 0),
             {.op = VL_OP_MMIO_WRITE,
              .phase = VL_OP_DONE,
              .where = LAB_REG(COMMON, VL_COMMON_STATUS),
              .mask = 0xFF,
              .match = VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER,
              .deed = lab_also_read8,
              .a = LAB_REG(DEVICE, WRITEBACK_AT)}}},
    {.id = "5.2.6.1-drv-3",
     .side = LAB_SIDE_DRIVER,
     .scenario = READS,
     .how = "RO is offered, and the driver is not told of it",
     .act = {OFFERS(RO, RO)}},
    {.id = "5.2.6.1-drv-1",
     .side = LAB_SIDE_DRIVER,
     .scenario = "device=blk buffers=40 resize=1",
     .how = "from the second time on the driver takes the capacity from memory instead of reading",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_BEFORE,
              .nth = 2,
              .count = UINT16_MAX,
              .where = LAB_REG(DEVICE, 0),
              .deed = lab_drop,
              .a = 64},
             {.op = VL_OP_MMIO_READ,
              .phase = VL_OP_BEFORE,
              .nth = 2,
              .count = UINT16_MAX,
              .where = LAB_REG(DEVICE, 4),
              .deed = lab_drop}}},
    // requests
    {.id = "5.2.5-drv-d1",
     .side = LAB_SIDE_DRIVER,
     .scenario = "device=blk buffers=2 bytes=32768",
     .how = "blk_size reads 4096, and the driver takes the capacity for so many blocks",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(DEVICE, BLK_SIZE_AT),
              .deed = lab_set,
              .a = 4096},
             {.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(DEVICE, 0),
              .deed = lab_see,
              .a = 512}}},
    {.id = "5.2.6.1-drv-2",
     .side = LAB_SIDE_DRIVER,
     .scenario = "device=blk buffers=2 bytes=32768",
     .how = "the driver takes the capacity for one of 128 sectors",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(DEVICE, 0),
              .deed = lab_see,
              .a = 128}}},
    {.id = "5.2.6-drv-d1",
     .side = LAB_SIDE_DRIVER,
     .scenario = READS,
     .how = "the first header's descriptor has 12 bytes",
     .act = {STORES_DESC(resized, HEADER_BYTES, (uint64_t)-4)}},
    {.id = "5.2.6-drv-d2",
     .side = LAB_SIDE_DRIVER,
     .scenario = MIX,
     .how = "requests for the ID are for sector 5",
     .act = {WRITES(to_sector, T_GET_ID, 5)}},
    {.id = "5.2.6-drv-d3",
     .side = LAB_SIDE_DRIVER,
     .scenario = READS,
     .how = "the first read's data is device-readable",
     .act = {STORES_DESC(turned, 512, 0)}},
    {.id = "5.2.6.1-drv-4",
     .side = LAB_SIDE_DRIVER,
     .scenario = MIX,
     .how = "flushes are for sector 7",
     .act = {WRITES(to_sector, T_FLUSH, 7)}},
    {.id = "5.2.6.1-drv-5",
     .side = LAB_SIDE_DRIVER,
     .scenario = MIX,
     .how = "a flush's header is followed by a byte of data",
     .act = {WRITES(makes, 0, 0), STORES_DESC(flush_longer, 1, 0)}},
    {.id = "5.2.6.1-drv-6",
     .side = LAB_SIDE_DRIVER,
     .scenario = READS,
     .how = "the first read's data has 500 bytes",
     .act = {STORES_DESC(resized, 512, (uint64_t)-12)}},
    {.id = "5.2.5.1-drv-3",
     .side = LAB_SIDE_DRIVER,
     .scenario = MIX,
     .how = "flushes become requests for the ID, without room for it",
     .act = {WRITES(of_type, T_FLUSH, T_GET_ID)}},
    // answers
    {.id = "5.2.6-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = READS,
     .how = "the status byte is not written",
     .act = {DEVICE_WRITES(no_status, 0, 0)}},
    {.id = "5.2.6-dev-d8",
     .side = LAB_SIDE_DEVICE,
     .scenario = READS,
     .how = "of the first read's data, the last 8 bytes are not written",
     .act = {{.op = VL_OP_WRITE,
              .phase = VL_OP_BEFORE,
              .side = LAB_DEVICE,
              .deed = lab_shorter,
              .a = 8}}},
    {.id = "5.2.5-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = MIX,
     .how = "with RO negotiated on the bus, writes are not done, and have status 0",
     .act = {OFFERS(RO, RO), ACCEPTS(RO, 0), DEVICE_READS(sees_sector, T_OUT, 1000),
             DEVICE_WRITES(answers, T_OUT, 0)}},
    {.id = "5.2.6.2-dev-3",
     .side = LAB_SIDE_DEVICE,
     .scenario = MIX,
     .how = "with RO negotiated on the bus, writes are not done, and have status 2",
     .act = {OFFERS(RO, RO), ACCEPTS(RO, 0), DEVICE_READS(sees_sector, T_OUT, 1000),
             DEVICE_WRITES(answers, T_OUT, 2)}},
    {.id = "5.2.6.2-dev-4",
     .side = LAB_SIDE_DEVICE,
     .scenario = MIX,
     .how = "with RO negotiated on the bus, writes are done",
     .act = {OFFERS(RO, RO), ACCEPTS(RO, 0)}},
    // what a completed write is worth
    {.id = "5.2.6.2-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = MIX,
     .how = "the driver reads back what it wrote before a flush, and gets the next sector",
     .act = {WRITES(reads_back, 0, 0), DEVICE_READS(sees_next, T_IN, 1)}},
    {.id = "5.2.6.2-dev-13",
     .side = LAB_SIDE_DEVICE,
     .scenario = MIX,
     .how = "the driver declines FLUSH, and the device keeps writes in its cache",
     .act = {OFFERS(0, FLUSH), ACCEPTS(0, FLUSH)}},
    {.id = "5.2.6.2-dev-14",
     .side = LAB_SIDE_DEVICE,
     .scenario = MIX,
     .how = "flushes are answered, and nothing is done for them",
     .act = {DEVICE_READS(sees_type, T_FLUSH, T_GET_ID)}},
};

const struct lab_breach_table lab_breach_blk = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
