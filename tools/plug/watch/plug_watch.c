// tools/plug/watch/plug_watch.c -- what code compiled with -fsanitize=thread calls at its accesses.
// The names and signatures are those of LLVM's and GCC's ThreadSanitizer instrumentation; its
// runtime is not linked. Plain accesses: the call comes before the access (plug_before_load(),
// plug_before_store()). Atomics and copies: the call is the access. docs/FUZZ-YOUR-RING.md names
// the compiler's flags; docs/adr/0019-instrumented-ring-code.md says why it is this
// instrumentation.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/plug/plug.h"

#include <stdio.h>
#include <string.h>

#define SITES 2048u // power of two
#define FILE_BYTES 64u

// These are the instrumentation's functions; no header of ours declares them.
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

// ---- where in the program -----------------------------------------------------------------------

struct place {
    uintptr_t pc;
    struct virtq_site site;
    char file[FILE_BYTES];
    char func[FILE_BYTES];
};
static struct place places[SITES];
static uint32_t n_places;

extern const char __ehdr_start[] __attribute__((weak)); // where this program or library is loaded
// The sanitizers' symbolizer, where one is linked: it knows the line.
void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t bytes)
    __attribute__((weak));

// The last two parts of a path: which file it is, whatever directory was built in.
static const char *short_path(const char *path)
{
    unsigned parts = 0;
    const char *p = path + strlen(path);

    while (p > path && parts < 2) { // bound: the text
        p--;
        parts += *p == '/' ? 1 : 0;
    }
    return parts == 2 ? p + 1 : path;
}

static void name_place(struct place *at)
{
    char text[8 * FILE_BYTES] = "";
    unsigned line = 0;

    (void)snprintf(at->file, sizeof(at->file), "pc");
    (void)snprintf(at->func, sizeof(at->func), "+0x%zx",
                   (size_t)(at->pc - 1 - (uintptr_t)__ehdr_start));
    if (__sanitizer_symbolize_pc != NULL) {
        __sanitizer_symbolize_pc((void *)at->pc, "%s|%l|%f", text, sizeof(text) - 1);
        char *bar = strchr(text, '|');
        char *second = bar != NULL ? strchr(bar + 1, '|') : NULL;
        if (second != NULL && text[0] != '<') {
            *bar = *second = '\0';
            for (const char *p = bar + 1; *p >= '0' && *p <= '9'; p++) { // bound: the text
                line = line * 10 + (unsigned)(*p - '0');
            }
            (void)snprintf(at->file, sizeof(at->file), "%.63s", short_path(text));
            (void)snprintf(at->func, sizeof(at->func), "%.63s", second + 1);
        }
    }
    at->site = (struct virtq_site){.file = at->file, .func = at->func, .line = line};
}

// The site of a return address; NULL if there are too many.
static struct virtq_site *site_of(void *return_address)
{
    const uintptr_t pc = (uintptr_t)return_address;
    uint32_t i = (uint32_t)(pc * 2654435761u >> 4) & (SITES - 1);

    while (places[i].pc != 0 && places[i].pc != pc) { // bound: the table is never full
        i = (i + 1) & (SITES - 1);
    }
    if (places[i].pc == 0) {
        if (n_places == SITES / 2) {
            return NULL;
        }
        n_places++;
        places[i].pc = pc;
        name_place(&places[i]);
    }
    return &places[i].site;
}

#define HERE site_of(__builtin_return_address(0))

// ---- plain and volatile accesses ----------------------------------------------------------------

#define LOADS(name, bytes, order)                                                                  \
    void __tsan_##name##bytes(void *p)                                                             \
    {                                                                                              \
        if (plug_is_guest(p)) {                                                                    \
            plug_before_load(p, bytes, order, HERE);                                               \
        }                                                                                          \
    }
#define STORES(name, bytes, order)                                                                 \
    void __tsan_##name##bytes(void *p)                                                             \
    {                                                                                              \
        if (plug_is_guest(p)) {                                                                    \
            plug_before_store(p, bytes, order, HERE);                                              \
        }                                                                                          \
    }
// 16 bytes are never one access, whatever was meant.
#define SIZES(X, name, order)                                                                      \
    X(name, 1, order)                                                                              \
    X(name, 2, order) X(name, 4, order) X(name, 8, order) X(name, 16, VIRTQ_PLAIN)

SIZES(LOADS, read, VIRTQ_PLAIN)
SIZES(LOADS, unaligned_read, VIRTQ_PLAIN)
SIZES(LOADS, volatile_read, VIRTQ_RELAXED)
SIZES(LOADS, unaligned_volatile_read, VIRTQ_RELAXED)
SIZES(STORES, write, VIRTQ_PLAIN)
SIZES(STORES, unaligned_write, VIRTQ_PLAIN)
SIZES(STORES, volatile_write, VIRTQ_RELAXED)
SIZES(STORES, unaligned_volatile_write, VIRTQ_RELAXED)
// A load and a store of one place, in newer compilers. The load finds what was chosen; what is
// stored shows at the next call.
#define BOTH(name, bytes, order)                                                                   \
    void __tsan_##name##bytes(void *p)                                                             \
    {                                                                                              \
        if (plug_is_guest(p)) {                                                                    \
            plug_before_update(p, bytes, HERE);                                                    \
        }                                                                                          \
    }
SIZES(BOTH, read_write, VIRTQ_PLAIN)
SIZES(BOTH, unaligned_read_write, VIRTQ_PLAIN)

// Structs as a whole, in some compilers.
void __tsan_read_range(void *p, size_t bytes)
{
    if (plug_is_guest(p)) {
        plug_before_load(p, (unsigned)bytes, VIRTQ_PLAIN, HERE);
    }
}

void __tsan_write_range(void *p, size_t bytes)
{
    if (plug_is_guest(p)) {
        plug_before_store(p, (unsigned)bytes, VIRTQ_PLAIN, HERE);
    }
}

// ---- copies -------------------------------------------------------------------------------------

void *__tsan_memcpy(void *dst, const void *src, size_t bytes)
{
    plug_copy(dst, src, bytes, plug_is_guest(dst) || plug_is_guest(src) ? HERE : NULL);
    return dst;
}

void *__tsan_memmove(void *dst, const void *src, size_t bytes)
{
    plug_copy(dst, src, bytes, plug_is_guest(dst) || plug_is_guest(src) ? HERE : NULL);
    return dst;
}

void *__tsan_memset(void *dst, int byte, size_t bytes)
{
    plug_fill(dst, (uint8_t)byte, bytes, plug_is_guest(dst) ? HERE : NULL);
    return dst;
}

// ---- atomics ------------------------------------------------------------------------------------

// C11's memory orders as the compiler passes them: relaxed, consume, acquire, release, acq_rel,
// seq_cst.
static enum virtq_order order_of(int order)
{
    static const enum virtq_order orders[] = {VIRTQ_RELAXED, VIRTQ_ACQUIRE, VIRTQ_ACQUIRE,
                                              VIRTQ_RELEASE, VIRTQ_ACQ_REL, VIRTQ_SEQ_CST};
    return orders[order >= 0 && order <= 5 ? order : 5];
}

// What the load and the store of a read-modify-write order.
static enum virtq_order load_order(int order)
{
    const enum virtq_order o = order_of(order);
    return o == VIRTQ_RELEASE ? VIRTQ_RELAXED : o == VIRTQ_ACQ_REL ? VIRTQ_ACQUIRE : o;
}

static enum virtq_order store_order(int order)
{
    const enum virtq_order o = order_of(order);
    return o == VIRTQ_ACQUIRE ? VIRTQ_RELAXED : o == VIRTQ_ACQ_REL ? VIRTQ_RELEASE : o;
}

void __tsan_atomic_thread_fence(int order)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    plug_fence(order_of(order), HERE);
}

void __tsan_atomic_signal_fence(int order)
{
    (void)order;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

// Atomics outside guest memory are what they are, and seq-cst. In guest memory a read-modify-write
// is a load and a store.
#define RMW(bits, type, name, expression)                                                          \
    type __tsan_atomic##bits##_##name(volatile type *p, type v, int order)                         \
    {                                                                                              \
        struct virtq_site *site = NULL;                                                            \
        type old = 0;                                                                              \
        if (!plug_is_guest(p)) {                                                                   \
            old = __atomic_load_n(p, __ATOMIC_SEQ_CST);                                            \
            while (!__atomic_compare_exchange_n(p, &old, (type)(expression), false,                \
                                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {             \
            } /* bound: other threads */                                                           \
            return old;                                                                            \
        }                                                                                          \
        site = HERE;                                                                               \
        old = (type)plug_load(p, sizeof(type), load_order(order), site);                           \
        plug_store(p, sizeof(type), (type)(expression), store_order(order), site);                 \
        return old;                                                                                \
    }
#define COMPARE(bits, type, strength)                                                              \
    int __tsan_atomic##bits##_compare_exchange_##strength(volatile type *p, type *expected,        \
                                                          type v, int order, int fail_order)       \
    {                                                                                              \
        struct virtq_site *site = NULL;                                                            \
        type old = 0;                                                                              \
        (void)fail_order;                                                                          \
        if (!plug_is_guest(p)) {                                                                   \
            return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST,            \
                                               __ATOMIC_SEQ_CST);                                  \
        }                                                                                          \
        site = HERE;                                                                               \
        old = (type)plug_load(p, sizeof(type), load_order(order), site);                           \
        if (old != *expected) {                                                                    \
            *expected = old;                                                                       \
            return 0;                                                                              \
        }                                                                                          \
        plug_store(p, sizeof(type), v, store_order(order), site);                                  \
        return 1;                                                                                  \
    }
#define ATOMICS(bits, type)                                                                        \
    type __tsan_atomic##bits##_load(const volatile type *p, int order)                             \
    {                                                                                              \
        return !plug_is_guest(p) ? __atomic_load_n(p, __ATOMIC_SEQ_CST)                            \
                                 : (type)plug_load(p, sizeof(type), order_of(order), HERE);        \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile type *p, type v, int order)                          \
    {                                                                                              \
        if (!plug_is_guest(p)) {                                                                   \
            __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                              \
        } else {                                                                                   \
            plug_store(p, sizeof(type), v, order_of(order), HERE);                                 \
        }                                                                                          \
    }                                                                                              \
    RMW(bits, type, exchange, v)                                                                   \
    RMW(bits, type, fetch_add, old + v)                                                            \
    RMW(bits, type, fetch_sub, old - v)                                                            \
    RMW(bits, type, fetch_and, old &v)                                                             \
    RMW(bits, type, fetch_or, old | v)                                                             \
    RMW(bits, type, fetch_xor, old ^ v)                                                            \
    RMW(bits, type, fetch_nand, ~(old & v))                                                        \
    COMPARE(bits, type, strong)                                                                    \
    COMPARE(bits, type, weak)                                                                      \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *p, type expected, type v,       \
                                                    int order, int fail_order)                     \
    {                                                                                              \
        (void)__tsan_atomic##bits##_compare_exchange_strong(p, &expected, v, order, fail_order);   \
        return expected;                                                                           \
    }

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

// ---- what is of no interest here ----------------------------------------------------------------

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
    (void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_ignore_thread_begin(void)
{
}

void __tsan_ignore_thread_end(void)
{
}

void __tsan_vptr_read(void **p)
{
    (void)p;
}

void __tsan_vptr_update(void **p, void *value)
{
    (void)p;
    (void)value;
}
