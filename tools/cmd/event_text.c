// tools/cmd/event_text.c -- events as sentences.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/event_text.h"

#include "ring/virtq_err.h"
#include "ring/virtq_wire.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

// A line that grows; what does not fit is cut off.
struct line {
    char *out;
    size_t room;
    size_t n;
};

static void add(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(l->out + l->n, l->room - l->n, format, args);
    va_end(args);
    if (n > 0) {
        l->n = l->n + (size_t)n < l->room ? l->n + (size_t)n : l->room - 1;
    }
}

// ---- where things are ---------------------------------------------------------------------------

// Ring memory was allocated by the driver: that event says which bus address is which guest one.
static uint64_t gpa_of(const struct event_text *tx, uint64_t bus_addr)
{
    const uint32_t n = tx->n_allocs < EVENT_TEXT_ALLOCS ? tx->n_allocs : EVENT_TEXT_ALLOCS;
    for (uint32_t back = 1; back <= n; back++) { // newest first: memory is used again
        const uint32_t i = (tx->n_allocs - back) % EVENT_TEXT_ALLOCS;
        if (bus_addr - tx->alloc[i].bus_addr < tx->alloc[i].bytes) {
            return tx->alloc[i].gpa + (bus_addr - tx->alloc[i].bus_addr);
        }
    }
    return bus_addr;
}

// Words are told apart by their low address bits; of two that share a place the later one stays.
static uint32_t place_of(uint64_t addr)
{
    return (uint32_t)(addr / 2) & (EVENT_TEXT_WORDS - 1);
}

static void learn_store(struct event_text *tx, const struct vl_event *ev)
{
    for (uint32_t i = 0; i < ev->len && ev->reads_from == 0; i += 2) { // bound: 16
        const uint32_t p = place_of(ev->addr + i);
        tx->word[p].addr = (ev->addr + i) / 2;
        tx->word[p].from = tx->n_learned + 1;
    }
}

// 1 + number of the newest store to any word of the access, 0 if none is known.
static uint32_t newest_store(const struct event_text *tx, const struct vl_event *ev)
{
    uint32_t newest = 0;
    for (uint32_t i = 0; i < ev->len; i += 2) { // bound: 16
        const uint32_t p = place_of(ev->addr + i);
        if (tx->word[p].addr == (ev->addr + i) / 2 && tx->word[p].from > newest) {
            newest = tx->word[p].from;
        }
    }
    return newest;
}

void event_text_learn(struct event_text *tx, const struct vl_event *ev)
{
    if (ev->kind == VL_EV_STORE) {
        learn_store(tx, ev);
    }
    tx->n_learned++;
    if (ev->kind == VL_EV_ALLOC) {
        const uint32_t i = tx->n_allocs++ % EVENT_TEXT_ALLOCS;
        tx->alloc[i].gpa = ev->addr;
        tx->alloc[i].bus_addr = ev->value;
        tx->alloc[i].bytes = ev->len;
    } else if (ev->kind == VL_EV_NOTE && ev->barrier == VIRTQ_NOTE_QUEUE_AREAS) {
        struct event_text_queue *q = &tx->queue[ev->queue];
        q->known = virtq_queue_size_valid(ev->len);
        q->size = ev->len;
        q->desc = gpa_of(tx, ev->addr);
        q->avail = gpa_of(tx, ev->value);
        q->used = gpa_of(tx, ev->aux);
    }
}

void event_text_field(const struct event_text *tx, const struct vl_event *ev, char *out,
                      size_t room)
{
    const struct event_text_queue *q = &tx->queue[ev->queue];
    struct line l = {.room = room};
    uint64_t base = 0;
    uint32_t elem_bytes = 0;
    l.out = out;
    switch (ev->field) {
    case VL_FIELD_NONE: add(&l, "-"); return;
    case VL_FIELD_DESC:
        base = q->desc;
        elem_bytes = VIRTQ_DESC_BYTES;
        break;
    case VL_FIELD_AVAIL_RING:
        base = q->avail + VIRTQ_RING_HEADER_BYTES;
        elem_bytes = VIRTQ_AVAIL_ELEM_BYTES;
        break;
    case VL_FIELD_USED_RING:
        base = q->used + VIRTQ_RING_HEADER_BYTES;
        elem_bytes = VIRTQ_USED_ELEM_BYTES;
        break;
    default: break;
    }
    add(&l, "q%u.%s", ev->queue, vl_field_name(ev->field));
    if (q->known && elem_bytes != 0 && ev->addr - base < (uint64_t)q->size * elem_bytes) {
        add(&l, "[%" PRIu64 "]", (ev->addr - base) / elem_bytes);
        if ((ev->addr - base) % elem_bytes != 0) {
            add(&l, "+%" PRIu64, (ev->addr - base) % elem_bytes);
        }
    } else if (elem_bytes != 0 || ev->field >= VL_FIELD_INDIRECT) {
        add(&l, "@0x%" PRIx64, ev->addr);
    } else if (ev->addr % 2 != 0) {
        add(&l, "+1"); // the high byte of a word
    }
}

// ---- sentences ----------------------------------------------------------------------------------

static void add_order(struct line *l, const struct vl_event *ev)
{
    if (ev->order == VIRTQ_PLAIN && ev->barrier == VIRTQ_BARRIER_NONE) {
        return;
    }
    add(l, " (%s", vl_order_name(ev->order));
    if (ev->barrier != VIRTQ_BARRIER_NONE) {
        add(l, ", %s", vl_barrier_name(ev->barrier));
    }
    add(l, ")");
}

static void add_value(struct line *l, const struct vl_event *ev)
{
    if (ev->len == VIRTQ_DESC_BYTES) {
        const unsigned flags = (unsigned)(ev->aux >> 32 & 0xFFFF);
        add(l, "{addr 0x%" PRIx64 ", len %" PRIu32 ", flags", ev->value, (uint32_t)ev->aux);
        add(l, "%s%s%s", (flags & VIRTQ_DESC_F_NEXT) != 0 ? " NEXT" : "",
            (flags & VIRTQ_DESC_F_WRITE) != 0 ? " WRITE" : "",
            (flags & VIRTQ_DESC_F_INDIRECT) != 0 ? " INDIRECT" : "");
        add(l, "%s, next %u}", flags == 0 ? " 0" : "", (unsigned)(ev->aux >> 48));
        if ((flags & ~7u) != 0) {
            add(l, " with flags 0x%x", flags);
        }
    } else if (ev->field == VL_FIELD_USED_RING && ev->len == VIRTQ_USED_ELEM_BYTES) {
        add(l, "{id %" PRIu32 ", len %" PRIu32 "}", (uint32_t)ev->value,
            (uint32_t)(ev->value >> 32));
    } else {
        add(l, "%" PRIu64, ev->value);
    }
}

static void say_memory(struct line *l, const struct event_text *tx, const struct vl_event *ev)
{
    char field[64];
    event_text_field(tx, ev, field, sizeof(field));
    switch (ev->kind) {
    case VL_EV_LOAD:
        add(l, "loads %s = ", field);
        add_value(l, ev);
        if (ev->reads_from != 0) {
            add(l, " of event %" PRIu32, ev->reads_from - 1);
        }
        const bool known = ev->reads_from != 0 || !tx->reads_unknown;
        if (known && newest_store(tx, ev) > ev->reads_from) {
            add(l, "%s, not of the newest, event %" PRIu32,
                ev->reads_from == 0 ? " as at the start" : "", newest_store(tx, ev) - 1);
        }
        break;
    case VL_EV_STORE:
        add(l, "stores %s = ", field);
        add_value(l, ev);
        if (ev->reads_from != 0) {
            add(l, ", which goes before event %" PRIu32, ev->reads_from - 1);
        }
        break;
    case VL_EV_DRAIN:
        add(l, "its store of event %" PRIu32 " reaches memory: %s = ", ev->reads_from - 1, field);
        add_value(l, ev);
        break;
    case VL_EV_RACE:
        add(l, "that %s races with the %s of event %" PRIu32 ", from 0x%" PRIx64 " on",
            ev->aux != 0 ? "store" : "load", ev->value != 0 ? "store" : "load", ev->reads_from - 1,
            ev->addr);
        break;
    case VL_EV_FENCE: add(l, "fence"); break;
    case VL_EV_AWAIT:
        add(l, "waits for 0x%" PRIx64 " to change from %" PRIu64, ev->addr, ev->value);
        break;
    default:
        add(l, "%s %" PRIu32 " bytes %s %s, digest %016" PRIx64,
            ev->kind == VL_EV_READ ? "reads" : "writes", ev->len,
            ev->kind == VL_EV_READ ? "of" : "to", field, ev->value);
        break;
    }
    add_order(l, ev);
}

static const char *area_name(uint64_t area)
{
    static const char *const names[] = {"descriptor table", "available ring", "used ring",
                                        "indirect table", "buffer"};
    return area < sizeof(names) / sizeof(names[0]) ? names[area] : "memory";
}

static const char *dir_name(uint64_t dir)
{
    return dir == VIRTQ_TO_DEVICE     ? "device-readable"
           : dir == VIRTQ_FROM_DEVICE ? "device-writable"
                                      : "readable and writable";
}

static void say_control(struct line *l, const struct vl_event *ev)
{
    const unsigned q = ev->queue;
    switch (ev->kind) {
    case VL_EV_ALLOC:
        add(l, "takes %" PRIu32 " bytes for q%u %s at 0x%" PRIx64 ", bus 0x%" PRIx64, ev->len, q,
            area_name(ev->aux), ev->addr, ev->value);
        break;
    case VL_EV_FREE: add(l, "gives back %" PRIu32 " bytes at 0x%" PRIx64, ev->len, ev->addr); break;
    case VL_EV_MAP:
        add(l, "exposes %" PRIu32 " bytes at 0x%" PRIx64 " to the device as bus 0x%" PRIx64 ", %s",
            ev->len, ev->addr, ev->value, dir_name(ev->aux));
        break;
    case VL_EV_UNMAP:
        add(l, "takes back %" PRIu32 " bytes at 0x%" PRIx64 ", %s", ev->len, ev->addr,
            dir_name(ev->aux));
        break;
    case VL_EV_RESOLVE:
        add(l, "resolves %" PRIu32 " bytes at bus 0x%" PRIx64 ": ", ev->len, ev->addr);
        add(l, "%s",
            ev->value == VIRTQ_OK ? "done" : virtq_err_text((enum virtq_err)(ev->value & 0xFF)));
        break;
    case VL_EV_CONFIG_READ:
    case VL_EV_CONFIG_WRITE:
        add(l,
            "%s config space %02" PRIx64 ":%02" PRIx64 ".%" PRIx64 " +0x%" PRIx64 " %s 0x%" PRIx64
            " (%" PRIu32 " bytes)",
            ev->kind == VL_EV_CONFIG_READ ? "reads" : "writes", ev->addr >> 24 & 0xFF,
            ev->addr >> 19 & 0x1F, ev->addr >> 16 & 7, ev->addr & 0xFFFF,
            ev->kind == VL_EV_CONFIG_READ ? "=" : ":=", ev->value, ev->len);
        break;
    case VL_EV_MMIO_READ:
        add(l, "reads register 0x%" PRIx64 " = 0x%" PRIx64 " (%" PRIu32 " bytes)", ev->addr,
            ev->value, ev->len);
        break;
    case VL_EV_MMIO_WRITE:
        add(l, "writes register 0x%" PRIx64 " := 0x%" PRIx64 " (%" PRIu32 " bytes%s)", ev->addr,
            ev->value, ev->len, ev->aux != 0 ? ", posted" : "");
        break;
    default:
        add(l, "takes %" PRIu32 " bytes from file %" PRIu64 " at offset %" PRIu64, ev->len, ev->aux,
            ev->addr);
        break;
    }
}

static void say_delay(struct line *l, uint64_t delay)
{
    if (delay != 0) {
        add(l, ", which arrives %" PRIu64 " port calls later", delay);
    }
}

// What a backend did, by the kind of its event (tools/lab/lab_disk.h).
static const char *backend_did(uint64_t kind)
{
    switch (kind) {
    case 1: return "takes";
    case 2: return "answers";
    case 3: return "has in its cache";
    default: return "has made durable";
    }
}

static void say_context(struct line *l, const struct vl_event *ev)
{
    const char *spurious = ev->value != 0 ? ", that nobody sent" : "";
    switch (ev->kind) {
    case VL_EV_SHARED:
        add(l, "private word +%" PRIu64 ": %" PRIu64 " -> %" PRIu64, ev->addr, ev->value, ev->aux);
        break;
    case VL_EV_RELAX: add(l, "lets others run"); break;
    case VL_EV_SLEEP: add(l, "sleeps"); break;
    case VL_EV_WOKEN: add(l, "is awake"); break;
    case VL_EV_WAKE: add(l, "wakes the main context of its side"); break;
    case VL_EV_MASK: add(l, "%s interrupts", ev->value != 0 ? "holds off" : "lets in"); break;
    case VL_EV_DOORBELL:
        add(l, "notifies queue %" PRIu64, ev->addr);
        say_delay(l, ev->value);
        break;
    case VL_EV_DOORBELL_ARRIVES:
        add(l, "the notification of queue %" PRIu64 " arrives%s", ev->addr, spurious);
        break;
    case VL_EV_INTERRUPT:
        add(l, "interrupts by vector %" PRIu64, ev->addr);
        say_delay(l, ev->value);
        break;
    case VL_EV_INTERRUPT_ARRIVES:
        add(l, "the interrupt of vector %" PRIu64 " arrives%s", ev->addr, spurious);
        break;
    case VL_EV_HANDLER_RETURNS: add(l, "handler of vector %" PRIu64 " returns", ev->addr); break;
    case VL_EV_INTX: add(l, "INTx line is %s", ev->value != 0 ? "asserted" : "released"); break;
    case VL_EV_QUIESCENT: add(l, "nothing can run, nothing is under way"); break;
    case VL_EV_DRIVER_DONE: add(l, "main context returns"); break;
    case VL_EV_BACKEND:
        add(l, "backend %s request %" PRIu64, backend_did(ev->aux >> 16), ev->addr);
        break;
    case VL_EV_MISCHIEF:
        add(l, "mischief %" PRIu64 " on %s, which was %" PRIu64, ev->value,
            vl_field_name((unsigned)(ev->addr & 0xFF)), ev->aux);
        break;
    default: add(l, "%s", vl_event_kind_name(ev->kind)); break;
    }
}

static void say_control_note(struct line *l, const struct vl_event *ev)
{
    switch (ev->addr) {
    case VIRTQ_CONTROL_DEVICE_RESET: add(l, "has reset itself: it lets go of all queues"); break;
    case VIRTQ_CONTROL_FEATURES_READ_OK: add(l, "has read FEATURES_OK back as set"); break;
    case VIRTQ_CONTROL_DRIVER_OK: add(l, "is ready: DRIVER_OK comes next"); break;
    case VIRTQ_CONTROL_FAILED: add(l, "gives the device up: FAILED"); break;
    case VIRTQ_CONTROL_BEYOND: add(l, "cannot follow: q%u is out of service", ev->queue); break;
    default: add(l, "control %" PRIu64, ev->addr); break;
    }
}

static void say_note(struct line *l, const struct vl_event *ev)
{
    const unsigned q = ev->queue;
    switch (ev->barrier) {
    case VIRTQ_NOTE_QUEUE_AREAS:
        add(l,
            "sets q%u up: size %" PRIu32 ", bus addresses: descriptor table 0x%" PRIx64
            ", available ring 0x%" PRIx64 ", used ring 0x%" PRIx64,
            q, ev->len, ev->addr, ev->value, ev->aux);
        break;
    case VIRTQ_NOTE_QUEUE_LIVE:
        add(l, "q%u is live: features 0x%" PRIx64 ", indices start at %" PRIu64, q, ev->addr,
            ev->value);
        break;
    case VIRTQ_NOTE_QUEUE_SERVED:
        add(l,
            "serves q%u of %" PRIu32 " entries: desc 0x%" PRIx64 ", avail 0x%" PRIx64
            ", used 0x%" PRIx64,
            q, ev->len, ev->addr, ev->value, ev->aux);
        break;
    case VIRTQ_NOTE_QUEUE_DOWN: add(l, "q%u is down: all its memory is the driver's", q); break;
    case VIRTQ_NOTE_SUBMIT:
        add(l,
            "fills q%u head %" PRIu64 ": buffer %" PRIu64 " of %" PRIu64 " elements, %" PRIu32
            " bytes writable",
            q, ev->value, ev->addr, ev->aux, ev->len);
        break;
    case VIRTQ_NOTE_SEND:
        add(l, "puts %" PRIu32 " bytes into buffer %" PRIu64 ", digest %016" PRIx64, ev->len,
            ev->addr, ev->value);
        break;
    case VIRTQ_NOTE_CONTROL: say_control_note(l, ev); break;
    case VIRTQ_NOTE_COMPLETE:
        add(l, "q%u head %" PRIu64 " is done: buffer %" PRIu64 ", used length %" PRIu32, q,
            ev->value, ev->addr, ev->len);
        break;
    case VIRTQ_NOTE_RECEIVE:
        add(l, "hands out buffer %" PRIu64 " of q%u, digest %016" PRIx64, ev->addr, q, ev->value);
        break;
    case VIRTQ_NOTE_DETACH:
        add(l, "takes buffer %" PRIu64 " back unused from q%u head %" PRIu64, ev->addr, q,
            ev->value);
        break;
    case VIRTQ_NOTE_POP:
        add(l, "accepts q%u head %" PRIu64 " of %" PRIu32 " elements", q, ev->addr, ev->len);
        break;
    case VIRTQ_NOTE_PEER_ERROR:
        add(l, "q%u: refuses %" PRIu64 ": %s", q, ev->value,
            virtq_err_text((enum virtq_err)(ev->addr & 0xFF)));
        break;
    default:
        add(l, "note %s %" PRIu64 " %" PRIu64 " %" PRIu64, vl_note_name(ev->barrier), ev->addr,
            ev->value, ev->aux);
        break;
    }
}

void event_text_line(const struct event_text *tx, const struct vl_event *ev, char *out)
{
    struct line l = {.out = out, .room = EVENT_TEXT_BYTES};
    out[0] = '\0';
    switch (ev->kind) {
    case VL_EV_LOAD:
    case VL_EV_STORE:
    case VL_EV_FENCE:
    case VL_EV_READ:
    case VL_EV_WRITE:
    case VL_EV_DRAIN:
    case VL_EV_RACE:
    case VL_EV_AWAIT: say_memory(&l, tx, ev); break;
    case VL_EV_ALLOC:
    case VL_EV_FREE:
    case VL_EV_MAP:
    case VL_EV_UNMAP:
    case VL_EV_RESOLVE:
    case VL_EV_CONFIG_READ:
    case VL_EV_CONFIG_WRITE:
    case VL_EV_MMIO_READ:
    case VL_EV_MMIO_WRITE:
    case VL_EV_OUTSIDE: say_control(&l, ev); break;
    case VL_EV_NOTE: say_note(&l, ev); break;
    default: say_context(&l, ev); break;
    }
}
