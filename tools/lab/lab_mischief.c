// tools/lab/lab_mischief.c -- the mischief tables: what a hostile peer does to each field.
// A row is a sentence and an act. A choice selects row choice % rows; choice / rows is the variant,
// which says how much, which bit or which other entry.
// Guest memory is touched inside the span that the access names, and nowhere else.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_mischief.h"

#include "tools/lab/lab_mischief_regs.h"

#include <string.h>

// What a row does. N is the row's number, V the variant, Q the queue size.
enum act {
    ACT_SET,       // becomes N
    ACT_ADD,       // grows by N
    ACT_ADD_QUEUE, // grows by Q + N
    ACT_SET_QUEUE, // becomes Q + N
    ACT_RAW_LOW,   // becomes V
    ACT_RAW_HIGH,  // becomes the largest value less V
    ACT_FLIP,      // bit V modulo the width changes
    ACT_FLIP_BITS, // the bits of N change
    ACT_OTHER,     // becomes the entry V + 1 slots on
    ACT_SWAP,      // the two halves change places
    ACT_DROP,      // nothing is stored
    // used elements
    ACT_ID,     // id becomes N
    ACT_ID_ADD, // id grows by N
    ACT_ID_QUEUE,
    ACT_ID_RAW, // id becomes V modulo Q
    ACT_LEN,
    ACT_LEN_ADD, // grows by N times a power of two, which V selects
    ACT_LEN_RAW,
    // descriptors
    ACT_ADDR_HOLE,  // behind the second region
    ACT_ADDR_EDGE,  // the last byte before the hole
    ACT_ADDR_END,   // N bytes before the end of memory
    ACT_ADDR_START, // 16 * V bytes into memory: ring parts and other buffers lie there
    ACT_ADDR_ADD,
    ACT_ADDR_MAX,   // so high that addr + len wraps
    ACT_ADDR_OTHER, // where descriptor V + 1 entries on points
    ACT_DLEN,
    ACT_DLEN_ADD,   // as ACT_LEN_ADD: so the sums of chains reach 2^32 and beyond
    ACT_DLEN_FAR,   // becomes N, or ends where memory does, or a byte behind, or half way
    ACT_NEXT,       // next becomes N
    ACT_NEXT_QUEUE, // next becomes Q + N
    ACT_NEXT_SELF,
    ACT_NEXT_RAW, // next becomes V modulo Q
    ACT_FLAGS,    // flags change by the bits of N
    ACT_FLAGS_RAW,
    // registers
    ACT_ADDRESS, // becomes the low byte of its own address
    ACT_ONES,    // all ones; with V = 2 modulo 4 the device is gone, and answers so from then on
};

// X(field, sentence, detectable, act, number)
#define INDEX_ROWS(X, F)                                                                           \
    X(F, "index one ahead", false, ACT_ADD, 1)                                                     \
    X(F, "index one behind", false, ACT_ADD, -1)                                                   \
    X(F, "index a queue size ahead", false, ACT_ADD_QUEUE, 0)                                      \
    X(F, "index a queue size and one ahead", true, ACT_ADD_QUEUE, 1)                               \
    X(F, "index half the number range ahead", true, ACT_ADD, 0x8000)                               \
    X(F, "index 0", false, ACT_SET, 0)                                                             \
    X(F, "index 1", false, ACT_SET, 1)                                                             \
    X(F, "index = queue size", false, ACT_SET_QUEUE, 0)                                            \
    X(F, "index = queue size - 1", false, ACT_SET_QUEUE, -1)                                       \
    X(F, "index 0xffff", false, ACT_SET, 0xFFFF)                                                   \
    X(F, "index two ahead", false, ACT_ADD, 2)                                                     \
    X(F, "index with one bit changed", false, ACT_FLIP, 0)                                         \
    X(F, "a small number as index", false, ACT_RAW_LOW, 0)                                         \
    X(F, "a large number as index", false, ACT_RAW_HIGH, 0)                                        \
    X(F, "nothing: the index stays as it was", false, ACT_DROP, 0)

#define FLAGS_ROWS(X, F)                                                                           \
    X(F, "suppression flag changed", false, ACT_FLIP_BITS, 1)                                      \
    X(F, "flags 0", false, ACT_SET, 0)                                                             \
    X(F, "flags 1", false, ACT_SET, 1)                                                             \
    X(F, "all flags", false, ACT_SET, 0xFFFF)                                                      \
    X(F, "one bit of the flags changed", false, ACT_FLIP, 0)                                       \
    X(F, "nothing: the flags stay as they were", false, ACT_DROP, 0)

#define HEAD_ROWS(X, F)                                                                            \
    X(F, "head = queue size", true, ACT_SET_QUEUE, 0)                                              \
    X(F, "head 0xffff", true, ACT_SET, 0xFFFF)                                                     \
    X(F, "head = queue size - 1", false, ACT_SET_QUEUE, -1)                                        \
    X(F, "head 0", false, ACT_SET, 0)                                                              \
    X(F, "the next descriptor as head", false, ACT_ADD, 1)                                         \
    X(F, "the descriptor before as head", false, ACT_ADD, -1)                                      \
    X(F, "the head of another slot", false, ACT_OTHER, 0)                                          \
    X(F, "head with one bit changed", false, ACT_FLIP, 0)                                          \
    X(F, "a small number as head", false, ACT_RAW_LOW, 0)                                          \
    X(F, "nothing: the slot stays as it was", false, ACT_DROP, 0)

#define EVENT_ROWS(X, F)                                                                           \
    X(F, "event index one ahead", false, ACT_ADD, 1)                                               \
    X(F, "event index one behind", false, ACT_ADD, -1)                                             \
    X(F, "event index a queue size ahead", false, ACT_ADD_QUEUE, 0)                                \
    X(F, "event index half the number range ahead", false, ACT_ADD, 0x8000)                        \
    X(F, "event index 0", false, ACT_SET, 0)                                                       \
    X(F, "event index 0xffff", false, ACT_SET, 0xFFFF)                                             \
    X(F, "event index with one bit changed", false, ACT_FLIP, 0)                                   \
    X(F, "a small number as event index", false, ACT_RAW_LOW, 0)                                   \
    X(F, "a large number as event index", false, ACT_RAW_HIGH, 0)                                  \
    X(F, "nothing: the event index stays as it was", false, ACT_DROP, 0)

#define USED_ROWS(X, F)                                                                            \
    X(F, "id = queue size", true, ACT_ID_QUEUE, 0)                                                 \
    X(F, "id 0xffffffff", true, ACT_ID, -1)                                                        \
    X(F, "id beyond 16 bits", true, ACT_ID_ADD, 0x10000)                                           \
    X(F, "id one ahead", false, ACT_ID_ADD, 1)                                                     \
    X(F, "id one behind", false, ACT_ID_ADD, -1)                                                   \
    X(F, "id 0", false, ACT_ID, 0)                                                                 \
    X(F, "the id of some descriptor", false, ACT_ID_RAW, 0)                                        \
    X(F, "the element of another slot", false, ACT_OTHER, 0)                                       \
    X(F, "length more by 1, or a power of two", false, ACT_LEN_ADD, 1)                             \
    X(F, "length less by 1, or a power of two", false, ACT_LEN_ADD, -1)                            \
    X(F, "length 0", false, ACT_LEN, 0)                                                            \
    X(F, "length 0xffffffff", true, ACT_LEN, -1)                                                   \
    X(F, "length 2 GiB", true, ACT_LEN, INT32_MIN)                                                 \
    X(F, "length more by 64 KiB, or a multiple", false, ACT_LEN_ADD, 0x10000)                      \
    X(F, "a small number as length", false, ACT_LEN_RAW, 0)                                        \
    X(F, "id and length changed places", false, ACT_SWAP, 0)                                       \
    X(F, "one bit of the element changed", false, ACT_FLIP, 0)                                     \
    X(F, "nothing: the slot stays as it was", false, ACT_DROP, 0)

#define DESC_ROWS(X, F)                                                                            \
    X(F, "address in a hole of memory", true, ACT_ADDR_HOLE, 0)                                    \
    X(F, "address of the last byte before a hole", false, ACT_ADDR_EDGE, 0)                        \
    X(F, "address of the last byte of memory", false, ACT_ADDR_END, 1)                             \
    X(F, "address just past the end of memory", true, ACT_ADDR_END, 0)                             \
    X(F, "address near the start of memory, where rings lie", false, ACT_ADDR_START, 0)            \
    X(F, "address of another descriptor's buffer", false, ACT_ADDR_OTHER, 0)                       \
    X(F, "address one byte on", false, ACT_ADDR_ADD, 1)                                            \
    X(F, "address 0", true, ACT_ADDR_ADD, 0)                                                       \
    X(F, "address so high that address + length wraps", true, ACT_ADDR_MAX, 0)                     \
    X(F, "length 0", false, ACT_DLEN, 0)                                                           \
    X(F, "length 1", false, ACT_DLEN, 1)                                                           \
    X(F, "length more by 1, or a power of two", false, ACT_DLEN_ADD, 1)                            \
    X(F, "length less by 1, or a power of two", false, ACT_DLEN_ADD, -1)                           \
    X(F, "length 1 GiB, or about what memory holds", true, ACT_DLEN_FAR, 1 << 30)                  \
    X(F, "length 0xffffffff", true, ACT_DLEN, -1)                                                  \
    X(F, "next names the descriptor itself", false, ACT_NEXT_SELF, 0)                              \
    X(F, "next 0", false, ACT_NEXT, 0)                                                             \
    X(F, "next = queue size", false, ACT_NEXT_QUEUE, 0)                                            \
    X(F, "next 0xffff", false, ACT_NEXT, 0xFFFF)                                                   \
    X(F, "next names some descriptor", false, ACT_NEXT_RAW, 0)                                     \
    X(F, "NEXT flag changed", false, ACT_FLAGS, 1)                                                 \
    X(F, "WRITE flag changed", false, ACT_FLAGS, 2)                                                \
    X(F, "INDIRECT flag changed", false, ACT_FLAGS, 4)                                             \
    X(F, "INDIRECT and NEXT flags changed", false, ACT_FLAGS, 5)                                   \
    X(F, "INDIRECT and WRITE flags changed", false, ACT_FLAGS, 6)                                  \
    X(F, "another bit of the flags changed", false, ACT_FLAGS_RAW, 0)                              \
    X(F, "the descriptor of another entry", false, ACT_OTHER, 0)                                   \
    X(F, "one bit of the descriptor changed", false, ACT_FLIP, 0)                                  \
    X(F, "nothing: the descriptor stays as it was", false, ACT_DROP, 0)

#define BUFFER_ROWS(X, F)                                                                          \
    X(F, "one bit of the bytes changed", false, ACT_FLIP, 0)                                       \
    X(F, "zeros", false, ACT_SET, 0)                                                               \
    X(F, "ones", false, ACT_SET, -1)                                                               \
    X(F, "a small number", false, ACT_RAW_LOW, 0)                                                  \
    X(F, "a large number", false, ACT_RAW_HIGH, 0)                                                 \
    X(F, "the number one more", false, ACT_ADD, 1)                                                 \
    X(F, "the halves changed places", false, ACT_SWAP, 0)

#define REPLY_ROWS(X, F)                                                                           \
    X(F, "one bit changed", false, ACT_FLIP, 0)                                                    \
    X(F, "0", false, ACT_SET, 0)                                                                   \
    X(F, "all ones", false, ACT_ONES, 0)                                                           \
    X(F, "one more", false, ACT_ADD, 1)                                                            \
    X(F, "one less", false, ACT_ADD, -1)                                                           \
    X(F, "a small number", false, ACT_RAW_LOW, 0)                                                  \
    X(F, "a large number", false, ACT_RAW_HIGH, 0)                                                 \
    X(F, "its own place, as a pointer to itself", false, ACT_ADDRESS, 0)                           \
    X(F, "FEATURES_OK changed", false, ACT_FLIP_BITS, 8)                                           \
    X(F, "DEVICE_NEEDS_RESET changed", false, ACT_FLIP_BITS, 0x40)                                 \
    X(F, "the top bit changed", false, ACT_FLIP_BITS, INT32_MIN)                                   \
    X(F, "the halves changed places", false, ACT_SWAP, 0)

// One table of sentences and one of acts a field, from the same rows.
struct deed {
    uint8_t act;
    int32_t number;
};
#define ENTRY(F, s, d, a, n) {F, s, d},
#define DEED(F, s, d, a, n) {a, n},
#define TABLE(name, ROWS, F)                                                                       \
    static const struct lab_mischief_entry name##_entries[] = {ROWS(ENTRY, F)};                    \
    static const struct deed name##_deeds[] = {ROWS(DEED, F)};

TABLE(desc, DESC_ROWS, VL_FIELD_DESC)
TABLE(avail_flags, FLAGS_ROWS, VL_FIELD_AVAIL_FLAGS)
TABLE(avail_idx, INDEX_ROWS, VL_FIELD_AVAIL_IDX)
TABLE(avail_ring, HEAD_ROWS, VL_FIELD_AVAIL_RING)
TABLE(used_event, EVENT_ROWS, VL_FIELD_USED_EVENT)
TABLE(used_flags, FLAGS_ROWS, VL_FIELD_USED_FLAGS)
TABLE(used_idx, INDEX_ROWS, VL_FIELD_USED_IDX)
TABLE(used_ring, USED_ROWS, VL_FIELD_USED_RING)
TABLE(avail_event, EVENT_ROWS, VL_FIELD_AVAIL_EVENT)
TABLE(indirect, DESC_ROWS, VL_FIELD_INDIRECT)
TABLE(buffer, BUFFER_ROWS, VL_FIELD_BUFFER)
TABLE(registers, REPLY_ROWS, VL_FIELD_REGISTER)
TABLE(config, REPLY_ROWS, VL_FIELD_CONFIG)

struct table {
    const struct lab_mischief_entry *entries;
    const struct deed *deeds;
    uint32_t n;
};
#define REF(name)                                                                                  \
    {                                                                                              \
        name##_entries, name##_deeds, sizeof(name##_deeds) / sizeof(name##_deeds[0])               \
    }
static const struct table tables[VL_FIELD_COUNT] = {
    [VL_FIELD_DESC] = REF(desc),
    [VL_FIELD_AVAIL_FLAGS] = REF(avail_flags),
    [VL_FIELD_AVAIL_IDX] = REF(avail_idx),
    [VL_FIELD_AVAIL_RING] = REF(avail_ring),
    [VL_FIELD_USED_EVENT] = REF(used_event),
    [VL_FIELD_USED_FLAGS] = REF(used_flags),
    [VL_FIELD_USED_IDX] = REF(used_idx),
    [VL_FIELD_USED_RING] = REF(used_ring),
    [VL_FIELD_AVAIL_EVENT] = REF(avail_event),
    [VL_FIELD_INDIRECT] = REF(indirect),
    [VL_FIELD_BUFFER] = REF(buffer),
    [VL_FIELD_REGISTER] = REF(registers),
    [VL_FIELD_CONFIG] = REF(config),
};

const struct lab_mischief_entry *lab_mischief_table(unsigned field, uint32_t *n)
{
    *n = field < VL_FIELD_COUNT ? tables[field].n : 0;
    return *n > 0 ? tables[field].entries : NULL;
}

// The device is gone: taken out while its driver runs.
static bool takes_away(const struct table *t, uint32_t choice)
{
    return t->deeds[choice % t->n].act == ACT_ONES && choice / t->n % 4 == 2;
}

const char *lab_mischief_sentence(unsigned field, uint32_t value)
{
    if (value == 0 || field >= VL_FIELD_COUNT || tables[field].n == 0) {
        return "nothing";
    }
    return takes_away(&tables[field], value)
               ? "all ones, and so does every answer of a device that is gone"
               : tables[field].entries[value % tables[field].n].sentence;
}

// A word or entry of up to 16 bytes, low half first, and what an act needs to know around it.
struct word {
    uint64_t value;
    uint64_t aux;
    unsigned bytes;
    uint32_t queue_size;
    uint32_t variant;
};

static uint64_t get_le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) { // bound: 8
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

static uint64_t mask_of(unsigned bytes)
{
    return bytes >= 8 ? UINT64_MAX : (1ull << (8 * bytes)) - 1;
}

static void flip(struct word *w)
{
    VIRTQ_ASSERT(w->bytes > 0);
    const uint32_t bit = w->variant % (8 * w->bytes);
    if (bit < 64) {
        w->value ^= 1ull << bit;
    } else {
        w->aux ^= 1ull << (bit - 64);
    }
}

// The same kind of entry, variant + 1 slots on, as memory holds it now. The slots of a ring start
// behind its header, those of a table at its start.
static void take_other(struct word *w, const struct virtq_span *span, uint32_t off)
{
    VIRTQ_ASSERT(w->bytes > 0);
    const uint32_t start = span->area == VIRTQ_AREA_AVAIL || span->area == VIRTQ_AREA_USED
                               ? VIRTQ_RING_HEADER_BYTES
                               : 0;
    if (off < start || span->bytes < start + w->bytes) {
        return;
    }
    const uint32_t n = (span->bytes - start) / w->bytes; // an event word behind is less than a slot
    const uint32_t slots = n > w->queue_size ? w->queue_size : n;
    const uint32_t slot = ((off - start) / w->bytes + w->variant + 1) % (slots > 0 ? slots : 1);
    const uint8_t *p = span->host + start + slot * w->bytes;
    w->value = get_le(p, w->bytes < 8 ? w->bytes : 8);
    w->aux = w->bytes > 8 ? get_le(p + 8, w->bytes - 8) : 0;
}

static void swap_halves(struct word *w)
{
    const unsigned half = 4 * w->bytes; // bits
    if (w->bytes > 8 || w->bytes < 2) {
        return;
    }
    const uint64_t low = w->value & mask_of(w->bytes / 2);
    w->value = w->value >> half | low << half;
}

// Acts on a plain number. Returns false if the act is none of them.
static bool act_number(struct word *w, const struct deed *deed)
{
    const uint64_t number = (uint64_t)(int64_t)deed->number;
    switch (deed->act) {
    case ACT_SET: w->value = number; break;
    case ACT_ADD: w->value += number; break;
    case ACT_ADD_QUEUE: w->value += w->queue_size + number; break;
    case ACT_SET_QUEUE: w->value = w->queue_size + number; break;
    case ACT_RAW_LOW: w->value = w->variant; break;
    case ACT_RAW_HIGH: w->value = UINT64_MAX - w->variant; break;
    case ACT_FLIP: flip(w); break;
    case ACT_FLIP_BITS: w->value ^= number & UINT32_MAX; break;
    case ACT_SWAP: swap_halves(w); break;
    default: return false;
    }
    w->value &= mask_of(w->bytes);
    return true;
}

// An exponent for each variant. Early ones are where lengths mean something: a byte, a sector,
// 64 KiB, a page, 16 MiB.
static unsigned exponent(uint32_t variant)
{
    static const uint8_t exponents[32] = {0, 9,  16, 12, 24, 4,  20, 31, 1,  8,  28,
                                          2, 14, 22, 10, 30, 3,  18, 26, 5,  11, 13,
                                          6, 15, 17, 7,  19, 21, 23, 25, 27, 29};
    return exponents[variant % 32];
}

static bool act_used(struct word *w, const struct deed *deed)
{
    const uint32_t number = (uint32_t)deed->number;
    uint32_t id = (uint32_t)w->value;
    uint32_t len = (uint32_t)(w->value >> 32);
    switch (deed->act) {
    case ACT_ID: id = number; break;
    case ACT_ID_ADD: id += number; break;
    case ACT_ID_QUEUE: id = w->queue_size + number; break;
    case ACT_ID_RAW: id = w->variant % w->queue_size; break;
    case ACT_LEN: len = number; break;
    case ACT_LEN_ADD: len += number << exponent(w->variant); break;
    case ACT_LEN_RAW: len = w->variant; break;
    default: return false;
    }
    w->value = (uint64_t)len << 32 | id;
    return true;
}

// Bus address of a byte `before` bytes before the end of a region.
static uint64_t region_end(const struct vl_memory *mem, unsigned region, uint32_t before)
{
    return mem->region[region].gpa + mem->region[region].bytes - before + mem->bus_offset;
}

// Bytes from a bus address on to the hole behind it, or to the end of memory; 0 if it is outside.
static uint32_t room_at(const struct vl_memory *mem, uint64_t addr)
{
    const uint64_t gpa = addr - mem->bus_offset;
    const uint64_t low = mem->region[0].gpa;
    const uint64_t low_bytes = (uint64_t)mem->region[0].bytes + mem->region[1].bytes;

    if (gpa - low < low_bytes) {
        return (uint32_t)(low + low_bytes - gpa);
    }
    const uint64_t at = gpa - mem->region[2].gpa;
    return at < mem->region[2].bytes ? (uint32_t)(mem->region[2].bytes - at) : 0;
}

// Returns false if the act is none on where a descriptor's bytes lie, and how far they reach.
static bool act_address(struct word *w, const struct deed *deed, const struct vl_memory *mem,
                        const struct virtq_span *span, uint32_t off)
{
    switch (deed->act) {
    case ACT_ADDR_HOLE: w->value = region_end(mem, 1, 0) + 16ull * w->variant; break;
    case ACT_ADDR_EDGE: w->value = region_end(mem, 1, 1); break;
    case ACT_ADDR_END: w->value = region_end(mem, 2, (uint32_t)deed->number); break;
    case ACT_ADDR_START:
        w->value = mem->region[0].gpa + mem->bus_offset + 16ull * (w->variant % 256);
        break;
    case ACT_ADDR_ADD: w->value = deed->number == 0 ? 0 : w->value + (uint64_t)deed->number; break;
    case ACT_ADDR_MAX: w->value = UINT64_MAX - w->variant % 16; break;
    case ACT_ADDR_OTHER: {
        const uint64_t aux = w->aux;
        take_other(w, span, off);
        w->aux = aux;
        break;
    }
    case ACT_DLEN_FAR: {
        const uint32_t room = room_at(mem, w->value);
        const uint32_t lens[4] = {(uint32_t)deed->number, room, room + 1, room / 2};
        w->aux = (w->aux >> 32 << 32) | lens[w->variant % 4];
        break;
    }
    default: return false;
    }
    return true;
}

static void act_desc(struct word *w, const struct deed *deed, uint32_t off)
{
    const uint32_t number = (uint32_t)deed->number;
    uint32_t len = (uint32_t)w->aux;
    uint16_t flags = (uint16_t)(w->aux >> 32);
    uint16_t next = (uint16_t)(w->aux >> 48);
    switch (deed->act) {
    case ACT_DLEN: len = number; break;
    case ACT_DLEN_ADD: len += number << exponent(w->variant); break;
    case ACT_NEXT: next = (uint16_t)number; break;
    case ACT_NEXT_QUEUE: next = (uint16_t)(w->queue_size + number); break;
    case ACT_NEXT_SELF: next = (uint16_t)(off / VIRTQ_DESC_BYTES); break;
    case ACT_NEXT_RAW: next = (uint16_t)(w->variant % w->queue_size); break;
    case ACT_FLAGS: flags = (uint16_t)(flags ^ number); break;
    case ACT_FLAGS_RAW: flags = (uint16_t)(flags ^ 1u << (w->variant % 16)); break;
    default: break;
    }
    // A chain that names a next descriptor in a lie about next is a chain that goes there.
    if (deed->act == ACT_NEXT || deed->act == ACT_NEXT_QUEUE || deed->act == ACT_NEXT_SELF ||
        deed->act == ACT_NEXT_RAW) {
        flags |= VIRTQ_DESC_F_NEXT;
    }
    w->aux = (uint64_t)len | (uint64_t)flags << 32 | (uint64_t)next << 48;
}

// Do what choice says to w. Returns false for a store that does not happen.
static bool act(const struct lab_mischief *mischief, struct word *w, unsigned field,
                uint32_t choice, const struct virtq_span *span, uint32_t off)
{
    const struct table *t = &tables[field];
    const struct deed *deed = &t->deeds[choice % t->n];

    w->queue_size = mischief->queue_size;
    w->variant = choice / t->n;
    if (deed->act == ACT_DROP) {
        return false;
    }
    if (deed->act == ACT_OTHER) {
        take_other(w, span, off);
        return true;
    }
    if (act_number(w, deed)) {
        return true;
    }
    if (field == VL_FIELD_USED_RING) {
        (void)act_used(w, deed);
    } else if (w->bytes == VIRTQ_DESC_BYTES &&
               !act_address(w, deed, &mischief->machine->memory, span, off)) {
        act_desc(w, deed, off);
    }
    return true;
}

static bool mischief_store(void *ctx, const struct virtq_span *span, uint32_t off, unsigned field,
                           unsigned bytes, uint64_t *value, uint64_t *aux, uint32_t choice)
{
    const struct lab_mischief *mischief = ctx;
    if (field >= VL_FIELD_COUNT || tables[field].n == 0) {
        return true;
    }
    struct word w = {.value = *value, .aux = *aux, .bytes = bytes};
    vl_lab_event(mischief->machine, VL_EV_MISCHIEF, field, choice % tables[field].n, *value, bytes);
    const bool stored = act(mischief, &w, field, choice, span, off);
    *value = w.value;
    *aux = w.aux;
    return stored;
}

// Who loads a descriptor or a used element field by field is lied to about the whole.
static void widen(const struct virtq_span *span, unsigned field, uint32_t *off, unsigned *bytes)
{
    const uint32_t unit = field == VL_FIELD_USED_RING ? VIRTQ_USED_ELEM_BYTES : VIRTQ_DESC_BYTES;
    const uint32_t from = field == VL_FIELD_USED_RING ? VIRTQ_RING_HEADER_BYTES : 0;
    const uint32_t at = from + (*off - from) / unit * unit;

    if ((field == VL_FIELD_DESC || field == VL_FIELD_INDIRECT || field == VL_FIELD_USED_RING) &&
        *bytes < unit && at + unit <= span->bytes) {
        *off = at;
        *bytes = unit;
    }
}

static void mischief_before_load(void *ctx, const struct virtq_span *span, uint32_t off,
                                 unsigned field, unsigned bytes, uint32_t choice)
{
    const struct lab_mischief *mischief = ctx;
    if (field >= VL_FIELD_COUNT || tables[field].n == 0) {
        return;
    }
    widen(span, field, &off, &bytes);
    const uint8_t *p = span->host + off;
    struct word w = {.value = get_le(p, bytes < 8 ? bytes : 8),
                     .aux = bytes > 8 ? get_le(p + 8, bytes - 8) : 0,
                     .bytes = bytes};
    if (act(mischief, &w, field, choice, span, off)) {
        vl_adversary_store(mischief->machine, span, off, bytes, w.value, w.aux);
    }
}

static void mischief_reply(void *ctx, unsigned field, uint64_t addr, unsigned bytes,
                           uint32_t *value, uint32_t choice)
{
    struct lab_mischief *mischief = ctx;
    const struct table *t = &tables[field < VL_FIELD_COUNT ? field : VL_FIELD_REGISTER];
    if (t->n == 0) {
        return;
    }
    struct word w = {.value = *value, .bytes = bytes, .queue_size = mischief->queue_size};
    const struct deed *deed = &t->deeds[choice % t->n];
    w.variant = choice / t->n;
    vl_lab_event(mischief->machine, VL_EV_MISCHIEF, field, choice % t->n, *value, bytes);
    if (deed->act == ACT_ADDRESS) {
        w.value = addr & 0xFFu & mask_of(bytes);
    } else if (deed->act == ACT_ONES) {
        w.value = mask_of(bytes);
        mischief->ops.gone = mischief->ops.gone || takes_away(t, choice);
    } else {
        (void)act_number(&w, deed);
    }
    *value = (uint32_t)w.value;
}

void lab_mischief_init(struct lab_mischief *mischief, struct vl_machine *m, uint32_t queue_size)
{
    mischief->machine = m;
    mischief->queue_size = queue_size > 0 ? queue_size : 1;
    mischief->function = NULL;
    mischief->ops = (struct vl_mischief_ops){.ctx = mischief,
                                             .n_options = LAB_MISCHIEF_OPTIONS,
                                             .store = mischief_store,
                                             .before_load = mischief_before_load,
                                             .reply = mischief_reply,
                                             .access = lab_mischief_regs_access};
}
