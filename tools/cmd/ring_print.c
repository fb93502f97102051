// tools/cmd/ring_print.c -- a judged ring for people and for programs.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/ring_print.h"

#include "model/referee/vl_clause.h"
#include "tools/cmd/cmd_json.h"
#include "tools/cmd/ring_chain.h"

#include <inttypes.h>
#include <string.h>

#define SHOWN 16u // entries, chains, and descriptors of a chain, unless all are asked for

static const char *const level_names[] = {"illegal", "suspicious", "advice"};

static const char *flag_words(uint16_t flags)
{
    static const char *const words[] = {
        "",          " NEXT",          " WRITE",          " NEXT WRITE",
        " INDIRECT", " NEXT INDIRECT", " WRITE INDIRECT", " NEXT WRITE INDIRECT"};
    return words[flags & 7u];
}

static const struct ring_out *out_at(const struct ring_judged *j, uint16_t i)
{
    for (uint32_t k = 0; k < j->n_known; k++) { // bound: size
        if (j->out[k].i == i) {
            return &j->out[k];
        }
    }
    return NULL;
}

// ---- text ---------------------------------------------------------------------------------------

static void print_head(FILE *out, const struct ring_judged *j)
{
    const struct ring_image *r = j->image;

    (void)fprintf(out, "queue of %" PRIu32 " entries; ", r->size);
    if (r->features_known) {
        (void)fprintf(out, "indirect %s, event_idx %s\n", r->indirect ? "on" : "off",
                      r->event_idx ? "on" : "off");
    } else {
        (void)fprintf(out, "features not said, event_idx looks %s\n", j->event_idx ? "on" : "off");
    }
    (void)fprintf(out, "available ring  flags %u  idx %5u  used_event %5u", ring_avail_flags(r),
                  ring_avail_idx(r), ring_used_event(r));
    if (r->device_known) {
        (void)fprintf(out, "   the device has read to %u", r->last_avail);
    }
    (void)fprintf(out, "\nused ring       flags %u  idx %5u  avail_event %4u", ring_used_flags(r),
                  ring_used_idx(r), ring_avail_event(r));
    if (r->driver_known) {
        (void)fprintf(out, "   the driver has read to %u", r->last_used);
    }
    (void)fprintf(out, "\noutstanding     %" PRIu32 " of at most %" PRIu32 "%s\n", j->n_out,
                  r->size, j->n_used > 0 && !j->used_in_order ? "; used out of order" : "");
}

static void print_avail(FILE *out, const struct ring_judged *j, bool all)
{
    const struct ring_image *r = j->image;
    const uint32_t n = all || j->n_avail < SHOWN ? j->n_avail : SHOWN;

    (void)fprintf(out, "\navailable entries%s\n", n < j->n_avail ? ", the newest" : "");
    for (uint32_t k = n; k > 0; k--) { // bound: size
        const uint16_t i = (uint16_t)(ring_avail_idx(r) - k);
        const struct ring_out *o = out_at(j, i);
        (void)fprintf(out, "  %5u  slot %5" PRIu32 "  head %5u%s%s\n", i, i & (r->size - 1),
                      ring_avail_head(r, i), o != NULL ? "  outstanding" : "",
                      o != NULL && !o->sure ? ", it seems" : "");
    }
}

static void print_used(FILE *out, const struct ring_judged *j, bool all)
{
    const struct ring_image *r = j->image;
    const uint32_t n = all || j->n_used < SHOWN ? j->n_used : SHOWN;

    (void)fprintf(out, "\nused entries%s\n", n < j->n_used ? ", the newest" : "");
    for (uint32_t k = n; k > 0; k--) { // bound: size
        const uint16_t i = (uint16_t)(ring_used_idx(r) - k);
        const struct virtq_used_elem e = ring_used_elem(r, i);
        (void)fprintf(out, "  %5u  slot %5" PRIu32 "  id %7" PRIu32 "  len %" PRIu32 "\n", i,
                      i & (r->size - 1), e.id, e.len);
    }
}

static void print_chain(FILE *out, const struct ring_chain *c, bool all)
{
    for (uint32_t i = 0; i < c->n_elems; i++) { // bound: 2 * size + 2
        const struct ring_elem *e = &c->elem[i];
        if (i == SHOWN && !all) {
            (void)fprintf(out, "    ... %" PRIu32 " in all\n", c->n_elems);
            break;
        }
        (void)fprintf(out, "    %s%c%" PRIu32 "%c addr 0x%" PRIx64 " len %" PRIu32 "%s",
                      e->in_table ? "  " : "", e->in_table ? '(' : '[', e->k,
                      e->in_table ? ')' : ']', e->desc.addr, e->desc.len,
                      flag_words(e->desc.flags));
        if ((e->desc.flags & VIRTQ_DESC_F_NEXT) != 0) {
            (void)fprintf(out, " -> %u", e->desc.next);
        }
        if ((e->desc.flags & ~7u) != 0) {
            (void)fprintf(out, " flags 0x%x", e->desc.flags);
        }
        (void)fprintf(out, "\n");
    }
    if (c->table_missing) {
        (void)fprintf(out, "      the table is not in the dump (--mem FILE@ADDR)\n");
    }
}

static void print_chains(FILE *out, const struct ring_judged *j, bool all)
{
    struct ring_walk *w = ring_walk_open(j->image);
    const uint32_t n = all || j->n_known < SHOWN ? j->n_known : SHOWN;

    if (j->n_known > 0) {
        (void)fprintf(out, "\nchains of the outstanding heads%s\n",
                      n < j->n_known ? ", the oldest" : "");
    }
    for (uint32_t i = 0; i < n && w != NULL; i++) { // bound: size
        struct ring_chain c;
        ring_walk(w, j->out[i].head, NULL, RING_ADVICE, &c);
        (void)fprintf(out, "  head %u: %" PRIu64 " bytes readable, %" PRIu64 " writable\n",
                      j->out[i].head, c.readable, c.writable);
        print_chain(out, &c, all);
    }
    ring_walk_close(w);
}

static void print_clause(FILE *out, enum ring_mark mark)
{
    const enum vl_clause id = vl_clause_find(ring_mark_clause(mark));
    const struct vl_clause_info *clause = vl_clause_info(id);
    if (clause != NULL) {
        (void)fprintf(out, "      %s (%s, %s): %s\n", clause->id, vl_bound_name(clause->side),
                      vl_level_name(clause->level), clause->summary);
    }
}

// Mark by mark, each with its clause once.
static void print_findings(FILE *out, const struct ring_judged *j, enum ring_level level,
                           const char *title)
{
    for (int mark = 0; mark < RING_MARK_COUNT; mark++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < j->n_findings; i++) { // bound: the table
            const struct ring_finding *f = &j->finding[i];
            if (f->level != level || (int)f->mark != mark) {
                continue;
            }
            (void)fprintf(out, "%s%s%s  %s: %s\n", title != NULL ? "\n" : "",
                          title != NULL ? title : "", title != NULL ? "\n" : "",
                          ring_mark_name(f->mark), f->text);
            title = NULL;
            n++;
        }
        if (n > 0 && j->n_of[mark] > RING_OF_A_MARK_MAX) {
            (void)fprintf(out, "  %s: %" PRIu32 " in all\n", ring_mark_name((enum ring_mark)mark),
                          j->n_of[mark]);
        }
        if (n > 0) {
            print_clause(out, (enum ring_mark)mark);
        }
    }
}

void ring_print_text(FILE *out, const struct ring_judged *j, bool all)
{
    print_head(out, j);
    print_avail(out, j, all);
    print_used(out, j, all);
    print_chains(out, j, all);
    print_findings(out, j, RING_ILLEGAL, "what no legal pair of halves comes to");
    print_findings(out, j, RING_SUSPICIOUS, "suspicious");
    print_findings(out, j, RING_ADVICE, "to look at, if it hangs");
}

// ---- JSON ---------------------------------------------------------------------------------------

static void json_chain(FILE *out, const struct ring_chain *c)
{
    (void)fprintf(out, "[");
    for (uint32_t i = 0; i < c->n_elems; i++) { // bound: 2 * size + 2
        const struct ring_elem *e = &c->elem[i];
        (void)fprintf(out,
                      "%s{\"index\": %" PRIu32 ", \"in_table\": %s, \"addr\": %" PRIu64
                      ", \"len\": %" PRIu32 ", \"flags\": %u, \"next\": %u}",
                      i > 0 ? ", " : "", e->k, e->in_table ? "true" : "false", e->desc.addr,
                      e->desc.len, e->desc.flags, e->desc.next);
    }
    (void)fprintf(out, "]");
}

static void json_outstanding(FILE *out, const struct ring_judged *j)
{
    struct ring_walk *w = ring_walk_open(j->image);

    (void)fprintf(out, ",\n \"outstanding\": %" PRIu32 ", \"heads\": [", j->n_out);
    for (uint32_t i = 0; i < j->n_known && w != NULL; i++) { // bound: size
        struct ring_chain c;
        ring_walk(w, j->out[i].head, NULL, RING_ADVICE, &c);
        (void)fprintf(
            out,
            "%s{\"head\": %u, \"available_entry\": %u, \"sure\": %s, \"readable\": %" PRIu64
            ", \"writable\": %" PRIu64 ", \"descriptors\": ",
            i > 0 ? ",\n  " : "", j->out[i].head, j->out[i].i, j->out[i].sure ? "true" : "false",
            c.readable, c.writable);
        json_chain(out, &c);
        (void)fprintf(out, "}");
    }
    (void)fprintf(out, "]");
    ring_walk_close(w);
}

static void json_findings(FILE *out, const struct ring_judged *j)
{
    (void)fprintf(out, ",\n \"findings\": [");
    for (uint32_t i = 0; i < j->n_findings; i++) { // bound: the table
        const struct ring_finding *f = &j->finding[i];
        (void)fprintf(out, "%s{", i > 0 ? ",\n  " : "");
        cmd_json_pair(out, "mark", ring_mark_name(f->mark), 1);
        cmd_json_pair(out, "level", level_names[f->level], 0);
        cmd_json_pair(out, "clause", ring_mark_clause(f->mark), 0);
        cmd_json_pair(out, "side", ring_mark_side(f->mark), 0);
        cmd_json_pair(out, "text", f->text, 0);
        (void)fprintf(out, "}");
    }
    (void)fprintf(out, "]");
}

void ring_print_json(FILE *out, const struct ring_judged *j)
{
    const struct ring_image *r = j->image;

    (void)fprintf(out,
                  "{\"size\": %" PRIu32 ", \"event_idx\": %s, \"features_known\": %s,\n"
                  " \"avail\": {\"flags\": %u, \"idx\": %u, \"used_event\": %u},\n"
                  " \"used\": {\"flags\": %u, \"idx\": %u, \"avail_event\": %u}",
                  r->size, j->event_idx ? "true" : "false", r->features_known ? "true" : "false",
                  ring_avail_flags(r), ring_avail_idx(r), ring_used_event(r), ring_used_flags(r),
                  ring_used_idx(r), ring_avail_event(r));
    json_outstanding(out, j);
    json_findings(out, j);
    (void)fprintf(
        out, ",\n \"illegal\": %" PRIu32 ", \"suspicious\": %" PRIu32 ", \"consistent\": %s",
        j->n[RING_ILLEGAL], j->n[RING_SUSPICIOUS], j->n[RING_ILLEGAL] == 0 ? "true" : "false");
}
