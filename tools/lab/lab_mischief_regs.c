// tools/lab/lab_mischief_regs.c -- what a hostile driver does to registers and config space.
// Spec: virtio 1.4 §4.1.4 (where structures lie), §4.1.4.3 (registers), §4.1.4.9 (the window).
//
// A row alters one access of the driver half, or puts accesses of the adversary before it. Which
// register, which value and which width are in the variant, taken apart digit by digit; so a row
// reaches every place of its structure, its edges and what lies behind them.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_mischief_regs.h"

#include "model/pci/vl_pci.h"

#include <inttypes.h>
#include <stdio.h>

#define CAP_VENDOR 9u
#define CAP_TYPE 3u
#define CAP_BAR 4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_DATA 16u // of the window; of the notification structure its multiplier
#define MSIX_CONTROL 2u
#define MSIX_ENTRY_BYTES 16u
#define COMMAND 4u

// Where accesses go; the first five by the type of their capability [4.1.4].
enum place { AT_NONE, AT_COMMON, AT_NOTIFY, AT_ISR, AT_DEVICE, AT_WINDOW, AT_TABLE, AT_CONFIG };

#define FEATURE_SELECT 0x08u
#define FEATURE 0x0Cu
#define CONFIG_VECTOR 0x10u
#define STATUS 0x14u
#define QUEUE_SELECT 0x16u
#define QUEUE_SIZE 0x18u
#define QUEUE_VECTOR 0x1Au
#define QUEUE_ENABLE 0x1Cu
#define QUEUE_DESC 0x20u
#define COMMON_BYTES 0x38u

enum act {
    ACT_DROP,
    ACT_TWICE,
    ACT_WIDTH,
    ACT_ON,
    ACT_BACK,
    ACT_END,
    ACT_OTHER,
    ACT_STATUS,   // status becomes N, or if N is 0 V
    ACT_RESET,    // ... becomes 0
    ACT_SELECT,   // a queue is selected
    ACT_NUMBER,   // the register at N becomes a number of numbers[]
    ACT_ADDRESS,  // half of an address of a queue
    ACT_FEATURE,  // a bit of the driver's features changes
    ACT_NOTIFY,   // a notification
    ACT_READ,     // of place N: offset, width
    ACT_WRITE,    // of place N: offset, width, value
    ACT_SELECTED, // a queue is selected, and a register of it read
    ACT_WINDOW,   // the window is set up, and data read (N: 0) or written (1)
    ACT_MESSAGES, // MSI-X: on, off, masked
    ACT_COMMAND,  // a bit of the command register changes
};

// X(sentence, act, number). Those up to OTHER alter the access, the others come before it.
#define ROWS(X)                                                                                    \
    X("is not made", ACT_DROP, 0)                                                                  \
    X("is made twice", ACT_TWICE, 0)                                                               \
    X("has another width", ACT_WIDTH, 0)                                                           \
    X("goes some bytes further on", ACT_ON, 0)                                                     \
    X("goes some bytes before", ACT_BACK, 0)                                                       \
    X("goes to the end of its structure", ACT_END, 0)                                              \
    X("goes to the same place of another structure", ACT_OTHER, 0)                                 \
    X("comes behind a write of status", ACT_STATUS, 0)                                             \
    X("comes behind a request for a reset", ACT_RESET, 0)                                          \
    X("comes behind DRIVER_OK", ACT_STATUS, 0x0F)                                                  \
    X("comes behind FEATURES_OK", ACT_STATUS, 0x0B)                                                \
    X("comes behind a choice of queue", ACT_SELECT, 0)                                             \
    X("comes behind a write of queue_size", ACT_NUMBER, QUEUE_SIZE)                                \
    X("comes behind a write of queue_enable", ACT_NUMBER, QUEUE_ENABLE)                            \
    X("comes behind a write of queue_msix_vector", ACT_NUMBER, QUEUE_VECTOR)                       \
    X("comes behind a write of config_msix_vector", ACT_NUMBER, CONFIG_VECTOR)                     \
    X("comes behind a write of a queue's address", ACT_ADDRESS, 0)                                 \
    X("comes behind a change of the driver's features", ACT_FEATURE, 0)                            \
    X("comes behind a notification", ACT_NOTIFY, 0)                                                \
    X("comes behind a read of the common configuration", ACT_READ, AT_COMMON)                      \
    X("comes behind a write to the common configuration", ACT_WRITE, AT_COMMON)                    \
    X("comes behind a read of another queue's register", ACT_SELECTED, 0)                          \
    X("comes behind a read of the notification structure", ACT_READ, AT_NOTIFY)                    \
    X("comes behind a write to the notification structure", ACT_WRITE, AT_NOTIFY)                  \
    X("comes behind a read of the ISR structure", ACT_READ, AT_ISR)                                \
    X("comes behind a write to the ISR structure", ACT_WRITE, AT_ISR)                              \
    X("comes behind a read of the device configuration", ACT_READ, AT_DEVICE)                      \
    X("comes behind a write to the device configuration", ACT_WRITE, AT_DEVICE)                    \
    X("comes behind a read of the MSI-X table", ACT_READ, AT_TABLE)                                \
    X("comes behind a write to the MSI-X table", ACT_WRITE, AT_TABLE)                              \
    X("comes behind a change of what MSI-X does", ACT_MESSAGES, 0)                                 \
    X("comes behind a read of config space", ACT_READ, AT_CONFIG)                                  \
    X("comes behind a write to config space", ACT_WRITE, AT_CONFIG)                                \
    X("comes behind a change of the command register", ACT_COMMAND, 0)                             \
    X("comes behind a write to the window's capability", ACT_WRITE, AT_WINDOW)                     \
    X("comes behind a read through the window", ACT_WINDOW, 0)                                     \
    X("comes behind a write through the window", ACT_WINDOW, 1)

#define ENTRY(s, a, n) {VL_FIELD_REGISTER, s, false},
#define DEED(s, a, n) {a, n},
static const struct lab_mischief_entry entries[] = {ROWS(ENTRY)};
static const struct {
    uint8_t act;
    uint8_t number;
} deeds[] = {ROWS(DEED)};
#define N_ROWS ((uint32_t)(sizeof(deeds) / sizeof(deeds[0])))

const struct lab_mischief_entry *lab_mischief_regs_table(uint32_t *n)
{
    *n = N_ROWS;
    return entries;
}

bool lab_mischief_regs_named(uint32_t value)
{
    const uint8_t act = deeds[value % N_ROWS].act;
    return act >= ACT_STATUS && act <= ACT_NOTIFY;
}

void lab_mischief_regs_sentence(uint32_t value, char text[LAB_MISCHIEF_REGS_BYTES])
{
    (void)snprintf(text, LAB_MISCHIEF_REGS_BYTES, "%s (variant %" PRIu32 ")",
                   entries[value % N_ROWS].sentence, value / N_ROWS);
}

// ---- where things are -------------------------------------------------------------------------

struct region {
    uint64_t base;  // bus address; in config space as an access counts it
    uint32_t bytes; // 0: there is none
    bool config;
    uint32_t multiplier;
};

static uint64_t bar_base(const struct vl_pci_function *fn, unsigned bar)
{
    const uint8_t *at = fn->config + 0x10u + 4 * (size_t)bar;
    uint64_t base = 0;
    for (unsigned i = 0; i < (fn->desc.bar[bar].is_64 ? 8u : 4u); i++) {
        base |= (uint64_t)at[i] << (8 * i);
    }
    return base & ~15ull;
}

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// The capability of a virtio structure as the function has it, or NULL.
static const uint8_t *virtio_cap(const struct vl_pci_function *fn, enum place place)
{
    for (unsigned i = 0; i < VL_PCI_CAPS_MAX; i++) {
        const uint8_t *cap = &fn->power_on[fn->cap_off[i]];
        if (fn->cap_bytes[i] >= CAP_DATA && cap[0] == CAP_VENDOR && cap[CAP_TYPE] == place) {
            return cap;
        }
    }
    return NULL;
}

static struct region config_space(const struct vl_pci_function *fn, uint32_t off, uint32_t bytes)
{
    return (struct region){
        .base = (uint64_t)fn->desc.bdf << 16 | off, .bytes = bytes, .config = true};
}

static struct region region_of(const struct vl_pci_function *fn, enum place place)
{
    const uint8_t *cap = place <= AT_WINDOW ? virtio_cap(fn, place) : NULL;

    if (place == AT_CONFIG) {
        return config_space(fn, 0, VL_PCI_CONFIG_BYTES);
    }
    if (place == AT_TABLE) {
        return (struct region){.base = bar_base(fn, fn->desc.msix_bar) + fn->desc.msix_table_off,
                               .bytes = fn->desc.n_vectors * MSIX_ENTRY_BYTES};
    }
    if (cap == NULL) {
        return (struct region){0};
    }
    if (place == AT_WINDOW) {
        return config_space(fn, (uint32_t)(cap - fn->power_on), CAP_DATA + 4);
    }
    const uint32_t bar = cap[CAP_BAR] % VL_PCI_BARS;
    return (struct region){.base = bar_base(fn, bar) + get32(cap + CAP_OFFSET),
                           .bytes = get32(cap + CAP_LENGTH),
                           .multiplier = place == AT_NOTIFY ? get32(cap + CAP_DATA) : 0};
}

// The structure that an access goes to, AT_NONE if it is none.
static enum place place_of(const struct vl_pci_function *fn, const struct vl_port_op *op)
{
    if (op->kind == VL_OP_CONFIG_READ || op->kind == VL_OP_CONFIG_WRITE) {
        return AT_CONFIG;
    }
    for (unsigned i = AT_COMMON; i <= AT_TABLE; i++) {
        const struct region region = region_of(fn, (enum place)i);
        if (!region.config && op->addr - region.base < region.bytes) {
            return (enum place)i;
        }
    }
    return AT_NONE;
}

// ---- the digits of a variant ------------------------------------------------------------------

static uint32_t digit(uint32_t *variant, uint32_t base)
{
    const uint32_t d = *variant % base;
    *variant /= base;
    return d;
}

static unsigned width(uint32_t *variant)
{
    return 1u << digit(variant, 3);
}

// Numbers that registers dislike, the size of the queue among them; more than there are:
// themselves.
static uint32_t number(const struct lab_mischief *mischief, uint32_t v)
{
    const uint32_t size = mischief->queue_size;
    const uint32_t numbers[] = {0,        1,        2,       0xFFFF,     size,
                                2 * size, size / 2, 3,       4,          0x0100,
                                0x0800,   0x1000,   0x8000,  0xFFFE,     size - 1,
                                size + 1, 0x10000,  0x40000, 0x7FFFFFFF, UINT32_MAX};
    const uint32_t n = sizeof(numbers) / sizeof(numbers[0]);
    return v < n ? numbers[v] : v;
}

// ---- accesses of the adversary ------------------------------------------------------------------

struct hand {
    const struct lab_mischief *mischief;
    const struct vl_pci_function *fn;
    uint32_t v; // what is left of the variant
};

static uint32_t look(const struct hand *h, const struct region *at, uint32_t off, unsigned bytes)
{
    return vl_adversary_access(h->mischief->machine,
                               at->config ? VL_OP_CONFIG_READ : VL_OP_MMIO_READ, at->base + off,
                               bytes, 0);
}

static void put(const struct hand *h, const struct region *at, uint32_t off, unsigned bytes,
                uint32_t value)
{
    (void)vl_adversary_access(h->mischief->machine,
                              at->config ? VL_OP_CONFIG_WRITE : VL_OP_MMIO_WRITE, at->base + off,
                              bytes, value);
}

// An offset within the region or just behind it; every other one from its end.
static uint32_t some_offset(struct hand *h, const struct region *at)
{
    const uint32_t edge = at->bytes > 64 ? 16 : 8;
    const bool end = digit(&h->v, 4) == 3;
    const uint32_t most = at->bytes < COMMON_BYTES ? at->bytes + edge : at->config ? 256 : 64;
    return end ? at->bytes - edge / 2 + digit(&h->v, edge) : digit(&h->v, most);
}

static void act_read(struct hand *h, enum place place)
{
    const struct region at = region_of(h->fn, place);
    const unsigned bytes = width(&h->v);
    (void)look(h, &at, some_offset(h, &at), bytes);
}

static void act_write(struct hand *h, enum place place)
{
    const struct region at = region_of(h->fn, place);
    const unsigned bytes = width(&h->v);
    const uint32_t off = some_offset(h, &at);
    put(h, &at, off, bytes, number(h->mischief, h->v));
}

// A vector is read back, as a driver does that wants to know whether it was taken.
static void act_number(struct hand *h, const struct region *common, uint32_t off)
{
    put(h, common, off, 2, number(h->mischief, h->v));
    if (off == QUEUE_VECTOR || off == CONFIG_VECTOR) {
        (void)look(h, common, off, 2);
    }
}

static void act_address(struct hand *h)
{
    const struct region common = region_of(h->fn, AT_COMMON);
    const struct vl_memory *mem = &h->mischief->machine->memory;
    const uint32_t off = QUEUE_DESC + 4 * digit(&h->v, 6);
    const uint64_t addr = mem->region[0].gpa + mem->bus_offset + 16ull * h->v;
    put(h, &common, off, 4, (uint32_t)(off % 8 == 0 ? addr : addr >> 32));
}

// Bits of the ring come first, then every bit of three words.
static void act_feature(struct hand *h)
{
    static const uint8_t bits[] = {28, 29, 32, 33, 35, 9, 38, 40};
    const struct region common = region_of(h->fn, AT_COMMON);
    const uint32_t bit = h->v < sizeof(bits) ? bits[h->v] : h->v % 96;

    put(h, &common, FEATURE_SELECT, 4, bit / 32);
    const uint32_t word = look(h, &common, FEATURE, 4);
    put(h, &common, FEATURE, 4, word ^ 1u << bit % 32);
}

static void act_notify(struct hand *h)
{
    const struct region notify = region_of(h->fn, AT_NOTIFY);
    const uint32_t queue = number(h->mischief, digit(&h->v, 4));
    const unsigned bytes = h->v % 3 == 0 ? 2 : 1u << (h->v % 3 - 1) * 2;
    const uint32_t slot = h->v / 3 % 2 == 0 ? queue : 0;
    put(h, &notify, (slot & 3u) * notify.multiplier, bytes, queue);
}

static void act_selected(struct hand *h)
{
    const struct region common = region_of(h->fn, AT_COMMON);
    put(h, &common, QUEUE_SELECT, 2, number(h->mischief, digit(&h->v, 4)));
    const uint32_t off = QUEUE_SIZE + 2 * digit(&h->v, 16);
    (void)look(h, &common, off, off < QUEUE_DESC ? 2 : 4);
}

// The window's three fields, then its data. What it is told and how it is used need not fit.
static void act_window(struct hand *h, bool writes)
{
    static const uint8_t lengths[] = {2, 4, 1, 0, 8, 3, 255, 5};
    const struct region window = region_of(h->fn, AT_WINDOW);
    const enum place place = (enum place)(AT_COMMON + digit(&h->v, 4));
    const uint8_t *cap = virtio_cap(h->fn, place);
    const uint32_t length = lengths[digit(&h->v, 8)];
    const uint32_t fit = length == 1 || length == 2 ? length : 4;
    const unsigned bytes = digit(&h->v, 2) == 0 ? fit : width(&h->v);

    if (window.bytes == 0 || cap == NULL) {
        return;
    }
    put(h, &window, CAP_BAR, 1, cap[CAP_BAR]);
    put(h, &window, CAP_OFFSET, 4, get32(cap + CAP_OFFSET) + digit(&h->v, COMMON_BYTES));
    put(h, &window, CAP_LENGTH, 4, length == 255 ? UINT32_MAX : length);
    if (writes) {
        put(h, &window, CAP_DATA, bytes, number(h->mischief, h->v));
    } else {
        (void)look(h, &window, CAP_DATA, bytes);
    }
}

static void act_config_bits(struct hand *h, uint32_t off, uint32_t bits)
{
    const struct region config = config_space(h->fn, 0, VL_PCI_CONFIG_BYTES);
    put(h, &config, off, 2, look(h, &config, off, 2) ^ bits);
}

static void act_before(struct hand *h, unsigned act, uint32_t n)
{
    const struct region common = region_of(h->fn, AT_COMMON);

    switch (act) {
    case ACT_STATUS: put(h, &common, STATUS, 1, n != 0 ? n | h->v << 4 : h->v + 1); break;
    case ACT_RESET: put(h, &common, STATUS, 1, 0); break;
    case ACT_SELECT: put(h, &common, QUEUE_SELECT, 2, number(h->mischief, h->v)); break;
    case ACT_NUMBER: act_number(h, &common, n); break;
    case ACT_ADDRESS: act_address(h); break;
    case ACT_FEATURE: act_feature(h); break;
    case ACT_NOTIFY: act_notify(h); break;
    case ACT_READ: act_read(h, (enum place)n); break;
    case ACT_WRITE: act_write(h, (enum place)n); break;
    case ACT_SELECTED: act_selected(h); break;
    case ACT_WINDOW: act_window(h, n != 0); break;
    case ACT_MESSAGES:
        act_config_bits(h, h->fn->msix_off + MSIX_CONTROL, h->v % 2 == 0 ? 0x8000u : 0x4000u);
        break;
    default: act_config_bits(h, COMMAND, 1u << (h->v % 11)); break;
    }
}

// ---- the access itself --------------------------------------------------------------------------

static void twice(struct hand *h, const struct vl_port_op *op)
{
    (void)vl_adversary_access(h->mischief->machine, (enum vl_op_kind)op->kind, op->addr, op->bytes,
                              (uint32_t)op->value);
}

static void to_end(struct hand *h, struct vl_port_op *op)
{
    const struct region at = region_of(h->fn, place_of(h->fn, op));
    if (at.bytes != 0) {
        op->addr = at.base + at.bytes - op->bytes + 1 + digit(&h->v, 16);
    }
}

static void to_other(struct hand *h, struct vl_port_op *op)
{
    const enum place from = place_of(h->fn, op);
    const enum place to = (enum place)(AT_COMMON + (from + digit(&h->v, 3)) % 4);
    const struct region other = region_of(h->fn, to);
    if (from != AT_NONE && from <= AT_TABLE && other.bytes != 0) {
        op->addr = other.base + (op->addr - region_of(h->fn, from).base);
    }
}

// Returns false if the act is not one on the access.
static bool act_on(struct hand *h, unsigned act, struct vl_port_op *op)
{
    static const uint8_t widths[8][2] = {[1] = {2, 4}, [2] = {4, 1}, [4] = {2, 1}};

    switch (act) {
    case ACT_DROP:
        op->drop = true;
        op->seen = UINT32_MAX >> (32 - 8 * op->bytes);
        break;
    case ACT_TWICE: twice(h, op); break;
    case ACT_WIDTH: op->bytes = widths[op->bytes % 8][h->v % 2]; break;
    case ACT_ON: op->addr += 1 + h->v % 64; break;
    case ACT_BACK: op->addr -= (op->addr & 0xFFFFu) > h->v % 64 ? 1 + h->v % 64 : 0; break;
    case ACT_END: to_end(h, op); break;
    case ACT_OTHER: to_other(h, op); break;
    default: return false;
    }
    return true;
}

void lab_mischief_regs_access(void *ctx, struct vl_port_op *op, uint32_t choice)
{
    const struct lab_mischief *mischief = ctx;
    const uint32_t row = choice % N_ROWS;
    struct hand h = {.mischief = mischief, .fn = mischief->function, .v = choice / N_ROWS};

    if (h.fn == NULL) {
        return;
    }
    vl_lab_event(mischief->machine, VL_EV_MISCHIEF, op->field, row, op->value, op->bytes);
    if (!act_on(&h, deeds[row].act, op)) {
        act_before(&h, deeds[row].act, deeds[row].number);
    }
}
