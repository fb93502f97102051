// model/core/vl_weak_access.c -- loads, stores, fences and payload under tso and rc11.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_machine.h"
#include "model/core/vl_weak.h"
#include "ring/virtq_bytes.h"

#include <inttypes.h>
#include <string.h>

#define CELL_BYTES 2u
#define CELLS_MAX 4u // of an access with an order
// What keeps stores in histories: the main contexts. The others take in the view of whom they act
// for before they act.
#define TRIM_AGENTS (1u << VL_AGENT_DRIVER | 1u << VL_AGENT_DEVICE)

// 16 bytes at most, little-endian, as the two words of an event.
static void to_words(const uint8_t *p, uint32_t bytes, uint64_t *low, uint64_t *high)
{
    *low = virtq_get_le(p, bytes < 8 ? bytes : 8);
    *high = bytes > 8 ? virtq_get_le(p + 8, bytes - 8) : 0;
}

static void from_words(uint8_t *p, uint32_t bytes, uint64_t low, uint64_t high)
{
    virtq_put_le(p, bytes < 8 ? bytes : 8, low);
    if (bytes > 8) {
        virtq_put_le(p + 8, bytes - 8, high);
    }
}

static const char *side_of_agent(unsigned agent)
{
    return agent == VL_AGENT_DRIVER || agent == VL_AGENT_HANDLER ? "driver" : "device";
}

static struct vl_event event_of(const struct vl_machine *m, const struct vl_weak_call *c,
                                enum vl_event_kind kind)
{
    return (struct vl_event){.addr = c->span->gpa + c->off,
                             .len = c->bytes,
                             .kind = (uint8_t)kind,
                             .agent = m->cur->agent,
                             .order = c->order,
                             .barrier = c->barrier,
                             .queue = (uint8_t)c->span->queue_index,
                             .field = c->field};
}

static struct vl_access access_of(struct vl_machine *m, const struct vl_weak_call *c, bool store)
{
    const uint8_t agent = m->cur->agent;
    const bool driver = agent == VL_AGENT_DRIVER || agent == VL_AGENT_HANDLER;
    return (struct vl_access){.off = vl_memory_off(&m->memory, c->span, c->off),
                              .bytes = c->bytes,
                              .seq = (uint32_t)m->seq,
                              .site = (uint16_t)vl_site_number(m, c->site),
                              .agent = agent,
                              .side = driver ? VL_SIDE_DRIVER : VL_SIDE_DEVICE,
                              .store = store,
                              .plain = c->order == VIRTQ_PLAIN};
}

// Memory models have cells of two bytes. What does not consist of cells is no access that a ring
// needs, and is not guessed at.
static void refuse_what_has_no_cells(struct vl_machine *m, const struct vl_weak_call *c)
{
    const uint32_t off = vl_memory_off(&m->memory, c->span, c->off);
    if (c->order != VIRTQ_PLAIN &&
        (off % CELL_BYTES != 0 || c->bytes % CELL_BYTES != 0 || c->bytes > 8)) {
        vl_finding(m, "memory:not-modelled", side_of_agent(m->cur->agent),
                   "an access with order %s to %" PRIu32 " bytes at gpa 0x%" PRIx64 " (%s:%" PRIu32
                   "): memory=%s knows whole 2-byte words, up to four",
                   vl_order_name(c->order), c->bytes, c->span->gpa + c->off,
                   c->site != NULL ? c->site->file : "?", c->site != NULL ? c->site->line : 0,
                   vl_model_name(m->model));
    }
}

// ---- choices -----------------------------------------------------------------------------------

// True if the occurrence, which is counted, may deviate; only then options are worth counting.
static inline bool may_deviate(struct vl_machine *m, unsigned lane, const struct vl_weak_call *c,
                               uint32_t *slot)
{
    *slot = vl_slot_index(lane, m->cur->agent, vl_choice_key(c->span->queue_index, c->field));
    struct vl_slot *s = &m->choices.slots[*slot];
    return ++s->n == s->next;
}

static uint32_t deviate(struct vl_machine *m, unsigned lane, const struct vl_weak_call *c,
                        uint32_t slot, uint32_t n_options)
{
    return vl_choose_slow(&m->choices, slot, lane, m->cur->agent,
                          vl_choice_key(c->span->queue_index, c->field), n_options);
}

static uint32_t choose(struct vl_machine *m, unsigned lane, const struct vl_weak_call *c,
                       uint32_t n_options)
{
    uint32_t slot = 0;
    return may_deviate(m, lane, c, &slot) ? deviate(m, lane, c, slot, n_options) : 0;
}

// ---- rc11: ring words --------------------------------------------------------------------------

static void history_full(struct vl_machine *m)
{
    vl_finding(m, "memory:history-full", "-",
               "%u stores are in histories that some agent may still see: there is no room for "
               "another",
               VL_WEAK_POOL);
}

static void begin_history(struct vl_machine *m, uint32_t cell)
{
    struct vl_weak *w = m->weak;
    if (w->rc.newest[cell] != 0) {
        return;
    }
    // 1 + number of the store; none: VL_RC11_AT_START
    const uint32_t writer = vl_races_newest(&w->races, cell * CELL_BYTES, CELL_BYTES) - 1;
    const uint16_t value = (uint16_t)virtq_get_le(m->memory.host + cell * CELL_BYTES, CELL_BYTES);
    if (!vl_rc11_touch(&w->rc, cell, value, writer)) {
        vl_rc11_trim(&w->rc, TRIM_AGENTS);
        if (!vl_rc11_touch(&w->rc, cell, value, writer)) {
            history_full(m);
        }
    }
}

// The messages that the cells of one access see, or that they store behind. The cells are not
// ordered with each other, so all are decided before any is acted on. The choice is a number whose
// digits are the cells' options.
static void pick_messages(struct vl_machine *m, const struct vl_weak_call *c, bool store,
                          uint32_t cell, uint32_t n_cells, uint16_t msg[CELLS_MAX])
{
    const unsigned lane = store ? VL_LANE_STORE : VL_LANE_READ;
    const struct vl_rc11 *rc = &m->weak->rc;
    const unsigned agent = m->cur->agent;
    uint32_t options[CELLS_MAX] = {1, 1, 1, 1};
    uint32_t slot = 0;
    uint32_t v = 0;

    for (uint32_t i = 0; i < n_cells; i++) {
        begin_history(m, cell + i);
    }
    if (may_deviate(m, lane, c, &slot)) {
        uint64_t all = 1;
        for (uint32_t i = 0; i < n_cells; i++) {
            options[i] = store ? vl_rc11_store_options(rc, agent, cell + i)
                               : vl_rc11_load_options(rc, agent, cell + i);
            all *= options[i];
        }
        v = deviate(m, lane, c, slot, all > UINT32_MAX ? UINT32_MAX : (uint32_t)all);
    }
    for (uint32_t i = 0; i < n_cells; i++) {
        const uint32_t k = v % options[i];
        v /= options[i];
        msg[i] = store ? vl_rc11_store_option(rc, agent, cell + i, k)
                       : vl_rc11_load_option(rc, agent, cell + i, k);
    }
}

static uint64_t rc11_load_word(struct vl_machine *m, const struct vl_weak_call *c)
{
    struct vl_rc11 *rc = &m->weak->rc;
    const struct vl_access a = access_of(m, c, false);
    struct vl_event ev = event_of(m, c, VL_EV_LOAD);
    struct vl_conflict conflict;
    uint16_t msg[CELLS_MAX] = {0};

    pick_messages(m, c, false, a.off / CELL_BYTES, a.bytes / CELL_BYTES, msg);
    vl_races_access(&m->weak->races, rc, &a, &conflict);
    for (uint32_t i = 0; i < a.bytes / CELL_BYTES; i++) { // bound: CELLS_MAX
        const uint32_t from = rc->msgs[msg[i]].seq + 1;   // VL_RC11_AT_START + 1 is 0
        ev.value |= (uint64_t)vl_rc11_load(rc, a.agent, msg[i], c->order, a.seq) << (16 * i);
        ev.reads_from = from > ev.reads_from ? from : ev.reads_from;
    }
    vl_emit_hot(m, ev, c->site, NULL);
    if (conflict.found) {
        vl_weak_report(m, &a, c->field, &conflict, NULL, NULL);
    }
    return ev.value;
}

static void store_cell(struct vl_machine *m, const struct vl_weak_call *c, uint32_t cell,
                       uint16_t behind, uint16_t value)
{
    struct vl_rc11 *rc = &m->weak->rc;
    const unsigned agent = m->cur->agent;
    const uint32_t seq = (uint32_t)m->seq;

    uint16_t msg = vl_rc11_store(rc, agent, behind, value, c->order, seq);
    if (msg == 0) {
        // What the store goes behind stays: it is not older than the agent's own floor.
        vl_rc11_trim(rc, TRIM_AGENTS | 1u << agent);
        msg = vl_rc11_store(rc, agent, behind, value, c->order, seq);
        if (msg == 0) {
            history_full(m);
        }
    }
    if (rc->newest[cell] == msg) { // memory holds the newest
        virtq_put_le(m->memory.host + cell * CELL_BYTES, CELL_BYTES, value);
    }
    if (rc->length[cell] % VL_WEAK_TRIM == 0) {
        vl_rc11_trim_cell(rc, cell, TRIM_AGENTS);
    }
}

static void rc11_store_word(struct vl_machine *m, const struct vl_weak_call *c, uint64_t value)
{
    const struct vl_rc11 *rc = &m->weak->rc;
    const struct vl_access a = access_of(m, c, true);
    struct vl_event ev = event_of(m, c, VL_EV_STORE);
    struct vl_conflict conflict;
    uint16_t behind[CELLS_MAX] = {0};

    pick_messages(m, c, true, a.off / CELL_BYTES, a.bytes / CELL_BYTES, behind);
    vl_races_access(&m->weak->races, rc, &a, &conflict);
    for (uint32_t i = 0; i < a.bytes / CELL_BYTES; i++) { // bound: CELLS_MAX
        const uint16_t newer = rc->msgs[behind[i]].newer;
        ev.reads_from = newer != 0 ? rc->msgs[newer].seq + 1 : ev.reads_from;
        store_cell(m, c, a.off / CELL_BYTES + i, behind[i], (uint16_t)(value >> (16 * i)));
    }
    vl_memory_touch(&m->memory, a.off, a.bytes);
    ev.value = value;
    vl_emit_hot(m, ev, c->site, NULL);
    if (conflict.found) {
        vl_weak_report(m, &a, c->field, &conflict, NULL, NULL);
    }
}

// ---- rc11: plain accesses ----------------------------------------------------------------------

// A plain access to a word that has a history (of a half that uses both kinds) takes part in it.
static void plain_in_histories(struct vl_machine *m, const struct vl_access *a)
{
    struct vl_rc11 *rc = &m->weak->rc;
    for (uint32_t cell = a->off / CELL_BYTES; cell <= (a->off + a->bytes - 1) / CELL_BYTES;
         cell++) { // bound: bytes
        const uint16_t newest = rc->newest[cell];
        if (newest == 0) {
            continue;
        }
        if (!a->store) {
            (void)vl_rc11_load(rc, a->agent, newest, VIRTQ_PLAIN, a->seq);
        } else {
            const struct vl_weak_call plain = {.order = VIRTQ_PLAIN};
            const uint8_t *p = m->memory.host + cell * CELL_BYTES;
            store_cell(m, &plain, cell, newest, (uint16_t)virtq_get_le(p, CELL_BYTES));
        }
    }
}

// What a plain load sees: the newest bytes, or, where races are only looked at, those from before a
// store that is not ordered with it. Returns the event's reads_from.
static uint32_t plain_load(struct vl_machine *m, const struct vl_access *a, uint8_t *out,
                           struct vl_conflict *conflict)
{
    struct vl_weak *w = m->weak;

    vl_races_access(&w->races, &w->rc, a, conflict);
    if (conflict->found && conflict->store && m->config.races_see) {
        const uint32_t from =
            vl_races_old(&w->races, &w->rc, a->agent, m->memory.host, a->off, a->bytes, out);
        vl_rc11_tick(&w->rc, a->agent, a->seq);
        return from;
    }
    memcpy(out, m->memory.host + a->off, a->bytes);
    vl_rc11_tick(&w->rc, a->agent, a->seq);
    return vl_races_newest(&w->races, a->off, a->bytes);
}

// Report a race of a load: with the bytes from before the other's store beside the new ones.
static void report_load(struct vl_machine *m, const struct vl_access *a, unsigned field,
                        const struct vl_conflict *conflict)
{
    uint8_t old[VL_TSO_BYTES] = {0};
    struct vl_access part = *a;

    part.off = conflict->off;
    part.bytes = a->off + a->bytes - part.off;
    part.bytes = part.bytes < sizeof(old) ? part.bytes : (uint32_t)sizeof(old);
    (void)vl_races_old(&m->weak->races, &m->weak->rc, a->agent, m->memory.host, part.off,
                       part.bytes, old);
    vl_weak_report(m, &part, field, conflict, old, m->memory.host + part.off);
}

static uint64_t rc11_load_plain(struct vl_machine *m, const struct vl_weak_call *c, uint64_t *high)
{
    const struct vl_access a = access_of(m, c, false);
    struct vl_event ev = event_of(m, c, VL_EV_LOAD);
    struct vl_conflict conflict;
    uint8_t bytes[VL_TSO_BYTES];

    (void)choose(m, VL_LANE_READ, c, 1);
    ev.reads_from = plain_load(m, &a, bytes, &conflict);
    plain_in_histories(m, &a);
    to_words(bytes, a.bytes, &ev.value, &ev.aux);
    vl_emit_hot(m, ev, c->site, NULL);
    if (conflict.found) {
        report_load(m, &a, c->field, &conflict);
    }
    *high = ev.aux;
    return ev.value;
}

// The bytes of a plain store: marks, what they replace, memory, histories.
static void plain_store(struct vl_machine *m, const struct vl_access *a, const uint8_t *src,
                        struct vl_conflict *conflict)
{
    struct vl_weak *w = m->weak;

    vl_races_save(&w->races, m->memory.host, a);
    vl_races_access(&w->races, &w->rc, a, conflict);
    memcpy(m->memory.host + a->off, src, a->bytes);
    vl_memory_touch(&m->memory, a->off, a->bytes);
    vl_rc11_tick(&w->rc, a->agent, a->seq);
    plain_in_histories(m, a);
}

static void rc11_store_plain(struct vl_machine *m, const struct vl_weak_call *c, uint64_t value,
                             uint64_t high)
{
    const struct vl_access a = access_of(m, c, true);
    struct vl_event ev = event_of(m, c, VL_EV_STORE);
    struct vl_conflict conflict;
    uint8_t bytes[VL_TSO_BYTES];

    (void)choose(m, VL_LANE_STORE, c, 1);
    from_words(bytes, a.bytes, value, high);
    plain_store(m, &a, bytes, &conflict);
    ev.value = value;
    ev.aux = high;
    vl_emit_hot(m, ev, c->site, NULL);
    if (conflict.found) {
        vl_weak_report(m, &a, c->field, &conflict, NULL, NULL);
    }
}

// ---- tso ---------------------------------------------------------------------------------------

static uint64_t tso_load(struct vl_machine *m, const struct vl_weak_call *c, uint64_t *high)
{
    const struct vl_tso *tso = &m->weak->tso;
    const uint32_t off = vl_memory_off(&m->memory, c->span, c->off);
    struct vl_event ev = event_of(m, c, VL_EV_LOAD);
    uint8_t bytes[VL_TSO_BYTES];
    uint32_t seqs[VL_TSO_BYTES];

    (void)choose(m, VL_LANE_READ, c, 1);
    ev.reads_from = vl_memory_writer(&m->memory, off, c->bytes);
    if (tso->n[ev.agent] == 0) {
        to_words(m->memory.host + off, c->bytes, &ev.value, &ev.aux);
    } else {
        (void)vl_tso_load(tso, ev.agent, m->memory.host, off, c->bytes, bytes, seqs);
        to_words(bytes, c->bytes, &ev.value, &ev.aux);
        for (uint32_t i = 0; i < c->bytes; i++) { // bound: VL_TSO_BYTES
            const uint32_t from = seqs[i] + 1;    // from memory: 0
            ev.reads_from = from > ev.reads_from ? from : ev.reads_from;
        }
    }
    vl_emit_hot(m, ev, c->site, NULL);
    *high = ev.aux;
    return ev.value;
}

static void tso_store(struct vl_machine *m, const struct vl_weak_call *c, uint64_t value,
                      uint64_t high)
{
    struct vl_tso *tso = &m->weak->tso;
    const uint32_t delay = choose(m, VL_LANE_STORE, c, VL_DRAIN_OPTIONS);
    const unsigned agent = m->cur->agent;
    const uint32_t off = vl_memory_off(&m->memory, c->span, c->off);

    if (vl_order_drains(c->order)) {
        vl_weak_drain(m, agent); // an xchg: nothing of it waits
    }
    struct vl_event ev = event_of(m, c, VL_EV_STORE);
    ev.value = value;
    ev.aux = high;
    if (tso->n[agent] == 0 && (delay == 0 || vl_order_drains(c->order))) {
        from_words(m->memory.host + off, c->bytes, value, high);
        vl_memory_mark(&m->memory, off, c->bytes, m->seq);
        vl_emit_hot(m, ev, c->site, NULL);
        return;
    }
    if (tso->n[agent] == VL_TSO_DEPTH) {
        vl_weak_drain(m, agent); // a full buffer holds its CPU up
    }
    struct vl_tso_store s = {.due = m->step + delay,
                             .off = off,
                             .seq = (uint32_t)m->seq,
                             .info = (uint32_t)ev.queue << 8 | c->field,
                             .bytes = (uint8_t)c->bytes};
    if (tso->n[agent] > 0 && tso->buffer[agent][tso->n[agent] - 1].due > s.due) {
        s.due = tso->buffer[agent][tso->n[agent] - 1].due; // not before the one ahead of it
    }
    from_words(s.data, s.bytes, value, high);
    VIRTQ_ASSERT(vl_tso_store(tso, agent, &s));
    m->next_check = s.due < m->next_check ? s.due : m->next_check;
    vl_emit_hot(m, ev, c->site, NULL);
}

// A few bytes of payload go into the buffer behind what waits there, and drain with it.
static void tso_wait_behind(struct vl_machine *m, const struct vl_weak_call *c, uint32_t off,
                            const uint8_t *src)
{
    struct vl_tso *tso = &m->weak->tso;
    const unsigned agent = m->cur->agent;
    struct vl_tso_store s = {.due = tso->buffer[agent][tso->n[agent] - 1].due,
                             .off = off,
                             .seq = (uint32_t)m->seq,
                             .info = (uint32_t)c->span->queue_index << 8 | c->field,
                             .bytes = (uint8_t)c->bytes};
    memcpy(s.data, src, c->bytes);
    VIRTQ_ASSERT(vl_tso_store(tso, agent, &s));
}

static bool in_own_buffer(const struct vl_tso *tso, unsigned agent, uint32_t off, uint32_t bytes)
{
    for (uint32_t i = 0; i < tso->n[agent]; i++) { // bound: VL_TSO_DEPTH
        const struct vl_tso_store *s = &tso->buffer[agent][i];
        if (s->off < off + bytes && off < s->off + s->bytes) {
            return true;
        }
    }
    return false;
}

// ---- the port's calls --------------------------------------------------------------------------

uint64_t vl_weak_load(struct vl_machine *m, const struct vl_weak_call *c, uint64_t *high)
{
    refuse_what_has_no_cells(m, c);
    *high = 0;
    if (m->model == VL_MODEL_TSO) {
        return tso_load(m, c, high);
    }
    return c->order == VIRTQ_PLAIN ? rc11_load_plain(m, c, high) : rc11_load_word(m, c);
}

void vl_weak_store(struct vl_machine *m, const struct vl_weak_call *c, uint64_t value,
                   uint64_t high)
{
    refuse_what_has_no_cells(m, c);
    if (m->model == VL_MODEL_TSO) {
        tso_store(m, c, value, high);
    } else if (c->order == VIRTQ_PLAIN) {
        rc11_store_plain(m, c, value, high);
    } else {
        rc11_store_word(m, c, value);
    }
}

void vl_weak_fence(struct vl_machine *m, uint8_t order, uint8_t barrier, struct virtq_site *site)
{
    if (m->model == VL_MODEL_RC11) {
        vl_rc11_fence(&m->weak->rc, m->cur->agent, order, (uint32_t)m->seq);
    } else if (!vl_tso_may_fence(&m->weak->tso, m->cur->agent, order)) {
        vl_weak_drain(m, m->cur->agent);
    }
    const struct vl_event ev = {
        .kind = VL_EV_FENCE, .agent = m->cur->agent, .order = order, .barrier = barrier};
    vl_emit_hot(m, ev, site, NULL);
}

void vl_weak_payload(struct vl_machine *m, const struct vl_weak_call *c, uint8_t *dst,
                     const uint8_t *src)
{
    const bool rc11 = m->model == VL_MODEL_RC11;
    const uint32_t off = vl_memory_off(&m->memory, c->span, c->off);
    const uint8_t agent = m->cur->agent;
    struct vl_conflict conflict = {.found = false};

    VIRTQ_ASSERT((dst != NULL) != (src != NULL));
    const bool waits = !rc11 && src != NULL && c->bytes <= VL_TSO_BYTES &&
                       m->weak->tso.n[agent] > 0 && m->weak->tso.n[agent] < VL_TSO_DEPTH;
    if (!rc11 && !waits && (src != NULL || in_own_buffer(&m->weak->tso, agent, off, c->bytes))) {
        vl_weak_drain(m, agent); // many bytes do not wait, and do not pass what does
    }
    const struct vl_access a = access_of(m, c, src != NULL);
    if (dst != NULL && rc11) {
        (void)plain_load(m, &a, dst, &conflict);
        plain_in_histories(m, &a);
    } else if (dst != NULL) {
        memcpy(dst, m->memory.host + off, c->bytes);
    } else if (rc11) {
        plain_store(m, &a, src, &conflict);
    } else if (waits) {
        tso_wait_behind(m, c, off, src);
    } else {
        memcpy(m->memory.host + off, src, c->bytes);
        vl_memory_mark(&m->memory, off, c->bytes, m->seq);
    }
    const uint8_t *bytes = dst != NULL ? dst : src;
    struct vl_event ev = event_of(m, c, dst != NULL ? VL_EV_READ : VL_EV_WRITE);
    ev.value = vl_hash64(bytes, c->bytes);
    vl_emit_hot(m, ev, c->site, bytes);
    if (conflict.found && dst != NULL) {
        report_load(m, &a, c->field, &conflict);
    } else if (conflict.found) {
        vl_weak_report(m, &a, c->field, &conflict, NULL, NULL);
    }
}
