// ring/virtq_err.h -- names of everything that can go wrong on a virtqueue or its transport.
// One enum for both halves. Four kinds of failure never mix: our own bug is VIRTQ_ASSERT, a broken
// rule of the other side is a peer error (reported through the port and returned), a broken clause
// is a referee's finding, and everything else is one of the caller's errors below.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VIRTQ_ERR_H
#define VIRTQ_ERR_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// What C17 and C++17 spell differently. In C++ an atomic word is only a place of the right size: it
// is C that touches it.
#if defined(__cplusplus)
#define VIRTQ_NORETURN [[noreturn]]
#define VIRTQ_STATIC_ASSERT static_assert
#define VIRTQ_ATOMIC(type) alignas(sizeof(type)) type
#else
#define VIRTQ_NORETURN _Noreturn
#define VIRTQ_STATIC_ASSERT _Static_assert
#define VIRTQ_ATOMIC(type) _Atomic type
#endif

#if defined(__GNUC__)
#define VIRTQ_NODISCARD __attribute__((warn_unused_result))
#else
#define VIRTQ_NODISCARD
#endif

// X(name, text). The caller's errors: nothing was changed, the caller can act on them.
#define VIRTQ_CALLER_ERRORS(X)                                                                     \
    X(EMPTY, "nothing to take")                                                                    \
    X(QUEUE_FULL, "not enough free descriptors")                                                   \
    X(INVALID, "argument out of range")                                                            \
    X(NO_MEMORY, "no shared memory left")                                                          \
    X(BROKEN, "queue is out of service after a peer error; reset it")                              \
    X(NOT_READY, "not set up")                                                                     \
    X(IO, "the device reported an I/O error")                                                      \
    X(UNSUPPORTED, "the device does not support the request")

// X(name, text). Peer errors that the device half names: the driver broke a rule.
#define VIRTQ_DRIVER_FAULTS(X)                                                                     \
    X(QUEUE_ADDR, "a ring area does not lie in memory in one piece or is not aligned")             \
    X(QUEUE_SETUP, "queue size is not a power of two within the device's maximum")                 \
    X(AVAIL_IDX, "available index moved by more than the queue size")                              \
    X(HEAD_RANGE, "available entry names a descriptor outside the table")                          \
    X(HEAD_BUSY, "available entry names a head that is still in flight")                           \
    X(DESC_RANGE, "next names a descriptor outside the table")                                     \
    X(CHAIN_LOOP, "descriptor chain is longer than the queue")                                     \
    X(CHAIN_BYTES, "descriptor chain holds more than 2^32 - 1 bytes")                              \
    X(CHAIN_ORDER, "device-readable element after a device-writable one")                          \
    X(CHAIN_ADDR, "element does not lie in memory")                                                \
    X(INDIRECT_FEATURE, "indirect descriptor without VIRTIO_F_INDIRECT_DESC")                      \
    X(INDIRECT_NESTED, "indirect descriptor inside an indirect table")                             \
    X(INDIRECT_NEXT, "indirect descriptor with NEXT")                                              \
    X(INDIRECT_LEN, "indirect table empty, or not a multiple of 16 bytes")                         \
    X(REQUEST_SHAPE, "request has not the parts that its device type demands")                     \
    X(REGISTER, "register access of a wrong width, alignment or value")                            \
    X(DOORBELL, "notification for a queue that is absent or not enabled")

// X(name, text). Peer errors that the driver half names: the device broke a rule.
#define VIRTQ_DEVICE_FAULTS(X)                                                                     \
    X(USED_IDX, "used index moved by more than the buffers in flight")                             \
    X(USED_ID_RANGE, "used entry names a descriptor outside the table")                            \
    X(USED_ID_FREE, "used entry names a head that is not in flight")                               \
    X(USED_LEN, "used length is larger than the writable part of the buffer")                      \
    X(REPLY, "reply has not the form that the device type demands")                                \
    X(CAP_CHAIN, "capability list loops or leaves config space")                                   \
    X(CAP_MISSING, "a virtio capability is missing")                                               \
    X(CAP_BOUNDS, "a virtio capability lies outside its BAR or is too short")                      \
    X(BAR_SIZE, "a BAR has an impossible size or cannot be placed")                                \
    X(VERSION, "VIRTIO_F_VERSION_1 is not offered")                                                \
    X(FEATURES, "the device did not keep FEATURES_OK")                                             \
    X(QUEUE_ABSENT, "a queue that the device type needs is absent")                                \
    X(QUEUE_SIZE, "queue size in the device is not a power of two up to 32768")                    \
    X(NOTIFY_BOUNDS, "a notification address lies outside its structure")                          \
    X(VECTOR, "the device refused an interrupt vector")                                            \
    X(RESET_STUCK, "the device did not finish a reset")                                            \
    X(NEEDS_RESET, "the device asks for a reset")                                                  \
    X(CONFIG_MOVING, "device configuration does not settle")                                       \
    X(CONFIG_VALUE, "device configuration holds an impossible value")

#define VIRTQ_ERR_ENUM_(name, text) VIRTQ_ERR_##name,
enum virtq_err {
    VIRTQ_OK,
    VIRTQ_CALLER_ERRORS(VIRTQ_ERR_ENUM_) VIRTQ_DRIVER_FAULTS(VIRTQ_ERR_ENUM_)
        VIRTQ_DEVICE_FAULTS(VIRTQ_ERR_ENUM_) VIRTQ_ERR_COUNT
};
#undef VIRTQ_ERR_ENUM_

// Text of an error, for messages. Any value is accepted; an unknown one gives "unknown error".
const char *virtq_err_text(enum virtq_err err);

// Name of an error as in this header, without prefix ("USED_LEN"); "OK" for VIRTQ_OK.
const char *virtq_err_name(enum virtq_err err);

// True for the two peer families: the other side is at fault, not the caller.
bool virtq_err_is_peer(enum virtq_err err);

// Our own bug, on in every build: an invariant of this library does not hold. Prints where and
// calls abort(); an embedder in a kernel defines VIRTQ_ASSERT_FAIL to its own panic.
#ifndef VIRTQ_ASSERT_FAIL
#define VIRTQ_ASSERT_FAIL virtq_assert_fail
VIRTQ_NORETURN void virtq_assert_fail(const char *expr, const char *file, int line);
#endif
#define VIRTQ_ASSERT(expr) ((expr) ? (void)0 : VIRTQ_ASSERT_FAIL(#expr, __FILE__, __LINE__))

#ifdef __cplusplus
}
#endif

#endif
