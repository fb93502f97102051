// device/vdev_core.h -- a virtio device without its transport: status, features, queues, requests.
// Spec: virtio 1.4 §2.1 Device Status, §2.2 Feature Bits, §2.4 Reset, §3.1 (device side), §3.4.
//
// Two contexts act here. The *trap* context answers the transport (register accesses, doorbells)
// and only touches registers and the shared words; the *data path*, vdev_core_run(), owns the
// queues. A queue's registers freeze when it is enabled and thaw when a reset is complete, so what
// the data path reads after it saw the START bit does not change under it. While a reset is under
// way the registers belong to the data path, which clears them: the trap context keeps off until
// the status reads 0. A device that never got DRIVER_OK has nothing in the data path, so the trap
// context resets it on the spot.
//
//   transport (direct or PCI) -> vdev_core registers -> [work bits] -> data path -> vdev_type
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDEV_CORE_H
#define VDEV_CORE_H

#include "device/vdev_queue.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VDEV_QUEUES_MAX 4u
#define VDEV_CONFIG_MAX_BYTES 64u
#define VDEV_NO_VECTOR 0xFFFFu
#define VDEV_NO_REQUEST UINT32_MAX

// Device status bits [2.1].
#define VDEV_STATUS_ACKNOWLEDGE 1u
#define VDEV_STATUS_DRIVER 2u
#define VDEV_STATUS_DRIVER_OK 4u
#define VDEV_STATUS_FEATURES_OK 8u
#define VDEV_STATUS_NEEDS_RESET 64u
#define VDEV_STATUS_FAILED 128u

// One request under way between a queue and the backend.
struct vdev_request {
    bool taken;
    uint16_t queue_index;
    uint32_t next_free; // index of the next free request slot, or VDEV_NO_REQUEST
    struct vdev_chain chain;
    uint8_t *data;   // io_max_bytes of private memory for this request
    uint64_t offset; // backend's terms: where, and how many bytes of data
    uint32_t data_bytes;
    uint8_t kind;   // the device type's own
    uint8_t status; // what the backend said: 0 good
    bool durable;   // a write: it survives a loss of power once it is answered
};

// The world behind the device: where bytes come from and go to. submit() takes a request; it is
// answered when next() names it, at once, later, and in any order.
struct vdev_backend {
    void *ctx;
    void (*submit)(void *ctx, uint32_t tag, struct vdev_request *request);
    // True and *tag for a request that is answered; false if none is for now (the embedder then
    // wakes the data path when one is).
    bool (*next)(void *ctx, uint32_t *tag);
    // Forget all requests (reset).
    void (*cancel)(void *ctx);
    uint64_t capacity_bytes; // block: size of the medium
    bool read_only;
    // Block, where the configuration may change: true and the size if it is another one now. NULL:
    // it never is.
    bool (*resized)(void *ctx, uint64_t *capacity_bytes);
};

struct vdev_core;

// A device type: one file, one such table. Functions run in the data path.
struct vdev_type {
    const char *name;
    uint16_t virtio_id; // virtio device ID [5]
    uint16_t n_queues;
    uint64_t features;     // device-type bits that can be offered
    uint32_t config_bytes; // device configuration structure
    uint32_t class_code;   // PCI class, 24 bits
    // Fill in the configuration structure (little-endian bytes) once, at open.
    void (*config_init)(struct vdev_core *core, uint8_t *config);
    // Feature bits to offer, of .features; NULL: all.
    uint64_t (*offer)(const struct vdev_core *core);
    // A new request, its chain popped: check it and fill in what the backend shall do. Returns
    // true: the core hands it to the backend. Returns false for one that is finished already, with
    // *written set: the core pushes it, unless the queue was failed (vdev_queue_fail()).
    bool (*start)(struct vdev_core *core, struct vdev_request *request, uint32_t *written);
    // The backend answered: store the reply. Returns the bytes written.
    uint32_t (*finish)(struct vdev_core *core, struct vdev_request *request);
    // Where the configuration may change: look whether it has to, once a round; NULL: it never has.
    void (*attend)(struct vdev_core *core);
};

struct vdev_core_queue {
    // registers, owned by the trap context until enabled
    uint32_t size;
    uint64_t desc;
    uint64_t driver;
    uint64_t device;
    bool enabled;
    // owned by the data path
    struct vdev_queue *q; // NULL: not served
    void *state;
    uint32_t n_pushed; // and not published
};

struct vdev_core_config {
    uint32_t queue_size_max; // power of two
    uint16_t start_idx;
    uint32_t depth;        // requests under way at once, 1..
    uint32_t io_max_bytes; // private data bytes of a request
    uint64_t features;     // transport-independent bits to offer, VERSION_1 included
    uint32_t batch;        // used entries published at once, 1..
    bool config_changes;   // the device configuration may change while the device runs
};

// How the device reaches its driver: supplied by the transport.
struct vdev_transport {
    void *ctx;
    void (*interrupt_queue)(void *ctx, uint16_t queue_index);
    void (*interrupt_config)(void *ctx);
};

struct vdev_core {
    struct virtq_port *port;
    const struct vdev_type *type;
    struct vdev_core_config config;
    struct vdev_backend backend;
    struct vdev_transport transport;
    // registers
    bool reset_asked; // the trap's: a reset went to the data path, and was not seen complete
    uint64_t offered;
    uint64_t driver_features; // as written; meaningful once FEATURES_OK is set
    bool beyond_features;     // ... and a bit behind the 64 that there are here was written, too
    struct virtq_shared status;
    struct virtq_shared work;                     // VDEV_WORK_* bits from the trap to the data path
    uint8_t device_config[VDEV_CONFIG_MAX_BYTES]; // the data path's own if it may change
    struct virtq_shared config_generation;        // 8 bits count; the lowest names the copy below
    struct virtq_shared config_word[2][VDEV_CONFIG_MAX_BYTES / 4]; // what registers show then
    struct vdev_core_queue queue[VDEV_QUEUES_MAX];
    // data path
    uint32_t n_under_way;
    uint32_t n_taken;      // buffers taken since the last sleep
    bool running;          // between START and RESET
    bool broken;           // a queue broke: NEEDS_RESET is set, nothing is served until a reset
    uint32_t free_request; // first free slot, or VDEV_NO_REQUEST
    struct vdev_request *request; // depth of them
};

#define VDEV_WORK_START 1u // DRIVER_OK, or a queue enabled after it; with VDEV_WORK_QUEUE bits
#define VDEV_WORK_RESET 2u
#define VDEV_WORK_QUEUE(queue_index) (0x100u << (queue_index)) // this queue is to be opened

// Bytes of private state for a device with this configuration.
size_t vdev_core_state_bytes(const struct vdev_type *type, const struct vdev_core_config *config);

// Bring a device to power-on state in state (aligned to 16, the caller's, nothing to close).
// backend and transport are copied. Returns VIRTQ_OK and *out; VIRTQ_ERR_INVALID.
VIRTQ_NODISCARD enum virtq_err vdev_core_open(struct virtq_port *port, const struct vdev_type *type,
                                              const struct vdev_core_config *config,
                                              const struct vdev_backend *backend,
                                              const struct vdev_transport *transport, void *state,
                                              struct vdev_core **out);

// The data path: serves queues, sleeps, completes resets; returns never. The embedder runs it in
// the device's main context.
VIRTQ_NORETURN void vdev_core_run(struct vdev_core *core);

// One round of the data path: what vdev_core_run() repeats. Completes a reset, opens queues, takes
// at most depth buffers of each queue, pushes what the backend answered, and with nothing left
// asks for notifications. Bounded. Returns false if the caller may sleep (virtq_await_event()).
bool vdev_core_step(struct vdev_core *core);

// Data path: bytes (1..8) of the device configuration at off become value, little-endian. The
// driver finds all of it or nothing, with another generation [2.5, 4.1.4.3.1-dev-6], and is told of
// it [3.2.1-dev-d1]. Only where config.config_changes.
void vdev_core_change_config(struct vdev_core *core, uint32_t off, unsigned bytes, uint64_t value);

// ---- trap context: what a transport's registers do -------------------------------------------

// Device configuration: bytes 1, 2 or 4 at off, a multiple of it, within the type's structure.
uint32_t vdev_core_config_read(struct vdev_core *core, uint32_t off, unsigned bytes);

// Device status as the driver reads it. Nonzero until a reset is complete.
uint8_t vdev_core_status(struct vdev_core *core);

// The driver wrote the status register. 0 asks for a reset, which the data path completes.
// FEATURES_OK is refused (stays clear) for a feature set that the device cannot serve. A peer error
// (REGISTER) and nothing changed: bits cleared, unknown bits, a write before a reset is complete.
// DRIVER_OK without FEATURES_OK is a peer error too, and stays clear.
void vdev_core_set_status(struct vdev_core *core, uint8_t status);

// Feature bits word (0: bits 0..31, 1: 32..63; others read 0 and ignore writes). The driver's words
// are frozen from FEATURES_OK on: a write then is a peer error (REGISTER).
uint32_t vdev_core_offered_word(const struct vdev_core *core, uint32_t word);
uint32_t vdev_core_driver_word(const struct vdev_core *core, uint32_t word);
void vdev_core_set_driver_word(struct vdev_core *core, uint32_t word, uint32_t bits);

// True from the driver's request for a reset until it is complete: a transport then neither reads
// nor writes a queue's registers (they read 0), since the data path is clearing them.
bool vdev_core_resetting(struct vdev_core *core);

// True while a queue's registers may be written: it exists, is not enabled, no reset is under way.
bool vdev_core_queue_writable(struct vdev_core *core, uint16_t queue_index);

// queue_enable = 1. A peer error (REGISTER) for a queue that is not writable.
void vdev_core_queue_enable(struct vdev_core *core, uint16_t queue_index);

// A notification for a queue arrived. A peer error (DOORBELL) if it is absent or not enabled.
void vdev_core_notify(struct vdev_core *core, uint16_t queue_index);

// Report a rule that the driver broke in a register access; the access is otherwise ignored.
void vdev_core_peer_error(struct vdev_core *core, enum virtq_err err, uint64_t value);

// The negotiated feature set: 0 before FEATURES_OK.
uint64_t vdev_core_features(struct vdev_core *core);

#ifdef __cplusplus
}
#endif

#endif
