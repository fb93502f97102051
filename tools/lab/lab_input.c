// tools/lab/lab_input.c -- inputs as bytes: records to deviations, and back; targets.
// Format: docs/INPUTS.md. Every byte string is valid; zeros and the end of the bytes mean "benign".
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_input.h"

#include "ring/virtq_bytes.h"
#include "ring/virtq_wire.h"
#include "tools/lab/lab_input_header.h"
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

// ---- records ------------------------------------------------------------------------------------

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
    lab_header_decode(target, base, locked, header, &in->scenario);
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
    lab_header_encode(target, &in->scenario, header);
    lab_header_decode(target, &base, 0, header, &got);
    if (!lab_header_says(target, &in->scenario, &got, err)) {
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
