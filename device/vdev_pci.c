// device/vdev_pci.c -- a virtio device as a PCI function: layout, capabilities, dispatch, signals.
// Spec: virtio 1.4 §4.1.2 Discovery, §4.1.4 PCI Device Layout, §4.1.5.2..§4.1.5.4 Notifications.
// SPDX-License-Identifier: BSD-2-Clause
#include "device/vdev_pci_regs.h"

#include <string.h>

#define STATE_ALIGN 16u
#define MULTIPLIER_MAX 65536u
#define PAGE 4096u
#define DEFAULT_BAR 4u
#define BAR_BYTES_MIN 16u // the smallest memory BAR there can be
#define BAR_BYTES_MAX (1u << 31)

// ---- layout ----------------------------------------------------------------------------------

static bool multiplier_valid(uint32_t multiplier)
{
    return multiplier == 0 || (multiplier >= 2 && multiplier <= MULTIPLIER_MAX &&
                               (multiplier & (multiplier - 1)) == 0);
}

// Every queue's address, queue_notify_off * multiplier, with two bytes behind it [4.1.4.4.1-dev-5].
static uint32_t notify_bytes(const struct vdev_type *type, uint32_t multiplier)
{
    return (type->n_queues - 1u) * multiplier + VDEV_NOTIFY_BYTES;
}

enum virtq_err vdev_pci_layout_default(const struct vdev_type *type, uint32_t notify_multiplier,
                                       struct vdev_pci_layout *layout)
{
    if (!multiplier_valid(notify_multiplier) || type->n_queues < 1 ||
        type->n_queues > VDEV_QUEUES_MAX) {
        return VIRTQ_ERR_INVALID;
    }
    const uint32_t notify_length = notify_bytes(type, notify_multiplier);
    uint32_t bar_bytes = 4 * PAGE;
    while (bar_bytes < 3 * PAGE + notify_length) { // bound: a BAR has at most 2^31 bytes
        bar_bytes *= 2;
    }
    memset(layout, 0, sizeof(*layout));
    layout->bar[DEFAULT_BAR].bytes = bar_bytes;
    layout->bar[DEFAULT_BAR].is_64 = true;
    layout->common =
        (struct vdev_pci_place){.bar = DEFAULT_BAR, .offset = 0, .length = VDEV_COMMON_BYTES};
    layout->isr =
        (struct vdev_pci_place){.bar = DEFAULT_BAR, .offset = PAGE, .length = VDEV_ISR_BYTES};
    layout->device = (struct vdev_pci_place){
        .bar = DEFAULT_BAR, .offset = 2 * PAGE, .length = type->config_bytes};
    layout->notify =
        (struct vdev_pci_place){.bar = DEFAULT_BAR, .offset = 3 * PAGE, .length = notify_length};
    layout->notify_multiplier = notify_multiplier;
    return VIRTQ_OK;
}

static bool has_device_config(const struct vdev_type *type)
{
    return type->config_bytes > 0;
}

static bool place_valid(const struct vdev_pci_layout *layout, const struct vdev_pci_place *place,
                        uint32_t min_length, uint32_t align)
{
    return place->bar < VDEV_PCI_BARS && place->length >= min_length &&
           place->offset % align == 0 &&
           (uint64_t)place->offset + place->length <= layout->bar[place->bar].bytes;
}

static bool disjoint(const struct vdev_pci_place *a, const struct vdev_pci_place *b)
{
    return a->bar != b->bar || a->offset + a->length <= b->offset ||
           b->offset + b->length <= a->offset;
}

static bool layout_valid(const struct vdev_type *type, const struct vdev_pci_layout *layout)
{
    const struct vdev_pci_place *places[4] = {&layout->common, &layout->notify, &layout->isr,
                                              &layout->device};
    const uint32_t n_places = has_device_config(type) ? 4 : 3;

    for (uint32_t i = 0; i < VDEV_PCI_BARS; i++) {
        const uint32_t bytes = layout->bar[i].bytes;
        if (bytes == 0) {
            continue;
        }
        if ((bytes & (bytes - 1)) != 0 || bytes < BAR_BYTES_MIN || bytes > BAR_BYTES_MAX) {
            return false;
        }
        // A 64-bit BAR takes the next register as well.
        if (layout->bar[i].is_64 && (i + 1 == VDEV_PCI_BARS || layout->bar[i + 1].bytes != 0)) {
            return false;
        }
    }
    if (!multiplier_valid(layout->notify_multiplier) ||
        !place_valid(layout, &layout->common, VDEV_COMMON_BYTES, 4) ||
        !place_valid(layout, &layout->notify, notify_bytes(type, layout->notify_multiplier), 2) ||
        !place_valid(layout, &layout->isr, VDEV_ISR_BYTES, 1) ||
        (n_places == 4 && !place_valid(layout, &layout->device, type->config_bytes, 4))) {
        return false;
    }
    for (uint32_t i = 0; i < n_places; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (!disjoint(places[i], places[k])) {
                return false;
            }
        }
    }
    return true;
}

// ---- signals, in the data path ---------------------------------------------------------------

bool vdev_pci_uses_msix(const struct vdev_pci *v)
{
    return v->config.n_vectors > 0 && v->config.msix_enabled(v->config.ctx);
}

// Without a vector there is no interrupt, by INTx neither [4.1.5.3.1-dev-1, 4.1.5.4.1-dev-1].
static void send_message(struct vdev_pci *v, struct virtq_shared *vector)
{
    const uint32_t value = virtq_shared_load(v->port, vector);
    if (value != VDEV_NO_VECTOR) {
        virtq_interrupt(v->port, (uint16_t)value);
    }
}

static void interrupt_queue(void *ctx, uint16_t queue_index)
{
    struct vdev_pci *v = ctx;
    if (vdev_pci_uses_msix(v)) {
        send_message(v, &v->queue_vector[queue_index]);
        return;
    }
    (void)virtq_shared_or(v->port, &v->isr, VDEV_ISR_QUEUE); // first the bit [4.1.4.5.1-dev-3]
    virtq_intx(v->port, true);
}

// The ISR bit comes first here with MSI-X, too [4.1.4.5.1-dev-2].
static void interrupt_config(void *ctx)
{
    struct vdev_pci *v = ctx;
    (void)virtq_shared_or(v->port, &v->isr, VDEV_ISR_CONFIG);
    if (vdev_pci_uses_msix(v)) {
        send_message(v, &v->config_vector);
    } else {
        virtq_intx(v->port, true);
    }
}

// The data path may set a bit and raise the line while this takes the bits and lowers it. The look
// behind the lowering makes sure that a bit never stands with the line down; the reverse, the line
// up without a bit, ends at the handler's next read, which lowers it whatever the byte was.
uint32_t vdev_pci_isr_take(struct vdev_pci *v)
{
    const uint32_t taken = virtq_shared_exchange(v->port, &v->isr, 0);
    if (taken == 0 && vdev_pci_uses_msix(v)) {
        return 0;
    }
    virtq_intx(v->port, false);
    const uint32_t now = virtq_shared_load(v->port, &v->isr);
    if (now != 0 && !vdev_pci_uses_msix(v)) {
        virtq_intx(v->port, true);
    }
    return taken;
}

// ---- open ------------------------------------------------------------------------------------

static size_t own_bytes(void)
{
    return (sizeof(struct vdev_pci) + STATE_ALIGN - 1) & ~(size_t)(STATE_ALIGN - 1);
}

size_t vdev_pci_state_bytes(const struct vdev_type *type,
                            const struct vdev_core_config *core_config)
{
    return own_bytes() + vdev_core_state_bytes(type, core_config);
}

enum virtq_err vdev_pci_open(struct virtq_port *port, const struct vdev_type *type,
                             const struct vdev_core_config *core_config,
                             const struct vdev_backend *backend,
                             const struct vdev_pci_config *config, void *state,
                             struct vdev_pci **out)
{
    struct vdev_pci *v = state;
    const struct vdev_transport transport = {
        .ctx = v, .interrupt_queue = interrupt_queue, .interrupt_config = interrupt_config};
    struct vdev_core *core = NULL;

    const enum virtq_err err = vdev_core_open(port, type, core_config, backend, &transport,
                                              (uint8_t *)state + own_bytes(), &core);
    if (err != VIRTQ_OK) {
        return err;
    }
    if (!layout_valid(type, &config->layout) || config->n_vectors > 2048 ||
        (config->n_vectors > 0 && config->msix_enabled == NULL)) {
        return VIRTQ_ERR_INVALID;
    }
    memset(v, 0, sizeof(*v));
    v->port = port;
    v->core = core;
    v->config = *config;
    // Nobody else can see these words yet: no port call is needed.
    atomic_init(&v->config_vector.word, VDEV_NO_VECTOR);
    for (uint32_t i = 0; i < VDEV_QUEUES_MAX; i++) {
        atomic_init(&v->queue_vector[i].word, VDEV_NO_VECTOR);
    }
    *out = v;
    return VIRTQ_OK;
}

struct vdev_core *vdev_pci_core(struct vdev_pci *v)
{
    return v->core;
}

// ---- identity and capabilities ---------------------------------------------------------------

void vdev_pci_ids(const struct vdev_pci *v, struct vdev_pci_ids *ids)
{
    const uint16_t virtio_id = v->core->type->virtio_id;
    *ids = (struct vdev_pci_ids){
        .vendor_id = VDEV_PCI_VENDOR_ID,
        .device_id = (uint16_t)(VDEV_PCI_DEVICE_ID_BASE + virtio_id),
        .subsystem_vendor_id = VDEV_PCI_VENDOR_ID,
        .subsystem_id = (uint16_t)(VDEV_PCI_SUBSYSTEM_BASE + virtio_id),
        .class_code = v->core->type->class_code,
        .revision = VDEV_PCI_REVISION,
    };
}

static const struct vdev_pci_place *place_of(const struct vdev_pci *v, unsigned type)
{
    const struct vdev_pci_layout *layout = &v->config.layout;
    switch (type) {
    case VDEV_PCI_TYPE_COMMON: return &layout->common;
    case VDEV_PCI_TYPE_NOTIFY: return &layout->notify;
    case VDEV_PCI_TYPE_ISR: return &layout->isr;
    case VDEV_PCI_TYPE_DEVICE: return has_device_config(v->core->type) ? &layout->device : NULL;
    default: return NULL;
    }
}

uint32_t vdev_pci_n_caps(const struct vdev_pci *v)
{
    return has_device_config(v->core->type) ? VDEV_PCI_CAPS_MAX : VDEV_PCI_CAPS_MAX - 1;
}

static void put32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

uint32_t vdev_pci_cap(const struct vdev_pci *v, uint32_t index, uint8_t bytes[VDEV_PCI_CAP_BYTES])
{
    VIRTQ_ASSERT(index < vdev_pci_n_caps(v));
    const bool last = index == vdev_pci_n_caps(v) - 1;
    const unsigned type = last ? VDEV_PCI_TYPE_WINDOW : index + 1; // in the order of their numbers
    const struct vdev_pci_place *place = place_of(v, type);
    const bool has_extra = type == VDEV_PCI_TYPE_NOTIFY || type == VDEV_PCI_TYPE_WINDOW;
    const uint32_t n_bytes = has_extra ? VDEV_PCI_CAP_BYTES : VDEV_PCI_CAP_EXTRA;

    memset(bytes, 0, VDEV_PCI_CAP_BYTES);
    bytes[0] = VDEV_PCI_CAP_VENDOR;
    bytes[VDEV_PCI_CAP_LEN] = (uint8_t)n_bytes;
    bytes[VDEV_PCI_CAP_TYPE] = (uint8_t)type;
    if (place != NULL) {
        bytes[VDEV_PCI_CAP_BAR] = place->bar;
        put32(bytes + VDEV_PCI_CAP_OFFSET, place->offset);
        put32(bytes + VDEV_PCI_CAP_LENGTH, place->length);
    }
    if (type == VDEV_PCI_TYPE_NOTIFY) {
        put32(bytes + VDEV_PCI_CAP_EXTRA, v->config.layout.notify_multiplier);
    }
    return n_bytes;
}

// ---- BAR accesses ----------------------------------------------------------------------------

// The structure that covers all bytes of an access: its type, and *off within it; 0 if none does.
static unsigned structure_at(const struct vdev_pci *v, unsigned bar, uint32_t bar_off,
                             unsigned bytes, uint32_t *off)
{
    for (unsigned type = VDEV_PCI_TYPE_COMMON; type <= VDEV_PCI_TYPE_DEVICE; type++) {
        const struct vdev_pci_place *place = place_of(v, type);
        if (place != NULL && place->bar == bar && bar_off >= place->offset &&
            (uint64_t)bar_off + bytes <= (uint64_t)place->offset + place->length) {
            *off = bar_off - place->offset;
            return type;
        }
    }
    return 0;
}

static bool width_valid(uint32_t off, unsigned bytes)
{
    return (bytes == 1 || bytes == 2 || bytes == 4) && off % bytes == 0;
}

// Fields are readable at any time, before FEATURES_OK, too [2.5.2-dev-1].
static uint32_t device_config_read(struct vdev_pci *v, uint32_t off, unsigned bytes, uint32_t at)
{
    if (!width_valid(off, bytes) || off + bytes > v->core->type->config_bytes) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at);
        return 0;
    }
    return vdev_core_config_read(v->core, off, bytes);
}

uint32_t vdev_pci_bar_read(struct vdev_pci *v, unsigned bar, uint32_t off, unsigned bytes)
{
    uint32_t at = 0;
    switch (structure_at(v, bar, off, bytes, &at)) {
    case VDEV_PCI_TYPE_COMMON: return vdev_pci_common_read(v, at, bytes, off);
    case VDEV_PCI_TYPE_DEVICE: return device_config_read(v, at, bytes, off);
    case VDEV_PCI_TYPE_ISR:
        if (at == 0 && bytes == 1) {
            vdev_pci_follow_reset(v);
            return vdev_pci_isr_take(v);
        }
        break;
    default: break;
    }
    vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, off);
    return 0;
}

// The address names a queue and so does the value; with multiplier 0 the value alone [4.1.5.2].
static void notify_write(struct vdev_pci *v, uint32_t off, unsigned bytes, uint32_t value,
                         uint32_t at)
{
    const uint32_t multiplier = v->config.layout.notify_multiplier;
    if (bytes != 2 || (multiplier == 0 ? off != 0 : off % multiplier != 0)) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at);
        return;
    }
    if (value >= v->core->type->n_queues || (multiplier != 0 && value != off / multiplier)) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_DOORBELL, value);
        return;
    }
    vdev_core_notify(v->core, (uint16_t)value);
}

void vdev_pci_bar_write(struct vdev_pci *v, unsigned bar, uint32_t off, unsigned bytes,
                        uint32_t value)
{
    uint32_t at = 0;
    switch (structure_at(v, bar, off, bytes, &at)) {
    case VDEV_PCI_TYPE_COMMON: vdev_pci_common_write(v, at, bytes, value, off); return;
    case VDEV_PCI_TYPE_NOTIFY: notify_write(v, at, bytes, value, off); return;
    default: break; // ISR and device configuration have nothing to write
    }
    vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, off);
}

// ---- access window [4.1.4.9] -----------------------------------------------------------------

static bool window_valid(const struct vdev_pci *v)
{
    uint32_t at = 0;
    return width_valid(v->window_offset, v->window_length) &&
           structure_at(v, v->window_bar, v->window_offset, v->window_length, &at) != 0;
}

// The fields in front of the data as the bytes of config space that they are.
static void window_fields(const struct vdev_pci *v, uint8_t bytes[VDEV_PCI_CAP_BYTES])
{
    memset(bytes, 0, VDEV_PCI_CAP_BYTES);
    bytes[VDEV_PCI_CAP_BAR] = v->window_bar;
    put32(bytes + VDEV_PCI_CAP_OFFSET, v->window_offset);
    put32(bytes + VDEV_PCI_CAP_LENGTH, v->window_length);
}

static uint32_t get(const uint8_t *bytes, unsigned n)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        value |= (uint32_t)bytes[i] << (8 * i);
    }
    return value;
}

uint32_t vdev_pci_window_read(struct vdev_pci *v, uint32_t off, unsigned bytes)
{
    uint8_t fields[VDEV_PCI_CAP_BYTES];

    if (off + bytes > VDEV_PCI_CAP_BYTES) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, off);
        return 0;
    }
    if (off < VDEV_PCI_CAP_EXTRA) {
        window_fields(v, fields);
        return get(fields + off, bytes);
    }
    if (v->window_length == 0) {
        return 0; // nobody set it up: this is a dump of config space, not an access
    }
    if (off != VDEV_PCI_CAP_EXTRA || bytes < v->window_length || !window_valid(v)) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, off);
        return 0;
    }
    return vdev_pci_bar_read(v, v->window_bar, v->window_offset, v->window_length);
}

void vdev_pci_window_write(struct vdev_pci *v, uint32_t off, unsigned bytes, uint32_t value)
{
    uint8_t fields[VDEV_PCI_CAP_BYTES];

    if (off + bytes > VDEV_PCI_CAP_BYTES) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, off);
        return;
    }
    if (off < VDEV_PCI_CAP_EXTRA) {
        window_fields(v, fields);
        for (unsigned i = 0; i < bytes; i++) {
            fields[off + i] = (uint8_t)(value >> (8 * i));
        }
        v->window_bar = fields[VDEV_PCI_CAP_BAR];
        v->window_offset = get(fields + VDEV_PCI_CAP_OFFSET, 4);
        v->window_length = get(fields + VDEV_PCI_CAP_LENGTH, 4);
        return;
    }
    if (off != VDEV_PCI_CAP_EXTRA || bytes < v->window_length || !window_valid(v)) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, off);
        return;
    }
    const uint32_t mask = v->window_length >= 4 ? 0xFFFFFFFFu : (1u << 8 * v->window_length) - 1;
    vdev_pci_bar_write(v, v->window_bar, v->window_offset, v->window_length, value & mask);
}
