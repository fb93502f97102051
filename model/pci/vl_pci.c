// model/pci/vl_pci.c -- config space and address decoding of the model's PCI bus.
// Spec: PCI Local Bus 3.0 §6.1, §6.2.2 Device Control, §6.2.5 Base Addresses, §6.7.
// Config space is an image and a mask of writable bits: BAR sizing needs no code of its own, since
// an all-ones write sticks only in the address bits that a BAR of that size has.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/pci/vl_pci_msix.h"

#include <stdio.h>
#include <string.h>

#define BAR_TYPE_64 0x4u // bits 2..1 = 10b; bit 0 = 0: memory; bit 3 = 0: not prefetchable
#define BAR_FLAGS 0xFu
#define BAR_IO 0x1u // bit 0 = 1: I/O
#define BAR_IO_BYTES_MAX 256u

void vl_pci_open(struct vl_pci *pci, const struct vl_pci_cpu *cpu)
{
    memset(pci, 0, sizeof(*pci));
    pci->cpu = *cpu;
}

static struct vl_pci_function *find(struct vl_pci *pci, uint32_t bdf)
{
    for (uint32_t i = 0; i < pci->n_functions; i++) {
        if (pci->function[i].desc.bdf == bdf) {
            return &pci->function[i];
        }
    }
    return NULL;
}

static void stray(struct vl_pci *pci, uint64_t addr, unsigned bytes, bool is_write, bool is_config)
{
    pci->stray = (struct vl_pci_stray){.n = pci->stray.n + 1,
                                       .addr = addr,
                                       .bytes = (uint8_t)bytes,
                                       .is_write = is_write,
                                       .is_config = is_config};
}

// ---- plugging in -----------------------------------------------------------------------------

static bool bars_valid(const struct vl_pci_function_config *c)
{
    bool upper = false; // this register is the upper half of the BAR before it
    for (unsigned i = 0; i < VL_PCI_BARS; i++) {
        const uint32_t n = c->bar[i].bytes;
        if (n != 0 && (upper || n < 16 || (n & (n - 1)) != 0)) {
            return false;
        }
        if (c->bar[i].is_io && (n > BAR_IO_BYTES_MAX || c->bar[i].is_64)) {
            return false;
        }
        upper = n != 0 && c->bar[i].is_64;
    }
    return !upper;
}

static bool msix_valid(const struct vl_pci_function_config *c)
{
    if (c->n_vectors == 0) {
        return true;
    }
    if (c->n_vectors > VL_PCI_VECTORS_MAX || c->msix_bar >= VL_PCI_BARS ||
        (c->msix_table_off | c->msix_pba_off) % 8 != 0) {
        return false;
    }
    const uint64_t table = c->msix_table_off;
    const uint64_t table_end = table + (uint64_t)c->n_vectors * VL_PCI_MSIX_ENTRY_BYTES;
    const uint64_t pba = c->msix_pba_off;
    const uint64_t pba_end = pba + VL_PCI_MSIX_PBA_BYTES;
    const uint32_t bar_bytes = c->bar[c->msix_bar].bytes;
    return table_end <= bar_bytes && pba_end <= bar_bytes && (table_end <= pba || pba_end <= table);
}

static void build_header(struct vl_pci_function *fn)
{
    const struct vl_pci_function_config *c = &fn->desc;
    uint8_t *image = fn->power_on;
    uint8_t *mask = fn->writable;

    vl_pci_put(image + VL_PCI_VENDOR_ID, 2, c->vendor_id);
    vl_pci_put(image + VL_PCI_DEVICE_ID, 2, c->device_id);
    vl_pci_put(mask + VL_PCI_COMMAND, 2,
               VL_PCI_COMMAND_MEMORY | VL_PCI_COMMAND_MASTER | VL_PCI_COMMAND_INTX_OFF);
    image[VL_PCI_REVISION] = c->revision;
    vl_pci_put(image + VL_PCI_CLASS, 3, c->class_code);
    mask[VL_PCI_CACHE_LINE] = 0xFF;
    vl_pci_put(image + VL_PCI_SUBSYSTEM_VENDOR, 2, c->subsystem_vendor_id);
    vl_pci_put(image + VL_PCI_SUBSYSTEM, 2, c->subsystem_id);
    mask[VL_PCI_INTERRUPT_LINE] = 0xFF;
    image[VL_PCI_INTERRUPT_PIN] = c->interrupt_pin;
    for (unsigned i = 0; i < VL_PCI_BARS; i++) {
        if (c->bar[i].bytes == 0) {
            continue;
        }
        const uint32_t at = VL_PCI_BAR0 + 4 * i;
        vl_pci_put(image + at, 4, c->bar[i].is_io ? BAR_IO : c->bar[i].is_64 ? BAR_TYPE_64 : 0u);
        mask[VL_PCI_COMMAND] |= c->bar[i].is_io ? VL_PCI_COMMAND_IO : 0u;
        vl_pci_put(mask + at, 4, ~(c->bar[i].bytes - 1u));
        if (c->bar[i].is_64) {
            vl_pci_put(mask + at + 4, 4, 0xFFFFFFFFu);
        }
    }
}

// Append a capability to the list at *at; link is where its offset has to be stored.
static bool append_cap(struct vl_pci_function *fn, uint32_t *at, uint32_t *link,
                       const uint8_t *bytes, uint32_t n)
{
    const uint32_t end = *at + n;
    if (n < 2 || end > VL_PCI_CONFIG_BYTES) {
        return false;
    }
    memcpy(fn->power_on + *at, bytes, n);
    fn->power_on[*at + 1] = 0;
    fn->power_on[*link] = (uint8_t)*at;
    *link = *at + 1;
    *at = (end + 3u) & ~3u; // the two low bits of a link are zero
    return true;
}

static bool build_caps(struct vl_pci_function *fn, const struct vl_pci_function_config *c)
{
    uint32_t at = VL_PCI_HEADER_END;
    uint32_t link = VL_PCI_CAP_POINTER;

    if (c->n_caps > VL_PCI_CAPS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < c->n_caps; i++) {
        const uint32_t off = at;
        if (!append_cap(fn, &at, &link, c->caps[i].bytes, c->caps[i].n_bytes)) {
            return false;
        }
        fn->cap_off[i] = (uint8_t)off;
        fn->cap_bytes[i] = c->caps[i].n_bytes;
        fn->cap_live[i] = c->caps[i].live;
    }
    if (c->n_vectors > 0) {
        uint8_t msix[VL_PCI_MSIX_CAP_BYTES] = {VL_PCI_CAP_MSIX};
        vl_pci_put(msix + VL_PCI_MSIX_CONTROL, 2, c->n_vectors - 1u);
        vl_pci_put(msix + VL_PCI_MSIX_TABLE, 4, c->msix_table_off | c->msix_bar);
        vl_pci_put(msix + VL_PCI_MSIX_PBA, 4, c->msix_pba_off | c->msix_bar);
        const uint32_t off = at;
        if (!append_cap(fn, &at, &link, msix, sizeof(msix))) {
            return false;
        }
        fn->msix_off = (uint8_t)off;
        vl_pci_put(fn->writable + off + VL_PCI_MSIX_CONTROL, 2,
                   VL_PCI_MSIX_ENABLE | VL_PCI_MSIX_MASK_ALL);
    }
    if (fn->power_on[VL_PCI_CAP_POINTER] != 0) {
        vl_pci_put(fn->power_on + VL_PCI_STATUS, 2, VL_PCI_STATUS_CAPS);
    }
    return true;
}

static void function_reset(struct vl_pci_function *fn)
{
    memcpy(fn->config, fn->power_on, sizeof(fn->config));
    fn->intx_level = false;
    fn->lost_messages = 0;
    vl_pci_msix_reset(fn);
}

// Software looks at functions 1..7 of a device only if function 0 says that there are some.
static void mark_multi_function(struct vl_pci *pci, struct vl_pci_function *added)
{
    for (uint32_t i = 0; i < pci->n_functions; i++) {
        struct vl_pci_function *fn = &pci->function[i];
        if (fn != added && fn->desc.bdf >> 3 == added->desc.bdf >> 3) {
            fn->power_on[VL_PCI_HEADER_TYPE] |= VL_PCI_MULTI_FUNCTION;
            fn->config[VL_PCI_HEADER_TYPE] |= VL_PCI_MULTI_FUNCTION;
            added->power_on[VL_PCI_HEADER_TYPE] |= VL_PCI_MULTI_FUNCTION;
        }
    }
}

enum virtq_err vl_pci_add(struct vl_pci *pci, const struct vl_pci_function_config *config,
                          const struct vl_pci_function_ops *ops, struct vl_pci_function **out)
{
    if (pci->n_functions == VL_PCI_FUNCTIONS_MAX) {
        return VIRTQ_ERR_NO_MEMORY;
    }
    if (config->bdf > 0xFF || find(pci, config->bdf) != NULL || !bars_valid(config) ||
        !msix_valid(config) || config->interrupt_pin > 4 || config->class_code > 0xFFFFFF) {
        return VIRTQ_ERR_INVALID;
    }
    struct vl_pci_function *fn = &pci->function[pci->n_functions];
    memset(fn, 0, sizeof(*fn));
    fn->pci = pci;
    fn->desc = *config;
    fn->desc.caps = NULL;
    fn->ops = *ops;
    build_header(fn);
    if (!build_caps(fn, config)) {
        return VIRTQ_ERR_INVALID;
    }
    pci->n_functions++;
    mark_multi_function(pci, fn);
    function_reset(fn);
    *out = fn;
    return VIRTQ_OK;
}

void vl_pci_reset(struct vl_pci *pci)
{
    for (uint32_t i = 0; i < pci->n_functions; i++) {
        function_reset(&pci->function[i]);
    }
    pci->n_windows = 0;
    pci->intx_line = false;
    pci->live_bar_writes = 0;
    pci->stray = (struct vl_pci_stray){.n = 0};
}

// ---- interrupt line --------------------------------------------------------------------------

bool vl_pci_bus_master(const struct vl_pci_function *fn)
{
    return (vl_pci_command(fn) & VL_PCI_COMMAND_MASTER) != 0;
}

void vl_pci_update_intx(struct vl_pci *pci)
{
    bool line = false;
    for (uint32_t i = 0; i < pci->n_functions; i++) {
        const struct vl_pci_function *fn = &pci->function[i];
        line = line || (fn->intx_level && fn->desc.interrupt_pin != 0 && !vl_pci_msix_enabled(fn) &&
                        (vl_pci_command(fn) & VL_PCI_COMMAND_INTX_OFF) == 0);
    }
    if (line != pci->intx_line) {
        pci->intx_line = line;
        if (pci->cpu.intx != NULL) {
            pci->cpu.intx(pci->cpu.ctx, line);
        }
    }
}

void vl_pci_set_intx(struct vl_pci_function *fn, bool level)
{
    const uint32_t status = vl_pci_get(fn->config + VL_PCI_STATUS, 2) & ~VL_PCI_STATUS_INTX;

    fn->intx_level = level;
    vl_pci_put(fn->config + VL_PCI_STATUS, 2, level ? status | VL_PCI_STATUS_INTX : status);
    vl_pci_update_intx(fn->pci);
}

// ---- config space ----------------------------------------------------------------------------

static uint64_t bar_base(const struct vl_pci_function *fn, unsigned bar)
{
    const uint8_t *at = fn->config + VL_PCI_BAR0 + 4 * (size_t)bar;
    const uint64_t low = vl_pci_get(at, 4) & ~BAR_FLAGS;
    const uint64_t high = fn->desc.bar[bar].is_64 ? vl_pci_get(at + 4, 4) : 0;
    return high << 32 | low;
}

static void update_windows(struct vl_pci *pci)
{
    pci->n_windows = 0;
    for (uint32_t i = 0; i < pci->n_functions; i++) {
        const struct vl_pci_function *fn = &pci->function[i];
        if ((vl_pci_command(fn) & VL_PCI_COMMAND_MEMORY) == 0) {
            continue;
        }
        for (unsigned bar = 0; bar < VL_PCI_BARS; bar++) {
            if (fn->desc.bar[bar].bytes == 0 || fn->desc.bar[bar].is_io) {
                continue;
            }
            pci->window[pci->n_windows++] = (struct vl_pci_window){.base = bar_base(fn, bar),
                                                                   .bytes = fn->desc.bar[bar].bytes,
                                                                   .function = (uint8_t)i,
                                                                   .bar = (uint8_t)bar};
        }
    }
}

// The live capability that an access falls into, from its byte 4 on; VL_PCI_CAPS_MAX if none.
static unsigned live_cap(const struct vl_pci_function *fn, uint32_t off, unsigned bytes)
{
    for (unsigned i = 0; i < VL_PCI_CAPS_MAX; i++) {
        if (fn->cap_live[i] && off >= fn->cap_off[i] + 4u &&
            off + bytes <= (uint32_t)fn->cap_off[i] + fn->cap_bytes[i]) {
            return i;
        }
    }
    return VL_PCI_CAPS_MAX;
}

static bool config_access_valid(uint32_t off, unsigned bytes)
{
    return (bytes == 1 || bytes == 2 || bytes == 4) && off % bytes == 0 &&
           off <= VL_PCI_CONFIG_BYTES - bytes;
}

uint32_t vl_pci_config_read(struct vl_pci *pci, uint32_t bdf, uint32_t off, unsigned bytes)
{
    struct vl_pci_function *fn = find(pci, bdf);

    if (!config_access_valid(off, bytes)) {
        stray(pci, (uint64_t)bdf << 16 | off, bytes, false, true);
        return vl_pci_ones(bytes);
    }
    if (fn == NULL) {
        return vl_pci_ones(bytes);
    }
    const unsigned cap = live_cap(fn, off, bytes);
    if (cap < VL_PCI_CAPS_MAX && fn->ops.cap_read != NULL) {
        return fn->ops.cap_read(fn->ops.ctx, cap, off - fn->cap_off[cap], bytes);
    }
    return vl_pci_get(fn->config + off, bytes);
}

void vl_pci_config_write(struct vl_pci *pci, uint32_t bdf, uint32_t off, unsigned bytes,
                         uint32_t value)
{
    struct vl_pci_function *fn = find(pci, bdf);

    if (fn == NULL || !config_access_valid(off, bytes)) {
        stray(pci, (uint64_t)bdf << 16 | off, bytes, true, true);
        return;
    }
    const unsigned cap = live_cap(fn, off, bytes);
    if (cap < VL_PCI_CAPS_MAX && fn->ops.cap_write != NULL) {
        fn->ops.cap_write(fn->ops.ctx, cap, off - fn->cap_off[cap], bytes, value);
        return;
    }
    if (off >= VL_PCI_BAR0 && off < VL_PCI_BAR0 + 4 * VL_PCI_BARS &&
        (vl_pci_command(fn) & VL_PCI_COMMAND_MEMORY) != 0) {
        pci->live_bar_writes++; // the window jumps while accesses may be under way
    }
    const uint32_t mask = vl_pci_get(fn->writable + off, bytes);
    const uint32_t old = vl_pci_get(fn->config + off, bytes);
    vl_pci_put(fn->config + off, bytes, (old & ~mask) | (value & mask));
    update_windows(pci);
    vl_pci_update_intx(pci);
    vl_pci_msix_flush(fn);
}

// ---- memory space ----------------------------------------------------------------------------

static const struct vl_pci_window *decode(const struct vl_pci *pci, uint64_t addr, unsigned bytes)
{
    for (uint32_t i = 0; i < pci->n_windows; i++) {
        const struct vl_pci_window *w = &pci->window[i];
        if (addr >= w->base && addr - w->base <= w->bytes - bytes) {
            return w;
        }
    }
    return NULL;
}

static bool mmio_width_valid(unsigned bytes)
{
    return bytes == 1 || bytes == 2 || bytes == 4;
}

uint32_t vl_pci_mmio_read(struct vl_pci *pci, uint64_t addr, unsigned bytes)
{
    const struct vl_pci_window *w = mmio_width_valid(bytes) ? decode(pci, addr, bytes) : NULL;
    uint32_t value = vl_pci_ones(bytes);

    if (w == NULL) {
        stray(pci, addr, bytes, false, false);
        return value;
    }
    const struct vl_pci_function *fn = &pci->function[w->function];
    const uint32_t off = (uint32_t)(addr - w->base);
    if (vl_pci_msix_owns(fn, w->bar, off, bytes)) {
        if (!vl_pci_msix_read(fn, off, bytes, &value)) {
            stray(pci, addr, bytes, false, false);
        }
    } else if (fn->ops.bar_read != NULL) {
        value = fn->ops.bar_read(fn->ops.ctx, w->bar, off, bytes);
    }
    return value & vl_pci_ones(bytes);
}

void vl_pci_mmio_write(struct vl_pci *pci, uint64_t addr, unsigned bytes, uint32_t value)
{
    const struct vl_pci_window *w = mmio_width_valid(bytes) ? decode(pci, addr, bytes) : NULL;

    if (w == NULL) {
        stray(pci, addr, bytes, true, false);
        return;
    }
    struct vl_pci_function *fn = &pci->function[w->function];
    const uint32_t off = (uint32_t)(addr - w->base);
    if (vl_pci_msix_owns(fn, w->bar, off, bytes)) {
        if (!vl_pci_msix_write(fn, off, bytes, value)) {
            stray(pci, addr, bytes, true, false);
        }
    } else if (fn->ops.bar_write != NULL) {
        fn->ops.bar_write(fn->ops.ctx, w->bar, off, bytes, value & vl_pci_ones(bytes));
    }
}

bool vl_pci_mmio_posted(const struct vl_pci *pci, uint64_t addr)
{
    return decode(pci, addr, 1) != NULL;
}

uint64_t vl_pci_stray_accesses(const struct vl_pci *pci, struct vl_pci_stray *last)
{
    if (last != NULL) {
        *last = pci->stray;
    }
    return pci->stray.n;
}

// ---- dump ------------------------------------------------------------------------------------

size_t vl_pci_dump(const struct vl_pci_function *fn, char *text, size_t text_bytes)
{
    VIRTQ_ASSERT(text_bytes >= VL_PCI_DUMP_BYTES);
    const struct vl_pci_function_config *c = &fn->desc;
    size_t n = (size_t)snprintf(text, text_bytes, "%02x:%02x.%x Class %04x: %04x:%04x (rev %02x)\n",
                                c->bdf >> 8, c->bdf >> 3 & 0x1Fu, c->bdf & 7u, c->class_code >> 8,
                                c->vendor_id, c->device_id, c->revision);
    for (uint32_t row = 0; row < VL_PCI_CONFIG_BYTES; row += 16) {
        n += (size_t)snprintf(text + n, text_bytes - n, "%02x:", row);
        for (uint32_t i = 0; i < 16; i++) {
            n += (size_t)snprintf(text + n, text_bytes - n, " %02x", fn->config[row + i]);
        }
        n += (size_t)snprintf(text + n, text_bytes - n, "\n");
    }
    VIRTQ_ASSERT(n < text_bytes);
    return n;
}
