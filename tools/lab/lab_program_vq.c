// tools/lab/lab_program_vq.c -- the split-ring protocol as programs of two threads.
// Spec: virtio 1.4 §2.7.13 (supplying buffers), §2.7.14 (receiving used buffers), §2.7.7, §2.7.10
// (notification suppression).
//
// Which accesses there are, and in which order, is what the counts of executions depend on: a load
// more or less in a wait, and they mean another program. So nothing is loaded twice for
// convenience, and what a thread saw is judged when it has made its last access. Descriptor n holds
// 10 + n, reply n holds 20 + n, and a ring entry is the slot's number and 1: 0 is never an entry.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_program_thread.h"

#define DESC_VALUE 10u
#define REPLY_VALUE 20u

// Accesses whose order is a knob: the store and the load of an index, and the full fences.
#define PUT(t, loc, value, barrier)                                                                \
    put((t), LAB_LOC_##loc, (uint16_t)(value), VIRTQ_BARRIER_##barrier, VIRTQ_SITE_)
#define GET(t, loc, barrier) get((t), LAB_LOC_##loc, VIRTQ_BARRIER_##barrier, VIRTQ_SITE_)
#define GET_NEW(t, loc, old, barrier)                                                              \
    get_new((t), LAB_LOC_##loc, (old), VIRTQ_BARRIER_##barrier, VIRTQ_SITE_)
#define FENCE(t, barrier)                                                                          \
    lab_x_fence((t), (t)->knobs->strength[VIRTQ_BARRIER_##barrier], VIRTQ_BARRIER_##barrier,       \
                VIRTQ_SITE_)
// Accesses whose order is fixed.
#define LOAD(t, loc, order)                                                                        \
    lab_x_load16((t), LAB_LOC_##loc, VIRTQ_##order, VIRTQ_BARRIER_NONE, VIRTQ_SITE_)
#define STORE(t, loc, value)                                                                       \
    lab_x_store16((t), LAB_LOC_##loc, (value), VIRTQ_RELAXED, VIRTQ_BARRIER_NONE, VIRTQ_SITE_)
#define AWAIT(t, loc, old, order)                                                                  \
    lab_x_await16((t), LAB_LOC_##loc, (old), VIRTQ_##order, VIRTQ_BARRIER_NONE, VIRTQ_SITE_)
#define NOTIFY(t, loc) lab_x_notify((t), LAB_LOC_##loc, VIRTQ_SITE_)
// Payload.
#define READ(t, array, n)                                                                          \
    lab_x_payload_load16((t), lab_program_entry((t)->knobs, LAB_##array, (n)), VIRTQ_SITE_)
#define WRITE(t, array, n, value)                                                                  \
    lab_x_payload_store16((t), lab_program_entry((t)->knobs, LAB_##array, (n)), (uint16_t)(value), \
                          VIRTQ_SITE_)

static inline void put(struct lab_program_thread *t, uint32_t loc, uint16_t value, unsigned barrier,
                       const struct virtq_site *site)
{
    const unsigned strength = t->knobs->strength[barrier];
    if (t->knobs->fences) {
        lab_x_fence(t, strength, barrier, site);
    }
    lab_x_store16(t, loc, value, t->knobs->fences ? VIRTQ_RELAXED : strength, barrier, site);
}

static inline uint16_t get(struct lab_program_thread *t, uint32_t loc, unsigned barrier,
                           const struct virtq_site *site)
{
    const unsigned strength = t->knobs->strength[barrier];
    const uint16_t value =
        lab_x_load16(t, loc, t->knobs->fences ? VIRTQ_RELAXED : strength, barrier, site);
    if (t->knobs->fences) {
        lab_x_fence(t, strength, barrier, site);
    }
    return value;
}

static inline uint16_t get_new(struct lab_program_thread *t, uint32_t loc, uint16_t old,
                               unsigned barrier, const struct virtq_site *site)
{
    const unsigned strength = t->knobs->strength[barrier];
    const uint16_t value =
        lab_x_await16(t, loc, old, t->knobs->fences ? VIRTQ_RELAXED : strength, barrier, site);
    if (t->knobs->fences) {
        lab_x_fence(t, strength, barrier, site);
    }
    return value;
}

// virtio 1.4 §2.7.10: the other side wants to hear of the entry at event.
static bool need_event(uint16_t event, uint16_t new_idx, uint16_t old)
{
    return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old);
}

// ---- what both sides do with one buffer ---------------------------------------------------------

static inline void driver_add(struct lab_program_thread *t, uint32_t n)
{
    WRITE(t, DESC, n, DESC_VALUE + n);
    WRITE(t, AVAIL_RING, n, 1 + n % t->knobs->qsz);
    PUT(t, AVAIL_IDX, n + 1, AVAIL_PUBLISH);
}

static inline void driver_take(struct lab_program_thread *t)
{
    struct lab_program_seen *seen = &t->seen;
    if (!t->knobs->nousedring) {
        seen->head[seen->n] = READ(t, USED_RING, seen->n);
    }
    if (!t->knobs->noreply) {
        seen->value[seen->n] = READ(t, BUF, seen->n);
    }
    seen->n++;
}

// Returns false for an entry that nobody put there: there is no descriptor to look at.
static inline bool device_take(struct lab_program_thread *t, uint16_t n)
{
    const uint16_t head = READ(t, AVAIL_RING, n);
    t->seen.head[n] = head;
    if (head == 0) {
        t->seen.bad = true;
        return false;
    }
    t->seen.value[n] = READ(t, DESC, head - 1u);
    return true;
}

static inline void device_return(struct lab_program_thread *t, uint16_t n)
{
    const uint16_t head = t->seen.head[n];
    if (!t->knobs->noreply) {
        WRITE(t, BUF, head - 1u, REPLY_VALUE + n);
    }
    if (!t->knobs->nousedring) {
        WRITE(t, USED_RING, n, head);
    }
    PUT(t, USED_IDX, n + 1, USED_PUBLISH);
}

static inline bool driver_kicks(struct lab_program_thread *t, uint16_t idx, uint16_t old)
{
    FENCE(t, KICK_CHECK);
    if (t->knobs->event_idx) {
        return need_event(LOAD(t, AVAIL_EVENT, RELAXED), idx, old);
    }
    return LOAD(t, USED_FLAGS, RELAXED) == 0;
}

static inline bool device_interrupts(struct lab_program_thread *t, uint16_t idx, uint16_t old)
{
    FENCE(t, IRQ_CHECK);
    if (t->knobs->event_idx) {
        return need_event(LOAD(t, USED_EVENT, RELAXED), idx, old);
    }
    return LOAD(t, AVAIL_FLAGS, RELAXED) == 0;
}

static inline void driver_rearms(struct lab_program_thread *t)
{
    if (t->knobs->event_idx) {
        STORE(t, USED_EVENT, t->seen.n);
    } else {
        STORE(t, AVAIL_FLAGS, 0);
    }
    FENCE(t, IRQ_REARM);
}

static inline void device_rearms(struct lab_program_thread *t)
{
    if (t->knobs->event_idx) {
        STORE(t, AVAIL_EVENT, t->seen.n);
    } else {
        STORE(t, USED_FLAGS, 0);
    }
    FENCE(t, KICK_REARM);
}

// The first n buffers that a thread saw are those that were put in.
static bool got(const struct lab_program_thread *t, uint32_t n, bool heads, uint32_t first_value)
{
    for (uint32_t i = 0; i < n; i++) {
        if (heads && t->seen.head[i] != 1 + i % t->knobs->qsz) {
            return false;
        }
        if (first_value != 0 && t->seen.value[i] != first_value + i) {
            return false;
        }
    }
    return true;
}

static bool driver_got(const struct lab_program_thread *t, uint32_t n)
{
    return got(t, n, !t->knobs->nousedring, t->knobs->noreply ? 0 : REPLY_VALUE);
}

static bool device_got(const struct lab_program_thread *t, uint32_t n)
{
    return got(t, n, true, DESC_VALUE);
}

// ---- vq_poll ------------------------------------------------------------------------------------

static void poll_driver(struct lab_program_thread *t)
{
    const uint32_t k = t->knobs->k;
    const uint32_t qsz = t->knobs->qsz;

    for (uint32_t n = 0; n < k + qsz; n++) {
        if (n >= qsz && t->seen.n < k) { // buffer n - qsz must be back before its slot is used
            (void)GET_NEW(t, USED_IDX, t->seen.n, USED_CONSUME);
            driver_take(t);
        }
        if (n < k) {
            driver_add(t, n);
        }
    }
}

static void poll_device(struct lab_program_thread *t)
{
    for (uint16_t n = 0; n < t->knobs->k; n++) {
        (void)GET_NEW(t, AVAIL_IDX, n, AVAIL_CONSUME);
        if (!device_take(t, n)) {
            break;
        }
        device_return(t, n);
    }
}

static bool all_got(const struct lab_program_thread *driver,
                    const struct lab_program_thread *device)
{
    return driver_got(driver, driver->knobs->k) && device_got(device, device->knobs->k);
}

// ---- vq_pollbound -------------------------------------------------------------------------------

static bool used_idx_moves(struct lab_program_thread *t)
{
    uint16_t idx = t->seen.n;
    for (uint32_t i = 0; i < t->knobs->tries && idx == t->seen.n; i++) {
        idx = GET(t, USED_IDX, USED_CONSUME);
    }
    return idx != t->seen.n;
}

static bool avail_idx_moves(struct lab_program_thread *t)
{
    uint16_t idx = t->seen.n;
    for (uint32_t i = 0; i < t->knobs->tries && idx == t->seen.n; i++) {
        idx = GET(t, AVAIL_IDX, AVAIL_CONSUME);
    }
    return idx != t->seen.n;
}

static void pollbound_driver(struct lab_program_thread *t)
{
    const uint32_t k = t->knobs->k;
    const uint32_t qsz = t->knobs->qsz;

    for (uint32_t n = 0; n < k + qsz; n++) {
        if (n >= qsz && t->seen.n < k) {
            if (!used_idx_moves(t)) {
                break;
            }
            driver_take(t);
        }
        if (n < k) {
            driver_add(t, n);
        }
    }
}

static void pollbound_device(struct lab_program_thread *t)
{
    while (t->seen.n < t->knobs->k) { // bound: K
        if (!avail_idx_moves(t) || !device_take(t, t->seen.n)) {
            break;
        }
        device_return(t, t->seen.n);
        t->seen.n++;
    }
}

static bool taken_got(const struct lab_program_thread *driver,
                      const struct lab_program_thread *device)
{
    return driver_got(driver, driver->seen.n) && !device->seen.bad &&
           device_got(device, device->seen.n);
}

// ---- vq_kick ------------------------------------------------------------------------------------

static void kick_driver(struct lab_program_thread *t)
{
    uint16_t old = 0;

    for (uint16_t n = 0; n < t->knobs->k; n++) {
        driver_add(t, n);
        if (t->knobs->batch && n + 1 < t->knobs->k) {
            continue;
        }
        if (driver_kicks(t, (uint16_t)(n + 1), old)) {
            NOTIFY(t, KICK);
        }
        old = (uint16_t)(n + 1);
    }
}

// Whether it went to sleep with work left is asked when both threads have ended: then the doorbell
// counter is what it is.
static void kick_device(struct lab_program_thread *t)
{
    struct lab_program_seen *seen = &t->seen;

    for (;;) { // bound: each round has seen a newer index or a newer doorbell
        if (!t->knobs->event_idx) {
            STORE(t, USED_FLAGS, 1);
        }
        uint16_t idx = GET(t, AVAIL_IDX, AVAIL_CONSUME);
        while (seen->n != idx && seen->n < t->knobs->k && device_take(t, seen->n)) { // bound: K
            seen->n++;
        }
        if (seen->bad || seen->n == t->knobs->k) {
            break;
        }
        device_rearms(t);
        idx = GET(t, AVAIL_IDX, AVAIL_CONSUME);
        if (idx != seen->n) {
            continue;
        }
        const uint16_t kick = LOAD(t, KICK, ACQUIRE);
        if (kick == seen->counter) {
            break; // sleeps
        }
        seen->counter = kick;
    }
}

static bool kick_holds(const struct lab_program_thread *driver,
                       const struct lab_program_thread *device)
{
    (void)driver;
    const struct lab_program_seen *seen = &device->seen;
    return !seen->bad && device_got(device, seen->n) &&
           (seen->n == device->knobs->k || vl_x_newest(device->x, LAB_LOC_KICK) != seen->counter);
}

// ---- vq_irq -------------------------------------------------------------------------------------

static void irq_device(struct lab_program_thread *t)
{
    uint16_t old = 0;

    for (uint16_t n = 0; n < t->knobs->k; n++) {
        t->seen.head[n] = (uint16_t)(1 + n % t->knobs->qsz); // the available ring is taken as read
        device_return(t, n);
        if (t->knobs->batch && n + 1 < t->knobs->k) {
            continue;
        }
        if (device_interrupts(t, (uint16_t)(n + 1), old)) {
            NOTIFY(t, IRQ);
        }
        old = (uint16_t)(n + 1);
    }
}

static void irq_driver(struct lab_program_thread *t)
{
    struct lab_program_seen *seen = &t->seen;

    for (;;) { // bound: each round has seen a newer index or a newer interrupt
        if (!t->knobs->event_idx) {
            STORE(t, AVAIL_FLAGS, 1);
        }
        uint16_t idx = GET(t, USED_IDX, USED_CONSUME);
        while (seen->n != idx && seen->n < t->knobs->k) { // bound: K
            driver_take(t);
        }
        if (seen->n == t->knobs->k) {
            break;
        }
        driver_rearms(t);
        idx = GET(t, USED_IDX, USED_CONSUME);
        if (idx != seen->n) {
            continue;
        }
        const uint16_t irq = LOAD(t, IRQ, ACQUIRE);
        if (irq == seen->counter) {
            break; // sleeps
        }
        seen->counter = irq;
    }
}

static bool irq_holds(const struct lab_program_thread *driver,
                      const struct lab_program_thread *device)
{
    (void)device;
    const struct lab_program_seen *seen = &driver->seen;
    return driver_got(driver, seen->n) &&
           (seen->n == driver->knobs->k || vl_x_newest(driver->x, LAB_LOC_IRQ) != seen->counter);
}

// ---- vq_full ------------------------------------------------------------------------------------

// Nothing new: ask for an interrupt, look once more, sleep.
static void full_driver_sleeps(struct lab_program_thread *t)
{
    driver_rearms(t);
    if (GET(t, USED_IDX, USED_CONSUME) == t->seen.n) {
        t->seen.counter = AWAIT(t, IRQ, t->seen.counter, ACQUIRE);
    }
    if (!t->knobs->event_idx) {
        STORE(t, AVAIL_FLAGS, 1);
    }
}

static void full_driver(struct lab_program_thread *t)
{
    const uint32_t k = t->knobs->k;
    const uint32_t qsz = t->knobs->qsz;

    for (uint32_t n = 0; n <= k; n++) {
        const uint32_t need = n == k ? k : n < qsz ? 0 : n - qsz + 1; // buffers back to go on
        while (t->seen.n < need) { // bound: each round has seen a newer index or interrupt
            const uint16_t idx = GET(t, USED_IDX, USED_CONSUME);
            if (idx == t->seen.n) {
                full_driver_sleeps(t);
                continue;
            }
            while (t->seen.n != idx && t->seen.n < k) { // bound: K
                driver_take(t);
            }
        }
        if (n == k) {
            break;
        }
        driver_add(t, n);
        if (driver_kicks(t, (uint16_t)(n + 1), (uint16_t)n)) {
            NOTIFY(t, KICK);
        }
    }
}

static void full_device_sleeps(struct lab_program_thread *t)
{
    device_rearms(t);
    if (GET(t, AVAIL_IDX, AVAIL_CONSUME) == t->seen.n) {
        t->seen.counter = AWAIT(t, KICK, t->seen.counter, ACQUIRE);
    }
    if (!t->knobs->event_idx) {
        STORE(t, USED_FLAGS, 1);
    }
}

static void full_device(struct lab_program_thread *t)
{
    while (t->seen.n < t->knobs->k) { // bound: each round has seen a newer index or doorbell
        const uint16_t n = t->seen.n;
        if (GET(t, AVAIL_IDX, AVAIL_CONSUME) == n) {
            full_device_sleeps(t);
            continue;
        }
        if (!device_take(t, n)) {
            break;
        }
        device_return(t, n);
        if (device_interrupts(t, (uint16_t)(n + 1), n)) {
            NOTIFY(t, IRQ);
        }
        t->seen.n++;
    }
}

// ---- the table ----------------------------------------------------------------------------------

const struct lab_program_code lab_program_code[LAB_PROGRAM_COUNT] = {
    [LAB_VQ_POLL] = {{poll_driver, poll_device}, all_got},
    [LAB_VQ_POLLBOUND] = {{pollbound_driver, pollbound_device}, taken_got},
    [LAB_VQ_KICK] = {{kick_driver, kick_device}, kick_holds},
    [LAB_VQ_IRQ] = {{irq_driver, irq_device}, irq_holds},
    [LAB_VQ_FULL] = {{full_driver, full_device}, all_got},
};
