// model/core/vl_fiber.h -- contexts of execution on stacks of their own.
// A switch is a few instructions (x86-64, i386, AArch64), ucontext elsewhere; AddressSanitizer and
// MemorySanitizer are told about it. Fibers are abandoned, not unwound, when a run ends early:
// nothing that a run does needs unwinding, since it allocates nothing.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_FIBER_H
#define VL_FIBER_H

#include "ring/virtq_err.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VL_FIBER_STACK_BYTES (64u << 10)

typedef void vl_fiber_fn(void *arg);

struct vl_fiber {
    void *sp; // where its registers are saved while it does not run
    uint8_t *stack;
    size_t stack_bytes;
    void *fake_stack; // AddressSanitizer's
    vl_fiber_fn *fn;
    void *arg;
};

// Allocate a stack. Returns VIRTQ_ERR_NO_MEMORY if there is none. Ends with vl_fiber_close().
VIRTQ_NODISCARD enum virtq_err vl_fiber_open(struct vl_fiber *f);
void vl_fiber_close(struct vl_fiber *f);

// The calling thread's own context as a fiber, to switch away from and back to.
void vl_fiber_adopt(struct vl_fiber *f);

// Make the next switch to f start fn(arg) on a fresh stack. fn must not return: its last act is a
// switch to another fiber.
void vl_fiber_start(struct vl_fiber *f, vl_fiber_fn *fn, void *arg);

// Save the current context in from and go on in to.
void vl_fiber_switch(struct vl_fiber *from, struct vl_fiber *to);

#ifdef __cplusplus
}
#endif

#endif
