// tools/lab/lab_scenario.h -- a scenario: what is plugged together, as key=value in canonical
// order. One table (lab_scenario.c) holds every key with meaning, range and default; parsing,
// printing, `vringlab scenarios` and the fuzzers' headers all read it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_SCENARIO_H
#define LAB_SCENARIO_H

#include "ring/virtq_port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAB_FAULTS_MAX 8u
#define LAB_NAME_BYTES 64u
#define LAB_PATH_BYTES 1024u
#define LAB_TEXT_BYTES 2048u // a whole scenario, printed

enum lab_device { LAB_DEVICE_ENTROPY, LAB_DEVICE_BLK };
enum lab_transport { LAB_TRANSPORT_DIRECT, LAB_TRANSPORT_PCI };
enum lab_interrupt { LAB_INTERRUPT_MSIX, LAB_INTERRUPT_INTX };
enum lab_registers { LAB_REGISTERS_BAR, LAB_REGISTERS_WINDOW };
enum lab_caps { LAB_CAPS_PLAIN, LAB_CAPS_DECOYS };
enum lab_hostile { LAB_HOSTILE_NONE, LAB_HOSTILE_DRIVER, LAB_HOSTILE_DEVICE };
enum lab_memory { LAB_MEMORY_SC, LAB_MEMORY_TSO, LAB_MEMORY_RC11 }; // as enum vl_model
enum lab_platform { LAB_PLATFORM_STRONG, LAB_PLATFORM_WEAK_MMIO };
enum lab_notify { LAB_NOTIFY_MESSAGE, LAB_NOTIFY_COUNTER };
enum lab_races { LAB_RACES_STOP, LAB_RACES_SEE };
enum lab_barriers { LAB_BARRIERS_EFFECTS, LAB_BARRIERS_ORDERS };
enum lab_dma { LAB_DMA_IDENTITY, LAB_DMA_IOMMU, LAB_DMA_BOUNCE };
enum lab_op { LAB_OP_READ, LAB_OP_MIX };

struct lab_scenario {
    // enumerations are stored as uint32_t so that one table can describe every key
    uint32_t device;
    uint32_t transport;
    uint32_t interrupt;
    uint32_t registers;
    uint32_t caps;
    uint32_t memory;
    uint32_t platform;
    uint32_t notify;
    uint32_t races;
    uint32_t barriers;
    uint32_t dma;
    uint32_t hostile;
    uint32_t queue_size;         // power of two, 1..32768
    uint32_t start_idx;          // 0..65535
    uint32_t indirect;           // 0, 1: offer VIRTIO_F_INDIRECT_DESC
    uint32_t event_idx;          // 0, 1: offer VIRTIO_F_EVENT_IDX
    uint32_t buffers;            // requests of the workload; blk: 0 reads the whole disk
    uint32_t batch;              // published at once, 1..queue_size
    uint32_t chain;              // most elements of a buffer, 1..queue_size
    uint32_t bytes;              // most bytes of an element (entropy), of a request (blk)
    uint32_t ops;                // enum lab_op: blk: only reads, or reads, writes, flushes and IDs
    uint32_t poll;               // 0, 1: the driver polls instead of sleeping
    uint32_t resets;             // device resets in the middle of the workload
    uint32_t resize;             // blk over PCI: times that the medium grows in the workload
    uint32_t write;              // 0, 1: disk is writable
    uint32_t budget;             // port calls
    char disk[LAB_PATH_BYTES];   // "" : a small built-in medium
    char driver[LAB_NAME_BYTES]; // players
    char device_player[LAB_NAME_BYTES];
    uint32_t n_faults;
    char fault[LAB_FAULTS_MAX][LAB_NAME_BYTES]; // as lab_fault_known() knows them
};

// All keys at their defaults.
void lab_scenario_default(struct lab_scenario *s);

// Set one key from "key=value". Returns true; false with one line in err[256]: what is wrong and
// which values there are.
bool lab_scenario_set(struct lab_scenario *s, const char *key_value, char err[256]);

// Set keys from words or @FILE (a file of key=value lines, '#' comments), then check the whole.
// disk=FILE without buffers= and ops= means buffers=0 (read it whole), or with write=on ops=mix.
bool lab_scenario_parse(struct lab_scenario *s, int argc, char *const *argv, char err[256]);

// Check what single keys cannot: batch and chain within the queue, faults known, and so on.
bool lab_scenario_check(const struct lab_scenario *s, char err[256]);

// The scenario as "key=value" words separated by sep, canonical order, defaults left out unless
// all is set. Returns the length, or 0 if it does not fit.
size_t lab_scenario_print(const struct lab_scenario *s, char sep, bool all, char *out,
                          size_t out_bytes);

// Bytes of guest memory that a scenario's rings, indirect tables and buffers need, with room for
// alignment and for the regions that only some allocations fit; 0 if that is more than there can
// be.
uint32_t lab_scenario_mem_bytes(const struct lab_scenario *s);

// One key for listings. kind: "number", "choice", "text", "list".
struct lab_key_info {
    const char *key;
    const char *meaning;
    const char *kind;
    const char *const *values; // names of a choice, NULL-terminated; else NULL
    uint32_t min, max;         // of a number
    char default_text[32];
};
// Key i in canonical order; false behind the last one.
bool lab_key_info(uint32_t i, struct lab_key_info *info);

#ifdef __cplusplus
}
#endif

#endif
