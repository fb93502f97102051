// model/memory/vl_model.c -- names of models and rules.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/memory/vl_model.h"

#include <string.h>

const char *vl_model_name(unsigned model)
{
    static const char *const names[VL_MODEL_COUNT] = {"sc", "tso", "rc11"};
    return model < VL_MODEL_COUNT ? names[model] : "?";
}

#define NAME_(id, name, models, forbids) name,
#define FORBIDS_(id, name, models, forbids) forbids,
#define MODELS_(id, name, models, forbids) (models),
static const char *const rule_names[VL_RULE_COUNT] = {VL_RULES(NAME_)};
static const char *const rule_forbids[VL_RULE_COUNT] = {VL_RULES(FORBIDS_)};
static const uint8_t rule_models[VL_RULE_COUNT] = {VL_RULES(MODELS_)};

uint32_t vl_rule_of(const char *name)
{
    for (unsigned i = 0; i < VL_RULE_COUNT; i++) {
        if (strcmp(rule_names[i], name) == 0) {
            return 1u << i;
        }
    }
    return 0;
}

const char *vl_rule_name(unsigned i)
{
    return i < VL_RULE_COUNT ? rule_names[i] : "?";
}

const char *vl_rule_forbids(unsigned i)
{
    return i < VL_RULE_COUNT ? rule_forbids[i] : "?";
}

uint32_t vl_rule_models(unsigned i)
{
    return i < VL_RULE_COUNT ? rule_models[i] : 0;
}
