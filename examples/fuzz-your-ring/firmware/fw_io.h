// firmware/fw_io.h -- how this firmware touches memory that it shares with a device.
// One header of accessors, as bare-metal code has them: readl() and writel() by another name. A
// build that defines FW_IO_HEADER brings its own accessors instead, and nothing else changes.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef FW_IO_H
#define FW_IO_H

#include <stdint.h>

#if defined(FW_IO_HEADER)
#include FW_IO_HEADER
#else

#define fw_read16(p) (*(const volatile uint16_t *)(p))
#define fw_read32(p) (*(const volatile uint32_t *)(p))
#define fw_write16(p, v) (*(volatile uint16_t *)(p) = (v))
#define fw_write32(p, v) (*(volatile uint32_t *)(p) = (v))
#define fw_write64(p, v) (*(volatile uint64_t *)(p) = (v))
#define fw_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define fw_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define fw_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif
#endif
