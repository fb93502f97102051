// tools/lab/lab_fault_table.c -- the bugs under corpus/faults.
// Each row agrees with its folder's input.run: the target whose harness finds it, and the referee
// that names it.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_fault_table.h"

const struct lab_fault_info lab_bugs[] = {
    {"driver-recheck", "bug", "sc", "fuzz_pair", "liveness:lost-interrupt", "driver"},
    {"device-recheck", "bug", "sc", "fuzz_pair", "liveness:lost-kick", "device"},
    {"avail-idx-early", "bug", "sc", "fuzz_pair", "ownership:entry-stale", "driver"},
    {"used-idx-early", "bug", "sc", "fuzz_pair", "ownership:used-entry-stale", "device"},
    {"event-idx-equal-driver", "bug", "sc", "fuzz_pair", "liveness:lost-kick", "driver"},
    {"event-idx-equal-device", "bug", "sc", "fuzz_pair", "liveness:lost-interrupt", "device"},
    {"completion-lost", "bug", "sc", "fuzz_pair", "liveness:completion-lost", "device"},
    {"write-after-return", "bug", "sc", "fuzz_pair", "ownership:after-return", "device"},
    {"avail-idx-masked", "bug", "sc", "fuzz_pair", "ownership:avail-idx", "driver"},
    {"used-idx-masked", "bug", "sc", "fuzz_pair", "ownership:used-idx", "device"},
    {"chain-unbounded", "bug", "sc", "fuzz_device", "robustness:unnoticed", "device"},
    {"desc-double-fetch", "bug", "sc", "fuzz_device", "ownership:device-write-outside", "device"},
    {"head-unchecked", "bug", "sc", "fuzz_device", "robustness:unnoticed", "device"},
    {"head-busy-accepted", "bug", "sc", "fuzz_device", "robustness:unnoticed", "device"},
    {"avail-idx-unchecked", "bug", "sc", "fuzz_device", "robustness:unnoticed", "device"},
    {"indirect-len-unchecked", "bug", "sc", "fuzz_device", "robustness:unnoticed", "device"},
    {"used-id-unchecked", "bug", "sc", "fuzz_driver", "robustness:unnoticed", "driver"},
    {"used-id-free-unchecked", "bug", "sc", "fuzz_driver", "robustness:unnoticed", "driver"},
    {"used-len-unchecked", "bug", "sc", "fuzz_driver", "robustness:unnoticed", "driver"},
    {"used-idx-unchecked", "bug", "sc", "fuzz_driver", "robustness:unnoticed", "driver"},
    {"features-not-read-back", "bug", "sc", "fuzz_pci", "robustness:features-not-read-back",
     "driver"},
    {"cap-offset-unchecked", "bug", "sc", "fuzz_pci", "robustness:stray-access", "driver"},
    {"bar-sized-live", "bug", "sc", "fuzz_pci", "robustness:bar-sized-live", "driver"},
    {"queue-left-enabled", "bug", "sc", "fuzz_pci", "robustness:enabled-after-reset", "device"},
};
const uint32_t lab_n_bugs = sizeof(lab_bugs) / sizeof(lab_bugs[0]);
