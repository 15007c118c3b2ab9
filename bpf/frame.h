/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The two helpers that move a packet's ends, in abi's terms, and the frame of an XDP context. */
#ifndef SLUICE_BPF_FRAME_H
#define SLUICE_BPF_FRAME_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "sluice_packet.h"

SLUICE_INLINE void sluice_frame_reload(struct sluice_frame* frame) {
  struct xdp_md* context = (struct xdp_md*)frame->context;
  frame->data = (sluice_u8*)(long)context->data;
  frame->end = (sluice_u8*)(long)context->data_end;
}

SLUICE_INLINE struct sluice_frame sluice_frame_of(struct xdp_md* context) {
  struct sluice_frame frame = {.context = context};
  sluice_frame_reload(&frame);
  return frame;
}

SLUICE_INLINE int sluice_grow_head(struct sluice_frame* frame, sluice_u32 bytes) {
  const long refused = bpf_xdp_adjust_head((struct xdp_md*)frame->context, -(int)bytes);
  sluice_frame_reload(frame);
  return refused != 0;
}

SLUICE_INLINE int sluice_trim(struct sluice_frame* frame, sluice_u32 bytes) {
  const long length = frame->end - frame->data;
  if (length < (long)bytes) return -1;
  const long refused = bpf_xdp_adjust_tail((struct xdp_md*)frame->context, (int)((long)bytes - length));
  sluice_frame_reload(frame);
  return refused != 0;
}

#endif
