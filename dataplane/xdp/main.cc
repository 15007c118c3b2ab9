// SPDX-License-Identifier: Apache-2.0
// sluice-xdp: the XDP plane of one host, from one configuration file.
#include "bpf_log.h"
#include "plane_main.h"
#include "xdp_forwarding.h"

int main(int argc, char** argv) {
  sluice::collect_bpf_log();
  return sluice::plane_main(argc, argv, sluice::xdp_plane);
}
