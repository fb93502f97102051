#!/bin/bash
# .clusterfuzzlite/build.sh -- the build is OSS-Fuzz's.
# SPDX-License-Identifier: BSD-2-Clause
set -eu
exec bash "$SRC/vringlab/fuzz/oss-fuzz/build.sh"
