// tools/lab/lab_player.h -- a player: one half of a virtio device, as one table of functions.
// The lab knows a half only by this table: ours, faulty copies of ours, hostile ones, and somebody
// else's ring code. Nothing is allocated in a run: the lab provides state_bytes() of memory.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_PLAYER_H
#define LAB_PLAYER_H

#include "device/vdev_core.h"
#include "ring/virtq_port.h"
#include "tools/lab/lab_scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum lab_side { LAB_SIDE_DRIVER, LAB_SIDE_DEVICE };

// What a driver is asked to do next.
enum lab_request_kind { LAB_REQ_FILL, LAB_REQ_READ, LAB_REQ_WRITE, LAB_REQ_FLUSH, LAB_REQ_GET_ID };

#define LAB_ELEMS_MAX 64u
struct lab_request {
    enum lab_request_kind kind;
    uint64_t token;   // unique, not 0
    uint64_t sector;  // blk
    uint32_t n_elems; // data elements
    uint32_t elem_bytes[LAB_ELEMS_MAX];
    bool indirect;
    const uint8_t *data; // WRITE: the bytes, elements concatenated
};

// The workload: what a driver player does with its queue. Calls happen on the driver's strand.
struct lab_work {
    void *ctx;
    // Next request, or false if there is none (now): all has been asked for.
    bool (*next)(void *ctx, struct lab_request *request);
    // A request is complete. data: what came back (bytes of it), NULL for none.
    //   result   VIRTQ_OK, VIRTQ_ERR_IO, VIRTQ_ERR_UNSUPPORTED
    void (*done)(void *ctx, uint64_t token, enum virtq_err result, const uint8_t *data,
                 uint32_t bytes);
    // A request was taken back unused after a reset; it will not complete.
    void (*detached)(void *ctx, uint64_t token);
    // How many requests may still be published at once, 1..
    uint32_t (*batch)(void *ctx);
    // True if the device is to be reset now, in the middle of the work.
    bool (*reset_now)(void *ctx);
    // The driver gave up for a peer error.
    void (*failed)(void *ctx, enum virtq_err err);
    // What the device's configuration says (blk: capacity in sectors), before the first next().
    void (*config)(void *ctx, uint64_t capacity_sectors);
};

// How a directly attached driver reaches its device, without PCI.
struct lab_link {
    void *ctx;
    uint64_t (*offered)(void *ctx);
    uint32_t (*queue_size_max)(void *ctx);
    // Negotiate features, set the queue's areas, let the device go. False: refused.
    bool (*start)(void *ctx, uint64_t features, uint32_t queue_size, uint64_t desc, uint64_t driver,
                  uint64_t device);
    void (*reset)(void *ctx);      // ask for a reset
    bool (*reset_done)(void *ctx); // poll, with virtq_relax() between
    uint64_t (*capacity_sectors)(void *ctx);
};

struct lab_half_config {
    const struct lab_scenario *scenario;
    const struct lab_work *work;        // driver
    const struct lab_link *link;        // driver, direct attachment only
    const struct vdev_backend *backend; // device
    bool (*msix_enabled)(void *ctx);    // device over PCI
    void *bus;                          // its ctx
};

#define LAB_PCI_CAPS_MAX 8u
#define LAB_PCI_CAP_BYTES 32u
#define LAB_PCI_BARS 6u

// What a device half needs to be a PCI function. The lab adds MSI-X, in a BAR of its own (1).
struct lab_pci_info {
    uint16_t vendor_id;
    uint16_t device_id;
    uint16_t subsystem_vendor_id;
    uint16_t subsystem_id;
    uint32_t class_code;
    uint8_t revision;
    uint32_t n_caps;
    uint8_t cap[LAB_PCI_CAPS_MAX][LAB_PCI_CAP_BYTES];
    uint8_t cap_bytes[LAB_PCI_CAPS_MAX];
    bool cap_live[LAB_PCI_CAPS_MAX]; // accesses go to window_read(), window_write()
    struct {
        uint32_t bytes;
        bool is_64;
    } bar[LAB_PCI_BARS];
};

// A loadable player is compiled apart: what it was compiled against must be what loads it.
#define LAB_PLAYER_ABI                                                                             \
    ((uint32_t)(sizeof(struct lab_half_config) << 20 ^ sizeof(struct lab_scenario) << 10 ^         \
                sizeof(struct vdev_core) << 4 ^ sizeof(struct lab_work)))

struct lab_player {
    uint32_t abi; // LAB_PLAYER_ABI
    const char *name;
    enum lab_side side;
    uint64_t features; // transport-independent feature bits that it can do
    size_t (*state_bytes)(const struct lab_half_config *config);
    // Bring the half to power-on state in state (zeroed, aligned to 64).
    enum virtq_err (*create)(void *state, const struct lab_half_config *config,
                             struct virtq_port *port);
    // One step of its main context; may sleep. False: it has finished (a driver's end).
    bool (*step)(void *state);
    // device: a notification (direct attachment), in the trap context
    void (*on_notify)(void *state, uint16_t queue_index);
    // driver: an interrupt, in the handler context; vector 0xFFFF is INTx
    void (*on_interrupt)(void *state, uint16_t vector);
    // device: the other end of a lab_link (direct attachment), in the trap context
    void (*link)(void *state, struct lab_link *link);
    // device over PCI: what config space shows, and register accesses in the trap context; window
    // accesses are those to the live capability, off from its start
    void (*pci_describe)(void *state, struct lab_pci_info *info);
    uint32_t (*bar_read)(void *state, unsigned bar, uint32_t off, unsigned bytes);
    void (*bar_write)(void *state, unsigned bar, uint32_t off, unsigned bytes, uint32_t value);
    uint32_t (*window_read)(void *state, uint32_t off, unsigned bytes);
    void (*window_write)(void *state, uint32_t off, unsigned bytes, uint32_t value);
    void (*destroy)(void *state);
};

// What a loadable player exports: its table.
#if defined(__GNUC__)
#define LAB_PLAYER_EXPORT __attribute__((visibility("default")))
#else
#define LAB_PLAYER_EXPORT
#endif
const struct lab_player *lab_player_entry(void) LAB_PLAYER_EXPORT;

// The built-in ones.
const struct lab_player *lab_player_driver_entry(void);
const struct lab_player *lab_player_device_entry(void);

#ifdef __cplusplus
}
#endif

#endif
