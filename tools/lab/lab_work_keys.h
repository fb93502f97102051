// tools/lab/lab_work_keys.h -- keys of the workload lane, beside VL_FIELD_BUFFER (where memory
// lies), and of the completion lane.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_WORK_KEYS_H
#define LAB_WORK_KEYS_H

enum lab_work_key {
    LAB_WORK_KEY_ELEMS,    // how many elements fewer
    LAB_WORK_KEY_BYTES,    // how much smaller
    LAB_WORK_KEY_INDIRECT, // the other thing about an indirect table
    LAB_WORK_KEY_BATCH,    // how many requests fewer at once
    LAB_WORK_KEY_OP,       // blk: which kind of request
    LAB_WORK_KEY_SECTOR,   // blk: where
    LAB_WORK_KEY_RESET,    // whether the device is reset now
};

// Of the completion lane.
enum lab_disk_key {
    LAB_DISK_KEY_ANSWER, // which request the backend answers, or none for a while
    LAB_DISK_KEY_RESIZE, // the other thing about growing now
};

#endif
