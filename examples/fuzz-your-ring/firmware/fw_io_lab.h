// firmware/fw_io_lab.h -- the same accessors, for the fuzzer: each is a port call of vringlab's.
// This header is all that depth 1 asks of a project: volatile accesses are VIRTQ_RELAXED, barriers
// are fences.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/plug/plug.h"

#define fw_read16(p) ((uint16_t)plug_load((p), 2, VIRTQ_RELAXED, VIRTQ_SITE_))
#define fw_read32(p) ((uint32_t)plug_load((p), 4, VIRTQ_RELAXED, VIRTQ_SITE_))
#define fw_write16(p, v) plug_store((p), 2, (v), VIRTQ_RELAXED, VIRTQ_SITE_)
#define fw_write32(p, v) plug_store((p), 4, (v), VIRTQ_RELAXED, VIRTQ_SITE_)
#define fw_write64(p, v) plug_store((p), 8, (v), VIRTQ_RELAXED, VIRTQ_SITE_)
#define fw_rmb() plug_fence(VIRTQ_ACQUIRE, VIRTQ_SITE_)
#define fw_wmb() plug_fence(VIRTQ_RELEASE, VIRTQ_SITE_)
#define fw_mb() plug_fence(VIRTQ_SEQ_CST, VIRTQ_SITE_)
