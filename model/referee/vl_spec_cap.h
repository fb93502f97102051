// model/referee/vl_spec_cap.h -- checkers: identity and capabilities of a PCI function.
// Spec: virtio 1.4 §4.1.1, §4.1.2, §4.1.4 (1.0: the same); PCI Local Bus 3.0 §6.1, §6.2.5, §6.7.
//
//   vl_spec_cap.c        what was read of config space; the driver's duties
//   vl_spec_cap_list.c   the capability list as far as it was read; the device's duties
//   vl_spec_window.c     PCI_CFG, the window through which BARs are reached from config space
//
// A check decides from bytes that the driver read, and from nothing else. The driver's duties are
// judged where the device is judged as well: what a lying device showed explains too much.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_CAP_H
#define VL_SPEC_CAP_H

#include "model/referee/vl_spec.h"

struct vl_pci_seen;

#define VL_CAP_FUNCTIONS 8u
#define VL_CAP_SELECTS 4u

// Which bytes of a function's config space the driver read, and how far it took the function.
struct vl_cap_look {
    uint32_t function;
    struct vl_config_set read;
    uint8_t sized; // bit per BAR: all ones were written and the mask was read back
    bool odd_bars; // a BAR was written other than whole: its place is not known
    bool taken;    // written to, or read from its capability pointer on
};

// A register that holds what it is written, and where that came from last.
struct vl_cap_held {
    bool known;
    bool by_window;
    uint32_t value;
    uint64_t seq;
};

// The window: its capability, and its fields as written.
struct vl_cap_window {
    uint32_t function;
    uint8_t at;        // in config space; 0: not used yet
    uint8_t field[16]; // bytes 0..15 of the capability
    bool length_written;
    uint64_t length_seq; // event that wrote length
    uint64_t offset_seq;
};

// What they remember of a run; all zero at its start.
struct vl_spec_cap_state {
    uint32_t n_looks;
    struct vl_cap_look look[VL_CAP_FUNCTIONS];
    struct vl_cap_window window;
    struct vl_cap_held held[VL_CAP_SELECTS]; // the select registers, and driver_feature
    const struct vl_cap_look *judged;        // all that it says; config space was left alone since
    bool went_on; // to the registers of a function: it has seen what it wanted of config space
    bool ok;      // DRIVER_OK was set
    bool ended;   // judged what can be judged when nothing more comes
};

// ---- the capability list as read (vl_spec_cap_list.c) ------------------------------------------

enum {
    VL_CAP_HAS_ID = 1,
    VL_CAP_HAS_LEN = 2,
    VL_CAP_HAS_TYPE = 4,
    VL_CAP_HAS_BAR = 8,
    VL_CAP_HAS_OFFSET = 16,
    VL_CAP_HAS_LENGTH = 32,
    VL_CAP_HAS_PLACE = VL_CAP_HAS_BAR | VL_CAP_HAS_OFFSET | VL_CAP_HAS_LENGTH,
};

struct vl_cap_entry {
    uint8_t at;
    uint8_t id;
    uint8_t len;
    uint8_t type;
    uint8_t bar;
    uint8_t has; // VL_CAP_HAS_*: which were read; the others are 0
    uint32_t offset;
    uint32_t length;
};

struct vl_cap_list {
    uint32_t n;
    bool complete; // read to its end, with the type of each virtio capability
    uint8_t loops; // offset that a link leads back to, or into the header; 0: none
    uint8_t from;  // the capability with that link
    struct vl_cap_entry cap[VL_SPEC_CAPS];
};

static inline bool vl_cap_is_virtio(const struct vl_cap_entry *cap)
{
    return (cap->has & VL_CAP_HAS_ID) != 0 && cap->id == 9 && (cap->has & VL_CAP_HAS_TYPE) != 0;
}

// The list of f, as far as look says that it was read.
void vl_cap_walk(const struct vl_pci_seen *f, const struct vl_cap_look *look,
                 struct vl_cap_list *list);

// The capability that config space offset off lies in: the last one that begins there or before.
// Returns false if there is none. Cheap: only that one is taken apart.
bool vl_cap_around(const struct vl_pci_seen *f, const struct vl_cap_look *look, uint32_t off,
                   struct vl_cap_entry *cap);

// True if n bytes at off were read.
static inline bool vl_cap_was_read(const struct vl_cap_look *look, uint32_t off, uint32_t n)
{
    return vl_config_has(&look->read, off, n);
}

// What the device shows of itself in config space: header, BARs, capabilities.
void vl_cap_judge_device(struct vl_referees *r, const struct vl_pci_seen *f,
                         const struct vl_cap_look *look);

// Which function it is: judged when the driver has looked. last: nothing more comes.
void vl_cap_judge_identity(struct vl_referees *r, bool last);

// True if f carries the ID of the run's device type: *transitional, the older one.
bool vl_cap_matches(const struct vl_referees *r, const struct vl_pci_seen *f,
                    const struct vl_cap_look *look, bool *transitional);

// The record of what was read of a function, NULL if there is none.
struct vl_cap_look *vl_cap_look_at(struct vl_referees *r, uint32_t function);
const struct vl_pci_seen *vl_cap_seen(const struct vl_referees *r, uint32_t function);

// ---- the window (vl_spec_window.c) -------------------------------------------------------------

// A write into the capability at list entry cap; a read of config space.
void vl_window_write(struct vl_referees *r, const struct vl_cap_entry *cap,
                     const struct vl_event *ev, uint64_t seq);
void vl_window_read(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// A direct access to the common configuration: to a register that is followed beside the window.
static inline bool vl_window_holds(uint32_t off)
{
    return off == VL_COMMON_DEVICE_FEATURE_SELECT || off == VL_COMMON_DRIVER_FEATURE_SELECT ||
           off == VL_COMMON_DRIVER_FEATURE || off == VL_COMMON_QUEUE_SELECT ||
           off == VL_COMMON_STATUS;
}
void vl_window_direct(struct vl_referees *r, const struct vl_reg_access *a);

// ---- entry points ------------------------------------------------------------------------------

// Config space was accessed; before the registers' shadow takes it in.
void vl_spec_cap_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// True if that access means something to them: the first one, or one that is not of a register that
// they have nothing to do with.
static inline bool vl_spec_cap_wants(const struct vl_spec_cap_state *s,
                                     const struct vl_reg_access *a)
{
    if (!s->went_on) {
        return true;
    }
    return a->region == VL_REGION_COMMON
               ? vl_window_holds(a->off) || a->off >= VL_COMMON_BYTES
               : a->region == VL_REGION_NONE || a->region == VL_REGION_ISR;
}

// A register was accessed: the driver has seen what it wanted of config space.
void vl_spec_cap_access(struct vl_referees *r, const struct vl_reg_access *a);

// The driver gave up, or the end of a run.
void vl_spec_cap_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
