// model/referee/vl_ring_width.c -- accesses to a ring that are not of one word's width, taken apart
// and put together. Spec: virtio 1.4 §2.7.6, §2.7.8 (1.0: §2.4.6, §2.4.8).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#define PARTS_MAX 8u // words that an access touches
#define ID_BYTES 4u  // of a used entry, and behind it the length
#define LEN_BYTES 4u
#define ID_SEEN_BYTES 2u // of an id: what is above is 0, and heads are below
#define SEEN(n_) ((uint8_t)((1u << (n_)) - 1))

// A word of a ring, and the part of it that an access touches.
struct word {
    uint32_t off;
    uint32_t bytes;
    uint32_t first; // byte of the word
    uint32_t n;
    uint32_t at; // byte of the access
};

// The word at a byte of a ring. A used entry is one word of 8 bytes to a store, and two of 4 to a
// load.
static struct word word_at(const struct vl_squeue *q, bool used, bool store, uint32_t off)
{
    const uint32_t in = off - VL_RING_SLOTS_OFF;
    const uint32_t unit = store ? VL_USED_SLOT_BYTES : ID_BYTES;

    if (used && in < q->size * VL_USED_SLOT_BYTES) {
        return (struct word){.off = off - in % unit, .bytes = unit};
    }
    return (struct word){.off = off - off % 2, .bytes = 2};
}

// The next word that an access touches, from byte at of it on. Returns false behind the last one.
static bool next_word(const struct vl_squeue *q, bool used, const struct vl_event *ev, uint32_t at,
                      struct word *word)
{
    const uint64_t off = ev->addr - (used ? q->used : q->avail) + at;

    if (at >= ev->len || at >= 16 || off >= (used ? q->used_bytes : q->avail_bytes)) {
        return false;
    }
    *word = word_at(q, used, ev->kind == VL_EV_STORE, (uint32_t)off);
    const uint32_t left = word->bytes - ((uint32_t)off - word->off);
    word->first = (uint32_t)off - word->off;
    word->n = ev->len - at < left ? ev->len - at : left;
    word->at = at;
    return true;
}

static uint64_t mask_of(uint32_t bytes)
{
    return bytes < 8 ? (1ull << (8 * bytes)) - 1 : UINT64_MAX;
}

// The bytes of a word that an access touches, from its bit 0 on.
static uint64_t bytes_of(const struct vl_event *ev, const struct word *word)
{
    const uint32_t shift = 8 * word->at;
    uint64_t value = shift < 64 ? ev->value >> shift : ev->aux >> (shift - 64);

    if (shift > 0 && shift < 64) {
        value |= ev->aux << (64 - shift);
    }
    return value & mask_of(word->n);
}

static struct vl_event part_of(const struct vl_event *ev, const struct word *word, uint64_t value)
{
    struct vl_event part = *ev;

    part.addr = ev->addr + word->at - word->first;
    part.len = word->bytes;
    part.value = value;
    part.aux = 0;
    return part;
}

// ---- loads ----------------------------------------------------------------------------------

// Where the loads of a side go, and what is known there.
struct reader {
    const struct vl_referees *r;
    struct vl_squeue *q;
    enum vl_side side;
    bool used; // it reads the used ring: the driver
};

// Adds what an access shows of a word. A byte that was seen before begins a new look.
static struct vl_piece *see(const struct reader *in, const struct vl_event *ev,
                            const struct word *word, enum vl_piece_kind kind)
{
    struct vl_piece *p = &in->q->piece[in->side][kind];
    const uint8_t seen = (uint8_t)(SEEN(word->n) << word->first);

    if (p->off != word->off || (p->seen & seen) != 0) {
        *p = (struct vl_piece){.off = word->off};
    }
    p->value &= ~(uint32_t)(mask_of(word->n) << (8 * word->first));
    p->value |= (uint32_t)(bytes_of(ev, word) << (8 * word->first));
    p->mixed = p->seen != 0 && (p->mixed || p->from != ev->reads_from);
    p->from = p->seen == 0 ? ev->reads_from : p->from;
    p->seen |= seen;
    return p;
}

// What an index by itself may be: no more than there is room for.
static bool sound_idx(const struct reader *in, uint16_t idx)
{
    const struct vl_squeue *q = in->q;

    return in->used ? (uint16_t)(idx - q->reaped) <= q->n_published
                    : (uint16_t)(idx - q->taken) <= q->size - q->n_held;
}

// An index that the other side never stored, since this one saw it last, is one that was torn. One
// that is a lie is whole: the high byte is still to come, and may be loaded without a word.
static bool know_idx(const struct reader *in, struct vl_piece *p, uint64_t *value)
{
    const uint16_t before = in->used ? in->q->seen_used : in->q->seen_avail;
    const uint16_t stored = in->used ? in->q->used_idx : in->q->avail_idx;
    const bool whole = p->seen == SEEN(2);
    const bool judged = in->used ? in->r->judge_device : in->r->judge_driver;

    if (p->seen == SEEN(2) - SEEN(1)) {
        return false; // the high byte alone
    }
    *value = whole ? p->value : (uint16_t)(before + (uint8_t)(p->value - before));
    p->seen = whole ? 0 : p->seen;
    if (judged) {
        return (uint16_t)(*value - before) <= (uint16_t)(stored - before);
    }
    return whole || sound_idx(in, (uint16_t)*value);
}

// An event index of bytes of several stores is that of the newest of them, or was not read.
static bool know_event(const struct reader *in, struct vl_piece *p, uint64_t *value)
{
    const enum vl_side other = in->used ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;
    const bool whole = p->seen == SEEN(2);
    const bool torn = p->mixed && (!in->q->event_idx ||
                                   p->value != in->r->ring_notify[in->q->index].asker[other].value);

    *value = p->value;
    p->seen = whole ? 0 : p->seen;
    return whole && !torn;
}

// A head below 256 is its low byte; one that is a lie is whole.
static bool know_head(const struct reader *in, const struct vl_piece *p, uint64_t *value)
{
    const struct vl_squeue *q = in->q;

    *value = p->value;
    if (p->seen == SEEN(1)) {
        return q->size <= 256 && p->value < q->size &&
               (q->head[p->value].flags & VL_HEAD_HELD) == 0;
    }
    return p->seen == SEEN(2);
}

// Of a used entry the id or the length. A length that was seen first waits for its id.
static bool know_used(const struct reader *in, const struct vl_event *ev, const struct word *word,
                      struct vl_event *part)
{
    const bool of_len = (word->off - VL_RING_SLOTS_OFF) % VL_USED_SLOT_BYTES != 0;
    struct vl_piece *id = &in->q->piece[in->side][VL_PIECE_SLOT];
    struct vl_piece *len = &in->q->piece[in->side][VL_PIECE_LEN];

    (void)see(in, ev, word, of_len ? VL_PIECE_LEN : VL_PIECE_SLOT);
    const bool has_id = id->off == word->off - (of_len ? ID_BYTES : 0) &&
                        (id->seen & SEEN(ID_SEEN_BYTES)) == SEEN(ID_SEEN_BYTES);
    const bool has_len = len->off == id->off + ID_BYTES && len->seen == SEEN(LEN_BYTES);
    if (!has_id || (of_len ? !has_len : id->told)) {
        return false;
    }
    *part = part_of(ev, word, id->value | (has_len ? (uint64_t)len->value << 32 : 0));
    if (!id->told && has_len) {
        part->addr -= of_len ? ID_BYTES : 0;
        part->len = VL_USED_SLOT_BYTES;
    }
    id->told = true;
    len->seen = has_len ? 0 : len->seen;
    return true;
}

// True if the side knows the word now, which is *part then.
static bool know(const struct reader *in, const struct vl_event *ev, const struct word *word,
                 struct vl_event *part)
{
    const uint32_t slots = in->q->size * (in->used ? VL_USED_SLOT_BYTES : VL_AVAIL_SLOT_BYTES);
    uint64_t value = bytes_of(ev, word);
    bool known = word->first == 0; // of the flags only bit 0 means something

    if (word->n == 2 && word->bytes == 2) {
        known = true; // at once, beside others
    } else if (word->off == VL_RING_IDX_OFF) {
        known = know_idx(in, see(in, ev, word, VL_PIECE_IDX), &value);
    } else if (word->off >= VL_RING_SLOTS_OFF + slots) {
        known = know_event(in, see(in, ev, word, VL_PIECE_EVENT), &value);
    } else if (word->off >= VL_RING_SLOTS_OFF && in->used) {
        return know_used(in, ev, word, part);
    } else if (word->off >= VL_RING_SLOTS_OFF) {
        known = know_head(in, see(in, ev, word, VL_PIECE_SLOT), &value);
    }
    *part = part_of(ev, word, value);
    return known;
}

// Returns how many words there are in part.
static uint32_t loads(const struct vl_referees *r, struct vl_squeue *q, enum vl_side side,
                      const struct vl_event *ev, struct vl_event *part)
{
    const struct reader in = {.r = r, .q = q, .side = side, .used = side == VL_SIDE_DRIVER};
    struct word word;
    uint32_t n = 0;

    for (uint32_t at = 0; next_word(q, in.used, ev, at, &word); at += word.n) { // bound: ev->len
        n += know(&in, ev, &word, &part[n]) ? 1 : 0;
    }
    return n;
}

// ---- stores ---------------------------------------------------------------------------------

// A word of a side's own ring as it stored it last. Of the two suppression words only the one that
// counts is remembered.
static uint64_t stored(const struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                       uint32_t off)
{
    const bool used = side == VL_SIDE_DEVICE;
    const uint32_t slot_bytes = used ? VL_USED_SLOT_BYTES : VL_AVAIL_SLOT_BYTES;
    const uint32_t slot = (off - VL_RING_SLOTS_OFF) / slot_bytes;
    const bool event_word = off >= VL_RING_SLOTS_OFF + q->size * slot_bytes;

    if (off == VL_RING_IDX_OFF) {
        return used ? q->used_idx : q->avail_idx;
    }
    if (off == VL_RING_FLAGS_OFF || event_word) {
        return event_word == q->event_idx ? r->ring_notify[q->index].asker[side].value : 0;
    }
    return used ? q->used_slot[slot] : q->avail_slot[slot] & 0xFFFFu;
}

static uint32_t stores(const struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                       const struct vl_event *ev, struct vl_event *part)
{
    struct word word;
    uint32_t n = 0;

    // bound: ev->len
    for (uint32_t at = 0; next_word(q, side == VL_SIDE_DEVICE, ev, at, &word); at += word.n) {
        const uint64_t mask = mask_of(word.n) << (8 * word.first);
        const uint64_t kept = stored(r, q, side, word.off) & ~mask;
        part[n] = part_of(ev, &word, kept | bytes_of(ev, &word) << (8 * word.first));
        part[n].len = word.n;
        n++;
    }
    return n;
}

// ---- both -----------------------------------------------------------------------------------

void vl_width_load(struct vl_referees *r, struct vl_squeue *q, enum vl_side side,
                   const struct vl_event *ev, uint64_t seq, vl_width_word *word)
{
    struct vl_event part[PARTS_MAX];
    const uint32_t n = loads(r, q, side, ev, part); // all of them, before one is judged

    for (uint32_t i = 0; i < n; i++) { // bound: PARTS_MAX
        word(r, q, &part[i], seq);
    }
}

void vl_width_store(struct vl_referees *r, struct vl_squeue *q, enum vl_side side,
                    const struct vl_event *ev, uint64_t seq, vl_width_word *word)
{
    struct vl_event part[PARTS_MAX];
    const uint32_t n = stores(r, q, side, ev, part);

    for (uint32_t i = 0; i < n; i++) { // bound: PARTS_MAX
        word(r, q, &part[i], seq);
    }
}
