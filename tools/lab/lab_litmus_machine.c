// tools/lab/lab_litmus_machine.c -- the steps of litmus tests.
// A cell's store and load are events of their own: those of one wide access have a common group.
// Numbers of events within a thread are what the models know as sequence numbers.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_litmus_machine.h"

#include <string.h>

#define WIDE_MAX 4u // cells of an access

// A step of a thread in the making.
struct step {
    struct lab_machine *m;
    unsigned thread;
    const struct lab_litmus_stmt *s;
    uint32_t option;
    uint8_t group;
};

// ---- machines ----------------------------------------------------------------------------------

bool lab_machine_open(struct lab_machine *m, const struct lab_litmus *test,
                      enum lab_machine_kind kind, uint32_t rules)
{
    m->test = test;
    m->kind = kind;
    m->rules = rules;
    return kind != LAB_MACHINE_RC11 ||
           vl_rc11_open(&m->rc11, test->n_cells == 0 ? 1 : test->n_cells,
                        LAB_LITMUS_EVENTS + LAB_LITMUS_CELLS) == VIRTQ_OK;
}

void lab_machine_close(struct lab_machine *m)
{
    if (m->kind == LAB_MACHINE_RC11) {
        vl_rc11_close(&m->rc11);
    }
}

bool lab_machine_start(struct lab_machine *m)
{
    memset(&m->graph, 0, sizeof(m->graph));
    memset(m->thread, 0, sizeof(m->thread));
    memset(m->half, 0, sizeof(m->half));
    memset(m->mem, 0, sizeof(m->mem));
    for (unsigned t = 0; t < m->test->n_threads; t++) {
        lab_graph_settle(m->test, t, &m->thread[t]);
    }
    vl_tso_init(&m->tso);
    m->tso.rules = m->rules;
    if (m->kind == LAB_MACHINE_RC11) {
        vl_rc11_reset(&m->rc11);
        m->rc11.rules = m->rules;
        for (uint32_t c = 0; c < m->test->n_cells; c++) {
            if (!vl_rc11_touch(&m->rc11, c, 0, VL_RC11_AT_START)) {
                return false;
            }
        }
    }
    return true;
}

void lab_machine_copy(struct lab_machine *to, const struct lab_machine *from)
{
    to->graph = from->graph;
    memcpy(to->thread, from->thread, sizeof(to->thread));
    memcpy(to->half, from->half, sizeof(to->half));
    memcpy(to->mem, from->mem, sizeof(to->mem));
    if (from->kind == LAB_MACHINE_TSO) {
        vl_tso_copy(&to->tso, &from->tso);
    } else if (from->kind == LAB_MACHINE_RC11) {
        vl_rc11_copy(&to->rc11, &from->rc11);
    }
}

bool lab_machine_ended(const struct lab_machine *m)
{
    for (unsigned t = 0; t < m->test->n_threads; t++) {
        if (m->thread[t].pc < m->test->thread[t].n) {
            return false;
        }
    }
    return m->kind != LAB_MACHINE_TSO || m->tso.n_all == 0;
}

// ---- events ------------------------------------------------------------------------------------

static uint32_t next_seq(const struct step *st)
{
    return st->m->graph.n[st->thread];
}

static uint8_t add_read(struct step *st, unsigned cell, uint8_t rf)
{
    const struct lab_graph_event e = {.kind = VL_AXIOM_READ,
                                      .order = st->s->order,
                                      .cell = (uint8_t)cell,
                                      .rf = rf,
                                      .group = st->group,
                                      .value = lab_graph_value(&st->m->graph, rf)};
    return lab_graph_add(&st->m->graph, st->thread, &e);
}

// A store without a place so far.
static uint8_t add_write(struct step *st, unsigned cell, uint16_t value, bool rmw)
{
    const struct lab_graph_event e = {.kind = VL_AXIOM_WRITE,
                                      .order = st->s->order,
                                      .cell = (uint8_t)cell,
                                      .group = st->group,
                                      .rmw = rmw,
                                      .value = value};
    return lab_graph_add(&st->m->graph, st->thread, &e);
}

static void add_fence(struct step *st)
{
    const struct lab_graph_event e = {.kind = VL_AXIOM_FENCE, .order = st->s->order};
    (void)lab_graph_add(&st->m->graph, st->thread, &e);
}

static void pass(struct step *st, uint64_t loaded)
{
    lab_graph_pass(st->m->test, st->thread, &st->m->thread[st->thread], loaded);
}

static uint64_t operand(const struct step *st, const struct lab_litmus_operand *o)
{
    return lab_graph_operand(&st->m->thread[st->thread], o);
}

// A read-modify-write that found this: does it store, and what?
static bool rmw_stores(const struct step *st, uint16_t found, uint16_t *value)
{
    const uint16_t given = (uint16_t)operand(st, &st->s->value);
    *value = st->s->op == LAB_LITMUS_ADD ? (uint16_t)(found + given) : given;
    return st->s->op != LAB_LITMUS_CAS || found == (uint16_t)operand(st, &st->s->expect);
}

static bool splits(const struct step *st)
{
    return (st->m->rules & VL_RULE_ATOMICITY) == 0 || st->m->kind == LAB_MACHINE_FREE;
}

// The load half of a read-modify-write has been done. Either it is over, having stored nothing, or
// its store is the thread's next step.
static enum lab_machine_step rmw_loaded(struct step *st, uint8_t load)
{
    struct lab_graph_event *e = lab_graph_at(&st->m->graph, load);
    uint16_t value = 0;
    if (rmw_stores(st, e->value, &value)) {
        st->m->half[st->thread] = true;
    } else {
        e->rmw = true;
        pass(st, e->value);
    }
    return LAB_MACHINE_DONE;
}

// The store half of a read-modify-write, without a place so far.
static uint8_t rmw_store(struct step *st)
{
    struct lab_graph *g = &st->m->graph;
    const uint16_t found = g->ev[st->thread][g->n[st->thread] - 1].value;
    uint16_t value = 0;
    (void)rmw_stores(st, found, &value);
    const uint8_t id = add_write(st, st->s->cell, value, true);
    st->m->half[st->thread] = false;
    pass(st, found);
    return id;
}

// ---- one memory: sc, and what tso does when its buffer lets it ---------------------------------

static void put_newest(struct lab_machine *m, uint8_t id)
{
    const struct lab_graph_event *e = lab_graph_at(&m->graph, id);
    lab_graph_place(&m->graph, id, lab_graph_newest(&m->graph, e->cell));
    m->mem[2 * e->cell] = (uint8_t)e->value;
    m->mem[2 * e->cell + 1] = (uint8_t)(e->value >> 8);
}

static enum lab_machine_step memory_rmw(struct step *st)
{
    struct lab_machine *m = st->m;
    if (m->half[st->thread]) {
        put_newest(m, rmw_store(st));
        return LAB_MACHINE_DONE;
    }
    const uint8_t load = add_read(st, st->s->cell, lab_graph_newest(&m->graph, st->s->cell));
    (void)rmw_loaded(st, load);
    if (m->half[st->thread] && !splits(st)) {
        put_newest(m, rmw_store(st));
    }
    return LAB_MACHINE_DONE;
}

static void memory_store(struct step *st)
{
    const uint64_t value = operand(st, &st->s->value);
    for (unsigned i = 0; i < st->s->n_cells; i++) {
        put_newest(st->m, add_write(st, st->s->cell + i, (uint16_t)(value >> (16 * i)), false));
    }
    pass(st, 0);
}

static enum lab_machine_step sc_step(struct step *st)
{
    struct lab_machine *m = st->m;
    uint64_t loaded = 0;

    if (st->option > 0) {
        return LAB_MACHINE_NONE;
    }
    switch (st->s->op) {
    case LAB_LITMUS_LOAD:
        for (unsigned i = 0; i < st->s->n_cells; i++) {
            const uint8_t from = lab_graph_newest(&m->graph, st->s->cell + i);
            loaded |= (uint64_t)lab_graph_value(&m->graph, from) << (16 * i);
            (void)add_read(st, st->s->cell + i, from);
        }
        pass(st, loaded);
        return LAB_MACHINE_DONE;
    case LAB_LITMUS_STORE: memory_store(st); return LAB_MACHINE_DONE;
    case LAB_LITMUS_FENCE:
        add_fence(st);
        pass(st, 0);
        return LAB_MACHINE_DONE;
    default: return memory_rmw(st);
    }
}

// ---- tso ---------------------------------------------------------------------------------------

static enum lab_machine_step tso_drain(struct step *st, uint32_t k)
{
    struct lab_machine *m = st->m;
    struct vl_tso_store drained;

    if (k >= m->tso.n[st->thread]) {
        return LAB_MACHINE_NONE;
    }
    if (!vl_tso_may_drain(&m->tso, st->thread, k)) {
        return LAB_MACHINE_NOT_NOW;
    }
    vl_tso_drain(&m->tso, st->thread, k, m->mem, &drained);
    for (unsigned i = 0; i < drained.bytes / 2u; i++) {
        const uint8_t id = lab_graph_id(st->thread, drained.seq + i);
        lab_graph_place(&m->graph, id, lab_graph_newest(&m->graph, drained.off / 2 + i));
    }
    return LAB_MACHINE_DONE;
}

static void tso_load(struct step *st)
{
    struct lab_machine *m = st->m;
    uint8_t bytes[VL_TSO_BYTES];
    uint32_t seqs[VL_TSO_BYTES];
    uint64_t loaded = 0;

    (void)vl_tso_load(&m->tso, st->thread, m->mem, 2u * st->s->cell, 2u * st->s->n_cells, bytes,
                      seqs);
    for (unsigned i = 0; i < st->s->n_cells; i++) {
        const unsigned cell = st->s->cell + i;
        uint8_t from = lab_graph_newest(&m->graph, cell);
        if (seqs[2 * i] != UINT32_MAX) { // forwarded: the store's first cell has this number
            const unsigned first = m->graph.ev[st->thread][seqs[2 * i]].cell;
            from = lab_graph_id(st->thread, seqs[2 * i] + cell - first);
        }
        loaded |= (uint64_t)(bytes[2 * i] | bytes[2 * i + 1] << 8) << (16 * i);
        (void)add_read(st, cell, from);
    }
    pass(st, loaded);
}

static enum lab_machine_step tso_store(struct step *st)
{
    struct lab_machine *m = st->m;
    const uint64_t value = operand(st, &st->s->value);
    struct vl_tso_store store = {
        .off = 2u * st->s->cell, .seq = next_seq(st), .bytes = (uint8_t)(2u * st->s->n_cells)};

    if (vl_order_drains(st->s->order)) { // an xchg
        if (!vl_tso_may_lock(&m->tso, st->thread)) {
            return LAB_MACHINE_NOT_NOW;
        }
        if ((m->rules & VL_RULE_TSO_LOCKED) != 0) {
            memory_store(st);
            return LAB_MACHINE_DONE;
        }
    }
    for (unsigned i = 0; i < store.bytes; i++) {
        store.data[i] = (uint8_t)(value >> (8 * i));
    }
    if (!vl_tso_store(&m->tso, st->thread, &store)) {
        return LAB_MACHINE_FULL;
    }
    for (unsigned i = 0; i < st->s->n_cells; i++) {
        (void)add_write(st, st->s->cell + i, (uint16_t)(value >> (16 * i)), false);
    }
    pass(st, 0);
    return LAB_MACHINE_DONE;
}

// A locked access acts on memory. With the rule left out it may pass the thread's older stores, but
// not one to the same cell.
static bool tso_may_lock(const struct step *st)
{
    const struct vl_tso *tso = &st->m->tso;
    for (uint32_t k = 0; k < tso->n[st->thread]; k++) { // bound: VL_TSO_DEPTH
        const struct vl_tso_store *w = &tso->buffer[st->thread][k];
        if (2u * st->s->cell >= w->off && 2u * st->s->cell < w->off + w->bytes) {
            return false;
        }
    }
    return vl_tso_may_lock(tso, st->thread);
}

static enum lab_machine_step tso_act(struct step *st)
{
    switch (st->s->op) {
    case LAB_LITMUS_LOAD: tso_load(st); return LAB_MACHINE_DONE;
    case LAB_LITMUS_STORE: return tso_store(st);
    case LAB_LITMUS_FENCE:
        if (!vl_tso_may_fence(&st->m->tso, st->thread, st->s->order)) {
            return LAB_MACHINE_NOT_NOW;
        }
        add_fence(st);
        pass(st, 0);
        return LAB_MACHINE_DONE;
    default: return tso_may_lock(st) ? memory_rmw(st) : LAB_MACHINE_NOT_NOW;
    }
}

// ---- rc11 --------------------------------------------------------------------------------------

static uint8_t id_of(const struct lab_machine *m, uint16_t msg)
{
    const struct vl_rc11_msg *from = &m->rc11.msgs[msg];
    return from->seq == VL_RC11_AT_START ? LAB_GRAPH_INITIAL : lab_graph_id(from->agent, from->seq);
}

// The messages that an option of a wide access stands for: a combination of options of its cells,
// all of them chosen before any cell is accessed, for the cells are not ordered with each other.
static enum lab_machine_step rc11_choose(const struct step *st, bool store, uint16_t *msgs)
{
    const struct vl_rc11 *rc = &st->m->rc11;
    uint32_t option = st->option;

    for (unsigned i = 0; i < st->s->n_cells; i++) {
        const unsigned cell = st->s->cell + i;
        const uint32_t n = store ? vl_rc11_store_options(rc, st->thread, cell)
                                 : vl_rc11_load_options(rc, st->thread, cell);
        msgs[i] = store ? vl_rc11_store_option(rc, st->thread, cell, option % n)
                        : vl_rc11_load_option(rc, st->thread, cell, option % n);
        option /= n;
    }
    return option == 0 ? LAB_MACHINE_DONE : LAB_MACHINE_NONE;
}

static enum lab_machine_step rc11_load(struct step *st)
{
    uint16_t msgs[WIDE_MAX];
    uint64_t loaded = 0;

    if (rc11_choose(st, false, msgs) != LAB_MACHINE_DONE) {
        return LAB_MACHINE_NONE;
    }
    for (unsigned i = 0; i < st->s->n_cells; i++) {
        const uint16_t value =
            vl_rc11_load(&st->m->rc11, st->thread, msgs[i], st->s->order, next_seq(st));
        loaded |= (uint64_t)value << (16 * i);
        (void)add_read(st, st->s->cell + i, id_of(st->m, msgs[i]));
    }
    pass(st, loaded);
    return LAB_MACHINE_DONE;
}

// What a cell's store hands over does not include the access's other cells.
static void forget_group(struct vl_rc11_view *view, unsigned agent, uint32_t first)
{
    if (view->hb.at[agent] > (int32_t)first) {
        view->hb.at[agent] = (int32_t)first;
        view->cov.at[agent] = (int32_t)first;
    }
}

static enum lab_machine_step rc11_store(struct step *st)
{
    struct vl_rc11 *rc = &st->m->rc11;
    const uint64_t value = operand(st, &st->s->value);
    const uint32_t first = next_seq(st);
    uint16_t msgs[WIDE_MAX];

    if (rc11_choose(st, true, msgs) != LAB_MACHINE_DONE) {
        return LAB_MACHINE_NONE;
    }
    for (unsigned i = 0; i < st->s->n_cells; i++) {
        const uint16_t part = (uint16_t)(value >> (16 * i));
        const uint8_t behind = id_of(st->m, msgs[i]);
        const uint16_t msg =
            vl_rc11_store(rc, st->thread, msgs[i], part, st->s->order, next_seq(st));
        if (msg == 0) {
            return LAB_MACHINE_FULL;
        }
        if (st->s->n_cells > 1) {
            forget_group(&rc->msgs[msg].view, st->thread, first);
        }
        lab_graph_place(&st->m->graph, add_write(st, st->s->cell + i, part, false), behind);
    }
    pass(st, 0);
    return LAB_MACHINE_DONE;
}

// The second half of a read-modify-write that others may come between.
static enum lab_machine_step rc11_half(struct step *st)
{
    struct vl_rc11 *rc = &st->m->rc11;
    const struct lab_graph *g = &st->m->graph;
    const struct lab_graph_event *load = &g->ev[st->thread][g->n[st->thread] - 1];
    const uint32_t seq = next_seq(st);
    uint16_t value = 0;
    uint16_t from = vl_rc11_newest(rc, st->s->cell);

    if (st->option >= vl_rc11_store_options(rc, st->thread, st->s->cell)) {
        return LAB_MACHINE_NONE;
    }
    while (id_of(st->m, from) != load->rf) { // bound: the cell's history
        from = rc->msgs[from].older;
    }
    const uint16_t behind = vl_rc11_store_option(rc, st->thread, st->s->cell, st->option);
    const uint8_t behind_id = id_of(st->m, behind);
    (void)rmw_stores(st, load->value, &value);
    const uint16_t msg = vl_rc11_store(rc, st->thread, behind, value, st->s->order, seq);
    if (msg == 0) {
        return LAB_MACHINE_FULL;
    }
    if ((rc->rules & VL_RULE_RELEASE_SEQUENCE) != 0) {
        vl_rc11_view_join(&rc->msgs[msg].view, &rc->msgs[from].view);
    }
    lab_graph_place(&st->m->graph, rmw_store(st), behind_id);
    return LAB_MACHINE_DONE;
}

static enum lab_machine_step rc11_rmw(struct step *st)
{
    struct vl_rc11 *rc = &st->m->rc11;
    uint16_t value = 0;
    const uint16_t msg = vl_rc11_load_option(rc, st->thread, st->s->cell, st->option);

    if (st->m->half[st->thread]) {
        return rc11_half(st);
    }
    if (msg == 0) {
        return LAB_MACHINE_NONE;
    }
    const uint8_t from = id_of(st->m, msg);
    const bool stores = rmw_stores(st, rc->msgs[msg].value, &value);
    if (!stores || splits(st)) {
        (void)vl_rc11_load(rc, st->thread, msg, st->s->order, next_seq(st));
        return rmw_loaded(st, add_read(st, st->s->cell, from));
    }
    if (!vl_rc11_rmw_may_read(rc, st->thread, msg)) {
        return LAB_MACHINE_NOT_NOW;
    }
    // One event there, two here: the store has the number that others will know.
    if (vl_rc11_rmw(rc, st->thread, msg, value, st->s->order, next_seq(st) + 1) == 0) {
        return LAB_MACHINE_FULL;
    }
    (void)rmw_loaded(st, add_read(st, st->s->cell, from));
    lab_graph_place(&st->m->graph, rmw_store(st), from);
    return LAB_MACHINE_DONE;
}

static enum lab_machine_step rc11_step(struct step *st)
{
    switch (st->s->op) {
    case LAB_LITMUS_LOAD: return rc11_load(st);
    case LAB_LITMUS_STORE: return rc11_store(st);
    case LAB_LITMUS_FENCE:
        if (st->option > 0) {
            return LAB_MACHINE_NONE;
        }
        vl_rc11_fence(&st->m->rc11, st->thread, st->s->order, next_seq(st));
        add_fence(st);
        pass(st, 0);
        return LAB_MACHINE_DONE;
    default: return rc11_rmw(st);
    }
}

// ---- brute force -------------------------------------------------------------------------------

// The store that a digit of the option names: the initial value, or one in the cell's order.
static uint8_t free_choose(const struct step *st, unsigned cell, uint32_t *option)
{
    const struct lab_graph *g = &st->m->graph;
    const uint32_t k = *option % (g->n_mo[cell] + 1u);
    *option /= g->n_mo[cell] + 1u;
    return k == 0 ? LAB_GRAPH_INITIAL : g->mo[cell][k - 1];
}

static enum lab_machine_step free_step(struct step *st)
{
    struct lab_machine *m = st->m;
    const struct lab_litmus_stmt *s = st->s;
    const uint64_t value = operand(st, &s->value);
    uint32_t option = st->option;
    uint8_t chosen[WIDE_MAX] = {0};
    uint64_t loaded = 0;

    for (unsigned i = 0; s->op != LAB_LITMUS_FENCE && i < s->n_cells; i++) {
        chosen[i] = free_choose(st, s->cell + i, &option);
    }
    if (option > 0) {
        return LAB_MACHINE_NONE;
    }
    if (s->op == LAB_LITMUS_FENCE) {
        add_fence(st);
    } else if (s->op >= LAB_LITMUS_XCHG) {
        if (!m->half[st->thread]) {
            return rmw_loaded(st, add_read(st, s->cell, chosen[0]));
        }
        lab_graph_place(&m->graph, rmw_store(st), chosen[0]);
        return LAB_MACHINE_DONE;
    }
    for (unsigned i = 0; s->op == LAB_LITMUS_LOAD && i < s->n_cells; i++) {
        loaded |= (uint64_t)lab_graph_value(&m->graph, chosen[i]) << (16 * i);
        (void)add_read(st, s->cell + i, chosen[i]);
    }
    for (unsigned i = 0; s->op == LAB_LITMUS_STORE && i < s->n_cells; i++) {
        const uint16_t part = (uint16_t)(value >> (16 * i));
        lab_graph_place(&m->graph, add_write(st, s->cell + i, part, false), chosen[i]);
    }
    pass(st, loaded);
    return LAB_MACHINE_DONE;
}

// ---- steps -------------------------------------------------------------------------------------

enum lab_machine_step lab_machine_step(struct lab_machine *m, unsigned thread, uint32_t option)
{
    const struct lab_litmus_thread *p = &m->test->thread[thread];
    struct lab_graph_thread *t = &m->thread[thread];
    struct step st = {.m = m, .thread = thread, .option = option};
    const bool ended = t->pc == p->n;

    if (m->kind == LAB_MACHINE_TSO && option > 0) {
        return tso_drain(&st, option - 1);
    }
    if (ended) {
        return m->kind == LAB_MACHINE_TSO ? LAB_MACHINE_NOT_NOW : LAB_MACHINE_NONE;
    }
    st.s = &p->stmt[t->pc];
    st.group = st.s->n_cells > 1 ? (uint8_t)++t->n_groups : 0;
    switch (m->kind) {
    case LAB_MACHINE_SC: return sc_step(&st);
    case LAB_MACHINE_TSO: return tso_act(&st);
    case LAB_MACHINE_RC11: return rc11_step(&st);
    default: return free_step(&st);
    }
}
