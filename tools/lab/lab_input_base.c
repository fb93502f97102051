// tools/lab/lab_input_base.c -- what a harness's bytes are decoded against: its target's scenario
// with the user's keys over it.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_input.h"

#include <string.h>

bool lab_input_base(enum lab_target target, int n_words, char *const *words,
                    struct lab_scenario *base, uint64_t *locked, char err[256])
{
    struct lab_scenario before;
    struct lab_key_info info;
    char old_text[LAB_TEXT_BYTES];
    char new_text[LAB_TEXT_BYTES];

    lab_target_scenario(target, base);
    before = *base;
    *locked = 0;
    if (n_words == 0) {
        return true;
    }
    if (!lab_scenario_parse(base, n_words, words, err)) {
        return false;
    }
    // A key is the user's if a word names it, or if @FILE changed it.
    for (int w = 0; w < n_words; w++) {
        *locked |= lab_input_key_bit(words[w]);
    }
    (void)lab_scenario_print(&before, '\n', true, old_text, sizeof(old_text));
    (void)lab_scenario_print(base, '\n', true, new_text, sizeof(new_text));
    const char *a = old_text;
    const char *b = new_text;
    for (uint32_t i = 0; i < 64 && lab_key_info(i, &info); i++) {
        const size_t na = strcspn(a, "\n");
        const size_t nb = strcspn(b, "\n");
        if (na != nb || memcmp(a, b, na) != 0) {
            *locked |= 1ull << i;
        }
        a += na + (a[na] == '\n' ? 1 : 0);
        b += nb + (b[nb] == '\n' ? 1 : 0);
    }
    return true;
}

void lab_input_words(const struct lab_scenario *s, char out[LAB_TEXT_BYTES])
{
    char all[LAB_TEXT_BYTES];
    size_t n = 0;

    out[0] = '\0';
    if (lab_scenario_print(s, ' ', true, all, sizeof(all)) == 0) {
        return;
    }
    for (const char *word = all; *word != '\0';) { // bound: the text
        const size_t bytes = strcspn(word, " ");
        if (word[bytes - 1] != '=') {
            if (n > 0) {
                out[n++] = ' ';
            }
            memcpy(out + n, word, bytes);
            n += bytes;
            out[n] = '\0';
        }
        word += bytes + (word[bytes] == ' ' ? 1 : 0);
    }
}
