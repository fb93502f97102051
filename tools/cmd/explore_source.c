// tools/cmd/explore_source.c -- which kind of thing a command line wants explored.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/explore_source.h"

#include <stdio.h>
#include <string.h>

// The first that claims the words; halves claim any.
static const struct explore_kind *const explore_kinds[] = {&explore_kind_program,
                                                           &explore_kind_halves};
#define KINDS (sizeof(explore_kinds) / sizeof(explore_kinds[0]))

bool explore_source_memory(const char *word, enum vl_model *model, bool *ok)
{
    if (strncmp(word, "memory=", 7) != 0) {
        return false;
    }
    *ok = false;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        if (strcmp(vl_model_name(m), word + 7) == 0) {
            *model = (enum vl_model)m;
            *ok = true;
        }
    }
    return true;
}

bool explore_source_open(struct explore_source *s, int n_words, char *const *words, bool referees,
                         char *err, bool *environment)
{
    memset(s, 0, sizeof(*s));
    *environment = false;
    for (size_t i = 0; i < KINDS; i++) {
        if (explore_kinds[i]->claims(n_words, words)) {
            return explore_kinds[i]->open(s, n_words, words, referees, err, environment);
        }
    }
    // A word without "=" was meant as a program's name.
    const bool named = n_words > 0 && strchr(words[0], '=') == NULL;
    (void)snprintf(
        err, EXPLORE_ERR_BYTES,
        "%.60s%s; there are the programs vq_poll, vq_pollbound, vq_kick, vq_irq, vq_full",
        named ? words[0] : "", named ? ": nothing like it" : "name what to explore");
    return false;
}

void explore_source_close(struct explore_source *s)
{
    if (s->close != NULL) {
        s->close(s->ctx);
        s->close = NULL;
    }
}
