// tools/lab/lab_fault_table.c -- the bugs under corpus/faults.
// Each row agrees with its folder's input.run: the target whose harness finds it, and the referee
// that names it.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_fault_table.h"

#define BUG_UNDER(model, bug_name, harness, finding, whose)                                        \
    {                                                                                              \
        .name = (bug_name), .kind = "bug", .memory = (model), .target = (harness),                 \
        .referee = (finding), .side = (whose)                                                      \
    }
#define BUG(bug_name, harness, finding, whose) BUG_UNDER("sc", bug_name, harness, finding, whose)

const struct lab_fault_info lab_bugs[] = {
    BUG("driver-recheck", "fuzz_pair", "liveness:lost-interrupt", "driver"),
    BUG("device-recheck", "fuzz_pair", "liveness:lost-kick", "device"),
    BUG("avail-idx-early", "fuzz_pair", "ownership:entry-stale", "driver"),
    BUG("used-idx-early", "fuzz_pair", "ownership:used-entry-stale", "device"),
    BUG("event-idx-equal-driver", "fuzz_pair", "liveness:lost-kick", "driver"),
    BUG("event-idx-equal-device", "fuzz_pair", "liveness:lost-interrupt", "device"),
    BUG("completion-lost", "fuzz_pair", "liveness:completion-lost", "device"),
    BUG("write-after-return", "fuzz_pair", "ownership:after-return", "device"),
    BUG("avail-idx-masked", "fuzz_pair", "ownership:avail-idx", "driver"),
    BUG("used-idx-masked", "fuzz_pair", "ownership:used-idx", "device"),
    BUG("avail-idx-late", "fuzz_pair", "liveness:lost-kick", "driver"),
    BUG("avail-idx-torn", "fuzz_pair", "ownership:avail-idx", "driver"),
    BUG_UNDER("rc11", "used-recheck-relaxed", "fuzz_pair", "race:used.ring", "driver"),
    BUG_UNDER("rc11", "desc-read-late", "fuzz_pair", "race:desc", "device"),
    BUG("chain-unbounded", "fuzz_device", "robustness:unnoticed", "device"),
    BUG("desc-double-fetch", "fuzz_device", "ownership:device-write-outside", "device"),
    BUG("head-unchecked", "fuzz_device", "robustness:unnoticed", "device"),
    BUG("head-busy-accepted", "fuzz_device", "robustness:unnoticed", "device"),
    BUG("avail-idx-unchecked", "fuzz_device", "robustness:unnoticed", "device"),
    BUG("indirect-len-unchecked", "fuzz_device", "robustness:unnoticed", "device"),
    BUG("used-id-unchecked", "fuzz_driver", "robustness:unnoticed", "driver"),
    BUG("used-id-free-unchecked", "fuzz_driver", "robustness:unnoticed", "driver"),
    BUG("used-len-unchecked", "fuzz_driver", "robustness:unnoticed", "driver"),
    BUG("used-idx-unchecked", "fuzz_driver", "robustness:unnoticed", "driver"),
    BUG("features-not-read-back", "fuzz_pci", "robustness:features-not-read-back", "driver"),
    BUG("cap-offset-unchecked", "fuzz_pci", "robustness:stray-access", "driver"),
    BUG("bar-sized-live", "fuzz_pci", "robustness:bar-sized-live", "driver"),
    BUG("queue-left-enabled", "fuzz_pci", "robustness:enabled-after-reset", "device"),
};
const uint32_t lab_n_bugs = sizeof(lab_bugs) / sizeof(lab_bugs[0]);
