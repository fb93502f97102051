// tools/cmd/timeline.c -- the end of a run in two columns: driver | device.
// What each side did, in the order of events, with the values that it really saw. A load that did
// not see the newest store says which one it missed.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/timeline.h"

#include "ring/virtq_err.h"
#include "ring/virtq_wire.h"
#include "tools/cmd/event_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN 44
#define TEXT_BYTES 224u
#define WORDS 65536u // 2-byte words of guest memory that are remembered, by their low address bits

// A line of the timeline, or several if its text is longer than a column.
struct line {
    uint64_t seq;
    bool device;
    bool mark; // something is not as one would think
    char text[TEXT_BYTES];
};

// What is known of an event's store under tso.
struct drained {
    bool in_memory; // it has drained
    bool late;      // it drains later than it was issued
};

struct timeline {
    const struct timeline_view *view;
    const struct kept_run *run;
    struct event_text where;
    struct line *line;      // a ring of the last ones, view->lines + 1
    uint32_t n;             // lines ever
    uint32_t newest[WORDS]; // 1 + number of the newest store to a word
    struct drained *store;  // per event
};

static void add(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *text, const char *format, ...)
{
    const size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + n, TEXT_BYTES - n, format, args);
    va_end(args);
}

// ---- values -------------------------------------------------------------------------------------

static void add_value(char *text, const struct vl_event *ev)
{
    const unsigned flags = (unsigned)(ev->aux >> 32 & 0xFFFF);
    if (ev->len == VIRTQ_DESC_BYTES && ev->value == 0 && ev->aux == 0) {
        add(text, "{all 0}");
    } else if (ev->len == VIRTQ_DESC_BYTES) {
        add(text, "{0x%" PRIx64 ", %" PRIu32 " bytes%s%s}", ev->value, (uint32_t)ev->aux,
            (flags & VIRTQ_DESC_F_WRITE) != 0 ? ", WRITE" : "",
            (flags & VIRTQ_DESC_F_NEXT) != 0 ? ", NEXT" : "");
    } else if (ev->field == VL_FIELD_USED_RING && ev->len == VIRTQ_USED_ELEM_BYTES) {
        add(text, "{id %" PRIu32 ", len %" PRIu32 "}", (uint32_t)ev->value,
            (uint32_t)(ev->value >> 32));
    } else {
        add(text, "%" PRIu64, ev->value);
    }
}

// "avail.ring[1]", without the queue: a lesson has one.
static void add_field(char *text, const struct event_text *where, const struct vl_event *ev)
{
    char field[64];
    event_text_field(where, ev, field, sizeof(field));
    add(text, "%s", strncmp(field, "q0.", 3) == 0 ? field + 3 : field);
    if (ev->len == 1 && ev->field == VL_FIELD_AVAIL_IDX) {
        add(text, "%s", (ev->addr & 1) != 0 ? " (high byte)" : " (low byte)");
    }
}

// A field, and what was found or put there.
static void add_content(char *text, const struct event_text *where, const struct vl_event *ev)
{
    add_field(text, where, ev);
    add(text, " = ");
    add_value(text, ev);
}

static void add_order(char *text, const struct vl_event *ev)
{
    if (ev->barrier != VIRTQ_BARRIER_NONE) {
        add(text, "  %s, %s", vl_barrier_name(ev->barrier), vl_order_name(ev->order));
    }
}

static uint32_t *newest_of(struct timeline *t, uint64_t addr)
{
    return &t->newest[(addr / 2) % WORDS];
}

// 1 + number of the newest store to any byte of an access.
static uint32_t newest_store(struct timeline *t, const struct vl_event *ev)
{
    uint32_t newest = 0;
    for (uint32_t i = 0; i < ev->len; i += 2) { // bound: len of an access
        const uint32_t from = *newest_of(t, ev->addr + i);
        newest = from > newest ? from : newest;
    }
    return newest;
}

static void add_bytes(char *text, const struct kept_event *e)
{
    const uint32_t n = e->ev.len < KEPT_BYTES_SHOWN ? e->ev.len : KEPT_BYTES_SHOWN;
    for (uint32_t i = 0; i < n; i++) { // bound: KEPT_BYTES_SHOWN
        add(text, "%02x", e->bytes[i]);
    }
    add(text, "%s", e->ev.len > n ? ".." : "");
}

// A load, or a read of a buffer, that misses a store: which one, and what it stored.
static bool add_missed(struct timeline *t, char *text, const struct vl_event *ev)
{
    const uint32_t newest = newest_store(t, ev);
    if (newest <= ev->reads_from) {
        return false;
    }
    const struct vl_event *missed = &t->run->event[newest - 1].ev;
    add(text, "  OLD: #%" PRIu32, newest - 1);
    if (missed->kind == VL_EV_STORE && missed->len == ev->len) {
        add(text, " stored ");
        add_value(text, missed);
    } else if (missed->kind == VL_EV_WRITE) {
        add(text, " wrote ");
        add_bytes(text, &t->run->event[newest - 1]);
    }
    if (t->store[newest - 1].late && !t->store[newest - 1].in_memory) {
        add(text, ", which waits in the store buffer");
    }
    return true;
}

// ---- events -------------------------------------------------------------------------------------

static void learn(struct timeline *t, const struct vl_event *ev, uint32_t seq)
{
    event_text_learn(&t->where, ev);
    if (ev->kind == VL_EV_DRAIN && ev->reads_from != 0) {
        t->store[ev->reads_from - 1].in_memory = true;
    }
    if ((ev->kind == VL_EV_STORE && ev->reads_from == 0) || ev->kind == VL_EV_WRITE) {
        for (uint32_t i = 0; i < ev->len; i += 2) { // bound: len of an access
            *newest_of(t, ev->addr + i) = seq + 1;
        }
    }
}

// A read of a buffer does not say what it saw; that it raced, the next event says.
static bool races_next(const struct kept_run *run, uint64_t seq)
{
    const struct vl_event *ev = &run->event[seq].ev;
    return ev->kind == VL_EV_READ && seq + 1 < run->n_events &&
           ev->agent == run->event[seq + 1].ev.agent && run->event[seq + 1].ev.kind == VL_EV_RACE;
}

static bool say_memory(struct timeline *t, struct line *l, const struct kept_event *e)
{
    const struct vl_event *ev = &e->ev;
    switch (ev->kind) {
    case VL_EV_LOAD:
        add(l->text, "load ");
        add_content(l->text, &t->where, ev);
        add_order(l->text, ev);
        l->mark = add_missed(t, l->text, ev);
        return true;
    case VL_EV_STORE:
        add(l->text, "store ");
        add_content(l->text, &t->where, ev);
        add_order(l->text, ev);
        if (t->store[l->seq].late) {
            add(l->text, "  into the store buffer");
            l->mark = true;
        }
        return true;
    case VL_EV_DRAIN:
        add(l->text, "#%" PRIu32 " reaches memory: ", ev->reads_from - 1);
        add_content(l->text, &t->where, ev);
        l->mark = true;
        return true;
    case VL_EV_READ:
    case VL_EV_WRITE:
        add(l->text, "%s buffer 0x%" PRIx64 " = ", ev->kind == VL_EV_READ ? "read" : "write",
            ev->addr);
        add_bytes(l->text, e);
        l->mark = races_next(t->run, l->seq) && add_missed(t, l->text, ev);
        return true;
    case VL_EV_RACE:
        add(l->text, "RACE: not ordered behind the %s of #%" PRIu32,
            ev->value != 0 ? "store" : "load", ev->reads_from - 1);
        l->mark = true;
        return true;
    default: return false;
    }
}

static bool say_note(struct line *l, const struct vl_event *ev)
{
    switch (ev->barrier) {
    case VIRTQ_NOTE_POP: add(l->text, "takes head %" PRIu64, ev->addr); return true;
    case VIRTQ_NOTE_COMPLETE:
        add(l->text, "gets head %" PRIu64 " back, used length %" PRIu32, ev->value, ev->len);
        return true;
    case VIRTQ_NOTE_PEER_ERROR:
        add(l->text, "gives up: %s", virtq_err_text((enum virtq_err)(ev->addr & 0xFF)));
        l->mark = true;
        return true;
    default: return false;
    }
}

// Registers, arrivals and what a hostile peer did: of runs whose point is there.
static bool say_register(struct timeline *t, struct line *l, const struct vl_event *ev)
{
    char text[EVENT_TEXT_BYTES];
    switch (ev->kind) {
    case VL_EV_CONFIG_READ:
    case VL_EV_CONFIG_WRITE:
    case VL_EV_MMIO_READ:
    case VL_EV_MMIO_WRITE:
    case VL_EV_BACKEND:
    case VL_EV_WAKE:
    case VL_EV_INTX: break;
    case VL_EV_DOORBELL_ARRIVES: l->device = true; break;
    case VL_EV_INTERRUPT_ARRIVES: l->device = false; break;
    case VL_EV_MISCHIEF: l->mark = true; break;
    case VL_EV_NOTE:
        if (ev->barrier != VIRTQ_NOTE_CONTROL && ev->barrier != VIRTQ_NOTE_QUEUE_AREAS &&
            ev->barrier != VIRTQ_NOTE_QUEUE_LIVE && ev->barrier != VIRTQ_NOTE_QUEUE_DOWN &&
            ev->barrier != VIRTQ_NOTE_DETACH) {
            return false;
        }
        break;
    default: return false;
    }
    event_text_line(&t->where, ev, text);
    add(l->text, "%s", text);
    return true;
}

static bool say_ring(struct timeline *t, struct line *l, const struct kept_event *e)
{
    const struct vl_event *ev = &e->ev;
    switch (ev->kind) {
    case VL_EV_FENCE:
        if (ev->order == VIRTQ_RELAXED) {
            add(l->text, "no fence  %s, none", vl_barrier_name(ev->barrier));
        } else {
            add(l->text, "fence");
            add_order(l->text, ev);
        }
        return true;
    case VL_EV_SLEEP: add(l->text, "sleeps"); return true;
    case VL_EV_WOKEN: add(l->text, "wakes up"); return true;
    case VL_EV_DOORBELL: add(l->text, "rings the doorbell"); return true;
    case VL_EV_INTERRUPT: add(l->text, "sends an interrupt"); return true;
    case VL_EV_NOTE: return say_note(l, ev);
    default: return say_memory(t, l, e);
    }
}

static bool say(struct timeline *t, struct line *l, const struct kept_event *e)
{
    return say_ring(t, l, e) || (t->view->registers && say_register(t, l, &e->ev));
}

// The word by which a view asks for an event.
static const char *class_of(const struct vl_event *ev)
{
    switch (ev->kind) {
    case VL_EV_FENCE: return "fence";
    case VL_EV_SLEEP:
    case VL_EV_WOKEN: return "sleep";
    case VL_EV_DOORBELL:
    case VL_EV_INTERRUPT: return "notify";
    case VL_EV_NOTE: return "note";
    default: return vl_field_name(ev->field);
    }
}

static bool wanted(const struct timeline_view *view, const struct vl_event *ev)
{
    const char *word = class_of(ev);
    const size_t n = strlen(word);
    if (ev->agent == VL_AGENT_PLATFORM && !view->registers) {
        return false;
    }
    if (view->show == NULL) {
        return true;
    }
    for (const char *at = strstr(view->show, word); at != NULL; at = strstr(at + n, word)) {
        if ((at == view->show || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) {
            return true;
        }
    }
    return false;
}

// The event that a finding is about is the last one that matters; what the run did while it was
// shown that nothing more comes is left out.
static uint64_t last_event(const struct kept_run *run)
{
    uint64_t last = run->n_events;
    if (run->verdict.outcome == VL_FINDING && run->verdict.event < last) {
        last = run->verdict.event;
    }
    return last;
}

// Set-up is no part of it: what comes behind the driver's word that the queue is live, unless
// registers are asked for and the run got no further.
static uint32_t first_event(const struct timeline *t)
{
    const struct kept_run *run = t->run;
    for (uint32_t i = 0; i < run->n_events; i++) { // bound: KEPT_EVENTS_MAX
        const struct vl_event *ev = &run->event[i].ev;
        if (ev->kind == VL_EV_NOTE && ev->barrier == VIRTQ_NOTE_QUEUE_LIVE) {
            return t->view->registers && i + 1 >= last_event(run) ? 0 : i + 1;
        }
    }
    return 0;
}

static bool by_device(const struct timeline_view *view, const struct vl_event *ev)
{
    return ev->agent == VL_AGENT_DEVICE || ev->agent == VL_AGENT_TRAP ||
           (ev->agent == VL_AGENT_ADVERSARY && view->adversary_device);
}

static void learn_drains(struct timeline *t)
{
    for (uint32_t i = 0; i < t->run->n_events; i++) { // bound: KEPT_EVENTS_MAX
        const struct vl_event *ev = &t->run->event[i].ev;
        if (ev->kind == VL_EV_DRAIN && ev->reads_from != 0) {
            t->store[ev->reads_from - 1].late = true;
        }
    }
}

static void build(struct timeline *t)
{
    const struct kept_run *run = t->run;
    const uint32_t first = first_event(t);
    const uint64_t last = last_event(run);
    const uint32_t room = t->view->lines + 1; // the next one may come to nothing

    learn_drains(t);
    for (uint32_t i = 0; i < run->n_events && i <= last; i++) { // bound: KEPT_EVENTS_MAX
        const struct kept_event *e = &run->event[i];
        struct line *l = &t->line[t->n % room];
        if (i >= first && wanted(t->view, &e->ev)) {
            *l = (struct line){.seq = i, .device = by_device(t->view, &e->ev)};
            t->n += say(t, l, e) ? 1 : 0;
        }
        learn(t, &e->ev, i);
        if (t->view->until_given_up && e->ev.kind == VL_EV_NOTE &&
            e->ev.barrier == VIRTQ_NOTE_PEER_ERROR) {
            return; // nobody stops the run: it ends where a side gives up
        }
    }
}

// ---- printing -----------------------------------------------------------------------------------

// How much of a text goes into a column: up to a blank, if there is one.
static size_t fitting(const char *text, size_t room)
{
    size_t n = strlen(text);
    if (n <= room) {
        return n;
    }
    for (n = room; n > room / 3; n--) { // bound: room
        if (text[n] == ' ') {
            return n;
        }
    }
    return room;
}

static void print_line(FILE *out, const struct line *l)
{
    const char *text = l->text;
    bool more = false;

    while (*text != '\0') { // bound: TEXT_BYTES
        const int indent = more ? 4 : 0;
        const size_t n = fitting(text, (size_t)(COLUMN - indent));
        char part[COLUMN + 1];
        char seq[8] = "";
        (void)snprintf(part, sizeof(part), "%*s%.*s", indent, "", (int)n, text);
        if (!more) {
            (void)snprintf(seq, sizeof(seq), "#%u", (unsigned)l->seq % 100000u);
        }
        (void)fprintf(out, "%c%5s  ", l->mark && !more ? '!' : ' ', seq);
        if (l->device) {
            (void)fprintf(out, "%*s| %s\n", COLUMN, "", part);
        } else {
            (void)fprintf(out, "%-*s|\n", COLUMN, part);
        }
        text += n;
        text += strspn(text, " ");
        more = true;
    }
}

static void print_all(FILE *out, const struct timeline *t)
{
    const uint32_t lines = t->view->lines;
    const uint32_t first = t->n > lines ? t->n - lines : 0;
    (void)fprintf(out, "        %-*s| %s\n", COLUMN, "driver", "device");
    if (first > 0) {
        (void)fprintf(out, "        %-*s|\n", COLUMN, "...");
    }
    for (uint32_t i = first; i < t->n; i++) { // bound: view->lines
        print_line(out, &t->line[i % (lines + 1)]);
    }
}

void timeline_print(FILE *out, const struct timeline_view *view, const struct kept_run *run)
{
    struct timeline *t = calloc(1, sizeof(*t));
    struct line *line = calloc(view->lines + 1u, sizeof(*line));
    struct drained *store = calloc(run->n_events + 1u, sizeof(*store));
    if (t != NULL && line != NULL && store != NULL && view->lines > 0) {
        *t = (struct timeline){.view = view, .run = run, .line = line, .store = store};
        build(t);
        print_all(out, t);
    }
    free(store);
    free(line);
    free(t);
}
