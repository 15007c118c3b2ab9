// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Passes everything. A veth hands frames sent by XDP_TX to its peer only if the peer has an XDP program too; in the lab
 * the router's side carries this one. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int sluice_pass(struct xdp_md* context) {
  (void)context;
  return XDP_PASS;
}

char sluice_license[] SEC("license") = "GPL";
