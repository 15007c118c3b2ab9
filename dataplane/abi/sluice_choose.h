/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Packet -> service -> backend. Reads the image and the worker's own flow table and counters; never touches the frame.
 */
#ifndef SLUICE_CHOOSE_H
#define SLUICE_CHOOSE_H

#include "sluice_encap.h"
#include "sluice_flows.h"

/* How the flow table may be used for this packet. */
enum sluice_flow_use {
  SLUICE_FLOW_IGNORE, /* the service does not track */
  SLUICE_FLOW_PEEK,   /* ICMP errors: look, change nothing */
  SLUICE_FLOW_USE,    /* look and refresh; UDP enters what is missing */
  SLUICE_FLOW_NEW,    /* SYN: the slot table decides, the flow table remembers */
};

/* Everything one packet gathers on its way. Lives on the stack (BPF: 512 bytes in all), or better: no
 * access in these headers has an offset known only at run time, so compilers keep most of it in registers. */
struct sluice_road {
  struct sluice_tables* tables;
  const struct sluice_generation* generation;
  sluice_u32 worker;
  sluice_u32 now; /* ticks of about one second */
  struct sluice_worker_head* head;
  const struct sluice_vip* vip;
  const struct sluice_backend* backend;
  sluice_u32 backend_index;
  sluice_u32 new_flow;            /* 1: counts as a new flow */
  sluice_u32 opens;               /* 1: a TCP SYN; nobody else can own the connection, so it carries no chain */
  sluice_u32 interface;           /* out: where the frame leaves; 0 = the way it came */
  struct sluice_flows* flow_line; /* NULL: the service does not track */
  sluice_u32 flow_place;          /* of this flow in the line; SLUICE_FLOWS_PER_LINE = not there */
  sluice_u32 protocol;            /* of the flow; for an ICMP error the quoted packet's */
  sluice_u32 recalled;            /* 1: the flow table named the backend */
  enum sluice_flow_use use;
  enum sluice_reason success; /* the reason if all goes well */
  sluice_u64 flow_hash;
  sluice_u64 memory_hash; /* only if flow_line is set */
  struct sluice_packet packet;
  struct sluice_chain chain;
};

SLUICE_INLINE int sluice_vip_matches(const struct sluice_vip* vip, const sluice_u32 address[4], sluice_u32 key_word,
                                     int is_v6) {
  /* port_be, protocol and kind as one word */
  if (sluice_load32(&vip->port_be) != key_word || vip->address[0] != address[0]) return 0;
  return !is_v6 || (vip->address[1] == address[1] && vip->address[2] == address[2] && vip->address[3] == address[3]);
}

/* The line that answers for one key, or NULL. `hash` = the key's destination hash. */
SLUICE_INLINE const struct sluice_vip* sluice_vip_at(struct sluice_tables* tables,
                                                     const struct sluice_generation* generation, sluice_u64 hash,
                                                     const sluice_u32 address[4], sluice_u32 key_word, int is_v6) {
  const sluice_u32 first = generation->vips_line + sluice_vip_first(hash, generation->vips_mask);
  const struct sluice_vip* vip = SLUICE_AT(tables, vips, first);
  if (!vip) return NULL;
  if (sluice_vip_matches(vip, address, key_word, is_v6)) return vip;
  if (SLUICE_LIKELY(!vip->chained)) return NULL;
  const sluice_u32 second = generation->vips_line + sluice_vip_second(&generation->key, hash, generation->vips_mask);
  vip = SLUICE_AT(tables, vips, second);
  return vip && sluice_vip_matches(vip, address, key_word, is_v6) ? vip : NULL;
}

/* A service or address key of either family. Returns the line and leaves the destination hash in *hash. */
SLUICE_INLINE const struct sluice_vip* sluice_vip_find(const struct sluice_road* road, const sluice_u32 address[4],
                                                       sluice_u16 port, sluice_u8 protocol, sluice_u8 kind, int is_v6,
                                                       sluice_u64* hash) {
  const struct sluice_hash_key* key = &road->generation->key;
  *hash = sluice_hash_destination(key, address, sluice_service_word(port, protocol, kind), is_v6);
  const sluice_u32 key_word = (sluice_u32)sluice_swap16(port) | (sluice_u32)protocol << 16 | (sluice_u32)kind << 24;
  return sluice_vip_at(road->tables, road->generation, *hash, address, key_word, is_v6);
}

/*
 * The service of (address, port, protocol): the exact port first, then a service on every port. Sets road->vip and
 * road->flow_hash (of source and destination as given; for an ICMP error these are the quoted ones, turned round).
 */
SLUICE_INLINE int sluice_find_service(struct sluice_road* road, const sluice_u32 source[4], sluice_u16 source_port,
                                      const sluice_u32 address[4], sluice_u16 port, sluice_u8 protocol, int is_v6) {
  const struct sluice_hash_key* key = &road->generation->key;
  const sluice_u8 kind = is_v6 ? SLUICE_KEY_SERVICE_V6 : SLUICE_KEY_SERVICE_V4;
  sluice_u64 hash;
  sluice_u64 any_hash;
  const struct sluice_vip* vip = sluice_vip_find(road, address, port, protocol, kind, is_v6, &hash);
  if (!vip && (road->generation->flags & SLUICE_GENERATION_ANY_PORT))
    vip = sluice_vip_find(road, address, 0, protocol, kind, is_v6, &any_hash);
  if (!vip) return 0;
  road->vip = vip;
  road->protocol = protocol;
  if (SLUICE_UNLIKELY(vip->flags & SLUICE_VIP_FRAGMENTS)) {
    hash = sluice_hash_destination(key, address, sluice_service_word(0, protocol, kind), is_v6);
    source_port = 0;
  }
  hash += key->source_port * source_port + sluice_hash_address(key->source, source, is_v6);
  road->flow_hash = sluice_hash_mix(key, hash);
  return 1;
}

/* The key (address, protocol): what is known of a packet without readable ports. Sets road->vip. */
SLUICE_INLINE int sluice_find_address(struct sluice_road* road, const sluice_u32 address[4], sluice_u8 protocol,
                                      int is_v6) {
  const sluice_u8 kind = is_v6 ? SLUICE_KEY_ADDRESS_V6 : SLUICE_KEY_ADDRESS_V4;
  sluice_u64 hash;
  road->vip = sluice_vip_find(road, address, 0, protocol, kind, is_v6, &hash);
  return road->vip != NULL;
}

SLUICE_INLINE sluice_u32 sluice_member_backend(struct sluice_tables* tables, sluice_u32 members_line,
                                               sluice_u32 member) {
  const struct sluice_members* line = SLUICE_AT(tables, members, members_line + member / SLUICE_MEMBERS_PER_LINE);
  return line ? line->backend[member % SLUICE_MEMBERS_PER_LINE] : 0;
}

/* The slot's entry: member and SLUICE_SLOT_UNSTABLE; SLUICE_MEMBER_NONE if the image contradicts itself. */
SLUICE_INLINE sluice_u32 sluice_slot_entry(struct sluice_tables* tables, const struct sluice_vip* vip,
                                           sluice_u32 slot) {
  const struct sluice_slots* line = SLUICE_AT(tables, slots, vip->slots_line + slot / SLUICE_SLOTS_PER_LINE);
  return line ? line->entry[slot % SLUICE_SLOTS_PER_LINE] : SLUICE_MEMBER_NONE;
}

/* An unstable slot and who was chosen, in; who else may own the connection, out. */
struct sluice_chain_query {
  sluice_u32 slot;
  sluice_u32 past_index; /* line of past that covers the slot */
  sluice_u32 members_line;
  sluice_u32 chosen; /* backend the packet goes to first */
  sluice_u32 owner;  /* the slot's current owner; another than `chosen` if the flow table decided */
  struct sluice_chain chain;
};

SLUICE_INLINE void sluice_chain_add(struct sluice_tables* tables, struct sluice_chain_query* query, sluice_u32 index) {
  struct sluice_chain* chain = &query->chain;
  if (index == 0 || index == query->chosen || chain->count >= SLUICE_PAST_MAX) return;
  const struct sluice_backend* backend = SLUICE_AT(tables, backends, index);
  if (!backend || !(SLUICE_SHARED_LOAD(&backend->flags) & SLUICE_BACKEND_ALIVE)) return;
  if (chain->count == 0)
    chain->first = backend->id;
  else if (chain->count == 1)
    chain->second = backend->id;
  else
    chain->third = backend->id;
  chain->count += 1;
}

/* Fills query->chain with the current owner and the previous ones, youngest first, without the chosen one. */
SLUICE_INLINE void sluice_fill_chain_inline(struct sluice_tables* tables, struct sluice_chain_query* query) {
  if (query->owner != query->chosen) sluice_chain_add(tables, query, query->owner);
  const struct sluice_past* line = SLUICE_AT(tables, past, query->past_index);
  if (!line) return;
  for (int i = 0; i < SLUICE_PAST_PER_LINE; ++i) {
    const struct sluice_past_entry* entry = &line->entry[i];
    if (entry->slot_low != (sluice_u16)query->slot || entry->member[0] == SLUICE_MEMBER_NONE) continue;
    for (int k = 0; k < SLUICE_PAST_MAX; ++k) {
      if (entry->member[k] == SLUICE_MEMBER_NONE) return;
      sluice_chain_add(tables, query, sluice_member_backend(tables, query->members_line, entry->member[k]));
    }
    return;
  }
}

#ifdef __bpf__
/* bpf/balancer.bpf.c: a global function; its loops would multiply with everything before them. */
SLUICE_INLINE void sluice_fill_chain(struct sluice_tables* tables, struct sluice_chain_query* query);
#else
#define sluice_fill_chain sluice_fill_chain_inline
#endif

SLUICE_INLINE struct sluice_flows* sluice_flow_line(struct sluice_road* road) {
  const struct sluice_generation* generation = road->generation;
  road->memory_hash = sluice_hash_memory(&generation->key, road->flow_hash);
  return SLUICE_AT(
      road->tables, flows,
      road->worker * (generation->flows_mask + 1) + sluice_flow_bucket(road->memory_hash, generation->flows_mask));
}

SLUICE_INLINE const struct sluice_backend* sluice_alive(struct sluice_tables* tables, sluice_u32 index) {
  const struct sluice_backend* backend = SLUICE_AT(tables, backends, index);
  return backend && (SLUICE_SHARED_LOAD(&backend->flags) & SLUICE_BACKEND_ALIVE) ? backend : NULL;
}

/* Backend a remembered flow stays with; 0 = not remembered, idle for too long, or its backend is gone. */
SLUICE_INLINE sluice_u32 sluice_flow_recall(struct sluice_road* road) {
  const struct sluice_flows* line = road->flow_line;
  const sluice_u32 place = road->flow_place;
  if (place >= SLUICE_FLOWS_PER_LINE) return 0;
  const sluice_u64 entry = SLUICE_SHARED_LOAD(&line->entry[place]);
  if (road->protocol == SLUICE_PROTO_UDP && sluice_flow_age(entry, road->now) > SLUICE_UDP_IDLE_TICKS) return 0;
  const sluice_u32 index = sluice_flow_backend(entry);
  road->backend = sluice_alive(road->tables, index);
  return road->backend ? index : 0;
}

SLUICE_INLINE void sluice_flow_enter(struct sluice_road* road, sluice_u64 entry) {
  struct sluice_flows* line = road->flow_line;
  struct sluice_worker_head* head = road->head;
  sluice_u32 place = road->flow_place;
  if (place >= SLUICE_FLOWS_PER_LINE) {
    if (!sluice_take_budget(&head->insert_tick, &head->insert_count, road->now, road->generation->inserts_per_tick)) {
      sluice_count(&head->flow_inserts_limited, 1);
      return;
    }
    place = sluice_flow_victim(line, road->now) & (SLUICE_FLOWS_PER_LINE - 1);
    if (SLUICE_SHARED_LOAD(&line->entry[place]) != 0) sluice_count(&head->flow_evictions, 1);
  }
  SLUICE_SHARED_STORE(&line->entry[place & (SLUICE_FLOWS_PER_LINE - 1)], entry);
  sluice_count(&head->flow_inserts, 1);
  road->new_flow = 1;
}

/* What a packet that is going to be sent leaves in the flow table. Only if road->flow_line is set. */
SLUICE_INLINE void sluice_flow_commit(struct sluice_road* road) {
  struct sluice_flows* line = road->flow_line;
  const sluice_u32 place = road->flow_place & (SLUICE_FLOWS_PER_LINE - 1);
  const sluice_u64 entry = sluice_flow_entry(sluice_flow_tag(road->memory_hash), road->backend_index, road->now);
  if (road->use == SLUICE_FLOW_PEEK) return;
  if (road->recalled) {
    /* Written at most once a tick and flow: a hit stays a read. */
    if (SLUICE_SHARED_LOAD(&line->entry[place]) != entry) SLUICE_SHARED_STORE(&line->entry[place], entry);
    sluice_count(&road->head->flow_hits, 1);
  } else if (road->use == SLUICE_FLOW_NEW || road->packet.protocol == SLUICE_PROTO_UDP) {
    sluice_flow_enter(road, entry);
  }
}

SLUICE_INLINE void sluice_road_chain(struct sluice_road* road, sluice_u32 slot, sluice_u32 owner_index) {
  const struct sluice_vip* vip = road->vip;
  struct sluice_chain_query query = SLUICE_ZERO;
  query.slot = slot;
  query.past_index = vip->past_line + (slot >> (vip->past_shift & 31));
  query.members_line = vip->members_line;
  query.chosen = road->backend_index;
  query.owner = owner_index;
  sluice_fill_chain(road->tables, &query);
  road->chain = query.chain;
  road->chain.generation = (sluice_u32)road->generation->generation;
}

/*
 * road->vip and road->flow_hash -> road->backend, backend_index, chain. SLUICE_REASON_forwarded, or why not. Writes
 * nothing but the road: the flow table follows in sluice_flow_commit, when it is sure that the packet goes out.
 */
SLUICE_INLINE enum sluice_reason sluice_choose_backend(struct sluice_road* road) {
  const struct sluice_vip* vip = road->vip;
  road->backend_index = 0;
  if (vip->flags & SLUICE_VIP_TRACK) {
    road->flow_line = sluice_flow_line(road);
    if (!road->flow_line) return SLUICE_REASON_internal;
    road->flow_place = sluice_flow_find(road->flow_line, sluice_flow_tag(road->memory_hash));
    if (road->use != SLUICE_FLOW_NEW) road->backend_index = sluice_flow_recall(road);
    road->recalled = road->backend_index != 0;
    /* A remembered flow whose backends take no chain has all it needs. */
    if (road->recalled && !(vip->flags & SLUICE_VIP_CHAIN)) return SLUICE_REASON_forwarded;
  }
  if (SLUICE_UNLIKELY(vip->flags & SLUICE_VIP_EMPTY))
    return road->backend_index ? SLUICE_REASON_forwarded : SLUICE_REASON_no_backend;
  const sluice_u32 slot = sluice_slot_of(road->flow_hash, vip->slots_count);
  const sluice_u32 entry = sluice_slot_entry(road->tables, vip, slot);
  const sluice_u32 owner_index = sluice_member_backend(road->tables, vip->members_line, entry & SLUICE_MEMBER_NONE);
  if (!road->backend_index) {
    road->backend_index = owner_index;
    road->backend = sluice_alive(road->tables, owner_index);
    if (!road->backend) return SLUICE_REASON_internal;
  }
  if (SLUICE_UNLIKELY((entry & SLUICE_SLOT_UNSTABLE) && (vip->flags & SLUICE_VIP_CHAIN)) && !road->opens)
    sluice_road_chain(road, slot, owner_index);
  return SLUICE_REASON_forwarded;
}

#endif
