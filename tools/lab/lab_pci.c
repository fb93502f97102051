// tools/lab/lab_pci.c -- a device player plugged into the model PCI bus.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_pci.h"

#include "model/pci/vl_pci_machine.h"

#include <string.h>

#define MSIX_BAR 1u
#define MSIX_BAR_BYTES 4096u
#define MSIX_VECTORS 2u
#define MSIX_PBA_OFF 2048u
#define DECOY_BAR 2u
#define DECOY_BAR_BYTES 128u
#define N_DECOYS 3u

static uint32_t bar_read(void *ctx, unsigned bar, uint32_t off, unsigned bytes)
{
    struct lab_pci_bus *bus = ctx;
    return bus->player->bar_read(bus->state, bar, off, bytes);
}

static void bar_write(void *ctx, unsigned bar, uint32_t off, unsigned bytes, uint32_t value)
{
    struct lab_pci_bus *bus = ctx;
    bus->player->bar_write(bus->state, bar, off, bytes, value);
}

static uint32_t cap_read(void *ctx, unsigned cap, uint32_t off, unsigned bytes)
{
    struct lab_pci_bus *bus = ctx;
    (void)cap; // one live capability: the access window
    return bus->player->window_read(bus->state, off, bytes);
}

static void cap_write(void *ctx, unsigned cap, uint32_t off, unsigned bytes, uint32_t value)
{
    struct lab_pci_bus *bus = ctx;
    (void)cap;
    bus->player->window_write(bus->state, off, bytes, value);
}

bool lab_pci_msix_enabled(void *ctx)
{
    const struct lab_pci_bus *bus = ctx;
    return vl_pci_msix_enabled(bus->function);
}

// Capabilities that come first and are of no use: the common configuration and the notification
// structure in I/O space, and a common configuration in a BAR with a reserved number.
// Returns how many.
static uint32_t add_decoys(struct vl_pci_function_config *config, struct vl_pci_cap *caps)
{
    static const uint8_t decoy[N_DECOYS][20] = {
        {[0] = 9, [2] = 16, [3] = 1, [4] = DECOY_BAR, [12] = 64},
        {[0] = 9, [2] = 20, [3] = 2, [4] = DECOY_BAR, [8] = 64, [12] = 4},
        {[0] = 9, [2] = 16, [3] = 1, [4] = 7, [12] = 64},
    };

    for (uint32_t i = 0; i < N_DECOYS; i++) {
        caps[i] = (struct vl_pci_cap){.bytes = decoy[i], .n_bytes = decoy[i][2]};
    }
    config->bar[DECOY_BAR] = (struct vl_pci_bar){.bytes = DECOY_BAR_BYTES, .is_io = true};
    return N_DECOYS;
}

void lab_pci_plug(struct lab_pci_bus *bus, struct vl_machine *m, const struct lab_player *player,
                  void *state, bool decoys)
{
    struct lab_pci_info info;
    struct vl_pci_cap caps[LAB_PCI_CAPS_MAX + N_DECOYS];
    const struct vl_pci_cpu cpu = vl_pci_machine_cpu(m);
    const struct vl_pci_function_ops ops = {.ctx = bus,
                                            .bar_read = bar_read,
                                            .bar_write = bar_write,
                                            .cap_read = cap_read,
                                            .cap_write = cap_write};
    bus->player = player;
    bus->state = state;
    player->pci_describe(state, &info);
    struct vl_pci_function_config config = {.bdf = LAB_PCI_BDF,
                                            .vendor_id = info.vendor_id,
                                            .device_id = info.device_id,
                                            .class_code = info.class_code,
                                            .revision = info.revision,
                                            .interrupt_pin = 1,
                                            .subsystem_vendor_id = info.subsystem_vendor_id,
                                            .subsystem_id = info.subsystem_id,
                                            .caps = caps,
                                            .n_vectors = MSIX_VECTORS,
                                            .msix_bar = MSIX_BAR,
                                            .msix_table_off = 0,
                                            .msix_pba_off = MSIX_PBA_OFF};
    for (unsigned i = 0; i < LAB_PCI_BARS; i++) {
        config.bar[i].bytes = info.bar[i].bytes;
        config.bar[i].is_64 = info.bar[i].is_64;
    }
    config.bar[MSIX_BAR].bytes = MSIX_BAR_BYTES;
    if (decoys) {
        VIRTQ_ASSERT(info.bar[DECOY_BAR].bytes == 0 && !info.bar[DECOY_BAR - 1].is_64);
        config.n_caps = add_decoys(&config, caps);
    }
    for (uint32_t i = 0; i < info.n_caps; i++) { // bound: LAB_PCI_CAPS_MAX
        caps[config.n_caps++] = (struct vl_pci_cap){
            .bytes = info.cap[i], .n_bytes = info.cap_bytes[i], .live = info.cap_live[i]};
    }
    vl_pci_open(&bus->pci, &cpu);
    const enum virtq_err err = vl_pci_add(&bus->pci, &config, &ops, &bus->function);
    VIRTQ_ASSERT(err == VIRTQ_OK); // a player that describes an impossible function is our bug
    m->bus = vl_pci_machine_ops(bus->function);
}
