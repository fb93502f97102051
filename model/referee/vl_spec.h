// model/referee/vl_spec.h -- the executable specification: what its checkers share.
// Spec: virtio 1.4 §2.1, §2.2, §2.4, §2.5, §3.1, §4.1 (1.0: §2.1, §2.2, §2.3, §3.1, §4.1).
//
// A checker is a state machine over events for one area. It decodes bytes itself, and knows whom to
// blame, by which values, and which earlier event made it wrong. What registers said and were told
// is kept here once, and is brought up to date behind the checkers: they see an access, and the
// state before it.
//
//   vl_spec.c           hands accesses out, keeps the verdict
//   vl_spec_regs.c      config space and BARs decoded: which structure, which register
//   vl_spec_AREA.c      the checkers of an area
//
// Once a side has broken a clause in a run that goes on (it is not the judged one), checks of the
// other side that rely on it stand down: vl_spec_broke().
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_H
#define VL_SPEC_H

#include "model/core/vl_machine.h"
#include "model/referee/vl_clause.h"

#include <stdbool.h>
#include <stdint.h>

struct vl_referees;

// ---- saying that a clause is broken -----------------------------------------------------------

// Enters this place into the list of checks (vl_check_at()).
#define VL_CHECK_HERE(name)                                                                        \
    static const struct vl_check check_here_                                                       \
        __attribute__((used, section("vl_checks"))) = {__FILE__, __LINE__, VL_CLAUSE_##name, 0}

// side broke clause name: a finding "spec:ID" for a MUST of a judged side, advice for a SHOULD;
// remembered for an unjudged side. Then a sentence, as for printf.
#define VL_BROKEN(r, side, name, ...) VL_BROKEN_AS(r, side, name, NULL, __VA_ARGS__)

// The same under the name that another referee gives the finding.
#define VL_BROKEN_AS(r, side, name, kind, ...)                                                     \
    do {                                                                                           \
        VL_CHECK_HERE(name);                                                                       \
        vl_clause_broken(r, side, VL_CLAUSE_##name, kind, __VA_ARGS__);                            \
    } while (0)

// The function behind the macros. kind "REFEREE:NAME", or NULL for "spec:ID".
void vl_clause_broken(struct vl_referees *r, enum vl_side side, enum vl_clause clause,
                      const char *kind, const char *detail, ...)
    __attribute__((format(printf, 5, 6), cold, noinline));

// True if this clause was broken in this run, by a side that is not judged.
bool vl_spec_broke(const struct vl_referees *r, enum vl_clause clause);

// ---- an access, decoded -----------------------------------------------------------------------

// The structures of a virtio PCI function [4.1.4], numbered as cfg_type does, and what else has
// registers.
enum vl_structure {
    VL_REGION_NONE,   // in no structure that the driver knows of
    VL_REGION_COMMON, // cfg_type 1
    VL_REGION_NOTIFY, // 2
    VL_REGION_ISR,    // 3
    VL_REGION_DEVICE, // 4
    VL_REGION_WINDOW, // 5: pci_cfg_data
    VL_REGION_TABLE,  // the MSI-X table
    VL_REGION_COUNT
};

// Common configuration [4.1.4.3].
enum {
    VL_COMMON_DEVICE_FEATURE_SELECT = 0x00,
    VL_COMMON_DEVICE_FEATURE = 0x04,
    VL_COMMON_DRIVER_FEATURE_SELECT = 0x08,
    VL_COMMON_DRIVER_FEATURE = 0x0C,
    VL_COMMON_CONFIG_VECTOR = 0x10,
    VL_COMMON_NUM_QUEUES = 0x12,
    VL_COMMON_STATUS = 0x14,
    VL_COMMON_GENERATION = 0x15,
    VL_COMMON_QUEUE_SELECT = 0x16,
    VL_COMMON_QUEUE_SIZE = 0x18,
    VL_COMMON_QUEUE_VECTOR = 0x1A,
    VL_COMMON_QUEUE_ENABLE = 0x1C,
    VL_COMMON_QUEUE_NOTIFY_OFF = 0x1E,
    VL_COMMON_QUEUE_DESC = 0x20,
    VL_COMMON_QUEUE_DRIVER = 0x28,
    VL_COMMON_QUEUE_DEVICE = 0x30,
    VL_COMMON_BYTES = 0x38,
};

// Device status [2.1].
enum {
    VL_STATUS_ACKNOWLEDGE = 1,
    VL_STATUS_DRIVER = 2,
    VL_STATUS_DRIVER_OK = 4,
    VL_STATUS_FEATURES_OK = 8,
    VL_STATUS_NEEDS_RESET = 64,
    VL_STATUS_FAILED = 128,
};

#define VL_NO_VECTOR 0xFFFFu
#define VL_ISR_QUEUE 1u
#define VL_ISR_CONFIG 2u

struct vl_reg_access {
    const struct vl_event *ev;
    uint64_t seq;
    uint8_t region; // enum vl_structure
    bool write;
    uint8_t bytes;
    uint32_t off; // in the structure
    uint32_t value;
};

// ---- bytes of config space --------------------------------------------------------------------

#define VL_CONFIG_BYTES 256u

#define VL_CONFIG_WORDS64 (VL_CONFIG_BYTES / 64)

// A set of bytes of a function's config space. The last word is empty: nothing lies behind.
struct vl_config_set {
    uint64_t bits[VL_CONFIG_WORDS64 + 1];
};

// Bytes from off on, as bits from 0 on; as many as a word holds.
static inline uint64_t vl_config_from(const struct vl_config_set *set, uint32_t off)
{
    const uint32_t i = off / 64;
    const uint32_t at = off % 64;
    return i < VL_CONFIG_WORDS64 ? set->bits[i] >> at | set->bits[i + 1] << 1 << (63 - at) : 0;
}

// True if n bytes (at most 63) from off on are in the set.
static inline bool vl_config_has(const struct vl_config_set *set, uint32_t off, uint32_t n)
{
    const uint64_t run = (1ull << n) - 1;
    return (vl_config_from(set, off) & run) == run;
}

// Add n bytes from off on; of more than 63 the rest is left out. Returns true if all of them were
// there already, but for those behind config space.
bool vl_config_add(struct vl_config_set *set, uint32_t off, uint32_t n);

// ---- what registers said and were told --------------------------------------------------------

#define VL_SPEC_QUEUES 8u
#define VL_SPEC_CAPS 16u
#define VL_SPEC_VECTORS 64u

// A capability as the driver read it. Bytes that it did not read are 0; see config_read[].
struct vl_spec_cap {
    uint8_t at; // in config space
    uint8_t id;
    uint8_t len;
    uint8_t type; // cfg_type
    uint8_t bar;
    uint32_t offset;
    uint32_t length;
    uint32_t multiplier; // of a notification capability
};

// Bits of vl_spec_queue.written.
enum {
    VL_WRITTEN_SIZE = 1,
    VL_WRITTEN_DESC = 6, // low and high half
    VL_WRITTEN_DRIVER = 24,
    VL_WRITTEN_DEVICE = 96,
};

struct vl_spec_queue {
    uint32_t size_max; // queue_size as first read since the reset; 0 with size_read: absent
    uint32_t size;     // as written or read last
    uint64_t desc;     // as written
    uint64_t driver;
    uint64_t device;
    uint64_t enabled_seq; // event of the queue_enable write
    uint64_t vector_seq;  // event of the vector's write
    uint16_t vector;      // as written, or as a read said since
    uint16_t notify_off;
    uint8_t written; // since the reset
    bool size_read;
    bool notify_off_read;
    bool vector_unread; // written, and not read back yet
    bool enabled;       // the driver wrote 1 since the reset
};

// A select register that was not written since the reset.
#define VL_SELECT_UNKNOWN UINT32_MAX

struct vl_spec_regs {
    // the function that carries the common configuration; as the driver read and wrote it
    bool found;
    uint32_t function;
    uint32_t n_caps;
    struct vl_spec_cap cap[VL_SPEC_CAPS];
    uint64_t base[VL_REGION_COUNT]; // bus address of each structure, or VL_NOWHERE
    uint32_t length[VL_REGION_COUNT];
    uint32_t multiplier;
    bool msix_found;
    uint8_t msix_at;
    uint16_t msix_control; // as read or written last
    bool msix_written;     // written: what config space showed before does not count any more
    uint16_t command;      // as written last
    bool decoding_off;     // the driver wrote it without memory decoding: reads say nothing
    bool lost;             // a driver that is not judged moved the structures: nobody knows where
    // status
    uint8_t status;      // as written last
    uint8_t status_seen; // as read last
    bool status_read;    // since it was written last
    bool reset_asked;    // 0 was written, and not read back yet
    bool was_reset;      // a reset was completed in this run
    bool needs_reset;    // bit 6 was read as set since the reset
    uint64_t status_seq; // event of the last write
    uint64_t seen_seq;   // event of the last read
    uint64_t reset_seq;  // event of the read that said 0
    // features, words of 32 bits
    uint32_t device_feature_select;
    uint32_t driver_feature_select;
    uint32_t offered[4];
    uint32_t accepted[4];
    uint8_t offered_read;     // bit per word: read since the reset
    uint8_t accepted_written; // bit per word: written since the reset
    uint64_t features_seq;    // event of the last write of driver_feature
    bool features_ok;         // FEATURES_OK was read back as set since the reset
    bool features_refused;    // ... as clear
    // queues and the rest
    uint16_t num_queues;
    bool num_queues_read;
    uint16_t queue_select;
    bool queue_selected; // since the reset
    uint16_t config_vector;
    bool config_vector_unread;
    uint64_t config_vector_seq;
    uint8_t generation;
    bool generation_read;
    uint64_t generation_seq;
    uint8_t isr_seen; // as read last
    uint64_t isr_seq;
    uint32_t message[VL_SPEC_VECTORS]; // data of each MSI-X entry, as written
    struct vl_spec_queue queue[VL_SPEC_QUEUES];
};

// Features in force: what was accepted once FEATURES_OK was confirmed, else 0.
static inline uint64_t vl_spec_accepted(const struct vl_spec_regs *s)
{
    return (uint64_t)s->accepted[1] << 32 | s->accepted[0];
}
static inline uint64_t vl_spec_offered(const struct vl_spec_regs *s)
{
    return (uint64_t)s->offered[1] << 32 | s->offered[0];
}

// True between the confirmed DRIVER_OK and the next request for a reset.
static inline bool vl_spec_driver_ok(const struct vl_spec_regs *s)
{
    return (s->status & VL_STATUS_DRIVER_OK) != 0;
}

// MSI-X is enabled [PCI 6.8.2.3].
static inline bool vl_spec_msix_on(const struct vl_spec_regs *s)
{
    return s->msix_found && (s->msix_control & 0x8000u) != 0;
}
static inline uint32_t vl_spec_msix_entries(const struct vl_spec_regs *s)
{
    return (s->msix_control & 0x7FFu) + 1u;
}

// The selected queue, or NULL if it lies beyond what is followed here.
static inline struct vl_spec_queue *vl_spec_selected(struct vl_spec_regs *s)
{
    return s->queue_select < VL_SPEC_QUEUES ? &s->queue[s->queue_select] : NULL;
}

// The capability of a type that the driver would take: the first; NULL if there is none.
const struct vl_spec_cap *vl_spec_cap(const struct vl_spec_regs *s, unsigned type);

// MSI-X entry whose message carries data (an interrupt's vector as its event says), or
// VL_NO_VECTOR.
uint32_t vl_spec_entry(const struct vl_spec_regs *s, uint64_t data);

#endif
