// tools/lab/lab_input.c -- inputs as bytes: header to scenario keys, records to deviations, and
// back. Format: docs/INPUTS.md. Every byte string is valid; zeros and the end of the bytes mean
// "benign". SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_input.h"

#include "model/memory/vl_memory.h"
#include "ring/virtq_bytes.h"
#include "ring/virtq_wire.h"
#include "tools/lab/lab_input_weak.h"

#include <stdio.h>
#include <string.h>

static const char *const target_names[LAB_TARGET_COUNT] = {
    [LAB_TARGET_NONE] = "none",          [LAB_TARGET_PAIR] = "fuzz_pair",
    [LAB_TARGET_DEVICE] = "fuzz_device", [LAB_TARGET_DRIVER] = "fuzz_driver",
    [LAB_TARGET_PCI] = "fuzz_pci",
};

const char *lab_target_name(enum lab_target target)
{
    return (unsigned)target < LAB_TARGET_COUNT ? target_names[target] : "none";
}

enum lab_target lab_target_find(const char *name)
{
    for (unsigned t = LAB_TARGET_PAIR; t < LAB_TARGET_COUNT; t++) {
        if (strcmp(name, target_names[t]) == 0 || strcmp(name, target_names[t] + 5) == 0) {
            return (enum lab_target)t;
        }
    }
    return LAB_TARGET_NONE;
}

void lab_target_scenario(enum lab_target target, struct lab_scenario *s)
{
    lab_scenario_default(s);
    s->queue_size = 4;
    s->buffers = 8;
    s->budget = 20000;
    if (target != LAB_TARGET_PCI) {
        s->transport = LAB_TRANSPORT_DIRECT;
    }
    if (target == LAB_TARGET_DEVICE) {
        s->hostile = LAB_HOSTILE_DRIVER;
    }
    if (target == LAB_TARGET_DRIVER || target == LAB_TARGET_PCI) {
        s->hostile = LAB_HOSTILE_DEVICE;
    }
}

// ---- the header
// ----------------------------------------------------------------------------------

// How a header byte says a key. Zero always leaves the base's value.
enum header_kind {
    HEADER_FLIP,   // bit: the other one of two values
    HEADER_SIZE,   // a queue size from queue_sizes[]
    HEADER_START,  // 1..254: 65536 less the byte; 255: the next two bytes are the number
    HEADER_COUNT,  // 1..64, the small ones more often
    HEADER_WITHIN, // 1..queue_size, modulo
    HEADER_BYTES,  // 1..127 themselves, then multiples of HEADER_BYTES_STEP
    HEADER_CYCLE3, // base plus the byte, modulo 3
    HEADER_CYCLE5, // base plus the byte, modulo 5
};

struct header_key {
    const char *key;
    uint8_t byte;
    uint8_t bit;
    uint8_t kind;
    uint8_t targets; // bit per enum lab_target
    size_t offset;
};

#define HEADER_BYTES_STEP 16u
#define ALL (1u << LAB_TARGET_PAIR | 1u << LAB_TARGET_DEVICE | 1u << LAB_TARGET_DRIVER | ONLY_PCI)
#define ONLY_PCI (1u << LAB_TARGET_PCI)
#define NOT_PCI (ALL & ~ONLY_PCI)
#define ONLY_PAIR (1u << LAB_TARGET_PAIR)
#define AT(field) offsetof(struct lab_scenario, field)

// In the order of decoding: what a later key depends on comes first.
static const struct header_key header_keys[] = {
    {"indirect", 0, 0, HEADER_FLIP, ALL, AT(indirect)},
    {"event_idx", 0, 1, HEADER_FLIP, ALL, AT(event_idx)},
    {"interrupt", 0, 2, HEADER_FLIP, ALL, AT(interrupt)},
    {"transport", 0, 3, HEADER_FLIP, NOT_PCI, AT(transport)},
    {"device", 0, 4, HEADER_FLIP, ALL, AT(device)},
    {"poll", 0, 5, HEADER_FLIP, ALL, AT(poll)},
    {"dma", 0, 6, HEADER_FLIP, ALL, AT(dma)},
    {"ops", 0, 7, HEADER_FLIP, ALL, AT(ops)},
    {"queue_size", 1, 0, HEADER_SIZE, ALL, AT(queue_size)},
    {"start_idx", 2, 0, HEADER_START, ALL, AT(start_idx)},
    {"buffers", 5, 0, HEADER_COUNT, ALL, AT(buffers)},
    {"batch", 6, 0, HEADER_WITHIN, ALL, AT(batch)},
    {"chain", 7, 0, HEADER_WITHIN, ALL, AT(chain)},
    {"bytes", 8, 0, HEADER_BYTES, ALL, AT(bytes)},
    {"resets", 9, 0, HEADER_CYCLE5, ALL, AT(resets)},
    {"hostile", 10, 0, HEADER_CYCLE3, ONLY_PCI, AT(hostile)},
    {"memory", 11, 0, HEADER_CYCLE3, ONLY_PAIR, AT(memory)},
};
#define N_HEADER_KEYS (sizeof(header_keys) / sizeof(header_keys[0]))

// Small queues are common: wraps, full rings and chains as long as the queue happen there.
static const uint8_t queue_sizes[16] = {0, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2, 16, 32, 4};

#define BLK_QUEUE_MIN 4u // a request has a header, data and a status

static uint32_t *field_of(struct lab_scenario *s, size_t offset)
{
    return (uint32_t *)(void *)((char *)s + offset);
}

// What header says for one key; 0 says "as the base".
static uint32_t header_value(const struct header_key *k, const uint8_t *header, uint32_t base,
                             uint32_t queue_size)
{
    const uint32_t b = header[k->byte];
    switch ((enum header_kind)k->kind) {
    case HEADER_FLIP: return base ^ (b >> k->bit & 1u);
    case HEADER_SIZE: return queue_sizes[b % 16] != 0 ? queue_sizes[b % 16] : base;
    case HEADER_START:
        if (b == 255) {
            return (uint32_t)header[k->byte + 1] | (uint32_t)header[k->byte + 2] << 8;
        }
        return b != 0 ? 65536u - b : base;
    case HEADER_COUNT: // 1..16 three times of four, else up to 64
        return b == 0 ? base : b <= 192 ? 1 + (b - 1) % 16 : 17 + (b - 193) % 48;
    case HEADER_WITHIN: return b != 0 ? 1 + (b - 1) % queue_size : base;
    case HEADER_BYTES: return b == 0 ? base : b < 128 ? b : (b - 120) * HEADER_BYTES_STEP;
    case HEADER_CYCLE3: return b % 3 != 0 ? (base + b) % 3 : base;
    case HEADER_CYCLE5: return b % 5 != 0 ? (base + b) % 5 : base;
    }
    return base;
}

uint64_t lab_input_key_bit(const char *key_value)
{
    const size_t n = strcspn(key_value, "=");
    struct lab_key_info info;
    for (uint32_t i = 0; i < 64 && lab_key_info(i, &info); i++) {
        if (strlen(info.key) == n && strncmp(info.key, key_value, n) == 0) {
            return 1ull << i;
        }
    }
    return 0;
}

// True if the user set this key; without any such key, without a look.
static bool is_locked(uint64_t locked, const char *key)
{
    return locked != 0 && (locked & lab_input_key_bit(key)) != 0;
}

// True if a world of the smallest memory is enough: there a run costs no more than a microsecond
// of clearing.
static bool is_small(const struct lab_scenario *s)
{
    return lab_scenario_mem_bytes(s) == VL_MEM_MIN_BYTES;
}

// Bring keys that depend on each other within what a scenario allows.
static void fit_queue(struct lab_scenario *s, uint64_t locked)
{
    if (s->device == LAB_DEVICE_BLK && s->queue_size < BLK_QUEUE_MIN &&
        !is_locked(locked, "queue_size")) {
        s->queue_size = BLK_QUEUE_MIN;
    }
    if (s->batch > s->queue_size && !is_locked(locked, "batch")) {
        s->batch = s->queue_size;
    }
    if (s->chain > s->queue_size && !is_locked(locked, "chain")) {
        s->chain = s->queue_size;
    }
}

static void fit_memory(struct lab_scenario *s, uint64_t locked)
{
    while (s->bytes > 1 && !is_small(s) && !is_locked(locked, "bytes")) { // bound: 15 halvings
        s->bytes /= 2;
        s->bytes -= s->bytes > 127 ? s->bytes % HEADER_BYTES_STEP : 0;
    }
    while (s->chain > 1 && !is_small(s) && !is_locked(locked, "chain")) { // bound: 6 halvings
        s->chain /= 2;
    }
}

static void decode_header(enum lab_target target, const struct lab_scenario *base, uint64_t locked,
                          const uint8_t *header, struct lab_scenario *s)
{
    *s = *base;
    for (size_t i = 0; i < N_HEADER_KEYS; i++) {
        const struct header_key *k = &header_keys[i];
        uint32_t *value = field_of(s, k->offset);
        if ((k->targets >> target & 1u) != 0 && !is_locked(locked, k->key)) {
            *value = header_value(k, header, *value, s->queue_size);
        }
        if (k->kind == HEADER_SIZE) {
            fit_queue(s, locked);
        }
    }
    fit_memory(s, locked);
    if (s->hostile != LAB_HOSTILE_NONE) {
        s->memory = base->memory; // the user's liar needs it as it is
    }
    char err[256];
    if (!lab_scenario_check(s, err)) {
        *s = *base; // keys that the user holds leave no room for what the header asks
    }
}

// ---- records
// -------------------------------------------------------------------------------------

#define LANE_PREFIX 15u       // high bits for the record that follows
#define NTH_STEP (65u * 256u) // occurrences that a record says without a prefix
#define AGENT_FREQUENT 6u     // from here on the agent's half byte says "a frequent address"

// Lanes beside the twelve that there are: those that matter most once more. HOSTILE stands for the
// mischief lane of the side that is hostile.
#define LANE_HOSTILE 255u
static const uint8_t more_lanes[LANE_PREFIX - VL_LANE_COUNT] = {VL_LANE_SCHEDULE, LANE_HOSTILE,
                                                                LANE_HOSTILE};

// Addresses at which runs do come by: without them most of a mutated record would name a choice
// that is never taken.
static const struct lab_address schedule_addresses[] = {{VL_AGENT_DRIVER, 0},  {VL_AGENT_DEVICE, 0},
                                                        {VL_AGENT_DRIVER, 0},  {VL_AGENT_DEVICE, 0},
                                                        {VL_AGENT_HANDLER, 0}, {VL_AGENT_TRAP, 0}};
static const struct lab_address payload_addresses[] = {{VL_AGENT_DRIVER, VL_FIELD_BUFFER},
                                                       {VL_AGENT_DEVICE, VL_FIELD_BUFFER}};
static const struct lab_address notify_addresses[] = {{VL_AGENT_DRIVER, VL_FIELD_DOORBELL},
                                                      {VL_AGENT_DEVICE, VL_FIELD_INTERRUPT},
                                                      {VL_AGENT_DRIVER, VL_FIELD_REGISTER}};
static const struct lab_address workload_addresses[] = {
    {0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}, {0, 6}, {0, VL_FIELD_BUFFER}};
static const struct lab_address completion_addresses[] = {{0, 0}};
static const struct lab_address hostile_driver_addresses[] = {
    {VL_AGENT_DRIVER, VL_FIELD_DESC},          {VL_AGENT_DRIVER, VL_FIELD_AVAIL_FLAGS},
    {VL_AGENT_DRIVER, VL_FIELD_AVAIL_IDX},     {VL_AGENT_DRIVER, VL_FIELD_AVAIL_RING},
    {VL_AGENT_DRIVER, VL_FIELD_USED_EVENT},    {VL_AGENT_DRIVER, VL_FIELD_INDIRECT},
    {VL_AGENT_ADVERSARY, VL_FIELD_DESC},       {VL_AGENT_ADVERSARY, VL_FIELD_AVAIL_FLAGS},
    {VL_AGENT_ADVERSARY, VL_FIELD_AVAIL_IDX},  {VL_AGENT_ADVERSARY, VL_FIELD_AVAIL_RING},
    {VL_AGENT_ADVERSARY, VL_FIELD_USED_EVENT}, {VL_AGENT_ADVERSARY, VL_FIELD_INDIRECT},
    {VL_AGENT_ADVERSARY, VL_FIELD_BUFFER},     {VL_AGENT_HANDLER, VL_FIELD_AVAIL_FLAGS}};
static const struct lab_address hostile_device_addresses[] = {
    {VL_AGENT_DEVICE, VL_FIELD_USED_FLAGS},    {VL_AGENT_DEVICE, VL_FIELD_USED_IDX},
    {VL_AGENT_DEVICE, VL_FIELD_USED_RING},     {VL_AGENT_DEVICE, VL_FIELD_AVAIL_EVENT},
    {VL_AGENT_ADVERSARY, VL_FIELD_USED_FLAGS}, {VL_AGENT_ADVERSARY, VL_FIELD_USED_IDX},
    {VL_AGENT_ADVERSARY, VL_FIELD_USED_RING},  {VL_AGENT_ADVERSARY, VL_FIELD_AVAIL_EVENT},
    {VL_AGENT_ADVERSARY, VL_FIELD_BUFFER}};
static const struct lab_address platform_addresses[] = {{0, VL_FIELD_INTERRUPT},
                                                        {0, VL_FIELD_DOORBELL}};

#define ADDRESSES(a)                                                                               \
    {                                                                                              \
        a##_addresses, sizeof(a##_addresses) / sizeof(a##_addresses[0])                            \
    }
struct addresses {
    const struct lab_address *address;
    uint32_t n; // 0: the driver at any key
};
static const struct addresses frequent[VL_LANE_COUNT] = {
    [VL_LANE_SCHEDULE] = ADDRESSES(schedule),
    [VL_LANE_READ] = ADDRESSES(payload),
    [VL_LANE_STORE] = ADDRESSES(payload),
    [VL_LANE_NOTIFY] = ADDRESSES(notify),
    [VL_LANE_WORKLOAD] = ADDRESSES(workload),
    [VL_LANE_COMPLETION] = ADDRESSES(completion),
    [VL_LANE_MISCHIEF_DRIVER] = ADDRESSES(hostile_driver),
    [VL_LANE_MISCHIEF_DEVICE] = ADDRESSES(hostile_device),
    [VL_LANE_MISCHIEF_PCI] = {NULL, 0},
    [VL_LANE_PLATFORM] = ADDRESSES(platform),
    [VL_LANE_PRIORITY] = ADDRESSES(schedule),
    [VL_LANE_DELAY] = ADDRESSES(schedule),
};

// Under weaker memory models loads and stores of ring words have choices, too.
static struct addresses frequent_of(unsigned lane, const struct lab_scenario *s)
{
    struct addresses weak = {NULL, 0};
    if (s->memory != LAB_MEMORY_SC) {
        weak.address = lab_input_weak_addresses(lane, &weak.n);
    }
    return weak.n != 0 ? weak : frequent[lane];
}

// High bits that a prefix says for the record behind it.
struct prefix {
    uint64_t nth_high;
    uint32_t value_high;
};

static uint8_t decode_lane(const uint8_t *r, const struct lab_scenario *s)
{
    uint8_t lane = r[0] & 15u;
    if (lane >= VL_LANE_COUNT) {
        lane = more_lanes[lane - VL_LANE_COUNT];
    }
    if (lane != LANE_HOSTILE) {
        return lane;
    }
    switch ((enum lab_hostile)s->hostile) {
    case LAB_HOSTILE_NONE:
        // Nobody lies; what memory does is what matters most. Loads have no choice under tso.
        if ((r[0] & 15u) != LANE_PREFIX - 1 && s->memory != LAB_MEMORY_SC) {
            return VL_LANE_STORE;
        }
        return s->memory == LAB_MEMORY_RC11 ? VL_LANE_READ : VL_LANE_SCHEDULE;
    case LAB_HOSTILE_DRIVER:
    case LAB_HOSTILE_DEVICE: break;
    }
    if (s->transport == LAB_TRANSPORT_PCI && (r[0] & 15u) == LANE_PREFIX - 1) {
        return VL_LANE_MISCHIEF_PCI;
    }
    return s->hostile == LAB_HOSTILE_DRIVER ? VL_LANE_MISCHIEF_DRIVER : VL_LANE_MISCHIEF_DEVICE;
}

// Occurrence, counted from 0, without its prefix. With a frequent address small ones are common.
static uint32_t decode_nth(const uint8_t *r, bool is_frequent)
{
    if (is_frequent && r[3] < 0x80u) {
        return r[2] % (r[3] < 0x40u ? 8u : 32u);
    }
    return r[2] + (r[3] >= 0xC0u ? 256u * (r[3] - 0xC0u + 1u) : 0);
}

static struct vl_deviation decode_record(const uint8_t *r, const struct prefix *high,
                                         const struct lab_scenario *s)
{
    const uint8_t half = (uint8_t)(r[0] >> 4);
    const bool is_frequent = half >= AGENT_FREQUENT;
    struct vl_deviation d = {.lane = decode_lane(r, s), .agent = half, .key = r[1]};

    if (is_frequent) {
        const struct addresses f = frequent_of(d.lane, s);
        d.agent = f.n > 0 ? f.address[r[1] % f.n].agent : VL_AGENT_DRIVER;
        d.key = f.n > 0 ? f.address[r[1] % f.n].key : r[1];
        if (d.lane == VL_LANE_MISCHIEF_PCI && s->hostile == LAB_HOSTILE_DRIVER && r[1] >= 64) {
            d.agent = VL_AGENT_ADVERSARY; // most of what there is to do is its
        }
    }
    d.nth = (uint32_t)(1u + decode_nth(r, is_frequent) + high->nth_high * NTH_STEP);
    d.value = (uint32_t)r[4] | (uint32_t)r[5] << 8 | high->value_high << 16;
    return d;
}

static uint32_t decode_records(const uint8_t *data, size_t bytes, struct lab_input *in)
{
    struct prefix high = {0};
    uint32_t n = in->n; // those that the header drew

    for (size_t at = 0; at + LAB_INPUT_RECORD_BYTES <= bytes && n < in->max;
         at += LAB_INPUT_RECORD_BYTES) { // bound: bytes
        const uint8_t *r = data + at;
        if ((r[0] & 15u) == LANE_PREFIX) {
            high.nth_high = (uint64_t)r[1] | (uint64_t)r[2] << 8 | (uint64_t)(r[0] >> 4 & 3u) << 16;
            high.value_high = (uint32_t)r[4] | (uint32_t)r[5] << 8;
            continue;
        }
        in->list[n++] = decode_record(r, &high, &in->scenario);
        high = (struct prefix){0};
    }
    return n;
}

// The header of bytes, with zeros for what is missing. Returns how many there are.
static size_t take_header(enum lab_target target, const struct lab_scenario *base, uint64_t locked,
                          const uint8_t *data, size_t bytes, uint8_t header[LAB_INPUT_HEADER_BYTES],
                          struct lab_input *in)
{
    const size_t n = bytes < LAB_INPUT_HEADER_BYTES ? bytes : LAB_INPUT_HEADER_BYTES;

    memset(header, 0, LAB_INPUT_HEADER_BYTES);
    if (n > 0) {
        memcpy(header, data, n);
    }
    decode_header(target, base, locked, header, &in->scenario);
    in->target = target;
    in->finding[0] = '\0';
    in->n = 0;
    return n;
}

void lab_input_decode(enum lab_target target, const struct lab_scenario *base, uint64_t locked,
                      const uint8_t *data, size_t bytes, struct lab_input *in)
{
    uint8_t header[LAB_INPUT_HEADER_BYTES];
    const size_t n = take_header(target, base, locked, data, bytes, header, in);
    const uint32_t seed = (uint32_t)virtq_get_le(header + LAB_INPUT_SEED_AT, 4);

    if (in->scenario.memory != LAB_MEMORY_SC && seed != 0) {
        in->n = lab_input_weak_draw(&in->scenario, seed, in->list, in->max);
    }
    if (bytes > n) {
        in->n = decode_records(data + n, bytes - n, in);
    }
    in->n = vl_deviations_canonical(in->list, in->n);
}

void lab_input_split(enum lab_target target, const struct lab_scenario *base, uint64_t locked,
                     const uint8_t *data, size_t bytes, uint8_t header[LAB_INPUT_HEADER_BYTES],
                     struct lab_input *in)
{
    const size_t n = take_header(target, base, locked, data, bytes, header, in);
    if (bytes > n) {
        in->n = decode_records(data + n, bytes - n, in);
    }
    in->n = vl_deviations_canonical(in->list, in->n);
}

bool lab_input_header_key(enum lab_target target, uint32_t i, struct lab_header_key *key)
{
    for (size_t k = 0; k < N_HEADER_KEYS; k++) {
        const struct header_key *h = &header_keys[k];
        if ((h->targets >> target & 1u) == 0) {
            continue;
        }
        if (i-- == 0) {
            *key = (struct lab_header_key){h->key, h->byte, h->bit, h->kind == HEADER_FLIP};
            return true;
        }
    }
    return false;
}

static size_t encode_record(const struct vl_deviation *d, uint8_t out[2 * LAB_INPUT_RECORD_BYTES])
{
    const uint32_t low = (d->nth - 1) % NTH_STEP;
    const uint32_t nth_high = (d->nth - 1) / NTH_STEP;
    const uint32_t value_high = d->value >> 16;
    size_t n = 0;

    memset(out, 0, 2 * (size_t)LAB_INPUT_RECORD_BYTES);
    if (nth_high != 0 || value_high != 0) {
        out[0] = (uint8_t)(LANE_PREFIX | (nth_high >> 16 & 3u) << 4);
        out[1] = (uint8_t)nth_high;
        out[2] = (uint8_t)(nth_high >> 8);
        out[4] = (uint8_t)value_high;
        out[5] = (uint8_t)(value_high >> 8);
        n = LAB_INPUT_RECORD_BYTES;
    }
    uint8_t *r = out + n;
    r[0] = (uint8_t)(d->lane | d->agent << 4);
    r[1] = (uint8_t)d->key;
    r[2] = (uint8_t)low;
    r[3] = (uint8_t)(low >= 256 ? 0xC0u + low / 256 - 1 : 0);
    r[4] = (uint8_t)d->value;
    r[5] = (uint8_t)(d->value >> 8);
    return n + LAB_INPUT_RECORD_BYTES;
}

size_t lab_input_join(const uint8_t header[LAB_INPUT_HEADER_BYTES], const struct vl_deviation *list,
                      uint32_t n, uint8_t *out, size_t out_bytes)
{
    size_t bytes = LAB_INPUT_HEADER_BYTES;

    memcpy(out, header, LAB_INPUT_HEADER_BYTES);
    for (uint32_t i = 0; i < n; i++) { // bound: n
        uint8_t record[2 * LAB_INPUT_RECORD_BYTES];
        const size_t more = encode_record(&list[i], record);
        if (more > out_bytes - bytes) {
            break;
        }
        memcpy(out + bytes, record, more);
        bytes += more;
    }
    return bytes;
}

// Find the smallest byte that says value; where none does, the byte stays 0.
static void encode_key(const struct header_key *k, uint8_t *header, uint32_t base, uint32_t value,
                       uint32_t queue_size)
{
    const uint8_t before = header[k->byte];
    for (uint32_t b = 0; b < 256; b++) {
        header[k->byte] = (uint8_t)(k->kind == HEADER_FLIP ? before | (b & 1u) << k->bit : b);
        if (k->kind == HEADER_START && b == 255) {
            header[k->byte + 1] = (uint8_t)value;
            header[k->byte + 2] = (uint8_t)(value >> 8);
        }
        if (header_value(k, header, base, queue_size) == value) {
            return;
        }
    }
    header[k->byte] = before;
}

// Say as much of s as a header can.
static void encode_header(enum lab_target target, const struct lab_scenario *s, uint8_t *header)
{
    struct lab_scenario now;
    lab_target_scenario(target, &now);
    for (size_t i = 0; i < N_HEADER_KEYS; i++) {
        const struct header_key *k = &header_keys[i];
        uint32_t *value = field_of(&now, k->offset);
        const uint32_t wanted = *(const uint32_t *)(const void *)((const char *)s + k->offset);
        if (*value != wanted && (k->targets >> target & 1u) != 0) {
            encode_key(k, header, *value, wanted, now.queue_size);
        }
        *value = wanted;
        if (k->kind == HEADER_SIZE) {
            fit_queue(&now, 0);
        }
    }
}

// True if header says the wanted scenario whole; else err names the first key that it cannot say.
static bool says_all(enum lab_target target, const struct lab_scenario *wanted,
                     const struct lab_scenario *got, char err[256])
{
    char a[LAB_TEXT_BYTES];
    char b[LAB_TEXT_BYTES];
    size_t line = 0;
    size_t i = 0;

    // A harness has a budget of its own: one that was left out, and so is the default, gives way.
    struct lab_scenario with_budget = *got;
    struct lab_scenario defaults;
    lab_scenario_default(&defaults);
    if (wanted->budget == defaults.budget) {
        with_budget.budget = wanted->budget;
    }
    (void)lab_scenario_print(wanted, '\n', true, a, sizeof(a));
    (void)lab_scenario_print(&with_budget, '\n', true, b, sizeof(b));
    for (; a[i] != '\0' && a[i] == b[i]; i++) { // bound: the text
        line = a[i] == '\n' ? i + 1 : line;
    }
    if (a[i] == b[i]) {
        return true;
    }
    const size_t n = strcspn(a + line, "\n");
    (void)snprintf(err, 256,
                   "%.*s: the bytes of %s cannot say it; leave the key out and set it in "
                   "VRINGLAB_SCENARIO",
                   (int)(n < 100 ? n : 100), a + line, lab_target_name(target));
    return false;
}

size_t lab_input_encode(enum lab_target target, const struct lab_input *in, uint8_t *out,
                        size_t out_bytes, char err[256])
{
    uint8_t header[LAB_INPUT_HEADER_BYTES] = {0};
    struct lab_scenario base;
    struct lab_scenario got;

    if (target == LAB_TARGET_NONE || (unsigned)target >= LAB_TARGET_COUNT) {
        (void)snprintf(err, 256, "which harness? say target=pair, device, driver or pci");
        return 0;
    }
    lab_target_scenario(target, &base);
    encode_header(target, &in->scenario, header);
    decode_header(target, &base, 0, header, &got);
    if (!says_all(target, &in->scenario, &got, err)) {
        return 0;
    }
    if (out_bytes < sizeof(header)) {
        (void)snprintf(err, 256, "no room for the header");
        return 0;
    }
    size_t wanted = sizeof(header);
    for (uint32_t i = 0; i < in->n; i++) { // bound: in->n
        uint8_t record[2 * LAB_INPUT_RECORD_BYTES];
        wanted += encode_record(&in->list[i], record);
    }
    if (wanted > out_bytes) {
        (void)snprintf(err, 256, "too many deviations: more than %zu bytes", out_bytes);
        return 0;
    }
    return lab_input_join(header, in->list, in->n, out, out_bytes);
}
