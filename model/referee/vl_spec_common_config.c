// model/referee/vl_spec_common_config.c -- checkers: config_generation and what it stands for.
// Spec: virtio 1.4 §2.5, §4.1.4.3, §4.1.4.3.1 (1.0: §2.3, §4.1.4.3.1).
//
// The driver reads generation g, then a field, later the field with another value. What it reads
// as generation behind that is not g: the change lies behind the reading of the old value, and that
// behind the reading of g. A generation that was read in between says nothing more: it may have
// been bumped before or behind it.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

// What the driver wrote is not the device's change.
static void written(struct vl_spec_common *c, uint32_t index, uint8_t bytes)
{
    c->word[index].known &= (uint8_t)~bytes;
}

static void changed(struct vl_spec_common *c, const struct vl_config_word *w,
                    const struct vl_reg_access *a, uint32_t old)
{
    if (!w->stamped || c->changed) {
        return; // no generation to compare with; of several changes the first is enough
    }
    c->changed = true;
    c->changed_generation = w->generation;
    c->changed_off = a->off;
    c->changed_old = old;
    c->changed_new = a->value;
    c->changed_old_seq = w->seq;
    c->changed_seq = a->seq;
}

void vl_common_config(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_common *c = &r->spec.common;
    const uint32_t index = a->off / 4;
    const uint32_t shift = a->off % 4;

    if (index >= VL_CONFIG_WORDS || shift + a->bytes > 4) {
        return;
    }
    const uint8_t bytes = (uint8_t)(((1u << a->bytes) - 1) << shift);
    const uint32_t mask = a->bytes >= 4 ? UINT32_MAX : (1u << 8 * a->bytes) - 1;
    if (a->write) {
        written(c, index, bytes);
        return;
    }
    struct vl_config_word *w = &c->word[index];
    const uint32_t old = w->value >> 8 * shift & mask;
    if ((w->known & bytes) == bytes && old != a->value) {
        changed(c, w, a, old);
    }
    w->value = (w->value & ~(mask << 8 * shift)) | a->value << 8 * shift;
    w->known = bytes; // what else lies in this word was read with another generation
    w->seq = a->seq;
    w->generation = r->spec.regs.generation;
    // What was read before FEATURES_OK is compared elsewhere [2.5.2-dev-1].
    w->stamped = r->spec.regs.generation_read && r->spec.regs.features_ok;
}

void vl_common_generation(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_common *c = &r->spec.common;

    if (!c->changed) {
        return;
    }
    c->changed = false;
    if (a->value == c->changed_generation) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_6,
                  "byte 0x%" PRIx32 " of device configuration reads 0x%" PRIx32 " at #%" PRIu64
                  " and 0x%" PRIx32 " at #%" PRIu64
                  ", and config_generation is %u as it was before both",
                  c->changed_off, c->changed_old, c->changed_old_seq, c->changed_new,
                  c->changed_seq, (unsigned)a->value);
    }
}
