// SPDX-License-Identifier: Apache-2.0
// sluice-dpdk: the DPDK plane of one host, from one configuration file.
#include <bpf/libbpf.h>

#include "dpdk_forwarding.h"
#include "plane_main.h"

int main(int argc, char** argv) {
  // The AF_XDP driver's library talks to standard error; what matters of it is in our own messages.
  libbpf_set_print(nullptr);
  return sluice::plane_main(argc, argv, sluice::dpdk_plane);
}
