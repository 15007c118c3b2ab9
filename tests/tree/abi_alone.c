/* SPDX-License-Identifier: Apache-2.0 */
/* The abi headers are C11 and stand alone. */
#include "sluice_decap.h"
#include "sluice_pipeline.h"

int sluice_abi_alone_c(void);
int sluice_abi_alone_c(void) {
  return (int)sizeof(struct sluice_road);
}
