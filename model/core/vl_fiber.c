// model/core/vl_fiber.c -- switching stacks.
// The hand-written switches save what the ABI says a callee keeps: System V x86-64 and i386 psABI,
// AAPCS64. A switch is a call, so everything else is dead or saved by the compiler already.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_fiber.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VL_ASAN 1
#endif
#if __has_feature(memory_sanitizer)
#define VL_MSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define VL_ASAN 1
#endif
#if defined(VL_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(VL_MSAN)
#include <sanitizer/msan_interface.h>
#endif

#define GUARD_BYTES 65536u // a whole page, also where pages are large

// The fiber that a switch came from and goes to: read by the far side of the switch, which has no
// other way to get arguments. Runs are single-threaded.
static struct vl_fiber *switch_from;
static struct vl_fiber *switch_to;

static void fiber_entry(void);

// A stack ends in a page that nobody may touch: a frame too large stops there, and not in whatever
// lies below.
static uint8_t *take_stack(size_t bytes)
{
    uint8_t *p =
        mmap(NULL, bytes + GUARD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    if (mprotect(p, GUARD_BYTES, PROT_NONE) != 0) {
        (void)munmap(p, bytes + GUARD_BYTES);
        return NULL;
    }
    return p + GUARD_BYTES;
}

static void give_stack(uint8_t *stack, size_t bytes)
{
    if (stack != NULL) {
#if defined(VL_ASAN)
        // The red zones of frames that never returned outlive the mapping: the next thing mapped
        // here, a player's library by the loader for one, would be accused of reading a stack.
        __asan_unpoison_memory_region(stack, bytes);
#endif
        (void)munmap(stack - GUARD_BYTES, bytes + GUARD_BYTES);
    }
}

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl vl_fiber_swap\n"
        ".type vl_fiber_swap,@function\n"
        "vl_fiber_swap:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size vl_fiber_swap,.-vl_fiber_swap\n");
#define VL_SAVED_WORDS 6u
#define VL_HAND_WRITTEN 1
#elif defined(__i386__)
__asm__(".text\n"
        ".globl vl_fiber_swap\n"
        ".type vl_fiber_swap,@function\n"
        "vl_fiber_swap:\n"
        "  movl 4(%esp), %eax\n"
        "  movl 8(%esp), %edx\n"
        "  pushl %ebp\n  pushl %ebx\n  pushl %esi\n  pushl %edi\n"
        "  movl %esp, (%eax)\n"
        "  movl %edx, %esp\n"
        "  popl %edi\n  popl %esi\n  popl %ebx\n  popl %ebp\n"
        "  ret\n"
        ".size vl_fiber_swap,.-vl_fiber_swap\n");
#define VL_SAVED_WORDS 4u
#define VL_HAND_WRITTEN 1
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl vl_fiber_swap\n"
        ".type vl_fiber_swap,%function\n"
        "vl_fiber_swap:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp, #0]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n"
        "  stp x25, x26, [sp, #48]\n  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n"
        "  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n"
        "  str x9, [x0]\n"
        "  mov sp, x1\n"
        "  ldp x19, x20, [sp, #0]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n"
        "  ldp x25, x26, [sp, #48]\n  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n"
        "  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n"
        "  ret\n"
        ".size vl_fiber_swap,.-vl_fiber_swap\n");
#define VL_HAND_WRITTEN 1
#else
#include <ucontext.h>
#endif

#if defined(VL_HAND_WRITTEN)
void vl_fiber_swap(void **save_sp, void *load_sp);

static void swap_stacks(struct vl_fiber *from, struct vl_fiber *to)
{
    vl_fiber_swap(&from->sp, to->sp);
}

static void prepare_stack(struct vl_fiber *f)
{
    uintptr_t *top = (uintptr_t *)(void *)(f->stack + f->stack_bytes);
#if defined(__aarch64__)
    uintptr_t *frame = top - 20;
    memset(frame, 0, 160);
    frame[11] = (uintptr_t)fiber_entry; // x30
    f->sp = frame;
#else
    // The switch's ret pops fiber_entry; below it one word stands where a caller's return address
    // would, which leaves the stack aligned as the ABI wants it at a function's entry.
    uintptr_t *frame = top - 1;
    frame[0] = 0;
    *--frame = (uintptr_t)fiber_entry;
    for (unsigned i = 0; i < VL_SAVED_WORDS; i++) {
        *--frame = 0;
    }
    f->sp = frame;
#endif
}

enum virtq_err vl_fiber_open(struct vl_fiber *f)
{
    memset(f, 0, sizeof(*f));
    f->stack_bytes = VL_FIBER_STACK_BYTES;
    f->stack = take_stack(f->stack_bytes);
    return f->stack != NULL ? VIRTQ_OK : VIRTQ_ERR_NO_MEMORY;
}

void vl_fiber_close(struct vl_fiber *f)
{
    give_stack(f->stack, f->stack_bytes);
    f->stack = NULL;
}

void vl_fiber_adopt(struct vl_fiber *f)
{
    memset(f, 0, sizeof(*f));
}
#else
// ucontext: about thirty times slower (a system call saves the signal mask), and everywhere.
static void swap_stacks(struct vl_fiber *from, struct vl_fiber *to)
{
    (void)swapcontext(from->sp, to->sp);
}

static void prepare_stack(struct vl_fiber *f)
{
    ucontext_t *context = f->sp;
    (void)getcontext(context);
    context->uc_stack.ss_sp = f->stack;
    context->uc_stack.ss_size = f->stack_bytes;
    context->uc_link = NULL;
    makecontext(context, fiber_entry, 0);
}

enum virtq_err vl_fiber_open(struct vl_fiber *f)
{
    memset(f, 0, sizeof(*f));
    f->stack_bytes = VL_FIBER_STACK_BYTES;
    f->stack = take_stack(f->stack_bytes);
    f->sp = calloc(1, sizeof(ucontext_t));
    if (f->stack == NULL || f->sp == NULL) {
        vl_fiber_close(f);
        return VIRTQ_ERR_NO_MEMORY;
    }
    return VIRTQ_OK;
}

void vl_fiber_close(struct vl_fiber *f)
{
    give_stack(f->stack, f->stack_bytes);
    free(f->sp);
    f->stack = NULL;
    f->sp = NULL;
}

void vl_fiber_adopt(struct vl_fiber *f)
{
    static ucontext_t main_context;
    memset(f, 0, sizeof(*f));
    f->sp = &main_context;
}
#endif

// On the far side of a switch: tell the sanitizer that we have arrived, and learn the bounds of
// the stack that we left (the adopted main stack's are not known otherwise).
static void arrived(struct vl_fiber *self)
{
#if defined(VL_ASAN)
    const void *bottom = NULL;
    size_t bytes = 0;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &bytes);
    if (switch_from->stack == NULL) {
        switch_from->stack = (uint8_t *)(uintptr_t)bottom;
        switch_from->stack_bytes = bytes;
    }
#else
    (void)self;
#endif
}

static void fiber_entry(void)
{
    struct vl_fiber *self = switch_to;
    arrived(self);
    self->fn(self->arg);
    abort(); // fn must not return
}

void vl_fiber_start(struct vl_fiber *f, vl_fiber_fn *fn, void *arg)
{
#if defined(VL_ASAN)
    // The last run may have left the stack in the middle of anything.
    __asan_unpoison_memory_region(f->stack, f->stack_bytes);
#endif
#if defined(VL_MSAN)
    __msan_unpoison(f->stack, f->stack_bytes);
#endif
    f->fn = fn;
    f->arg = arg;
    f->fake_stack = NULL;
    prepare_stack(f);
}

void vl_fiber_switch(struct vl_fiber *from, struct vl_fiber *to)
{
    switch_from = from;
    switch_to = to;
#if defined(VL_ASAN)
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
#endif
    swap_stacks(from, to);
    arrived(from);
}
