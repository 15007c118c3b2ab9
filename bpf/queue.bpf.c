// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* A veth's far end takes a packet on the CPU that sends it. With this on the sender's egress, each CPU fills a queue of
 * its own, so that each queue is emptied by one CPU only, as a NIC's are (RSS). In the lab the router's side carries
 * it: the kernel's own choice goes by the packet's hash or the queue it came in by, which is right for most packets,
 * and the others wake a queue on another CPU, which then takes whatever is in it. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int sluice_queue(struct __sk_buff* packet) {
  /* As if it had come in by that queue of the sender, counted from 1. A CPU beyond the last queue wraps around. */
  packet->queue_mapping = bpf_get_smp_processor_id() + 1;
  return -1; /* TC_ACT_UNSPEC: go on */
}

char sluice_license[] SEC("license") = "GPL";
