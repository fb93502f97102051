// tools/plug/plug_registers.h -- the registers of a device with one queue, under transport=direct.
// They are accessed in another context than the one that the device's player steps in. What they
// say is kept here, and taken from here by the player's step():
//
//   switch (plug_registers_take(&regs)) {
//   case PLUG_RESET: ...; plug_queue_close(port, 0); plug_registers_was_reset(&regs); break;
//   case PLUG_START: ...; plug_queue_open(port, &regs.queue); break;
//   case PLUG_NOTHING: break;
//   }
//
// Spec: virtio 1.4 §2.1, §2.2, §3.1.1.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef PLUG_REGISTERS_H
#define PLUG_REGISTERS_H

#include "tools/lab/lab_player.h"
#include "tools/plug/plug.h"

#ifdef __cplusplus
extern "C" {
#endif

// Part of the player's state, which the lab has zeroed.
struct plug_registers {
    struct virtq_port *port;
    uint64_t offered;
    uint32_t queue_size_max;
    struct virtq_shared command; // from the registers to the device's thread
    struct virtq_shared in_reset;
    struct plug_queue queue; // as it was set up; valid from PLUG_START on
};

enum plug_command { PLUG_NOTHING, PLUG_START, PLUG_RESET };

// Power-on; in the player's create().
//   offered         feature bits, VIRTQ_F_VERSION_1 among them
//   queue_size_max  what the queue_size register says before it is written
void plug_registers_open(struct plug_registers *regs, struct virtq_port *port, uint64_t offered,
                         uint32_t queue_size_max);

// What the player's link() answers: these registers. Features that were not offered and an
// impossible queue size are refused; there is no capacity.
void plug_registers_link(struct plug_registers *regs, struct lab_link *link);

// What was written since the last time; in each step(). A reset comes first, and undoes a start.
enum plug_command plug_registers_take(struct plug_registers *regs);

// The reset is complete: the status register reads 0 again.
void plug_registers_was_reset(struct plug_registers *regs);

#ifdef __cplusplus
}
#endif

#endif
