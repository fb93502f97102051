// fuzz/minimise/step.c -- steps from an input to one that may cost less.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/minimise/pool.h"

#include <stddef.h>
#include <string.h>

// Values of a key that may make a run shorter.
struct step {
    size_t offset;
    uint32_t value;
    uint32_t divide; // not 0: the value that it has, divided by this
};

#define AT(field) offsetof(struct lab_scenario, field)

static const struct step steps[] = {
    {AT(transport), LAB_TRANSPORT_DIRECT, 0},
    {AT(transport), LAB_TRANSPORT_PCI, 0},
    {AT(memory), LAB_MEMORY_SC, 0},
    {AT(memory), LAB_MEMORY_TSO, 0},
    {AT(device), LAB_DEVICE_ENTROPY, 0},
    {AT(device), LAB_DEVICE_BLK, 0},
    {AT(buffers), 1, 0},
    {AT(buffers), 2, 0},
    {AT(buffers), 3, 0},
    {AT(buffers), 4, 0},
    {AT(buffers), 5, 0},
    {AT(buffers), 6, 0},
    {AT(buffers), 0, 2},
    {AT(resets), 0, 0},
    {AT(resets), 1, 0},
    {AT(resets), 2, 0},
    {AT(resize), 0, 0},
    {AT(resize), 1, 0},
    {AT(queue_size), 1, 0},
    {AT(queue_size), 2, 0},
    {AT(queue_size), 4, 0},
    {AT(queue_size), 8, 0},
    {AT(batch), 1, 0},
    {AT(batch), 2, 0},
    {AT(batch), 3, 0},
    {AT(batch), 4, 0},
    {AT(chain), 1, 0},
    {AT(chain), 2, 0},
    {AT(chain), 3, 0},
    {AT(chain), 4, 0},
    {AT(bytes), 1, 0},
    {AT(bytes), 64, 0},
    {AT(bytes), 0, 2},
    {AT(start_idx), 0, 0},
    {AT(start_idx), 65535, 0},
    {AT(start_idx), 65534, 0},
    {AT(indirect), 0, 0},
    {AT(indirect), 1, 0},
    {AT(event_idx), 0, 0},
    {AT(event_idx), 1, 0},
    {AT(interrupt), 0, 0},
    {AT(interrupt), 1, 0},
    {AT(registers), 0, 0},
    {AT(caps), 0, 0},
    {AT(platform), 0, 0},
    {AT(dma), 0, 0},
    {AT(ops), 0, 0},
    {AT(ops), 1, 0},
    {AT(poll), 0, 0},
    {AT(poll), 1, 0},
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

#define PARTS 6u // halves and quarters of the deviations
#define DEVIATION_STEPS 6u

uint32_t min_n_steps(const struct lab_input *in)
{
    return (uint32_t)N_STEPS + PARTS + in->n * DEVIATION_STEPS;
}

static bool change_key(struct lab_input *in, const struct step *step)
{
    uint32_t *value = (uint32_t *)(void *)((char *)&in->scenario + step->offset);
    const uint32_t before = *value;
    *value = step->divide != 0 ? before / step->divide : step->value;
    return *value != before;
}

// Without it, or at another occurrence.
static bool change_deviation(struct lab_input *in, uint32_t i, uint32_t how)
{
    struct vl_deviation *d = &in->list[i];
    const uint32_t nth[DEVIATION_STEPS] = {0, 1, d->nth / 2, d->nth - 1, d->nth - 2, d->nth + 1};
    if (how == 0) {
        d->value = 0;
    } else if (nth[how] == 0 || nth[how] == d->nth || nth[how] > UINT32_MAX - 2) {
        return false;
    } else {
        d->nth = nth[how];
    }
    in->n = vl_deviations_canonical(in->list, in->n);
    return true;
}

// Without the half of them, or a quarter.
static bool drop_part(struct lab_input *in, uint32_t part)
{
    const uint32_t parts = part < 2 ? 2 : 4;
    const uint32_t which = part < 2 ? part : part - 2;
    const uint32_t from = in->n * which / parts;
    const uint32_t end = in->n * (which + 1) / parts;

    for (uint32_t i = from; i < end; i++) {
        in->list[i].value = 0;
    }
    in->n = vl_deviations_canonical(in->list, in->n);
    return end > from + 1;
}

bool min_step(struct lab_input *in, uint32_t i)
{
    if (i < N_STEPS) {
        return change_key(in, &steps[i]);
    }
    i -= (uint32_t)N_STEPS;
    if (i < PARTS) {
        return drop_part(in, i);
    }
    i -= PARTS;
    return i < in->n * DEVIATION_STEPS &&
           change_deviation(in, i / DEVIATION_STEPS, i % DEVIATION_STEPS);
}

void min_add(struct lab_input *in, const struct vl_deviation *d)
{
    if (in->n < MIN_DEVIATIONS_MAX) {
        in->list[in->n++] = *d;
        in->n = vl_deviations_canonical(in->list, in->n);
    }
}
