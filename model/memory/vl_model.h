// model/memory/vl_model.h -- the memory models: which there are, what orders mean in each, and the
// rules that make each of them, by name.
//
// One definition, two engines: the operational one (vl_rc11.h, vl_tso.h: what a run uses) and the
// explorer's execution graphs (model/explore/). Each rule is a bit that both engines ask for, so
// that a test can leave one out and see which outcome it forbids.
// Sources: RC11: Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017, with C++20's release sequences;
// x86-TSO: Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, CACM 2010.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_MODEL_H
#define VL_MODEL_H

#include "ring/virtq_barrier.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vl_model { VL_MODEL_SC, VL_MODEL_TSO, VL_MODEL_RC11, VL_MODEL_COUNT };

// X(ID, "name", models, "what it forbids"). models: bit per enum vl_model.
// hb: happens-before. rf: a load reads a store. mo: a location's stores in their order. rb: a load
// comes before the stores behind the one that it read. eco: (rf, mo, rb)+.
#define VL_RULE_SC_ (1u << VL_MODEL_SC)
#define VL_RULE_TSO_ (1u << VL_MODEL_TSO)
#define VL_RULE_RC11_ (1u << VL_MODEL_RC11)
#define VL_RULES(X)                                                                                \
    X(COHERENCE_WW, "coherence-ww", VL_RULE_RC11_,                                                 \
      "a store placed before one that happens before it")                                          \
    X(COHERENCE_WR, "coherence-wr", VL_RULE_RC11_,                                                 \
      "a load of a store behind which one stands that happens before the load")                    \
    X(COHERENCE_RW, "coherence-rw", VL_RULE_RC11_,                                                 \
      "a store placed before one that a load read which happens before it")                        \
    X(COHERENCE_RR, "coherence-rr", VL_RULE_RC11_,                                                 \
      "two loads in happens-before order that read two stores in the other order")                 \
    X(ATOMICITY, "atomicity", VL_RULE_SC_ | VL_RULE_TSO_ | VL_RULE_RC11_,                          \
      "a store between the two halves of a read-modify-write")                                     \
    X(RELEASE, "release", VL_RULE_RC11_, "a release store that does not carry what is before it")  \
    X(ACQUIRE, "acquire", VL_RULE_RC11_, "an acquire load that does not take what it carries")     \
    X(FENCE_RELEASE, "fence-release", VL_RULE_RC11_,                                               \
      "a store behind a release fence that does not carry what is before the fence")               \
    X(FENCE_ACQUIRE, "fence-acquire", VL_RULE_RC11_,                                               \
      "an acquire fence that does not take what the loads before it read")                         \
    X(RELEASE_SEQUENCE, "release-sequence", VL_RULE_RC11_,                                         \
      "a read-modify-write that does not carry on what the store it read carries")                 \
    X(PSC_FENCE, "psc-fence", VL_RULE_RC11_,                                                       \
      "seq-cst fences with no common order that agrees with hb and hb;eco;hb")                     \
    X(PSC_ACCESS, "psc-access", VL_RULE_RC11_, "the same for seq-cst accesses")                    \
    X(TSO_FORWARD, "tso-forward", VL_RULE_TSO_, "a load that misses its own thread's last store")  \
    X(TSO_FIFO, "tso-fifo", VL_RULE_TSO_, "two stores of a thread that drain in the other order")  \
    X(TSO_LOADS, "tso-loads", VL_RULE_TSO_, "a load that passes an earlier load")                  \
    X(TSO_FENCE, "tso-fence", VL_RULE_TSO_,                                                        \
      "a load that passes a store with a full fence between")                                      \
    X(TSO_LOCKED, "tso-locked", VL_RULE_TSO_, "a load that passes a locked access, or is passed")  \
    X(SC_ORDER, "sc-order", VL_RULE_SC_, "an access that passes another of its thread")

#define VL_RULE_ENUM_(id, name, models, forbids) VL_RULE_AT_##id,
enum vl_rule_at { VL_RULES(VL_RULE_ENUM_) VL_RULE_COUNT };
#undef VL_RULE_ENUM_
#define VL_RULE_BIT_(id, name, models, forbids) VL_RULE_##id = 1u << VL_RULE_AT_##id,
enum vl_rule { VL_RULES(VL_RULE_BIT_) };
#undef VL_RULE_BIT_
#define VL_RULES_ALL ((1u << VL_RULE_COUNT) - 1)

// "sc", "tso", "rc11"; "?" for another value.
const char *vl_model_name(unsigned model);
// The rule of a name, as a bit; 0 if there is none.
uint32_t vl_rule_of(const char *name);
// Name and sentence of rule i (0 .. VL_RULE_COUNT - 1), and the models that it belongs to.
const char *vl_rule_name(unsigned i);
const char *vl_rule_forbids(unsigned i);
uint32_t vl_rule_models(unsigned i);

// What orders mean. A strength that an access cannot have (acquire on a store, release on a load)
// orders nothing. RELAXED as a fence is no fence.
static inline bool vl_order_acquires(unsigned order)
{
    return order == VIRTQ_ACQUIRE || order == VIRTQ_ACQ_REL || order == VIRTQ_SEQ_CST;
}

static inline bool vl_order_releases(unsigned order)
{
    return order == VIRTQ_RELEASE || order == VIRTQ_ACQ_REL || order == VIRTQ_SEQ_CST;
}

// x86: a seq-cst store is an xchg and a seq-cst fence an mfence; all other orders cost nothing and
// order nothing beyond what the machine does anyway. A read-modify-write is always locked.
static inline bool vl_order_drains(unsigned order)
{
    return order == VIRTQ_SEQ_CST;
}

#ifdef __cplusplus
}
#endif

#endif
