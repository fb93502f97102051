// ring/virtq_barrier.h -- the ordering points of a split virtqueue, by name.
// Spec: virtio 1.4 §2.7.7, §2.7.10, §2.7.13.3, §2.7.13.4, §2.7.14 (1.0: §2.4.x, §3.2.1, §3.2.2).
// A barrier is a name with a strength and one or more sites; names pair, sites need not.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VIRTQ_BARRIER_H
#define VIRTQ_BARRIER_H

// What an access or a fence orders, in C11's words. PLAIN is no atomic access at all: it must be
// ordered by something else, and unordered conflicting plain accesses are a data race.
enum virtq_order {
    VIRTQ_PLAIN,
    VIRTQ_RELAXED,
    VIRTQ_ACQUIRE,
    VIRTQ_RELEASE,
    VIRTQ_ACQ_REL,
    VIRTQ_SEQ_CST,
};

// X(NAME, "name", default strength, "partner", side, "what it orders")
//
// Four pairs. In a pair of publish and consume, the publishing side's stores before the index are
// visible to whoever has seen the index. In a pair of check and rearm, each side stores its own
// word and then loads the other's; at least one of the two sees the other's store, so that a
// notification is sent or the entries are found: store-buffering shape, only full fences do.
#define VIRTQ_BARRIERS(X)                                                                          \
    X(AVAIL_PUBLISH, "avail-publish", VIRTQ_RELEASE, "avail-consume", DRIVER,                      \
      "descriptors and available entries before the available index")                              \
    X(AVAIL_CONSUME, "avail-consume", VIRTQ_ACQUIRE, "avail-publish", DEVICE,                      \
      "the available index before the entries and descriptors that it covers")                     \
    X(USED_PUBLISH, "used-publish", VIRTQ_RELEASE, "used-consume", DEVICE,                         \
      "buffer contents, descriptor reads and used entries before the used index")                  \
    X(USED_CONSUME, "used-consume", VIRTQ_ACQUIRE, "used-publish", DRIVER,                         \
      "the used index before the used entries and the buffers that they return")                   \
    X(KICK_CHECK, "kick-check", VIRTQ_SEQ_CST, "kick-rearm", DRIVER,                               \
      "the available index's store before the load of the device's suppression value")             \
    X(KICK_REARM, "kick-rearm", VIRTQ_SEQ_CST, "kick-check", DEVICE,                               \
      "the suppression value's store before the last look at the available index")                 \
    X(IRQ_CHECK, "irq-check", VIRTQ_SEQ_CST, "irq-rearm", DEVICE,                                  \
      "the used index's store before the load of the driver's suppression value")                  \
    X(IRQ_REARM, "irq-rearm", VIRTQ_SEQ_CST, "irq-check", DRIVER,                                  \
      "the suppression value's store before the last look at the used index")

#define VIRTQ_BARRIER_ENUM_(id, name, strength, partner, side, orders) VIRTQ_BARRIER_##id,
enum virtq_barrier {
    VIRTQ_BARRIER_NONE, // the access takes part in no named ordering
    VIRTQ_BARRIERS(VIRTQ_BARRIER_ENUM_) VIRTQ_BARRIER_COUNT
};
#undef VIRTQ_BARRIER_ENUM_

#endif
