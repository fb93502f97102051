// model/memory/vl_tso.c -- the operational x86-TSO: store buffers.
// Source: Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, "x86-TSO: A Rigorous and Usable
// Programmer's Model for x86 Multiprocessors", CACM 2010.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/memory/vl_tso.h"

#include <string.h>

void vl_tso_init(struct vl_tso *tso)
{
    tso->rules = VL_RULES_ALL;
    vl_tso_reset(tso);
}

void vl_tso_copy(struct vl_tso *to, const struct vl_tso *from)
{
    to->rules = from->rules;
    to->n_all = from->n_all;
    for (unsigned a = 0; a < VL_TSO_AGENTS; a++) {
        to->n[a] = from->n[a];
        memcpy(to->buffer[a], from->buffer[a], from->n[a] * sizeof(to->buffer[a][0]));
    }
}

bool vl_tso_store(struct vl_tso *tso, unsigned agent, const struct vl_tso_store *store)
{
    if (tso->n[agent] == VL_TSO_DEPTH) {
        return false;
    }
    tso->buffer[agent][tso->n[agent]++] = *store;
    tso->n_all++;
    return true;
}

// Bytes of one store that the load covers; a later store of the buffer replaces them again.
static uint32_t forward(const struct vl_tso_store *s, uint32_t off, unsigned bytes, uint8_t *out,
                        uint32_t *seqs)
{
    uint32_t taken = 0; // bit per byte
    for (unsigned i = 0; i < bytes; i++) {
        const uint32_t at = off + i - s->off; // wraps to a great number below the store
        if (at >= s->bytes) {
            continue;
        }
        out[i] = s->data[at];
        taken |= 1u << i;
        if (seqs != NULL) {
            seqs[i] = s->seq;
        }
    }
    return taken;
}

unsigned vl_tso_load(const struct vl_tso *tso, unsigned agent, const uint8_t *mem, uint32_t off,
                     unsigned bytes, uint8_t *out, uint32_t *seqs)
{
    const bool forwards = (tso->rules & VL_RULE_TSO_FORWARD) != 0;
    uint32_t taken = 0;

    memcpy(out, mem + off, bytes);
    for (unsigned i = 0; seqs != NULL && i < bytes; i++) {
        seqs[i] = UINT32_MAX;
    }
    for (uint32_t k = 0; forwards && k < tso->n[agent]; k++) { // bound: VL_TSO_DEPTH
        taken |= forward(&tso->buffer[agent][k], off, bytes, out, seqs);
    }
    return (unsigned)__builtin_popcount(taken);
}

static bool overlap(const struct vl_tso_store *a, const struct vl_tso_store *b)
{
    return a->off < b->off + b->bytes && b->off < a->off + a->bytes;
}

bool vl_tso_may_drain(const struct vl_tso *tso, unsigned agent, uint32_t k)
{
    if (k >= tso->n[agent]) {
        return false;
    }
    if (k == 0 || (tso->rules & VL_RULE_TSO_FIFO) != 0) {
        return k == 0;
    }
    for (uint32_t i = 0; i < k; i++) { // bound: VL_TSO_DEPTH
        if (overlap(&tso->buffer[agent][i], &tso->buffer[agent][k])) {
            return false;
        }
    }
    return true;
}

void vl_tso_drain(struct vl_tso *tso, unsigned agent, uint32_t k, uint8_t *mem,
                  struct vl_tso_store *drained)
{
    struct vl_tso_store *buffer = tso->buffer[agent];

    *drained = buffer[k];
    memcpy(mem + drained->off, drained->data, drained->bytes);
    tso->n[agent]--;
    tso->n_all--;
    memmove(&buffer[k], &buffer[k + 1], (tso->n[agent] - k) * sizeof(buffer[0]));
}

bool vl_tso_may_fence(const struct vl_tso *tso, unsigned agent, unsigned order)
{
    return tso->n[agent] == 0 || !vl_order_drains(order) || (tso->rules & VL_RULE_TSO_FENCE) == 0;
}

bool vl_tso_may_lock(const struct vl_tso *tso, unsigned agent)
{
    return tso->n[agent] == 0 || (tso->rules & VL_RULE_TSO_LOCKED) == 0;
}
