// tools/lab/lab_scenario.c -- the table of scenario keys, and reading and printing it.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_scenario.h"

#include "model/memory/vl_memory.h"
#include "ring/virtq_barrier.h"
#include "tools/lab/lab_breach.h"
#include "tools/lab/lab_fault.h"
#include "tools/lab/lab_mischief_fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const device_names[] = {"entropy", "blk", NULL};
static const char *const transport_names[] = {"direct", "pci", NULL};
static const char *const interrupt_names[] = {"msix", "intx", NULL};
static const char *const registers_names[] = {"bar", "window", NULL};
static const char *const caps_names[] = {"plain", "decoys", NULL};
static const char *const memory_names[] = {"sc", "tso", "rc11", NULL};
static const char *const platform_names[] = {"strong", "weak-mmio", NULL};
static const char *const notify_names[] = {"message", "counter", NULL};
static const char *const races_names[] = {"stop", "see", NULL};
static const char *const barriers_names[] = {"effects", "orders", NULL};
static const char *const dma_names[] = {"identity", "iommu", "bounce", NULL};
static const char *const hostile_names[] = {"none", "driver", "device", NULL};
static const char *const ops_names[] = {"read", "mix", NULL};
static const char *const switch_names[] = {"off", "on", NULL};

enum key_kind { KEY_CHOICE, KEY_NUMBER, KEY_POW2, KEY_TEXT, KEY_FAULTS };

struct key {
    const char *name;
    const char *meaning;
    enum key_kind kind;
    size_t offset;
    size_t bytes; // of a text
    const char *const *values;
    uint32_t min, max;
    const char *default_text;
};

#define CHOICE(name, field, values, deflt, meaning)                                                \
    {                                                                                              \
        name, meaning, KEY_CHOICE, offsetof(struct lab_scenario, field), 0, values, 0, 0, deflt    \
    }
#define NUMBER(name, field, min, max, deflt, meaning)                                              \
    {                                                                                              \
        name, meaning, KEY_NUMBER, offsetof(struct lab_scenario, field), 0, NULL, min, max, deflt  \
    }
#define TEXT(name, field, bytes, deflt, meaning)                                                   \
    {                                                                                              \
        name, meaning, KEY_TEXT, offsetof(struct lab_scenario, field), bytes, NULL, 0, 0, deflt    \
    }

// Canonical order is the order of this table.
static const struct key keys[] = {
    CHOICE("device", device, device_names, "entropy", "device type on the queue"),
    CHOICE("transport", transport, transport_names, "pci", "how driver and device find each other"),
    CHOICE("interrupt", interrupt, interrupt_names, "msix", "how a device over PCI interrupts"),
    CHOICE("registers", registers, registers_names, "bar",
           "how a driver over PCI reaches registers: BARs, or the window in config space"),
    CHOICE("caps", caps, caps_names, "plain",
           "capabilities over PCI: one of each type, or in front others of no use, to be skipped"),
    CHOICE("memory", memory, memory_names, "sc", "memory model"),
    CHOICE("platform", platform, platform_names, "strong",
           "whether doorbells and MSI order what their sender did before (tso, rc11)"),
    CHOICE("notify", notify, notify_names, "message",
           "doorbells and interrupts: messages under way, or counters that a sleeper looks at"),
    CHOICE("races", races, races_names, "stop",
           "a data race ends the run, or is shown: the load sees the bytes from before (rc11)"),
    CHOICE("barriers", barriers, barriers_names, "effects",
           "a missing barrier is judged by what comes of it, or at the access, by its order"),
    CHOICE("dma", dma, dma_names, "identity", "what a bus address is to guest memory"),
    CHOICE("hostile", hostile, hostile_names, "none", "which side may lie, by the mischief lanes"),
    {"queue_size", "entries of the virtqueue, a power of two", KEY_POW2,
     offsetof(struct lab_scenario, queue_size), 0, NULL, 1, 32768, "8"},
    NUMBER("start_idx", start_idx, 0, 65535, "0",
           "first value of both indices, as after a restore"),
    CHOICE("indirect", indirect, switch_names, "on", "offer VIRTIO_F_INDIRECT_DESC"),
    CHOICE("event_idx", event_idx, switch_names, "on", "offer VIRTIO_F_EVENT_IDX"),
    NUMBER("buffers", buffers, 0, 100000000, "16",
           "requests of the workload; blk: 0 reads the whole disk"),
    NUMBER("batch", batch, 1, 32768, "1", "requests published at once, up to the queue size"),
    NUMBER("chain", chain, 1, 64, "1", "most data elements of a request, up to the queue size"),
    NUMBER("bytes", bytes, 1, 32768, "64", "most bytes of a data element; blk: rounded up to 512"),
    CHOICE("ops", ops, ops_names, "read", "blk: only reads, or reads, writes, flushes and IDs"),
    CHOICE("poll", poll, switch_names, "off", "the driver polls the queue instead of sleeping"),
    NUMBER("resets", resets, 0, 1000, "0", "device resets in the middle of the workload"),
    NUMBER("resize", resize, 0, 100, "0",
           "blk over PCI: times that the built-in medium grows in the middle of the workload"),
    CHOICE("write", write, switch_names, "off", "disk=FILE is written to after a clean run"),
    NUMBER("budget", budget, 100, 4000000000u, "1000000",
           "port calls after which a run is stopped"),
    TEXT("disk", disk, LAB_PATH_BYTES, "",
         "file behind device=blk, read whole unless buffers= or ops= say otherwise; none: a small "
         "built-in medium"),
    TEXT("driver", driver, LAB_NAME_BYTES, "vringlab", "player on the driver side"),
    TEXT("player", device_player, LAB_NAME_BYTES, "vringlab", "player on the device side"),
    {"fault", "faults that are on, separated by commas", KEY_FAULTS,
     offsetof(struct lab_scenario, fault), 0, NULL, 0, 0, ""},
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))
_Static_assert(N_KEYS <= 32, "sets of keys are words");

static uint32_t *number_of(struct lab_scenario *s, const struct key *k)
{
    return (uint32_t *)(void *)((char *)s + k->offset);
}

static bool fail(char err[256], const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(char err[256], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err, 256, format, args);
    va_end(args);
    return false;
}

static bool set_choice(struct lab_scenario *s, const struct key *k, const char *value,
                       char err[256])
{
    char all[128] = "";
    for (uint32_t i = 0; k->values[i] != NULL; i++) {
        if (strcmp(k->values[i], value) == 0) {
            *number_of(s, k) = i;
            return true;
        }
        const size_t used = strlen(all);
        (void)snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "", k->values[i]);
    }
    return fail(err, "%s=%.64s: unknown value; use one of: %s", k->name, value, all);
}

static bool set_number(struct lab_scenario *s, const struct key *k, const char *value,
                       char err[256])
{
    char *end = NULL;
    const unsigned long long v = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || strlen(value) > 10 || v < k->min ||
        v > k->max) {
        return fail(err, "%s=%.64s: use a number from %u to %u", k->name, value, k->min, k->max);
    }
    if (k->kind == KEY_POW2 && (v & (v - 1)) != 0) {
        return fail(err, "%s=%.64s: use a power of two from %u to %u", k->name, value, k->min,
                    k->max);
    }
    *number_of(s, k) = (uint32_t)v;
    return true;
}

static bool set_text(struct lab_scenario *s, const struct key *k, const char *value, char err[256])
{
    if (strlen(value) >= k->bytes) {
        return fail(err, "%s=%.64s...: longer than %zu bytes", k->name, value, k->bytes - 1);
    }
    if (strpbrk(value, " \t\r\n") != NULL) {
        return fail(err, "%s=%.64s: must not hold white space", k->name, value);
    }
    (void)snprintf((char *)s + k->offset, k->bytes, "%s", value);
    return true;
}

// A comma-separated list; each is known, or the whole is refused.
static bool set_faults(struct lab_scenario *s, const char *value, char err[256])
{
    s->n_faults = 0;
    while (*value != '\0') { // bound: LAB_FAULTS_MAX
        const size_t n = strcspn(value, ",");
        if (s->n_faults == LAB_FAULTS_MAX) {
            return fail(err, "fault=: more than %u faults", LAB_FAULTS_MAX);
        }
        if (n == 0 || n >= LAB_NAME_BYTES) {
            return fail(err, "fault=%.64s: an empty or too long name", value);
        }
        char *name = s->fault[s->n_faults];
        memcpy(name, value, n);
        name[n] = '\0';
        if (!lab_fault_known(name, err)) {
            return false;
        }
        s->n_faults++;
        value += n + (value[n] == ',' ? 1 : 0);
    }
    return true;
}

static bool set_value(struct lab_scenario *s, const struct key *k, const char *value, char err[256])
{
    switch (k->kind) {
    case KEY_CHOICE: return set_choice(s, k, value, err);
    case KEY_NUMBER:
    case KEY_POW2: return set_number(s, k, value, err);
    case KEY_TEXT: return set_text(s, k, value, err);
    case KEY_FAULTS: break;
    }
    return set_faults(s, value, err);
}

void lab_scenario_default(struct lab_scenario *s)
{
    char err[256];
    memset(s, 0, sizeof(*s));
    for (size_t i = 0; i < N_KEYS; i++) {
        VIRTQ_ASSERT(set_value(s, &keys[i], keys[i].default_text, err));
    }
}

// Set one key; *given gets the bit of its place in the table.
static bool set_key(struct lab_scenario *s, const char *key_value, uint32_t *given, char err[256])
{
    const char *eq = strchr(key_value, '=');
    if (eq == NULL) {
        return fail(err, "%.64s: not KEY=VALUE; `vringlab scenarios` lists the keys", key_value);
    }
    const size_t n = (size_t)(eq - key_value);
    for (size_t i = 0; i < N_KEYS; i++) {
        if (strlen(keys[i].name) == n && strncmp(keys[i].name, key_value, n) == 0) {
            *given |= 1u << i;
            return set_value(s, &keys[i], eq + 1, err);
        }
    }
    return fail(err, "%.*s: unknown key; `vringlab scenarios` lists the keys",
                (int)(n < 64 ? n : 64), key_value);
}

bool lab_scenario_set(struct lab_scenario *s, const char *key_value, char err[256])
{
    uint32_t given = 0;
    return set_key(s, key_value, &given, err);
}

#define SCENARIO_FILE_MAX 65536u

static bool set_from_file(struct lab_scenario *s, const char *path, uint32_t *given, char err[256])
{
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return fail(err, "%.128s: cannot be read", path);
    }
    char line[LAB_PATH_BYTES + 64];
    bool ok = true;
    uint32_t n = 0;
    while (ok && n < SCENARIO_FILE_MAX && fgets(line, sizeof(line), f) != NULL) {
        n++;
        line[strcspn(line, "#\r\n")] = '\0';
        char *end = line + strlen(line);
        while (end > line && (end[-1] == ' ' || end[-1] == '\t')) { // bound: the line
            *--end = '\0';
        }
        char inner[256];
        if (line[0] != '\0' && !set_key(s, line, given, inner)) {
            ok = fail(err, "%.64s: line %u: %.160s", path, n, inner);
        }
    }
    if (ok && ferror(f) != 0) {
        ok = fail(err, "%.128s: cannot be read", path);
    }
    (void)fclose(f);
    return ok;
}

static bool was_given(uint32_t given, const char *name)
{
    for (size_t i = 0; i < N_KEYS; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return (given >> i & 1u) != 0;
        }
    }
    return false;
}

// What a disk is for, where the words do not say: it is read whole, or, writable, written to.
static void default_of_disk(struct lab_scenario *s, uint32_t given)
{
    if (!was_given(given, "disk") || was_given(given, "buffers") || was_given(given, "ops")) {
        return;
    }
    if (s->write != 0) {
        s->ops = LAB_OP_MIX;
    } else {
        s->buffers = 0;
    }
}

bool lab_scenario_parse(struct lab_scenario *s, int argc, char *const *argv, char err[256])
{
    uint32_t given = 0;
    for (int i = 0; i < argc; i++) {
        const bool ok = argv[i][0] == '@' ? set_from_file(s, argv[i] + 1, &given, err)
                                          : set_key(s, argv[i], &given, err);
        if (!ok) {
            return false;
        }
    }
    default_of_disk(s, given);
    return lab_scenario_check(s, err);
}

bool lab_scenario_check(const struct lab_scenario *s, char err[256])
{
    if (s->batch > s->queue_size) {
        return fail(err, "batch=%u: larger than queue_size=%u", s->batch, s->queue_size);
    }
    if (s->chain > s->queue_size) {
        return fail(err, "chain=%u: larger than queue_size=%u", s->chain, s->queue_size);
    }
    if (s->device == LAB_DEVICE_BLK && s->chain + 2 > s->queue_size && s->queue_size < 4) {
        return fail(err, "queue_size=%u: a block request needs 3 descriptors at least",
                    s->queue_size);
    }
    if (s->device != LAB_DEVICE_BLK && (s->disk[0] != '\0' || s->write != 0)) {
        return fail(err, "disk= and write= need device=blk");
    }
    if (s->resize != 0 && (s->device != LAB_DEVICE_BLK || s->transport != LAB_TRANSPORT_PCI ||
                           s->disk[0] != '\0' || s->buffers == 0)) {
        return fail(err,
                    "resize=%u: needs device=blk, transport=pci, no disk= and buffers= of 1 "
                    "or more",
                    s->resize);
    }
    if (s->write != 0 && s->disk[0] == '\0') {
        return fail(err, "write=on: needs disk=FILE");
    }
    if (s->memory != LAB_MEMORY_SC && s->hostile != LAB_HOSTILE_NONE) {
        return fail(err,
                    "memory=%s: hostile=%s needs memory=sc; what a hostile side stores has no "
                    "place in a weaker model",
                    memory_names[s->memory], hostile_names[s->hostile]);
    }
    if (s->notify == LAB_NOTIFY_COUNTER && s->hostile != LAB_HOSTILE_NONE) {
        return fail(err, "notify=counter: needs hostile=none");
    }
    if (s->notify == LAB_NOTIFY_COUNTER && s->transport == LAB_TRANSPORT_PCI &&
        s->interrupt == LAB_INTERRUPT_INTX) {
        return fail(err, "notify=counter: needs interrupt=msix; a line is no counter");
    }
    if (s->memory != LAB_MEMORY_RC11 && s->races != LAB_RACES_STOP) {
        return fail(err, "races=see: needs memory=rc11, where there are data races");
    }
    if (s->memory == LAB_MEMORY_SC && s->platform != LAB_PLATFORM_STRONG) {
        return fail(err, "platform=weak-mmio: needs memory=tso or rc11; under sc all is in order");
    }
    return lab_mischief_fault_check(s, err) && lab_breach_check(s, err) &&
           lab_player_known(s->driver, LAB_SIDE_DRIVER, err) &&
           lab_player_known(s->device_player, LAB_SIDE_DEVICE, err);
}

static void print_value(const struct lab_scenario *s, const struct key *k, char *out, size_t bytes)
{
    const uint32_t v = *(const uint32_t *)(const void *)((const char *)s + k->offset);
    out[0] = '\0';
    switch (k->kind) {
    case KEY_CHOICE: (void)snprintf(out, bytes, "%s", k->values[v]); break;
    case KEY_NUMBER:
    case KEY_POW2: (void)snprintf(out, bytes, "%u", v); break;
    case KEY_TEXT: (void)snprintf(out, bytes, "%s", (const char *)s + k->offset); break;
    case KEY_FAULTS:
        for (uint32_t i = 0; i < s->n_faults; i++) {
            const size_t used = strlen(out);
            (void)snprintf(out + used, bytes - used, "%s%s", i > 0 ? "," : "", s->fault[i]);
        }
        break;
    }
}

size_t lab_scenario_print(const struct lab_scenario *s, char sep, bool all, char *out,
                          size_t out_bytes)
{
    size_t used = 0;
    char value[LAB_PATH_BYTES];

    if (out_bytes == 0) {
        return 0;
    }
    out[0] = '\0';
    for (size_t i = 0; i < N_KEYS; i++) {
        print_value(s, &keys[i], value, sizeof(value));
        if (!all && strcmp(value, keys[i].default_text) == 0) {
            continue;
        }
        const char first[2] = {sep, '\0'};
        const int n = snprintf(out + used, out_bytes - used, "%s%s=%s", used > 0 ? first : "",
                               keys[i].name, value);
        if (n < 0 || (size_t)n >= out_bytes - used) {
            return 0;
        }
        used += (size_t)n;
    }
    return used;
}

bool lab_key_info(uint32_t i, struct lab_key_info *info)
{
    static const char *const kinds[] = {"choice", "number", "number", "text", "list"};
    if (i >= N_KEYS) {
        return false;
    }
    const struct key *k = &keys[i];
    *info = (struct lab_key_info){.key = k->name,
                                  .meaning = k->meaning,
                                  .kind = kinds[k->kind],
                                  .values = k->values,
                                  .min = k->min,
                                  .max = k->max};
    (void)snprintf(info->default_text, sizeof(info->default_text), "%s", k->default_text);
    return true;
}

uint32_t lab_scenario_mem_bytes(const struct lab_scenario *s)
{
    const uint64_t size = s->queue_size;
    const uint64_t rings = virtq_desc_table_bytes(s->queue_size) +
                           virtq_avail_bytes(s->queue_size) + virtq_used_bytes(s->queue_size);
    const uint64_t most = s->device == LAB_DEVICE_BLK ? s->chain + 2 : s->chain;
    const uint64_t tables = size * (most < size ? most : size) * VIRTQ_DESC_BYTES;
    const uint64_t slots = size < 256 ? size : 256;
    const uint64_t buffers = slots * ((uint64_t)s->bytes * s->chain + 512 + 64);
    const uint64_t factor = s->dma == LAB_DMA_BOUNCE ? 4 : 2; // a quarter is the bounce buffers'
    const uint64_t need = factor * (rings + tables + buffers) + 8192;
    const uint64_t step = 16u << 10;
    const uint64_t rounded = (need + step - 1) / step * step;
    return rounded < VL_MEM_MIN_BYTES   ? VL_MEM_MIN_BYTES
           : rounded > VL_MEM_MAX_BYTES ? 0
                                        : (uint32_t)rounded;
}
