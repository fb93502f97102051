// tools/lab/lab_input_header.c -- the header of an input's bytes: to scenario keys, and back.
// Format: docs/INPUTS.md. Zeros mean what the target has.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_input_header.h"

#include "model/memory/vl_memory.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

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
    {"registers", 16, 0, HEADER_FLIP, ALL, AT(registers)},
    {"platform", 16, 1, HEADER_FLIP, ONLY_PAIR, AT(platform)},
    {"caps", 16, 2, HEADER_FLIP, ALL, AT(caps)},
    {"resize", 17, 0, HEADER_CYCLE3, ALL, AT(resize)},
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

// Keys that mean something only beside others.
static void fit_rest(const struct lab_scenario *base, struct lab_scenario *s)
{
    const bool pci = s->transport == LAB_TRANSPORT_PCI;
    if (!pci || s->device != LAB_DEVICE_BLK || s->buffers == 0 || s->disk[0] != '\0') {
        s->resize = base->resize;
    }
    if (!pci) {
        s->registers = base->registers;
        s->caps = base->caps;
    }
    if (s->memory == LAB_MEMORY_SC) {
        s->platform = base->platform;
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

void lab_header_decode(enum lab_target target, const struct lab_scenario *base, uint64_t locked,
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
    fit_rest(base, s);
    if (s->hostile != LAB_HOSTILE_NONE) {
        s->memory = base->memory; // the user's liar needs it as it is
    }
    char err[256];
    if (!lab_scenario_check(s, err)) {
        *s = *base; // keys that the user holds leave no room for what the header asks
    }
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

void lab_header_encode(enum lab_target target, const struct lab_scenario *s, uint8_t *header)
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

bool lab_header_says(enum lab_target target, const struct lab_scenario *wanted,
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
