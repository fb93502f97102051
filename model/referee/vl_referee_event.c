// model/referee/vl_referee_event.c -- hands events out to the referees that want them.
// A step costs a call by the event's kind, and for a ring access the search of its queue's areas.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

typedef void event_taker(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                         const uint8_t *payload);

static const uint8_t side_of[] = {
    [VL_AGENT_DRIVER] = VL_SIDE_DRIVER,  [VL_AGENT_HANDLER] = VL_SIDE_DRIVER,
    [VL_AGENT_DEVICE] = VL_SIDE_DEVICE,  [VL_AGENT_TRAP] = VL_SIDE_DEVICE,
    [VL_AGENT_PLATFORM] = VL_SIDE_OTHER, [VL_AGENT_ADVERSARY] = VL_SIDE_OTHER,
};

// The high byte of a word that is loaded byte by byte: its low one came before.
static bool second_byte(const struct vl_event *ev)
{
    return ev->kind == VL_EV_LOAD && ev->len == 1 && ev->addr % 2 != 0;
}

// A side's main context went on: if it was about to decide on a notification, it has decided.
static inline void goes_on(struct vl_referees *r, const struct vl_event *ev, unsigned side)
{
    if (r->deciding[side] != 0 && ev->agent == side && !second_byte(ev)) {
        vl_live_passed(r, (enum vl_side)side);
    }
}

_Static_assert((int)VL_AGENT_DRIVER == (int)VL_SIDE_DRIVER &&
                   (int)VL_AGENT_DEVICE == (int)VL_SIDE_DEVICE,
               "a side's main agent has the number of the side");

// True if this side is judged, and if it is the device, leaves nothing alone just now.
static inline bool plain(const struct vl_referees *r, unsigned side)
{
    return side == VL_SIDE_DRIVER ? r->judge_driver
                                  : r->judge_device && !r->device_was_reset &&
                                        !(r->config.pci && vl_spec_status_quiet(&r->spec.status));
}

// True if this side is judged; sees to a device that acts while it has to leave queues alone.
static inline bool admit(struct vl_referees *r, const struct vl_event *ev, unsigned side)
{
    goes_on(r, ev, side);
    if (plain(r, side)) {
        return true;
    }
    if (side == VL_SIDE_DEVICE && r->judge_device) {
        vl_spec_status_touched(r, ev);
        return true;
    }
    return false;
}

__attribute__((always_inline)) static inline void
to_ring(struct vl_referees *r, const struct vl_event *ev, uint64_t seq, unsigned side, bool loads)
{
    r->work[side]++;
    if (side == VL_SIDE_DRIVER) {
        loads ? vl_driver_load(r, ev, seq) : vl_driver_store(r, ev, seq);
    } else {
        loads ? vl_device_load(r, ev, seq) : vl_device_store(r, ev, seq);
    }
}

// Whatever may have to be done before an access to a ring is judged.
static void __attribute__((noinline))
ring_access(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const unsigned side = side_of[ev->agent];

    if (ev->field >= VL_FIELD_DOORBELL) {
        vl_flight_event(&r->flight, ev); // a counter of notifications is no part of a ring
    } else if (side == VL_SIDE_OTHER) {
        vl_mark(r, VL_MARK_ADVERSARY);
    } else {
        vl_flight_acts(&r->flight, ev);
        if (admit(r, ev, side)) {
            if (r->work[side] >= r->work_max[side]) {
                r->work[side]++; // this one
                vl_robust_too_much(r, (enum vl_side)side);
            }
            to_ring(r, ev, seq, side, ev->kind == VL_EV_LOAD);
        }
    }
}

// Most accesses are of a side's main context, which is judged, owes no decision, and may act. There
// nothing is called but what judges the access, and that last: no registers have to be saved.
__attribute__((always_inline)) static inline void
access(struct vl_referees *r, const struct vl_event *ev, uint64_t seq, bool loads)
{
    const unsigned side = ev->agent;

    if (side > VL_SIDE_DEVICE || ev->field >= VL_FIELD_DOORBELL || r->deciding[side] != 0 ||
        r->work[side] >= r->work_max[side] || !plain(r, side)) {
        ring_access(r, ev, seq);
        return;
    }
    vl_flight_acts(&r->flight, ev);
    to_ring(r, ev, seq, side, loads);
}

static void load(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                 const uint8_t *payload)
{
    (void)payload;
    access(r, ev, seq, true);
}

static void store(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                  const uint8_t *payload)
{
    (void)payload;
    access(r, ev, seq, false);
}

static void payload_access(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                           const uint8_t *payload)
{
    const unsigned side = side_of[ev->agent];

    if (side == VL_SIDE_OTHER || !admit(r, ev, side)) {
        return;
    }
    if (ev->addr >= VL_REGION2_GPA) {
        vl_mark(r, VL_MARK_HIGH_MEMORY);
    }
    side == VL_SIDE_DRIVER ? vl_own_driver_payload(r, ev) : vl_own_device_payload(r, ev);
    if (r->config.virtio_id == VL_VIRTIO_BLK) {
        vl_spec_blk_event(r, ev, seq, payload);
    }
}

// ---- what the checkers of registers and of the block device want beside -------------------------

static void to_spec(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    if (!r->config.pci) {
        return;
    }
    vl_spec_event(r, ev, seq);
    if (r->accusation_due && side_of[ev->agent] == VL_SIDE_DRIVER) {
        vl_robust_settle(r);
    }
}

static void to_blk(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    if (r->config.virtio_id == VL_VIRTIO_BLK) {
        vl_spec_blk_event(r, ev, seq, NULL);
    }
}

// ---- waiting --------------------------------------------------------------------------------

static void fence(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                  const uint8_t *payload)
{
    const unsigned side = side_of[ev->agent];

    (void)seq;
    (void)payload;
    if (side == VL_SIDE_OTHER) {
        return;
    }
    vl_flight_acts(&r->flight, ev);
    goes_on(r, ev, side);
    vl_notify_fence(r, (enum vl_side)side, ev);
    if (r->config.barriers && side == VL_SIDE_DRIVER) {
        vl_driver_fence(r, ev);
    }
}

// AWAIT and RELAX.
static void waits(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                  const uint8_t *payload)
{
    const unsigned side = side_of[ev->agent];

    (void)seq;
    (void)payload;
    if (side != VL_SIDE_OTHER) {
        vl_flight_acts(&r->flight, ev);
        goes_on(r, ev, side);
        r->work[side] = 0;
        vl_robust_looked(r, ev);
    }
}

// A half's own word. Of an exchange, which orders both ways, it takes what others left there.
static void shared(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                   const uint8_t *payload)
{
    (void)seq;
    (void)payload;
    if (ev->order == VIRTQ_ACQ_REL) {
        vl_robust_looked(r, ev);
    }
}

static void sleeps(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                   const uint8_t *payload)
{
    const unsigned side = side_of[ev->agent];

    (void)payload;
    to_spec(r, ev, seq);
    if (side == VL_SIDE_OTHER) {
        return;
    }
    vl_flight_take(&r->flight, ev, VL_EV_SLEEP);
    vl_state_take(r, side == VL_SIDE_DRIVER ? VL_AT_DRIVER_SLEEP : VL_AT_DEVICE_SLEEP);
    goes_on(r, ev, side);
    r->work[side] = 0;
    vl_robust_looked(r, ev);
    if (side == VL_SIDE_DRIVER ? r->judge_driver : r->judge_device) {
        vl_robust_sleep(r, (enum vl_side)side);
    }
    vl_live_sleep(r, (enum vl_side)side);
}

static void woken(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                  const uint8_t *payload)
{
    const unsigned side = side_of[ev->agent];

    (void)seq;
    (void)payload;
    if (side == VL_SIDE_OTHER) {
        return;
    }
    vl_flight_take(&r->flight, ev, VL_EV_WOKEN);
    goes_on(r, ev, side);
    r->work[side] = 0;
    r->asleep[side] = false;
    vl_mark(r, side == VL_SIDE_DRIVER ? VL_MARK_DRIVER_SLEPT : VL_MARK_DEVICE_SLEPT);
}

static void wakes(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                  const uint8_t *payload)
{
    (void)seq;
    (void)payload;
    vl_flight_take(&r->flight, ev, VL_EV_WAKE);
}

static void masks(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                  const uint8_t *payload)
{
    (void)seq;
    (void)payload;
    vl_flight_take(&r->flight, ev, VL_EV_MASK);
}

// ---- notifications --------------------------------------------------------------------------

static void interrupt_sent(struct vl_referees *r, const struct vl_event *ev)
{
    uint32_t queues = r->deciding[VL_SIDE_DEVICE];

    vl_state_take(r, VL_AT_IRQ);
    if (ev->agent == VL_AGENT_TRAP) { // a line that is up again behind a read of the ISR byte
        vl_live_passed(r, VL_SIDE_DEVICE);
    }
    for (uint32_t i = 0; i < VL_QUEUES && queues == 0; i++) { // bound: VL_QUEUES
        // A device that never looks at the suppression value still notifies.
        queues = r->queue[i].duty[VL_SIDE_DEVICE].state == VL_DUTY_PUBLISHED ? 1u << i : 0;
    }
    vl_live_notified(r, VL_SIDE_DEVICE, queues);
}

static void doorbell(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                     const uint8_t *payload)
{
    (void)seq;
    (void)payload;
    vl_flight_take(&r->flight, ev, VL_EV_DOORBELL);
    vl_state_take(r, VL_AT_KICK);
    vl_driver_doorbell(r, ev);
    if (ev->addr < VL_QUEUES) {
        vl_live_notified(r, VL_SIDE_DRIVER, 1u << ev->addr);
    }
    if (ev->value != 0) {
        vl_mark(r, VL_MARK_DELAYED);
    }
}

static void interrupt(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                      const uint8_t *payload)
{
    (void)payload;
    to_spec(r, ev, seq);
    vl_flight_take(&r->flight, ev, VL_EV_INTERRUPT);
    interrupt_sent(r, ev);
    if (ev->value != 0) {
        vl_mark(r, VL_MARK_DELAYED);
    }
    to_blk(r, ev, seq);
}

static void intx(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                 const uint8_t *payload)
{
    (void)payload;
    to_spec(r, ev, seq);
    vl_flight_take(&r->flight, ev, VL_EV_INTX);
    if (ev->value != 0) {
        interrupt_sent(r, ev);
        vl_mark(r, VL_MARK_INTX);
    }
}

static void doorbell_arrives(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                             const uint8_t *payload)
{
    (void)seq;
    (void)payload;
    vl_flight_take(&r->flight, ev, VL_EV_DOORBELL_ARRIVES);
    if (ev->value != 0) {
        vl_mark(r, VL_MARK_SPURIOUS);
    }
}

static void interrupt_arrives(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                              const uint8_t *payload)
{
    (void)payload;
    to_spec(r, ev, seq);
    vl_flight_take(&r->flight, ev, VL_EV_INTERRUPT_ARRIVES);
    if (ev->value != 0) {
        vl_mark(r, VL_MARK_SPURIOUS);
    } else if (r->config.pci) {
        vl_mark(r, VL_MARK_MSIX);
    }
}

static void handler_returns(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                            const uint8_t *payload)
{
    (void)payload;
    to_spec(r, ev, seq);
    vl_flight_take(&r->flight, ev, VL_EV_HANDLER_RETURNS);
    to_blk(r, ev, seq);
}

// ---- registers ------------------------------------------------------------------------------

// No function takes in such an access to config space. Only a driver that is not judged makes it.
static bool stray_config(const struct vl_referees *r, const struct vl_event *ev)
{
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;
    return !r->judge_driver && (off % ev->len != 0 || off >= VL_PCI_CONFIG_BYTES);
}

void vl_registers_judge(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    if (ev->kind == VL_EV_CONFIG_READ || ev->kind == VL_EV_CONFIG_WRITE) {
        if (!stray_config(r, ev)) {
            vl_spec_config_space(r, ev, seq);
            vl_pci_rules_config(r, ev);
        }
    } else {
        vl_spec_mmio(r, ev, seq);
        vl_pci_rules_mmio(r, ev);
    }
    if (r->accusation_due) {
        vl_robust_settle(r);
    }
}

static void registers(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    if (!r->config.pci) {
        return;
    }
    if (r->bringup.state == VL_BRINGUP_PAST) {
        vl_registers_judge(r, ev, seq);
    } else if (!vl_bringup_takes(r, ev, seq)) {
        vl_registers_judge(r, ev, seq);
        if (r->bringup.state == VL_BRINGUP_RECORDS) {
            vl_bringup_keeps(r, ev, seq);
        }
    }
}

// Of config space, or of a BAR.
static void register_read(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                          const uint8_t *payload)
{
    (void)payload;
    vl_flight_reads(&r->flight);
    registers(r, ev, seq);
}

static void config_write(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                         const uint8_t *payload)
{
    (void)payload;
    vl_flight_writes(&r->flight, ev);
    registers(r, ev, seq);
}

static void mmio_write(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                       const uint8_t *payload)
{
    (void)payload;
    vl_flight_writes(&r->flight, ev);
    if (ev->aux != 0) {
        vl_mark(r, VL_MARK_POSTED);
    }
    registers(r, ev, seq);
}

// ---- the rest -------------------------------------------------------------------------------

// ALLOC and MAP.
static void shares(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                   const uint8_t *payload)
{
    (void)payload;
    if (ev->kind == VL_EV_ALLOC) {
        to_spec(r, ev, seq);
    }
    r->image.bus_offset = ev->value - ev->addr;
}

// FREE and UNMAP.
static void withdraws(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                      const uint8_t *payload)
{
    (void)seq;
    (void)payload;
    vl_driver_withdraws(r, ev);
}

static void quiescent(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                      const uint8_t *payload)
{
    (void)payload;
    to_spec(r, ev, seq);
    vl_live_quiescent(r);
}

static void driver_done(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                        const uint8_t *payload)
{
    (void)payload;
    to_spec(r, ev, seq);
    r->driver_done = r->driver_done || ev->agent == VL_AGENT_DRIVER;
    to_blk(r, ev, seq);
}

static void backend(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                    const uint8_t *payload)
{
    (void)payload;
    vl_data_backend(r, ev);
    to_blk(r, ev, seq);
}

// Most notes are of buffers, and for the rings alone.
static void note(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                 const uint8_t *payload)
{
    static const uint64_t of_buffers = 1ull << VIRTQ_NOTE_SUBMIT | 1ull << VIRTQ_NOTE_SEND |
                                       1ull << VIRTQ_NOTE_COMPLETE | 1ull << VIRTQ_NOTE_RECEIVE |
                                       1ull << VIRTQ_NOTE_DETACH | 1ull << VIRTQ_NOTE_POP;

    (void)payload;
    if ((of_buffers >> (ev->barrier % 64u) & 1u) == 0) {
        to_spec(r, ev, seq);
    }
    vl_referee_note(r, ev, seq);
    to_blk(r, ev, seq);
}
_Static_assert(VIRTQ_NOTE_COUNT <= 64, "notes are bits of a word");

static void nobodys(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                    const uint8_t *payload)
{
    (void)r;
    (void)ev;
    (void)seq;
    (void)payload;
}

// ---- by kind --------------------------------------------------------------------------------

static event_taker *const takers[VL_EV_COUNT] = {
    [VL_EV_LOAD] = load,
    [VL_EV_STORE] = store,
    [VL_EV_FENCE] = fence,
    [VL_EV_READ] = payload_access,
    [VL_EV_WRITE] = payload_access,
    [VL_EV_AWAIT] = waits,
    [VL_EV_SHARED] = shared,
    [VL_EV_RELAX] = waits,
    [VL_EV_SLEEP] = sleeps,
    [VL_EV_WOKEN] = woken,
    [VL_EV_WAKE] = wakes,
    [VL_EV_MASK] = masks,
    [VL_EV_ALLOC] = shares,
    [VL_EV_FREE] = withdraws,
    [VL_EV_MAP] = shares,
    [VL_EV_UNMAP] = withdraws,
    [VL_EV_RESOLVE] = nobodys,
    [VL_EV_CONFIG_READ] = register_read,
    [VL_EV_CONFIG_WRITE] = config_write,
    [VL_EV_MMIO_READ] = register_read,
    [VL_EV_MMIO_WRITE] = mmio_write,
    [VL_EV_DOORBELL] = doorbell,
    [VL_EV_DOORBELL_ARRIVES] = doorbell_arrives,
    [VL_EV_INTERRUPT] = interrupt,
    [VL_EV_INTERRUPT_ARRIVES] = interrupt_arrives,
    [VL_EV_HANDLER_RETURNS] = handler_returns,
    [VL_EV_INTX] = intx,
    [VL_EV_QUIESCENT] = quiescent,
    [VL_EV_DRIVER_DONE] = driver_done,
    [VL_EV_BACKEND] = backend,
    [VL_EV_OUTSIDE] = nobodys,
    [VL_EV_MISCHIEF] = nobodys,
    [VL_EV_NOTE] = note,
    [VL_EV_DRAIN] = nobodys,
    [VL_EV_RACE] = nobodys,
};

// No register event, and none that nobody takes.
static bool is_other(unsigned kind)
{
    const uint64_t others =
        ~(1ull << VL_EV_CONFIG_READ | 1ull << VL_EV_CONFIG_WRITE | 1ull << VL_EV_MMIO_READ |
          1ull << VL_EV_MMIO_WRITE | 1ull << VL_EV_SHARED | 1ull << VL_EV_RESOLVE);
    return (others >> (kind % 64u) & 1u) != 0;
}

void vl_referees_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    struct vl_referees *r = ctx;

    r->seq = seq;
    if (r->bringup.state == VL_BRINGUP_FOLLOWS && is_other(ev->kind)) {
        vl_bringup_leave(r);
    }
    if (ev->kind < VL_EV_COUNT) {
        takers[ev->kind](r, ev, seq, payload);
    }
}
