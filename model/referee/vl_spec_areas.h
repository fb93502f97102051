// model/referee/vl_spec_areas.h -- the state of the executable specification, and its entry points.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_AREAS_H
#define VL_SPEC_AREAS_H

#include "model/referee/vl_spec_blk.h"
#include "model/referee/vl_spec_cap.h"
#include "model/referee/vl_spec_common.h"
#include "model/referee/vl_spec_config.h"
#include "model/referee/vl_spec_entropy.h"
#include "model/referee/vl_spec_features.h"
#include "model/referee/vl_spec_isr.h"
#include "model/referee/vl_spec_msix.h"
#include "model/referee/vl_spec_notify.h"
#include "model/referee/vl_spec_status.h"

#define VL_CLAUSE_WORDS ((VL_CLAUSE_COUNT + 63) / 64)

struct vl_spec {
    uint64_t broke[VL_CLAUSE_WORDS];   // bit per clause: broken by an unjudged side
    uint64_t advised[VL_CLAUSE_WORDS]; // bit per clause: advice was given
    // what follows is used, and cleared, over PCI only
    struct vl_spec_regs regs;
    struct vl_spec_status status;
    struct vl_spec_features features;
    struct vl_spec_config config;
    struct vl_spec_cap_state cap;
    struct vl_spec_common common;
    struct vl_spec_notify notify;
    struct vl_spec_isr isr;
    struct vl_spec_msix msix;
    struct vl_spec_blk blk;
    struct vl_spec_entropy entropy;
};

// Start a run; over PCI what the areas keep of registers is cleared apart from that, by
// vl_bringup.h.
void vl_spec_reset(struct vl_referees *r);
void vl_spec_clear(struct vl_referees *r);

// A register access (MMIO_READ, MMIO_WRITE), one to config space, and every other event that the
// checkers of registers want: interrupts, the line, sleeps, handlers, notes, the end.
void vl_spec_mmio(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);
// A driver that is not judged did what nobody can follow: what is seen of registers from here on
// says nothing, and what was known of them grows old.
void vl_spec_lose(struct vl_referees *r);
// False for an access that no rule of the device's is about. A driver that is not judged makes
// them.
bool vl_spec_judgeable(struct vl_referees *r, const struct vl_reg_access *a);
// An access to a register by whatever way: a BAR, or the window in config space.
void vl_spec_access(struct vl_referees *r, const struct vl_reg_access *a);
void vl_spec_config_space(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);
void vl_spec_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// The driver published the chain of head; the device gives its buffer back: for the device type.
void vl_spec_published(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint64_t seq);
void vl_spec_returned(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint32_t len,
                      uint64_t seq);

// ---- vl_spec_regs.c ---------------------------------------------------------------------------

void vl_spec_regs_reset(struct vl_spec_regs *s);
// Look for the structures again if config space has shown more of itself.
void vl_spec_find(struct vl_referees *r);
bool vl_spec_decode(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                    struct vl_reg_access *a);
void vl_spec_regs_access(struct vl_spec_regs *s, const struct vl_reg_access *a);
void vl_spec_regs_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
