// SPDX-License-Identifier: Apache-2.0
// The burst at one instruction set level: SLUICE_LEVEL is its namespace, and -march is the target's. Nothing of the
// standard library's templates in here: an inline function that two levels share would be one of theirs in the program,
// and maybe the one that this processor cannot run.
#include "sluice_pipeline.h"

namespace sluice::SLUICE_LEVEL {

void process_burst(sluice_tables* tables, sluice_u32 worker, sluice_u32 now, sluice_frame* frames,
                   sluice_verdict* verdicts, sluice_u32 count) {
  for (sluice_u32 i = 0; i < count; ++i) verdicts[i] = sluice_process(&frames[i], tables, worker, now);
}

void process_burst_unprefetched(sluice_tables* tables, sluice_u32 worker, sluice_u32 now, sluice_frame* frames,
                                sluice_verdict* verdicts, sluice_u32 count) {
  for (sluice_u32 i = 0; i < count; ++i) verdicts[i] = sluice_process(&frames[i], tables, worker, now);
}

}  // namespace sluice::SLUICE_LEVEL
